// A ring of adapters: one that is slow spoils two pairs, and only itself.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "network_printed_for_test.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::network {
namespace {

using namespace std::chrono_literals;

struct NetworkBandwidthTest : testing::Test {
  NetworkBandwidthTest() {
    Dut& dut = bench.add_dut("H01", Role::server);
    std::vector<FakeAdapter> adapters;
    for (int i = 0; i < 3; ++i) {
      FakeAdapter adapter;
      adapter.device = fmt::format("mlx5_{}", i);
      adapter.address = fmt::format("0000:0{}:00.0", i + 3);
      adapter.interface = fmt::format("ibp{}s0", i + 3);
      adapter.mac = fmt::format("7c:8c:09:00:00:0{}", i + 3);
      adapter.serial = fmt::format("MT2526X0000{}", i);
      adapters.push_back(adapter);
      bench.expect(dut, ComponentKind::nic, {fmt::format("NIC_{}", i)});
      dut.expect.components.back().serial = adapter.serial;
    }
    bench.shell("H01").answer_matching("class/infiniband", ShellAnswer(printed(adapters)));
    bench.limit_min("nic.bandwidth.share", "1", 0.88);
    for (int i = 0; i < 3; ++i) {
      bench.shell("H01").answer_matching(fmt::format("ib_write_bw -d '?mlx5_{}'? .*gbits $", i),
                                         ShellAnswer("").after(6s));
    }
  }
  /// What the client of device `from` prints.
  void sends(int from, const std::string& text, int status = 0) {
    bench.shell("H01").answer_matching(fmt::format("ib_write_bw -d '?mlx5_{}'? .*localhost$", from),
                                       ShellAnswer(text, status).after(5s));
  }
  static std::string table(double gbit_s) {
    return fmt::format(
        " Dual-port       : OFF\t\tDevice         : mlx5_0\n"
        " #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]\n"
        " 65536      3716000          0.00               {:.2f}             0.742950\n---------\n",
        gbit_s);
  }
  BenchResult measure(StepBench::With with = {}) {
    bench.step("bandwidth", plugin_step("network.bandwidth"), std::move(with));
    return bench.run();
  }
  StepBench bench;
};

TEST_F(NetworkBandwidthTest, FastAdaptersAreGo) {
  for (int i = 0; i < 3; ++i) sends(i, table(779));
  const BenchResult result = measure();
  EXPECT_EQ(result.verdict.find("H01")->decision, Decision::go) << result.ended("main/bandwidth").message;
  EXPECT_EQ(result.verdict.counts.required, 3);
  EXPECT_EQ(std::get<double>(result.measured("nic.bandwidth", "NIC_0").value), 779);
}

TEST_F(NetworkBandwidthTest, OneSlowAdapterIsTheOnlyOneNamed) {
  sends(0, table(390));  // 0 to 1
  sends(1, table(390));  // 1 to 2
  sends(2, table(779));  // 2 to 0
  const BenchResult result = measure();
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_1").fault_code, "nic.slow");
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_2").outcome, Outcome::pass);
}

TEST_F(NetworkBandwidthTest, APairThatIsSlowInOneDirectionIsNotHiddenByTheOthers) {
  sends(0, table(390));  // 0 to 1, which receives slowly
  sends(1, table(779));
  sends(2, table(779));
  const BenchResult result = measure();
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_1").fault_code, "nic.slow");
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_0").fault_code, "nic.slow")
      << "it may be its sending";
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_2").outcome, Outcome::pass);
}

TEST_F(NetworkBandwidthTest, OnePairWithoutAValueIsNoPassOfItsTwo) {
  sends(0, table(779));
  sends(1, "Failed status 12: wr_id 0 syndrom 0x81\n", 1);
  sends(2, table(779));
  const BenchResult result = measure();
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_1").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_2").outcome, Outcome::unset);
}

TEST_F(NetworkBandwidthTest, PairsThatCannotConnectAreNoPass) {
  for (int i = 0; i < 3; ++i) sends(i, "Couldn't connect to localhost:18515\n", 1);
  const BenchResult result = measure();
  EXPECT_EQ(result.measured("nic.bandwidth.share", "NIC_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("H01")->decision, Decision::incomplete);
}

TEST_F(NetworkBandwidthTest, WithoutTheToolTheStepIsAnError) {
  for (int i = 0; i < 3; ++i) sends(i, "", 127);
  EXPECT_EQ(measure().ended("main/bandwidth").code, "ib_write_bw.not_installed");
}

TEST_F(NetworkBandwidthTest, OnAStandWithoutANetworkNothingIsAsked) {
  const BenchResult result = measure({{"uncabled", "all"}});
  EXPECT_EQ(result.verdict.counts.required, 0);
}

}  // namespace
}  // namespace kiln::network
