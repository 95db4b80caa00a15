#include "ocptv_validator.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace kiln {
namespace {

namespace json = boost::json;

std::optional<double> finite_number(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  boost::system::error_code failed;
  const auto number = value.to_number<double>(failed);
  if (failed || !std::isfinite(number)) return std::nullopt;
  return number;
}

/// nullopt: of different types.
std::optional<bool> same_scalar(const json::value& a, const json::value& b) {
  const auto number_a = finite_number(a);
  const auto number_b = finite_number(b);
  if (number_a && number_b) return *number_a == *number_b;
  if (a.is_string() && b.is_string()) return a.as_string() == b.as_string();
  if (a.is_bool() && b.is_bool()) return a.as_bool() == b.as_bool();
  return std::nullopt;
}

/// A single value stands for a set of one, as the published schema writes it.
std::optional<bool> is_in(const json::value& measured, const json::value& set) {
  if (!set.is_array()) return same_scalar(measured, set);
  if (set.as_array().empty()) return std::nullopt;
  bool found = false;
  for (const json::value& member : set.as_array()) {
    const std::optional<bool> same = same_scalar(measured, member);
    if (!same) return std::nullopt;
    found = found || *same;
  }
  return found;
}

std::optional<bool> opposite(std::optional<bool> held) {
  if (held) held = !*held;
  return held;
}

}  // namespace

std::optional<bool> holds(const json::value& measured, const json::value& validator) {
  if (!validator.is_object()) return std::nullopt;
  const json::value* type = validator.as_object().if_contains("type");
  const json::value* bound = validator.as_object().if_contains("value");
  if (type == nullptr || bound == nullptr || !type->is_string()) return std::nullopt;
  const std::string_view word = type->as_string();
  if (word == "EQUAL") return same_scalar(measured, *bound);
  if (word == "NOT_EQUAL") return opposite(same_scalar(measured, *bound));
  if (word == "IN_SET") return is_in(measured, *bound);
  if (word == "NOT_IN_SET") return opposite(is_in(measured, *bound));
  const auto left = finite_number(measured);
  const auto right = finite_number(*bound);
  if (!left || !right) return std::nullopt;
  if (word == "LESS_THAN") return *left < *right;
  if (word == "LESS_THAN_OR_EQUAL") return *left <= *right;
  if (word == "GREATER_THAN") return *left > *right;
  if (word == "GREATER_THAN_OR_EQUAL") return *left >= *right;
  return std::nullopt;
}

}  // namespace kiln
