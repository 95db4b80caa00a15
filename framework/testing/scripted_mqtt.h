#pragma once
// An MqttClient whose broker is the test: what is published and subscribed is kept, what comes in is put in,
// and the broker can refuse, be silent, be lost and come back. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/completion.h"
#include "io/mqtt.h"

namespace kiln {

struct ScriptedPublish {
  std::string topic;
  std::string payload;
  int qos = 0;
  bool retain = false;
  std::int64_t at_ns = 0;  ///< monotonic
};

class ScriptedMqtt final : public MqttClient {
 public:
  boost::asio::awaitable<Status> connect(const Ctx& ctx) override {
    connects_ns.push_back(ctx.now().monotonic_ns);
    drop("another connection was asked for");
    filters.clear();
    const Status go_on = ctx.check();
    if (!go_on) co_return go_on;
    if (refuses) co_return *refuses;
    connected_ = true;
    ended_ = Completion<bool>();
    co_return success();
  }
  boost::asio::awaitable<Status> subscribe(const Ctx& /*ctx*/, std::string filter, int /*qos*/) override {
    if (!connected_) co_return why_;
    filters.push_back(filter);
    // Retained messages come at once.
    if (on_subscribe) on_subscribe(filter);
    co_return success();
  }
  boost::asio::awaitable<Status> publish(const Ctx& ctx, std::string topic, std::string payload, int qos,
                                         bool retain) override {
    if (!connected_) co_return why_;
    ScriptedPublish sent;
    sent.topic = std::move(topic);
    sent.payload = std::move(payload);
    sent.qos = qos;
    sent.retain = retain;
    sent.at_ns = ctx.now().monotonic_ns;
    published.push_back(sent);
    if (on_publish) on_publish(sent);
    if (acknowledges || qos == 0) co_return success();
    const Completion<bool> dropped = unacknowledged_;  // one waiter: one such publish at a time
    const Result<bool> waited = co_await dropped.wait(ctx);
    if (!waited) co_return waited.error();
    co_return why_;
  }
  void on_message(std::function<void(const MqttMessage&)> callback) override {
    on_message_ = std::move(callback);
  }
  boost::asio::awaitable<Error> lost(const Ctx& ctx) override {
    if (!connected_) co_return why_;
    const Completion<bool> ended = ended_;
    const Result<bool> waited = co_await ended.wait(ctx);
    if (!waited) co_return waited.error();
    co_return why_;
  }
  boost::asio::awaitable<void> disconnect(const Ctx& /*ctx*/) override {
    if (connected_) ++goodbyes;
    drop("we have left");
    co_return;
  }
  [[nodiscard]] std::size_t too_long() const override { return 0; }

  /// A message from the broker.
  void put(const std::string& topic, const std::string& payload, bool retained = false) {
    MqttMessage message;
    message.topic = topic;
    message.payload = payload;
    message.retained = retained;
    if (connected_ && on_message_) on_message_(message);
  }
  /// The broker is gone.
  void drop(const std::string& why) {
    if (!connected_) return;
    connected_ = false;
    why_ = Error("mqtt.lost", why);
    ended_.complete(true);
    unacknowledged_.complete(true);
    unacknowledged_ = Completion<bool>();
  }
  [[nodiscard]] bool connected() const { return connected_; }

  std::optional<Error> refuses;  ///< each connect
  bool acknowledges = true;      ///< false: QoS 1 is published and PUBACK never comes
  std::function<void(const std::string& filter)> on_subscribe;
  std::function<void(const ScriptedPublish&)> on_publish;
  std::vector<std::int64_t> connects_ns;  ///< each attempt, monotonic
  std::vector<std::string> filters;       ///< of this connection
  std::vector<ScriptedPublish> published;
  int goodbyes = 0;

 private:
  bool connected_ = false;
  Error why_{"mqtt.lost", "not connected"};
  Completion<bool> ended_;
  Completion<bool> unacknowledged_;
  std::function<void(const MqttMessage&)> on_message_;
};

}  // namespace kiln
