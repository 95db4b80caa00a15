// PowerSubsystem and PowerSupplies of a power shelf or a server.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

bool has_supplies(const Bmc& bmc, const Address& address) {
  return address[0] == main_chassis(bmc.dut) && !bmc.dut.supplies.empty();
}

json::object supply_status(const Dut& dut, const PowerSupply& supply) {
  if (!supply.ok) return status("Enabled", "Critical");
  // A server's supplies feed its standby rails too.
  const bool off = dut.role == Role::power_shelf && dut.power == PowerState::off;
  return off ? status("StandbyOffline", "OK") : status("Enabled");
}

std::optional<json::object> subsystem(Bmc& bmc, const Address& address) {
  if (!has_supplies(bmc, address)) return std::nullopt;
  json::object body = resource(address.uri, "PowerSubsystem.v1_1_3", "PowerSubsystem", "Power Subsystem");
  double capacity = 0;
  for (const PowerSupply& supply : bmc.dut.supplies) capacity += supply.ok ? supply.rated_w : 0;
  body["CapacityWatts"] = rounded(capacity, 0);
  body["Status"] = status("Enabled");
  body["PowerSupplies"] = link(address.uri + "/PowerSupplies");
  std::vector<std::string> group;
  for (const PowerSupply& supply : bmc.dut.supplies)
    group.push_back(fmt::format("{}/PowerSupplies/{}", address.uri, id_of(supply.name)));
  json::object redundancy;
  redundancy["RedundancyType"] = "NPlusM";
  redundancy["MinNeededInGroup"] = group.size() - 1;
  redundancy["MaxSupportedInGroup"] = group.size();
  redundancy["RedundancyGroup"] = links(group);
  redundancy["Status"] = status("Enabled");
  body["PowerSupplyRedundancy"] = json::array{std::move(redundancy)};
  return body;
}

std::optional<json::object> supply_resource(Bmc& bmc, const Address& address) {
  if (!has_supplies(bmc, address)) return std::nullopt;
  const PowerSupply* supply = by_id(bmc.dut.supplies, address[1]);
  if (supply == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "PowerSupply.v1_6_0", id_of(supply->name), supply->name);
  body["Manufacturer"] = bmc.dut.manufacturer;
  body["SerialNumber"] = supply->serial;
  body["PartNumber"] = supply->part_number;
  body["FirmwareVersion"] = supply->firmware;
  body["PowerCapacityWatts"] = supply->rated_w;
  body["PowerSupplyType"] = "AC";
  body["HotPluggable"] = true;
  body["Status"] = supply_status(bmc.dut, *supply);
  body["LineInputStatus"] = "Normal";
  json::object rail;
  rail["NominalVoltage"] = rounded(supply->nominal_v, 0);
  rail["PhysicalContext"] = bmc.dut.role == Role::power_shelf ? "DCBus" : "SystemBoard";
  body["OutputRails"] = json::array{std::move(rail)};
  body["Metrics"] = link(address.uri + "/Metrics");
  if (bmc.dut.role != Role::power_shelf) return body;
  json::object delta;
  delta["@odata.type"] = "#DeltaEnergySystemsPowerSupply.v1_0_0.PowerSupply";
  delta["Power"] = bmc.dut.power != PowerState::off;
  json::object oem;
  oem["deltaenergysystems"] = std::move(delta);
  body["Oem"] = std::move(oem);
  return body;
}

std::optional<json::object> supply_metrics(Bmc& bmc, const Address& address) {
  if (!has_supplies(bmc, address)) return std::nullopt;
  const PowerSupply* supply = by_id(bmc.dut.supplies, address[1]);
  if (supply == nullptr) return std::nullopt;
  json::object body =
      resource(address.uri, "PowerSupplyMetrics.v1_1_0", "Metrics", supply->name + " Metrics");
  body["Status"] = supply_status(bmc.dut, *supply);
  body["InputVoltage"] = bmc.excerpt(supply->input_v, 1, false);
  body["InputPowerWatts"] = bmc.excerpt(supply->input_w, 1, false);
  body["OutputPowerWatts"] = bmc.excerpt(supply->output_w, 1, false);
  json::array rails;
  rails.push_back(bmc.excerpt(supply->rail_v, 2, false));
  body["RailVoltage"] = std::move(rails);
  body["TemperatureCelsius"] = bmc.excerpt(supply->temperature_c, 1, false);
  return body;
}

}  // namespace

void add_power_routes(Router& router) {
  router.get("/redfish/v1/Chassis/{}/PowerSubsystem", subsystem);
  router.get("/redfish/v1/Chassis/{}/PowerSubsystem/PowerSupplies",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (!has_supplies(bmc, a)) return std::nullopt;
               std::vector<std::string> members;
               for (const PowerSupply& supply : bmc.dut.supplies) {
                 members.push_back(fmt::format("{}/{}", a.uri, id_of(supply.name)));
               }
               return collection(a.uri, "PowerSupplyCollection", "Power Supply Collection", members);
             });
  router.get("/redfish/v1/Chassis/{}/PowerSubsystem/PowerSupplies/{}", supply_resource);
  router.get("/redfish/v1/Chassis/{}/PowerSubsystem/PowerSupplies/{}/Metrics", supply_metrics);
}

}  // namespace kiln::virtual_rack
