// The line to the building under virtual time, over a broker that the test plays.
#include "safety/building_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/loop.h"
#include "io/scope.h"
#include "testing/scripted_mqtt.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::HasSubstr;

const std::string kMeta = "BMS/v1/PUB/Metadata/";
const std::string kVal = "BMS/v1/PUB/Value/";
constexpr const char* kStates = R"("stateText":[{"value":0,"text":"off"},{"value":1,"text":"on"}])";

std::string of_rack(const std::string& type, const std::string& integration = "") {
  return R"({"objectType":"Rack","pointType":")" + type + R"(","rackLocationId":"R01",)" + kStates +
         (integration.empty() ? "" : R"(,"integration":")" + integration + "\"") + "}";
}
std::string reads(std::int64_t value) {
  return R"({"value":)" + std::to_string(value) + R"(,"timestamp":1,"quality":1})";
}

BuildingLineOptions options_of_rack() {
  BuildingLineOptions options;
  options.rack_location_id = "R01";
  options.integration = "KILN";
  return options;
}

struct BuildingLineTest : testing::Test {
  BuildingLineTest() {
    retained = {
        {kMeta + "hb", R"({"objectType":"System","pointType":"HeartbeatTimestampBms"})"},
        {kMeta + "ours",
         R"({"objectType":"System","pointType":"HeartbeatTimestampIntegration","integration":"KILN"})"},
        {kMeta + "leak", of_rack("RackLeakDetect")},
        {kMeta + "liquid", of_rack("RackLiquidIsolationStatus")},
        {kMeta + "electrical", of_rack("RackElectricalIsolationStatus")},
        {kMeta + "liquid/ask", of_rack("RackLiquidIsolationRequest", "KILN")},
        {kMeta + "electrical/ask", of_rack("RackElectricalIsolationRequest", "KILN")},
    };
    broker.on_subscribe = [this](const std::string& filter) {
      if (filter != "BMS/v1/PUB/Metadata/#") return;
      for (const auto& [topic, payload] : retained) broker.put(topic, payload, true);
    };
    broker.on_publish = [this](const ScriptedPublish& sent) {
      if (obeys && sent.topic == "BMS/v1/KILN/Value/liquid/ask") liquid = 1;
      if (obeys && sent.topic == "BMS/v1/KILN/Value/electrical/ask") electrical = 1;
    };
  }

  /// The BMS: its heartbeat every 10 s, what it reads every 2 s.
  awaitable<void> play(Ctx& ctx) {
    for (int second = 0; !ctx.stopped(); ++second) {
      if (second % 10 == 0 && alive) broker.put(kVal + "hb", reads(1000 + second));
      if (second % 2 == 0 && alive) {
        broker.put(kVal + "leak", reads(leak));
        broker.put(kVal + "liquid", reads(liquid));
        broker.put(kVal + "electrical", reads(electrical));
      }
      co_await ctx.sleep_for(1s);
    }
  }

  /// The line and the BMS run while `work` does.
  void run(std::function<awaitable<void>(Ctx&)> work) {
    loop->run([&](Ctx& ctx) -> awaitable<void> {
      Scope scope(ctx);
      scope.start("line", [&](Ctx& inner) { return line.run(inner); });
      scope.start("bms", [&](Ctx& inner) { return play(inner); });
      Ctx work_ctx = ctx.child("work");
      co_await work(work_ctx);
      co_await scope.stop_and_join(StopReason::shutdown, "the test is over");
    });
  }
  static awaitable<void> isolate(BuildingLine& line, Ctx& ctx, Nanoseconds patience, bool liquid,
                                 bool electrical, Result<BuildingIsolation>& out) {
    Ctx limited = ctx.child_within("isolate", patience);
    out = co_await line.isolate(limited, liquid, electrical);
  }
  std::int64_t now() { return loop->clock().now().monotonic_ns; }
  std::vector<ScriptedPublish> sent(const std::string& topic) const {
    std::vector<ScriptedPublish> found;
    for (const ScriptedPublish& one : broker.published) {
      if (one.topic == "BMS/v1/KILN/Value/" + topic) found.push_back(one);
    }
    return found;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  ScriptedMqtt broker;
  std::vector<std::pair<std::string, std::string>> retained;
  bool obeys = true, alive = true;
  std::int64_t leak = 0, liquid = 0, electrical = 0;
  Result<BuildingIsolation> isolated = Error("test.unset", "no result");
  BuildingLine line{broker, options_of_rack()};
};

TEST_F(BuildingLineTest, MetadataIsAskedForFirstAndALeakIsToldAtOnce) {
  std::vector<BuildingState> told;
  line.on_change([&] { told.push_back(line.building().rack_leak(now()).state); });
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(5s);
    EXPECT_TRUE(line.connected());
    EXPECT_EQ(broker.filters, (std::vector<std::string>{"BMS/v1/PUB/Metadata/#", "BMS/v1/PUB/Value/#"}));
    EXPECT_EQ(told.back(), BuildingState::clear);
    leak = 1;
    const std::int64_t before = now();
    while (told.back() != BuildingState::tripped && now() < before + 10'000'000'000)
      co_await ctx.sleep_for(10ms);
    EXPECT_LE(now() - before, 2'000'000'000);
    const std::size_t changes = told.size();
    co_await ctx.sleep_for(20s);
    EXPECT_EQ(told.size(), changes) << "nothing has changed";
  });
  EXPECT_EQ(broker.goodbyes, 1);
}

TEST_F(BuildingLineTest, WeTellThatWeAreAliveEvery10s) {
  run([&](Ctx& ctx) -> awaitable<void> { co_await ctx.sleep_for(61s); });
  const std::vector<ScriptedPublish> beats = sent("ours");
  ASSERT_GE(beats.size(), 6U);
  EXPECT_LE(beats.size(), 7U);
  for (std::size_t i = 1; i < beats.size(); ++i)
    EXPECT_EQ(beats[i].at_ns - beats[i - 1].at_ns, 10'000'000'000);
  EXPECT_FALSE(beats[0].retain);
  const std::int64_t ms = (1'700'000'000'000'000'000 + beats[0].at_ns - 1'000'000'000) / 1'000'000;
  EXPECT_EQ(beats[0].payload, R"({"value":)" + std::to_string(ms) + R"(,"timestamp":)" + std::to_string(ms) +
                                  R"(,"quality":1})");
  EXPECT_TRUE(sent("liquid/ask").empty()) << "nothing is asked for unasked";
}

TEST_F(BuildingLineTest, ASilentBmsIsToldByTimeAlone) {
  std::vector<BuildingState> told;
  line.on_change([&] { told.push_back(line.building().rack_leak(now()).state); });
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(15s);
    alive = false;
    co_await ctx.sleep_for(40s);
    EXPECT_EQ(told.back(), BuildingState::unknown);
  });
}

TEST_F(BuildingLineTest, AnIsolationIsConfirmedByWhatIsReadBack) {
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    co_await isolate(line, ctx, 30s, true, true, isolated);
  });
  ASSERT_TRUE(isolated) << isolated.error().full();
  EXPECT_EQ(isolated->liquid.state, BuildingState::tripped);
  EXPECT_EQ(isolated->electrical.state, BuildingState::tripped);
  ASSERT_EQ(sent("liquid/ask").size(), 1U);
  EXPECT_EQ(sent("liquid/ask")[0].qos, 1);
  EXPECT_FALSE(sent("liquid/ask")[0].retain);
  EXPECT_THAT(sent("electrical/ask")[0].payload, HasSubstr(R"({"value":1,"timestamp":17)"));
}

TEST_F(BuildingLineTest, OnlyWhatIsWantedIsAskedFor) {
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    co_await isolate(line, ctx, 30s, true, false, isolated);
    co_await ctx.sleep_for(5s);
  });
  ASSERT_TRUE(isolated);
  EXPECT_TRUE(sent("electrical/ask").empty());
}

TEST_F(BuildingLineTest, ARequestThatTheBuildingIgnoresIsNotConfirmedAndStands) {
  obeys = false;
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    electrical = 1;
    const std::int64_t before = now();
    co_await isolate(line, ctx, 30s, true, true, isolated);
    EXPECT_EQ(now() - before, 30'000'000'000);
    co_await ctx.sleep_for(300s);
  });
  ASSERT_FALSE(isolated);
  EXPECT_EQ(isolated.error().code, "building.not_isolated");
  EXPECT_THAT(isolated.error().message, HasSubstr("liquid is not confirmed isolated"));
  EXPECT_THAT(isolated.error().message, HasSubstr("electrical is isolated"));
  ASSERT_EQ(sent("liquid/ask").size(), 4U) << "it stands: repeated every 100 s";
  EXPECT_EQ(sent("liquid/ask")[1].at_ns - sent("liquid/ask")[0].at_ns, 100'000'000'000);
}

TEST_F(BuildingLineTest, AStatusThatIsUnknownIsNoConfirmation) {
  retained.erase(retained.begin() + 3);
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    co_await isolate(line, ctx, 30s, true, false, isolated);
  });
  ASSERT_FALSE(isolated);
  EXPECT_EQ(isolated.error().code, "building.not_isolated");
  EXPECT_EQ(sent("liquid/ask").size(), 1U) << "and it was asked for all the same";
}

TEST_F(BuildingLineTest, WithoutATopicWeSaySoAndAskForTheRest) {
  retained.pop_back();
  std::int64_t took = 0;
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    const std::int64_t before = now();
    co_await isolate(line, ctx, 30s, true, true, isolated);
    took = now() - before;
  });
  ASSERT_FALSE(isolated);
  EXPECT_EQ(isolated.error().code, "building.no_request_topic");
  EXPECT_THAT(isolated.error().message, HasSubstr("liquid is isolated"));
  EXPECT_THAT(isolated.error().message, HasSubstr("electrical is not confirmed isolated"));
  EXPECT_LE(took, 4'000'000'000);
  EXPECT_EQ(sent("liquid/ask").size(), 1U);
}

TEST_F(BuildingLineTest, ARequestMadeBeforeTheMetadataCameGoesOutWithIt) {
  run([&](Ctx& ctx) -> awaitable<void> { co_await isolate(line, ctx, 30s, true, true, isolated); });
  EXPECT_TRUE(isolated) << isolated.error().full();
}

TEST_F(BuildingLineTest, ABrokerLostMidWayIsComeBackToAndAskedAgain) {
  obeys = false;
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    Scope scope(ctx);
    scope.start("isolate", [&](Ctx& inner) { return isolate(line, inner, 60s, true, true, isolated); });
    co_await ctx.sleep_for(2s);
    EXPECT_EQ(sent("liquid/ask").size(), 1U);
    broker.drop("pulled");
    co_await ctx.sleep_for(100ms);
    EXPECT_FALSE(line.connected());
    EXPECT_THAT(line.trouble().message, HasSubstr("pulled"));
    EXPECT_EQ(line.building().rack_leak(now()).state, BuildingState::unknown);
    obeys = true;
    co_await scope.join();
  });
  ASSERT_TRUE(isolated) << isolated.error().full();
  EXPECT_EQ(sent("liquid/ask").size(), 2U);
}

TEST_F(BuildingLineTest, ABrokerThatStaysAwayIsNamed) {
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    broker.refuses = Error("mqtt.connect", "no route");
    broker.drop("pulled");
    co_await isolate(line, ctx, 30s, true, true, isolated);
  });
  ASSERT_FALSE(isolated);
  EXPECT_EQ(isolated.error().code, "building.not_isolated");
  EXPECT_THAT(isolated.error().message, HasSubstr("no route"));
}

TEST_F(BuildingLineTest, APubackThatNeverComesHoldsUpNeitherTheOtherNorTheReadingBack) {
  broker.acknowledges = false;
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    co_await isolate(line, ctx, 30s, true, true, isolated);
  });
  EXPECT_TRUE(isolated) << isolated.error().full();
  EXPECT_EQ(sent("electrical/ask")[0].at_ns, sent("liquid/ask")[0].at_ns);
}

TEST_F(BuildingLineTest, TriesAgainWithLongerPausesAndFromTheBeginningAfterASuccess) {
  broker.refuses = Error("mqtt.connect", "nobody there");
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(100s);
    broker.refuses.reset();
    co_await ctx.sleep_for(30s);
    EXPECT_TRUE(line.connected());
    broker.drop("pulled");
    co_await ctx.sleep_for(2s);
    EXPECT_TRUE(line.connected());
  });
  std::vector<std::int64_t> pauses;
  for (std::size_t i = 1; i < broker.connects_ns.size(); ++i)
    pauses.push_back((broker.connects_ns[i] - broker.connects_ns[i - 1]) / 1'000'000'000);
  ASSERT_GE(pauses.size(), 8U);
  EXPECT_EQ(std::vector<std::int64_t>(pauses.begin(), pauses.begin() + 7),
            (std::vector<std::int64_t>{1, 2, 4, 8, 16, 30, 30}));
}

TEST_F(BuildingLineTest, AStopEndsEverything) {
  run([&](Ctx& ctx) -> awaitable<void> {
    co_await ctx.sleep_for(3s);
    obeys = false;
    Scope scope(ctx);
    scope.start("isolate", [&](Ctx& inner) { return isolate(line, inner, 3600s, true, true, isolated); });
    co_await ctx.sleep_for(1s);
    const std::int64_t before = now();
    co_await scope.stop_and_join(StopReason::operator_stop, "enough");
    EXPECT_LE(now() - before, 1'000'000'000);
  });
  ASSERT_FALSE(isolated);
  EXPECT_EQ(isolated.error().code, "building.not_isolated");
  EXPECT_FALSE(broker.connected());
  EXPECT_EQ(broker.goodbyes, 1);
}

}  // namespace
}  // namespace kiln
