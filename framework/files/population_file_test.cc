#include "files/population_file.h"

#include <gtest/gtest.h>

#include "files/problems_for_test.h"

namespace kiln {
namespace {

const std::string kHead =
    "population: P\n"
    "product: gb300-nvl72\n"
    "recipe: {name: l11, version: 1.4.0, sha256: aa}\n"
    "firmware: {baseline: gb300 revision 3, sha256: bb}\n"
    "racks: 41\n"
    "built: 2026-11-30T00:00:00Z\n"
    "rows:\n";

Parsed<Population> parse(const std::string& rows) { return parse_population(kHead + rows, "/site/P.yaml"); }

std::string first_problem(const std::string& rows) {
  const Parsed<Population> parsed = parse(rows);
  EXPECT_FALSE(parsed);
  return parsed.problems.empty() ? "" : parsed.problems.front().code + " " + parsed.problems.front().text();
}

void expect_says(const std::string& text, const std::string& words) {
  EXPECT_NE(text.find(words), std::string::npos) << text;
}

TEST(PopulationFile, WhatIsWrittenIsReadBack) {
  Population population;
  population.id = "P";
  population.racks = 41;
  population.built = "2026-11-30T00:00:00Z";
  population.key = {"gb300-nvl72", "l11: \"x\"", "1.4.0", "aa", "gb300 # no comment", "bb"};
  population.rows = {
      {"gpu.thermal_resistance", "K/W", Role::compute_tray, 11, "GPU_0", 41, 0.029512345678901234, 1.25e-05},
      {"nvlink.all_reduce.bus_bandwidth", "GBy/s", Role::server, std::nullopt, "", 30, 852, 0}};
  const Parsed<Population> read = parse_population(population_text(population), "/site/P.yaml");
  ASSERT_TRUE(read) << as_error(read.problems).message;
  EXPECT_EQ(read.value->key.recipe, "l11: \"x\"");
  EXPECT_EQ(read.value->key.firmware, "gb300 # no comment");
  EXPECT_EQ(read.value->racks, 41);
  EXPECT_EQ(read.value->sha256.size(), 64U);
  ASSERT_EQ(read.value->rows.size(), 2U);
  EXPECT_EQ(read.value->rows[0].median, 0.029512345678901234);
  EXPECT_EQ(read.value->rows[0].sigma, 1.25e-05);
  EXPECT_EQ(read.value->rows[0].slot, 11);
  EXPECT_FALSE(read.value->rows[1].slot);
  EXPECT_EQ(read.value->rows[1].role, Role::server);
}

TEST(PopulationFile, AnEmptyPopulationIsRefused) {
  expect_says(first_problem(" []\n"), "population.empty /site/P.yaml:8:");
  expect_says(first_problem(" []\n"), "field 'rows'");
}

TEST(PopulationFile, EachRowIsCheckedAtItsField) {
  const std::string good = "role: compute_tray, slot: 11, part: GPU_0, n: 40, median: 1350, sigma: 8}\n";
  ASSERT_TRUE(parse("  - {measurement: gpu.power.mean, unit: W, " + good));
  expect_says(first_problem("  - {measurement: gpu.power.mean, unit: kW, " + good),
              "population.unit /site/P.yaml:8:41: unit 'kW', and gpu.power.mean is measured in 'W'");
  expect_says(first_problem("  - {measurement: gpu.power.maen, unit: W, " + good), "gpu.power.mean");
  // Counters and what moves with the coolant of one rack are no population.
  expect_says(first_problem("  - {measurement: gpu.temperature.max, unit: Cel, " + good),
              "population.measurement");
  expect_says(
      first_problem("  - {measurement: gpu.power.mean, unit: W, role: compute_tray, n: 29, median: 1, "
                    "sigma: 0}\n"),
      "population.too_few");
  expect_says(
      first_problem("  - {measurement: gpu.power.mean, unit: W, role: compute_tray, n: 40, median: -1, "
                    "sigma: 0}\n"),
      "population.number");
  expect_says(
      first_problem("  - {measurement: gpu.power.mean, unit: W, role: compute_tray, n: 40, median: 1, "
                    "sigma: -2}\n"),
      "population.number");
  for (const std::string number : {".nan", ".inf", "1e999", "many"}) {
    EXPECT_NE(first_problem("  - {measurement: gpu.power.mean, unit: W, role: compute_tray, n: 40, median: " +
                            number + ", sigma: 0}\n"),
              "");
  }
  expect_says(first_problem("  - {measurement: gpu.power.mean, unit: W, " + good +
                            "  - {measurement: gpu.power.mean, unit: W, " + good),
              "population.duplicate");
  expect_says(first_problem("  - {measurement: gpu.power.mean, unit: W, extra: 1, " + good), "extra");
}

TEST(PopulationFile, ItsNameIsThatOfItsFile) {
  const Parsed<Population> parsed = parse_population(kHead + " []\n", "/site/Q.yaml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.problems.front().code, "population.name");
}

}  // namespace
}  // namespace kiln
