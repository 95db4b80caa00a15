#include "engine/undo.h"

#include <gtest/gtest.h>

#include "model/off_reading.h"
#include "testing/fake_bmc.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A tray that is forced off by its run, or by kiln recover.
struct UndoTest : testing::Test {
  void run(bool on_may_come) {
    loop->run([this, on_may_come](Ctx& ctx) { return perform(ctx, on_may_come); });
  }
  awaitable<void> perform(Ctx& ctx, bool on_may_come) {
    const std::int64_t begun_ns = ctx.now().monotonic_ns;
    const Ctx limited = ctx.child_within("force off", 10s);
    const Result<std::string> off = co_await force_off_and_read_back(limited, bmc, "C01", on_may_come);
    took = Nanoseconds(ctx.now().monotonic_ns - begun_ns);
    said = off ? *off : off.error().code;
    const Status later = co_await ctx.sleep_for(30s);
    (void)later;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  std::shared_ptr<FakeHardware> hardware = std::make_shared<FakeHardware>();
  FakeBmc bmc{hardware};
  std::string said;
  Nanoseconds took{0};
};

TEST_F(UndoTest, WhatIsOnIsOffAtOnce) {
  hardware->power = PowerState::on;
  run(false);
  EXPECT_EQ(said, "read back Off");
  EXPECT_LE(took, 100ms);
}

TEST_F(UndoTest, AnOnUnderWayIsForcedOffWhenItComes) {
  loop->call_at(loop->clock().now().monotonic_ns + Nanoseconds(1s).count(),
                [this] { hardware->power = PowerState::on; });
  run(true);
  EXPECT_EQ(hardware->power, PowerState::off);
  EXPECT_NE(said.find("came on after it had read Off"), std::string::npos) << said;
}

TEST_F(UndoTest, WhereAnOnMayComeOffMustLast) {
  run(true);
  EXPECT_EQ(said, "read back Off, and stayed so for 5s");
  EXPECT_GE(took, kOffSettles);
}

TEST_F(UndoTest, WhatIgnoresForceOffIsNotConfirmed) {
  hardware->power = PowerState::on;
  hardware->ignores_force_off = true;
  run(true);
  EXPECT_EQ(said, "undo.not_confirmed");
}

/// Switches on, loads, and holds it for a minute; power outlives it.
class LoadedMinute final : public Step {
 public:
  LoadedMinute() {
    description_.use = "test.loaded_minute";
    description_.energises = Energy::load;
    description_.measurements = {{"minute", "", ComponentKind::whole_dut, true, "minute.failed", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    Undo off(Undo::Kind::force_off, "force off " + context.dut().id);
    off.lifetime = Undo::Lifetime::run;
    const Result<int> power = co_await context.open_guard(std::move(off));
    if (!power) co_return power.error();
    const Result<Permit> permit = context.permit(Energy::power, "minute");
    if (!permit) co_return permit.error();
    const Result<Bmc*> bmc = context.bmc();
    const Status on = co_await (*bmc)->power_on(context.ctx(), *permit);
    if (!on) co_return on;
    Undo end(Undo::Kind::shell_command, "stop load on " + context.dut().id);
    end.command = "end-load";
    const Result<int> load = co_await context.open_guard(std::move(end));
    if (!load) co_return load.error();
    std::string connector = "Chassis_0/0";
    const Status closed = co_await (*bmc)->close_valve(context.ctx(), std::move(connector));
    std::string said = closed ? "closed a valve" : closed.error().code;
    const Status noted = co_await context.note(std::move(said));
    if (!noted) co_return noted;
    const Status held = co_await context.ctx().sleep_for(60s);
    if (!held) co_return held;
    Reading reading("minute", "", true, Source{"computed", "minute"});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

/// Tries what energises, with permits and without a guard; notes what became of each.
class Unguarded final : public Step {
 public:
  explicit Unguarded(Energy energy) : energy_(energy) {
    description_.use = "test.unguarded";
    description_.energises = energy;
    description_.measurements = {{"tried", "", ComponentKind::whole_dut, true, "tried.failed", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Result<Permit> permit = context.permit(energy_, "test");
    if (!permit) co_return permit.error();
    const Result<Bmc*> bmc = context.bmc();
    Status done = success();
    std::string part = "GPU_0";
    if (energy_ == Energy::power) {
      done = co_await (*bmc)->power_on(context.ctx(), *permit);
    } else if (energy_ == Energy::power_limit) {
      const Result<double> was =
          co_await (*bmc)->raise_power_limit(context.ctx(), *permit, std::move(part), 1400);
      if (!was) done = was.error();
    } else {
      done = co_await (*bmc)->open_valve(context.ctx(), *permit, std::move(part));
    }
    std::string said = done ? "done" : done.error().code;
    const Status noted = co_await context.note(std::move(said));
    co_return noted;
  }

 private:
  StepDescription description_;
  Energy energy_;
};

TEST(StepBmcTest, WhatNobodyCouldUndoIsNotDone) {
  for (const Energy energy : {Energy::power, Energy::power_limit, Energy::valve}) {
    StepBench bench;
    bench.add_dut("C01", Role::compute_tray);
    bench.limit_equals("tried", "", true);
    bench.step("try", std::make_unique<Unguarded>(energy));
    const BenchResult result = bench.run();
    ASSERT_EQ(result.bodies<Note>().size(), 1U)
        << to_string(energy) << ": " << result.ended("main/try", "C01").message;
    EXPECT_EQ(result.bodies<Note>()[0].text, "guard.missing") << to_string(energy);
    EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
    EXPECT_TRUE(bench.hardware("C01").valves.empty());
  }
}

struct EndOfLoad : testing::Test {
  EndOfLoad() {
    bench.add_dut("C01", Role::compute_tray);
    bench.limit_equals("minute", "", true);
    bench.step("minute", std::make_unique<LoadedMinute>()).timeout = 5min;
  }
  /// Of the undo of the load, as the record has it.
  static GuardClosed closed(const BenchResult& result) {
    for (const GuardClosed& event : result.bodies<GuardClosed>())
      if (event.undo == "stop load on C01") return event;
    ADD_FAILURE() << "the undo is not on record";
    return {};
  }
  StepBench bench;
};

TEST_F(EndOfLoad, AHostThatHangsIsSwitchedOffWhenItsWorkWasStopped) {
  bench.shell("C01").answer("end-load", ShellAnswer::never());
  bench.stop_at(20s);
  bench.at(25s, [this] { EXPECT_EQ(bench.hardware("C01").power, PowerState::off) << "load off within 5 s"; });
  const BenchResult result = bench.run();
  EXPECT_TRUE(closed(result).done);
  EXPECT_EQ(closed(result).message, "its host did not answer; its power reads back Off");
  for (const MemoryJournal::Entry& entry : result.journal)
    EXPECT_EQ(entry.state, GuardEnd::undone) << entry.undo.description;
  for (const Reason& reason : result.verdict.find("C01")->reasons) EXPECT_NE(reason.code, "undo.failed");
}

TEST_F(EndOfLoad, NoValveIsClosedUnderLoad) {
  bench.shell("C01").answer("end-load", ShellAnswer(""));
  const BenchResult result = bench.run();
  ASSERT_EQ(result.bodies<Note>().size(), 1U);
  EXPECT_EQ(result.bodies<Note>()[0].text, "valve.under_load");
  EXPECT_TRUE(bench.hardware("C01").valves.empty());
}

TEST_F(EndOfLoad, AHostThatAnswersInTimeEndsItItself) {
  bench.shell("C01").answer("end-load", ShellAnswer("").after(2s));
  bench.stop_at(20s);
  const BenchResult result = bench.run();
  EXPECT_TRUE(closed(result).done);
  EXPECT_EQ(closed(result).message, "");
}

TEST_F(EndOfLoad, ARunThatGoesOnWaitsForItsHost) {
  bench.shell("C01").answer("end-load", ShellAnswer("").after(8s));
  bench.at(66s, [this] { EXPECT_EQ(bench.hardware("C01").power, PowerState::on); });
  EXPECT_EQ(bench.run().verdict.find("C01")->decision, Decision::go);
}

TEST_F(EndOfLoad, WherePowerStaysOnTooTheHostIsAskedToTheEnd) {
  bench.shell("C01").answer("end-load", ShellAnswer("").after(9s));
  bench.hardware("C01").ignores_force_off = true;
  bench.stop_at(20s);
  const BenchResult result = bench.run();
  EXPECT_FALSE(result.bodies<GuardClosed>().empty());
  bool says_power = false;
  for (const Reason& reason : result.verdict.find("C01")->reasons) says_power |= reason.code == "undo.failed";
  EXPECT_TRUE(says_power) << "the power is what was not undone";
}

}  // namespace
}  // namespace kiln
