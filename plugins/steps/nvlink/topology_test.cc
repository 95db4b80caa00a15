#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

/// Three trays with a GPU and four cable cartridges each, in units 17, 18 and 28: between the last two are
/// the switches.
struct TopologyTest : testing::Test {
  TopologyTest() {
    const int units[] = {17, 18, 28};
    for (int i = 0; i < 3; ++i) {
      Dut& tray = bench.add_dut(fmt::format("C0{}", i + 1), Role::compute_tray);
      tray.slot = units[i];
      Component gpu;
      gpu.kind = ComponentKind::gpu;
      gpu.name = "GPU_0";
      gpu.serial = "S-" + tray.id;
      tray.expect.components.push_back(gpu);
      for (int n = 0; n < 4; ++n) {
        Part cartridge;
        cartridge.name = fmt::format("CBC_{}", n);
        cartridge.state = "Enabled";
        cartridge.topology_id = 128;
        parts(i + 1).push_back(cartridge);
      }
      cartridges(i + 1, 17 + i, 7 + i);
      driver(i + 1, fmt::format("{}", 17 + i), fmt::format("{}", 7 + i));
    }
    for (const char* name :
         {"nvlink.topology.misplaced", "nvlink.topology.differing", "nvlink.cartridges.missing"})
      bench.limit_max(name, "1", 0);
    bench.step("topology", plugin_step("nvlink.topology"));
  }
  std::vector<Part>& parts(int tray) { return bench.hardware(fmt::format("C0{}", tray)).parts; }
  void cartridges(int tray, int slot, int index) {
    for (Part& part : parts(tray)) {
      part.rack_slot = slot;
      part.tray_index = index;
    }
  }
  void driver(int tray, const std::string& slot, const std::string& index) {
    const std::string id = fmt::format("C0{}", tray);
    bench.shell(id).answer(
        "nvidia-smi -q -x",
        ShellAnswer(fmt::format(
            "<?xml version=\"1.0\" "
            "?>\n<nvidia_smi_log><driver_version>580.1</driver_version><attached_gpus>1</attached_gpus>"
            "<gpu "
            "id=\"00000008:01:00.0\"><serial>S-{}</serial><uuid>GPU-1</"
            "uuid><platformInfo><chassis_serial_number>R1"
            "</chassis_serial_number><slot_number>{}</slot_number><tray_index>{}</tray_index><module_id>1</"
            "module_id>"
            "</platformInfo><pci><pci_bus_id>00000008:01:00.0</pci_bus_id></pci></gpu></nvidia_smi_log>\n",
            id, slot, index)));
  }
  StepBench bench;
};

TEST_F(TopologyTest, TraysInTheirOrderAreWhereTheyBelongThoughUnitsHaveGaps) {
  const BenchResult result = bench.run();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  for (const char* name :
       {"nvlink.topology.misplaced", "nvlink.topology.differing", "nvlink.cartridges.missing"})
    EXPECT_EQ(result.measured(name).outcome, Outcome::pass) << name << " " << result.measured(name).reason;
}

TEST_F(TopologyTest, TwoTraysThatHaveChangedPlacesAreBothNamed) {
  cartridges(2, 19, 9);
  driver(2, "19", "9");
  cartridges(3, 18, 8);
  driver(3, "18", "8");
  const Measured measured = bench.run().measured("nvlink.topology.misplaced");
  EXPECT_EQ(measured.value, Value{std::int64_t{2}});
  EXPECT_EQ(measured.fault_code, "nvlink.tray_misplaced");
  EXPECT_NE(measured.action.find("C02, in unit 18 by the rack file, is tray 9"), std::string::npos)
      << measured.action;
  EXPECT_NE(measured.action.find("C03"), std::string::npos) << measured.action;
  EXPECT_EQ(measured.action.find("C01"), std::string::npos) << measured.action;
}

TEST_F(TopologyTest, ADriverThatContradictsTheCartridgesIsMisplacedAndBothAreQuoted) {
  driver(1, "16", "6");
  const Measured measured = bench.run().measured("nvlink.topology.misplaced");
  EXPECT_EQ(measured.outcome, Outcome::fail);
  EXPECT_NE(measured.action.find("6 (GPU_0), 7 (CBC_0, CBC_1, CBC_2, CBC_3)"), std::string::npos)
      << measured.action;
}

TEST_F(TopologyTest, ASlotThatDoesNotBelongToItsTrayIsAFail) {
  cartridges(1, 18, 7);
  driver(1, "18", "7");
  EXPECT_EQ(bench.run().measured("nvlink.topology.misplaced").outcome, Outcome::fail);
}

TEST_F(TopologyTest, TwoTraysCannotBeInOnePlace) {
  cartridges(2, 17, 7);
  driver(2, "17", "7");
  const Measured measured = bench.run().measured("nvlink.topology.misplaced");
  EXPECT_NE(measured.action.find("C01 and C02 are tray 7"), std::string::npos) << measured.action;
}

TEST_F(TopologyTest, TheDriverAloneIsEnough) {
  for (int tray : {1, 2, 3}) {
    for (Part& part : parts(tray)) part.rack_slot = part.tray_index = part.topology_id = std::nullopt;
  }
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("nvlink.topology.misplaced").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nvlink.topology.differing").outcome, Outcome::unset)
      << "a captured cartridge tells none";
  EXPECT_EQ(result.measured("nvlink.cartridges.missing").outcome, Outcome::pass);
}

TEST_F(TopologyTest, SlotZeroAndTrayZeroAreNoPlace) {
  for (int tray : {1, 2, 3}) {
    cartridges(tray, 0, 0);
    driver(tray, "0", "0");
  }
  EXPECT_EQ(bench.run().measured("nvlink.topology.misplaced").outcome, Outcome::unset)
      << "not three in one place";
}

TEST_F(TopologyTest, ATrayOfWhichNobodyTellsLeavesItUnknown) {
  for (Part& part : parts(2)) part.rack_slot = part.tray_index = std::nullopt;
  driver(2, "N/A", "N/A");
  const Measured measured = bench.run().measured("nvlink.topology.misplaced");
  EXPECT_EQ(measured.outcome, Outcome::unset);
  EXPECT_NE(measured.reason.find("C02"), std::string::npos) << measured.reason;
}

TEST_F(TopologyTest, ASlotWithoutATrayIndexIsComparedWithNothingAndNotGood) {
  for (Part& part : parts(2)) part.tray_index = std::nullopt;
  driver(2, "18", "N/A");
  EXPECT_EQ(bench.run().measured("nvlink.topology.misplaced").outcome, Outcome::unset);
}

TEST_F(TopologyTest, ACartridgeOfAnotherRackIsFound) {
  parts(2)[3].topology_id = 129;
  const Measured measured = bench.run().measured("nvlink.topology.differing");
  EXPECT_EQ(measured.fault_code, "nvlink.topology_mixed");
  EXPECT_NE(measured.action.find("129 (C02:CBC_3)"), std::string::npos) << measured.action;
}

TEST_F(TopologyTest, ACartridgeThatIsNotListedBesideOthersIsMissing) {
  parts(2).pop_back();
  const Measured measured = bench.run().measured("nvlink.cartridges.missing");
  EXPECT_EQ(measured.value, Value{std::int64_t{1}});
  EXPECT_NE(measured.action.find("C02 has 3 of 4"), std::string::npos) << measured.action;
}

TEST_F(TopologyTest, OneThatIsListedAsAbsentIsMissingToo) {
  parts(2)[0].state = "Absent";
  EXPECT_EQ(bench.run().measured("nvlink.cartridges.missing").fault_code, "nvlink.cartridge_missing");
}

TEST_F(TopologyTest, WhatCouldNotBeReadIsNotMissing) {
  parts(2)[1].unread = "500";
  parts(2)[1].uri = "/redfish/v1/Chassis/CBC_1";
  EXPECT_EQ(bench.run().measured("nvlink.cartridges.missing").outcome, Outcome::unset);
}

TEST_F(TopologyTest, ABmcThatListsNoCartridgeHasNoWordForThem) {
  parts(2).clear();
  EXPECT_EQ(bench.run().measured("nvlink.cartridges.missing").outcome, Outcome::unset);
}

TEST_F(TopologyTest, ABmcThatDoesNotAnswerLeavesItsCartridgesUnknownAndTheDriverStillTellsThePlace) {
  bench.hardware("C02").failing["parts"] = Error("bmc.unreachable", "no answer");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("nvlink.topology.misplaced").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nvlink.cartridges.missing").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nvlink.topology.differing").outcome, Outcome::unset);
}

TEST_F(TopologyTest, ATrayWithoutABmcInTheRackFileIsNotPassedOver) {
  bench.inventory().duts.front().bmc.reset();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("nvlink.cartridges.missing").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nvlink.topology.differing").outcome, Outcome::unset);
}

TEST_F(TopologyTest, AHostThatHangsDoesNotHoldTheStepForEver) {
  bench.shell("C02").answer("nvidia-smi -q -x", ShellAnswer::never());
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("nvlink.topology.misplaced").outcome, Outcome::pass) << "its cartridges tell";
  EXPECT_LE(result.elapsed_ns, 61'000'000'000);
}

}  // namespace
}  // namespace kiln
