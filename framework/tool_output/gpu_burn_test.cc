#include "tool_output/gpu_burn.h"

#include <gtest/gtest.h>

#include <string>

#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

std::string replaced_everywhere(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

GpuBurn parsed_burn(const std::string& text) {
  Result<GpuBurn> burn = parse_gpu_burn(text);
  EXPECT_TRUE(burn) << (burn ? "" : burn.error().full());
  return burn ? std::move(*burn) : GpuBurn();
}

TEST(GpuBurn, PassesWithWorkDoneAndOk) {
  const GpuBurn burn = parsed_burn(fixtures::kGpuBurn);
  EXPECT_EQ(burn.verdict(), ToolVerdict::pass);
  EXPECT_EQ(burn.tested, 2);
  EXPECT_EQ(burn.progress_percent, 100);
  ASSERT_EQ(burn.gpus.size(), 2U);
  EXPECT_EQ(burn.gpus[1].uuid, "GPU-eeeeeeee-0000-0000-0000-000000000002");
  EXPECT_EQ(burn.gpus[0].highest_processed, 200);
  EXPECT_EQ(burn.gpus[1].gflops, 7001);
  EXPECT_EQ(burn.gpus[1].highest_temperature, 63);
}

TEST(GpuBurn, FailsOnFaultyAndOnAnyErrorSeenOnTheWay) {
  EXPECT_EQ(
      parsed_burn(replaced_everywhere(fixtures::kGpuBurn, "GPU 1: OK", "GPU 1: FAULTY")).gpus[1].verdict(),
      ToolVerdict::fail);
  const GpuBurn early = parsed_burn(replaced_everywhere(fixtures::kGpuBurn, "errors: 0 - 0   temps: 58",
                                                        "errors: 3  (WARNING!) - 0   temps: 58"));
  EXPECT_EQ(early.gpus[0].highest_errors, 3);
  EXPECT_EQ(early.verdict(), ToolVerdict::fail) << "the tool forgets errors between progress lines";
  const GpuBurn negative = parsed_burn(replaced_everywhere(fixtures::kGpuBurn, "errors: 0 - 0   temps: 61",
                                                           "errors: 0 - -2147483648  (WARNING!)  temps: 61"));
  EXPECT_TRUE(negative.gpus[1].negative_errors);
  EXPECT_EQ(negative.verdict(), ToolVerdict::fail);
  const GpuBurn died = parsed_burn(
      replaced_everywhere(fixtures::kGpuBurn, "proc'd: 200 (7151 Gflop/s)", "proc'd: -1 (0 Gflop/s)"));
  EXPECT_TRUE(died.gpus[0].died);
  EXPECT_EQ(died.verdict(), ToolVerdict::fail);
}

TEST(GpuBurn, TakesOkAfterZeroIterationsForNotRun) {
  std::string idle =
      replaced_everywhere(fixtures::kGpuBurn, "proc'd: 100 (7150 Gflop/s)", "proc'd: 0 (0 Gflop/s)");
  idle = replaced_everywhere(idle, "proc'd: 200 (7151 Gflop/s)", "proc'd: 0 (0 Gflop/s)");
  const GpuBurn burn = parsed_burn(idle);
  EXPECT_EQ(burn.gpus[0].verdict(), ToolVerdict::not_run);
  EXPECT_EQ(burn.gpus[1].verdict(), ToolVerdict::pass);
  EXPECT_EQ(burn.verdict(), ToolVerdict::not_run);
  EXPECT_EQ(parsed_burn("Tested 1 GPUs:\n\tGPU 0: OK\n").verdict(), ToolVerdict::not_run)
      << "no progress line at all";
}

TEST(GpuBurn, WithoutKnowingHowFarItCameItIsIncomplete) {
  const GpuBurn burn = parsed_burn(replaced_everywhere(fixtures::kGpuBurn, "%  proc'd", "  proc'd"));
  EXPECT_TRUE(burn.incomplete);
  EXPECT_NE(burn.verdict(), ToolVerdict::pass);
}

TEST(GpuBurn, NeverPassesACutOutput) {
  const std::string& whole = fixtures::kGpuBurn;
  const std::size_t last = whole.rfind("OK") + 2;
  for (std::size_t length = 1; length < last; ++length) {
    const auto burn = parse_gpu_burn(whole.substr(0, length));
    if (burn) {
      EXPECT_NE(burn->verdict(), ToolVerdict::pass) << length;
    }
  }
  EXPECT_TRUE(parsed_burn(replaced_everywhere(whole, "Tested 2 GPUs", "Tested 4 GPUs")).incomplete)
      << "two GPUs are not listed";
}

TEST(GpuBurn, KeepsItsOwnFailures) {
  const GpuBurn burn = parsed_burn(
      "Burning for 10 seconds.\nCouldn't init a GPU test: Error in \"compare.cu\"\nNo clients are alive!  "
      "Aborting\n");
  EXPECT_EQ(burn.failures.size(), 2U);
  EXPECT_NE(burn.verdict(), ToolVerdict::pass);
  EXPECT_EQ(parse_gpu_burn("GPU 0: Tesla K80 (UUID: GPU-1)\n").error().code, "tool_output.not_recognised");
}

}  // namespace
}  // namespace kiln::tool_output
