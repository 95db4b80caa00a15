#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

struct PowerTest : testing::Test {
  PowerTest() {
    bench.add_dut("C01", Role::compute_tray);
    bench.limit_equals("power.on.confirmed", "", true);
  }
  StepBench bench;
};

TEST_F(PowerTest, OnIsReadBackAndTheTrayIsOffAfterTheRun) {
  bench.shell("C01").answer("true", ShellAnswer(""));
  bench.step("on", plugin_step("power.on"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off) << "the guard must force off";
  EXPECT_EQ(result.bodies<GuardOpened>().size(), 1U);
  EXPECT_TRUE(result.bodies<GuardClosed>().front().done);
}

TEST_F(PowerTest, AStopWhileItIsOnForcesItOffBeforeTheRunEnds) {
  bench.shell("C01").answer("true", ShellAnswer::never());
  bench.step("on", plugin_step("power.on"));
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
  EXPECT_TRUE(result.bodies<GuardClosed>().front().done);
  EXPECT_EQ(exit_code(result.verdict), 130);
}

TEST_F(PowerTest, TheGuardIsOnRecordBeforeThePowerIs) {
  bench.shell("C01").answer("true", ShellAnswer(""));
  bench.hardware("C01").failing.insert_or_assign("power_on", Error("bmc.busy", "busy"));
  bench.step("on", plugin_step("power.on"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.bodies<GuardOpened>().size(), 1U);
  EXPECT_EQ(result.bodies<GuardClosed>().size(), 1U) << "nobody knows how far a refused request came";
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(PowerTest, ATrayThatNeverComesOnIsNoGo) {
  bench.hardware("C01").on_call = [this](const std::string& verb) {
    if (verb == "power_state") bench.hardware("C01").power = PowerState::off;
  };
  bench.step("on", plugin_step("power.on")).timeout = 30s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.verdict.find("C01")->reasons.front().code, "power.not_on");
}

TEST_F(PowerTest, ABmcThatFallsSilentAfterItWasAskedForOnIsNoFaultOfTheTray) {
  bench.hardware("C01").on_call = [this](const std::string& verb) {
    if (verb == "power_on")
      bench.hardware("C01").failing.insert_or_assign("power_state", Error("bmc.unreachable", "no answer"));
  };
  bench.step("on", plugin_step("power.on")).timeout = 30s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_TRUE(result.all_measured("power.on.confirmed").empty());
  EXPECT_NE(result.ended("main/on", "C01").message.find("is not known"), std::string::npos)
      << result.ended("main/on", "C01").message;
}

TEST_F(PowerTest, ABmcThatSaidOffOnceAndFellSilentIsNoFaultOfTheTrayEither) {
  bench.hardware("C01").on_call = [this](const std::string& verb) {
    if (verb == "power_state") bench.hardware("C01").power = PowerState::off;
  };
  bench.at(5s, [this] {
    bench.hardware("C01").failing.insert_or_assign("power_state", Error("bmc.unreachable", "no answer"));
  });
  bench.step("on", plugin_step("power.on")).timeout = 60s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_TRUE(result.all_measured("power.on.confirmed").empty());
}

TEST_F(PowerTest, ABmcThatSaidOffForLongAndIsBusyAtTheEndHasSaidEnough) {
  bench.hardware("C01").on_call = [this](const std::string& verb) {
    if (verb == "power_state") bench.hardware("C01").power = PowerState::off;
  };
  bench.at(48s, [this] {
    bench.hardware("C01").failing.insert_or_assign("power_state", Error("bmc.busy", "busy"));
  });
  bench.step("on", plugin_step("power.on")).timeout = 60s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.verdict.find("C01")->reasons.front().code, "power.not_on");
}

TEST_F(PowerTest, ABmcThatDoesNotKnowIsNoFaultOfTheTray) {
  bench.hardware("C01").on_call = [this](const std::string& verb) {
    if (verb == "power_state") bench.hardware("C01").power = PowerState::unknown;
  };
  bench.step("on", plugin_step("power.on")).timeout = 30s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_TRUE(result.all_measured("power.on.confirmed").empty());
}

TEST_F(PowerTest, ATrayThatWasStillComingOnWhenThePersonStoppedIsNoFault) {
  bench.hardware("C01").on_call = [this](const std::string& verb) {
    if (verb == "power_state") bench.hardware("C01").power = PowerState::powering_on;
  };
  bench.step("on", plugin_step("power.on")).timeout = 5min;
  bench.stop_at(10s);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_TRUE(result.all_measured("power.on.confirmed").empty());
  EXPECT_EQ(exit_code(result.verdict), 130);
}

TEST_F(PowerTest, AHostThatHangsIsAnErrorNotAFail) {
  bench.shell("C01").answer("true", ShellAnswer::never());
  bench.step("on", plugin_step("power.on")).timeout = 60s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
}

TEST_F(PowerTest, AnUnreachableBmcIsIncomplete) {
  bench.hardware("C01").unreachable = Error("bmc.unreachable", "C01: no answer");
  bench.step("on", plugin_step("power.on"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(PowerTest, RealHardwareWhoseLeaksNobodyWouldSeeIsRefusedBeforeAnythingRuns) {
  bench.set_simulated(false);
  bench.step("on", plugin_step("power.on"));
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_EQ(result.problems.front().code, "permit.no_leak_detectors");
  EXPECT_TRUE(bench.hardware("C01").calls.empty());
}

TEST_F(PowerTest, RealHardwareIsNotEnergisedWithoutAWarden) {
  bench.set_simulated(false);
  for (Dut& dut : bench.inventory().duts) dut.labels["cooling"] = "air";
  bench.shell("C01").answer("true", ShellAnswer(""));
  bench.step("on", plugin_step("power.on"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/on").code, "permit.no_warden");
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
}

TEST_F(PowerTest, OffIsReadBackAndAFailedOffIsTheLoudestLine) {
  bench.shell("C01").answer("true", ShellAnswer(""));
  bench.hardware("C01").ignores_force_off = true;
  bench.step("on", plugin_step("power.on"));
  bench.teardown("off", plugin_step("power.off")).timeout = 20s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  const auto& reasons = result.verdict.find("C01")->reasons;
  EXPECT_TRUE(std::any_of(reasons.begin(), reasons.end(), [](const Reason& reason) {
    return reason.code == "teardown.failed" || reason.code == "undo.failed";
  }));
}

}  // namespace
}  // namespace kiln
