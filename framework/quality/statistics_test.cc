// Every figure against one that was published or reckoned by hand; the source stands beside it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "quality/capability.h"
#include "quality/control_chart.h"
#include "quality/intervals.h"
#include "quality/time_to_failure.h"

namespace kiln {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// NIST e-Handbook 6.3.2.2: flow rates of ten batches.
const std::vector<double> kFlowRates{49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1};

std::vector<double> normal_values(std::size_t n, double mean, double sigma, unsigned seed) {
  std::mt19937_64 source(seed);
  std::normal_distribution<double> draw(mean, sigma);
  std::vector<double> values(n);
  for (double& value : values) value = draw(source);
  return values;
}

TEST(Intervals, WilsonIsAsPublished) {
  // Wilson (1927); 18 of 18: n/(n+z²) = 18/21.8415 by hand.
  const auto all = wilson_interval(18, 18);
  ASSERT_TRUE(all);
  EXPECT_NEAR(all->low, 0.8241, 5e-5);
  EXPECT_EQ(all->high, 1.0);
  const auto most = wilson_interval(190, 200);
  ASSERT_TRUE(most);
  EXPECT_NEAR(most->low, 0.910, 5e-4);
  EXPECT_NEAR(most->high, 0.973, 5e-4);
  const auto none = wilson_interval(0, 18);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->low, 0.0);
  EXPECT_NEAR(none->high, 1 - 0.8241, 5e-5) << "it is the mirror of 18 of 18";
  EXPECT_FALSE(wilson_interval(0, 0));
  EXPECT_FALSE(wilson_interval(3, 2));
  EXPECT_FALSE(wilson_interval(-1, 2));
}

TEST(Intervals, NoFailureIsNoProof) {
  // R = (1-C)^(1/n): 1 - 0.1^(1/72) = 0.03147; ln 0.1 / ln 0.999 = 2301.4.
  EXPECT_NEAR(*failure_bound(0, 72), 0.03147, 5e-6);
  EXPECT_NEAR(*failure_bound(0, 72), 1 - std::pow(0.1, 1.0 / 72), 1e-12);
  EXPECT_EQ(success_run_size(0.999), 2302);
  EXPECT_EQ(success_run_size(0.9), 22);  // ln 0.1 / ln 0.9 = 21.85
  // Clopper and Pearson, by bisection of the binomial sum.
  EXPECT_NEAR(*failure_bound(3, 10), 0.551731, 1e-6);
  EXPECT_NEAR(*failure_bound(10, 200), 0.075990, 1e-6);
  EXPECT_EQ(failure_bound(4, 4), 1.0);
  EXPECT_FALSE(failure_bound(0, 0));
  EXPECT_FALSE(success_run_size(1.0));
  EXPECT_FALSE(success_run_size(0.0));
  EXPECT_FALSE(success_run_size(kNan));
}

TEST(ControlChart, IsTheExampleOfTheHandbook) {
  // NIST e-Handbook 6.3.2.2: center 50.81, mean moving range 1.8778, limits 45.8159 and 55.8041; no point is
  // out.
  const ControlChart chart = control_chart(kFlowRates);
  ASSERT_TRUE(chart.drawn());
  EXPECT_NEAR(chart.mean, 50.81, 1e-9);
  EXPECT_NEAR(chart.mean_range, 1.8778, 5e-5);
  EXPECT_NEAR(chart.upper, 55.8041, 5e-5);
  EXPECT_NEAR(chart.lower, 45.8159, 5e-5);
  EXPECT_NEAR(chart.range_upper, 3.267 * 16.9 / 9, 1e-9);
  EXPECT_EQ(chart.beyond, 0U);
  EXPECT_TRUE(chart.steady);
  EXPECT_TRUE(chart.provisional);
}

TEST(ControlChart, MarksWhatIsOutAndRunsOfEightNotOfSeven) {
  std::vector<double> values = normal_values(60, 100, 1, 5);
  values[30] = 120;
  const ControlChart out = control_chart(values);
  EXPECT_EQ(out.signals[30], ChartSignal::beyond_limit);
  EXPECT_FALSE(out.steady);
  EXPECT_NE(out.unsteady_because.find("standard deviations from the mean"), std::string::npos);

  const auto chart_of_run = [](int length) {
    std::vector<double> alternating;
    for (int at = 0; at < 12; ++at) alternating.push_back(at % 2 == 0 ? 9 : 11);
    for (int at = 0; at < length; ++at) alternating.push_back(11);
    for (int at = 0; at < length; ++at) alternating.push_back(9);  // so that the mean stays at 10
    for (int at = 0; at < 12; ++at) alternating.push_back(at % 2 == 0 ? 9 : 11);
    return control_chart(alternating);
  };
  EXPECT_EQ(chart_of_run(6).runs, 0U) << "one 11 before them makes seven";
  EXPECT_EQ(chart_of_run(7).runs, 2U) << "eight on each side";
}

TEST(ControlChart, AStepIsNotSteady) {
  std::vector<double> values = normal_values(60, 100, 1, 11);
  for (std::size_t at = 30; at < values.size(); ++at) values[at] += 2.5;
  EXPECT_FALSE(control_chart(values).steady);
}

TEST(ControlChart, ASteadyProcessIsSeldomCalledUnsteady) {
  for (const std::size_t n : {30U, 100U, 300U}) {
    int unsteady = 0;
    for (unsigned seed = 0; seed < 400; ++seed) {
      if (!control_chart(normal_values(n, 85, 2, 1000 * static_cast<unsigned>(n) + seed)).steady) ++unsteady;
    }
    RecordProperty("unsteady_of_400_at_" + std::to_string(n), unsteady);
    EXPECT_LT(unsteady, 24) << n;  // 6 %; three looks at 1 % each, with limits known from n values only
  }
}

TEST(ControlChart, HasNoNumberWhereThereIsNone) {
  EXPECT_EQ(control_chart({}).why_not, "no unit has a value");
  EXPECT_FALSE(control_chart({1.0}).drawn());
  EXPECT_NE(control_chart({5, 5, 5}).why_not.find("the same"), std::string::npos);
  EXPECT_FALSE(control_chart({1, kNan}).drawn());
  EXPECT_FALSE(control_chart({1, kInfinite}).drawn());
  const double most = std::numeric_limits<double>::max();
  const ControlChart large = control_chart({most, -most, most});
  EXPECT_FALSE(large.drawn());
  EXPECT_TRUE(std::isfinite(large.mean) && std::isfinite(large.upper));
}

TEST(Capability, AndersonDarlingIsAsReckonedByHand) {
  // By the formula of D'Agostino and Stephens (1986), in Python with statistics.NormalDist.
  EXPECT_NEAR(*anderson_darling(kFlowRates), 0.3345817, 1e-6);
  std::vector<double> exponential;
  for (int at = 1; at <= 50; ++at) exponential.push_back(-std::log(1 - (at - 0.5) / 50));
  EXPECT_NEAR(*anderson_darling(exponential), 2.3169556, 1e-6);
  EXPECT_GT(*anderson_darling(exponential), kNormalAt5Percent);
  EXPECT_FALSE(anderson_darling({1, 2, 3}));
  EXPECT_FALSE(anderson_darling(std::vector<double>(20, 7.0)));
}

TEST(Capability, NormalValuesAreCalledNormalNineteenTimesOfTwenty) {
  int refused = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    if (*anderson_darling(normal_values(60, 0, 1, seed)) > kNormalAt5Percent) ++refused;
  }
  EXPECT_GT(refused, 25);  // the critical value is that of 5 %
  EXPECT_LT(refused, 75);
}

TEST(Capability, PercentileIsTheExampleOfTheHandbook) {
  // NIST e-Handbook 7.2.6.2: 90th percentile of twelve gauge readings, 95.1981.
  const std::vector<double> readings{95.1772, 95.1567, 95.1937, 95.1959, 95.1442, 95.0610,
                                     95.1591, 95.1195, 95.1065, 95.0925, 95.1990, 95.1682};
  EXPECT_NEAR(*percentile_of(readings, 0.9), 95.1981, 5e-5);
  EXPECT_FALSE(percentile_of(readings, 0.99865)) << "twelve values have none";
  EXPECT_TRUE(percentile_of(std::vector<double>(kLeastForPercentiles, 1.0), 0.99865));
  EXPECT_FALSE(percentile_of(std::vector<double>(kLeastForPercentiles - 1, 1.0), 0.99865));
  EXPECT_FALSE(percentile_of({}, 0.5));
}

/// So many values, alternating about the mean by a pattern whose moving range and deviation are known.
std::vector<double> known_values(std::size_t n) {
  std::vector<double> values = normal_values(n, 16, 2, 3);
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(n);
  double square = 0;
  for (const double value : values) square += (value - mean) * (value - mean);
  const double deviation = std::sqrt(square / (static_cast<double>(n) - 1));
  for (double& value : values) value = 16 + 2 * (value - mean) / deviation;
  return values;
}

TEST(Capability, IsTheExampleOfTheHandbook) {
  // NIST e-Handbook 6.1.6: limits 8 and 20, mean 16, deviation 2: 0.6667 on the nearer side. It reckons with
  // the overall deviation, which is our Ppk.
  const Capability about = capability(known_values(100), 8.0, 20.0, {});
  ASSERT_EQ(about.why_not, "");
  EXPECT_NEAR(about.mean, 16, 1e-9);
  EXPECT_NEAR(about.sigma_overall, 2, 1e-9);
  ASSERT_TRUE(about.normal && about.steady) << *about.anderson_darling << about.cpk.why_not;
  EXPECT_NEAR(*about.ppk.value, 2.0 / 3, 1e-9);
  EXPECT_NEAR(*about.cpk.value, 4 / (3 * about.sigma_within), 1e-12);
  EXPECT_NEAR(*about.cp.value, 12 / (6 * about.sigma_within), 1e-12);
  EXPECT_FALSE(about.weak);
}

TEST(Capability, IntervalIsThatOfBissell) {
  // C ± z √(1/9n + C²/2(n-1)), 1.33: n = 30 [0.97, 1.69], 100 [1.13, 1.53], 300 [1.22, 1.44]. The upper limit
  // is laid so that Ppk is 1.33.
  const struct {
    std::size_t n;
    double low, high;
  } kCases[]{{30, 0.97, 1.69}, {100, 1.13, 1.53}, {300, 1.22, 1.44}};
  for (const auto& one : kCases) {
    const Capability about = capability(known_values(one.n), {}, 16 + 1.33 * 6, {});
    ASSERT_TRUE(about.ppk.value) << one.n << about.why_not << about.ppk.why_not;
    EXPECT_NEAR(*about.ppk.value, 1.33, 1e-9);
    EXPECT_NEAR(about.ppk.interval->low, one.low, 0.005) << one.n;
    EXPECT_NEAR(about.ppk.interval->high, one.high, 0.005) << one.n;
    EXPECT_EQ(about.cp.why_not, "it has one limit only");
  }
}

TEST(Capability, SaysWhyNot) {
  const std::vector<double> good = known_values(100);
  const auto why = [](const Capability& about) {
    EXPECT_FALSE(about.cp.value || about.cpk.value || about.ppk.value);
    return about.why_not;
  };
  EXPECT_NE(why(capability(known_values(29), 8.0, 20.0, {})).find("29 units have a value"),
            std::string::npos);
  EXPECT_NE(why(capability({}, 8.0, 20.0, {})).find("fewer than 30"), std::string::npos);
  EXPECT_NE(why(capability(good, {}, {}, {})).find("no range of numbers"), std::string::npos);
  CapabilityMeaning meaning;
  meaning.counter = true;
  EXPECT_NE(why(capability(good, 8.0, 20.0, meaning)).find("count"), std::string::npos);
  meaning = {};
  meaning.regulated = true;
  EXPECT_NE(why(capability(good, 8.0, 20.0, meaning)).find("control loop"), std::string::npos);
  meaning = {};
  meaning.mixed = {"firmware", "limits"};
  EXPECT_NE(why(capability(good, 8.0, 20.0, meaning)).find("firmware and limits"), std::string::npos);
  meaning = {};
  meaning.firmware_unknown = true;
  EXPECT_NE(why(capability(good, 8.0, 20.0, meaning)).find("which firmware"), std::string::npos);
  std::vector<double> held = good;
  for (std::size_t at = 0; at < 25; ++at) held[4 * at] = 24;  // line rate
  EXPECT_NE(why(capability(held, 8.0, 20.0, {})).find("25 of 100 values are 24, the largest"),
            std::string::npos);
  EXPECT_NE(why(capability(std::vector<double>(50, 3.0), 1.0, 5.0, {})).find("the same"), std::string::npos);
  std::vector<double> broken = good;
  broken[7] = kNan;
  EXPECT_NE(why(capability(broken, 8.0, 20.0, {})).find("no finite number"), std::string::npos);
}

TEST(Capability, FewUnitsAreWeakAndAnUnsteadyProcessHasNoCpk) {
  EXPECT_TRUE(capability(known_values(30), 8.0, 24.0, {}).weak);
  EXPECT_TRUE(capability(known_values(49), 8.0, 24.0, {}).weak);
  EXPECT_FALSE(capability(known_values(50), 8.0, 24.0, {}).weak);
  std::vector<double> step = normal_values(100, 16, 1, 2);
  for (std::size_t at = 0; at < step.size(); ++at) step[at] += at < 50 ? -1 : 1;
  const Capability about = capability(step, 8.0, 24.0, {});
  EXPECT_FALSE(about.cpk.value);
  EXPECT_NE(about.cpk.why_not.find("not steady"), std::string::npos);
  EXPECT_FALSE(about.cp.value);
}

TEST(Capability, WhatIsNotNormalTakesThePercentileFormOrNone) {
  std::mt19937_64 source(9);
  std::exponential_distribution<double> draw(1);
  std::vector<double> values;
  for (int at = 0; at < 100; ++at) values.push_back(draw(source));
  const Capability few = capability(values, {}, 12.0, {});
  EXPECT_FALSE(few.ppk.value);
  EXPECT_NE(few.ppk.why_not.find("740 are needed"), std::string::npos);
  while (values.size() < 2000) values.push_back(draw(source));
  const Capability many = capability(values, {}, 12.0, {});
  ASSERT_TRUE(many.ppk.value) << many.why_not << many.ppk.why_not;
  EXPECT_FALSE(many.ppk.interval);
  // Of the distribution itself: (12 - ln 2) / (-ln 0.00135 - ln 2) = 1.91.
  EXPECT_NEAR(*many.ppk.value, 1.91, 0.4);
  EXPECT_FALSE(many.cpk.value);
}

TEST(TimeToFailure, IsThePublishedExample) {
  // Remission of 21 patients under 6-MP (Freireich et al., Blood 21, 1963), Nelson-Aalen as in Klein and
  // Moeschberger, Survival Analysis, example 4.1: 0.1428, 0.2017, 0.2683, 0.3517, 0.4426, 0.5854, 0.7521.
  std::vector<UnitLife> lives{{6, true},   {6, true},   {6, true},   {6, false}, {7, true},   {9, false},
                              {10, true},  {10, false}, {11, false}, {13, true}, {16, true},  {17, false},
                              {19, false}, {20, false}, {22, true},  {23, true}, {25, false}, {32, false},
                              {32, false}, {34, false}, {35, false}};
  const TimeToFailure times = time_to_failure(lives);
  EXPECT_EQ(times.units, 21U);
  EXPECT_EQ(times.failed, 9);
  EXPECT_EQ(times.bin_hours, 2);
  const auto at = [&times](double to) {
    for (const HazardBin& bin : times.bins) {
      if (bin.to == to) return bin;
    }
    return HazardBin();
  };
  EXPECT_NEAR(at(6).cumulative, 3.0 / 21, 1e-12);
  EXPECT_NEAR(at(6).deviation, std::sqrt(3.0) / 21, 1e-12);
  EXPECT_NEAR(at(8).cumulative, 0.2017, 5e-5);
  EXPECT_NEAR(at(10).cumulative, 0.2683, 5e-5);
  EXPECT_NEAR(at(14).cumulative, 0.3517, 5e-5);
  EXPECT_NEAR(at(16).cumulative, 0.4426, 5e-5);
  EXPECT_NEAR(at(22).cumulative, 0.5854, 5e-5);
  EXPECT_NEAR(at(24).cumulative, 0.7521, 5e-5);
  EXPECT_EQ(at(8).watched, 17) << "21 without the four that left at hour 6";
  double hours = 0;
  for (const HazardBin& bin : times.bins) hours += bin.unit_hours;
  EXPECT_NEAR(hours, 359, 1e-9) << "the sum of all 21 times";
  std::reverse(lives.begin(), lives.end());
  EXPECT_EQ(time_to_failure(lives).sentences, times.sentences);
}

TEST(TimeToFailure, SaysHowMuchItDoesNotKnow) {
  EXPECT_EQ(time_to_failure({}).why_not, "no unit carried load on record");
  EXPECT_EQ(time_to_failure({{0, false}, {-1, true}, {kNan, true}, {kInfinite, false}}).units, 0U);
  const TimeToFailure none = time_to_failure(std::vector<UnitLife>(72, {24, false}));
  EXPECT_NE(none.sentences.front().find("0 of 72 units failed under load: too few"), std::string::npos);
  // Beyond hour 12 all 72 were watched and none failed: 1 - 0.1^(1/72) = 3.1 %.
  EXPECT_NE(none.sentences.at(2).find("Between hour 12 and hour 24"), std::string::npos)
      << none.sentences.at(2);
  EXPECT_NE(none.sentences.at(2).find("0 of 0 failures, among 72 units watched all that time: at most 3.1 %"),
            std::string::npos)
      << none.sentences.at(2);
  EXPECT_NE(none.sentences.back().find("later than hour 24 nobody has watched"), std::string::npos);
}

TEST(TimeToFailure, OneLongSoakPromisesNothingForAllAndWhoLeftEarlyNeither) {
  // 60 units left at hour 13, 100 soaked for 24 hours, one for 72.
  std::vector<UnitLife> lives(60, {13, false});
  lives.insert(lives.end(), 100, {24, false});
  lives.push_back({72, false});
  const TimeToFailure times = time_to_failure(lives);
  EXPECT_EQ(times.soak, 24);
  EXPECT_EQ(times.longest, 72);
  // 101 were watched from hour 12 to hour 24: 1 - 0.1^(1/101) = 2.25 %.
  EXPECT_NE(times.sentences.at(2).find("among 101 units watched all that time: at most 2.3 %"),
            std::string::npos)
      << times.sentences.at(2);
  EXPECT_NE(times.sentences.back().find("later than hour 72 nobody"), std::string::npos);
}

}  // namespace
}  // namespace kiln
