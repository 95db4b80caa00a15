#include "model/counter_rise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln {
namespace {

using testing::HasSubstr;

TEST(CounterRise, WhatWasCountedBeforeTheWatchIsNoRise) {
  CounterRise counter;
  counter.take(1000, 1);
  counter.take(1000, 2);
  EXPECT_EQ(counter.answer(2).rise, 0);
  counter.take(1003, 3);
  counter.take(1003, 4);
  EXPECT_EQ(counter.answer(4).rise, 3);
}

TEST(CounterRise, OneReadingOrNoneProvesNothing) {
  CounterRise counter;
  EXPECT_FALSE(counter.answer(3).rise);
  EXPECT_FALSE(counter.was_read());
  counter.take(0, 1);
  EXPECT_FALSE(counter.answer(1).rise);
  EXPECT_THAT(counter.answer(1).why_not, HasSubstr("only once"));
}

TEST(CounterRise, AResetHidesWhatCameBeforeButNotWhatWasSeen) {
  CounterRise counter;
  counter.take(7, 1);
  counter.take(0, 2);
  EXPECT_FALSE(counter.answer(2).rise);
  EXPECT_THAT(counter.answer(2).why_not, HasSubstr("fell from 7 to 0"));
  counter.take(2, 3);
  EXPECT_EQ(counter.answer(3).rise, 2);
}

TEST(CounterRise, ACounterThatWasGoneAtTheEndIsNotFreeOfErrors) {
  CounterRise counter;
  counter.take(5, 1);
  counter.take(5, 2);
  EXPECT_FALSE(counter.answer(3).rise) << "the last look did not have it, or failed";
  EXPECT_THAT(counter.answer(3).why_not, HasSubstr("look 2 of 3"));
}

TEST(CounterRise, ARiseStaysSeenAlsoWhenTheEndWasNot) {
  CounterRise counter;
  counter.take(5, 1);
  counter.take(6, 2);
  EXPECT_EQ(counter.answer(9).rise, 1);
  EXPECT_THAT(counter.answer(9).why_not, HasSubstr("look 2 of 9")) << "it may have risen further";
}

TEST(CounterRise, WhatRisesUnderADisturbanceIsNobodys) {
  CounterRise counter;
  counter.take(5, 1);
  counter.take(6, 2);
  counter.take_disturbed(9, 3, "S01 was switched off");
  EXPECT_EQ(counter.answer(3).rise, 1);
  EXPECT_EQ(counter.answer(3).why_not, "it rose by 3 when S01 was switched off");
  counter.take(11, 4);
  EXPECT_EQ(counter.answer(4).rise, 3) << "what is seen afterwards is the hardware's again";
  EXPECT_EQ(counter.answer(4).why_not, "");
}

TEST(CounterRise, ADisturbanceUnderWhichNothingRoseLosesNothing) {
  CounterRise counter;
  counter.take(5, 1);
  counter.take_disturbed(5, 2, "S01 was switched off");
  EXPECT_EQ(counter.answer(2).rise, 0);
  EXPECT_EQ(counter.answer(2).why_not, "");
  counter.take_disturbed(0, 3, "it was restarted");
  counter.take(0, 4);
  EXPECT_EQ(counter.answer(4).rise, 0) << "a restart of ours explains why it fell";
  EXPECT_EQ(counter.answer(4).why_not, "");
}

}  // namespace
}  // namespace kiln
