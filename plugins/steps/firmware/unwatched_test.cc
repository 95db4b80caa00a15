// Components whose activation takes away the BMC that reads the leak detectors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::ElementsAre;

/// Reads its detectors every second, and tells of nothing else: what a real one cuts for has its own tests.
class PollingWatch final : public Step {
 public:
  PollingWatch() {
    description_.use = "test.watch";
    description_.monitor = true;
    description_.leak_watch = true;
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Result<Bmc*> bmc = context.bmc();
    while (!context.ctx().stopped()) {
      const Result<LeakCensus> census = co_await (*bmc)->leak_detectors(context.ctx());
      context.watch_armed(census.has_value());
      if (!census && !context.planned_silence()) ++*unplanned;
      const Status waited = co_await context.ctx().sleep_for(1s);
      if (!waited) break;
    }
    co_return success();
  }
  const std::shared_ptr<int> unplanned = std::make_shared<int>(0);  ///< polls that failed without a plan

 private:
  StepDescription description_;
};

struct UnwatchedWrite : testing::Test {
  UnwatchedWrite() {
    std::string pattern = testing::TempDir() + "kiln-unwatched-XXXXXX";
    place = mkdtemp(pattern.data());
    for (const char* name :
         {"firmware.version", "firmware.version.after_update", "firmware.standby_version"}) {
      Limit row;
      row.name = name;
      row.expected = row.as_version = true;
      bench.limit(std::move(row));
    }
    dut = &bench.add_dut("C01", Role::compute_tray);
    bench.expect(*dut, ComponentKind::leak_detector, {"Detector_0"});
    hardware().add_dry_detectors(1);
    bench.shell("C01").answer("true", ShellAnswer(""));
    hardware().power = PowerState::on;
    auto own = std::make_unique<PollingWatch>();
    unplanned = own->unplanned;
    bench.monitor("watch", std::move(own), 1s);
    hardware().on_call = [this](const std::string& verb) { seen(verb); };
  }
  ~UnwatchedWrite() override { std::filesystem::remove_all(place); }

  FakeHardware& hardware() { return bench.hardware("C01"); }
  FirmwareTarget& bmc_firmware(FirmwareActivation activation, const std::string& image_holds = "2.0") {
    FirmwareItem item;
    item.id = "BMC";
    item.version = "1.0";
    item.uri = "/redfish/v1/UpdateService/FirmwareInventory/BMC";
    hardware().firmware.push_back(item);
    FirmwareTarget target;
    target.component = "BMC";
    target.version = "2.0";
    target.image = (place / "BMC.fw").string();
    target.sha256 = sha256_hex(image_holds);
    target.write_within = 30min;
    target.active_within = 5min;
    target.activation = activation;
    std::ofstream(target.image) << image_holds;
    dut->firmware_targets.push_back(std::move(target));
    Component part;
    part.kind = ComponentKind::firmware;
    part.name = "BMC";
    part.firmware = "2.0";
    part.from_baseline = true;
    dut->expect.components.push_back(std::move(part));
    bench.step("update", plugin_step("firmware.to_baseline")).timeout = 2h;
    return dut->firmware_targets.back();
  }
  /// The BMC does not answer for so long after its activation.
  void goes_away_for(Nanoseconds away) {
    hardware().on_activation = [this, away](FakeHardware& bmc, const std::string& /*verb*/) {
      bmc.unreachable = Error("http.connect", "no connection to the BMC");
      back_in = away;
    };
  }
  void seen(const std::string& verb) {
    for (const char* one :
         {"update_firmware", "reset_manager", "full_power_cycle", "power_on", "force_off"}) {
      if (verb == one) calls.push_back(verb + (hardware().power == PowerState::on ? " on" : " off"));
    }
    // Each look of the watch is a second.
    if (verb == "leak_detectors" && back_in.count() > 0) {
      back_in -= 1s;
      if (back_in.count() <= 0) hardware().unreachable.reset();
    }
  }
  static std::string code(const BenchResult& result) { return result.ended("main/update", "C01").code; }

  std::filesystem::path place;
  StepBench bench;
  Dut* dut = nullptr;
  std::shared_ptr<int> unplanned;
  std::vector<std::string> calls;
  Nanoseconds back_in{0};
};

TEST_F(UnwatchedWrite, ItIsOffMeanwhileAndOnAgainWhenItIsReadDry) {
  bmc_firmware(FirmwareActivation::manager_reset);
  goes_away_for(3min);
  const BenchResult result = bench.run();
  for (const auto& problem : result.problems) ADD_FAILURE() << problem.message;
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls, ElementsAre("force_off on", "update_firmware off", "reset_manager off", "power_on off"));
  EXPECT_EQ(hardware().power, PowerState::on);
  EXPECT_EQ(*unplanned, 0);
}

TEST_F(UnwatchedWrite, WhatWasOffStaysOff) {
  hardware().power = PowerState::off;
  bmc_firmware(FirmwareActivation::manager_reset);
  goes_away_for(3min);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls, ElementsAre("update_firmware off", "reset_manager off"));
}

TEST_F(UnwatchedWrite, WhatComesOnByItselfAfterACycleOfAllPowerIsSwitchedOffUntilItIsReadDry) {
  bmc_firmware(FirmwareActivation::full_power_cycle);
  goes_away_for(1min);
  const auto away = hardware().on_activation;
  hardware().on_activation = [away](FakeHardware& bmc, const std::string& verb) {
    away(bmc, verb);
    bmc.power = PowerState::on;  // its restore policy
  };
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls, ElementsAre("force_off on", "update_firmware off", "full_power_cycle off",
                                 "force_off on", "power_on off"));
}

TEST_F(UnwatchedWrite, OneThatDoesNotComeBackIsNotSwitchedOn) {
  bmc_firmware(FirmwareActivation::manager_reset);
  goes_away_for(24h);
  const BenchResult result = bench.run();
  EXPECT_NE(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(calls.back(), "reset_manager off");
}

TEST_F(UnwatchedWrite, DetectorsThatAreNotReadAgainKeepItOff) {
  bmc_firmware(FirmwareActivation::manager_reset);
  hardware().on_activation = [](FakeHardware& bmc, const std::string& /*verb*/) {
    bmc.failing["leak_detectors"] = Error("bmc.not_found", "no leak detection");
  };
  const BenchResult result = bench.run();
  EXPECT_EQ(code(result), "silence.not_read_again");
  EXPECT_EQ(calls.back(), "reset_manager off");
}

TEST_F(UnwatchedWrite, AnImageThatChangesNothingLeavesItAsItWas) {
  bmc_firmware(FirmwareActivation::manager_reset, "1.0");
  goes_away_for(1min);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(hardware().power, PowerState::on);
}

TEST_F(UnwatchedWrite, WhatMayBeAwayForTooLongIsNotWritten) {
  bmc_firmware(FirmwareActivation::manager_reset).active_within = 16min;
  const BenchResult result = bench.run();
  EXPECT_EQ(code(result), "silence.too_long");
  EXPECT_THAT(calls, ElementsAre()) << "found before anything is switched";
}

TEST_F(UnwatchedWrite, WhatTheWardenDoesNotBearIsOnAgainAndNotWritten) {
  WatchReport ready;
  ready.dut = "C01";
  ready.ready = true;
  bench.warden_at(0s, [ready](Runner& runner) { runner.warden_watch(ready); });
  bench.on_silence([](Runner& runner, const SilenceReport& asked) {
    SilenceReport report = asked;
    report.state = SilenceReport::State::refused;
    report.why = "C01: leak detector LeakDetector_0 of CDU01 is masked for its functional test";
    runner.warden_silenced(report);
  });
  bmc_firmware(FirmwareActivation::manager_reset);
  const BenchResult result = bench.run();
  EXPECT_EQ(code(result), "silence.refused");
  EXPECT_THAT(calls, ElementsAre("force_off on", "power_on off"));
}

TEST_F(UnwatchedWrite, ABmcThatIsNeverSeenToGoIsGivenTime) {
  bmc_firmware(FirmwareActivation::manager_reset);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_GT(result.elapsed_ns, Nanoseconds(2min).count());
}

TEST_F(UnwatchedWrite, ACduIsNeverSwitchedOff) {
  dut->role = Role::cdu;
  bench.on_silence([](Runner& runner, const SilenceReport& asked) { runner.warden_silenced(asked); });
  bmc_firmware(FirmwareActivation::manager_reset);
  goes_away_for(1min);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(calls, ElementsAre("update_firmware on", "reset_manager on"));
}

TEST_F(UnwatchedWrite, NorIsAllPowerOfOneCycled) {
  dut->role = Role::cdu;
  bmc_firmware(FirmwareActivation::full_power_cycle);
  const BenchResult result = bench.run();
  EXPECT_EQ(code(result), "firmware.serves_others");
  EXPECT_THAT(calls, ElementsAre());
}

TEST_F(UnwatchedWrite, RealHardwareIsDoneTheSameWay) {
  bench.set_simulated(false);
  WatchReport ready;
  ready.dut = "C01";
  ready.ready = true;
  bench.warden_at(0s, [ready](Runner& runner) { runner.warden_watch(ready); });
  std::vector<bool> asked_for;
  bench.on_silence([&asked_for](Runner& runner, const SilenceReport& asked) {
    asked_for.push_back(asked.state == SilenceReport::State::on);
    runner.warden_silenced(asked);
  });
  bmc_firmware(FirmwareActivation::manager_reset);
  goes_away_for(3min);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_THAT(asked_for, ElementsAre(true, false));
}

TEST_F(UnwatchedWrite, AnUpdateThatIsNotOursOnATrayThatIsOnIsTold) {
  hardware().updates_under_way = {UpdateOutcome{true, false, false, "Completed", "", "/t/9"}};
  bmc_firmware(FirmwareActivation::manager_reset);
  const BenchResult result = bench.run();
  const auto told = result.bodies<Disturbance>();
  EXPECT_TRUE(std::any_of(told.begin(), told.end(), [](const Disturbance& one) {
    return one.code == "firmware.unwatched_update" &&
           one.message.find("C01 is cut as lost telemetry") != std::string::npos;
  }));
}

}  // namespace
}  // namespace kiln
