#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

/// Two trays with a GPU each.
struct FabricTest : testing::Test {
  FabricTest() {
    for (const char* id : {"C01", "C02"}) {
      Dut& tray = bench.add_dut(id, Role::compute_tray);
      second = &tray;
      Component gpu;
      gpu.kind = ComponentKind::gpu;
      gpu.name = "GPU_0";
      gpu.serial = std::string("S-") + id;
      tray.expect.components.push_back(gpu);
      bench.hardware(id);
      fabric(id, "1", "5a01");
    }
    bench.limit_max("nvlink.fabric.groups", "1", 1);
    bench.step("fabric", plugin_step("nvlink.fabric"));
  }
  void fabric(const std::string& id, const std::string& clique, const std::string& cluster) {
    bench.shell(id).answer(
        "nvidia-smi -q -x",
        ShellAnswer(fmt::format(
            "<?xml version=\"1.0\" "
            "?>\n<nvidia_smi_log><driver_version>580.1</driver_version><attached_gpus>1</attached_gpus>"
            "<gpu "
            "id=\"00000008:01:00.0\"><serial>S-{}</serial><uuid>GPU-1</"
            "uuid><pci><pci_bus_id>00000008:01:00.0</pci_bus_id>"
            "</pci><fabric><state>Completed</state><status>Success</status><cliqueId>{}</"
            "cliqueId><clusterUuid>{}</clusterUuid>"
            "</fabric></gpu></nvidia_smi_log>\n",
            id, clique, cluster)));
  }
  StepBench bench;
  Dut* second = nullptr;
};

TEST_F(FabricTest, OneClusterAndOneCliqueIsOneFabric) {
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("nvlink.fabric.groups").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("nvlink.fabric.groups").value, Value{std::int64_t{1}});
}

TEST_F(FabricTest, ATrayInAnotherCliqueIsNamed) {
  fabric("C02", "2", "5a01");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.decision, Decision::no_go);
  const auto measured = result.measured("nvlink.fabric.groups");
  EXPECT_EQ(measured.fault_code, "nvlink.fabric_split");
  EXPECT_NE(measured.action.find("C02:GPU_0 in clique 2 of 5a01"), std::string::npos) << measured.action;
}

TEST_F(FabricTest, ATrayThatIsInNoFabricLeavesItUnknown) {
  fabric("C02", "N/A", "00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(bench.run().measured("nvlink.fabric.groups").outcome, Outcome::unset);
}

TEST_F(FabricTest, ATrayWithGpusAndNoHostLeavesItUnknown) {
  second->host.reset();
  EXPECT_EQ(bench.run().measured("nvlink.fabric.groups").outcome, Outcome::unset);
}

TEST_F(FabricTest, AHostWithoutADriverLeavesItUnknown) {
  bench.shell("C02").answer("nvidia-smi -q -x", ShellAnswer("sh: 1: nvidia-smi: not found\n", 127));
  EXPECT_EQ(bench.run().measured("nvlink.fabric.groups").outcome, Outcome::unset);
}

}  // namespace
}  // namespace kiln
