#include "bmc/redfish_client.h"

#include <gtest/gtest.h>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

const std::string kRoot =
    R"({"@odata.id":"/redfish/v1/","@odata.type":"#ServiceRoot.v1_15_0.ServiceRoot","Id":"RootService",
  "Name":"Root","Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}})";
const std::string kThing = R"({"@odata.id":"/redfish/v1/Thing","Id":"Thing","Name":"T","Value":1})";

class Client : public testing::Test {
 protected:
  Client() {
    service.bodies["/redfish/v1"] = kRoot;
    service.bodies["/redfish/v1/Thing"] = kThing;
  }
  void make(const std::string& user = "") {
    RedfishOptions options;
    options.base_url = "https://bmc.test";
    options.user = user;
    options.password = Secret("s3cret");
    options.login_door = door;
    client = std::make_unique<RedfishClient>(service.client(), options);
  }
  Result<RedfishResource> get(const std::string& uri, Nanoseconds budget = 10min) {
    return desk.ask<Result<RedfishResource>>([&](const Ctx& ctx) { return client->get(ctx, uri); }, budget);
  }
  Desk desk;
  MockService service;
  std::shared_ptr<LoginDoor> door;
  std::unique_ptr<RedfishClient> client;
};

TEST_F(Client, LogsInWithASessionOnceAndLogsOut) {
  service.sessions = true;
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(service.count("POST /redfish/v1/SessionService/Sessions"), 1);
  EXPECT_TRUE(desk.ask<Status>([&](const Ctx& ctx) { return client->logout(ctx); }));
  EXPECT_EQ(service.count("DELETE /redfish/v1/SessionService/Sessions/1"), 1);
  EXPECT_TRUE(desk.ask<Status>([&](const Ctx& ctx) { return client->logout(ctx); })) << "twice is harmless";
  for (const HttpRequest& request : service.requests) {
    EXPECT_TRUE(request.user.empty()) << "no Basic where there are sessions";
    EXPECT_EQ(request.url.find("s3cret"), std::string::npos);
  }
}

TEST_F(Client, TasksAtTheSameTimeShareOneLogin) {
  service.sessions = true;
  make("admin");
  std::vector<std::string> uris(8, "/redfish/v1/Thing");
  const auto read = desk.ask<Result<std::vector<Result<RedfishResource>>>>(
      [&](const Ctx& ctx) { return client->get_all(ctx, uris); });
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 8U);
  EXPECT_EQ(service.count("POST /redfish/v1/SessionService/Sessions"), 1);
}

TEST_F(Client, ALostSessionIsRenewedOnceAndNoted) {
  service.sessions = true;
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  service.token = "t-2";  // the BMC restarted
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(service.count("POST /redfish/v1/SessionService/Sessions"), 2);
  EXPECT_EQ(client->take_disturbances().size(), 1U);
}

TEST_F(Client, ARefusedPasswordIsAnErrorAndIsNotHammered) {
  service.handler = [](const HttpRequest& request, const std::string& path) -> std::optional<HttpResponse> {
    if (request.method == "POST") return reply(401);
    if (path != "/redfish/v1/") return reply(401);
    return std::nullopt;
  };
  make("admin");
  for (int i = 0; i < 5; ++i) {
    const Result<RedfishResource> answer = get("/redfish/v1/Thing");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "bmc.login");
    EXPECT_EQ(answer.error().full().find("s3cret"), std::string::npos);
    EXPECT_NE(answer.error().sentence().find("admin"), std::string::npos);
  }
  EXPECT_EQ(service.count("POST /redfish/v1/SessionService/Sessions"), 1);
  desk.pass(31s);
  EXPECT_FALSE(get("/redfish/v1/Thing"));
  EXPECT_EQ(service.count("POST /redfish/v1/SessionService/Sessions"), 2);
}

TEST_F(Client, APasswordThatWasRefusedToOneConnectionIsNotTriedByTheNext) {
  service.handler = [](const HttpRequest&, const std::string& path) -> std::optional<HttpResponse> {
    if (path != "/redfish/v1/") return reply(401);
    return std::nullopt;
  };
  door = std::make_shared<LoginDoor>();
  for (int connection = 0; connection < 4; ++connection) {
    make("admin");
    EXPECT_EQ(get("/redfish/v1/Thing").error().code, "bmc.login");
  }
  EXPECT_EQ(service.count("POST /redfish/v1/SessionService/Sessions"), 1) << "BMCs lock accounts out";
}

TEST_F(Client, ALoginWithoutTokenFallsBackToBasicAndSaysSo) {
  service.once["POST /redfish/v1/SessionService/Sessions"].push_back(reply(204));
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(service.requests.back().user, "admin");
  const std::vector<Oddity> oddities = client->take_oddities();
  ASSERT_EQ(oddities.size(), 1U);
  EXPECT_NE(oddities[0].what.find("Basic"), std::string::npos);
}

TEST_F(Client, ALoginThatAsksForBasicGetsIt) {
  service.sessions = true;
  service.once["POST /redfish/v1/SessionService/Sessions"].push_back(
      reply(401, "", {{"WWW-Authenticate", "Basic realm=x"}}));
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_TRUE(service.requests.back().user.empty()) << "the session it got is used afterwards";
}

TEST_F(Client, AServiceWithoutSessionsIsReadWithBasic) {
  service.bodies["/redfish/v1"] = R"({"@odata.id":"/redfish/v1/","Id":"Root"})";
  make("admin");
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(service.requests.back().user, "admin");
}

TEST_F(Client, RepeatsWhatMayPassAndKeepsCount) {
  make();
  auto& first = service.once["GET /redfish/v1/Thing"];
  first.push_back(reply(503, "", {{"Retry-After", "2"}}));
  first.push_back(reply(429));
  first.push_back(reply(200, kThing.substr(0, kThing.size() / 2)));
  const std::int64_t before = desk.now_ns();
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  EXPECT_EQ(service.count("GET /redfish/v1/Thing"), 4);
  EXPECT_EQ(client->take_disturbances().size(), 3U);
  EXPECT_GE(desk.now_ns() - before, 2'000'000'000) << "Retry-After was respected";
}

TEST_F(Client, LostConnectionsAreRepeatedUntrustedCertificatesAreNot) {
  make();
  service.broken["GET /redfish/v1/Thing"].push_back(Error("http.connect", "refused"));
  EXPECT_TRUE(get("/redfish/v1/Thing"));
  service.broken["GET /redfish/v1/Thing"].push_back(Error("http.tls_untrusted", "wrong pin"));
  const Result<RedfishResource> answer = get("/redfish/v1/Thing");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "bmc.untrusted");
}

TEST_F(Client, GivesUpBeforeTheDeadlineWithTheRealReason) {
  make();
  service.handler = [](const HttpRequest&, const std::string&) {
    return reply(503, "", {{"Retry-After", "5"}});
  };
  const std::int64_t before = desk.now_ns();
  const Result<RedfishResource> answer = get("/redfish/v1/Thing", 3s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "bmc.busy");
  EXPECT_LT(desk.now_ns() - before, 1'000'000'000);
}

TEST_F(Client, ABusySpellOfSomeSecondsIsOutlasted) {
  make("admin");
  const std::int64_t until_ns = desk.now_ns() + 12'000'000'000;
  service.handler = [&](const HttpRequest&, const std::string&) -> std::optional<HttpResponse> {
    if (desk.now_ns() < until_ns) return reply(503);
    return std::nullopt;
  };
  EXPECT_TRUE(get("/redfish/v1/Thing")) << "the login before it was busy as well";
}

TEST_F(Client, PersistentNonsenseIsNotJson) {
  make();
  service.bodies["/redfish/v1/Thing"] = "<html>sorry</html>";
  const Result<RedfishResource> answer = get("/redfish/v1/Thing");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "bmc.not_json");
  EXPECT_EQ(service.count("GET /redfish/v1/Thing"), 5) << "once and four repetitions";
}

TEST_F(Client, ErrorBodiesAndHalfBrokenResourcesAreToldApart) {
  make();
  service.bodies["/redfish/v1/Thing"] = R"({"error":{"code":"Base.1.15.0.InternalError","message":"m"}})";
  EXPECT_EQ(get("/redfish/v1/Thing").error().code, "bmc.error_body");
  service.bodies["/redfish/v1/Thing"] = R"({"@odata.id":"/redfish/v1/Thing","Id":"T","error":{"code":"c"}})";
  const Result<RedfishResource> degraded = get("/redfish/v1/Thing");
  ASSERT_TRUE(degraded);
  EXPECT_TRUE(degraded->degraded);
  service.once["GET /redfish/v1/Thing"].push_back(reply(500, kThing));
  EXPECT_TRUE(get("/redfish/v1/Thing")->degraded) << "500 with a usable body";
  service.once["GET /redfish/v1/Thing"].push_back(reply(500, R"({"error":{"code":"c"}})"));
  EXPECT_EQ(get("/redfish/v1/Thing").error().code, "bmc.refused");
  EXPECT_EQ(get("/redfish/v1/Nothing").error().code, "bmc.not_found");
}

TEST_F(Client, RedirectsStayOnTheOriginAndKeepTheTrailingSlash) {
  make();
  service.once["GET /redfish/v1/Old"].push_back(reply(307, "", {{"Location", "/redfish/v1/Thing/"}}));
  EXPECT_TRUE(get("/redfish/v1/Old"));
  EXPECT_EQ(service.log.back(), "GET /redfish/v1/Thing/");
  service.once["GET /redfish/v1/Old"].push_back(
      reply(302, "", {{"Location", "https://evil.test/redfish/v1/"}}));
  EXPECT_EQ(get("/redfish/v1/Old").error().code, "bmc.redirect");
  service.handler = [](const HttpRequest&, const std::string&) {
    return reply(301, "", {{"Location", "/redfish/v1/Loop"}});
  };
  EXPECT_EQ(get("/redfish/v1/Loop").error().code, "bmc.redirect");
}

TEST_F(Client, ALocationThatIsNoTextIsSaidInLettersThatAre) {
  make();
  service.once["GET /redfish/v1/Old"].push_back(reply(302, "", {{"Location", "http://els\xe9where/\xff"}}));
  const Result<RedfishResource> away = get("/redfish/v1/Old");
  ASSERT_FALSE(away);
  EXPECT_NE(away.error().message.find("http://els%E9where/%FF"), std::string::npos) << away.error().message;
}

TEST_F(Client, LinksElsewhereAreNotFollowed) {
  make();
  for (const char* link : {"https://other.test/redfish/v1/X", "//other.test/x", "/redfish/../secret",
                           "ftp://bmc.test/x", "", "x y"}) {
    EXPECT_FALSE(client->local_path(link)) << link;
  }
  EXPECT_EQ(client->local_path("https://bmc.test/redfish/v1/X/#/a"), "/redfish/v1/X/");
  EXPECT_EQ(client->local_path("redfish/v1/X"), "/redfish/v1/X");
  service.bodies["/redfish/v1/Power%20Supply%0D%0A1"] = kThing;
  EXPECT_TRUE(get("/redfish/v1/Power Supply\r\n1")) << "characters a URL may not hold are encoded";
}

TEST(RedfishWire, APrefixIsPutBeforeLinksThatDoNotHaveIt) {
  MockService service;
  const RedfishWire wire(service.client(), "https://bmc.test/node1/");
  EXPECT_EQ(wire.local_path("/node1/redfish/v1/X"), "/redfish/v1/X");
  EXPECT_FALSE(wire.local_path("/node1//redfish/v1")) << "found by ci/fuzz";
  EXPECT_EQ(wire.url_of("/redfish/v1/X"), "https://bmc.test/node1/redfish/v1/X");
}

TEST_F(Client, PatchSendsTheEtagAndReadsItAgainWhenItChanged) {
  make();
  int patches = 0;
  std::vector<std::string> sent;
  service.handler = [&](const HttpRequest& request, const std::string&) -> std::optional<HttpResponse> {
    if (request.method == "GET") return reply(200, kThing, {{"ETag", patches == 0 ? "\"1\"" : "\"2\""}});
    for (const auto& [name, value] : request.headers) {
      if (name == "If-Match") sent.push_back(value);
    }
    return reply(++patches == 1 ? 412 : 204);
  };
  EXPECT_TRUE(
      desk.ask<Status>([&](const Ctx& ctx) { return client->patch(ctx, "/redfish/v1/Thing", "{}"); }));
  EXPECT_EQ(sent, (std::vector<std::string>{"\"1\"", "\"2\""}));
}

TEST_F(Client, PostsAreRepeatedOnlyAsTheirKindAllows) {
  make();
  const auto post = [&](Repeat repeat) {
    return desk.ask<Result<RedfishAnswer>>([&](const Ctx& ctx) {
      return client->post(ctx, "/redfish/v1/Act", "application/json", "{}", repeat);
    });
  };
  service.broken["POST /redfish/v1/Act"].push_back(Error("http.timeout", "no answer"));
  EXPECT_FALSE(post(Repeat::if_not_executed)) << "it may have been done";
  service.once["POST /redfish/v1/Act"].push_back(reply(503));
  service.once["POST /redfish/v1/Act"].push_back(reply(204));
  EXPECT_TRUE(post(Repeat::if_not_executed));
  service.once["POST /redfish/v1/Act"].push_back(reply(503));
  EXPECT_FALSE(post(Repeat::never));
  service.broken["POST /redfish/v1/Act"].push_back(Error("http.timeout", "no answer"));
  service.once["POST /redfish/v1/Act"].push_back(reply(204));
  EXPECT_TRUE(post(Repeat::always));
}

}  // namespace
}  // namespace kiln
