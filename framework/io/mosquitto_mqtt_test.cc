// The client against a real broker on loopback, and against peers that break the protocol.
#include "io/mosquitto_mqtt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "io/loop.h"
#include "io/mqtt_broker_for_test.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using testing::HasSubstr;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kPatience = 60s;  // a loaded machine shakes hands slowly

// mqtt-v3.1.1-os, sections 3.2, 3.3 and 3.9.
const std::string kConnack("\x20\x02\x00\x00", 4);
const std::string kSuback("\x90\x03\x00\x01\x01", 5);  // of the first subscription
std::string publish_packet(const std::string& topic, const std::string& payload) {
  std::string rest;
  rest += static_cast<char>(topic.size() / 256);
  rest += static_cast<char>(topic.size() % 256);
  rest += topic + payload;
  std::string packet("\x30");
  std::size_t left = rest.size();
  do {
    const std::size_t digit = left % 128;
    left /= 128;
    packet += static_cast<char>(digit | (left > 0 ? 0x80U : 0U));
  } while (left > 0);
  return packet + rest;
}

struct Inbox {
  std::vector<MqttMessage> messages;
  [[nodiscard]] std::string texts() const {
    std::string all;
    for (const MqttMessage& message : messages) {
      all += message.topic + "=" + (message.payload.size() > 40 ? "long" : message.payload) +
             (message.retained ? "(retained);" : ";");
    }
    return all;
  }
};

class MosquittoMqtt : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (fs::exists(kMosquittoBroker)) shared_ = std::make_unique<MosquittoBroker>();
  }
  static void TearDownTestSuite() { shared_.reset(); }
  void SetUp() override { ASSERT_TRUE(shared_) << "the mosquitto package is needed: " << kMosquittoBroker; }

  std::unique_ptr<MqttClient> client(MqttOptions options, Inbox* inbox = nullptr) {
    Result<std::unique_ptr<MqttClient>> made = make_mosquitto_mqtt(*loop_, std::move(options));
    if (!made) {
      ADD_FAILURE() << made.error().full();
      return nullptr;
    }
    if (inbox != nullptr)
      (*made)->on_message([inbox](const MqttMessage& message) { inbox->messages.push_back(message); });
    return std::move(*made);
  }
  static awaitable<void> connect_once(MqttClient& client, Ctx& ctx, Nanoseconds patience, Error& out) {
    Ctx limited = ctx.child_within("connect", patience);
    const Status connected = co_await client.connect(limited);
    if (!connected) out = connected.error();
  }
  /// An empty code: it worked.
  Error connect(MqttClient& client, Nanoseconds patience = kPatience) {
    Error out;
    loop_->run([&](Ctx& ctx) { return connect_once(client, ctx, patience, out); });
    return out;
  }
  Error connect(MqttOptions options, Nanoseconds patience = kPatience) {
    const std::unique_ptr<MqttClient> made = client(std::move(options));
    return connect(*made, patience);
  }

  /// Connects, subscribes to everything, and waits for the end; tells what came of it.
  static awaitable<void> listen(MqttClient& client, Ctx& ctx, Error& out) {
    Ctx limited = ctx.child_within("listen", kPatience);
    const Status connected = co_await client.connect(limited);
    if (!connected) {
      out = connected.error();
      co_return;
    }
    const Status subscribed = co_await client.subscribe(limited, "#", 1);
    if (!subscribed) {
      out = subscribed.error();
      co_return;
    }
    out = co_await client.lost(limited);
  }
  Error listen_to(const RawMqttPeer& peer, Inbox& inbox) {
    const std::unique_ptr<MqttClient> made = client(peer.options(), &inbox);
    Error out;
    loop_->run([&](Ctx& ctx) { return listen(*made, ctx, out); });
    return out;
  }

  static awaitable<bool> until(Ctx& ctx, std::function<bool()> there) {
    Ctx limited = ctx.child_within("until", kPatience);
    while (!there()) {
      const Status slept = co_await limited.sleep_for(2ms);
      if (!slept) co_return false;
    }
    co_return true;
  }
  static awaitable<void> must(awaitable<Status> work, std::string what) {
    const Status done = co_await std::move(work);
    EXPECT_TRUE(done) << what << ": " << (done ? "" : done.error().full());
  }

  static std::unique_ptr<MosquittoBroker> shared_;
  std::unique_ptr<Loop> loop_ = Loop::real();
};
std::unique_ptr<MosquittoBroker> MosquittoMqtt::shared_;

TEST_F(MosquittoMqtt, WhatIsPublishedIsHeardAndWhatWasKeptIsMarked) {
  Inbox inbox;
  const auto speaker = client(shared_->options("speaker"));
  const auto listener = client(shared_->options("listener"), &inbox);
  const std::string whole(kLongestMqttPayload, 'x');
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    co_await must(speaker->connect(ctx), "connect");
    co_await must(speaker->publish(ctx, "t1/kept", "before", 1, true), "publish");
    co_await must(listener->connect(ctx), "connect");
    co_await must(listener->subscribe(ctx, "t1/#", 1), "subscribe");
    co_await must(speaker->publish(ctx, "t1/a/b", "one", 1, false), "publish");
    co_await must(speaker->publish(ctx, "t1/a/b", "two", 0, false), "publish");
    co_await must(speaker->publish(ctx, "t1/whole", whole, 1, false), "publish");
    co_await must(speaker->publish(ctx, "t1/empty", "", 1, false), "publish");
    co_await until(ctx, [&] { return inbox.messages.size() >= 5; });
    const Status longer = co_await speaker->publish(ctx, "t1/whole", whole + "x", 1, false);
    EXPECT_EQ(longer.error().code, "mqtt.options");
    const Status filter = co_await speaker->publish(ctx, "t1/#", "x", 1, false);
    EXPECT_EQ(filter.error().code, "mqtt.options");
    co_await listener->disconnect(ctx);
    co_await must(speaker->publish(ctx, "t1/kept", "", 1, true), "publish");
    co_await speaker->disconnect(ctx);
  });
  EXPECT_EQ(inbox.texts(), "t1/kept=before(retained);t1/a/b=one;t1/a/b=two;t1/whole=long;t1/empty=;");
  ASSERT_EQ(inbox.messages.size(), 5U);
  EXPECT_EQ(inbox.messages[3].payload, whole);
}

TEST_F(MosquittoMqtt, AnAuthorityThatIsNotOursIsNotTrusted) {
  MqttOptions options = shared_->options("kiln");
  options.ca_file = shared_->file("stranger.pem");
  const Error error = connect(options);
  EXPECT_EQ(error.code, "mqtt.tls_untrusted") << error.full();
}

TEST_F(MosquittoMqtt, ACertificateForAnotherNameIsNotTrusted) {
  MqttOptions options = shared_->options("kiln");
  options.host = "localhost";  // it is for 127.0.0.1 and bmc.test
  const Error error = connect(options);
  EXPECT_EQ(error.code, "mqtt.tls_untrusted") << error.full();
  EXPECT_THAT(error.message, HasSubstr("ostname mismatch"));
}

TEST_F(MosquittoMqtt, ABrokerMayDemandAClientCertificate) {
  const MosquittoBroker strict("require_certificate true\nallow_anonymous true\n");
  const Error without = connect(strict.options("kiln"));
  EXPECT_EQ(without.code, "mqtt.refused") << without.full();
  EXPECT_THAT(without.message, HasSubstr("certificate"));
  const Error with = connect(strict.with_certificate());
  EXPECT_EQ(with.code, "") << with.full();
}

TEST_F(MosquittoMqtt, AClientThatIsNotAllowedIsRefused) {
  const MosquittoBroker strict("allow_anonymous false\n");
  MqttOptions options = strict.options("kiln");
  options.user = "kiln";
  options.password = Secret("wrong");
  const Error error = connect(options);
  EXPECT_EQ(error.code, "mqtt.refused") << error.full();
  EXPECT_EQ(error.full().find("wrong"), std::string::npos);
}

TEST_F(MosquittoMqtt, PlainMqttToATlsBrokerIsNoConnection) {
  MqttOptions options = shared_->options("kiln");
  options.ca_file.clear();
  options.insecure = "a test";
  const Error error = connect(options);
  EXPECT_EQ(error.code, "mqtt.lost") << error.full();
}

TEST_F(MosquittoMqtt, NobodyThereIsSaidAtOnce) {
  MqttOptions options = shared_->options("kiln");
  options.port = free_loopback_port();
  EXPECT_EQ(connect(options, 20s).code, "mqtt.connect");
  options.host = "broker.invalid";
  EXPECT_EQ(connect(options, 20s).code, "mqtt.connect");
}

TEST_F(MosquittoMqtt, ABrokerThatDiesIsToldWithinASecond) {
  MosquittoBroker broker;
  const auto made = client(broker.options("kiln"));
  Error lost;
  Status again = success();
  std::chrono::steady_clock::duration took{};
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    co_await must(made->connect(ctx), "connect");
    const auto before = std::chrono::steady_clock::now();
    broker.end();
    Ctx limited = ctx.child_within("lost", kPatience);
    lost = co_await made->lost(limited);
    took = std::chrono::steady_clock::now() - before;
    again = co_await made->publish(limited, "a", "b", 1, false);
  });
  EXPECT_EQ(lost.code, "mqtt.lost") << lost.full();
  EXPECT_LT(took, 2s);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "mqtt.lost");
}

TEST_F(MosquittoMqtt, AClientConnectsAgainToABrokerThatCameBack) {
  MosquittoBroker broker;
  Inbox inbox;
  const auto made = client(broker.options("kiln"), &inbox);
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    co_await must(made->connect(ctx), "connect");
    broker.end();
    Ctx limited = ctx.child_within("lost", kPatience);
    const Error lost = co_await made->lost(limited);
    EXPECT_EQ(lost.code, "mqtt.lost");
    const Status gone = co_await made->connect(limited);
    EXPECT_EQ(gone.error().code, "mqtt.connect");
    broker.start();
    co_await must(made->connect(limited), "connect");
    co_await must(made->subscribe(limited, "x", 1), "subscribe");
    co_await must(made->publish(limited, "x", "again", 1, false), "publish");
    co_await until(ctx, [&] { return !inbox.messages.empty(); });
  });
  EXPECT_EQ(inbox.texts(), "x=again;");
}

TEST_F(MosquittoMqtt, TheLastWillIsToldOfAClientThatFellOverAndNotOfOneThatLeft) {
  Inbox inbox;
  const auto listener = client(shared_->options("listener"), &inbox);
  MqttOptions dying = shared_->options("dying");
  dying.will = MqttWill{"t2/will", "fell over", 1, false};
  MqttOptions leaving = shared_->options("leaving");
  leaving.will = MqttWill{"t2/will", "left", 1, false};
  auto falls = client(dying);
  const auto leaves = client(leaving);
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    co_await must(listener->connect(ctx), "connect");
    co_await must(listener->subscribe(ctx, "t2/#", 1), "subscribe");
    co_await must(falls->connect(ctx), "connect");
    co_await must(leaves->connect(ctx), "connect");
    co_await leaves->disconnect(ctx);
    falls.reset();
    co_await until(ctx, [&] { return !inbox.messages.empty(); });
  });
  EXPECT_EQ(inbox.texts(), "t2/will=fell over;");
}

TEST_F(MosquittoMqtt, WhatBreaksOffOrIsGarbageIsALoss) {
  struct Case {
    std::string name;
    std::vector<std::string> replies;
    std::string heard;
  };
  const std::string one = publish_packet("x", "whole");
  const std::vector<Case> cases{
      {"nothing at all", {""}, ""},
      {"half a CONNACK", {kConnack.substr(0, 2)}, ""},
      {"garbage for a CONNACK", {"HTTP/1.1 400 Bad Request\r\n\r\n"}, ""},
      {"a PUBLISH before the CONNACK", {one}, ""},
      {"a CONNACK and nothing more", {kConnack}, ""},
      {"half a SUBACK", {kConnack, kSuback.substr(0, 3)}, ""},
      {"a whole PUBLISH and a half one", {kConnack, kSuback + one + one.substr(0, 6)}, "x=whole;"},
      {"a packet only servers take", {kConnack, std::string("\x82\x05\x00\x01\x00\x00\x00", 7)}, ""},
  };
  for (const Case& broken : cases) {
    Inbox inbox;
    const RawMqttPeer peer(broken.replies, true);
    const Error error = listen_to(peer, inbox);
    EXPECT_EQ(error.code, "mqtt.lost") << broken.name << ": " << error.full();
    EXPECT_EQ(inbox.texts(), broken.heard) << broken.name;
  }
}

TEST_F(MosquittoMqtt, GarbageFromAPeerThatStaysIsALossToo) {
  struct Case {
    std::string name, bytes;
  };
  const std::vector<Case> cases{
      {"a SUBACK without a return code", std::string("\x90\x02\x00\x01", 4)},
      {"a PUBLISH whose topic is longer than it", kSuback + std::string("\x30\x04\x00\x63x1", 6)},
      {"a length of five bytes", kSuback + std::string("\x30\xff\xff\xff\xff\x7f", 6)},
  };
  for (const Case& broken : cases) {
    Inbox inbox;
    const RawMqttPeer peer({kConnack, broken.bytes}, false);
    const auto before = std::chrono::steady_clock::now();
    const Error error = listen_to(peer, inbox);
    EXPECT_EQ(error.code, "mqtt.lost") << broken.name << ": " << error.full();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 5s) << broken.name << ": not by its keep-alive";
  }
}

TEST_F(MosquittoMqtt, APeerThatLeavesInTheHandshakeIsNoConnection) {
  for (const char* const reply : {"", "\x16\x03\x03", "HTTP/1.1 400 Bad Request\r\n\r\n"}) {
    const RawMqttPeer peer({reply}, true);
    MqttOptions options = peer.options();
    options.insecure.clear();
    options.ca_file = shared_->file("ca.pem");
    const auto before = std::chrono::steady_clock::now();
    const Error error = connect(options);
    EXPECT_EQ(error.code, "mqtt.connect") << error.full();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 5s) << "not by its keep-alive";
  }
}

TEST_F(MosquittoMqtt, ARefusedSubscriptionIsSaid) {
  Inbox inbox;
  const RawMqttPeer peer({kConnack, std::string("\x90\x03\x00\x01\x80", 5)}, false);
  EXPECT_EQ(listen_to(peer, inbox).code, "mqtt.refused");
}

TEST_F(MosquittoMqtt, AMessageThatIsTooLongIsCountedAndTheNextOneHeard) {
  Inbox inbox;
  const std::string longer = publish_packet("x", std::string(kLongestMqttPayload + 1, 'x'));
  const RawMqttPeer peer({kConnack, kSuback + longer + publish_packet("x", "next")}, true);
  const auto made = client(peer.options(), &inbox);
  Error out;
  loop_->run([&](Ctx& ctx) { return listen(*made, ctx, out); });
  EXPECT_EQ(inbox.texts(), "x=next;");
  EXPECT_EQ(made->too_long(), 1U);
}

TEST_F(MosquittoMqtt, ASilentPeerHoldsNobodyBeyondTheDeadline) {
  const RawMqttPeer silent({}, false);
  EXPECT_EQ(connect(silent.options(), 100ms).code, "ctx.deadline");
  const RawMqttPeer deaf({kConnack}, false);
  const auto made = client(deaf.options());
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    co_await must(made->connect(ctx), "connect");
    Ctx limited = ctx.child_within("publish", 50ms);
    const Status published = co_await made->publish(limited, "a", "b", 1, false);
    EXPECT_EQ(published.error().code, "ctx.deadline");
    const Error lost = co_await made->lost(limited);
    EXPECT_EQ(lost.code, "ctx.deadline");
  });
}

TEST_F(MosquittoMqtt, ABrokerThatFallsSilentIsLostByItsKeepAlive) {
  const RawMqttPeer deaf({kConnack}, false);
  MqttOptions options = deaf.options();
  options.keep_alive = 5s;
  const auto made = client(options);
  Error lost;
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    co_await must(made->connect(ctx), "connect");
    Ctx limited = ctx.child_within("lost", kPatience);
    lost = co_await made->lost(limited);
  });
  EXPECT_EQ(lost.code, "mqtt.lost") << lost.full();
  EXPECT_THAT(lost.message, HasSubstr("keep-alive"));
}

TEST_F(MosquittoMqtt, OptionsThatCannotBeAreRefused) {
  using Spoil = std::function<void(MqttOptions&)>;
  const std::vector<std::pair<std::string, Spoil>> cases{
      {"no host", [](MqttOptions& o) { o.host.clear(); }},
      {"no client_id", [](MqttOptions& o) { o.client_id.clear(); }},
      {"no port", [](MqttOptions& o) { o.port = 0; }},
      {"keep_alive", [](MqttOptions& o) { o.keep_alive = 4s; }},
      {"neither ca_file", [](MqttOptions& o) { o.ca_file.clear(); }},
      {"both ca_file", [](MqttOptions& o) { o.insecure = "why not"; }},
      {"ca_file /nowhere", [](MqttOptions& o) { o.ca_file = "/nowhere"; }},
      {"go together", [](MqttOptions& o) { o.key_file = "/nowhere"; }},
      {"certificate_file /nowhere", [](MqttOptions& o) { o.certificate_file = o.key_file = "/nowhere"; }},
      {"without a user", [](MqttOptions& o) { o.password = Secret("x"); }},
      {"last will",
       [](MqttOptions& o) {
         o.will = MqttWill{"a/#", "", 1, false};
       }},
  };
  for (const auto& [what, spoil] : cases) {
    MqttOptions options = shared_->with_certificate();
    if (what == "go together") options.certificate_file.clear();
    spoil(options);
    const Result<std::unique_ptr<MqttClient>> made = make_mosquitto_mqtt(*loop_, options);
    ASSERT_FALSE(made) << what;
    EXPECT_EQ(made.error().code, "mqtt.options") << what;
    EXPECT_THAT(made.error().message, HasSubstr(what));
  }
}

}  // namespace
}  // namespace kiln
