// Decision rules near a limit: what is printed is what judges, and an uncertainty never makes more good.
#include "model/guard_band.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "model/limit_bounds.h"
#include "model/measurement.h"

namespace kiln {
namespace {

Limit hot(DecisionRule rule) {
  Limit limit;
  limit.name = "gpu.temperature.max";
  limit.unit = "Cel";
  limit.max = 85;
  limit.uncertainty = expanded_uncertainty(2, 1);
  limit.decision_rule = rule;
  return limit;
}

int quality_of(Outcome outcome) {
  return outcome == Outcome::pass ? 2 : outcome == Outcome::marginal ? 1 : 0;
}

TEST(ExpandedUncertainty, IsThatOfTheGuideRoundedUpToTwoDigits) {
  EXPECT_EQ(expanded_uncertainty(2, 1), 2.4) << "u = 1.19";
  EXPECT_EQ(expanded_uncertainty(1, 0), 1.2) << "2 / sqrt 3 = 1.155";
  EXPECT_EQ(expanded_uncertainty(0, 1), 0.58) << "2 / sqrt 12 = 0.577";
  EXPECT_EQ(expanded_uncertainty(std::sqrt(3.0) * 12, 0), 24) << "a whole number of steps stays";
  EXPECT_EQ(expanded_uncertainty(0.02, 0.001), 0.024) << "u = 0.01155";
  EXPECT_EQ(expanded_uncertainty(0, 0), 0);
  EXPECT_EQ(expanded_uncertainty(std::numeric_limits<double>::quiet_NaN(), 1), 0);
}

TEST(GuardBand, BinaryAcceptsOnlyInsideTheAcceptanceLimit) {
  const Limit limit = hot(DecisionRule::binary);
  EXPECT_EQ(limit.text(), "≤ 85 Cel (binary, U = 2.4 Cel, accepted ≤ 82.6 Cel)");
  EXPECT_EQ(judge(limit, 82.6, "Cel").outcome, Outcome::pass) << "what is printed is what judges";
  EXPECT_EQ(judge(limit, std::int64_t{82}, "Cel").outcome, Outcome::pass);
  const Judgement near = judge(limit, 83.0, "Cel");
  EXPECT_EQ(near.outcome, Outcome::fail);
  EXPECT_EQ(near.reason,
            "83 Cel is within the limit, but nearer to it than its uncertainty: " + limit.text());
  EXPECT_LT(near.margin_percent.value(), 0) << "the margin is to the bound that decides";
  EXPECT_EQ(judge(limit, 86.0, "Cel").reason, "86 Cel is above the limit " + limit.text());
}

TEST(GuardBand, FourStatesArePassMarginalAndTwoKindsOfFail) {
  const Limit limit = hot(DecisionRule::four_state);
  EXPECT_EQ(limit.text(), "≤ 85 Cel (four-state, U = 2.4 Cel, pass ≤ 82.6 Cel)");
  EXPECT_EQ(judge(limit, 82.6, "Cel").outcome, Outcome::pass);
  const Judgement conditional = judge(limit, 85.0, "Cel");
  EXPECT_EQ(conditional.outcome, Outcome::marginal);
  EXPECT_NE(conditional.reason.find("(conditional pass)"), std::string::npos);
  const Judgement near = judge(limit, 87.4, "Cel");
  EXPECT_EQ(near.outcome, Outcome::fail);
  EXPECT_NE(near.reason.find("within the uncertainty of the limit (conditional fail)"), std::string::npos);
  const Judgement far = judge(limit, 87.5, "Cel");
  EXPECT_EQ(far.outcome, Outcome::fail);
  EXPECT_EQ(far.reason, "87.5 Cel is above the limit " + limit.text());
}

TEST(GuardBand, SimpleAcceptanceTellsTheUncertaintyAndChangesNothing) {
  Limit limit = hot(DecisionRule::simple);
  EXPECT_EQ(limit.text(), "≤ 85 Cel (simple, U = 2.4 Cel)");
  limit.decision_rule.reset();
  EXPECT_EQ(limit.text(), "≤ 85 Cel (simple, U = 2.4 Cel)");
  EXPECT_EQ(judge(limit, 85.0, "Cel").outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, 85.1, "Cel").outcome, Outcome::fail);
  limit.uncertainty.reset();
  EXPECT_EQ(limit.text(), "≤ 85 Cel") << "a row without one prints as ever";
}

TEST(GuardBand, WhatIsNoReadingAndAnotherUnitNeverPass) {
  for (const DecisionRule rule : {DecisionRule::simple, DecisionRule::binary, DecisionRule::four_state}) {
    const Limit limit = hot(rule);
    for (const double odd :
         {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
          -std::numeric_limits<double>::infinity()})
      EXPECT_EQ(judge(limit, odd, "Cel").outcome, Outcome::fail);
    EXPECT_EQ(judge(limit, 300.0, "K").outcome, Outcome::fail);
    EXPECT_EQ(judge(limit, 20.0, "").outcome, Outcome::fail);
    EXPECT_EQ(judge(limit, std::monostate{}, "Cel").outcome, Outcome::unset);
    EXPECT_EQ(judge(limit, std::string("N/A"), "Cel").outcome, Outcome::unset);
  }
}

/// Over many rows and values: no decision rule and no wider uncertainty accepts what a stricter reading of
/// the row refuses, what the text says is what judged, and inside both limits by U everything is a pass.
TEST(GuardBand, AnUncertaintyNeverMakesMoreGood) {
  for (unsigned seed = 1; seed <= 20'000; ++seed) {
    std::mt19937 random(seed);
    const auto between = [&random](double low, double high) {
      return std::uniform_real_distribution<double>(low, high)(random);
    };
    Limit plain;
    plain.unit = "Cel";
    const int ends = std::uniform_int_distribution<int>(1, 3)(random);
    if ((ends & 1) != 0) plain.max = between(50, 100);
    if ((ends & 2) != 0) plain.min = between(-20, 40);
    if (plain.max && between(0, 1) < 0.3) plain.marginal = *plain.max - between(0, 5);
    Limit guarded = plain;
    guarded.uncertainty = between(0.001, 5);
    const double value = between(-30, 110);
    const auto outcome_by = [&](DecisionRule rule) {
      guarded.decision_rule = rule;
      const Judgement judged = judge(guarded, value, "Cel");
      const LimitBounds bounds = bounds_of(guarded.text());
      const bool inside = (!bounds.min || value >= *bounds.min) && (!bounds.max || value <= *bounds.max);
      const bool marginal = (bounds.marginal && value > *bounds.marginal) ||
                            (bounds.marginal_min && value < *bounds.marginal_min);
      EXPECT_EQ(judged.outcome, !inside    ? Outcome::fail
                                : marginal ? Outcome::marginal
                                           : Outcome::pass)
          << "seed " << seed << ' ' << value << ' ' << guarded.text();
      return quality_of(judged.outcome);
    };
    const int without = quality_of(judge(plain, value, "Cel").outcome);
    const int simple = outcome_by(DecisionRule::simple);
    const int four = outcome_by(DecisionRule::four_state);
    const int binary = outcome_by(DecisionRule::binary);
    ASSERT_EQ(simple, without) << "seed " << seed;
    ASSERT_LE(four, simple) << "seed " << seed;
    ASSERT_LE(binary, four) << "seed " << seed;
    guarded.uncertainty = *guarded.uncertainty * 1.5;
    ASSERT_LE(outcome_by(DecisionRule::binary), binary) << "seed " << seed << ": a wider one accepts no more";
    const bool far_inside = (!plain.max || value <= *plain.max - *guarded.uncertainty) &&
                            (!plain.min || value >= *plain.min + *guarded.uncertainty);
    if (far_inside) {
      ASSERT_GT(binary, 0) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace kiln
