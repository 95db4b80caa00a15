// What a watch tells of a BMC's logs while a run goes on: each entry once, soon, and with its step.

#include <gtest/gtest.h>

#include <algorithm>

#include "log_for_test.h"
#include "sdk/events.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

class LogWatchTest : public testing::Test {
 protected:
  LogWatchTest() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    bench.expect(tray, ComponentKind::gpu, {"GPU_0", "GPU_2"});
    bench.limit_max("event_log.unexpected", "1", 0);
    EventLog log;
    log.uri = kSel;
    log.name = "SEL";
    log.entries = {log_entry("1", "2023-11-01T00:00:00Z", "OK"),
                   log_entry("2", "2023-11-02T00:00:00Z", "Critical")};
    log.listed = 2;
    hardware().logs = {log};
    bench.monitor("log", plugin_step("event_log.watch"), 30s);
    bench.step("work", std::make_unique<WorkStep>(200s));
  }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  EventLog& log() { return hardware().logs.front(); }
  void write(LogEntry entry) {
    log().entries.push_back(std::move(entry));
    ++log().listed;
  }
  std::ptrdiff_t looks() {
    return std::count(hardware().calls.begin(), hardware().calls.end(), "event_logs");
  }
  static Decision decision(const BenchResult& result) { return result.verdict.find("C01")->decision; }
  /// Since the run began.
  static Nanoseconds told_at(const BenchResult& result) {
    for (const Event& event : result.events) {
      if (std::holds_alternative<Diagnosed>(event.body))
        return Nanoseconds(event.at.monotonic_ns - result.events.front().at.monotonic_ns);
    }
    return Nanoseconds::max();
  }
  static std::vector<Diagnosed> told(const BenchResult& result) { return result.bodies<Diagnosed>(); }
  StepBench bench;
  std::vector<LogEntry> hidden;
};

TEST_F(LogWatchTest, WhatIsOldIsToldByNobody) {
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_TRUE(told(result).empty());
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::pass);
  EXPECT_GE(looks(), 7) << "every 30 s of 200 s, and once at the end";
}

TEST_F(LogWatchTest, AnUnexpectedEntryIsToldOnceDuringTheRunWithItsPartAndItsStep) {
  bench.at(40s, [this] { write(log_entry("3", utc(40), "Critical")); });
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::no_go);
  EXPECT_TRUE(result.bodies<Interlocked>().empty()) << "it cuts nothing";
  ASSERT_EQ(told(result).size(), 1U);
  EXPECT_EQ(told(result)[0].part, "GPU_2");
  EXPECT_NE(told(result)[0].message.find("during main/work"), std::string::npos) << told(result)[0].message;
  EXPECT_EQ(result.measured("event_log.unexpected", "GPU_2").outcome, Outcome::fail);
  EXPECT_EQ(result.measured("event_log.unexpected", "GPU_2").source.detail, std::string(kSel) + "/Entries/3");
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.unexpected").value), 1);
  EXPECT_LE(told_at(result), Nanoseconds(75s)) << "while the run goes on";
}

TEST_F(LogWatchTest, AnEventBringsTheNextLookForward) {
  hardware().tells_events = true;
  bench.at(40s, [this] {
    write(log_entry("3", utc(40), "Critical"));
    BmcEvent event;
    event.fact = BmcEvent::Fact::status;
    hardware().tell(event);
  });
  const BenchResult result = bench.run();
  ASSERT_EQ(told(result).size(), 1U);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.watch.hurried").value), 1);
  EXPECT_LE(told_at(result), Nanoseconds(45s));
}

TEST_F(LogWatchTest, AStormOfEventsAndMetricsCostTheBmcLittle) {
  hardware().tells_events = true;
  for (int i = 0; i < 1'000; ++i) {
    bench.at(40s + i * 10ms, [this, i] {
      BmcEvent event;
      event.fact = i % 2 == 0 ? BmcEvent::Fact::metrics : BmcEvent::Fact::status;
      hardware().tell(event);
    });
  }
  bench.run();
  EXPECT_LE(looks(), 7 + 7) << "10 s of storm, one look in 2 s at most";
}

TEST_F(LogWatchTest, WhatIsAllowedIsNotedAndFailsNothing) {
  LogAllowance row;
  row.message = "Message *";
  row.count = 1;
  row.reason = "retrains once";
  row.source = "test";
  bench.allow_log_entry(row);
  bench.at(40s, [this] { write(log_entry("3", utc(40), "Warning")); });
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::go);
  const auto notes = result.bodies<Note>();
  EXPECT_TRUE(std::any_of(notes.begin(), notes.end(), [](const Note& note) {
    return note.text.find("retrains once") != std::string::npos;
  }));
}

TEST_F(LogWatchTest, OneMoreThanTheCountIsTold) {
  LogAllowance row;
  row.message = "Message *";
  row.count = 1;
  row.reason = row.source = "test";
  bench.allow_log_entry(row);
  for (int i = 0; i < 2; ++i) {
    bench.at(40s + i * 60s,
             [this, i] { write(log_entry(std::to_string(3 + i), utc(40 + i * 60), "Warning")); });
  }
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::no_go);
  ASSERT_EQ(told(result).size(), 1U);
  EXPECT_NE(told(result)[0].message.find("only 1 of them"), std::string::npos);
}

TEST_F(LogWatchTest, ALogThatIsClearedBetweenTwoLooksIsNoPass) {
  bench.at(40s, [this] {
    log().entries = {log_entry("1", utc(40), "OK")};
    log().listed = 1;
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::unset);
  EXPECT_NE(result.measured("event_log.unexpected").reason.find("cleared"), std::string::npos);
  EXPECT_EQ(decision(result), Decision::incomplete);
}

TEST_F(LogWatchTest, WhatOneLookCouldNotReadIsNotToldAsNewByTheNext) {
  bench.at(40s, [this] {
    hidden = log().entries;
    log().entries.clear();
    log().unread = "GET answered 500";
  });
  bench.at(100s, [this] {
    log().entries = hidden;
    log().unread.clear();
  });
  const BenchResult result = bench.run();
  EXPECT_TRUE(told(result).empty());
  EXPECT_EQ(decision(result), Decision::go);
}

TEST_F(LogWatchTest, AnEntryThatIsPrintedAnewIsNotNew) {
  bench.at(40s, [this] {
    for (LogEntry& entry : log().entries) entry.created = entry.created.substr(0, 19) + "+00:00";
  });
  const BenchResult result = bench.run();
  EXPECT_TRUE(told(result).empty());
  EXPECT_EQ(decision(result), Decision::go);
}

TEST_F(LogWatchTest, WhatTheFirstLookCouldNotReadIsNotTakenForNew) {
  hidden = log().entries;
  log().entries.clear();
  log().unread = "GET answered 500";
  bench.at(40s, [this] {
    log().entries = hidden;
    log().unread.clear();
    write(log_entry("3", utc(40), "Critical"));
  });
  const BenchResult result = bench.run();
  ASSERT_EQ(told(result).size(), 1U) << "the one of the run, and not the old one";
  EXPECT_NE(told(result)[0].message.find("Message 3"), std::string::npos);
}

TEST_F(LogWatchTest, ALogThatCannotBeReadAtTheBeginIsNoPassHoweverCleanItTurnsOut) {
  hidden = log().entries;
  log().entries.clear();
  log().unread = "GET answered 500";
  bench.at(40s, [this] {
    log().entries = hidden;
    log().unread.clear();
  });
  const BenchResult result = bench.run();
  EXPECT_TRUE(told(result).empty());
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::unset);
  EXPECT_NE(result.measured("event_log.unexpected").reason.find("when the watch began"), std::string::npos);
}

TEST_F(LogWatchTest, ALogThatCannotBeReadAtTheEndIsNoPass) {
  bench.at(40s, [this] { log().unread = "GET answered 500"; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::unset);
  EXPECT_NE(result.measured("event_log.unexpected").reason.find("500"), std::string::npos);
}

TEST_F(LogWatchTest, APartlyClearedLogOfLinksBlamesNoOldEntryOnTheRun) {
  // Of 300 linked entries the 200 with the highest numbers are read; then these go, and old ones show.
  const auto read = [this](int first, int last) {
    log().entries.clear();
    for (int id = first; id <= last; ++id)
      log().entries.push_back(log_entry(std::to_string(id), "2023-11-02T00:00:00Z", "Critical"));
  };
  read(101, 300);
  log().listed = 300;
  bench.at(40s, [this, read] {
    read(1, 150);
    log().listed = 150;
    write(log_entry("301", utc(40), "Critical"));
  });
  const BenchResult result = bench.run();
  ASSERT_EQ(told(result).size(), 1U) << "the one of the run";
  EXPECT_NE(told(result)[0].message.find("Message 301"), std::string::npos);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("event_log.unexpected").value), 1);
}

TEST_F(LogWatchTest, ALongLogIsLookedThroughInTurnsWithOthers) {
  for (int id = 3; id <= 5'000; ++id) write(log_entry(std::to_string(id), "2023-11-02T00:00:00Z", "OK"));
  bench.at(40s, [this] { write(log_entry("5001", utc(40), "Critical")); });
  const BenchResult result = bench.run();
  EXPECT_EQ(told(result).size(), 1U);
  EXPECT_EQ(decision(result), Decision::no_go);
}

TEST_F(LogWatchTest, ABmcThatIsSilentFromTheBeginIsNoPassHoweverItEnds) {
  hardware().failing["event_logs"] = Error("bmc.unreachable", "nobody answers");
  bench.at(100s, [this] { hardware().failing.clear(); });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::unset);
  EXPECT_NE(result.measured("event_log.unexpected").reason.find("when the watch began"), std::string::npos);
  EXPECT_EQ(decision(result), Decision::incomplete);
}

TEST_F(LogWatchTest, ABmcThatRestartsInTheMiddleHasLostNothing) {
  bench.at(40s, [this] { hardware().failing["event_logs"] = Error("bmc.unreachable", "nobody answers"); });
  bench.at(100s, [this] {
    hardware().failing.clear();
    write(log_entry("3", utc(70), "Critical"));
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(told(result).size(), 1U);
  EXPECT_EQ(decision(result), Decision::no_go);
}

TEST_F(LogWatchTest, ALogThatTurnsUpIsJudgedByTime) {
  bench.at(40s, [this] {
    EventLog other = log();
    other.uri = "/redfish/v1/Managers/BMC_0/LogServices/EventLog";
    other.entries.push_back(log_entry("9", utc(41), "Critical"));
    hardware().logs.push_back(other);
  });
  const BenchResult result = bench.run();
  ASSERT_EQ(told(result).size(), 1U);
  EXPECT_NE(told(result)[0].message.find("Message 9"), std::string::npos);
}

TEST_F(LogWatchTest, ABmcWithoutLogsIsNotOneWithoutFaults) {
  hardware().logs.clear();
  EXPECT_EQ(decision(bench.run()), Decision::incomplete);
}

TEST_F(LogWatchTest, ARunThatIsStoppedDoesNotWaitForALastLookAndIsNoPass) {
  bench.stop_at(40s);
  const BenchResult result = bench.run();
  EXPECT_EQ(looks(), 2) << "at 0 s and at 30 s";
  EXPECT_EQ(result.measured("event_log.unexpected").outcome, Outcome::unset);
  EXPECT_NE(result.measured("event_log.unexpected").reason.find("stopped"), std::string::npos);
}

TEST_F(LogWatchTest, WhatIsWrittenAfterTheLastLookOfTheRunCountsToo) {
  bench.at(199s, [this] { write(log_entry("3", utc(199), "Critical")); });
  EXPECT_EQ(decision(bench.run()), Decision::no_go);
}

}  // namespace
}  // namespace kiln
