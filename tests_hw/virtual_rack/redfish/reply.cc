#include "tests_hw/virtual_rack/redfish/reply.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <functional>
#include <utility>

namespace kiln::virtual_rack {

json::object link(std::string_view uri) {
  json::object object;
  object["@odata.id"] = uri;
  return object;
}

json::array links(const std::vector<std::string>& uris) {
  json::array array;
  for (const std::string& uri : uris) array.push_back(link(uri));
  return array;
}

json::object resource(std::string_view uri, std::string_view type, std::string_view id,
                      std::string_view name) {
  json::object object;
  object["@odata.id"] = uri;
  object["@odata.type"] = fmt::format("#{}.{}", type, type.substr(0, type.find('.')));
  object["Id"] = id;
  object["Name"] = name;
  return object;
}

json::object collection(std::string_view uri, std::string_view type, std::string_view name,
                        const std::vector<std::string>& members) {
  json::object object;
  object["@odata.id"] = uri;
  object["@odata.type"] = fmt::format("#{}.{}", type, type);
  object["Name"] = name;
  object["Members"] = links(members);
  object["Members@odata.count"] = members.size();
  return object;
}

json::object status(std::string_view state, std::string_view health) {
  json::object object;
  object["State"] = state;
  if (!health.empty()) object["Health"] = health;
  return object;
}

namespace {

HttpResponse response_of(unsigned code, std::string text) {
  HttpResponse response;
  response.status = code;
  response.body = std::move(text);
  response.body.push_back('\n');
  return response;
}

}  // namespace

HttpResponse json_response(unsigned code, const json::value& body) {
  return response_of(code, json::serialize(body));
}

HttpResponse json_response(unsigned code, const json::object& body) {
  return response_of(code, json::serialize(body));
}

json::object message_object(const Message& message, std::string_view severity) {
  const bool prefixed = message.id.find('.') != std::string::npos;
  json::object info;
  info["@odata.type"] = "#Message.v1_1_2.Message";
  info["MessageId"] = prefixed ? message.id : fmt::format("Base.1.13.{}", message.id);
  info["Message"] = message.text;
  info["MessageArgs"] = json::value_from(message.arguments);
  if (!message.property.empty()) {
    info["RelatedProperties"] = json::array{json::value("#/" + message.property)};
  }
  info["MessageSeverity"] = severity;
  info["Resolution"] = "See the message.";
  return info;
}

HttpResponse error_response(unsigned code, const std::vector<Message>& messages) {
  json::array list;
  for (const Message& message : messages) {
    list.push_back(message_object(message, code >= 500 ? "Critical" : "Warning"));
  }
  json::object error;
  const json::object& first = list.at(0).as_object();
  error["code"] = list.size() == 1 ? first.at("MessageId") : json::value("Base.1.13.GeneralError");
  error["message"] =
      list.size() == 1 ? first.at("Message") : json::value("Several errors have occurred. See ExtendedInfo.");
  error["@Message.ExtendedInfo"] = std::move(list);
  json::object body;
  body["error"] = std::move(error);
  return json_response(code, body);
}

HttpResponse error_response(unsigned code, std::string_view message_id, std::string_view message,
                            std::vector<std::string> arguments) {
  const std::vector<Message> one = {
      {std::string(message_id), std::string(message), std::move(arguments), {}}};
  return error_response(code, one);
}

HttpResponse wrong_login() {
  constexpr const char* kWhy = "The user name or password is wrong.";
  return error_response(401, "ResourceAtUriUnauthorized", kWhy,
                        {"/redfish/v1/SessionService/Sessions", kWhy});
}

HttpResponse malformed() {
  return error_response(400, "MalformedJSON", "The request body is not a JSON object.");
}

HttpResponse created(const json::object& body) {
  HttpResponse response = json_response(201, body);
  response.headers.emplace_back("Location", std::string(body.at("@odata.id").as_string()));
  response.headers.emplace_back("ETag", entity_tag(response.body));
  return response;
}

HttpResponse unauthorized() {
  HttpResponse response =
      error_response(401, "NoValidSession", "There is no valid session or credential with this request.");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Redfish\"");
  return response;
}

HttpResponse not_found(std::string_view uri) {
  return error_response(404, "ResourceMissingAtURI",
                        fmt::format("The resource at the URI '{}' was not found.", uri), {std::string(uri)});
}

HttpResponse method_not_allowed(std::string_view allow) {
  HttpResponse response =
      error_response(405, "OperationNotAllowed", fmt::format("This resource allows only {}.", allow));
  response.headers.emplace_back("Allow", std::string(allow));
  return response;
}

HttpResponse no_content() {
  HttpResponse response;
  response.status = 204;
  response.content_type.clear();
  return response;
}

std::string entity_tag(std::string_view body) {
  return fmt::format("\"{:016x}\"", std::hash<std::string_view>{}(body));
}

bool tag_matches(std::string_view header, std::string_view tag) {
  const auto trimmed = [](std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
  };
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    std::string_view one = trimmed(header.substr(0, comma));
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == tag) return true;
    if (comma == std::string_view::npos) break;
    header.remove_prefix(comma + 1);
  }
  return false;
}

std::string date_time(std::int64_t utc_ns) {
  std::int64_t seconds = utc_ns / 1'000'000'000;
  std::int64_t rest = utc_ns % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", parts, rest / 1'000'000);
}

std::string duration(double seconds) {
  return seconds <= 0 ? std::string("PT0S") : fmt::format("PT{:.3f}S", seconds);
}

std::optional<json::object> parse_object(const std::string& body) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

double rounded(double value, int digits) {
  const double factor = std::pow(10.0, digits);
  return std::round(value * factor) / factor;
}

}  // namespace kiln::virtual_rack
