// What the virtual hosts say of their network adapters, drives and clock, in the words of the real tools.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/interpreter.h"
#include "tests_hw/virtual_rack/rack_test_rig.h"
#include "tool_output/nvme_smart.h"

namespace kiln::virtual_rack {
namespace {

std::string said(Rig& rig, const std::string& line) {
  const std::unique_ptr<Command> command = interpret({rig.rack(), rig.dut("C01")}, line);
  Output output;
  while (!command->step(output)) rig.run(0.02);
  return output.out;
}

void strike_with(Rig& rig, const std::string& spec) {
  ASSERT_TRUE(add_fault(rig.rack(), *parse_fault(spec))) << spec;
  rig.run(0.2);
}

TEST(NetworkFiles, a_port_says_whether_its_cable_is_there) {
  Rig rig;
  const std::string state = "grep -asH '' /sys/class/infiniband/*/ports/*/state";
  EXPECT_EQ(said(rig, state).find("DOWN"), std::string::npos);
  strike_with(rig, "nic-down@C01:NIC_2");
  EXPECT_NE(said(rig, state).find("/sys/class/infiniband/mlx5_2/ports/1/state:1: DOWN\n"), std::string::npos);
  EXPECT_EQ(said(rig, "cat /sys/class/net/" + rig.c01().nics[2].device + "/carrier"), "0\n");
}

TEST(NetworkFiles, an_adapter_tells_its_serial_in_its_vital_product_data) {
  Rig rig;
  const std::string bytes = said(rig, "head -v -c 1024 /sys/class/infiniband/*/device/vpd 2>/dev/null");
  for (const Nic& nic : rig.c01().nics) EXPECT_NE(bytes.find(nic.serial), std::string::npos) << nic.name;
  EXPECT_TRUE(bytes.starts_with("==> /sys/class/infiniband/mlx5_0/device/vpd <==\n"));
}

TEST(NetworkFiles, management_ports_are_there_as_on_real_trays) {
  Rig rig;
  const std::string uevents = said(rig, "grep -asH '' /sys/class/net/*/device/uevent");
  EXPECT_NE(uevents.find("eno1/device/uevent:DRIVER=igb"), std::string::npos);
  EXPECT_NE(uevents.find("usb0/device/uevent:DRIVER=cdc_ether"), std::string::npos);
}

TEST(Nvme, a_worn_drive_says_so_in_its_health_log) {
  Rig rig;
  const std::string line = "nvme smart-log --output-format=json /dev/" + rig.c01().drives[1].device;
  const auto well = tool_output::parse_nvme_smart(said(rig, line));
  ASSERT_TRUE(well);
  EXPECT_EQ(well->percentage_used, 0);
  strike_with(rig, "drive-worn@C01:NVMe_1");
  const auto worn = tool_output::parse_nvme_smart(said(rig, line));
  ASSERT_TRUE(worn);
  EXPECT_EQ(worn->percentage_used, 97);
  EXPECT_EQ(worn->critical_warning, 1);
  EXPECT_LT(*worn->available_spare, *worn->spare_threshold);
  const auto controller = tool_output::parse_nvme_controller(
      said(rig, "nvme id-ctrl -o json /dev/" + rig.c01().drives[1].device));
  ASSERT_TRUE(controller);
  EXPECT_EQ(controller->serial, rig.c01().drives[1].serial);
}

TEST(Chrony, tells_how_far_the_clock_is_off) {
  Rig rig;
  EXPECT_NE(said(rig, "chronyc -c tracking").find(",0.000012000,"), std::string::npos);
  strike_with(rig, "clock-skew@C01");
  EXPECT_NE(
      said(rig, "chronyc -c tracking").find(fmt::format("{:.9f}", 0.000012 - rig.c01().host_clock_offset_s)),
      std::string::npos);
}

}  // namespace
}  // namespace kiln::virtual_rack
