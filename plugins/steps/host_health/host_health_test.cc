#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

constexpr const char* kGoodRun =
    "stress-ng: info:  [100] setting to a 20 second run per stressor\n"
    "stress-ng: info:  [100] dispatching hogs: 4 cpu\n"
    "stress-ng: metrc: [100] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo "
    "ops/s\n"
    "stress-ng: metrc: [100]                           (secs)    (secs)    (secs)   (real time) (usr+sys "
    "time)\n"
    "stress-ng: metrc: [100] cpu               40000     20.00     79.90      0.01      2000.00         "
    "500.00\n"
    "stress-ng: info:  [100] passed: 4: cpu (4)\n"
    "stress-ng: info:  [100] failed: 0\n"
    "stress-ng: info:  [100] skipped: 0\n"
    "stress-ng: info:  [100] successful run completed in 20.00s\n";

struct HostHealthTest : testing::Test {
  HostHealthTest() {
    bench.set_simulated(false);
    bench.add_dut("H01", Role::server);
    bench.limit_max("cpu.stress.failures", "1", 0);
    bench.limit_max("memory.stress.failures", "1", 0);
    bench.limit_max("disk.verify.errors", "1", 0);
    bench.limit_max("kernel.log.unexpected", "1", 0);
    bench.limit_max("sensor.temperature.max", "Cel", 95);
    bench.shell("H01").answer_matching("pkill", ShellAnswer("", 1));
  }
  Decision stress(ShellAnswer answer) {
    bench.shell("H01").answer_matching("stress-ng", std::move(answer));
    bench.step("cpu", plugin_step("host_health.cpu_stress"));
    return bench.run().verdict.find("H01")->decision;
  }
  StepBench bench;
};

TEST_F(HostHealthTest, AVerifiedRunIsGoAndLimitedOnTheHostItself) {
  EXPECT_EQ(stress(ShellAnswer("", 0, kGoodRun)), Decision::go);
  EXPECT_EQ(bench.shell("H01").lines().front().rfind("timeout --signal=TERM --kill-after=5 ", 0), 0U);
}

TEST_F(HostHealthTest, AMissingToolIsIncomplete) {
  EXPECT_EQ(stress(ShellAnswer("", 127, "timeout: failed to run command")), Decision::incomplete);
}

TEST_F(HostHealthTest, ARunOfNothingIsNeverGo) {
  EXPECT_EQ(stress(ShellAnswer("", 0, "stress-ng: info:  [100] successful run completed in 0.00s\n")),
            Decision::incomplete);
}

TEST_F(HostHealthTest, AKernelLogThatCannotBeReadIsIncomplete) {
  bench.shell("H01").answer_matching(
      "dmesg", ShellAnswer("", 1, "dmesg: read kernel buffer failed: Operation not permitted"));
  bench.shell("H01").answer_matching("hwmon", ShellAnswer(""));
  bench.step("after", plugin_step("host_health.after"));
  EXPECT_EQ(bench.run().verdict.find("H01")->decision, Decision::incomplete);
}

TEST_F(HostHealthTest, ADeclaredSensorThatIsNotThereIsIncompleteAndOthersAreListed) {
  bench.expect(bench.inventory().duts.front(), ComponentKind::sensor, {"hwmon0/temp1", "hwmon9/temp1"});
  bench.shell("H01").answer_matching(
      "dmesg", ShellAnswer("2026-03-01T12:00:00,000000+00:00 Linux version 6.1.0-18-amd64\n"
                           "2026-03-01T12:00:01,000000+00:00 usb 1-1: new high-speed USB device number 2\n"));
  bench.shell("H01").answer_matching(
      "hwmon",
      ShellAnswer("/sys/class/hwmon/hwmon0/temp1_input 45000\n/sys/class/hwmon/hwmon1/temp2_input 51000\n"));
  bench.step("after", plugin_step("host_health.after"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("H01")->decision, Decision::incomplete);
  EXPECT_EQ(result.measured("sensor.temperature.max", "hwmon0/temp1").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("sensor.temperature.max", "hwmon9/temp1").outcome, Outcome::unset);
  EXPECT_EQ(std::get<std::string>(result.measured("sensor.uncovered").value), "hwmon1/temp2");
}

}  // namespace
}  // namespace kiln
