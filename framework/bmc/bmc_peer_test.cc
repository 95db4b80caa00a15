// What connections to one BMC share: its budget, its breaker, and what it expands truthfully.
#include "bmc/bmc_peer.h"

#include <gtest/gtest.h>

#include "bmc/mock_service_for_test.h"
#include "bmc/redfish_client.h"
#include "bmc/service_tree.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

const std::string kItems = "/redfish/v1/Items";
const std::string kExpanded = kItems + "?$expand=.($levels=1)";

std::string item(int number, const std::string& serial) {
  return R"({"@odata.id":")" + kItems + "/" + std::to_string(number) + R"(","Id":")" +
         std::to_string(number) + R"(","Name":"item","SerialNumber":)" + serial + "}";
}

class PeerOfMany : public testing::Test {
 protected:
  PeerOfMany() {
    service.bodies["/redfish/v1"] =
        R"({"@odata.id":"/redfish/v1/","Id":"RootService","Name":"Root","Items":{"@odata.id":"/redfish/v1/Items"},
          "Systems":{"@odata.id":"/redfish/v1/Systems"},
          "ProtocolFeaturesSupported":{"ExpandQuery":{"NoLinks":true,"Levels":true}}})";
    std::string members, whole;
    for (int number = 0; number < 4; ++number) {
      const std::string uri = kItems + "/" + std::to_string(number);
      service.bodies[uri] = item(number, "\"S" + std::to_string(number) + "\"");
      members += (number == 0 ? "" : ",") + (R"({"@odata.id":")" + uri + "\"}");
      whole += (number == 0 ? "" : ",") + service.bodies[uri];
    }
    service.bodies[kItems] =
        R"({"@odata.id":"/redfish/v1/Items","Name":"c","Members@odata.count":4,"Members":[)" + members + "]}";
    service.bodies[kExpanded] =
        R"({"@odata.id":"/redfish/v1/Items","Name":"c","Members@odata.count":4,"Members":[)" + whole + "]}";
  }
  std::unique_ptr<RedfishClient> connect() {
    RedfishOptions options;
    options.base_url = "https://bmc.test";
    options.peer = peer;
    return std::make_unique<RedfishClient>(service.client(), options);
  }
  Result<RedfishResource> get(RedfishClient& client, const std::string& uri, Nanoseconds budget = 10min,
                              Urgency urgency = Urgency::normal, int retries = 8) {
    return desk.ask<Result<RedfishResource>>(
        [&](const Ctx& ctx) { return client.get(ctx, uri, retries, urgency); }, budget);
  }
  std::size_t items_by(RedfishClient& client) {
    ServiceTree tree(client);
    const Result<RedfishResource> root = get(client, "/redfish/v1/");
    const Result<MemberList> items = desk.ask<Result<MemberList>>(
        [&](const Ctx& ctx) { return tree.follow(ctx, *root, root->body["Items"]); });
    if (!items) return 0;
    for (const RedfishResource& one : items->members) EXPECT_TRUE(one.body["SerialNumber"].text()) << one.uri;
    return items->members.size();
  }
  Desk desk;
  MockService service;
  std::shared_ptr<BmcPeer> peer = std::make_shared<BmcPeer>();
};

TEST_F(PeerOfMany, ARefusalOfOneHoldsBackWhatReadsInBulkAndNothingElse) {
  const auto first = connect(), second = connect();
  service.once["GET " + kItems].push_back(reply(429));
  const std::int64_t before = desk.now_ns();
  EXPECT_TRUE(get(*first, kItems, 10min, Urgency::bulk));
  EXPECT_GE(desk.now_ns() - before, 1'000'000'000) << "the first pause is a second";
  desk.pass(2s);
  service.once["GET " + kItems].push_back(reply(429, "", {{"Retry-After", "9"}}));
  EXPECT_FALSE(get(*first, kItems, 10min, Urgency::normal, 0)) << "asked, and refused";
  const std::int64_t refused = desk.now_ns();
  EXPECT_EQ(get(*second, kItems, 3s, Urgency::bulk).error().code, "bmc.busy")
      << "and does not wait beyond its deadline";
  EXPECT_TRUE(get(*second, kItems, 1s)) << "what watches or cuts is not held back by it";
  EXPECT_LT(desk.now_ns() - refused, 1'000'000'000);
  EXPECT_TRUE(get(*second, kItems, 10min, Urgency::bulk));
  EXPECT_GE(desk.now_ns() - refused, 8'900'000'000);
}

TEST_F(PeerOfMany, ABudgetOfAMinuteIsOutlasted) {
  // As a service does that gives so many reads a minute and says nothing else.
  const auto client = connect();
  int left = 20, refusals = 0;
  std::int64_t minute_ends = desk.now_ns() + 60'000'000'000;
  service.handler = [&](const HttpRequest&, const std::string&) -> std::optional<HttpResponse> {
    if (desk.now_ns() >= minute_ends) {
      minute_ends += 60'000'000'000;
      left = 20;
    }
    if (left == 0) {
      ++refusals;
      return reply(429);
    }
    --left;
    return std::nullopt;
  };
  for (int read = 0; read < 60; ++read) ASSERT_TRUE(get(*client, kItems, 10min, Urgency::bulk, 2)) << read;
  EXPECT_LT(refusals, 60) << "it does not hammer";
}

TEST_F(PeerOfMany, ABmcThatDoesNotAnswerIsReadInBulkOnceASecond) {
  const auto first = connect(), second = connect();
  auto& broken = service.broken["GET " + kItems];
  for (int i = 0; i < 7; ++i) broken.push_back(Error("http.timeout", "no answer in 10 s"));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(get(*first, kItems, 10min, Urgency::normal, 0));
  const std::int64_t opened = desk.now_ns();
  EXPECT_FALSE(get(*second, kItems, 10min, Urgency::bulk, 0));
  EXPECT_GE(desk.now_ns() - opened, 900'000'000) << "a second after the last";
  const std::int64_t asked = desk.now_ns();
  EXPECT_FALSE(get(*second, kItems, 10min, Urgency::normal, 0));
  EXPECT_LT(desk.now_ns() - asked, 100'000'000) << "nothing else waits";
  EXPECT_TRUE(get(*second, kItems, 10min, Urgency::bulk, 0)) << "and an answer ends it";
  const std::int64_t back = desk.now_ns();
  EXPECT_TRUE(get(*first, kItems, 10min, Urgency::bulk, 0));
  EXPECT_LT(desk.now_ns() - back, 100'000'000);
}

TEST_F(PeerOfMany, ExpandingIsProvedOnceAndThenOneRequestIsEnough) {
  const auto first = connect();
  EXPECT_EQ(items_by(*first), 4U);
  EXPECT_EQ(service.count("GET " + kExpanded), 1) << "the proof";
  EXPECT_EQ(service.count("GET " + kItems + "/3"), 1);
  const auto second = connect();
  EXPECT_EQ(items_by(*second), 4U);
  EXPECT_EQ(service.count("GET " + kExpanded), 2);
  EXPECT_EQ(service.count("GET " + kItems + "/3"), 1) << "known by all connections";
  EXPECT_TRUE(first->take_quirks().empty());
}

TEST_F(PeerOfMany, ExpandingThatLosesValuesIsNeverUsed) {
  std::string& body = service.bodies[kExpanded];
  body.replace(body.find("\"S2\""), 4, "null");
  const auto client = connect();
  EXPECT_EQ(items_by(*client), 4U);
  EXPECT_EQ(items_by(*client), 4U);
  EXPECT_EQ(service.count("GET " + kExpanded), 1);
  const std::vector<AppliedQuirk> quirks = client->take_quirks();
  ASSERT_EQ(quirks.size(), 1U);
  EXPECT_EQ(quirks.front().quirk, "expand_unreliable");
  EXPECT_EQ(quirks.front().dialect, "") << "noticed, not known";
  EXPECT_TRUE(client->take_quirks().empty()) << "told once";
}

TEST_F(PeerOfMany, ExpandingThatLosesANumberOrAMemberIsNeverUsed) {
  for (const auto& [kept, lost] : std::map<std::string, std::string>{
           {"\"Reading\":7", "\"Reading\":null"}, {"\"Health\":\"OK\"", "\"Health\":null"}}) {
    peer = std::make_shared<BmcPeer>();
    std::string& body = service.bodies[kExpanded];
    const std::string whole = body;
    const std::string more = R"(,"Reading":7,"Status":{"Health":"OK"}})";
    std::string& one = service.bodies[kItems + "/1"];
    const std::string plain = one;
    const std::size_t at = body.find(one);
    one.replace(one.size() - 1, 1, more);
    body.replace(at, plain.size(), one);
    body.replace(body.find(kept), kept.size(), lost);
    EXPECT_EQ(items_by(*connect()), 4U);
    EXPECT_FALSE(peer->expands.at("Items")) << lost;
    body = whole;
    one = plain;
  }
  peer = std::make_shared<BmcPeer>();
  EXPECT_EQ(items_by(*connect()), 4U);
  EXPECT_TRUE(peer->expands.at("Items"));
  service.bodies[kExpanded] =
      R"({"@odata.id":"/redfish/v1/Items","Name":"c","Members":[],"Members@odata.count":4})";
  EXPECT_EQ(items_by(*connect()), 4U) << "what is cut short is read one by one";
}

TEST_F(PeerOfMany, AProofThatFailsTakesNothingAway) {
  service.bodies.erase(kExpanded);
  for (int i = 0; i < 20; ++i) service.broken["GET " + kExpanded].push_back(Error("http.timeout", "none"));
  EXPECT_EQ(items_by(*connect()), 4U);
  EXPECT_FALSE(peer->expands.at("Items")) << "and is not tried again and again";
}

TEST_F(PeerOfMany, ExpandingThatStopsWorkingIsDropped) {
  const auto client = connect();
  EXPECT_EQ(items_by(*client), 4U);
  service.once["GET " + kExpanded].push_back(reply(500));
  for (int i = 0; i < 8; ++i) service.once["GET " + kExpanded].push_back(reply(500));
  EXPECT_EQ(items_by(*client), 4U) << "one by one again";
  EXPECT_EQ(client->take_quirks().size(), 1U);
}

}  // namespace
}  // namespace kiln
