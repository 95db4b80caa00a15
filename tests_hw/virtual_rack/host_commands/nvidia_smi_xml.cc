#include "tests_hw/virtual_rack/host_commands/nvidia_smi_xml.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <pugixml.hpp>
#include <sstream>

#include "tests_hw/virtual_rack/power.h"
#include "tests_hw/virtual_rack/single_faults.h"

namespace kiln::virtual_rack {

namespace {

constexpr const char* kNotAvailable = "N/A";
constexpr const char* kLost = "GPU is lost";
constexpr const char* kNoCluster = "00000000-0000-0000-0000-000000000000";

void leaf(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

std::string whole(double value, const char* unit) { return fmt::format("{} {}", std::lround(value), unit); }
std::string watts(double value) { return fmt::format("{:.2f} W", value); }
std::string active(bool holds) { return holds ? "Active" : "Not Active"; }
std::string yes(bool holds) { return holds ? "Yes" : "No"; }

/// Writes one GPU. Every value that needs the device goes through live(), which says what a lost GPU says.
class GpuElement {
 public:
  GpuElement(Host host, const Gpu& gpu, pugi::xml_node node) : host_(host), gpu_(gpu), node_(node) {}

  void write() {
    identity();
    pci();
    throttling();
    memory();
    ecc();
    temperature();
    power();
    clocks();
    fabric();
    processes();
    if (gpu_.on_bus) tell_otherwise(host_.rack, host_.dut, gpu_, node_);
  }

 private:
  std::string live(std::string text) const { return gpu_.on_bus ? std::move(text) : kLost; }

  void identity() {
    node_.append_attribute("id") = gpu_.pci_address.c_str();
    leaf(node_, "product_name", gpu_.model);
    leaf(node_, "product_brand", "NVIDIA");
    leaf(node_, "product_architecture", gpu_.architecture);
    leaf(node_, "persistence_mode", live("Enabled"));
    leaf(node_, "addressing_mode", superchip() ? "ATS" : "HMM");
    pugi::xml_node mig = node_.append_child("mig_mode");
    leaf(mig, "current_mig", live("Disabled"));
    leaf(mig, "pending_mig", live("Disabled"));
    leaf(node_, "mig_devices", "None");
    leaf(node_, "serial", gpu_.serial);
    leaf(node_, "uuid", gpu_.uuid);
    leaf(node_, "minor_number", std::to_string(gpu_.index));
    leaf(node_, "vbios_version", gpu_.vbios);
    leaf(node_, "board_part_number", gpu_.part_number);
    leaf(node_, "gpu_part_number", fmt::format("{:X}-895-A1", gpu_.pci_device));
    platform();
    pugi::xml_node inforom = node_.append_child("inforom_version");
    leaf(inforom, "img_version", inforom_version());
    leaf(inforom, "oem_object", "2.1");
    leaf(inforom, "ecc_object", "7.16");
    leaf(inforom, "pwr_object", kNotAvailable);
    leaf(node_, "c2c_mode", live(superchip() ? "Enabled" : "Disabled"));
    leaf(node_, "gpu_recovery_action", gpu_.row_remap.pending ? "Reset" : gpu_.on_bus ? "None" : "Reboot");
    leaf(node_, "gsp_firmware_version", std::string(kDriverVersion));
  }

  /// One package with a CPU, as in the trays of a rack.
  bool superchip() const { return host_.dut.role == Role::compute_tray; }

  void platform() {
    pugi::xml_node platform = node_.append_child("platformInfo");
    if (!host_.dut.in_rack_fabric()) {  // a captured HGX H100, driver 590
      for (const char* name :
           {"chassis_serial_number", "slot_number", "tray_index", "host_id", "peer_type", "module_id"})
        leaf(platform, name, kNotAvailable);
      return;
    }
    leaf(platform, "chassis_serial_number", host_.rack.rack_id);
    const int slot = host_.dut.position;
    leaf(platform, "slot_number", slot > 0 ? std::to_string(slot) : kNotAvailable);
    // The public numbering: slot = tray + 10.
    leaf(platform, "tray_index", slot > 0 ? std::to_string(slot - 10) : kNotAvailable);
    leaf(platform, "host_id", "1");
    leaf(platform, "peer_type", "Switch Connected");
    leaf(platform, "module_id", std::to_string(gpu_.index + 1));
  }

  std::string inforom_version() const {
    for (const FirmwareItem& item : host_.dut.firmware) {
      if (item.component == gpu_.name && item.name.find("InfoROM") != std::string::npos) {
        return item.version;
      }
    }
    return kNotAvailable;
  }

  void pci() {
    pugi::xml_node pci = node_.append_child("pci");
    leaf(pci, "pci_bus", gpu_.pci_address.substr(9, 2));
    leaf(pci, "pci_device", gpu_.pci_address.substr(12, 2));
    leaf(pci, "pci_domain", gpu_.pci_address.substr(4, 4));
    leaf(pci, "pci_device_id", fmt::format("{:04X}10DE", gpu_.pci_device));
    leaf(pci, "pci_bus_id", gpu_.pci_address);
    pugi::xml_node link = pci.append_child("pci_gpu_link_info");
    pugi::xml_node generation = link.append_child("pcie_gen");
    leaf(generation, "max_link_gen", std::to_string(gpu_.pcie_generation));
    leaf(generation, "current_link_gen", live(std::to_string(gpu_.pcie_generation)));
    leaf(generation, "device_current_link_gen", live(std::to_string(gpu_.pcie_generation)));
    leaf(generation, "max_device_link_gen", std::to_string(gpu_.pcie_generation));
    leaf(generation, "max_host_link_gen", kNotAvailable);
    pugi::xml_node widths = link.append_child("link_widths");
    leaf(widths, "max_link_width", fmt::format("{}x", gpu_.pcie_width));
    leaf(widths, "current_link_width", live(fmt::format("{}x", gpu_.pcie_lanes)));
    leaf(pci, "replay_counter", live(std::to_string(gpu_.pcie_replays)));
    leaf(pci, "replay_rollover_counter", live("0"));
    leaf(pci, "tx_util", live("0 KB/s"));
    leaf(pci, "rx_util", live("0 KB/s"));
    leaf(node_, "fan_speed", kNotAvailable);
    leaf(node_, "performance_state", live("P0"));
  }

  void throttling() {
    const ThrottleReasons& why = gpu_.throttle;
    pugi::xml_node reasons = node_.append_child("clocks_event_reasons");
    const auto reason = [&](const char* tail, bool holds) {
      leaf(reasons, fmt::format("clocks_event_reason_{}", tail).c_str(), live(active(holds)));
    };
    reason("gpu_idle", why.gpu_idle);
    reason("applications_clocks_setting", false);
    reason("sw_power_cap", why.sw_power_cap);
    reason("hw_slowdown", why.hw_slowdown);
    reason("hw_thermal_slowdown", why.hw_thermal_slowdown);
    reason("hw_power_brake_slowdown", why.hw_power_brake_slowdown);
    reason("sync_boost", false);
    reason("sw_thermal_slowdown", why.sw_thermal_slowdown);
    reason("display_clocks_setting", false);
    pugi::xml_node counters = node_.append_child("clocks_event_reasons_counters");
    const auto counter = [&](const char* tail, double seconds) {
      leaf(counters, fmt::format("clocks_event_reasons_counters_{}", tail).c_str(),
           live(fmt::format("{} us", std::llround(seconds * 1e6))));
    };
    const bool brake = why.hw_power_brake_slowdown;
    counter("sw_power_cap", brake ? 0 : gpu_.power_throttle_s);
    counter("sync_boost", 0);
    counter("sw_therm_slowdown", 0);
    counter("hw_therm_slowdown", gpu_.thermal_throttle_s);
    counter("hw_power_brake", brake ? gpu_.power_throttle_s : 0);
  }

  void memory() {
    const double total = static_cast<double>(gpu_.memory_mib);
    pugi::xml_node memory = node_.append_child("fb_memory_usage");
    leaf(memory, "total", live(whole(total, "MiB")));
    leaf(memory, "reserved", live(whole(total / 256, "MiB")));
    leaf(memory, "used", live(whole(gpu_.memory_used_mib, "MiB")));
    leaf(memory, "free", live(whole(total - total / 256 - gpu_.memory_used_mib, "MiB")));
    leaf(node_, "compute_mode", live("Default"));
    pugi::xml_node use = node_.append_child("utilization");
    leaf(use, "gpu_util", live(whole(gpu_.utilisation * 100, "%")));
    leaf(use, "memory_util", live(whole(gpu_.utilisation * 62, "%")));
    leaf(use, "encoder_util", live("0 %"));
    leaf(use, "decoder_util", live("0 %"));
  }

  void ecc_group(pugi::xml_node parent, const char* name, const EccCounters& counts, bool aggregate) {
    pugi::xml_node group = parent.append_child(name);
    leaf(group, "sram_correctable", live(std::to_string(counts.sram_correctable)));
    leaf(group, "sram_uncorrectable_parity", live(std::to_string(counts.sram_uncorrectable)));
    leaf(group, "sram_uncorrectable_secded", live("0"));
    leaf(group, "dram_correctable", live(std::to_string(counts.dram_correctable)));
    leaf(group, "dram_uncorrectable", live(std::to_string(counts.dram_uncorrectable)));
    if (aggregate) {
      leaf(group, "sram_threshold_exceeded", live("No"));
    }
  }

  void ecc() {
    pugi::xml_node mode = node_.append_child("ecc_mode");
    leaf(mode, "current_ecc", live(gpu_.ecc_on ? "Enabled" : "Disabled"));
    leaf(mode, "pending_ecc", live(gpu_.ecc_on ? "Enabled" : "Disabled"));
    pugi::xml_node errors = node_.append_child("ecc_errors");
    ecc_group(errors, "volatile", gpu_.ecc_volatile, false);
    ecc_group(errors, "aggregate", gpu_.ecc_aggregate, true);
    leaf(errors, "channel_repair_pending", live("No"));
    leaf(errors, "tpc_repair_pending", live("No"));
    leaf(errors, "unrepairable_memory", live("No"));
    pugi::xml_node rows = node_.append_child("remapped_rows");
    leaf(rows, "remapped_row_corr", live(std::to_string(gpu_.row_remap.correctable)));
    leaf(rows, "remapped_row_unc", live(std::to_string(gpu_.row_remap.uncorrectable)));
    leaf(rows, "remapped_row_pending", live(yes(gpu_.row_remap.pending)));
    leaf(rows, "remapped_row_failure", live(yes(gpu_.row_remap.failure)));
    pugi::xml_node histogram = rows.append_child("row_remapper_histogram");
    const std::uint64_t used = gpu_.row_remap.uncorrectable + gpu_.row_remap.correctable;
    leaf(histogram, "row_remapper_histogram_max", live(fmt::format("{} bank(s)", 5952 - used)));
    leaf(histogram, "row_remapper_histogram_high", live(fmt::format("{} bank(s)", used)));
    leaf(histogram, "row_remapper_histogram_partial", live("0 bank(s)"));
    leaf(histogram, "row_remapper_histogram_low", live("0 bank(s)"));
    leaf(histogram, "row_remapper_histogram_none", live("0 bank(s)"));
  }

  void temperature() {
    pugi::xml_node node = node_.append_child("temperature");
    leaf(node, "gpu_temp", live(whole(gpu_.temperature_c.shown, "C")));
    // Distance to the temperature where the GPU slows itself; thresholds are distances too, and negative
    // beyond it.
    leaf(node, "gpu_temp_tlimit", live(whole(gpu_.slowdown_c - 2 - gpu_.temperature_c.shown, "C")));
    leaf(node, "gpu_temp_max_tlimit_threshold", live("-7 C"));
    leaf(node, "gpu_temp_slow_tlimit_threshold", live("-2 C"));
    leaf(node, "gpu_temp_max_gpu_tlimit_threshold", live("0 C"));
    leaf(node, "gpu_target_temperature", kNotAvailable);
    leaf(node, "memory_temp", live(whole(gpu_.memory_temperature_c.shown, "C")));
    leaf(node, "gpu_temp_max_mem_tlimit_threshold", live("0 C"));
  }

  void power() {
    pugi::xml_node node = node_.append_child("gpu_power_readings");
    leaf(node, "power_state", live("P0"));
    leaf(node, "average_power_draw", live(watts(gpu_.power_w.shown)));
    leaf(node, "instant_power_draw", live(watts(gpu_.power_w.shown)));
    leaf(node, "current_power_limit", live(watts(gpu_.power_limit_w)));
    leaf(node, "requested_power_limit", live(watts(gpu_.power_limit_w)));
    leaf(node, "default_power_limit", live(watts(gpu_.default_power_limit_w)));
    leaf(node, "min_power_limit", live(watts(gpu_.min_power_limit_w)));
    leaf(node, "max_power_limit", live(watts(gpu_.max_power_limit_w)));
  }

  void clocks() {
    pugi::xml_node now = node_.append_child("clocks");
    leaf(now, "graphics_clock", live(whole(gpu_.sm_clock_mhz, "MHz")));
    leaf(now, "sm_clock", live(whole(gpu_.sm_clock_mhz, "MHz")));
    leaf(now, "mem_clock", live(whole(gpu_.memory_clock_mhz, "MHz")));
    leaf(now, "video_clock", live(whole(gpu_.sm_clock_mhz * 0.9, "MHz")));
    pugi::xml_node most = node_.append_child("max_clocks");
    leaf(most, "graphics_clock", live(whole(gpu_.max_sm_clock_mhz, "MHz")));
    leaf(most, "sm_clock", live(whole(gpu_.max_sm_clock_mhz, "MHz")));
    leaf(most, "mem_clock", live(whole(gpu_.max_memory_clock_mhz, "MHz")));
    leaf(most, "video_clock", live(whole(gpu_.max_sm_clock_mhz * 0.9, "MHz")));
  }

  void fabric() {
    bool any_up = false;
    bool all_up = true;
    for (const NvLink& link : gpu_.links) {
      any_up = any_up || link.up;
      all_up = all_up && link.up;
    }
    pugi::xml_node node = node_.append_child("fabric");
    const bool switched = host_.dut.in_rack_fabric() || host_.dut.has_own_switches();
    leaf(node, "state", !switched ? kNotAvailable : live(any_up ? "Completed" : "In Progress"));
    leaf(node, "status", !switched ? kNotAvailable : live(any_up ? "Success" : kNotAvailable));
    // A captured HGX H100 registers with its fabric as 0 of a cluster of zeros, and tells no health.
    const bool of_rack = host_.dut.in_rack_fabric();
    const auto told = [&](std::string text) {
      return of_rack ? live(std::move(text)) : std::string(kNotAvailable);
    };
    leaf(node, "cliqueId",
         !switched ? kNotAvailable : live(std::to_string(of_rack ? host_.dut.fabric_clique : 0)));
    leaf(node, "clusterUuid",
         !switched ? kNotAvailable : live(of_rack ? host_.rack.duts.front().uuid : kNoCluster));
    pugi::xml_node health = node.append_child("health");
    leaf(health, "summary", told(all_up ? "Healthy" : "Unhealthy"));
    leaf(health, "bandwidth", told(all_up ? "Full" : "Degraded"));
    leaf(health, "route_recovery_in_progress", told("False"));
    leaf(health, "route_unhealthy", told(all_up ? "False" : "True"));
    leaf(health, "access_timeout_recovery", told("False"));
  }

  void processes() {
    pugi::xml_node list = node_.append_child("processes");
    for (const Process& process : host_.dut.processes) {
      if (process.gpu_utilisation <= 0) {
        continue;
      }
      pugi::xml_node info = list.append_child("process_info");
      leaf(info, "pid", std::to_string(process.pid));
      leaf(info, "type", "C");
      leaf(info, "process_name", process.name);
      leaf(info, "used_memory", live(whole(gpu_.memory_used_mib, "MiB")));
    }
  }

  Host host_;
  const Gpu& gpu_;
  pugi::xml_node node_;
};

}  // namespace

std::string nvidia_smi_time(Host host) {
  const auto seconds =
      static_cast<std::time_t>(host_utc_ns(host.rack, host.dut, host.rack.now_ns) / 1'000'000'000);
  return fmt::format("{:%a %b %e %H:%M:%S %Y}", fmt::gmtime(seconds));
}

std::string nvidia_smi_xml(Host host) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  document.append_child(pugi::node_doctype).set_value("nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\"");
  pugi::xml_node root = document.append_child("nvidia_smi_log");
  leaf(root, "timestamp", nvidia_smi_time(host));
  leaf(root, "driver_version", std::string(kDriverVersion));
  leaf(root, "cuda_version", std::string(kCudaVersion));
  int attached = 0;
  for (const Gpu& gpu : host.dut.gpus) {
    attached += gpu.present ? 1 : 0;
  }
  leaf(root, "attached_gpus", std::to_string(attached));
  for (const Gpu& gpu : host.dut.gpus) {
    if (gpu.present) {
      GpuElement(host, gpu, root.append_child("gpu")).write();
    }
  }
  std::ostringstream text;
  document.save(text, "\t", pugi::format_default, pugi::encoding_utf8);
  return text.str();
}

}  // namespace kiln::virtual_rack
