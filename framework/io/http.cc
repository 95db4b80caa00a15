#include "io/http.h"

#include "io/header_name.h"

namespace kiln {

std::optional<std::string> HttpResponse::header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (same_header_name(key, name)) return value;
  }
  return std::nullopt;
}

boost::asio::awaitable<Result<HttpResponse>> HttpClient::send_kept(const Ctx& ctx,
                                                                   const HttpRequest& request) {
  return send(ctx, request);
}

boost::asio::awaitable<Result<HttpResponse>> HttpClient::stream(
    const Ctx& /*ctx*/, HttpRequest request, std::function<void(const std::string&)> /*on_piece*/) {
  co_return Error("http.request", request.url + ": this client has no streams", "", Blame::station);
}

}  // namespace kiln
