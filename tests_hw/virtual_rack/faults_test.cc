#include "tests_hw/virtual_rack/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests_hw/virtual_rack/rack_test_rig.h"

namespace kiln::virtual_rack {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::uint64_t add(Rig& rig, const std::string& text) {
  const auto spec = parse_fault(text);
  if (!spec) {
    ADD_FAILURE() << spec.error().full();
    return 0;
  }
  const auto added = add_fault(rig.rack(), *spec);
  if (!added) {
    ADD_FAILURE() << added.error().full();
    return 0;
  }
  return *added;
}

void clear(Rig& rig, const std::string& text) {
  const auto spec = parse_fault(text);
  ASSERT_TRUE(spec);
  const auto cleared = clear_fault(rig.rack(), *spec);
  ASSERT_TRUE(cleared) << cleared.error().full();
  EXPECT_GT(*cleared, 0);
}

int kernel_lines_with(const Dut& dut, const std::string& text) {
  return static_cast<int>(
      std::count_if(dut.kernel_log.begin(), dut.kernel_log.end(),
                    [&](const KernelLine& line) { return line.text.find(text) != std::string::npos; }));
}

int events_about(const Dut& dut, const std::string& part, const std::string& severity) {
  return static_cast<int>(std::count_if(dut.events.begin(), dut.events.end(), [&](const EventEntry& entry) {
    return entry.part == part && entry.severity == severity;
  }));
}

const LeakDetector& detector(Rig& rig, std::size_t index) { return rig.c01().detectors[index]; }

TEST(FaultSpec, every_piece_is_read) {
  const auto spec = parse_fault("xid:48@C01:GPU_2+1500ms");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->kind, FaultKind::xid);
  EXPECT_EQ(spec->number, 48);
  EXPECT_EQ(spec->dut, "C01");
  EXPECT_EQ(spec->part, "GPU_2");
  EXPECT_EQ(spec->delay_ns, 1'500'000'000U);
  const auto plain = parse_fault("leak@C02");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->delay_ns);
  EXPECT_EQ(parse_fault("xid@C01")->number, 79);
  EXPECT_EQ(parse_fault("nvlink-down@C01:GPU_1/NVLink_3+2m")->part, "GPU_1/NVLink_3");
}

TEST(FaultSpec, what_is_wrong_is_named_with_the_nearest_right_name) {
  const auto error = [](const std::string& text) {
    const auto spec = parse_fault(text);
    return spec ? Error("none", "no error for " + text) : spec.error();
  };
  EXPECT_EQ(error("leek@C01").code, "fault.unknown");
  EXPECT_THAT(error("leek@C01").message, HasSubstr("'leak'"));
  EXPECT_EQ(error("leak").code, "fault.spec");
  EXPECT_EQ(error("leak@").code, "fault.spec");
  EXPECT_EQ(error("leak@C01:").code, "fault.spec");
  EXPECT_EQ(error("leak:3@C01").code, "fault.spec");
  EXPECT_EQ(error("xid:many@C01").code, "fault.spec");
  EXPECT_EQ(error("leak@C01+5").code, "fault.delay");
  EXPECT_EQ(error("leak@C01+soon").code, "fault.delay");
  EXPECT_EQ(error("bmc-slow@C01:GPU_0").code, "fault.part");
}

TEST(FaultSpec, unknown_duts_parts_and_impossible_targets_are_refused) {
  Rig rig;
  const auto error = [&](const std::string& text) {
    const auto added = add_fault(rig.rack(), *parse_fault(text));
    return added ? Error("none", "no error for " + text) : added.error();
  };
  EXPECT_EQ(error("leak@C03").code, "fault.dut");
  EXPECT_THAT(error("leak@C03").action, HasSubstr("C01, C02, S01, CDU01"));
  EXPECT_EQ(error("throttle@C01:GPU_7").code, "fault.part");
  EXPECT_THAT(error("throttle@C01:GPU_7").message, HasSubstr("did you mean"));
  EXPECT_EQ(error("throttle@S01").code, "fault.role");
  EXPECT_EQ(error("ssh-drop@CDU01").code, "fault.role");
  EXPECT_EQ(error("firmware-old@C01:UEFI").code, "fault.part")
      << "the demo updates it, so it cannot stay old";
}

TEST(FaultCatalogue, every_kind_has_a_line_and_a_default_part_where_it_takes_one) {
  Rig rig(true, "shelves");
  EXPECT_EQ(fault_catalogue().size(), 133U);
  for (const FaultInfo& info : fault_catalogue()) {
    EXPECT_FALSE(info.description.empty());
    EXPECT_EQ(fault_info(info.kind).name, info.name);
    const auto& duts = rig.rack().duts;
    const auto any = std::find_if(duts.begin(), duts.end(),
                                  [&info](const Dut& one) { return fault_applies(one, info.kind); });
    ASSERT_NE(any, duts.end()) << info.name;
    const Dut& dut = fault_applies(rig.c01(), info.kind) ? rig.c01() : *any;
    EXPECT_EQ(fault_parts(rig.rack(), dut, info.kind).empty(), info.part_kind.empty()) << info.name;
    EXPECT_NE(add(rig, std::string(info.name) + "@" + dut.id), 0U) << info.name;
    rig.run(0.2);
    clear(rig, std::string(info.name) + "@" + dut.id);
    rig.run(0.2);
    rig.run(3);  // the BMC is back
  }
}

TEST(FaultCatalogue, every_kind_can_come_and_go_on_every_dut_it_applies_to) {
  Rig rig;
  std::mt19937_64 random(20260301);
  int struck = 0;
  for (const FaultInfo& info : fault_catalogue()) {
    for (const Dut& dut : rig.rack().duts) {
      FaultSpec spec;
      spec.kind = info.kind;
      spec.dut = dut.id;
      spec.number = info.kind == FaultKind::xid ? 95 : 0;
      const auto parts = fault_parts(rig.rack(), dut, info.kind);
      if (!parts.empty()) spec.part = parts[random() % parts.size()];
      const auto added = add_fault(rig.rack(), spec);
      ASSERT_EQ(static_cast<bool>(added), fault_applies(dut, info.kind)) << info.name << "@" << dut.id;
      if (!added) continue;
      ++struck;
      rig.run(0.15);
      EXPECT_NE(active_fault(rig.rack(), dut, info.kind, spec.part), nullptr);
      ASSERT_TRUE(clear_fault(rig.rack(), spec));
      EXPECT_EQ(active_fault(rig.rack(), dut, info.kind), nullptr);
    }
  }
  EXPECT_GT(struck, 60);
  rig.run(5);
  for (const Dut& dut : rig.rack().duts) {
    for (const LeakDetector& each : dut.detectors) EXPECT_EQ(each.state, DetectorState::ok) << dut.id;
    EXPECT_EQ(dut.power, PowerState::on) << dut.id;
  }
}

TEST(Fault, a_delay_counts_from_the_first_load_of_that_dut) {
  Rig rig;
  EXPECT_EQ(add(rig, "leak@C01+2s"), 0U);
  rig.run(5);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::ok);
  rig.load(rig.dut("C02"));
  rig.run(3);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::ok) << "another tray's load must not start it";
  rig.load(rig.c01());
  rig.run(1.8);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::ok);
  rig.run(0.3);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::critical);
}

TEST(Fault, a_fault_added_after_a_load_waits_for_the_next_one) {
  Rig rig;
  const int pid = rig.load(rig.c01());
  rig.run(1);
  end_process(rig.rack(), rig.c01(), pid);
  add(rig, "leak@C01+1s");
  rig.run(5);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::ok);
  rig.load(rig.c01());
  rig.run(1.2);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::critical);
}

TEST(Fault, a_delay_on_a_dut_that_runs_no_load_counts_from_the_racks_first) {
  Rig rig;
  add(rig, "leak@S01:leakage3+1s");
  rig.load(rig.c01());
  rig.run(1.2);
  EXPECT_EQ(rig.dut("S01").detectors[2].state, DetectorState::critical);
}

TEST(Fault, an_entry_of_the_log_is_there_once_and_nothing_else_shows_it) {
  Rig rig;
  add(rig, "log-entry@C01:GPU_1");
  rig.run(3);
  EXPECT_EQ(events_about(rig.c01(), "GPU_1", "Critical"), 1);
  EXPECT_TRUE(rig.c01().gpus[1].xids.empty());
  EXPECT_TRUE(rig.c01().gpus[1].present);
  clear(rig, "log-entry@C01");
  rig.run(3);
  EXPECT_EQ(events_about(rig.c01(), "GPU_1", "Critical"), 1) << "the log keeps what happened";
}

TEST(Fault, a_leak_shows_at_the_detector_in_the_event_log_in_the_humidity_and_in_the_reservoir) {
  Rig rig;
  const double level = rig.dut("CDU01").cooling_unit->reservoir_percent;
  const double humidity = rig.c01().humidity_percent.actual;
  const std::string part = detector(rig, 2).name;
  add(rig, "leak@C01:" + part);
  rig.run(3);
  EXPECT_EQ(detector(rig, 2).state, DetectorState::critical);
  EXPECT_EQ(detector(rig, 2).status_state, "Enabled");
  EXPECT_EQ(detector(rig, 0).state, DetectorState::ok);
  EXPECT_EQ(events_about(rig.c01(), part, "Critical"), 1);
  EXPECT_GT(rig.c01().humidity_percent.actual, humidity + 20);
  EXPECT_LT(rig.dut("CDU01").cooling_unit->reservoir_percent, level);
  clear(rig, "leak@C01");
  rig.run(5);
  EXPECT_EQ(detector(rig, 2).state, DetectorState::ok);
  EXPECT_EQ(events_about(rig.c01(), part, "Critical"), 1) << "the log keeps what happened";
  EXPECT_LT(rig.c01().humidity_percent.actual, humidity + 10);
}

TEST(Fault, absent_faulty_and_damp_detectors_say_different_things) {
  Rig rig;
  add(rig, "detector-absent@C01:" + detector(rig, 0).name);
  add(rig, "detector-fault@C01:" + detector(rig, 1).name);
  add(rig, "leak-warning@C01:" + detector(rig, 2).name);
  rig.run(0.2);
  EXPECT_EQ(detector(rig, 0).state, DetectorState::absent);
  EXPECT_EQ(detector(rig, 0).status_state, "Absent");
  EXPECT_EQ(detector(rig, 1).state, DetectorState::unavailable);
  EXPECT_NE(detector(rig, 1).status_state, "Enabled");
  EXPECT_EQ(detector(rig, 2).state, DetectorState::warning);
  EXPECT_EQ(detector(rig, 3).state, DetectorState::ok);
}

TEST(Fault, low_flow_moves_flow_return_temperature_and_thermal_resistance_of_that_tray_only) {
  Rig rig;
  rig.load(rig.c01());
  rig.load(rig.dut("C02"));
  rig.run(60);
  const Dut& sick = rig.c01();
  const Dut& well = rig.dut("C02");
  const double flow = sick.coolant.flow_lpm.actual;
  const double rise = sick.coolant.return_c.actual - sick.coolant.supply_c.actual;
  const double hot = sick.gpus[0].temperature_c.actual;
  const double other = well.coolant.flow_lpm.actual;
  add(rig, "low-flow@C01");
  rig.run(60);
  EXPECT_LT(sick.coolant.flow_lpm.actual, 0.6 * flow);
  EXPECT_GT(sick.coolant.return_c.actual - sick.coolant.supply_c.actual, 1.6 * rise);
  EXPECT_GT(sick.gpus[0].temperature_c.actual, hot + 8);
  EXPECT_NEAR(well.coolant.flow_lpm.actual, other, 0.01);
  const double liquid_kw = sick.power_w.actual / 1000 * (1 - rig.rack().physics.air_heat_share);
  EXPECT_NEAR(tray_heat_kw(rig.rack(), sick), liquid_kw, 0.02 * liquid_kw)
      << "less flow carries the same heat";
  clear(rig, "low-flow@C01");
  rig.run(60);
  EXPECT_NEAR(sick.coolant.flow_lpm.actual, flow, 0.02);
}

TEST(Fault, a_hot_gpu_passes_its_slowdown_temperature_under_load_and_no_other_does) {
  Rig rig;
  add(rig, "hot-gpu@C01:GPU_2");
  rig.run(5);
  EXPECT_LT(rig.c01().gpus[2].temperature_c.actual, 45) << "idle, nothing is to be seen";
  rig.load(rig.c01());
  rig.run(8);
  EXPECT_GT(rig.c01().gpus[2].temperature_c.actual, 88);
  EXPECT_LT(rig.c01().gpus[2].temperature_c.actual, 97);
  EXPECT_LT(rig.c01().gpus[1].temperature_c.actual, 80);
  EXPECT_GT(rig.c01().gpus[2].thermal_throttle_s, 0);
  EXPECT_EQ(rig.c01().gpus[1].thermal_throttle_s, 0);
}

TEST(Fault, throttle_holds_the_power_brake_and_low_clocks) {
  Rig rig;
  add(rig, "throttle@C01:GPU_1");
  rig.load(rig.c01());
  rig.run(3);
  const Gpu& gpu = rig.c01().gpus[1];
  EXPECT_TRUE(gpu.throttle.hw_slowdown);
  EXPECT_TRUE(gpu.throttle.hw_power_brake_slowdown);
  EXPECT_FALSE(gpu.throttle.hw_thermal_slowdown);
  EXPECT_LT(gpu.sm_clock_mhz, 0.6 * rig.c01().gpus[0].sm_clock_mhz);
  EXPECT_THAT(redfish_throttle_reasons(gpu.throttle), Contains("HWPowerBrakeSlowdown"));
  EXPECT_THAT(redfish_throttle_reasons(rig.c01().gpus[0].throttle), Contains("NA"));
  EXPECT_EQ(events_about(rig.c01(), "GPU_1", "Warning"), 1);
}

TEST(Fault, uncorrectable_memory_errors_count_on_under_load_and_stay_counted) {
  Rig rig;
  add(rig, "ecc-uncorrectable@C01:GPU_3");
  rig.run(0.5);
  const Gpu& gpu = rig.c01().gpus[3];
  EXPECT_EQ(gpu.ecc_volatile.dram_uncorrectable, 1U);
  EXPECT_TRUE(gpu.row_remap.pending);
  rig.load(rig.c01());
  rig.run(3.2);
  const auto counted = gpu.ecc_volatile.dram_uncorrectable;
  EXPECT_GE(counted, 3U);
  EXPECT_GE(kernel_lines_with(rig.c01(), "Xid (PCI:0019:01:00): 48,"), 3);
  EXPECT_GE(kernel_lines_with(rig.c01(), "Xid (PCI:0019:01:00): 94,"), 3);
  clear(rig, "ecc-uncorrectable@C01");
  rig.run(3);
  EXPECT_EQ(gpu.ecc_volatile.dram_uncorrectable, counted);
  EXPECT_EQ(rig.c01().gpus[0].ecc_volatile.dram_uncorrectable, 0U);
}

TEST(Fault, xid_79_takes_the_gpu_off_the_bus_and_a_power_cycle_after_the_repair_brings_it_back) {
  Rig rig;
  add(rig, "xid@C01:GPU_2+1s");
  rig.load(rig.c01());
  rig.run(1.5);
  const Gpu& gpu = rig.c01().gpus[2];
  EXPECT_FALSE(gpu.on_bus);
  EXPECT_TRUE(gpu.present);
  EXPECT_EQ(kernel_lines_with(rig.c01(), "Xid (PCI:0018:01:00): 79,"), 1);
  EXPECT_FALSE(gpu.links[0].up);
  clear(rig, "xid@C01");
  EXPECT_FALSE(gpu.on_bus) << "it does not come back by itself";
  ASSERT_TRUE(request_power(rig.rack(), rig.c01(), PowerCommand::power_cycle));
  rig.run(4);
  EXPECT_TRUE(gpu.on_bus);
  EXPECT_TRUE(gpu.links[0].up);
}

TEST(Fault, an_application_xid_is_only_a_line_in_the_log) {
  Rig rig;
  add(rig, "xid:31@C01:GPU_0");
  rig.load(rig.c01());
  rig.run(2.2);
  EXPECT_GE(kernel_lines_with(rig.c01(), ": 31, pid="), 2);
  EXPECT_EQ(events_about(rig.c01(), "GPU_0", "Critical"), 0);
  EXPECT_TRUE(rig.c01().gpus[0].on_bus);
  EXPECT_EQ(rig.c01().gpus[0].ecc_volatile.dram_uncorrectable, 0U);
}

TEST(Fault, a_fault_that_needs_the_host_shows_when_the_tray_has_booted) {
  Rig rig(false);
  add(rig, "xid:48@C01:GPU_0");
  rig.run(1);
  EXPECT_TRUE(rig.c01().gpus[0].xids.empty());
  ASSERT_TRUE(request_power(rig.rack(), rig.c01(), PowerCommand::on));
  rig.run(3);
  EXPECT_EQ(kernel_lines_with(rig.c01(), "): 48,"), 1);
}

TEST(Fault, a_link_that_is_down_is_down_at_both_ends) {
  Rig rig;
  add(rig, "nvlink-down@C01:GPU_1/NVLink_4");
  rig.run(0.2);
  const NvLink& link = rig.c01().gpus[1].links[4];
  EXPECT_FALSE(link.up);
  const SwitchPort& port = rig.dut("S01").switches[link.switch_chip].ports[link.switch_port];
  EXPECT_FALSE(port.up);
  EXPECT_EQ(port.peer_gpu, 1U);
  EXPECT_EQ(port.peer_link, 4U);
  EXPECT_TRUE(rig.c01().gpus[1].links[5].up);
  EXPECT_GE(events_about(rig.c01(), "GPU_1/NVLink_4", "Warning"), 1);
  clear(rig, "nvlink-down@C01:GPU_1/NVLink_4");
  rig.run(0.2);
  EXPECT_TRUE(link.up);
  EXPECT_EQ(link.counters.link_downed, 1U);
}

TEST(Fault, a_noisy_link_counts_errors_at_both_ends_and_keeps_them) {
  Rig rig;
  add(rig, "nvlink-errors@C01:GPU_0/NVLink_7");
  rig.load(rig.c01(), 0.8);
  rig.run(3);
  const LinkCounters& counters = rig.c01().gpus[0].links[7].counters;
  EXPECT_GT(counters.symbol_errors, 500U);
  EXPECT_GT(counters.replays, 50U);
  EXPECT_GT(counters.recoveries, 5U);
  EXPECT_GT(counters.effective_ber, 1e-12);
  EXPECT_EQ(rig.c01().gpus[0].links[8].counters.symbol_errors, 0U);
  const auto before = counters.symbol_errors;
  clear(rig, "nvlink-errors@C01");
  rig.run(1);
  EXPECT_EQ(counters.symbol_errors, before);
  EXPECT_LT(counters.effective_ber, 1e-200);
}

TEST(Fault, a_flapping_link_loses_symbols_and_counts_nothing_else) {
  Rig rig;
  add(rig, "nvlink-flap@C01:GPU_0/NVLink_7");
  rig.run(5);
  const LinkCounters& counters = rig.c01().gpus[0].links[7].counters;
  EXPECT_GE(counters.symbol_errors, 9U);
  EXPECT_EQ(counters.recoveries + counters.replays + counters.link_downed + counters.effective_errors, 0U);
  EXPECT_LT(counters.effective_ber, 1e-200);
  EXPECT_EQ(rig.c01().gpus[0].links[8].counters.symbol_errors, 0U);
}

TEST(Fault, a_raised_bit_error_rate_stands_while_its_fault_does) {
  Rig rig;
  add(rig, "nvlink-ber@C01:GPU_0/NVLink_7");
  rig.run(1);
  const LinkCounters& counters = rig.c01().gpus[0].links[7].counters;
  EXPECT_GT(counters.effective_ber, 1e-12);
  EXPECT_EQ(counters.symbol_errors, 0U);
  clear(rig, "nvlink-ber@C01");
  rig.run(1);
  EXPECT_LT(counters.effective_ber, 1e-200);
}

TEST(Fault, a_narrow_link_has_one_lane_at_both_ends_until_it_is_cleared) {
  Rig rig;
  add(rig, "nvlink-narrow@C01:GPU_0/NVLink_7");
  rig.run(0.5);
  const NvLink& link = rig.c01().gpus[0].links[7];
  const SwitchPort& port =
      rig.rack().duts[link.switch_tray].switches[link.switch_chip].ports[link.switch_port];
  EXPECT_EQ(link.lanes, 1);
  EXPECT_EQ(port.lanes, 1);
  clear(rig, "nvlink-narrow@C01");
  rig.run(0.5);
  EXPECT_EQ(link.lanes, 2);
}

TEST(Fault, swapped_trays_sit_in_each_others_slots_and_their_bmcs_do_not_know) {
  Rig rig;
  add(rig, "tray-swapped@C01");
  rig.run(0.2);
  EXPECT_EQ(rig.c01().position, rig.dut("C02").slot);
  EXPECT_EQ(rig.dut("C02").position, rig.c01().slot);
  EXPECT_NE(rig.c01().slot, rig.c01().position);
  clear(rig, "tray-swapped@C01");
  rig.run(0.2);
  EXPECT_EQ(rig.c01().position, rig.c01().slot);
}

TEST(Fault, old_firmware_is_older_and_comes_back_when_cleared) {
  Rig rig;
  FirmwareItem* item = find_firmware(rig.c01(), "HGX_FW_CPLD_0");
  const std::string before = item->version;
  add(rig, "firmware-old@C01");
  EXPECT_LT(item->version, before);
  clear(rig, "firmware-old@C01");
  EXPECT_EQ(item->version, before);
}

TEST(Fault, a_missing_gpu_is_not_there_and_its_links_are_down) {
  Rig rig;
  add(rig, "gpu-missing@C01:GPU_3");
  rig.run(0.2);
  EXPECT_FALSE(rig.c01().gpus[3].present);
  EXPECT_FALSE(rig.c01().gpus[3].links[0].up);
  EXPECT_NEAR(rig.c01().gpus[3].power_w.actual, 0, 1e-9);
}

TEST(Fault, lanes_and_ecc_that_are_off_come_back_when_the_fault_is_cleared) {
  Rig rig;
  add(rig, "pcie-narrow@C01:GPU_1");
  add(rig, "ecc-off@C01:GPU_2");
  rig.run(0.2);
  EXPECT_EQ(rig.c01().gpus[1].pcie_lanes, 8);
  EXPECT_EQ(rig.c01().gpus[0].pcie_lanes, 16);
  EXPECT_FALSE(rig.c01().gpus[2].ecc_on);
  clear(rig, "pcie-narrow@C01:GPU_1");
  clear(rig, "ecc-off@C01:GPU_2");
  rig.run(0.2);
  EXPECT_EQ(rig.c01().gpus[1].pcie_lanes, 16);
  EXPECT_TRUE(rig.c01().gpus[2].ecc_on);
}

TEST(Fault, coolant_that_is_lost_or_unfit_shows_where_it_is_measured) {
  Rig rig;
  Dut& cdu = rig.dut("CDU01");
  rig.load(rig.c01());
  rig.run(4);
  const double before = cdu.cooling_unit->secondary.flow_lpm.actual;
  add(rig, "flow-lost@C01");
  rig.run(4);
  EXPECT_LT(rig.c01().coolant.flow_lpm.actual, 0.1 * rig.c01().coolant.rated_flow_lpm);
  EXPECT_LT(cdu.cooling_unit->secondary.flow_lpm.actual, before);
  EXPECT_GT(cdu.cooling_unit->secondary.flow_lpm.actual, 0.4 * before) << "the others keep theirs";
  clear(rig, "flow-lost@C01");
  add(rig, "flow-lost@CDU01");
  rig.run(4);
  EXPECT_LT(cdu.cooling_unit->secondary.flow_lpm.actual, 0.1 * before);
  EXPECT_LT(rig.dut("S01").coolant.flow_lpm.actual, 0.2);
  clear(rig, "flow-lost@CDU01");
  add(rig, "supply-hot@CDU01");
  rig.run(15);
  EXPECT_GT(cdu.cooling_unit->secondary.supply_c.actual, 52);
  clear(rig, "supply-hot@CDU01");
  add(rig, "humid-hall@CDU01");
  rig.run(15);
  EXPECT_GT(cdu.cooling_unit->dew_point_c.actual, cdu.cooling_unit->secondary.supply_c.actual + 1);
  add(rig, "reservoir-low@CDU01");
  rig.run(0.2);
  EXPECT_LT(cdu.cooling_unit->reservoir_percent, 5);
}

TEST(Fault, late_on_reads_off_for_a_second_and_no_force_off_takes_it_back) {
  Rig rig;
  Dut& tray = rig.c01();
  request_power(rig.rack(), tray, PowerCommand::force_off);
  rig.run(1);
  ASSERT_EQ(tray.power, PowerState::off);
  add(rig, "late-on@C01");
  EXPECT_TRUE(request_power(rig.rack(), tray, PowerCommand::on));
  rig.run(0.5);
  EXPECT_EQ(tray.power, PowerState::off);
  EXPECT_FALSE(request_power(rig.rack(), tray, PowerCommand::on)) << "it is under way";
  EXPECT_FALSE(request_power(rig.rack(), tray, PowerCommand::force_off)) << "it is off";
  rig.run(1);
  EXPECT_EQ(tray.power, PowerState::on);
  EXPECT_TRUE(request_power(rig.rack(), tray, PowerCommand::force_off));
  rig.run(3);
  EXPECT_EQ(tray.power, PowerState::off);
}

TEST(Fault, nuisances_change_no_hardware) {
  Rig rig;
  for (const FaultInfo& info : fault_catalogue()) {
    if (info.fault_class == FaultClass::nuisance) add(rig, std::string(info.name) + "@C01");
  }
  rig.load(rig.c01());
  rig.run(4);
  for (const Gpu& gpu : rig.c01().gpus) {
    EXPECT_TRUE(gpu.on_bus && gpu.present && !gpu.throttle.hw_slowdown);
    EXPECT_TRUE(gpu.links[0].up);
  }
  for (const LeakDetector& each : rig.c01().detectors) EXPECT_EQ(each.state, DetectorState::ok);
  EXPECT_EQ(rig.c01().power, PowerState::on);
}

TEST(Fault, clock_skew_moves_both_clocks_of_one_dut) {
  Rig rig;
  add(rig, "clock-skew@C01");
  EXPECT_NE(rig.c01().bmc_clock_offset_s, 0);
  EXPECT_NE(rig.c01().host_clock_offset_s, 0);
  EXPECT_EQ(rig.dut("C02").bmc_clock_offset_s, 0);
}

TEST(Fault, a_network_link_goes_down_under_load_and_a_missing_cable_keeps_it_down) {
  Rig rig;
  add(rig, "nic-flap@C01:NIC_1");
  add(rig, "nic-down@C01:NIC_2");
  add(rig, "drive-worn@C01:NVMe_0");
  rig.run(1);
  EXPECT_EQ(rig.c01().nics[1].link_downed, 0U) << "nothing goes over it yet";
  rig.load(rig.c01());
  rig.run(5);
  EXPECT_GE(rig.c01().nics[1].link_downed, 2U);
  EXPECT_EQ(rig.c01().nics[0].link_downed, 0U);
  EXPECT_TRUE(rig.c01().nics[1].link_up);
  EXPECT_FALSE(rig.c01().nics[2].link_up);
  EXPECT_EQ(rig.c01().drives[0].media_life_left_percent, 3);
  EXPECT_EQ(rig.c01().drives[1].media_life_left_percent, 100);
}

TEST(Fault, clearing_what_is_not_set_is_an_error_and_adding_twice_too) {
  Rig rig;
  EXPECT_FALSE(clear_fault(rig.rack(), *parse_fault("leak@C01")));
  add(rig, "leak@C01");
  EXPECT_EQ(add_fault(rig.rack(), *parse_fault("leak@C01")).error().code, "fault.twice");
}

}  // namespace
}  // namespace kiln::virtual_rack
