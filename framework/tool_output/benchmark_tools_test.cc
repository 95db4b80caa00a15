// nccl-tests and nvbandwidth: measurements for limits, with little judgement of their own.
#include <gtest/gtest.h>

#include <string>

#include "tool_output/nccl_tests.h"
#include "tool_output/nvbandwidth.h"
#include "tool_output/replaced_for_test.h"
#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

NcclTests nccl(const std::string& text) {
  Result<NcclTests> run = parse_nccl_tests(text);
  EXPECT_TRUE(run) << (run ? "" : run.error().full());
  return run ? std::move(*run) : NcclTests();
}

TEST(NcclTests, ReadsRowsBetweenLogLines) {
  const NcclTests run = nccl(fixtures::kNccl);
  EXPECT_EQ(run.verdict(), ToolVerdict::pass);
  EXPECT_EQ(run.test, "all_reduce_perf");
  EXPECT_EQ(run.devices.size(), 1U);
  ASSERT_EQ(run.rows.size(), 2U);
  EXPECT_EQ(run.rows[1].size_bytes, 1073741824U);
  EXPECT_EQ(run.rows[1].operation, "sum");
  EXPECT_EQ(run.rows[1].root, -1);
  EXPECT_EQ(run.rows[1].out_of_place.bus_gb_s, 671.06);
  EXPECT_EQ(run.rows[1].in_place.wrong, 0);
  EXPECT_EQ(run.best_bus_gb_s(1 << 20), 671.06);
  EXPECT_FALSE(run.best_bus_gb_s(1ULL << 40));
  EXPECT_EQ(run.average_bus_gb_s, 336.28);
}

TEST(NcclTests, TakesUncheckedDataForNotRun) {
  const std::string text =
      R"(# nThread 1 nGpus 8 minBytes 1 maxBytes 32 step: 2(factor) warmup iters: 5 iters: 20 validation: 0
#       size         count    type   redop     time   algbw   busbw  error     time   algbw   busbw  error
#        (B)    (elements)                     (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)
           0             0   float             1.63    0.00    0.00    N/A     1.38    0.00    0.00    N/A
          32             1   float            89.00    0.01    0.02    N/A    85.13    0.00    0.00    N/A
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 58.6
)";
  const NcclTests run = nccl(text);
  ASSERT_EQ(run.rows.size(), 2U);
  EXPECT_EQ(run.rows[1].out_of_place.time_us, 89);
  EXPECT_FALSE(run.rows[1].root);
  EXPECT_FALSE(run.validated());
  EXPECT_EQ(run.verdict(), ToolVerdict::not_run) << "'0 OK' is printed although nothing was compared";
  EXPECT_EQ(nccl(replaced(replaced(text, "    N/A    85.13", "  0e+00    85.13"), "0.00    N/A\n# Out",
                          "0.00  2e-07\n# Out"))
                .verdict(),
            ToolVerdict::pass);
}

TEST(NcclTests, FailsOnWrongDataAndFailedBandwidth) {
  EXPECT_EQ(nccl(replaced(fixtures::kNccl, "671.06       0", "671.06      17")).verdict(), ToolVerdict::fail);
  EXPECT_EQ(nccl(replaced(fixtures::kNccl, ": 0 OK", ": 2 FAILED")).verdict(), ToolVerdict::fail);
  EXPECT_EQ(nccl(replaced(fixtures::kNccl, ": 336.28", ": 336.28 FAILED")).verdict(), ToolVerdict::fail);
  EXPECT_EQ(nccl(fixtures::kNccl + " .. tray01 pid 12345: Test failure common.cu:1127\n").verdict(),
            ToolVerdict::fail);
}

TEST(NcclTests, ReadsPrefixesOfLaunchers) {
  for (const std::string prefix : {"0: ", "[1,0]<stdout>:"}) {
    std::string text;
    std::size_t start = 0;
    while (start < fixtures::kNccl.size()) {
      const std::size_t end = fixtures::kNccl.find('\n', start);
      text += prefix + fixtures::kNccl.substr(start, end - start + 1);
      start = end + 1;
    }
    EXPECT_EQ(nccl(text).rows.size(), 2U) << prefix;
    EXPECT_EQ(nccl(text).verdict(), ToolVerdict::pass) << prefix;
  }
}

TEST(NcclTests, NeverPassesACutOutput) {
  const std::size_t end = fixtures::kNccl.find("336.28");
  for (std::size_t length = 1; length < end; ++length) {
    const auto run = parse_nccl_tests(fixtures::kNccl.substr(0, length));
    if (run) {
      EXPECT_NE(run->verdict(), ToolVerdict::pass) << length;
    }
  }
  EXPECT_EQ(parse_nccl_tests("# size of things\n").error().code, "tool_output.not_recognised");
}

Nvbandwidth bandwidth(const std::string& text) {
  Result<Nvbandwidth> run = parse_nvbandwidth(text);
  EXPECT_TRUE(run) << (run ? "" : run.error().full());
  return run ? std::move(*run) : Nvbandwidth();
}

TEST(Nvbandwidth, ReadsTextWithDiagonalAndWaived) {
  const Nvbandwidth run = bandwidth(fixtures::kNvbandwidthText);
  EXPECT_EQ(run.version, "v0.8");
  EXPECT_EQ(run.driver_version, "580.95.05");
  EXPECT_EQ(run.devices.size(), 2U);
  EXPECT_EQ(run.count(NvbandwidthStatus::ran), 2U);
  EXPECT_EQ(run.count(NvbandwidthStatus::waived), 1U);
  EXPECT_FALSE(run.incomplete);
  EXPECT_EQ(run.doubt_count, 0U);
  const NvbandwidthCase* read = run.find("device_to_device_memcpy_read_ce");
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->unit, "GB/s");
  EXPECT_EQ(read->sum, 1561.30);
  ASSERT_EQ(read->matrix.size(), 2U);
  EXPECT_FALSE(read->matrix[0][0]) << "N/A is not zero";
  EXPECT_EQ(read->matrix[0][1], 780.10);
}

TEST(Nvbandwidth, ReadsJsonWithErrors) {
  const Nvbandwidth run = bandwidth("banner\n" + fixtures::kNvbandwidthJson);
  ASSERT_EQ(run.cases.size(), 3U);
  EXPECT_EQ(run.cases[0].status, NvbandwidthStatus::ran);
  EXPECT_EQ(run.cases[0].matrix[0][0], 369.36);
  EXPECT_EQ(run.cases[1].status, NvbandwidthStatus::waived);
  EXPECT_EQ(run.cases[2].status, NvbandwidthStatus::error);
  EXPECT_EQ(run.cases[2].error, "[CUDA_ERROR_ILLEGAL_ADDRESS]");
}

TEST(Nvbandwidth, CallsACaseWithoutSumCutOrFailed) {
  const std::string& text = fixtures::kNvbandwidthText;
  const Nvbandwidth cut = bandwidth(text.substr(0, text.find("SUM device_to_device")));
  EXPECT_TRUE(cut.incomplete);
  EXPECT_EQ(cut.find("device_to_device_memcpy_read_ce")->status, NvbandwidthStatus::cut);
  const Nvbandwidth failed = bandwidth(text.substr(0, text.find(" 0       N/A")) +
                                       "ASSERT in memcpy.cpp:97: Invalid value when checking the pattern\n");
  EXPECT_EQ(failed.cases.back().status, NvbandwidthStatus::error);
  EXPECT_EQ(failed.errors.size(), 1U);
}

TEST(Nvbandwidth, DoubtsASumThatIsNotTheMatrix) {
  EXPECT_GT(bandwidth(replaced(fixtures::kNvbandwidthText, "_ce 638.69", "_ce 6386.9")).doubt_count, 0U);
  EXPECT_GT(bandwidth(replaced(fixtures::kNvbandwidthText, "269.33", "fast")).doubt_count, 0U);
}

TEST(Nvbandwidth, RefusesCutJsonAndForeignText) {
  for (std::size_t length = 20; length + 2 < fixtures::kNvbandwidthJson.size(); length += 23) {
    EXPECT_FALSE(parse_nvbandwidth(fixtures::kNvbandwidthJson.substr(0, length))) << length;
  }
  EXPECT_EQ(parse_nvbandwidth("Running tests.\nall good\n").error().code, "tool_output.not_recognised");
  EXPECT_EQ(bandwidth(R"({"nvbandwidth": {"error": "CUDA_ERROR_NO_DEVICE"}})").errors.size(), 1U);
  EXPECT_TRUE(bandwidth(R"({"nvbandwidth": {}})").incomplete);
}

}  // namespace
}  // namespace kiln::tool_output
