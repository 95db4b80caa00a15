#include "soak_bench_for_test.h"
#include "steady.h"

namespace kiln::gpu_stress {
namespace {

struct PowerStepsTest : SoakTest {
  PowerStepsTest() {
    for (auto& gpu : hardware().gpus) {
      gpu.power = 150;
      gpu.temperature = 30;
    }
    for (auto& gpu : driver) gpu.temperature = "30 C";
    bench.limit_max("gpu.step.rise", "s", 10);
    bench.limit_max("gpu.step.fall", "s", 10);
    bench.limit_max("gpu.cool_down", "K", 5);
    shell().answer_with(kBurstPattern, [this](const Command&) {
      ++bursts;
      if (hangs) return ShellAnswer("", 124).after(80s);
      set_all(1350, 60);
      return ShellAnswer(burst_output).after(20s);
    });
  }
  void set_all(double watts, double degrees) {
    for (auto& gpu : hardware().gpus) {
      gpu.power = watts;
      gpu.temperature = degrees;
    }
  }
  /// Bursts of 20 s from 0, 30 and 60 s on; the last rest is 40 s.
  BenchResult steps() {
    for (const auto end : {20s, 50s, 80s}) {
      bench.at(end + 1s, [this] {
        set_all(150, 30);
        if (sticky) hardware().gpus[1].temperature = 45;
        if (hung) hardware().gpus[1].power = 900;
      });
      bench.at(end - 18s, [this] {
        if (weak) hardware().gpus[1].power = 600;
      });
    }
    bench.step("steps", plugin_step("gpu_stress.power_steps"),
               {{"burst", "20s"}, {"rest", "10s"}, {"cool_down", "40s"}});
    return bench.run();
  }
  static constexpr const char* kBurstPattern = "^timeout --signal=TERM --kill-after=5 80 gpu_burn 20$";
  std::string burst_output = burn_output();
  int bursts = 0;
  bool sticky = false, hung = false, weak = false, hangs = false;
};

TEST(Reaches, TellsTheFirstMomentOnTheAskedSide) {
  const Trace trace{{0, 100}, {1'000'000'000, 500}, {2'000'000'000, 900}, {3'000'000'000, 100}};
  EXPECT_DOUBLE_EQ(*reaches(trace, 800, true, 0, 3'000'000'000), 2);
  EXPECT_DOUBLE_EQ(*reaches(trace, 200, false, 1'000'000'000, 3'000'000'000), 2);
  EXPECT_FALSE(reaches(trace, 1000, true, 0, 3'000'000'000));
  EXPECT_FALSE(reaches(trace, 800, true, 0, 1'000'000'000));
}

TEST_F(PowerStepsTest, AGoodTrayFollowsEachStepAndCoolsDown) {
  const BenchResult result = steps();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go) << result.ended("main/steps").message;
  EXPECT_EQ(bursts, 3);
  EXPECT_LT(std::get<double>(result.measured("gpu.step.rise", "GPU_0").value), 3);
  EXPECT_LT(std::get<double>(result.measured("gpu.step.fall", "GPU_0").value), 4);
  EXPECT_NEAR(std::get<double>(result.measured("gpu.cool_down", "GPU_0").value), 0, 0.5);
  EXPECT_EQ(times_run(kUndo), 0);
}

TEST_F(PowerStepsTest, AGpuThatStaysWarmIsNoGo) {
  sticky = true;
  const BenchResult result = steps();
  EXPECT_EQ(result.measured("gpu.cool_down", "GPU_1").fault_code, "gpu.stays_warm");
  EXPECT_EQ(result.measured("gpu.cool_down", "GPU_0").outcome, Outcome::pass);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(PowerStepsTest, PowerThatDoesNotFallIsNoGoWhateverTheLimit) {
  hung = true;
  const BenchResult result = steps();
  const Measured measured = result.measured("gpu.step.fall", "GPU_1");
  EXPECT_EQ(measured.fault_code, "gpu.power_step");
  EXPECT_GE(std::get<double>(measured.value), 600) << "beyond any limit that is plausible";
}

TEST_F(PowerStepsTest, AWrongResultInOneBurstIsNoGo) {
  bench.at(35s, [this] { burst_output = burn_output("FAULTY", "3"); });
  const BenchResult result = steps();
  EXPECT_EQ(result.measured("gpu.burn.result", "GPU_1").fault_code, "gpu.burn_faulty");
  EXPECT_EQ(result.measured("gpu.burn.result", "GPU_0").outcome, Outcome::pass);
}

TEST_F(PowerStepsTest, AGpuThatIsLostInABurstIsNoGo) {
  bench.at(65s, [this] { driver.pop_back(); });
  const BenchResult result = steps();
  EXPECT_EQ(result.measured("gpu.present", "GPU_1").fault_code, "gpu.missing");
}

TEST_F(PowerStepsTest, WithoutReadingsOfPowerThereIsNoValue) {
  for (auto& gpu : driver) gpu.power = "N/A";
  for (int second = 0; second < 130; ++second)
    bench.at(std::chrono::seconds(second), [this] { hardware().gpus[1].power.reset(); });
  bench.step("steps", plugin_step("gpu_stress.power_steps"),
             {{"burst", "20s"}, {"rest", "10s"}, {"cool_down", "40s"}});
  const BenchResult result = bench.run();
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(PowerStepsTest, ABurstThatHangsLeavesItsGuardToBeUndone) {
  hangs = true;
  const BenchResult result = steps();
  EXPECT_EQ(result.ended("main/steps").status, WorkStatus::error);
  EXPECT_EQ(times_run(kUndo), 1);
}

TEST_F(PowerStepsTest, LevelsTheWrongWayRoundAreRefused) {
  bench.step("steps", plugin_step("gpu_stress.power_steps"), {{"low", "80"}, {"high", "40"}});
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_EQ(result.problems.front().code, "gpu_stress.power_steps");
}

}  // namespace
}  // namespace kiln::gpu_stress
