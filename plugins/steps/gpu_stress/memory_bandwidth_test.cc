// GPU memory by nvbandwidth: what a copy moved is read and written, and no value is no pass.
#include "soak_bench_for_test.h"

namespace kiln::gpu_stress {
namespace {

struct MemoryBandwidthTest : SoakTest {
  MemoryBandwidthTest() { bench.limit_min("gpu.memory.bandwidth", "GBy/s", 6400); }
  BenchResult measure(const std::string& matrix, int status = 0) {
    const std::string printed =
        R"x({"nvbandwidth":{"CUDA Runtime Version":13000,"Driver Version":"580","GPU Device list":["0: a","1: b"],)x"
        R"x("git_version":"v0.8","testcases":[{"bandwidth_description":"memcpy local GPU(column) bandwidth (GB/s)",)x"
        R"x("bandwidth_matrix":)x" +
        matrix + R"x(,"name":"device_local_copy","status":"Passed"}],"version":"v0.8"}})x";
    shell().answer("timeout --signal=TERM --kill-after=5 600 nvbandwidth -j -b 2048 -t device_local_copy",
                   ShellAnswer(status == 0 ? printed : "", status).after(5s));
    bench.step("memory", plugin_step("gpu_stress.memory_bandwidth"));
    return bench.run();
  }
};

TEST_F(MemoryBandwidthTest, EachByteCopiedIsReadAndWritten) {
  const BenchResult result = measure(R"([["3600.00","3590.00"]])");
  EXPECT_EQ(std::get<double>(result.measured("gpu.memory.bandwidth", "GPU_0").value), 7200);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go) << result.ended("main/memory").message;
}

TEST_F(MemoryBandwidthTest, SlowMemoryIsThatGpusFault) {
  const BenchResult result = measure(R"([["3600.00","1800.00"]])");
  EXPECT_EQ(result.measured("gpu.memory.bandwidth", "GPU_1").fault_code, "gpu.memory_slow");
  EXPECT_EQ(result.measured("gpu.memory.bandwidth", "GPU_0").outcome, Outcome::pass);
}

TEST_F(MemoryBandwidthTest, AMatrixOfOtherGpusIsNobodys) {
  const BenchResult result = measure(R"([["3600.00"]])");
  EXPECT_EQ(result.measured("gpu.memory.bandwidth", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(MemoryBandwidthTest, ATestThatThisVersionDoesNotHaveIsNoPass) {
  shell().answer("timeout --signal=TERM --kill-after=5 600 nvbandwidth -j -b 2048 -t device_local_copy",
                 ShellAnswer(R"({"nvbandwidth":{"git_version":"v0.4","testcases":[],"version":"v0.4"}})", 1));
  bench.step("memory", plugin_step("gpu_stress.memory_bandwidth"));
  EXPECT_NE(bench.run().verdict.find("C01")->decision, Decision::go);
}

TEST_F(MemoryBandwidthTest, WithoutTheToolTheStepIsAnError) {
  EXPECT_EQ(measure("[]", 127).ended("main/memory").code, "nvbandwidth.not_installed");
}

}  // namespace
}  // namespace kiln::gpu_stress
