#include <gtest/gtest.h>

#include <algorithm>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// Switches the tray on, "loads" it for a minute behind a guard, and ends.
class FakeLoad final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "test.load";
      made.measurements = {{"load.done", "", ComponentKind::whole_dut, true, "load.failed", "", ""}};
      made.energises = Energy::power;
      return made;
    }();
    return description;
  }
  awaitable<Status> run(StepContext& context) override {
    // The watch needs a first answer before it grants.
    const Status armed = co_await context.ctx().sleep_for(1s);
    if (!armed) co_return armed;
    const Result<Permit> permit = context.permit(Energy::power, "test");
    if (!permit) co_return permit.error();
    Undo off(Undo::Kind::force_off, "force off " + context.dut().id);
    const Result<int> power = co_await context.open_guard(std::move(off));
    if (!power) co_return power.error();
    const Result<Bmc*> bmc = context.bmc();
    const Status on = co_await (*bmc)->power_on(context.ctx(), *permit);
    if (!on) co_return on;
    const Result<Shell*> shell = context.shell();
    Undo undo(Undo::Kind::shell_command, "stop load", "pkill -TERM -x gpu_burn");
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    const Status loaded = co_await context.ctx().sleep_for(60s);
    if (!loaded) co_return loaded;
    Reading reading("load.done", "", true, Source{"test", ""});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }
};

/// One tray with two dry detectors and the limits of this plugin.
void add_tray(StepBench& bench) {
  Dut& tray = bench.add_dut("C01", Role::compute_tray);
  bench.expect(tray, ComponentKind::leak_detector, {"Detector_0", "Detector_1"});
  bench.hardware("C01").add_dry_detectors(2);
  bench.limit_equals("leak_detector.state", "", std::string("dry"));
  bench.limit_equals("leak_watch.state", "", std::string("dry"));
  bench.limit_expected("leak_detector.count", "1");
  bench.limit_equals("load.done", "", true);
  bench.shell("C01").answer("pkill -TERM -x gpu_burn", ShellAnswer("").after(200ms));
}

struct CoolingTest : testing::Test {
  CoolingTest() { add_tray(bench); }
  void watch_load() {
    bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
    bench.step("load", std::make_unique<FakeLoad>());
  }
  LeakDetectorReading& detector(std::size_t index) { return bench.hardware("C01").leaks.detectors[index]; }
  StepBench bench;
};

TEST_F(CoolingTest, ACensusOfDryDetectorsIsGo) {
  bench.step("census", plugin_step("cooling.detector_census"));
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.verdict.counts.required, 3);
}

TEST_F(CoolingTest, EveryWordButDryIsNoGoWithItsOwnCode) {
  struct Case {
    const char* detector_state;
    const char* state;
    const char* code;
  };
  for (const Case& one :
       {Case{"Critical", "Enabled", "leak.detected"}, Case{"Warning", "Enabled", "leak.detected"},
        Case{"Critical", "Degraded", "leak.suspected"}, Case{"Absent", "Absent", "leak_detector.absent"},
        Case{"Unavailable", "Enabled", "leak_detector.fault"},
        Case{"OK", "Disabled", "leak_detector.fault"}}) {
    StepBench own;
    add_tray(own);
    own.step("census", plugin_step("cooling.detector_census"));
    LeakDetectorAnswer& answer = own.hardware("C01").leaks.detectors[1].answer;
    answer.detector_state = one.detector_state;
    answer.state = one.state;
    const BenchResult result = own.run();
    const DutVerdict& tray = *result.verdict.find("C01");
    EXPECT_EQ(tray.decision, Decision::no_go) << one.detector_state;
    EXPECT_EQ(tray.reasons.front().code, one.code) << one.detector_state << " " << one.state;
    EXPECT_EQ(tray.reasons.front().fru, "Detector_1");
  }
}

TEST_F(CoolingTest, TheBmcsOwnLeakPolicyIsRecordedBeforeAndAfterAndDecidesNothing) {
  watch_load();
  FakeHardware& hardware = bench.hardware("C01");
  hardware.leak_policies.push_back({"Chassis_0", false, 5.0, "/redfish/v1/Chassis/Chassis_0/Oem"});
  hardware.on_call = [&hardware](const std::string& verb) {
    if (verb == "power_on") hardware.leak_policies[0].enabled = true;
  };
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::get<std::string>(result.measured("leak_policy.before", "").value), "off, acts after 5 s");
  EXPECT_EQ(std::get<std::string>(result.measured("leak_policy.after", "").value), "enabled, acts after 5 s");
}

TEST_F(CoolingTest, ABmcThatDoesNotTellItsLeakPolicyDisturbsNothing) {
  watch_load();
  bench.hardware("C01").failing["leak_policies"] = Error("bmc.timeout", "no answer");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.measured("leak_policy.before", "").reason, "no answer");
}

/// A tray with one coolant connector, at a power that does not change.
BenchResult heat_of(double watts, double rise_kelvin) {
  StepBench own;
  add_tray(own);
  Dut& tray = *own.inventory().duts.begin();
  own.expect(tray, ComponentKind::coolant_connector, {"Chassis_0/CoolantConnector_0"});
  own.limit_range("coolant.heat_balance", "1", 0.85, 1.15);
  own.limit_min("coolant.flow.under_load", "L/min", 8.6);
  own.limit_max("coolant.temperature_rise", "K", 12);
  SensorReading power;
  power.value = watts;
  power.unit = "W";
  power.reading_type = "Power";
  power.uri = "/redfish/v1/Chassis/Chassis_0/Sensors/Total";
  own.hardware("C01").sensors.push_back(power);
  CoolantReading coolant;
  coolant.name = "Chassis_0/CoolantConnector_0";
  coolant.flow = 10.0;
  coolant.supply_temperature = 25.0;
  coolant.return_temperature = 25.0 + rise_kelvin;
  own.hardware("C01").coolant.push_back(coolant);
  own.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
  own.monitor("heat_watch", plugin_step("cooling.heat_watch"), 1s, {{"settle", "1s"}});
  own.step("load", std::make_unique<FakeLoad>());
  return own.run();
}

TEST(HeatWatch, AnIdleTrayIsNoLoadHoweverSteadyItIs) {
  const BenchResult idle = heat_of(32, 0);
  const Measured balance = idle.measured("coolant.heat_balance", "Chassis_0/CoolantConnector_0");
  EXPECT_EQ(balance.outcome, Outcome::unset) << "a good tray that was never loaded must not fail";
  const BenchResult loaded = heat_of(6670, 10);
  EXPECT_EQ(loaded.measured("coolant.heat_balance", "Chassis_0/CoolantConnector_0").outcome, Outcome::pass);
  const BenchResult cold = heat_of(6670, 0);
  EXPECT_EQ(cold.measured("coolant.heat_balance", "Chassis_0/CoolantConnector_0").outcome, Outcome::fail)
      << "heat that goes nowhere is a fail";
}

TEST_F(CoolingTest, ADetectorMissingFromTheListIsNoGo) {
  bench.step("census", plugin_step("cooling.detector_census"));
  bench.hardware("C01").leaks.detectors.pop_back();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.measured("leak_detector.state", "Detector_1").fault_code, "leak_detector.absent");
}

TEST_F(CoolingTest, ACensusThatCannotBeReadIsIncompleteNotNoGo) {
  bench.step("census", plugin_step("cooling.detector_census"));
  bench.hardware("C01").failing["leak_detectors"] = Error("bmc.unreachable", "C01: no answer");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(CoolingTest, ADryRunUnderWatchIsGo) {
  watch_load();
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_FALSE(result.verdict.interlocked);
}

TEST_F(CoolingTest, ALeakUnderLoadCutsAtOnceAndIsNoGo) {
  watch_load();
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  const BenchResult result = bench.run();
  const DutVerdict& tray = *result.verdict.find("C01");
  EXPECT_EQ(tray.decision, Decision::no_go);
  EXPECT_EQ(exit_code(result.verdict), 5);
  ASSERT_EQ(tray.interlocks.size(), 1U);
  const Interlocked& cut = tray.interlocks.front();
  EXPECT_EQ(cut.part, "Detector_0");
  EXPECT_EQ(cut.code, "leak.detected");
  ASSERT_GT(cut.load_stopped_ns, 0);
  ASSERT_GT(cut.off_confirmed_ns, 0);
  EXPECT_LE(cut.load_stopped_ns - cut.detected_ns, 5'000'000'000);
  EXPECT_LE(cut.off_confirmed_ns - cut.detected_ns, 10'000'000'000);
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
  // Off of a tray that was told On a moment ago is read for 5 s more.
  EXPECT_LT(result.elapsed_ns, 30'000'000'000) << "the load must not go on to its end";
  EXPECT_EQ(result.ended("main/load").status, WorkStatus::interlocked);
}

TEST_F(CoolingTest, ALedgerThatFailsAtTheMomentOfALeakHidesNothing) {
  watch_load();
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  const std::vector<Event> whole = bench.run().events;
  const auto at = std::find_if(whole.begin(), whole.end(), [](const Event& event) {
    return std::holds_alternative<Interlocked>(event.body);
  });
  ASSERT_NE(at, whole.end());
  StepBench own;
  add_tray(own);
  own.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
  own.step("load", std::make_unique<FakeLoad>());
  own.at(20s, [&own] { own.hardware("C01").leaks.detectors[0].answer.detector_state = "Critical"; });
  own.fail_ledger_after(static_cast<std::size_t>(at - whole.begin()));
  const BenchResult result = own.run();
  EXPECT_TRUE(result.bodies<Interlocked>().empty()) << "the ledger did not take it";
  EXPECT_EQ(exit_code(result.verdict), 5);
  const DutVerdict& tray = *result.verdict.find("C01");
  EXPECT_EQ(tray.decision, Decision::no_go);
  ASSERT_EQ(tray.interlocks.size(), 1U);
  EXPECT_EQ(tray.interlocks.front().part, "Detector_0");
  EXPECT_TRUE(std::none_of(tray.reasons.begin(), tray.reasons.end(), [](const Reason& reason) {
    return reason.code == "undo.failed";
  })) << "what was undone is not said to be open";
  EXPECT_EQ(own.hardware("C01").power, PowerState::off);
}

TEST_F(CoolingTest, APowerCutDoesNotWaitForAHostThatHangs) {
  watch_load();
  bench.shell("C01").answer("pkill -TERM -x gpu_burn", ShellAnswer::never());
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  const BenchResult result = bench.run();
  const Interlocked& cut = result.verdict.find("C01")->interlocks.at(0);
  ASSERT_GT(cut.off_confirmed_ns, 0);
  EXPECT_LE(cut.off_confirmed_ns - cut.detected_ns, 1'000'000'000);
}

TEST_F(CoolingTest, LoadIsNotSaidToBeStoppedBeforeTheHostHasAnswered) {
  // The step is stopped first and ends its load itself; the host takes its time, the tray more.
  watch_load();
  bench.hardware("C01").ignores_force_off = true;
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  bench.at(24s, [this] { bench.hardware("C01").power = PowerState::off; });
  const BenchResult result = bench.run();
  const Interlocked& cut = result.verdict.find("C01")->interlocks.at(0);
  EXPECT_GE(cut.load_stopped_ns - cut.detected_ns, 200'000'000);
  EXPECT_LE(cut.load_stopped_ns - cut.detected_ns, 250'000'000);
  EXPECT_GT(cut.off_confirmed_ns - cut.detected_ns, 2'900'000'000);
}

TEST_F(CoolingTest, LoadOfAHostThatHangsIsStoppedWhenThePowerIsOff) {
  watch_load();
  bench.hardware("C01").ignores_force_off = true;
  bench.shell("C01").answer("pkill -TERM -x gpu_burn", ShellAnswer::never());
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  bench.at(24s, [this] { bench.hardware("C01").power = PowerState::off; });
  const BenchResult result = bench.run();
  const Interlocked& cut = result.verdict.find("C01")->interlocks.at(0);
  ASSERT_GT(cut.off_confirmed_ns, 0);
  EXPECT_EQ(cut.load_stopped_ns, cut.off_confirmed_ns);
  for (const Event& event : result.events) {
    if (!std::holds_alternative<Interlocked>(event.body)) continue;
    EXPECT_LE(event.at.monotonic_ns - cut.off_confirmed_ns, 100'000'000)
        << "a host that hangs keeps the cut out of the record";
  }
}

TEST_F(CoolingTest, LostTelemetryUnderLoadCutsAndIsIncomplete) {
  watch_load();
  bench.at(20s, [this] {
    bench.hardware("C01").failing["leak_detectors"] = Error("bmc.unreachable", "no answer");
  });
  const BenchResult result = bench.run();
  const DutVerdict& tray = *result.verdict.find("C01");
  EXPECT_EQ(tray.decision, Decision::incomplete);
  EXPECT_EQ(exit_code(result.verdict), 5);
  ASSERT_EQ(tray.interlocks.size(), 1U);
  EXPECT_EQ(tray.interlocks.front().code, "interlock.telemetry-lost");
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
  EXPECT_LT(result.elapsed_ns, 32'000'000'000);
}

TEST_F(CoolingTest, AShortSilenceIsSurvived) {
  watch_load();
  bench.at(20s, [this] {
    bench.hardware("C01").failing["leak_detectors"] = Error("bmc.unreachable", "no answer");
  });
  bench.at(23s, [this] { bench.hardware("C01").failing.clear(); });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_GE(std::get<double>(result.measured("leak_watch.gap").value), 3.0) << "the gap is on record";
}

TEST_F(CoolingTest, GarbageInThePlaceOfADetectorForAMomentIsNoFault) {
  watch_load();
  bench.at(20s, [this] { detector(1).verdict = LeakVerdict{LeakReading::fault, "not JSON", false}; });
  bench.at(23s, [this] { detector(1).verdict = read_leak_detector(detector(1).answer); });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_GE(std::get<double>(result.measured("leak_watch.gap").value), 3.0) << "the gap is on record";
}

TEST_F(CoolingTest, GarbageInThePlaceOfADetectorForLongIsLostTelemetryAndNoDefect) {
  watch_load();
  bench.at(20s, [this] { detector(1).verdict = LeakVerdict{LeakReading::fault, "not JSON", false}; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(exit_code(result.verdict), 5);
}

TEST_F(CoolingTest, GarbageAtTheEndIsNoProofOfDry) {
  watch_load();
  bench.at(59s, [this] { detector(1).verdict = LeakVerdict{LeakReading::fault, "not JSON", false}; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(CoolingTest, NothingIsEnergisedOverAFaultyDetectorAndNothingTrips) {
  watch_load();
  detector(1).answer.state = "Disabled";
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(exit_code(result.verdict), 1);
  EXPECT_FALSE(result.verdict.interlocked);
  EXPECT_EQ(result.ended("main/load").code, "permit.no_leak_watch");
  const auto& calls = bench.hardware("C01").calls;
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "power_on"), 0);
}

TEST_F(CoolingTest, ATripIsLatchedForTheRun) {
  watch_load();
  bench.step("again", std::make_unique<FakeLoad>());
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  bench.at(22s, [this] { detector(0).answer.detector_state = "OK"; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  const auto& calls = bench.hardware("C01").calls;
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "power_on"), 1);
}

TEST_F(CoolingTest, TwoLeakingTraysCutTheWholeRack) {
  for (const char* id : {"C02", "C03"}) {
    Dut& tray = bench.add_dut(id, Role::compute_tray);
    bench.expect(tray, ComponentKind::leak_detector, {"Detector_0", "Detector_1"});
    bench.hardware(id).add_dry_detectors(2);
    bench.shell(id).answer("pkill -TERM -x gpu_burn", ShellAnswer(""));
  }
  watch_load();
  bench.at(20s, [this] { detector(0).answer.detector_state = "Critical"; });
  bench.at(30s, [this] { bench.hardware("C02").leaks.detectors[0].answer.detector_state = "Critical"; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C03")->interlocks.size(), 1U) << "a dry tray of a leaking rack is cut too";
  EXPECT_EQ(bench.hardware("C03").power, PowerState::off);
}

TEST_F(CoolingTest, ALoadWithoutALeakWatchIsRefusedInThePlan) {
  bench.step("load", std::make_unique<FakeLoad>());
  const BenchResult result = bench.run();
  ASSERT_FALSE(result.problems.empty());
  EXPECT_EQ(result.problems.front().code, "plan.no_leak_watch");
}

/// What plans as rack load; the plan is all that is looked at.
class PlannedLoad final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "test.heat";
      made.measurements = {{"heat.done", "", ComponentKind::whole_dut, true, "heat.failed", "", ""}};
      made.energises = Energy::load;
      return made;
    }();
    return description;
  }
  awaitable<Status> run(StepContext& /*context*/) override { co_return success(); }
};

TEST_F(CoolingTest, AWatchThatIsMisspeltIsNotAlsoCalledMissing) {
  bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s, {{"graze", "1s"}});
  bench.step("load", std::make_unique<FakeLoad>());
  const BenchResult result = bench.run();
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems.front().code, "plan.parameters");
}

TEST_F(CoolingTest, AWatchThatReadsTooRarelyOrMayBeBlindTooLongIsRefused) {
  struct Case {
    Nanoseconds every;
    const char* grace;
    const char* code;
  };
  for (const Case& one :
       {Case{1001ms, "5s", "plan.leak_watch_slow"}, Case{1000h, "5s", "plan.leak_watch_slow"},
        Case{1s, "31s", "cooling.grace"}, Case{1s, "0s", "cooling.grace"}}) {
    StepBench own;
    add_tray(own);
    own.monitor("leak_watch", plugin_step("cooling.leak_watch"), one.every, {{"grace", one.grace}});
    own.step("load", std::make_unique<FakeLoad>());
    const BenchResult result = own.run();
    ASSERT_FALSE(result.problems.empty()) << one.grace;
    EXPECT_EQ(result.problems.front().code, one.code);
    EXPECT_TRUE(result.bodies<RunBegun>().empty());
  }
}

TEST_F(CoolingTest, DryOnceIsNoProofForTheEnd) {
  // The load ends at 61 s; the watch is blind for less than its grace before that, and for good after.
  watch_load();
  bench.at(59s, [this] {
    bench.hardware("C01").failing["leak_detectors"] = Error("bmc.unreachable", "no answer");
  });
  const BenchResult result = bench.run();
  const DutVerdict& tray = *result.verdict.find("C01");
  EXPECT_EQ(tray.decision, Decision::incomplete);
  EXPECT_EQ(result.measured("leak_watch.state", "Detector_0").outcome, Outcome::unset);
}

TEST_F(CoolingTest, ALeakAfterTheLastPollIsStillSeen) {
  // Between the poll at 61 s and the end of the work, just after it.
  watch_load();
  bench.at(61s + 1ms, [this] { detector(1).answer.detector_state = "Critical"; });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(exit_code(result.verdict), 5);
}

/// A tray with a CDU that feeds it; both have detectors.
struct FedByACdu : CoolingTest {
  FedByACdu() {
    cdu = &bench.add_dut("CDU01", Role::cdu);
    bench.expect(*cdu, ComponentKind::leak_detector, {"Detector_0"});
    bench.hardware("CDU01").add_dry_detectors(1);
  }
  Dut* cdu;
};

TEST_F(FedByACdu, ACduThatNobodyWatchesIsRefusedInThePlan) {
  MonitorSpec& watch = bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
  watch.duts = Selector{};
  watch.duts.ids = {"C01"};
  bench.step("load", std::make_unique<FakeLoad>(), {}, {"C01"});
  const BenchResult result = bench.run();
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems.front().code, "plan.no_leak_watch");
  EXPECT_NE(result.problems.front().message.find("CDU01"), std::string::npos);
}

TEST_F(FedByACdu, ACduThatIsNotDryKeepsTheTrayDark) {
  bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
  bench.step("load", std::make_unique<FakeLoad>(), {}, {"C01"});
  bench.hardware("CDU01").leaks.detectors[0].answer.state = "Disabled";
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/load").code, "permit.no_leak_watch");
  const auto& calls = bench.hardware("C01").calls;
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "power_on"), 0);
}

TEST_F(FedByACdu, LoadNeedsTheCdusCoolingProvenToo) {
  bench.expect(*cdu, ComponentKind::coolant_connector, {"1/Primary"});
  bench.limit_min("coolant.flow", "L/min", 8);
  bench.limit_max("coolant.supply_temperature", "Cel", 45);
  bench.limit_min("pump.speed", "%", 10);
  bench.limit_equals("heat.done", "", true);
  bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
  bench.step("load", std::make_unique<PlannedLoad>(), {}, {"C01"});
  const BenchResult result = bench.run();
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems.front().code, "plan.cooling_not_proven");
  EXPECT_NE(result.problems.front().message.find("CDU01"), std::string::npos);
}

TEST_F(CoolingTest, ALoadOnLiquidCoolingThatNothingProvesBeforeIsRefusedInThePlan) {
  for (const bool proven_first : {false, true}) {
    StepBench own;
    Dut& tray = own.add_dut("C01", Role::compute_tray);
    own.expect(tray, ComponentKind::coolant_connector, {"Chassis_0/Connector_0"});
    own.limit_min("coolant.flow", "L/min", 8);
    own.limit_max("coolant.supply_temperature", "Cel", 45);
    own.limit_min("pump.speed", "%", 10);
    own.limit_equals("heat.done", "", true);
    if (proven_first) own.step("flow", plugin_step("cooling.flow"));
    own.step("load", std::make_unique<PlannedLoad>());
    if (!proven_first) own.step("flow", plugin_step("cooling.flow"));
    const BenchResult result = own.run();
    const bool refused =
        std::any_of(result.problems.begin(), result.problems.end(),
                    [](const PlanProblem& problem) { return problem.code == "plan.cooling_not_proven"; });
    EXPECT_EQ(refused, !proven_first) << "what comes later proves nothing for what comes first";
  }
}

TEST(Flow, JudgesTheMeanAndMissingValuesAreIncomplete) {
  for (const bool missing : {false, true}) {
    StepBench bench;
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    bench.expect(tray, ComponentKind::coolant_connector, {"Chassis_0/Connector_0"});
    bench.limit_min("coolant.flow", "L/min", 8);
    bench.limit_max("coolant.supply_temperature", "Cel", 45);
    bench.limit_min("pump.speed", "%", 10);
    CoolantReading reading;
    reading.name = "Chassis_0/Connector_0";
    if (!missing) reading.flow = 4.5;
    reading.supply_temperature = 25.0;
    bench.hardware("C01").coolant.push_back(reading);
    bench.step("flow", plugin_step("cooling.flow"));
    const BenchResult result = bench.run();
    const DutVerdict& dut = *result.verdict.find("C01");
    EXPECT_EQ(dut.decision, missing ? Decision::incomplete : Decision::no_go);
    if (!missing) {
      EXPECT_EQ(dut.reasons.front().code, "coolant.low_flow");
    }
  }
}

BmcEvent event_about(const std::string& detector, bool wet) {
  BmcEvent event;
  event.fact = BmcEvent::Fact::leak;
  event.part = detector;
  event.wet = wet;
  return event;
}

/// How long after 20 s, when the detector gets wet, the watch that polls every second sees it.
double seen_after(StepBench& bench, bool with_events) {
  FakeHardware& hardware = bench.hardware("C01");
  hardware.tells_events = with_events;
  bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
  bench.step("load", std::make_unique<FakeLoad>());
  const std::int64_t wet_ns = 1'000'000'000 + 20'000'000'000 + 200'000'000;
  bench.at(20s + 200ms, [&hardware] {
    LeakDetectorReading& reading = hardware.leaks.detectors[1];
    reading.answer = {"Critical", "Enabled", "Critical"};
    reading.verdict = read_leak_detector(reading.answer);
    hardware.tell(event_about(reading.name, true));
  });
  const BenchResult result = bench.run();
  const std::vector<Interlocked> cuts = result.bodies<Interlocked>();
  EXPECT_EQ(cuts.size(), 1U);
  return cuts.empty() ? 1e9 : static_cast<double>(cuts[0].detected_ns - wet_ns) / 1e9;
}

TEST_F(CoolingTest, AnEventBringsTheNextPollForward) {
  const double with_events = seen_after(bench, true);
  RecordProperty("seconds", std::to_string(with_events));
  EXPECT_GE(with_events, 0);
  EXPECT_LT(with_events, 0.1);
}

TEST_F(CoolingTest, WithoutEventsTheNextPollSeesIt) {
  const double alone = seen_after(bench, false);
  RecordProperty("seconds", std::to_string(alone));
  EXPECT_GT(alone, 0.1);
  EXPECT_LE(alone, 1.0);
}

TEST_F(CoolingTest, AnEventIsNoReading) {
  bench.hardware("C01").tells_events = true;
  watch_load();
  bench.at(20s, [this] { bench.hardware("C01").tell(event_about("Detector_1", true)); });
  const BenchResult result = bench.run();
  EXPECT_TRUE(result.bodies<Interlocked>().empty());
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_GE(std::get<std::int64_t>(result.measured("leak_watch.hurried").value), 1);
}

TEST_F(CoolingTest, AStormOfEventsDoesNotMakeItHammer) {
  bench.hardware("C01").tells_events = true;
  watch_load();
  for (int i = 0; i < 1'000; ++i) {
    bench.at(20s + i * 1ms, [this] { bench.hardware("C01").tell(event_about("Detector_1", true)); });
  }
  const BenchResult result = bench.run();
  const std::int64_t hurried = std::get<std::int64_t>(result.measured("leak_watch.hurried").value);
  EXPECT_GE(hurried, 2);
  EXPECT_LE(hurried, 6) << "one at once, then four a second";
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
}

}  // namespace
}  // namespace kiln
