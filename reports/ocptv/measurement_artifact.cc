#include "ocptv/measurement_artifact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "model/limit_bounds.h"
#include "ocptv/stream_lines.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLargestExactInteger = std::int64_t{1} << 53;  // IEEE 754 double

json::value artifact_value(const Value& value) {
  if (const auto* number = std::get_if<double>(&value))
    return std::isfinite(*number) ? json::value(*number) : json::value("NaN");
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    const bool is_exact = *whole >= -kLargestExactInteger && *whole <= kLargestExactInteger;
    return is_exact ? json::value(*whole) : json::value(fmt::format("{}", *whole));
  }
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* word = std::get_if<std::string>(&value)) return ocptv_string(*word);
  return "no value";
}

struct Validators {
  json::array list;
  bool all_hold = true;
};

void add_validator(Validators& validators, const char* type, json::value value, const char* name,
                   bool holds) {
  validators.list.push_back(json::object{{"type", type}, {"value", std::move(value)}, {"name", name}});
  validators.all_hold = validators.all_hold && holds;
}

/// One alternative of a regular expression that means these characters and no others.
std::string literal(std::string_view text) {
  std::string escaped;
  for (const char one : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(one) != std::string_view::npos) escaped += '\\';
    escaped += one;
  }
  return escaped;
}

/// "one of a, b": the published schema takes no list as a validator's value, so that the set is an anchored
/// alternation, and itself in the metadata.
void add_set(Validators& validators, std::string_view set, const std::string& word) {
  std::string expression;
  json::array members;
  bool is_member = false;
  while (true) {
    const auto comma = set.find(", ");
    const std::string_view member = set.substr(0, comma);
    expression += (expression.empty() ? "" : "|") + literal(member);
    members.push_back(ocptv_string(member));
    is_member = is_member || member == word;
    if (comma == std::string_view::npos) break;
    set.remove_prefix(comma + 2);
  }
  validators.list.push_back(json::object{{"type", "REGEX_MATCH"},
                                         {"value", ocptv_string("^(" + expression + ")$")},
                                         {"name", "one of"},
                                         {"metadata", json::object{{"set", std::move(members)}}}});
  validators.all_hold = validators.all_hold && is_member;
}

Validators validators_of(const Measured& measured) {
  Validators validators;
  const std::string_view limit = measured.limit_text;
  constexpr std::size_t kLongestLimit = 1'024;  // an alternation that is cut would mean another set
  if (limit.size() > kLongestLimit) return validators;
  const auto* word = std::get_if<std::string>(&measured.value);
  if (const auto number = as_number(measured.value); number && artifact_value(measured.value).is_number()) {
    const LimitBounds bounds = bounds_of(limit);
    if (bounds.min)
      add_validator(validators, "GREATER_THAN_OR_EQUAL", *bounds.min, "min", *number >= *bounds.min);
    if (bounds.max)
      add_validator(validators, "LESS_THAN_OR_EQUAL", *bounds.max, "max", *number <= *bounds.max);
  } else if (word != nullptr && word->size() <= kLongestLimit) {
    constexpr std::string_view kEquals = "= ", kOneOf = "one of ";
    if (limit.starts_with(kOneOf)) {
      add_set(validators, limit.substr(kOneOf.size()), *word);
    } else if (limit.starts_with(kEquals) && limit != "= inventory" &&
               limit != "= version in the inventory") {
      const std::string_view expected = limit.substr(kEquals.size());
      add_validator(validators, "EQUAL", ocptv_string(expected), "equals", expected == *word);
    }
  }
  return validators;
}

}  // namespace

json::object ocptv_measurement(const DocumentMeasurement& entry, const std::string& hardware) {
  const Measured& measured = entry.measured;
  json::object artifact;
  artifact["name"] = ocptv_string(measured.name);
  artifact["value"] = artifact_value(measured.value);
  if (!measured.unit.empty()) artifact["unit"] = ocptv_string(measured.unit);
  if (!hardware.empty()) artifact["hardwareInfoId"] = hardware;
  Validators validators = validators_of(measured);
  const bool is_pass = measured.outcome == Outcome::pass || measured.outcome == Outcome::marginal;
  const bool says_the_same =
      is_pass ? validators.all_hold : measured.outcome == Outcome::fail && !validators.all_hold;
  if (!validators.list.empty() && says_the_same) artifact["validators"] = std::move(validators.list);
  json::object metadata;
  metadata["outcome"] = to_string(measured.outcome);
  const auto put = [&metadata](const char* name, const std::string& text) {
    if (!text.empty()) metadata[name] = ocptv_string(text);
  };
  put("part", measured.part);
  put("limit", measured.limit_text);
  put("limitSource", measured.limit_source);
  if (measured.limits_revision != 0) metadata["limitsRevision"] = measured.limits_revision;
  if (measured.margin_percent && std::isfinite(*measured.margin_percent))
    metadata["marginPercent"] = *measured.margin_percent;
  put("reason", measured.reason);
  put("code", measured.fault_code);
  put("action", measured.action);
  put("source", measured.source.kind.empty() ? "" : measured.source.kind + " " + measured.source.detail);
  artifact["metadata"] = std::move(metadata);
  return {{"measurement", std::move(artifact)}};
}

}  // namespace kiln
