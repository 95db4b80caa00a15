#include "safety/hazard_messages.h"

namespace kiln::detail {
namespace {

json::object json_of(const HazardRule& rule) {
  json::object object;
  object["kind"] = word_of(kHazardWords, rule.kind);
  std::vector<std::string> roles;
  for (const Role role : rule.roles) roles.emplace_back(to_string(role));
  object["roles"] = list_of(roles);
  if (rule.min) object["min"] = *rule.min;
  if (rule.max) object["max"] = *rule.max;
  if (rule.least_share) object["least_share"] = *rule.least_share;
  object["required"] = rule.required;
  return object;
}

std::optional<HazardRule> rule_from(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  Fields fields(value.as_object());
  HazardRule rule;
  rule.kind = fields.word("kind", kHazardWords);
  for (const std::string& word : fields.list("roles")) {
    const std::optional<Role> role = role_from(word);
    if (role) rule.roles.push_back(*role);
    if (!role) fields.wrong("roles");
  }
  rule.min = fields.quantity("min");
  rule.max = fields.quantity("max");
  rule.least_share = fields.quantity("least_share");
  rule.required = fields.flag("required");
  // A rule without a bound would watch nothing.
  if (!rule.min && !rule.max && !rule.least_share) fields.wrong("max");
  if (!fields.wrong().empty()) return std::nullopt;
  return rule;
}

}  // namespace

json::object json_of(const HazardRules& rules) {
  json::object object;
  object["poll_ns"] = rules.poll.count();
  object["grace_ns"] = rules.grace.count();
  json::array rows;
  for (const HazardRule& row : rules.rows) rows.emplace_back(json_of(row));
  object["rows"] = std::move(rows);
  return object;
}

std::optional<HazardRules> hazard_rules_from(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  Fields fields(value.as_object());
  HazardRules rules;
  rules.poll = Nanoseconds(fields.number("poll_ns", 1, kMost));
  rules.grace = Nanoseconds(fields.number("grace_ns", 1, kMost));
  const json::value rows = fields.value("rows");
  if (!rows.is_array() || !fields.wrong().empty()) return std::nullopt;
  for (const json::value& row : rows.as_array()) {
    std::optional<HazardRule> rule = rule_from(row);
    if (!rule) return std::nullopt;
    rules.rows.push_back(std::move(*rule));
  }
  return rules;
}

json::object json_of(const HazardReport& report) {
  json::object object;
  object["dut"] = report.dut;
  object["power_ready"] = report.power_ready;
  object["load_ready"] = report.load_ready;
  object["why"] = report.why;
  object["code"] = report.code;
  object["part"] = report.part;
  object["not_offered"] = list_of(report.not_offered);
  return object;
}

HazardReport read_hazard_report(Fields& fields) {
  HazardReport report;
  report.dut = fields.text("dut");
  report.power_ready = fields.flag("power_ready");
  report.load_ready = fields.flag("load_ready");
  report.why = fields.text("why");
  report.code = fields.text("code");
  report.part = fields.text("part");
  report.not_offered = fields.list("not_offered");
  return report;
}

}  // namespace kiln::detail
