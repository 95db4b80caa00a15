// Which events are about a leak, and what is made of a stream that misbehaves.
#include "safety/leak_events.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

std::string payload(const std::string& id, const std::string& severity, const std::string& origin) {
  return R"({"Events":[{"EventType":"Event","MessageId":")" + id + R"(","MessageSeverity":")" + severity +
         R"(","OriginOfCondition":{"@odata.id":")" + origin + R"("}}]})";
}

const std::string kDetector =
    "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem/LeakDetection/LeakDetectors/LeakDetector_0";

TEST(LeakEvents, AreToldByMessageOrByOrigin) {
  struct Case {
    std::string text;
    std::size_t found;
    bool wet;
    std::string detector;
  };
  const Case cases[] = {
      {payload("Environmental.1.4.0.LeakDetectedCritical", "Critical", "/redfish/v1/Chassis/1"), 1, true, ""},
      {payload("Environmental.1.4.0.LeakDetectedWarning", "Warning", kDetector), 1, true, "LeakDetector_0"},
      {payload("ResourceEvent.1.0.ResourceStatusChangedCritical", "Critical", kDetector + "/"), 1, true,
       "LeakDetector_0"},
      {payload("Environmental.1.4.0.LeakDetectedNormal", "OK", kDetector), 1, false, "LeakDetector_0"},
      {payload("Environmental.1.4.0.LeakDetectorFailure", "Critical", kDetector), 1, false, "LeakDetector_0"},
      {payload("Environmental.1.4.0.LeakDetectorDisconnected", "Critical", kDetector), 1, false,
       "LeakDetector_0"},
      {payload("ResourceEvent.1.0.ResourceStatusChangedOK", "OK", kDetector), 1, false, "LeakDetector_0"},
      {payload("ResourceEvent.1.0.ResourceStatusChangedCritical", "Critical",
               "/redfish/v1/Chassis/HGX_GPU_0"),
       0, false, ""},
      {R"({"Events":[{"MessageId":"x","Severity":"Critical","OriginOfCondition":")" + kDetector + R"("}]})",
       1, true, "LeakDetector_0"},
      {R"({"Events":[{},null,7,"x"]})", 0, false, ""},
      {R"({"Events":{}})", 0, false, ""},
      {"<html>", 0, false, ""},
      {"", 0, false, ""},
  };
  for (const Case& one : cases) {
    const std::vector<LeakEvent> events = read_leak_events(one.text);
    ASSERT_EQ(events.size(), one.found) << one.text;
    if (events.empty()) continue;
    EXPECT_EQ(events[0].wet, one.wet) << one.text;
    EXPECT_EQ(events[0].detector, one.detector) << one.text;
  }
}

struct LeakEventsTest : testing::Test {
  awaitable<void> listen(Ctx& ctx) {
    Ctx limited = ctx.child_within("listen", 5s);
    ended = co_await events->listen(limited, [this](const LeakEvent& event) { heard.push_back(event); });
  }
  void run() {
    loop->run([this](Ctx& ctx) { return listen(ctx); });
  }
  ScriptedHttp http;
  std::unique_ptr<Loop> loop = Loop::simulated();
  std::unique_ptr<LeakEvents> events = make_redfish_leak_events(
      std::make_shared<RedfishLine>(std::make_unique<SharedHttp>(http), "https://bmc", "", Secret()));
  Status ended = success();
  std::vector<LeakEvent> heard;
};

TEST_F(LeakEventsTest, ListensWhereTheServiceSays) {
  http.answer("GET", "/redfish/v1/EventService",
              HttpAnswer(200, R"({"ServerSentEventUri":"https://bmc/redfish/v1/EventService/SSE"})"));
  http.answer("GET", "/redfish/v1/EventService/SSE",
              HttpAnswer(200, ": hello\n\nid: 1\ndata: " + payload("x", "Critical", kDetector) +
                                  "\n\ndata: garbage\n\n"));
  run();
  EXPECT_TRUE(ended);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_TRUE(heard[0].wet);
  const auto& headers = http.requests().back().headers;
  EXPECT_NE(std::find(headers.begin(), headers.end(),
                      std::pair<std::string, std::string>("Accept", "text/event-stream")),
            headers.end());
}

TEST_F(LeakEventsTest, ABmcWithoutStreamIsToldFromOneThatDoesNotAnswer) {
  for (const HttpAnswer& answer :
       {HttpAnswer(404), HttpAnswer(200, "{}"), HttpAnswer(200, R"({"ServerSentEventUri":null})")}) {
    http.answer("GET", "/redfish/v1/EventService", answer);
    run();
    EXPECT_EQ(ended.error().code, "warden.no_events");
  }
  http.answer("GET", "/redfish/v1/EventService", HttpAnswer(Error("http.connect", "no connection")));
  run();
  EXPECT_EQ(ended.error().code, "http.connect");
  http.answer("GET", "/redfish/v1/EventService", HttpAnswer(200, R"({"ServerSentEventUri":"/sse"})"));
  http.answer("GET", "/sse", HttpAnswer(503));
  run();
  EXPECT_EQ(ended.error().code, "warden.bmc");
}

}  // namespace
}  // namespace kiln
