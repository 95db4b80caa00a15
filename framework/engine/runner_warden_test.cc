// What the run does with what the warden says: nothing is energised before it is ready, and its cut is the
// run's.
#include <gtest/gtest.h>

#include "safety/trip.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A watch that is dry from the start.
class DryWatch final : public Step {
 public:
  DryWatch() {
    description_.use = "test.watch";
    description_.monitor = true;
    description_.leak_watch = true;
    description_.measurements = {
        {"watch.state", "", ComponentKind::leak_detector, true, "detector.fault", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    context.watch_armed(true);
    const Status waited = co_await context.ctx().sleep_for(24h);
    (void)waited;
    Reading reading("watch.state", "LeakDetector_0", std::string("dry"), Source{"redfish", "/x"});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

/// Switches on and holds it for a minute.
class PowerHold final : public Step {
 public:
  PowerHold() {
    description_.use = "test.hold";
    description_.energises = Energy::power;
    description_.measurements = {{"held", "", ComponentKind::whole_dut, true, "hold.failed", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Result<Permit> permit = context.permit(Energy::power, "hold");
    if (!permit) co_return permit.error();
    Undo undo(Undo::Kind::force_off, "force off " + context.dut().id);
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    const Result<Bmc*> bmc = context.bmc();
    const Status on = co_await (*bmc)->power_on(context.ctx(), *permit);
    if (!on) co_return on;
    const Status held = co_await context.ctx().sleep_for(60s);
    if (!held) co_return held;
    Reading reading("held", "", true, Source{"computed", "held"});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

struct RunnerWarden : testing::Test {
  RunnerWarden() {
    for (const char* id : {"C01", "C02"}) {
      Dut& dut = bench.add_dut(id, Role::compute_tray);
      bench.expect(dut, ComponentKind::leak_detector, {"LeakDetector_0"});
    }
    bench.limit_equals("held", "", true);
    bench.limit_equals("watch.state", "", std::string("dry"));
    bench.step("hold", std::make_unique<PowerHold>()).timeout = 5min;
    bench.monitor("watch", std::make_unique<DryWatch>(), 1s);
  }
  void ready_at(Nanoseconds when, const std::string& dut, bool ready, const std::string& why = {}) {
    WatchReport report;
    report.dut = dut;
    report.ready = ready;
    report.why = why;
    bench.warden_at(when, [=](Runner& runner) { runner.warden_watch(report); });
  }
  static Trip leak(const std::string& dut) {
    Trip trip;
    trip.cause = "leak";
    trip.code = "leak.detected";
    trip.dut = dut;
    trip.part = "LeakDetector_0";
    trip.message = dut + ": leak detector LeakDetector_0 reports DetectorState Critical";
    trip.detected_ns = 77;
    return trip;
  }
  StepBench bench;
};

TEST_F(RunnerWarden, NothingIsEnergisedBeforeItHasReadEveryDetectorDry) {
  ready_at(0s, "C01", true);
  ready_at(0s, "C02", false, "C02: leak detector LeakDetector_0 cannot say dry: State Disabled");
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.ended("main/hold", "C02").code, "permit.no_warden_watch");
  EXPECT_NE(result.ended("main/hold", "C02").message.find("State Disabled"), std::string::npos);
  EXPECT_EQ(bench.hardware("C02").power, PowerState::off);
  EXPECT_EQ(result.verdict.find("C02")->decision, Decision::incomplete);
}

TEST_F(RunnerWarden, AFaultThatOnlyTheWardenHasSeenIsAFail) {
  ready_at(0s, "C01", true);
  ready_at(0s, "C02", true);
  WatchReport report;
  report.dut = "C02";
  report.why = "C02: leak detector LeakDetector_0 cannot say dry: DetectorState Absent";
  report.part = "LeakDetector_0";
  report.word = "absent";
  report.code = "leak_detector.absent";
  bench.warden_at(5s, [report](Runner& runner) { runner.warden_watch(report); });
  bench.warden_at(6s, [report](Runner& runner) { runner.warden_watch(report); });
  ready_at(7s, "C02", true);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.verdict.find("C02")->decision, Decision::no_go);
  EXPECT_EQ(result.verdict.find("C02")->reasons.front().code, "leak_detector.absent");
  EXPECT_EQ(exit_code(result.verdict), 1);
}

TEST_F(RunnerWarden, ItsFirstLookIsWaitedFor) {
  ready_at(3s, "C01", true);
  ready_at(3s, "C02", true);
  EXPECT_EQ(bench.run().verdict.find("C01")->decision, Decision::go);
}

TEST_F(RunnerWarden, ItsCutIsTheRunsCut) {
  ready_at(0s, "C01", true);
  ready_at(0s, "C02", true);
  bench.warden_at(20s, [](Runner& runner) { runner.warden_tripped(leak("C01"), {"C01"}); });
  bench.warden_at(21s, [](Runner& runner) { runner.warden_cut(CutReport{"C01", 1'000'077, 2'000'077, ""}); });
  const BenchResult result = bench.run();
  EXPECT_EQ(bench.hardware("C01").power, PowerState::off);
  EXPECT_EQ(exit_code(result.verdict), 5);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.verdict.find("C01")->reasons.front().code, "leak.detected");
  EXPECT_EQ(result.verdict.find("C02")->decision, Decision::go) << "one tray's leak is that tray's";
  EXPECT_EQ(result.ended("main/hold", "C01").status, WorkStatus::interlocked);
  const auto cuts = result.bodies<Interlocked>();
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_EQ(cuts[0].detected_ns, 77) << "when the warden detected it";
  std::string notes;
  for (const Note& note : result.bodies<Note>()) notes += note.text + "\n";
  EXPECT_NE(notes.find("the warden cut C01"), std::string::npos) << notes;
  EXPECT_NE(notes.find("load stopped 1ms after it was detected, off 2ms"), std::string::npos) << notes;
}

TEST_F(RunnerWarden, WhatItReachesIsCutWhateverTheEngineThinksOfTheReach) {
  ready_at(0s, "C01", true);
  ready_at(0s, "C02", true);
  bench.warden_at(20s, [](Runner& runner) {
    Trip trip = leak("C01");
    trip.cause = "telemetry-lost";
    trip.code = "interlock.telemetry-lost";
    trip.read = false;
    runner.warden_tripped(trip, {"C01", "C02"});
  });
  const BenchResult result = bench.run();
  for (const char* id : {"C01", "C02"}) {
    EXPECT_EQ(bench.hardware(id).power, PowerState::off);
    EXPECT_EQ(result.verdict.find(id)->decision, Decision::incomplete) << "nothing was read";
  }
  EXPECT_EQ(exit_code(result.verdict), 5);
}

TEST_F(RunnerWarden, WhatItSaysWhileTheLastCutIsBeingConfirmedIsOnRecord) {
  bench.add_dut("C03", Role::server);
  for (const char* id : {"C01", "C02"}) {
    ready_at(0s, id, true);
    bench.hardware(id).ignores_force_off = true;  // each cut takes its whole budget
  }
  const auto lost_at = [this](Nanoseconds when, const std::string& dut) {
    bench.warden_at(when, [dut](Runner& runner) {
      Trip trip = leak(dut);
      trip.cause = "telemetry-lost";
      trip.code = "interlock.telemetry-lost";
      trip.read = false;
      runner.warden_tripped(trip, {dut});
    });
  };
  lost_at(58s, "C01");
  lost_at(66s, "C02");
  lost_at(72s, "C03");
  EXPECT_EQ(bench.run().bodies<Interlocked>().size(), 3U);
}

TEST_F(RunnerWarden, ALeakOfTwoTraysOneSeenByEachIsTheRacks) {
  ready_at(0s, "C01", true);
  ready_at(0s, "C02", true);
  bench.add_dut("C03", Role::compute_tray);
  bench.warden_at(10s, [](Runner& runner) { runner.warden_tripped(leak("C01"), {"C01"}); });
  bench.warden_at(12s, [](Runner& runner) { runner.warden_tripped(leak("C02"), {"C02"}); });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.bodies<Interlocked>().size(), 3U);
}

struct RunnerBuilding : RunnerWarden {
  RunnerBuilding() {
    bench.inventory().building.emplace();
    bench.inventory().building->broker = "mqtts://bms:8883";
    bench.inventory().building->tls.kind = TlsTrust::Kind::certificate_authority;
    bench.inventory().building->tls.value = "ca.pem";
    bench.inventory().building->rack_location_id = "L7";
    ready_at(0s, "C01", true);
    ready_at(0s, "C02", true);
  }
  static Trip rope() {
    Trip trip = leak("R01");
    trip.part = "LeakDetect at rope";
    trip.message = "R01: LeakDetect at rope reads wet (1)";
    return trip;
  }
  static IsolationReport asked() {
    IsolationReport report;
    report.liquid = report.electrical = true;
    report.why = rope().message;
    report.asked_ns = 100;
    return report;
  }
  static std::string notes_of(const BenchResult& result) {
    std::string notes;
    for (const Note& note : result.bodies<Note>()) notes += note.text + "\n";
    return notes;
  }
};

TEST_F(RunnerBuilding, NothingInTheRackIsEnergisedBeforeItsPointsWereReadClear) {
  ready_at(0s, "R01", false, "R01: LeakDetect at rope is unknown: no value has come yet");
  const BenchResult result = bench.run();
  for (const char* id : {"C01", "C02"}) {
    EXPECT_EQ(result.ended("main/hold", id).code, "permit.no_warden_watch");
    EXPECT_NE(result.ended("main/hold", id).message.find("LeakDetect at rope"), std::string::npos);
    EXPECT_EQ(bench.hardware(id).power, PowerState::off);
    EXPECT_EQ(result.verdict.find(id)->decision, Decision::incomplete);
  }
  EXPECT_GE(result.elapsed_ns, 110'000'000'000) << "a BMS repeats its values every 100 s";
}

TEST_F(RunnerBuilding, WithoutABrokerNobodyWaits) {
  WatchReport report;
  report.dut = "R01";
  report.why = "R01: the broker mqtts://bms:8883 is not reached";
  report.code = kNoBroker;
  bench.warden_at(1s, [report](Runner& runner) { runner.warden_watch(report); });
  const BenchResult result = bench.run();
  EXPECT_NE(result.ended("main/hold", "C01").message.find("mqtts://bms:8883"), std::string::npos);
  EXPECT_LE(result.elapsed_ns, 10'000'000'000);
}

TEST_F(RunnerBuilding, WhatTheWardenSaysWhileTheRunIsWrittenDownIsNotLost) {
  WatchReport report;
  report.dut = "R01";
  report.why = "R01: there is no line to the broker";
  report.code = kNoBroker;
  bench.warden_at_the_first_event([report](Runner& runner) { runner.warden_watch(report); });
  const BenchResult result = bench.run();
  EXPECT_NE(result.ended("main/hold", "C01").message.find("there is no line to the broker"),
            std::string::npos);
  EXPECT_LE(result.elapsed_ns, 10'000'000'000) << "nobody waits for what was said already";
}

TEST_F(RunnerWarden, ATripWhileTheRunIsWrittenDownIsOnRecord) {
  bench.warden_at_the_first_event([](Runner& runner) {
    runner.warden_tripped(leak("C01"), {"C01"});
    CutReport report;
    report.dut = "C01";
    runner.warden_cut(report);
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.bodies<Interlocked>().size(), 1U);
}

TEST_F(RunnerBuilding, ItsFirstValuesAreWaitedForLongerThanADetector) {
  ready_at(90s, "R01", true);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_NE(notes_of(result).find(
                "the building is heard through mqtts://bms:8883 (ca ca.pem), where this rack is L7"),
            std::string::npos);
}

TEST_F(RunnerBuilding, ItsLeakIsEveryDutsAndTheRunWaitsForTheIsolation) {
  ready_at(0s, "R01", true);
  bench.warden_at(20s, [](Runner& runner) { runner.warden_tripped(rope(), {"C01"}); });
  bench.warden_at(20s, [](Runner& runner) { runner.warden_isolation(asked()); });
  bench.warden_at(60s, [](Runner& runner) {
    IsolationReport report = asked();
    report.confirmed_ns = 40'000'000'100;
    report.said = "RackLiquidIsolationStatus reads Isolated (1)";
    runner.warden_isolation(report);
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(exit_code(result.verdict), 5);
  const auto cuts = result.bodies<Interlocked>();
  ASSERT_EQ(cuts.size(), 2U) << "whatever the warden reached: a leak of the rack is every DUT's";
  for (const Interlocked& cut : cuts) {
    EXPECT_EQ(cut.part, "LeakDetect at rope");
    EXPECT_NE(cut.message.find("rope reads wet"), std::string::npos);
  }
  for (const char* id : {"C01", "C02"}) {
    EXPECT_EQ(result.verdict.find(id)->decision, Decision::no_go);
    EXPECT_EQ(result.verdict.find(id)->reasons.front().code, "leak.detected");
    EXPECT_EQ(bench.hardware(id).power, PowerState::off);
  }
  const std::string notes = notes_of(result);
  EXPECT_NE(notes.find("was asked for liquid and electrical isolation"), std::string::npos) << notes;
  EXPECT_NE(notes.find("has isolated the rack (liquid and electrical), confirmed 40s after"),
            std::string::npos)
      << notes;
  EXPECT_GE(result.elapsed_ns, 60'000'000'000);
  EXPECT_LE(result.elapsed_ns, 65'000'000'000);
}

TEST_F(RunnerBuilding, IsolationThatIsNotConfirmedIsOnRecord) {
  ready_at(0s, "R01", true);
  bench.warden_at(20s, [](Runner& runner) { runner.warden_tripped(rope(), {"C01", "C02"}); });
  bench.warden_at(20s, [](Runner& runner) { runner.warden_isolation(asked()); });
  bench.warden_at(80s, [](Runner& runner) {
    IsolationReport report = asked();
    report.said = "rack L7: liquid is not confirmed isolated";
    runner.warden_isolation(report);
  });
  EXPECT_NE(notes_of(bench.run())
                .find("is not confirmed to have isolated the rack (liquid and electrical): rack L7"),
            std::string::npos);
}

TEST_F(RunnerBuilding, AWardenThatSaysNothingOfIsolationHoldsTheRunNoLongerThanItsTime) {
  ready_at(0s, "R01", true);
  bench.warden_at(20s, [](Runner& runner) { runner.warden_tripped(rope(), {"C01", "C02"}); });
  const BenchResult result = bench.run();
  EXPECT_NE(notes_of(result).find("the building was not asked to isolate the rack"), std::string::npos);
  EXPECT_LE(result.elapsed_ns, 100'000'000'000);
}

TEST_F(RunnerBuilding, ALeakOfOneTrayWaitsForNothing) {
  ready_at(0s, "R01", true);
  bench.warden_at(20s, [](Runner& runner) { runner.warden_tripped(leak("C01"), {"C01"}); });
  const BenchResult result = bench.run();
  EXPECT_EQ(notes_of(result).find("isolat"), std::string::npos) << notes_of(result);
  EXPECT_EQ(result.bodies<Interlocked>().size(), 1U);
}

TEST_F(RunnerBuilding, TelemetryThatTheBuildingLostCutsTheRackAndReadsNoLeak) {
  ready_at(0s, "R01", true);
  bench.warden_at(20s, [](Runner& runner) {
    Trip trip = rope();
    trip.cause = "telemetry-lost";
    trip.code = "interlock.telemetry-lost";
    trip.read = false;
    runner.warden_tripped(trip, {"C01", "C02"});
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(exit_code(result.verdict), 5);
  for (const char* id : {"C01", "C02"}) EXPECT_EQ(result.verdict.find(id)->decision, Decision::incomplete);
  EXPECT_EQ(notes_of(result).find("isolat"), std::string::npos);
}

/// Asks for leave to load, and holds it for a minute.
class LoadHold final : public Step {
 public:
  LoadHold() {
    description_.use = "test.load";
    description_.energises = Energy::load;
    description_.measurements = {{"loaded", "", ComponentKind::whole_dut, true, "load.failed", "", ""}};
  }
  const StepDescription& describe() const override { return description_; }
  awaitable<Status> run(StepContext& context) override {
    const Result<Permit> permit = context.permit(Energy::load, "load");
    if (!permit) co_return permit.error();
    const Status held = co_await context.ctx().sleep_for(60s);
    if (!held) co_return held;
    Reading reading("loaded", "", true, Source{"computed", "loaded"});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    co_return success();
  }

 private:
  StepDescription description_;
};

struct RunnerHazards : testing::Test {
  RunnerHazards() {
    for (const char* id : {"C01", "C02"}) bench.add_dut(id, Role::compute_tray);
    bench.limit_equals("loaded", "", true);
    bench.step("load", std::make_unique<LoadHold>()).timeout = 10min;
    bench.watch_hazards({"C01", "C02"});
    say_at(0s, "C02", true, true);
  }
  void say_at(Nanoseconds when, const std::string& dut, bool power, bool load, const std::string& why = {}) {
    HazardReport report;
    report.dut = dut;
    report.power_ready = power;
    report.load_ready = load;
    report.why = why;
    report.not_offered = {"coolant flow"};
    bench.warden_at(when, [report](Runner& runner) { runner.warden_hazard(report); });
  }
  StepBench bench;
};

TEST_F(RunnerHazards, LoadWaitsForTheWardensWordForAMinuteAtMost) {
  say_at(0s, "C01", true, false, "C01: heat and coolant have not been read yet");
  say_at(50s, "C01", true, true);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.verdict.find("C02")->decision, Decision::go);
  int told = 0;
  for (const Note& note : result.bodies<Note>())
    told += note.text.find("does not watch coolant flow") == std::string::npos ? 0 : 1;
  EXPECT_EQ(told, 2) << "once per DUT";
}

TEST_F(RunnerHazards, WhatNeverComesRefusesLoadAndNothingElse) {
  say_at(0s, "C01", true, false, "C01: the GPU temperature of GPU_0 is not known: no value");
  say_at(90s, "C01", true, true);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/load", "C01").code, "permit.no_hazard_watch");
  EXPECT_NE(result.ended("main/load", "C01").message.find("GPU_0"), std::string::npos);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.verdict.find("C02")->decision, Decision::go);
}

TEST_F(RunnerHazards, WhatReadsBeyondItsBoundsIsNotWaitedFor) {
  say_at(0s, "C01", false, false, "C01: the GPU temperature of GPU_0 is 99 Cel, and must be ≤ 95 Cel");
  say_at(30s, "C01", true, true);
  const BenchResult result = bench.run();
  EXPECT_EQ(result.ended("main/load", "C01").code, "permit.hazard");
}

TEST_F(RunnerHazards, AHazardThatWasReadIsNoGoAndEndsWithFive) {
  say_at(0s, "C01", true, true);
  bench.warden_at(20s, [](Runner& runner) {
    Trip trip;
    trip.cause = "over-temperature";
    trip.code = "over_temperature.gpu";
    trip.dut = "C01";
    trip.part = "GPU_0";
    trip.message = "C01: the GPU temperature of GPU_0 is 99 Cel, and must be ≤ 95 Cel";
    runner.warden_tripped(trip, {"C01"});
  });
  const BenchResult result = bench.run();
  EXPECT_EQ(exit_code(result.verdict), 5);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.verdict.find("C01")->reasons.front().code, "over_temperature.gpu");
  EXPECT_EQ(result.verdict.find("C02")->decision, Decision::go);
}

}  // namespace
}  // namespace kiln
