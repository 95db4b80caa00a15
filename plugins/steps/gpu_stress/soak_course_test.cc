#include <cmath>

#include "soak_bench_for_test.h"
#include "steady.h"

namespace kiln::gpu_stress {
namespace {

Trace trace_of(const std::vector<double>& values) {
  Trace trace;
  for (std::size_t i = 0; i < values.size(); ++i)
    trace.push_back({static_cast<std::int64_t>(i) * 1'000'000'000, values[i]});
  return trace;
}

TEST(Steady, TheSlopeIsTheOneOfAllPoints) {
  Trace rising;
  for (int i = 0; i <= 60; ++i) rising.push_back({i * 1'000'000'000LL, 40 + i * 0.05});
  EXPECT_NEAR(*slope_per_minute(rising), 3.0, 1e-9);
  EXPECT_FALSE(slope_per_minute(trace_of({40, 41})));
  const Trace at_once{{5, 1}, {5, 2}, {5, 3}};
  EXPECT_FALSE(slope_per_minute(at_once));
}

TEST(Steady, AWindowWithAGapInItIsNotJudged) {
  Trace trace = trace_of({60, 60, 60, 60});
  for (int i = 20; i < 24; ++i) trace.push_back({i * 1'000'000'000LL, 60});
  const SteadyState late = find_steady(trace, {0.5, 5'000'000'000, 5'000'000'000, 30'000'000'000});
  EXPECT_FALSE(late.judged_ns) << "never five seconds in one piece";
  // Values that come slower than once a second do not make a window too short to be judged.
  Trace slow;
  for (int i = 0; i < 12; ++i) slow.push_back({i * 1'300'000'000LL, 60});
  EXPECT_TRUE(find_steady(slow, {0.5, 3'000'000'000, 3'000'000'000, 30'000'000'000}).at_ns);
}

TEST(Steady, IsFoundWhereTheWarmUpEndsAndNotBefore) {
  Trace warming;
  for (int i = 0; i <= 300; ++i) warming.push_back({i * 1'000'000'000LL, 65 - 40 * std::exp(-i / 20.0)});
  const SteadyRule rule{0.5, 30'000'000'000, 30'000'000'000, 300'000'000'000};
  const SteadyState state = find_steady(warming, rule);
  ASSERT_TRUE(state.at_ns);
  // The slope of exp(-t/20) * 40 K falls to 0.5 K/min at t = 20 s * ln(240) = 110 s.
  EXPECT_GT(*state.at_ns, 110'000'000'000);
  EXPECT_LT(*state.at_ns, 150'000'000'000);
  SteadyRule impatient = rule;
  impatient.latest_ns = 60'000'000'000;
  const SteadyState never = find_steady(warming, impatient);
  EXPECT_FALSE(never.at_ns);
  EXPECT_EQ(never.judged_ns, 60'000'000'000);
  EXPECT_GT(*never.last_slope, 0.5);
  EXPECT_FALSE(find_steady({}, rule).judged_ns);
}

TEST(Steady, FallingIsNoStandEither) {
  Trace falling;
  for (int i = 0; i <= 60; ++i) falling.push_back({i * 1'000'000'000LL, 65 - i * 0.1});
  EXPECT_FALSE(find_steady(falling, {0.5, 30'000'000'000, 30'000'000'000, 60'000'000'000}).at_ns);
}

TEST(Share, CountsSamplesAndTheLongestTimeBelow) {
  const Share share = share_at_least(trace_of({9, 9, 1, 1, 1, 9, 1, 9, 9, 9}), 5, 0, 9'000'000'000);
  EXPECT_EQ(share.samples, 10U);
  EXPECT_DOUBLE_EQ(share.percent, 60);
  EXPECT_DOUBLE_EQ(share.longest_s, 3);
  EXPECT_DOUBLE_EQ(share_at_least(trace_of({9, 9, 1}), 5, 0, 6'000'000'000).longest_s, 4) << "to the end";
  EXPECT_EQ(share_at_least({}, 5, 0, 1).samples, 0U);
}

TEST(Spread, NeedsThreeToTellTheOddOne) {
  EXPECT_TRUE(distances({{"a", 1}, {"b", 9}}).empty());
  const auto found = distances({{"a", 60}, {"b", 61}, {"c", 75}, {"d", 59}});
  EXPECT_DOUBLE_EQ(found.at("c"), 14.5);
  EXPECT_DOUBLE_EQ(found.at("a"), 0.5);
}

TEST(Replays, AreAllowedByRateLanesAndTime) {
  EXPECT_DOUBLE_EQ(*replay_budget(5, 16, 1), 31) << "30.72 a minute";
  EXPECT_DOUBLE_EQ(*replay_budget(6, 16, 1), 62);
  EXPECT_DOUBLE_EQ(*replay_budget(1, 1, 1), 1);
  EXPECT_FALSE(replay_budget(0, 16, 1));
  EXPECT_FALSE(replay_budget(7, 16, 1));
  EXPECT_FALSE(replay_budget(5, 0, 1));
  EXPECT_FALSE(replay_budget(5, 16, 0));
}

struct CourseTest : SoakTest {
  /// Two more, so that there is a median.
  void four() {
    add_gpu("GPU_2", "1640000000003");
    add_gpu("GPU_3", "1640000000004");
    driver.push_back({"0000000a:01:00.0", "1640000000003", "GPU-c"});
    driver.push_back({"0000000b:01:00.0", "1640000000004", "GPU-d"});
  }
  void warm_for_ever(std::size_t gpu, double per_second) {
    for (int second = 1; second < 70; ++second) {
      bench.at(std::chrono::seconds(second),
               [this, gpu, per_second] { *hardware().gpus[gpu].temperature += per_second; });
    }
  }
};

TEST_F(CourseTest, AGpuThatNeverComesToAStandFailsAlthoughItIsNotHot) {
  warm_for_ever(1, 0.1);  // 6 K/min: 71 Cel at the end
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  const Measured measured = result.measured("gpu.steady", "GPU_1");
  EXPECT_EQ(measured.outcome, Outcome::fail);
  EXPECT_EQ(measured.fault_code, "gpu.not_steady");
  EXPECT_NE(measured.action.find("+6.0 K/min"), std::string::npos) << measured.action;
  EXPECT_EQ(result.measured("gpu.temperature.max", "GPU_1").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("gpu.steady", "GPU_0").outcome, Outcome::pass);
}

TEST_F(CourseTest, MeansCountFromTheSteadyStateOn) {
  hardware().gpus[1].temperature = 45;
  for (int second = 1; second <= 20; ++second)
    bench.at(std::chrono::seconds(second), [this] { *hardware().gpus[1].temperature += 1; });
  const BenchResult result = soak();
  EXPECT_GE(std::get<double>(result.measured("gpu.steady.after", "GPU_1").value), 25);
  EXPECT_NEAR(std::get<double>(result.measured("gpu.thermal_resistance", "GPU_1").value), 40.0 / 1350, 1e-3);
}

TEST_F(CourseTest, WithoutTemperaturesThereIsNoSteadyStateAndNoPass) {
  hardware().gpus[1].temperature.reset();
  driver[1].temperature = "N/A";
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.steady", "GPU_1").outcome, Outcome::unset);
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(CourseTest, TemperaturesThatEndInTheWarmUpProveNoFault) {
  warm_for_ever(1, 0.1);
  bench.at(30s, [this] {
    hardware().gpus[1].temperature.reset();
    driver[1].temperature = "N/A";
  });
  for (int second = 31; second < 70; ++second)
    bench.at(std::chrono::seconds(second), [this] { hardware().gpus[1].temperature.reset(); });
  EXPECT_EQ(soak().measured("gpu.steady", "GPU_1").outcome, Outcome::unset);
}

TEST_F(CourseTest, ASagOfSecondsIsNoGoAlthoughTheMeanIsGood) {
  bench.at(40s, [this] { hardware().gpus[1].power = 1100; });
  bench.at(43s, [this] { hardware().gpus[1].power = 1350; });
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("gpu.power.share", "GPU_1").fault_code, "gpu.power_sagged");
  EXPECT_EQ(result.measured("gpu.power.mean", "GPU_1").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("gpu.power.dip", "GPU_1").outcome, Outcome::pass) << "3 s are less than 5 s";
  EXPECT_EQ(result.measured("gpu.power.share", "GPU_0").outcome, Outcome::pass);
}

TEST_F(CourseTest, PowerThatNobodyReadsAnyMoreIsNoProofOfTheRest) {
  for (auto& gpu : driver) gpu.power = "N/A";
  for (int second = 20; second < 70; ++second)
    bench.at(std::chrono::seconds(second), [this] { hardware().gpus[1].power.reset(); });
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.power.share", "GPU_1").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("gpu.power.share", "GPU_0").outcome, Outcome::pass);
}

TEST_F(CourseTest, WithoutAPowerLimitTheShareHasNoValue) {
  for (auto& gpu : driver) gpu.power_limit = "N/A";
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.power.share", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(CourseTest, TheOddOneOfATrayFailsByItsClock) {
  four();
  hardware().gpus[2].clock_mhz = 1780;  // above the limit of 1700 MHz, 7 % below the others
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.clock.spread", "GPU_2").fault_code, "gpu.odd_one_out");
  EXPECT_EQ(result.measured("gpu.clock.min", "GPU_2").outcome, Outcome::pass);
  for (const char* other : {"GPU_0", "GPU_1", "GPU_3"})
    EXPECT_EQ(result.measured("gpu.clock.spread", other).outcome, Outcome::pass) << other;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(CourseTest, TwoGpusHaveNoSpread) {
  const BenchResult result = soak();
  const Measured measured = result.measured("gpu.power.spread", "GPU_0");
  EXPECT_EQ(to_text(measured.value), to_text(Value{}));
  EXPECT_FALSE(measured.reason.empty());
}

TEST_F(CourseTest, ReplaysBeyondTheBudgetOfTheLinkAreNoGo) {
  // A little over a minute of generation 6 with 16 lanes: 61.44 for each minute.
  bench.at(30s, [this] { driver[0].replays = "60"; });
  bench.at(30s, [this] { driver[1].replays = "200"; });
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("gpu.pcie.replays", "GPU_1").fault_code, "gpu.pcie_replays");
  EXPECT_EQ(result.measured("gpu.pcie.replays", "GPU_0").outcome, Outcome::pass);
}

TEST_F(CourseTest, AReplayCounterThatFellHasNoValue) {
  bench.at(30s, [this] { driver[1].replays = "0"; });
  const Measured measured = soak().measured("gpu.pcie.replays", "GPU_1");
  EXPECT_EQ(measured.outcome, Outcome::unset);
  EXPECT_NE(measured.reason.find("reset"), std::string::npos) << measured.reason;
}

TEST_F(CourseTest, ALinkThatIsSlowOnlyWhileItIdlesIsGood) {
  driver[0].generation = driver[1].generation = "1";
  bench.at(3s, [this] { driver[0].generation = "6"; });
  bench.at(58s, [this] { driver[0].generation = "1"; });
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.pcie.generation", "GPU_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("gpu.pcie.generation", "GPU_1").fault_code, "gpu.pcie_generation");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(CourseTest, AWindowThatDoesNotFitIsRefusedBeforeAnythingIsLoaded) {
  bench.step("load", plugin_step("gpu_stress.soak"),
             {{"for", "60s"}, {"settle", "10s"}, {"slope_window", "60s"}});
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_EQ(result.problems.front().code, "gpu_stress.steady_rule");
}

}  // namespace
}  // namespace kiln::gpu_stress
