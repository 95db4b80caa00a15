#include "model/hazard.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiln {

const HazardFacts& facts_of(HazardKind kind) {
  // What may be believed is wide: it only has to keep out blanks, sentinels and units that are not ours.
  static const HazardFacts gpu{"Cel", "over-temperature", "over_temperature.gpu", "GPU temperature", -20, 200,
                               105,   std::nullopt};
  static const HazardFacts memory{
      "Cel", "over-temperature", "over_temperature.gpu_memory", "GPU memory temperature", -20, 200,
      110,   std::nullopt};
  static const HazardFacts inlet{
      "Cel", "over-temperature", "over_temperature.inlet", "inlet temperature", -20, 120, 60, std::nullopt};
  static const HazardFacts flow{"L/min", "lost-flow", "coolant.flow_lost", "coolant flow",
                                0,       10'000,      std::nullopt,        std::nullopt};
  static const HazardFacts pressure{"kPa", "coolant", "coolant.pressure", "coolant supply pressure", -100,
                                    5'000, 1'000,     std::nullopt};
  static const HazardFacts supply{"Cel", "coolant", "coolant.supply_hot", "coolant supply temperature", -20,
                                  120,   60,        std::nullopt};
  static const HazardFacts reservoir{
      "%", "coolant", "coolant.reservoir_low", "coolant reservoir level", 0, 100, std::nullopt, 5};
  static const HazardFacts margin{
      "K",  "coolant", "coolant.dew_point", "distance of the coolant supply to the dew point",
      -100, 100,       std::nullopt,        0};
  switch (kind) {
    case HazardKind::gpu_temperature:
      return gpu;
    case HazardKind::gpu_memory_temperature:
      return memory;
    case HazardKind::inlet_temperature:
      return inlet;
    case HazardKind::coolant_flow:
      return flow;
    case HazardKind::coolant_pressure:
      return pressure;
    case HazardKind::coolant_supply_temperature:
      return supply;
    case HazardKind::coolant_reservoir:
      return reservoir;
    case HazardKind::dew_point_margin:
      return margin;
  }
  return gpu;
}

bool applies_to(HazardKind kind, Role role) {
  const bool tray = role == Role::compute_tray || role == Role::switch_tray || role == Role::server;
  switch (kind) {
    case HazardKind::gpu_temperature:
    case HazardKind::gpu_memory_temperature:
      return role == Role::compute_tray || role == Role::server;
    case HazardKind::inlet_temperature:
      return tray;
    case HazardKind::coolant_flow:
    case HazardKind::coolant_pressure:
    case HazardKind::coolant_supply_temperature:
      return tray || role == Role::cdu;
    case HazardKind::coolant_reservoir:
    case HazardKind::dew_point_margin:
      return role == Role::cdu;
  }
  return false;
}

std::vector<HazardRule> rules_for(const HazardRules& rules, Role role) {
  std::vector<HazardRule> mine;
  for (const HazardRule& row : rules.rows) {
    const bool named = std::find(row.roles.begin(), row.roles.end(), role) != row.roles.end();
    if (applies_to(row.kind, role) && (row.roles.empty() || named)) mine.push_back(row);
  }
  return mine;
}

std::string bounds_text(const HazardRule& rule) {
  const std::string_view unit = facts_of(rule.kind).unit;
  std::string text;
  const auto add = [&text](std::string part) { text += (text.empty() ? "" : ", ") + std::move(part); };
  if (rule.min) add(fmt::format("≥ {} {}", *rule.min, unit));
  if (rule.max) add(fmt::format("≤ {} {}", *rule.max, unit));
  if (rule.least_share) add(fmt::format("≥ {} of what was read before load", *rule.least_share));
  return text;
}

}  // namespace kiln
