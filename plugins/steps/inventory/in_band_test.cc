#include <gtest/gtest.h>

#include "inventory_steps.h"
#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

/// A booted tray with one GPU; rack file, BMC, SMBIOS and driver agree.
struct InBandTest : testing::Test {
  InBandTest() : dut(bench.add_dut("C01", Role::compute_tray)) {
    dut.expect.serial = "J901";
    dut.expect.components = {{ComponentKind::gpu, "GPU_0", "165", ""}};
    FakeHardware& hardware = bench.hardware("C01");
    hardware.identity.serial = "J901";
    hardware.identity.serial_source = "/redfish/v1/Chassis/Chassis_0";
    set_gpu_of_bmc("165");
    set_smbios("J901\n");
    set_gpu_of_driver("165");
    for (const char* name : {"inventory.smbios_serial", "inventory.serial_sources", "gpu.serial_sources"})
      bench.limit_expected(name, "");
    bench.limit_expected("gpu.in_band.count", "1");
    bench.limit_equals("gpu.in_band.seen", "", true);
    bench.limit_equals("gpu.pci_device", "", std::string("10de:31c2"));
    bench.step("in_band", plugin_step("inventory.in_band"));
  }
  void set_gpu_of_bmc(const std::string& serial) {
    Part part;
    part.kind = ComponentKind::gpu;
    part.name = "GPU_0";
    part.serial = serial;
    part.uri = "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_0";
    bench.hardware("C01").parts = {part};
  }
  void set_smbios(const std::string& text) {
    bench.shell("C01").answer("cat /sys/class/dmi/id/product_serial", ShellAnswer(text));
  }
  void set_gpu_of_driver(const std::string& serial, const std::string& pci_device = "31C210DE") {
    bench.shell("C01").answer(
        "nvidia-smi -q -x",
        ShellAnswer("<?xml version=\"1.0\" ?>\n<nvidia_smi_log><driver_version>580.1</driver_version>"
                    "<attached_gpus>1</attached_gpus><gpu id=\"00000008:01:00.0\"><product_name>NVIDIA "
                    "GB300</product_name><serial>" +
                    serial + "</serial><uuid>GPU-1</uuid><pci><pci_device_id>" + pci_device +
                    "</pci_device_id><pci_bus_id>00000008:01:00.0</pci_bus_id></pci></gpu>"
                    "</nvidia_smi_log>\n"));
  }
  DutVerdict judge() {
    result = bench.run();
    for (const auto& problem : result.problems) ADD_FAILURE() << problem.message;
    const DutVerdict* verdict = result.verdict.find("C01");
    EXPECT_NE(verdict, nullptr);
    return verdict == nullptr ? DutVerdict{} : *verdict;
  }
  /// The value of a measurement, as text.
  std::string said(const std::string& name, const std::string& part = {}) {
    const Value value = result.measured(name, part).value;
    const auto* text = std::get_if<std::string>(&value);
    return text == nullptr ? std::string("no text") : *text;
  }
  static bool has(const std::string& text, const std::string& what) {
    return text.find(what) != std::string::npos;
  }
  StepBench bench;
  BenchResult result;
  Dut& dut;
};

TEST_F(InBandTest, SourcesThatAgreeAreGo) {
  dut.labels["scanned_serial"] = "J901";
  EXPECT_EQ(judge().decision, Decision::go);
  EXPECT_EQ(said("inventory.serial_sources"), "J901");
  EXPECT_EQ(said("gpu.serial_sources", "GPU_0"), "165");
}

TEST_F(InBandTest, ABoardThatWasSwappedIsNoGoWithEverySource) {
  bench.hardware("C01").identity.serial = "J777";
  dut.labels["scanned_serial"] = "J901";
  const DutVerdict verdict = judge();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  const std::string text = said("inventory.serial_sources");
  for (const char* source : {"rack file J901", "label J901", "Redfish J777 (/redfish/v1/Chassis/Chassis_0)",
                             "SMBIOS J901 (cat /sys/class/dmi/id/product_serial)"})
    EXPECT_TRUE(has(text, source)) << text;
  EXPECT_EQ(result.measured("inventory.serial_sources").fault_code, "inventory.serial_mismatch");
}

TEST_F(InBandTest, ALabelAloneThatDisagreesIsNoGo) {
  dut.labels["scanned_serial"] = "J999";
  EXPECT_EQ(judge().decision, Decision::no_go);
  EXPECT_TRUE(has(said("inventory.serial_sources"), "label J999"));
}

TEST_F(InBandTest, WithoutARackFilesSerialTheOthersMustAgreeAllTheSame) {
  dut.expect.serial.clear();
  set_smbios("J000\n");
  EXPECT_EQ(judge().decision, Decision::no_go);
  EXPECT_TRUE(has(said("inventory.serial_sources"), "SMBIOS J000"));
}

TEST_F(InBandTest, AGpuThatTheDriverKnowsByAnotherSerialShowsEverySource) {
  set_gpu_of_driver("999");
  EXPECT_EQ(judge().decision, Decision::no_go);
  const std::string text = said("gpu.serial_sources", "GPU_0");
  EXPECT_TRUE(has(text, "rack file 165")) << text;
  EXPECT_TRUE(has(text, "Redfish 165 (/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_0)")) << text;
  EXPECT_TRUE(has(text, "(serial 999)")) << text;
}

TEST_F(InBandTest, AGpuThatTheBmcKnowsByAnotherSerialShowsEverySource) {
  set_gpu_of_bmc("166");
  EXPECT_EQ(judge().decision, Decision::no_go);
  EXPECT_TRUE(has(said("gpu.serial_sources", "GPU_0"), "Redfish 166")) << said("gpu.serial_sources", "GPU_0");
}

TEST_F(InBandTest, AGpuOfAnotherProductIsNoGoWhateverItsNameIs) {
  set_gpu_of_driver("165", "293410DE");
  EXPECT_EQ(judge().decision, Decision::no_go);
  EXPECT_EQ(said("gpu.pci_device", "GPU_0"), "10de:2934");
  EXPECT_EQ(result.measured("gpu.pci_device", "GPU_0").fault_code, "gpu.other_product");
}

struct PciDeviceAsPrinted : InBandTest, testing::WithParamInterface<const char*> {};

TEST_P(PciDeviceAsPrinted, IsUnknownWhenItIsNone) {
  set_gpu_of_driver("165", GetParam());
  EXPECT_EQ(judge().decision, Decision::incomplete);
}
INSTANTIATE_TEST_SUITE_P(All, PciDeviceAsPrinted,
                         testing::Values("", "N/A", "31C2", "31C210DG", "0x31C210DE00"));

TEST_F(InBandTest, APciDeviceInHexIsKnown) {
  set_gpu_of_driver("165", "0x31C210DE");
  EXPECT_EQ(judge().decision, Decision::go);
}

TEST_F(InBandTest, SmbiosThatSaysNothingIsNoSourceAndUnknown) {
  set_smbios("Not Specified\n");
  EXPECT_EQ(judge().decision, Decision::incomplete);
  EXPECT_EQ(said("inventory.serial_sources"), "J901");
}

TEST_F(InBandTest, ABmcThatDoesNotAnswerLeavesItOpen) {
  bench.hardware("C01").unreachable = Error("bmc.unreachable", "nobody");
  EXPECT_EQ(judge().decision, Decision::incomplete);
}

}  // namespace
}  // namespace kiln
