#pragma once
// Hazards beside leaks that may take a DUT's energy away: heat, and coolant that is lost or unfit. Which of
// them a station watches, and where they begin, is data of its floor rules. Plain data; pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/enum_words.h"
#include "model/inventory.h"

namespace kiln {

enum class HazardKind : std::uint8_t {
  gpu_temperature,
  gpu_memory_temperature,
  inlet_temperature,
  coolant_flow,
  coolant_pressure,
  coolant_supply_temperature,
  coolant_reservoir,
  dew_point_margin
};

inline constexpr std::array kHazardWords{
    EnumWord<HazardKind>{HazardKind::gpu_temperature, "gpu-temperature"},
    EnumWord<HazardKind>{HazardKind::gpu_memory_temperature, "gpu-memory-temperature"},
    EnumWord<HazardKind>{HazardKind::inlet_temperature, "inlet-temperature"},
    EnumWord<HazardKind>{HazardKind::coolant_flow, "coolant-flow"},
    EnumWord<HazardKind>{HazardKind::coolant_pressure, "coolant-pressure"},
    EnumWord<HazardKind>{HazardKind::coolant_supply_temperature, "coolant-supply-temperature"},
    EnumWord<HazardKind>{HazardKind::coolant_reservoir, "coolant-reservoir"},
    EnumWord<HazardKind>{HazardKind::dew_point_margin, "dew-point-margin"}};

struct HazardFacts {
  std::string_view unit;   ///< UCUM
  std::string_view cause;  ///< as interlocks are called: "over-temperature", "lost-flow", "coolant"
  std::string_view code;   ///< of a trip: "over_temperature.gpu"
  std::string_view name;   ///< for sentences: "GPU temperature"
  double least, most;      ///< what a sensor may say and be believed; beyond it there is no reading
  /// No floor rule may be weaker: its max not higher, its min not lower. Ours.
  std::optional<double> highest_max, lowest_min;
};
const HazardFacts& facts_of(HazardKind kind);

/// One row of the floor rules. A reading outside the bounds is a hazard.
struct HazardRule {
  HazardKind kind = HazardKind::gpu_temperature;
  std::vector<Role> roles;            ///< empty: wherever it is read
  std::optional<double> min, max;     ///< in the kind's unit
  std::optional<double> least_share;  ///< of what was read last before load began; 0 < share < 1
  bool required = false;  ///< no load where the BMC does not offer it; else it is watched where it is offered
  std::string source;     ///< where the figures come from
};

struct HazardRules {
  Nanoseconds poll = std::chrono::seconds(2);    ///< 1 s to 5 s
  Nanoseconds grace = std::chrono::seconds(10);  ///< how long under load a reading may be away; at most 30 s
  std::vector<HazardRule> rows;
};

/// A DUT of this role can have it: a CDU has no GPUs, a tray no reservoir.
bool applies_to(HazardKind kind, Role role);

/// The rows that concern a DUT of this role.
std::vector<HazardRule> rules_for(const HazardRules& rules, Role role);

/// "≤ 95 Cel", "≥ 0.5 of what was read before load", for sentences and the record.
std::string bounds_text(const HazardRule& rule);

}  // namespace kiln
