#pragma once
// One exchange with a Redfish service on its one origin: makes URLs from the addresses found in resources,
// follows redirects that stay on the origin, and nothing more (no login, no repetition, no JSON). Owned by
// RedfishClient.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "io/http.h"

namespace kiln {

class RedfishWire {
 public:
  /// `base_url`: scheme://host:port[/prefix]; a trailing slash is dropped.
  RedfishWire(std::unique_ptr<HttpClient> client, std::string base_url);

  /// The path of a link when it leads to this service: starts with '/', fragment dropped, otherwise verbatim
  /// (a trailing slash stays). nullopt for other origins, other schemes, "..", and what is no address.
  [[nodiscard]] std::optional<std::string> local_path(const std::string& link) const;
  /// The absolute URL of a path; characters that a URL may not hold are percent-encoded (RFC 3986 2.1).
  [[nodiscard]] std::string url_of(const std::string& path) const;
  [[nodiscard]] const std::string& base_url() const { return base_url_; }
  [[nodiscard]] const std::string& origin() const { return origin_; }
  /// Redirects count each.
  [[nodiscard]] std::uint64_t requests_sent() const { return requests_sent_; }

  /// Sends `request`, whose url is a path as local_path() gives it. Redirects (301, 302, 303, 307, 308; at
  /// most 5) keep method, body and headers (303 becomes GET); one that leaves the origin is the Error
  /// "bmc.redirect".
  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request);
  /// As send, of an answer without end: HttpClient::stream.
  boost::asio::awaitable<Result<HttpResponse>> stream(const Ctx& ctx, HttpRequest request,
                                                      std::function<void(const std::string&)> on_piece);

 private:
  /// Without `on_piece` the answer has an end.
  boost::asio::awaitable<Result<HttpResponse>> exchange(const Ctx& ctx, HttpRequest request,
                                                        std::function<void(const std::string&)> on_piece);
  std::unique_ptr<HttpClient> client_;
  std::string base_url_, origin_, prefix_;
  std::uint64_t requests_sent_ = 0;
};

}  // namespace kiln
