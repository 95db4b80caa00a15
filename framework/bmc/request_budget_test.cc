#include "bmc/request_budget.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

constexpr std::int64_t kOneSecond = 1'000'000'000;

TEST(RequestBudget, IsNotBoundBeforeTheBmcSaysSo) {
  RequestBudget budget;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(budget.next_ns(5), 5);
    budget.sent(5);
  }
  EXPECT_FALSE(budget.rate());
}

TEST(RequestBudget, HalvesWhatWasAskedAndGrowsAgain) {
  RequestBudget budget;
  std::int64_t now = kOneSecond;
  for (int i = 0; i < 40; ++i) budget.sent(now += kOneSecond / 40);
  budget.refused(now, std::nullopt);
  ASSERT_TRUE(budget.rate());
  EXPECT_NEAR(*budget.rate(), 20, 1);
  EXPECT_EQ(budget.next_ns(now), now + kOneSecond) << "first the pause";
  now += kOneSecond;
  budget.sent(now);
  EXPECT_NEAR(static_cast<double>(budget.next_ns(now) - now), 1e9 / 20, 5e6);
  now += 11 * kOneSecond;
  EXPECT_EQ(budget.next_ns(now), now);
  EXPECT_NEAR(*budget.rate(), 22, 1.1);
  for (int i = 0; i < 40; ++i) budget.next_ns(now += 11 * kOneSecond);
  EXPECT_FALSE(budget.rate()) << "a rate that is never refused is no bound";
}

TEST(RequestBudget, WhoAsksAndLeavesCostsNobodyAnything) {
  RequestBudget budget;
  budget.sent(0);
  budget.refused(1, std::nullopt);
  const std::int64_t next = budget.next_ns(2);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(budget.next_ns(2), next);
}

TEST(RequestBudget, OneBurstIsRefusedOnce) {
  RequestBudget budget;
  for (int i = 0; i < 16; ++i) budget.sent(kOneSecond);
  for (int i = 0; i < 16; ++i) budget.refused(kOneSecond + i, std::nullopt);
  EXPECT_NEAR(*budget.rate(), 8, 0.1);
}

TEST(RequestBudget, RetryAfterIsKept) {
  RequestBudget budget;
  budget.sent(0);
  budget.refused(1, Nanoseconds(7 * kOneSecond));
  EXPECT_EQ(budget.next_ns(2), 7 * kOneSecond + 1);
}

TEST(RequestBudget, NeverFallsBelowOneASecondAndPausesLongerEachTime) {
  RequestBudget budget;
  std::int64_t now = 0, last_pause = 0;
  for (int i = 0; i < 5; ++i) {
    budget.refused(now, std::nullopt);
    const std::int64_t pause = budget.next_ns(now) - now;
    EXPECT_GE(pause, last_pause);
    EXPECT_LE(pause, 15 * kOneSecond);
    last_pause = pause;
    now += pause;
  }
  EXPECT_GE(*budget.rate(), 1.0);
  EXPECT_EQ(last_pause, 15 * kOneSecond);
}

TEST(CircuitBreaker, OpensAfterFiveAndTriesOnceASecond) {
  CircuitBreaker breaker;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(breaker.next_ns(i), i);
    breaker.unanswered(i);
  }
  EXPECT_TRUE(breaker.open());
  EXPECT_EQ(breaker.next_ns(100), 4 + kOneSecond);
  breaker.tried(4 + kOneSecond);
  EXPECT_EQ(breaker.next_ns(4 + kOneSecond + 1), 4 + 2 * kOneSecond) << "one at a time";
  breaker.answered();
  EXPECT_EQ(breaker.next_ns(100), 100);
  for (int i = 0; i < 4; ++i) breaker.unanswered(0);
  EXPECT_FALSE(breaker.open()) << "only failures in a row count";
}

}  // namespace
}  // namespace kiln
