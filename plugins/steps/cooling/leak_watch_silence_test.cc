// The leak watch of a DUT whose BMC is away by plan, because its own firmware is being written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::HasSubstr;

/// Writes firmware that takes the BMC away for a while.
class TakesItsBmcAway final : public Step {
 public:
  Nanoseconds planned = 10min, away = 3min, read_again_within = 3min;
  bool plans = true, ends = true;
  std::shared_ptr<FakeHardware> hardware;
  std::shared_ptr<std::vector<std::string>> codes = std::make_shared<std::vector<std::string>>();

  TakesItsBmcAway() {
    description_.use = "test.away";
    description_.energises = Energy::flash;
    description_.default_timeout = 2h;
    description_.measurements = {{"written", "", ComponentKind::whole_dut, true, "write.failed", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Status armed = co_await context.ctx().sleep_for(3s);
    if (!armed) co_return armed;
    const Result<Permit> permit = context.permit(Energy::flash, "write");
    if (!permit) co_return permit.error();
    std::function<awaitable<Status>(Ctx&, Bmc&)> work = [this, &context](Ctx& ctx, Bmc& /*bmc*/) {
      return write(context, ctx);
    };
    const Status done = co_await context.flash("BMC", 1h, std::move(work));
    if (!done) codes->push_back(done.error().code);
    if (!done) co_return done;
    const Result<Permit> power = context.permit(Energy::power, "afterwards");
    codes->push_back(power ? "permitted" : power.error().code);
    Reading reading("written", "", true, Source{"test", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  awaitable<Status> write(StepContext& context, Ctx& ctx) {
    if (plans) {
      const Status borne = co_await context.begin_silence(ctx, planned);
      if (!borne) co_return borne;
    }
    FakeHardware& bmc = *hardware;
    bmc.unreachable = Error("http.connect", "no connection to the BMC");
    const Status gone = co_await ctx.sleep_for(away);
    bmc.unreachable.reset();
    if (!gone) co_return gone;
    if (!ends) co_return success();
    const Ctx waiting = ctx.child_within("dry again", read_again_within);
    const Status again = co_await context.end_silence(waiting);
    co_return again;
  }
  StepDescription description_;
};

struct LeakWatchSilence : testing::Test {
  LeakWatchSilence() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    bench.expect(tray, ComponentKind::leak_detector, {"Detector_0", "Detector_1"});
    hardware().add_dry_detectors(2);
    bench.limit_equals("leak_watch.state", "", std::string("dry"));
    bench.limit_equals("written", "", true);
    bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
    auto own = std::make_unique<TakesItsBmcAway>();
    step = own.get();
    step->hardware = std::shared_ptr<FakeHardware>(&hardware(), [](FakeHardware*) {});
    codes = step->codes;
    bench.step("write", std::move(own)).timeout = 2h;
  }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  LeakDetectorAnswer& detector(std::size_t index) { return hardware().leaks.detectors[index].answer; }
  static double seconds(const BenchResult& result, const std::string& name) {
    return std::get<double>(result.measured(name, "").value);
  }
  static Decision decision(const BenchResult& result) { return result.verdict.find("C01")->decision; }
  static std::string interlock(const BenchResult& result) {
    const auto cuts = result.bodies<Interlocked>();
    return cuts.empty() ? "" : cuts.front().code;
  }
  StepBench bench;
  TakesItsBmcAway* step = nullptr;
  std::shared_ptr<std::vector<std::string>> codes;
};

TEST_F(LeakWatchSilence, ABmcThatIsAwayByPlanIsBorneAndTold) {
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_EQ(interlock(result), "");
  EXPECT_THAT(*codes, testing::ElementsAre("permitted"));
  EXPECT_NEAR(seconds(result, "leak_watch.planned_silence"), 180.0, 5.0);
  EXPECT_LT(seconds(result, "leak_watch.gap"), 2.5);
  std::vector<std::string> told;
  for (const Disturbance& one : result.bodies<Disturbance>()) {
    if (one.code == "leak_watch.planned_silence") told.push_back(one.message);
  }
  ASSERT_EQ(told.size(), 2U);
  EXPECT_THAT(told[0], HasSubstr("may be away for 10m while BMC is written"));
  EXPECT_THAT(told[1], HasSubstr("every leak detector of C01 is read, and dry"));
}

TEST_F(LeakWatchSilence, WithoutAPlanItIsCut) {
  step->plans = false;
  const BenchResult result = bench.run();
  EXPECT_EQ(interlock(result), "interlock.telemetry-lost");
  EXPECT_EQ(decision(result), Decision::incomplete);
}

TEST_F(LeakWatchSilence, OneThatStaysAwayForLongerIsCut) {
  step->planned = 2min;
  step->away = 20min;
  const BenchResult result = bench.run();
  EXPECT_EQ(interlock(result), "interlock.telemetry-lost");
  const auto cuts = result.bodies<Interlocked>();
  ASSERT_FALSE(cuts.empty());
  EXPECT_THAT(cuts.front().message, HasSubstr("could not be read for 2m"));
}

TEST_F(LeakWatchSilence, ALeakThatIsReadMeanwhileCuts) {
  step->away = 1s;
  step->read_again_within = 20min;
  bench.at(3500ms, [this] { detector(0).detector_state = "Critical"; });
  const BenchResult result = bench.run();
  EXPECT_EQ(interlock(result), "leak.detected");
  EXPECT_EQ(decision(result), Decision::no_go);
}

TEST_F(LeakWatchSilence, WhatTheRestartedBmcSaysOfADetectorIsNoFault) {
  step->away = 1min;
  bench.at(10s, [this] { detector(1).state = "Absent"; });
  bench.at(100s, [this] { detector(1).state = "Enabled"; });
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::go);
  EXPECT_NEAR(seconds(result, "leak_watch.planned_silence"), 60.0, 5.0);
}

TEST_F(LeakWatchSilence, ADetectorThatStaysAwayAfterwardsIsNotBorne) {
  step->away = 1min;
  bench.at(10s, [this] { detector(1).state = "Absent"; });
  const BenchResult result = bench.run();
  EXPECT_NE(decision(result), Decision::go);
  EXPECT_EQ(codes->front(), "silence.not_read_again");
  EXPECT_EQ(interlock(result), "interlock.telemetry-lost");
}

TEST_F(LeakWatchSilence, ItEndsWithTheWrite) {
  step->ends = false;
  const BenchResult result = bench.run();
  EXPECT_THAT(*codes, testing::ElementsAre("permit.no_leak_watch")) << "nothing was read yet at that moment";
  EXPECT_EQ(interlock(result), "") << "it is read within the grace";
}

TEST_F(LeakWatchSilence, NothingThatIsOnGoesUnwatched) {
  hardware().power = PowerState::on;
  const BenchResult result = bench.run();
  EXPECT_EQ(codes->front(), "silence.on");
  EXPECT_EQ(interlock(result), "");
}

TEST_F(LeakWatchSilence, NoneIsPlannedForLongerThanTheLongest) {
  step->planned = 16min;
  const BenchResult result = bench.run();
  EXPECT_EQ(codes->front(), "silence.too_long");
}

TEST_F(LeakWatchSilence, TheWardenDecides) {
  WatchReport ready;
  ready.dut = "C01";
  ready.ready = true;
  bench.warden_at(0s, [ready](Runner& runner) { runner.warden_watch(ready); });
  bench.on_silence([](Runner& runner, const SilenceReport& asked) {
    SilenceReport report = asked;
    report.state = SilenceReport::State::refused;
    report.why = "C01: it is on, and no detector is masked then";
    runner.warden_silenced(report);
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(codes->front(), "silence.refused");
  EXPECT_EQ(interlock(result), "");
}

TEST_F(LeakWatchSilence, ALateWordAboutAnotherOneDecidesNothing) {
  WatchReport ready;
  ready.dut = "C01";
  ready.ready = true;
  bench.warden_at(0s, [ready](Runner& runner) { runner.warden_watch(ready); });
  bench.on_silence([](Runner& runner, const SilenceReport& asked) {
    runner.warden_silenced(asked);
    SilenceReport late = asked;
    late.number = asked.number - 1;
    late.state = SilenceReport::State::ended;
    late.why = "C01: the station reads it again";
    runner.warden_silenced(late);
  });
  const BenchResult result = bench.run();
  EXPECT_NE(codes->front(), "silence.refused");
  EXPECT_EQ(interlock(result), "");
}

TEST_F(LeakWatchSilence, AWardenThatDoesNotAnswerIsNoLeave) {
  WatchReport ready;
  ready.dut = "C01";
  ready.ready = true;
  bench.warden_at(0s, [ready](Runner& runner) { runner.warden_watch(ready); });
  bench.on_silence([](Runner&, const SilenceReport&) {});
  const BenchResult result = bench.run();
  EXPECT_EQ(codes->front(), "silence.no_answer");
}

TEST_F(LeakWatchSilence, ItIsOverOnlyWhenTheWardenReadsItToo) {
  WatchReport ready;
  ready.dut = "C01";
  ready.ready = true;
  WatchReport blind = ready;
  blind.ready = false;
  blind.why = "C01: its leak detectors were not read within 2s";
  bench.warden_at(0s, [ready](Runner& runner) { runner.warden_watch(ready); });
  bench.warden_at(30s, [blind](Runner& runner) { runner.warden_watch(blind); });
  bench.warden_at(250s, [ready](Runner& runner) { runner.warden_watch(ready); });
  std::vector<std::pair<bool, std::int64_t>> asked_for;
  bench.on_silence([&asked_for](Runner& runner, const SilenceReport& asked) {
    asked_for.emplace_back(asked.state == SilenceReport::State::on, asked.since_ns);
    runner.warden_silenced(asked);
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(decision(result), Decision::go);
  ASSERT_EQ(asked_for.size(), 2U);
  EXPECT_TRUE(asked_for[0].first);
  EXPECT_FALSE(asked_for[1].first);
  EXPECT_NEAR(static_cast<double>(asked_for[1].second - asked_for[0].second) / 1e9, 247.0, 2.0);
}

}  // namespace
}  // namespace kiln
