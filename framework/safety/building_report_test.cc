// What the building is heard to say of a rack, point by point: what is not known well is unknown.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "io/loop.h"
#include "io/scope.h"
#include "safety/building.h"
#include "safety/stay_clear.h"
#include "testing/scripted_bms.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr std::int64_t kReportSecond = 1'000'000'000;
const std::string kReportMeta = "BMS/v1/PUB/Metadata/Rack/", kReportValue = "BMS/v1/PUB/Value/Rack/";

struct BuildingReportTest : testing::Test {
  BuildingReportTest() {
    building.take("BMS/v1/PUB/Metadata/hb", R"({"objectType":"System","pointType":"HeartbeatTimestampBms"})",
                  true, now);
    point("flow", "RackLiquidFlow", "LPM");
    point("supply", "RackLiquidSupplyTemperature", "C");
    point("valve", "RackControlValvePosition", "%");
    say("flow", "180.5");
    say("supply", "25");
    say("valve", "60");
    beat();
  }
  void point(const std::string& name, const std::string& type, const std::string& unit,
             const std::string& rack = "L7") {
    building.take(kReportMeta + name,
                  R"({"objectType":"Rack","pointType":")" + type + R"(","rackLocationId":")" + rack +
                      R"(","engUnit":")" + unit + "\"}",
                  true, now);
  }
  bool say(const std::string& name, const std::string& value, int quality = 1) {
    return building.take(
        kReportValue + name,
        R"({"value":)" + value + R"(,"timestamp":1,"quality":)" + std::to_string(quality) + "}", false, now);
  }
  void beat() {
    building.take("BMS/v1/PUB/Value/hb",
                  R"({"value":)" + std::to_string(++beats) + R"(,"timestamp":1,"quality":1})", false, now);
  }
  std::map<std::string, BuildingFigure> figures() {
    std::map<std::string, BuildingFigure> all;
    for (BuildingFigure& one : building.figures(now)) all[one.point_type] = one;
    return all;
  }
  Building building{"L7", ""};
  std::int64_t now = 1000 * kReportSecond;
  int beats = 0;
};

TEST_F(BuildingReportTest, FiguresComeWithTheirUnits) {
  const auto all = figures();
  EXPECT_EQ(all.at("RackLiquidFlow").value, 180.5);
  EXPECT_EQ(all.at("RackLiquidFlow").unit, "L/min");
  EXPECT_EQ(all.at("RackLiquidSupplyTemperature").unit, "Cel");
  EXPECT_EQ(all.at("RackControlValvePosition").value, 60.0);
}

TEST_F(BuildingReportTest, AnotherRacksFiguresAreNotOurs) {
  point("other", "RackLiquidFlow", "LPM", "L8");
  say("other", "1");
  EXPECT_EQ(building.figures(now).size(), 3U);
}

TEST_F(BuildingReportTest, OldBadAndNullFiguresHaveNoValue) {
  say("flow", "180", 0);
  say("supply", "null");
  auto all = figures();
  EXPECT_FALSE(all.at("RackLiquidFlow").value);
  EXPECT_EQ(all.at("RackLiquidFlow").why, "its quality is 0");
  EXPECT_FALSE(all.at("RackLiquidSupplyTemperature").value);
  for (int ten = 0; ten < 21; ++ten) {
    now += 10 * kReportSecond;
    beat();
  }
  EXPECT_FALSE(figures().at("RackControlValvePosition").value) << "older than two rounds of the BMS";
}

TEST_F(BuildingReportTest, WithoutAHeartbeatNothingIsKnown) {
  now += 40 * kReportSecond;
  for (const auto& [type, figure] : figures()) EXPECT_FALSE(figure.value) << type;
}

TEST_F(BuildingReportTest, AFigureThatMovesWakesNobody) { EXPECT_FALSE(say("flow", "181")); }

WardenBuilding building_of_l7() {
  WardenBuilding told;
  told.rack = "R01";
  told.access.rack_location_id = "L7";
  told.access.integration = "KILN";
  return told;
}

struct ListenTest : testing::Test {
  ListenTest() { bms.serve(broker); }
  Result<BuildingReport> listen(Nanoseconds patience = 130s) {
    std::optional<Result<BuildingReport>> heard;
    loop->run([&](Ctx& ctx) { return both(ctx, heard, patience); });
    return *heard;
  }
  awaitable<void> both(Ctx& ctx, std::optional<Result<BuildingReport>>& heard, Nanoseconds patience) {
    Scope playing(ctx);
    playing.start("bms", [this](Ctx& task) { return bms.play(task, broker); });
    WardenBuilding told = building_of_l7();
    Result<BuildingReport> report = co_await listen_to_building(ctx, broker, std::move(told), 3s, patience);
    took_s = ctx.now().monotonic_ns / kReportSecond;
    heard.emplace(std::move(report));
    const Status ended = co_await playing.stop_and_join(StopReason::sibling, "heard");
    (void)ended;
  }
  static std::map<std::string, std::string> states(const BuildingReport& report) {
    std::map<std::string, std::string> all;
    for (const BuildingLeakPoint& point : report.leaks) all[point.kind] = point.state;
    return all;
  }
  std::unique_ptr<Loop> loop = Loop::simulated();
  ScriptedMqtt broker;
  ScriptedBms bms;
  std::int64_t took_s = 0;
};

TEST_F(ListenTest, ItIsOverWhenEveryPointHasSpoken) {
  const Result<BuildingReport> report = listen();
  ASSERT_TRUE(report);
  const std::map<std::string, std::string> wanted{
      {"equipment", "clear"}, {"rack", "clear"}, {"rack_sensor_fault", "clear"}};
  EXPECT_EQ(states(*report), wanted);
  EXPECT_EQ(report->trouble, "");
  EXPECT_TRUE(bms.asked.empty()) << "who only looks asks for nothing";
}

TEST_F(ListenTest, ALeakAndAFaultAreTold) {
  bms.rope = 1;
  bms.fault = 1;
  const Result<BuildingReport> report = listen();
  ASSERT_TRUE(report);
  EXPECT_EQ(states(*report).at("equipment"), "tripped");
  EXPECT_EQ(states(*report).at("rack_sensor_fault"), "tripped");
}

TEST_F(ListenTest, ABmsThatIsSilentLeavesThePointsUnknownAndEndsInTime) {
  bms.alive = false;
  const Result<BuildingReport> report = listen(20s);
  ASSERT_TRUE(report);
  EXPECT_EQ(states(*report).at("rack"), "unknown");
}

}  // namespace
}  // namespace kiln
