#pragma once
// A small HTTP(S) peer on loopback, on a thread of its own, for the tests of the HTTP client: real TLS with
// certificates made in memory, and misbehaviour on request. It understands just enough HTTP for that.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace kiln {

/// An EC P-256 key with a certificate for 127.0.0.1 and bmc.test, valid for a day.
class TestCertificate {
 public:
  /// Signed by itself.
  TestCertificate();
  /// Signed by `issuer`.
  explicit TestCertificate(const TestCertificate& issuer);
  /// As many BMCs are delivered: signed by itself with SHA-1, without subjectAltName.
  static TestCertificate as_delivered();

  std::string key_pem;
  std::string certificate_pem;
  [[nodiscard]] std::string pin_sha256() const;  ///< as `tls.pin_sha256` in an inventory

 private:
  enum class Kind { good, as_delivered };
  explicit TestCertificate(Kind kind) { make(nullptr, kind); }
  void make(const TestCertificate* issuer, Kind kind);
};

struct PeerRequest {
  std::string method;
  std::string path;
  std::string head;  ///< request line and headers as received
  std::string body;
};

struct PeerReply {
  std::string bytes;        ///< sent as they are
  int delay_ms = 0;         ///< before them
  bool close = false;       ///< the connection afterwards, without a TLS goodbye
  bool goodbye = false;     ///< the connection afterwards, with one
  bool hang = false;        ///< never send anything
  int drip_ms = 0;          ///< one byte at a time, with this pause behind each
  std::size_t at_once = 0;  ///< before it drips
  bool endless = false;     ///< the last kilobyte of the bytes again and again, until the client has enough
  int until_requests = 0;   ///< wait until so many requests have come in all
};

/// "HTTP/1.1 200 OK" with Content-Length.
PeerReply ok_reply(const std::string& body);

/// Connections reach its queue and are never answered.
class SilentListener {
 public:
  SilentListener();
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;
  ~SilentListener();
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class HttpsPeer {
 public:
  using Handler = std::function<PeerReply(const PeerRequest&)>;
  HttpsPeer(const TestCertificate& certificate, Handler handler);
  /// Without TLS.
  explicit HttpsPeer(Handler handler);
  HttpsPeer(const HttpsPeer&) = delete;
  HttpsPeer& operator=(const HttpsPeer&) = delete;
  ~HttpsPeer();

  /// Connections from now on see this certificate.
  void use(const TestCertificate& certificate);
  /// Like a server with a single thread: nobody else is served while a connection is open.
  void serve_one_at_a_time();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url(const std::string& path) const;
  [[nodiscard]] int connections() const;         ///< accepted so far
  [[nodiscard]] int requests() const;            ///< answered or not
  [[nodiscard]] int most_at_once() const;        ///< requests being handled at the same moment
  [[nodiscard]] std::size_t bytes_sent() const;  ///< as far as the kernel took them

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln
