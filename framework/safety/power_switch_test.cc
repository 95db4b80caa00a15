// What the warden asks of a BMC, and what it makes of the answers.
#include "safety/power_switch.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

struct Outcome {
  Status prepared = success(), forced = success();
  std::optional<Result<bool>> off;
};

awaitable<void> use(Ctx& ctx, PowerSwitch& power, Outcome& outcome) {
  Ctx limited = ctx.child_within("use", 5s);
  outcome.prepared = co_await power.prepare(limited);
  outcome.forced = co_await power.force_off(limited);
  Result<bool> off = co_await power.is_off(limited);
  outcome.off.emplace(std::move(off));
  co_await power.leave(limited);
}

struct PowerSwitchTest : testing::Test {
  PowerSwitchTest() {
    http.answer(
        "GET", "/redfish/v1/",
        HttpAnswer(200, R"({"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}})"));
    http.answer("POST", "/redfish/v1/SessionService/Sessions",
                HttpAnswer(201, "{}")
                    .header("X-Auth-Token", "t1")
                    .header("Location", "https://bmc/redfish/v1/SessionService/Sessions/9"));
    http.answer("DELETE", "/redfish/v1/SessionService/Sessions/9", HttpAnswer(204));
    http.answer(
        "GET", "/redfish/v1/Systems",
        HttpAnswer(
            200,
            R"({"Members":[{"@odata.id":"/redfish/v1/Systems/HGX_Baseboard_0"},{"@odata.id":"/redfish/v1/Systems/System_0"}]})"));
    http.answer("GET", "/redfish/v1/Systems/HGX_Baseboard_0", system("HGX_Baseboard_0", "On"));
    http.answer("GET", "/redfish/v1/Systems/System_0", system("System_0", "Off"));
    http.answer("POST", reset("System_0"), HttpAnswer(204));
  }
  static std::string reset(const std::string& id) {
    return "/redfish/v1/Systems/" + id + "/Actions/ComputerSystem.Reset";
  }
  static HttpAnswer system(const std::string& id, const std::string& power) {
    return HttpAnswer(200, R"({"Id":")" + id + R"(","PowerState":")" + power +
                               R"(","Actions":{"#ComputerSystem.Reset":{"target":")" + reset(id) + R"("}}})");
  }
  Outcome run() {
    const auto power = make_redfish_power_switch(std::make_shared<RedfishLine>(
        std::make_unique<SharedHttp>(http), "https://bmc/", "root", Secret("pw")));
    Outcome outcome;
    const auto loop = Loop::simulated();
    loop->run([&](Ctx& ctx) { return use(ctx, *power, outcome); });
    return outcome;
  }
  ScriptedHttp http;
};

TEST_F(PowerSwitchTest, ForcesTheHostOffAndReadsItBack) {
  const Outcome outcome = run();
  ASSERT_TRUE(outcome.prepared) << outcome.prepared.error().sentence();
  EXPECT_TRUE(outcome.forced);
  ASSERT_TRUE(outcome.off && *outcome.off);
  EXPECT_TRUE(**outcome.off);
  const auto& requests = http.requests();
  const auto post = std::find_if(requests.begin(), requests.end(), [](const HttpRequest& one) {
    return one.url.ends_with("ComputerSystem.Reset");
  });
  ASSERT_NE(post, requests.end());
  EXPECT_EQ(post->body, R"({"ResetType":"ForceOff"})");
  EXPECT_EQ(http.request_lines().back(), "DELETE /redfish/v1/SessionService/Sessions/9");
}

TEST_F(PowerSwitchTest, ASessionThatEndedIsOpenedAnew) {
  http.answer_once("POST", reset("System_0"), HttpAnswer(401));
  const Outcome outcome = run();
  EXPECT_TRUE(outcome.forced);
  const auto lines = http.request_lines();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "POST /redfish/v1/SessionService/Sessions"), 2);
}

TEST_F(PowerSwitchTest, WhatIsOffAlreadyMayRefuse) {
  http.answer("POST", reset("System_0"), HttpAnswer(409, "{}"));
  EXPECT_TRUE(run().forced);
  http.answer("GET", "/redfish/v1/Systems/System_0", system("System_0", "On"));
  const Outcome outcome = run();
  ASSERT_FALSE(outcome.forced) << "a refusal while it is on is no success";
  EXPECT_EQ(outcome.forced.error().code, "warden.bmc");
}

TEST_F(PowerSwitchTest, ARefusedLoginIsSaidAsSuch) {
  http.answer("POST", "/redfish/v1/SessionService/Sessions", HttpAnswer(401));
  EXPECT_EQ(run().prepared.error().code, "warden.login");
  http.answer("POST", "/redfish/v1/SessionService/Sessions", HttpAnswer(503));
  EXPECT_EQ(run().prepared.error().code, "warden.bmc") << "busy, and worth another attempt";
}

TEST_F(PowerSwitchTest, ABmcWithoutSessionsGetsBasic) {
  http.answer("POST", "/redfish/v1/SessionService/Sessions", HttpAnswer(404));
  EXPECT_TRUE(run().prepared);
  EXPECT_EQ(http.requests().back().user, "root");
}

TEST_F(PowerSwitchTest, HtmlAndBrokenMembersHideNothing) {
  http.answer("GET", "/redfish/v1/Systems/HGX_Baseboard_0", HttpAnswer(200, "<html>busy</html>"));
  EXPECT_TRUE(run().prepared);
  http.answer("GET", "/redfish/v1/Systems", HttpAnswer(200, "<html>busy</html>"));
  http.answer("GET", "/redfish/v1/Chassis",
              HttpAnswer(200, R"({"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]})"));
  http.answer(
      "GET", "/redfish/v1/Chassis/1",
      HttpAnswer(
          200,
          R"({"PowerState":"Off","Actions":{"#Chassis.Reset":{"target":"/redfish/v1/Chassis/1/Actions/Chassis.Reset"}}})"));
  http.answer("POST", "/redfish/v1/Chassis/1/Actions/Chassis.Reset", HttpAnswer(200, "{}"));
  const Outcome outcome = run();
  EXPECT_TRUE(outcome.prepared) << "a chassis that can be switched stands in";
  EXPECT_TRUE(outcome.forced);
}

TEST_F(PowerSwitchTest, NothingToSwitchIsSaidBeforeAnythingIsOn) {
  http.answer("GET", "/redfish/v1/Systems", HttpAnswer(200, R"({"Members":[]})"));
  http.answer("GET", "/redfish/v1/Chassis", HttpAnswer(404));
  EXPECT_EQ(run().prepared.error().code, "warden.no_power");
}

TEST_F(PowerSwitchTest, AStateThatIsNotOffIsNotOff) {
  for (const char* state : {"On", "PoweringOff", "Paused"}) {
    http.answer("GET", "/redfish/v1/Systems/System_0", system("System_0", state));
    const Outcome outcome = run();
    ASSERT_TRUE(outcome.off && *outcome.off) << state;
    EXPECT_FALSE(**outcome.off) << state;
  }
}

TEST_F(PowerSwitchTest, AnAnswerThatSaysNothingOfPowerIsNoReading) {
  http.answer("GET", "/redfish/v1/Systems/System_0", system("System_0", ""));
  const Outcome outcome = run();
  ASSERT_TRUE(outcome.off);
  EXPECT_EQ(outcome.off->error().code, "warden.bmc");
}

}  // namespace
}  // namespace kiln
