#include "windows.h"

#include <gtest/gtest.h>

namespace kiln::nvlink {
namespace {

constexpr std::int64_t kMinute = 60'000'000'000;

/// A link that is read once a minute, from minute 0.
struct WindowsTest : testing::Test {
  WindowsTest() {
    rule.slack = Nanoseconds(kMinute / 2);
    rule.least = 3;
    read();
  }
  void read(std::int64_t more_symbols = 0, const std::string& disturbed = {}) {
    symbols += more_symbols;
    windows.take(rule, now, {{"symbol", symbols}, {"recovery", 7}}, disturbed);
    now += kMinute;
  }
  void minutes(int count, std::int64_t more_symbols) {
    for (int i = 0; i < count; ++i) read(more_symbols);
  }
  LinkWindows::Answer answer() { return windows.answer(rule); }

  WindowRule rule;
  LinkWindows windows;
  std::int64_t now = 0, symbols = 100;
};

TEST_F(WindowsTest, OldErrorsThatDoNotRiseAreGoodWindows) {
  minutes(40, 0);
  EXPECT_EQ(answer().share, 0);
  EXPECT_FALSE(answer().short_of_truth);
}

TEST_F(WindowsTest, AFewErrorsInMostWindowsAreFoundWhereManyInOneAreNot) {
  minutes(1, 5000);
  minutes(29, 0);
  EXPECT_LT(*answer().share, 0.1) << "one burst";
  WindowsTest_OldErrorsThatDoNotRiseAreGoodWindows_Test low;
  low.minutes(30, 1);
  EXPECT_EQ(low.answer().share, 1) << "thirty symbols in all";
}

TEST_F(WindowsTest, TheWorstStretchCountsHoweverLongTheRunGoesOn) {
  minutes(20, 1);
  minutes(1000, 0);
  EXPECT_NEAR(*answer().share, 20.0 / 30, 1e-9);
}

TEST_F(WindowsTest, FifteenOfThirtyAreStillAllowedAndSixteenAreNot) {
  for (int i = 0; i < 15; ++i) {
    read(1);
    read(0);
  }
  EXPECT_EQ(answer().share, 0.5);
  read(1);
  read(1);
  EXPECT_GT(*answer().share, 0.5);
}

TEST_F(WindowsTest, FewerThanTheLeastSayNothing) {
  minutes(2, 1);
  EXPECT_FALSE(answer().share);
  EXPECT_NE(answer().why.find("2 whole windows of 60 s"), std::string::npos) << answer().why;
}

TEST_F(WindowsTest, AWindowInWhichACounterFellHasNoValueAndIsNotGood) {
  minutes(4, 0);
  windows.take(rule, now, {{"symbol", 0}, {"recovery", 7}}, "");
  EXPECT_EQ(windows.without_value(), 1);
  EXPECT_TRUE(answer().short_of_truth);
  EXPECT_NE(answer().why.find("symbol counter fell from 100 to 0"), std::string::npos) << answer().why;
}

TEST_F(WindowsTest, AClockThatRunsBackVoidsTheWindowAndSaysSo) {
  minutes(4, 0);
  now -= 3 * kMinute;
  read(0);
  EXPECT_EQ(windows.without_value(), 1);
  EXPECT_NE(answer().why.find("the clock ran back by 120 s"), std::string::npos) << answer().why;
  minutes(30, 0);
  EXPECT_EQ(answer().share, 0);
  EXPECT_FALSE(answer().short_of_truth) << "one of many";
}

TEST_F(WindowsTest, ASilenceLosesAsManyWindowsAsItLasted) {
  minutes(5, 0);
  windows.unread("the BMC did not answer");
  now += 9 * kMinute;
  read(0);
  EXPECT_EQ(windows.without_value(), 10);
  EXPECT_TRUE(answer().short_of_truth);
  EXPECT_NE(answer().why.find("the BMC did not answer"), std::string::npos) << answer().why;
}

TEST_F(WindowsTest, ReadingsFarApartAreNoWindowEvenWhenNobodySawAFailure) {
  now += 5 * kMinute;
  read(0);
  minutes(3, 0);
  EXPECT_EQ(windows.without_value(), 6);
}

TEST_F(WindowsTest, ACounterThatIsNoLongerReadLeavesItsWindowsWithoutValue) {
  minutes(3, 0);
  for (int i = 0; i < 4; ++i, now += kMinute) windows.take(rule, now, {{"symbol", symbols}}, "");
  EXPECT_NE(answer().why.find("recovery counter was not read"), std::string::npos) << answer().why;
}

TEST_F(WindowsTest, WhatThisRunDisturbedIsNobodysAndNoLoss) {
  minutes(3, 0);
  read(50, "this run switched S01");
  read(50, "this run switched S01");
  minutes(3, 0);
  EXPECT_EQ(answer().share, 0);
  EXPECT_FALSE(answer().short_of_truth);
  EXPECT_EQ(windows.without_value(), 1);
}

TEST_F(WindowsTest, WhatIsCutShortAtTheEndIsCountedAndNotGood) {
  minutes(3, 0);
  windows.finish(rule, now - kMinute + kMinute / 3);
  EXPECT_EQ(windows.without_value(), 1);
  EXPECT_EQ(answer().share, 0);
}

TEST_F(WindowsTest, WhatWasReadAtTheEndIsNoLossHoweverLateTheEndIsTold) {
  minutes(3, 0);
  windows.finish(rule, now);
  EXPECT_EQ(windows.without_value(), 1);
  EXPECT_FALSE(answer().short_of_truth);
}

TEST_F(WindowsTest, ALinkThatIsUnreadAtTheEndLosesItsLastWindows) {
  minutes(3, 0);
  windows.unread("the BMC did not list the link");
  windows.finish(rule, now + 3 * kMinute);
  EXPECT_EQ(windows.without_value(), 4);
  EXPECT_TRUE(answer().short_of_truth);
}

TEST_F(WindowsTest, AllowedSymbolsAreOfAWindowAndOfNothingElse) {
  rule.allowed_symbols = 2;
  minutes(5, 2);
  EXPECT_EQ(answer().share, 0);
  minutes(5, 3);
  EXPECT_EQ(answer().share, 0.5);
  windows.take(rule, now, {{"symbol", symbols}, {"recovery", 8}}, "");
  EXPECT_GT(*answer().share, 0.5);
}

}  // namespace
}  // namespace kiln::nvlink
