// What a BMC, a driver and a host tell of the faults that one reading shows.

#include "tests_hw/virtual_rack/single_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests_hw/virtual_rack/host_commands/host_files.h"
#include "tests_hw/virtual_rack/host_commands/nvidia_smi_xml.h"
#include "tests_hw/virtual_rack/redfish/bmc_test_rig.h"

namespace kiln::virtual_rack {
namespace {

using test::BmcRig;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  const char* fault;
  const char* uri;
  const char* told;  ///< in the body while the fault is there, and only then
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"part-missing@C01:CPU_1", "/redfish/v1/Systems/HGX_Baseboard_0/Processors/CPU_1",
       R"("State":"Absent")"},
      {"part-missing@C01:Fan_2", "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/Fans/Fan_2",
       R"("State":"Absent")"},
      {"part-missing@S01:NVSwitch_1", "/redfish/v1/Fabrics/HGX_NVLinkFabric_0/Switches/NVSwitch_1",
       R"("State":"Absent")"},
      {"nvlink-slow@C01:GPU_1/NVLink_3",
       "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_1/Ports/NVLink_3", "1.0625E2"},
      {"topology-mixed@C01", "/redfish/v1/Chassis/CBC_2", R"("TopologyId":129)"},
      {"integrity-failed@C01", "/redfish/v1/ComponentIntegrity/HGX_ERoT_BMC_0",
       R"("VerificationStatus":"Failed")"},
      {"factory-password@C01", "/redfish/v1/AccountService/Accounts/1", R"("PasswordChangeRequired":true)"},
      {"fan-failed@C01:Fan_2", "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/Fans/Fan_2",
       R"("Health":"Critical")"},
      {"supply-warm@C01",
       "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/CoolantConnectors/CoolantConnector_0",
       R"("SupplyTemperatureCelsius":{"Reading":46)"},
      {"flow-meter-off@C01",
       "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/CoolantConnectors/CoolantConnector_0",
       R"("FlowLitersPerMinute":{"Reading":20)"},
      {"mains-low@P01:PowerSupplyUnit_2",
       "/redfish/v1/Chassis/chassis/PowerSubsystem/PowerSupplies/PowerSupplyUnit_2/Metrics",
       R"("InputVoltage":{"Reading":170)"},
      {"rail-low@P01:PowerSupplyUnit_2",
       "/redfish/v1/Chassis/chassis/PowerSubsystem/PowerSupplies/PowerSupplyUnit_2/Metrics",
       R"("RailVoltage":[{"Reading":46)"},
      {"shelf-small@P01", "/redfish/v1/Chassis/chassis/PowerSubsystem/PowerSupplies/PowerSupplyUnit_5",
       R"("PowerCapacityWatts":1500)"},
      {"redundancy-lost@P01", "/redfish/v1/Chassis/chassis/PowerSubsystem", R"("Health":"Critical")"},
      {"psu-failed@P01:PowerSupplyUnit_2",
       "/redfish/v1/Chassis/chassis/PowerSubsystem/PowerSupplies/PowerSupplyUnit_2",
       R"("Health":"Critical")"},
  };
  return all;
}

void set(BmcRig& rig, const std::string& fault) {
  const auto added = add_fault(*rig.rack, *parse_fault(fault));
  ASSERT_TRUE(added) << added.error().full();
  rig.pass(0.2);
}

TEST(SingleFault, each_is_told_where_it_is_and_no_longer_when_it_is_cleared) {
  for (const Case& one : cases()) {
    const std::string fault = one.fault;
    const std::size_t at = fault.find('@');
    BmcRig rig(fault.substr(at + 1, 3), "shelves", true);
    rig.pass(0.2);
    const auto told = [&rig, &one] {
      const std::optional<json::object> body = rig.bmc->read(one.uri);
      return body ? json::serialize(*body) : std::string("nothing");
    };
    EXPECT_THAT(told(), Not(HasSubstr(one.told))) << fault;
    set(rig, fault);
    EXPECT_THAT(told(), HasSubstr(one.told)) << fault;
    ASSERT_TRUE(clear_fault(*rig.rack, *parse_fault(fault)));
    rig.pass(0.2);
    EXPECT_THAT(told(), Not(HasSubstr(one.told))) << fault;
  }
}

TEST(SingleFault, an_exchanged_part_tells_another_serial_to_all_who_ask) {
  BmcRig rig("C01", "small", true);
  const std::string serial = rig.rack->find("C01")->gpus[2].serial;
  set(rig, "part-exchanged@C01:GPU_2");
  Dut& dut = *rig.rack->find("C01");
  EXPECT_NE(dut.gpus[2].serial, serial);
  EXPECT_EQ(dut.gpus[2].serial.size(), serial.size());
  EXPECT_THAT(nvidia_smi_xml({*rig.rack, dut}), Not(HasSubstr(serial)));
  ASSERT_TRUE(clear_fault(*rig.rack, *parse_fault("part-exchanged@C01")));
  EXPECT_EQ(dut.gpus[2].serial, serial);
}

TEST(SingleFault, the_driver_tells_it_of_the_struck_gpu_alone) {
  BmcRig rig("C01", "small", true);
  Dut& dut = *rig.rack->find("C01");
  for (const char* fault :
       {"gpu-wants-reset@C01:GPU_1", "memory-unrepairable@C01:GPU_1", "sram-threshold@C01:GPU_1",
        "pcie-slow@C01:GPU_1", "row-remap-failed@C01:GPU_1", "row-remap-pending@C01:GPU_1",
        "sram-errors@C01:GPU_1", "gpu-other-product@C01:GPU_1"}) {
    const std::string before = nvidia_smi_xml({*rig.rack, dut});
    set(rig, fault);
    const std::string after = nvidia_smi_xml({*rig.rack, dut});
    const auto of_gpu = [&dut](const std::string& text, int gpu) {
      const std::size_t from = text.find("<gpu id=\"" + dut.gpus[static_cast<std::size_t>(gpu)].pci_address);
      return text.substr(from, text.find("</gpu>", from) - from);
    };
    EXPECT_NE(of_gpu(before, 1), of_gpu(after, 1)) << fault;
    ASSERT_TRUE(clear_fault(*rig.rack, *parse_fault(fault)));
    rig.pass(0.2);
  }
}

TEST(SingleFault, an_unreadable_log_is_not_there_and_a_cleared_one_is_empty) {
  BmcRig rig("C01", "small", true);
  const char* entries = "/redfish/v1/Systems/System_0/LogServices/SEL/Entries";
  ASSERT_TRUE(rig.bmc->read(entries));
  set(rig, "log-unreadable@C01");
  EXPECT_FALSE(rig.bmc->read(entries));
  ASSERT_TRUE(clear_fault(*rig.rack, *parse_fault("log-unreadable@C01")));
  set(rig, "log-entry@C01");
  EXPECT_FALSE(rig.rack->find("C01")->events.empty());
  set(rig, "log-cleared@C01");
  EXPECT_TRUE(rig.rack->find("C01")->events.empty());
}

}  // namespace
}  // namespace kiln::virtual_rack
