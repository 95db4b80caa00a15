#include "common/series_limits.h"

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

std::vector<SeriesLimit> limits_of_first(const RunDocument& document) {
  return SeriesLimits(document).of(document.series.front());
}

TEST(SeriesLimits, ASeriesBelongsToWhatItsNameBegins) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.series("C01", "GPU_0", {{0, 50}, {1, 60}});
  const auto limits = limits_of_first(make_document(record.done()));
  ASSERT_EQ(limits.size(), 1U);
  EXPECT_EQ(limits[0].measurement, "gpu.temperature.max");
  EXPECT_EQ(limits[0].limit_text, "≤ 85 Cel");
  EXPECT_EQ(limits[0].bounds.max, 85.0);
  EXPECT_TRUE(limits[0].judged);
  EXPECT_EQ(limits[0].worst, Outcome::pass);
}

TEST(SeriesLimits, ANeighbourInNamePartUnitOrDutIsAnotherThing) {
  for (int which = 0; which < 4; ++which) {
    RecordForTest record;
    record.measured(Outcome::pass, 60.0);
    record.series(which == 0 ? "C02" : "C01", which == 1 ? "GPU_1" : "GPU_0", {{0, 50}, {1, 60}},
                  which == 2 ? "gpu.temp" : "gpu.temperature", which == 3 ? "K" : "Cel");
    EXPECT_TRUE(limits_of_first(make_document(record.done())).empty()) << which;
  }
}

TEST(SeriesLimits, ACheckThatWasPlannedAndNeverMeasuredSaysSo) {
  RecordForTest record;
  record.series("C01", "GPU_0", {{0, 50}, {1, 60}});
  const auto limits = limits_of_first(make_document(record.done()));
  ASSERT_EQ(limits.size(), 1U);
  EXPECT_FALSE(limits[0].judged);
}

TEST(SeriesLimits, AFailStaysTheWorstOfAllAttempts) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.measured(Outcome::fail, 91.0, "hot");
  record.measured(Outcome::pass, 60.0, "", 2);
  record.series("C01", "GPU_0", {{0, 50}, {1, 60}});
  EXPECT_EQ(limits_of_first(make_document(record.done())).at(0).worst, Outcome::fail);
}

TEST(SeriesLimits, TheStepThatSampledGoesBeforeOthers) {
  RecordForTest record;
  record.require("C01", "cooling/flow", "coolant.flow", "Loop", "L/min", "≥ 5 L/min");
  record.series("C01", "Loop", {{0, 9}, {1, 9}}, "coolant.flow", "L/min");
  EXPECT_EQ(limits_of_first(make_document(record.done())).at(0).limit_text, "≥ 5 L/min");
  record.require("C01", "soak/load", "coolant.flow.under_load", "Loop", "L/min", "≥ 8 L/min");
  const auto limits = limits_of_first(make_document(record.done()));
  ASSERT_EQ(limits.size(), 1U);
  EXPECT_EQ(limits[0].limit_text, "≥ 8 L/min");
}

TEST(RunDocument, AFailFollowedByAPassIsKeptAsOneStickyFail) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.0, "hot");
  record.measured(Outcome::pass, 60.0, "", 2);
  const RunDocument document = make_document(record.done());
  ASSERT_EQ(document.sticky_fails.size(), 1U);
  EXPECT_TRUE(document.sticky_fails[0].passed_later);
  EXPECT_EQ(document.sticky_fails[0].measurements, (std::vector<std::size_t>{0, 1}));
}

TEST(RunDocument, APassFollowedByAFailIsNoLaterPass) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.measured(Outcome::fail, 91.0, "hot", 2);
  const RunDocument document = make_document(record.done());
  ASSERT_EQ(document.sticky_fails.size(), 1U);
  EXPECT_FALSE(document.sticky_fails[0].passed_later);
  RecordForTest good;
  good.measured(Outcome::pass, 60.0);
  good.measured(Outcome::pass, 61.0, "", 2);
  EXPECT_TRUE(make_document(good.done()).sticky_fails.empty());
}

TEST(RunDocument, ALoadLastsUntilItsOwnGuardIsClosed) {
  RecordForTest record;                                                           // events 1 to 4 are its own
  record.add("C01", "soak/load", GuardOpened{"stop the burn on C01"});            // 5
  record.add("C01", "soak/load", PermitGranted{"load", "burn"});                  // 6
  record.add("C01", "soak/load", GuardOpened{"restore the fan"});                 // 7
  record.add("C01", "soak/load", GuardClosed{"restore the fan", true, {}});       // 8
  record.add("C01", "soak/load", GuardClosed{"stop the burn on C01", true, {}});  // 9
  record.add("C01", "power/on", PermitGranted{"power", "on"});
  record.end();
  const RunDocument document = make_document(record.done());
  ASSERT_EQ(document.loads.size(), 1U);
  EXPECT_EQ(document.loads[0].begun_ns, 6'000'000'000);
  EXPECT_EQ(document.loads[0].ended_ns, 9'000'000'000);
}

TEST(RunDocument, ACutEndsTheLoadOfItsDutWhenItWasStopped) {
  for (const char* dut : {"C01", "C02"}) {
    RecordForTest record;
    record.add("C01", "soak/load", PermitGranted{"load", "burn"});  // at 5 s
    Interlocked cut;
    cut.detected_ns = 6'000'000'000;
    cut.load_stopped_ns = 6'004'000'000;
    record.add(dut, "monitor/leak_watch", cut);
    for (int filler = 0; filler < 10; ++filler) record.add("C01", "soak/load", Note{});
    record.end();
    const RunDocument document = make_document(record.done());
    ASSERT_EQ(document.loads.size(), 1U);
    EXPECT_EQ(document.loads[0].ended_ns, dut == std::string("C01") ? 6'004'000'000 : 17'000'000'000);
  }
}

TEST(RunDocument, ALoadThatNobodyEndedLastsToTheEndOfTheRecord) {
  RecordForTest record;
  record.add("C01", "soak/load", PermitGranted{"load", "burn"});
  record.measured(Outcome::pass, 60.0);
  const RunDocument document = make_document(record.done());
  ASSERT_EQ(document.loads.size(), 1U);
  EXPECT_EQ(document.loads[0].ended_ns, document.ended_ns);
}

}  // namespace
}  // namespace kiln
