#include "model/limit_bounds.h"

#include <gtest/gtest.h>

#include "model/measurement.h"

namespace kiln {
namespace {

/// Bounds survive being printed and read back, with every unit that could be taken for part of a number.
TEST(LimitBounds, WhatALimitPrintsIsReadBack) {
  const std::optional<double> none;
  const std::vector<std::optional<double>> lows{none, 0.0, -40.0, 0.85, 1260.0, 1.5e-7};
  const std::vector<std::optional<double>> highs{none, 0.0, 85.0, 0.036, 1e18, 123456.789};
  const std::vector<std::optional<double>> marks{none, 80.0, -1.25};
  int walked = 0;
  for (const char* unit : {"Cel", "1", "", "L/min/kW", "eV", "10*3/uL", "%", "K (marginal)"}) {
    for (const auto& low : lows) {
      for (const auto& high : highs) {
        for (const auto& below : marks) {
          for (const auto& above : marks) {
            Limit limit;
            limit.unit = unit;
            limit.min = low;
            limit.max = high;
            limit.marginal_min = below;
            limit.marginal = above;
            const LimitBounds bounds = bounds_of(limit.text());
            if (!low && !high) {
              EXPECT_TRUE(bounds.empty()) << limit.text();
              continue;
            }
            EXPECT_EQ(bounds.min, low) << limit.text();
            EXPECT_EQ(bounds.max, high) << limit.text();
            EXPECT_EQ(bounds.marginal_min, below) << limit.text();
            EXPECT_EQ(bounds.marginal, above) << limit.text();
            ++walked;
          }
        }
      }
    }
  }
  EXPECT_EQ(walked, 8 * (6 * 6 - 1) * 9);
}

TEST(LimitBounds, AGuardBandIsReadBackAsTheBoundsThatDecide) {
  Limit limit;
  limit.max = 85;
  limit.uncertainty = 2.4;
  for (const char* unit : {"Cel", "1", "K (marginal)"}) {
    limit.unit = unit;
    limit.marginal = 80;
    limit.decision_rule = DecisionRule::simple;
    EXPECT_EQ(bounds_of(limit.text()).max, 85) << limit.text();
    limit.decision_rule = DecisionRule::binary;
    EXPECT_EQ(bounds_of(limit.text()).max, 82.6) << limit.text();
    EXPECT_EQ(bounds_of(limit.text()).marginal, 80) << limit.text();
    limit.decision_rule = DecisionRule::four_state;
    EXPECT_EQ(bounds_of(limit.text()).max, 85) << limit.text();
    EXPECT_EQ(bounds_of(limit.text()).marginal, 80) << "the tighter of both";
    limit.marginal.reset();
    EXPECT_EQ(bounds_of(limit.text()).marginal, 82.6) << limit.text();
  }
  limit.min = 20;
  limit.decision_rule = DecisionRule::binary;
  EXPECT_EQ(bounds_of(limit.text()).min, 22.4) << limit.text();
  EXPECT_EQ(bounds_of(limit.text()).max, 82.6) << limit.text();
  limit.decision_rule = DecisionRule::four_state;
  EXPECT_EQ(bounds_of(limit.text()).marginal_min, 22.4) << limit.text();
  EXPECT_EQ(bounds_of("≤ 85 Cel (binary, U = x").max, 85) << "half a text";
}

TEST(LimitBounds, ARuleThatIsNoRangeHasNoBounds) {
  for (const char* text :
       {"", "= dry", "= 0", "= inventory", "one of LinkUp, Enabled", "version ≥ 1.2", "no rule", "≤", "≤ ",
        "≤ NaN Cel", "≤ infinity", "5", "5 …", "5 … x", "… 5", "is ≤ 5", "no rule (marginal above 3)"}) {
    EXPECT_TRUE(bounds_of(text).empty()) << text;
  }
}

}  // namespace
}  // namespace kiln
