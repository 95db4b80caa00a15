// What the building says about a rack, and what it does not say.
#include "safety/building.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace kiln {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kOneSecond = 1'000'000'000;
constexpr auto kUnknown = BuildingState::unknown;
constexpr auto kClear = BuildingState::clear;
constexpr auto kTripped = BuildingState::tripped;

const std::string kMetadata = "BMS/v1/PUB/Metadata/";
const std::string kValue = "BMS/v1/PUB/Value/";
const std::string kLeakStates = R"("stateText":[{"value":0,"text":"NoLeak"},{"value":1,"text":"Leak"}])";

std::string rack_point(const std::string& type, const std::string& states, const std::string& rack = "R01",
                       const std::string& more = "") {
  return R"({"objectType":"Rack","pointType":")" + type +
         R"(","rackLocationName":"row 1","rackLocationId":")" + rack + R"(",)" + states + more + "}";
}
std::string isolation_point(const std::string& which) {
  return rack_point(which, R"("stateText":[{"value":0,"text":"NotIsolated"},{"value":1,"text":"Isolated"}])");
}
std::string request_point(const std::string& which, const std::string& integration) {
  return rack_point(
      which,
      R"("stateText":[{"value":0,"text":"NoIsolationRequested"},{"value":1,"text":"IsolationRequested"}])",
      "R01", R"(,"integration":")" + integration + "\"");
}
std::string value_of_point(const std::string& number, int quality = 1,
                           const std::string& timestamp = "1700000000000") {
  return R"({"value":)" + number + R"(,"timestamp":)" + timestamp + R"(,"quality":)" +
         std::to_string(quality) + "}";
}

struct BuildingTest : testing::Test {
  BuildingTest() {
    put(kMetadata + "System/HeartbeatTimestampBms/x",
        R"({"objectType":"System","pointType":"HeartbeatTimestampBms","objectName":"BMS","objectId":"BMS"})");
    beat();
  }
  bool put(const std::string& topic, const std::string& payload, bool retained = false) {
    return building.take(topic, payload, retained, now);
  }
  void beat() { put(kValue + "System/HeartbeatTimestampBms/x", value_of_point(std::to_string(++beats))); }
  /// Time passes, and the BMS is alive.
  void pass(std::int64_t seconds) {
    now += seconds * kOneSecond;
    beat();
  }
  void rack_leak_point() { put(kMetadata + leak, rack_point("RackLeakDetect", kLeakStates)); }

  const std::string leak = "Rack/RackLeakDetect/hall 7/row/1/Value/x";
  Building building{"R01", "KILN"};
  std::int64_t now = 1000 * kOneSecond;
  std::int64_t beats = 1'700'000'000'000;
};

TEST_F(BuildingTest, NothingIsUnknownAndNeverClear) {
  for (const BuildingAnswer& answer :
       {building.rack_leak(now), building.rack_leak_sensor_fault(now), building.equipment_leak(now),
        building.liquid_isolation(now), building.electrical_isolation(now)}) {
    EXPECT_EQ(answer.state, kUnknown);
    EXPECT_THAT(answer.why, HasSubstr("R01"));
  }
}

TEST_F(BuildingTest, ALeakIsReadWithThePointThatSaysSo) {
  rack_leak_point();
  EXPECT_EQ(building.rack_leak(now).state, kUnknown) << "no value yet";
  EXPECT_TRUE(put(kValue + leak, value_of_point("0")));
  EXPECT_EQ(building.rack_leak(now).state, kClear);
  EXPECT_TRUE(put(kValue + leak, value_of_point("1.0")));
  const BuildingAnswer answer = building.rack_leak(now);
  EXPECT_EQ(answer.state, kTripped);
  EXPECT_EQ(answer.why, "RackLeakDetect at BMS/v1/PUB/Value/" + leak + " reads Leak (1)");
}

TEST_F(BuildingTest, AnotherSchemeOfTopicsIsReadByItsMetadata) {
  Building old("R01", "KILN");
  old.take("BCM/sys/hb/Metadata",
           R"({"version":"2024_10_18","objectType":"System","pointType":"HeartbeatTimestampBms"})", true,
           now);
  old.take("BCM/sys/hb/Value", value_of_point("5"), false, now);
  old.take("BCM/RackLeakDetect is no name/Metadata/Metadata",
           rack_point("RackLeakDetect", kLeakStates, "R01", R"(,"version":"2024_10_18")"), true, now);
  old.take("BCM/RackLeakDetect is no name/Metadata/Value", value_of_point("1"), false, now);
  EXPECT_EQ(old.rack_leak(now).state, kTripped) << old.rack_leak(now).why;
}

TEST_F(BuildingTest, APathMayHoldTheWordsThatJoinIt) {
  put("BCM/Value/Metadata/x/Metadata", rack_point("RackLeakDetect", kLeakStates));
  put("BCM/Value/Metadata/x/Value", value_of_point("1"));
  EXPECT_EQ(building.rack_leak(now).state, kTripped);
}

TEST_F(BuildingTest, TheTypeIsReadFromMetadataAndNotFromTheTopic) {
  put(kMetadata + "Rack/RackLeakDetect/x",
      R"({"objectType":"Rack","pointType":"RackPower","rackLocationId":"R01","engUnit":"kW"})");
  put(kValue + "Rack/RackLeakDetect/x", value_of_point("1"));
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  EXPECT_EQ(building.counts().ignored, 1U);
}

TEST_F(BuildingTest, AValueBeforeItsMetadataIsHeld) {
  EXPECT_FALSE(put(kValue + leak, value_of_point("0")));
  put(kValue + leak, value_of_point("1"));
  EXPECT_EQ(building.counts().held, 1U);
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  rack_leak_point();
  EXPECT_EQ(building.rack_leak(now).state, kTripped) << "the newest of those held";
  EXPECT_EQ(building.counts().held, 0U);
}

TEST_F(BuildingTest, AHeldValueGrowsOldWhileItWaits) {
  put(kValue + leak, value_of_point("0"));
  pass(201);
  rack_leak_point();
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
}

TEST_F(BuildingTest, BadValuesAreUnknownAndNotWhatTheyWereBefore) {
  struct Case {
    std::string name, payload, why;
  };
  const std::vector<Case> cases{
      {"null", value_of_point("null"), "null"},
      {"quality 0", value_of_point("0", 0), "quality is 0"},
      {"quality 2", value_of_point("1", 2), "quality is 2"},
      {"a state between two", value_of_point("0.5"), "0.5"},
      {"a state that is none", value_of_point("2"), "2"},
      {"a negative state", value_of_point("-1"), "-1"},
      {"a huge number", value_of_point("1e300"), "no state"},
      {"beyond numbers", value_of_point("1e999"), "unknown"},
      {"a text", value_of_point("\"0\""), "\"0\""},
      {"a truth", value_of_point("false"), "false"},
      {"no quality", R"({"value":0,"timestamp":1})", "whole quality"},
      {"quality as a text", R"({"value":0,"timestamp":1,"quality":"1"})", "whole quality"},
      {"no timestamp", R"({"value":0,"quality":1})", "timestamp"},
      {"a timestamp as a text", R"({"value":0,"quality":1,"timestamp":"2026"})", "timestamp"},
      {"no value", R"({"timestamp":1,"quality":1})", "neither"},
      {"no JSON", "0", "no JSON object"},
      {"half", R"({"value":0,"timest)", "no JSON"},
      {"two", value_of_point("0") + value_of_point("0"), "no JSON"},
      {"empty", "", "empty"},
      {"binary", std::string("\x00\xff\xfe", 3), "no JSON"},
      {"a list", "[0]", "no JSON object"},
      {"deep", std::string(100'000, '['), "no JSON"},
  };
  for (const Case& bad : cases) {
    for (const char* const before : {"0", "1"}) {
      Building fresh("R01", "KILN");
      std::swap(building, fresh);
      put(kMetadata + "System/HeartbeatTimestampBms/x",
          R"({"objectType":"System","pointType":"HeartbeatTimestampBms"})");
      beat();
      rack_leak_point();
      put(kValue + leak, value_of_point(before));
      ASSERT_NE(building.rack_leak(now).state, kUnknown);
      put(kValue + leak, bad.payload);
      const BuildingAnswer answer = building.rack_leak(now);
      EXPECT_EQ(answer.state, kUnknown) << bad.name;
      EXPECT_THAT(answer.why, HasSubstr(bad.why)) << bad.name;
      put(kValue + leak, value_of_point("1"));
      EXPECT_EQ(building.rack_leak(now).state, kTripped) << bad.name << ": a good one heals it";
    }
  }
}

TEST_F(BuildingTest, MetadataThatIsNotUnderstoodIsCountedAndNamedAndLosesNothing) {
  struct Case {
    std::string name, payload, why;
  };
  const std::vector<Case> cases{
      {"another version", rack_point("RackLeakDetect", kLeakStates, "R01", R"(,"version":"2.0.0")"), "2.0.0"},
      {"a version as a number", rack_point("RackLeakDetect", kLeakStates, "R01", R"(,"version":3)"), "3"},
      {"both units and states", rack_point("RackLeakDetect", kLeakStates, "R01", R"(,"engUnit":"C")"),
       "both"},
      {"no states", rack_point("RackLeakDetect", R"("engUnit":"C")"), "stateText"},
      {"states as a text", rack_point("RackLeakDetect", R"("stateText":"Leak")"), "stateText"},
      {"one state", rack_point("RackLeakDetect", R"("stateText":[{"value":1,"text":"Leak"}])"), "stateText"},
      {"a state twice",
       rack_point("RackLeakDetect",
                  R"("stateText":[{"value":0,"text":"a"},{"value":1,"text":"b"},{"value":1,"text":"c"}])"),
       "stateText"},
      {"the other way round",
       rack_point("RackLeakDetect",
                  R"("stateText":[{"value":0,"text":"Leak"},{"value":1,"text":"No Leak"}])"),
       "opposite"},
      {"no rack", R"({"objectType":"Rack","pointType":"RackLeakDetect",)" + kLeakStates + "}",
       "rackLocationId"},
      {"a rack in numbers",
       R"({"objectType":"Rack","pointType":"RackLeakDetect","rackLocationId":1,)" + kLeakStates + "}",
       "rackLocationId"},
      {"no object type", R"({"pointType":"RackLeakDetect","rackLocationId":"R01",)" + kLeakStates + "}",
       "objectType"},
      {"a type as a list", R"({"objectType":"Rack","pointType":["RackLeakDetect"]})", "pointType"},
      {"nobody to write it",
       rack_point("RackLiquidIsolationRequest",
                  R"("stateText":[{"value":0,"text":"a"},{"value":1,"text":"b"}])"),
       "integration"},
      {"garbage", "{", "no JSON"},
      {"deleted", "", "empty"},
  };
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  std::size_t bad = 0;
  for (const Case& strange : cases) {
    EXPECT_FALSE(put(kMetadata + leak, strange.payload, true)) << strange.name;
    EXPECT_EQ(building.counts().refused + building.counts().garbage, ++bad) << strange.name;
    ASSERT_EQ(building.refused().count(kMetadata + leak), 1U) << strange.name;
    EXPECT_THAT(building.refused().at(kMetadata + leak), HasSubstr(strange.why)) << strange.name;
    EXPECT_EQ(building.rack_leak(now).state, kClear) << strange.name << ": what was known stays";
    put(kMetadata + "new", strange.payload, true);
    put(kValue + "new", value_of_point("1"));
    EXPECT_NE(building.rack_leak(now).state, kTripped) << strange.name << ": and nothing is guessed";
    ++bad;
  }
  rack_leak_point();
  EXPECT_EQ(building.refused().count(kMetadata + leak), 0U) << "understood again";
  put("BMS/v1/PUB/Other/x", rack_point("RackLeakDetect", kLeakStates));
  EXPECT_THAT(building.refused().at("BMS/v1/PUB/Other/x"), HasSubstr("Metadata"));
}

TEST_F(BuildingTest, AnOldValueIsUnknown) {
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  for (int i = 0; i < 10; ++i) pass(20);
  EXPECT_EQ(building.rack_leak(now).state, kClear) << "200 s: two periods";
  now += 1;
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  EXPECT_THAT(building.rack_leak(now).why, HasSubstr("200 s old"));
  put(kValue + leak, value_of_point("0"));
  EXPECT_EQ(building.rack_leak(now).state, kClear) << "the same value again is a new sign of life";
}

TEST_F(BuildingTest, TheClocksOfOthersAreNobodysBusiness) {
  rack_leak_point();
  for (const char* const timestamp : {"1700000000000", "0", "-5", "4000000000000", "1600000000000"}) {
    put(kValue + leak, value_of_point("1", 1, timestamp));
    EXPECT_EQ(building.rack_leak(now).state, kTripped) << timestamp;
    put(kValue + leak, value_of_point("0", 1, timestamp));
    EXPECT_EQ(building.rack_leak(now).state, kClear) << timestamp;
  }
  now += 2 * kOneSecond;
  put(kValue + leak, value_of_point("0"));
  EXPECT_EQ(building.rack_leak(now - kOneSecond).state, kUnknown) << "before it came";
  EXPECT_EQ(building.rack_leak(now - 60 * kOneSecond).state, kUnknown) << "before the BMS was heard";
  put(kValue + "System/HeartbeatTimestampBms/x", value_of_point("5"));
  EXPECT_EQ(building.rack_leak(now).state, kClear) << "the BMS's clock was set back";
}

TEST_F(BuildingTest, ASilentBmsKnowsNothing) {
  rack_leak_point();
  put(kValue + leak, value_of_point("1"));
  now += 30 * kOneSecond;
  EXPECT_EQ(building.rack_leak(now).state, kTripped);
  EXPECT_EQ(building.heartbeat_age(now), std::chrono::seconds(30));
  now += 1;
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  EXPECT_THAT(building.rack_leak(now).why, HasSubstr("silent"));
  beat();
  EXPECT_EQ(building.rack_leak(now).state, kTripped);
}

TEST_F(BuildingTest, AHeartbeatThatRepeatsItselfOrIsBadIsNone) {
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  for (const std::string& beat : {value_of_point(std::to_string(beats)), value_of_point("7", 0),
                                  value_of_point("null"), std::string("{"), value_of_point("\"8\"")}) {
    now += 20 * kOneSecond;
    put(kValue + "System/HeartbeatTimestampBms/x", beat);
  }
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  EXPECT_EQ(building.heartbeat_age(now), std::chrono::seconds(100));
}

TEST_F(BuildingTest, WithoutAHeartbeatNothingIsKnown) {
  Building mute("R01", "KILN");
  mute.take(kMetadata + leak, rack_point("RackLeakDetect", kLeakStates), true, now);
  mute.take(kValue + leak, value_of_point("0"), false, now);
  EXPECT_EQ(mute.rack_leak(now).state, kUnknown);
  EXPECT_EQ(mute.heartbeat_age(now), std::nullopt);
}

TEST_F(BuildingTest, AHeartbeatSpeaksForItsScope) {
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  const auto second = [this](const std::string& scope) {
    put(kMetadata + "System/HeartbeatTimestampBms/2",
        R"({"objectType":"System","pointType":"HeartbeatTimestampBms","scope":")" + scope + "\"}");
  };
  for (const char* const others : {"BMS/v1/PUB/Value/CDU/#", "BMS/v1/PUB/Value/+/LeakDetect", "BCM/"}) {
    second(others);
    EXPECT_EQ(building.rack_leak(now).state, kClear) << others;
  }
  for (const char* const ours : {"BMS/v1/PUB/Value/Rack/#", "BMS/v1/PUB/+/Rack", "BMS/", "white space", "",
                                 "BCM/#, BMS/v1/PUB/Metadata/#"}) {
    second(ours);
    EXPECT_EQ(building.rack_leak(now).state, kUnknown) << ours << " has not been heard";
  }
  put(kValue + "System/HeartbeatTimestampBms/2", value_of_point("1"));
  EXPECT_EQ(building.rack_leak(now).state, kClear);
}

TEST_F(BuildingTest, ASensorWithAFaultIsNotClear) {
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  put(kMetadata + "f",
      rack_point("RackLeakSensorFault",
                 R"("stateText":[{"value":0,"text":"NoFault"},{"value":1,"text":"Fault"}])"));
  EXPECT_EQ(building.rack_leak(now).state, kClear);
  put(kValue + "f", value_of_point("1"));
  EXPECT_EQ(building.rack_leak_sensor_fault(now).state, kTripped);
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  put(kValue + leak, value_of_point("1"));
  EXPECT_EQ(building.rack_leak(now).state, kTripped) << "a leak is a leak";
}

TEST_F(BuildingTest, TheWorstOfSeveralPointsCounts) {
  rack_leak_point();
  put(kMetadata + "second", rack_point("RackLeakDetect", kLeakStates));
  put(kValue + leak, value_of_point("0"));
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  put(kValue + "second", value_of_point("1"));
  EXPECT_EQ(building.rack_leak(now).state, kTripped);
  put(kMetadata + "other", rack_point("RackLeakDetect", kLeakStates, "R02"));
  put(kValue + "second", value_of_point("0"));
  EXPECT_FALSE(put(kValue + "other", value_of_point("1")));
  EXPECT_EQ(building.rack_leak(now).state, kClear) << "another rack's leak is not ours";
}

std::string equipment(const std::string& type, const std::string& fields) {
  return R"({"objectType":")" + type + R"(","pointType":"LeakDetect",)" + kLeakStates + "," + fields + "}";
}

TEST_F(BuildingTest, EquipmentIsOursByWhatItServesAndWhatItIsPartOf) {
  struct Case {
    std::string name, fields;
    bool ours;
  };
  put(kMetadata + "cdu", R"({"objectType":"CDU","pointType":"Status","objectId":"CDU5","objectName":"5",)"
                         R"("servesId":["R00","R01"]})");
  put(kMetadata + "manifold",
      R"({"objectType":"GenericObject","pointType":"Status","objectId":"M1","associateId":"CDU5"})");
  put(kMetadata + "chiller",
      R"({"objectType":"Chiller","pointType":"Status","objectId":"CH1","servesId":["CDU5"]})");
  const std::vector<Case> cases{
      {"a CDU that serves us", R"("objectId":"CDU7","servesId":["R01"])", true},
      {"one text", R"("objectId":"CDU7","servesId":"R01")", true},
      {"the leak point of a CDU that another point says serves us", R"("objectId":"CDU5")", true},
      {"a rope at the rack", R"("associateId":"R01")", true},
      {"a drip pan of the CDU", R"("associateId":"CDU5","processArea":["Secondary","Supply"])", true},
      {"a part of a part of the CDU", R"("associateId":"M1")", true},
      {"a CDU of others", R"("objectId":"CDU9","servesId":["R02"])", false},
      {"a chiller that serves the CDU", R"("objectId":"CH1","servesId":["CDU5"])", false},
      {"a rope of others", R"("associateId":"R02")", false},
      {"nobody's", R"("objectId":"X")", false},
  };
  for (const Case& point : cases) {
    put(kMetadata + "leak", equipment("Sensor", point.fields));
    EXPECT_EQ(put(kValue + "leak", value_of_point("1")), point.ours) << point.name;
    const BuildingAnswer answer = building.equipment_leak(now);
    EXPECT_EQ(answer.state, point.ours ? kTripped : kUnknown) << point.name << ": " << answer.why;
    if (point.fields.find("processArea") != std::string::npos) {
      EXPECT_THAT(answer.why, HasSubstr("(Secondary, Supply)"));
    }
    put(kValue + "leak", value_of_point("0"));
    EXPECT_EQ(building.equipment_leak(now).state, point.ours ? kClear : kUnknown) << point.name;
  }
}

TEST_F(BuildingTest, APointThatBecomesAnotherOneForgetsWhatItSaid) {
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  rack_leak_point();
  EXPECT_EQ(building.rack_leak(now).state, kClear) << "republished as it was";
  put(kMetadata + leak, rack_point("RackLeakDetect", kLeakStates, "R02"));
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  rack_leak_point();
  EXPECT_EQ(building.rack_leak(now).state, kUnknown) << "until it speaks again";
}

TEST_F(BuildingTest, IsolationIsConfirmedByEveryStatusOrNotAtAll) {
  put(kMetadata + "a", isolation_point("RackLiquidIsolationStatus"));
  put(kMetadata + "b", isolation_point("RackLiquidIsolationStatus"));
  put(kMetadata + "e", isolation_point("RackElectricalIsolationStatus"));
  put(kValue + "a", value_of_point("1"));
  EXPECT_EQ(building.liquid_isolation(now).state, kUnknown);
  put(kValue + "b", value_of_point("0"));
  EXPECT_EQ(building.liquid_isolation(now).state, kClear);
  put(kValue + "b", value_of_point("1"));
  EXPECT_EQ(building.liquid_isolation(now).state, kTripped);
  EXPECT_EQ(building.electrical_isolation(now).state, kUnknown);
}

TEST_F(BuildingTest, WeWriteOnlyWhereMetadataNamesUs) {
  put(kMetadata + "Rack/RackLiquidIsolationRequest/a/Metadata/PUB/b",
      request_point("RackLiquidIsolationRequest", "KILN"));
  put(kMetadata + "e", request_point("RackElectricalIsolationRequest", "SOMEBODY"));
  put(kMetadata + "t", rack_point("RackLeakDetectTray", kLeakStates, "R01", R"(,"integration":"KILN")"));
  put(kMetadata + "t2", rack_point("RackLeakDetectTray", kLeakStates, "R02", R"(,"integration":"KILN")"));
  put(kMetadata + "h",
      R"({"objectType":"System","pointType":"HeartbeatTimestampIntegration","objectId":"KILN","integration":"KILN"})");
  put("BCM/x/Metadata", request_point("RackElectricalIsolationRequest", "KILN"));
  const BuildingTopics topics = building.topics();
  EXPECT_EQ(topics.liquid_isolation,
            std::vector<std::string>{"BMS/v1/KILN/Value/Rack/RackLiquidIsolationRequest/a/Metadata/PUB/b"});
  EXPECT_TRUE(topics.electrical_isolation.empty());
  EXPECT_EQ(topics.tray_leak, std::vector<std::string>{"BMS/v1/KILN/Value/t"});
  EXPECT_EQ(topics.heartbeat, std::vector<std::string>{"BMS/v1/KILN/Value/h"});
  EXPECT_THAT(building.refused().at("BCM/x/Metadata"), HasSubstr("PUB/Metadata"));
  Building listener("R01", "");
  listener.take(kMetadata + "l", request_point("RackLiquidIsolationRequest", "KILN"), true, now);
  EXPECT_TRUE(listener.topics().liquid_isolation.empty());
}

TEST_F(BuildingTest, AValueThatTheBrokerKeptIsOfUnknownAge) {
  rack_leak_point();
  EXPECT_FALSE(put(kValue + leak, value_of_point("0"), true));
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  EXPECT_EQ(building.counts().retained_values, 1U);
}

TEST_F(BuildingTest, ALostBrokerMakesUnknownUntilValuesComeAgain) {
  rack_leak_point();
  put(kValue + leak, value_of_point("0"));
  put(kValue + "held", value_of_point("0"));
  building.lose("the broker was lost");
  EXPECT_EQ(building.rack_leak(now).state, kUnknown);
  EXPECT_THAT(building.rack_leak(now).why, HasSubstr("the broker was lost"));
  EXPECT_EQ(building.counts().held, 0U);
  put(kValue + leak, value_of_point("0"));
  EXPECT_EQ(building.rack_leak(now).state, kUnknown) << "the BMS itself has not been heard since";
  put(kValue + "System/HeartbeatTimestampBms/x", value_of_point(std::to_string(beats)));
  EXPECT_EQ(building.rack_leak(now).state, kUnknown) << "an old heartbeat that somebody repeats";
  beat();
  EXPECT_EQ(building.rack_leak(now).state, kClear);
}

TEST_F(BuildingTest, PointsOfNoInterestAreIgnoredAndCounted) {
  const BuildingCounts before = building.counts();
  put(kMetadata + "Rack/RackPower/x",
      R"({"objectType":"Rack","pointType":"RackPower","rackLocationId":"R01","engUnit":"kW"})");
  put(kMetadata + "new", R"({"objectType":"Robot","pointType":"Mood","engUnit":"%"})");
  EXPECT_FALSE(put(kValue + "Rack/RackPower/x", value_of_point("120.5")));
  EXPECT_FALSE(put(kValue + "new", value_of_point("null")));
  EXPECT_FALSE(put("elsewhere", value_of_point("1")));
  EXPECT_EQ(building.counts().ignored, before.ignored + 3);
  EXPECT_EQ(building.counts().points, before.points + 2);
  EXPECT_EQ(building.counts().metadata, before.metadata + 2);
}

}  // namespace
}  // namespace kiln
