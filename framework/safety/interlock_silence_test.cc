// A BMC that is away by plan, because its own firmware is being written: when it may be, what is judged
// meanwhile, and how it ends; and the shelves that feed a write.
#include "safety/interlock_watch_for_test.h"

namespace kiln {
namespace {

const Error kSilent("http.connect", "no connection to the BMC");

struct SilenceTest : InterlockWatchTest {
  SilenceTest() {
    for (const auto& [id, one] : places) one->power->on = false;
  }
  void write(const std::string& id, Nanoseconds budget = 1h) {
    NumberedUndo guard;
    guard.number = static_cast<int>(guards.size()) + 1;
    guard.undo = JournaledUndo(UndoKind::firmware_write, id, "wait for the firmware write of BMC on " + id);
    guard.undo.budget = budget;
    guard.opened_ns = start;
    guards.push_back(std::move(guard));
  }
  void silence_at(Nanoseconds when, const std::string& id, Nanoseconds longest) {
    at(when, [this, id, longest] { the_watch->begin_silence(id, ++announced, longest); });
  }
  void away(const std::string& id, Nanoseconds from, Nanoseconds until) {
    at(from, [this, id] { place(id).detectors->refuses = place(id).power->refuses = kSilent; });
    at(until, [this, id] {
      place(id).detectors->refuses.reset();
      place(id).power->refuses.reset();
    });
  }
  int announced = 0;
  SilenceReport last() const { return silences.empty() ? SilenceReport() : silences.back(); }
  std::string refusal() const {
    return last().state == SilenceReport::State::refused ? last().why : "it was not refused: " + last().why;
  }
  double tripped_after() const {
    return trips.empty() ? -1 : static_cast<double>(trips.front().detected_ns - start) / 1e9;
  }
};

TEST_F(SilenceTest, ABmcThatIsAwayByPlanCutsNothingAndPermitsNothing) {
  write("C01");
  silence_at(10s, "C01", 5min);
  away("C01", 20s, 200s);
  at(100s, [this] { EXPECT_FALSE(ready["C01"]); });
  at(250s, [this] { the_watch->end_silence("C01", "C01: the station reads it again"); });
  run(300s);
  EXPECT_TRUE(trips.empty());
  ASSERT_EQ(silences.size(), 2U) << refusal();
  EXPECT_EQ(silences[0].state, SilenceReport::State::on);
  EXPECT_EQ(last().state, SilenceReport::State::ended);
  EXPECT_TRUE(ready["C01"]) << whys["C01"];
}

TEST_F(SilenceTest, WithoutAPlanItIsCut) {
  write("C01");
  away("C01", 20s, 200s);
  run(60s);
  ASSERT_FALSE(trips.empty());
  EXPECT_EQ(trips[0].cause, "telemetry-lost");
  EXPECT_LT(tripped_after(), 20.0 + 8.0);
}

TEST_F(SilenceTest, OneThatStaysAwayForLongerIsCut) {
  write("C01");
  silence_at(10s, "C01", 2min);
  away("C01", 20s, 1h);
  run(200s);
  ASSERT_FALSE(trips.empty());
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  EXPECT_NEAR(tripped_after(), 20.0 + 120.0, 4.0);
  EXPECT_EQ(last().why, "C01: it is being cut");
}

TEST_F(SilenceTest, ALeakThatIsReadMeanwhileCutsAtOnce) {
  write("C01");
  silence_at(10s, "C01", 5min);
  at(30s, [this] { place("C01").detectors->put("LeakDetector_0", "Critical"); });
  run(40s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].code, "leak.detected");
  EXPECT_NEAR(tripped_after(), 30.5, 1.0);
}

TEST_F(SilenceTest, AnEventThatTellsOfALeakCutsAtOnce) {
  write("C01");
  silence_at(10s, "C01", 5min);
  at(30s, [this] { place("C01").stream->wet("LeakDetector_1"); });
  run(40s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].code, "leak.detected");
}

TEST_F(SilenceTest, DetectorsThatAreNotReadYetAfterTheRestartAreBorneToo) {
  write("C01");
  silence_at(10s, "C01", 5min);
  away("C01", 20s, 100s);
  at(100s, [this] { place("C01").detectors->looks.clear(); });
  at(150s, [this] {
    place("C01").detectors->put("LeakDetector_0");
    place("C01").detectors->put("LeakDetector_1");
  });
  run(200s);
  EXPECT_TRUE(trips.empty());
  EXPECT_TRUE(ready["C01"]) << whys["C01"];
}

TEST_F(SilenceTest, WhatIsOnIsNotLeftUnwatched) {
  write("C01");
  place("C01").power->on = true;
  silence_at(10s, "C01", 5min);
  run(20s);
  EXPECT_EQ(refusal(), "C01: it is on, and no detector is masked then");
}

TEST_F(SilenceTest, WhatIsNotBeingWrittenHasNoReasonToBeSilent) {
  write("C02");
  silence_at(10s, "C01", 5min);
  run(20s);
  EXPECT_EQ(refusal(), "C01: no firmware of it is being written");
}

TEST_F(SilenceTest, WhatIsNotDryIsWaitedForAndThenRefused) {
  write("C01");
  place("C01").detectors->put("LeakDetector_0", "OK", "Absent");
  silence_at(1s, "C01", 5min);
  at(10s, [this] { EXPECT_TRUE(silences.empty()); });
  run(20s);
  EXPECT_NE(refusal().find("LeakDetector_0"), std::string::npos) << refusal();
}

TEST_F(SilenceTest, WhatCameOnByItselfHasTheGraceOfEverythingElse) {
  write("C01");
  silence_at(10s, "C01", 10min);
  away("C01", 20s, 100s);
  at(100s, [this] {
    place("C01").power->on = true;  // by its restore policy
    place("C01").detectors->looks.clear();
  });
  run(120s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_NEAR(tripped_after(), 100.0 + 5.0, 2.5);
  ASSERT_EQ(silences.size(), 2U);
  EXPECT_EQ(last().why, "C01: C01 was switched on");
}

TEST_F(SilenceTest, WhatCameOnAndIsReadDryInTimeIsNotCut) {
  write("C01");
  silence_at(10s, "C01", 10min);
  away("C01", 20s, 100s);
  at(100s, [this] { place("C01").power->on = true; });
  run(120s);
  EXPECT_TRUE(trips.empty());
  EXPECT_EQ(last().why, "C01: C01 was switched on");
}

TEST_F(SilenceTest, ItEndsWithTheWrite) {
  write("C01");
  silence_at(10s, "C01", 10min);
  away("C01", 20s, 1h);
  at(60s, [this] { guards.clear(); });
  run(80s);
  ASSERT_FALSE(trips.empty());
  EXPECT_NEAR(tripped_after(), 60.0, 3.0);
  EXPECT_EQ(silences.at(1).why, "C01: its firmware is not being written any more");
}

TEST_F(SilenceTest, ItEndsWithTheTimeOfTheWrite) {
  write("C01", 50s);
  silence_at(10s, "C01", 10min);
  away("C01", 20s, 1h);
  run(80s);
  ASSERT_FALSE(trips.empty());
  EXPECT_NEAR(tripped_after(), 50.0, 3.0);
}

TEST_F(SilenceTest, NoneIsLongerThanTheLongest) {
  write("C01", 10h);
  silence_at(10s, "C01", 10h);
  away("C01", 20s, 10h);
  run(30min);
  ASSERT_FALSE(trips.empty());
  EXPECT_NEAR(tripped_after(), 20.0 + 15 * 60.0, 4.0);
}

TEST_F(SilenceTest, AnEndThatComesWhileItIsDecidedEndsItToo) {
  write("C01");
  place("C01").power->takes = 1s;
  silence_at(10s, "C01", 5min);
  at(10s + 200ms, [this] { the_watch->end_silence("C01", "C01: the station reads it again"); });
  run(20s);
  EXPECT_EQ(refusal(), "C01: it is not wanted any more");
}

TEST_F(SilenceTest, EnergisingItEndsIt) {
  write("C01");
  silence_at(10s, "C01", 5min);
  at(20s, [this] { the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C02", "force off C02")); });
  at(21s, [this] { EXPECT_EQ(silences.size(), 1U); });
  at(25s, [this] { the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C01", "force off C01")); });
  run(30s);
  EXPECT_EQ(last().why, "C01: C01 is about to be energised");
}

TEST_F(SilenceTest, TwoTraysMayBeAwayAtOnceAndNoneBesideItsCdu) {
  for (const char* id : {"C01", "C02", "CDU01"}) write(id);
  silence_at(10s, "C01", 5min);
  silence_at(12s, "C02", 5min);
  at(14s, [this] {
    ASSERT_EQ(silences.size(), 2U);
    EXPECT_EQ(last().state, SilenceReport::State::on) << refusal();
  });
  silence_at(16s, "CDU01", 5min);
  run(30s);
  EXPECT_EQ(refusal(), "CDU01: the BMC of C01 is away by plan already");
}

TEST_F(SilenceTest, OfACduEverythingItServesMustBeOff) {
  write("CDU01");
  place("S01").power->on = true;
  silence_at(10s, "CDU01", 5min);
  run(20s);
  EXPECT_EQ(refusal(), "S01: it is on, and no detector is masked then");
}

TEST_F(SilenceTest, ACduThatIsAwayByPlanCutsNothingUntilATrayIsSwitchedOn) {
  write("CDU01");
  silence_at(10s, "CDU01", 5min);
  away("CDU01", 20s, 1h);
  at(60s, [this] {
    EXPECT_TRUE(trips.empty());
    the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C02", "force off C02"));
  });
  run(70s);
  ASSERT_FALSE(trips.empty());
  EXPECT_EQ(trips[0].dut, "CDU01");
  EXPECT_EQ(silences.at(1).why, "CDU01: C02 is about to be energised");
}

TEST_F(SilenceTest, ATrayThatComesOnBesideASilentCduEndsIt) {
  write("CDU01");
  silence_at(10s, "CDU01", 10min);
  away("CDU01", 20s, 1h);
  at(60s, [this] {
    EXPECT_TRUE(trips.empty());
    place("C02").power->on = true;  // by hand
  });
  run(80s);
  ASSERT_FALSE(trips.empty());
  EXPECT_EQ(trips[0].dut, "CDU01");
  EXPECT_EQ(silences.at(1).why, "CDU01: C02 was switched on");
}

TEST_F(SilenceTest, WhatIsAboutToBeEnergisedWhileItIsDecidedEndsItToo) {
  write("CDU01");
  for (const char* id : {"C01", "C02", "S01"}) place(id).power->takes = 500ms;
  silence_at(10s, "CDU01", 5min);
  at(11s, [this] { the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C01", "force off C01")); });
  run(20s);
  EXPECT_EQ(refusal(), "CDU01: it is not wanted any more");
}

TEST_F(SilenceTest, NoDetectorIsMaskedMeanwhileAndNoneIsAwayBesideAMask) {
  write("C01");
  silence_at(10s, "C01", 5min);
  at(20s, [this] { the_watch->mask("CDU01", "LeakDetector_0"); });
  at(40s, [this] {
    ASSERT_EQ(masks.size(), 1U);
    EXPECT_EQ(masks[0].why, "CDU01: the BMC of C01 is away by plan, so not all are armed");
    the_watch->end_silence("C01", "C01: the station reads it again");
    guards.clear();
    the_watch->mask("CDU01", "LeakDetector_0");
  });
  at(45s, [this] { write("C01"); });
  silence_at(50s, "C01", 5min);
  run(70s);
  EXPECT_EQ(refusal(), "C01: leak detector LeakDetector_0 of CDU01 is masked for its functional test");
}

struct FedWriteTest : SilenceTest {
  FedWriteTest() {
    for (const auto& [id, one] : places) one->power->on = true;
    place("C01").power->obeys = false;
    has_building = false;
  }
  bool shelf_is_on() { return place("P01").power->on; }
};

TEST_F(FedWriteTest, AHazardThatWasNotReadLeavesTheShelvesOnUntilTheWriteIsOver) {
  write("C02");
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(120s, [this] {
    EXPECT_EQ(trips.size(), 1U);
    EXPECT_TRUE(shelf_is_on());
    ASSERT_FALSE(cuts.empty());
    EXPECT_NE(cuts.back().problem.find("its power shelves stay on until the firmware write of C02 is over"),
              std::string::npos)
        << cuts.back().problem;
    guards.clear();
  });
  at(125s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(150s);
}

TEST_F(FedWriteTest, NotForLongerThanTheWriteMayTake) {
  write("C02", 60s);
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(58s, [this] { EXPECT_TRUE(shelf_is_on()); });
  at(65s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(90s);
}

TEST_F(FedWriteTest, ALeakThatIsReadThereAfterwardsWaitsNoLonger) {
  write("C02");
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(100s, [this] {
    EXPECT_TRUE(shelf_is_on());
    place("C01").detectors->refuses.reset();
    place("C01").detectors->put("LeakDetector_0", "Critical");
  });
  at(105s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(120s);
}

TEST_F(FedWriteTest, AnEventOfALeakThereAfterwardsWaitsNoLonger) {
  write("C02");
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(100s, [this] { place("C01").stream->wet("LeakDetector_1"); });
  at(105s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(120s);
}

TEST_F(FedWriteTest, APersonWhoStopsEverythingWaitsForNoWriteOfAShelf) {
  write("P01");
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(100s, [this] {
    EXPECT_TRUE(shelf_is_on());
    Trip stop;
    stop.cause = "emergency-stop";
    stop.code = "stop.everything";
    stop.dut = "R01";
    stop.message = "R01: anna stops everything";
    stop.read = false;
    the_watch->trip(std::move(stop), true);
  });
  at(115s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(130s);
}

TEST_F(FedWriteTest, AWriteThatBeginsLaterMakesItNoLonger) {
  write("C02", 60s);
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(50s, [this] { write("S01", 1h); });
  at(65s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(90s);
}

TEST_F(FedWriteTest, WhatGoesOffAfterALongTimeNeedsNoShelf) {
  write("C02");
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(20min, [this] { place("C01").power->obeys = true; });
  at(30min, [this] { guards.clear(); });
  run(31min);
  EXPECT_TRUE(shelf_is_on());
}

TEST_F(FedWriteTest, WhatReadsOffMeanwhileNeedsNoShelf) {
  write("C02");
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(60s, [this] { place("C01").power->obeys = true; });
  at(61s, [this] { place("C01").power->on = false; });
  at(120s, [this] { guards.clear(); });
  run(150s);
  EXPECT_TRUE(shelf_is_on());
}

TEST_F(FedWriteTest, ALeakThatIsReadWaitsForNoWrite) {
  write("C02");
  at(20s, [this] { place("C01").detectors->put("LeakDetector_0", "Critical"); });
  at(40s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(60s);
}

TEST_F(FedWriteTest, ALeakThatIsReadElsewhereDoesNotWaitBehindOneThatDoes) {
  write("C02");
  place("S01").power->obeys = false;
  at(20s, [this] { place("C01").detectors->refuses = kSilent; });
  at(60s, [this] {
    EXPECT_TRUE(shelf_is_on());
    place("S01").detectors->put("LeakDetector_0", "Critical");
  });
  at(80s, [this] { EXPECT_FALSE(shelf_is_on()); });
  run(100s);
}

}  // namespace
}  // namespace kiln
