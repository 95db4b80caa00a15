#include "station/keyed_http.h"

#include <utility>

namespace kiln {

KeyedHttp::KeyedHttp(std::unique_ptr<HttpClient> client, std::string base, Secret key)
    : client_(std::move(client)), base_(std::move(base)), key_(std::move(key)) {}

Status KeyedHttp::prepare(HttpRequest& request) const {
  // A slash behind it: "https://a" is no beginning of "https://a.example".
  if (!request.url.starts_with(base_ + "/") || request.url.find("/../") != std::string::npos) {
    return Error("http.request", request.url + ": not below " + base_, "report this to the plugin's author",
                 Blame::station);
  }
  if (!key_.empty()) request.headers.emplace_back("Authorization", "Bearer " + key_.expose());
  return success();
}

boost::asio::awaitable<Result<HttpResponse>> KeyedHttp::send(const Ctx& ctx, HttpRequest request) {
  const Status ready = prepare(request);
  if (!ready) co_return ready.error();
  Result<HttpResponse> response = co_await client_->send(ctx, std::move(request));
  co_return response;
}

boost::asio::awaitable<Result<HttpResponse>> KeyedHttp::stream(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  const Status ready = prepare(request);
  if (!ready) co_return ready.error();
  Result<HttpResponse> response = co_await client_->stream(ctx, std::move(request), std::move(on_piece));
  co_return response;
}

}  // namespace kiln
