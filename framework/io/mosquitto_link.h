#pragma once
// One connection of libmosquitto to a broker, from TCP to its end. Its callbacks only note what came, and the
// notes are worked through when libmosquitto has returned. When it is gone it is gone: a new connection is a
// new link. Private to io/. Loop thread only.

#include <mosquitto.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/completion.h"
#include "io/mqtt.h"
#include "io/mqtt_tls.h"

namespace kiln::detail {

class MosquittoLink : public std::enable_shared_from_this<MosquittoLink> {
 public:
  using OnMessage = std::function<void(const MqttMessage&)>;
  using Answer = Completion<Status>;

  MosquittoLink(boost::asio::io_context& io, std::shared_ptr<const MqttOptions> options,
                std::unique_ptr<MqttTls> tls, OnMessage on_message);
  MosquittoLink(const MosquittoLink&) = delete;
  MosquittoLink& operator=(const MosquittoLink&) = delete;
  ~MosquittoLink();

  /// Begins to connect to a numeric address; `up` tells how it went.
  Status start(const std::string& address);
  [[nodiscard]] const Answer& up() const { return up_; }
  [[nodiscard]] bool alive() const { return mosquitto_ != nullptr && connected_; }
  /// Completed with the end; `why_ended` says which.
  [[nodiscard]] const Completion<bool>& ended() const { return ended_; }
  [[nodiscard]] const Error& why_ended() const { return why_ended_; }
  [[nodiscard]] std::size_t too_long() const { return too_long_; }

  /// The answer is completed by SUBACK, by PUBACK (QoS 1), when it was written (QoS 0), or with the link's
  /// end.
  Result<std::pair<int, Answer>> subscribe(const std::string& filter, int qos);
  Result<std::pair<int, Answer>> publish(const std::string& topic, const std::string& payload, int qos,
                                         bool retain);
  void forget(int number) { waiting_.erase(number); }
  /// Completed when DISCONNECT has left, or with the link's end.
  Completion<bool> say_goodbye();
  /// Everybody who waits is told `why`; nothing comes after it.
  void end(Error why);

 private:
  static MosquittoLink& from(void* self) { return *static_cast<MosquittoLink*>(self); }
  void set_callbacks();
  void watch_reading();
  void watch_writing();
  void beat();
  void serve();
  int read_and_write();
  /// Works through what the callbacks have noted, ends the link on any code but success, and arms the
  /// watches.
  void settle(int code);
  Status look_at_tcp();
  [[nodiscard]] bool shaking_hands() const;
  [[nodiscard]] bool wants_to_write() const;
  [[nodiscard]] Error explain(int code);
  [[nodiscard]] std::string where() const;

  boost::asio::io_context& io_;
  std::shared_ptr<const MqttOptions> options_;
  std::unique_ptr<MqttTls> tls_;  ///< null: plain
  OnMessage on_message_;
  mosquitto* mosquitto_ = nullptr;
  // A duplicate: libmosquitto closes its own number without telling Asio.
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer timer_;
  bool reading_ = false, writing_ = false;
  bool tcp_up_ = false, shaken_ = false, connected_ = false, leaving_ = false;

  // Notes of the callbacks.
  std::optional<int> connack_;
  std::vector<std::pair<int, int>> answered_;  ///< message number, granted QoS (128: refused; -1: garbage)
  std::vector<MqttMessage> came_;
  std::string said_;  ///< libmosquitto's last complaint

  std::map<int, Answer> waiting_;  ///< by message number
  Answer up_;
  Completion<bool> ended_;
  Completion<bool> gone_out_;
  Error why_ended_;
  std::size_t too_long_ = 0;
};

}  // namespace kiln::detail
