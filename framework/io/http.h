#pragma once
// HttpClient: one peer's HTTP(S) door. Certificates are verified in exactly one way, chosen at creation;
// redirects are returned, not followed; bodies are capped. The real one is libcurl's multi interface on the
// loop (curl_http.h); tests use testing/scripted_http.h. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "io/ctx.h"
#include "model/inventory.h"

namespace kiln {

class SshJump;

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Not an aggregate on purpose (coroutine parameters must have a constructor under g++ 12).
class HttpRequest {
 public:
  HttpRequest(std::string method_name, std::string target_url)
      : method(std::move(method_name)), url(std::move(target_url)) {}
  std::string method;
  std::string url;  ///< absolute: scheme://host:port/path
  HttpHeaders headers;
  std::string body;
  /// For Basic authentication; never placed in the URL or a log.
  std::string user;
  Secret password;
  std::optional<std::size_t> max_body;  ///< bytes; the client's own cap when absent
  std::optional<Nanoseconds>
      timeout;  ///< whole exchange; the client's own when absent (an upload needs more)
};

class HttpResponse {
 public:
  int status = 0;
  HttpHeaders headers;
  std::string body;
  std::int64_t received_ns = 0;  ///< monotonic, when the last byte was there
  /// First header of that name, case-insensitive.
  [[nodiscard]] std::optional<std::string> header(const std::string& name) const;
};

struct HttpOptions {
  TlsTrust trust;
  std::size_t max_concurrent = 2;  ///< requests in flight to this peer
  std::size_t max_body =
      32U * 1024U * 1024U;  ///< bytes; beyond it the transfer is stopped: "http.body_too_large"
  Nanoseconds connect_timeout{5'000'000'000};
  Nanoseconds request_timeout{30'000'000'000};  ///< whole exchange, also bounded by Ctx
  std::optional<std::string> address_override;  ///< numeric address for the URL's host name
  /// The host over which the peer is reached (ssh_jump.h): the URL's host is then as that one knows it. null:
  /// directly.
  std::shared_ptr<SshJump> jump;
};

/// Error codes: http.resolve, http.connect (never connected), http.connection_lost (connected, then no
/// complete answer: the peer may have acted), http.timeout, http.tls_untrusted (also plain http without
/// `insecure`), http.tls, http.body_too_large, http.protocol, http.request (cannot be sent as asked),
/// ctx.stopped, ctx.deadline. By way of a jump host also jump.connect, jump.host_key, jump.login,
/// jump.protocol (the way to the jump host), jump.refused, jump.no_connection (the way on from there),
/// jump.lost, jump.closed (of a connection that there was), jump.station.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Any status is a response; an Error means there was no complete exchange.
  virtual boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) = 0;
  /// As send, of a request that stays the caller's until then: for whoever may need it again.
  virtual boost::asio::awaitable<Result<HttpResponse>> send_kept(const Ctx& ctx, const HttpRequest& request);
  /// An answer without end: gives the body of a 200 piece by piece as it comes, until the peer ends it or
  /// breaks off, or `ctx` ends. Takes one of the client's places all the while; a peer that is gone without a
  /// word is noticed within a minute. Any status that the peer has ended is a response, with an empty body
  /// when it was 200.
  virtual boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece);
};

}  // namespace kiln
