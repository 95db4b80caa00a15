#include "io/mosquitto_mqtt.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <utility>
#include <vector>

#include "io/mosquitto_link.h"

namespace kiln {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using detail::MosquittoLink;
using detail::MqttTls;

Error unusable(const std::string& what) {
  return {"mqtt.options", "MQTT: " + what, "correct the options of the broker", Blame::operator_};
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status check(const MqttOptions& options) {
  constexpr Nanoseconds kLeast = std::chrono::seconds(5);
  constexpr Nanoseconds kMost = std::chrono::seconds(65535);
  if (options.host.empty() || has_nul(options.host)) return unusable("no host");
  if (options.port == 0) return unusable("no port");
  if (options.client_id.empty() || options.client_id.size() > 65535 || has_nul(options.client_id))
    return unusable("no client_id, or none that MQTT allows");
  if (options.keep_alive < kLeast || options.keep_alive > kMost)
    return unusable("keep_alive of " + format_duration(options.keep_alive) +
                    " is not within 5 s and 65535 s");
  if (options.ca_file.empty() && options.insecure.empty())
    return unusable("neither ca_file nor a reason for going without TLS (insecure)");
  if (!options.ca_file.empty() && !options.insecure.empty()) return unusable("both ca_file and insecure");
  if (options.certificate_file.empty() != options.key_file.empty())
    return unusable("certificate_file and key_file go together");
  if (!options.insecure.empty() && !options.certificate_file.empty())
    return unusable("certificate_file without TLS");
  if (options.user.empty() && !options.password.empty())
    return unusable("a password without a user");  // mqtt-v3.1.1-os, 3.1.2.9
  if (options.will && (mosquitto_pub_topic_check(options.will->topic.c_str()) != MOSQ_ERR_SUCCESS ||
                       options.will->topic.empty() || options.will->qos < 0 || options.will->qos > 1 ||
                       options.will->payload.size() > kLongestMqttPayload))
    return unusable("a last will that cannot be told");
  return success();
}

class MosquittoMqtt final : public MqttClient {
 public:
  MosquittoMqtt(Loop& loop, MqttOptions options)
      : loop_(loop), options_(std::make_shared<const MqttOptions>(std::move(options))) {}
  MosquittoMqtt(const MosquittoMqtt&) = delete;
  MosquittoMqtt& operator=(const MosquittoMqtt&) = delete;
  ~MosquittoMqtt() override { give_up("the client was closed"); }

  void on_message(std::function<void(const MqttMessage&)> callback) override {
    on_message_ = std::move(callback);
  }

  awaitable<Status> connect(const Ctx& ctx) override {
    give_up("another connection was asked for");
    Result<std::vector<std::string>> addresses = co_await resolve(ctx);
    if (!addresses) co_return addresses.error();
    Status connected = Error("mqtt.connect", options_->host + ": no address");
    for (const std::string& address : *addresses) {
      connected = co_await connect_to(ctx, address);
      if (connected || connected.error().code != "mqtt.connect") co_return connected;
    }
    co_return connected;
  }

  awaitable<Status> subscribe(const Ctx& ctx, std::string filter, int qos) override {
    if (qos < 0 || qos > 1) co_return unusable("QoS 0 and 1 are all that is used");
    if (!alive()) co_return not_connected();
    const std::shared_ptr<MosquittoLink> link = link_;
    const Result<std::pair<int, MosquittoLink::Answer>> asked = link->subscribe(filter, qos);
    if (!asked) co_return asked.error();
    Status answered = co_await answer(ctx, link, asked->first, asked->second);
    if (!answered) co_return std::move(answered).error().while_doing("subscribing to " + filter);
    co_return answered;
  }

  awaitable<Status> publish(const Ctx& ctx, std::string topic, std::string payload, int qos,
                            bool retain) override {
    if (qos < 0 || qos > 1) co_return unusable("QoS 0 and 1 are all that is used");
    if (payload.size() > kLongestMqttPayload) {
      co_return unusable(
          fmt::format("a payload of {} bytes on {}; at most {}", payload.size(), topic, kLongestMqttPayload));
    }
    if (!alive()) co_return not_connected();
    const std::shared_ptr<MosquittoLink> link = link_;
    const Result<std::pair<int, MosquittoLink::Answer>> asked = link->publish(topic, payload, qos, retain);
    if (!asked) co_return asked.error();
    Status answered = co_await answer(ctx, link, asked->first, asked->second);
    if (!answered) co_return std::move(answered).error().while_doing("publishing on " + topic);
    co_return answered;
  }

  awaitable<Error> lost(const Ctx& ctx) override {
    const std::shared_ptr<MosquittoLink> link = link_;
    if (!link) co_return not_connected();
    if (!link->ended().completed()) {
      const Result<bool> waited = co_await link->ended().wait(ctx);
      if (!waited) co_return waited.error();
    }
    co_return link->why_ended();
  }

  awaitable<void> disconnect(const Ctx& ctx) override {
    const std::shared_ptr<MosquittoLink> link = link_;
    if (link && link->alive()) {
      const Completion<bool> gone_out = link->say_goodbye();
      co_await gone_out.wait(ctx);
    }
    if (link) link->end(Error("mqtt.lost", "MQTT: we have left", "", Blame::station));
  }

  [[nodiscard]] std::size_t too_long() const override {
    return too_long_before_ + (link_ ? link_->too_long() : 0);
  }

 private:
  [[nodiscard]] bool alive() const { return link_ && link_->alive(); }
  [[nodiscard]] Error not_connected() const {
    if (link_ && link_->ended().completed()) return link_->why_ended();
    return {"mqtt.lost", fmt::format("MQTT {}:{}: not connected", options_->host, options_->port)};
  }

  void give_up(const std::string& why) {
    if (!link_) return;
    link_->end(Error("mqtt.lost", "MQTT: " + why, "", Blame::station));
    too_long_before_ += link_->too_long();
    link_.reset();
  }

  static awaitable<Status> answer(const Ctx& ctx, std::shared_ptr<MosquittoLink> link, int number,
                                  MosquittoLink::Answer answer) {
    Result<Status> answered = co_await answer.wait(ctx);
    link->forget(number);
    if (!answered) co_return answered.error();
    co_return std::move(*answered);
  }

  /// libmosquitto would block for the answer of a name server.
  awaitable<Result<std::vector<std::string>>> resolve(const Ctx& ctx) {
    std::vector<std::string> addresses;
    if (detail::is_numeric_host(options_->host)) {
      addresses.push_back(options_->host);
      co_return addresses;
    }
    using Found = Result<std::vector<std::string>>;
    const Completion<Found> resolved;
    const auto resolver = std::make_shared<tcp::resolver>(loop_.native());
    resolver->async_resolve(
        options_->host, std::to_string(options_->port),
        [resolved, resolver](const boost::system::error_code& failed,
                             const tcp::resolver::results_type& found) {
          std::vector<std::string> all;
          for (const auto& entry : found) all.push_back(entry.endpoint().address().to_string());
          resolved.complete(failed ? Found(Error("mqtt.connect", failed.message())) : Found(std::move(all)));
        });
    const Loop::Hold hold(loop_);
    Result<Found> found = co_await resolved.wait(ctx);
    if (!found) {
      resolver->cancel();
      co_return found.error();
    }
    if (!*found) {
      co_return Error(
          "mqtt.connect",
          fmt::format("MQTT {}: the host name is unknown ({})", options_->host, found->error().message),
          "use a numeric address, or check DNS");
    }
    co_return std::move(**found);
  }

  awaitable<Status> connect_to(const Ctx& ctx, std::string address) {
    std::unique_ptr<MqttTls> tls;
    if (options_->insecure.empty()) {
      Result<std::unique_ptr<MqttTls>> opened = MqttTls::open(*options_);
      if (!opened) co_return opened.error();
      tls = std::move(*opened);
    }
    give_up("another address is tried");
    const auto link = std::make_shared<MosquittoLink>(loop_.native(), options_, std::move(tls), on_message_);
    link_ = link;
    const Status started = link->start(address);
    if (!started) co_return started.error();
    const Loop::Hold hold(loop_);
    Result<Status> up = co_await link->up().wait(ctx);
    if (!up) {
      Error why = up.error();
      link->end(why);
      co_return std::move(why).while_doing("waiting for the broker's CONNACK");
    }
    co_return std::move(*up);
  }

  Loop& loop_;
  std::shared_ptr<const MqttOptions> options_;
  std::function<void(const MqttMessage&)> on_message_;
  std::shared_ptr<MosquittoLink> link_;  ///< the newest, also when it has ended
  std::size_t too_long_before_ = 0;
};

}  // namespace

Result<std::unique_ptr<MqttClient>> make_mosquitto_mqtt(Loop& loop, MqttOptions options) {
  const Status usable = check(options);
  if (!usable) return usable.error();
  if (options.insecure.empty()) {
    const Result<std::unique_ptr<MqttTls>> opened = MqttTls::open(options);
    if (!opened) return opened.error();
  }
  return std::unique_ptr<MqttClient>(std::make_unique<MosquittoMqtt>(loop, std::move(options)));
}

}  // namespace kiln
