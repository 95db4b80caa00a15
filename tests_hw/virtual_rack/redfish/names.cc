// Names of a DUT's parts in its Redfish tree. Sources: published GB300 and ND5200_LD trees; what is
// assumed is listed in the folder's README.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {

std::vector<std::string> manager_ids(const Dut& dut) {
  std::vector<std::string> ids = {dut.face.manager};
  const std::string& baseboard = dut.face.baseboard_manager;
  if (!baseboard.empty() && baseboard != dut.face.manager) ids.push_back(baseboard);
  return ids;
}

std::vector<std::string> system_ids(const Dut& dut) {
  std::vector<std::string> ids;
  // The baseboard comes first, as GB300 trays list it.
  if (dut.face.has_baseboard()) ids.emplace_back(kBaseboard);
  if (!dut.face.system.empty()) ids.push_back(dut.face.system);
  return ids;
}

std::string gpu_system(const Dut& dut) {
  return dut.face.has_baseboard() ? std::string(kBaseboard) : dut.face.system;
}

std::string cpu_system(const Dut& dut) {
  // Superchips are on the baseboard with their CPUs.
  return dut.role == Role::compute_tray ? gpu_system(dut) : dut.face.system;
}

std::string gpu_uri(const Dut& dut, const Gpu& gpu) {
  return fmt::format("{}/Systems/{}/Processors/{}", kRoot, gpu_system(dut), gpu.name);
}

std::vector<std::string> chassis_ids(const Dut& dut) {
  std::vector<std::string> ids = {main_chassis(dut)};
  if (dut.face.has_baseboard()) {
    ids.push_back(dut.face.baseboard_chassis);
    if (dut.role == Role::compute_tray) {
      for (const Cpu& cpu : dut.cpus) ids.push_back("HGX_" + cpu.name);
    }
    for (const Gpu& gpu : dut.gpus) {
      if (gpu.present) ids.push_back(gpu_chassis(dut, gpu));
    }
  }
  if (dut.in_rack_fabric()) {
    for (const std::string& cartridge : cable_cartridges()) {
      const auto& out = dut.cartridges_out;
      if (std::find(out.begin(), out.end(), cartridge) == out.end()) ids.push_back(cartridge);
    }
  }
  for (const SwitchChip& chip : dut.switches) ids.push_back(chip_chassis(dut, chip));
  if (dut.role == Role::switch_tray) ids.emplace_back("CPLD_0");
  for (const Sensor& sensor : dut.sensors) {
    if (std::find(ids.begin(), ids.end(), sensor.chassis) != ids.end()) continue;
    // The chassis of a missing GPU is as absent as the GPU.
    const bool missing = std::any_of(dut.gpus.begin(), dut.gpus.end(), [&](const Gpu& gpu) {
      return !gpu.present && sensor.chassis == gpu_chassis(dut, gpu);
    });
    if (!missing) ids.push_back(sensor.chassis);
  }
  return ids;
}

bool has_chassis(const Dut& dut, std::string_view id) {
  const std::vector<std::string> ids = chassis_ids(dut);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string log_services_uri(const Dut& dut) {
  if (!dut.face.system.empty()) return fmt::format("{}/Systems/{}/LogServices", kRoot, dut.face.system);
  return fmt::format("{}/Managers/{}/LogServices", kRoot, dut.face.manager);
}

std::string leak_detection_uri(const Dut& dut) {
  if (dut.role == Role::cdu) return fmt::format("{}/ThermalEquipment/CDUs/1/LeakDetection", kRoot);
  return fmt::format("{}/Chassis/{}/ThermalSubsystem/LeakDetection", kRoot, main_chassis(dut));
}

std::string id_of(std::string_view name) {
  std::string id(name);
  std::replace(id.begin(), id.end(), ' ', '_');
  return id;
}

std::string origin_uri(const Dut& dut, const EventEntry& event) {
  const auto named = [&](const auto& parts, std::string_view name) {
    return std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.name == name; });
  };
  const std::string chassis = fmt::format("{}/Chassis/{}", kRoot, main_chassis(dut));
  switch (event.origin) {
    case EventOrigin::leak_detector:
      if (!named(dut.detectors, event.part)) return {};
      return fmt::format("{}/LeakDetectors/{}", leak_detection_uri(dut), event.part);
    case EventOrigin::gpu:
    case EventOrigin::memory:
    case EventOrigin::nvlink: {
      const std::size_t slash = event.part.find('/');
      const std::string owner = event.part.substr(0, slash);
      const auto gpu =
          std::find_if(dut.gpus.begin(), dut.gpus.end(), [&](const Gpu& g) { return g.name == owner; });
      if (gpu != dut.gpus.end()) {
        if (!gpu->present) return {};
        std::string uri = gpu_uri(dut, *gpu);
        if (slash == std::string::npos) return uri;
        const std::string port = event.part.substr(slash + 1);
        return named(gpu->links, port) ? fmt::format("{}/Ports/{}", uri, port) : std::string();
      }
      const auto chip = std::find_if(dut.switches.begin(), dut.switches.end(),
                                     [&](const SwitchChip& c) { return c.name == owner; });
      if (chip == dut.switches.end()) return {};
      std::string uri = fmt::format("{}/Fabrics/HGX_NVLinkFabric_0/Switches/{}", kRoot, owner);
      if (slash == std::string::npos) return uri;
      const std::string port = event.part.substr(slash + 1);
      return named(chip->ports, port) ? fmt::format("{}/Ports/{}", uri, port) : std::string();
    }
    case EventOrigin::firmware:
      if (!named(dut.firmware, event.part)) return {};
      return fmt::format("{}/UpdateService/FirmwareInventory/{}", kRoot, event.part);
    case EventOrigin::coolant:
      return dut.role == Role::cdu ? fmt::format("{}/ThermalEquipment/CDUs/1", kRoot)
                                   : chassis + "/ThermalSubsystem";
    case EventOrigin::power:
    case EventOrigin::dut:
      return chassis;
  }
  return {};
}

Gpu* present_gpu(Dut& dut, std::string_view id) {
  Gpu* gpu = by_id(dut.gpus, id);
  return gpu != nullptr && gpu->present ? gpu : nullptr;
}

json::object gpu_status(const Dut& dut, const Gpu& gpu) {
  if (dut.power == PowerState::off) return status("StandbyOffline", "");
  if (!gpu.on_bus) return status("UnavailableOffline", "Critical");
  const bool worn =
      gpu.row_remap.failure || gpu.ecc_volatile.dram_uncorrectable + gpu.ecc_volatile.sram_uncorrectable > 0;
  return status("Enabled", worn ? "Critical" : "OK");
}

json::object powered_status(const Dut& dut) {
  return dut.power == PowerState::off ? status("StandbyOffline", "") : status("Enabled");
}

void add_creator(Router& router, std::string_view collection, const Action& create) {
  router.post(collection, create);
  router.post(std::string(collection) + "/Members", create);
}

namespace {

Router make_router(const Dut& dut) {
  const Role of = dut.role;
  Router router;
  add_root_routes(router);
  add_session_routes(router);
  add_account_routes(router);
  add_registry_routes(router);
  add_task_routes(router);
  add_update_routes(router);
  add_manager_routes(router);
  add_certificate_routes(router);
  add_log_routes(router, dut);
  add_event_routes(router);
  add_chassis_routes(router, of);
  add_leak_routes(router, of);
  add_power_routes(router);
  add_telemetry_routes(router);
  if (dut.has_host()) {
    add_system_routes(router);
    add_storage_routes(router);
    add_processor_routes(router);
  }
  if (dut.computes()) add_port_routes(router);
  if (dut.computes()) add_platform_routes(router);
  if (!dut.switches.empty()) add_fabric_routes(router);
  if (of == Role::cdu) add_cooling_unit_routes(router);
  return router;
}

}  // namespace

const Router& router_for(const Dut& dut) {
  static std::map<std::string, Router> made;
  const std::string shape =
      fmt::format("{} {} {}", to_string(dut.role), log_services_uri(dut), dut.switches.empty());
  const auto known = made.find(shape);
  return known != made.end() ? known->second : made.emplace(shape, make_router(dut)).first->second;
}

}  // namespace kiln::virtual_rack
