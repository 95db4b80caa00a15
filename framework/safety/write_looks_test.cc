// What the warden sees of a firmware write on its own line.
#include "safety/write_looks.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<void> look_into(Ctx& ctx, WriteLooks& looks, std::string component, WriteLook& seen) {
  Ctx limited = ctx.child_within("look", 5s);
  seen = co_await looks.look(limited, std::move(component));
}

struct WriteLooksTest : testing::Test {
  WriteLooksTest() {
    serve(
        "/redfish/v1",
        R"({"Tasks":{"@odata.id":"/redfish/v1/TaskService"},"UpdateService":{"@odata.id":"/redfish/v1/UpdateService"}})");
    serve("/redfish/v1/TaskService", R"({"Tasks":{"@odata.id":"/redfish/v1/TaskService/Tasks"}})");
    tasks({"Completed", "Exception"});
    serve("/redfish/v1/UpdateService", R"({"FirmwareInventory":{"@odata.id":"/redfish/v1/FI"}})");
    serve("/redfish/v1/FI",
          R"({"Members":[{"@odata.id":"/redfish/v1/FI/BMC"},{"@odata.id":"/redfish/v1/FI/UEFI"}]})");
    serve("/redfish/v1/FI/BMC", R"({"Id":"BMC","Version":"2.0"})");
  }
  void serve(const std::string& uri, const std::string& body) {
    http.answer("GET", uri, HttpAnswer(200, body));
  }
  void tasks(const std::vector<std::string>& states) {
    std::string members;
    for (std::size_t i = 0; i < states.size(); ++i) {
      const std::string uri = "/redfish/v1/TaskService/Tasks/" + std::to_string(i);
      members += (i == 0 ? "" : ",") + (R"({"@odata.id":")" + uri + R"("})");
      serve(uri, R"({"TaskState":")" + states[i] + R"("})");
    }
    serve("/redfish/v1/TaskService/Tasks", R"({"Members":[)" + members + "]}");
  }
  WriteLook look(const std::string& component = "BMC") {
    WriteLook seen;
    const std::unique_ptr<WriteLooks> looks = make_redfish_write_looks(
        std::make_shared<RedfishLine>(std::make_unique<SharedHttp>(http), "https://bmc", "", Secret()));
    loop->run([&](Ctx& ctx) { return look_into(ctx, *looks, component, seen); });
    return seen;
  }
  ScriptedHttp http;
  std::unique_ptr<Loop> loop = Loop::simulated();
};

TEST_F(WriteLooksTest, CountsWhatIsNotOverAndReadsTheComponentsVersion) {
  EXPECT_EQ(look().updates, std::optional<std::size_t>(0));
  EXPECT_EQ(look().version, std::optional<std::string>("2.0"));
  EXPECT_EQ(look("").version, std::nullopt);
  tasks({"Completed", "Running", "Starting", "a word nobody knows"});
  EXPECT_EQ(look().updates, std::optional<std::size_t>(0));
  EXPECT_EQ(look().other_tasks, 3U) << "of which nobody knows what they do";
  serve("/redfish/v1/TaskService/Tasks/1", R"({"TaskState":"Running","Name":"Firmware update"})");
  serve("/redfish/v1/TaskService/Tasks/2",
        R"({"TaskState":"New","Messages":[{"MessageId":"Update.1.0.TransferringToComponent"}]})");
  EXPECT_EQ(look().updates, std::optional<std::size_t>(2));
  EXPECT_EQ(look().other_tasks, 1U);
  serve("/redfish/v1", R"({"UpdateService":{"@odata.id":"/redfish/v1/UpdateService"}})");
  EXPECT_EQ(look().updates, std::optional<std::size_t>(0)) << "a service without tasks";
}

TEST_F(WriteLooksTest, WhatCannotBeReadIsNoQuiet) {
  tasks({"Running"});
  http.answer("GET", "/redfish/v1/TaskService/Tasks/0", HttpAnswer(503));
  EXPECT_EQ(look().updates, std::nullopt);
  http.answer("GET", "/redfish/v1/TaskService/Tasks/0", HttpAnswer(404));
  EXPECT_EQ(look().updates, std::optional<std::size_t>(0)) << "it was deleted meanwhile";
  serve("/redfish/v1/TaskService/Tasks", R"({"Members":"busy"})");
  EXPECT_EQ(look().updates, std::nullopt);
  serve("/redfish/v1/TaskService/Tasks",
        R"({"Members":[],"Members@odata.nextLink":"/redfish/v1/TaskService/Tasks?$skip=50"})");
  EXPECT_EQ(look().updates, std::nullopt) << "nobody knows the rest";
  http.answer("GET", "/redfish/v1/TaskService", HttpAnswer(500));
  EXPECT_EQ(look().updates, std::nullopt);
  http.answer("GET", "/redfish/v1", HttpAnswer(503));
  EXPECT_EQ(look().updates, std::nullopt);
}

TEST_F(WriteLooksTest, AComponentThatIsNotListedOrTellsNothingHasNoVersion) {
  EXPECT_EQ(look("CPLD").version, std::nullopt);
  serve("/redfish/v1/FI/BMC", R"({"Id":"BMC","Version":null})");
  EXPECT_EQ(look().version, std::nullopt);
  http.answer("GET", "/redfish/v1/FI", HttpAnswer(503));
  EXPECT_EQ(look().version, std::nullopt);
  EXPECT_EQ(look().updates, std::optional<std::size_t>(0));
}

}  // namespace
}  // namespace kiln
