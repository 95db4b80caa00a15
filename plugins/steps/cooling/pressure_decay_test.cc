#include "pressure_decay.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace kiln::cooling {
namespace {

using namespace std::chrono_literals;

/// Ten minutes, a sample a second: `pressure` and `temperature` by the minute.
template <typename Pressure, typename Temperature>
std::vector<StaticSample> ten_minutes(Pressure pressure, Temperature temperature) {
  std::vector<StaticSample> samples;
  for (int second = 0; second <= 600; ++second) {
    const double minute = second / 60.0;
    samples.push_back(
        {Nanoseconds(std::chrono::seconds(second)).count(), pressure(minute), temperature(minute)});
  }
  return samples;
}

TEST(PressureDecay, ALeakIsItsSlope) {
  const auto held =
      ten_minutes([](double minute) { return 180 - 0.4 * minute; }, [](double) { return 25.0; });
  const Decay decay = decay_of(held, DecayRules());
  ASSERT_TRUE(decay.per_minute) << decay.why;
  EXPECT_NEAR(*decay.per_minute, 0.4, 1e-9);
  EXPECT_NEAR(decay.lowest, 176, 1e-9);
}

TEST(PressureDecay, ALoopThatCoolsLosesNothing) {
  // By hand: 200 kPa + 101.325 kPa at 298.15 K are 299.3 kPa at 296.15 K: 2 K colder, 2.02 kPa less.
  const auto temperature = [](double minute) { return 25 - 0.2 * minute; };
  const auto held =
      ten_minutes([&](double minute) { return 301.325 * (temperature(minute) + 273.15) / 298.15 - 101.325; },
                  temperature);
  EXPECT_NEAR(held.back().pressure, 197.98, 0.01);
  const Decay decay = decay_of(held, DecayRules());
  ASSERT_TRUE(decay.per_minute) << decay.why;
  EXPECT_NEAR(*decay.per_minute, 0, 1e-9);
  EXPECT_NEAR(decay.temperature_drift, 2, 1e-9);
}

TEST(PressureDecay, ALeakThatWarmthHidesIsFound) {
  const auto temperature = [](double minute) { return 25 + 0.2 * minute; };
  const auto held = ten_minutes(
      [&](double minute) {
        return (301.325 - 0.2 * minute) * (temperature(minute) + 273.15) / 298.15 - 101.325;
      },
      temperature);
  EXPECT_GT(held.back().pressure, held.front().pressure - 0.01) << "the gauge alone shows no loss";
  const Decay decay = decay_of(held, DecayRules());
  ASSERT_TRUE(decay.per_minute);
  EXPECT_NEAR(*decay.per_minute, 0.2, 0.001);
}

TEST(PressureDecay, TooMuchOfAChangeOfTemperatureTellsNothing) {
  const auto held = ten_minutes([](double) { return 180.0; }, [](double minute) { return 25 + minute; });
  const Decay decay = decay_of(held, DecayRules());
  EXPECT_FALSE(decay.per_minute);
  EXPECT_NE(decay.why.find("10.0 K"), std::string::npos) << decay.why;
}

TEST(PressureDecay, AGaugeThatIsTooNoisyTellsNothing) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 6);
  const auto held = ten_minutes([&](double) { return 180 + noise(random); }, [](double) { return 25.0; });
  const Decay decay = decay_of(held, DecayRules());
  EXPECT_FALSE(decay.per_minute);
  EXPECT_NE(decay.why.find("too noisy"), std::string::npos) << decay.why;
}

TEST(PressureDecay, TheStandardErrorIsThatOfTheTextbook) {
  // y = 1, 3, 2, 4 at x = 0, 1, 2, 3 min: slope 0.8, sum of squared rests 1.8, error sqrt(1.8 / 2 / 5).
  std::vector<StaticSample> samples;
  const double pressures[] = {1, 3, 2, 4};
  for (int minute = 0; minute < 4; ++minute)
    samples.push_back({Nanoseconds(std::chrono::minutes(minute)).count(), pressures[minute], 20});
  const auto slope = slope_of(samples);
  ASSERT_TRUE(slope);
  EXPECT_NEAR(slope->per_minute, 0.8, 1e-12);
  EXPECT_NEAR(slope->standard_error, std::sqrt(0.18), 1e-12);
}

TEST(PressureDecay, AClockThatRunsBackwardsTellsNothing) {
  auto held = ten_minutes([](double) { return 180.0; }, [](double) { return 25.0; });
  std::swap(held[100].at_ns, held[200].at_ns);
  const Decay decay = decay_of(held, DecayRules());
  EXPECT_FALSE(decay.per_minute);
  EXPECT_NE(decay.why.find("backwards"), std::string::npos) << decay.why;
}

TEST(PressureDecay, GaugesThatNeverMoveTellNothing) {
  const auto held = ten_minutes([](double) { return 180.0; }, [](double) { return 25.0; });
  const Decay decay = decay_of(held, DecayRules());
  EXPECT_FALSE(decay.per_minute);
  EXPECT_NE(decay.why.find("may stick"), std::string::npos) << decay.why;
}

TEST(PressureDecay, FewReadingsTellNothing) {
  EXPECT_FALSE(decay_of({}, DecayRules()).per_minute);
  EXPECT_FALSE(decay_of({{0, 180, 25}, {1000, 180, 25}}, DecayRules()).per_minute);
  EXPECT_FALSE(decay_of({{5, 180, 25}, {5, 180, 25}, {5, 180, 25}}, DecayRules()).per_minute) << "no time";
}

TEST(PressureDecay, WhatCreepsHasNotSettledAndALeakHas) {
  const auto flat = [](double) { return 25.0; };
  DecayRules rules;
  // Creep that dies away with a time constant of 2 min: 20 kPa / 2 min at first.
  auto creeping = ten_minutes([](double minute) { return 180 + 20 * std::exp(-minute / 2); }, flat);
  const std::vector<StaticSample> early(creeping.begin(), creeping.begin() + 150);
  EXPECT_EQ(has_settled(early, rules), false);
  EXPECT_EQ(has_settled(creeping, rules), true) << "after five time constants";
  const auto leaking = ten_minutes([](double minute) { return 180 - 3 * minute; }, flat);
  EXPECT_EQ(has_settled(leaking, rules), true) << "a leak must be judged, not waited for";
  EXPECT_EQ(has_settled({leaking.begin(), leaking.begin() + 100}, rules), std::nullopt)
      << "two windows are 120 s";
  EXPECT_EQ(has_settled({}, rules), std::nullopt);
}

}  // namespace
}  // namespace kiln::cooling
