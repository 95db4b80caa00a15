#include "engine/eligibility.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "engine/evidence_rules.h"

namespace kiln {

std::vector<std::string> why_not_eligible(const Plan& plan, const PlanRequest& request) {
  std::vector<std::string> because;
  if (plan.inventory.simulated) because.emplace_back("simulated rack, not hardware");
  if (request.operator_name.empty())
    because.emplace_back("engineering run: no operator was named (--operator NAME)");
  if (request.recipe->purpose == Purpose::survey) because.emplace_back("a survey decides nothing");
  for (std::string& why : still_to_fill(plan, *request.recipe)) because.push_back(std::move(why));
  if (!request.dut_filter.empty()) because.emplace_back(kOnlyAPart);
  for (const auto& item : plan.inventory.duts) {
    if (item.bmc && item.bmc->tls.kind == TlsTrust::Kind::insecure) {
      because.push_back(fmt::format("{}: certificate not verified ({})", item.id, item.bmc->tls.value));
    }
  }
  return because;
}

std::vector<Instrument> instruments_used(const Plan& plan) {
  std::vector<Instrument> used;
  for (const Instrument& instrument : plan.inventory.instruments) {
    const bool needed = std::any_of(plan.cells.begin(), plan.cells.end(), [&](const CellPlanned& planned) {
      return measures(instrument, planned.cell.measurement);
    });
    if (needed) used.push_back(instrument);
  }
  return used;
}

std::vector<PlanProblem> misnamed_instruments(const Inventory& inventory, const StepCatalog& catalog) {
  std::vector<std::string> known;
  for (const std::string& use : catalog.uses()) {
    for (const MeasurementDeclaration& one : catalog.find(use)->describe().measurements)
      known.push_back(one.name);
  }
  std::vector<std::string> beginnings;
  for (const std::string& name : known) {
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      beginnings.push_back(name.substr(0, dot) + ".*");
  }
  std::vector<PlanProblem> problems;
  for (const Instrument& instrument : inventory.instruments) {
    for (const std::string& name : instrument.measures) {
      const Instrument alone{instrument.name, {}, {}, 0, {name}};
      const bool any = std::any_of(known.begin(), known.end(),
                                   [&](const std::string& one) { return measures(alone, one); });
      const std::string hint =
          any ? std::string() : did_you_mean(name, name.ends_with(".*") ? beginnings : known);
      if (hint.empty()) continue;
      problems.push_back(
          {inventory.file, "plan.instrument",
           fmt::format("instrument '{}': no step measures '{}'{}", instrument.name, name, hint)});
    }
  }
  return problems;
}

}  // namespace kiln
