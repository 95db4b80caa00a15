#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

constexpr const char* kLoomLine =
    "timeout --signal=TERM --kill-after=5 600 mpirun --allow-run-as-root --host tray01:2,tray02:2 -np 4 "
    "nvloom_cli -t gpu_to_rack_device_to_device_unidir_write_ce "
    "gpu_to_rack_device_to_device_unidir_read_ce "
    "bisect_device_to_device_write_sm </dev/null";

/// Two trays with two GPUs each.
struct RackBandwidthTest : testing::Test {
  RackBandwidthTest() {
    for (const char* id : {"C01", "C02"}) {
      Dut& tray = bench.add_dut(id, Role::compute_tray);
      for (int i = 0; i < 2; ++i) {
        Component gpu;
        gpu.kind = ComponentKind::gpu;
        gpu.name = fmt::format("GPU_{}", i);
        gpu.serial = fmt::format("S-{}-{}", id, i);
        tray.expect.components.push_back(gpu);
      }
      bench.hardware(id);
      driver(id, {0, 1});
    }
    bench.shell("C01").answer("hostname", ShellAnswer("tray01\n"));
    bench.shell("C02").answer("hostname", ShellAnswer("tray02\n"));
    bench.limit_min("nvlink.rack_bandwidth", "GBy/s", 700);
    bench.limit_min("nvlink.bisection_bandwidth", "GBy/s", 700);
    bench.step("paths", plugin_step("nvlink.rack_bandwidth"));
  }
  /// The order of `slots` is the driver's: the first has the lowest address.
  void driver(const std::string& id, const std::vector<int>& slots) {
    std::string gpus;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      gpus += fmt::format(
          "<gpu id=\"0000000{0}:01:00.0\"><serial>S-{1}-{2}</serial><uuid>GPU-{2}</uuid><pci>"
          "<pci_bus_id>0000000{0}:01:00.0</pci_bus_id></pci></gpu>",
          8 + i, id, slots[i]);
    }
    bench.shell(id).answer(
        "nvidia-smi -q -x",
        ShellAnswer(fmt::format("<?xml version=\"1.0\" ?>\n<nvidia_smi_log><driver_version>580.1"
                                "</driver_version><attached_gpus>{}</attached_gpus>{}"
                                "</nvidia_smi_log>\n",
                                slots.size(), gpus)));
  }
  static std::string loom_case(const std::string& name, const std::vector<double>& values, bool bisects) {
    std::string text = fmt::format("Running {}\n\t{}\t\n", name, bisects ? "0" : "5a01");
    double least = 1e9, most = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      least = std::min(least, values[i]);
      most = std::max(most, values[i]);
      text += bisects ? fmt::format("{}->{}\t{:.2f}\t\n", i, (i + 2) % 4, values[i])
                      : fmt::format("{}\t{:.2f}\t\n", i, values[i]);
    }
    return text + fmt::format(
                      "\nMin {0} {1:.2f} GB/s\nAvg {0} 1.00 GB/s\nMax {0} {2:.2f} GB/s\nTotal {0} 1.00 GB/s\n"
                      "\nExecutionTime {0} 1 s\nDone {0}\n\n",
                      name, least, most);
  }
  static std::string loom_head() {
    std::string text = "nvloom_cli 1.3.0\n";
    for (int i = 0; i < 4; ++i) {
      text += fmt::format("Process {} (tray0{}): device {}: NVIDIA GB300 (0000000{}:01:00); rackGuid: 5a01\n",
                          i, 1 + i / 2, i % 2, 8 + i % 2);
    }
    return text + "\n";
  }
  static std::string loom(std::vector<double> read = {780, 780, 780, 780},
                          std::vector<double> bisect = {770, 770, 770, 770}) {
    return loom_head() + loom_case("bisect_device_to_device_write_sm", bisect, true) +
           loom_case("gpu_to_rack_device_to_device_unidir_read_ce", read, false) +
           loom_case("gpu_to_rack_device_to_device_unidir_write_ce", {781, 782, 783, 784}, false);
  }
  BenchResult with(ShellAnswer answer) {
    bench.shell("C01").answer(kLoomLine, std::move(answer));
    return bench.run();
  }
  StepBench bench;
};

TEST_F(RackBandwidthTest, EveryGpuIsJudgedByTheLowerOfBothDirections) {
  const BenchResult result = with(ShellAnswer(loom()).after(4s));
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C02/GPU_1").value, Value{780.0});
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C01/GPU_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nvlink.bisection_bandwidth").value, Value{770.0});
}

TEST_F(RackBandwidthTest, ASlowPathIsThatOfItsGpu) {
  const BenchResult result = with(ShellAnswer(loom({780, 780, 640, 780}, {620, 770, 615, 770})));
  const Measured slow = result.measured("nvlink.rack_bandwidth", "C02/GPU_0");
  EXPECT_EQ(slow.outcome, Outcome::fail);
  EXPECT_EQ(slow.fault_code, "nvlink.rack_slow");
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C01/GPU_0").outcome, Outcome::pass);
  const Measured halves = result.measured("nvlink.bisection_bandwidth");
  EXPECT_EQ(halves.outcome, Outcome::fail);
  EXPECT_NE(halves.action.find("C02/GPU_0 to C01/GPU_0"), std::string::npos) << halves.action;
}

TEST_F(RackBandwidthTest, ProcessesAreMatchedByAddressAndNotByTheirPlace) {
  driver("C02", {1, 0});
  const BenchResult result = with(ShellAnswer(loom({780, 780, 640, 780})));
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C02/GPU_1").outcome, Outcome::fail);
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C02/GPU_0").outcome, Outcome::pass);
}

TEST_F(RackBandwidthTest, AGpuWithoutAProcessHasNoValue) {
  driver("C02", {0});
  std::string text = loom();
  for (const char* line : {"Process 3 (tray02): device 1: NVIDIA GB300 (00000009:01:00); rackGuid: 5a01\n"})
    text.erase(text.find(line), std::string(line).size());
  const std::string row = "\n3\t780.00\t\n", other = "\n3\t784.00\t\n", copy = "\n3->1\t770.00\t\n";
  for (const std::string& one : {row, other, copy}) text.erase(text.find(one), one.size() - 1);
  text.replace(text.find("Max gpu_to_rack_device_to_device_unidir_write_ce 784"), 52,
               "Max gpu_to_rack_device_to_device_unidir_write_ce 783");
  bench.shell("C01").answer_matching("mpirun.*tray02:1", ShellAnswer(text));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C02/GPU_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C02/GPU_1").outcome, Outcome::unset);
}

TEST_F(RackBandwidthTest, ARunThatBreaksOffGivesNoValueAndIsAnError) {
  const std::string whole = loom();
  const std::string cut =
      whole.substr(0, whole.find("Running gpu_to_rack_device_to_device_unidir_write_ce")) +
      "Running gpu_to_rack_device_to_device_unidir_write_ce\n\t5a01\t\n0\t781.00\t\n";
  const BenchResult result =
      with(ShellAnswer(cut, 1, "[tray02:0]: [CUDA_ERROR_ILLEGAL_ADDRESS] an illegal memory access\n"));
  EXPECT_EQ(result.measured("nvlink.rack_bandwidth", "C01/GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nvlink.bisection_bandwidth").outcome, Outcome::pass)
      << "that case came to its end";
  EXPECT_EQ(result.ended("main/paths").code, "nvloom_cli.failed");
}

TEST_F(RackBandwidthTest, WhatIsMissingOnTheHostsIsNoFaultOfThem) {
  const BenchResult result =
      with(ShellAnswer("", 134, "---\nmpirun was unable to find the specified executable file\n"));
  EXPECT_EQ(result.ended("main/paths").code, "nvloom_cli.not_installed");
  EXPECT_EQ(result.verdict.counts.failed, 0);
  EXPECT_NE(result.verdict.decision, Decision::go);
}

TEST_F(RackBandwidthTest, AHostWithoutMpirunIsNamed) {
  const BenchResult result =
      with(ShellAnswer("", 127, "timeout: failed to run command 'mpirun': No such file or directory\n"));
  EXPECT_EQ(result.ended("main/paths").code, "mpirun.not_installed");
}

TEST_F(RackBandwidthTest, HostsThatShareANameAreRefusedBeforeAnythingIsLoaded) {
  bench.shell("C02").answer("hostname", ShellAnswer("tray01\n"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/paths").code, "nvlink.hostnames");
  const auto lines = bench.shell("C01").lines();
  EXPECT_TRUE(std::none_of(lines.begin(), lines.end(),
                           [](const std::string& line) { return line.find("mpirun") != std::string::npos; }));
}

TEST_F(RackBandwidthTest, ARunThatHangsIsToldAsThat) {
  const BenchResult result = with(ShellAnswer(loom_head(), 124).after(600s));
  EXPECT_EQ(result.ended("main/paths").code, "nvloom_cli.hung");
}

}  // namespace
}  // namespace kiln
