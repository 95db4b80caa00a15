#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

TEST(Survey, DecidesNothingAndListsWhatIsBroken) {
  StepBench bench;
  bench.set_simulated(false);
  bench.add_dut("B01", Role::server);
  bench.recipe().purpose = Purpose::survey;
  SurveyReport& survey = bench.hardware("B01").survey;
  survey.links_followed = 12;
  survey.resources_read = 10;
  survey.error_bodies = 2;
  survey.error_uris = {"/redfish/v1/a", "/redfish/v1/b"};
  bench.step("tree", plugin_step("survey.tree"));
  const BenchResult result = bench.run();
  EXPECT_FALSE(result.verdict.decision.has_value());
  EXPECT_EQ(exit_code(result.verdict), 0);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("survey.error_bodies").value), 2);
  EXPECT_EQ(result.measured("survey.resources_read").outcome, Outcome::informational);
}

TEST(Survey, SaysWhatTheTypedViewsMakeOfIt) {
  StepBench bench;
  bench.add_dut("B01", Role::server);
  bench.recipe().purpose = Purpose::survey;
  FakeHardware& hardware = bench.hardware("B01");
  hardware.survey.not_understood = 1;
  hardware.survey.not_understood_properties = {{"/redfish/v1/a", "Reading", "\"soon\" is no number"}};
  SensorReading watts;
  watts.name = "Total";
  watts.value = 5.5;
  watts.unit = "W";
  SensorReading silent;
  silent.name = "Inlet";
  hardware.sensors = {watts, silent};
  FirmwareItem bios;
  bios.id = "BIOS";
  bios.version = "1.2";
  hardware.firmware = {bios};
  bench.step("tree", plugin_step("survey.tree"));
  const BenchResult result = bench.run();
  const auto count = [&result](const char* name) {
    return std::get<std::int64_t>(result.measured(name).value);
  };
  EXPECT_EQ(count("survey.not_understood"), 1);
  EXPECT_EQ(count("survey.firmware_items"), 1);
  EXPECT_EQ(count("survey.sensors"), 2);
  EXPECT_EQ(count("survey.sensors_read"), 1);
  EXPECT_EQ(count("survey.power_supplies"), 0);
}

TEST(Survey, AnUnreachableBmcIsNotASilentSurvey) {
  StepBench bench;
  bench.add_dut("B01", Role::server);
  bench.recipe().purpose = Purpose::survey;
  bench.hardware("B01").unreachable = Error("bmc.unreachable", "no answer");
  bench.step("tree", plugin_step("survey.tree"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/tree").status, WorkStatus::error);
  EXPECT_EQ(exit_code(result.verdict), 4);
}

}  // namespace
}  // namespace kiln
