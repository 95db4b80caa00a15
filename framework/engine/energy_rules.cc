#include "engine/energy_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

namespace kiln {
namespace {

class EnergyRules {
 public:
  EnergyRules(const Plan& plan, const Recipe& recipe, bool with_inventory)
      : plan_(plan), recipe_(recipe), with_inventory_(with_inventory) {}

  std::vector<PlanProblem> run() {
    for (const auto& monitor : plan_.monitors) {
      if (monitor.step->describe().leak_watch) watched_.insert(monitor.duts.begin(), monitor.duts.end());
    }
    for (const auto& phase : plan_.phases) {
      for (const auto& step : phase.setup) check(step);
      for (const auto& step : phase.steps) check(step);
      for (const auto& step : phase.teardown) check(step);
    }
    for (const auto& step : plan_.teardown) check(step);
    if (energises_) check_rates();
    for (const auto& interlock : recipe_.interlocks) {
      if (interlock.cause == "leak" && with_inventory_ && watched_.empty()) {
        problem(interlock.place, "plan.no_leak_watch",
                "the recipe asks for a leak interlock, but no monitor watches leak detectors");
      }
    }
    return std::move(problems_);
  }

 private:
  void problem(const Place& place, std::string code, std::string message) {
    problems_.push_back({place.text(), std::move(code), std::move(message)});
  }

  void check_rates() {
    for (const auto& monitor : plan_.monitors) {
      if (!monitor.step->describe().leak_watch || monitor.spec.every <= kSlowestLeakPoll) continue;
      problem(monitor.spec.place, "plan.leak_watch_slow",
              fmt::format(
                  "the leak watch '{}' reads every {}; where something is energised it must be {} or less",
                  monitor.spec.name, format_duration(monitor.spec.every), format_duration(kSlowestLeakPoll)));
    }
  }

  void check(const PlannedStep& step) {
    if (step.step->describe().proves_cooling) proven_.insert(step.duts.begin(), step.duts.end());
    const auto energy = step.step->describe().energises;
    if (!energy || *energy == Energy::host_stress) return;
    energises_ = true;
    for (const auto& id : step.duts) {
      const Dut& member = *plan_.find_dut(id);
      const std::optional<std::string> blind =
          with_inventory_ ? why_blind(plan_.inventory, member) : std::nullopt;
      if (blind && blind_.insert(id).second)
        problem(step.spec.place, "permit.no_leak_detectors", fmt::format("{}; {}", *blind, kHowToSee));
      check_member(step, member, nullptr, *energy);
      for (const Dut* cdu : cdus_of(plan_.inventory, member)) check_member(step, member, cdu, *energy);
    }
  }

  /// `cdu`: looks at this one for the sake of `member`; nullptr: at the member itself.
  void check_member(const PlannedStep& step, const Dut& member, const Dut* cdu, Energy energy) {
    const Dut& looked_at = cdu == nullptr ? member : *cdu;
    const std::string who =
        cdu == nullptr ? member.id : fmt::format("{}, which is fed by {}", member.id, cdu->id);
    const bool unwatched = has_leak_detectors(looked_at) && !watched_.contains(looked_at.id);
    const bool unproven =
        energy == Energy::load && is_liquid_cooled(looked_at) && !proven_.contains(looked_at.id);
    if (!unwatched && !unproven) return;
    const bool selected = std::find(plan_.duts.begin(), plan_.duts.end(), looked_at.id) != plan_.duts.end();
    // Once per CDU and step, not once per tray; once per CDU that was left out.
    if (cdu != nullptr && !said_.emplace(selected ? step.path : "", cdu->id).second) return;
    if (!selected) {
      problem(step.spec.place, "plan.no_leak_watch",
              fmt::format(
                  "step '{}' energises {}, but {} is not selected, so nobody would watch it; select it too: "
                  "--dut …,{}",
                  step.path, who, looked_at.id, looked_at.id));
      return;
    }
    if (unwatched) {
      problem(
          step.spec.place, "plan.no_leak_watch",
          fmt::format("step '{}' energises {}, but no monitor watches the leak detectors of {}; add it to a "
                      "leak watch under 'monitors'",
                      step.path, who, looked_at.id));
    }
    if (unproven) {
      problem(step.spec.place, "plan.cooling_not_proven",
              fmt::format("step '{}' puts load on {}, but no step before it proves the cooling of {}; add a "
                          "cooling phase first (shared/bring-up has one)",
                          step.path, who, looked_at.id));
    }
  }

  const Plan& plan_;
  const Recipe& recipe_;
  bool with_inventory_;
  bool energises_ = false;
  std::set<std::string> watched_;
  std::set<std::string> blind_;   ///< said already
  std::set<std::string> proven_;  ///< so far, in the recipe's order: later proof is none for what comes first
  std::set<std::pair<std::string, std::string>> said_;
  std::vector<PlanProblem> problems_;
};

}  // namespace

bool has_leak_detectors(const Dut& dut) { return !dut.expect.of_kind(ComponentKind::leak_detector).empty(); }
bool is_liquid_cooled(const Dut& dut) {
  return !dut.expect.of_kind(ComponentKind::coolant_connector).empty();
}

std::optional<std::string> why_blind(const Inventory& inventory, const Dut& dut) {
  const bool may_hold_coolant =
      dut.role == Role::compute_tray || dut.role == Role::switch_tray || is_liquid_cooled(dut);
  const auto cooling = dut.labels.find("cooling");
  const bool by_air = cooling != dut.labels.end() && cooling->second == "air";
  if (inventory.simulated || has_leak_detectors(dut) || !may_hold_coolant ||
      (by_air && !is_liquid_cooled(dut)))
    return std::nullopt;
  return fmt::format("nobody would see a leak of {}: the rack file expects {}no leak detectors of it", dut.id,
                     is_liquid_cooled(dut) ? "coolant connectors of it, and " : "");
}

std::vector<const Dut*> cdus_of(const Inventory& inventory, const Dut& dut) {
  std::vector<const Dut*> cdus;
  if (!has_leak_detectors(dut) && !is_liquid_cooled(dut)) return cdus;
  for (const Dut& other : inventory.duts) {
    if (other.role == Role::cdu && other.id != dut.id) cdus.push_back(&other);
  }
  return cdus;
}

std::vector<PlanProblem> energy_problems(const Plan& plan, const Recipe& recipe, bool with_inventory) {
  return EnergyRules(plan, recipe, with_inventory).run();
}

}  // namespace kiln
