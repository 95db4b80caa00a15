// The warden's watch over the building under virtual time, over a broker that the test plays.
#include "safety/building_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_bms.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::HasSubstr;

struct BuildingWatchTest : testing::Test {
  BuildingWatchTest() {
    building.rack = "R01";
    building.access.broker = "mqtts://bms:8883";
    building.access.rack_location_id = "L7";
    building.access.integration = "KILN";
    bms.serve(broker);
  }
  /// The watch and the BMS run while time passes.
  void run(Nanoseconds duration) {
    loop->run([&](Ctx& ctx) { return watch_for(ctx, duration); });
  }
  awaitable<void> watch_for(Ctx& ctx, Nanoseconds duration) {
    BuildingEars ears;
    ears.watch = [this](const WatchReport& report) { reports.push_back(report); };
    ears.trip = [this](Trip trip) { trips.push_back(std::move(trip)); };
    ears.isolation = [this](const IsolationReport& report) { isolations.push_back(report); };
    std::unique_ptr<MqttClient> client;
    if (no_client.empty()) client = std::make_unique<LentMqtt>(broker);
    BuildingWatch made(ctx, building, rules, std::move(client), no_client, std::move(ears));
    watch = &made;
    Scope scope(ctx);
    scope.start("bms", [this](Ctx& inner) { return bms.play(inner, broker); });
    made.start();
    co_await ctx.sleep_for(duration);
    co_await made.settle();
    settled_ns = now();
    co_await made.stop();
    co_await scope.stop_and_join(StopReason::shutdown, "the test is over");
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }
  std::int64_t now() { return loop->clock().now().monotonic_ns; }
  double seconds(std::int64_t at_ns) const { return static_cast<double>(at_ns - start) / 1e9; }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  ScriptedMqtt broker;
  ScriptedBms bms;
  WardenBuilding building;
  InterlockRules rules;
  std::string no_client;
  std::vector<WatchReport> reports;
  std::vector<Trip> trips;
  std::vector<IsolationReport> isolations;
  std::int64_t settled_ns = 0;
  BuildingWatch* watch = nullptr;
};

TEST_F(BuildingWatchTest, ADryBuildingIsReadyOnceItsPointsWereRead) {
  run(300s);
  ASSERT_EQ(reports.size(), 3U) << "nothing is known, what has no value yet, dry: nothing else is news";
  EXPECT_FALSE(reports[0].ready);
  EXPECT_EQ(reports[0].dut, "R01");
  EXPECT_EQ(reports[0].code, "") << "the broker has not been tried yet";
  EXPECT_FALSE(reports[1].ready);
  EXPECT_TRUE(reports[2].ready);
  EXPECT_TRUE(trips.empty());
  EXPECT_TRUE(isolations.empty());
}

TEST_F(BuildingWatchTest, ALeakTripsAtOnceAndNamesItsPoint) {
  at(10500ms, [this] {
    bms.rope = 1;
    bms.say(broker, "rope", 1);
  });
  run(60s);
  ASSERT_EQ(trips.size(), 1U) << "once, however often it is read";
  EXPECT_EQ(trips[0].dut, "R01");
  EXPECT_EQ(trips[0].cause, "leak");
  EXPECT_EQ(trips[0].code, "leak.detected");
  EXPECT_EQ(trips[0].part, "LeakDetect at BMS/v1/PUB/Value/rope");
  EXPECT_THAT(trips[0].message, HasSubstr("R01: LeakDetect at BMS/v1/PUB/Value/rope reads wet (1)"));
  EXPECT_TRUE(trips[0].read);
  EXPECT_DOUBLE_EQ(seconds(trips[0].detected_ns), 10.5);
  EXPECT_FALSE(reports.back().ready);
}

TEST_F(BuildingWatchTest, ALeakThatIsThereAtTheStartTrips) {
  bms.leak = 1;
  run(30s);
  ASSERT_EQ(trips.size(), 1U);
  EXPECT_EQ(trips[0].part, "RackLeakDetect at BMS/v1/PUB/Value/leak");
}

TEST_F(BuildingWatchTest, ABrokerThatIsGoneBeyondTheGraceIsTelemetryLost) {
  at(20s, [this] {
    broker.refuses = Error("mqtt.connect", "connection refused");
    broker.drop("killed");
  });
  run(120s);
  ASSERT_EQ(trips.size(), 2U) << "the rack's point and the equipment's";
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  EXPECT_FALSE(trips[0].read);
  EXPECT_THAT(trips[0].message, HasSubstr("mqtts://bms:8883 is not reached: connection refused"));
  EXPECT_GE(seconds(trips[0].detected_ns), 49.0);
  EXPECT_LE(seconds(trips[0].detected_ns), 52.0);
  EXPECT_EQ(reports.back().code, kNoBroker);
}

TEST_F(BuildingWatchTest, ABrokerThatComesBackInTimeIsNone) {
  at(20s, [this] { broker.drop("restarted"); });
  run(120s);
  EXPECT_TRUE(trips.empty());
  EXPECT_TRUE(reports.back().ready);
}

TEST_F(BuildingWatchTest, ABmsThatFallsSilentIsUnknownAndThenLost) {
  at(30s, [this] { bms.alive = false; });
  run(200s);
  ASSERT_FALSE(trips.empty());
  EXPECT_EQ(trips[0].code, "interlock.telemetry-lost");
  // Three heartbeats are waited for, then the grace begins.
  EXPECT_GE(seconds(trips[0].detected_ns), 20.0 + 30 + 30 - 1);
  EXPECT_LE(seconds(trips[0].detected_ns), 30.0 + 30 + 30 + 2);
}

TEST_F(BuildingWatchTest, ALeakAfterTelemetryWasLostStillTrips) {
  at(20s, [this] { bms.alive = false; });
  at(150s, [this] {
    bms.alive = true;
    bms.leak = 1;
  });
  run(200s);
  ASSERT_EQ(trips.size(), 3U);
  EXPECT_EQ(trips[2].code, "leak.detected");
}

TEST_F(BuildingWatchTest, AFaultySensorPermitsNothingAndCutsNothingByItself) {
  bms.fault = 1;
  run(60s);
  EXPECT_TRUE(trips.empty());
  EXPECT_FALSE(reports.back().ready);
  EXPECT_THAT(reports.back().why, HasSubstr("its sensor has a fault"));
}

TEST_F(BuildingWatchTest, ABrokerThatIsNotThereIsNamed) {
  broker.refuses = Error("mqtt.connect", "connection refused");
  run(30s);
  EXPECT_FALSE(reports.back().ready);
  EXPECT_EQ(reports.back().code, kNoBroker);
  EXPECT_THAT(reports.back().why, HasSubstr("broker mqtts://bms:8883 is not reached: connection refused"));
  EXPECT_TRUE(trips.empty()) << "what was never clear was never lost";
  EXPECT_LE(reports.size(), 2U);
}

TEST_F(BuildingWatchTest, PointsThatTheSiteDoesNotHaveAreNotMissed) {
  std::erase_if(bms.retained, [](const auto& one) { return one.first.find("rope") != std::string::npos; });
  building.access.has_equipment_leak = false;
  run(30s);
  EXPECT_TRUE(reports.back().ready);
}

TEST_F(BuildingWatchTest, PointsThatItShouldHaveAreMissed) {
  std::erase_if(bms.retained, [](const auto& one) { return one.first.find("rope") != std::string::npos; });
  run(30s);
  EXPECT_FALSE(reports.back().ready);
  EXPECT_THAT(reports.back().why, HasSubstr("the BMS names no LeakDetect of what serves rack L7"));
}

TEST_F(BuildingWatchTest, APointThatIsNotExpectedTripsAllTheSame) {
  building.access.has_equipment_leak = false;
  at(10s, [this] { bms.rope = 1; });
  run(30s);
  ASSERT_EQ(trips.size(), 1U);
}

TEST_F(BuildingWatchTest, IsolationIsAskedForAndConfirmed) {
  bms.obeys_after = 3s;
  at(10s, [this] { watch->isolate(true, true, "R01: a leak"); });
  at(11s, [this] { watch->isolate(false, true, "R01: the shelves stay on"); });
  run(30s);
  EXPECT_EQ(bms.asked,
            (std::vector<std::string>{"BMS/v1/KILN/Value/liquid/ask", "BMS/v1/KILN/Value/electrical/ask"}));
  ASSERT_EQ(isolations.size(), 2U) << "what was asked for already is not asked for again";
  EXPECT_TRUE(isolations[0].said.empty());
  EXPECT_EQ(isolations[0].why, "R01: a leak");
  EXPECT_DOUBLE_EQ(seconds(isolations[0].asked_ns), 10.0);
  EXPECT_TRUE(isolations[1].liquid && isolations[1].electrical);
  EXPECT_GE(seconds(isolations[1].confirmed_ns), 13.0);
  EXPECT_LE(seconds(isolations[1].confirmed_ns), 16.0);
  EXPECT_THAT(isolations[1].said, HasSubstr("RackLiquidIsolationStatus"));
  EXPECT_THAT(isolations[1].said, HasSubstr("RackElectricalIsolationStatus"));
}

TEST_F(BuildingWatchTest, IsolationThatIsNotConfirmedIsToldAndStillWaitedFor) {
  bms.obeys_after = 90s;
  at(10s, [this] { watch->isolate(true, true, "R01: a leak"); });
  run(150s);
  ASSERT_EQ(isolations.size(), 3U);
  EXPECT_EQ(isolations[1].confirmed_ns, 0);
  EXPECT_THAT(isolations[1].said, HasSubstr("is not confirmed isolated"));
  EXPECT_THAT(isolations[1].said, HasSubstr("by hand"));
  EXPECT_NE(isolations[2].confirmed_ns, 0);
}

TEST_F(BuildingWatchTest, ItEndsWhenWhatBecameOfItIsKnown) {
  bms.obeys_after = 1h;
  at(9s, [this] { watch->isolate(true, true, "R01: a leak"); });
  run(10s);
  EXPECT_NEAR(seconds(settled_ns), 69.0, 0.1) << "the rules' patience, and not longer";
  ASSERT_TRUE(isolations.size() == 2U);
}

TEST_F(BuildingWatchTest, WithoutAClientNothingIsReadyAndNothingIsAsked) {
  no_client = "MQTT: ca_file x: no such file";
  at(5s, [this] { watch->isolate(true, true, "R01: a leak"); });
  run(10s);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_THAT(reports[0].why, HasSubstr("no such file"));
  ASSERT_EQ(isolations.size(), 2U);
  EXPECT_THAT(isolations[1].said, HasSubstr("no such file"));
  EXPECT_EQ(isolations[1].confirmed_ns, 0);
}

TEST_F(BuildingWatchTest, ATraysLeakIsToldWhereTheMetadataNamesUs) {
  at(50s, [this] { watch->tell_tray_leak(); });
  run(120s);
  std::vector<std::pair<double, char>> told;
  for (const ScriptedPublish& sent : broker.published) {
    if (sent.topic == "BMS/v1/KILN/Value/trays") told.emplace_back(seconds(sent.at_ns), sent.payload[9]);
  }
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].second, '0');
  EXPECT_LE(told[0].first, 2.0);
  EXPECT_EQ(told[1].second, '1');
  EXPECT_LE(told[1].first, 51.0);
}

}  // namespace
}  // namespace kiln
