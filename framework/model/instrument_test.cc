#include "model/instrument.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

constexpr std::int64_t kEndOfOctober = 1'793'491'199'000'000'000;  // 2026-10-31T23:59:59Z

Instrument flow_meter() {
  return {
      "flow-meter-7", "clamp-on flow meter", "K-2025-118", kEndOfOctober, {"coolant.flow", "coolant.loop.*"}};
}

TEST(InstrumentTest, MeasuresWhatItNamesAndWhatBeginsSo) {
  const Instrument meter = flow_meter();
  EXPECT_TRUE(measures(meter, "coolant.flow"));
  EXPECT_TRUE(measures(meter, "coolant.loop.pressure"));
  EXPECT_FALSE(measures(meter, "coolant.flow.per_kw")) << "a name is a whole name";
  EXPECT_FALSE(measures(meter, "coolant.loop"));
  EXPECT_FALSE(measures(meter, "coolant.looping.pressure"));
  EXPECT_FALSE(measures(Instrument{}, ""));
}

TEST(InstrumentTest, HoldsUntilTheEndOfItsLastDay) {
  const Instrument meter = flow_meter();
  EXPECT_FALSE(overdue_because(meter, kEndOfOctober));
  const std::optional<std::string> why = overdue_because(meter, kEndOfOctober + 1);
  ASSERT_TRUE(why);
  EXPECT_EQ(
      *why,
      "calibration overdue: flow-meter-7 measures coolant.flow, coolant.loop.* and was due on 2026-10-31 "
      "(certificate K-2025-118)");
  EXPECT_EQ(calibration_sentence(meter),
            "flow-meter-7 (clamp-on flow meter): coolant.flow, coolant.loop.*, calibrated until 2026-10-31 "
            "(K-2025-118)");
}

}  // namespace
}  // namespace kiln
