#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "in_band.h"
#include "sdk/step.h"
#include "telemetry.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

/// One GPU as the driver would print it.
struct DriverGpu {
  std::string bus, serial, uuid;
  std::string temperature = "60 C", memory = "58 C", power = "1350.00 W", clock = "1920 MHz";
  std::string uncorrectable = "0", remap_failure = "No", remap_pending = "No",
              thermal_slowdown = "Not Active";
  std::string thermal_us = "0 us", fabric = "Completed", ecc_mode = "Enabled", power_limit = "1400.00 W",
              lanes = "16x";
  std::string
      recovery = "<gpu_recovery_action>None</gpu_recovery_action>",
      repairs =
          "<channel_repair_pending>No</channel_repair_pending><unrepairable_memory>No</unrepairable_memory>";

  [[nodiscard]] std::string xml() const {
    return fmt::format(
        "<gpu id=\"{0}\"><product_name>NVIDIA GB300</product_name><serial>{1}</serial><uuid>{2}</uuid>"
        "<pci><pci_bus_id>{0}</pci_bus_id><pci_gpu_link_info><link_widths><max_link_width>16x</"
        "max_link_width>"
        "<current_link_width>{13}</current_link_width></link_widths></pci_gpu_link_info></pci>"
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
        thermal_slowdown, thermal_us, fabric, lanes, ecc_mode, recovery, repairs, power_limit);
  }
};

const std::string kBurnHead =
    "Burning for 60 seconds.\nGPU 0: NVIDIA GB300 (UUID: GPU-a)\nGPU 1: NVIDIA GB300 (UUID: GPU-b)\n"
    "Initialized device 0 with 284208 MB of memory\n";
std::string burn_output(const std::string& second = "OK", const std::string& errors = "0") {
  return kBurnHead +
         "\r50.0%  proc'd: 40 (45000 Gflop/s) - 40 (45000 Gflop/s)   errors: 0 - 0   temps: 60 C - 60 C "
         "\r100.0%  proc'd: 80 (45000 Gflop/s) - 80 (45000 Gflop/s)   errors: 0 - " +
         errors +
         "   temps: 60 C - 60 C \nKilling processes with SIGTERM (soft kill)\ndone\n\nTested 2 GPUs:\n\tGPU "
         "0: "
         "OK\n\tGPU 1: " +
         second + "\n";
}

const char* const kBurn = "timeout --signal=TERM --kill-after=5 120 gpu_burn 60";
const char* const kUndo = "pkill -TERM -x gpu_burn";
const std::string kOldLog =
    "[    1.000000] Linux version 6.8.0\n[   20.000000] NVRM: loading NVIDIA driver\n";

struct SoakTest : testing::Test {
  SoakTest() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    for (const auto& [name, serial] : {std::pair{"GPU_0", "1640000000001"}, {"GPU_1", "1640000000002"}}) {
      Component gpu;
      gpu.kind = ComponentKind::gpu;
      gpu.name = name;
      gpu.serial = serial;
      tray.expect.components.push_back(gpu);
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
    bench.limit_equals("gpu.burn.result", "", std::string("OK"));
    bench.limit_equals("dcgm.result", "", std::string("pass"));
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
    bench.step("load", plugin_step("gpu_stress.soak"), {{"for", "60s"}, {"settle", "10s"}});
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
  std::vector<DriverGpu> driver;
  std::string kernel_log = kOldLog;
};

TEST_F(SoakTest, AGoodTrayIsGoAndEveryCellIsMeasured) {
  const BenchResult result = soak();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go) << result.ended("main/load").message;
  EXPECT_EQ(result.verdict.counts.required, 24);
  EXPECT_EQ(result.verdict.counts.measured, 24);
  EXPECT_NEAR(std::get<double>(result.measured("gpu.thermal_resistance", "GPU_0").value), 40.0 / 1350, 1e-6);
  EXPECT_EQ(times_run(kUndo), 0) << "gpu_burn ended by itself";
  EXPECT_GE(std::count(hardware().calls.begin(), hardware().calls.end(), "gpus"), 60)
      << "1 Hz beside the load";
  EXPECT_FALSE(result.bodies<SeriesChunk>().empty());
}

TEST_F(SoakTest, AHotGpuIsNoGoEvenWhenItWasHotForOneSecond) {
  bench.at(30s, [this] { hardware().gpus[1].temperature = 91; });
  bench.at(32s, [this] { hardware().gpus[1].temperature = 65; });
  expect_fail("gpu.temperature.max", "gpu.hot");
}

TEST_F(SoakTest, HotMemoryIsNoGo) {
  hardware().gpus[1].memory_temperature = 97;
  expect_fail("gpu.memory_temperature.max", "gpu.hot");
}

TEST_F(SoakTest, AGpuThatDrawsTooLittleWasNotLoaded) {
  hardware().gpus[1].power = 700;
  expect_fail("gpu.power.mean", "gpu.power");
}

TEST_F(SoakTest, ASlowClockIsThrottling) {
  bench.at(40s, [this] { hardware().gpus[1].clock_mhz = 1200; });
  expect_fail("gpu.clock.min", "gpu.throttled");
}

TEST_F(SoakTest, ASlowdownOfTheBmcIsThrottlingButThePowerCapIsNot) {
  hardware().gpus[0].throttle_reasons = {"SWPowerCap"};
  bench.at(40s, [this] { hardware().gpus[1].throttle_reasons = {"SWPowerCap", "HWPowerBrakeSlowdown"}; });
  expect_fail("gpu.throttle.reasons", "gpu.throttled");
}

TEST_F(SoakTest, ASlowdownBetweenTwoSamplesIsSeenInTheDriversCounter) {
  bench.at(40s, [this] { driver[1].thermal_us = "1200 us"; });
  expect_fail("gpu.throttle.reasons", "gpu.throttled");
}

TEST_F(SoakTest, AnUncorrectableErrorUnderLoadIsNoGo) {
  driver[0].uncorrectable = "3";  // old ones do not count
  bench.at(40s, [this] { driver[1].uncorrectable = "1"; });
  expect_fail("gpu.ecc.uncorrectable.delta", "gpu.ecc_uncorrectable");
}

TEST_F(SoakTest, ACounterThatWasResetHasNoValue) {
  driver[1].uncorrectable = "3";
  hardware().gpus[1].ecc_uncorrectable.reset();
  bench.at(40s, [this] { driver[1].uncorrectable = "0"; });
  const BenchResult result = soak();
  const Measured measured = result.measured("gpu.ecc.uncorrectable.delta", "GPU_1");
  EXPECT_EQ(measured.outcome, Outcome::unset);
  EXPECT_NE(measured.reason.find("reset"), std::string::npos) << measured.reason;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(SoakTest, AFailedRowRemappingIsNoGo) {
  driver[1].remap_failure = "Yes";
  expect_fail("gpu.row_remap.failures", "gpu.row_remap");
}

TEST_F(SoakTest, ABadlyMountedColdPlateShowsAsThermalResistance) {
  hardware().gpus[1].temperature = 79;
  expect_fail("gpu.thermal_resistance", "gpu.thermal_resistance");
}

TEST_F(SoakTest, AHardwareXidUnderLoadIsNoGoAndNamesItsNumber) {
  bench.at(40s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0009:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen "
        "off the bus.\n";
  });
  expect_fail("gpu.xid.count", "gpu.xid");
}

TEST_F(SoakTest, TheNumberOfTheXidIsInTheDiagnosis) {
  bench.at(40s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0009:01:00): 48, pid=1, name=gpu_burn, DBE (double bit error)\n";
  });
  const BenchResult result = soak();
  const auto diagnoses = result.bodies<Diagnosed>();
  ASSERT_EQ(diagnoses.size(), 1U);
  EXPECT_EQ(diagnoses[0].part, "GPU_1");
  EXPECT_NE(diagnoses[0].message.find("Xid 48"), std::string::npos) << diagnoses[0].message;
}

TEST_F(SoakTest, AnXidIsOnRecordAlthoughTheLoadNeverCameToItsEnd) {
  bench.at(5s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0009:01:00): 79, pid=1, name=x, GPU has fallen off the bus.\n";
  });
  bench.stop_at(30s);
  const BenchResult result = soak();
  const auto diagnoses = result.bodies<Diagnosed>();
  ASSERT_EQ(diagnoses.size(), 1U) << "once";
  EXPECT_EQ(diagnoses[0].part, "GPU_1");
  EXPECT_EQ(result.measured("gpu.xid.count", "GPU_1").outcome, Outcome::fail);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(SoakTest, AnApplicationXidOrAnOldOneDoesNotFailHardware) {
  kernel_log += "[   30.000000] NVRM: Xid (PCI:0009:01:00): 79, pid=1, name=x, GPU has fallen off the bus.\n";
  bench.at(40s, [this] {
    kernel_log += "[  100.000000] NVRM: Xid (PCI:0009:01:00): 31, pid=1, name=gpu_burn, MMU Fault\n";
  });
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(to_text(result.measured("gpu.xid.other", "GPU_1").value), "1");
}

TEST_F(SoakTest, AnXidOfAGpuNobodyExpectsStillCounts) {
  bench.at(40s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0077:01:00): 79, pid=1, name=x, GPU has fallen off the bus.\n";
  });
  EXPECT_EQ(soak().verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(SoakTest, AKernelLogThatLostTheTimeOfTheLoadProvesNothing) {
  bench.at(40s, [this] { kernel_log = "[  100.000000] usb 1-1: new device\n"; });
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.xid.count", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(SoakTest, AnEmptyKernelLogProvesNothing) {
  kernel_log.clear();
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.xid.count", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(SoakTest, AFaultyGpuIsNoGoAlthoughGpuBurnEndsWithZero) {
  shell().answer(kBurn, ShellAnswer(burn_output("FAULTY", "12")).after(63s));
  expect_fail("gpu.burn.result", "gpu.burn_faulty");
}

TEST_F(SoakTest, AMissingGpuIsNoGoByItsSerial) {
  driver.erase(driver.begin());
  shell().answer(kBurn, ShellAnswer(burn_output()).after(63s));
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("gpu.present", "GPU_0").fault_code, "gpu.missing");
  EXPECT_EQ(result.measured("gpu.present", "GPU_1").outcome, Outcome::pass);
}

TEST_F(SoakTest, AGpuThatIsLostUnderLoadIsNoGo) {
  bench.at(40s, [this] { driver.pop_back(); });
  expect_fail("gpu.present", "gpu.missing");
}

TEST_F(SoakTest, ValuesThatAreNotThereAreIncompleteAndNeverSkipped) {
  for (auto& gpu : hardware().gpus) gpu.memory_temperature.reset();
  for (auto& gpu : driver) gpu.memory = "N/A";
  hardware().coolant.clear();
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.verdict.counts.failed, 0);
  for (const char* name : {"gpu.memory_temperature.max", "gpu.thermal_resistance"}) {
    const Measured measured = result.measured(name, "GPU_0");
    EXPECT_EQ(measured.outcome, Outcome::unset) << name;
    EXPECT_FALSE(measured.reason.empty()) << name;
  }
}

TEST_F(SoakTest, TheDriverStandsInForASilentBmc) {
  bench.at(0s, [this] { hardware().failing["gpus"] = Error("bmc.unreachable", "no answer"); });
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.temperature.max", "GPU_0").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("gpu.power.mean", "GPU_0").source.kind, "ssh");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(SoakTest, ALoadThatNobodyWatchedIsIncomplete) {
  bench.at(5s, [this] {
    hardware().failing["gpus"] = Error("bmc.unreachable", "no answer");
    shell().answer("nvidia-smi -q -x", ShellAnswer(Error("ssh.timeout", "no answer")));
  });
  bench.at(50s, [this] {
    hardware().failing.clear();
    shell().answer("nvidia-smi -q -x", ShellAnswer(query()));
  });
  const BenchResult result = soak();
  EXPECT_EQ(result.measured("gpu.telemetry.gap", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(SoakTest, AMissingToolIsAnErrorAndNotAPass) {
  shell().answer(kBurn, ShellAnswer("", 127, "timeout: failed to run command 'gpu_burn': No such file\n"));
  const BenchResult result = soak();
  EXPECT_EQ(result.ended("main/load").code, "gpu_burn.not_installed");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(SoakTest, AGpuBurnThatHangsIsKilledOnTheHostAndIncomplete) {
  shell().answer(kBurn, ShellAnswer(kBurnHead, 124).after(120s));
  const BenchResult result = soak();
  EXPECT_EQ(result.ended("main/load").code, "gpu_burn.hung");
  EXPECT_EQ(result.measured("gpu.burn.result", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(times_run(kUndo), 1);
}

TEST_F(SoakTest, AHostThatNeverAnswersAgainDoesNotHoldTheStepForever) {
  shell().answer(kBurn, ShellAnswer::never());
  const BenchResult result = soak();
  EXPECT_EQ(result.ended("main/load").status, WorkStatus::error);
  EXPECT_LT(result.elapsed_ns, 200'000'000'000);
  EXPECT_EQ(times_run(kUndo), 1);
}

TEST_F(SoakTest, AStopUnderLoadReturnsAtOnceAndStopsTheLoad) {
  bench.stop_at(20s);
  const BenchResult result = soak();
  EXPECT_EQ(result.ended("main/load").status, WorkStatus::aborted);
  EXPECT_EQ(times_run(kUndo), 1);
  EXPECT_LT(result.elapsed_ns, 25'000'000'000);
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(SoakTest, AFailRecordedBeforeAStopStays) {
  driver.erase(driver.begin());
  bench.stop_at(20s);
  EXPECT_EQ(soak().verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(SoakTest, HealthIsGoOnGoodGpusAndNamesWhatIsWrong) {
  bench.step("health", plugin_step("gpu_stress.health"));
  EXPECT_EQ(bench.run().verdict.find("C01")->decision, Decision::go);
}

TEST_F(SoakTest, HealthFailsPendingRepairsAndFabric) {
  driver[1].remap_pending = "Yes";
  driver[0].fabric = "In Progress";
  driver[1].uncorrectable = "2";
  bench.step("health", plugin_step("gpu_stress.health"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("gpu.row_remap.pending", "GPU_1").fault_code, "gpu.row_remap");
  EXPECT_EQ(result.measured("gpu.fabric.state", "GPU_0").fault_code, "gpu.fabric");
  EXPECT_EQ(result.measured("gpu.ecc.uncorrectable.volatile", "GPU_1").fault_code, "gpu.ecc_uncorrectable");
}

TEST_F(SoakTest, HealthFailsWhatTheDriverSaysMustBeMended) {
  driver[0].lanes = "8x";
  driver[1].recovery = "<gpu_recovery_action>GPU Reset</gpu_recovery_action>";
  driver[1].repairs =
      "<channel_repair_pending>Yes</channel_repair_pending><unrepairable_memory>Yes</unrepairable_memory>";
  bench.step("health", plugin_step("gpu_stress.health"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("gpu.pcie.width", "GPU_0").fault_code, "gpu.pcie_width");
  EXPECT_EQ(result.measured("gpu.pcie.width", "GPU_1").outcome, Outcome::pass);
  EXPECT_EQ(result.measured("gpu.recovery_action", "GPU_1").fault_code, "gpu.recovery_needed");
  EXPECT_EQ(to_text(result.measured("gpu.memory_repair", "GPU_1").value),
            "unrepairable memory, channel repair pending");
}

TEST_F(SoakTest, HealthOfAGpuThatSomebodyHasSetOtherwiseIsNoVerdictOnIt) {
  driver[0].ecc_mode = "Disabled";
  bench.step("health", plugin_step("gpu_stress.health"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.measured("gpu.settings", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("gpu.settings", "GPU_1").outcome, Outcome::pass);
}

TEST_F(SoakTest, HealthOfAGpuWhosePowerLimitIsLoweredOrUnknownIsNoVerdictOnIt) {
  driver[0].power_limit = "1100.00 W";
  driver[1].power_limit = "N/A";
  bench.step("health", plugin_step("gpu_stress.health"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("gpu.settings", "GPU_0").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("gpu.settings", "GPU_1").outcome, Outcome::unset)
      << "what is not told is not the default";
}

TEST_F(SoakTest, HealthOfAHostWithoutAnyGpuIsNoGo) {
  shell().answer("nvidia-smi -q -x", ShellAnswer("No devices were found\n", 6));
  bench.step("health", plugin_step("gpu_stress.health"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("gpu.present", "GPU_0").fault_code, "gpu.missing");
}

const char* const kDcgm = "timeout --signal=TERM --kill-after=5 9000 dcgmi diag -r 3 -j";
std::string dcgm(const std::string& second) {
  return R"({"DCGM Diagnostic":{"test_categories":[{"category":"Hardware","tests":[{"name":"memory","results":[)"
         R"({"entity_group":"GPU","entity_id":0,"status":"Pass"},{"entity_group":"GPU","entity_id":1,"status":")" +
         second +
         R"("}],"test_summary":{"status":"Pass"}}]}]},"entity_groups":[{"entity_group":"GPU","entities":[)"
         R"({"entity_id":0,"serial_num":"1640000000001"},{"entity_id":1,"serial_num":"1640000000002"}]}],)"
         R"("metadata":{"version":"4.4.1"}})";
}

TEST_F(SoakTest, DcgmIsJudgedPerGpuAndOnlyPassIsAPass) {
  struct Case {
    const char* status;
    Outcome outcome;
  };
  for (const Case& one :
       {Case{"Pass", Outcome::pass}, Case{"Fail", Outcome::fail}, Case{"Skip", Outcome::unset}}) {
    SoakTest_DcgmIsJudgedPerGpuAndOnlyPassIsAPass_Test own;
    own.shell().answer(kDcgm, ShellAnswer(dcgm(one.status), 226).after(100s));
    own.bench.step("diag", plugin_step("gpu_stress.dcgm_diag"));
    const BenchResult result = own.bench.run();
    EXPECT_EQ(result.measured("dcgm.result", "GPU_1").outcome, one.outcome) << one.status;
    EXPECT_EQ(result.measured("dcgm.result", "GPU_0").outcome, Outcome::pass) << one.status;
  }
}

TEST_F(SoakTest, DcgmThatIsNotInstalledIsNotAPass) {
  shell().answer(kDcgm, ShellAnswer("", 127, "timeout: failed to run command 'dcgmi'\n"));
  bench.step("diag", plugin_step("gpu_stress.dcgm_diag"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/diag").code, "dcgmi.not_installed");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(SoakTest, ADcgmThatCouldNotRunIsAnError) {
  shell().answer(kDcgm, ShellAnswer(R"({"DCGM Diagnostic":{"runtime_error":"No GPUs were found."}})", 226));
  bench.step("diag", plugin_step("gpu_stress.dcgm_diag"));
  EXPECT_EQ(bench.run().ended("main/diag").status, WorkStatus::error);
}

TEST(CanonicalReason, TheSameWordForEverySpelling) {
  using gpu_stress::canonical_reason;
  EXPECT_EQ(canonical_reason("HWThermalSlowdown"), "hw_thermal_slowdown");
  EXPECT_EQ(canonical_reason("hw_thermal_slowdown"), "hw_thermal_slowdown");
  EXPECT_EQ(canonical_reason("NA"), "");
  EXPECT_EQ(canonical_reason("SomethingNew"), "SomethingNew") << "unknown reasons are kept, not dropped";
}

TEST(MatchGpus, AContradictingSerialIsNeverOverruledByOrder) {
  Dut dut;
  Component gpu;
  gpu.kind = ComponentKind::gpu;
  gpu.name = "GPU_0";
  gpu.serial = "1";
  dut.expect.components.push_back(gpu);
  tool_output::NvidiaSmiQuery query;
  query.gpus.emplace_back();
  query.gpus[0].serial = "2";
  EXPECT_TRUE(match_gpus(dut, query).by_name.empty());
  query.gpus[0].serial.clear();
  EXPECT_TRUE(match_gpus(dut, query).by_order);
}

}  // namespace
}  // namespace kiln
