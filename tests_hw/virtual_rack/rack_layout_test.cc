// Racks of as many trays as asked for: every link has its port, nothing hangs where something else hangs, one
// CDU carries the heat.

#include "tests_hw/virtual_rack/rack_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "tests_hw/virtual_rack/inventory.h"
#include "tests_hw/virtual_rack/rack_test_rig.h"
#include "tests_hw/virtual_rack/redfish/bmc_test_rig.h"

namespace kiln::virtual_rack {
namespace {

std::size_t count(const RackModel& rack, Role role) {
  std::size_t found = 0;
  for (const Dut& dut : rack.duts) found += dut.role == role ? 1U : 0U;
  return found;
}

class Trays : public ::testing::TestWithParam<int> {};

TEST_P(Trays, HaveAsManySwitchTraysAsTheirLinksNeedAndOneCdu) {
  const int compute = GetParam();
  Rig rig(false, "trays:" + std::to_string(compute));
  const RackModel& rack = rig.rack();
  EXPECT_EQ(rack.name, "trays:" + std::to_string(compute));
  EXPECT_EQ(count(rack, Role::compute_tray), static_cast<std::size_t>(compute));
  EXPECT_EQ(count(rack, Role::cdu), 1U);
  EXPECT_EQ(count(rack, Role::power_shelf), 0U);
  std::set<std::string> ids;
  std::set<int> slots;
  std::size_t placed = 0;
  for (const Dut& dut : rack.duts) {
    EXPECT_TRUE(ids.insert(dut.id).second) << dut.id;
    if (dut.slot == 0) continue;
    ++placed;
    EXPECT_TRUE(slots.insert(dut.slot).second) << dut.id;
  }
  EXPECT_EQ(slots.size(), placed);

  std::size_t ports = 0;
  std::set<std::pair<std::size_t, std::size_t>> domains_of_switch;
  for (std::size_t d = 0; d < rack.duts.size(); ++d) {
    for (const Gpu& gpu : rack.duts[d].gpus) {
      for (const NvLink& link : gpu.links) {
        const SwitchPort& port =
            rack.duts[link.switch_tray].switches[link.switch_chip].ports[link.switch_port];
        ASSERT_TRUE(port.peer_dut.has_value());
        EXPECT_EQ(*port.peer_dut, d) << "a port has one far end";
        EXPECT_EQ(rack.duts[d].gpus[port.peer_gpu].name, gpu.name);
        domains_of_switch.emplace(link.switch_tray, d / kComputeTraysPerDomain);
      }
    }
    for (const SwitchChip& chip : rack.duts[d].switches) {
      for (const SwitchPort& port : chip.ports) ports += port.peer_dut ? 1U : 0U;
    }
  }
  EXPECT_EQ(ports, static_cast<std::size_t>(compute) * 4 * 18) << "every link ends at a port of its own";
  EXPECT_EQ(domains_of_switch.size(), count(rack, Role::switch_tray)) << "a switch tray serves one domain";
}

INSTANTIATE_TEST_SUITE_P(Counts, Trays,
                         ::testing::Values(1, 2, 3, 6, 7, 10, 17, 18, 19, 23, 36, 66, 100, 200));

TEST(RackLayout, TraysOfOneRackHangWhereAFullRackHasThemAndTheRestNowhere) {
  Rig rig(false, "trays:20");
  Rig full(false, "nvl72");
  EXPECT_EQ(rig.dut("C18").slot, full.dut("C18").slot);
  EXPECT_EQ(rig.dut("S09").slot, full.dut("S09").slot);
  EXPECT_EQ(rig.dut("CDU01").slot, full.dut("CDU01").slot);
  EXPECT_EQ(rig.dut("C19").slot, 0);
  EXPECT_EQ(rig.dut("S10").slot, 0);
}

TEST(RackLayout, ATrayWithoutAUnitNamesNoneOnTheWire) {
  test::BmcRig rig("C19", "trays:20");
  rig.log_in();
  const json::object location = rig.get("/redfish/v1/Chassis/Chassis_0").at("Location").as_object();
  EXPECT_FALSE(location.contains("PartLocation"));
  EXPECT_FALSE(location.at("Placement").as_object().contains("RackOffset"));
  EXPECT_EQ(expectation_of(*rig.rack, rig.bmc->dut).slot, 0) << "which the inventory leaves out";
  test::BmcRig placed("C18", "trays:20");
  placed.log_in();
  const json::object known = placed.get("/redfish/v1/Chassis/Chassis_0").at("Location").as_object();
  EXPECT_EQ(known.at("Placement").as_object().at("RackOffset").to_number<int>(), 37);
}

TEST(RackLayout, UnderLoadAllLinksAreUpAndTheCduCarriesTheHeat) {
  Rig rig(true, "trays:36");
  for (Dut& dut : rig.rack().duts) {
    if (dut.role == Role::compute_tray) rig.load(dut);
  }
  rig.run(20);
  double trays_kw = 0;
  for (const Dut& dut : rig.rack().duts) {
    trays_kw += dut.has_host() ? dut.coolant.heat_kw.actual : 0;
    for (const Gpu& gpu : dut.gpus) {
      for (const NvLink& link : gpu.links)
        EXPECT_TRUE(link.up) << dut.id << " " << gpu.name << " " << link.name;
    }
  }
  const Dut& cdu = rig.dut("CDU01");
  EXPECT_NEAR(cdu.cooling_unit->secondary.heat_kw.actual, trays_kw, 0.02 * trays_kw);
  EXPECT_LT(trays_kw, cdu.cooling_unit->capacity_kw);
  EXPECT_LT(cdu.cooling_unit->secondary.supply_c.actual, 26);
}

TEST(RackLayout, ProductsHaveTheirOwnGpusAndUnknownOnesAreRefused) {
  RackOptions options;
  options.product = "gb200-nvl72";
  const auto rack = build_rack(options, 1);
  ASSERT_TRUE(rack);
  const Gpu& gpu = (*rack)->duts.front().gpus.front();
  EXPECT_EQ(gpu.pci_device, 0x2941);
  EXPECT_EQ(gpu.power_limit_w, 1200);
  EXPECT_LT((*rack)->physics.gpu_load_w, gpu.power_limit_w);
  options.product = "gb2000-nvl72";
  const auto unknown = build_rack(options, 1);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, "rack.product");
}

TEST(RackLayout, ANumberOfTraysThatIsNoneIsRefused) {
  for (const char* wrong : {"trays:0", "trays:201", "trays:", "trays:x", "trays:+5", "trays:5x", "trays:-1",
                            "trays:1.5", "trays:99999999999"}) {
    const Status known = check_rack_name(wrong);
    ASSERT_FALSE(known) << wrong;
    EXPECT_EQ(known.error().code, "rack.trays") << wrong;
    EXPECT_THAT(known.error().sentence(), ::testing::HasSubstr("200")) << wrong;
  }
  EXPECT_EQ(check_rack_name("tray:5").error().code, "rack.unknown");
  for (const char* right : {"small", "nvl72", "shelves", "trays:1", "trays:200"})
    EXPECT_TRUE(check_rack_name(right)) << right;
}

}  // namespace
}  // namespace kiln::virtual_rack
