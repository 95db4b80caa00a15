// How machines are set up, as their BMCs tell: what is well, what is not, and what is not told.
#include <gtest/gtest.h>

#include "plugins/steps/platform/platform_steps.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

/// Two trays that are set up as they should be.
struct PlatformTest : testing::Test {
  PlatformTest() {
    for (const char* id : {"C01", "C02"}) {
      bench.expect(bench.add_dut(id, Role::compute_tray), ComponentKind::gpu, {"GPU_0"});
      PlatformSetup& setup = of(id);
      setup.secure_boot = true;
      setup.secure_boot_now = "Enabled";
      setup.secure_boot_uri = "/s";
      setup.integrity = {erot("HGX_ERoT_BMC_0"), erot("HGX_IRoT_GPU_0")};
      setup.integrity_uri = "/c";
      setup.bios = {{"LEM0001", "3"}, {"EGM", "false"}, {"ProductAssetTag", id}};
      setup.bios_uri = "/b";
      setup.reading_age = 1;
      setup.password_change_required = false;
      setup.session_timeout = 1800;
      ErrorInjectionReading off;
      off.part = "GPU_0";
      off.uri = "/e";
      off.mode_enabled = false;
      off.enabled = {{"NVLinkErrors", false}};
      setup.error_injection = {off};
    }
    bench.limit_equals("platform.secure_boot", "", std::string("enabled"));
    for (const char* count : {"platform.integrity.failed", "platform.bios.differing", "platform.bios.pending",
                              "platform.bios.mixed", "fan.failed"})
      bench.limit_max(count, "1", 0);
    bench.limit_equals("platform.error_injection", "", std::string("off"));
    bench.limit_max("bmc.clock_offset", "s", 5);
    bench.limit_max("bmc.reading_age", "s", 60);
    bench.limit_equals("bmc.password_change_required", "", false);
    bench.limit_min("fan.speed.lowest", "{rev}/min", 1960);
    bench.limit_max("fan.speed.highest", "{rev}/min", 36300);
  }
  static IntegrityReading erot(const std::string& name) {
    IntegrityReading one;
    one.name = name;
    one.type = "SPDM";
    one.enabled = true;
    one.verification = "Success";
    one.uri = "/c/" + name;
    return one;
  }
  PlatformSetup& of(const std::string& id) { return bench.hardware(id).platform_setup; }
  Measured measured(const std::string& name, const std::string& part = {}) {
    StepSpec& step = bench.step("setup", plugin_step("platform.setup"), {}, {"C01"});
    step.with["profile"] = StepBench::list_of({"LEM0001=3"});
    return bench.run().measured(name, part);
  }
  Measured mixed() {
    bench.step("same", plugin_step("platform.same_setup"));
    return bench.run().measured("platform.bios.mixed");
  }
  StepBench bench;
};

TEST_F(PlatformTest, WhatIsSetUpWellPasses) {
  StepSpec& step = bench.step("setup", plugin_step("platform.setup"), {}, {"C01"});
  step.with["profile"] = StepBench::list_of({"LEM0001=3", "EGM=false"});
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::get<double>(result.measured("bmc.session_timeout").value), 1800);
}

TEST_F(PlatformTest, SecureBootThatIsOnlyAskedForIsNotOn) {
  of("C01").secure_boot_now = "Disabled";
  EXPECT_EQ(measured("platform.secure_boot").fault_code, "platform.secure_boot_off");
}

TEST_F(PlatformTest, SecureBootThatEndsWithTheNextBootIsNotOn) {
  of("C01").secure_boot = false;
  EXPECT_EQ(measured("platform.secure_boot").outcome, Outcome::fail);
}

TEST_F(PlatformTest, ABmcThatHasNoSecureBootTellsNothing) {
  of("C01").secure_boot.reset();
  of("C01").secure_boot_now.clear();
  of("C01").secure_boot_uri.clear();
  EXPECT_EQ(measured("platform.secure_boot").outcome, Outcome::unset);
}

TEST_F(PlatformTest, ARootOfTrustThatFailedIsNamed) {
  of("C01").integrity[1].verification = "Failed";
  const Measured failed = measured("platform.integrity.failed");
  EXPECT_EQ(failed.fault_code, "platform.integrity");
  EXPECT_NE(failed.action.find("HGX_IRoT_GPU_0"), std::string::npos) << failed.action;
}

TEST_F(PlatformTest, ARootOfTrustThatIsSwitchedOffFailsAndANetworkAdapterDoesNot) {
  of("C01").integrity.push_back(erot("NIC_0"));
  of("C01").integrity.back().enabled = false;
  of("C01").integrity.back().verification.clear();
  of("C01").integrity[0].enabled = false;
  EXPECT_EQ(std::get<std::int64_t>(measured("platform.integrity.failed").value), 1);
}

TEST_F(PlatformTest, OneThatCouldNotBeReadIsNoPass) {
  of("C01").integrity[0].unread = "500";
  EXPECT_EQ(measured("platform.integrity.failed").outcome, Outcome::unset);
}

TEST_F(PlatformTest, ASettingOffTheProfileFailsAndOneThatIsNotThereIsUnknown) {
  of("C01").bios["LEM0001"] = "2";
  EXPECT_EQ(measured("platform.bios.differing").fault_code, "platform.bios_off_profile");
}

TEST_F(PlatformTest, ASettingThatTheBiosDoesNotHaveIsUnknown) {
  of("C01").bios.erase("LEM0001");
  const Measured differing = measured("platform.bios.differing");
  EXPECT_EQ(differing.outcome, Outcome::unset);
  EXPECT_NE(differing.reason.find("LEM0001"), std::string::npos);
}

TEST_F(PlatformTest, WhatTheNextBootChangesWasNotTested) {
  of("C01").bios_pending = {"EGM"};
  EXPECT_EQ(measured("platform.bios.pending").fault_code, "platform.bios_pending");
}

TEST_F(PlatformTest, AClockThatIsBehindIsAsFarOffAsOneThatIsAhead) {
  bench.hardware("C01").clock_offset = -7.5;
  const Measured offset = measured("bmc.clock_offset");
  EXPECT_EQ(offset.fault_code, "bmc.clock_off");
  EXPECT_EQ(std::get<double>(offset.value), 7.5);
}

TEST_F(PlatformTest, OldReadingsAreFoundAndUnknownAgeIsNoPass) {
  of("C01").reading_age = 3600;
  EXPECT_EQ(measured("bmc.reading_age").fault_code, "bmc.readings_old");
}

TEST_F(PlatformTest, AnUnknownAgeIsNoPass) {
  of("C01").reading_age.reset();
  EXPECT_EQ(measured("bmc.reading_age").outcome, Outcome::unset);
}

TEST_F(PlatformTest, AFactoryPasswordIsToldByTheBmcAndNeverTried) {
  of("C01").password_change_required = true;
  EXPECT_EQ(measured("bmc.password_change_required").fault_code, "bmc.factory_password");
}

TEST_F(PlatformTest, AGpuThatMakesErrorsUpIsFound) {
  of("C01").error_injection.front().mode_enabled = true;
  of("C01").error_injection.front().enabled["NVLinkErrors"] = true;
  const Measured armed = measured("platform.error_injection", "GPU_0");
  EXPECT_EQ(armed.fault_code, "platform.error_injection");
  EXPECT_EQ(std::get<std::string>(armed.value), "NVLinkErrors");
}

TEST_F(PlatformTest, MadeUpErrorsThatWereKeptAreFound) {
  of("C01").error_injection.front().persistent_modified = true;
  EXPECT_EQ(measured("platform.error_injection", "GPU_0").fault_code, "platform.error_injection");
}

TEST_F(PlatformTest, InjectionThatCannotBeReadIsNotOff) {
  of("C01").error_injection.front().unread = "503";
  EXPECT_EQ(measured("platform.error_injection", "GPU_0").outcome, Outcome::unset);
}

TEST_F(PlatformTest, SettingsThatDriftedAreFoundWithoutAProfile) {
  of("C02").bios["EGM"] = "true";
  const Measured drifted = mixed();
  EXPECT_EQ(drifted.fault_code, "platform.bios_mixed");
  EXPECT_NE(drifted.action.find("EGM of compute_tray: false on C01; true on C02"), std::string::npos)
      << drifted.action;
}

TEST_F(PlatformTest, WhatEachMachineHasOfItsOwnIsNoDrift) { EXPECT_EQ(mixed().outcome, Outcome::pass); }

TEST_F(PlatformTest, AHostThatTellsNothingLeavesItUnknown) {
  of("C02").bios.clear();
  EXPECT_EQ(mixed().outcome, Outcome::unset);
}

TEST_F(PlatformTest, FansThatStandAreFound) {
  bench.expect(bench.inventory().duts.front(), ComponentKind::fan, {"Fan_0", "Fan_1"});
  FakeHardware& tray = bench.hardware("C01");
  for (const char* name : {"Fan_0", "Fan_1"}) {
    Part fan;
    fan.kind = ComponentKind::fan;
    fan.name = name;
    fan.state = "Enabled";
    fan.health = "OK";
    tray.parts.push_back(fan);
    SensorReading speed;
    speed.name = name;
    speed.reading_type = "Rotational";
    speed.unit = "{rev}/min";
    speed.value = name[4] == '0' ? 7000 : 0;
    tray.sensors.push_back(speed);
  }
  bench.step("fans", plugin_step("platform.fans"), {}, {"C01"});
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("fan.speed.lowest").fault_code, "fan.slow");
  EXPECT_EQ(result.measured("fan.speed.highest").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("fan.failed").outcome, Outcome::pass);
}

TEST_F(PlatformTest, AFanThatIsNotListedHasFailed) {
  bench.expect(bench.inventory().duts.front(), ComponentKind::fan, {"Fan_0"});
  bench.step("fans", plugin_step("platform.fans"), {}, {"C01"});
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("fan.failed").fault_code, "fan.failed");
  EXPECT_EQ(result.measured("fan.speed.lowest").outcome, Outcome::unset);
}

TEST(Profile, IsReadStrictly) {
  EXPECT_TRUE(platform::profile_from({"A=1", "B="}));
  EXPECT_FALSE(platform::profile_from({"A"}));
  EXPECT_FALSE(platform::profile_from({"=1"}));
  EXPECT_FALSE(platform::profile_from({"A=1", "A=2"}));
}

}  // namespace
}  // namespace kiln
