#pragma once
// A tray of two GPUs under gpu_burn, for the tests of this plugin's steps: scripted host, fake BMC, virtual
// time.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "in_band.h"
#include "sdk/step.h"
#include "telemetry.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln::gpu_stress {

using namespace std::chrono_literals;

/// One GPU as the driver would print it.
struct DriverGpu {
  std::string bus, serial, uuid;
  std::string temperature = "60 C", memory = "58 C", power = "1350.00 W", clock = "1920 MHz";
  std::string uncorrectable = "0", remap_failure = "No", remap_pending = "No",
              thermal_slowdown = "Not Active";
  std::string thermal_us = "0 us", fabric = "Completed", ecc_mode = "Enabled", power_limit = "1400.00 W",
              lanes = "16x", generation = "6", replays = "7";
  std::string
      recovery = "<gpu_recovery_action>None</gpu_recovery_action>",
      repairs =
          "<channel_repair_pending>No</channel_repair_pending><unrepairable_memory>No</unrepairable_memory>";

  [[nodiscard]] std::string xml() const {
    return fmt::format(
        "<gpu id=\"{0}\"><product_name>NVIDIA GB300</product_name><serial>{1}</serial><uuid>{2}</uuid>"
        "<pci><pci_bus_id>{0}</pci_bus_id><pci_gpu_link_info><pcie_gen><max_link_gen>6</max_link_gen>"
        "<current_link_gen>{18}</current_link_gen></pcie_gen><link_widths><max_link_width>16x</"
        "max_link_width>"
        "<current_link_width>{13}</current_link_width></link_widths></pci_gpu_link_info>"
        "<replay_counter>{19}</replay_counter></pci>"
        "<ecc_mode><current_ecc>{14}</current_ecc><pending_ecc>Enabled</pending_ecc></ecc_mode>{15}"
        "<clocks_event_reasons><clocks_event_reason_sw_power_cap>Active</clocks_event_reason_sw_power_cap>"
        "<clocks_event_reason_hw_thermal_slowdown>{10}</clocks_event_reason_hw_thermal_slowdown>"
        "</clocks_event_reasons><clocks_event_reasons_counters>"
        "<clocks_event_reasons_counters_hw_therm_slowdown>{11}</"
        "clocks_event_reasons_counters_hw_therm_slowdown>"
        "</clocks_event_reasons_counters>"
        "<ecc_errors><volatile><sram_correctable>0</sram_correctable>"
        "<dram_uncorrectable>{7}</dram_uncorrectable></volatile>"
        "<aggregate><sram_threshold_exceeded>No</sram_threshold_exceeded></aggregate>{16}</ecc_errors>"
        "<remapped_rows><remapped_row_pending>{9}</remapped_row_pending>"
        "<remapped_row_failure>{8}</remapped_row_failure></remapped_rows>"
        "<temperature><gpu_temp>{3}</gpu_temp><memory_temp>{4}</memory_temp></temperature>"
        "<gpu_power_readings><average_power_draw>{5}</average_power_draw>"
        "<current_power_limit>{17}</current_power_limit><default_power_limit>1400.00 W</default_power_limit>"
        "</gpu_power_readings>"
        "<clocks><sm_clock>{6}</sm_clock></clocks>"
        "<fabric><state>{12}</state><status>Success</status></fabric></gpu>\n",
        bus, serial, uuid, temperature, memory, power, clock, uncorrectable, remap_failure, remap_pending,
        thermal_slowdown, thermal_us, fabric, lanes, ecc_mode, recovery, repairs, power_limit, generation,
        replays);
  }
};

inline const std::string kBurnHead =
    "Burning for 60 seconds.\nGPU 0: NVIDIA GB300 (UUID: GPU-a)\nGPU 1: NVIDIA GB300 (UUID: GPU-b)\n"
    "Initialized device 0 with 284208 MB of memory\n";
inline std::string burn_output(const std::string& second = "OK", const std::string& errors = "0") {
  return kBurnHead +
         "\r50.0%  proc'd: 40 (45000 Gflop/s) - 40 (45000 Gflop/s)   errors: 0 - 0   temps: 60 C - 60 C "
         "\r100.0%  proc'd: 80 (45000 Gflop/s) - 80 (45000 Gflop/s)   errors: 0 - " +
         errors +
         "   temps: 60 C - 60 C \nKilling processes with SIGTERM (soft kill)\ndone\n\nTested 2 GPUs:\n\tGPU "
         "0: "
         "OK\n\tGPU 1: " +
         second + "\n";
}

inline const char* const kBurn = "timeout --signal=TERM --kill-after=5 120 gpu_burn 60";
inline const char* const kUndo = "pkill -TERM -x gpu_burn";
inline const std::string kOldLog =
    "[    1.000000] Linux version 6.8.0\n[   20.000000] NVRM: loading NVIDIA driver\n";

struct SoakTest : testing::Test {
  SoakTest() {
    tray = &bench.add_dut("C01", Role::compute_tray);
    add_gpu("GPU_0", "1640000000001");
    add_gpu("GPU_1", "1640000000002");
    CoolantReading coolant;
    coolant.name = "Chassis_0/CoolantConnector_0";
    coolant.supply_temperature = 25;
    hardware().coolant.push_back(coolant);
    driver = {{"00000008:01:00.0", "1640000000001", "GPU-a"}, {"00000009:01:00.0", "1640000000002", "GPU-b"}};
    shell().answer_with("^nvidia-smi -q -x$", [this](const Command&) { return ShellAnswer(query()); });
    shell().answer_with("^dmesg$", [this](const Command&) { return ShellAnswer(kernel_log); });
    shell().answer(kUndo, ShellAnswer(""));
    shell().answer(kBurn, ShellAnswer(burn_output()).after(63s));
    bench.limit_equals("gpu.present", "", true);
    bench.limit_max("gpu.temperature.max", "Cel", 80);
    bench.limit_max("gpu.memory_temperature.max", "Cel", 90);
    bench.limit_min("gpu.power.mean", "W", 1260);
    bench.limit_min("gpu.clock.min", "MHz", 1700);
    bench.limit_equals("gpu.throttle.reasons", "", std::string("none"));
    bench.limit_max("gpu.telemetry.gap", "s", 60);
    bench.limit_max("gpu.thermal_resistance", "K/W", 0.036);
    bench.limit_max("gpu.ecc.uncorrectable.delta", "1", 0);
    bench.limit_max("gpu.ecc.uncorrectable.volatile", "1", 0);
    bench.limit_max("gpu.row_remap.failures", "1", 0);
    bench.limit_equals("gpu.row_remap.pending", "", false);
    bench.limit_equals("gpu.fabric.state", "", std::string("ok"));
    bench.limit_equals("gpu.recovery_action", "", std::string("None"));
    bench.limit_equals("gpu.memory_repair", "", std::string("none"));
    bench.limit_equals("gpu.sram_threshold_exceeded", "", false);
    bench.limit_equals("gpu.settings", "", std::string("default"));
    bench.limit_expected("gpu.pcie.width", "1");
    bench.limit_max("gpu.xid.count", "1", 0);
    bench.limit_max("gpu.xid.unknown", "1", 0);
    bench.limit_max("nvswitch.sxid.count", "1", 0);
    bench.limit_equals("gpu.steady", "", std::string("steady"));
    bench.limit_min("gpu.power.share", "%", 99);
    bench.limit_max("gpu.power.dip", "s", 5);
    for (const auto& [name, unit] :
         {std::pair{"gpu.power.spread", "%"}, {"gpu.clock.spread", "%"}, {"gpu.temperature.spread", "K"}}) {
      Limit spread;
      spread.name = name;
      spread.unit = unit;
      spread.max = 5;
      spread.source = "test";
      spread.required = false;
      bench.limit(std::move(spread));
    }
    Limit uncorrected;
    uncorrected.name = "gpu.pcie.errors";
    uncorrected.unit = "1";
    uncorrected.max = 0;
    uncorrected.source = "test";
    uncorrected.required = false;
    bench.limit(std::move(uncorrected));
    bench.limit_expected("gpu.pcie.generation", "1");
    bench.limit_max("gpu.pcie.replays", "%", 100);
    bench.limit_equals("gpu.burn.result", "", std::string("OK"));
    bench.limit_equals("dcgm.result", "", std::string("pass"));
  }
  void add_gpu(const std::string& name, const std::string& serial) {
    Component gpu;
    gpu.kind = ComponentKind::gpu;
    gpu.name = name;
    gpu.serial = serial;
    tray->expect.components.push_back(gpu);
    GpuReading reading;
    reading.name = name;
    reading.temperature = 65;
    reading.memory_temperature = 70;
    reading.power = 1350;
    reading.clock_mhz = 1920;
    reading.ecc_uncorrectable = 0;
    reading.row_remap_failed = 0;
    hardware().gpus.push_back(reading);
  }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  ScriptedShell& shell() { return bench.shell("C01"); }
  [[nodiscard]] std::string query() const {
    std::string gpus;
    for (const auto& gpu : driver) gpus += gpu.xml();
    return fmt::format(
        "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "
        "\"nvsmi_device_v13.dtd\">\n<nvidia_smi_log>"
        "<timestamp>x</timestamp><driver_version>580.95.05</driver_version><cuda_version>13.0</cuda_version>"
        "<attached_gpus>{}</attached_gpus>\n{}</nvidia_smi_log>\n",
        driver.size(), gpus);
  }
  BenchResult soak() {
    bench.step("load", plugin_step("gpu_stress.soak"),
               {{"for", "60s"}, {"settle", "10s"}, {"slope_window", "10s"}});
    return bench.run();
  }
  /// Runs it and expects NO-GO on GPU_1 with this code.
  void expect_fail(const std::string& measurement, const std::string& code) {
    const BenchResult result = soak();
    ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
    EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go) << measurement;
    const Measured measured = result.measured(measurement, "GPU_1");
    EXPECT_EQ(measured.outcome, Outcome::fail) << measurement << ": " << to_text(measured.value);
    EXPECT_EQ(measured.fault_code, code);
    EXPECT_EQ(result.measured(measurement, "GPU_0").outcome, Outcome::pass) << "the other GPU is good";
  }
  long times_run(const std::string& line) {
    const auto lines = shell().lines();
    return std::count(lines.begin(), lines.end(), line);
  }
  StepBench bench;
  Dut* tray = nullptr;
  std::vector<DriverGpu> driver;
  std::string kernel_log = kOldLog;
};

}  // namespace kiln::gpu_stress
