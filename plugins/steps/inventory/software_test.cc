#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

/// Two trays with a GPU each that have booted the same image.
struct SoftwareTest : testing::Test {
  SoftwareTest() {
    for (const char* id : {"C01", "C02"}) {
      Dut& tray = bench.add_dut(id, Role::compute_tray);
      second = &tray;
      tray.expect.components = {{ComponentKind::gpu, "GPU_0", std::string("S-") + id, ""}};
      bench.hardware(id);
      image(id, "6.8.0-1024", "580.82");
    }
    bench.limit_max("software.mixed", "1", 0);
    bench.step("software", plugin_step("inventory.software"));
  }
  void image(const std::string& id, const std::string& kernel, const std::string& driver) {
    bench.shell(id).answer("uname -r", ShellAnswer(kernel + "\n"));
    bench.shell(id).answer("cat /etc/os-release",
                           ShellAnswer("NAME=\"Ubuntu\"\nPRETTY_NAME=\"Ubuntu 24.04.2 LTS\"\n"));
    bench.shell(id).answer(
        "nvidia-smi -q -x",
        ShellAnswer(fmt::format(
            "<?xml version=\"1.0\" ?>\n<nvidia_smi_log><driver_version>{}</driver_version>"
            "<cuda_version>13.0</cuda_version><attached_gpus>0</attached_gpus></nvidia_smi_log>\n",
            driver)));
  }
  StepBench bench;
  Dut* second = nullptr;
};

TEST_F(SoftwareTest, OneImageOnAllIsGo) {
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("software.mixed").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("software.mixed").value, Value{std::int64_t{0}});
}

TEST_F(SoftwareTest, WhoRunsWhatIsNamed) {
  image("C02", "6.8.0-1017", "570.10");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.decision, Decision::no_go);
  const auto measured = result.measured("software.mixed");
  EXPECT_EQ(measured.value, Value{std::int64_t{2}});
  EXPECT_NE(measured.action.find("kernel of compute_tray: 6.8.0-1017 on C02; 6.8.0-1024 on C01"),
            std::string::npos)
      << measured.action;
}

TEST_F(SoftwareTest, ATrayWithGpusAndNoHostLeavesItUnknown) {
  second->host.reset();
  EXPECT_EQ(bench.run().measured("software.mixed").outcome, Outcome::unset);
}

TEST_F(SoftwareTest, AHostThatTellsNothingLeavesItUnknown) {
  bench.shell("C02").answer("nvidia-smi -q -x", ShellAnswer("", 9));
  EXPECT_EQ(bench.run().measured("software.mixed").outcome, Outcome::unset);
}

}  // namespace
}  // namespace kiln
