// Where the warden finds leak detectors, and that nothing it meets on the way is taken for dry.
#include "safety/leak_detectors.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<void> read_into(Ctx& ctx, LeakDetectors& detectors,
                          std::optional<Result<std::vector<DetectorLook>>>& looks) {
  Ctx limited = ctx.child_within("read", 5s);
  Result<std::vector<DetectorLook>> read = co_await detectors.read(limited);
  looks.emplace(std::move(read));
}

struct LeakDetectorsTest : testing::Test {
  LeakDetectorsTest() {
    serve("/redfish/v1/Chassis", members({"/redfish/v1/Chassis/Chassis_0"}));
    serve("/redfish/v1/Chassis/Chassis_0",
          R"({"ThermalSubsystem":{"@odata.id":"/redfish/v1/Chassis/Chassis_0/ThermalSubsystem"}})");
    serve("/redfish/v1/Chassis/Chassis_0/ThermalSubsystem",
          R"({"LeakDetection":{"@odata.id":")" + kDetection + R"("}})");
    serve(kDetection, R"({"LeakDetectors":{"@odata.id":")" + kDetection + R"(/LeakDetectors"}})");
    serve(kDetection + "/LeakDetectors",
          members({kDetection + "/LeakDetectors/A", kDetection + "/LeakDetectors/B"}));
    serve(kDetection + "/LeakDetectors/A", detector("OK"));
    serve(kDetection + "/LeakDetectors/B", detector("OK"));
    http.answer("GET", "/redfish/v1/ThermalEquipment", HttpAnswer(404));
  }
  void serve(const std::string& uri, const std::string& body) {
    http.answer("GET", uri, HttpAnswer(200, body));
  }
  static std::string members(const std::vector<std::string>& uris, int count = -1) {
    std::string body;
    for (const std::string& uri : uris)
      body += (body.empty() ? "" : ",") + (R"({"@odata.id":")" + uri + R"("})");
    return R"({"Members":[)" + body + R"(],"Members@odata.count":)" +
           std::to_string(count < 0 ? static_cast<int>(uris.size()) : count) + "}";
  }
  static std::string detector(const std::string& state) {
    return R"({"DetectorState":")" + state + R"(","Status":{"State":"Enabled","Health":"OK"}})";
  }
  Result<std::vector<DetectorLook>> read() {
    std::optional<Result<std::vector<DetectorLook>>> looks;
    loop->run([&](Ctx& ctx) { return read_into(ctx, *detectors, looks); });
    return *looks;
  }
  static LeakReading worst(const std::vector<DetectorLook>& looks) {
    LeakReading found = LeakReading::dry;
    for (const DetectorLook& look : looks) {
      if (look.verdict.reading != LeakReading::dry) found = look.verdict.reading;
    }
    return found;
  }

  inline static const std::string kDetection = "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection";
  ScriptedHttp http;
  std::unique_ptr<Loop> loop = Loop::simulated();
  std::unique_ptr<LeakDetectors> detectors = make_redfish_leak_detectors(
      std::make_shared<RedfishLine>(std::make_unique<SharedHttp>(http), "https://bmc", "", Secret()));
};

TEST_F(LeakDetectorsTest, FindsThemOnceAndThenAsksThemOnly) {
  Result<std::vector<DetectorLook>> looks = read();
  ASSERT_TRUE(looks) << looks.error().message;
  ASSERT_EQ(looks->size(), 2U);
  EXPECT_EQ((*looks)[0].id, "A");
  EXPECT_EQ((*looks)[0].place, "Chassis_0");
  EXPECT_EQ(worst(*looks), LeakReading::dry);
  const std::size_t before = http.requests().size();
  ASSERT_TRUE(read());
  EXPECT_EQ(http.requests().size(), before + 2) << "a poll is one request per detector";
}

TEST_F(LeakDetectorsTest, EveryPlaceThatRedfishKnows) {
  serve("/redfish/v1/Chassis/Chassis_0",
        R"({"LeakDetectors":{"@odata.id":"/redfish/v1/Chassis/Chassis_0/LeakDetectors"}})");
  serve("/redfish/v1/Chassis/Chassis_0/LeakDetectors",
        members({"https://bmc/redfish/v1/Chassis/Chassis_0/LeakDetectors/New"}));
  serve("/redfish/v1/Chassis/Chassis_0/LeakDetectors/New", detector("OK"));
  serve("/redfish/v1/ThermalEquipment", R"({"CDUs":{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs"}})");
  serve("/redfish/v1/ThermalEquipment/CDUs", members({"/redfish/v1/ThermalEquipment/CDUs/1"}));
  serve("/redfish/v1/ThermalEquipment/CDUs/1",
        R"({"LeakDetection":{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs/1/LeakDetection"}})");
  serve(
      "/redfish/v1/ThermalEquipment/CDUs/1/LeakDetection",
      R"({"LeakDetectorGroups":[{"Detectors":[{"DataSourceUri":"/redfish/v1/rope"}]}],"LeakDetectors":[{"@odata.id":"/redfish/v1/cdu"}]})");
  serve("/redfish/v1/rope", detector("OK"));
  serve("/redfish/v1/cdu", detector("Critical"));
  const Result<std::vector<DetectorLook>> looks = read();
  ASSERT_TRUE(looks) << looks.error().message;
  std::set<std::string> ids;
  for (const DetectorLook& look : *looks) ids.insert(look.place + "/" + look.id);
  EXPECT_EQ(ids, (std::set<std::string>{"Chassis_0/New", "1/rope", "1/cdu"}));
  EXPECT_EQ(worst(*looks), LeakReading::leak);
}

TEST_F(LeakDetectorsTest, WhatCannotBeReadIsNeverDry) {
  const std::string one = kDetection + "/LeakDetectors/A";
  for (const char* body :
       {"<html>busy</html>", "[]", "", R"({"DetectorState":null,"Status":{"State":"Enabled"}})",
        R"({"DetectorState":0.02,"Status":{"State":"Enabled"}})",
        R"({"DetectorState":"OK","Status":"Enabled!"})", R"({"DetectorState":"OK"})",
        R"({"DetectorState":["OK"],"Status":{"State":"Enabled"}})"}) {
    serve(one, body);
    const Result<std::vector<DetectorLook>> looks = read();
    ASSERT_TRUE(looks) << body << looks.error().message;
    EXPECT_NE(worst(*looks), LeakReading::dry) << body;
  }
  http.answer("GET", one, HttpAnswer(503));
  const Result<std::vector<DetectorLook>> busy = read();
  EXPECT_FALSE((*busy)[0].answered);
  EXPECT_TRUE((*busy)[1].answered);
  http.answer("GET", one, HttpAnswer(404));
  EXPECT_EQ(worst(*read()), LeakReading::fault) << "one that was there and is gone";
  http.answer("GET", one, HttpAnswer(500, "{}"));
  EXPECT_EQ(worst(*read()), LeakReading::fault);
  serve(one, detector("OK"));
  EXPECT_EQ(worst(*read()), LeakReading::dry) << "and it may come back";
}

TEST_F(LeakDetectorsTest, APlaceThatCouldNotBeReadHidesNothing) {
  serve("/redfish/v1/Chassis/Chassis_0", "{\"ThermalSubsys");
  const Result<std::vector<DetectorLook>> half = read();
  ASSERT_TRUE(half);
  ASSERT_EQ(half->size(), 1U);
  EXPECT_EQ((*half)[0].verdict.reading, LeakReading::fault);
  EXPECT_FALSE((*half)[0].answered) << "half an answer is not the absence of detectors";
  serve("/redfish/v1/Chassis/Chassis_0",
        R"({"ThermalSubsystem":{"@odata.id":"/redfish/v1/Chassis/Chassis_0/ThermalSubsystem"}})");
  EXPECT_EQ(read()->size(), 2U) << "it is looked for again";
  http.answer("GET", "/redfish/v1/ThermalEquipment", HttpAnswer(503));
  EXPECT_EQ(worst(*read()), LeakReading::dry) << "what was found once is not looked for again";
}

TEST_F(LeakDetectorsTest, DeclaredButNotListedIsAFault) {
  serve(kDetection + "/LeakDetectors", members({kDetection + "/LeakDetectors/A"}, 2));
  const Result<std::vector<DetectorLook>> looks = read();
  ASSERT_TRUE(looks);
  ASSERT_EQ(looks->size(), 2U);
  EXPECT_NE((*looks)[1].verdict.reason.find("declares 2 detectors and lists 1"), std::string::npos);
}

TEST_F(LeakDetectorsTest, ABmcThatDoesNotAnswerIsAnErrorUnlessAnotherDetectorIsWet) {
  ASSERT_TRUE(read());
  http.answer("GET", kDetection + "/LeakDetectors/A", HttpAnswer(Error("http.connect", "no connection")));
  EXPECT_EQ(read().error().code, "http.connect");
  serve(kDetection + "/LeakDetectors/B", detector("Critical"));
  const Result<std::vector<DetectorLook>> looks = read();
  ASSERT_TRUE(looks) << "the leak that was read counts";
  EXPECT_EQ(worst({(*looks)[1]}), LeakReading::leak);
  http.answer("GET", "/redfish/v1/Chassis", HttpAnswer(Error("http.connect", "no connection")));
  EXPECT_TRUE(read()) << "the known ones are asked whatever stands in the way to them";
}

}  // namespace
}  // namespace kiln
