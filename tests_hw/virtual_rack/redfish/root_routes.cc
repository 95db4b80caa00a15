// The service root, its OData service document and SessionService.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/authorization.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/query.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

/// Service root navigation: property name and URI.
std::vector<std::pair<std::string, std::string>> services(const Bmc& bmc) {
  const Role role = bmc.dut.role;
  std::vector<std::pair<std::string, std::string>> list = {{"Chassis", "Chassis"},
                                                           {"Managers", "Managers"},
                                                           {"SessionService", "SessionService"},
                                                           {"AccountService", "AccountService"},
                                                           {"CertificateService", "CertificateService"},
                                                           {"Tasks", "TaskService"},
                                                           {"UpdateService", "UpdateService"},
                                                           {"TelemetryService", "TelemetryService"},
                                                           {"Registries", "Registries"},
                                                           {"JsonSchemas", "JsonSchemas"}};
  if (!system_ids(bmc.dut).empty()) list.emplace_back("Systems", "Systems");
  if (bmc.dut.face.has_baseboard()) list.emplace_back("ComponentIntegrity", "ComponentIntegrity");
  if (!bmc.dut.switches.empty()) list.emplace_back("Fabrics", "Fabrics");
  if (has_event_service(bmc.rack, role)) list.emplace_back("EventService", "EventService");
  if (role == Role::cdu) list.emplace_back("ThermalEquipment", "ThermalEquipment");
  return list;
}

json::object service_root(Bmc& bmc, const Address& address) {
  const BmcFace& words = bmc.dut.face;
  json::object root = resource(address.uri, "ServiceRoot.v1_15_0", "RootService", "Root Service");
  root["RedfishVersion"] = words.redfish_version;
  root["Vendor"] = words.vendor;
  root["Product"] = words.product;
  root["UUID"] = bmc.dut.uuid;
  for (const auto& [name, path] : services(bmc)) root[name] = link(fmt::format("{}/{}", kRoot, path));
  json::object root_links;
  root_links["Sessions"] = link("/redfish/v1/SessionService/Sessions");
  root_links["ManagerProvidingService"] = link(fmt::format("{}/Managers/{}", kRoot, words.manager));
  root["Links"] = std::move(root_links);
  json::object features;
  features["ExcerptQuery"] = true;
  features["FilterQuery"] = false;
  features["OnlyMemberQuery"] = true;
  features["SelectQuery"] = false;
  // $expand does not work on AMI firmware (GB300 trays, DGX H100); the others do what a collection needs.
  json::object expand;
  const bool expands = words.vendor != "AMI";
  expand["ExpandAll"] = expands;
  expand["Levels"] = expands;
  expand["Links"] = false;
  expand["NoLinks"] = expands;
  if (expands) expand["MaxLevels"] = Query::kMaxLevels;
  features["ExpandQuery"] = std::move(expand);
  root["ProtocolFeaturesSupported"] = std::move(features);
  if (words.vendor == "AMI") {
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
  std::optional<RequestedProperties> wanted = RequestedProperties::read(request.body);
  if (!wanted) return malformed();
  for (const char* name : {"UserName", "Password"}) wanted->require(name);
  const auto user = wanted->text("UserName");
  const auto password = wanted->text("Password");
  if (!user || !password) return error_response(400, wanted->refused());
  const ManagerAccount* account = bmc.sessions.accounts.check(*user, *password);
  if (account == nullptr) {
    return wrong_login();
  }
  const Session* session = bmc.sessions.open(*account, bmc.now_ns());
  if (session == nullptr) {
    HttpResponse full =
        error_response(503, "SessionLimitExceeded",
                       "The session establishment failed: the number of sessions is at its limit.");
    full.headers.emplace_back("Retry-After", "10");
    return full;
  }
  json::object body = session_resource(*session, bmc);
  if (account->password_change_required) {
    body["@Message.ExtendedInfo"] =
        json::array{message_object(password_change_message(*account), "Critical")};
  }
  HttpResponse response = created(body);
  response.headers.emplace_back("X-Auth-Token", session->token);
  return response;
}

}  // namespace

void add_root_routes(Router& router) {
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
  add_creator(router, "/redfish/v1/SessionService/Sessions", log_in);
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

}  // namespace kiln::virtual_rack
