// What counts as evidence that a host has started on what was written, and that without it nothing passes;
// and that nothing is written whose activation is not to be had.
#include "restart_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "boot_id_for_test.h"
#include "install.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RestartEvidenceTest : public testing::Test {
 protected:
  RestartEvidenceTest() {
    std::string pattern = testing::TempDir() + "kiln-restart-XXXXXX";
    place = mkdtemp(pattern.data());
    for (const char* name : {"firmware.version.after_update", "firmware.standby_version"}) {
      Limit row;
      row.name = name;
      row.expected = row.as_version = true;
      bench.limit(std::move(row));
    }
    dut = &bench.add_dut("C01", Role::compute_tray);
    hardware().power = PowerState::on;
    add_component("UEFI");
    bench.shell("C01").answer("true", ShellAnswer(""));
  }
  ~RestartEvidenceTest() override { std::filesystem::remove_all(place); }

  FakeHardware& hardware() { return bench.hardware("C01"); }
  /// Runs 1.0 and is to run 2.0.
  void add_component(const std::string& id) {
    FirmwareItem item;
    item.id = id;
    item.version = "1.0";
    item.uri = "/redfish/v1/UpdateService/FirmwareInventory/" + id;
    hardware().firmware.push_back(item);
    FirmwareTarget wanted;
    wanted.component = id;
    wanted.version = "2.0";
    wanted.image = (place / (id + ".fw")).string();
    wanted.sha256 = sha256_hex("2.0");
    wanted.write_within = 30min;
    wanted.active_within = 5min;
    std::ofstream(wanted.image) << "2.0";
    dut->firmware_targets.push_back(wanted);
    Component part;
    part.kind = ComponentKind::firmware;
    part.name = id;
    part.firmware = "2.0";
    part.from_baseline = true;
    dut->expect.components.push_back(part);
  }
  FirmwareTarget& target() { return dut->firmware_targets.front(); }
  BenchResult run() {
    StepSpec& spec = bench.step("update", plugin_step("firmware.to_baseline"));
    spec.timeout = 3h;
    BenchResult result = bench.run();
    for (const PlanProblem& problem : result.problems) ADD_FAILURE() << problem.message;
    return result;
  }
  bool called(const std::string& verb) {
    return std::count(hardware().calls.begin(), hardware().calls.end(), verb) > 0;
  }
  static Decision decision(const BenchResult& result) { return result.verdict.find("C01")->decision; }
  static std::string evidence(const BenchResult& result) {
    return to_text(result.measured("firmware.restart_evidence", "UEFI").value);
  }
  std::filesystem::path place;
  StepBench bench;
  Dut* dut = nullptr;
  int writes = 0;
};

TEST_F(RestartEvidenceTest, AnotherBootIdIsEvidenceAndStandsInTheRecordWithItsSource) {
  tell_boot_id(bench, "C01");
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_EQ(evidence(result), fmt::format("boot id {} before, {} after", boot_id_after(0), boot_id_after(1)));
  const auto& source = result.measured("firmware.restart_evidence", "UEFI").source;
  EXPECT_EQ(source.kind, "ssh");
  EXPECT_EQ(source.detail, "/proc/sys/kernel/random/boot_id");
}

TEST_F(RestartEvidenceTest, ABmcThatListsWhatIsOnlyStagedPassesNothing) {
  tell_boot_id(bench, "C01");
  add_component("CPLD");
  hardware().ignores_restart = true;  // the fake lists an image as soon as it is written
  const BenchResult result = run();
  EXPECT_EQ(hardware().firmware.front().version, "2.0");
  EXPECT_EQ(decision(result), Decision::incomplete);
  const Measured version = result.measured("firmware.version.after_update", "UEFI");
  EXPECT_EQ(version.outcome, Outcome::unset);
  EXPECT_THAT(version.reason, HasSubstr("it has not restarted"));
  EXPECT_EQ(result.measured("firmware.restart_evidence", "UEFI").outcome, Outcome::unset);
  EXPECT_EQ(hardware().firmware.back().version, "1.0") << "what comes after it is not touched";
}

TEST_F(RestartEvidenceTest, WhatWasLeftWithoutEvidenceIsNotTakenForDoneByTheNextStep) {
  tell_boot_id(bench, "C01");
  hardware().ignores_restart = true;
  hardware().on_call = [this](const std::string& verb) {
    if (verb == "update_firmware") ++writes;
    hardware().ignores_restart = writes < 2;  // the second restart is one
  };
  bench.step("again", plugin_step("firmware.to_baseline")).timeout = 3h;
  bench.step("third", plugin_step("firmware.to_baseline")).timeout = 3h;
  const BenchResult result = bench.run();
  EXPECT_EQ(writes, 2) << "once more, and not a third time";
  EXPECT_THAT(evidence(result), HasSubstr(boot_id_after(1)));
  EXPECT_EQ(result.measured("firmware.version.after_update", "UEFI").outcome, Outcome::pass);
}

TEST_F(RestartEvidenceTest, ABootIdThatStaysIsBelievedAgainstItsBmc) {
  tell_boot_id(bench, "C01");
  hardware().ignores_restart = true;
  hardware().on_call = [this](const std::string& verb) {
    if (verb == "restart") hardware().host_start.last_reset = "just now";
  };
  EXPECT_EQ(decision(run()), Decision::incomplete);
}

TEST_F(RestartEvidenceTest, AHostThatDoesNotComeBackIsNoEvidence) {
  hardware().power = PowerState::on;
  bench.shell("C01").answer_with("^cat /proc/sys/kernel/random/boot_id$", [this](const Command&) {
    return hardware().restarts == 0 ? ShellAnswer(boot_id_after(0) + "\n")
                                    : ShellAnswer(Error("ssh.connect", "no connection to the host"));
  });
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::incomplete);
  EXPECT_THAT(result.measured("firmware.version.after_update", "UEFI").reason,
              HasSubstr("could not be asked again"));
}

TEST_F(RestartEvidenceTest, WithoutAHostItsBmcIsBelieved) {
  dut->host.reset();
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_THAT(evidence(result), HasSubstr("LastResetTime before the first restart before, after restart 1"));
  EXPECT_EQ(result.measured("firmware.restart_evidence", "UEFI").source.kind, "redfish");
}

TEST_F(RestartEvidenceTest, AHostThatTellsNoBootIdIsBelievedThroughItsBmc) {
  bench.shell("C01").answer("cat /proc/sys/kernel/random/boot_id", ShellAnswer("no such thing\n", 1));
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_EQ(result.measured("firmware.restart_evidence", "UEFI").source.kind, "redfish");
}

TEST_F(RestartEvidenceTest, ABmcThatTellsNothingOfAStartIsNoEvidence) {
  dut->host.reset();
  hardware().host_start = HostStart();
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::incomplete);
  EXPECT_THAT(result.measured("firmware.version.after_update", "UEFI").reason, HasSubstr("LastResetTime"));
}

TEST_F(RestartEvidenceTest, AHostThatWentDownAndStaysDownHasNotStarted) {
  dut->host.reset();
  hardware().host_start.last_reset.clear();
  hardware().power = PowerState::on;
  hardware().on_activation = [](FakeHardware& fake, const std::string& /*verb*/) {
    fake.power = PowerState::off;
  };
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::incomplete);
  EXPECT_THAT(result.measured("firmware.version.after_update", "UEFI").reason,
              HasSubstr("it has not come up again"));
}

TEST_F(RestartEvidenceTest, TheWrongVersionIsAFailWithEvidenceOrWithout) {
  dut->host.reset();
  hardware().host_start = HostStart();
  hardware().on_update = [](FakeHardware&, const UpdateRequest&) {};
  const BenchResult result = run();
  EXPECT_EQ(result.measured("firmware.version.after_update", "UEFI").outcome, Outcome::fail);
  EXPECT_EQ(decision(result), Decision::no_go);
}

TEST_F(RestartEvidenceTest, AHostThatWasOffAndStillIsRunsWhatWasWrittenFromItsNextStart) {
  hardware().power = PowerState::off;
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_THAT(evidence(result), HasSubstr("its host is off"));
}

TEST_F(RestartEvidenceTest, AHostThatSomebodySwitchedOnDuringTheWriteRunsNobodyKnowsWhat) {
  hardware().power = PowerState::off;
  hardware().on_update = [](FakeHardware& fake, const UpdateRequest&) {
    fake.power = PowerState::on;
    fake.firmware.front().version = "2.0";
  };
  const BenchResult result = run();
  EXPECT_EQ(decision(result), Decision::incomplete);
  EXPECT_THAT(result.measured("firmware.version.after_update", "UEFI").reason, HasSubstr("no longer is"));
}

TEST(RestartSeen, OnlyWhatARestartAloneExplains) {
  using firmware::restart_seen;
  const auto told = [](PowerState power, const char* reset, const char* progress) {
    HostStart start;
    start.power = power;
    start.last_reset = reset;
    start.boot_progress = progress;
    return start;
  };
  const HostStart before = told(PowerState::on, "T1", "OSRunning");
  EXPECT_EQ(restart_seen(before, before), "");
  EXPECT_EQ(restart_seen(before, told(PowerState::unknown, "", "")), "");
  EXPECT_EQ(restart_seen(before, told(PowerState::powering_off, "T1", "OSRunning")), "") << "not yet";
  EXPECT_NE(restart_seen(before, told(PowerState::off, "T1", "OSRunning")), "");
  EXPECT_NE(restart_seen(before, told(PowerState::powering_on, "T1", "OSRunning")), "");
  EXPECT_NE(restart_seen(before, told(PowerState::on, "T2", "OSRunning")), "");
  EXPECT_EQ(restart_seen(told(PowerState::on, "", ""), told(PowerState::on, "T2", "OSRunning")), "")
      << "it did not tell before, so that it may be an old one";
  EXPECT_NE(restart_seen(before, told(PowerState::on, "T1", "MemoryInitializationStarted")), "");
  EXPECT_EQ(restart_seen(told(PowerState::on, "T1", "OSBootStarted"), before), "") << "a start goes on";
  EXPECT_EQ(restart_seen(before, told(PowerState::on, "T1", "OEM")), "");
}

// ---------------------------------------------------------------- before anything is written

class NotActivatableTest : public RestartEvidenceTest,
                           public testing::WithParamInterface<std::pair<FirmwareActivation, BmcAbility>> {};

TEST_P(NotActivatableTest, NothingIsWrittenAndNoLeaveIsAskedFor) {
  tell_boot_id(bench, "C01");
  target().activation = GetParam().first;
  hardware().not_offered = {GetParam().second};
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/update").code, "firmware.not_activatable");
  EXPECT_THAT(result.ended("main/update").message, HasSubstr("nothing was written"));
  EXPECT_FALSE(called("update_firmware"));
  EXPECT_TRUE(result.bodies<PermitGranted>().empty());
  EXPECT_EQ(decision(result), Decision::incomplete);
}

INSTANTIATE_TEST_SUITE_P(
    Each, NotActivatableTest,
    testing::Values(std::pair{FirmwareActivation::host_restart, BmcAbility::restart},
                    std::pair{FirmwareActivation::manager_reset, BmcAbility::manager_reset},
                    std::pair{FirmwareActivation::full_power_cycle, BmcAbility::full_power_cycle},
                    std::pair{FirmwareActivation::full_power_cycle, BmcAbility::force_off},
                    std::pair{FirmwareActivation::full_power_cycle, BmcAbility::power_on}));

TEST_F(RestartEvidenceTest, WhatWasNotWrittenLeavesNothingThatNeedsEvidence) {
  tell_boot_id(bench, "C01");
  hardware().not_offered = {BmcAbility::restart};
  const BenchResult result = run();
  EXPECT_FALSE(result.has_measured("firmware.restart_evidence", "UEFI"));
}

TEST_F(RestartEvidenceTest, AHostThatIsOffNeedsNoRestart) {
  hardware().power = PowerState::off;
  hardware().not_offered = {BmcAbility::restart};
  EXPECT_EQ(decision(run()), Decision::go);
}

TEST_F(RestartEvidenceTest, ABmcThatCannotBeAskedWhatItOffersIsNotWritten) {
  hardware().failing["offers"] = Error("bmc.unreachable", "no answer");
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/update").code, "bmc.unreachable");
  EXPECT_FALSE(called("update_firmware"));
}

// ---------------------------------------------------------------- order

TEST(WhyNotInstall, WhatCannotBeOrderedIsNeverTakenForOldEnough) {
  FirmwareTarget target;
  target.component = "BMC";
  target.version = "1.9";
  target.image = "/x";
  target.from_at_least = "1.4";
  firmware::Running running;
  running.version = "1.03b";
  EXPECT_EQ(firmware::why_not_install(target, running).value().code, "firmware.not_comparable");
  target.version_fields = VersionFields::decimal;
  EXPECT_EQ(firmware::why_not_install(target, running).value().code, "firmware.step_missing");
  target.from_at_least = "1.3";
  EXPECT_FALSE(firmware::why_not_install(target, running));
  target.version_fields = VersionFields::by_form;
  target.downgrade = true;
  target.from_at_least = "1.4";
  EXPECT_EQ(firmware::why_not_install(target, running).value().code, "firmware.not_comparable")
      << "a version that may be too old for one step is no downgrade";
}

}  // namespace
}  // namespace kiln
