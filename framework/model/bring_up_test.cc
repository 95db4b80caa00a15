// The bring-up clock on hand-made timelines, in seconds since an arbitrary moment.

#include "model/bring_up.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace kiln {
namespace {

constexpr std::int64_t kOneSecond = 1'000'000'000;
constexpr std::int64_t kEpoch = 1'800'000'000 * kOneSecond;

std::int64_t at(std::int64_t seconds) { return kEpoch + seconds * kOneSecond; }

/// A run that is written down event by event; the monotonic clock has an origin of its own.
class Timeline {
 public:
  Timeline(const std::string& id, std::int64_t begins, const std::string& rack = "R01",
           std::set<std::string> serials = {"s1", "s2"}) {
    run_.id = id;
    run_.about.rack = rack;
    run_.serials = std::move(serials);
    offset_ = begins - 1000;
    put(begins, RunBegun(run_.about));
    for (const char* dut : {"C01", "C02"}) put(begins, DutPlanned(), dut);
  }
  Timeline& put(std::int64_t when, EventBody body, const std::string& dut = {}) {
    Event event;
    event.at = {(when - offset_) * kOneSecond, at(when + clock_error_)};
    event.dut = dut;
    event.body = std::move(body);
    run_.last = event.at;
    run_.events.push_back(std::move(event));
    return *this;
  }
  Timeline& phase(std::int64_t when, const std::string& name, bool passed = true) {
    for (const char* dut : {"C01", "C02"}) phase_of(when, name, dut, passed);
    return *this;
  }
  Timeline& phase_of(std::int64_t when, const std::string& name, const std::string& dut, bool passed = true) {
    PhaseEnded ended;
    ended.phase = name;
    ended.reason = passed ? "" : "not everything required passed";
    return put(when, ended, dut);
  }
  Timeline& measured(std::int64_t when, const std::string& name, Value value) {
    Measured made;
    made.name = name;
    made.value = std::move(value);
    return put(when, made, "C01");
  }
  Timeline& token(std::int64_t when) { return measured(when + 1, "first_token.at", format_utc(at(when))); }
  Timeline& asks(std::int64_t from, std::int64_t to) {
    PromptShown shown;
    shown.prompt = "hose";
    put(from, shown, "C01");
    PromptAnswered answered;
    answered.prompt = "hose";
    return put(to, answered, "C01");
  }
  Timeline& set_clock(std::int64_t seconds) {
    clock_error_ += seconds;
    return *this;
  }
  ClockedRun ends(std::int64_t when) {
    put(when, RunEnded());
    run_.ended = true;
    return run_;
  }
  ClockedRun dies() { return run_; }
  ClockedRun& run() { return run_; }

 private:
  ClockedRun run_;
  std::int64_t offset_ = 0, clock_error_ = 0;
};

RackNote note(std::int64_t when, RackNote::What what = RackNote::What::arrived,
              const std::string& rack = "R01") {
  RackNote made;
  made.rack = rack;
  made.what = what;
  made.at_utc_ns = made.noted_utc_ns = at(when);
  made.by = "Kim";
  return made;
}

BringUp clock_of(const std::vector<ClockedRun>& runs, const std::vector<RackNote>& notes = {}) {
  return bring_up_of(runs.back(), notes, runs);
}

std::int64_t in_s(std::int64_t ns) { return ns / kOneSecond; }
std::int64_t in_s(const std::optional<std::int64_t>& ns) { return ns ? *ns / kOneSecond : -1; }

TEST(BringUp, FromArrivalToFirstTokenAndWhereTheTimeWent) {
  const BringUp clock = clock_of({Timeline("A", 100)
                                      .phase(150, "cooling")
                                      .measured(160, "power.on.confirmed", true)
                                      .phase(200, "power")
                                      .asks(210, 240)
                                      .token(290)
                                      .ends(400)},
                                 {note(0)});
  EXPECT_EQ(in_s(clock.since_arrival(clock.first_run)), 100);
  EXPECT_EQ(in_s(clock.since_arrival(clock.powered)), 160);
  EXPECT_EQ(in_s(clock.since_arrival(clock.phases.at(0))), 150);
  EXPECT_EQ(clock.phases.at(1).what, "power");
  EXPECT_EQ(in_s(clock.since_arrival(clock.first_token)), 290);
  EXPECT_EQ(in_s(clock.shares->nobody_ns), 100);
  EXPECT_EQ(in_s(clock.shares->people_ns), 30);
  EXPECT_EQ(in_s(clock.shares->tests_ns), 160);
  EXPECT_EQ(in_s(clock.shares->total()), 290) << "what comes after the first token does not count";
  EXPECT_TRUE(clock.remarks.empty());
}

TEST(BringUp, WhatIsNotRecordedIsAbsentAndNotZero) {
  const BringUp clock = clock_of({Timeline("A", 100).ends(200)});
  EXPECT_FALSE(clock.arrived || clock.powered || clock.first_token);
  EXPECT_TRUE(clock.phases.empty());
  EXPECT_FALSE(clock.since_arrival(clock.first_run));
  EXPECT_EQ(in_s(clock.shares->total()), 100) << "from its first run";
  ClockedRun nothing;
  nothing.about.rack = "R01";
  const BringUp empty = bring_up_of(nothing, {}, {nothing});
  EXPECT_FALSE(empty.shares || empty.begins_utc_ns || empty.first_run);
}

TEST(BringUp, AFirstTokenInAnEarlierRunStays) {
  const BringUp clock = clock_of(
      {Timeline("A", 100).token(150).ends(200), Timeline("B", 300).token(350).ends(400)}, {note(50)});
  EXPECT_EQ(clock.first_token->run, "A");
  EXPECT_EQ(in_s(clock.since_arrival(clock.first_token)), 100);
  EXPECT_EQ(in_s(clock.shares->total()), 100);
  EXPECT_EQ(clock.runs, 2);
}

TEST(BringUp, RunsThatOverlapCountOnce) {
  const BringUp clock =
      clock_of({Timeline("A", 100).ends(300), Timeline("B", 200).asks(250, 260).ends(400)}, {note(100)});
  EXPECT_EQ(in_s(clock.shares->total()), 300);
  EXPECT_EQ(in_s(clock.shares->tests_ns), 290);
  EXPECT_EQ(in_s(clock.shares->people_ns), 10);
  EXPECT_EQ(in_s(clock.shares->nobody_ns), 0);
}

TEST(BringUp, AStationsDeathIsNobodysTimeAndNotTheTests) {
  RunResumed resumed;
  resumed.interrupted_utc_ns = at(200);
  resumed.gap_ns = 500 * kOneSecond;
  Timeline run("A", 100);
  run.put(200, PhaseEnded(), "C01").put(700, resumed).token(750);
  const BringUp clock = clock_of({run.ends(800)}, {note(100)});
  EXPECT_EQ(in_s(clock.shares->tests_ns), 150);
  EXPECT_EQ(in_s(clock.shares->nobody_ns), 500);
  EXPECT_EQ(in_s(clock.since_arrival(clock.first_token)), 650);
}

TEST(BringUp, ARunThatWasInterruptedEndsWithItsLastEventAndItsOpenQuestionWithIt) {
  PromptShown shown;
  shown.prompt = "hose";
  const BringUp clock =
      clock_of({Timeline("A", 100).put(150, shown, "C01").put(180, PhaseEnded(), "C02").dies(),
                Timeline("B", 1000).token(1050).ends(1100)},
               {note(100)});
  EXPECT_EQ(in_s(clock.shares->people_ns), 30);
  EXPECT_EQ(in_s(clock.shares->tests_ns), 50 + 50);
  EXPECT_EQ(in_s(clock.shares->nobody_ns), 820);
}

TEST(BringUp, AClockThatIsSetDuringARunMovesNothingInIt) {
  Timeline run("A", 100);
  run.set_clock(-3600);
  run.measured(160, "power.on.confirmed", true);
  const BringUp clock = clock_of({run.ends(200)}, {note(0)});
  EXPECT_EQ(in_s(clock.since_arrival(clock.powered)), 160);
  EXPECT_EQ(in_s(clock.shares->tests_ns), 100);
  ASSERT_EQ(clock.remarks.size(), 1U);
  EXPECT_NE(clock.remarks[0].find("set back by 1h during A"), std::string::npos) << clock.remarks[0];
}

TEST(BringUp, AClockThatIsSetBackBetweenRunsIsSaid) {
  const BringUp clock = clock_of({Timeline("A", 1000).ends(1100), Timeline("B", 400).ends(500)}, {note(0)});
  ASSERT_EQ(clock.remarks.size(), 1U);
  EXPECT_NE(clock.remarks[0].find("between A and B"), std::string::npos);
  EXPECT_EQ(in_s(clock.shares->total()), 1100);
  EXPECT_GE(clock.shares->nobody_ns, 0);
}

TEST(BringUp, ARenamedRackIsKnownByWhatIsInIt) {
  const std::vector<ClockedRun> runs = {
      Timeline("A", 100, "BAY3").measured(120, "power.on.confirmed", true).ends(200),
      Timeline("X", 100, "BAY3", {"s8", "s9"}).token(130).ends(200),
      Timeline("B", 300, "R07", {"s1", "s3"}).ends(400)};
  const BringUp clock =
      clock_of(runs, {note(50, RackNote::What::arrived, "BAY3"), note(350, RackNote::What::arrived, "BAY3")});
  EXPECT_EQ(clock.formerly, std::vector<std::string>{"BAY3"});
  EXPECT_EQ(clock.powered->run, "A");
  EXPECT_EQ(in_s(clock.arrived->at_utc_ns - kEpoch), 50) << "the second arrival at BAY3 is another rack's";
  EXPECT_FALSE(clock.first_token) << "that is another rack in the same bay";
}

TEST(BringUp, ASimulatedRackIsNeverHardware) {
  Timeline simulated("A", 100);
  simulated.run().about.simulated = true;
  EXPECT_FALSE(clock_of({simulated.token(120).ends(200), Timeline("B", 300).ends(400)}).first_token);
}

TEST(BringUp, WithoutSerialNumbersTheNameDecides) {
  const auto runs = std::vector<ClockedRun>{Timeline("A", 100, "R01", {}).token(120).ends(200),
                                            Timeline("X", 100, "R02", {}).token(110).ends(200),
                                            Timeline("B", 300, "R01", {}).ends(400)};
  EXPECT_EQ(clock_of(runs).first_token->run, "A");
}

TEST(BringUp, APhaseIsPassedWhenEveryDutHasPassedIt) {
  Timeline half("A", 100);
  half.phase_of(110, "cooling", "C01").phase_of(120, "cooling", "C02", false);
  Timeline one("B", 200);
  one.phase_of(210, "cooling", "C01");
  Timeline part("C", 250);
  part.run().about.selection = {"C01"};
  part.phase(260, "cooling");
  EXPECT_TRUE(clock_of({half.ends(150), one.dies(), part.ends(280)}).phases.empty());
  Timeline whole("D", 300);
  whole.phase_of(310, "cooling", "C01").phase_of(330, "cooling", "C02");
  const BringUp clock = clock_of({half.ends(150), whole.ends(400)});
  ASSERT_EQ(clock.phases.size(), 1U);
  EXPECT_EQ(in_s(clock.phases[0].at_utc_ns - kEpoch), 330);
  DutPlanned rack;
  rack.role = Role::rack;
  Timeline racks("E", 500);
  racks.put(500, rack, "R01").phase(510, "first-token");
  EXPECT_EQ(clock_of({racks.ends(600)}).phases.size(), 1U) << "the rack itself walks no phases";
}

TEST(BringUp, WhatAPersonNotedFillsTheTimeBetweenRunsAndNoMore) {
  using What = RackNote::What;
  const BringUp clock = clock_of(
      {Timeline("A", 100).ends(200), Timeline("B", 1000).token(1050).ends(1100)},
      {note(0), note(150, What::waits_for_parts), note(300, What::waits_for_parts),
       note(600, What::waits_for_plant), note(700, What::goes_on), note(900, What::waits_for_people)});
  EXPECT_EQ(in_s(clock.shares->parts_ns), 100 + 300) << "from the end of the run, though noted during it";
  EXPECT_EQ(in_s(clock.shares->plant_ns), 100);
  EXPECT_EQ(in_s(clock.shares->people_ns), 100);
  EXPECT_EQ(in_s(clock.shares->tests_ns), 150);
  EXPECT_EQ(in_s(clock.shares->nobody_ns), 100 + 200);
  EXPECT_EQ(in_s(clock.shares->total()), 1050);
}

TEST(BringUp, ACorrectionCountsAndTheFirstEntryStays) {
  RackNote corrected = note(20);
  corrected.noted_utc_ns = at(90);
  const BringUp clock = clock_of({Timeline("A", 100).ends(200)}, {note(60), corrected});
  EXPECT_EQ(in_s(clock.arrived->at_utc_ns - kEpoch), 20);
  EXPECT_EQ(clock.notes.size(), 2U);
}

TEST(BringUp, AnArrivalAfterTheFirstRunIsAContradictionAndNoNegativeTime) {
  const BringUp clock = clock_of({Timeline("A", 100).token(150).ends(200)}, {note(500)});
  EXPECT_FALSE(clock.since_arrival(clock.first_token));
  EXPECT_EQ(in_s(clock.shares->total()), 50);
  ASSERT_EQ(clock.remarks.size(), 1U);
  EXPECT_NE(clock.remarks[0].find("correct its arrival"), std::string::npos);
}

TEST(BringUp, AFirstTokenThatIsUnsetIsNone) {
  EXPECT_FALSE(clock_of({Timeline("A", 100).measured(150, "first_token.at", Value()).ends(200)}).first_token);
  const BringUp odd =
      clock_of({Timeline("A", 100).measured(150, "first_token.at", std::string("yesterday")).ends(200)});
  EXPECT_EQ(in_s(odd.first_token->at_utc_ns - kEpoch), 150) << "when it was written down";
}

}  // namespace
}  // namespace kiln
