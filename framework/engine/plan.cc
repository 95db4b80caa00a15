#include "engine/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>

#include "base/nearest.h"
#include "engine/can_be_asked.h"
#include "engine/eligibility.h"
#include "engine/energy_rules.h"
#include "engine/evidence_rules.h"
#include "engine/resume.h"

namespace kiln {
namespace {

/// The state of one planning: the request, the plan being built, and what is wrong so far.
class Planner {
 public:
  explicit Planner(const PlanRequest& request) : request_(request) {}

  PlanResult run();

 private:
  void problem(const Place& place, std::string code, std::string message) {
    problems_.push_back({place.text(), std::move(code), std::move(message)});
  }
  void select_duts();
  void check_requirements();
  void check_served();
  void plan_phases();
  void plan_monitors();
  void check_energy();
  void check_evidence();
  void check_sign_off();
  std::optional<PlannedStep> plan_step(const StepSpec& spec, const std::string& phase);
  Step* find_step(const std::string& use, const Place& place);
  std::optional<Parameters> bind(Step& step, const ParameterMap& with, const Place& place);
  std::vector<MeasurementDeclaration> declarations(const StepSpec& spec, const Step& step);
  std::vector<std::string> matching(const Selector& selector, const Place& place, const std::string& what);
  std::vector<std::string> able(std::vector<std::string> duts, const Step& step, const std::string& path,
                                const Place& place);
  void add_cells(const std::string& path, const Step& step, const Parameters& with,
                 const std::vector<MeasurementDeclaration>& measurements,
                 const std::vector<std::string>& duts, bool rack_scope, const Place& place);
  void check_limits_exist(const std::string& path, const std::vector<MeasurementDeclaration>& measurements,
                          const Place& place);
  void check_some_row(const std::string& path, const std::string& id, const std::string& measurement,
                      const std::string& part, const Place& place);
  template <class Ask>
  bool ask_plugin(const std::string& use, const Place& place, const Ask& ask);
  [[nodiscard]] const Dut& dut(const std::string& id) const { return *plan_.find_dut(id); }

  const PlanRequest& request_;
  Plan plan_;
  std::vector<PlanProblem> problems_;
  std::nullopt_t dropped() {
    dropped_ = true;
    return std::nullopt;
  }
  bool dropped_ = false;  ///< something of the recipe could not be planned; the problems say what
  std::set<std::string> step_paths_;
  std::set<Cell> cells_seen_;
};

/// A plugin that throws while it is asked is a problem of the line that uses it and of nothing else.
template <class Ask>
bool Planner::ask_plugin(const std::string& use, const Place& place, const Ask& ask) {
  std::string thrown = "an exception of unknown type";
  try {
    ask();
    return true;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): `thrown` already says all that is known
  }
  problem(place, "plugin.threw",
          fmt::format("the plugin of step '{}' threw when it was asked about this line: {}; report this to "
                      "the plugin's author",
                      use, thrown));
  return false;
}

bool dut_matches_filter(const Dut& dut, const std::vector<std::string>& filter) {
  if (filter.empty()) return true;
  return std::any_of(filter.begin(), filter.end(), [&](const std::string& word) {
    return word == dut.id || word == to_string(dut.role) || word == "all";
  });
}

void Planner::select_duts() {
  plan_.rack.role = Role::rack;
  if (request_.inventory == nullptr) return;
  plan_.inventory = *request_.inventory;
  plan_.rack.id = plan_.inventory.rack;
  std::vector<std::string> known;
  for (const auto& dut : plan_.inventory.duts) {
    known.push_back(dut.id);
    known.emplace_back(to_string(dut.role));
    if (dut_matches_filter(dut, request_.dut_filter)) plan_.duts.push_back(dut.id);
  }
  for (const auto& word : request_.dut_filter) {
    if (word != "all" && std::find(known.begin(), known.end(), word) == known.end()) {
      problem({plan_.inventory.file, 0, 0}, "plan.unknown_dut",
              fmt::format("there is no DUT or role '{}' in this rack{}", word, did_you_mean(word, known)));
    }
  }
  if (plan_.duts.empty()) {
    problem({plan_.inventory.file, 0, 0}, "plan.no_duts", "no DUT is selected, so there is nothing to run");
  }
}

void Planner::check_requirements() {
  const Recipe& recipe = *request_.recipe;
  std::set<std::string> present;
  for (const auto& plugin : request_.catalog->plugins()) present.insert(plugin.name);
  for (const auto& name : recipe.required_plugins) {
    if (!present.contains(name)) {
      problem({recipe.file, 0, 0}, "plan.missing_plugin",
              fmt::format("the recipe needs the plugin '{}', which is not loaded{}", name,
                          did_you_mean(name, {present.begin(), present.end()})));
    }
  }
  if (request_.inventory == nullptr) return;
  if (!request_.dut_filter.empty()) {
    check_served();
    return;
  }
  for (const auto& [role, count] : recipe.required_roles) {
    const auto found = std::count_if(plan_.inventory.duts.begin(), plan_.inventory.duts.end(),
                                     [role = role](const Dut& dut) { return dut.role == role; });
    if (found != count) {
      problem({plan_.inventory.file, 0, 0}, "plan.roles",
              fmt::format("the recipe needs {} × {}, the rack file has {}", count, to_string(role), found));
    }
  }
}

/// A part of the rack may be tested alone, but not without what it depends on: links to a dark switch tray
/// would read as bad ones of a good tray.
void Planner::check_served() {
  const auto role_of = [this](const std::string& id) { return dut(id).role; };
  const bool any_served = std::any_of(plan_.duts.begin(), plan_.duts.end(),
                                      [&](const std::string& id) { return !serves_the_rack(role_of(id)); });
  if (!any_served) return;
  for (const auto& [role, count] : request_.recipe->required_roles) {
    if (!serves_the_rack(role)) continue;
    std::vector<std::string> left_out;
    for (const auto& member : plan_.inventory.duts) {
      const bool selected = std::find(plan_.duts.begin(), plan_.duts.end(), member.id) != plan_.duts.end();
      if (member.role == role && !selected) left_out.push_back(member.id);
    }
    const auto selected =
        std::count_if(plan_.duts.begin(), plan_.duts.end(),
                      [&, role = role](const std::string& id) { return role_of(id) == role; });
    if (selected >= count) continue;
    std::string cure = ", and the rack file has no more of them";
    if (!left_out.empty()) {
      cure = fmt::format("; select it too: --dut {},{}", fmt::join(request_.dut_filter, ","),
                         fmt::join(left_out, ","));
    }
    problem({plan_.inventory.file, 0, 0}, "plan.roles",
            fmt::format(
                "what is selected depends on {} × {} (the recipe's 'requires'), of which {} {} selected{}",
                count, to_string(role), selected, selected == 1 ? "is" : "are", cure));
  }
}

Step* Planner::find_step(const std::string& use, const Place& place) {
  Step* step = request_.catalog->find(use);
  if (step == nullptr) {
    problem(place, "plan.unknown_step",
            fmt::format("no loaded plugin offers the step '{}'{}", use,
                        did_you_mean(use, request_.catalog->uses())));
    return nullptr;
  }
  const PluginFacts* plugin = request_.catalog->plugin_of(use);
  if (plugin != nullptr) plan_.plugins[plugin->name] = plugin->version;
  return step;
}

std::optional<Parameters> Planner::bind(Step& step, const ParameterMap& with, const Place& place) {
  std::vector<ParameterProblem> found;
  auto bound = Parameters::bind(step.describe(), with, &found);
  for (auto& item : found)
    problem(item.place.file.empty() ? place : item.place, "plan.parameters", std::move(item.message));
  if (!bound) return std::nullopt;
  Status checked = success();
  if (!ask_plugin(step.describe().use, place, [&] { checked = step.check(*bound); })) return std::nullopt;
  if (!checked) {
    problem(place, checked.error().code, checked.error().sentence());
    return std::nullopt;
  }
  return std::move(*bound);
}

std::vector<MeasurementDeclaration> Planner::declarations(const StepSpec& spec, const Step& step) {
  const StepDescription& description = step.describe();
  auto measurements = description.measurements;
  if (!description.recipe_declares_measurements) {
    if (!spec.requires_measurements.empty()) {
      problem(spec.place, "plan.requires_not_allowed",
              fmt::format("step '{}' declares its own measurements; remove 'requires'", spec.use));
    }
    return measurements;
  }
  for (const auto& name : spec.requires_measurements) {
    const bool known =
        std::any_of(measurements.begin(), measurements.end(),
                    [&](const MeasurementDeclaration& declared) { return declared.name == name; });
    if (known) continue;
    MeasurementDeclaration declared;
    declared.name = name;
    if (request_.limits != nullptr) {
      const auto& rows =
          request_.limits->rows;  // all of one name are in one unit, or check_limits_exist says so
      const auto row =
          std::find_if(rows.begin(), rows.end(), [&](const Limit& one) { return one.name == name; });
      if (row != rows.end()) declared.unit = row->unit;
    }
    declared.fault_code = name;
    declared.summary = "required by the recipe";
    measurements.push_back(std::move(declared));
  }
  // What such a step declares as informational is judged when the recipe asks for it.
  for (auto& declared : measurements) {
    const auto& wanted = spec.requires_measurements;
    declared.judged =
        declared.judged || std::find(wanted.begin(), wanted.end(), declared.name) != wanted.end();
  }
  return measurements;
}

std::vector<std::string> Planner::matching(const Selector& selector, const Place& place,
                                           const std::string& what) {
  std::vector<std::string> ids;
  if (request_.inventory == nullptr) return ids;
  std::vector<std::string> known;
  for (const auto& dut : plan_.inventory.duts) known.push_back(dut.id);
  for (const auto& id : selector.ids) {
    if (plan_.inventory.find(id) == nullptr) {
      problem(place, "plan.unknown_dut",
              fmt::format("{} selects the DUT '{}', which the rack file does not have{}", what, id,
                          did_you_mean(id, known)));
    }
  }
  bool matched_any = false;
  for (const auto& dut : plan_.inventory.duts) {
    if (!selector.matches(dut)) continue;
    matched_any = true;
    if (std::find(plan_.duts.begin(), plan_.duts.end(), dut.id) != plan_.duts.end()) ids.push_back(dut.id);
  }
  if (!matched_any) {
    problem(place, "plan.selects_nothing", fmt::format("{} selects no DUT of this rack", what));
  }
  return ids;
}

/// What a DUT is read by may have no word for what a step asks (a CDU without logs): it is passed over, and
/// the plan says so. A step for nobody but such is a mistake of the recipe.
std::vector<std::string> Planner::able(std::vector<std::string> duts, const Step& step,
                                       const std::string& path, const Place& place) {
  const auto first = std::stable_partition(duts.begin(), duts.end(), [&](const std::string& id) {
    return can_be_asked(dut(id), step.describe());
  });
  if (first == duts.end()) return duts;
  std::vector<std::string>& over = plan_.passed_over[path];
  over.assign(first, duts.end());
  duts.erase(first, duts.end());
  if (duts.empty()) {
    problem(place, "plan.not_offered",
            fmt::format("'{}' selects nobody but {}, which cannot tell what {} asks: what it is read by has "
                        "no word for it; leave the step out",
                        path, fmt::join(over, ", "), step.describe().use));
  }
  return duts;
}

void Planner::check_limits_exist(const std::string& path,
                                 const std::vector<MeasurementDeclaration>& measurements,
                                 const Place& place) {
  if (request_.recipe->purpose == Purpose::survey) return;
  for (const auto& declared : measurements) {
    if (!declared.judged) continue;
    if (request_.limits == nullptr) {
      problem(place, "plan.no_limits",
              fmt::format("step '{}' judges '{}', but no limits table was found for the product '{}'", path,
                          declared.name, request_.recipe->product));
      return;
    }
    bool found = false;
    for (const auto& row : request_.limits->rows) {
      if (row.name != declared.name) continue;
      found = true;
      if (row.unit != declared.unit) {
        problem(row.place, "plan.limit_unit",
                fmt::format("the limit of '{}' is in '{}', the step '{}' measures in '{}'", row.name,
                            row.unit, path, declared.unit));
      }
    }
    if (!found) {
      std::vector<std::string> names;
      for (const auto& row : request_.limits->rows) names.push_back(row.name);
      problem(place, "plan.no_limit",
              fmt::format("step '{}' judges '{}', but {} has no row for it{}", path, declared.name,
                          request_.limits->file, did_you_mean(declared.name, names)));
    }
  }
}

/// Rows of other parts and roles only would leave this one unjudged, and nothing would show it.
void Planner::check_some_row(const std::string& path, const std::string& id, const std::string& measurement,
                             const std::string& part, const Place& place) {
  const auto& rows = request_.limits->rows;
  const bool any =
      std::any_of(rows.begin(), rows.end(), [&](const Limit& row) { return row.name == measurement; });
  if (!any) return;  // said once for all parts
  problem(
      place, "plan.no_limit",
      fmt::format("step '{}' judges '{}', but none of its rows in {} is for {}{}{}; add one for this role or "
                  "part, or one without when_role and when_part",
                  path, measurement, request_.limits->file, id, part.empty() ? "" : " ", part));
}

void Planner::add_cells(const std::string& path, const Step& step, const Parameters& with,
                        const std::vector<MeasurementDeclaration>& measurements,
                        const std::vector<std::string>& duts, bool rack_scope, const Place& place) {
  check_limits_exist(path, measurements, place);
  if (request_.recipe->purpose == Purpose::survey || request_.limits == nullptr ||
      request_.inventory == nullptr)
    return;
  std::vector<std::string> bearers = duts;
  if (rack_scope) bearers = {plan_.rack.id};
  for (const auto& declared : measurements) {
    if (!declared.judged) continue;
    for (const auto& id : bearers) {
      std::vector<std::string> parts;
      if (rack_scope && declared.per == ComponentKind::whole_dut) {
        parts = {std::string{}};
      } else if (rack_scope) {
        // A rack step's parts are DUT-qualified: the rack itself has no components.
        for (const auto& member : duts) {
          for (const auto& part : step.parts(declared, with, dut(member)))
            parts.push_back(member + "/" + part);
        }
      } else {
        parts = step.parts(declared, with, dut(id));
      }
      for (const auto& part : parts) {
        const Role role = rack_scope ? plan_.rack.role : dut(id).role;
        const Limit* row = request_.limits->find(declared.name, part, role);
        if (row == nullptr) check_some_row(path, id, declared.name, part, place);
        if (row == nullptr || !row->required) continue;
        CellPlanned planned;
        planned.cell = {path, id, declared.name, declared.per, part};
        planned.limit_text = row->text();
        planned.unit = row->unit;
        if (!cells_seen_.insert(planned.cell).second) continue;
        if (rack_scope) plan_.has_rack_cells = true;
        plan_.cells.push_back(std::move(planned));
      }
    }
  }
}

std::optional<PlannedStep> Planner::plan_step(const StepSpec& spec, const std::string& phase) {
  PlannedStep planned;
  planned.spec = spec;
  planned.path = phase + "/" + spec.name;
  if (!step_paths_.insert(planned.path).second) {
    problem(spec.place, "plan.duplicate_step", fmt::format("there are two steps named '{}'", planned.path));
  }
  planned.step = find_step(spec.use, spec.place);
  planned.rack_scope = spec.duts.is_rack_scope();
  if (planned.step == nullptr) return dropped();
  const StepDescription& description = planned.step->describe();
  if (planned.rack_scope != description.rack_scope) {
    problem(spec.place, "plan.scope",
            fmt::format("step '{}' runs {}; write 'duts: {}'", spec.use,
                        description.rack_scope ? "once for the rack" : "on each DUT",
                        description.rack_scope ? "{role: rack}" : "{role: …}"));
  }
  if (description.monitor) {
    problem(spec.place, "plan.monitor", fmt::format("'{}' is a monitor; list it under 'monitors'", spec.use));
  }
  if (const ResumePolicy least = least_resume_policy(description);
      spec.on_resume && *spec.on_resume < least) {
    problem(
        spec.place, "plan.on_resume",
        fmt::format("step '{}' demands 'on_resume: {}' at least; a recipe may only ask for more than '{}'",
                    spec.use, to_string(least), to_string(*spec.on_resume)));
  }
  auto with = bind(*planned.step, spec.with, spec.place);
  if (!with) return dropped();
  planned.with = std::move(*with);
  planned.timeout = spec.timeout.value_or(description.default_timeout);
  planned.measurements = declarations(spec, *planned.step);
  if (planned.rack_scope) {
    planned.duts = plan_.duts;
  } else {
    planned.duts = matching(spec.duts, spec.duts.place.line > 0 ? spec.duts.place : spec.place,
                            fmt::format("step '{}'", planned.path));
    planned.duts = able(std::move(planned.duts), *planned.step, planned.path, spec.place);
  }
  const bool asked = ask_plugin(spec.use, spec.place, [&] {
    add_cells(planned.path, *planned.step, planned.with, planned.measurements, planned.duts,
              planned.rack_scope, spec.place);
  });
  if (!asked) return dropped();
  return planned;
}

void Planner::plan_phases() {
  std::set<std::string> earlier;
  std::vector<std::string> names;
  for (const auto& phase : request_.recipe->phases) names.push_back(phase.name);
  for (const auto& phase : request_.recipe->phases) {
    for (const auto& need : phase.needs) {
      if (earlier.contains(need)) continue;
      problem(phase.place, "plan.needs",
              fmt::format("phase '{}' needs '{}', which is not an earlier phase{}", phase.name, need,
                          did_you_mean(need, names)));
    }
    if (!earlier.insert(phase.name).second) {
      problem(phase.place, "plan.duplicate_phase",
              fmt::format("there are two phases named '{}'", phase.name));
    }
    PlannedPhase planned;
    planned.spec = phase;
    const auto add = [&](const std::vector<StepSpec>& from, std::vector<PlannedStep>& into) {
      for (const auto& spec : from) {
        auto step = plan_step(spec, phase.name);
        if (step) into.push_back(std::move(*step));
      }
    };
    add(phase.setup, planned.setup);
    add(phase.steps, planned.steps);
    add(phase.teardown, planned.teardown);
    plan_.phases.push_back(std::move(planned));
  }
  for (const auto& spec : request_.recipe->teardown) {
    auto step = plan_step(spec, "teardown");
    if (step && step->rack_scope) {
      problem(spec.place, "plan.scope", "a recipe's teardown runs on DUTs, not on the rack");
    } else if (step) {
      plan_.teardown.push_back(std::move(*step));
    }
  }
  if (request_.recipe->phases.empty()) {
    problem({request_.recipe->file, 0, 0}, "plan.empty_recipe",
            "the recipe has no phases, so there is nothing to run");
  }
}

void Planner::plan_monitors() {
  for (const auto& spec : request_.recipe->monitors) {
    PlannedMonitor planned;
    planned.spec = spec;
    planned.path = "monitor/" + spec.name;
    if (!step_paths_.insert(planned.path).second) {
      problem(spec.place, "plan.duplicate_step", fmt::format("there are two monitors named '{}'", spec.name));
    }
    planned.step = find_step(spec.use, spec.place);
    if (planned.step == nullptr) dropped();
    if (planned.step == nullptr) continue;
    if (!planned.step->describe().monitor) {
      problem(spec.place, "plan.monitor",
              fmt::format("'{}' is not a monitor; use it as a step of a phase", spec.use));
      continue;
    }
    auto with = bind(*planned.step, spec.with, spec.place);
    if (!with) dropped();
    if (!with) continue;
    planned.with = std::move(*with);
    planned.measurements = planned.step->describe().measurements;
    planned.rack_scope = spec.duts.is_rack_scope();
    const bool for_rack = planned.step->describe().rack_scope;
    if (planned.rack_scope != for_rack) {
      problem(spec.place, "plan.scope",
              fmt::format("monitor '{}' runs {}; write 'duts: {}'", spec.use,
                          for_rack ? "once for the rack" : "on each DUT",
                          for_rack ? "{role: rack}" : "{role: …}"));
      continue;
    }
    planned.duts = planned.rack_scope
                       ? plan_.duts
                       : matching(spec.duts, spec.place, fmt::format("monitor '{}'", spec.name));
    if (!planned.rack_scope)
      planned.duts = able(std::move(planned.duts), *planned.step, planned.path, spec.place);
    const bool asked = ask_plugin(spec.use, spec.place, [&] {
      add_cells(planned.path, *planned.step, planned.with, planned.measurements, planned.duts,
                planned.rack_scope, spec.place);
    });
    if (!asked) continue;
    if (planned.rack_scope) planned.duts = {plan_.rack.id};
    plan_.monitors.push_back(std::move(planned));
  }
}

void Planner::check_energy() {
  const bool with_inventory = request_.inventory != nullptr;
  for (PlanProblem& found : energy_problems(plan_, *request_.recipe, with_inventory))
    problems_.push_back(std::move(found));
}

void Planner::check_evidence() {
  const bool with_inventory = request_.inventory != nullptr;
  for (PlanProblem& found : unjudged_problems(plan_, *request_.recipe, with_inventory))
    problems_.push_back(std::move(found));
}

void Planner::check_sign_off() {
  plan_.not_eligible_because = why_not_eligible(plan_, request_);
  plan_.instruments = instruments_used(plan_);
  if (request_.inventory == nullptr) return;
  for (PlanProblem& found : misnamed_instruments(*request_.inventory, *request_.catalog))
    problems_.push_back(std::move(found));
}

PlanResult Planner::run() {
  plan_.recipe = *request_.recipe;
  if (request_.limits != nullptr) plan_.limits = *request_.limits;
  if (request_.allowed_log_entries != nullptr) plan_.allowed_log_entries = *request_.allowed_log_entries;
  if (request_.inventory != nullptr && request_.limits != nullptr) {
    const bool virtual_limits = request_.limits->product.starts_with("virtual-");
    if (virtual_limits && !request_.inventory->simulated) {
      problem({request_.limits->file, 0, 0}, "plan.virtual_limits",
              "limits of a virtual product cannot judge a rack that is not marked 'simulated: true'");
    }
  }
  select_duts();
  check_requirements();
  plan_monitors();
  plan_phases();
  // A step that could not be planned may be just the one that watches or proves: first it must be put right.
  if (!dropped_) check_energy();
  if (!dropped_) check_evidence();
  check_sign_off();
  if (request_.inventory != nullptr && problems_.empty() && plan_.cells.empty() &&
      request_.recipe->purpose != Purpose::survey) {
    problem({request_.recipe->file, 0, 0}, "plan.nothing_required",
            "no required check applies to the selected DUTs: such a run could only end INCOMPLETE");
  }
  PlanResult result;
  result.problems = std::move(problems_);
  if (result.problems.empty() && request_.inventory != nullptr) result.plan = std::move(plan_);
  return result;
}

}  // namespace

const Dut* Plan::find_dut(const std::string& id) const { return id == rack.id ? &rack : inventory.find(id); }

PlanResult make_plan(const PlanRequest& request) { return Planner(request).run(); }

}  // namespace kiln
