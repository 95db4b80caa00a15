// What a BMC does with a request before a route sees it, and with an answer after (DSP0266 6 to 8 and 13.3):
// authentication first, then version, route, method, privilege, preconditions, body.

#include <fmt/format.h>

#include <exception>

#include "tests_hw/virtual_rack/redfish/authorization.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/query.h"
#include "tests_hw/virtual_rack/redfish/routes.h"
#include "tests_hw/virtual_rack/single_faults.h"
#include "tests_hw/virtual_rack/status_document.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kVersions = "/redfish";
constexpr std::string_view kMetadataUri = "/redfish/v1/$metadata";
constexpr std::string_view kServiceDocument = "/redfish/v1/odata";
constexpr std::string_view kSessions = "/redfish/v1/SessionService/Sessions";

constexpr std::string_view kMetadata =
    R"(<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">
  <edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/ServiceRoot_v1.xml">
    <edmx:Include Namespace="ServiceRoot"/>
    <edmx:Include Namespace="ServiceRoot.v1_15_0"/>
  </edmx:Reference>
  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
      <EntityContainer Name="Service" Extends="ServiceRoot.v1_15_0.ServiceContainer"/>
    </Schema>
  </edmx:DataServices>
</edmx:Edmx>
)";

std::string trimmed_path(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool is_read(const HttpRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

/// Open to all (DSP0266 13.3): the versions, the root, its OData forms, and logging in.
bool needs_no_login(const HttpRequest& request, std::string_view path) {
  if (is_read(request)) {
    return path == kVersions || path == kRoot || path == kServiceDocument || path == kMetadataUri;
  }
  return request.method == "POST" &&
         (path == kSessions || path == "/redfish/v1/SessionService/Sessions/Members");
}

std::string schema_link(const json::object& body) {
  const json::value* type = body.if_contains("@odata.type");
  if (type == nullptr || !type->is_string() || type->as_string().empty()) return {};
  std::string name(type->as_string().subview(1));
  const std::size_t last = name.rfind('.');
  if (last == std::string::npos) return {};
  name.resize(last);
  // A collection's type is its name twice.
  return fmt::format("<http://redfish.dmtf.org/schemas/v1/{}.json>; rel=describedby", name);
}

HttpResponse not_on_resource(std::string_view parameter) {
  return error_response(400, "QueryNotSupportedOnResource",
                        fmt::format("Querying with '{}' is not supported on this resource.", parameter));
}

/// `tag`: of the resource as it is, which an answer with messages differs from.
HttpResponse resource_answer(const json::object& body, const std::string& tag) {
  HttpResponse response = json_response(200, body);
  response.headers.emplace_back("ETag", tag.empty() ? entity_tag(response.body) : tag);
  const std::string schema = schema_link(body);
  if (!schema.empty()) response.headers.emplace_back("Link", schema);
  return response;
}

/// Says beside the properties, and for all of them, which were not changed (DSP0266 9.8, extended
/// information).
void annotate(json::object& body, const std::vector<Message>& refused) {
  json::array all;
  for (const Message& message : refused) {
    json::object info = message_object(message, "Warning");
    const std::size_t slash = message.property.rfind('/');
    json::object* at = &body;
    if (slash != std::string::npos) {
      json::value* inner = body.if_contains(message.property.substr(0, slash));
      at = inner != nullptr && inner->is_object() ? &inner->as_object() : nullptr;
    }
    if (at != nullptr) {
      const std::string name =
          slash == std::string::npos ? message.property : message.property.substr(slash + 1);
      json::value& beside = (*at)[name + "@Message.ExtendedInfo"];
      if (!beside.is_array()) beside = json::array{};
      beside.as_array().push_back(info);
    }
    all.push_back(std::move(info));
  }
  body["@Message.ExtendedInfo"] = std::move(all);
}

}  // namespace

HttpResponse Bmc::get_answer(const HttpRequest& request, const Route& route, const Address& address) {
  ReadQuery asked = read_query(request.query, dut.face.vendor != "AMI");
  if (asked.refusal) return std::move(*asked.refusal);
  const Query& query = asked.query;
  std::optional<json::object> body = route.get(*this, address);
  if (!body || !tell_otherwise(rack, dut, address.uri, *body)) return not_found(address.uri);
  const json::value* members = body->if_contains("Members");
  const bool collection = members != nullptr && members->is_array();
  if (query.shapes()) {
    if (query.only) {
      if (!collection) return not_on_resource("only");
      if (members->as_array().size() == 1) {
        Address only;
        const std::string uri(members->as_array().front().as_object().at("@odata.id").as_string());
        const Route* to = router_.find(uri, only);
        HttpRequest plain = request;
        plain.query.clear();
        if (to != nullptr && to->get) return get_answer(plain, *to, only);
      }
    }
    if (query.excerpt) {
      body = excerpt_of(*body);
      if (!body) return not_on_resource("excerpt");
    }
    if (!collection && query.skip) return not_on_resource("$skip");
    if (!collection && query.top) return not_on_resource("$top");
  }
  if (collection) cut_page(*body, query);
  if (query.expand != Query::Expand::none) {
    expand_references(*body, query.expand, [this](std::string_view uri) { return read(uri); });
  }
  HttpResponse response = resource_answer(*body, {});
  response.headers.emplace_back("Allow", route.allow(*this, address));
  const std::string known = request.header("If-None-Match");
  if (!known.empty() && tag_matches(known, header_value(response.headers, "ETag"))) {
    response.status = 304;
    response.body.clear();
    response.content_type.clear();
  }
  return response;
}

HttpResponse Bmc::patch_answer(const HttpRequest& request, const Route& route, const Address& address,
                               const json::object& before) {
  std::optional<RequestedProperties> wanted = RequestedProperties::read(request.body);
  if (!wanted) return malformed();
  route.patch(*this, address, *wanted);
  wanted->close(before);
  if (!wanted->changed()) {
    if (!wanted->refused().empty()) return error_response(400, wanted->refused());
    return error_response(400, "NoOperation",
                          "The request body holds no property that could be changed: nothing was done.");
  }
  std::optional<json::object> after = route.get(*this, address);
  if (!after) return not_found(address.uri);
  const std::string tag = entity_tag(json_response(200, *after).body);
  if (!wanted->refused().empty()) annotate(*after, wanted->refused());
  return resource_answer(*after, tag);
}

HttpResponse Bmc::answer_route(const HttpRequest& request) {
  Address address;
  const Route* route = router_.find(request.path, address);
  if (route == nullptr) return not_found(request.path);
  const bool reading = is_read(request);
  const bool patching = request.method == "PATCH";
  const Action* action = nullptr;
  if (request.method == "POST") action = &route->post;
  if (request.method == "DELETE") action = &route->remove;
  if (reading && route->stream) action = &route->stream;
  const bool offered =
      patching ? route->can_patch(*this, address) : (action != nullptr && *action) || (reading && route->get);
  if (!offered) {
    // An address without the resource itself is 404, whatever the method.
    if (route->get && !route->get(*this, address)) return not_found(address.uri);
    return method_not_allowed(route->allow(*this, address));
  }
  if (requester != nullptr && !may(*requester, sessions, request)) {
    return error_response(403, "InsufficientPrivilege",
                          "There are insufficient privileges for the account or credentials associated "
                          "with the current session to perform the requested operation.");
  }
  if (reading && !route->stream) return get_answer(request, *route, address);
  if (reading) {
    ReadQuery asked = read_query(request.query, false);
    if (asked.refusal) return std::move(*asked.refusal);
  }
  const bool modifies = patching || request.method == "DELETE";
  if (!modifies) return (*action)(*this, address, request);
  const std::optional<json::object> before = route->get ? route->get(*this, address) : std::nullopt;
  if (!before) return not_found(address.uri);
  const std::string wanted = request.header("If-Match");
  if (!wanted.empty() && !tag_matches(wanted, entity_tag(json_response(200, *before).body))) {
    return error_response(412, "PreconditionFailed", "The ETag supplied did not match the current ETag.");
  }
  return patching ? patch_answer(request, *route, address, *before) : (*action)(*this, address, request);
}

HttpResponse Bmc::answer(const HttpRequest& request) {
  if (std::optional<HttpResponse> other = disturbance_.instead(rack, dut, rack.now_ns))
    return std::move(*other);
  if (dut.cooling_unit && dut.cooling_unit->is_cooltera) return status_document_answer(rack, dut, request);
  const std::string path = trimmed_path(request.path);
  // Before any other header that may change the answer (DSP0266 13.3.1).
  if (!needs_no_login(request, path)) {
    requester = sessions.authenticate(request, rack.now_ns);
    if (requester == nullptr) return unauthorized();
    if (requester->password_change_required && !serves_password_change(*requester, request)) {
      const std::vector<Message> change = {password_change_message(*requester)};
      return error_response(403, change);
    }
  }
  const std::string version = request.header("OData-Version");
  if (!version.empty() && version != "4.0") {
    return error_response(412, "HeaderInvalid",
                          fmt::format("Header 'OData-Version: {}' is not 4.0.", version),
                          {"OData-Version: " + version});
  }
  if (path != kMetadataUri && path != kVersions) return answer_route(request);
  if (!is_read(request)) return method_not_allowed("GET, HEAD");
  HttpResponse response;
  if (path == kMetadataUri) {
    response.content_type = "application/xml";
    response.body = std::string(kMetadata);
  } else {
    json::object versions;
    versions["v1"] = "/redfish/v1/";
    response = json_response(200, versions);
  }
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

HttpResponse Bmc::handle(const HttpRequest& request) {
  HttpResponse response;
  requester = nullptr;
  try {
    response = answer(request);
    disturbance_.change(rack, dut, rack.now_ns, request, response);
  } catch (const std::exception& e) {
    response = error_response(500, "InternalError", fmt::format("internal error: {}", e.what()));
  }
  requester = nullptr;  // an account may be gone after this
  response.headers.emplace_back("OData-Version", "4.0");
  response.headers.emplace_back("Cache-Control", "no-cache");
  // A browser's page of another origin gets no say here: the only one allowed is the service's own.
  if (!request.header("Origin").empty()) {
    response.headers.emplace_back("Access-Control-Allow-Origin", "https://" + request.header("Host"));
  }
  std::string target = request.path;
  if (!request.query.empty()) target += "?" + request.query;
  log_.add(dut.id, request.method, target, response.status);
  return response;
}

}  // namespace kiln::virtual_rack
