#include "quality/quality_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "quality/attempts_for_test.h"

namespace kiln {
namespace {

const YieldRow& only_row(const QualityReport& report) {
  EXPECT_EQ(report.yields.size(), 1U);
  static const YieldRow kNone;
  return report.yields.empty() ? kNone : report.yields.front();
}

TEST(Quality, FirstPassIsTheFirstAttemptEverAndFinalTheLast) {
  std::vector<UnitAttempt> attempts;
  for (int unit = 0; unit < 18; ++unit)
    attempts.push_back(attempt_for_test("U" + std::to_string(unit), AttemptResult::passed, unit));
  const QualityReport clean = make_quality_report(attempts, {});
  EXPECT_EQ(only_row(clean).first_pass.good, 18);
  EXPECT_NEAR(only_row(clean).first_pass.interval->low, 0.824, 5e-4);
  attempts.push_back(attempt_for_test("X", AttemptResult::failed, 1));
  attempts.push_back(attempt_for_test("X", AttemptResult::passed, 2));
  const QualityReport retested = make_quality_report(attempts, {});
  EXPECT_EQ(only_row(retested).first_pass.good, 18);
  EXPECT_EQ(only_row(retested).first_pass.of, 19);
  EXPECT_EQ(only_row(retested).final_yield.good, 19);
}

TEST(Quality, AFailBeforeTheWindowStaysTheFirstAttempt) {
  // Failed yesterday and passed today is no first pass today.
  const std::vector<UnitAttempt> attempts{
      attempt_for_test("A", AttemptResult::failed, 1), attempt_for_test("A", AttemptResult::passed, 5),
      attempt_for_test("B", AttemptResult::passed, 5), attempt_for_test("C", AttemptResult::passed, 1)};
  QualityQuery query;
  query.since_ns = kTestBegin + 4 * kTestDay;
  const QualityReport report = make_quality_report(attempts, query);
  const YieldRow& row = only_row(report);
  EXPECT_EQ(row.first_pass.good, 1);
  EXPECT_EQ(row.first_pass.of, 2) << "C was not attempted in the window";
  EXPECT_EQ(row.first_before, 1);
  EXPECT_EQ(row.final_yield.good, 2);
  EXPECT_EQ(report.failed_units, 0) << "the fail lies before the window";
  query = {};
  query.until_ns = kTestBegin + 4 * kTestDay;
  EXPECT_EQ(only_row(make_quality_report(attempts, query)).final_yield.good, 1)
      << "of A and C: A failed until then";
}

TEST(Quality, TheTestSystemIsNoHardware) {
  const std::vector<UnitAttempt> attempts{
      attempt_for_test("A", AttemptResult::station_error, 1), attempt_for_test("A", AttemptResult::passed, 2),
      attempt_for_test("B", AttemptResult::station_error, 1),
      attempt_for_test("C", AttemptResult::stopped, 1), attempt_for_test("D", AttemptResult::conditional, 1)};
  const YieldRow row = only_row(make_quality_report(attempts, {}));
  EXPECT_EQ(row.first_pass.of, 2) << "A and D";
  EXPECT_EQ(row.first_pass.good, 2) << "the attempt that was not judged is not A's first";
  EXPECT_EQ(row.conditional, 1);
  EXPECT_EQ(row.judged.good, 2);
  EXPECT_EQ(row.judged.of, 4);
  EXPECT_EQ(row.stopped, 1);
}

TEST(Quality, WhoWasCutShortByAnotherUnitIsNeitherHardwareNorTheTestSystem) {
  const std::vector<UnitAttempt> attempts{attempt_for_test("A", AttemptResult::cut_short, 1),
                                          attempt_for_test("A", AttemptResult::failed, 2),
                                          attempt_for_test("B", AttemptResult::cut_short, 1)};
  const YieldRow row = only_row(make_quality_report(attempts, {}));
  EXPECT_EQ(row.first_pass.of, 1);
  EXPECT_EQ(row.first_pass.good, 0);
  EXPECT_EQ(row.judged.of, 1);
  EXPECT_EQ(row.cut_short, 2);
}

TEST(Quality, ANewRevisionOfTheRecipeForgetsNoFail) {
  std::vector<UnitAttempt> attempts{attempt_for_test("A", AttemptResult::failed, 1),
                                    attempt_for_test("A", AttemptResult::passed, 2),
                                    attempt_for_test("A", AttemptResult::failed, 3)};
  attempts[1].recipe_version = "1.1.0";
  attempts[2].recipe_version = "1.2.0";
  QualityQuery query;
  query.recipe = "l10@1.1.0";
  const YieldRow row = only_row(make_quality_report(attempts, query));
  EXPECT_EQ(row.first_pass.good, 0);
  EXPECT_EQ(row.first_pass.of, 1);
  EXPECT_EQ(row.first_before, 1);
  EXPECT_EQ(row.final_yield.good, 1) << "at this revision it passed";
  EXPECT_EQ(row.fails, 0);
}

TEST(Quality, RetestsTellPartsApart) {
  std::vector<UnitAttempt> attempts;
  for (const char* unit : {"A", "B", "C", "D", "E"})
    attempts.push_back(attempt_for_test(unit, AttemptResult::failed, 1));
  attempts.push_back(attempt_for_test("A", AttemptResult::passed, 2));  // the same parts
  attempts.push_back(attempt_for_test("B", AttemptResult::passed, 2));
  attempts.back().parts["gpu GPU_0"] = "another";
  attempts.push_back(attempt_for_test("C", AttemptResult::passed, 2));
  attempts.back().parts.clear();
  attempts.push_back(attempt_for_test("D", AttemptResult::failed, 2));
  const YieldRow row = only_row(make_quality_report(attempts, {}));
  EXPECT_EQ(row.fails, 6);
  EXPECT_EQ(row.retested, 4);
  EXPECT_EQ(row.retest_ok, 1);
  EXPECT_EQ(row.retest_changed, 1);
  EXPECT_EQ(row.retest_unknown, 1);
}

TEST(Quality, RolledYieldStandsBesideTheCount) {
  std::vector<UnitAttempt> attempts;
  // Of ten units, the same one fails at both recipes: 0.9 · 0.9 rolled, nine of ten counted.
  for (int unit = 0; unit < 10; ++unit) {
    const std::string name = "U" + std::to_string(unit);
    for (const char* recipe : {"l10", "l11"})
      attempts.push_back(
          attempt_for_test(name, unit == 3 ? AttemptResult::failed : AttemptResult::passed, unit, recipe));
  }
  const QualityReport report = make_quality_report(attempts, {});
  ASSERT_EQ(report.rolled.size(), 1U);
  EXPECT_NEAR(*report.rolled[0].rolled, 0.81, 1e-12);
  EXPECT_EQ(report.rolled[0].direct.good, 9);
  EXPECT_EQ(report.rolled[0].direct.of, 10);
  QualityQuery one;
  one.recipe = "l10@1.0.0";
  const QualityReport single = make_quality_report(attempts, one);
  EXPECT_FALSE(single.rolled[0].rolled);
  EXPECT_NE(single.rolled[0].why_not.find("nothing to roll"), std::string::npos);
}

TEST(Quality, ParetoCountsAUnitOnce) {
  std::vector<UnitAttempt> attempts;
  for (int again = 0; again < 5; ++again)
    attempts.push_back(attempt_for_test("flaky", AttemptResult::failed, again));
  for (const char* unit : {"A", "B"}) {
    attempts.push_back(attempt_for_test(unit, AttemptResult::failed, 1));
    attempts.back().fails = {{"nvlink.down", "GPU_0/NVLink_3", ""}, {"gpu.hot", "GPU_0", ""}};
  }
  const QualityReport report = make_quality_report(attempts, {});
  EXPECT_EQ(report.failed_units, 3);
  ASSERT_EQ(report.by_code.size(), 2U);
  EXPECT_EQ(report.by_code[0].what, "nvlink.down");
  EXPECT_EQ(report.by_code[0].units, 2);
  EXPECT_NEAR(report.by_code[0].cumulative, 2.0 / 3, 1e-12);
  EXPECT_EQ(report.by_code[1].units, 1);
  EXPECT_EQ(report.by_code[1].seen, 3);
  EXPECT_EQ(report.by_code[1].cumulative, 1);
  EXPECT_EQ(report.by_part[0].what, "compute_tray: GPU_0/NVLink_3");
}

TEST(Quality, StationsAreSaidToDifferOnlyWhenIntervalsAreApart) {
  const auto report_of = [](int bad_of_forty) {
    std::vector<UnitAttempt> attempts;
    for (int unit = 0; unit < 80; ++unit) {
      const bool second = unit >= 40;
      const bool fails = second ? unit - 40 < bad_of_forty : unit < 1;
      attempts.push_back(attempt_for_test("U" + std::to_string(unit),
                                          fails ? AttemptResult::failed : AttemptResult::passed, unit));
      attempts.back().station = second ? "ST-02" : "ST-01";
    }
    return make_quality_report(attempts, {});
  };
  const QualityReport alike = report_of(3);
  EXPECT_NE(alike.stations.at(0).sentence.find("does not show that the stations differ"), std::string::npos);
  const QualityReport apart = report_of(14);
  EXPECT_NE(apart.stations.at(0).sentence.find("of ST-01 and ST-02 do not overlap"), std::string::npos);
}

TEST(Quality, HoursUnderLoadAddUpUntilTheFirstFail) {
  std::vector<UnitAttempt> attempts;
  attempts.push_back(attempt_for_test("A", AttemptResult::station_error, 1));
  attempts.back().load_hours = 10;
  attempts.push_back(attempt_for_test("A", AttemptResult::failed, 2));
  attempts.back().load_hours = 24;
  attempts.back().failed_at_hours = 5;
  attempts.push_back(attempt_for_test("A", AttemptResult::passed, 3));  // after its fail: another life
  attempts.push_back(attempt_for_test("B", AttemptResult::passed, 1));
  attempts.push_back(attempt_for_test("C", AttemptResult::failed, 1));  // at a check without load
  const TimeToFailure times = make_quality_report(attempts, {}).time_to_failure;
  EXPECT_EQ(times.units, 2U) << "C carried none";
  EXPECT_EQ(times.failed, 1);
  EXPECT_EQ(times.longest, 24);
  int at_15 = 0;
  for (const HazardBin& bin : times.bins) {
    if (bin.from == 14) at_15 = bin.failed;
  }
  EXPECT_EQ(at_15, 1);
}

TEST(Quality, SimulatedRacksAndHardwareAreNeverMixed) {
  std::vector<UnitAttempt> attempts{attempt_for_test("A", AttemptResult::passed, 1),
                                    attempt_for_test("B", AttemptResult::failed, 1)};
  attempts.back().simulated = true;
  QualityQuery query;
  EXPECT_EQ(only_row(make_quality_report(attempts, query)).first_pass.good, 1);
  EXPECT_EQ(make_quality_report(attempts, query).other_kind, 1U);
  query.simulated = true;
  const QualityReport report = make_quality_report(attempts, query);
  EXPECT_EQ(only_row(report).first_pass.of, 1);
  EXPECT_EQ(only_row(report).first_pass.good, 0);
}

TEST(Quality, AnEmptyRecordHasNoNumber) {
  QualityQuery query;
  query.check = "gpu.temperature.max";
  const QualityReport report = make_quality_report({}, query);
  EXPECT_TRUE(report.yields.empty() && report.rolled.empty() && report.stations.empty() &&
              report.checks.empty());
  EXPECT_EQ(report.time_to_failure.why_not, "no unit carried load on record");
  EXPECT_NE(report.check_why_not, "");
}

std::vector<UnitAttempt> units_with_values(int units, const std::string& limit) {
  std::mt19937_64 source(4);
  std::normal_distribution<double> draw(70, 2);
  std::vector<UnitAttempt> attempts;
  for (int unit = 0; unit < units; ++unit) {
    attempts.push_back(attempt_for_test("U" + std::to_string(unit), AttemptResult::passed, unit));
    for (const char* part : {"GPU_0", "GPU_1"}) {
      CheckValue value;
      value.number = draw(source);
      value.unit = "Cel";
      value.limit_text = limit;
      value.firmware = "bb";
      attempts.back().values[part] = value;
    }
  }
  return attempts;
}

TEST(QualityCheck, TheWorstPartSpeaksForItsUnit) {
  QualityQuery query;
  query.check = "gpu.temperature.max";
  std::vector<UnitAttempt> attempts = units_with_values(60, "≤ 85 Cel");
  QualityReport report = make_quality_report(attempts, query);
  ASSERT_EQ(report.checks.size(), 1U);
  EXPECT_EQ(report.checks[0].points.size(), 60U);
  EXPECT_EQ(report.checks[0].which, "the largest of each unit's parts");
  const auto& values = attempts[0].values;
  EXPECT_EQ(report.checks[0].points[0].value,
            std::max(*values.at("GPU_0").number, *values.at("GPU_1").number));
  ASSERT_EQ(report.checks[0].capability.why_not, "");
  EXPECT_TRUE(report.checks[0].capability.ppk.value);

  attempts = units_with_values(60, "≥ 40 Cel");
  report = make_quality_report(attempts, query);
  EXPECT_EQ(report.checks[0].which, "the smallest of each unit's parts");
  attempts = units_with_values(60, "40 … 85 Cel");
  report = make_quality_report(attempts, query);
  EXPECT_NE(report.checks[0].capability.why_not.find("name one part"), std::string::npos);
  query.part = "GPU_1";
  report = make_quality_report(attempts, query);
  EXPECT_EQ(report.checks[0].which, "");
  EXPECT_TRUE(report.checks[0].capability.cp.value) << report.checks[0].capability.cp.why_not;
  query.part = "GPU_9";
  EXPECT_NE(make_quality_report(attempts, query).check_why_not.find("of part GPU_9"), std::string::npos);
}

TEST(QualityCheck, WhatIsMixedOrCountedHasNoCapability) {
  QualityQuery query;
  query.check = "gpu.temperature.max";
  const auto why = [&query](const std::vector<UnitAttempt>& attempts) {
    return make_quality_report(attempts, query).checks.at(0).capability.why_not;
  };
  std::vector<UnitAttempt> attempts = units_with_values(60, "≤ 85 Cel");
  attempts[7].values["GPU_0"].firmware = "cc";
  EXPECT_NE(why(attempts).find("different firmware"), std::string::npos);
  attempts = units_with_values(60, "≤ 85 Cel");
  attempts[7].values["GPU_0"].limit_text = "≤ 90 Cel";
  EXPECT_NE(why(attempts).find("different limits"), std::string::npos);
  attempts = units_with_values(60, "≤ 85 Cel");
  attempts[7].values["GPU_0"].unit = "K";
  EXPECT_NE(why(attempts).find("units of measure are mixed"), std::string::npos);
  attempts = units_with_values(60, "≤ 85 Cel");
  for (UnitAttempt& attempt : attempts)
    attempt.values["GPU_0"].firmware = attempt.values["GPU_1"].firmware = "";
  EXPECT_NE(why(attempts).find("which firmware"), std::string::npos);
  attempts = units_with_values(60, "≤ 85");
  for (UnitAttempt& attempt : attempts) {
    for (auto& [part, value] : attempt.values)
      value = {std::floor(*value.number), true, false, "1", "≤ 85", "bb", 0};
  }
  EXPECT_NE(why(attempts).find("it is a count"), std::string::npos);
  for (UnitAttempt& attempt : attempts) {
    for (auto& [part, value] : attempt.values) value = {std::nullopt, false, true, "", "= dry", "bb", 0};
  }
  EXPECT_NE(why(attempts).find("attribute"), std::string::npos);
}

/// Everything that a report says in numbers, for comparing two.
std::string words_of(const QualityReport& report) {
  std::string words;
  for (const YieldRow& row : report.yields)
    words += row.recipe + std::to_string(row.first_pass.good) + "/" + std::to_string(row.first_pass.of) +
             " " + std::to_string(row.final_yield.good) + " " + std::to_string(row.fails) + " " +
             std::to_string(row.retest_ok) + " " + std::to_string(row.judged.good) + "/" +
             std::to_string(row.judged.of) + ";";
  for (const ParetoRow& row : report.by_code)
    words += row.what + std::to_string(row.units) + std::to_string(row.seen) + ";";
  for (const HazardBin& bin : report.time_to_failure.bins) words += std::to_string(bin.cumulative) + ";";
  for (const StationComparison& one : report.stations) words += one.sentence;
  return words;
}

std::vector<UnitAttempt> random_attempts(std::mt19937_64& source) {
  std::vector<UnitAttempt> attempts;
  const int count = static_cast<int>(source() % 40);
  for (int at = 0; at < count; ++at) {
    const auto result = static_cast<AttemptResult>(source() % 6);
    attempts.push_back(attempt_for_test("U" + std::to_string(source() % 12), result,
                                        static_cast<int>(source() % 9), source() % 2 == 0 ? "l10" : "l11"));
    attempts.back().run += std::to_string(at);
    attempts.back().load_hours = static_cast<double>(source() % 30);
    if (result == AttemptResult::failed && source() % 2 == 0)
      attempts.back().failed_at_hours = attempts.back().load_hours / 2;
    attempts.back().station = source() % 2 == 0 ? "ST-01" : "ST-02";
  }
  return attempts;
}

TEST(QualityProperty, OrderOfInputDoesNotMatter) {
  std::mt19937_64 source(20);
  for (int round = 0; round < 500; ++round) {
    std::vector<UnitAttempt> attempts = random_attempts(source);
    const std::string before = words_of(make_quality_report(attempts, {}));
    std::shuffle(attempts.begin(), attempts.end(), source);
    ASSERT_EQ(words_of(make_quality_report(attempts, {})), before);
  }
}

TEST(QualityProperty, AFailingUnitNeverRaisesAYield) {
  std::mt19937_64 source(21);
  for (int round = 0; round < 500; ++round) {
    std::vector<UnitAttempt> attempts = random_attempts(source);
    const QualityReport before = make_quality_report(attempts, {});
    attempts.push_back(attempt_for_test("new", AttemptResult::failed, 4, source() % 2 == 0 ? "l10" : "l11"));
    const QualityReport after = make_quality_report(attempts, {});
    for (const YieldRow& old : before.yields) {
      for (const YieldRow& row : after.yields) {
        if (row.recipe != old.recipe || old.first_pass.of == 0) continue;
        ASSERT_LE(*row.first_pass.share(), *old.first_pass.share());
        ASSERT_LE(row.first_pass.interval->high, old.first_pass.interval->high + 1e-12);
        ASSERT_LE(*row.final_yield.share(), *old.final_yield.share());
        ASSERT_GE(*row.fail_bound + 1e-9, *old.fail_bound - 1e-9)
            << old.first_fails << "/" << old.first_pass.of;
      }
    }
    if (before.rolled.size() == 1 && before.rolled[0].rolled) {
      ASSERT_LE(*after.rolled[0].rolled, *before.rolled[0].rolled + 1e-12);
    }
  }
}

}  // namespace
}  // namespace kiln
