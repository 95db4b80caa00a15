#include <gtest/gtest.h>

#include "inventory_steps.h"
#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

Part part_named(ComponentKind kind, const std::string& name, const std::string& serial) {
  Part part;
  part.kind = kind;
  part.name = name;
  part.serial = serial;
  part.state = "Enabled";
  part.uri = "/redfish/v1/Systems/0/Processors/" + name;
  return part;
}

/// A tray in slot 11 with two GPUs, of which the rack file knows the serials.
struct InventoryTest : testing::Test {
  InventoryTest() : dut(bench.add_dut("C01", Role::compute_tray)) {
    dut.slot = 11;
    dut.expect.serial = "J901";
    for (const char* gpu : {"GPU_0", "GPU_1"}) {
      Component component;
      component.kind = ComponentKind::gpu;
      component.name = gpu;
      component.serial = std::string("serial of ") + gpu;
      dut.expect.components.push_back(component);
      bench.hardware("C01").parts.push_back(part_named(ComponentKind::gpu, gpu, component.serial));
    }
    bench.hardware("C01").identity.serial = "J901";
    bench.hardware("C01").identity.serial_source = "/redfish/v1/Chassis/Chassis_0";
    bench.hardware("C01").identity.slot = 11;
    bench.hardware("C01").identity.slot_source = "/redfish/v1/Chassis/Chassis_0";
    for (const char* name : {"inventory.serial", "inventory.slot", "inventory.scanned_serial"})
      bench.limit_expected(name, "");
    for (const auto& [kind, prefix] : inventory::counted_kinds()) {
      bench.limit_equals(prefix + ".present", "", true);
      bench.limit_expected(prefix + ".serial", "");
    }
    bench.step("census", plugin_step("inventory.census"));
  }
  DutVerdict judge() {
    const BenchResult result = bench.run();
    for (const auto& problem : result.problems) ADD_FAILURE() << problem.message;
    const DutVerdict* verdict = result.verdict.find("C01");
    EXPECT_NE(verdict, nullptr);
    return verdict == nullptr ? DutVerdict{} : *verdict;
  }
  StepBench bench;
  Dut& dut;
};

bool has_reason(const DutVerdict& verdict, const std::string& code, const std::string& fru) {
  for (const Reason& reason : verdict.reasons) {
    if (reason.code == code && reason.fru == fru) return true;
  }
  return false;
}

TEST_F(InventoryTest, ATrayAsTheRackFileSaysIsGo) {
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::go);
  EXPECT_EQ(verdict.counts.required, 6) << "serial, slot, and two of each GPU";
}

TEST_F(InventoryTest, AnotherTrayInTheSlotIsNoGo) {
  bench.hardware("C01").identity.serial = "J902";
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  EXPECT_TRUE(has_reason(verdict, "inventory.serial_mismatch", ""));
}

TEST_F(InventoryTest, TheTrayInAnotherSlotIsNoGo) {
  bench.hardware("C01").identity.slot = 12;
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  EXPECT_TRUE(has_reason(verdict, "inventory.slot_mismatch", ""));
}

TEST_F(InventoryTest, ABmcThatSaysNoSlotOrSerialLeavesItUnknown) {
  bench.hardware("C01").identity.slot.reset();
  EXPECT_EQ(judge().decision, Decision::incomplete);
}

TEST_F(InventoryTest, WithoutASlotInTheRackFileNoneIsAskedFor) {
  dut.slot.reset();
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::go);
  EXPECT_EQ(verdict.counts.required, 5);
}

TEST_F(InventoryTest, AScannedLabelThatTheBmcContradictsIsNoGo) {
  dut.labels["scanned_serial"] = "J999";
  EXPECT_EQ(judge().decision, Decision::no_go);
}

TEST_F(InventoryTest, AnAbsentPartIsNoGoByName) {
  bench.hardware("C01").parts.pop_back();
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  EXPECT_TRUE(has_reason(verdict, "gpu.missing", "GPU_1"));
}

TEST_F(InventoryTest, APartThatWasSwappedIsNoGo) {
  bench.hardware("C01").parts.back().serial = "of another tray";
  EXPECT_TRUE(has_reason(judge(), "inventory.serial_mismatch", "GPU_1"));
}

TEST_F(InventoryTest, APartWhereNobodyCouldLookIsUnknownAndNotAbsent) {
  Part hidden;
  hidden.kind = ComponentKind::gpu;
  hidden.uri = "/redfish/v1/Systems/0/Processors";
  hidden.unread = "no JSON";
  bench.hardware("C01").parts = {hidden};
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::incomplete);
  EXPECT_EQ(verdict.counts.failed, 0);
}

TEST_F(InventoryTest, APartThatIsListedButCouldNotBeReadIsNotPresent) {
  bench.hardware("C01").parts.back().unread = "answered 500";
  bench.hardware("C01").parts.back().serial.clear();
  EXPECT_EQ(judge().decision, Decision::incomplete);
}

}  // namespace
}  // namespace kiln
