#include "files/limits_plausible.h"

#include <algorithm>
#include <filesystem>

#include "files/limits_file.h"
#include "files/problems_for_test.h"

namespace kiln {
namespace {

/// Of a GPU of 1000 W with 8 TB/s of memory and 18 links of 50 GB/s.
constexpr const char* kNameplate = R"(nameplate:
  - {name: gpu.power_limit, value: 1000, unit: W, source: s}
  - {name: gpu.memory.bandwidth, value: 8000, unit: GBy/s, source: s}
  - {name: nvlink.rate, value: 425, unit: Gbit/s, source: s}
  - {name: gpu.nvlink_bandwidth, value: 900, unit: GBy/s, source: s}
)";

std::vector<Problem> problems_of_row(const std::string& row, const std::string& nameplate = kNameplate) {
  return parse_limits("limits: p\nrevision: 1\n" + nameplate + "rows:\n  - {" + row + ", source: s}\n",
                      "p.yaml")
      .problems;
}

TEST(LimitsPlausible, WhatAProductCanDoIsTaken) {
  for (const char* row :
       {"name: gpu.power.mean, unit: W, min: 750, marginal_min: 900",
        "name: gpu.memory.bandwidth, unit: GBy/s, min: 4072.5", "name: nvlink.speed, unit: Gbit/s, min: 425",
        "name: nvlink.all_reduce.bus_bandwidth, unit: GBy/s, min: 1100",
        "name: gpu.temperature.max, unit: Cel, max: 85, marginal: 80",
        "name: coolant.heat_balance, unit: \"1\", min: 0.85, max: 1.1"})
    EXPECT_EQ(all_text(problems_of_row(row)), "") << row;
}

TEST(LimitsPlausible, TheErrorsOfOtherToolsTablesAreRefused) {
  for (const char* row :
       {"name: gpu.memory.bandwidth, unit: GBy/s, min: 2.333",  // megabytes taken for gigabytes
        "name: gpu.memory.bandwidth, unit: GBy/s, min: 2333",   // below 0.3 of 8 TB/s
        "name: gpu.power.mean, unit: W, min: 750000",           // milliwatts
        "name: gpu.power.mean, unit: W, min: 0.75",             // kilowatts
        "name: gpu.power.mean, unit: W, min: 750, marginal_min: 1060",
        "name: nvlink.speed, unit: Gbit/s, min: 53.125",   // gigabytes
        "name: nvlink.bandwidth, unit: GBy/s, min: 1700",  // both directions together
        "name: gpu.temperature.max, unit: Cel, max: 358",  // kelvin
        "name: gpu.temperature.max, unit: Cel, max: 185",  // fahrenheit
        "name: coolant.supply_temperature, unit: Cel, min: 0, max: 45",
        "name: coolant.heat_balance, unit: \"1\", min: 85, max: 110",  // percent
        "name: gpu.clock.min, unit: MHz, min: 1.5",                    // gigahertz
        "name: gpu.thermal_resistance, unit: K/W, max: 45"}) {         // per kilowatt
    const auto problem = find_problem(problems_of_row(row), "limits.implausible");
    EXPECT_EQ(problem.place.line, 9) << row;
  }
}

TEST(LimitsPlausible, AnotherUnitThanTheMeasurementsIsRefused) {
  find_problem(problems_of_row("name: gpu.power.mean, unit: kW, min: 0.75"), "limits.unit");
  find_problem(problems_of_row("name: coolant.temperature_rise, unit: Cel, max: 12"), "limits.unit");
}

TEST(LimitsPlausible, WithoutANameplatePhysicsAloneJudges) {
  EXPECT_EQ(all_text(problems_of_row("name: gpu.power.mean, unit: W, min: 300", "")), "");
  find_problem(problems_of_row("name: gpu.power.mean, unit: W, min: 750000", ""), "limits.implausible");
}

TEST(LimitsPlausible, ANameplateIsReadStrictly) {
  for (const auto& [row, code] :
       {std::pair{"{name: gpu.power, value: 1, unit: W, source: s}", "files.unknown_word"},
        {"{name: gpu.power_limit, value: 1, unit: kW, source: s}", "limits.unit"},
        {"{name: gpu.power_limit, value: 0, unit: W, source: s}", "limits.nameplate"},
        {"{name: gpu.power_limit, value: 1, unit: W}", "files.missing_key"},
        {"{name: gpu.power_limit, value: 1, unit: W, source: s}, {name: gpu.power_limit, value: 2, unit: W, "
         "source: s}",
         "limits.nameplate"}})
    find_problem(
        problems_of_row("name: gpu.power.mean, unit: W, min: 300", std::string("nameplate: [") + row + "]\n"),
        code);
}

// Every bound with a physical unit that we ship is checked; a new measurement brings its range with it.
TEST(Shipped, EveryLimitWithAUnitHasAPlausibleRange) {
  namespace fs = std::filesystem;
  int checked = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(KILN_SOURCE_DIR) / "recipes/limits")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto parsed = read_limits(entry.path().string());
    ASSERT_TRUE(parsed) << all_text(parsed.problems);
    for (const Limit& row : parsed.value->rows) {
      if (!row.min && !row.max) continue;
      if (row.unit == "1" && !has_plausible_range(row.name)) continue;  // a count
      EXPECT_TRUE(has_plausible_range(row.name)) << row.place.text() << " " << row.name;
      ++checked;
    }
  }
  EXPECT_GE(checked, 20);
}

}  // namespace
}  // namespace kiln
