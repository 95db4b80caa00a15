// Claims about the runner: retries, gates, barriers, stops, undos, broken records. Virtual time, fake
// hardware, the real engine.

#include "engine/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A step whose work is what the test says, told by DUT and attempt.
class ScriptedStep final : public Step {
 public:
  enum class Does { pass, fail, error, throws, hang, nothing, unset };
  using Script = std::function<Does(const std::string& dut, int attempt)>;

  ScriptedStep(std::string use, Script script, bool rack = false) : script_(std::move(script)) {
    description_.use = std::move(use);
    description_.rack_scope = rack;
    description_.measurements = {{"part.good", "", rack ? ComponentKind::whole_dut : ComponentKind::gpu, true,
                                  "part.bad", "replace it", "the part is good"}};
  }
  const StepDescription& describe() const override { return description_; }

  awaitable<Status> run(StepContext& context) override {
    const Does does = script_(context.dut().id, context.attempt());
    switch (does) {
      case Does::throws:
        throw std::runtime_error("a plugin's bug");
      case Does::error:
        co_return Error("bmc.busy", "busy");
      case Does::nothing:
        co_return success();
      case Does::hang: {
        const Status waited = co_await context.ctx().sleep_for(24h);
        co_return waited;
      }
      default:
        break;
    }
    std::vector<std::string> parts;
    for (const Component* gpu : context.dut().expect.of_kind(ComponentKind::gpu)) parts.push_back(gpu->name);
    if (description_.rack_scope) parts = {""};
    for (const auto& part : parts) {
      Value value = does == Does::pass;
      if (does == Does::unset) value = std::monostate{};
      Reading reading("part.good", part, value, Source{"test", ""});
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
    co_return success();
  }

 private:
  StepDescription description_;
  Script script_;
};

using Does = ScriptedStep::Does;

/// Opens two guards and then does what it is told; the order of the undos is what the test looks at.
class GuardedStep final : public Step {
 public:
  explicit GuardedStep(bool fails) : fails_(fails) {
    description_.use = "test.guarded";
    description_.energises = Energy::host_stress;
    description_.measurements = {{"part.good", "", ComponentKind::gpu, true, "part.bad", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    for (const char* name : {"first", "second"}) {
      const Result<Permit> permit = context.permit(Energy::host_stress, name);  // recorded behind its opening
      if (!permit) co_return permit.error();
      Undo undo(Undo::Kind::shell_command, name, std::string("undo ") + name);
      const Result<int> guard = co_await context.open_guard(std::move(undo));
      if (!guard) co_return guard.error();
    }
    if (fails_) co_return Error("test.failed", "failed with open guards");
    const Status waited = co_await context.ctx().sleep_for(24h);
    co_return waited;
  }

 private:
  StepDescription description_;
  bool fails_;
};

/// Throws before anything runs: when its parameters are checked, or when it is asked for its parts.
class ThrowsWhenAsked final : public Step {
 public:
  explicit ThrowsWhenAsked(bool in_check) : in_check_(in_check) {
    description_.use = "test.asked";
    description_.measurements = {{"part.good", "", ComponentKind::gpu, true, "part.bad", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  Status check(const Parameters& /*with*/) const override {
    if (in_check_) throw std::runtime_error("a plugin's bug");
    return success();
  }
  std::vector<std::string> parts(const MeasurementDeclaration& /*measurement*/, const Parameters& /*with*/,
                                 const Dut& /*dut*/) const override {
    throw 42;
  }
  awaitable<Status> run(StepContext& /*context*/) override { co_return success(); }

 private:
  StepDescription description_;
  bool in_check_;
};

struct RunnerTest : testing::Test {
  RunnerTest() { bench.limit_equals("part.good", "", true); }
  Dut& add(const std::string& id) {
    Dut& dut = bench.add_dut(id, Role::compute_tray);
    bench.expect(dut, ComponentKind::gpu, {"GPU_0", "GPU_1"});
    return dut;
  }
  static std::unique_ptr<Step> step(const std::string& use, ScriptedStep::Script script) {
    return std::make_unique<ScriptedStep>(use, std::move(script));
  }
  static std::unique_ptr<Step> always(const std::string& use, Does does) {
    return step(use, [does](const std::string&, int) { return does; });
  }
  static Decision of(const BenchResult& result, const std::string& dut) {
    return result.verdict.find(dut)->decision;
  }
  StepBench bench;
};

TEST_F(RunnerTest, AnErrorIsRetriedAndThePassOfTheNextAttemptCounts) {
  add("C01");
  bench
      .step("x", step("test.x",
                      [](const std::string&, int attempt) { return attempt < 3 ? Does::error : Does::pass; }))
      .retry = {3, 1s};
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result, "C01"), Decision::go);
  EXPECT_EQ(result.bodies<Retried>().size(), 2U);
}

TEST_F(RunnerTest, WhatTheRunIsSetAgainstIsRecordedBehindItsBeginning) {
  add("C01");
  bench.step("x", always("test.x", Does::pass));
  PopulationGiven given;
  given.id = "P-7";
  given.sha256 = "cc";
  given.rows = {{"gpu.power.mean", "W", Role::compute_tray, 11, "GPU_0", 40, 1350, 8}};
  bench.set_against(given);
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result, "C01"), Decision::go);
  const auto recorded = result.bodies<PopulationGiven>();
  ASSERT_EQ(recorded.size(), 1U);
  EXPECT_EQ(recorded[0].sha256, "cc");
  EXPECT_EQ(recorded[0].rows.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<RunBegun>(result.events.front().body));
}

TEST_F(RunnerTest, AMeasuredFailIsNeverRetried) {
  add("C01");
  bench
      .step("x", step("test.x",
                      [](const std::string&, int attempt) { return attempt == 1 ? Does::fail : Does::pass; }))
      .retry = {5, 1s};
  const BenchResult result = bench.run();
  EXPECT_EQ(of(result, "C01"), Decision::no_go);
  EXPECT_TRUE(result.bodies<Retried>().empty());
}

TEST_F(RunnerTest, WhateverAStepDoesWrongItIsNeverGo) {
  for (const Does does : {Does::error, Does::throws, Does::hang, Does::nothing, Does::unset}) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    Dut& dut = own.add_dut("C01", Role::compute_tray);
    own.expect(dut, ComponentKind::gpu, {"GPU_0"});
    own.step("x", always("test.x", does)).timeout = 10s;
    const BenchResult result = own.run();
    EXPECT_EQ(of(result, "C01"), Decision::incomplete) << static_cast<int>(does);
    EXPECT_FALSE(result.verdict.find("C01")->reasons.empty());
  }
}

TEST_F(RunnerTest, AStepThatThrowsWhileItIsPlannedIsAProblemOfItsLineAndNothingRuns) {
  for (const bool in_check : {true, false}) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    Dut& dut = own.add_dut("C01", Role::compute_tray);
    own.expect(dut, ComponentKind::gpu, {"GPU_0"});
    own.step("x", std::make_unique<ThrowsWhenAsked>(in_check));
    const BenchResult result = own.run();
    ASSERT_EQ(result.problems.size(), 1U);
    EXPECT_EQ(result.problems.front().code, "plugin.threw");
    EXPECT_NE(result.problems.front().message.find("test.asked"), std::string::npos);
    EXPECT_TRUE(result.bodies<RunBegun>().empty());
  }
}

TEST_F(RunnerTest, AHangingStepEndsAtItsTimeout) {
  add("C01");
  bench.step("x", always("test.x", Does::hang)).timeout = 30s;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/x").code, "step.timeout");
  EXPECT_LT(result.elapsed_ns, Nanoseconds(31s).count());
}

TEST_F(RunnerTest, AFailedGateStopsItsDependentsOnThatDutOnly) {
  add("C01");
  add("C02");
  bench.recipe().phases.front().gate = true;
  bench.step("x", step("test.x",
                       [](const std::string& dut, int) { return dut == "C01" ? Does::fail : Does::pass; }));
  PhaseSpec later;
  later.name = "later";
  later.needs = {"main"};
  bench.recipe().phases.push_back(later);
  bench.step("y", always("test.y", Does::pass));
  auto& main_steps = bench.recipe().phases.front().steps;
  bench.recipe().phases.back().steps.push_back(main_steps.back());
  main_steps.pop_back();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("later/y", "C01").code, "gate.failed");
  EXPECT_EQ(result.ended("later/y", "C02").status, WorkStatus::complete);
  EXPECT_EQ(of(result, "C02"), Decision::go);
}

TEST_F(RunnerTest, ABarrierHoldsTheFastUntilTheSlowArriveAndADeadOneCountsAsArrived) {
  add("C01");
  add("C02");
  bench
      .step("slow", step("test.slow",
                         [](const std::string& dut, int) { return dut == "C01" ? Does::hang : Does::pass; }))
      .timeout = 60s;
  bench.step("x", always("test.x", Does::pass)).barrier_before = true;
  const BenchResult result = bench.run();
  std::int64_t first_begin = 0;
  for (const Event& event : result.events) {
    if (std::holds_alternative<StepBegun>(event.body) && event.step == "main/x" && first_begin == 0) {
      first_begin = event.at.monotonic_ns;
    }
  }
  EXPECT_GE(first_begin - result.events.front().at.monotonic_ns, Nanoseconds(60s).count());
  EXPECT_EQ(of(result, "C02"), Decision::go);
}

TEST_F(RunnerTest, ARackStepRunsOnceAndIsNotRunWithoutItsQuorum) {
  for (const bool stops : {false, true}) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    for (const char* id : {"C01", "C02"}) {
      Dut& dut = own.add_dut(id, Role::compute_tray);
      own.expect(dut, ComponentKind::gpu, {"GPU_0"});
      own.hardware(id).add_dry_detectors(1);
    }
    own.recipe().phases.front().gate = true;
    own.step("x", step("test.x", [stops](const std::string& dut, int) {
               return stops && dut == "C01" ? Does::fail : Does::pass;
             }));
    PhaseSpec later;
    later.name = "later";
    later.needs = {"main"};
    own.recipe().phases.push_back(later);
    own.step("together", std::make_unique<ScriptedStep>(
                             "test.rack", [](const std::string&, int) { return Does::pass; }, true));
    auto& main_steps = own.recipe().phases.front().steps;
    own.recipe().phases.back().steps.push_back(main_steps.back());
    main_steps.pop_back();
    const BenchResult result = own.run();
    if (stops) {
      EXPECT_EQ(result.ended("later/together").code, "rack.quorum_lost");
      EXPECT_EQ(of(result, "R01"), Decision::incomplete);
    } else {
      EXPECT_EQ(of(result, "R01"), Decision::go);
      EXPECT_EQ(*result.verdict.decision, Decision::go);
    }
  }
}

TEST_F(RunnerTest, AStepBehindABarrierWithAQuorumIsNotRunWhenItsPeersAreGone) {
  add("C01");
  add("C02");
  bench.recipe().phases.front().gate = true;
  bench.step("x", step("test.x",
                       [](const std::string& dut, int) { return dut == "C01" ? Does::fail : Does::pass; }));
  PhaseSpec later;
  later.name = "later";
  later.needs = {"main"};
  bench.recipe().phases.push_back(later);
  StepSpec& both = bench.step("y", always("test.y", Does::fail));
  both.barrier_before = true;
  both.quorum = 2;
  auto& main_steps = bench.recipe().phases.front().steps;
  bench.recipe().phases.back().steps.push_back(main_steps.back());
  main_steps.pop_back();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("later/y", "C02").code, "rack.quorum_lost");
  EXPECT_EQ(of(result, "C02"), Decision::incomplete) << "its peer's fault is not its own";
}

TEST_F(RunnerTest, GuardsAreUndoneNewestFirstAfterAnErrorAndAfterAStop) {
  for (const bool fails : {true, false}) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    Dut& dut = own.add_dut("C01", Role::compute_tray);
    own.expect(dut, ComponentKind::gpu, {"GPU_0"});
    own.shell("C01").answer("undo first", ShellAnswer(""));
    own.shell("C01").answer("undo second", ShellAnswer(""));
    own.step("x", std::make_unique<GuardedStep>(fails)).timeout = 48h;
    if (!fails) own.stop_at(10s);
    const BenchResult result = own.run();
    EXPECT_EQ(own.shell("C01").lines(), (std::vector<std::string>{"undo second", "undo first"}));
    EXPECT_EQ(of(result, "C01"), Decision::incomplete);
    ASSERT_EQ(result.journal.size(), 2U);
    for (const auto& entry : result.journal) {
      EXPECT_EQ(entry.state, GuardEnd::undone) << entry.undo.description;
      EXPECT_EQ(entry.undo.command, "undo " + entry.undo.description);
      EXPECT_EQ(entry.undo.dut, "C01");
      EXPECT_EQ(entry.undo.step, "main/x");
    }
    if (!fails) {
      EXPECT_EQ(exit_code(result.verdict), 130);
    }
  }
}

TEST_F(RunnerTest, AFailedUndoDoesNotStopTheOthersAndIsLoud) {
  Dut& dut = add("C01");
  (void)dut;
  bench.shell("C01").answer("undo first", ShellAnswer(""));
  bench.shell("C01").answer("undo second", ShellAnswer("", 7));
  bench.step("x", std::make_unique<GuardedStep>(true));
  const BenchResult result = bench.run();
  EXPECT_EQ(bench.shell("C01").lines().back(), "undo first");
  const auto& reasons = result.verdict.find("C01")->reasons;
  EXPECT_TRUE(std::any_of(reasons.begin(), reasons.end(),
                          [](const Reason& reason) { return reason.code == "undo.failed"; }));
  ASSERT_EQ(result.journal.size(), 2U);
  EXPECT_EQ(result.journal[0].state, GuardEnd::undone);
  EXPECT_EQ(result.journal[1].state, GuardEnd::failed) << "kept for kiln recover";
}

TEST_F(RunnerTest, AHostThatWasNeverReachedLeavesNothingToRecover) {
  add("C01");
  bench.shell("C01").answer("undo first", ShellAnswer("", 7));
  bench.shell("C01").answer("undo second", ShellAnswer("", 7));
  bench.shell("C01").never_connects();
  bench.step("x", std::make_unique<GuardedStep>(true));
  const BenchResult result = bench.run();
  ASSERT_EQ(result.journal.size(), 2U);
  for (const auto& entry : result.journal) EXPECT_EQ(entry.state, GuardEnd::not_needed);
  EXPECT_EQ(of(result, "C01"), Decision::incomplete) << "the record tells of the failed undo all the same";
}

TEST_F(RunnerTest, LoadOnAHostThatDoesNotAnswerHasEndedOnlyWhenItsPowerReadsOff) {
  for (const bool on : {true, false}) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    Dut& dut = own.add_dut("C01", Role::compute_tray);
    own.expect(dut, ComponentKind::gpu, {"GPU_0"});
    own.hardware("C01").power = on ? PowerState::on : PowerState::off;
    own.shell("C01").answer("undo first", ShellAnswer::never());
    own.shell("C01").answer("undo second", ShellAnswer::never());
    own.step("x", std::make_unique<GuardedStep>(true));
    const BenchResult result = own.run();
    ASSERT_EQ(result.journal.size(), 2U);
    for (const auto& entry : result.journal)
      EXPECT_EQ(entry.state, on ? GuardEnd::failed : GuardEnd::undone) << on;
  }
}

TEST_F(RunnerTest, WhatCannotBeJournaledIsNotDone) {
  add("C01");
  bench.step("x", std::make_unique<GuardedStep>(false));
  bench.fail_journal(Error("guard.not_writable", "the disk is gone"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/x").code, "guard.not_writable");
  EXPECT_TRUE(bench.shell("C01").lines().empty()) << "nothing was done, so nothing is undone";
  EXPECT_TRUE(result.bodies<GuardOpened>().empty());
  EXPECT_EQ(of(result, "C01"), Decision::incomplete);
}

TEST_F(RunnerTest, AnOpeningThatTheLedgerRefusesLeavesNothingOpen) {
  // A bench runs its steps once: each break has one of its own.
  const auto broken_after = [](std::size_t events) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    Dut& dut = own.add_dut("C01", Role::compute_tray);
    own.expect(dut, ComponentKind::gpu, {"GPU_0", "GPU_1"});
    own.step("x", std::make_unique<GuardedStep>(true));
    own.shell("C01").answer("undo first", ShellAnswer(""));
    own.shell("C01").answer("undo second", ShellAnswer(""));
    own.fail_ledger_after(events);
    return own.run();
  };
  constexpr std::size_t kNever = 1000;
  const BenchResult unbroken = broken_after(kNever);
  EXPECT_EQ(unbroken.bodies<PermitGranted>().size(), 2U) << "each stands behind the opening of its guard";
  EXPECT_EQ(unbroken.bodies<GuardOpened>().size(), 2U);
  ASSERT_LT(unbroken.events.size(), kNever);
  for (std::size_t events = 1; events < unbroken.events.size(); ++events) {
    const BenchResult result = broken_after(events);
    ASSERT_FALSE(result.events.empty());
    for (const auto& entry : result.journal) {
      EXPECT_FALSE(outstanding(entry.state)) << entry.undo.description << ", broken after event " << events;
    }
    for (const DutVerdict& dut : result.verdict.duts) {
      for (const Reason& reason : dut.reasons)
        EXPECT_NE(reason.code, "undo.failed") << reason.message << ", broken after event " << events;
    }
  }
}

TEST_F(RunnerTest, ABrokenLedgerEndsTheRunAfterTeardownAndIsNeverGo) {
  add("C01");
  bench.step("x", always("test.x", Does::pass));
  const std::size_t whole = bench.run().events.size();
  for (std::size_t events = 1; events < whole; ++events) {
    StepBench own;
    own.limit_equals("part.good", "", true);
    Dut& dut = own.add_dut("C01", Role::compute_tray);
    own.expect(dut, ComponentKind::gpu, {"GPU_0", "GPU_1"});
    own.step("x", always("test.x", Does::pass));
    own.fail_ledger_after(events);
    const BenchResult result = own.run();
    ASSERT_TRUE(result.verdict.decision.has_value()) << events;
    EXPECT_NE(*result.verdict.decision, Decision::go) << "record broken after event " << events;
  }
}

TEST_F(RunnerTest, RemovingAnyOneMeasurementNeverGivesGo) {
  add("C01");
  add("C02");
  bench.step("x", always("test.x", Does::pass));
  const BenchResult result = bench.run();
  ASSERT_EQ(*result.verdict.decision, Decision::go);
  int removed = 0;
  for (std::size_t skip = 0; skip < result.events.size(); ++skip) {
    if (!std::holds_alternative<Measured>(result.events[skip].body)) continue;
    std::vector<Event> events = result.events;
    events.erase(events.begin() + static_cast<std::ptrdiff_t>(skip));
    EXPECT_NE(*roll_up(events).decision, Decision::go);
    ++removed;
  }
  EXPECT_EQ(removed, 4);
}

TEST_F(RunnerTest, ARepeatedStepRunsAsOftenAsItSays) {
  add("C01");
  StepSpec& spec = bench.step("x", step("test.x", [](const std::string&, int) { return Does::pass; }));
  spec.repeat = 3;
  const BenchResult result = bench.run();
  EXPECT_EQ(result.bodies<StepBegun>().size(), 3U);
  EXPECT_EQ(of(result, "C01"), Decision::go);
}

}  // namespace
}  // namespace kiln
