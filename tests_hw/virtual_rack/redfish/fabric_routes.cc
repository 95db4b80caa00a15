// The NVLink fabric of a switch tray or of an HGX baseboard: switch chips and their ports.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/port.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kFabric = "HGX_NVLinkFabric_0";

SwitchChip* chip_at(Bmc& bmc, const Address& address) {
  return address[0] == kFabric ? by_id(bmc.dut.switches, address[1]) : nullptr;
}

std::optional<PortView> switch_port_at(Bmc& bmc, const Address& address) {
  SwitchChip* chip = chip_at(bmc, address);
  if (chip == nullptr) return std::nullopt;
  const SwitchPort* port = by_id(chip->ports, address[2]);
  if (port == nullptr) return std::nullopt;
  PortView view;
  view.name = port->name;
  view.powered = bmc.powered();
  view.up = port->up && view.powered;
  view.lanes = port->lanes;
  view.speed_gbps = port->speed_gbps;
  view.counters = &port->counters;
  return view;
}

std::optional<json::object> chip_resource(Bmc& bmc, const Address& address) {
  const SwitchChip* chip = chip_at(bmc, address);
  if (chip == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "Switch.v1_8_0", chip->name, chip->name);
  body["SwitchType"] = "NVLink";
  body["Manufacturer"] = "NVIDIA";
  body["SerialNumber"] = chip->serial;
  body["PartNumber"] = chip->part_number;
  for (const FirmwareItem& item : bmc.dut.firmware) {
    if (item.component == chip->name) body["FirmwareVersion"] = item.version;
  }
  body["SupportedProtocols"] = json::array{"NVLink"};
  body["Status"] = powered_status(bmc.dut);
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  body["Ports"] = link(address.uri + "/Ports");
  json::object chip_links;
  chip_links["Chassis"] = link(fmt::format("{}/Chassis/{}", kRoot, chip_chassis(bmc.dut, *chip)));
  body["Links"] = std::move(chip_links);
  return body;
}

}  // namespace

void add_fabric_routes(Router& router) {
  router.get("/redfish/v1/Fabrics", [](Bmc&, const Address& a) {
    return std::optional(
        collection(a.uri, "FabricCollection", "Fabric Collection", {fmt::format("{}/{}", a.uri, kFabric)}));
  });
  router.get("/redfish/v1/Fabrics/{}", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (a[0] != kFabric) return std::nullopt;
    json::object body = resource(a.uri, "Fabric.v1_2_0", kFabric, "NVLink Fabric");
    body["FabricType"] = "NVLink";
    body["Status"] = powered_status(bmc.dut);
    body["Switches"] = link(a.uri + "/Switches");
    return body;
  });
  router.get("/redfish/v1/Fabrics/{}/Switches",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (a[0] != kFabric) return std::nullopt;
               std::vector<std::string> members;
               for (const SwitchChip& chip : bmc.dut.switches)
                 members.push_back(fmt::format("{}/{}", a.uri, chip.name));
               return collection(a.uri, "SwitchCollection", "Switch Collection", members);
             });
  router.get("/redfish/v1/Fabrics/{}/Switches/{}", chip_resource);
  router.get("/redfish/v1/Fabrics/{}/Switches/{}/EnvironmentMetrics",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const SwitchChip* chip = chip_at(bmc, a);
               if (chip == nullptr) return std::nullopt;
               json::object body = resource(a.uri, "EnvironmentMetrics.v1_3_0", "EnvironmentMetrics",
                                            chip->name + " Environment Metrics");
               body["TemperatureCelsius"] = bmc.excerpt(chip->temperature_c, 2, true);
               body["PowerWatts"] = bmc.excerpt(chip->power_w, 1, true);
               return body;
             });
  router.get("/redfish/v1/Fabrics/{}/Switches/{}/Ports",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const SwitchChip* chip = chip_at(bmc, a);
               if (chip == nullptr) return std::nullopt;
               std::vector<std::string> members;
               for (const SwitchPort& port : chip->ports)
                 members.push_back(fmt::format("{}/{}", a.uri, port.name));
               return collection(a.uri, "PortCollection", "Port Collection", members);
             });
  router.get("/redfish/v1/Fabrics/{}/Switches/{}/Ports/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const std::optional<PortView> port = switch_port_at(bmc, a);
               if (!port) return std::nullopt;
               return nvlink_port(a.uri, *port);
             });
  router.get("/redfish/v1/Fabrics/{}/Switches/{}/Ports/{}/Metrics",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const std::optional<PortView> port = switch_port_at(bmc, a);
               if (!port) return std::nullopt;
               return nvlink_metrics(a.uri, *port);
             });
}

}  // namespace kiln::virtual_rack
