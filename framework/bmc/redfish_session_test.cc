// Sessions that outlive their station: what is noted, and what the next one ends.
#include "bmc/redfish_session.h"

#include <gtest/gtest.h>

#include <set>

#include "bmc/mock_service_for_test.h"
#include "bmc/redfish_client.h"
#include "testing/memory_sessions.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

const std::string kBmc = "https://bmc.test";
const std::string kSessions = "/redfish/v1/SessionService/Sessions";

/// A service with a table of sessions, as many as it has places for.
class LeftSessions : public testing::Test {
 protected:
  LeftSessions() {
    service.bodies["/redfish/v1"] =
        R"({"@odata.id":"/redfish/v1/","Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}})";
    service.handler = [this](const HttpRequest& request, const std::string& path) {
      return serve(request, path);
    };
    make();
  }
  void make() {
    RedfishOptions options;
    options.base_url = kBmc;
    options.user = "admin";
    options.password = Secret("s3cret");
    options.open_sessions = kept;
    client = std::make_unique<RedfishClient>(service.client(), options);
  }
  std::optional<HttpResponse> serve(const HttpRequest& request, const std::string& path) {
    if (path == "/redfish/v1/") return std::nullopt;
    if (request.method == "POST" && path == kSessions) {
      if (table.size() >= places)
        return reply(503, R"({"error":{"code":"Base.1.18.SessionLimitExceeded","message":"full"}})");
      const std::string uri = kSessions + "/" + (given_id.empty() ? std::to_string(next++) : given_id);
      table[uri] = "admin";
      return reply(201, login_says, {{"X-Auth-Token", "t-9"}, {"Location", uri}});
    }
    bool signed_in = takes_basic && request.user == "admin" && request.password.expose() == "s3cret";
    for (const auto& [name, value] : request.headers)
      signed_in = signed_in || (name == "X-Auth-Token" && value == "t-9");
    if (!signed_in) return reply(401);
    const auto found = table.find(path);
    if (found == table.end()) return reply(404);
    if (busy && request.method == "GET") return *busy;
    const std::string body = R"({"@odata.type":")" + type + R"(","UserName":")" + found->second +
                             R"(","CreatedTime":")" + created + R"("})";
    if (request.method == "DELETE") table.erase(found);
    return request.method == "DELETE" ? reply(204) : reply(200, body);
  }
  void left(const std::string& id, const std::string& owner = "admin") {
    table[kSessions + "/" + id] = owner;
    const OpenSession session{kBmc, kSessions + "/" + id, "admin", created};
    kept->left_open.push_back(session);
  }
  Status ask() {
    const Result<RedfishResource> read = desk.ask<Result<RedfishResource>>(
        [&](const Ctx& ctx) { return client->get(ctx, kSessions + "/probe"); });
    return read || read.error().code == "bmc.not_found" ? success() : Status(read.error());
  }
  Status leave() {
    return desk.ask<Status>([&](const Ctx& ctx) { return client->logout(ctx); });
  }

  Desk desk;
  MockService service;
  std::shared_ptr<MemorySessions> kept = std::make_shared<MemorySessions>();
  std::unique_ptr<RedfishClient> client;
  std::map<std::string, std::string> table;  ///< URI, owner
  std::string created = "2026-11-28T22:00:00Z";
  std::string type = "#Session.v1_5_0.Session", given_id;
  std::string login_says = R"({"UserName":"admin","CreatedTime":"2026-11-29T05:00:00Z"})";
  std::optional<HttpResponse> busy;  ///< what a GET of a session is answered
  std::size_t places = 16;
  int next = 40;
  bool takes_basic = true;
};

TEST_F(LeftSessions, ALoginIsNotedUntilItsLogout) {
  ASSERT_TRUE(ask());
  ASSERT_EQ(kept->open.size(), 1U);
  EXPECT_EQ(kept->open[0].uri, kSessions + "/40");
  EXPECT_EQ(kept->open[0].bmc, kBmc);
  EXPECT_EQ(kept->open[0].created, "2026-11-29T05:00:00Z");
  ASSERT_TRUE(leave());
  EXPECT_TRUE(kept->open.empty());
}

TEST_F(LeftSessions, WhatADeadStationLeftIsEndedWhenThisOneLeaves) {
  left("7");
  left("8");
  ASSERT_TRUE(ask());
  EXPECT_EQ(table.size(), 3U) << "not while somebody waits for an answer";
  ASSERT_TRUE(leave());
  EXPECT_TRUE(kept->left_open.empty());
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(client->take_oddities().size(), 2U) << "each is told";
}

TEST_F(LeftSessions, AnAddressThatIsSomebodyElsesNowIsLeftAlone) {
  left("7", "anna");
  left("8");
  created = "2026-11-29T04:00:00Z";  // the service has restarted and counts anew
  ASSERT_TRUE(ask());
  ASSERT_TRUE(leave());
  EXPECT_TRUE(table.contains(kSessions + "/7"));
  EXPECT_TRUE(table.contains(kSessions + "/8"));
  EXPECT_TRUE(kept->left_open.empty()) << "and nobody asks again";
}

TEST_F(LeftSessions, WhereNoTimeIsToldOnlyAnAddressThatIsGivenOnceIsNoted) {
  struct Case {
    const char* id;
    bool noted;
  };
  for (const auto& [id, noted] :
       {Case{"41", false}, Case{"4711471147", false}, Case{"ab12", false}, Case{"x7Kq02LmPz", true}}) {
    login_says = "{}";
    given_id = id;
    make();
    ASSERT_TRUE(ask());
    EXPECT_EQ(kept->open.size(), noted ? 1U : 0U) << id;
    ASSERT_TRUE(leave());
    EXPECT_TRUE(kept->open.empty());
  }
}

TEST_F(LeftSessions, WhatIsNoSessionOfThisServiceIsNeverTouched) {
  for (const char* uri : {"/redfish/v1/AccountService/Accounts/1",
                          "/redfish/v1/SessionService/Sessions/../../AccountService/Accounts/1",
                          "/redfish/v1/SessionService/SessionsX/1", "/redfish/v1/SessionService/Sessions"}) {
    const OpenSession note{kBmc, uri, "admin", ""};
    kept->left_open.push_back(note);
    table[uri] = "admin";
  }
  table[kSessions + "/account"] = "admin";
  const OpenSession note{kBmc, kSessions + "/account", "admin", created};
  kept->left_open.push_back(note);
  type = "#ManagerAccount.v1_12_0.ManagerAccount";
  ASSERT_TRUE(ask());
  ASSERT_TRUE(leave());
  for (const std::string& line : service.log)
    EXPECT_TRUE(!line.starts_with("DELETE") || line.ends_with("/40")) << line;
  EXPECT_TRUE(kept->left_open.empty());
}

TEST_F(LeftSessions, ASubscriptionThatWasLeftIsNoBusinessOfALogin) {
  OpenSession subscription{kBmc, "/redfish/v1/EventService/Subscriptions", "admin", ""};
  subscription.context = "kiln-0123";
  kept->left_open.push_back(subscription);
  ASSERT_TRUE(ask());
  ASSERT_TRUE(leave());
  EXPECT_EQ(kept->left_open.size(), 1U) << "whoever subscribes needs to find it";
}

TEST_F(LeftSessions, AnAddressThatIsOursAgainIsNotEnded) {
  left("7");
  next = 7;
  table.clear();
  ASSERT_TRUE(ask());
  ASSERT_EQ(kept->open.size(), 1U);
  ASSERT_TRUE(leave());
  EXPECT_TRUE(kept->left_open.empty());
  EXPECT_EQ(service.count("DELETE " + kSessions + "/7"), 1) << "by its own logout";
}

TEST_F(LeftSessions, ABusyServiceIsAskedTheNextTime) {
  left("7");
  busy = reply(200, "");
  ASSERT_TRUE(ask());
  ASSERT_TRUE(leave());
  EXPECT_EQ(kept->left_open.size(), 1U) << "an answer without a body says nothing";
  busy.reset();
  service.once["DELETE " + kSessions + "/7"].push_back(reply(429));
  make();
  ASSERT_TRUE(ask());
  ASSERT_TRUE(leave());
  EXPECT_EQ(kept->left_open.size(), 1U);
}

TEST_F(LeftSessions, AFullTableIsFreedOfOurOwn) {
  places = 2;
  left("7");
  table[kSessions + "/9"] = "anna";
  ASSERT_TRUE(ask());
  EXPECT_TRUE(table.contains(kSessions + "/9"));
  EXPECT_FALSE(table.contains(kSessions + "/7"));
  for (const HttpRequest& request : service.requests) {
    EXPECT_TRUE(request.user.empty() || request.url.ends_with("/7"))
        << "Basic for what was left alone: " << request.url;
  }
}

TEST_F(LeftSessions, AFullTableWithoutOursStaysAnError) {
  places = 1;
  table[kSessions + "/9"] = "anna";
  const Status asked = ask();
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, "bmc.sessions_full");
}

TEST_F(LeftSessions, AServiceThatRefusesBasicIsNotHammered) {
  places = 2;
  takes_basic = false;
  left("7");
  left("8");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask().error().code, "bmc.sessions_full");
  EXPECT_EQ(service.count("GET " + kSessions + "/7") + service.count("GET " + kSessions + "/8"), 1);
  EXPECT_EQ(kept->left_open.size(), 2U);
  desk.pass(31s);
  EXPECT_EQ(ask().error().code, "bmc.sessions_full");
  EXPECT_EQ(service.count("GET " + kSessions + "/7") + service.count("GET " + kSessions + "/8"), 2);
}

TEST_F(LeftSessions, WhatCouldNotBeAskedIsAskedTheNextTime) {
  left("7");
  left("8");
  service.broken["GET " + kSessions + "/7"].emplace_back("http.connection_lost", "broken");
  ASSERT_TRUE(ask());
  ASSERT_TRUE(leave());
  EXPECT_EQ(kept->left_open.size(), 2U) << "nor is the next one asked of a service that does not answer";
  EXPECT_TRUE(table.contains(kSessions + "/7"));
  EXPECT_TRUE(kept->open.empty()) << "its own has ended";
}

}  // namespace
}  // namespace kiln
