// Subscriptions as BMCs take, lose, refuse and never serve them, under virtual time.

#include "bmc/event_subscription.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <utility>

#include "bmc/tray_for_test.h"
#include "testing/fake_post_listener.h"
#include "testing/memory_sessions.h"

namespace kiln {
namespace {

const std::string kEventsUri = "/redfish/v1/EventService";
const std::string kSubscriptions = kEventsUri + "/Subscriptions";
const std::string kSubmitUri = kEventsUri + "/Actions/EventService.SubmitTestEvent";

class EventSubscriptionTest : public Tray {
 protected:
  EventSubscriptionTest() {
    service.bodies["/redfish/v1"].insert(1, R"("EventService":{"@odata.id":"/redfish/v1/EventService"},)");
    offer(true);
    service.handler = [this](const HttpRequest& request, const std::string& path) {
      return answer(request, path);
    };
  }
  void offer(bool test) {
    service.bodies[kEventsUri] =
        R"({"Id":"EventService","Subscriptions":{"@odata.id":")" + kSubscriptions + "\"}" +
        (test ? R"(,"Actions":{"#EventService.SubmitTestEvent":{"target":")" + kSubmitUri + "\"}}"
              : std::string()) +
        "}";
  }
  std::optional<HttpResponse> answer(const HttpRequest& request, const std::string& path) {
    if (request.method == "GET" && path == kSubscriptions) {
      std::vector<std::string> uris;
      for (const auto& [uri, one] : there) uris.push_back(uri);
      return reply(200, collection(uris));
    }
    if (request.method == "GET" && there.contains(path))
      return reply(200, R"({"Id":"s","Context":")" + there[path].first + "\"}");
    if (request.method == "DELETE" && there.contains(path)) {
      there.erase(path);
      return reply(204);
    }
    if (request.method == "POST" && path == kSubscriptions) {
      const boost::json::object asked = boost::json::parse(request.body).as_object();
      destination = std::string(asked.at("Destination").as_string());
      if (quotes) {
        return reply(*quotes, R"({"error":{"code":"Base.1.0.Bad","message":"Destination ')" + destination +
                                  R"(' cannot be reached"}})");
      }
      if (full || (wants_types && !asked.contains("EventTypes")))
        return reply(400, R"({"error":{"code":"no"}})");
      const std::string uri = kSubscriptions + "/" + std::to_string(++made);
      there[uri] = {std::string(asked.at("Context").as_string()),
                    std::string(asked.at("Destination").as_string())};
      HttpHeaders headers{{"Location", uri}};
      if (!says_where) headers.clear();
      return reply(201, "", headers);
    }
    if (request.method == "POST" && path == kSubmitUri) {
      ++tests;
      if (delivers)
        deliver(R"({"Events":[{"EventId":"t)" + std::to_string(tests) +
                R"(","MessageId":"ResourceEvent.1.3.TestMessage"}]})");
      return reply(204);
    }
    return std::nullopt;
  }
  void deliver(const std::string& body) {
    for (const auto& [uri, one] : there) listener->post(one.second, body);
  }
  Error hear(Nanoseconds budget) {
    RedfishOptions options;
    options.base_url = "https://bmc.test";
    RedfishClient client(service.client(), options);
    ServiceTree tree(client);
    EventSubscription subscription(tree, listener, kept);
    const Status ended = desk.ask<Status>(
        [&](const Ctx& ctx) {
          return subscription.listen(ctx, [this](const BmcEvent& event) {
            heard.push_back(event);
            if (on_event) on_event();
          });
        },
        budget);
    disturbances = client.take_disturbances();
    EXPECT_EQ(listener->open_places(), 0U);
    return ended ? Error("test.ended", "it ended well") : ended.error();
  }
  std::map<std::string, std::pair<std::string, std::string>> there;  ///< uri → context, destination
  std::shared_ptr<FakePostListener> listener = std::make_shared<FakePostListener>();
  std::shared_ptr<MemorySessions> kept = std::make_shared<MemorySessions>();
  std::vector<BmcEvent> heard;
  std::vector<std::string> disturbances;
  std::function<void()> on_event;
  bool delivers = true, full = false, wants_types = false, says_where = true;
  int made = 0, tests = 0;
  std::optional<int> quotes;  ///< the status of refusals that quote what was asked for
  std::string destination;    ///< that was asked for last
};

TEST_F(EventSubscriptionTest, ItIsProvedAtOnceAndDeletedAtTheEnd) {
  EXPECT_EQ(hear(30s).code, "ctx.deadline");
  EXPECT_EQ(made, 1);
  EXPECT_EQ(tests, 1);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].fact, BmcEvent::Fact::test);
  EXPECT_TRUE(there.empty());
}

TEST_F(EventSubscriptionTest, WhatIsDeliveredTwiceIsToldOnce) {
  bool told = false;
  on_event = [this, &told] {
    if (std::exchange(told, true)) return;
    for (int i = 0; i < 2; ++i)
      deliver(
          R"({"Context":"x","Events":[{"EventId":"9","MessageId":"A.1.0.LeakDetectedCritical","Severity":"Critical"}]})");
  };
  EXPECT_EQ(hear(30s).code, "ctx.deadline");
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_TRUE(heard[0].wet || heard[1].wet);
}

TEST_F(EventSubscriptionTest, AcceptedAndNeverDeliveredIsFoundOutAndPollingIsAlone) {
  delivers = false;
  const Error ended = hear(1h);
  EXPECT_EQ(ended.code, "bmc.no_events");
  EXPECT_EQ(made, 3);
  EXPECT_TRUE(there.empty());
  EXPECT_EQ(disturbances.size(), 3U);
}

TEST_F(EventSubscriptionTest, OneThatTheBmcForgetsIsMadeAgainAndWhatWasMissedIsSaid) {
  offer(false);
  const auto ended = [this] {
    service.once["GET " + kSubscriptions + "/1"].push_back(reply(404));
    return hear(5min);
  }();
  EXPECT_EQ(ended.code, "ctx.deadline");
  EXPECT_EQ(made, 2);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].fact, BmcEvent::Fact::missed);
  EXPECT_TRUE(there.empty());
}

TEST_F(EventSubscriptionTest, AFullTableIsSaidAndLeavesNothing) {
  full = true;
  EXPECT_EQ(hear(1h).code, "bmc.no_events");
  EXPECT_EQ(made, 0);
}

TEST_F(EventSubscriptionTest, ARefusalThatQuotesTheDestinationDoesNotTellItsSecret) {
  for (const int status : {400, 503}) {
    quotes = status;
    const Error said = hear(1h);
    EXPECT_EQ(said.code, status == 400 ? "bmc.no_events" : "ctx.deadline");
    ASSERT_FALSE(destination.empty());
    const std::string path = destination.substr(destination.find('/', 8) + 1);
    ASSERT_FALSE(path.empty()) << destination;
    std::string told = said.full() + said.sentence();
    for (const std::string& one : disturbances) told += one;
    EXPECT_EQ(told.find(path), std::string::npos) << told;
    EXPECT_EQ(told.find("cannot be reached") != std::string::npos, status == 400) << told;
  }
}

TEST_F(EventSubscriptionTest, AnOldServiceGetsItsEventTypes) {
  wants_types = true;
  EXPECT_EQ(hear(30s).code, "ctx.deadline");
  EXPECT_EQ(made, 1);
}

TEST_F(EventSubscriptionTest, OneThatIsNotSaidWhereItIsIsFoundByItsContext) {
  says_where = false;
  EXPECT_EQ(hear(30s).code, "ctx.deadline");
  EXPECT_TRUE(there.empty());
}

TEST_F(EventSubscriptionTest, WhatADeadStationLeftIsDeletedByItsContextAndNothingElseIs) {
  there[kSubscriptions + "/a"] = {"kiln-dead", "https://gone"};
  there[kSubscriptions + "/b"] = {"somebody else's", "https://other"};
  kept->left_open.push_back({"https://bmc.test", kSubscriptions, "", "", "kiln-dead"});
  EXPECT_EQ(hear(30s).code, "ctx.deadline");
  ASSERT_EQ(there.size(), 1U);
  EXPECT_EQ(there.begin()->second.first, "somebody else's");
  EXPECT_TRUE(kept->left("https://bmc.test").empty());
}

TEST_F(EventSubscriptionTest, AServiceWithoutSubscriptionsSaysSoAtOnce) {
  service.bodies[kEventsUri] = R"({"Id":"EventService"})";
  EXPECT_EQ(hear(1h).code, "bmc.no_events");
}

}  // namespace
}  // namespace kiln
