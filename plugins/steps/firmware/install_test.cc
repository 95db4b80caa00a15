// Bringing components to a baseline: order, policy, ways of activation, NVOS, both banks, what was under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "boot_id_for_test.h"
#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class ToBaselineTest : public testing::Test {
 protected:
  ToBaselineTest() {
    std::string pattern = testing::TempDir() + "kiln-baseline-XXXXXX";
    place = mkdtemp(pattern.data());
    for (const char* name :
         {"firmware.version", "firmware.version.after_update", "firmware.standby_version"}) {
      Limit row;
      row.name = name;
      row.expected = row.as_version = true;
      bench.limit(std::move(row));
    }
    bench.limit_max("firmware.tier.off_baseline", "1", 0);
    bench.limit_max("firmware.mixed_components", "1", 0);
    dut = &bench.add_dut("C01", Role::compute_tray);
    bench.shell("C01").answer("true", ShellAnswer(""));
    tell_boot_id(bench, "C01");
    hardware().power = PowerState::on;
  }
  ~ToBaselineTest() override { std::filesystem::remove_all(place); }

  FakeHardware& hardware() { return bench.hardware("C01"); }
  /// A component that runs `version` and is to run `wanted`; its image holds what it becomes.
  FirmwareTarget& component(const std::string& id, const std::string& version, const std::string& wanted,
                            const std::string& image_holds = {}) {
    FirmwareItem item;
    item.id = id;
    item.version = version;
    item.uri = "/redfish/v1/UpdateService/FirmwareInventory/" + id;
    hardware().firmware.push_back(item);
    const std::string bytes = image_holds.empty() ? wanted : image_holds;
    FirmwareTarget target;
    target.component = id;
    target.version = wanted;
    target.image = (place / (id + ".fw")).string();
    target.sha256 = sha256_hex(bytes);
    target.write_within = 30min;
    target.active_within = 1min;
    std::ofstream(target.image) << bytes;
    dut->firmware_targets.push_back(std::move(target));
    Component part;
    part.kind = ComponentKind::firmware;
    part.name = id;
    part.firmware = wanted;
    part.from_baseline = true;
    dut->expect.components.push_back(std::move(part));
    return dut->firmware_targets.back();
  }
  StepSpec& to_baseline(StepBench::With with = {}) {
    StepSpec& spec = bench.step("update", plugin_step("firmware.to_baseline"), std::move(with));
    spec.timeout = 2h;
    return spec;
  }
  std::vector<std::string> calls() {
    std::vector<std::string> seen;
    for (const std::string& call : hardware().calls) {
      for (const char* one : {"update_firmware", "restart", "reset_manager", "full_power_cycle", "power_on",
                              "force_off", "wait_for_updates"}) {
        if (call == one) seen.push_back(call);
      }
    }
    return seen;
  }
  static std::vector<std::string> codes(const BenchResult& result) {
    std::vector<std::string> found;
    for (const Reason& reason : result.verdict.find("C01")->reasons) found.push_back(reason.code);
    return found;
  }
  std::filesystem::path place;
  StepBench bench;
  Dut* dut = nullptr;
};

TEST_F(ToBaselineTest, EverythingOffItGoesThereInItsOrderAndTheRestIsLeftAlone) {
  component("BMC", "1.0", "2.0").activation = FirmwareActivation::manager_reset;
  component("CPLD", "7", "7");
  component("UEFI", "3.0", "3.1");
  to_baseline();
  const BenchResult result = bench.run();
  for (const auto& problem : result.problems) ADD_FAILURE() << problem.message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls(), ElementsAre("update_firmware", "reset_manager", "update_firmware", "restart"));
  EXPECT_EQ(std::get<std::string>(result.measured("firmware.version.before_update", "BMC").value), "1.0");
  EXPECT_EQ(std::get<std::string>(result.measured("firmware.version.after_update", "UEFI").value), "3.1");
  EXPECT_EQ(result.journal.size(), 2U) << "two writes, one after the other";
}

TEST_F(ToBaselineTest, AComponentThatDoesNotGetThereStopsWhatComesAfterIt) {
  component("BMC", "1.0", "2.0", "1.0");  // the image changes nothing
  component("UEFI", "3.0", "3.1");
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(hardware().firmware.back().version, "3.0");
  EXPECT_FALSE(result.has_measured("firmware.version.after_update", "UEFI"));
  EXPECT_THAT(codes(result), testing::Contains("firmware.update_failed"));
}

TEST_F(ToBaselineTest, ShelvesAreWrittenOneAfterTheOther) {
  component("SMC", "1.0", "2.0").activation = FirmwareActivation::none;
  const FirmwareTarget target = dut->firmware_targets.back();
  const Component part = dut->expect.components.back();
  int open = 0;
  std::vector<int> beside;
  for (const char* id : {"P01", "P02"}) {
    Dut& shelf = bench.add_dut(id, Role::power_shelf);
    shelf.firmware_targets.push_back(target);
    shelf.expect.components.push_back(part);
    FakeHardware& own = bench.hardware(id);
    own.power = PowerState::on;
    own.firmware = hardware().firmware;
    own.update_takes = 5min;
    own.on_update = [&beside, &open](FakeHardware& written, const UpdateRequest& request) {
      beside.push_back(open);
      written.firmware.front().version = request.image;
    };
    own.on_call = [&open](const std::string& verb) { open += verb == "update_firmware" ? 1 : 0; };
  }
  to_baseline().duts.roles = {Role::power_shelf};
  const BenchResult result = bench.run();
  for (const auto& problem : result.problems) ADD_FAILURE() << problem.message;
  EXPECT_EQ(result.verdict.find("P01")->decision, Decision::go);
  EXPECT_EQ(result.verdict.find("P02")->decision, Decision::go);
  EXPECT_THAT(beside, ElementsAre(1, 2)) << "the second began after the first had ended";
}

TEST_F(ToBaselineTest, WhatIsThereAsTheBaselineMeansItsFieldsIsNotWrittenAndPasses) {
  component("CPLD", "1.e", "1.0E").version_fields = VersionFields::hex;
  component("FPGA", "0x00 0x11 0x03", "0.11.3").version_fields = VersionFields::hex;
  to_baseline();
  bench.step("baseline", plugin_step("firmware.baseline"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_TRUE(calls().empty());
  EXPECT_EQ(result.measured("firmware.version", "CPLD").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("firmware.version", "CPLD").limit_text,
            "= version in the inventory (fields: hex)");
}

TEST_F(ToBaselineTest, WhatMayBeThereIsNoPassAndIsNotOverwritten) {
  component("CPLD", "1.e", "1.0E");
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_TRUE(calls().empty());
  EXPECT_THAT(result.measured("firmware.version.after_update", "CPLD").reason, HasSubstr("version_fields"));
}

TEST_F(ToBaselineTest, WhatIsNewerIsNotOverwrittenUnlessTheBaselineSaysSo) {
  component("UEFI", "4.0", "3.1");
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_THAT(calls(), ElementsAre());
  EXPECT_EQ(result.measured("firmware.version.after_update", "UEFI").fault_code,
            "firmware.newer_than_baseline");
}

TEST_F(ToBaselineTest, WhatIsNewerIsOverwrittenWhereTheBaselineAllowsIt) {
  component("UEFI", "4.0", "3.1").downgrade = true;
  to_baseline();
  EXPECT_EQ(bench.run().verdict.find("C01")->decision, Decision::go);
}

TEST_F(ToBaselineTest, WhatIsTooOldForOneStepIsNotWritten) {
  component("UEFI", "1.0", "3.1").from_at_least = "2.5";
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.version.after_update", "UEFI").fault_code, "firmware.step_missing");
  EXPECT_THAT(calls(), ElementsAre());
}

TEST_F(ToBaselineTest, WithoutAnImageTheDeviationStandsAndNothingIsTouched) {
  FirmwareTarget& target = component("UEFI", "1.0", "3.1");
  target.image.clear();
  target.sha256.clear();
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.version.after_update", "UEFI").fault_code, "firmware.no_image");
  EXPECT_THAT(calls(), ElementsAre());
}

TEST_F(ToBaselineTest, AnotherImageThanTheBaselinesNeverLeavesTheStation) {
  const FirmwareTarget& target = component("UEFI", "3.0", "3.1");
  std::ofstream(target.image) << "something else";
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/update").code, "firmware.wrong_image");
  EXPECT_THAT(calls(), ElementsAre());
  EXPECT_TRUE(result.bodies<PermitGranted>().empty());
}

TEST_F(ToBaselineTest, AFullPowerCycleTakesTheHostDownFirstAndGivesItsPowerBack) {
  component("CPLD", "7", "8").activation = FirmwareActivation::full_power_cycle;
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(hardware().power, PowerState::on);
  EXPECT_THAT(calls(), ElementsAre("update_firmware", "force_off", "full_power_cycle", "power_on"));
}

TEST_F(ToBaselineTest, AHostThatWasOffStaysOffAfterAFullPowerCycle) {
  hardware().power = PowerState::off;
  component("CPLD", "7", "8").activation = FirmwareActivation::full_power_cycle;
  to_baseline();
  bench.run();
  EXPECT_THAT(calls(), ElementsAre("update_firmware", "full_power_cycle"));
}

TEST_F(ToBaselineTest, ABmcThatRestartsByItselfIsNotRestartedOnceMore) {
  component("BMC", "1.0", "2.0").activation = FirmwareActivation::manager_reset;
  hardware().update_outcome = UpdateOutcome{false, true, false, "", "404", "/t/1"};
  to_baseline();
  EXPECT_EQ(bench.run().verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls(), ElementsAre("update_firmware"));
}

TEST_F(ToBaselineTest, BothBanksAreWrittenOneAfterTheOther) {
  component("BMC", "1.0", "2.0").both_banks = true;
  FirmwareItem& item = hardware().firmware.front();
  item.standby_version = "1.0";
  hardware().on_update = [](FakeHardware& fake, const UpdateRequest& request) {
    FirmwareItem& written =
        fake.firmware.front();  // the bank that does not run, which runs after the restart
    written.standby_version = written.version;
    written.version = request.image;
  };
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::count(hardware().calls.begin(), hardware().calls.end(), "update_firmware"), 2);
  EXPECT_EQ(std::get<std::string>(result.measured("firmware.standby_version", "BMC").value), "2.0");
}

TEST_F(ToBaselineTest, ABankThatIsNotToldIsNoPass) {
  component("BMC", "2.0", "2.0").both_banks = true;
  bench.step("baseline", plugin_step("firmware.baseline"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.standby_version", "BMC").outcome, Outcome::unset);
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(ToBaselineTest, AnUpdateUnderWayIsWaitedForAsAWriteOfOurOwn) {
  component("BMC", "1.0", "2.0");
  hardware().updates_under_way = {UpdateOutcome{true, false, false, "Completed", "", "/t/9"}};
  hardware().on_call = [this](const std::string& verb) {
    if (verb == "wait_for_updates") hardware().firmware.front().version = "2.0";
  };
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls(), ElementsAre("wait_for_updates")) << "it had brought the component there";
  ASSERT_EQ(result.journal.size(), 1U);
  EXPECT_THAT(result.journal.front().undo.description, HasSubstr("an update under way"));
}

TEST_F(ToBaselineTest, AWriteThatIsNotOverInItsTimeLeavesTheComponentUnknown) {
  component("BMC", "1.0", "2.0").write_within = 5min;
  hardware().update_takes = 1h;
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_THAT(codes(result), testing::Contains("firmware.interrupted"));
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_LT(result.elapsed_ns, Nanoseconds(10min).count());
}

TEST_F(ToBaselineTest, ATrayWithoutABaselineIsAnError) {
  bench.expect(*dut, ComponentKind::firmware, {"UEFI"});
  dut->expect.components.back().firmware = "2.0";
  bench.step("baseline", plugin_step("firmware.baseline"));
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/update").code, "firmware.no_baseline");
}

TEST_F(ToBaselineTest, AStopBetweenTwoComponentsBeginsNoOther) {
  component("BMC", "1.0", "2.0");
  component("UEFI", "3.0", "3.1");
  hardware().update_takes = 5min;
  to_baseline();
  bench.stop_at(1min);
  const BenchResult result = bench.run();
  EXPECT_EQ(std::count(hardware().calls.begin(), hardware().calls.end(), "update_firmware"), 1);
  EXPECT_EQ(exit_code(result.verdict), 130);
}

// ---------------------------------------------------------------- NVOS

class NvosTest : public ToBaselineTest {
 protected:
  NvosTest() {
    dut->role = Role::switch_tray;
    FirmwareTarget& target = component("NVOS", "25.1", "25.2", "image");
    hardware().firmware.clear();  // a switch's BMC does not list it
    target.route = FirmwareRoute::nvos_image;
    target.activation = FirmwareActivation::switch_reboot;
    shell().answer_with("^nv show system image -o json$", [this](const Command&) {
      const std::vector<std::string> lines = shell().lines();
      const bool rebooted = std::count(lines.begin(), lines.end(), "nv action reboot system force") > 0;
      return ShellAnswer(image(rebooted ? "25.2" : "25.1"));
    });
    shell().answer_matching("^cat > '?/tmp/NVOS.fw'?$", ShellAnswer(""));
    shell().answer_matching("^nv action fetch system image '?file:///tmp/NVOS.fw'?$",
                            ShellAnswer("Action succeeded\n"));
    shell().answer("nv show system image files -o json", ShellAnswer(R"({"NVOS.fw":{"path":"/i/NVOS.fw"}})"));
    shell().answer_matching("^sha256sum '?/i/NVOS.fw'?$",
                            ShellAnswer(sha256_hex("image") + "  /i/NVOS.fw\n"));
    shell().answer_matching("^nv action install system image files '?NVOS.fw'? force$",
                            ShellAnswer("Action succeeded\n"));
    shell().answer_matching("^rm -f '?/tmp/NVOS.fw'?$", ShellAnswer(""));
    shell().answer("nv action reboot system force", ShellAnswer(""));
  }
  ScriptedShell& shell() { return bench.shell("C01"); }
  static std::string image(const std::string& version) {
    return R"({"current":"1","next":"1","partition1":{"build-id":"nvos-)" + version + R"("}})";
  }
};

TEST_F(NvosTest, IsCopiedComparedInstalledAndRebooted) {
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.measured("firmware.version.after_update", "NVOS").source.kind, "ssh");
}

TEST_F(NvosTest, AnImageThatIsAnotherOnTheSwitchIsNotInstalled) {
  for (const char* line : {"sha256sum /i/NVOS.fw", "sha256sum '/i/NVOS.fw'"})
    shell().answer(line, ShellAnswer(sha256_hex("other") + "  /i/NVOS.fw\n"));
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/update").code, "firmware.wrong_image");
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(NvosTest, WhatNvSaysIsTold) {
  for (const char* uri : {"file:///tmp/NVOS.fw", "'file:///tmp/NVOS.fw'"}) {
    shell().answer(std::string("nv action fetch system image ") + uri,
                   ShellAnswer("", 1, "Error: not enough space\n"));
  }
  to_baseline();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/update").code, "nvos.failed");
  EXPECT_THAT(result.ended("main/update").message, HasSubstr("not enough space"));
}

// ---------------------------------------------------------------- the rack

class RackFirmwareTest : public ToBaselineTest {
 protected:
  RackFirmwareTest() {
    component("UEFI", "3.1", "3.1");
    Dut& other = bench.add_dut("C02", Role::compute_tray);
    other.firmware_targets = dut->firmware_targets;
    bench.hardware("C02").firmware = hardware().firmware;
  }
};

TEST_F(RackFirmwareTest, ATierPassesWhenAllOfItRunsTheBaseline) {
  bench.step("tier", plugin_step("firmware.tier")).with["roles"] = StepBench::list_of({"compute_tray"});
  EXPECT_EQ(bench.run().measured("firmware.tier.off_baseline").outcome, Outcome::pass);
}

TEST_F(RackFirmwareTest, ATierNamesWhatIsOffTheBaseline) {
  bench.hardware("C02").firmware.front().version = "3.0";
  bench.step("tier", plugin_step("firmware.tier")).with["roles"] = StepBench::list_of({"compute_tray"});
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.tier.off_baseline").outcome, Outcome::fail);
  ASSERT_EQ(result.bodies<Diagnosed>().size(), 1U);
  EXPECT_EQ(result.bodies<Diagnosed>().front().part, "C02:UEFI");
}

TEST_F(RackFirmwareTest, MixedFirmwareIsNamedByWhoRunsWhat) {
  for (const char* id : {"C01", "C02"}) {
    for (int i = 0; i < 2; ++i) {
      FirmwareItem gpu;
      gpu.id = "HGX_FW_GPU_" + std::to_string(i);
      gpu.version = std::string(id) == "C02" && i == 1 ? "97.09" : "97.10 ";
      bench.hardware(id).firmware.push_back(gpu);
    }
    Part nic;
    nic.kind = ComponentKind::nic;
    nic.name = "NIC_0";
    nic.model = "ConnectX-8";
    nic.firmware = "40.45";
    bench.hardware(id).parts.push_back(nic);
  }
  bench.step("mix", plugin_step("firmware.mix"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.mixed_components").outcome, Outcome::fail);
  ASSERT_EQ(result.bodies<Diagnosed>().size(), 1U);
  EXPECT_EQ(result.bodies<Diagnosed>().front().part, "compute_tray HGX_FW_GPU_*");
  EXPECT_THAT(result.bodies<Diagnosed>().front().message, HasSubstr("97.9 on C02:HGX_FW_GPU_1"));
}

TEST_F(RackFirmwareTest, WhatTellsNoVersionIsNoProofThatNothingIsMixed) {
  FirmwareItem silent;
  silent.id = "CPLD";
  bench.hardware("C02").firmware.push_back(silent);
  bench.step("mix", plugin_step("firmware.mix"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.mixed_components").outcome, Outcome::unset);
  EXPECT_THAT(result.measured("firmware.mixed_components").reason, HasSubstr("C02:CPLD"));
}

TEST_F(RackFirmwareTest, WhatWasNotComparedIsNamed) {
  for (const char* id : {"C01", "C02"}) {
    for (int i = 0; i < 2; ++i) {
      Part nic;
      nic.kind = ComponentKind::nic;
      nic.name = "NIC_" + std::to_string(i);
      nic.model = "ConnectX-8";
      nic.firmware = i == 0 ? "40.45" : "N/A";
      bench.hardware(id).parts.push_back(nic);
    }
    Part bay;
    bay.kind = ComponentKind::drive;
    bay.name = "NVMe_7";
    bay.state = "Absent";
    bench.hardware(id).parts.push_back(bay);
    Part fan;
    fan.kind = ComponentKind::fan;
    fan.name = "FAN_0";
    bench.hardware(id).parts.push_back(fan);
  }
  bench.step("mix", plugin_step("firmware.mix"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.mixed_components").outcome, Outcome::pass)
      << "inventory entries decide";
  EXPECT_EQ(std::get<std::int64_t>(result.measured("firmware.mix.not_compared").value), 2);
  std::string said;
  for (const Note& note : result.bodies<Note>()) said += note.text + "\n";
  EXPECT_THAT(said, HasSubstr("C01:NIC_1, C02:NIC_1"));
  EXPECT_THAT(said, testing::Not(HasSubstr("NVMe_7")));
  EXPECT_THAT(said, testing::Not(HasSubstr("FAN_0")));
}

TEST_F(RackFirmwareTest, AMixThatFailsTellsAlsoWhatItDoesNotKnow) {
  FirmwareItem silent;
  silent.id = "CPLD";
  bench.hardware("C02").firmware.push_back(silent);
  bench.hardware("C02").firmware.front().version = "3.0";
  bench.step("mix", plugin_step("firmware.mix"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("firmware.mixed_components").outcome, Outcome::fail);
  EXPECT_THAT(result.measured("firmware.mixed_components").action, HasSubstr("C02:CPLD"));
}

TEST_F(RackFirmwareTest, FirmwareThatIsPrintedDifferentlyIsNotMixed) {
  bench.hardware("C02").firmware.front().version = "v3.01 ";
  bench.step("mix", plugin_step("firmware.mix"));
  EXPECT_EQ(bench.run().measured("firmware.mixed_components").outcome, Outcome::pass);
}

}  // namespace
}  // namespace kiln
