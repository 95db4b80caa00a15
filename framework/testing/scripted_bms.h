#pragma once
// What the tests of the building need beside a scripted broker: a client to give away while the test keeps
// the broker, and a BMS that plays on it. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing/scripted_mqtt.h"

namespace kiln {

/// For an owner of MqttClients; the broker outlives it.
class LentMqtt final : public MqttClient {
 public:
  explicit LentMqtt(ScriptedMqtt& broker) : broker_(broker) {}
  boost::asio::awaitable<Status> connect(const Ctx& ctx) override {
    Status done = co_await broker_.connect(ctx);
    co_return done;
  }
  boost::asio::awaitable<Status> subscribe(const Ctx& ctx, std::string filter, int qos) override {
    Status done = co_await broker_.subscribe(ctx, std::move(filter), qos);
    co_return done;
  }
  boost::asio::awaitable<Status> publish(const Ctx& ctx, std::string topic, std::string payload, int qos,
                                         bool retain) override {
    Status done = co_await broker_.publish(ctx, std::move(topic), std::move(payload), qos, retain);
    co_return done;
  }
  void on_message(std::function<void(const MqttMessage&)> callback) override {
    broker_.on_message(std::move(callback));
  }
  boost::asio::awaitable<Error> lost(const Ctx& ctx) override {
    Error why = co_await broker_.lost(ctx);
    co_return why;
  }
  boost::asio::awaitable<void> disconnect(const Ctx& ctx) override { co_await broker_.disconnect(ctx); }
  [[nodiscard]] std::size_t too_long() const override { return 0; }

 private:
  ScriptedMqtt& broker_;
};

/// The BMS of rack L7, which knows us as KILN: points leak, fault, rope (equipment that serves the rack),
/// liquid, electrical; it isolates `obeys_after` after it was asked.
struct ScriptedBms {
  ScriptedBms() {
    const std::string meta = "BMS/v1/PUB/Metadata/";
    const std::string states = R"("stateText":[{"value":0,"text":"dry"},{"value":1,"text":"wet"}]})";
    const auto rack = [&](const std::string& name, const std::string& type, const std::string& more = "") {
      retained.emplace_back(meta + name, R"({"objectType":"Rack","pointType":")" + type +
                                             R"(","rackLocationId":"L7",)" + more + states);
    };
    retained.emplace_back(meta + "hb", R"({"objectType":"System","pointType":"HeartbeatTimestampBms"})");
    rack("leak", "RackLeakDetect");
    rack("fault", "RackLeakSensorFault");
    retained.emplace_back(
        meta + "rope",
        R"({"objectType":"Sensor","pointType":"LeakDetect","objectId":"rope","servesId":["L7"],)" + states);
    rack("liquid", "RackLiquidIsolationStatus");
    rack("electrical", "RackElectricalIsolationStatus");
    rack("liquid/ask", "RackLiquidIsolationRequest", R"("integration":"KILN",)");
    rack("electrical/ask", "RackElectricalIsolationRequest", R"("integration":"KILN",)");
    rack("trays", "RackLeakDetectTray", R"("integration":"KILN",)");
  }
  /// Retained metadata comes with the subscription.
  void serve(ScriptedMqtt& broker) {
    broker.on_subscribe = [this, &broker](const std::string& filter) {
      if (filter != "BMS/v1/PUB/Metadata/#") return;
      for (const auto& [topic, payload] : retained) broker.put(topic, payload, true);
    };
    broker.on_publish = [this](const ScriptedPublish& sent) {
      if (!sent.topic.ends_with("/ask")) return;
      asked.push_back(sent.topic);
      if (asked_ns == 0) asked_ns = sent.at_ns;
    };
  }
  void say(ScriptedMqtt& broker, const std::string& name, std::int64_t value) const {
    broker.put("BMS/v1/PUB/Value/" + name,
               R"({"value":)" + std::to_string(value) + R"(,"timestamp":1,"quality":1})");
  }
  /// Heartbeats every 10 s, values every 2 s.
  boost::asio::awaitable<void> play(Ctx& ctx, ScriptedMqtt& broker) {
    for (int second = 0; !ctx.stopped(); ++second) {
      if (alive && second % 10 == 0) say(broker, "hb", 1000 + second);
      if (alive && second % 2 == 0) {
        const bool isolated =
            obeys_after && asked_ns != 0 && ctx.now().monotonic_ns - asked_ns >= obeys_after->count();
        say(broker, "leak", leak);
        say(broker, "fault", fault);
        say(broker, "rope", rope);
        say(broker, "liquid", isolated ? 1 : 0);
        say(broker, "electrical", isolated ? 1 : 0);
      }
      co_await ctx.sleep_for(std::chrono::seconds(1));
    }
  }

  std::vector<std::pair<std::string, std::string>> retained;
  std::int64_t leak = 0, fault = 0, rope = 0;
  bool alive = true;
  std::optional<Nanoseconds> obeys_after{Nanoseconds(0)};
  std::vector<std::string> asked;  ///< topics on which isolation was asked for, in order
  std::int64_t asked_ns = 0;
};

}  // namespace kiln
