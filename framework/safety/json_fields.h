#pragma once
// Fields of a JSON object that may be missing or of another type. Private to safety/.

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln::detail {

/// Empty when there is no such text.
inline std::string text_of(const boost::json::object& object, std::string_view key) {
  const boost::json::value* found = object.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

/// 0 when there is no such number.
inline std::int64_t number_of(const boost::json::object& object, std::string_view key) {
  const boost::json::value* found = object.if_contains(key);
  return found != nullptr && found->is_int64() ? found->as_int64() : 0;
}

/// nullopt: it is no JSON object. What a device said may stand in it, whatever its bytes.
inline std::optional<boost::json::object> object_in(const std::string& text) {
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code failed;
  boost::json::value parsed = boost::json::parse(text, failed, {}, options);
  if (failed || !parsed.is_object()) return std::nullopt;
  return std::move(parsed.as_object());
}

}  // namespace kiln::detail
