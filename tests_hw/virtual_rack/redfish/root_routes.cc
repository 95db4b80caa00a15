// The service root, its OData service document, SessionService and Managers.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

struct RootWords {
  std::string_view vendor;
  std::string_view product;
  std::string_view redfish_version;
};

RootWords root_words(Role role) {
  switch (role) {
    case Role::compute_tray:
      return {"AMI", "AMI Redfish Server", "1.21.1"};  // Lenovo GB300 tray
    case Role::switch_tray:
      return {"NVIDIA", "P3809", "1.17.0"};  // ND5200_LD
    case Role::cdu:
      return {"Example Cooling", "VCDU-150", "1.13.0"};  // assumed
    case Role::power_shelf:
      return {"DELTA", "Power Shelf", "1.17.0"};  // Delta shelf
  }
  return {};
}

/// Service root navigation: property name and URI.
std::vector<std::pair<std::string, std::string>> services(const Bmc& bmc) {
  const Role role = bmc.dut.role;
  std::vector<std::pair<std::string, std::string>> list = {
      {"Chassis", "Chassis"},   {"Managers", "Managers"},           {"SessionService", "SessionService"},
      {"Tasks", "TaskService"}, {"UpdateService", "UpdateService"}, {"TelemetryService", "TelemetryService"}};
  if (!system_ids(role).empty()) list.emplace_back("Systems", "Systems");
  if (role == Role::switch_tray) list.emplace_back("Fabrics", "Fabrics");
  if (has_event_service(bmc.rack, role)) list.emplace_back("EventService", "EventService");
  if (role == Role::cdu) list.emplace_back("ThermalEquipment", "ThermalEquipment");
  return list;
}

json::object service_root(Bmc& bmc, const Address& address) {
  const Role role = bmc.dut.role;
  const RootWords words = root_words(role);
  json::object root = resource(address.uri, "ServiceRoot.v1_15_0", "RootService", "Root Service");
  root["RedfishVersion"] = words.redfish_version;
  root["Vendor"] = words.vendor;
  root["Product"] = words.product;
  root["UUID"] = bmc.dut.uuid;
  for (const auto& [name, path] : services(bmc)) root[name] = link(fmt::format("{}/{}", kRoot, path));
  json::object root_links;
  root_links["Sessions"] = link("/redfish/v1/SessionService/Sessions");
  root_links["ManagerProvidingService"] = link(fmt::format("{}/Managers/{}", kRoot, main_manager(role)));
  root["Links"] = std::move(root_links);
  json::object features;
  features["ExcerptQuery"] = false;
  features["FilterQuery"] = false;
  features["OnlyMemberQuery"] = false;
  features["SelectQuery"] = false;
  // $expand does not work on AMI GB300 trays; the others do what a collection needs.
  json::object expand;
  const bool expands = role != Role::compute_tray;
  expand["ExpandAll"] = expands;
  expand["Levels"] = expands;
  expand["Links"] = false;
  expand["NoLinks"] = expands;
  if (expands) expand["MaxLevels"] = 1;
  features["ExpandQuery"] = std::move(expand);
  root["ProtocolFeaturesSupported"] = std::move(features);
  if (role == Role::compute_tray) {
    json::object ami;
    ami["@odata.type"] = "#AMIServiceRoot.v1_0_0.AMIServiceRoot";
    ami["RtpVersion"] = "13.09.1";
    json::object oem;
    oem["Ami"] = std::move(ami);
    root["Oem"] = std::move(oem);
  }
  return root;
}

json::object service_document(Bmc& bmc, const Address& address) {
  json::array entries;
  const auto add = [&](std::string_view name, std::string_view uri) {
    json::object entry;
    entry["name"] = name;
    entry["kind"] = "Singleton";
    entry["url"] = uri;
    entries.push_back(std::move(entry));
  };
  add("Service", "/redfish/v1/");
  for (const auto& [name, path] : services(bmc)) add(name, fmt::format("{}/{}", kRoot, path));
  add("Sessions", "/redfish/v1/SessionService/Sessions");
  json::object document;
  document["@odata.context"] = "/redfish/v1/$metadata";
  document["@odata.id"] = address.uri;
  document["value"] = std::move(entries);
  return document;
}

json::object session_resource(const Session& session, const Bmc& bmc) {
  const std::string uri = fmt::format("{}/SessionService/Sessions/{}", kRoot, session.id);
  json::object body = resource(uri, "Session.v1_5_0", session.id, "User Session");
  body["UserName"] = session.user;
  body["SessionType"] = "Redfish";
  body["CreatedTime"] = date_time(bmc_utc_ns(bmc.rack, bmc.dut, session.created_ns));
  return body;
}

HttpResponse log_in(Bmc& bmc, const Address&, const HttpRequest& request) {
  const std::optional<json::object> body = parse_object(request.body);
  if (!body) return error_response(400, "MalformedJSON", "The request body is not a JSON object.");
  const json::value* user = body->if_contains("UserName");
  const json::value* password = body->if_contains("Password");
  for (const auto& [name, value] : {std::pair{"UserName", user}, std::pair{"Password", password}}) {
    if (value == nullptr) {
      return error_response(400, "PropertyMissing", fmt::format("The property {} is required.", name),
                            {name});
    }
    if (!value->is_string()) {
      return error_response(400, "PropertyValueTypeError",
                            fmt::format("The property {} is not a string.", name), {name});
    }
  }
  if (!bmc.sessions.check(std::string(user->as_string()), std::string(password->as_string()))) {
    return error_response(401, "ResourceAtUriUnauthorized", "The user name or password is wrong.");
  }
  const Session* session = bmc.sessions.open(bmc.now_ns());
  if (session == nullptr) {
    HttpResponse full =
        error_response(503, "SessionLimitExceeded",
                       "The session establishment failed: the number of sessions is at its limit.");
    full.headers.emplace_back("Retry-After", "10");
    return full;
  }
  HttpResponse response = json_response(201, session_resource(*session, bmc));
  response.headers.emplace_back("Location", fmt::format("{}/SessionService/Sessions/{}", kRoot, session->id));
  response.headers.emplace_back("X-Auth-Token", session->token);
  return response;
}

json::object manager(Bmc& bmc, const Address& address) {
  Dut& dut = bmc.dut;
  const std::string& id = address[0];
  const bool hgx = id == "HGX_BMC_0";
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
  if (!hgx && dut.role == Role::compute_tray) body["Manufacturer"] = "AMI";
  json::object manager_links;
  const std::vector<std::string> chassis = {
      fmt::format("{}/Chassis/{}", kRoot, hgx ? std::string("HGX_Chassis_0") : main_chassis(dut.role))};
  manager_links["ManagerForChassis"] = links(chassis);
  std::vector<std::string> systems;
  for (const std::string& system : system_ids(dut.role)) {
    if (hgx == (system == "HGX_Baseboard_0")) systems.push_back(fmt::format("{}/Systems/{}", kRoot, system));
  }
  if (!systems.empty()) manager_links["ManagerForServers"] = links(systems);
  body["Links"] = std::move(manager_links);
  if (system_ids(dut.role).empty()) body["LogServices"] = link(log_services_uri(dut.role));
  json::object reset;
  reset["target"] = address.uri + "/Actions/Manager.Reset";
  reset["ResetType@Redfish.AllowableValues"] = json::array{"GracefulRestart", "ForceRestart"};
  json::object actions;
  actions["#Manager.Reset"] = std::move(reset);
  body["Actions"] = std::move(actions);
  return body;
}

bool is_manager(const Bmc& bmc, const std::string& id) {
  const std::vector<std::string> ids = manager_ids(bmc.dut.role);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

HttpResponse reset_manager(Bmc& bmc, const Address& address, const HttpRequest& request) {
  if (!is_manager(bmc, address[0])) return not_found(address.uri);
  const std::optional<json::object> body = parse_object(request.body.empty() ? "{}" : request.body);
  if (!body) return error_response(400, "MalformedJSON", "The request body is not a JSON object.");
  const json::value* type = body->if_contains("ResetType");
  if (type != nullptr && (!type->is_string() ||
                          (type->as_string() != "GracefulRestart" && type->as_string() != "ForceRestart"))) {
    return error_response(400, "ActionParameterNotSupported",
                          "The value of ResetType is not one of GracefulRestart, ForceRestart.",
                          {"ResetType"});
  }
  bmc.reset_manager_soon();
  return no_content();
}

}  // namespace

void add_root_routes(Router& router, Role) {
  router.get("/redfish/v1", [](Bmc& bmc, const Address& a) { return std::optional(service_root(bmc, a)); });
  router.get("/redfish/v1/odata",
             [](Bmc& bmc, const Address& a) { return std::optional(service_document(bmc, a)); });
}

void add_session_routes(Router& router) {
  router.get("/redfish/v1/SessionService", [](Bmc&, const Address& a) {
    json::object body = resource(a.uri, "SessionService.v1_1_8", "SessionService", "Session Service");
    body["ServiceEnabled"] = true;
    body["SessionTimeout"] = Sessions::kIdleSeconds;
    body["Status"] = status("Enabled");
    body["Sessions"] = link("/redfish/v1/SessionService/Sessions");
    return std::optional(std::move(body));
  });
  router.get("/redfish/v1/SessionService/Sessions", [](Bmc& bmc, const Address& a) {
    bmc.sessions.drop_idle(bmc.now_ns());
    std::vector<std::string> members;
    for (const auto& [id, session] : bmc.sessions.all()) {
      members.push_back(fmt::format("{}/SessionService/Sessions/{}", kRoot, id));
    }
    return std::optional(collection(a.uri, "SessionCollection", "Session Collection", members));
  });
  router.post("/redfish/v1/SessionService/Sessions", log_in);
  router.post("/redfish/v1/SessionService/Sessions/Members", log_in);
  router.get("/redfish/v1/SessionService/Sessions/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const Session* session = bmc.sessions.find(a[0]);
               if (session == nullptr) return std::nullopt;
               return session_resource(*session, bmc);
             });
  router.remove("/redfish/v1/SessionService/Sessions/{}", [](Bmc& bmc, const Address& a, const HttpRequest&) {
    return bmc.sessions.close(a[0]) ? no_content() : not_found(a.uri);
  });
}

void add_manager_routes(Router& router) {
  router.get("/redfish/v1/Managers", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& id : manager_ids(bmc.dut.role))
      members.push_back(fmt::format("{}/Managers/{}", kRoot, id));
    return std::optional(collection(a.uri, "ManagerCollection", "Manager Collection", members));
  });
  router.get("/redfish/v1/Managers/{}", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!is_manager(bmc, a[0])) return std::nullopt;
    return manager(bmc, a);
  });
  router.post("/redfish/v1/Managers/{}/Actions/Manager.Reset", reset_manager);
}

}  // namespace kiln::virtual_rack
