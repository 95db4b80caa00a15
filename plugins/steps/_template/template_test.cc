// What every step shows: a good DUT, a bad one, one without the data, one whose BMC is silent, and one that
// is stopped.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

SensorReading intake(double value) {
  SensorReading sensor;
  sensor.name = "Intake_0";
  sensor.value = value;
  sensor.unit = "Cel";
  sensor.context = "Intake";
  sensor.uri = "/redfish/v1/Chassis/1/Sensors/Intake_0";
  return sensor;
}

/// One tray whose intake air may have up to 35 Cel.
class IntakeTemperatureTest : public testing::Test {
 protected:
  IntakeTemperatureTest() {
    bench.add_dut("C01", Role::compute_tray);
    bench.limit_max("template.intake_temperature", "Cel", 35);
    bench.step("intake", plugin_step("template.intake_temperature"), {{"readings", "5"}, {"pause", "10s"}});
  }
  StepBench bench;
};

TEST_F(IntakeTemperatureTest, AirWithinTheLimitIsGoAndSaysWhereItWasRead) {
  bench.hardware("C01").sensors = {intake(24.5)};
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  const Measured measured = result.measured("template.intake_temperature");
  EXPECT_EQ(measured.outcome, Outcome::pass);
  EXPECT_EQ(measured.source.detail, "/redfish/v1/Chassis/1/Sensors/Intake_0");
  EXPECT_GE(result.elapsed_ns, 40'000'000'000);  // four pauses, of virtual time
}

TEST_F(IntakeTemperatureTest, OneWarmReadingIsEnoughForNoGo) {
  bench.hardware("C01").sensors = {intake(24.5)};
  bench.at(std::chrono::seconds(25), [this] { bench.hardware("C01").sensors = {intake(41)}; });
  bench.at(std::chrono::seconds(35), [this] { bench.hardware("C01").sensors = {intake(24.5)}; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("template.intake_temperature").fault_code, "template.intake_hot");
}

TEST_F(IntakeTemperatureTest, ATrayWithoutTheSensorIsIncompleteNotGo) {
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.measured("template.intake_temperature").outcome, Outcome::unset);
}

TEST_F(IntakeTemperatureTest, ASilentBmcIsIncompleteNotNoGo) {
  bench.hardware("C01").unreachable = Error("bmc.unreachable", "C01 does not answer");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.ended("main/intake").code, "bmc.unreachable");
}

TEST_F(IntakeTemperatureTest, AStopEndsThePauseAndIsNotGo) {
  bench.hardware("C01").sensors = {intake(24.5)};
  bench.stop_at(std::chrono::seconds(15));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_LT(result.elapsed_ns, 16'000'000'000);
}

TEST(IntakeTemperatureParameters, AnAbsurdNumberOfReadingsIsRefusedBeforeTheRun) {
  StepBench bench;
  bench.add_dut("C01", Role::compute_tray);
  bench.limit_max("template.intake_temperature", "Cel", 35);
  bench.step("intake", plugin_step("template.intake_temperature"), {{"readings", "0"}});
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_NE(result.problems[0].message.find("readings must be between 1 and 1000"), std::string::npos);
}

}  // namespace
}  // namespace kiln
