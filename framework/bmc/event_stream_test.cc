// A BMC's stream of events, in every way it is deployed and every way it dies, under virtual time.

#include "bmc/event_stream.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

constexpr const char* kServiceUri = "/redfish/v1/EventService";
constexpr const char* kStreamUri = "/redfish/v1/EventService/SSE";
constexpr const char* kTestUri = "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent";

/// What one stream says: each piece after its pause, then its end.
struct StreamScript {
  enum class End { ends, breaks, hangs };
  std::vector<std::pair<Nanoseconds, std::string>> pieces;
  End end = End::hangs;
  int status = 200;
};

/// The tray's mock service, with streams; a stream may hold up everything else.
struct StreamPeer {
  MockService* service = nullptr;
  std::deque<StreamScript> streams;
  int opened = 0;
  int open = 0;
  bool one_at_a_time = false;
  std::vector<std::string> accepts;
  std::function<void(const std::string&)> piece;  ///< into the stream that is open
};

class StreamClient final : public HttpClient {
 public:
  StreamClient(StreamPeer& peer, std::unique_ptr<HttpClient> beneath)
      : peer_(peer), beneath_(std::move(beneath)) {}
  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override {
    if (peer_.one_at_a_time && peer_.open > 0) {
      const Status waited = co_await ctx.sleep_for(std::chrono::hours(1000));
      co_return waited.error();
    }
    Result<HttpResponse> answer = co_await beneath_->send(ctx, std::move(request));
    co_return answer;
  }
  boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) override {
    for (const auto& [name, value] : request.headers) {
      if (name == "Accept") peer_.accepts.push_back(value);
    }
    ++peer_.opened;
    StreamScript script;
    if (!peer_.streams.empty()) {
      script = peer_.streams.front();
      peer_.streams.pop_front();
    }
    HttpResponse response;
    response.status = script.status;
    if (script.status != 200) co_return response;
    ++peer_.open;
    peer_.piece = on_piece;
    for (const auto& [pause, piece] : script.pieces) {
      const Status waited = co_await ctx.sleep_for(pause);
      if (!waited) {
        --peer_.open;
        peer_.piece = nullptr;
        co_return waited.error();
      }
      on_piece(piece);
    }
    Status ended = success();
    if (script.end == StreamScript::End::hangs) ended = co_await ctx.sleep_for(std::chrono::hours(1000));
    --peer_.open;
    peer_.piece = nullptr;
    if (!ended) co_return ended.error();
    if (script.end == StreamScript::End::breaks)
      co_return Error("http.connection_lost", "the connection broke");
    co_return response;
  }

 private:
  StreamPeer& peer_;
  std::unique_ptr<HttpClient> beneath_;
};

std::string framed(const std::string& id, const std::string& members) {
  return (id.empty() ? std::string() : "id: " + id + "\r\n") + R"(data: {"Events":[{)" + members +
         "}]}\r\n\r\n";
}
std::string wet(const std::string& id) {
  return framed(
      id, R"("EventId":")" + id + R"(","MessageId":"ResourceEvent.1.0.ResourceStatusChangedCritical",)" +
              R"("Severity":"Critical","OriginOfCondition":"/redfish/v1/Chassis/1/LeakDetectors/D")");
}

class EventStreamTest : public Tray {
 protected:
  EventStreamTest() {
    auto& root = service.bodies["/redfish/v1"];
    root.insert(1, R"("EventService":{"@odata.id":"/redfish/v1/EventService"},)");
    offer(true);
    peer.service = &service;
  }
  void offer(bool test) {
    service.bodies[kServiceUri] =
        std::string(R"({"Id":"EventService","ServiceEnabled":true,"ServerSentEventUri":")") + kStreamUri +
        "\"" +
        (test ? std::string(R"(,"Actions":{"#EventService.SubmitTestEvent":{"target":")") + kTestUri + "\"}}"
              : std::string()) +
        "}";
  }
  /// SubmitTestEvent is accepted; `arrives`: and comes through the stream.
  void accept_tests(bool arrives) {
    service.handler = [this, arrives](const HttpRequest& request,
                                      const std::string& path) -> std::optional<HttpResponse> {
      if (request.method != "POST" || path != kTestUri) return std::nullopt;
      ++tests;
      if (arrives && peer.piece) peer.piece(framed("", R"("MessageId":"ResourceEvent.1.3.TestMessage")"));
      return reply(204);
    };
  }
  /// Listens for so long; the Error it ended with.
  Error hear(Nanoseconds budget) {
    RedfishOptions options;
    options.base_url = "https://bmc.test";
    RedfishClient client(std::make_unique<StreamClient>(peer, service.client()), options);
    ServiceTree tree(client);
    EventReader reader(tree);
    const Status ended = desk.ask<Status>(
        [&](const Ctx& ctx) {
          return reader.listen(ctx, [this](const BmcEvent& event) { heard.push_back(event); });
        },
        budget);
    disturbances = client.take_disturbances();
    EXPECT_EQ(peer.open, 0) << "a stream was left open";
    return ended ? Error("test.ended", "it ended well") : ended.error();
  }
  [[nodiscard]] int count(BmcEvent::Fact fact) const {
    return static_cast<int>(
        std::count_if(heard.begin(), heard.end(), [fact](const BmcEvent& one) { return one.fact == fact; }));
  }
  StreamPeer peer;
  std::vector<BmcEvent> heard;
  std::vector<std::string> disturbances;
  int tests = 0;
};

TEST_F(EventStreamTest, WhatComesIsToldOnceInOrderAndAskedForAsAStream) {
  peer.streams.push_back({{{1s, ": connected\r\n\r\n"}, {1s, wet("1")}, {1s, wet("1") + wet("2")}}});
  EXPECT_EQ(hear(10s).code, "ctx.deadline");
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_TRUE(heard[0].wet);
  EXPECT_EQ(heard[1].entry.id, "2");
  ASSERT_EQ(peer.accepts.size(), 1U);
  EXPECT_EQ(peer.accepts[0], "text/event-stream");
  EXPECT_TRUE(disturbances.empty());
}

TEST_F(EventStreamTest, AnEventInPiecesOfAByteIsTheSame) {
  StreamScript script;
  for (const char letter : ":hi\n\n" + wet("7")) script.pieces.emplace_back(1ms, std::string(1, letter));
  peer.streams.push_back(script);
  EXPECT_EQ(hear(10s).code, "ctx.deadline");
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].part, "D");
}

TEST_F(EventStreamTest, AGapInTheIdsAsksForANewReading) {
  peer.streams.push_back({{{1s, wet("1")}, {1s, wet("4")}}});
  EXPECT_EQ(hear(5s).code, "ctx.deadline");
  EXPECT_EQ(count(BmcEvent::Fact::missed), 1);
  EXPECT_EQ(count(BmcEvent::Fact::leak), 2);
}

TEST_F(EventStreamTest, AStreamThatEndsIsOpenedAgainAndWhatWasMissedIsSaid) {
  peer.streams.push_back({{{20s, wet("1")}}, StreamScript::End::ends});
  peer.streams.push_back({{{20s, wet("2")}}, StreamScript::End::breaks});
  EXPECT_EQ(hear(55s).code, "ctx.deadline");
  EXPECT_EQ(peer.opened, 3);
  EXPECT_EQ(count(BmcEvent::Fact::missed), 2);
  ASSERT_EQ(disturbances.size(), 2U);
  EXPECT_NE(disturbances[0].find("polling goes on"), std::string::npos) << disturbances[0];
}

TEST_F(EventStreamTest, ASilentStreamIsProvedAliveByATestEvent) {
  accept_tests(true);
  EXPECT_EQ(hear(10min).code, "ctx.deadline");
  EXPECT_EQ(peer.opened, 1);
  EXPECT_GE(tests, 8);
  EXPECT_TRUE(disturbances.empty());
}

TEST_F(EventStreamTest, HeartbeatsAloneKeepItAlive) {
  accept_tests(true);
  StreamScript script;
  for (int i = 0; i < 20; ++i) script.pieces.emplace_back(30s, ": heartbeat\r\n\r\n");
  peer.streams.push_back(script);
  EXPECT_EQ(hear(590s).code, "ctx.deadline");
  EXPECT_EQ(tests, 0);
}

TEST_F(EventStreamTest, ADeadStreamIsFoundOutClosedAndOpenedAgain) {
  accept_tests(false);
  EXPECT_EQ(hear(100s).code, "ctx.deadline");
  EXPECT_EQ(peer.opened, 2);
  EXPECT_EQ(tests, 1);
  ASSERT_FALSE(disturbances.empty());
  EXPECT_NE(disturbances[0].find("a test event did not arrive"), std::string::npos) << disturbances[0];
  EXPECT_EQ(count(BmcEvent::Fact::missed), 1);
}

TEST_F(EventStreamTest, WhereNoTestCanBeAskedForSilenceIsBorneLongerEachTimeAndToldOnce) {
  offer(false);
  EXPECT_EQ(hear(1h).code, "ctx.deadline");
  EXPECT_LE(peer.opened, 7);  // 1 + 2 + 4 + 8 + 16 + 32 min
  EXPECT_GE(peer.opened, 5);
  EXPECT_EQ(disturbances.size(), 1U);
}

TEST_F(EventStreamTest, AServiceThatDiesOfItsFirstEventIsLeftAlone) {
  for (int i = 0; i < 50; ++i)
    peer.streams.push_back({{{1s, wet(std::to_string(i))}}, StreamScript::End::breaks});
  const Error ended = hear(1h);
  EXPECT_EQ(ended.code, "bmc.no_events");
  EXPECT_EQ(peer.opened, 4);
}

TEST_F(EventStreamTest, ABmcThatServesNobodyBesideAStreamIsLeftAlone) {
  peer.one_at_a_time = true;
  const Error ended = hear(1h);
  EXPECT_EQ(ended.code, "bmc.no_events");
  EXPECT_NE(ended.message.find("answers nobody else"), std::string::npos) << ended.message;
  EXPECT_EQ(peer.opened, 2);
}

TEST_F(EventStreamTest, ABmcWithoutAStreamSaysSoAtOnce) {
  service.bodies[kServiceUri] = R"({"Id":"EventService","SSEFilterPropertiesSupported":{}})";
  EXPECT_EQ(hear(1h).code, "bmc.no_events");
  service.bodies.erase(kServiceUri);
  EXPECT_EQ(hear(1h).code, "bmc.no_events");
  EXPECT_EQ(peer.opened, 0);
}

TEST_F(EventStreamTest, AStreamThatIsRefusedIsNoneAndOneThatIsBusyIsTriedAgain) {
  peer.streams.push_back({{}, StreamScript::End::ends, 503});
  peer.streams.push_back({{}, StreamScript::End::ends, 404});
  const Error ended = hear(1h);
  EXPECT_EQ(ended.code, "bmc.no_events");
  EXPECT_NE(ended.message.find("404"), std::string::npos) << ended.message;
  EXPECT_EQ(peer.opened, 2);
}

TEST_F(EventStreamTest, GarbageInTheStreamIsPassedOver) {
  peer.streams.push_back({{{1s, std::string("\0\xff garbage\n\n", 12)},
                           {1s, "data: {not json\n\ndata: [1,2\n\nevent: x\nretry: 5\n\n"},
                           {1s, wet("3")}}});
  EXPECT_EQ(hear(10s).code, "ctx.deadline");
  EXPECT_EQ(heard.size(), 1U);
}

}  // namespace
}  // namespace kiln
