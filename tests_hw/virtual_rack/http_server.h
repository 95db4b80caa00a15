#pragma once
// One HTTP/1.1 listener on loopback, with or without TLS. The only file that sees Boost.Beast is
// http_server.cc. One thread: everything runs on the io_context it was made with.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/tls_identity.h"

namespace boost::asio {
class io_context;
}

namespace kiln::virtual_rack {

struct HttpServerOptions {
  std::string name;                                 ///< for error messages: "BMC of C01"
  std::uint16_t port = 0;                           ///< on 127.0.0.1; 0 lets the system choose
  std::optional<TlsIdentity> tls;                   ///< TLS 1.2 and newer when given, else plain HTTP
  std::size_t max_body_bytes = 256U * 1024 * 1024;  ///< larger requests are answered 413 and closed
  std::chrono::seconds idle_timeout{60};            ///< a silent connection is closed after this
  /// How the service words the refusal of what no handler sees: 400 for what is not HTTP, 413. Plain text
  /// when not given.
  std::function<HttpResponse(unsigned status, const std::string& text)> refusal;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;

  [[nodiscard]] virtual std::uint16_t port() const = 0;

  /// Closes every connection and refuses new ones (ECONNREFUSED) for the given time, then listens again on
  /// the same port: what the network sees of a BMC that restarts.
  virtual void refuse_for(std::chrono::milliseconds time) = 0;

  /// Connections made from now on meet this certificate; those that are open stay. Throws
  /// std::runtime_error when the two do not belong together.
  virtual void use_identity(TlsIdentity identity) = 0;

  /// Closes the listener and every connection for good.
  virtual void stop() = 0;

  [[nodiscard]] virtual std::size_t open_connections() const = 0;
};

/// Starts to listen at once. Throws std::runtime_error naming the address when it cannot.
[[nodiscard]] std::unique_ptr<HttpServer> make_http_server(boost::asio::io_context& loop,
                                                           HttpServerOptions options, HttpHandler handler);

}  // namespace kiln::virtual_rack
