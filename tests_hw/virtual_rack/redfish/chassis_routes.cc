// Chassis, Sensors, EnvironmentMetrics, fans, coolant connectors, network adapters and chassis power.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/connector.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr int kSlotsBelowTrayZero = 10;  // slot = tray index + 10
constexpr int kTopologyId = 128;

bool is_main(const Bmc& bmc, const Address& address) { return address[0] == main_chassis(bmc.dut); }

void identify_part(json::object& body, std::string_view manufacturer, std::string_view model,
                   std::string_view part, std::string_view serial) {
  body["Manufacturer"] = manufacturer;
  body["Model"] = model;
  if (!part.empty()) body["PartNumber"] = part;
  if (!serial.empty()) body["SerialNumber"] = serial;
}

/// Trays have standby power, which NVIDIA's chassis can cycle (GB200, GB300: AuxPowerReset of BMC_0).
bool has_standby_power(Role role) { return role == Role::compute_tray || role == Role::switch_tray; }

void describe_main(Bmc& bmc, const Address& address, json::object& body) {
  Dut& dut = bmc.dut;
  body["ChassisType"] = "RackMount";
  identify_part(body, dut.manufacturer, dut.model, dut.part_number, dut.serial);
  body["UUID"] = dut.uuid;
  body["AssetTag"] = bmc.settings.asset_tag;
  body["LocationIndicatorActive"] = bmc.settings.location_indicator;
  body["PowerState"] = to_string(dut.power);
  json::object placement;
  placement["Rack"] = bmc.rack.rack_id;
  json::object location;
  if (dut.slot > 0) {
    placement["RackOffset"] = dut.slot;
    placement["RackOffsetUnits"] = "EIA_310";
    json::object part_location;
    part_location["LocationType"] = "Slot";
    part_location["LocationOrdinalValue"] = dut.slot;
    part_location["ServiceLabel"] = fmt::format("U{}", dut.slot);
    location["PartLocation"] = std::move(part_location);
  }
  location["Placement"] = std::move(placement);
  body["Location"] = std::move(location);
  const bool critical =
      std::any_of(dut.detectors.begin(), dut.detectors.end(), [](const LeakDetector& detector) {
        return detector.state != DetectorState::ok || detector.status_state != "Enabled";
      });
  json::object state = status("Enabled");
  state["HealthRollup"] = critical ? "Critical" : "OK";
  body["Status"] = std::move(state);
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  if (dut.role != Role::cdu) {
    body["ThermalSubsystem"] = link(address.uri + "/ThermalSubsystem");
    if (!dut.supplies.empty()) body["PowerSubsystem"] = link(address.uri + "/PowerSubsystem");
    if (!dut.nics.empty()) body["NetworkAdapters"] = link(address.uri + "/NetworkAdapters");
    json::object reset;
    reset["target"] = address.uri + "/Actions/Chassis.Reset";
    reset["ResetType@Redfish.AllowableValues"] = json::array{"On", "ForceOff", "PowerCycle"};
    json::object actions;
    actions["#Chassis.Reset"] = std::move(reset);
    if (has_standby_power(dut.role)) {
      json::object auxiliary;
      auxiliary["target"] = address.uri + "/Actions/Oem/NvidiaChassis.AuxPowerReset";
      json::object oem_actions;
      oem_actions["#NvidiaChassis.AuxPowerReset"] = std::move(auxiliary);
      actions["Oem"] = std::move(oem_actions);
    }
    body["Actions"] = std::move(actions);
  }
  if (dut.role == Role::power_shelf) {
    json::object delta;
    delta["@odata.type"] = "#DeltaChassis.v1_0_0.DeltaChassis";
    delta["Power"] = dut.power == PowerState::off ? "Off" : "On";
    json::object oem;
    oem["deltaenergysystems"] = std::move(delta);
    body["Oem"] = std::move(oem);
  }
}

/// A cable cartridge tells the tray where it sits [NICo bmc-mock: rack.rs, gb200 and gb300 trays].
void describe_cartridge(const Dut& dut, const std::string& id, json::object& body) {
  identify_part(body, "NVIDIA", "18x1RU CBL Cartridge", "750-0572-000", fmt::format("{}-{}", dut.serial, id));
  json::object nvidia;
  nvidia["@odata.type"] = "#NvidiaChassis.v1_4_0.NvidiaCBCChassis";
  if (dut.position > 0) {
    nvidia["ChassisPhysicalSlotNumber"] = dut.position;
    nvidia["ComputeTrayIndex"] = dut.position - kSlotsBelowTrayZero;
  }
  nvidia["RevisionId"] = 2;
  nvidia["TopologyId"] = kTopologyId;
  json::object oem;
  oem["Nvidia"] = std::move(nvidia);
  body["Oem"] = std::move(oem);
}

std::optional<json::object> chassis(Bmc& bmc, const Address& address) {
  Dut& dut = bmc.dut;
  const std::string& id = address[0];
  if (!has_chassis(dut, id)) return std::nullopt;
  json::object body = resource(address.uri, "Chassis.v1_22_0", id, id);
  json::object chassis_links;
  const bool hgx = id.starts_with("HGX_");
  chassis_links["ManagedBy"] =
      links({fmt::format("{}/Managers/{}", kRoot, hgx ? dut.face.baseboard_manager : dut.face.manager)});
  if (is_main(bmc, address)) {
    describe_main(bmc, address, body);
    std::vector<std::string> contained;
    for (const std::string& other : chassis_ids(dut)) {
      if (other != id) contained.push_back(fmt::format("{}/Chassis/{}", kRoot, other));
    }
    if (!contained.empty()) chassis_links["Contains"] = links(contained);
    if (!dut.face.system.empty()) {
      chassis_links["ComputerSystems"] = links({fmt::format("{}/Systems/{}", kRoot, dut.face.system)});
    }
  } else {
    body["ChassisType"] = hgx ? "Module" : "Component";
    chassis_links["ContainedBy"] = link(fmt::format("{}/Chassis/{}", kRoot, main_chassis(dut)));
    body["Status"] = status("Enabled");
    if (id.starts_with("CBC_")) describe_cartridge(dut, id, body);
    for (const Gpu& gpu : dut.gpus) {
      if (id != gpu_chassis(dut, gpu)) continue;
      identify_part(body, "NVIDIA", gpu.model, gpu.part_number, gpu.serial);
      body["Status"] = gpu_status(dut, gpu);
      body["LogServices"] = link(address.uri + "/LogServices");
      chassis_links["Processors"] = links({gpu_uri(dut, gpu)});
    }
    for (const Cpu& cpu : dut.cpus) {
      if (id != "HGX_" + cpu.name) continue;
      identify_part(body, "NVIDIA", cpu.model, cpu.part_number, cpu.serial);
      chassis_links["Processors"] =
          links({fmt::format("{}/Systems/{}/Processors/{}", kRoot, kBaseboard, cpu.name)});
    }
    for (const SwitchChip& chip : dut.switches) {
      if (id == chip_chassis(dut, chip))
        identify_part(body, "NVIDIA", "NVLink switch", chip.part_number, chip.serial);
    }
  }
  const bool sensing = std::any_of(dut.sensors.begin(), dut.sensors.end(),
                                   [&](const Sensor& sensor) { return sensor.chassis == id; });
  if (sensing) body["Sensors"] = link(address.uri + "/Sensors");
  body["Links"] = std::move(chassis_links);
  return body;
}

void patch_chassis(Bmc& bmc, const Address&, RequestedProperties& wanted) {
  if (const auto tag = wanted.text("AssetTag")) bmc.settings.asset_tag = *tag;
  if (const auto light = wanted.flag("LocationIndicatorActive")) bmc.settings.location_indicator = *light;
}

const Sensor* sensor_at(const Bmc& bmc, const Address& address) {
  for (const Sensor& sensor : bmc.dut.sensors) {
    if (sensor.chassis == address[0] && sensor.id == address[1] && has_chassis(bmc.dut, sensor.chassis))
      return &sensor;
  }
  return nullptr;
}

/// A GPU that has fallen off the bus gives no more readings.
bool is_of_lost_gpu(const Dut& dut, const Sensor& sensor) {
  return std::any_of(dut.gpus.begin(), dut.gpus.end(), [&sensor](const Gpu& gpu) {
    const bool its_own = sensor.value == &gpu.temperature_c || sensor.value == &gpu.memory_temperature_c ||
                         sensor.value == &gpu.power_w;
    return its_own && !gpu.on_bus;
  });
}

std::optional<json::object> sensor_resource(Bmc& bmc, const Address& address) {
  const Sensor* sensor = sensor_at(bmc, address);
  if (sensor == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "Sensor.v1_12_0", sensor->id, sensor->name);
  const bool lost = active_fault(bmc.rack, bmc.dut, FaultKind::readings_lost) != nullptr;
  const bool readable = (bmc.powered() || !sensor->needs_power) && !lost && !is_of_lost_gpu(bmc.dut, *sensor);
  body["ReadingType"] = sensor->reading_type == "LiquidFlow" ? "LiquidFlowLPM" : sensor->reading_type;
  body["ReadingUnits"] = sensor->units;
  if (readable) {
    body["Reading"] = rounded(bmc.told(*sensor->value), 3);
    body["ReadingTime"] = bmc.reading_time_text(*sensor->value);
  } else {
    body["Reading"] = nullptr;
  }
  json::object thresholds;
  bool critical = false;
  bool caution = false;
  const auto add = [&](std::string_view name, const std::optional<double>& limit, bool upper, bool& flag) {
    if (!limit) return;
    json::object threshold;
    threshold["Reading"] = *limit;
    thresholds[name] = std::move(threshold);
    if (readable && (upper ? sensor->value->shown > *limit : sensor->value->shown < *limit)) flag = true;
  };
  add("LowerCaution", sensor->lower_caution, false, caution);
  add("LowerCritical", sensor->lower_critical, false, critical);
  add("UpperCaution", sensor->upper_caution, true, caution);
  add("UpperCritical", sensor->upper_critical, true, critical);
  if (!thresholds.empty()) body["Thresholds"] = std::move(thresholds);
  body["Status"] = readable ? status("Enabled", critical  ? "Critical"
                                                : caution ? "Warning"
                                                          : "OK")
                            : status("UnavailableOffline", "");
  return body;
}

std::optional<json::object> environment(Bmc& bmc, const Address& address) {
  if (!is_main(bmc, address)) return std::nullopt;
  json::object body =
      resource(address.uri, "EnvironmentMetrics.v1_5_0", "EnvironmentMetrics", "Environment Metrics");
  Dut& dut = bmc.dut;
  body["PowerWatts"] = bmc.excerpt(dut.power_w, 1, false);
  if (dut.cooling_unit) {
    body["TemperatureCelsius"] = bmc.excerpt(dut.cooling_unit->ambient_c, 2, false);
    body["HumidityPercent"] = bmc.excerpt(dut.cooling_unit->humidity_percent, 1, false);
    body["DewPointCelsius"] = bmc.excerpt(dut.cooling_unit->dew_point_c, 2, false);
  } else {
    body["TemperatureCelsius"] = bmc.excerpt(dut.inlet_c, 2, false);
    body["HumidityPercent"] = bmc.excerpt(dut.humidity_percent, 1, false);
  }
  json::object energy;
  energy["Reading"] = rounded(dut.energy_j / 3.6e6, 6);
  body["EnergykWh"] = std::move(energy);
  return body;
}

std::optional<json::object> thermal_metrics(Bmc& bmc, const Address& address) {
  if (!is_main(bmc, address) || bmc.dut.role == Role::cdu) return std::nullopt;
  json::object body = resource(address.uri, "ThermalMetrics.v1_3_0", "ThermalMetrics", "Thermal Metrics");
  json::object summary;
  summary["Intake"] = bmc.excerpt(bmc.dut.inlet_c, 2, false);
  body["TemperatureSummaryCelsius"] = std::move(summary);
  return body;
}

std::optional<json::object> thermal_subsystem(Bmc& bmc, const Address& address) {
  if (!is_main(bmc, address) || bmc.dut.role == Role::cdu) return std::nullopt;
  json::object body =
      resource(address.uri, "ThermalSubsystem.v1_5_0", "ThermalSubsystem", "Thermal Subsystem");
  body["Status"] = status("Enabled");
  if (!bmc.dut.fans.empty()) body["Fans"] = link(address.uri + "/Fans");
  body["ThermalMetrics"] = link(address.uri + "/ThermalMetrics");
  if (bmc.dut.wet) body["CoolantConnectors"] = link(address.uri + "/CoolantConnectors");
  if (!bmc.dut.detectors.empty()) body["LeakDetection"] = link(address.uri + "/LeakDetection");
  return body;
}

std::optional<json::object> fan(Bmc& bmc, const Address& address) {
  if (!is_main(bmc, address)) return std::nullopt;
  const Fan* part = by_id(bmc.dut.fans, address[1]);
  if (part == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "Fan.v1_6_0", id_of(part->name), part->name);
  json::object speed = bmc.excerpt(part->speed_percent, 1, true);
  if (bmc.powered()) speed["SpeedRPM"] = rounded(part->speed_rpm.shown, 0);
  if (const auto uri = bmc.sensor_uri(part->speed_rpm)) speed["DataSourceUri"] = *uri;
  body["SpeedPercent"] = std::move(speed);
  body["PhysicalContext"] = "Chassis";
  body["Status"] = powered_status(bmc.dut);
  return body;
}

std::optional<json::object> network_adapter(Bmc& bmc, const Address& address) {
  if (!is_main(bmc, address)) return std::nullopt;
  const Nic* nic = by_id(bmc.dut.nics, address[1]);
  if (nic == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "NetworkAdapter.v1_9_0", id_of(nic->name), nic->name);
  identify_part(body, "NVIDIA", nic->model, nic->part_number, nic->serial);
  body["Status"] = powered_status(bmc.dut);
  body["Ports"] = link(address.uri + "/Ports");
  json::object controller;
  controller["FirmwarePackageVersion"] = nic->firmware;
  body["Controllers"] = json::array{std::move(controller)};
  return body;
}

std::optional<json::object> network_port(Bmc& bmc, const Address& address) {
  if (!is_main(bmc, address) || address[2] != "1") return std::nullopt;
  const Nic* nic = by_id(bmc.dut.nics, address[1]);
  if (nic == nullptr) return std::nullopt;
  const bool up = bmc.dut.power == PowerState::on && nic->link_up;
  json::object body = resource(address.uri, "Port.v1_9_0", "1", nic->device);
  body["PortType"] = "BidirectionalPort";
  body["PortProtocol"] = "Ethernet";
  body["LinkState"] = "Enabled";
  body["LinkStatus"] = up ? "LinkUp" : "LinkDown";
  body["MaxSpeedGbps"] = nic->speed_gbps;
  body["CurrentSpeedGbps"] = up ? nic->speed_gbps : 0.0;
  json::object ethernet;
  ethernet["AssociatedMACAddresses"] = json::array{json::value(nic->mac)};
  body["Ethernet"] = std::move(ethernet);
  body["Status"] = powered_status(bmc.dut);
  return body;
}

template <typename T>
Getter part_collection(std::vector<T> Dut::*parts, std::string_view type, std::string_view name) {
  return [parts, type, name](Bmc& bmc, const Address& address) -> std::optional<json::object> {
    if (!is_main(bmc, address) || (bmc.dut.*parts).empty()) return std::nullopt;
    std::vector<std::string> members;
    for (const T& part : bmc.dut.*parts)
      members.push_back(fmt::format("{}/{}", address.uri, id_of(part.name)));
    return collection(address.uri, type, name, members);
  };
}

}  // namespace

HttpResponse reset_answer(Bmc& bmc, const HttpRequest& request, const std::vector<std::string>& allowed) {
  const std::optional<json::object> body = parse_object(request.body);
  if (!body) return malformed();
  const json::value* type = body->if_contains("ResetType");
  if (type == nullptr || !type->is_string()) {
    return error_response(400, "ActionParameterMissing", "ResetType is required, as text.",
                          {"Reset", "ResetType"});
  }
  const std::string word(type->as_string());
  if (std::find(allowed.begin(), allowed.end(), word) == allowed.end()) {
    return error_response(400, "ActionParameterValueNotInList",
                          fmt::format("ResetType '{}' is not one of {}.", word, fmt::join(allowed, ", ")),
                          {word, "ResetType", "Reset"});
  }
  PowerCommand command = PowerCommand::on;
  if (word == "ForceOff") command = PowerCommand::force_off;
  if (word == "GracefulShutdown") command = PowerCommand::graceful_shutdown;
  if (word == "ForceRestart") command = PowerCommand::force_restart;
  if (word == "GracefulRestart") command = PowerCommand::graceful_restart;
  if (word == "PowerCycle") command = PowerCommand::power_cycle;
  if (request_power(bmc.rack, bmc.dut, command)) return no_content();
  // Nothing to do is success when the wished state is there already.
  const bool wants_on = command == PowerCommand::on;
  const bool wants_off = command == PowerCommand::force_off || command == PowerCommand::graceful_shutdown;
  const bool going_on = bmc.dut.power == PowerState::on || bmc.dut.power == PowerState::powering_on;
  if ((wants_on && going_on) || (wants_off && !going_on)) return no_content();
  return error_response(
      409, "ResourceInUse",
      fmt::format("{} is not possible while the power state is {}.", word, to_string(bmc.dut.power)));
}

void add_chassis_routes(Router& router, Role role) {
  router.get("/redfish/v1/Chassis", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& id : chassis_ids(bmc.dut))
      members.push_back(fmt::format("{}/Chassis/{}", kRoot, id));
    return std::optional(collection(a.uri, "ChassisCollection", "Chassis Collection", members));
  });
  router.get("/redfish/v1/Chassis/{}", chassis);
  router.patch("/redfish/v1/Chassis/{}", patch_chassis, is_main);
  router.get("/redfish/v1/Chassis/{}/EnvironmentMetrics", environment);
  router.get("/redfish/v1/Chassis/{}/Sensors", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!has_chassis(bmc.dut, a[0])) return std::nullopt;
    std::vector<std::string> members;
    for (const Sensor& sensor : bmc.dut.sensors) {
      if (sensor.chassis == a[0]) members.push_back(fmt::format("{}/{}", a.uri, sensor.id));
    }
    return collection(a.uri, "SensorCollection", "Sensor Collection", members);
  });
  router.get("/redfish/v1/Chassis/{}/Sensors/{}", sensor_resource);
  if (role == Role::cdu) return;

  router.post("/redfish/v1/Chassis/{}/Actions/Chassis.Reset",
              [](Bmc& bmc, const Address& a, const HttpRequest& request) {
                if (!is_main(bmc, a)) return not_found(a.uri);
                return reset_answer(bmc, request, {"On", "ForceOff", "PowerCycle"});
              });
  if (has_standby_power(role)) {
    router.post("/redfish/v1/Chassis/{}/Actions/Oem/NvidiaChassis.AuxPowerReset",
                [](Bmc& bmc, const Address& a, const HttpRequest& request) {
                  if (!is_main(bmc, a)) return not_found(a.uri);
                  const std::optional<json::object> body = parse_object(request.body);
                  if (!body) return malformed();
                  const json::value* type = body->if_contains("ResetType");
                  if (type == nullptr || !type->is_string() || type->as_string() != "AuxPowerCycle") {
                    return error_response(400, "ActionParameterValueError",
                                          "The value of ResetType is not AuxPowerCycle.",
                                          {"ResetType", "AuxPowerReset"});
                  }
                  bmc.cycle_power_soon();
                  return no_content();
                });
  }
  router.get("/redfish/v1/Chassis/{}/ThermalSubsystem", thermal_subsystem);
  router.get("/redfish/v1/Chassis/{}/ThermalSubsystem/ThermalMetrics", thermal_metrics);
  router.get("/redfish/v1/Chassis/{}/ThermalSubsystem/Fans",
             part_collection(&Dut::fans, "FanCollection", "Fan Collection"));
  router.get("/redfish/v1/Chassis/{}/ThermalSubsystem/Fans/{}", fan);
  router.get("/redfish/v1/Chassis/{}/ThermalSubsystem/CoolantConnectors",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (!is_main(bmc, a) || !bmc.dut.wet) return std::nullopt;
               return collection(a.uri, "CoolantConnectorCollection", "Coolant Connector Collection",
                                 {fmt::format("{}/{}", a.uri, id_of(bmc.dut.coolant.name))});
             });
  router.get("/redfish/v1/Chassis/{}/ThermalSubsystem/CoolantConnectors/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (!is_main(bmc, a) || !bmc.dut.wet || a[1] != id_of(bmc.dut.coolant.name))
                 return std::nullopt;
               return connector_resource(bmc, a.uri, bmc.dut.coolant, "PG25");
             });
  router.get("/redfish/v1/Chassis/{}/NetworkAdapters",
             part_collection(&Dut::nics, "NetworkAdapterCollection", "Network Adapter Collection"));
  router.get("/redfish/v1/Chassis/{}/NetworkAdapters/{}", network_adapter);
  router.get("/redfish/v1/Chassis/{}/NetworkAdapters/{}/Ports",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (!is_main(bmc, a) || by_id(bmc.dut.nics, a[1]) == nullptr) return std::nullopt;
               return collection(a.uri, "PortCollection", "Port Collection", {a.uri + "/1"});
             });
  router.get("/redfish/v1/Chassis/{}/NetworkAdapters/{}/Ports/{}", network_port);
}

}  // namespace kiln::virtual_rack
