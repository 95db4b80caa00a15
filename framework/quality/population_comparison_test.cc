#include "quality/population_comparison.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

Event event_of(const std::string& dut, EventBody body) {
  Event event;
  event.sequence = 1;
  event.dut = dut;
  event.step = dut.empty() ? "" : "soak/load";
  event.body = std::move(body);
  return event;
}

Population good_racks() {
  Population population;
  population.id = "P-7";
  population.file = "P-7.yaml";
  population.sha256 = "ee";
  population.key = {"gb300-nvl72", "l11", "1.4.0", "aa", "gb300 revision 3", "bb"};
  population.racks = 40;
  population.rows = {{"gpu.power.mean", "W", Role::compute_tray, 11, "GPU_0", 40, 1355, 5}};
  return population;
}

PopulationComparer run_with(double watts, const std::string& product = "gb300-nvl72") {
  RunBegun run;
  run.rack = "R9";
  run.product = product;
  run.recipe = "l11";
  run.recipe_version = "1.4.0";
  run.recipe_sha256 = "aa";
  run.firmware_baseline = "gb300 revision 3";
  run.firmware_baseline_sha256 = "bb";
  DutPlanned planned;
  planned.role = Role::compute_tray;
  planned.slot = 11;
  Measured measured;
  measured.name = "gpu.power.mean";
  measured.kind = ComponentKind::gpu;
  measured.part = "GPU_0";
  measured.value = watts;
  measured.unit = "W";
  measured.outcome = Outcome::pass;
  PopulationComparer comparer("R-9");
  comparer.add(event_of("", run));
  comparer.add(event_of("C01", planned));
  comparer.add(event_of("C01", measured));
  return comparer;
}

TEST(PopulationComparisonTest, WhatStandsApartIsNamedWithWhatIsUsual) {
  const auto comparison = run_with(1200).compare(good_racks());
  ASSERT_TRUE(comparison) << comparison.error().sentence();
  EXPECT_EQ(comparison->given.racks, 40);
  ASSERT_EQ(comparison->comparisons.size(), 1U);
  EXPECT_EQ(comparison->comparisons[0].population, "P-7");
  ASSERT_EQ(comparison->odd(), 1U);
  const OddOne& odd = comparison->comparisons[0].odd.front();
  EXPECT_EQ(odd.dut + " " + odd.part, "C01 GPU_0");
  EXPECT_DOUBLE_EQ(odd.usual, 1355);
  EXPECT_DOUBLE_EQ(odd.distance, 31) << "(1355 - 1200) / 5";
}

TEST(PopulationComparisonTest, WhatIsUsualIsCounted) {
  const auto comparison = run_with(1352).compare(good_racks());
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->odd(), 0U);
  ASSERT_EQ(comparison->comparisons.size(), 1U);
  EXPECT_EQ(comparison->comparisons[0].n, 1U);
}

TEST(PopulationComparisonTest, AnotherKindOfRunIsRefused) {
  const auto other = run_with(1352, "hgx-b200").compare(good_racks());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "population.product");
  const auto none = PopulationComparer("R-1").compare(good_racks());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "run.not_begun");
}

}  // namespace
}  // namespace kiln
