// The warden's own watch under virtual time: when it cuts, what, in which order, and what it tells.
#include "safety/interlock_watch_for_test.h"

namespace kiln {
namespace {

TEST_F(InterlockWatchTest, DryTraysAreReadyAndLeftAlone) {
  run(60s);
  EXPECT_EQ(ready,
            (std::map<std::string, bool>{{"C01", true}, {"C02", true}, {"CDU01", true}, {"S01", true}}));
  EXPECT_TRUE(trips.empty());
  EXPECT_TRUE(off().empty());
  EXPECT_GE(place("C01").detectors->reads, 60) << "at least once a second";
}

TEST_F(InterlockWatchTest, ALeakCutsItsTrayWithinOnePoll) {
  load("C01");
  load("C02");
  at(10300ms, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  run(30s);
  EXPECT_EQ(off(), Names{"C01"});
  EXPECT_LE(place("C01").power->off_ns - start, 10 * kSecondOfWatch + 300 * kMillisecond + kSecondOfWatch);
  ASSERT_EQ(trips.size(), 1U) << "once, however often it is read";
  EXPECT_EQ(trips[0].code, "leak.detected");
  EXPECT_EQ(trips[0].part, "LeakDetector_1");
  EXPECT_EQ(reaches[0], Names{"C01"});
  EXPECT_FALSE(ready["C01"]);
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_GT(cuts[0].off_confirmed_ns, 0);
  EXPECT_GT(cuts[0].load_stopped_ns, 0);
  EXPECT_TRUE(cuts[0].problem.empty());
}

TEST_F(InterlockWatchTest, AHostThatHangsDoesNotHoldTheCutUp) {
  load("C01");
  place("C01").shell.answer("pkill -TERM -x gpu_burn", ShellAnswer::never());
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  run(30s);
  EXPECT_EQ(off(), Names{"C01"});
  EXPECT_LE(place("C01").power->off_ns - start, 11 * kSecondOfWatch);
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_EQ(cuts[0].load_stopped_ns, cuts[0].off_confirmed_ns) << "nothing runs without power";
}

TEST_F(InterlockWatchTest, TwoLeakingTraysConcernTheRack) {
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  at(20s, [this] { place("C02").detectors->put("LeakDetector_0", "Warning"); });
  run(30s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "S01"}));
  ASSERT_EQ(trips.size(), 2U);
  EXPECT_EQ(reaches[1], (Names{"C02", "S01"})) << "C01 is cut already; the CDU and the shelf serve";
}

TEST_F(InterlockWatchTest, ALeakOfTheCduConcernsEveryTray) {
  at(10s, [this] { place("CDU01").detectors->put("LeakDetector_0", "Critical"); });
  run(30s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "S01"}));
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_TRUE(place("CDU01").power->on) << "pumps go on";
}

TEST_F(InterlockWatchTest, SilenceBeyondTheGraceIsCutAndNotCalledALeak) {
  at(10s, [this] { place("C01").detectors->refuses = Error("http.connect", "no connection"); });
  run(30s);
  EXPECT_EQ(off(), Names{"C01"});
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  EXPECT_FALSE(trips[0].read);
  EXPECT_GE(place("C01").power->off_ns - start, 14 * kSecondOfWatch);
  EXPECT_LE(place("C01").power->off_ns - start, 16 * kSecondOfWatch);
  EXPECT_NE(trips[0].message.find("no connection"), std::string::npos);
}

TEST_F(InterlockWatchTest, ABmcThatHangsIsSilence) {
  at(10s, [this] { place("C01").detectors->takes = 1h; });
  run(30s);
  EXPECT_EQ(off(), Names{"C01"});
  EXPECT_LE(place("C01").power->off_ns - start, 17 * kSecondOfWatch);
}

TEST_F(InterlockWatchTest, AShortSilenceIsSurvived) {
  at(10s, [this] { place("C01").detectors->refuses = Error("http.connect", "no connection"); });
  at(13s, [this] { place("C01").detectors->refuses.reset(); });
  run(30s);
  EXPECT_TRUE(off().empty());
  EXPECT_TRUE(ready["C01"]);
}

TEST_F(InterlockWatchTest, AFaultThatIsOverBeforeTheNextLookWasStillSeen) {
  place("C01").detectors->put("LeakDetector_1", "Unavailable");
  at(500ms, [this] { place("C01").detectors->put("LeakDetector_1"); });
  run(10s);
  EXPECT_TRUE(ready["C01"]);
  EXPECT_EQ(words["C01"], "LeakDetector_1 fault leak_detector.fault");
}

TEST_F(InterlockWatchTest, ADetectorThatIsNotThereAtTheStartPermitsNothingAndCutsNothing) {
  std::erase_if(place("C01").detectors->looks,
                [](const DetectorLook& look) { return look.id == "LeakDetector_1"; });
  run(30s);
  EXPECT_FALSE(ready["C01"]);
  EXPECT_EQ(whys["C01"], "C01: leak detector LeakDetector_1 is not in the BMC's list of 1 detectors");
  EXPECT_EQ(words["C01"], "LeakDetector_1 absent leak_detector.absent");
  EXPECT_TRUE(off().empty());
}

TEST_F(InterlockWatchTest, ATrayThatDoesNotGoOffTakesThePowerShelfWithIt) {
  place("C01").power->obeys = false;
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  at(40s, [this] { place("C01").power->obeys = true; });  // the shelf is off now
  run(60s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "P01", "S01"}));
  EXPECT_GE(place("P01").power->off_ns - start, 20 * kSecondOfWatch)
      << "only what does not read back Off escalates";
  EXPECT_LE(place("P01").power->off_ns - start, 22 * kSecondOfWatch);
  ASSERT_EQ(trips.size(), 2U);
  EXPECT_EQ(trips[1].code, "interlock.escalated");
  EXPECT_EQ(trips[1].dut, "C01");
  const auto last =
      std::find_if(cuts.rbegin(), cuts.rend(), [](const CutReport& cut) { return cut.dut == "C01"; });
  ASSERT_NE(last, cuts.rend());
  EXPECT_GT(last->off_confirmed_ns - start, 39 * kSecondOfWatch) << "asked until it read back Off";
}

TEST_F(InterlockWatchTest, ABmcThatSpeaksFirstIsNotPolledFirst) {
  load("C01");
  at(10300ms, [this] { place("C01").stream->wet("LeakDetector_1"); });
  run(20s);
  EXPECT_EQ(off(), Names{"C01"});
  EXPECT_EQ(place("C01").power->off_ns - start, 10 * kSecondOfWatch + 300 * kMillisecond) << "at once";
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].part, "LeakDetector_1");
  EXPECT_EQ(trips[0].code, "leak.detected");
}

TEST_F(InterlockWatchTest, WhatItSaysAboutADetectorIsLookedAtAtOnce) {
  at(10300ms, [this] {
    place("C01").detectors->put("LeakDetector_1", "Critical");
    LeakEvent event;
    event.detector = "LeakDetector_1";
    place("C01").stream->say(event);
  });
  run(20s);
  EXPECT_EQ(off(), Names{"C01"});
  EXPECT_EQ(place("C01").power->off_ns - start, 10 * kSecondOfWatch + 300 * kMillisecond);
}

TEST_F(InterlockWatchTest, AStreamThatEndsIsOpenedAnewAndPollingGoesOnMeanwhile) {
  for (int second = 5; second < 15; ++second) at(second * 1s, [this] { place("C01").stream->end(); });
  at(20s, [this] { place("C02").stream->end(); });
  at(20100ms, [this] { place("C02").detectors->put("LeakDetector_0", "Critical"); });
  run(60s);
  EXPECT_GE(place("C01").stream->listened, 3);
  EXPECT_EQ(off(), Names{"C02"});
  EXPECT_LE(place("C02").power->off_ns - start, 21 * kSecondOfWatch + 100 * kMillisecond);
}

TEST_F(InterlockWatchTest, ABmcWithoutStreamIsNotAskedForOneAgain) {
  place("C01").stream->refuses = Error("warden.no_events", "none");
  place("C02").stream->refuses = Error("http.connect", "no connection");
  run(300s);
  EXPECT_EQ(place("C01").stream->listened, 1);
  EXPECT_GE(place("C02").stream->listened, 8);
  EXPECT_LE(place("C02").stream->listened, 20) << "not in a hurry";
}

using Isolations = std::vector<std::pair<bool, bool>>;

TEST_F(InterlockWatchTest, ALeakOfOneTrayIsNoMatterOfTheBuildings) {
  rules.tray_leak_cuts_rack = true;
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  run(60s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "S01"}));
  EXPECT_TRUE(isolations.empty());
  EXPECT_EQ(tray_leaks, 1);
}

TEST_F(InterlockWatchTest, ALeakOfTwoTraysIsolatesTheRackAfterItsCutHasBegun) {
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  at(20s, [this] { place("C02").detectors->put("LeakDetector_0", "Critical"); });
  run(60s);
  EXPECT_EQ(isolations, (Isolations{{true, true}}));
  EXPECT_EQ(isolation_whys[0], trips[1].message);
  EXPECT_TRUE(was_cutting[0]);
  EXPECT_LE(isolated_ns[0], place("S01").power->off_ns) << "and does not wait for it";
}

TEST_F(InterlockWatchTest, ALeakOfTheCduIsolatesTheRack) {
  at(10s, [this] { place("CDU01").detectors->put("LeakDetector_0", "Critical"); });
  run(60s);
  EXPECT_EQ(isolations, (Isolations{{true, true}}));
  EXPECT_EQ(tray_leaks, 0);
}

TEST_F(InterlockWatchTest, ALeakThatTheBuildingReadsCutsEveryTrayAndIsolatesTheRack) {
  at(10s, [this] {
    Trip leak;
    leak.cause = "leak";
    leak.code = "leak.detected";
    leak.dut = "R01";
    the_watch->trip(leak, false);
  });
  run(30s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "S01"}));
  EXPECT_EQ(reaches[0], (Names{"C01", "C02", "S01"})) << "the rack has no power of its own";
  EXPECT_EQ(isolations, (Isolations{{true, true}}));
}

TEST_F(InterlockWatchTest, WhatWasNotReadIsolatesNothing) {
  at(10s, [this] { place("CDU01").detectors->refuses = Error("http.connect", "no connection"); });
  run(60s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "S01"}));
  EXPECT_TRUE(isolations.empty());
}

TEST_F(InterlockWatchTest, RulesWithoutThatRungAskNobody) {
  rules.cut_reaches_building = false;
  at(10s, [this] { place("CDU01").detectors->put("LeakDetector_0", "Critical"); });
  run(30s);
  EXPECT_TRUE(isolations.empty());
}

TEST_F(InterlockWatchTest, ShelvesThatStayOnAreIsolatedFromOutside) {
  place("C01").power->obeys = false;
  place("P01").power->obeys = false;
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  at(60s, [this] { place("C01").power->obeys = place("P01").power->obeys = true; });
  run(90s);
  EXPECT_EQ(isolations, (Isolations{{false, true}}));
  EXPECT_GE(isolated_ns[0] - start, 30 * kSecondOfWatch) << "10 s for the tray, 10 s for the shelf";
  EXPECT_LE(isolated_ns[0] - start, 32 * kSecondOfWatch);
  EXPECT_NE(isolation_whys[0].find("power shelf P01"), std::string::npos) << isolation_whys[0];
}

TEST_F(InterlockWatchTest, ShelvesThatGoOffAreTheLastRungNeeded) {
  place("C01").power->obeys = false;
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  at(60s, [this] { place("C01").power->obeys = true; });
  run(90s);
  EXPECT_TRUE(isolations.empty());
}

TEST_F(InterlockWatchTest, ARackWithoutShelvesGoesToTheBuildingInstead) {
  places.erase("P01");
  place("C01").power->obeys = false;
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  at(40s, [this] { place("C01").power->obeys = true; });
  run(60s);
  EXPECT_EQ(isolations, (Isolations{{false, true}}));
}

TEST_F(InterlockWatchTest, APersonsStopIsolatesNothingAlsoWhenPowerStaysOn) {
  place("C01").power->obeys = false;
  place("P01").power->obeys = false;
  at(10s, [this] {
    Trip wish;
    wish.cause = "emergency-stop";
    wish.code = "interlock.emergency-stop";
    wish.read = false;
    the_watch->trip(wish, true);
  });
  at(60s, [this] { place("C01").power->obeys = place("P01").power->obeys = true; });
  run(90s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "P01", "S01"}));
  EXPECT_TRUE(isolations.empty());
}

TEST_F(InterlockWatchTest, APersonsStopCutsEverything) {
  at(10s, [this] {
    Trip wish;
    wish.cause = "emergency-stop";
    wish.code = "interlock.emergency-stop";
    the_watch->trip(wish, true);
  });
  run(20s);
  EXPECT_EQ(off(), (Names{"C01", "C02", "S01"}));
}

TEST_F(InterlockWatchTest, WhatWasBegunIsFinishedBeforeItEnds) {
  place("C01").power->takes = 3s;
  at(10s, [this] { place("C01").detectors->put("LeakDetector_1", "Critical"); });
  run(11s);
  EXPECT_EQ(off(), Names{"C01"});
}

}  // namespace
}  // namespace kiln
