#pragma once
// A client that sends an API key with every request (RFC 6750, 2.1), and only to the one address that the key
// is for: whoever holds it sees no key and can take it nowhere else. Loop thread only.

#include <memory>
#include <string>

#include "io/http.h"

namespace kiln {

class KeyedHttp final : public HttpClient {
 public:
  /// `base`: scheme, host, port and path below which requests may go; an empty key is not sent.
  KeyedHttp(std::unique_ptr<HttpClient> client, std::string base, Secret key);
  /// Error "http.request": to another address.
  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override;
  boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) override;

 private:
  [[nodiscard]] Status prepare(HttpRequest& request) const;
  std::unique_ptr<HttpClient> client_;
  std::string base_;
  Secret key_;
};

}  // namespace kiln
