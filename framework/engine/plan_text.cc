// The plan for people: what `kiln plan` prints before anything is switched on.

#include <fmt/format.h>

#include <map>
#include <string>

#include "engine/plan.h"

namespace kiln {

std::string explain(const Plan& plan) {
  std::map<std::string, int> cells_by_step;
  for (const auto& cell : plan.cells) ++cells_by_step[cell.cell.step];
  std::string text =
      fmt::format("{}@{} on {} ({}{}), limits {} revision {}\n", plan.recipe.name, plan.recipe.version,
                  plan.inventory.rack, plan.inventory.product, plan.inventory.simulated ? ", SIMULATED" : "",
                  plan.limits.product, plan.limits.revision);
  text += fmt::format("DUTs: {}\n", fmt::join(plan.duts, " "));
  for (const auto& monitor : plan.monitors) {
    text += fmt::format("monitor {:<28} {:<28} every {:<6} on {:>3} DUTs  {:>5} cells\n", monitor.spec.name,
                        monitor.spec.use, format_duration(monitor.spec.every), monitor.duts.size(),
                        cells_by_step[monitor.path]);
  }
  const auto list = [&](const std::vector<PlannedStep>& steps, const char* kind) {
    for (const auto& step : steps) {
      const auto energy = step.step->describe().energises;
      text += fmt::format(
          "  {}{:<32} {:<28} {:>3} DUTs  {:>5} cells  timeout {}{}{}\n", kind, step.spec.name, step.spec.use,
          step.duts.size(), cells_by_step[step.path], format_duration(step.timeout),
          step.spec.retry.attempts > 1 ? fmt::format("  up to {} attempts", step.spec.retry.attempts) : "",
          energy ? fmt::format("  ENERGISES: {}", to_string(*energy)) : "");
    }
  };
  for (const auto& phase : plan.phases) {
    text += fmt::format(
        "phase {}{}{}\n", phase.spec.name, phase.spec.gate ? " (gate)" : "",
        phase.spec.needs.empty() ? "" : fmt::format(", needs {}", fmt::join(phase.spec.needs, ", ")));
    list(phase.setup, "setup ");
    list(phase.steps, "");
    list(phase.teardown, "teardown ");
  }
  text += "teardown\n";
  list(plan.teardown, "");
  text += fmt::format("{} required cells\n", plan.cells.size());
  for (const auto& [path, duts] : plan.passed_over) {
    text += fmt::format("{} passes over {}: what they are read by does not tell it\n", path,
                        fmt::join(duts, " "));
  }
  for (const auto& reason : plan.not_eligible_because)
    text += fmt::format("not eligible for sign-off: {}\n", reason);
  return text;
}

}  // namespace kiln
