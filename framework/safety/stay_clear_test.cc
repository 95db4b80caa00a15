// A latched interlock is released only over a cause that has stayed away.
#include "safety/stay_clear.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "io/scope.h"
#include "testing/fake_hazard_readings.h"
#include "testing/fake_leak_detectors.h"
#include "testing/scripted_bms.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

struct StayClear : testing::Test {
  StayClear() {
    detectors->put("A");
    detectors->put("B");
  }
  awaitable<void> watch(Ctx& ctx) {
    outcome = co_await stay_clear(ctx, leaks, dut, expected, kClearBeforeRelease);
  }
  void run() {
    loop->run([this](Ctx& ctx) { return watch(ctx); });
    took = Nanoseconds(loop->clock().now().monotonic_ns - start);
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  std::shared_ptr<FakeDetectors> detectors = std::make_shared<FakeDetectors>();
  FakeLeakDetectors leaks{detectors};
  const std::string dut = "C01";
  const std::vector<std::string> expected{"A", "B"};
  Status outcome = success();
  Nanoseconds took{0};
};

TEST_F(StayClear, AMinuteOfDryDetectorsIsClear) {
  run();
  EXPECT_TRUE(outcome);
  EXPECT_GE(took, 60s);
  EXPECT_LE(took, 62s);
  EXPECT_GE(detectors->reads, 60);
}

TEST_F(StayClear, OneWetFaultyOrMissingReadingIsNot) {
  at(30s, [this] { detectors->put("B", "Warning"); });
  at(31500ms, [this] { detectors->put("B"); });
  run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  EXPECT_NE(outcome.error().message.find("C01: leak detector B"), std::string::npos);
  EXPECT_LE(took, 32s);
}

TEST_F(StayClear, ADetectorThatIsNotThereIsNot) {
  detectors->looks.pop_back();
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
}

TEST_F(StayClear, NobodyWhoAnswersIsNot) {
  at(30s, [this] { detectors->takes = 1h; });
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  EXPECT_LE(took, 37s);
}

struct HazardsStayClear : testing::Test {
  HazardsStayClear() {
    HazardRule flow;
    flow.kind = HazardKind::coolant_flow;
    flow.least_share = 0.5;
    HazardRule gpu;
    gpu.max = 95;
    HazardRule dew;
    dew.kind = HazardKind::dew_point_margin;
    dew.min = 1;
    rules = {flow, gpu, dew};
    hazards->put(HazardKind::coolant_flow, "1/Secondary", 80.0);
    hazards->put(HazardKind::gpu_temperature, "GPU_0", std::nullopt);
    hazards->put(HazardKind::dew_point_margin, "1", 12.0);
  }
  awaitable<void> watch(Ctx& ctx) {
    outcome = co_await hazards_stay_clear(ctx, readings, rules, "C01", kClearBeforeRelease);
  }
  void run() {
    loop->run([this](Ctx& ctx) { return watch(ctx); });
  }
  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  std::shared_ptr<FakeHazards> hazards = std::make_shared<FakeHazards>();
  FakeHazardReadings readings{hazards};
  std::vector<HazardRule> rules;
  Status outcome = success();
};

TEST_F(HazardsStayClear, AMinuteWithinTheBoundsIsClearAlsoWhereATrayThatIsOffSaysNothingOfItsHeat) {
  run();
  EXPECT_TRUE(outcome) << outcome.error().message;
  EXPECT_GE(hazards->reads, 30);
}

TEST_F(HazardsStayClear, OneReadingBeyondThemIsNot) {
  loop->call_at(start + Nanoseconds(41s).count(),
                [this] { hazards->put(HazardKind::dew_point_margin, "1", 0.5); });
  run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  EXPECT_NE(outcome.error().message.find("must be ≥ 1 K"), std::string::npos) << outcome.error().message;
}

TEST_F(HazardsStayClear, CoolantThatStandsOrIsNotKnownIsNotNorIsASilentBmc) {
  hazards->put(HazardKind::coolant_flow, "1/Secondary", 0.0);
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  hazards->put(HazardKind::coolant_flow, "1/Secondary", std::nullopt);
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  hazards->refuses = Error("http.connect", "no connection", "", Blame::peer);
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
}

struct BuildingStaysClear : testing::Test {
  BuildingStaysClear() {
    building.rack = "R01";
    building.access.broker = "mqtts://bms:8883";
    building.access.rack_location_id = "L7";
    building.access.integration = "KILN";
    bms.serve(broker);
  }
  awaitable<void> watch(Ctx& ctx) {
    Scope scope(ctx);
    scope.start("bms", [this](Ctx& inner) { return bms.play(inner, broker); });
    outcome = co_await building_stays_clear(ctx, broker, building, kClearBeforeRelease);
    const Status ended = co_await scope.stop_and_join(StopReason::shutdown, "the test is over");
    (void)ended;
  }
  void run() {
    loop->run([this](Ctx& ctx) { return watch(ctx); });
    took = Nanoseconds(loop->clock().now().monotonic_ns - start);
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  ScriptedMqtt broker;
  ScriptedBms bms;
  WardenBuilding building;
  Status outcome = success();
  Nanoseconds took{0};
};

TEST_F(BuildingStaysClear, AMinuteFromTheFirstClearValuesIsEnough) {
  run();
  EXPECT_TRUE(outcome) << outcome.error().full();
  EXPECT_GE(took, 60s);
  EXPECT_LE(took, 180s);
  EXPECT_TRUE(broker.published.empty()) << "whoever releases writes nothing in the building";
}

TEST_F(BuildingStaysClear, ALeakIsNotWaitedAway) {
  bms.leak = 1;
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  EXPECT_NE(outcome.error().message.find("R01: RackLeakDetect"), std::string::npos)
      << outcome.error().message;
}

TEST_F(BuildingStaysClear, ALeakInTheMeantimeEndsIt) {
  loop->call_at(start + 50'000'000'000, [this] {
    bms.rope = 1;
    bms.say(broker, "rope", 1);
  });
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  EXPECT_LE(took, 60s);
}

TEST_F(BuildingStaysClear, ABrokerThatIsNotThereIsNotClear) {
  broker.refuses = Error("mqtt.connect", "connection refused");
  run();
  EXPECT_EQ(outcome.error().code, "release.not_clear");
  EXPECT_NE(outcome.error().message.find("connection refused"), std::string::npos) << outcome.error().message;
}

}  // namespace
}  // namespace kiln
