#include "engine/evidence_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "model/site_to_fill.h"

namespace kiln {
namespace {

/// In the order in which they run; teardowns too, because what they leave behind is judged by nobody after
/// them.
std::vector<const PlannedStep*> steps_in_order(const Plan& plan) {
  std::vector<const PlannedStep*> steps;
  for (const PlannedPhase& phase : plan.phases) {
    for (const auto* list : {&phase.setup, &phase.steps, &phase.teardown}) {
      for (const PlannedStep& step : *list) steps.push_back(&step);
    }
  }
  for (const PlannedStep& step : plan.teardown) steps.push_back(&step);
  return steps;
}

void for_each_use(const Plan& plan,
                  const std::function<void(const Step&, const std::vector<MeasurementDeclaration>&)>& look) {
  for (const PlannedStep* step : steps_in_order(plan)) look(*step->step, step->measurements);
  for (const PlannedMonitor& monitor : plan.monitors) look(*monitor.step, monitor.measurements);
}

bool has_cell_for(const Plan& plan, const Limit& row) {
  return std::any_of(plan.cells.begin(), plan.cells.end(), [&plan, &row](const CellPlanned& planned) {
    if (planned.cell.measurement != row.name) return false;
    const Dut* dut = planned.cell.dut == plan.rack.id ? &plan.rack : plan.find_dut(planned.cell.dut);
    return dut != nullptr && plan.limits.find(row.name, planned.cell.part, dut->role) == &row;
  });
}

}  // namespace

std::vector<PlanProblem> unjudged_problems(const Plan& plan, const Recipe& recipe, bool with_inventory) {
  std::vector<PlanProblem> problems;
  if (recipe.purpose == Purpose::survey) return problems;
  const std::vector<const PlannedStep*> steps = steps_in_order(plan);
  for (std::size_t at = 0; at < steps.size(); ++at) {
    const std::string& wanted = steps[at]->step->describe().judged_by;
    if (wanted.empty()) continue;
    std::set<std::string> open(steps[at]->duts.begin(), steps[at]->duts.end());
    bool comes = false;
    for (std::size_t later = at + 1; later < steps.size(); ++later) {
      if (steps[later]->spec.use != wanted) continue;
      comes = true;
      for (const std::string& dut : steps[later]->duts) open.erase(dut);
    }
    if (comes && (!with_inventory || open.empty())) continue;
    problems.push_back(
        {steps[at]->spec.place.text(), "plan.judged_by_none",
         fmt::format("what '{}' ({}) records is judged by {}, which does not come after it{}; add it, as "
                     "shared/event-log-after.yaml does for event logs",
                     steps[at]->path, steps[at]->spec.use, wanted,
                     comes ? fmt::format(" on {}", fmt::join(open, ", ")) : std::string{})});
  }
  return problems;
}

std::vector<std::string> still_to_fill(const Plan& plan, const Recipe& recipe) {
  std::set<std::string> judged;
  bool reads_logs = false;
  for_each_use(plan, [&judged, &reads_logs](const Step& step, const auto& measurements) {
    for (const MeasurementDeclaration& one : measurements) {
      if (one.judged) judged.insert(one.name);
    }
    for (const BmcNeed& need : step.describe().bmc)
      reads_logs = reads_logs || need.ability == BmcAbility::event_log;
  });
  std::set<std::string> limits, hazards;
  std::vector<std::string> allowances, sentences;
  for (const Limit& row : plan.limits.rows) {
    if (!row.is_site_to_fill() || !judged.contains(row.name)) continue;
    // A row of some parts counts where one of them is; any other may judge whatever turns up.
    if ((row.when_part.empty() && !row.when_role) || has_cell_for(plan, row)) limits.insert(row.name);
  }
  for (const LogAllowance& row : plan.allowed_log_entries) {
    if (reads_logs && (is_site_to_fill(row.source) || is_site_to_fill(row.reason)))
      allowances.push_back(row.text());
  }
  for (const HazardRule& row : recipe.hazards) {
    if (is_site_to_fill(row.source)) hazards.insert(std::string(word_of(kHazardWords, row.kind)));
  }
  if (!limits.empty())
    sentences.push_back(fmt::format("limits that the site has still to fill: {}", fmt::join(limits, ", ")));
  if (!allowances.empty()) {
    sentences.push_back(fmt::format("allowed log entries that the site has still to account for: {}",
                                    fmt::join(allowances, "; ")));
  }
  if (!hazards.empty()) {
    sentences.push_back(
        fmt::format("interlock rows that the site has still to fill: {}", fmt::join(hazards, ", ")));
  }
  return sentences;
}

}  // namespace kiln
