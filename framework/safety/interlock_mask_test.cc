// A detector under its functional test: when it may be masked, what is judged meanwhile, and how it ends.
#include "safety/interlock_watch_for_test.h"

namespace kiln {
namespace {

struct MaskTest : InterlockWatchTest {
  MaskTest() {
    for (const auto& [id, one] : places) one->power->on = false;
  }
  void mask_at(Nanoseconds when, const std::string& dut, const std::string& part) {
    at(when, [this, dut, part] { the_watch->mask(dut, part); });
  }
  void unmask_at(Nanoseconds when) {
    at(when, [this] { the_watch->unmask("the test is over"); });
  }
  void wet_at(Nanoseconds when, const std::string& dut, const std::string& part,
              const char* state = "Critical") {
    at(when, [this, dut, part, state] { place(dut).detectors->put(part, state); });
  }
  /// Of the last mask: how it stands.
  MaskReport last() const { return masks.empty() ? MaskReport() : masks.back(); }
  std::string refusal() const {
    return last().state == MaskReport::State::refused ? last().why : "it was not refused: " + last().why;
  }
};

TEST_F(MaskTest, AWetDetectorThatIsMaskedCutsNothingAndIsSeen) {
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_0");
  wet_at(30s, "C01", "LeakDetector_0", "OK");
  unmask_at(40s);
  run(60s);
  EXPECT_TRUE(trips.empty());
  EXPECT_EQ(last().state, MaskReport::State::ended);
  EXPECT_EQ(last().why, "the test is over");
  EXPECT_NEAR(static_cast<double>(last().wet_ns - start), 20.5e9, 0.6e9);
  EXPECT_NEAR(static_cast<double>(last().dry_ns - start), 30.5e9, 0.6e9);
  EXPECT_EQ(last().word, "dry");
  EXPECT_TRUE(ready["C01"]) << "judged again, and dry";
}

TEST_F(MaskTest, OneThatIsAskedForBeforeTheFirstReadingWaitsForIt) {
  place("C01").detectors->takes = 900ms;
  mask_at(100ms, "C01", "LeakDetector_0");
  run(5s);
  EXPECT_EQ(last().state, MaskReport::State::on) << refusal();
}

TEST_F(MaskTest, OneThatIsNeverReadIsRefusedBySayingSo) {
  place("C01").detectors->takes = 1h;
  mask_at(100ms, "C01", "LeakDetector_0");
  at(9s, [this] { EXPECT_TRUE(masks.empty()); });
  run(14s);
  EXPECT_NE(refusal(), "");
  EXPECT_EQ(last().state, MaskReport::State::refused);
}

TEST_F(MaskTest, WhileItIsMaskedNothingMayBeEnergised) {
  mask_at(10s, "C01", "LeakDetector_0");
  run(20s);
  EXPECT_FALSE(ready["C01"]);
  EXPECT_EQ(whys["C01"], "C01: leak detector LeakDetector_0 is masked for its functional test");
  EXPECT_TRUE(ready["C02"]);
}

TEST_F(MaskTest, ItsNeighbourIsJudged) {
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_1");
  run(30s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].part, "LeakDetector_1");
  EXPECT_EQ(last().why, "C01: it is being cut");
}

TEST_F(MaskTest, TheSameDetectorOfAnotherTrayIsJudged) {
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C02", "LeakDetector_0");
  run(30s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].dut, "C02");
}

TEST_F(MaskTest, ItEndsByItselfAndOneThatIsStillWetIsALeak) {
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_0");
  at(125s, [this] { EXPECT_TRUE(trips.empty()); });
  run(140s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].part, "LeakDetector_0");
  EXPECT_EQ(last().why, "C01: 2m are over");
}

TEST_F(MaskTest, UnmaskedWhileWetItIsALeak) {
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_0");
  unmask_at(30s);
  run(40s);
  EXPECT_EQ(trips.size(), 1U);
}

TEST_F(MaskTest, AnAnswerFromBeforeTheEndMayStillTellOfTheTest) {
  place("C01").detectors->takes = 900ms;
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_0");
  // Asked at 30 s, answered at 30.9 s with what is so then.
  unmask_at(30s + 300ms);
  wet_at(30s + 950ms, "C01", "LeakDetector_0", "OK");
  run(40s);
  EXPECT_TRUE(trips.empty());
}

TEST_F(MaskTest, AnEventOfTheMaskedDetectorIsLeftToTheNextReading) {
  mask_at(10s, "C01", "LeakDetector_0");
  at(20s, [this] { place("C01").stream->wet("LeakDetector_0"); });
  run(30s);
  EXPECT_TRUE(trips.empty());
}

TEST_F(MaskTest, AnEventOfItsNeighbourCuts) {
  mask_at(10s, "C01", "LeakDetector_0");
  at(20s, [this] { place("C01").stream->wet("LeakDetector_1"); });
  run(30s);
  EXPECT_EQ(trips.size(), 1U);
}

TEST_F(MaskTest, AnEventThatNamesNoDetectorCuts) {
  mask_at(10s, "C01", "LeakDetector_0");
  at(20s, [this] { place("C01").stream->wet(""); });
  run(30s);
  EXPECT_EQ(trips.size(), 1U);
}

TEST_F(MaskTest, OnlyOneAtATime) {
  mask_at(10s, "C01", "LeakDetector_0");
  mask_at(12s, "C02", "LeakDetector_0");
  run(20s);
  EXPECT_NE(refusal().find("leak detector LeakDetector_0 of C01 is masked, and one at a time"),
            std::string::npos)
      << refusal();
}

TEST_F(MaskTest, ATrayThatIsOnIsRefused) {
  place("C01").power->on = true;
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_0");
  run(30s);
  ASSERT_FALSE(masks.empty());
  EXPECT_EQ(masks[0].why, "C01: it is on, and no detector is masked then");
  EXPECT_EQ(trips.size(), 1U) << "and what it says counts";
}

TEST_F(MaskTest, PowerThatCannotBeReadIsNotOff) {
  mask_at(10s, "C01", "LeakDetector_0");
  at(9s, [this] { place("C01").power->refuses = Error("http.connection", "no answer"); });
  run(20s);
  EXPECT_NE(refusal().find("whether it is off is not known (no answer)"), std::string::npos) << refusal();
}

TEST_F(MaskTest, WhatThisRunHasEnergisedIsRefused) {
  load("C01");
  mask_at(10s, "C01", "LeakDetector_0");
  run(20s);
  EXPECT_NE(refusal().find("has been energised by this run"), std::string::npos) << refusal();
}

TEST_F(MaskTest, ADetectorNobodyExpectsIsRefusedWithTheNearest) {
  mask_at(10s, "C01", "LeakDetector_O");
  run(20s);
  EXPECT_NE(refusal().find("did you mean 'LeakDetector_0'"), std::string::npos) << refusal();
}

TEST_F(MaskTest, ATrayWithAFaultyDetectorIsRefused) {
  place("C01").detectors->put("LeakDetector_1", "Unavailable");
  mask_at(10s, "C01", "LeakDetector_0");
  run(20s);
  EXPECT_NE(refusal().find("LeakDetector_1 cannot say dry"), std::string::npos) << refusal();
}

TEST_F(MaskTest, WhatIsAboutToBeEnergisedIsUnmasked) {
  mask_at(10s, "C01", "LeakDetector_0");
  wet_at(20s, "C01", "LeakDetector_0");
  at(30s, [this] {
    the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C02", "force off C02"));
    EXPECT_EQ(last().state, MaskReport::State::on) << "another tray is not its matter";
    the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C01", "force off C01"));
  });
  run(40s);
  EXPECT_EQ(trips.size(), 1U);
}

TEST_F(MaskTest, SwitchedOnByAnotherWayItIsUnmasked) {
  mask_at(10s, "C01", "LeakDetector_0");
  at(20s, [this] { place("C01").power->on = true; });
  run(30s);
  EXPECT_EQ(last().why, "C01: it was switched on");
}

TEST_F(MaskTest, ACdusDetectorNeedsTheWholeRackOff) {
  place("S01").power->on = true;
  mask_at(10s, "CDU01", "LeakDetector_0");
  at(19s, [this] {
    EXPECT_EQ(refusal(), "S01: it is on, and no detector is masked then");
    place("S01").power->on = false;
  });
  mask_at(20s, "CDU01", "LeakDetector_0");
  at(29s, [this] {
    EXPECT_EQ(last().state, MaskReport::State::on);
    the_watch->guard_opens(JournaledUndo(UndoKind::force_off, "C02", "force off C02"));
  });
  run(40s);
  EXPECT_EQ(last().why, "C02: it is about to be energised");
  EXPECT_TRUE(trips.empty());
}

TEST_F(MaskTest, AnEndThatComesWhileItIsBeingDecidedEndsThatToo) {
  place("C01").power->takes = 500ms;
  mask_at(10s, "C01", "LeakDetector_0");
  unmask_at(10s + 200ms);
  wet_at(20s, "C01", "LeakDetector_0");
  run(30s);
  EXPECT_EQ(refusal(), "C01: it is not wanted any more");
  EXPECT_EQ(trips.size(), 1U);
}

}  // namespace
}  // namespace kiln
