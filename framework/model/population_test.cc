#include "model/population.h"

#include <gtest/gtest.h>

#include <functional>

#include "model/robust_statistics.h"

namespace kiln {
namespace {

RunBegun good_run(int rack) {
  RunBegun run;
  run.rack = "R" + std::to_string(rack);
  run.product = "gb300-nvl72";
  run.recipe = "l11";
  run.recipe_version = "1.4.0";
  run.recipe_sha256 = "aa";
  run.purpose = "burn-in";
  run.firmware_baseline = "gb300 revision 3";
  run.firmware_baseline_sha256 = "bb";
  return run;
}

/// A run of one tray with two GPUs, judged good unless `change` makes something else of it.
std::string add_run(PopulationBuilder& builder, int rack, double watts,
                    const std::function<void(RunBegun&, Measured&, DutPlanned&)>& change = {}) {
  RunBegun run = good_run(rack);
  DutPlanned planned;
  planned.role = Role::compute_tray;
  planned.slot = 11;
  planned.serial = "SN" + std::to_string(rack);
  Measured measured;
  measured.name = "gpu.power.mean";
  measured.kind = ComponentKind::gpu;
  measured.part = "GPU_0";
  measured.value = watts;
  measured.unit = "W";
  measured.outcome = Outcome::pass;
  if (change) change(run, measured, planned);
  CellPlanned cell;
  cell.cell = {"soak/load", "C01", "gpu.power.mean", ComponentKind::gpu, "GPU_0"};
  RunEnded ended;
  ended.status = "complete";
  std::int64_t sequence = 0;
  builder.begin_run();
  const auto add = [&](const std::string& dut, const std::string& step, EventBody body) {
    Event event;
    event.sequence = ++sequence;
    event.dut = dut;
    event.step = step;
    event.body = std::move(body);
    builder.add(event);
  };
  add("", "", run);
  add("C01", "", planned);
  add("C01", "soak/load", cell);
  add("C01", "soak/load", StepBegun{});
  add("C01", "soak/load", measured);
  add("C01", "soak/load", StepEnded{});
  add("", "", ended);
  return builder.end_run();
}

TEST(Population, ThirtyUnitsMakeARowAndTwentyNineDoNot) {
  PopulationBuilder builder("gb300-nvl72", "l11");
  for (int rack = 1; rack <= 29; ++rack) EXPECT_EQ(add_run(builder, rack, 1340.0 + rack), "");
  const Result<Population> few = builder.finish("P", "now");
  ASSERT_FALSE(few);
  EXPECT_EQ(few.error().code, "population.too_few");
  EXPECT_NE(few.error().message.find("29 units: 30 are needed"), std::string::npos) << few.error().message;
  EXPECT_EQ(builder.too_few(), 1U);
  EXPECT_EQ(add_run(builder, 30, 1370.0), "");
  const Result<Population> enough = builder.finish("P", "now");
  ASSERT_TRUE(enough);
  ASSERT_EQ(enough->rows.size(), 1U);
  EXPECT_EQ(enough->rows[0].n, 30);
  EXPECT_DOUBLE_EQ(enough->rows[0].median, 1355.5);
  EXPECT_DOUBLE_EQ(enough->rows[0].sigma,
                   kMadToSigma * 7.5);  // 0.5 … 14.5: the middle two are 7 and 8, of pairs
  EXPECT_EQ(enough->rows[0].slot, 11);
  EXPECT_EQ(enough->key.firmware_sha256, "bb");
}

TEST(Population, AUnitCountsOnceWithItsNewestValue) {
  PopulationBuilder builder("gb300-nvl72", "l11@1.4.0");
  for (int again = 0; again < 40; ++again) EXPECT_EQ(add_run(builder, 1, 1340.0 + again), "");
  const Result<Population> population = builder.finish("P", "now");
  ASSERT_FALSE(population);
  EXPECT_NE(population.error().message.find("more than 1 units"), std::string::npos)
      << population.error().message;
}

TEST(Population, WhatDoesNotCountSaysWhy) {
  PopulationBuilder builder("gb300-nvl72", "l11@1.4.0");
  ASSERT_EQ(add_run(builder, 1, 1340), "");
  using Change = std::function<void(RunBegun&, Measured&, DutPlanned&)>;
  const std::vector<std::pair<Change, std::string>> cases = {
      {[](RunBegun& run, Measured&, DutPlanned&) { run.simulated = true; }, "its rack is simulated"},
      {[](RunBegun& run, Measured&, DutPlanned&) { run.product = "hgx-b200"; }, "product hgx-b200"},
      {[](RunBegun& run, Measured&, DutPlanned&) { run.recipe = "l10"; }, "recipe l10"},
      {[](RunBegun& run, Measured&, DutPlanned&) { run.recipe_version = "1.3.0"; }, "recipe revision 1.3.0"},
      {[](RunBegun& run, Measured&, DutPlanned&) { run.overridden["soak"] = "1h"; }, "set by hand: soak"},
      {[](RunBegun& run, Measured&, DutPlanned&) { run.firmware_baseline_sha256.clear(); },
       "its rack names no firmware baseline"},
      {[](RunBegun& run, Measured&, DutPlanned&) { run.purpose = "survey"; }, "it ended without a decision"},
      {[](RunBegun&, Measured& measured, DutPlanned&) { measured.outcome = Outcome::fail; },
       "it ended NO-GO"},
      {[](RunBegun&, Measured& measured, DutPlanned&) { measured.outcome = Outcome::unset; },
       "it ended INCOMPLETE"},
  };
  for (const auto& [change, why] : cases) EXPECT_EQ(add_run(builder, 2, 1340, change), why);
  EXPECT_NE(add_run(builder, 2, 1340, [](RunBegun& run, Measured&, DutPlanned&) { run.recipe_sha256 = "ac"; })
                .find("another revision or text"),
            std::string::npos);
  EXPECT_NE(add_run(builder, 2, 1340,
                    [](RunBegun& run, Measured&, DutPlanned&) { run.firmware_baseline_sha256 = "bc"; })
                .find("firmware gb300 revision 3"),
            std::string::npos);
  EXPECT_EQ(builder.runs(), 1);
}

TEST(Population, NoRunAtAllIsRefused) {
  const PopulationBuilder builder("gb300-nvl72", "l11");
  const Result<Population> population = builder.finish("P", "now");
  ASSERT_FALSE(population);
  EXPECT_EQ(population.error().code, "population.empty");
}

Population known() {
  Population population;
  population.id = "P";
  population.file = "/site/P.yaml";
  population.sha256 = "cc";
  population.racks = 40;
  population.key = {"gb300-nvl72", "l11", "1.4.0", "aa", "gb300 revision 3", "bb"};
  population.rows = {{"gpu.power.mean", "W", Role::compute_tray, 11, "GPU_0", 40, 1350, 8},
                     {"gpu.power.mean", "W", Role::compute_tray, 12, "GPU_0", 40, 1350, 8}};
  return population;
}

TEST(Population, ARackGetsTheRowsOfItsPlaces) {
  const Result<PopulationGiven> given = population_for(known(), good_run(1), {{Role::compute_tray, 12}});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->id, "P");
  EXPECT_EQ(given->sha256, "cc");
  EXPECT_EQ(given->racks, 40);
  ASSERT_EQ(given->rows.size(), 1U);
  EXPECT_EQ(given->rows[0].slot, 12);
}

TEST(Population, ARackOfAnotherKindIsRefusedByFileAndField) {
  const auto refusal = [](const std::function<void(RunBegun&)>& change, int slot = 11) {
    RunBegun run = good_run(1);
    change(run);
    const Result<PopulationGiven> given = population_for(known(), run, {{Role::compute_tray, slot}});
    EXPECT_FALSE(given);
    if (given) return std::string();
    EXPECT_NE(given.error().message.find("/site/P.yaml"), std::string::npos) << given.error().message;
    return given.error().code + " " + given.error().message;
  };
  const auto says = [](const std::string& text, const std::string& words) {
    EXPECT_NE(text.find(words), std::string::npos) << text;
  };
  says(refusal([](RunBegun& run) { run.product = "gb200-nvl72"; }),
       "population.product /site/P.yaml: field 'product' is 'gb300-nvl72', this run has 'gb200-nvl72'");
  says(refusal([](RunBegun& run) { run.recipe = "l10"; }),
       "population.recipe /site/P.yaml: field 'recipe.name'");
  says(refusal([](RunBegun& run) { run.recipe_version = "2"; }), "field 'recipe.version'");
  says(refusal([](RunBegun& run) { run.recipe_sha256 = "x"; }), "field 'recipe.sha256'");
  says(refusal([](RunBegun& run) { run.firmware_baseline = run.firmware_baseline_sha256 = ""; }),
       "field 'firmware.baseline' is 'gb300 revision 3, SHA-256 bb', this run has 'none'");
  says(refusal([](RunBegun& run) { run.overridden["soak"] = "1h"; }), "'soak' is set by hand");
  says(refusal([](RunBegun& run) { run.simulated = true; }), "population.simulated");
  says(refusal([](RunBegun&) {}, 30), "field 'rows' has no place of this rack");
}

}  // namespace
}  // namespace kiln
