#pragma once
// Plan: what a recipe means on a rack, as a value that can be printed before anything is switched on. Pure:
// no device is asked. All problems are reported, not the first.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/step.h"
#include "engine/step_catalog.h"
#include "model/event.h"
#include "model/inventory.h"
#include "model/log_allowance.h"
#include "model/measurement.h"
#include "model/recipe.h"

namespace kiln {

/// Among not_eligible_because: a decision on a part says nothing about the rest.
inline constexpr const char* kOnlyAPart = "only a part of the rack was selected";

struct PlanProblem {
  std::string place;  ///< "recipes/x.yaml:12:7" or the inventory's file
  std::string code;   ///< "plan.unknown_step"
  std::string message;
};

struct PlannedStep {
  StepSpec spec;
  std::string path;  ///< "phase/step"
  Step* step = nullptr;
  Parameters with;
  Nanoseconds timeout{0};
  bool rack_scope = false;
  std::vector<std::string> duts;  ///< ids, in rack order; of a rack step: those it takes part with
  /// Declared by the step, or by the recipe's `requires` for exec-like steps.
  std::vector<MeasurementDeclaration> measurements;
};

struct PlannedPhase {
  PhaseSpec spec;
  std::vector<PlannedStep> setup, steps, teardown;
};

struct PlannedMonitor {
  MonitorSpec spec;
  std::string path;  ///< "monitor/NAME"
  Step* step = nullptr;
  Parameters with;
  std::vector<std::string> duts;  ///< on which it runs; of one for the rack: the rack's id
  bool rack_scope = false;
  std::vector<MeasurementDeclaration> measurements;
};

struct Plan {
  Recipe recipe;
  Inventory inventory;
  LimitsTable limits;
  std::vector<LogAllowance> allowed_log_entries;
  std::vector<std::string> duts;  ///< selected, in rack order
  std::vector<PlannedPhase> phases;
  std::vector<PlannedMonitor> monitors;
  std::vector<PlannedStep> teardown;
  std::vector<CellPlanned> cells;
  bool has_rack_cells = false;
  std::vector<std::string> not_eligible_because;
  std::vector<Instrument> instruments;  ///< that what is required is read with
  std::vector<std::string> approvals;   ///< who has approved recipe and limits; the station fills it in
  /// Step → the DUTs that it selects and passes over, because what they are read by cannot tell what it asks.
  std::map<std::string, std::vector<std::string>> passed_over;
  std::map<std::string, std::string> plugins;  ///< name → version of those used

  /// The rack as a DUT of role rack, carrying the rack's id.
  Dut rack;
  [[nodiscard]] const Dut* find_dut(const std::string& id) const;
};

struct PlanRequest {
  const Recipe* recipe = nullptr;
  const Inventory* inventory = nullptr;  ///< nullptr: check the recipe without a rack (lint)
  const LimitsTable* limits = nullptr;   ///< nullptr: only allowed when nothing is judged
  const std::vector<LogAllowance>* allowed_log_entries = nullptr;  ///< nullptr: none
  const StepCatalog* catalog = nullptr;
  std::vector<std::string> dut_filter;  ///< ids or roles; empty = all
  std::string operator_name;
};

struct PlanResult {
  std::optional<Plan> plan;  ///< absent when there are problems, or without an inventory
  std::vector<PlanProblem> problems;
};

PlanResult make_plan(const PlanRequest& request);

/// The plan for people: phases, steps, DUTs, cells, what is energised.
std::string explain(const Plan& plan);

}  // namespace kiln
