// Heat and coolant under virtual time: what refuses a permit, what trips and when, and what is left alone.
#include "safety/hazard_watch.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "safety/polling.h"
#include "testing/fake_hazard_readings.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using enum HazardKind;

constexpr std::int64_t kSecondOfHazard = 1'000'000'000;

HazardRule row(HazardKind kind, std::optional<double> min, std::optional<double> max) {
  HazardRule rule;
  rule.kind = kind;
  rule.min = min;
  rule.max = max;
  return rule;
}

struct HazardWatchTest : testing::Test {
  HazardWatchTest() {
    HazardRule flow = row(coolant_flow, {}, {});
    flow.least_share = 0.5;
    rules.rows = {flow, row(gpu_temperature, {}, 95), row(dew_point_margin, 1, {})};
    tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 10.0);
    tray->put(gpu_temperature, "GPU_0", 40.0);
    cdu->put(coolant_flow, "1/Secondary", 80.0);
    cdu->put(dew_point_margin, "1", 14.0);
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }
  awaitable<void> watch_for(Ctx& ctx, Nanoseconds duration) {
    std::map<std::string, HazardSource> sources;
    sources["C01"].role = Role::compute_tray;
    sources["C01"].readings = &tray_readings;
    sources["CDU01"].role = Role::cdu;
    sources["CDU01"].readings = &cdu_readings;
    sources["P01"].role = Role::power_shelf;
    sources["S01"].role = Role::switch_tray;
    sources["S01"].no_readings = "its BMC was not reached";
    HazardEars ears;
    ears.watch = [this](const HazardReport& report) { said[report.dut] = report; };
    ears.trip = [this](Trip trip) { trips.push_back(std::move(trip)); };
    HazardWatch watch(
        ctx, rules, std::move(sources), [this](const std::string&) { return energised; }, ears);
    watch.start();
    const Status waited = co_await ctx.sleep_for(duration);
    EXPECT_TRUE(waited);
    co_await watch.stop();
  }
  void run(Nanoseconds duration) {
    loop->run([&](Ctx& ctx) { return watch_for(ctx, duration); });
  }
  void under_load() { energised = Energised{true, true, false}; }
  std::int64_t since_start(std::int64_t at_ns) const { return at_ns - start; }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  HazardRules rules;
  std::shared_ptr<FakeHazards> tray = std::make_shared<FakeHazards>(), cdu = std::make_shared<FakeHazards>();
  FakeHazardReadings tray_readings{tray}, cdu_readings{cdu};
  Energised energised;
  std::map<std::string, HazardReport> said;
  std::vector<Trip> trips;
};

TEST_F(HazardWatchTest, WhatIsAsItMustBeIsReadyAndNothingTrips) {
  under_load();
  run(60s);
  EXPECT_TRUE(said.at("C01").load_ready && said.at("C01").power_ready) << said.at("C01").why;
  EXPECT_TRUE(said.at("CDU01").load_ready) << said.at("CDU01").why;
  EXPECT_FALSE(said.contains("P01")) << "nothing is watched there";
  EXPECT_FALSE(said.at("S01").load_ready) << "it cannot be asked";
  EXPECT_EQ(said.at("S01").why, "S01: its BMC was not reached");
  EXPECT_TRUE(trips.empty());
  EXPECT_EQ(tray->reads, 31) << "every 2 s";
}

TEST_F(HazardWatchTest, NothingTripsWhereNothingWasSwitchedOnButThePermitIsRefused) {
  tray->put(gpu_temperature, "GPU_0", 99.0);
  run(30s);
  EXPECT_TRUE(trips.empty());
  EXPECT_FALSE(said.at("C01").power_ready);
  EXPECT_EQ(said.at("C01").code, "over_temperature.gpu");
  EXPECT_EQ(said.at("C01").part, "GPU_0");
  EXPECT_EQ(said.at("C01").why, "C01: the GPU temperature of GPU_0 is 99 Cel, and must be ≤ 95 Cel");
}

TEST_F(HazardWatchTest, TwoReadingsBeyondTheBoundTripAndOneDoesNot) {
  energised.at_all = true;
  at(9s, [this] { tray->put(gpu_temperature, "GPU_0", 120.0); });
  at(11s, [this] { tray->put(gpu_temperature, "GPU_0", 60.0); });
  run(30s);
  EXPECT_TRUE(trips.empty()) << trips.front().message;
  EXPECT_TRUE(said.at("C01").load_ready);
}

TEST_F(HazardWatchTest, AHotGpuTripsItsTrayWithinTwoLooks) {
  energised.at_all = true;
  at(9s, [this] { tray->put(gpu_temperature, "GPU_0", 101.0); });
  run(30s);
  ASSERT_EQ(trips.size(), 1U) << "once";
  EXPECT_EQ(trips[0].cause, "over-temperature");
  EXPECT_EQ(trips[0].code, "over_temperature.gpu");
  EXPECT_EQ(trips[0].dut, "C01");
  EXPECT_EQ(trips[0].part, "GPU_0");
  EXPECT_TRUE(trips[0].read);
  EXPECT_GT(since_start(trips[0].detected_ns), Nanoseconds(11s).count()) << "one look may be a spike";
  EXPECT_LE(since_start(trips[0].detected_ns), Nanoseconds(13s).count());
}

TEST_F(HazardWatchTest, EachDutIsPolledAtItsOwnMomentOfThePeriod) {
  std::vector<std::int64_t> tray_at, cdu_at;
  tray->on_read = [&] { tray_at.push_back(since_start(loop->clock().now().monotonic_ns)); };
  cdu->on_read = [&] { cdu_at.push_back(since_start(loop->clock().now().monotonic_ns)); };
  run(9s);
  const auto seconds = [](std::vector<std::int64_t> times) {
    std::vector<double> shown;
    for (const std::int64_t time : times) shown.push_back(static_cast<double>(time) / 1e9);
    return shown;
  };
  EXPECT_EQ(seconds(tray_at), (std::vector<double>{0, 0.5, 2.5, 4.5, 6.5, 8.5}));
  EXPECT_EQ(seconds(cdu_at), (std::vector<double>{0, 1, 3, 5, 7}));
}

TEST_F(HazardWatchTest, LostFlowIsToldAgainstWhatFlowedBeforeLoad) {
  at(5s, [this] { tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 9.0); });
  at(9s, [this] { under_load(); });
  at(15s, [this] { tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 4.6); });
  at(25s, [this] { EXPECT_TRUE(trips.empty()) << "4.6 is more than half of 9"; });
  at(31s, [this] { tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 4.4); });
  run(60s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].cause, "lost-flow");
  EXPECT_EQ(trips[0].code, "coolant.flow_lost");
  EXPECT_EQ(
      trips[0].message,
      "C01: the coolant flow of Chassis_0/CoolantConnector_0 is 4.4 L/min, and must be ≥ 0.5 of what was "
      "read before load (9 L/min)");
}

TEST_F(HazardWatchTest, WhatABmcThatRestartsByPlanReadsIsNeitherAHazardNorWhatFlowedBeforeLoad) {
  energised.at_all = true;
  at(9s, [this] {
    energised = Energised{false, false, true};
    tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 0.0);
    tray->put(gpu_temperature, "GPU_0", 120.0);
  });
  at(19s, [this] {
    EXPECT_TRUE(trips.empty());
    EXPECT_FALSE(said.at("C01").load_ready);
    tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 10.0);
    tray->put(gpu_temperature, "GPU_0", 40.0);
  });
  at(21s, [this] { energised = Energised{true, false, false}; });
  at(25s, [this] { under_load(); });
  at(31s, [this] {
    EXPECT_TRUE(trips.empty());
    tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 4.4);
  });
  run(45s);
  ASSERT_FALSE(trips.empty());
  EXPECT_EQ(trips[0].code, "coolant.flow_lost");
}

TEST_F(HazardWatchTest, PumpsThatFollowTheLoadAreNoLostFlow) {
  at(20s, [this] { under_load(); });
  at(21s, [this] { cdu->put(coolant_flow, "1/Secondary", 200.0); });
  at(40s, [this] { energised.load = false; });  // one look without load, at full speed
  at(43s, [this] { under_load(); });
  at(45s, [this] { cdu->put(coolant_flow, "1/Secondary", 70.0); });
  run(80s);
  EXPECT_TRUE(trips.empty()) << trips.front().message;
}

TEST_F(HazardWatchTest, ACduTripsForWhatItServes) {
  under_load();
  at(9s, [this] { cdu->put(dew_point_margin, "1", 0.2); });
  run(20s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].dut, "CDU01");
  EXPECT_EQ(trips[0].code, "coolant.dew_point");
}

TEST_F(HazardWatchTest, WhatIsNotKnownTripsUnderLoadAfterItsGraceAndOnlyThen) {
  at(9s, [this] { energised.at_all = true; });
  at(11s, [this] { tray->put(gpu_temperature, "GPU_0", std::nullopt); });
  at(60s, [this] {
    EXPECT_TRUE(trips.empty()) << "no load: nothing is cooked";
    EXPECT_TRUE(said.at("C01").power_ready);
    EXPECT_FALSE(said.at("C01").load_ready);
    tray->put(gpu_temperature, "GPU_0", 50.0);
  });
  at(71s, [this] { under_load(); });
  at(73s, [this] { tray->put(gpu_temperature, "GPU_0", std::nullopt); });
  at(81s, [this] { EXPECT_TRUE(trips.empty()) << "within its grace"; });
  run(120s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  EXPECT_FALSE(trips[0].read);
  EXPECT_NE(trips[0].message.find("GPU_0 is not known: it has no value"), std::string::npos)
      << trips[0].message;
}

TEST_F(HazardWatchTest, ASilentBmcAndAPartThatVanishesAreNotKnownEither) {
  under_load();
  at(9s, [this] { cdu->refuses = Error("warden.bmc", "GET /x was answered with 503"); });
  at(40s, [this] { tray->values.erase({gpu_temperature, "GPU_0"}); });
  run(80s);
  ASSERT_EQ(trips.size(), 2U);
  EXPECT_EQ(trips[0].dut, "CDU01");
  EXPECT_NE(trips[0].message.find("503"), std::string::npos) << trips[0].message;
  EXPECT_EQ(trips[1].dut, "C01");
  EXPECT_NE(trips[1].message.find("GPU_0 offers no GPU temperature any more"), std::string::npos)
      << trips[1].message;
}

TEST_F(HazardWatchTest, WhatIsRequiredAndNotOfferedRefusesLoadAndTheRestIsNamed) {
  HazardRule memory = row(gpu_memory_temperature, {}, 105);
  rules.rows.push_back(memory);
  run(5s);
  EXPECT_TRUE(said.at("C01").load_ready);
  EXPECT_EQ(said.at("C01").not_offered, std::vector<std::string>{"GPU memory temperature"});
  EXPECT_TRUE(said.at("CDU01").not_offered.empty()) << "a CDU has no GPUs";
}

TEST_F(HazardWatchTest, WhatIsRequiredAndNotOfferedRefusesLoad) {
  HazardRule memory = row(gpu_memory_temperature, {}, 105);
  memory.required = true;
  rules.rows.push_back(memory);
  run(5s);
  EXPECT_FALSE(said.at("C01").load_ready);
  EXPECT_TRUE(said.at("C01").power_ready);
  EXPECT_NE(said.at("C01").why.find("offers no GPU memory temperature"), std::string::npos);
}

TEST_F(HazardWatchTest, WhatMayBeHiddenRefusesLoadAndTripsNothing) {
  tray->values.clear();
  tray->not_seen = "GET /redfish/v1/Systems was answered with 503";
  at(10s, [this] {
    EXPECT_FALSE(said.at("C01").load_ready) << "it is not known that it offers nothing";
    EXPECT_NE(said.at("C01").why.find("503"), std::string::npos) << said.at("C01").why;
    tray->not_seen.clear();
  });
  at(15s, [this] { EXPECT_TRUE(said.at("C01").load_ready); });
  at(16s, [this] {
    under_load();
    tray->not_seen = "GET /redfish/v1/Systems was answered with 503";
  });
  run(60s);
  EXPECT_TRUE(trips.empty());
}

TEST_F(HazardWatchTest, CoolantThatStandsRefusesLoad) {
  tray->put(coolant_flow, "Chassis_0/CoolantConnector_0", 0.0);
  run(5s);
  EXPECT_FALSE(said.at("C01").load_ready);
  EXPECT_NE(said.at("C01").why.find("is 0 L/min"), std::string::npos) << said.at("C01").why;
}

TEST_F(HazardWatchTest, ALookThatHangsUnderLoadIsGivenUpBeforeItsGraceIsOver) {
  under_load();
  at(9s, [this] { tray->takes = 1h; });
  run(40s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  EXPECT_LE(since_start(trips[0].detected_ns), Nanoseconds(24s).count());
}

TEST_F(HazardWatchTest, PartsAreLookedForAnewWhenEnergyComes) {
  at(9s, [this] { energised.at_all = true; });
  at(19s, [this] { energised.load = true; });
  run(30s);
  EXPECT_EQ(tray->looked_anew, 2);
}

TEST_F(HazardWatchTest, WhatComesUnderLoadHasAGraceOfItsOwn) {
  under_load();
  at(20s, [this] { tray->put(gpu_temperature, "GPU_1", std::nullopt); });
  at(29s, [this] { EXPECT_TRUE(trips.empty()); });
  run(40s);
  EXPECT_EQ(trips.size(), 1U);
}

TEST_F(HazardWatchTest, AValueThatItsBmcHasNotLookedAtAnewIsLost) {
  under_load();
  std::int64_t looked = start;
  tray->read_at = [&] {
    return "2026-11-29T00:00:" + std::to_string(10 + since_start(looked) / kSecondOfHazard);
  };
  for (Nanoseconds when = 0s; when <= 20s; when += 1s)
    at(when, [&] { looked = loop->clock().now().monotonic_ns; });
  run(60s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  EXPECT_FALSE(trips[0].read);
  EXPECT_NE(trips[0].message.find("has not looked since 2026-11-29T00:00:30"), std::string::npos)
      << trips[0].message;
  EXPECT_GT(since_start(trips[0].detected_ns), Nanoseconds(20s + rules.grace).count());
  EXPECT_LE(since_start(trips[0].detected_ns), Nanoseconds(24s + 2 * rules.grace).count());
}

TEST_F(HazardWatchTest, ATimeThatNeverMovedIsNone) {
  under_load();
  tray->read_at = [] { return std::string("1970-01-01T00:00:00+00:00"); };
  run(120s);
  EXPECT_TRUE(trips.empty());
  EXPECT_TRUE(said.at("C01").load_ready) << said.at("C01").why;
}

TEST(Polling, OnlyAPollThatEndedLongAfterItsTimeSaysThatTheProgramSlept) {
  const std::int64_t asked = 5'000'000'000;
  EXPECT_FALSE(overslept(asked, 2s, asked + Nanoseconds(1s).count())) << "it was refused";
  EXPECT_FALSE(overslept(asked, 2s, asked + Nanoseconds(2s).count())) << "it was silent";
  EXPECT_FALSE(overslept(asked, 2s, asked + Nanoseconds(2900ms).count())) << "a machine with much to do";
  EXPECT_TRUE(overslept(asked, 2s, asked + Nanoseconds(3100ms).count()));
}

TEST(Polling, TheFirstPausesAreSpreadOverThePeriodAndNoneIsLonger) {
  EXPECT_EQ(first_poll_pause(1s, 0, 1), 1s);
  EXPECT_EQ(first_poll_pause(1s, 0, 4), 250ms);
  EXPECT_EQ(first_poll_pause(1s, 3, 4), 1s);
}

}  // namespace
}  // namespace kiln
