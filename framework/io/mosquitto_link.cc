#include "io/mosquitto_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>

namespace kiln::detail {

namespace asio = boost::asio;

namespace {

// Packets per turn of the loop: a flood must not keep the loop from everybody else.
constexpr int kPacketsPerTurn = 64;
// libmosquitto counts keep-alive in whole seconds.
constexpr auto kBeat = std::chrono::milliseconds(500);
constexpr int kRefused = 0x80;  ///< SUBACK, mqtt-v3.1.1-os 3.9.3
constexpr int kGarbage = -1;

/// 1: there is something to read; 0: nothing yet; -1: the other end is gone.
int peek(int descriptor) {
  char one = 0;
  while (true) {
    const ssize_t there = ::recv(descriptor, &one, 1, MSG_PEEK | MSG_DONTWAIT);
    if (there > 0) return 1;
    if (there == 0) return -1;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  }
}

void ready_library() {
  static const int ready = mosquitto_lib_init();
  if (ready != MOSQ_ERR_SUCCESS) throw std::bad_alloc();
}

}  // namespace

MosquittoLink::MosquittoLink(asio::io_context& io, std::shared_ptr<const MqttOptions> options,
                             std::unique_ptr<MqttTls> tls, OnMessage on_message)
    : io_(io),
      options_(std::move(options)),
      tls_(std::move(tls)),
      on_message_(std::move(on_message)),
      socket_(io),
      timer_(io) {
  ready_library();
}

MosquittoLink::~MosquittoLink() { end(Error("mqtt.lost", where() + ": the connection was given up")); }

std::string MosquittoLink::where() const { return fmt::format("MQTT {}:{}", options_->host, options_->port); }

void MosquittoLink::set_callbacks() {
  mosquitto_connect_callback_set(mosquitto_, [](mosquitto*, void* self, int code) {
    if (!from(self).connack_) from(self).connack_ = code;
  });
  mosquitto_publish_callback_set(
      mosquitto_, [](mosquitto*, void* self, int number) { from(self).answered_.emplace_back(number, 0); });
  mosquitto_subscribe_callback_set(
      mosquitto_, [](mosquitto*, void* self, int number, int count, const int* granted) {
        // A SUBACK may come without a return code, and then `granted` points at
        // nothing.
        from(self).answered_.emplace_back(number, count == 1 ? *granted : kGarbage);
      });
  mosquitto_message_callback_set(mosquitto_, [](mosquitto*, void* self, const mosquitto_message* message) {
    if (message->topic == nullptr || message->payloadlen < 0) return;
    const auto size = static_cast<std::size_t>(message->payloadlen);
    if (size > kLongestMqttPayload) {
      ++from(self).too_long_;
      return;
    }
    MqttMessage came;
    came.topic = message->topic;
    if (size > 0) came.payload.assign(static_cast<const char*>(message->payload), size);
    came.retained = message->retain;
    from(self).came_.push_back(std::move(came));
  });
  mosquitto_log_callback_set(mosquitto_, [](mosquitto*, void* self, int level, const char* text) {
    if (level == MOSQ_LOG_ERR) from(self).said_ = text;
  });
}

Status MosquittoLink::start(const std::string& address) {
  const MqttOptions& options = *options_;
  mosquitto_ = mosquitto_new(options.client_id.c_str(), true, this);
  if (mosquitto_ == nullptr) throw std::bad_alloc();
  set_callbacks();
  // Otherwise its functions write at once, inside each other, and an error of that is hard to place.
  mosquitto_threaded_set(mosquitto_, true);
  int code = mosquitto_int_option(mosquitto_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
  mosquitto_int_option(mosquitto_, MOSQ_OPT_TCP_NODELAY, 1);
  if (code == MOSQ_ERR_SUCCESS && !options.user.empty()) {
    code = mosquitto_username_pw_set(mosquitto_, options.user.c_str(),
                                     options.password.empty() ? nullptr : options.password.expose().c_str());
  }
  if (code == MOSQ_ERR_SUCCESS && options.will) {
    const MqttWill& will = *options.will;
    code = mosquitto_will_set(mosquitto_, will.topic.c_str(), static_cast<int>(will.payload.size()),
                              will.payload.data(), will.qos, will.retain);
  }
  if (code == MOSQ_ERR_SUCCESS && tls_) {
    // Without defaults: trust is ours alone (mqtt_tls.h).
    code = mosquitto_int_option(mosquitto_, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    if (code == MOSQ_ERR_SUCCESS) code = mosquitto_void_option(mosquitto_, MOSQ_OPT_SSL_CTX, tls_->context());
  }
  if (code != MOSQ_ERR_SUCCESS) {
    Error refused("mqtt.options", fmt::format("{}: {}", where(), mosquitto_strerror(code)), "",
                  Blame::operator_);
    end(refused);
    return refused;
  }
  const auto keep_alive = std::chrono::duration_cast<std::chrono::seconds>(options.keep_alive).count();
  code = mosquitto_connect_async(mosquitto_, address.c_str(), options.port, static_cast<int>(keep_alive));
  if (code == MOSQ_ERR_CONN_PENDING) code = MOSQ_ERR_SUCCESS;
  const int theirs = code == MOSQ_ERR_SUCCESS ? mosquitto_socket(mosquitto_) : -1;
  if (theirs < 0) {
    Error refused = explain(code == MOSQ_ERR_SUCCESS ? MOSQ_ERR_NO_CONN : code);
    end(refused);
    return refused;
  }
  ::fcntl(theirs, F_SETFD, FD_CLOEXEC);  // programs that we start have no business with it
  const int ours = ::fcntl(theirs, F_DUPFD_CLOEXEC, 0);
  if (ours < 0) {
    Error refused("mqtt.connect", fmt::format("{}: {}", where(), std::strerror(errno)), "", Blame::station);
    end(refused);
    return refused;
  }
  socket_.assign(ours);
  watch_reading();
  watch_writing();
  beat();
  return success();
}

void MosquittoLink::watch_reading() {
  if (reading_ || mosquitto_ == nullptr) return;
  reading_ = true;
  socket_.async_wait(asio::posix::descriptor_base::wait_read,
                     [weak = weak_from_this()](const boost::system::error_code& closed) {
                       const auto self = weak.lock();
                       if (!self) return;
                       self->reading_ = false;
                       if (!closed) self->serve();
                     });
}

void MosquittoLink::watch_writing() {
  if (writing_ || mosquitto_ == nullptr) return;
  writing_ = true;
  socket_.async_wait(asio::posix::descriptor_base::wait_write,
                     [weak = weak_from_this()](const boost::system::error_code& closed) {
                       const auto self = weak.lock();
                       if (!self) return;
                       self->writing_ = false;
                       if (!closed) self->serve();
                     });
}

void MosquittoLink::beat() {
  timer_.expires_after(kBeat);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& moved) {
    const auto self = weak.lock();
    if (moved || !self || self->mosquitto_ == nullptr) return;
    self->settle(mosquitto_loop_misc(self->mosquitto_));
    if (self->mosquitto_ != nullptr) self->beat();
  });
}

bool MosquittoLink::shaking_hands() const {
  if (!tls_) return false;
  const auto* ssl = static_cast<const SSL*>(mosquitto_ssl_get(mosquitto_));
  return ssl != nullptr && SSL_is_init_finished(ssl) == 0;
}

bool MosquittoLink::wants_to_write() const {
  if (!tcp_up_) return true;
  // What libmosquitto says while it shakes hands is left over from the first try.
  if (shaking_hands()) return SSL_want_write(static_cast<const SSL*>(mosquitto_ssl_get(mosquitto_)));
  return mosquitto_want_write(mosquitto_);
}

/// Looks how far TCP is. libmosquitto would take a refusal for a handshake that goes on, and may have eaten
/// the socket's error, so that only the state tells.
Status MosquittoLink::look_at_tcp() {
  int cause = 0;
  socklen_t size = sizeof cause;
  ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &cause, &size);
  tcp_info info{};
  size = sizeof info;
  ::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size);
  tcp_up_ = info.tcpi_state != TCP_SYN_SENT;
  const bool reset = cause == ECONNRESET || cause == EPIPE;  // it was up; there may be last words to read
  if (!reset && (cause != 0 || info.tcpi_state == TCP_CLOSE)) {
    tcp_up_ = false;
    return Error(
        "mqtt.connect",
        fmt::format("{}: no connection ({})", where(), std::strerror(cause != 0 ? cause : ECONNREFUSED)),
        "check that the broker runs, its address and its port");
  }
  return success();
}

void MosquittoLink::serve() {
  if (mosquitto_ == nullptr) return;
  const auto self = shared_from_this();
  if (!tcp_up_) {
    const Status tcp = look_at_tcp();
    if (!tcp) {
      end(tcp.error());
      return;
    }
  }
  settle(tcp_up_ ? read_and_write() : MOSQ_ERR_SUCCESS);
}

int MosquittoLink::read_and_write() {
  int code = MOSQ_ERR_SUCCESS;
  for (int i = 0; i < kPacketsPerTurn && code == MOSQ_ERR_SUCCESS; ++i) {
    code = mosquitto_loop_read(mosquitto_, 1);
    if (code == MOSQ_ERR_SUCCESS && !shaking_hands()) shaken_ = true;
    const auto* ssl = static_cast<const SSL*>(mosquitto_ssl_get(mosquitto_));
    const bool more = ssl != nullptr && SSL_pending(ssl) > 0;
    if (!more && peek(socket_.native_handle()) != 1) break;
  }
  if (code == MOSQ_ERR_SUCCESS && !shaking_hands() && mosquitto_want_write(mosquitto_))
    code = mosquitto_loop_write(mosquitto_, 1);
  // A handshake whose peer has gone is success to libmosquitto, again and again.
  if (code == MOSQ_ERR_SUCCESS && peek(socket_.native_handle()) < 0) code = MOSQ_ERR_CONN_LOST;
  return code;
}

void MosquittoLink::settle(int code) {
  const auto self = shared_from_this();
  if (connack_ == 0 && !connected_ && mosquitto_ != nullptr) {
    connected_ = true;
    up_.complete(success());
  }
  const std::vector<std::pair<int, int>> answered = std::exchange(answered_, {});
  for (const auto& [number, granted] : answered) {
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) continue;
    const Answer answer = found->second;
    if (granted == kGarbage) {
      code = MOSQ_ERR_PROTOCOL;
      continue;  // told with the link's end
    }
    waiting_.erase(found);
    Status status = success();
    if (granted == kRefused) {
      status = Error("mqtt.refused", where() + ": the broker refuses the subscription",
                     "ask the site which topics this client may read");
    }
    answer.complete(std::move(status));
  }
  const std::vector<MqttMessage> came = std::exchange(came_, {});
  for (const MqttMessage& message : came) {
    if (connected_ && on_message_) on_message_(message);
  }
  if (mosquitto_ == nullptr) return;  // ended by one of them
  if (code != MOSQ_ERR_SUCCESS) {
    end(explain(code));
    return;
  }
  if (leaving_ && !mosquitto_want_write(mosquitto_)) gone_out_.complete(true);
  watch_reading();
  if (wants_to_write()) watch_writing();
  const auto* ssl = static_cast<const SSL*>(mosquitto_ssl_get(mosquitto_));
  if (ssl != nullptr && SSL_pending(ssl) > 0) {  // lies in OpenSSL, not in the socket
    asio::post(io_, [weak = weak_from_this()] {
      if (const auto link = weak.lock()) link->serve();
    });
  }
}

Error MosquittoLink::explain(int code) {
  const int cause = errno;
  if (tls_ && !connected_ && socket_.is_open()) tls_->hear_last_words(socket_.native_handle());
  if (tls_ && !tls_->untrusted().empty()) {
    return {"mqtt.tls_untrusted",
            fmt::format("{}: the broker's certificate is not trusted: {}", where(), tls_->untrusted()),
            "check ca_file, and that host is the name in the broker's certificate"};
  }
  if (!connected_ && tls_ && !tls_->alert().empty()) {
    return {"mqtt.refused", fmt::format("{}: the broker refuses TLS with us: {}", where(), tls_->alert()),
            "check certificate_file and key_file with the site: the broker may demand a client certificate"};
  }
  if (connack_ && *connack_ != 0) {
    return {"mqtt.refused", fmt::format("{}: {}", where(), mosquitto_connack_string(*connack_)),
            "check user, password and client id with the site"};
  }
  std::string what = mosquitto_strerror(code);
  if (code == MOSQ_ERR_ERRNO && cause != 0) what = std::strerror(cause);
  if (code == MOSQ_ERR_KEEPALIVE) what = "it did not answer within the keep-alive";
  if (!tcp_up_ || !shaken_ || (code == MOSQ_ERR_TLS && !connected_)) {
    if (!said_.empty()) what += ": " + said_;
    return {"mqtt.connect", fmt::format("{}: no connection ({})", where(), what),
            "check that the broker runs, its address and its port, and whether it speaks TLS"};
  }
  return {"mqtt.lost", fmt::format("{}: the broker is gone ({})", where(), what),
          "check the broker and the network to it"};
}

Result<std::pair<int, MosquittoLink::Answer>> MosquittoLink::subscribe(const std::string& filter, int qos) {
  const auto self = shared_from_this();
  int number = 0;
  const int code = mosquitto_subscribe(mosquitto_, &number, filter.c_str(), qos);
  if (code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8)
    return Error("mqtt.options", fmt::format("no MQTT topic filter: {}", filter), "", Blame::station);
  const Answer answer;
  waiting_.insert_or_assign(number, answer);
  settle(code);
  return std::pair(number, answer);
}

Result<std::pair<int, MosquittoLink::Answer>> MosquittoLink::publish(const std::string& topic,
                                                                     const std::string& payload, int qos,
                                                                     bool retain) {
  const auto self = shared_from_this();
  int number = 0;
  const int code = mosquitto_publish(mosquitto_, &number, topic.c_str(), static_cast<int>(payload.size()),
                                     payload.data(), qos, retain);
  if (code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8)
    return Error("mqtt.options", fmt::format("no MQTT topic to publish on: {}", topic), "", Blame::station);
  const Answer answer;
  waiting_.insert_or_assign(number, answer);
  settle(code);  // QoS 0 has left already, if the kernel took it
  return std::pair(number, answer);
}

Completion<bool> MosquittoLink::say_goodbye() {
  const auto self = shared_from_this();
  leaving_ = true;
  settle(mosquitto_disconnect(mosquitto_));
  return gone_out_;
}

void MosquittoLink::end(Error why) {
  if (mosquitto_ == nullptr) return;
  why_ended_ = std::move(why);
  timer_.cancel();
  mosquitto* const dying = std::exchange(mosquitto_, nullptr);
  // It takes its share of the context over, and gives it back, only when it has made a session of it.
  if (tls_ && !tls_->used()) mosquitto_void_option(dying, MOSQ_OPT_SSL_CTX, nullptr);
  mosquitto_destroy(dying);
  boost::system::error_code ignored;
  socket_.close(ignored);
  connected_ = false;
  const std::map<int, Answer> waiting = std::exchange(waiting_, {});
  for (const auto& [number, answer] : waiting) answer.complete(why_ended_);
  up_.complete(why_ended_);
  gone_out_.complete(true);
  ended_.complete(true);
}

}  // namespace kiln::detail
