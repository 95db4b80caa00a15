#include "tool_output/perftest.h"

#include <gtest/gtest.h>

#include <string>

namespace kiln::tool_output {
namespace {

const std::string kBanner =
    "---------------------------------------------------------------------------------------\n"
    "                    RDMA_Write BW Test\n"
    " Dual-port       : OFF\t\tDevice         : mlx5_3\n"
    " Number of qps   : 1\t\tTransport type : IB\n"
    " local address: LID 0x07 QPN 0x0128 PSN 0x1b2f4a RKey 0x1fff00 VAddr 0x007f2c5c5f0000\n"
    "---------------------------------------------------------------------------------------\n";
const std::string kHeader =
    " #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]\n";
const std::string kRow = " 65536      3716000          0.00               389.52             0.742950\n";
const std::string kRule =
    "---------------------------------------------------------------------------------------\n";

TEST(Perftest, ReadsTheAverageOfARun) {
  const auto run = parse_perftest(kBanner + kHeader + kRow + kRule);
  ASSERT_TRUE(run) << run.error().sentence();
  EXPECT_EQ(run->device, "mlx5_3");
  ASSERT_EQ(run->rows.size(), 1U);
  EXPECT_EQ(run->rows[0].bytes, 65536U);
  EXPECT_EQ(run->rows[0].iterations, 3716000U);
  EXPECT_EQ(run->best_gbit_s(), 389.52);
}

TEST(Perftest, MegabytesAreRefusedAndNotTakenForGigabits) {
  const auto run = parse_perftest(
      kBanner + " #bytes     #iterations    BW peak[MB/sec]    BW average[MB/sec]   MsgRate[Mpps]\n" + kRow);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, "tool_output.unit");
}

TEST(Perftest, AnErrorBesideARowIsNoValue) {
  const auto run =
      parse_perftest(kBanner + kHeader + kRow + kRule + "Failed status 12: wr_id 0 syndrom 0x81\n");
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->best_gbit_s());
}

TEST(Perftest, ARunOfNothingIsNoValue) {
  const auto run =
      parse_perftest(kBanner + kHeader + " 65536      0          0.00     0.00      0.000000\n" + kRule);
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->best_gbit_s());
}

TEST(Perftest, CutAnywhereItIsNeverMoreThanItWas) {
  const std::string whole = kBanner + kHeader + kRow + kRule;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const auto run = parse_perftest(whole.substr(0, at));
    if (!run || !run->best_gbit_s()) continue;
    EXPECT_GT(at, whole.size() - kRule.size()) << at;
    EXPECT_EQ(*run->best_gbit_s(), 389.52) << at;
  }
}

TEST(Perftest, OtherTextIsRefused) {
  EXPECT_EQ(parse_perftest("").error().code, "tool_output.empty");
  EXPECT_EQ(parse_perftest("bash: ib_write_bw: command not found\n").error().code,
            "tool_output.not_recognised");
  EXPECT_FALSE(parse_perftest("Couldn't connect to localhost:18515\n")->best_gbit_s());
}

}  // namespace
}  // namespace kiln::tool_output
