#include "matrix_run.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>

#include "engine/plan.h"
#include "engine/runner.h"
#include "files/interlock_rules_file.h"
#include "files/inventory_file.h"
#include "files/limits_file.h"
#include "files/recipe_file.h"
#include "io/scope.h"
#include "run_reports.h"
#include "station/paths.h"
#include "station/plugin_host.h"
#include "station/warden_ears.h"
#include "station/warden_link.h"
#include "station_parts.h"
#include "testing/memory_journal.h"
#include "tests_hw/virtual_rack/faults.h"

namespace kiln::matrix {
namespace {

using boost::asio::awaitable;
namespace fs = std::filesystem;

constexpr Nanoseconds kLongestBoot = std::chrono::minutes(2);
constexpr const char* kJournal = "/nowhere/R-1.guards";  ///< only a name here: the journal is in memory

/// Gone with whoever made it.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "kiln-matrix-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Shipped {
  LoadedPlugins plugins = load_plugins(KILN_BINARY_DIR "/lib/kiln/plugins");
  Paths paths;
  InterlockRules rules;
};

/// Read once: they are the same for all runs of a program.
Shipped& shipped() {
  static Shipped all = [] {
    Shipped read;
    read.paths.share = KILN_BINARY_DIR "/share/kiln";
    for (const RefusedPlugin& refused : read.plugins.refused)
      throw std::runtime_error(refused.file + ": " + refused.reason.sentence());
    Parsed<InterlockRules> rules = read_interlock_rules(read.paths.share + "/config/interlock_rules.yaml");
    if (!rules) throw std::runtime_error(as_error(rules.problems).sentence());
    read.rules = std::move(*rules.value);
    return read;
  }();
  return all;
}

void cut_to_size(Recipe& recipe, const Inventory& inventory) {
  std::map<Role, int> there;
  for (const Dut& dut : inventory.duts) ++there[dut.role];
  int wanted = 0, have = 0;
  for (auto& [role, count] : recipe.required_roles) {
    if (role == Role::compute_tray || role == Role::switch_tray) {
      wanted += count;
      have += there[role];
    }
    count = there[role];
  }
  for (PhaseSpec& phase : recipe.phases) {
    for (StepSpec& step : phase.steps) {
      if (step.quorum > 1 && step.quorum == wanted) step.quorum = have;
      // A boot takes seconds here: a host that hangs need not be waited for as long as in a factory.
      if (step.use == "power.on" && step.timeout > kLongestBoot) step.timeout = kLongestBoot;
    }
  }
}

/// Phases whose steps select nobody on this rack ({role: power_shelf} where there is none) are refused by the
/// planner, as they are for a rack of a person's.
void leave_out_what_nobody_is_there_for(Recipe& recipe, const Inventory& inventory) {
  const auto nobody = [&inventory](const StepSpec& step) {
    return !step.duts.is_rack_scope() &&
           std::none_of(inventory.duts.begin(), inventory.duts.end(),
                        [&step](const Dut& dut) { return step.duts.matches(dut); });
  };
  // Fewer than four of a kind are no population, which is INCOMPLETE on a whole rack.
  const auto trays = std::count_if(inventory.duts.begin(), inventory.duts.end(),
                                   [](const Dut& dut) { return dut.role == Role::compute_tray; });
  const auto compares = [trays](const StepSpec& step) {
    return trays < 4 && step.use == "cooling.flow_balance";
  };
  for (PhaseSpec& phase : recipe.phases) {
    std::erase_if(phase.steps, nobody);
    std::erase_if(phase.steps, compares);
  }
  std::erase_if(recipe.phases, [](const PhaseSpec& phase) { return phase.steps.empty(); });
  // A rack that has no shelves in its file has no bus bar to add up either.
  const bool shelves = std::any_of(inventory.duts.begin(), inventory.duts.end(),
                                   [](const Dut& dut) { return dut.role == Role::power_shelf; });
  if (shelves) return;
  std::erase_if(recipe.monitors, [](const MonitorSpec& one) { return one.use == "power_chain.bus_bar"; });
}

/// One run's parts, from the rack file on.
class Bench {
 public:
  explicit Bench(const Order& order)
      : loop_(Loop::simulated()),
        rack_(*loop_, order.wishes, folder_.path(), order.product),
        devices_(rack_, shipped().plugins.dialects),
        judges_reports_(order.judges_reports) {
    if (judges_reports_) sink_.keep_record();
    for (const std::string& text : order.faults) {
      const Result<virtual_rack::FaultSpec> spec = virtual_rack::parse_fault(text);
      if (!spec) throw std::runtime_error(spec.error().sentence());
      const Result<std::uint64_t> added = add_fault(rack_.model(), *spec);
      if (!added) throw std::runtime_error(added.error().sentence());
    }
    plan(order);
  }

  Ran run() {
    Ran ran;
    const auto began = std::chrono::steady_clock::now();
    const std::int64_t began_ns = loop_->clock().now().monotonic_ns;
    loop_->run([this](Ctx& ctx) { return live(ctx); });
    ran.virtual_ns = loop_->clock().now().monotonic_ns - began_ns;
    ran.took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    ran.refused = refused_;
    ran.verdict = sink_.verdict();
    ran.events = static_cast<std::uint64_t>(sink_.events());
    ran.commands = rack_.log().total_ssh();
    ran.requests = rack_.log().total() - ran.commands;
    for (const DutVerdict& dut : ran.verdict.duts) ran.disturbances += dut.disturbances;
    if (judges_reports_ && ran.refused.empty())
      ran.wrong_reports = wrong_with_reports(sink_.take_record(), ran.verdict);
    return ran;
  }

 private:
  void plan(const Order& order) {
    Shipped& all = shipped();
    Parsed<Inventory> inventory = read_inventory(rack_.inventory_file());
    if (!inventory) throw std::runtime_error(as_error(inventory.problems).sentence());
    RecipeOptions options;
    options.overrides = order.settings;
    options.recipes_root = all.paths.share + "/recipes";
    Parsed<Recipe> recipe = read_recipe(options.recipes_root + "/" + order.recipe + ".yaml", options);
    if (!recipe) throw std::runtime_error(as_error(recipe.problems).sentence());
    cut_to_size(*recipe.value, *inventory.value);
    leave_out_what_nobody_is_there_for(*recipe.value, *inventory.value);
    Parsed<ProductLimits> limits =
        read_limits(options.recipes_root + "/limits/" + inventory.value->product + ".yaml");
    if (!limits) throw std::runtime_error(as_error(limits.problems).sentence());
    rules_ = all.rules;
    for (const InterlockSpec& wish : recipe.value->interlocks) {
      if (wish.scope == "rack" && wish.cause == "leak") rules_.tray_leak_cuts_rack = true;
      if (wish.scope == "rack" && wish.cause != "leak") rules_.causes_that_cut_rack.insert(wish.cause);
    }
    PlanRequest request;
    request.recipe = &*recipe.value;
    request.inventory = &*inventory.value;
    request.limits = &*limits.value;
    request.allowed_log_entries = &limits.value->allowed_log_entries;
    request.catalog = &all.plugins.catalog;
    PlanResult planned = make_plan(request);
    for (const PlanProblem& problem : planned.problems)
      throw std::runtime_error(fmt::format("{}: {} [{}]", problem.place, problem.message, problem.code));
    plan_ = std::move(planned.plan);
  }

  awaitable<void> live(Ctx& ctx) {
    Scope all(ctx);
    all.start("warden", [this](Ctx& task) { return watch(task); });
    all.start("station", [this](Ctx& task) { return work(task); });
    const Status joined = co_await all.join();
    if (!joined) refused_ = joined.error().sentence();
  }

  awaitable<void> watch(Ctx& ctx) {
    const std::unique_ptr<MessageSocket> socket = pipe_.far_end();
    WardenParts parts;
    parts.station = socket.get();
    parts.version = parts.build_stamp = "matrix";
    parts.open_bmc = [this](const WardenDut& dut) { return open_warden_bmc(rack_, dut); };
    parts.open_shell = [this](const WardenDut& dut) { return open_warden_shell(rack_, dut); };
    parts.write_ends = [](const std::string&, const std::map<int, UndoResult>&,
                          const std::map<std::string, JournaledCut>&) {};
    const int status = co_await run_warden(ctx, std::move(parts));
    pipe_.close();
    warden_ended_.complete(status);
  }

  [[nodiscard]] WardenBriefing briefing() const {
    WardenBriefing told;
    told.hello.version = told.hello.build_stamp = "matrix";
    told.hello.run = "R-1";
    told.hello.journal = kJournal;
    told.hello.rules = rules_;
    for (const std::string& id : plan_->duts)
      told.duts.push_back(told_to_warden(*plan_->inventory.find(id), "kiln", rack_.password()));
    return told;
  }

  [[nodiscard]] RunBegun begun() const {
    RunBegun about;
    about.recipe = plan_->recipe.name;
    about.purpose = to_string(plan_->recipe.purpose);
    about.rack = plan_->inventory.rack;
    about.product = plan_->inventory.product;
    about.simulated = true;
    about.time_scale = plan_->inventory.time_scale;
    about.marginal_is_conditional = plan_->recipe.marginal_is_conditional;
    about.not_eligible_because = plan_->not_eligible_because;
    return about;
  }

  /// As execute_run.cc wires them.
  void wire(RunnerParts& parts, WardenLink* link) {
    parts.devices = &devices_;
    parts.person = &person_;
    parts.sink = &sink_;
    parts.warden_watches = true;
    parts.tray_leak_cuts_rack = rules_.tray_leak_cuts_rack;
    parts.causes_that_cut_rack = rules_.causes_that_cut_rack;
    for (const std::string& id : plan_->duts) {
      const Dut& dut = *plan_->inventory.find(id);
      if (dut.bmc && !rules_for(rules_.hazards, dut.role).empty()) parts.hazard_watches.insert(id);
    }
    parts.unguarded = link->unreachable();
    parts.on_mask = [link](const std::string& dut, const std::string& part) {
      if (part.empty()) link->say(WardenUnmask{});
      if (!part.empty()) link->say(WardenMask{dut, part});
    };
    parts.on_silence = [link](const std::string& dut, int number, Nanoseconds longest) {
      link->say(WardenSilence{dut, number, longest});
    };
  }

  awaitable<void> work(Ctx& ctx) {
    std::unique_ptr<Companion> companion = std::make_unique<WardenTask>(warden_ended_);
    std::unique_ptr<MessageSocket> socket = pipe_.near_end();
    WardenBriefing told = briefing();
    Result<std::unique_ptr<WardenLink>> joined =
        co_await WardenLink::join(ctx, std::move(companion), std::move(socket), std::move(told));
    if (!joined) {
      refused_ = joined.error().sentence();
      pipe_.close();
      co_return;
    }
    const std::unique_ptr<WardenLink> warden = std::move(*joined);
    WardedUndoJournal warded(journal_, *warden);
    RunnerParts parts;
    wire(parts, warden.get());
    parts.journal = &warded;
    Runner runner(*plan_, parts);
    {
      const Ctx beside = ctx.child("beside");
      Scope screen(beside);
      screen.start("warden", [&warden, &runner](Ctx& task) { return warden->keep(task, ears_of(runner)); });
      RunBegun about = begun();
      const Result<RunVerdict> verdict = co_await runner.run(ctx, std::move(about));
      if (!verdict) refused_ = verdict.error().sentence();
      const Status ended = co_await screen.stop_and_join(StopReason::sibling, "the run is over");
      (void)ended;
    }
    co_await warden->leave(ctx);
  }

  Folder folder_;
  std::unique_ptr<Loop> loop_;
  RackInProcess rack_;
  RackDevices devices_;
  std::optional<Plan> plan_;
  InterlockRules rules_;
  MessagePipe pipe_;
  Completion<int> warden_ended_;
  MemoryJournal journal_;
  NobodyThere person_;
  VerdictSink sink_;
  bool judges_reports_;
  std::string refused_;
};

}  // namespace

std::string Ran::decision() const {
  if (!refused.empty()) return "nothing was run: " + refused;
  return verdict.decision ? std::string(to_string(*verdict.decision)) : "no decision";
}

bool Ran::says(const std::string& dut, const std::string& code, const std::string& part) const {
  const DutVerdict* found = verdict.find(dut);
  return found != nullptr &&
         std::any_of(found->reasons.begin(), found->reasons.end(),
                     [&](const Reason& reason) { return reason.code == code && reason.fru == part; });
}

std::string Ran::why(std::size_t most) const {
  std::string text;
  std::size_t told = 0;
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons) {
      if (++told > most) return text;
      text += fmt::format("\n      {} {} {} {}", dut.id, reason.code, reason.fru, reason.message);
    }
  }
  return text;
}

Ran run(const Order& order) {
  try {
    Bench bench(order);
    return bench.run();
  } catch (const std::exception& error) {
    Ran ran;
    ran.refused = error.what();
    return ran;
  }
}

std::unique_ptr<virtual_rack::RackModel> rack_of(const RackWishes& wishes) {
  virtual_rack::RackOptions build;
  build.rack = wishes.rack;
  build.product = wishes.product;
  build.seed = wishes.seed;
  build.firmware_current = wishes.firmware_current;
  Result<std::unique_ptr<virtual_rack::RackModel>> made = build_rack(build, 1'000'000'000);
  if (!made) throw std::runtime_error(made.error().sentence());
  return std::move(*made);
}

std::vector<std::string> parts_of(const virtual_rack::RackModel& rack, const std::string& dut,
                                  const std::string& kind) {
  std::vector<std::string> names;
  for (const virtual_rack::ExpectedComponent& part : expectation_of(rack, *rack.find(dut)).components) {
    if (part.kind == kind) names.push_back(part.name);
  }
  return names;
}

}  // namespace kiln::matrix
