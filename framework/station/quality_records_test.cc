// Over ledgers that the real ledger wrote: what is read, and what is left out with its reason.

#include "station/quality_records.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "quality/attempts_for_test.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using store_test::TemporaryDirectory;

std::string recorded_unit(const TemporaryDirectory& directory, const RunForTest& run) {
  return store_test::record(directory, run.events);
}

TEST(QualityRecords, ARealLedgerGivesItsAttempts) {
  const TemporaryDirectory directory;
  std::set<std::string> runs;
  for (int unit = 0; unit < 6; ++unit)
    runs.insert(recorded_unit(
        directory, RunForTest::whole("SN" + std::to_string(unit), unit == 2 ? 91 : 80, unit == 2 ? 5 : 24)));
  ASSERT_EQ(runs.size(), 6U);
  const QualityRecords records = read_quality_records({directory.file("kiln.db")}, "gpu.temperature.max");
  EXPECT_TRUE(records.excluded.empty());
  EXPECT_TRUE(records.unreadable.empty());
  EXPECT_EQ(records.measurements.count("gpu.temperature.max"), 1U);
  QualityQuery query;
  query.check = "gpu.temperature.max";
  const QualityReport report = make_quality_report(records.attempts, query);
  EXPECT_EQ(report.runs, 6U);
  ASSERT_EQ(report.yields.size(), 1U);
  EXPECT_EQ(report.yields[0].first_pass.good, 5);
  EXPECT_EQ(report.yields[0].first_pass.of, 6);
  EXPECT_EQ(report.by_code.at(0).what, "gpu.hot");
  EXPECT_EQ(report.time_to_failure.failed, 1);
  EXPECT_NEAR(report.time_to_failure.longest, 24, 1e-6);
  EXPECT_EQ(report.checks.at(0).points.size(), 6U);
}

TEST(QualityRecords, AChangedRunIsLeftOutAndSaid) {
  const TemporaryDirectory directory;
  const std::string bad = recorded_unit(directory, RunForTest::whole("SN1", 91));
  recorded_unit(directory, RunForTest::whole("SN2", 80));
  // Somebody makes a pass of the fail, behind the program's back.
  const std::string database = directory.file("kiln.db");
  ASSERT_EQ(
      store_test::sql(
          database,
          "DROP TRIGGER event_no_update; UPDATE event SET body = replace(body, '\"fail\"', '\"pass\"')"),
      "");
  const QualityRecords records = read_quality_records({database}, "");
  ASSERT_EQ(records.excluded.size(), 1U);
  EXPECT_EQ(records.excluded[0].run, bad);
  EXPECT_NE(records.excluded[0].why.find("not as it was written"), std::string::npos)
      << records.excluded[0].why;
  ASSERT_EQ(records.attempts.size(), 1U);
  EXPECT_EQ(records.attempts[0].unit, "SN2");
}

TEST(QualityRecords, TheSameRunInTwoDatabasesCountsOnceByTheGoodCopy) {
  const TemporaryDirectory directory, second;
  recorded_unit(directory, RunForTest::whole("SN1", 91));
  const std::string one = directory.file("kiln.db"), two = second.file("copy.db");
  std::filesystem::copy_file(one, two);
  QualityRecords records = read_quality_records({one, two}, "");
  EXPECT_EQ(records.attempts.size(), 1U);
  EXPECT_TRUE(records.excluded.empty());
  ASSERT_EQ(
      store_test::sql(
          one, "DROP TRIGGER event_no_update; UPDATE event SET body = replace(body, '\"fail\"', '\"pass\"')"),
      "");
  records = read_quality_records({one, two}, "");
  ASSERT_EQ(records.attempts.size(), 1U);
  EXPECT_EQ(records.attempts[0].result, AttemptResult::failed);
  EXPECT_TRUE(records.excluded.empty());
}

TEST(QualityRecords, WhatIsNoLedgerIsSaidAndTheOthersCount) {
  const TemporaryDirectory directory;
  recorded_unit(directory, RunForTest::whole("SN1", 80));
  const std::string garbage = directory.file("garbage.db"), empty = directory.file("empty.db");
  std::ofstream(garbage) << std::string(5000, 'x');
  std::ofstream(empty).flush();
  const TemporaryDirectory newer_directory;
  recorded_unit(newer_directory, RunForTest::whole("SN2", 80));
  ASSERT_EQ(store_test::sql(newer_directory.file("kiln.db"), "PRAGMA user_version = 9999"), "");
  const QualityRecords records =
      read_quality_records({directory.file("kiln.db"), garbage, empty, directory.file("nowhere.db"),
                            newer_directory.file("kiln.db")},
                           "");
  EXPECT_EQ(records.databases, 1U);
  EXPECT_EQ(records.attempts.size(), 1U);
  ASSERT_EQ(records.unreadable.size(), 4U);
  for (const char* name : {"garbage.db", "empty.db", "nowhere.db"}) {
    bool said = false;
    for (const std::string& one : records.unreadable) said = said || one.find(name) != std::string::npos;
    EXPECT_TRUE(said) << name;
  }
}

TEST(QualityRecords, ATornFileLosesNoRunSilently) {
  const TemporaryDirectory directory;
  std::set<std::string> runs;
  for (int unit = 0; unit < 20; ++unit)
    runs.insert(recorded_unit(directory, RunForTest::whole("SN" + std::to_string(unit), 80)));
  const std::string database = directory.file("kiln.db");
  std::filesystem::remove(database + "-wal");
  const auto size = std::filesystem::file_size(database);
  std::filesystem::resize_file(database, size / 2 / 4096 * 4096);
  const QualityRecords records = read_quality_records({database}, "");
  std::set<std::string> told;
  for (const UnitAttempt& attempt : records.attempts) told.insert(attempt.run);
  for (const ExcludedRun& one : records.excluded) told.insert(one.run);
  EXPECT_TRUE(!records.unreadable.empty() || told == runs);
}

TEST(QualityRecords, ADeadStationsRunKeepsItsFailAndIsOtherwiseTheTestSystem) {
  const TemporaryDirectory directory;
  RunForTest dead("SN1");
  dead.begin();
  recorded_unit(directory, dead);
  RunForTest failed("SN2");
  failed.begin();
  failed.measure(3, 99);
  recorded_unit(directory, failed);
  const QualityRecords records = read_quality_records({directory.file("kiln.db")}, "");
  ASSERT_EQ(records.attempts.size(), 2U) << (records.excluded.empty() ? "" : records.excluded[0].why);
  std::map<std::string, AttemptResult> results;
  for (const UnitAttempt& attempt : records.attempts) results[attempt.unit] = attempt.result;
  EXPECT_EQ(results["SN1"], AttemptResult::station_error);
  EXPECT_EQ(results["SN2"], AttemptResult::failed);
}

}  // namespace
}  // namespace kiln
