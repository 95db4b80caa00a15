#include "soak_bench_for_test.h"

namespace kiln::gpu_stress {
namespace {

TEST_F(SoakTest, AGoodTrayIsGoAndEveryCellIsMeasured) {
  const BenchResult result = soak();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go) << result.ended("main/load").message;
  EXPECT_EQ(result.verdict.counts.required, 37);
  EXPECT_EQ(result.verdict.counts.measured, 37);
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

TEST_F(SoakTest, AGpuThatIsGoneEndsTheLoadOfItsTray) {
  bench.at(10s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0009:01:00): 79, pid=1, name=x, GPU has fallen off the bus.\n";
  });
  long asked = 0;  // before its lost temperature cuts the tray (10 s)
  bench.at(14500ms, [this, &asked] { asked = times_run(kUndo); });
  shell().answer(kBurn, ShellAnswer(kBurnHead).killed_by("TERM").after(15s));
  const BenchResult result = soak();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(result.ended("main/load").status, WorkStatus::complete);
  EXPECT_EQ(result.measured("gpu.xid.count", "GPU_1").outcome, Outcome::fail);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  const Measured other = result.measured("gpu.burn.result", "GPU_0");
  EXPECT_EQ(other.outcome, Outcome::unset);
  EXPECT_NE(other.reason.find("the load was ended: GPU_1"), std::string::npos) << other.reason;
}

TEST_F(SoakTest, AGpuErrorThatLeavesTheGpuThereDoesNotEndTheLoad) {
  bench.at(10s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0009:01:00): 48, pid=1, name=gpu_burn, DBE (double bit error)\n";
  });
  const BenchResult result = soak();
  EXPECT_EQ(times_run(kUndo), 0);
  EXPECT_EQ(result.measured("gpu.burn.result", "GPU_0").outcome, Outcome::pass);
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

TEST_F(SoakTest, TheDiagnosisOfAnXidNamesActionAndPart) {
  bench.at(40s, [this] {
    kernel_log +=
        "[  100.000000] NVRM: Xid (PCI:0009:01:00): 149, NETIR_LINK_EVT Fatal XC0 i0 Link 03 (0x1)\n";
  });
  const BenchResult result = soak();
  const auto diagnoses = result.bodies<Diagnosed>();
  ASSERT_EQ(diagnoses.size(), 1U);
  EXPECT_NE(diagnoses[0].action.find("part: link"), std::string::npos) << diagnoses[0].action;
}

TEST_F(SoakTest, AnXidNobodyKnowsIsNoPassAndNoFailOfTheHardware) {
  bench.at(40s, [this] {
    kernel_log += "[  100.000000] NVRM: Xid (PCI:0009:01:00): 500, pid=1, name=gpu_burn, something new\n";
  });
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.measured("gpu.xid.unknown", "GPU_0").outcome, Outcome::pass);
  const Measured measured = result.measured("gpu.xid.unknown", "GPU_1");
  EXPECT_EQ(measured.outcome, Outcome::unset);
  EXPECT_NE(measured.reason.find("500"), std::string::npos) << measured.reason;
  EXPECT_EQ(result.measured("gpu.xid.count", "GPU_1").outcome, Outcome::pass);
  const auto diagnoses = result.bodies<Diagnosed>();
  ASSERT_EQ(diagnoses.size(), 1U);
  EXPECT_EQ(diagnoses[0].code, "gpu.xid_unknown");
}

TEST_F(SoakTest, AnSxidOfTheHostsSwitchesUnderLoadIsNoGo) {
  bench.at(40s, [this] {
    kernel_log +=
        "[  100.000000] nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 20034, Fatal, Link 30 LTSSM Fault Up\n";
  });
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("nvswitch.sxid.count", "").outcome, Outcome::fail);
  const auto diagnoses = result.bodies<Diagnosed>();
  ASSERT_EQ(diagnoses.size(), 1U);
  EXPECT_NE(diagnoses[0].action.find("part: link"), std::string::npos) << diagnoses[0].action;
}

TEST_F(SoakTest, AnSxidThatTheDriverCallsHarmlessIsANote) {
  bench.at(40s, [this] {
    kernel_log +=
        "[  100.000000] nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 20001, Non-fatal, Link 30 TX Replay\n";
  });
  const BenchResult result = soak();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(to_text(result.measured("nvswitch.sxid.other", "").value), "1");
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

TEST_F(SoakTest, HealthWaitsForGpusThatStillRegisterWithTheirFabric) {
  driver[0].fabric = "In Progress";
  bench.at(90s, [this] { driver[0].fabric = "Completed"; });
  bench.step("health", plugin_step("gpu_stress.health"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_LT(result.elapsed_ns, 100'000'000'000);
}

TEST_F(SoakTest, HealthFailsGpusThatNeverRegister) {
  driver[0].fabric = "Not Started";
  bench.step("health", plugin_step("gpu_stress.health"), {{"fabric_within", "20s"}});
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("gpu.fabric.state", "GPU_0").fault_code, "gpu.fabric");
  EXPECT_GE(result.elapsed_ns, 20'000'000'000);
  EXPECT_LT(result.elapsed_ns, 40'000'000'000);
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

TEST_F(SoakTest, DcgmThatHadToShareAGpuGivesNoVerdictOnItAndAMiscompareOfTheOtherStillFails) {
  std::string output = dcgm("Fail");
  const auto give = [&output](const std::string& status, const std::string& warning) {
    const std::string old = R"("status":")" + status + R"("})";
    output.replace(output.find(old), old.size(),
                   R"("status":"Fail","warnings":[{"warning":")" + warning + R"("}]})");
  };
  give("Fail", "the affected resource is in use");
  give("Pass", "GPU 0 calculated a result that differs from the expected one");
  shell().answer(kDcgm, ShellAnswer(output, 226).after(100s));
  bench.step("diag", plugin_step("gpu_stress.dcgm_diag"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("dcgm.result", "GPU_1").outcome, Outcome::unset);
  EXPECT_NE(result.measured("dcgm.result", "GPU_1").reason.find("in use"), std::string::npos);
  EXPECT_EQ(result.measured("dcgm.result", "GPU_0").outcome, Outcome::fail);
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
}  // namespace kiln::gpu_stress
