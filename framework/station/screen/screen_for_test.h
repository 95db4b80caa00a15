#pragma once
// A little plan for the tests of the screen: two trays, a switch tray and a CDU, three steps and a teardown.

#include "engine/plan.h"

namespace kiln {

inline PlannedStep planned_step(const std::string& path, std::vector<std::string> duts) {
  PlannedStep step;
  step.path = path;
  step.spec.name = path.substr(path.find('/') + 1);
  step.duts = std::move(duts);
  return step;
}

inline Dut rack_dut(const std::string& id, Role role, std::optional<int> slot) {
  Dut dut;
  dut.id = id;
  dut.role = role;
  dut.slot = slot;
  return dut;
}

inline Plan small_plan() {
  Plan plan;
  plan.recipe.name = "demo-small";
  plan.recipe.version = "1.0.0";
  plan.inventory.rack = "R01";
  plan.inventory.product = "virtual-gb300-nvl72";
  plan.inventory.simulated = true;
  plan.rack.id = "R01";
  plan.rack.role = Role::rack;
  plan.inventory.duts = {rack_dut("C01", Role::compute_tray, 11), rack_dut("C02", Role::compute_tray, 12),
                         rack_dut("S01", Role::switch_tray, 20), rack_dut("CDU01", Role::cdu, std::nullopt)};
  plan.duts = {"C01", "C02", "S01", "CDU01"};
  PlannedPhase cooling;
  cooling.spec.name = "cooling";
  cooling.steps = {planned_step("cooling/flow", plan.duts)};
  PlannedPhase soak;
  soak.spec.name = "soak";
  soak.steps = {planned_step("soak/load", {"C01", "C02"})};
  soak.steps.front().spec.barrier_before = true;
  plan.phases = {cooling, soak};
  plan.teardown = {planned_step("teardown/off", {"C01", "C02", "S01"})};
  return plan;
}

inline Event event_at(double seconds, const std::string& dut, const std::string& step, EventBody body) {
  Event event;
  event.at.monotonic_ns = 1 + static_cast<std::int64_t>(seconds * 1e9);
  event.dut = dut;
  event.step = step;
  event.body = std::move(body);
  return event;
}

inline StepEnded ended_as(WorkStatus status, const std::string& message = {}) {
  StepEnded ended;
  ended.status = status;
  ended.message = message;
  return ended;
}

}  // namespace kiln
