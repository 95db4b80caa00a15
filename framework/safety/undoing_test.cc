#include "safety/undoing.h"

#include <gtest/gtest.h>

#include "model/off_reading.h"
#include "testing/fake_power_switch.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr std::int64_t kSecondOfUndo = 1'000'000'000;
constexpr int kGuard = 7;

/// One chassis that is to be forced off, ten seconds after the loop began.
struct UndoingTest : testing::Test {
  UndoingTest() {
    undo.number = kGuard;
    undo.undo = JournaledUndo(UndoKind::force_off, "C01", "force off C01");
    undo.opened_ns = begun - kSecondOfUndo / 10;
  }
  UndoResult run() {
    loop->run([this](Ctx& ctx) { return perform(ctx); });
    return results.at(kGuard);
  }
  awaitable<void> perform(Ctx& ctx) {
    const Status waited = co_await ctx.sleep_for(10s);
    (void)waited;
    UndoDoors doors;
    doors.power = &power_switch;
    std::vector<NumberedUndo> undos{undo};
    results = co_await undo_all(ctx, std::move(undos), std::move(doors));
    took = Nanoseconds(ctx.now().monotonic_ns - begun);
    const Status later = co_await ctx.sleep_for(30s);
    (void)later;
    const Result<bool> off = co_await power_switch.is_off(ctx);
    stays_off = off && *off;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t begun = loop->clock().now().monotonic_ns + 10 * kSecondOfUndo;
  std::shared_ptr<FakePower> power = std::make_shared<FakePower>();
  FakePowerSwitch power_switch{power};
  NumberedUndo undo;
  std::map<int, UndoResult> results;
  Nanoseconds took{0};
  bool stays_off = false;
};

TEST_F(UndoingTest, WhatHasBeenOnForLongIsNotWaitedFor) {
  undo.opened_ns = begun - kOnMayTake.count();
  const UndoResult result = run();
  EXPECT_EQ(result.how, GuardEnd::undone);
  EXPECT_EQ(result.message, "read back Off");
  EXPECT_EQ(result.at_ns, begun);
  EXPECT_EQ(took, 0s);
}

TEST_F(UndoingTest, AnOnUnderWayIsForcedOffWhenItComes) {
  power->on = false;
  power->comes_on_ns = begun + kSecondOfUndo;
  const UndoResult result = run();
  EXPECT_TRUE(stays_off) << "it came on after the first Off was read";
  EXPECT_EQ(result.how, GuardEnd::undone);
  EXPECT_NE(result.message.find("came on after it had read Off"), std::string::npos) << result.message;
  EXPECT_GE(result.at_ns, begun + kSecondOfUndo) << "what did not stay Off is not confirmed";
  EXPECT_LE(result.at_ns, begun + 2 * kSecondOfUndo);
  EXPECT_LE(took, 2s) << "it has come: nothing more is waited for";
}

TEST_F(UndoingTest, AYoungOneThatStaysOffIsConfirmedSinceItsFirstOff) {
  const UndoResult result = run();
  EXPECT_TRUE(stays_off);
  EXPECT_EQ(result.how, GuardEnd::undone);
  EXPECT_EQ(result.message, "read back Off, and stayed so for 5s");
  EXPECT_EQ(result.at_ns, begun);
  EXPECT_GE(took, kOffSettles);
  EXPECT_LE(took, kOffSettles + 200ms);
  EXPECT_EQ(power->asked_off, 1) << "what reads Off is only looked at";
}

TEST_F(UndoingTest, ItNeverTakesLongerThanItsBudget) {
  undo.undo.budget = 2s;
  const UndoResult result = run();
  EXPECT_EQ(result.how, GuardEnd::undone);
  EXPECT_EQ(result.message, "read back Off") << "how long it stayed so is not claimed";
  EXPECT_LE(took, 2s);
}

TEST_F(UndoingTest, AfterASleepOfItsOwnItLooksOnceMore) {
  undo.opened_ns = begun - kOnMayTake.count();
  power->sleeps = [this]() -> awaitable<void> {
    const Ctx nobodys(*loop, "asleep");
    const Status woken = co_await nobodys.sleep_for(5min);
    (void)woken;
  };
  const UndoResult result = run();
  EXPECT_EQ(result.how, GuardEnd::undone) << result.message;
  EXPECT_GE(took, 5min);
  EXPECT_LE(took, 5min + 1s);
}

TEST_F(UndoingTest, AfterASleepWhatDoesNotObeyHasASecondLookAndNoMore) {
  power->obeys = false;
  power->sleeps = [this]() -> awaitable<void> {
    const Ctx nobodys(*loop, "asleep");
    const Status woken = co_await nobodys.sleep_for(5min);
    (void)woken;
  };
  const UndoResult result = run();
  EXPECT_EQ(result.how, GuardEnd::failed);
  EXPECT_GE(took, 5min + 2s);
  EXPECT_LE(took, 5min + 4s) << "what comes next, the shelves, waits for it";
}

TEST_F(UndoingTest, WhatDoesNotObeyIsNotOff) {
  power->obeys = false;
  const UndoResult result = run();
  EXPECT_EQ(result.how, GuardEnd::failed);
  EXPECT_EQ(result.at_ns, 0);
}

}  // namespace
}  // namespace kiln
