#pragma once
// TLS to an MQTT broker: what is trusted, what we show, and what OpenSSL said about it. One per connection.
// Private to io/. Loop thread only.

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "io/mqtt.h"

namespace kiln::detail {

class MqttTls {
 public:
  /// TLS 1.2 or later; the certificate must be for options.host. Error "mqtt.options": a file cannot be used.
  static Result<std::unique_ptr<MqttTls>> open(const MqttOptions& options);
  MqttTls(const MqttTls&) = delete;
  MqttTls& operator=(const MqttTls&) = delete;
  ~MqttTls();

  [[nodiscard]] SSL_CTX* context() const { return context_; }
  /// Why the broker's certificate was not accepted; empty: it was, or did not come.
  [[nodiscard]] const std::string& untrusted() const { return untrusted_; }
  /// The fatal alert that the broker sent; empty: none.
  [[nodiscard]] const std::string& alert() const { return alert_; }
  /// Whether a session was made of the context.
  [[nodiscard]] bool used() const { return session_ != nullptr; }
  /// When writing has failed: reads what the broker said before it left, its alert, from another descriptor
  /// of the same socket. The session is of no use afterwards.
  void hear_last_words(int descriptor);

 private:
  MqttTls();
  Status prepare(const MqttOptions& options);
  // Called by OpenSSL during the handshake: they note, and name the host to the broker.
  static int on_verify(int good, X509_STORE_CTX* store);
  static void on_info(const SSL* ssl, int where, int value);

  SSL_CTX* context_;
  SSL* session_ = nullptr;   ///< shared with libmosquitto
  std::string server_name_;  ///< empty for a numeric address (RFC 6066, section 3)
  std::string untrusted_;
  std::string alert_;
};

/// Whether it is an address in numbers.
bool is_numeric_host(const std::string& host);

}  // namespace kiln::detail
