#include "files/hazard_rule.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "files/field_reader.h"

namespace kiln {
namespace {

constexpr double kLeastShare = 0.25;  // of the coolant that was there: less cools no load

/// A bound that no reading can be beyond would watch nothing.
void check_bounds(FieldReader& reader, const YamlNode& node, const HazardRule& rule) {
  const HazardFacts& facts = facts_of(rule.kind);
  if (!rule.min && !rule.max && !rule.least_share)
    reader.problem(node.place, "interlock_rules.weak",
                   fmt::format("no bound for the {}: nothing would be watched", facts.name),
                   "give min, max or least_share");
  for (const std::optional<double>& bound : {rule.min, rule.max}) {
    if (bound && (*bound <= facts.least || *bound >= facts.most))
      reader.problem(node.place, "interlock_rules.weak",
                     fmt::format("{} {} is no bound for the {}: it must be between {} and {}", *bound,
                                 facts.unit, facts.name, facts.least, facts.most));
  }
  if (rule.max && facts.highest_max && *rule.max > *facts.highest_max)
    reader.problem(node.place, "interlock_rules.weak",
                   fmt::format("max of the {} is {} {}; it may not be higher than {}", facts.name, *rule.max,
                               facts.unit, *facts.highest_max));
  if (rule.min && facts.lowest_min && *rule.min < *facts.lowest_min)
    reader.problem(node.place, "interlock_rules.weak",
                   fmt::format("min of the {} is {} {}; it may not be lower than {}", facts.name, *rule.min,
                               facts.unit, *facts.lowest_min));
  if (rule.min && rule.max && *rule.min >= *rule.max)
    reader.problem(node.place, "interlock_rules.weak", "min must be less than max");
  const bool share = rule.kind == HazardKind::coolant_flow || rule.kind == HazardKind::coolant_pressure;
  if (rule.least_share && (!share || *rule.least_share < kLeastShare || *rule.least_share >= 1))
    reader.problem(node.place, "interlock_rules.weak",
                   fmt::format("least_share is for coolant-flow and coolant-pressure, at least {} and less "
                               "than 1",
                               kLeastShare));
}

}  // namespace

HazardRule read_hazard_rule(const YamlNode& node, std::vector<Problem>& problems) {
  FieldReader reader(node, "hazard", problems);
  HazardRule rule;
  const std::string word = reader.word("hazard", words_of(kHazardWords), Need::required).value_or("");
  const std::optional<HazardKind> kind = value_of(kHazardWords, word);
  rule.kind = kind.value_or(HazardKind::gpu_temperature);
  for (const YamlNode* item : reader.take_some("roles")) {
    const std::optional<Role> role = role_from(item->text);
    if (role) rule.roles.push_back(*role);
    if (!role)
      reader.problem(item->place, "files.unknown_word", fmt::format("there is no role '{}'", item->text),
                     suggest(item->text, role_names()));
  }
  rule.min = reader.number("min");
  rule.max = reader.number("max");
  rule.least_share = reader.number("least_share");
  rule.required = reader.boolean("required").value_or(false);
  rule.source = reader.text("source", Need::required).value_or("");
  reader.finish();
  if (kind) check_bounds(reader, node, rule);
  return rule;
}

}  // namespace kiln
