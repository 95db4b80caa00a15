#include "station/run_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

#include "base/nearest.h"
#include "files/credentials.h"
#include "files/interlock_rules_file.h"
#include "files/inventory_file.h"
#include "files/limits_file.h"
#include "files/recipe_file.h"
#include "station/approvals.h"
#include "station/console.h"
#include "station/screen/printable.h"
#include "station/trusted_files.h"

namespace kiln {
namespace {

void take(std::vector<SetupProblem>& into, const std::vector<Problem>& from) {
  for (const auto& problem : from) {
    std::string message = problem.message;
    if (!problem.suggestion.empty()) message += "; " + problem.suggestion;
    into.push_back({problem.place.text(), problem.code, std::move(message)});
  }
}

void take(std::vector<SetupProblem>& into, const Error& error) {
  into.push_back({"", error.code, error.sentence()});
}

/// NAME=VALUE pairs of --set.
std::map<std::string, std::string> settings(const CommandLine& line, std::vector<SetupProblem>& problems) {
  std::map<std::string, std::string> values;
  for (const auto& text : line.settings) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      problems.push_back({"--set", "usage.setting", fmt::format("'{}' is not NAME=VALUE", text)});
      continue;
    }
    values[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return values;
}

/// A fragment was not found, or something is wrong in it.
bool lacks_a_fragment(const std::vector<Problem>& problems, const std::string& recipe_file) {
  return std::any_of(problems.begin(), problems.end(), [&recipe_file](const Problem& problem) {
    const bool elsewhere = problem.place.file != recipe_file && problem.place.file.ends_with(".yaml");
    return problem.code.starts_with("recipe.include") || elsewhere;
  });
}

void read_limits_for(RunSetup& setup, const Paths& paths) {
  std::string product = setup.recipe.product;
  if (setup.inventory && !setup.inventory->product.empty()) product = setup.inventory->product;
  const std::string file = find_limits(paths, setup.recipe.file, product);
  if (file.empty()) return;  // the planner says which measurement misses it
  Parsed<ProductLimits> limits = read_limits(file);
  take(setup.problems, limits.problems);
  if (limits) setup.limits = std::move(*limits.value);
}

void read_rules_for(RunSetup& setup, const CommandLine& line, const Paths& paths) {
  const std::string file = line.interlock_rules.empty() ? find_interlock_rules(paths) : line.interlock_rules;
  Parsed<InterlockRules> rules = read_interlock_rules(file);
  take(setup.problems, rules.problems);
  if (rules) setup.rules = std::move(*rules.value);
  for (const InterlockSpec& wish : setup.recipe.interlocks) {
    if (wish.scope != "rack") continue;
    if (wish.cause == "leak") setup.rules.tray_leak_cuts_rack = true;
    if (wish.cause != "leak") setup.rules.causes_that_cut_rack.insert(wish.cause);
  }
  std::vector<HazardRule>& rows = setup.rules.hazards.rows;
  rows.insert(rows.end(), setup.recipe.hazards.begin(), setup.recipe.hazards.end());
}

/// Whether people have approved what decides here, and what it is read with is calibrated. A run goes on
/// without: it can then not be signed.
void look_for_approvals(RunSetup& setup, const CommandLine& line, const Paths& paths) {
  if (!setup.plan) return;
  Plan& plan = *setup.plan;
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  ApprovalTrust trust;
  trust.allowed_signers = find_allowed_signers(line.allowed_signers);
  trust.demo_signers = paths.share + "/config/demo_signers";
  trust.signatures = signatures.get();
  std::vector<Approvable> all{approvable(plan.recipe)};
  if (!plan.limits.file.empty() && setup.limits) all.push_back(approvable(*setup.limits));
  const std::int64_t now = SystemClock().now().utc_ns;
  for (const Approvable& one : all) {
    ApprovalState state = approval_state(one, plan.inventory.simulated, trust, now);
    for (std::string& why : state.because) plan.not_eligible_because.push_back(std::move(why));
    for (std::string& who : state.approvals) plan.approvals.push_back(std::move(who));
  }
  for (const Instrument& instrument : plan.instruments) {
    if (std::optional<std::string> why = overdue_because(instrument, now))
      plan.not_eligible_because.push_back(*std::move(why));
  }
  for (const std::string& setting : line.settings)
    plan.not_eligible_because.push_back(
        fmt::format("{} was set on the command line: that is not what was approved", setting));
}

/// Whoever can write them can weaken them.
void check_rules_for_real_hardware(RunSetup& setup) {
  if (!setup.plan || setup.plan->inventory.simulated || !needs_warden(*setup.plan)) return;
  const std::optional<NotTrusted> why = why_not_trusted(setup.rules.file, TrustedOwner::root);
  if (!why) return;
  setup.problems.push_back({setup.rules.file, "interlock_rules.untrusted",
                            fmt::format("the interlock rules for real hardware must be root's own: {}; {}",
                                        why->what, why->cure)});
  setup.plan.reset();
}

}  // namespace

bool needs_warden(const Plan& plan) {
  const auto any = [](const std::vector<PlannedStep>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const PlannedStep& step) {
      const auto energy = step.step->describe().energises;
      return (energy && *energy != Energy::host_stress) || step.step->describe().masks_detectors;
    });
  };
  return any(plan.teardown) ||
         std::any_of(plan.phases.begin(), plan.phases.end(), [&any](const PlannedPhase& phase) {
           return any(phase.setup) || any(phase.steps) || any(phase.teardown);
         });
}

std::string plugin_directory(const CommandLine& line, const Paths& paths) {
  return line.plugin_directory.empty() ? paths.plugins : line.plugin_directory;
}

std::string database_path(const CommandLine& line, const Paths& paths) {
  return line.database.empty() ? paths.state + "/kiln.db" : line.database;
}

void apply_scans(const std::vector<std::string>& scans, const std::vector<std::string>& dut_filter,
                 Inventory& inventory, std::vector<SetupProblem>& problems) {
  std::vector<Dut*> selected;
  std::vector<std::string> ids;
  for (auto& dut : inventory.duts) {
    ids.push_back(dut.id);
    const bool in_filter =
        dut_filter.empty() || std::find(dut_filter.begin(), dut_filter.end(), dut.id) != dut_filter.end();
    if (in_filter) selected.push_back(&dut);
  }
  for (const auto& scan : scans) {
    const auto equals = scan.find('=');
    if (equals != std::string::npos) {
      const std::string id = scan.substr(0, equals);
      const auto found = std::find_if(inventory.duts.begin(), inventory.duts.end(),
                                      [&](const Dut& dut) { return dut.id == id; });
      if (found == inventory.duts.end()) {
        problems.push_back(
            {"--scan", "usage.scan", fmt::format("there is no DUT '{}'{}", id, did_you_mean(id, ids))});
      } else {
        found->labels["scanned_serial"] = scan.substr(equals + 1);
      }
      continue;
    }
    if (selected.size() == 1) {
      selected.front()->labels["scanned_serial"] = scan;
      continue;
    }
    const auto match = std::find_if(selected.begin(), selected.end(),
                                    [&](const Dut* dut) { return dut->expect.serial == scan; });
    if (match == selected.end()) {
      problems.push_back(
          {"--scan", "usage.scan",
           fmt::format(
               "'{}' is the expected serial of none of the {} selected DUTs; say which one was scanned: "
               "--scan DUT={}",
               scan, selected.size(), scan)});
    } else {
      (*match)->labels["scanned_serial"] = scan;
    }
  }
}

RunSetup set_up(const CommandLine& line, const Paths& paths, const std::string& recipe_name) {
  RunSetup setup;
  setup.plugins = load_plugins(plugin_directory(line, paths));
  for (const auto& refused : setup.plugins.refused) take(setup.problems, refused.reason);

  const Result<std::string> file = find_recipe(paths, recipe_name);
  if (!file) {
    take(setup.problems, file.error());
    return setup;
  }
  RecipeOptions options;
  options.overrides = settings(line, setup.problems);
  options.recipes_root = paths.share + "/recipes";
  Parsed<Recipe> recipe = read_recipe(*file, options);
  take(setup.problems, recipe.problems);
  if (!line.rack_file.empty()) {
    Parsed<Inventory> inventory = read_inventory(line.rack_file);
    take(setup.problems, inventory.problems);
    if (inventory) setup.inventory = std::move(*inventory.value);
  }
  if (!recipe) return setup;
  setup.recipe = std::move(*recipe.value);
  if (!line.rack_file.empty() && !setup.inventory) return setup;
  if (setup.inventory) {
    apply_scans(line.scans, line.dut_filter, *setup.inventory, setup.problems);
    if (!setup.inventory->credentials_file.empty()) {
      Parsed<Credentials> credentials = read_credentials(setup.inventory->credentials_file);
      take(setup.problems, credentials.problems);
      if (credentials) {
        setup.credentials = std::move(*credentials.value);
        take(setup.problems, check_credential_names(*setup.inventory, setup.credentials));
      }
    }
  }
  const std::size_t before_limits = setup.problems.size();
  read_limits_for(setup, paths);
  read_rules_for(setup, line, paths);
  // What stands on a file that could not be read would only be told to lack what that file may well hold.
  if (setup.problems.size() > before_limits || lacks_a_fragment(recipe.problems, *file)) return setup;
  PlanRequest request;
  request.recipe = &setup.recipe;
  request.inventory = setup.inventory ? &*setup.inventory : nullptr;
  request.limits = setup.limits ? &*setup.limits : nullptr;
  request.allowed_log_entries = setup.limits ? &setup.limits->allowed_log_entries : nullptr;
  request.catalog = &setup.plugins.catalog;
  request.dut_filter = line.dut_filter;
  request.operator_name = line.operator_name;
  PlanResult planned = make_plan(request);
  for (auto& problem : planned.problems)
    setup.problems.push_back({problem.place, problem.code, problem.message});
  if (setup.problems.empty() && planned.plan) setup.plan = std::move(planned.plan);
  check_rules_for_real_hardware(setup);
  look_for_approvals(setup, line, paths);
  return setup;
}

void print_problems(const std::vector<SetupProblem>& problems) {
  for (const auto& problem : problems) {
    const std::string line = fmt::format("{}{}{} [{}]", problem.place, problem.place.empty() ? "" : ": ",
                                         problem.message, problem.code);
    std::cerr << "kiln: " << printable(line, locale_is_utf8()) << "\n";
  }
  std::cerr << "kiln: " << problems.size() << (problems.size() == 1 ? " problem" : " problems")
            << "; nothing was run\n";
}

std::string problems_json(const std::vector<SetupProblem>& problems) {
  boost::json::array list;
  for (const auto& problem : problems) {
    boost::json::object item;
    item["place"] = problem.place;
    item["code"] = problem.code;
    item["message"] = problem.message;
    list.push_back(std::move(item));
  }
  boost::json::object root;
  root["problems"] = std::move(list);
  return boost::json::serialize(root);
}

}  // namespace kiln
