// What a BMC's logs say of a run: every entry is judged, and what cannot be known is never a pass.

#include <gtest/gtest.h>

#include <algorithm>

#include "log_for_test.h"
#include "new_entries.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    bench.expect(tray, ComponentKind::gpu, {"GPU_0", "GPU_2"});
    bench.limit_equals("event_log.readable", "", true);
    bench.limit_equals("event_log.complete", "", true);
    bench.limit_max("event_log.unexpected", "1", 0);
    bench.limit_max("event_log.fill", "%", 100, 90);
    EventLog log;
    log.uri = kSel;
    log.name = "SEL";
    log.entries = {log_entry("1", "2023-11-01T00:00:00Z", "OK"),
                   log_entry("2", "2023-11-02T00:00:00Z", "Critical")};
    log.listed = 2;
    hardware().logs = {log};
  }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  EventLog& log() { return hardware().logs.front(); }
  void write(LogEntry entry) {
    log().entries.push_back(std::move(entry));
    ++log().listed;
  }
  void allow(LogAllowance row) { allowed.push_back(std::move(row)); }
  BenchResult run() {
    for (const LogAllowance& row : allowed) bench.allow_log_entry(row);
    bench.step("before", plugin_step("event_log.before"));
    bench.step("work", std::make_unique<WorkStep>());
    bench.step("after", plugin_step("event_log.after"));
    return bench.run();
  }
  static std::string said(const BenchResult& result) {
    std::string text;
    for (const Diagnosed& one : result.bodies<Diagnosed>()) text += one.message + "\n";
    for (const Note& one : result.bodies<Note>()) text += one.text + "\n";
    return text;
  }
  StepBench bench;
  std::vector<LogAllowance> allowed;
};

TEST_F(EventLogTest, WhatIsOldFailsNothingHoweverBadItIs) {
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.before.serious").value), 1);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.new").value), 0);
}

TEST_F(EventLogTest, AnUnexpectedEntryFailsWithItsPartItsAddressAndTheStepItFellInto) {
  bench.at(10s, [this] { write(log_entry("3", utc(10), "Critical")); });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("event_log.unexpected", "GPU_2").outcome, Outcome::fail);
  EXPECT_EQ(result.measured("event_log.unexpected", "GPU_2").source.detail, std::string(kSel) + "/Entries/3");
  ASSERT_EQ(result.bodies<Diagnosed>().size(), 1U);
  const std::string said = result.bodies<Diagnosed>()[0].message;
  EXPECT_NE(said.find("during main/work"), std::string::npos) << said;
  EXPECT_NE(said.find("/Entries/3"), std::string::npos) << said;
}

TEST_F(EventLogTest, AWordThatRedfishDoesNotHaveAndNoWordAreNotGood) {
  bench.at(10s, [this] {
    for (const auto& [id, word] : {std::pair{"3", "Fatal"}, {"4", ""}, {"5", "Informational?"}})
      write(log_entry(id, utc(10), word));
  });
  const BenchResult result = run();
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.unexpected").value), 3);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(EventLogTest, WhatTheProductAllowsIsShownWithItsReasonAndFailsNothing) {
  LogAllowance row;
  row.message_id = "ResourceEvent.1.9.ResourceErrorsDetected";
  row.origin = "/redfish/v1/Systems/*/Processors/*";
  row.reason = "the driver resets once";
  row.source = "test";
  allow(row);
  bench.at(10s, [this] { write(log_entry("3", utc(10), "Warning")); });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.allowed").value), 1);
  EXPECT_NE(said(result).find("the driver resets once"), std::string::npos) << said(result);
}

TEST_F(EventLogTest, MoreThanTheCountIsNotAllowed) {
  LogAllowance row;
  row.message = "Message *";
  row.count = 2;
  row.reason = row.source = "test";
  allow(row);
  bench.at(10s, [this] {
    for (const char* id : {"3", "4", "5"}) write(log_entry(id, utc(10), "Warning"));
  });
  const BenchResult result = run();
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.unexpected").value), 1);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.allowed").value), 2);
  EXPECT_NE(said(result).find("only 2 of them"), std::string::npos) << said(result);
}

TEST_F(EventLogTest, ALogThatWasClearedIsNoEvidence) {
  bench.at(10s, [this] {
    log().entries = {log_entry("1", utc(11), "OK")};  // ids begin anew
    log().listed = 1;
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.measured("event_log.complete").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::unset);
  EXPECT_NE(result.measured("event_log.complete").reason.find("cleared"), std::string::npos);
}

TEST_F(EventLogTest, AClearedLogStillFailsByWhatIsLeftOfIt) {
  bench.at(10s, [this] { log().entries = {log_entry("1", utc(11), "Critical")}; });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(EventLogTest, AnEmptyLogThatSaysItWasClearedIsNoEvidence) {
  log().entries.clear();
  log().listed = 0;
  bench.at(10s, [this] { write(log_entry("1", utc(10), "OK", "OpenBMC.0.1.EventLogCleared")); });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(EventLogTest, ALogThatRanOverIsNoEvidence) {
  bench.at(10s, [this] {
    log().entries.clear();
    for (int id = 40; id < 44; ++id) log().entries.push_back(log_entry(std::to_string(id), utc(10), "OK"));
    log().listed = 4;
    log().capacity = 4;
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_NE(result.measured("event_log.complete").reason.find("wrapped around"), std::string::npos);
}

TEST_F(EventLogTest, ALogThatWasEmptyAndRanOverIsNoEvidence) {
  log().entries.clear();
  log().listed = 0;
  log().capacity = 4;
  log().when_full = "WrapsWhenFull";
  bench.at(10s, [this] {
    for (int id = 40; id < 44; ++id) write(log_entry(std::to_string(id), utc(10), "OK"));
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_NE(result.measured("event_log.complete").reason.find("may have wrapped around"), std::string::npos);
}

TEST_F(EventLogTest, AFullLogThatStillHoldsWhatItHeldBeforeHasLostNothingOfTheRun) {
  log().capacity = 3;
  log().when_full = "WrapsWhenFull";
  bench.at(10s, [this] {
    log().entries.erase(log().entries.begin());  // the oldest made place
    --log().listed;
    for (const char* id : {"3", "4"}) write(log_entry(id, utc(10), "OK"));
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(EventLogTest, ALogThatWasCutShortIsNoEvidence) {
  bench.at(10s, [this] {
    log().entries.pop_back();  // it still counts what it no longer lists
    log().unread = "it lists 1 of its 2 entries";
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_NE(result.measured("event_log.complete").reason.find("1 of its 2"), std::string::npos);
}

TEST_F(EventLogTest, AFullLogThatTakesNoMoreIsAFindingBeforeAndNoEvidenceAfter) {
  log().capacity = 2;
  log().when_full = "NeverOverWrites";
  const BenchResult result = run();
  EXPECT_EQ(result.measured("event_log.fill", kSel).outcome, Outcome::marginal);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(EventLogTest, AFullLogThatDoesNotSayThatItWrapsIsNoEvidence) {
  log().capacity = 2;
  log().when_full = "Unknown";
  const BenchResult unsaid = run();
  EXPECT_EQ(unsaid.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_NE(unsaid.measured("event_log.complete").reason.find("full"), std::string::npos);
}

TEST_F(EventLogTest, ALogThatIsRefusedOrGoneOrNeverWasIsNoEvidence) {
  bench.at(10s, [this] { log().unread = "GET answered 500"; });
  const BenchResult refused = run();
  EXPECT_EQ(refused.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_NE(refused.measured("event_log.complete").reason.find("500"), std::string::npos);
}

TEST_F(EventLogTest, ALogThatWentAwayIsNoEvidence) {
  bench.at(10s, [this] { hardware().logs.clear(); });
  EXPECT_EQ(run().verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(EventLogTest, ABmcWithoutLogsIsNotOneWithoutFaults) {
  hardware().logs.clear();
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.measured("event_log.readable").outcome, Outcome::unset);
}

TEST_F(EventLogTest, AnEntryWithoutATimeIsJudgedByItsId) {
  log().entries.push_back(log_entry("7", "", "Critical"));  // old, and in the list before
  bench.at(10s, [this] { write(log_entry("8", "sometime", "Critical")); });
  const BenchResult result = run();
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.unexpected").value), 1);
  EXPECT_NE(said(result).find("its time cannot be read"), std::string::npos) << said(result);
}

TEST_F(EventLogTest, ABmcThatIsHoursOffHasItsEntriesInTheirSteps) {
  hardware().clock_offset = 3600.0;
  bench.at(10s, [this] { write(log_entry("3", "2023-11-14T23:13:30Z", "Critical")); });
  const BenchResult result = run();
  EXPECT_NE(said(result).find("during main/work"), std::string::npos) << said(result);
}

TEST_F(EventLogTest, ABmcWithoutAClockIsSaidSoAndJudgedByIds) {
  hardware().clock_offset = std::nullopt;
  bench.at(10s, [this] { write(log_entry("3", "1970-01-01T00:00:07Z", "Critical")); });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_NE(said(result).find("the BMC has no clock"), std::string::npos) << said(result);
}

TEST_F(EventLogTest, AClockThatWasSetBackHidesNothing) {
  bench.at(10s, [this] {
    hardware().clock_offset = -1e6;
    write(log_entry("3", "2023-11-03T00:00:00Z", "Critical"));
  });
  const BenchResult result = run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_NEAR(std::get<double>(result.measured("event_log.clock_drift").value), -1e6, 1);
}

TEST_F(EventLogTest, AfterWithoutBeforeKnowsNotWhatWasLost) {
  bench.step("after", plugin_step("event_log.after"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(EventLogTest, ASilentBmcIsAnErrorAndNoFail) {
  hardware().failing["event_logs"] = Error("bmc.unreachable", "nobody answers");
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/before").status, WorkStatus::error);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

using event_log::BmcClock;
using event_log::ids_as_text;
using event_log::KnownIds;
using event_log::LogBefore;
using event_log::new_entries;
using event_log::part_of;

TEST(LogIds, AreReadBackAsTheyWereWritten) {
  std::vector<LogEntry> entries;
  for (const char* id : {"3", "1", "2", "9", "abc", "1700000000_1"})
    entries.push_back(log_entry(id, "", "OK"));
  const std::string text = ids_as_text(entries);
  EXPECT_EQ(text, "9,1-3,1700000000_1,abc");
  const KnownIds known(text);
  for (const LogEntry& entry : entries) EXPECT_TRUE(known.contains(entry.id)) << entry.id;
  EXPECT_FALSE(known.contains("4"));
  EXPECT_FALSE(known.contains(""));
  EXPECT_TRUE(known.complete());
}

TEST(LogIds, WhatDoesNotFitIsTheOldestAndToldByItsTime) {
  std::vector<LogEntry> entries;
  for (int i = 0; i < 4'000; ++i)
    entries.push_back(log_entry(std::to_string(i * 2), "2023-11-01T00:00:00Z", "OK"));
  const std::string text = ids_as_text(entries);
  EXPECT_LE(text.size(), 8'100U);
  const KnownIds known(text);
  EXPECT_FALSE(known.complete());
  EXPECT_TRUE(known.contains("7998"));
  EventLog log;
  log.entries = entries;
  LogBefore before;
  before.ids = known;
  before.newest = event_log::name_of_newest(entries);
  BmcClock clock;
  clock.before_s = clock.after_s = 0;
  EXPECT_TRUE(new_entries(log, before, clock, 1'700'000'000'000'000'000).fresh.empty());
  EXPECT_TRUE(KnownIds(text.substr(0, 50)).contains("7998"));  // a cut text harms nobody
}

TEST(LogIds, AnIdThatWasGivenAnewIsAnotherEntry) {
  std::vector<LogEntry> entries;
  for (const char* id : {"1", "2", "3"}) entries.push_back(log_entry(id, "2023-11-01T00:00:00Z", "OK"));
  entries.push_back(log_entry("4", "sometime", "OK"));
  const std::string text = event_log::times_as_text(entries);
  EXPECT_EQ(text, "1@1698796800,2@1698796800,3@1698796800");
  LogBefore before;
  before.ids = KnownIds(ids_as_text(entries));
  before.times = event_log::KnownTimes(text);
  before.newest = event_log::name_of_newest(entries);
  EventLog log;
  log.entries = entries;
  log.entries[0].created = "2023-11-01T01:00:00+01:00";
  const BmcClock none;
  EXPECT_TRUE(new_entries(log, before, none, 0).fresh.empty()) << "the same moment, printed in another way";
  log.entries[0].created = "2023-11-01T00:00:09Z";
  log.entries[3].created = "1970-01-01T00:00:07Z";
  const std::vector<LogEntry> fresh = new_entries(log, before, none, 0).fresh;
  ASSERT_EQ(fresh.size(), 1U);
  EXPECT_EQ(fresh[0].id, "1");
  before.times = event_log::KnownTimes();
  EXPECT_TRUE(new_entries(log, before, none, 0).fresh.empty()) << "of an older record only the ids are known";
}

TEST(LogParts, AnEntryBelongsToTheMostExactPartOfItsOrigin) {
  Dut dut;
  for (const char* name : {"GPU_2", "GPU_2/NVLink_3", "GPU_1", "Chassis_0"}) {
    Component component;
    component.name = name;
    dut.expect.components.push_back(component);
  }
  const auto of = [&dut](const std::string& origin) {
    return part_of(log_entry("1", "", "OK", "", origin), dut);
  };
  EXPECT_EQ(of("/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_2/Ports/NVLink_3"), "GPU_2/NVLink_3");
  EXPECT_EQ(of("/redfish/v1/Chassis/HGX_GPU_1/"), "GPU_1");
  EXPECT_EQ(of("/redfish/v1/Systems/System_0"), "System_0");
  EXPECT_EQ(of(""), "");
}

}  // namespace
}  // namespace kiln
