// Managers with their network protocols and interface.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kInterface = "lo";

std::string host_name(const Dut& dut) { return dut.id + "-bmc"; }

json::object manager(Bmc& bmc, const Address& address) {
  Dut& dut = bmc.dut;
  const std::string& id = address[0];
  const BmcFace& face = dut.face;
  const bool hgx = id != face.manager;
  json::object body = resource(address.uri, "Manager.v1_14_0", id, hgx ? "HGX BMC" : "Manager");
  body["ManagerType"] = "BMC";
  body["DateTime"] = bmc.now_text();
  body["DateTimeLocalOffset"] = "+00:00";
  body["UUID"] = dut.uuid;
  body["Status"] = status("Enabled");
  body["PowerState"] = "On";
  for (const FirmwareItem& item : dut.firmware) {
    const bool mine = hgx ? item.name == "HGX_FW_BMC_0"
                          : item.name == "FW_BMC_0" || item.name == "FW_Controller" || item.name == "FW_SMC";
    if (mine) body["FirmwareVersion"] = item.version;
  }
  if (!hgx && face.vendor == "AMI") body["Manufacturer"] = "AMI";
  if (!hgx && !face.manager_model.empty()) body["Model"] = face.manager_model;
  json::object manager_links;
  const std::vector<std::string> chassis = {
      fmt::format("{}/Chassis/{}", kRoot, hgx ? face.baseboard_chassis : main_chassis(dut))};
  manager_links["ManagerForChassis"] = links(chassis);
  std::vector<std::string> systems;
  for (const std::string& system : system_ids(dut)) {
    if (hgx == (system == kBaseboard) || face.baseboard_manager == face.manager)
      systems.push_back(fmt::format("{}/Systems/{}", kRoot, system));
  }
  if (!systems.empty()) manager_links["ManagerForServers"] = links(systems);
  body["Links"] = std::move(manager_links);
  if (system_ids(dut).empty()) body["LogServices"] = link(log_services_uri(dut));
  if (!hgx) {
    body["NetworkProtocol"] = link(address.uri + "/NetworkProtocol");
    body["EthernetInterfaces"] = link(address.uri + "/EthernetInterfaces");
  }
  json::object reset;
  reset["target"] = address.uri + "/Actions/Manager.Reset";
  reset["ResetType@Redfish.AllowableValues"] = json::array{"GracefulRestart", "ForceRestart"};
  json::object actions;
  actions["#Manager.Reset"] = std::move(reset);
  body["Actions"] = std::move(actions);
  return body;
}

bool is_manager(const Bmc& bmc, const std::string& id) {
  const std::vector<std::string> ids = manager_ids(bmc.dut);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

HttpResponse reset_manager(Bmc& bmc, const Address& address, const HttpRequest& request) {
  if (!is_manager(bmc, address[0])) return not_found(address.uri);
  const std::optional<json::object> body = parse_object(request.body.empty() ? "{}" : request.body);
  if (!body) return malformed();
  const json::value* type = body->if_contains("ResetType");
  if (type != nullptr && (!type->is_string() ||
                          (type->as_string() != "GracefulRestart" && type->as_string() != "ForceRestart"))) {
    return error_response(400, "ActionParameterValueError",
                          "The value of ResetType is not one of GracefulRestart, ForceRestart.",
                          {"ResetType", "Reset"});
  }
  bmc.reset_manager_soon();
  return no_content();
}

bool is_main_manager(Bmc& bmc, const Address& address) { return address[0] == bmc.dut.face.manager; }

json::object protocol(bool enabled) {
  json::object one;
  one["ProtocolEnabled"] = enabled;
  return one;
}

/// What this program serves of a BMC: HTTPS and nothing else. Nobody asks the time servers that are named.
std::optional<json::object> network_protocol(Bmc& bmc, const Address& address) {
  if (!is_main_manager(bmc, address)) return std::nullopt;
  json::object body =
      resource(address.uri, "ManagerNetworkProtocol.v1_9_0", "NetworkProtocol", "Manager Network Protocol");
  body["HostName"] = host_name(bmc.dut);
  body["Status"] = status("Enabled");
  json::object https = protocol(true);
  if (bmc.https_port != 0) https["Port"] = bmc.https_port;
  https["Certificates"] = link(address.uri + "/HTTPS/Certificates");
  body["HTTPS"] = std::move(https);
  for (const char* name : {"HTTP", "SSDP", "IPMI", "SSH"}) body[name] = protocol(false);
  json::object ntp = protocol(false);
  ntp["NTPServers"] = json::value_from(bmc.settings.ntp_servers);
  body["NTP"] = std::move(ntp);
  return body;
}

void patch_network_protocol(Bmc& bmc, const Address&, RequestedProperties& wanted) {
  constexpr std::size_t kMostServers = 8;
  const auto servers = wanted.texts("NTP/NTPServers", bmc.settings.ntp_servers, kMostServers);
  if (servers) bmc.settings.ntp_servers = *servers;
}

/// The interface the BMC is truly reached by: the loopback of this machine.
std::optional<json::object> ethernet_interface(Bmc& bmc, const Address& address) {
  if (!is_main_manager(bmc, address) || address[1] != kInterface) return std::nullopt;
  json::object body =
      resource(address.uri, "EthernetInterface.v1_9_0", kInterface, "Manager Ethernet Interface");
  body["InterfaceEnabled"] = true;
  body["LinkStatus"] = "LinkUp";
  body["MACAddress"] = "00:00:00:00:00:00";
  body["HostName"] = host_name(bmc.dut);
  json::object ipv4;
  ipv4["Address"] = "127.0.0.1";
  ipv4["SubnetMask"] = "255.0.0.0";
  ipv4["AddressOrigin"] = "Static";
  body["IPv4Addresses"] = json::array{std::move(ipv4)};
  json::object vlan;
  vlan["VLANEnable"] = false;
  body["VLAN"] = std::move(vlan);
  body["Status"] = status("Enabled");
  return body;
}

}  // namespace

void add_manager_routes(Router& router) {
  router.get("/redfish/v1/Managers", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& id : manager_ids(bmc.dut))
      members.push_back(fmt::format("{}/Managers/{}", kRoot, id));
    return std::optional(collection(a.uri, "ManagerCollection", "Manager Collection", members));
  });
  router.get("/redfish/v1/Managers/{}", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!is_manager(bmc, a[0])) return std::nullopt;
    return manager(bmc, a);
  });
  router.post("/redfish/v1/Managers/{}/Actions/Manager.Reset", reset_manager);
  router.get("/redfish/v1/Managers/{}/NetworkProtocol", network_protocol);
  router.patch("/redfish/v1/Managers/{}/NetworkProtocol", patch_network_protocol);
  router.get("/redfish/v1/Managers/{}/EthernetInterfaces",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (!is_main_manager(bmc, a)) return std::nullopt;
               return collection(a.uri, "EthernetInterfaceCollection", "Ethernet Interface Collection",
                                 {fmt::format("{}/{}", a.uri, kInterface)});
             });
  router.get("/redfish/v1/Managers/{}/EthernetInterfaces/{}", ethernet_interface);
}

}  // namespace kiln::virtual_rack
