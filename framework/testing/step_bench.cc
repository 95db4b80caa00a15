#include "testing/step_bench.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/interlock_rules.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

/// Forwards to the bench's shell, which must outlive connections and remember every command.
class SharedShell final : public Shell {
 public:
  explicit SharedShell(ScriptedShell& shell) : shell_(shell) {}
  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    Result<CommandResult> result = co_await shell_.run(ctx, std::move(command));
    co_return result;
  }
  awaitable<void> disconnect() override { co_await shell_.disconnect(); }
  bool was_connected() const override { return shell_.was_connected(); }

 private:
  ScriptedShell& shell_;
};

class NoProcesses final : public ProcessLauncher {
 public:
  awaitable<Result<CommandResult>> run(const Ctx& /*ctx*/, ProcessSpec spec) override {
    co_return Error("process.not_found", fmt::format("the bench starts no programs ({})", spec.argv.front()));
  }
  awaitable<Result<std::unique_ptr<RunningProcess>>> start(const Ctx& /*ctx*/, ProcessSpec spec) override {
    co_return Error("process.not_found", fmt::format("the bench starts no programs ({})", spec.argv.front()));
  }
};

ParameterMap to_parameters(const StepBench::With& with) {
  ParameterMap map;
  for (const auto& [name, text] : with) {
    ParameterValue value;
    value.value = text;
    value.text = text;
    map[name] = std::move(value);
  }
  return map;
}

}  // namespace

class StepBench::FakeDevices final : public Devices {
 public:
  explicit FakeDevices(StepBench& bench) : bench_(bench) {}
  Result<std::unique_ptr<Bmc>> open_bmc(const Dut& dut) override {
    if (!dut.bmc) return Error("bmc.none", fmt::format("{} has no BMC in the rack file", dut.id));
    std::unique_ptr<Bmc> bmc = std::make_unique<FakeBmc>(bench_.hardware_.at(dut.id));
    return bmc;
  }
  Result<std::unique_ptr<Shell>> open_shell(const Dut& dut) override {
    if (!dut.host) return Error("shell.none", fmt::format("{} has no host in the rack file", dut.id));
    std::unique_ptr<Shell> shell = std::make_unique<SharedShell>(bench_.shell(dut.id));
    return shell;
  }
  ProcessLauncher& processes() override { return processes_; }
  Result<std::unique_ptr<HttpClient>> open_model_server(const ServingAccess& /*server*/,
                                                        std::size_t /*at_once*/) override {
    std::unique_ptr<HttpClient> client = std::make_unique<SharedHttp>(bench_.model_server_);
    return client;
  }
  awaitable<Result<BuildingReport>> listen_to_building(const Ctx& /*ctx*/, const Inventory& /*inventory*/,
                                                       Nanoseconds /*settle*/,
                                                       Nanoseconds /*patience*/) override {
    co_return bench_.building_report_;
  }

 private:
  StepBench& bench_;
  NoProcesses processes_;
};

class StepBench::FakeOperator final : public Operator {
 public:
  explicit FakeOperator(const StepBench& bench) : bench_(bench) {}
  awaitable<Result<PromptAnswer>> ask(const Ctx& ctx, std::string /*dut*/, PromptRequest request) override {
    const auto found = bench_.answers_.find(request.id);
    if (found == bench_.answers_.end()) {
      const Status waited = co_await ctx.sleep_for(request.timeout);
      if (!waited) co_return waited.error();
      co_return Error("prompt.timeout", "nobody answered", "answer the prompt", Blame::operator_);
    }
    PromptAnswer answer;
    answer.text = found->second;
    answer.confirmed = found->second != "no";
    answer.by = "tester";
    co_return answer;
  }

 private:
  const StepBench& bench_;
};

StepBench::StepBench() {
  recipe_.name = "bench";
  recipe_.version = "1.0.0";
  recipe_.product = "virtual-bench";
  recipe_.file = "bench.yaml";
  recipe_.phases.emplace_back();
  recipe_.phases.back().name = "main";
  inventory_.rack = "R01";
  inventory_.product = "virtual-bench";
  inventory_.simulated = true;
  inventory_.file = "rack.yaml";
  inventory_.duts.reserve(64);
  limits_.product = "virtual-bench";
  limits_.revision = 1;
  limits_.file = "limits.yaml";
}

StepBench::~StepBench() = default;

BuildingReport& StepBench::building() {
  if (!inventory_.building) inventory_.building.emplace();
  return building_report_;
}

ScriptedHttp& StepBench::model_server() {
  if (!inventory_.serving)
    inventory_.serving =
        ServingAccess{"http://127.0.0.1:8000", "", {TlsTrust::Kind::insecure, "on loopback"}};
  return model_server_;
}

void StepBench::set_simulated(bool simulated) {
  inventory_.simulated = simulated;
  limits_.product = simulated ? "virtual-bench" : "bench";
}

Dut& StepBench::add_dut(const std::string& id, Role role) {
  Dut dut;
  dut.id = id;
  dut.role = role;
  dut.bmc = BmcAccess{};
  dut.bmc->url = "https://127.0.0.1:1";
  if (role != Role::cdu && role != Role::power_shelf) dut.host = HostAccess{};
  dut.expect.serial = "SN-" + id;
  inventory_.duts.push_back(std::move(dut));
  hardware_[id] = std::make_shared<FakeHardware>();
  hardware_[id]->identity.serial = "SN-" + id;
  return inventory_.duts.back();
}

void StepBench::expect(Dut& dut, ComponentKind kind, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    Component component;
    component.kind = kind;
    component.name = name;
    dut.expect.components.push_back(std::move(component));
  }
  dut.expect.counts[kind] += static_cast<int>(names.size());
}

FakeHardware& StepBench::hardware(const std::string& dut) { return *hardware_.at(dut); }

ScriptedShell& StepBench::shell(const std::string& dut) {
  auto& place = shells_[dut];
  if (!place) place = std::make_unique<ScriptedShell>();
  return *place;
}

void StepBench::limit(Limit row) { limits_.rows.push_back(std::move(row)); }

void StepBench::limit_max(const std::string& name, const std::string& unit, double max,
                          std::optional<double> marginal) {
  Limit row;
  row.name = name;
  row.unit = unit;
  row.max = max;
  row.marginal = marginal;
  limit(std::move(row));
}

void StepBench::limit_min(const std::string& name, const std::string& unit, double min,
                          std::optional<double> marginal) {
  Limit row;
  row.name = name;
  row.unit = unit;
  row.min = min;
  row.marginal_min = marginal;
  limit(std::move(row));
}

void StepBench::limit_range(const std::string& name, const std::string& unit, double min, double max) {
  Limit row;
  row.name = name;
  row.unit = unit;
  row.min = min;
  row.max = max;
  limit(std::move(row));
}

void StepBench::limit_equals(const std::string& name, const std::string& unit, Value value) {
  Limit row;
  row.name = name;
  row.unit = unit;
  row.equals = std::move(value);
  limit(std::move(row));
}

void StepBench::limit_expected(const std::string& name, const std::string& unit) {
  Limit row;
  row.name = name;
  row.unit = unit;
  row.expected = true;
  limit(std::move(row));
}

StepSpec& StepBench::step(const std::string& name, std::unique_ptr<Step> step, With with,
                          std::vector<std::string> duts) {
  StepSpec spec;
  spec.name = name;
  spec.use = step->describe().use;
  spec.with = to_parameters(with);
  if (step->describe().rack_scope) {
    spec.duts.roles = {Role::rack};
  } else if (duts.empty()) {
    spec.duts.all = true;
  } else {
    spec.duts.ids = std::move(duts);
  }
  const bool known = std::any_of(steps_.begin(), steps_.end(),
                                 [&](const auto& item) { return item->describe().use == spec.use; });
  if (!known) steps_.push_back(std::move(step));
  recipe_.phases.front().steps.push_back(std::move(spec));
  return recipe_.phases.front().steps.back();
}

MonitorSpec& StepBench::monitor(const std::string& name, std::unique_ptr<Step> step, Nanoseconds every,
                                With with) {
  MonitorSpec spec;
  spec.name = name;
  spec.use = step->describe().use;
  spec.with = to_parameters(with);
  spec.every = every;
  if (step->describe().rack_scope) spec.duts.roles = {Role::rack};
  spec.duts.all = !step->describe().rack_scope;
  steps_.push_back(std::move(step));
  recipe_.monitors.push_back(std::move(spec));
  return recipe_.monitors.back();
}

StepSpec& StepBench::teardown(const std::string& name, std::unique_ptr<Step> step, With with) {
  StepSpec spec;
  spec.name = name;
  spec.use = step->describe().use;
  spec.with = to_parameters(with);
  spec.duts.all = true;
  const bool known = std::any_of(steps_.begin(), steps_.end(),
                                 [&](const auto& item) { return item->describe().use == spec.use; });
  if (!known) steps_.push_back(std::move(step));
  recipe_.teardown.push_back(std::move(spec));
  return recipe_.teardown.back();
}

ParameterValue StepBench::list_of(const std::vector<std::string>& items) {
  ParameterList list;
  for (const auto& item : items) {
    ParameterValue value;
    value.value = item;
    value.text = item;
    list.push_back(std::move(value));
  }
  ParameterValue value;
  value.value = std::move(list);
  return value;
}

void StepBench::at(Nanoseconds when, std::function<void()> action) {
  actions_.emplace_back(when, [action = std::move(action)](Runner&) { action(); });
}

void StepBench::warden_at(Nanoseconds when, std::function<void(Runner&)> action) {
  has_warden_ = true;
  actions_.emplace_back(when, std::move(action));
}

void StepBench::warden_at_the_first_event(std::function<void(Runner&)> action) {
  has_warden_ = true;
  at_first_event_ = std::move(action);
}

void StepBench::stop_at(Nanoseconds when) {
  actions_.emplace_back(when, [](Runner& runner) { runner.request_stop(2, "SIGINT"); });
}

void StepBench::answer_prompt(const std::string& id, const std::string& text) { answers_[id] = text; }

namespace {

awaitable<void> run_plan(Runner& runner, Ctx& ctx, std::optional<RunVerdict>& verdict, bool simulated,
                         Purpose purpose) {
  RunBegun begun;
  begun.recipe = "bench";
  begun.simulated = simulated;
  begun.purpose = to_string(purpose);
  Result<RunVerdict> result = co_await runner.run(ctx, std::move(begun));
  if (result) verdict = std::move(*result);
}

}  // namespace

BenchResult StepBench::die_after(std::size_t events) {
  BenchResult result = run();
  if (result.events.size() > events) result.events.resize(events);
  result.verdict = roll_up(result.events);
  return result;
}

BenchResult StepBench::resume(const BenchResult& before) {
  before_ = &before.events;
  BenchResult result = run();
  before_ = nullptr;
  return result;
}

BenchResult StepBench::run() {
  BenchResult result;
  StepCatalog catalog;
  PluginFacts facts;
  facts.name = "bench";
  facts.version = "1";
  const Status added = catalog.add(std::move(facts), std::move(steps_));
  EXPECT_TRUE(added.has_value());
  PlanRequest request;
  request.recipe = &recipe_;
  request.inventory = &inventory_;
  request.limits = &limits_;
  request.allowed_log_entries = &allowed_log_entries_;
  request.catalog = &catalog;
  request.operator_name = "tester";
  PlanResult planned = make_plan(request);
  result.problems = planned.problems;
  if (!planned.plan) return result;

  const std::unique_ptr<Loop> loop = Loop::simulated();
  FakeDevices devices(*this);
  FakeOperator person(*this);
  MemoryLedger ledger(before_ == nullptr ? std::vector<Event>{} : *before_);
  if (fail_after_) ledger.fail_after(*fail_after_);
  MemoryJournal journal;
  journal.refuse = journal_error_;
  RunnerParts parts;
  parts.journal = &journal;
  parts.devices = &devices;
  parts.person = &person;
  parts.sink = &ledger;
  parts.warden_watches = has_warden_;
  parts.hazard_watches = hazard_watches_;
  if (has_warden_ && inventory_.building) parts.isolation_confirm = InterlockRules().building_confirm;
  std::map<std::string, std::string> serials;
  for (const Dut& dut : inventory_.duts) {
    if (dut.bmc) serials[dut.id] = hardware(dut.id).identity.serial;
  }
  parts.serials = serials;
  parts.population = population_;
  std::optional<Resumption> resumption;
  if (before_ != nullptr) {
    resumption = plan_resumption(*planned.plan, *before_, {}, serials);
    parts.resumption = &*resumption;
  }
  Runner* asks = nullptr;
  MaskReport mask;
  if (on_mask_) {
    parts.on_mask = [this, &asks, &mask, &loop](const std::string& dut, const std::string& part) {
      mask.state = part.empty() ? MaskReport::State::ended : MaskReport::State::on;
      if (!part.empty()) mask.dut = dut;
      if (!part.empty()) mask.part = part;
      mask.since_ns = loop->clock().now().monotonic_ns;
      on_mask_(*asks, mask);
    };
  }
  if (on_silence_) {
    parts.on_silence = [this, &asks, &loop](const std::string& dut, int number, Nanoseconds longest) {
      SilenceReport asked;
      asked.dut = dut;
      asked.number = number;
      asked.state = longest.count() == 0 ? SilenceReport::State::ended : SilenceReport::State::on;
      asked.since_ns = loop->clock().now().monotonic_ns;
      on_silence_(*asks, asked);
    };
  }
  // What a step asks of a BMC and does not declare would make kiln doctor promise what cannot be kept.
  // Steps that a test makes up for itself ("test.") are asked by nobody what they need.
  parts.on_bmc_use = [&catalog](const std::string& use, BmcAbility ability) {
    if (use.starts_with("test.")) return;
    const std::vector<BmcNeed>& declared = catalog.find(use)->describe().bmc;
    const bool known = std::any_of(declared.begin(), declared.end(),
                                   [ability](const BmcNeed& need) { return need.ability == ability; });
    if (!known) {
      ADD_FAILURE() << "step '" << use << "' asks its BMC for '" << to_string(ability)
                    << "', which its description does not name (StepDescription::bmc)";
    }
  };
  Runner runner(*planned.plan, parts);
  asks = &runner;
  const std::int64_t start = loop->clock().now().monotonic_ns;
  for (const auto& [when, action] : actions_) {
    loop->call_at(start + when.count(), [&runner, action = action] { action(runner); });
  }
  const std::shared_ptr<void> first_event =
      ledger.on_committed([this, &runner](const std::vector<Event>& /*events*/) {
        if (at_first_event_) std::exchange(at_first_event_, {})(runner);
      });
  std::optional<RunVerdict> verdict;
  const bool simulated = inventory_.simulated;
  const Purpose purpose = recipe_.purpose;
  loop->run([&](Ctx& ctx) { return run_plan(runner, ctx, verdict, simulated, purpose); });
  result.events = ledger.events();
  result.journal = journal.entries;
  result.elapsed_ns = loop->clock().now().monotonic_ns - start;
  if (verdict) {
    result.verdict = *verdict;
  } else {
    result.verdict = roll_up(result.events);
  }
  return result;
}

Measured BenchResult::measured(const std::string& name, const std::string& part,
                               const std::string& dut) const {
  std::optional<Measured> last;
  for (const Event& event : events) {
    const auto* body = std::get_if<Measured>(&event.body);
    if (body != nullptr && body->name == name && body->part == part && (dut.empty() || dut == event.dut))
      last = *body;
  }
  if (!last) {
    ADD_FAILURE() << "no measurement '" << name << "' on part '" << part << "'";
    return {};
  }
  return *last;
}

std::vector<Measured> BenchResult::all_measured(const std::string& name) const {
  std::vector<Measured> found = bodies<Measured>();
  std::erase_if(found, [&](const Measured& item) { return item.name != name; });
  return found;
}

bool BenchResult::has_measured(const std::string& name, const std::string& part) const {
  const auto found = all_measured(name);
  return std::any_of(found.begin(), found.end(), [&](const Measured& item) { return item.part == part; });
}

StepEnded BenchResult::ended(const std::string& path, const std::string& dut) const {
  std::optional<StepEnded> last;
  for (const Event& event : events) {
    const auto* body = std::get_if<StepEnded>(&event.body);
    if (body != nullptr && event.step == path && (dut.empty() || dut == event.dut)) last = *body;
  }
  if (!last) {
    ADD_FAILURE() << "step '" << path << "' did not end";
    return {};
  }
  return *last;
}

}  // namespace kiln
