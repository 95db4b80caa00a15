#pragma once
// MqttClient: one connection to one MQTT 3.1.1 broker (OASIS, mqtt-v3.1.1-os). The session is clean every
// time: what was asked of a broker before it was lost is never sent again behind the caller's back. The real
// one is libmosquitto on the loop (mosquitto_mqtt.h); tests use testing/scripted_mqtt.h. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/secret.h"
#include "io/ctx.h"

namespace kiln {

inline constexpr std::size_t kLongestMqttPayload = 1024U * 1024U;  ///< bytes; ours and theirs

/// What the broker tells the others when it loses us without a goodbye.
struct MqttWill {
  std::string topic;
  std::string payload;
  int qos = 1;  ///< 0 or 1
  bool retain = false;
};

struct MqttOptions {
  std::string host;  ///< name or numeric address; the broker's certificate must be for it
  std::uint16_t port = 8883;
  std::string client_id;  ///< unique at the broker: it ends the older of two clients of one name
  /// A broker that is silent for up to twice as long is lost. Whole seconds, 5 (least of libmosquitto) to
  /// 65535 (two bytes on the wire).
  Nanoseconds keep_alive{10'000'000'000};
  std::string ca_file;           ///< PEM; who may sign the broker's certificate
  std::string certificate_file;  ///< PEM, our own with its chain; empty: none
  std::string key_file;          ///< PEM without a passphrase; together with certificate_file
  std::string insecure;          ///< plain MQTT without TLS, for this reason; then no ca_file
  std::string user;              ///< empty: none
  Secret password;
  std::optional<MqttWill> will;
};

struct MqttMessage {
  std::string topic;
  std::string payload;
  bool retained = false;  ///< kept by the broker from before we subscribed: of unknown age
};

/// Error codes: mqtt.options (cannot be as asked), mqtt.connect (no TCP connection or no TLS), mqtt.refused
/// (the broker does not want us, our certificate or the subscription), mqtt.tls_untrusted, mqtt.lost (the
/// broker is gone, spoke garbage or fell silent), ctx.stopped, ctx.deadline.
class MqttClient {
 public:
  virtual ~MqttClient() = default;
  /// Returns after CONNACK, with the broker's certificate verified. Ends an earlier connection first.
  virtual boost::asio::awaitable<Status> connect(const Ctx& ctx) = 0;
  /// Returns after SUBACK. `qos`: 0 or 1, the most that is wanted.
  virtual boost::asio::awaitable<Status> subscribe(const Ctx& ctx, std::string filter, int qos) = 0;
  /// Returns after PUBACK for QoS 1, when it was handed to the kernel for QoS 0. A wait that ctx ends takes
  /// nothing back.
  virtual boost::asio::awaitable<Status> publish(const Ctx& ctx, std::string topic, std::string payload,
                                                 int qos, bool retain) = 0;
  /// Called in the order of arrival; must neither block nor destroy the client. Set before connect.
  virtual void on_message(std::function<void(const MqttMessage&)> callback) = 0;
  /// Waits until the connection is gone (at once when there is none): mqtt.lost with the reason, or ctx.*.
  /// One waiter.
  virtual boost::asio::awaitable<Error> lost(const Ctx& ctx) = 0;
  /// Says goodbye, which keeps the last will from being told. Without a connection: nothing.
  virtual boost::asio::awaitable<void> disconnect(const Ctx& ctx) = 0;
  /// Messages that were longer than kLongestMqttPayload and not delivered.
  [[nodiscard]] virtual std::size_t too_long() const = 0;
};

}  // namespace kiln
