#pragma once
// What must stand in a plan before anything in it may be energised, and which cooling a DUT depends on. The
// planner asks before the run, the permit office during it; both ask here, so that no recipe, selection or
// inventory can have one of them look away. Pure.

#include <optional>
#include <string>
#include <vector>

#include "engine/plan.h"

namespace kiln {

/// A watch that polls more rarely proves too little: leak detectors are read at least once a second.
inline constexpr Nanoseconds kSlowestLeakPoll = std::chrono::seconds(1);

bool has_leak_detectors(const Dut& dut);
/// Coolant connectors are expected on it.
bool is_liquid_cooled(const Dut& dut);
/// The CDUs whose leak or failure concerns the DUT: all of its rack when it holds coolant; itself left out.
std::vector<const Dut*> cdus_of(const Inventory& inventory, const Dut& dut);

/// Real hardware of a kind that holds coolant, of which the rack file expects no leak detectors, and does not
/// say that it is cooled by air (labels: {cooling: air}): the sentence that says so. A forgotten line must
/// not switch a watch off.
std::optional<std::string> why_blind(const Inventory& inventory, const Dut& dut);
inline constexpr const char* kHowToSee =
    "give its leak detectors under 'expect', or say that it holds no coolant: labels: {cooling: air}";

/// Problems: permit.no_leak_detectors, plan.no_leak_watch (the DUT or a CDU that feeds it has detectors which
/// no monitor watches, also because it was not selected), plan.leak_watch_slow, plan.cooling_not_proven (no
/// step before the load proves the cooling of the DUT, or of a CDU that feeds it).
std::vector<PlanProblem> energy_problems(const Plan& plan, const Recipe& recipe, bool with_inventory);

}  // namespace kiln
