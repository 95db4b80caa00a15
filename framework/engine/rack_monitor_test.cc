// A monitor that runs once for the rack: beside the work of all, on connections of its own, and what becomes
// of the loads beside it when it is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "testing/step_bench.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

/// Counts the rounds in which it could read every BMC of the rack, on a connection of its own.
class RackWatch final : public Step {
 public:
  RackWatch() {
    description_.use = "test.rack_watch";
    description_.rack_scope = true;
    description_.monitor = true;
    description_.bmc = {{BmcAbility::power_state, true, ""}};
    description_.measurements = {{"rack.rounds", "1", ComponentKind::whole_dut, true, "rack.bad", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    std::int64_t rounds = 0;
    while (!context.ctx().stopped()) {
      bool all = context.duts().size() == 2;
      for (const Dut* dut : context.duts()) {
        const Result<Bmc*> bmc = context.bmc_of(dut->id);
        if (!bmc) co_return bmc.error();
        const Result<PowerState> state = co_await (*bmc)->power_state(context.ctx());
        all = all && state;
      }
      rounds += all ? 1 : 0;
      const Status waited = co_await context.ctx().sleep_for(context.every());
      if (!waited) break;
    }
    Reading reading("rack.rounds", "", rounds, Source{"test", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

/// A load that holds by itself once it has been measured.
class ShortLoad final : public Step {
 public:
  explicit ShortLoad(std::string use) {
    description_.use = std::move(use);
    if (description_.use == "test.load") description_.energises = Energy::host_stress;
    description_.on_resume = ResumePolicy::keep;
    description_.measurements = {{"part.good", "", ComponentKind::gpu, true, "part.bad", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(10s);
    if (!waited) co_return waited;
    Reading reading("part.good", "GPU_0", true, Source{"test", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

TEST(RackMonitor, RunsOnceBesideTheWorkOfAllAndItsResultIsTheRacks) {
  StepBench bench;
  for (const char* id : {"C01", "C02"}) {
    Dut& dut = bench.add_dut(id, Role::compute_tray);
    bench.expect(dut, ComponentKind::gpu, {"GPU_0"});
  }
  bench.limit_equals("part.good", "", true);
  bench.limit_min("rack.rounds", "1", 5);
  bench.monitor("watch", std::make_unique<RackWatch>(), 1s);
  bench.step("work", std::make_unique<ShortLoad>("test.work")).timeout = 10s;
  const BenchResult result = bench.run();
  const Measured rounds = result.measured("rack.rounds");
  EXPECT_EQ(rounds.outcome, Outcome::pass);
  EXPECT_EQ(result.all_measured("rack.rounds").size(), 1U);
  const DutVerdict* rack = result.verdict.find("R01");
  ASSERT_NE(rack, nullptr);
  EXPECT_EQ(rack->counts.required, 1);
  EXPECT_EQ(result.ended("monitor/watch").status, WorkStatus::complete);
}

TEST(RackMonitor, IsRefusedOnEachDut) {
  StepBench bench;
  bench.add_dut("C01", Role::compute_tray);
  bench.limit_min("rack.rounds", "1", 5);
  bench.limit_equals("part.good", "", true);
  MonitorSpec& spec = bench.monitor("watch", std::make_unique<RackWatch>(), 1s);
  spec.duts.roles.clear();
  spec.duts.all = true;
  bench.step("work", std::make_unique<ShortLoad>("test.work"));
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_EQ(result.problems.front().code, "plan.scope");
}

struct WatchedLoad {
  explicit WatchedLoad(bool watched) {
    for (const char* id : {"C01", "C02"}) {
      Dut& dut = bench.add_dut(id, Role::compute_tray);
      bench.expect(dut, ComponentKind::gpu, {"GPU_0"});
    }
    bench.limit_equals("part.good", "", true);
    bench.limit_min("rack.rounds", "1", 5);
    if (watched) bench.monitor("watch", std::make_unique<RackWatch>(), 1s);
    bench.step("load", std::make_unique<ShortLoad>("test.load"));
    bench.step("after", std::make_unique<ShortLoad>("test.after"));
  }
  static std::size_t begun(const BenchResult& result) {
    return static_cast<std::size_t>(
        std::count_if(result.events.begin(), result.events.end(), [](const Event& event) {
          return std::holds_alternative<StepBegun>(event.body) && event.step == "main/load";
        }));
  }
  StepBench bench;
};

TEST(RackMonitor, ALoadIsDoneAgainWhenWhatTheRacksWatchCountedBesideItIsLost) {
  for (const bool watched : {true, false}) {
    const BenchResult whole = WatchedLoad(watched).bench.run();
    std::size_t loads_over = 0;
    for (std::size_t i = 0; i < whole.events.size(); ++i) {
      const Event& event = whole.events[i];
      if (std::holds_alternative<StepEnded>(event.body) && event.step == "main/load") loads_over = i + 1;
    }
    ASSERT_GT(loads_over, 0U);
    WatchedLoad first(watched);
    const BenchResult before = first.bench.die_after(loads_over);
    WatchedLoad second(watched);
    const BenchResult after = second.bench.resume(before);
    EXPECT_EQ(WatchedLoad::begun(after), watched ? 4U : 2U) << "on each of two trays";
  }
}

}  // namespace
}  // namespace kiln
