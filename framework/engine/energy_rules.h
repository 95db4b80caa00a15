#pragma once
// What must stand in a plan before anything in it may be energised, and which cooling a DUT depends on. The
// planner asks before the run, the permit office during it; both ask here, so that no recipe, selection or
// inventory can have one of them look away. Pure.

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

/// Problems: permit.not_simulated, plan.no_leak_watch (the DUT or a CDU that feeds it has detectors which no
/// monitor watches, also because it was not selected), plan.leak_watch_slow, plan.cooling_not_proven (no step
/// before the load proves the cooling of the DUT, or of a CDU that feeds it).
std::vector<PlanProblem> energy_problems(const Plan& plan, const Recipe& recipe, bool with_inventory);

}  // namespace kiln
