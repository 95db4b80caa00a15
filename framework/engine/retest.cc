#include "engine/retest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "engine/energy_rules.h"

namespace kiln {
namespace {

constexpr std::string_view kMonitorPath = "monitor/";

bool is_monitor(const std::string& path) { return path.starts_with(kMonitorPath); }

bool takes_part(const PlannedStep& step, const std::string& dut) {
  return std::find(step.duts.begin(), step.duts.end(), dut) != step.duts.end();
}

/// The DUT itself carries load, not only its host's processors.
bool loads(const PlannedStep& step) {
  const auto energy = step.step->describe().energises;
  return energy && (*energy == Energy::load || *energy == Energy::host_stress);
}

/// What is wanted grows by what it needs, until nothing more is needed.
class RetestMaker {
 public:
  RetestMaker(const Plan& plan, const std::set<StepOfDut>& wanted) : plan_(plan) {
    for (const PlannedPhase& phase : plan.phases) phases_[phase.spec.name] = &phase;
    for (const CellPlanned& planned : plan.cells) checks_.emplace(planned.cell.dut, planned.cell.step);
    for (const auto& [dut, path] : wanted) {
      if (!is_monitor(path)) want(dut, path);
      if (is_monitor(path)) want_load(dut);
    }
  }

  /// All steps of phases (not of teardowns) that are done, by DUT.
  std::set<StepOfDut> make() {
    for (std::size_t before = 0; before != chosen_.size() + left_in_.size();) {
      before = chosen_.size() + left_in_.size();
      add_what_steps_need();
      add_what_serves();
    }
    return chosen_;
  }
  /// Phases that are walked, also where nothing of them is done on a DUT.
  [[nodiscard]] const std::set<std::string>& phases() const { return left_in_; }
  [[nodiscard]] bool knows(const StepOfDut& step) const { return chosen_.contains(step); }

 private:
  template <class Visit>
  void each_step(const Visit& visit) const {
    for (const PlannedPhase& phase : plan_.phases) {
      for (const auto* steps : {&phase.setup, &phase.steps}) {
        for (const PlannedStep& step : *steps) visit(phase, step);
      }
    }
  }
  void choose(const PlannedStep& step, const std::string& dut) {
    if (step.rack_scope) {
      chosen_.emplace(plan_.rack.id, step.path);
    } else if (step.spec.quorum > 0) {
      // Alone they prove nothing.
      for (const std::string& member : step.duts) chosen_.emplace(member, step.path);
    } else if (takes_part(step, dut)) {
      chosen_.emplace(dut, step.path);
    }
  }
  void want(const std::string& dut, const std::string& path) {
    each_step([&](const PlannedPhase&, const PlannedStep& step) {
      if (step.path == path && (step.rack_scope || takes_part(step, dut))) choose(step, dut);
    });
  }
  /// A monitor watches what the DUT does under load; without one it would watch nothing.
  void want_load(const std::string& dut) {
    each_step([&](const PlannedPhase&, const PlannedStep& step) {
      if (!loads(step)) return;
      if (dut != plan_.rack.id && takes_part(step, dut)) choose(step, dut);
      if (dut != plan_.rack.id) return;
      for (const std::string& member : step.duts) choose(step, member);
    });
  }
  [[nodiscard]] std::set<std::string> closure(const std::string& phase) const {
    std::set<std::string> found;
    std::vector<std::string> open{phase};
    while (!open.empty()) {
      const std::string one = open.back();
      open.pop_back();
      const auto at = phases_.find(one);
      if (at == phases_.end() || !found.insert(one).second) continue;
      for (const std::string& need : at->second->spec.needs) open.push_back(need);
    }
    found.erase(phase);
    return found;
  }
  /// All of the phases that this one needs, on the DUT.
  void choose_needed(const PlannedPhase& phase, const std::string& dut) {
    left_in_.insert(phase.spec.name);
    for (const std::string& name : closure(phase.spec.name)) {
      left_in_.insert(name);
      const PlannedPhase& needed = *phases_.at(name);
      for (const auto* steps : {&needed.setup, &needed.steps}) {
        for (const PlannedStep& step : *steps) {
          if (step.rack_scope || takes_part(step, dut)) choose(step, dut);
        }
      }
    }
    for (const PlannedStep& step : phase.setup) choose(step, dut);
  }
  void choose_before(const PlannedPhase& phase, const PlannedStep& wanted, const std::string& dut) {
    for (const PlannedStep& step : phase.steps) {
      if (step.path == wanted.path) return;
      const bool is_check = checks_.contains({dut, step.path});
      if (!step.rack_scope && !is_check) choose(step, dut);
    }
  }
  void add_what_steps_need() {
    std::map<std::string, const PlannedStep*> loaded;  // by DUT: the last step that loads it
    std::set<std::string> energised;
    each_step([&](const PlannedPhase& phase, const PlannedStep& step) {
      for (const std::string& dut : step.duts) {
        const bool mine = chosen_.contains({step.rack_scope ? plan_.rack.id : dut, step.path});
        if (!mine) continue;
        choose_needed(phase, dut);
        choose_before(phase, step, dut);
        if (loads(step)) loaded[dut] = &step;
        const auto energy = step.step->describe().energises;
        if (energy && *energy != Energy::host_stress) energised.insert(dut);
      }
      if (step.rack_scope && chosen_.contains({plan_.rack.id, step.path})) left_in_.insert(phase.spec.name);
    });
    for (const auto& [dut, last] : loaded) choose_before_load(dut, *last);
    for (const std::string& dut : energised) {
      choose_logs(dut);
      choose_own_load(dut);
    }
  }
  void choose_before_load(const std::string& dut, const PlannedStep& last) {
    bool over = false;
    each_step([&, &dut = dut](const PlannedPhase&, const PlannedStep& step) {
      over = over || step.path == last.path;
      const StepDescription& about = step.step->describe();
      const bool is_power = about.energises && *about.energises == Energy::power;
      if (!over && !step.rack_scope && (about.proves_cooling || is_power)) choose(step, dut);
    });
  }
  /// What watches a DUT that is on, alone or with its rack, expects it under its own load.
  void choose_own_load(const std::string& dut) {
    each_step([&](const PlannedPhase&, const PlannedStep& step) {
      if (!step.rack_scope && loads(step) && takes_part(step, dut)) choose(step, dut);
    });
  }
  void choose_logs(const std::string& dut) {
    each_step([&](const PlannedPhase&, const PlannedStep& step) {
      const StepDescription& about = step.step->describe();
      const bool looks = about.looks_back || !about.judged_by.empty();
      if (looks && !step.rack_scope) choose(step, dut);
    });
  }
  void add_what_serves() {
    std::set<std::string> phases;
    bool any = false;
    for (const auto& [dut, path] : chosen_) {
      const Dut* item = plan_.find_dut(dut);
      any = any || (item != nullptr && item->role != Role::cdu && item->role != Role::power_shelf);
    }
    if (!any) return;
    for (const std::string& name : left_in_) {
      for (const std::string& needed : closure(name)) phases.insert(needed);
    }
    for (const std::string& id : plan_.duts) {
      if (!serves_the_rack(plan_.find_dut(id)->role)) continue;
      for (const std::string& name : phases) {
        for (const auto* steps : {&phases_.at(name)->setup, &phases_.at(name)->steps}) {
          for (const PlannedStep& step : *steps) {
            if (!step.rack_scope && takes_part(step, id)) choose(step, id);
          }
        }
      }
    }
  }

  const Plan& plan_;
  std::map<std::string, const PlannedPhase*> phases_;
  std::set<StepOfDut> checks_;  // steps with required checks
  std::set<StepOfDut> chosen_;
  std::set<std::string> left_in_;
};

/// DUTs that something of the plan loads, or, without `only_load`, switches on.
std::set<std::string> energised_in(const Plan& plan, bool only_load) {
  std::set<std::string> duts;
  for (const PlannedPhase& phase : plan.phases) {
    for (const auto* steps : {&phase.setup, &phase.steps}) {
      for (const PlannedStep& step : *steps) {
        const bool counts = only_load ? loads(step) : step.step->describe().energises.has_value();
        if (counts) duts.insert(step.duts.begin(), step.duts.end());
      }
    }
  }
  return duts;
}

/// A leak watch stays wherever something is done. Other monitors watch what load does: where the whole recipe
/// energises a DUT, and this does not load it, they would find nobody at home, or links to trays that are
/// off.
void narrow_monitors(Plan& plan, const std::set<std::string>& kept, const std::set<StepOfDut>& wanted,
                     const std::set<std::string>& energised_before) {
  const std::set<std::string> loaded = energised_in(plan, true);
  for (PlannedMonitor& monitor : plan.monitors) {
    std::erase_if(monitor.duts, [&](const std::string& dut) {
      if (dut == plan.rack.id) return false;
      const bool idle = energised_before.contains(dut) && !loaded.contains(dut);
      const bool stays = monitor.step->describe().leak_watch || wanted.contains({dut, monitor.path}) || !idle;
      return !kept.contains(dut) || !stays;
    });
  }
  std::erase_if(plan.monitors, [](const PlannedMonitor& monitor) { return monitor.duts.empty(); });
}

/// Only what was chosen, on the DUTs that something was chosen of.
void narrow(Plan& plan, const std::set<StepOfDut>& chosen, const std::set<StepOfDut>& wanted,
            const std::set<std::string>& phases) {
  const std::string rack = plan.rack.id;
  const std::set<std::string> energised_before = energised_in(plan, false);
  std::set<std::string> kept;
  const auto only_chosen = [&](std::vector<PlannedStep>& steps) {
    std::erase_if(steps, [&](PlannedStep& step) {
      if (step.rack_scope) {
        const bool stays = chosen.contains({rack, step.path});
        if (stays) kept.insert(step.duts.begin(), step.duts.end());
        return !stays;
      }
      std::erase_if(step.duts, [&](const std::string& dut) { return !chosen.contains({dut, step.path}); });
      kept.insert(step.duts.begin(), step.duts.end());
      return step.duts.empty();
    });
  };
  for (PlannedPhase& phase : plan.phases) {
    only_chosen(phase.setup);
    only_chosen(phase.steps);
  }
  const auto only_kept = [&](std::vector<std::string>& duts) {
    std::erase_if(duts, [&](const std::string& dut) { return !kept.contains(dut) && dut != rack; });
  };
  const auto teardown_of_kept = [&](std::vector<PlannedStep>& steps) {
    for (PlannedStep& step : steps) only_kept(step.duts);
    std::erase_if(steps, [](const PlannedStep& step) { return step.duts.empty(); });
  };
  for (PlannedPhase& phase : plan.phases) teardown_of_kept(phase.teardown);
  teardown_of_kept(plan.teardown);
  std::erase_if(plan.phases, [&](const PlannedPhase& phase) {
    return phase.setup.empty() && phase.steps.empty() && !phases.contains(phase.spec.name);
  });
  narrow_monitors(plan, kept, wanted, energised_before);
  only_kept(plan.duts);
  std::set<StepOfDut> watched;
  for (const PlannedMonitor& monitor : plan.monitors) {
    for (const std::string& dut : monitor.duts) watched.emplace(dut, monitor.path);
  }
  std::erase_if(plan.cells, [&](const CellPlanned& planned) {
    const Cell& cell = planned.cell;
    const bool stays = (is_monitor(cell.step) ? watched : chosen).contains({cell.dut, cell.step});
    return !stays;
  });
  plan.has_rack_cells = std::any_of(plan.cells.begin(), plan.cells.end(),
                                    [&](const CellPlanned& planned) { return planned.cell.dut == rack; });
}

/// "soak/load on C01, C02".
std::vector<std::string> step_lines(const std::set<StepOfDut>& steps, const Plan& plan) {
  std::map<std::string, std::vector<std::string>> duts;
  for (const auto& [dut, path] : steps) duts[path].push_back(dut);
  std::vector<std::string> lines;
  for (const PlannedPhase& phase : plan.phases) {
    for (const auto* of_phase : {&phase.setup, &phase.steps}) {
      for (const PlannedStep& step : *of_phase) {
        const auto found = duts.find(step.path);
        if (found != duts.end())
          lines.push_back(fmt::format("    {:<32} on {}", step.path, fmt::join(found->second, ", ")));
      }
    }
  }
  for (const PlannedMonitor& monitor : plan.monitors) {
    const auto found = duts.find(monitor.path);
    if (found != duts.end())
      lines.push_back(fmt::format("    {:<32} on {}", monitor.path, fmt::join(found->second, ", ")));
  }
  return lines;
}

}  // namespace

UnfinishedWork unfinished_work(const RunVerdict& verdict, const std::vector<Event>& record) {
  UnfinishedWork work;
  work.required = verdict.counts.required;
  std::string rack = "rack";
  // What is a cell is told by its state: a fail that was waived is none any more.
  std::set<std::tuple<std::string, std::string, std::string, std::string>> cells;
  for (const DutVerdict& dut : verdict.duts) {
    for (const CellVerdict& one : dut.cells)
      cells.emplace(dut.id, one.cell.step, one.cell.measurement, one.cell.part);
  }
  std::map<StepOfDut, std::pair<std::pair<int, int>, const StepEnded*>> last;
  for (const Event& event : record) {
    if (const auto* begun = std::get_if<RunBegun>(&event.body); begun != nullptr && !begun->rack.empty())
      rack = begun->rack;
    const std::string dut = event.dut.empty() ? rack : event.dut;
    if (const auto* measured = std::get_if<Measured>(&event.body);
        measured != nullptr && measured->outcome == Outcome::fail &&
        !cells.contains({dut, event.step, measured->name, measured->part}))
      work.steps.emplace(dut, event.step);
    if (const auto* ended = std::get_if<StepEnded>(&event.body); ended != nullptr && !ended->teardown) {
      auto& kept = last[{dut, event.step}];
      const std::pair<int, int> attempt{event.iteration, event.attempt};
      if (kept.second == nullptr || attempt >= kept.first) kept = {attempt, ended};
    }
  }
  for (const auto& [step, ended] : last) {
    if (ended.second->status != WorkStatus::complete) work.steps.insert(step);
  }
  for (const DutVerdict& dut : verdict.duts) {
    const bool known = std::any_of(work.steps.begin(), work.steps.end(),
                                   [&dut](const StepOfDut& step) { return step.first == dut.id; });
    bool any = known;
    for (const CellVerdict& cell : dut.cells) {
      if (cell.state == CellState::failed) ++work.failed;
      if (cell.state == CellState::not_run) ++work.not_run;
      const bool open = cell.state == CellState::failed || cell.state == CellState::not_run;
      if (open) work.steps.emplace(cell.cell.dut.empty() ? rack : cell.cell.dut, cell.cell.step);
      any = any || open;
    }
    if (any || dut.decision < Decision::incomplete || dut.reasons.empty()) continue;
    work.beyond_steps.push_back(
        fmt::format("{}: {} {}", dut.id, dut.reasons.front().code, dut.reasons.front().message));
  }
  return work;
}

Result<Retest> plan_retest(Plan plan, const UnfinishedWork& work) {
  RetestMaker maker(plan, work.steps);
  std::vector<std::string> gone;
  for (const StepOfDut& step : work.steps) {
    const bool watches = is_monitor(step.second);
    const bool known =
        watches ? std::any_of(plan.monitors.begin(), plan.monitors.end(),
                              [&step](const PlannedMonitor& monitor) { return monitor.path == step.second; })
                : maker.knows(step);
    if (!known) gone.push_back(fmt::format("{} on {}", step.second, step.first));
  }
  if (!gone.empty())
    return Error("rerun.step_gone",
                 fmt::format("the recipe on this rack no longer has {}", fmt::join(gone, ", ")),
                 "run it anew, as a whole", Blame::operator_);
  Retest retest;
  const std::set<StepOfDut> chosen = maker.make();
  for (const StepOfDut& step : chosen)
    (work.steps.contains(step) ? retest.wanted : retest.needed).insert(step);
  for (const StepOfDut& step : work.steps) {
    if (is_monitor(step.second)) retest.wanted.insert(step);
  }
  const Recipe recipe = plan.recipe;
  narrow(plan, chosen, work.steps, maker.phases());
  if (plan.cells.empty())
    return Error("rerun.nothing_required",
                 "nothing of what failed is a required check: there is nothing to decide",
                 "run it anew, as a whole", Blame::operator_);
  const std::vector<PlanProblem> problems = energy_problems(plan, recipe, true);
  if (!problems.empty())
    return Error("rerun.not_safe",
                 fmt::format("what would be left of the recipe could not be run safely: {} [{}]",
                             problems.front().message, problems.front().code),
                 "run it anew, as a whole", Blame::operator_);
  retest.plan = std::move(plan);
  return retest;
}

std::string explain(const Retest& retest, const UnfinishedWork& work, const std::string& run) {
  std::string text = fmt::format("{}: {} of {} required checks failed, {} were not run\n  done again:\n", run,
                                 work.failed, work.required, work.not_run);
  for (const std::string& line : step_lines(retest.wanted, retest.plan)) text += line + "\n";
  const std::vector<std::string> needed = step_lines(retest.needed, retest.plan);
  if (!needed.empty()) text += "  and for that:\n";
  for (const std::string& line : needed) text += line + "\n";
  return text + fmt::format("  {} required checks in all; what is not among them is not judged\n",
                            retest.plan.cells.size());
}

}  // namespace kiln
