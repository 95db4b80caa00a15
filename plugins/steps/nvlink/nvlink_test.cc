#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A minute in which things happen.
class Minute final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "test.minute";
      return made;
    }();
    return description;
  }
  awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(60s);
    co_return waited;
  }
};

std::string driver_gpus() {
  return "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "
         "\"nvsmi_device_v13.dtd\">\n<nvidia_smi_log>"
         "<timestamp>x</timestamp><driver_version>580</driver_version><attached_gpus>1</attached_gpus>"
         "<gpu id=\"00000008:01:00.0\"><product_name>NVIDIA "
         "GB300</product_name><serial>1640000000001</serial>"
         "<uuid>GPU-a</uuid><pci><pci_bus_id>00000008:01:00.0</pci_bus_id></pci></gpu></nvidia_smi_log>\n";
}

struct NvlinkTest : testing::Test {
  NvlinkTest() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    Component gpu;
    gpu.kind = ComponentKind::gpu;
    gpu.name = "GPU_0";
    gpu.serial = "1640000000001";
    tray.expect.components.push_back(gpu);
    bench.expect(tray, ComponentKind::nvlink, {"GPU_0/NVLink_0", "GPU_0/NVLink_1"});
    for (const char* name : {"GPU_0/NVLink_0", "GPU_0/NVLink_1"}) {
      NvlinkReading reading;
      reading.name = name;
      reading.link_state = "Enabled";
      reading.link_status = "LinkUp";
      reading.speed_gbps = 425;
      reading.width = 2;
      reading.effective_ber = 1.5e-254;
      reading.rx_bytes = 1000;
      reading.tx_bytes = 1000;
      for (const char* counter : {"crc_data", "crc_flit", "replay", "recovery", "link_downed", "receive"})
        reading.errors[counter] = 7;
      hardware().nvlinks.push_back(reading);
    }
    bench.shell("C01").answer("nvidia-smi -q -x", ShellAnswer(driver_gpus()));
    status("\t Link 0: 53.125 GB/s\n\t Link 1: 53.125 GB/s\n");
    Limit state;
    state.name = "nvlink.state";
    state.one_of = {"LinkUp", "Enabled"};
    bench.limit(state);
    bench.limit_min("nvlink.speed", "Gbit/s", 425);
    bench.limit_equals("nvlink.in_band.state", "", std::string("up"));
    for (const char* counter : {"crc_data", "crc_flit", "replay", "recovery", "link_downed", "receive"})
      bench.limit_max(fmt::format("nvlink.errors.{}.delta", counter), "1", 0);
    bench.limit_max("nvlink.windows.bad_share", "1", 0.5);
    bench.limit_max("nvlink.effective_ber.max", "1", 1e-12);
    bench.limit_equals("nvlink.width", "1", std::int64_t{2});
    bench.limit_min("nvlink.bandwidth", "GBy/s", 700);
    bench.limit_min("nvlink.all_reduce.bus_bandwidth", "GBy/s", 700);
    bench.limit_equals("nvlink.all_reduce.data", "", std::string("correct"));
  }
  FakeHardware& hardware() { return bench.hardware("C01"); }
  NvlinkReading& link(std::size_t index) { return hardware().nvlinks[index]; }
  void status(const std::string& links) {
    bench.shell("C01").answer("nvidia-smi nvlink --status",
                              ShellAnswer("GPU 0: NVIDIA GB300 (UUID: GPU-a)\n" + links));
  }
  BenchResult census() {
    bench.step("census", plugin_step("nvlink.census"));
    return bench.run();
  }
  BenchResult watch() {
    bench.monitor("errors", plugin_step("nvlink.error_watch"), 10s, windows);
    bench.step("work", std::make_unique<Minute>());
    return bench.run();
  }
  StepBench bench;
  StepBench::With windows = of_length("10s");
  static StepBench::With of_length(const std::string& length) { return {{"window", length}, {"least", "2"}}; }
};

/// Switches the DUT it runs on off after ten seconds, and, when told so, on again ten seconds later.
class SwitchOff final : public Step {
 public:
  explicit SwitchOff(bool on_again) : on_again_(on_again) {}
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "test.switch_off";
      made.energises = Energy::power;
      return made;
    }();
    return description;
  }
  awaitable<Status> run(StepContext& context) override {
    const Result<Bmc*> bmc = context.bmc();
    const Status before = co_await context.ctx().sleep_for(10s);
    if (!before) co_return before;
    const Status off = co_await (*bmc)->force_off(context.ctx());
    if (!off || !on_again_) co_return off;
    const Status between = co_await context.ctx().sleep_for(10s);
    if (!between) co_return between;
    const Result<Permit> permit = context.permit(Energy::power, "test");
    if (!permit) co_return permit.error();
    Undo undo(Undo::Kind::force_off, "force off " + context.dut().id);
    undo.lifetime = Undo::Lifetime::run;
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    const Status on = co_await (*bmc)->power_on(context.ctx(), *permit);
    co_return on;
  }

 private:
  bool on_again_;
};

struct WithASwitch : NvlinkTest {
  WithASwitch() { bench.add_dut("S01", Role::switch_tray); }
  /// The link goes down with its far end, and the GPU's side counts that.
  void far_end_goes(Nanoseconds when, bool up) {
    bench.at(when, [this, up] {
      for (std::size_t index : {0U, 1U}) {
        link(index).link_status = up ? "LinkUp" : "LinkDown";
        if (!up) link(index).errors["link_downed"] += 1;
      }
    });
  }
  BenchResult watch_while(bool on_again) {
    bench.monitor("errors", plugin_step("nvlink.error_watch"), 2s, of_length("2s"));
    bench.step("work", std::make_unique<Minute>(), {}, {"C01"});
    bench.step("switch", std::make_unique<SwitchOff>(on_again), {}, {"S01"});
    return bench.run();
  }
};

TEST_F(WithASwitch, ALinkWhoseFarEndTheRunSwitchedOffIsNotBad) {
  far_end_goes(11s, false);
  const BenchResult result = watch_while(false);
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  const Measured downed = result.measured("nvlink.errors.link_downed.delta", "GPU_0/NVLink_0", "C01");
  EXPECT_EQ(downed.outcome, Outcome::unset);
  EXPECT_NE(downed.reason.find("switched S01"), std::string::npos) << downed.reason;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete)
      << "what was not watched is not good either";
}

TEST_F(WithASwitch, WhatRoseBeforeIsTheLinksOwn) {
  bench.at(5s, [this] { link(1).errors["link_downed"] += 1; });
  far_end_goes(11s, false);
  const BenchResult result = watch_while(false);
  EXPECT_EQ(result.measured("nvlink.errors.link_downed.delta", "GPU_0/NVLink_1", "C01").outcome,
            Outcome::fail);
  EXPECT_EQ(result.measured("nvlink.errors.link_downed.delta", "GPU_0/NVLink_0", "C01").outcome,
            Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(WithASwitch, CountingGoesOnWhenTheFarEndIsBack) {
  far_end_goes(11s, false);
  far_end_goes(25s, true);
  EXPECT_EQ(watch_while(true).verdict.find("C01")->decision, Decision::go);
}

TEST_F(WithASwitch, AndFindsWhatHappensThen) {
  far_end_goes(11s, false);
  far_end_goes(25s, true);
  bench.at(45s, [this] { link(0).errors["link_downed"] += 1; });
  const BenchResult result = watch_while(true);
  EXPECT_EQ(result.measured("nvlink.errors.link_downed.delta", "GPU_0/NVLink_0", "C01").outcome,
            Outcome::fail);
}

TEST_F(WithASwitch, WhatGoesOverLinksIsNotJudgedWhenTheRunTookTheFarEndAway) {
  bench.at(11s, [this] { link(0).link_status = link(1).link_status = "LinkDown"; });
  bench.step("switch", std::make_unique<SwitchOff>(false), {}, {"S01"});
  bench.step("work", std::make_unique<Minute>(), {}, {"C01"});
  bench.step("census", plugin_step("nvlink.census"), {}, {"C01"});
  const BenchResult result = bench.run();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  EXPECT_EQ(result.ended("main/census", "C01").code, "rack.far_end_off");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(WithASwitch, AlsoWhenThatHappenedWhileItWasMeasured) {
  bench.shell("C01").answer("nvidia-smi -q -x", ShellAnswer(driver_gpus()).after(20s));
  status("\t Link 0: <inactive>\n\t Link 1: <inactive>\n");
  bench.step("switch", std::make_unique<SwitchOff>(false), {}, {"S01"});
  bench.step("census", plugin_step("nvlink.census"), {}, {"C01"});
  const BenchResult result = bench.run();
  const Measured state = result.measured("nvlink.in_band.state", "GPU_0/NVLink_0");
  EXPECT_EQ(state.outcome, Outcome::unset);
  EXPECT_NE(state.reason.find("switched S01"), std::string::npos) << state.reason;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(NvlinkTest, ARiseThatMayBeShortOfTheTruthDoesNotPass) {
  Limit some;
  some.name = "nvlink.errors.replay.delta";
  some.unit = "1";
  some.max = 10;
  some.when_part = "GPU_0/NVLink_0";
  bench.limit(some);
  bench.at(15s, [this] { link(0).errors["replay"] += 3; });
  bench.at(25s, [this] { hardware().nvlinks.clear(); });
  const Measured replay = watch().measured("nvlink.errors.replay.delta", "GPU_0/NVLink_0");
  EXPECT_EQ(replay.outcome, Outcome::unset);
  EXPECT_NE(replay.reason.find("3 was seen, but not all"), std::string::npos) << replay.reason;
}

TEST_F(NvlinkTest, LinksThatAreUpAreGo) {
  const BenchResult result = census();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go) << result.ended("main/census").message;
  EXPECT_EQ(result.verdict.counts.required, 8);
}

TEST_F(NvlinkTest, ALinkThatIsDownAtTheBmcIsNoGoWithItsName) {
  link(1).link_status = "LinkDown";
  link(1).speed_gbps = 0;
  const BenchResult result = census();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("nvlink.state", "GPU_0/NVLink_1").fault_code, "nvlink.down");
  EXPECT_EQ(result.measured("nvlink.speed", "GPU_0/NVLink_1").fault_code, "nvlink.slow");
  EXPECT_EQ(result.measured("nvlink.state", "GPU_0/NVLink_0").outcome, Outcome::pass);
}

TEST_F(NvlinkTest, ADisabledPortIsDownWhateverItsStatusSays) {
  link(1).link_state = "Disabled";
  EXPECT_EQ(census().measured("nvlink.state", "GPU_0/NVLink_1").outcome, Outcome::fail);
}

TEST_F(NvlinkTest, ALinkThatIsInactiveForTheDriverIsNoGo) {
  status("\t Link 0: 53.125 GB/s\n\t Link 1: <inactive>\n");
  EXPECT_EQ(census().measured("nvlink.in_band.state", "GPU_0/NVLink_1").fault_code, "nvlink.down");
}

TEST_F(NvlinkTest, ALinkMissingBesideItsNeighbourIsAbsentAndAnEmptyListSaysNothing) {
  hardware().nvlinks.pop_back();
  const BenchResult result = census();
  EXPECT_EQ(to_text(result.measured("nvlink.state", "GPU_0/NVLink_1").value), "Absent");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(NvlinkTest, AnEmptyListIsIncomplete) {
  hardware().nvlinks.clear();
  const BenchResult result = census();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_FALSE(result.measured("nvlink.state", "GPU_0/NVLink_1").reason.empty());
}

TEST_F(NvlinkTest, AHostWithoutNvidiaSmiIsAnErrorAndNotAPass) {
  bench.shell("C01").answer("nvidia-smi -q -x", ShellAnswer("", 127, "nvidia-smi: command not found\n"));
  bench.shell("C01").answer("nvidia-smi nvlink --status", ShellAnswer("", 127));
  const BenchResult result = census();
  EXPECT_EQ(result.ended("main/census").code, "nvidia_smi.not_installed");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(NvlinkTest, AHostThatHangsIsIncompleteAndDoesNotHoldTheStep) {
  bench.shell("C01").answer("nvidia-smi nvlink --status", ShellAnswer::never());
  const BenchResult result = census();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_LE(result.elapsed_ns, 61'000'000'000);
}

TEST_F(NvlinkTest, OldErrorsThatDoNotRiseAreGo) {
  const BenchResult result = watch();
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.verdict.counts.required, 16);
}

TEST_F(NvlinkTest, ARiseOfAnyJudgedCounterIsNoGo) {
  for (const char* counter : {"crc_data", "crc_flit", "replay", "recovery", "link_downed"}) {
    NvlinkTest_ARiseOfAnyJudgedCounterIsNoGo_Test own;
    // After the last round: only the reading at the end can see it.
    own.bench.at(55s, [&own, counter] { ++own.link(1).errors[counter]; });
    const BenchResult result = own.watch();
    const Measured measured =
        result.measured(fmt::format("nvlink.errors.{}.delta", counter), "GPU_0/NVLink_1");
    EXPECT_EQ(measured.fault_code, "nvlink.errors") << counter;
    EXPECT_EQ(to_text(measured.value), "1") << counter;
    EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go) << counter;
  }
}

TEST_F(NvlinkTest, ALinkThatLosesSymbolsAgainAndAgainIsFoundThoughNoTotalIsJudged) {
  for (int second = 5; second < 60; second += 10)
    bench.at(std::chrono::seconds(second), [this] { link(1).errors["symbol"] += 1; });
  link(0).errors["symbol"] = link(1).errors["symbol"] = 40;
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("nvlink.windows.bad_share", "GPU_0/NVLink_1").fault_code, "nvlink.flapping");
  EXPECT_EQ(result.measured("nvlink.windows.bad_share", "GPU_0/NVLink_0").outcome, Outcome::pass);
  for (const Measured& measured : result.bodies<Measured>()) {
    const bool another = measured.outcome == Outcome::fail && measured.name != "nvlink.windows.bad_share";
    EXPECT_FALSE(another) << measured.name << ": only the windows find this";
  }
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(NvlinkTest, OneBurstIsNoFlapping) {
  link(1).errors["symbol"] = 40;
  bench.at(25s, [this] { link(1).errors["symbol"] += 4000; });
  EXPECT_EQ(watch().measured("nvlink.windows.bad_share", "GPU_0/NVLink_1").outcome, Outcome::pass);
}

TEST_F(NvlinkTest, WhatIsLostOfTheWatchDoesNotMakeItGood) {
  bench.at(21s, [this] { hardware().failing["nvlinks"] = Error("bmc.unreachable", "no answer"); });
  bench.at(49s, [this] { hardware().failing.clear(); });
  const Measured share = watch().measured("nvlink.windows.bad_share", "GPU_0/NVLink_0");
  EXPECT_EQ(share.outcome, Outcome::unset);
  EXPECT_NE(share.reason.find("the BMC did not answer"), std::string::npos) << share.reason;
}

TEST_F(NvlinkTest, WindowsShorterThanTheReadingsAreRefused) {
  windows = of_length("5s");
  const BenchResult result = watch();
  EXPECT_EQ(result.ended("monitor/errors").code, "nvlink.window_too_short");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(NvlinkTest, ARateOfBitErrorsThatWasOnceTooHighStays) {
  bench.at(25s, [this] { link(1).effective_ber = 4e-11; });
  bench.at(35s, [this] { link(1).effective_ber = 1.5e-254; });
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("nvlink.effective_ber.max", "GPU_0/NVLink_1").fault_code, "nvlink.bit_errors");
  EXPECT_EQ(result.measured("nvlink.effective_ber.max", "GPU_0/NVLink_0").outcome, Outcome::pass);
}

TEST_F(NvlinkTest, ARateThatIsNoneDoesNotPass) {
  bench.at(25s, [this] { link(1).effective_ber = 1.2; });
  const Measured rate = watch().measured("nvlink.effective_ber.max", "GPU_0/NVLink_1");
  EXPECT_EQ(rate.outcome, Outcome::unset);
  EXPECT_NE(rate.reason.find("prints 1.2"), std::string::npos) << rate.reason;
}

TEST_F(NvlinkTest, ABmcThatTellsNoRateAndNoWidthLeavesThemUnsetAndNothingElse) {
  for (NvlinkReading& one : hardware().nvlinks) one.effective_ber.reset();
  EXPECT_EQ(watch().measured("nvlink.effective_ber.max", "GPU_0/NVLink_1").outcome, Outcome::unset);
}

TEST_F(NvlinkTest, ANarrowLinkIsNoGoWithItsName) {
  link(1).width = 1;
  const BenchResult result = census();
  EXPECT_EQ(result.measured("nvlink.width", "GPU_0/NVLink_1").fault_code, "nvlink.narrow");
  EXPECT_EQ(result.measured("nvlink.width", "GPU_0/NVLink_0").outcome, Outcome::pass);
}

TEST_F(NvlinkTest, ALinkThatIsDownIsNotNarrowToo) {
  link(1).link_status = "LinkDown";
  link(1).width = 0;
  EXPECT_EQ(census().measured("nvlink.width", "GPU_0/NVLink_1").outcome, Outcome::unset);
}

TEST_F(NvlinkTest, AWidthThatNobodyTellsIsUnset) {
  link(1).width.reset();
  const BenchResult result = census();
  EXPECT_EQ(result.measured("nvlink.width", "GPU_0/NVLink_1").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete) << "this table says that it is told";
}

TEST_F(NvlinkTest, ACounterThatWasResetHasNoValueButSeenErrorsStay) {
  bench.at(15s, [this] { link(1).errors["replay"] = 9; });
  bench.at(35s, [this] {
    link(0).errors["replay"] = 0;
    link(1).errors["replay"] = 0;
  });
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("nvlink.errors.replay.delta", "GPU_0/NVLink_0").outcome, Outcome::unset);
  EXPECT_EQ(result.measured("nvlink.errors.replay.delta", "GPU_0/NVLink_1").outcome, Outcome::fail);
}

TEST_F(NvlinkTest, TrainingAtPowerOnIsNoError) {
  for (auto& one : hardware().nvlinks) one.link_status = "LinkDown";
  bench.at(15s, [this] {
    for (auto& one : hardware().nvlinks) one.errors["recovery"] = 20;
  });
  bench.at(16s, [this] {
    for (auto& one : hardware().nvlinks) one.link_status = "LinkUp";
  });
  EXPECT_EQ(watch().verdict.find("C01")->decision, Decision::go);
}

TEST_F(NvlinkTest, ReceiveErrorsOfALinkAreFound) {
  bench.at(15s, [this] { hardware().nvlinks[1].errors["receive"] = 9; });
  const BenchResult result = watch();
  EXPECT_EQ(result.measured("nvlink.errors.receive.delta", "GPU_0/NVLink_1").fault_code, "nvlink.errors");
  EXPECT_EQ(result.measured("nvlink.errors.receive.delta", "GPU_0/NVLink_0").outcome, Outcome::pass);
}

TEST_F(NvlinkTest, ARawBitErrorRateIsKeptAndJudgesNothing) {
  hardware().nvlinks[0].raw_ber = 1;
  const BenchResult result = watch();
  EXPECT_EQ(std::get<double>(result.measured("nvlink.raw_ber.max", "GPU_0/NVLink_0").value), 1);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(NvlinkTest, ABmcThatNeverAnswersIsIncomplete) {
  hardware().failing["nvlinks"] = Error("bmc.unreachable", "no answer");
  const BenchResult result = watch();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_NE(result.measured("nvlink.errors.replay.delta", "GPU_0/NVLink_0").reason.find("never answered"),
            std::string::npos);
}

TEST_F(NvlinkTest, ABmcThatFallsSilentBeforeTheEndLeavesTheLinksUnknown) {
  bench.at(31s, [this] { hardware().failing["nvlinks"] = Error("bmc.unreachable", "no answer"); });
  const BenchResult result = watch();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete) << "half a watch proves nothing";
  EXPECT_EQ(result.measured("nvlink.errors.replay.delta", "GPU_0/NVLink_0").outcome, Outcome::unset);
}

TEST_F(NvlinkTest, ALinkThatIsGoneFromTheListAtTheEndIsUnknown) {
  bench.at(31s, [this] { hardware().nvlinks.pop_back(); });
  EXPECT_EQ(watch().verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(NvlinkTest, AStoppedBandwidthRunEndsTheToolOnTheHost) {
  bench.shell("C01").answer_matching("nvbandwidth -j", ShellAnswer::never());
  bench.shell("C01").answer("pkill -TERM -x nvbandwidth", ShellAnswer(""));
  bench.step("bandwidth", plugin_step("nvlink.bandwidth"));
  bench.stop_at(5s);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/bandwidth").status, WorkStatus::aborted);
  const auto lines = bench.shell("C01").lines();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "pkill -TERM -x nvbandwidth"), 1);
}

TEST_F(NvlinkTest, AMissingBandwidthToolIsAnErrorAndNotAPass) {
  bench.shell("C01").answer_matching("nvbandwidth -j", ShellAnswer("", 127));
  bench.step("bandwidth", plugin_step("nvlink.bandwidth"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/bandwidth").code, "nvbandwidth.not_installed");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

struct BandwidthTest : NvlinkTest {
  BandwidthTest() {
    Dut& tray = bench.inventory().duts.front();
    Component gpu;
    gpu.kind = ComponentKind::gpu;
    gpu.name = "GPU_1";
    gpu.serial = "1640000000002";
    tray.expect.components.push_back(gpu);
    std::string both = driver_gpus();
    both.insert(both.find("</nvidia_smi_log>"),
                "<gpu id=\"00000009:01:00.0\"><serial>1640000000002</serial><uuid>GPU-b</uuid>"
                "<pci><pci_bus_id>00000009:01:00.0</pci_bus_id></pci></gpu>");
    both.replace(both.find("<attached_gpus>1"), 16, "<attached_gpus>2");
    bench.shell("C01").answer("nvidia-smi -q -x", ShellAnswer(both));
  }
  BenchResult measure(const std::string& back, const std::string& wrong) {
    bench.shell("C01").answer(
        "timeout --signal=TERM --kill-after=5 600 nvbandwidth -j -t device_to_device_memcpy_read_ce",
        ShellAnswer(
            R"x({"nvbandwidth":{"CUDA Runtime Version":13000,"Driver Version":"580",)x"
            R"x("GPU Device list":["0: a","1: b"],"git_version":"v0.8","testcases":[{)x"
            R"x("bandwidth_description":"memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)",)x"
            R"x("bandwidth_matrix":[["N/A","774.00"],[")x" +
            back +
            R"x(","N/A"]],"name":"device_to_device_memcpy_read_ce","status":"Passed"}],"version":"v0.8"}})x")
            .after(20s));
    bench.shell("C01").answer_matching(
        "all_reduce_perf -b '?1G'? -e '?8G'? -f 2 -g 2 -n 20$",
        ShellAnswer(
            "# nccl-tests version 2.17.1\n# Collective test starting: all_reduce_perf\n"
            "# nThread 1 nGpus 2 minBytes 1073741824 maxBytes 1073741824 step: 2(factor) warmup iters: 1 "
            "iters: 20 agg iters: 1 validation: 1 graph: 0\n#\n"
            "#       size         count      type   redop    root     time   algbw   busbw #wrong     time   "
            "algbw "
            "  busbw #wrong\n#        (B)    (elements)                               (us)  (GB/s)  (GB/s)   "
            "  "
            "       (us)  (GB/s)  (GB/s)       \n"
            "  1073741824  268435456     float     sum      -1  1260.00  852.17  852.17      " +
            wrong + "  1260.00  852.17  852.17      0\n# Out of bounds values : " + wrong +
            (wrong == "0" ? " OK" : " FAILED") +
            "\n# Avg bus bandwidth    : 852.17 \n#\n# Collective test concluded: all_reduce_perf\n")
            .after(20s));
    bench.step("bandwidth", plugin_step("nvlink.bandwidth"));
    return bench.run();
  }
};

TEST_F(BandwidthTest, AFastTrayWithCorrectDataIsGo) {
  const BenchResult result = measure("772.00", "0");
  for (const auto& measured : result.bodies<Measured>())
    EXPECT_EQ(measured.outcome, Outcome::pass)
        << measured.name << " " << measured.part << ": " << measured.reason;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go) << result.ended("main/bandwidth").message;
  EXPECT_EQ(result.verdict.counts.required, 4);
}

TEST_F(BandwidthTest, ASlowPathFailsTheGpusOfThePair) {
  EXPECT_EQ(measure("600.00", "0").measured("nvlink.bandwidth", "GPU_1").fault_code, "nvlink.slow");
}

TEST_F(BandwidthTest, WrongDataIsNoGo) {
  const BenchResult result = measure("772.00", "3");
  EXPECT_EQ(result.measured("nvlink.all_reduce.data").fault_code, "nvlink.wrong_data");
}

}  // namespace
}  // namespace kiln
