// HttpClient whose peer is in the same process: no TLS and no sockets. The errors are those of the real one
// (io/curl_http.cc).

#include <fmt/format.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <utility>

#include "io/pool.h"
#include "rack_in_process.h"

namespace kiln::matrix {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kTravel = std::chrono::milliseconds(2);  ///< to the peer; so that time passes

std::string base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

virtual_rack::HttpRequest as_the_rack_reads_it(HttpRequest request) {
  virtual_rack::HttpRequest read;
  const std::size_t host = request.url.find("://");
  const std::size_t path = host == std::string::npos ? host : request.url.find('/', host + 3);
  (void)split_target(path == std::string::npos ? "/" : request.url.substr(path), read);
  read.method = std::move(request.method);
  read.headers = std::move(request.headers);
  read.body = std::move(request.body);
  if (!request.user.empty())
    read.headers.emplace_back("Authorization",
                              "Basic " + base64(request.user + ":" + request.password.expose()));
  return read;
}

class RackHttp final : public HttpClient {
 public:
  RackHttp(HttpDoor& door, std::size_t at_once, Nanoseconds timeout)
      : door_(door), timeout_(timeout), places_("http", at_once) {}

  awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override {
    const Status wanted = ctx.check();  // what nobody waits for any more is not sent
    if (!wanted) co_return wanted.error();
    const Result<Pool::Lease> place = co_await places_.acquire(ctx);
    if (!place) co_return place.error();
    const std::string url = request.url;
    const Ctx within = ctx.child_within("http", request.timeout.value_or(timeout_));
    const Status travelled = co_await within.sleep_for(kTravel);
    if (!travelled) co_return ended(ctx, url);
    if (closed(ctx)) co_return refused(url);
    virtual_rack::HttpResponse answered = door_.answer(as_the_rack_reads_it(std::move(request)));
    if (answered.delay.count() > 0) {
      const Status waited = co_await wait_for_answer(within, answered.delay);
      if (!waited && waited.error().code == "http.connection_lost") co_return lost(url);
      if (!waited) co_return ended(ctx, url);
    }
    co_return response_of(ctx, std::move(answered));
  }

  awaitable<Result<HttpResponse>> stream(const Ctx& ctx, HttpRequest request,
                                         std::function<void(const std::string&)> on_piece) override {
    const Result<Pool::Lease> place = co_await places_.acquire(ctx);
    if (!place) co_return place.error();
    const std::string url = request.url;
    const Status travelled = co_await ctx.sleep_for(kTravel);
    if (!travelled) co_return travelled.error();
    if (closed(ctx)) co_return refused(url);
    virtual_rack::HttpResponse answered = door_.answer(as_the_rack_reads_it(std::move(request)));
    const std::shared_ptr<virtual_rack::HttpStream> stream = std::move(answered.stream);
    if (!stream) {
      const std::string whole = std::exchange(answered.body, {});
      if (answered.status == 200) on_piece(whole);
      HttpResponse response = response_of(ctx, std::move(answered));
      if (response.status != 200) response.body = whole;
      co_return response;
    }
    const Status over = co_await read_stream(ctx, stream.get(), std::move(on_piece));
    stream->on_more = nullptr;
    if (!over && over.error().code == "http.connection_lost") co_return lost(url);
    if (!over) co_return over.error();
    co_return response_of(ctx, std::move(answered));
  }

 private:
  [[nodiscard]] bool closed(const Ctx& ctx) const { return ctx.now().monotonic_ns < door_.closed_until_ns; }
  static Error refused(const std::string& url) {
    return {"http.connect", fmt::format("{}: the connection was refused", url)};
  }
  static Error lost(const std::string& url) {
    return {"http.connection_lost",
            fmt::format("{}: the connection was lost before the answer was complete", url)};
  }
  /// The time of the exchange is over, or of whoever wanted it.
  static Error ended(const Ctx& ctx, const std::string& url) {
    const Status wanted = ctx.check();
    if (!wanted) return wanted.error();
    return {"http.timeout", fmt::format("{}: no complete answer in time", url)};
  }
  static HttpResponse response_of(const Ctx& ctx, virtual_rack::HttpResponse answered) {
    HttpResponse response;
    response.status = static_cast<int>(answered.status);
    response.headers = std::move(answered.headers);
    if (!answered.content_type.empty())
      response.headers.emplace_back("Content-Type", std::move(answered.content_type));
    response.body = std::move(answered.body);
    response.received_ns = ctx.now().monotonic_ns;
    return response;
  }
  /// False from the door means that the connection broke.
  awaitable<Result<bool>> next_news(const Ctx& ctx, Completion<bool> news) {
    const auto noted = door_.under_way.insert(door_.under_way.end(), news);
    const int before = door_.breaks;
    Result<bool> told = co_await news.wait(ctx);
    if (door_.breaks == before) door_.under_way.erase(noted);  // else the list has gone with the connections
    co_return told;
  }
  awaitable<Status> wait_for_answer(const Ctx& ctx, Nanoseconds delay) {
    const Completion<bool> news;
    const std::int64_t due_ns = ctx.now().monotonic_ns + delay.count();
    Loop& loop = ctx.loop();
    const Loop::TimerId timer = loop.call_at(due_ns, [news] { news.complete(true); });
    const Result<bool> told = co_await next_news(ctx, news);
    loop.cancel(timer);
    if (!told) co_return told.error();
    if (!*told) co_return Error("http.connection_lost", "");
    co_return success();
  }
  awaitable<Status> read_stream(const Ctx& ctx, virtual_rack::HttpStream* stream,
                                std::function<void(const std::string&)> on_piece) {
    for (;;) {
      const std::string piece = stream->take();
      if (!piece.empty()) on_piece(piece);
      if (piece.empty() && stream->ended()) co_return success();
      if (!piece.empty()) continue;
      const Completion<bool> news;
      stream->on_more = [news] { news.complete(true); };
      const Result<bool> told = co_await next_news(ctx, news);
      stream->on_more = nullptr;
      if (!told) co_return told.error();
      if (!*told) co_return Error("http.connection_lost", "");
    }
  }

  HttpDoor& door_;
  Nanoseconds timeout_;
  Pool places_;
};

}  // namespace

std::unique_ptr<HttpClient> make_rack_http(HttpDoor& door, std::size_t at_once, Nanoseconds timeout) {
  return std::make_unique<RackHttp>(door, at_once, timeout);
}

}  // namespace kiln::matrix
