#pragma once
// Fields of one message between station and warden, read strictly. Private to safety/.

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/enum_words.h"

namespace kiln::detail {

namespace json = boost::json;

inline constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

/// Takes fields out of an object; what is missing or of another type is remembered once.
class Fields {
 public:
  explicit Fields(const json::object& object) : object_(object) {}

  std::string text(std::string_view key) {
    const json::value* found = object_.if_contains(key);
    if (found != nullptr && found->is_string()) return std::string(found->as_string());
    wrong(key);
    return {};
  }
  std::int64_t number(std::string_view key, std::int64_t least, std::int64_t most) {
    const json::value* found = object_.if_contains(key);
    if (found != nullptr && found->is_int64() && found->as_int64() >= least && found->as_int64() <= most)
      return found->as_int64();
    wrong(key);
    return least;
  }
  bool flag(std::string_view key) {
    const json::value* found = object_.if_contains(key);
    if (found != nullptr && found->is_bool()) return found->as_bool();
    wrong(key);
    return false;
  }
  template <class Enum, std::size_t Size>
  Enum word(std::string_view key, const std::array<EnumWord<Enum>, Size>& words) {
    const std::string found = text(key);
    if (const auto value = value_of(words, found)) return *value;
    wrong(key);
    return words.front().value;
  }
  std::map<std::string, std::string> texts(std::string_view key) {
    std::map<std::string, std::string> all;
    const json::value* found = object_.if_contains(key);
    if (found == nullptr || !found->is_object()) {
      wrong(key);
      return all;
    }
    for (const auto& [name, value] : found->as_object()) {
      if (!value.is_string()) wrong(key);
      if (value.is_string()) all.emplace(name, value.as_string());
    }
    return all;
  }
  /// nullopt when it is missing; wrong when it is there and no finite number.
  std::optional<double> quantity(std::string_view key) {
    const json::value* found = object_.if_contains(key);
    if (found == nullptr) return std::nullopt;
    if (found->is_number() && std::isfinite(found->to_number<double>())) return found->to_number<double>();
    wrong(key);
    return std::nullopt;
  }
  /// null when it is missing.
  json::value value(std::string_view key) const {
    const json::value* found = object_.if_contains(key);
    return found == nullptr ? json::value() : *found;
  }
  std::vector<std::string> list(std::string_view key) {
    std::vector<std::string> all;
    const json::value* found = object_.if_contains(key);
    if (found == nullptr || !found->is_array()) {
      wrong(key);
      return all;
    }
    for (const json::value& value : found->as_array()) {
      if (!value.is_string()) wrong(key);
      if (value.is_string()) all.emplace_back(value.as_string());
    }
    return all;
  }
  void wrong(std::string_view key) {
    if (wrong_.empty()) wrong_ = std::string(key);
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  const json::object& object_;
  std::string wrong_;
};

inline json::array list_of(const std::vector<std::string>& texts) {
  json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

}  // namespace kiln::detail
