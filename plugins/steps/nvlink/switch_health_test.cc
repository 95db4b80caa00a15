// What NVOS says of a switch tray: its word decides, and silence is no health.
#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

struct SwitchHealthTest : testing::Test {
  SwitchHealthTest() {
    bench.add_dut("S01", Role::switch_tray);
    bench.limit_equals("nvswitch.health", "", std::string("ok"));
    bench.shell("S01").answer(
        "nv show cluster apps running -o json",
        ShellAnswer(R"({"nmx-controller":{"status":"ok"},"nmx-telemetry":{"status":"ok"}})"));
  }
  void says(const std::string& health) {
    bench.shell("S01").answer("nv show system health -o json", ShellAnswer(health));
  }
  Measured health() {
    bench.step("health", plugin_step("nvlink.switch_health"), {{"within", "10s"}});
    result = bench.run();
    return result.measured("nvswitch.health");
  }
  StepBench bench;
  BenchResult result;
};

TEST_F(SwitchHealthTest, AHealthyTrayPassesAndItsApplicationsAreKept) {
  says(R"({"status":"OK","status-led":"green","issues":{}})");
  EXPECT_EQ(health().outcome, Outcome::pass);
  EXPECT_EQ(std::get<std::string>(result.measured("nvswitch.fabric_control").value),
            "nmx-controller ok, nmx-telemetry ok");
}

TEST_F(SwitchHealthTest, WhatNvosNamesIsTheAction) {
  says(
      R"({"status":"Not OK","status-led":"amber","issues":{"FAN1/1":{"issue":"missing"},"nmx-controller":"down"}})");
  const Measured found = health();
  EXPECT_EQ(found.fault_code, "nvswitch.unhealthy");
  EXPECT_NE(found.action.find("FAN1/1: missing; nmx-controller: down"), std::string::npos) << found.action;
}

TEST_F(SwitchHealthTest, ATrayThatComesUpGetsItsTime) {
  says(R"({"status":"Not OK","issues":{"nvlsm":{"issue":"not running"}}})");
  bench.at(6s, [this] { says(R"({"status":"OK"})"); });
  EXPECT_EQ(health().outcome, Outcome::pass);
}

TEST_F(SwitchHealthTest, IssuesBesideAnOkAreNeitherGoodNorBad) {
  says(R"({"status":"OK","issues":{"PSU2":{"issue":"no input"}}})");
  const Measured found = health();
  EXPECT_EQ(found.outcome, Outcome::unset);
  EXPECT_NE(found.reason.find("PSU2: no input"), std::string::npos);
}

TEST_F(SwitchHealthTest, GarbageIsNoHealth) {
  says(R"({"status":"OK","iss)");
  EXPECT_EQ(health().outcome, Outcome::unset);
}

}  // namespace
}  // namespace kiln
