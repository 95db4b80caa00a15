#include "common/run_safety.h"

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

struct RunSafetyTest : testing::Test {
  void guard(const std::string& dut, const std::string& undo) {
    record.add(dut, "soak/load", GuardOpened{undo});
  }
  void end(const std::string& dut, const std::string& undo, bool done, const std::string& message) {
    record.add(dut, "soak/load", GuardClosed{undo, done, message});
  }
  RecordForTest record;
};

TEST_F(RunSafetyTest, WhatWasUndoneOrNotNeededIsOff) {
  guard("C01", "force off C01");
  guard("C01", "stop gpu_burn on C01");
  record.add("C01", "soak/load", PermitGranted{"load", "burn"});
  end("C01", "stop gpu_burn on C01", true, "not needed: it ended by itself");
  end("C01", "force off C01", true, "");
  const RunSafety safety = make_safety(record.done());
  ASSERT_EQ(safety.undos.size(), 2U);
  EXPECT_TRUE(safety.may_be_on.empty());
  ASSERT_EQ(safety.permits.size(), 1U);
  EXPECT_EQ(safety.permits[0].energy, "load");
  EXPECT_LT(safety.undos[0].opened_s, safety.undos[0].closed_s);
  EXPECT_NE(safety_sentence(safety).find("switched off again"), std::string::npos);
}

TEST_F(RunSafetyTest, WhatFailedOrHasNoEndMayBeOnUntilSomebodyElseUndidIt) {
  guard("C01", "force off C01");
  guard("C02", "force off C02");
  guard("C03", "force off C03");
  end("C01", "force off C01", false, "it does not read back Off");
  end("C03", "force off C03", false, "no answer");
  end("C03", "force off C03", true, "by kiln recover");
  const RunSafety safety = make_safety(record.done());
  ASSERT_EQ(safety.may_be_on.size(), 2U);
  EXPECT_EQ(safety.may_be_on[0], "C01: force off C01 (it does not read back Off)");
  EXPECT_EQ(safety.may_be_on[1], "C02: force off C02 (the record has no end of it)");
  EXPECT_NE(safety_sentence(safety).find("2 of the 3"), std::string::npos);
}

TEST_F(RunSafetyTest, AMaskIsListedWithItsEndOrWithoutOne) {
  record.add("C01", "test/wet", DetectorMasked{"LeakDetector_0", true, "masked"});
  record.add("C01", "test/wet", DetectorMasked{"LeakDetector_0", false, "judged again"});
  record.add("C01", "test/wet", DetectorMasked{"LeakDetector_1", true, "masked"});
  const RunSafety safety = make_safety(record.done());
  ASSERT_EQ(safety.masks.size(), 2U);
  ASSERT_TRUE(safety.masks[0].to_s);
  EXPECT_LT(safety.masks[0].from_s, *safety.masks[0].to_s);
  EXPECT_EQ(safety.masks[0].message, "judged again");
  EXPECT_FALSE(safety.masks[1].to_s);
  EXPECT_FALSE(safety.empty());
}

TEST_F(RunSafetyTest, WhatWasUndoneAfterTheRecordBrokeCounts) {
  guard("C01", "force off C01");
  record.input.events.broken.emplace();
  Event late = record.input.events.events.back();
  late.body = GuardClosed{"force off C01", true, "by the warden: read back Off"};
  record.input.events.broken->after.push_back(late);
  const RunSafety safety = make_safety(record.done());
  EXPECT_TRUE(safety.may_be_on.empty());
  EXPECT_EQ(safety.undos.front().message, "by the warden: read back Off");
}

TEST_F(RunSafetyTest, WhatWasReadWetIsNamedOnce) {
  Interlocked cut;
  cut.cause = "leak";
  cut.part = "LeakDetector_0";
  cut.message = "C01: leak detector LeakDetector_0 reports Critical";
  record.add("C01", "", cut);
  record.add("C01", "", cut);
  record.add("S01", "", cut);  // cut with it
  cut.hazard_read = false;
  record.add("C02", "", cut);
  EXPECT_EQ(make_safety(record.done()).wet, std::vector<std::string>{"C01 at LeakDetector_0"});
}

TEST_F(RunSafetyTest, EveryCutIsListedWithItsTimes) {
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.message = "C01: leak detector LeakDetector_0 reports Critical";
  cut.detected_ns = 5'000'000'000;
  cut.off_confirmed_ns = 5'250'000'000;
  record.add("C01", "", cut);
  const RunSafety safety = make_safety(record.done());
  ASSERT_EQ(safety.cuts.size(), 1U);
  EXPECT_EQ(safety.cuts[0].code, "leak.detected");
  EXPECT_FALSE(safety.cuts[0].load_stopped_after_s) << "not confirmed is not zero";
  ASSERT_TRUE(safety.cuts[0].off_after_s);
  EXPECT_DOUBLE_EQ(*safety.cuts[0].off_after_s, 0.25);
}

TEST_F(RunSafetyTest, WhatTheBmcsWouldDoByThemselvesIsSaidWithWhatChanged) {
  const auto policy = [this](const std::string& dut, const std::string& name, const std::string& text) {
    Measured measured;
    measured.name = name;
    measured.value = text;
    record.add(dut, "monitor/leak_watch", measured);
  };
  EXPECT_EQ(policy_sentence(make_safety(record.done())), "");
  policy("C01", "leak_policy.before", "off, acts after 5 s");
  policy("C02", "leak_policy.before", "off, acts after 5 s");
  policy("CDU01", "leak_policy.before", "not offered");
  policy("C01", "leak_policy.after", "off, acts after 5 s");
  policy("C02", "leak_policy.after", "enabled, acts after 5 s");
  policy("CDU01", "leak_policy.after", "not offered");
  EXPECT_EQ(
      policy_sentence(make_safety(record.done())),
      "The BMCs' own reaction to a leak, on which nothing here relies: off, acts after 5 s on C01, C02; "
      "CHANGED during the run on C02, to: enabled, acts after 5 s.");
}

}  // namespace
}  // namespace kiln
