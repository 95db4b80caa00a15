#include "tests_hw/dialects/mockup_service_for_test.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace kiln {
namespace {

namespace json = boost::json;

const std::string kExpand = "?$expand=.($levels=1)";
const std::string kSessions = "/redfish/v1/SessionService/Sessions";
const std::string kToken = "token-of-the-suite";

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

HttpHeaders headers_of(const json::object& from) {
  HttpHeaders headers;
  for (const auto& header : from)
    headers.emplace_back(std::string(header.key()), std::string(header.value().as_string()));
  return headers;
}

std::string header_of(const HttpRequest& request, const std::string& name) {
  for (const auto& [known, value] : request.headers) {
    if (known == name) return value;
  }
  return {};
}

}  // namespace

json::object read_json_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file + " cannot be read");
  std::stringstream text;
  text << in.rdbuf();
  return json::parse(text.str()).as_object();
}

MockupService::MockupService(const std::string& file) {
  const json::object mockup = read_json_file(file);
  for (const auto& resource : mockup.at("resources").as_object())
    service.bodies[std::string(resource.key())] = json::serialize(resource.value());
  answers_ = mockup.at("answers").as_object();
  if (const json::value* login = answers_.if_contains("login"))
    login_headers_ = headers_of(login->at("headers").as_object());
  if (const json::value* lost = answers_.if_contains("expanded_as_null")) {
    for (const json::value& name : lost->as_array()) lost_.emplace_back(name.as_string());
  }
  service.handler = [this](const HttpRequest& request, const std::string& path) {
    return answer(request, path);
  };
}

std::unique_ptr<Bmc> MockupService::bmc(Dialects dialects) {
  RedfishOptions options;
  options.user = "admin";
  options.password = Secret("of the suite");
  options.dialects = std::move(dialects);
  return service.bmc(std::move(options));
}

std::optional<HttpResponse> MockupService::answer(const HttpRequest& request, const std::string& path) {
  if (request.method == "POST" && without_slash(path) == kSessions) {
    HttpHeaders headers = login_headers_;
    headers.emplace_back("X-Auth-Token", kToken);
    headers.emplace_back("Location", kSessions + "/1");
    return reply(201, "{}", std::move(headers));
  }
  if (without_slash(path) != "/redfish/v1" && header_of(request, "X-Auth-Token") != kToken)
    return reply(401, R"({"error":{"code":"Base.1.0.NoValidSession","message":"no"}})");
  if (request.method == "GET") {
    const bool expands = path.ends_with(kExpand);
    return expands ? std::optional<HttpResponse>(expanded(path.substr(0, path.size() - kExpand.size())))
                   : std::nullopt;
  }
  // A service that gives out a second token takes nothing without it.
  const bool guarded = !login_headers_.empty() && login_headers_.front().first == "X-CSRFTOKEN";
  if (guarded && header_of(request, "X-CSRFTOKEN") != login_headers_.front().second)
    return reply(403, R"({"error":{"code":"Base.1.0.InsufficientPrivilege","message":"CSRF"}})");
  if (request.method == "DELETE" || request.method == "PATCH") return reply(204);
  const json::value* known = answers_.if_contains(request.method + " " + path);
  if (known == nullptr) return std::nullopt;
  reset(path, request.body);
  return reply(static_cast<int>(known->at("status").as_int64()), json::serialize(known->at("body")),
               headers_of(known->at("headers").as_object()));
}

HttpResponse MockupService::expanded(const std::string& path) {
  const auto found = service.bodies.find(without_slash(path));
  const json::object root = json::parse(service.bodies.at("/redfish/v1")).as_object();
  if (found == service.bodies.end() || !root.contains("ProtocolFeaturesSupported")) return reply(501);
  json::object collection = json::parse(found->second).as_object();
  for (json::value& member : collection.at("Members").as_array()) {
    const std::string uri(member.at("@odata.id").as_string());
    member = json::parse(service.bodies.at(without_slash(uri)));
    for (const std::string& name : lost_) {
      if (json::value* value = member.as_object().if_contains(name)) *value = nullptr;
    }
  }
  return reply(200, json::serialize(collection));
}

void MockupService::reset(const std::string& path, const std::string& body) {
  const std::size_t action = path.find("/Actions/");
  const auto found = service.bodies.find(path.substr(0, action));
  if (action == std::string::npos || found == service.bodies.end()) return;
  json::object resource = json::parse(found->second).as_object();
  json::value* power = resource.if_contains("PowerState");
  if (power == nullptr) return;
  *power = body.find("Off") != std::string::npos || body.find("Shutdown") != std::string::npos ? "Off" : "On";
  found->second = json::serialize(resource);
}

}  // namespace kiln
