#include "model/off_reading.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(OffReading, WithoutAnOnUnderWayTheFirstOffCounts) {
  OffReading reading(false);
  EXPECT_FALSE(reading.believed());
  reading.see(true, 7);
  EXPECT_TRUE(reading.believed());
  EXPECT_EQ(reading.off_since_ns(), 7);
  EXPECT_EQ(reading.sentence(), "read back Off");
}

TEST(OffReading, AnOnThatMayComeMakesOffWait) {
  OffReading reading(true);
  reading.see(true, kSecond);
  EXPECT_FALSE(reading.believed());
  reading.see(true, kSecond + kOffSettles.count() - 1);
  EXPECT_FALSE(reading.believed());
  reading.see(true, kSecond + kOffSettles.count());
  EXPECT_TRUE(reading.believed());
  EXPECT_EQ(reading.off_since_ns(), kSecond) << "it was off all that time";
  EXPECT_EQ(reading.sentence(), "read back Off, and stayed so for 5s");
}

TEST(OffReading, WhatWasSeenOnNeedNotBeWaitedFor) {
  OffReading reading(true);
  reading.see(false, kSecond);
  reading.see(true, 2 * kSecond);
  EXPECT_TRUE(reading.believed());
  EXPECT_FALSE(reading.came_on_again());
  EXPECT_EQ(reading.sentence(), "read back Off");
}

TEST(OffReading, WhatComesOnAgainIsOffOnlySinceItWasOffAgain) {
  OffReading reading(true);
  reading.see(true, kSecond);
  reading.see(false, 2 * kSecond);
  EXPECT_FALSE(reading.believed());
  EXPECT_EQ(reading.off_since_ns(), 0);
  reading.see(true, 3 * kSecond);
  EXPECT_TRUE(reading.believed());
  EXPECT_EQ(reading.off_since_ns(), 3 * kSecond);
  EXPECT_TRUE(reading.came_on_again());
  EXPECT_EQ(reading.sentence(), "came on after it had read Off, was forced off again, and reads Off since");
}

TEST(OffReading, OnlyAnOnOfTheLastMinuteMayComeYet) {
  EXPECT_FALSE(on_may_come(0, 5 * kSecond)) << "nobody asked";
  EXPECT_TRUE(on_may_come(kSecond, 2 * kSecond));
  EXPECT_TRUE(on_may_come(9 * kSecond, 2 * kSecond)) << "a restart that has not begun to show";
  EXPECT_FALSE(on_may_come(kSecond, kSecond + kOnMayTake.count()));
}

}  // namespace
}  // namespace kiln
