// ComputerSystems with reset and boot override, their memory modules and drives.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

const std::vector<std::string>& reset_types() {
  static const std::vector<std::string> types = {"On",           "ForceOff",        "GracefulShutdown",
                                                 "ForceRestart", "GracefulRestart", "PowerCycle"};
  return types;
}

const std::vector<std::string>& boot_targets() {
  static const std::vector<std::string> targets = {"None", "Pxe", "Hdd", "Cd", "Diags", "BiosSetup", "Usb"};
  return targets;
}

const std::vector<std::string>& boot_modes() {
  static const std::vector<std::string> modes = {"Once", "Continuous", "Disabled"};
  return modes;
}

bool is_system(const Bmc& bmc, const std::string& id) {
  const std::vector<std::string> ids = system_ids(bmc.dut);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string firmware_version(const Dut& dut, std::initializer_list<std::string_view> names) {
  for (const FirmwareItem& item : dut.firmware) {
    if (std::find(names.begin(), names.end(), item.name) != names.end()) return item.version;
  }
  return {};
}

json::object baseboard(Bmc& bmc, const Address& address) {
  Dut& dut = bmc.dut;
  json::object body = resource(address.uri, "ComputerSystem.v1_17_0", kBaseboard, kBaseboard);
  body["SystemType"] = "Physical";
  body["Manufacturer"] = "NVIDIA";
  body["Model"] = dut.face.baseboard_model;
  body["SerialNumber"] = dut.serial + "-HGX";
  body["PowerState"] = to_string(dut.power);
  body["Status"] = powered_status(dut);
  body["Processors"] = link(address.uri + "/Processors");
  body["Memory"] = link(address.uri + "/Memory");
  json::object system_links;
  system_links["Chassis"] = links({fmt::format("{}/Chassis/{}", kRoot, dut.face.baseboard_chassis)});
  system_links["ManagedBy"] = links({fmt::format("{}/Managers/{}", kRoot, dut.face.baseboard_manager)});
  body["Links"] = std::move(system_links);
  return body;
}

std::string boot_progress(const Bmc& bmc) {
  const Dut& dut = bmc.dut;
  if (dut.host_up) return "OSRunning";
  if (dut.power == PowerState::on) return "OSBootStarted";
  return dut.power == PowerState::powering_on ? "SystemHardwareInitializationComplete" : "None";
}

json::object host_system(Bmc& bmc, const Address& address) {
  Dut& dut = bmc.dut;
  json::object body = resource(address.uri, "ComputerSystem.v1_17_0", dut.face.system, dut.face.system);
  body["SystemType"] = "Physical";
  body["Manufacturer"] = dut.manufacturer;
  body["Model"] = dut.model;
  body["SerialNumber"] = dut.serial;
  body["PartNumber"] = dut.part_number;
  body["UUID"] = dut.uuid;
  body["HostName"] = dut.hostname;
  body["AssetTag"] = bmc.settings.asset_tag;
  body["BiosVersion"] = firmware_version(dut, {"UEFI", "FW_BIOS_0"});
  body["PowerState"] = to_string(dut.power);
  body["Status"] = powered_status(dut);
  json::object progress;
  progress["LastState"] = boot_progress(bmc);
  body["BootProgress"] = std::move(progress);
  if (dut.boots > 0) body["LastResetTime"] = date_time(bmc_utc_ns(bmc.rack, dut, dut.boot_ns));
  json::object boot;
  boot["BootSourceOverrideTarget"] = bmc.settings.boot_target;
  boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = json::value_from(boot_targets());
  boot["BootSourceOverrideEnabled"] = bmc.settings.boot_enabled;
  boot["BootSourceOverrideEnabled@Redfish.AllowableValues"] = json::value_from(boot_modes());
  body["Boot"] = std::move(boot);
  json::object processors;
  processors["Count"] = dut.cpus.size();
  int cores = 0;
  for (const Cpu& cpu : dut.cpus) cores += cpu.cores;
  processors["CoreCount"] = cores;
  if (!dut.cpus.empty()) processors["Model"] = dut.cpus.front().model;
  processors["Status"] = powered_status(dut);
  body["ProcessorSummary"] = std::move(processors);
  json::object memory;
  std::uint64_t mib = 0;
  for (const MemoryModule& module : dut.memory) mib += module.capacity_mib;
  memory["TotalSystemMemoryGiB"] = static_cast<double>(mib) / 1024.0;
  memory["Status"] = powered_status(dut);
  body["MemorySummary"] = std::move(memory);
  if (dut.computes()) {
    body["SecureBoot"] = link(address.uri + "/SecureBoot");
    body["Bios"] = link(address.uri + "/Bios");
  }
  // A compute tray's processors are on the HGX baseboard.
  if (cpu_system(dut) == dut.face.system) body["Processors"] = link(address.uri + "/Processors");
  body["Memory"] = link(address.uri + "/Memory");
  if (!dut.drives.empty()) body["Storage"] = link(address.uri + "/Storage");
  body["LogServices"] = link(address.uri + "/LogServices");
  json::object system_links;
  system_links["Chassis"] = links({fmt::format("{}/Chassis/{}", kRoot, main_chassis(dut))});
  system_links["ManagedBy"] = links({fmt::format("{}/Managers/{}", kRoot, dut.face.manager)});
  body["Links"] = std::move(system_links);
  json::object reset;
  reset["target"] = address.uri + "/Actions/ComputerSystem.Reset";
  reset["ResetType@Redfish.AllowableValues"] = json::value_from(reset_types());
  json::object actions;
  actions["#ComputerSystem.Reset"] = std::move(reset);
  body["Actions"] = std::move(actions);
  return body;
}

void patch_system(Bmc& bmc, const Address&, RequestedProperties& wanted) {
  if (const auto tag = wanted.text("AssetTag")) bmc.settings.asset_tag = *tag;
  if (const auto target = wanted.choice("Boot/BootSourceOverrideTarget", boot_targets())) {
    bmc.settings.boot_target = *target;
  }
  if (const auto enabled = wanted.choice("Boot/BootSourceOverrideEnabled", boot_modes())) {
    bmc.settings.boot_enabled = *enabled;
  }
}

bool is_host_system(Bmc& bmc, const Address& address) { return address[0] == bmc.dut.face.system; }

}  // namespace

void add_system_routes(Router& router) {
  router.get("/redfish/v1/Systems", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& id : system_ids(bmc.dut))
      members.push_back(fmt::format("{}/Systems/{}", kRoot, id));
    return std::optional(
        collection(a.uri, "ComputerSystemCollection", "Computer System Collection", members));
  });
  router.get("/redfish/v1/Systems/{}", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!is_system(bmc, a[0])) return std::nullopt;
    return is_host_system(bmc, a) ? host_system(bmc, a) : baseboard(bmc, a);
  });
  router.patch("/redfish/v1/Systems/{}", patch_system, is_host_system);
  router.post("/redfish/v1/Systems/{}/Actions/ComputerSystem.Reset",
              [](Bmc& bmc, const Address& a, const HttpRequest& request) {
                if (!is_host_system(bmc, a)) return not_found(a.uri);
                return reset_answer(bmc, request, reset_types());
              });
}

}  // namespace kiln::virtual_rack
