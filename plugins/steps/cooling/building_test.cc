// What the building says of a rack, judged: a leak is a leak, and what is not known well is no pass.
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

struct BuildingCheckTest : testing::Test {
  BuildingCheckTest() {
    bench.add_dut("C01", Role::compute_tray);
    for (const char* name : {"building.rack_leak", "building.equipment_leak", "building.leak_sensor"}) {
      Limit row;
      row.name = name;
      row.one_of = {"clear", "not_there"};
      row.source = "test";
      bench.limit(row);
    }
    bench.limit_min("building.coolant.flow", "L/min", 10);
    bench.limit_range("building.coolant.supply_temperature", "Cel", 17, 45);
    bench.limit_min("building.valve.position", "%", 5);
    BuildingReport& report = bench.building();
    report.leaks = {{"rack", "clear", "RackLeakDetect at rack", "reads dry"},
                    {"rack_sensor_fault", "clear", "RackLeakSensorFault at rack", "reads ok"},
                    {"equipment", "clear", "LeakDetect at rope", "reads dry"},
                    {"equipment", "clear", "LeakDetect at pan", "reads dry"}};
    report.figures = {{"RackLiquidFlow", 180.0, "L/min", "flow", ""},
                      {"RackLiquidSupplyTemperature", 25.0, "Cel", "supply", ""},
                      {"RackControlValvePosition", 60.0, "%", "valve", ""}};
    bench.step("building", plugin_step("cooling.building"));
  }
  BuildingReport& report() { return bench.building(); }
  StepBench bench;
};

TEST_F(BuildingCheckTest, ADryBuildingPasses) {
  const BenchResult result = bench.run();
  for (const char* name : {"building.rack_leak", "building.equipment_leak", "building.leak_sensor"})
    EXPECT_EQ(result.measured(name).outcome, Outcome::pass) << name;
  EXPECT_EQ(result.measured("building.equipment_leak").source.detail,
            "LeakDetect at rope, LeakDetect at pan");
  EXPECT_EQ(result.measured("building.coolant.flow", "RackLiquidFlow").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("building.valve.position", "RackControlValvePosition").outcome, Outcome::pass);
}

TEST_F(BuildingCheckTest, OneWetPointIsALeakBesideAnyNumberOfDryAndUnknownOnes) {
  report().leaks[2] = {"equipment", "unknown", "LeakDetect at rope", "its quality is 0"};
  report().leaks[3] = {"equipment", "tripped", "LeakDetect at pan", "LeakDetect at pan reads wet (1)"};
  const Measured leak = bench.run().measured("building.equipment_leak");
  EXPECT_EQ(leak.fault_code, "leak.building");
  EXPECT_EQ(leak.source.detail, "LeakDetect at pan");
}

TEST_F(BuildingCheckTest, AnUnknownPointIsNoPass) {
  report().leaks[2] = {"equipment", "unknown", "LeakDetect at rope", "its value is 250 s old"};
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("building.equipment_leak").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("building.equipment_leak").reason, "its value is 250 s old");
  EXPECT_EQ(result.measured("building.rack_leak").outcome, Outcome::pass);
}

TEST_F(BuildingCheckTest, APointThatTheSiteHasAndTheBmsDoesNotNameIsNoPass) {
  report().leaks.erase(report().leaks.begin());
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("building.rack_leak").outcome, Outcome::unset);
  EXPECT_NE(result.measured("building.rack_leak").reason.find("names no RackLeakDetect"), std::string::npos);
}

TEST_F(BuildingCheckTest, APointThatTheSiteDoesNotHaveIsNotMissed) {
  report().leaks.erase(report().leaks.begin(), report().leaks.begin() + 2);
  report().expects_rack_leak = false;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("building.rack_leak").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("building.leak_sensor").outcome, Outcome::pass);
}

TEST_F(BuildingCheckTest, ASensorWithAFaultFails) {
  report().leaks[1].state = "tripped";
  EXPECT_EQ(bench.run().measured("building.leak_sensor").fault_code, "building.sensor_fault");
}

TEST_F(BuildingCheckTest, ABrokerThatIsNotReachedLeavesAllUnknown) {
  report() = BuildingReport();
  report().trouble = "connection refused";
  const BenchResult result = bench.run();
  for (const char* name : {"building.rack_leak", "building.equipment_leak", "building.leak_sensor"}) {
    EXPECT_EQ(result.measured(name).outcome, Outcome::unset) << name;
    EXPECT_NE(result.measured(name).reason.find("connection refused"), std::string::npos);
  }
}

TEST_F(BuildingCheckTest, FiguresAreConvertedOrFail) {
  report().figures[0] = {"RackLiquidFlow", 12.0, "m3/h", "flow", ""};
  report().figures[1] = {"RackLiquidSupplyTemperature", 77.0, "[degF]", "supply", ""};
  report().figures[2] = {"RackControlValvePosition", std::nullopt, "%", "valve", "its value is null"};
  const BenchResult result = bench.run();
  EXPECT_NEAR(std::get<double>(result.measured("building.coolant.flow", "RackLiquidFlow").value), 200, 1e-6);
  EXPECT_EQ(result.measured("building.coolant.supply_temperature", "RackLiquidSupplyTemperature").outcome,
            Outcome::fail)
      << "degrees of another kind";
  EXPECT_EQ(result.measured("building.valve.position", "RackControlValvePosition").outcome, Outcome::unset);
}

TEST_F(BuildingCheckTest, ARackFileWithoutABuildingIsSaid) {
  bench.inventory().building.reset();
  EXPECT_EQ(bench.run().ended("main/building", "R01").code, "building.none");
}

}  // namespace
}  // namespace kiln
