#pragma once
// The shapes every Redfish answer has (DSP0266): resources, collections, error bodies, entity tags.

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/http_message.h"

namespace kiln::virtual_rack {

namespace json = boost::json;

/// {"@odata.id": uri}
[[nodiscard]] json::object link(std::string_view uri);
[[nodiscard]] json::array links(const std::vector<std::string>& uris);

/// An object with @odata.id, @odata.type, Id and Name. `type` is "Sensor.v1_12_0": the type name is repeated
/// for you.
[[nodiscard]] json::object resource(std::string_view uri, std::string_view type, std::string_view id,
                                    std::string_view name);

/// A collection of `type` ("SensorCollection") with its members by link.
[[nodiscard]] json::object collection(std::string_view uri, std::string_view type, std::string_view name,
                                      const std::vector<std::string>& members);

/// {"State": state, "Health": health}; health is left out when empty.
[[nodiscard]] json::object status(std::string_view state, std::string_view health = "OK");

[[nodiscard]] HttpResponse json_response(unsigned status, const json::value& body);
[[nodiscard]] HttpResponse json_response(unsigned status,
                                         const json::object& body);  ///< without a copy of it

/// One message of the Base registry: what happened, and to which property ("Boot/BootSourceOverrideTarget").
struct Message {
  std::string id;  ///< "PropertyUnknown", or with prefix when it has a dot
  std::string text;
  std::vector<std::string> arguments;
  std::string property;
};

/// A Message v1.1.2 (DSP0266 9.8, extended information).
[[nodiscard]] json::object message_object(const Message& message, std::string_view severity);

/// An answer with error.code and these in @Message.ExtendedInfo (DSP0266 8.6); there is at least one.
[[nodiscard]] HttpResponse error_response(unsigned status, const std::vector<Message>& messages);

/// An answer with error.code and one @Message.ExtendedInfo; `message_id` without prefix:
/// "ResourceMissingAtURI" of the Base registry 1.13, or with prefix when it has a dot.
[[nodiscard]] HttpResponse error_response(unsigned status, std::string_view message_id,
                                          std::string_view message, std::vector<std::string> arguments = {});

/// 401 to who logs in with a wrong name or password.
[[nodiscard]] HttpResponse wrong_login();
/// 400 for a body that is not a JSON object.
[[nodiscard]] HttpResponse malformed();
/// 201 with the new resource and its Location (DSP0266 7.9).
[[nodiscard]] HttpResponse created(const json::object& body);
/// 401 with a challenge (RFC 9110, 11.6.1).
[[nodiscard]] HttpResponse unauthorized();
[[nodiscard]] HttpResponse not_found(std::string_view uri);
[[nodiscard]] HttpResponse method_not_allowed(std::string_view allow);
[[nodiscard]] HttpResponse no_content();

/// Strong entity tag over the bytes of an answer.
[[nodiscard]] std::string entity_tag(std::string_view body);
/// True when an If-Match or If-None-Match header value lists `tag` or is "*".
[[nodiscard]] bool tag_matches(std::string_view header, std::string_view tag);

/// "2026-01-31T12:34:56.789Z" for UTC nanoseconds since 1970.
[[nodiscard]] std::string date_time(std::int64_t utc_ns);
/// ISO 8601 duration "PT12.3S".
[[nodiscard]] std::string duration(double seconds);

/// The body as an object; none when it is not a JSON object.
[[nodiscard]] std::optional<json::object> parse_object(const std::string& body);

/// Rounded to `digits` decimals, so that answers show what an instrument would.
[[nodiscard]] double rounded(double value, int digits);

}  // namespace kiln::virtual_rack
