#include "quality/unit_attempt.h"

#include <gtest/gtest.h>

#include <limits>

#include "quality/attempts_for_test.h"

namespace kiln {
namespace {

UnitAttempt only(const RunForTest& run, const std::string& check = "gpu.temperature.max") {
  RunAttemptReader reader(check);
  RunAttemptReader::Taken taken = taken_for_test(run, reader);
  EXPECT_EQ(taken.why_not, "");
  if (taken.attempts.empty()) return {};
  return taken.attempts.front();
}

TEST(UnitAttempt, IsWhatTheRecordSays) {
  const UnitAttempt good = only(RunForTest::whole("SN1", 80));
  EXPECT_EQ(good.unit, "SN1");
  EXPECT_TRUE(good.serial_known);
  EXPECT_EQ(good.result, AttemptResult::passed);
  EXPECT_DOUBLE_EQ(good.load_hours, 24);
  EXPECT_FALSE(good.failed_at_hours);
  ASSERT_EQ(good.values.count("GPU_0"), 1U);
  EXPECT_EQ(good.values.at("GPU_0").number, 80.0);
  EXPECT_EQ(good.values.at("GPU_0").firmware, "bb");

  const UnitAttempt bad = only(RunForTest::whole("SN1", 91, 3));
  EXPECT_EQ(bad.result, AttemptResult::failed);
  ASSERT_EQ(bad.fails.size(), 1U);
  EXPECT_EQ(bad.fails[0].code, "gpu.hot");
  EXPECT_EQ(bad.fails[0].part, "GPU_0");
  EXPECT_DOUBLE_EQ(bad.failed_at_hours.value_or(-1), 3);
}

TEST(UnitAttempt, AFailOutsideOfLoadIsNoFailureOfTheSoak) {
  RunForTest before("SN1");
  before.begin();
  before.events.resize(4);  // without guard and permit: no load
  before.measure(1, 91);
  before.end(2);
  const UnitAttempt attempt = only(before);
  EXPECT_EQ(attempt.result, AttemptResult::failed);
  EXPECT_FALSE(attempt.failed_at_hours);
  EXPECT_EQ(attempt.load_hours, 0);
}

TEST(UnitAttempt, ACutEndsTheLoadAndIsItsFailure) {
  RunForTest run("SN1");
  run.begin();
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.part = "Detector_1";
  cut.detected_ns = 1'000'000'000 + static_cast<std::int64_t>(5 * 3.6e12);
  cut.load_stopped_ns = cut.detected_ns + 1'000'000;
  run.add(5.1, "C01", "", cut);
  StepEnded stopped;
  stopped.status = WorkStatus::interlocked;
  run.add(7, "C01", "soak/load", stopped);
  const UnitAttempt attempt = only(run);
  EXPECT_EQ(attempt.result, AttemptResult::failed);
  EXPECT_NEAR(attempt.failed_at_hours.value_or(-1), 5, 1e-6);
  EXPECT_NEAR(attempt.load_hours, 5, 1e-6);
  EXPECT_EQ(attempt.fails.front().code, "leak.detected");
}

TEST(UnitAttempt, TheHoursWhileItsStationWasDeadCarryNoLoad) {
  RunForTest run("SN1");
  run.begin();
  run.add(2, "C01", "soak/load", Note{"still here"});
  RunResumed resumed;
  resumed.gap_ns = static_cast<std::int64_t>(10 * 3.6e12);
  run.add(12, "", "", resumed);
  run.add(12, "C01", "soak/load", PermitGranted{"load", "again"});
  run.measure(15, 80);
  run.add(15, "C01", "soak/load", StepEnded{});
  RunEnded ended;
  ended.status = "complete";
  run.add(15, "", "", ended);
  EXPECT_NEAR(only(run).load_hours, 5, 1e-6);
}

TEST(UnitAttempt, WithoutEvidenceItIsTheTestSystem) {
  RunForTest lost("SN1");
  lost.begin();
  StepEnded error;
  error.status = WorkStatus::error;
  error.code = "bmc.unreachable";
  lost.add(1, "C01", "soak/load", error);
  EXPECT_EQ(only(lost).result, AttemptResult::station_error);
  lost.add(1, "", "", StopRequested{"SIGINT", 2});
  EXPECT_EQ(only(lost).result, AttemptResult::stopped);
  lost.measure(1, 99);
  EXPECT_EQ(only(lost).result, AttemptResult::failed) << "a measured fail stays one";
}

TEST(UnitAttempt, ATrayBesideALeakIsCutShort) {
  RunForTest run("SN1");
  run.begin();
  DutPlanned other;
  other.role = Role::compute_tray;
  other.serial = "SN2";
  run.add(1, "C02", "", other);
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  run.add(1, "C02", "", cut);
  StepEnded ended;
  ended.status = WorkStatus::interlocked;
  run.add(1, "C01", "soak/load", ended);
  EXPECT_EQ(only(run).result, AttemptResult::cut_short);
  ended.status = WorkStatus::error;
  run.add(1, "C01", "soak/load", ended);
  EXPECT_EQ(only(run).result, AttemptResult::station_error) << "its own step could not do its work";
}

TEST(UnitAttempt, WhoHasNoSerialOfItsOwnIsKnownByItsPlace) {
  RunForTest run = RunForTest::whole("", 80);
  EXPECT_EQ(only(run).unit, "R01/C01");
  EXPECT_FALSE(only(run).serial_known);
  std::get<DutPlanned>(run.events[1].body).expected_serial = "E7";
  EXPECT_EQ(only(run).unit, "E7");
  DutPlanned twin;
  twin.role = Role::compute_tray;
  twin.serial = "E7";
  run.add(24, "C02", "", twin);
  EXPECT_EQ(only(run).unit, "R01/C01") << "a serial of two DUTs names neither";
}

TEST(UnitAttempt, WhatIsNoNumberIsNone) {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const UnitAttempt attempt = only(RunForTest::whole("SN1", value));
    ASSERT_EQ(attempt.values.size(), 1U);
    EXPECT_FALSE(attempt.values.at("GPU_0").number);
  }
}

TEST(UnitAttempt, ARunThatDecidesNothingIsNotCounted) {
  RunAttemptReader reader;
  RunForTest survey("SN1");
  survey.about.purpose = "survey";
  survey.begin();
  survey.end(1);
  EXPECT_EQ(taken_for_test(survey, reader).why_not, "a survey decides nothing");
  RunForTest headless = RunForTest::whole("SN1", 80);
  headless.events.erase(headless.events.begin());
  EXPECT_EQ(taken_for_test(headless, reader).why_not, "its record has no beginning");
}

}  // namespace
}  // namespace kiln
