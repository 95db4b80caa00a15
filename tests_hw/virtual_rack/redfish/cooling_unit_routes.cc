// ThermalEquipment of a CDU: coolant loops, pumps, reservoir and filter.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/connector.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

CoolingUnit* unit_at(Bmc& bmc, const Address& address) {
  return address[0] == "1" && bmc.dut.cooling_unit ? &*bmc.dut.cooling_unit : nullptr;
}

std::optional<json::object> cooling_unit_resource(Bmc& bmc, const Address& address) {
  const CoolingUnit* unit = unit_at(bmc, address);
  if (unit == nullptr) return std::nullopt;
  const Dut& dut = bmc.dut;
  json::object body = resource(address.uri, "CoolingUnit.v1_5_0", "1", "Coolant Distribution Unit");
  body["EquipmentType"] = "CDU";
  body["Manufacturer"] = dut.manufacturer;
  body["Model"] = dut.model;
  body["SerialNumber"] = dut.serial;
  body["PartNumber"] = dut.part_number;
  if (!dut.firmware.empty()) body["FirmwareVersion"] = dut.firmware.front().version;
  body["CoolingCapacityWatts"] = static_cast<std::int64_t>(unit->capacity_kw * 1000.0);
  json::object liquid;
  liquid["CoolantType"] = "Water";
  liquid["AdditiveName"] = "Propylene glycol";
  liquid["AdditivePercent"] = 25;
  body["Coolant"] = std::move(liquid);
  const bool pumps_ok =
      std::all_of(unit->pumps.begin(), unit->pumps.end(), [](const Pump& pump) { return pump.ok; });
  body["Status"] = status("Enabled", pumps_ok ? "OK" : "Warning");
  body["PrimaryCoolantConnectors"] = link(address.uri + "/PrimaryCoolantConnectors");
  body["SecondaryCoolantConnectors"] = link(address.uri + "/SecondaryCoolantConnectors");
  body["Pumps"] = link(address.uri + "/Pumps");
  body["Reservoirs"] = link(address.uri + "/Reservoirs");
  body["Filters"] = link(address.uri + "/Filters");
  body["LeakDetection"] = link(address.uri + "/LeakDetection");
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  std::vector<std::string> group;
  for (const Pump& pump : unit->pumps)
    group.push_back(fmt::format("{}/Pumps/{}", address.uri, id_of(pump.name)));
  json::object redundancy;
  redundancy["RedundancyType"] = "NPlusM";
  redundancy["MinNeededInGroup"] = unit->pumps.empty() ? 0 : unit->pumps.size() - 1;
  redundancy["MaxSupportedInGroup"] = unit->pumps.size();
  redundancy["RedundancyGroup"] = links(group);
  redundancy["Status"] = status("Enabled", pumps_ok ? "OK" : "Warning");
  body["PumpRedundancy"] = json::array{std::move(redundancy)};
  json::object unit_links;
  unit_links["Chassis"] = links({fmt::format("{}/Chassis/{}", kRoot, main_chassis(dut))});
  unit_links["ManagedBy"] = links({fmt::format("{}/Managers/CDU", kRoot)});
  body["Links"] = std::move(unit_links);
  return body;
}

std::optional<json::object> pump_resource(Bmc& bmc, const Address& address) {
  CoolingUnit* unit = unit_at(bmc, address);
  if (unit == nullptr) return std::nullopt;
  const Pump* pump = by_id(unit->pumps, address[1]);
  if (pump == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "Pump.v1_2_0", id_of(pump->name), pump->name);
  body["PumpType"] = "Liquid";
  body["PumpSpeedPercent"] = bmc.excerpt(pump->speed_percent, 1, false);
  body["ServiceHours"] = rounded(pump->service_hours, 1);
  body["Status"] = pump->ok ? status("Enabled") : status("UnavailableOffline", "Critical");
  return body;
}

std::optional<json::object> reservoir(Bmc& bmc, const Address& address) {
  const CoolingUnit* unit = unit_at(bmc, address);
  if (unit == nullptr || address[1] != "1") return std::nullopt;
  json::object body = resource(address.uri, "Reservoir.v1_0_2", "1", "Reservoir");
  body["ReservoirType"] = "Reserve";
  body["FluidLevelStatus"] = unit->reservoir_percent < 20 ? "Low" : "OK";
  json::object level;
  level["Reading"] = rounded(unit->reservoir_percent, 1);
  body["FluidLevelPercent"] = std::move(level);
  body["InternalPressurekPa"] = bmc.excerpt(unit->reservoir_kpa, 1, false);
  body["Status"] = status("Enabled", unit->reservoir_percent < 20 ? "Warning" : "OK");
  return body;
}

/// The loop to the rack; the facility's is not the CDU's.
std::optional<json::object> cooling_loop(Bmc& bmc, const Address& address) {
  if (unit_at(bmc, address) == nullptr) return std::nullopt;
  const bool foul = active_fault(bmc.rack, bmc.dut, FaultKind::coolant_foul) != nullptr;
  json::object body = resource(address.uri, "CoolingLoop.v1_1_0", "1", "Rack Coolant Loop");
  body["CoolantLevelStatus"] = "OK";
  body["CoolantQuality"] = foul ? "Warning" : "OK";
  body["Status"] = status("Enabled", foul ? "Warning" : "OK");
  return body;
}

std::optional<json::object> filter(Bmc& bmc, const Address& address) {
  const CoolingUnit* unit = unit_at(bmc, address);
  if (unit == nullptr || address[1] != "1") return std::nullopt;
  json::object body = resource(address.uri, "Filter.v1_1_0", "1", "Filter");
  body["DeltaLiquidPressurekPa"] = bmc.excerpt(unit->filter_delta_kpa, 1, false);
  body["Status"] = status("Enabled");
  return body;
}

std::optional<json::object> unit_environment(Bmc& bmc, const Address& address) {
  const CoolingUnit* unit = unit_at(bmc, address);
  if (unit == nullptr) return std::nullopt;
  json::object body =
      resource(address.uri, "EnvironmentMetrics.v1_5_0", "EnvironmentMetrics", "Environment Metrics");
  body["PowerWatts"] = bmc.excerpt(bmc.dut.power_w, 1, false);
  body["TemperatureCelsius"] = bmc.excerpt(unit->ambient_c, 2, false);
  body["HumidityPercent"] = bmc.excerpt(unit->humidity_percent, 1, false);
  body["DewPointCelsius"] = bmc.excerpt(unit->dew_point_c, 2, false);
  return body;
}

using Member = CoolantConnector CoolingUnit::*;

void add_connectors(Router& router, const std::string& base, Member member, std::string_view name,
                    std::string_view coolant) {
  router.get(base, [member, name](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const CoolingUnit* unit = unit_at(bmc, a);
    if (unit == nullptr) return std::nullopt;
    return collection(a.uri, "CoolantConnectorCollection", name,
                      {fmt::format("{}/{}", a.uri, id_of((unit->*member).name))});
  });
  router.get(base + "/{}", [member, coolant](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const CoolingUnit* unit = unit_at(bmc, a);
    if (unit == nullptr || a[1] != id_of((unit->*member).name)) return std::nullopt;
    return connector_resource(bmc, a.uri, unit->*member, coolant);
  });
}

}  // namespace

void add_cooling_unit_routes(Router& router) {
  const std::string unit = "/redfish/v1/ThermalEquipment/CDUs/{}";
  router.get("/redfish/v1/ThermalEquipment", [](Bmc&, const Address& a) {
    json::object body = resource(a.uri, "ThermalEquipment.v1_2_0", "ThermalEquipment", "Cooling Equipment");
    body["Status"] = status("Enabled");
    body["CDUs"] = link(a.uri + "/CDUs");
    body["CoolingLoops"] = link(a.uri + "/CoolingLoops");
    return std::optional(std::move(body));
  });
  router.get("/redfish/v1/ThermalEquipment/CDUs", [](Bmc&, const Address& a) {
    return std::optional(collection(a.uri, "CoolingUnitCollection", "CDU Collection", {a.uri + "/1"}));
  });
  router.get("/redfish/v1/ThermalEquipment/CoolingLoops", [](Bmc&, const Address& a) {
    return std::optional(
        collection(a.uri, "CoolingLoopCollection", "Cooling Loop Collection", {a.uri + "/1"}));
  });
  router.get("/redfish/v1/ThermalEquipment/CoolingLoops/{}", cooling_loop);
  router.get(unit, cooling_unit_resource);
  router.get(unit + "/EnvironmentMetrics", unit_environment);
  add_connectors(router, unit + "/PrimaryCoolantConnectors", &CoolingUnit::primary,
                 "Primary Coolant Connectors", "Water");
  add_connectors(router, unit + "/SecondaryCoolantConnectors", &CoolingUnit::secondary,
                 "Secondary Coolant Connectors", "PG25");
  router.get(unit + "/Pumps", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const CoolingUnit* cdu = unit_at(bmc, a);
    if (cdu == nullptr) return std::nullopt;
    std::vector<std::string> members;
    for (const Pump& pump : cdu->pumps) members.push_back(fmt::format("{}/{}", a.uri, id_of(pump.name)));
    return collection(a.uri, "PumpCollection", "Pump Collection", members);
  });
  router.get(unit + "/Pumps/{}", pump_resource);
  router.get(unit + "/Reservoirs", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (unit_at(bmc, a) == nullptr) return std::nullopt;
    return collection(a.uri, "ReservoirCollection", "Reservoir Collection", {a.uri + "/1"});
  });
  router.get(unit + "/Reservoirs/{}", reservoir);
  router.get(unit + "/Filters", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (unit_at(bmc, a) == nullptr) return std::nullopt;
    return collection(a.uri, "FilterCollection", "Filter Collection", {a.uri + "/1"});
  });
  router.get(unit + "/Filters/{}", filter);
}

}  // namespace kiln::virtual_rack
