#include "io/curl_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "io/check_http_options.h"
#include "io/curl_errors.h"
#include "io/curl_handle.h"
#include "io/curl_multi.h"
#include "io/curl_received.h"
#include "io/header_name.h"
#include "io/pool.h"
#include "io/ssh_jump.h"

namespace kiln {

namespace {

using detail::append;
using detail::CurlDone;
using detail::CurlHandle;
using detail::CurlList;
using detail::CurlMulti;
using detail::printable;
using detail::Received;
using detail::transfer_error;

/// What neither a URL nor a header may hold; a tab may stand in a header's value.
constexpr std::array<bool, 256> kControl = [] {
  std::array<bool, 256> control{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) control[byte] = byte != '\t';
  control[0x7f] = true;
  return control;
}();

bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char letter) { return kControl[static_cast<unsigned char>(letter)]; });
}

/// In any case (RFC 3986 3.1).
bool begins_with_scheme(std::string_view url, std::string_view scheme) {
  return same_header_name(url.substr(0, scheme.size()), scheme);
}

/// What an exchange by way of a jump host needs, and what it met there.
struct Way {
  SshJump* jump = nullptr;
  std::string host;
  std::uint16_t port = 0;
  CurlList connect_to;                               ///< while curl may read it
  std::vector<std::shared_ptr<JumpStream>> streams;  ///< made for this exchange
  std::optional<Error> error;                        ///< none could be made
};

/// CURLOPT_OPENSOCKETFUNCTION; `target` is a Way. What curl connects the socket to, right after this, is the
/// other end: `address` is curl's own, with room for any [Curl_sockaddr_ex of libcurl 7.88].
curl_socket_t open_by_jump(void* target, curlsocktype /*purpose*/, curl_sockaddr* address) noexcept {
  Way& way = *static_cast<Way*>(target);
  Result<std::shared_ptr<JumpStream>> stream = way.jump->connect(way.host, way.port);
  if (!stream) {
    way.error = stream.error();
    return CURL_SOCKET_BAD;
  }
  way.streams.push_back(*stream);
  const LocalAddress& end = (*stream)->address();
  std::memcpy(&address->addr, &end.where, end.size);
  address->family = AF_UNIX;
  address->protocol = 0;
  address->addrlen = end.size;
  return (*stream)->take_end();
}

/// Host and port of a URL, as curl reads it.
bool read_target(const std::string& url, Way& way) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  char* port = nullptr;
  const bool good = parsed && curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
                    curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                    curl_url_get(parsed.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
  if (good) {
    way.host = host;
    if (way.host.starts_with('[')) way.host = way.host.substr(1, way.host.size() - 2);
    way.port = static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10));
  }
  curl_free(host);
  curl_free(port);
  return good;
}

/// What curl says when a connection could not be made or broke: where the way there may know better why.
bool is_about_the_way(CURLcode code) {
  switch (code) {
    case CURLE_OK:
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
      return true;
    default:
      return false;
  }
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(Loop& loop, std::shared_ptr<CurlMulti> multi, HttpOptions options)
      : loop_(loop),
        multi_(std::move(multi)),
        options_(std::move(options)),
        places_("http", options_.max_concurrent) {
    if (options_.address_override) {
      const std::string& address = *options_.address_override;
      const bool v6 = address.find(':') != std::string::npos;
      append(connect_to_, v6 ? fmt::format("::[{}]:", address) : fmt::format("::{}:", address));
    }
    ++multi_->peers;
  }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;
  ~CurlClient() override { --multi_->peers; }

  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, HttpRequest request) override {
    Result<HttpResponse> response = co_await send_kept(ctx, request);
    co_return response;
  }

  boost::asio::awaitable<Result<HttpResponse>> send_kept(const Ctx& ctx,
                                                         const HttpRequest& request) override {
    std::function<void(const std::string&)> nobody;
    return exchange(ctx, request, std::move(nobody));
  }

  boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) override {
    Result<HttpResponse> response = co_await exchange(ctx, request, std::move(on_piece));
    co_return response;
  }

 private:
  /// `request` is the caller's.
  boost::asio::awaitable<Result<HttpResponse>> exchange(const Ctx& ctx, const HttpRequest& request,
                                                        std::function<void(const std::string&)> on_piece) {
    Status sendable = check(request);
    if (!sendable) co_return sendable.error();
    // Ours, not curl's cap per host: a transfer queued inside curl does not time out.
    Status go_on = ctx.check();
    if (!go_on) co_return go_on.error();
    Pool::Lease place = places_.take_free();
    if (!place) {
      Result<Pool::Lease> waited = co_await places_.acquire(ctx);
      if (!waited) co_return waited.error();
      place = std::move(*waited);
    }

    std::unique_ptr<Way> way;
    if (options_.jump) {
      Status logged_in = co_await options_.jump->ready(ctx);
      if (!logged_in) {
        Error error = logged_in.error();
        co_return std::move(error).while_doing(request.method + " " + printable(request.url));
      }
      way = std::make_unique<Way>();
      if (!read_target(request.url, *way)) {
        co_return Error("http.request", printable(request.url) + ": not a usable URL",
                        "write it as https://address:port/path", Blame::recipe);
      }
    }

    const std::int64_t begun_ns = way ? loop_.clock().now().monotonic_ns : 0;
    // A stream of events that ends by its deadline has answered.
    const bool endless = static_cast<bool>(on_piece);
    std::unique_ptr<CurlHandle> handle = take_handle();
    handle->begin(request, std::move(on_piece), max_body_of(request), timeout_of(request));
    if (way) prepare_way(handle->easy(), *way);
    const CurlDone done;
    Status added = multi_->add(handle->easy(), done);
    if (!added) co_return added.error();

    const Loop::Hold hold(loop_);
    const Result<CURLcode> ended = co_await done.wait(ctx);
    if (!ended) {
      multi_->remove(handle->easy());
      give_back(std::move(handle), request);
      Error error = ended.error();
      if (way && error.code == "ctx.deadline" && !endless) options_.jump->unanswered(begun_ns);
      co_return std::move(error).while_doing(request.method + " " + printable(request.url));
    }
    if (way && *ended == CURLE_OPERATION_TIMEDOUT) options_.jump->unanswered(begun_ns);
    Result<HttpResponse> result = take_result(*ended, *handle, way.get(), request);
    give_back(std::move(handle), request);
    co_return result;
  }

  Status check(const HttpRequest& request) const {
    bool bad =
        request.method.empty() || has_control_character(request.method) || has_control_character(request.url);
    for (const auto& [name, value] : request.headers) {
      bad = bad || name.empty() || has_control_character(name) || has_control_character(value);
    }
    if (bad) {
      return Error("http.request", printable(request.url) + ": control characters in method, URL or headers",
                   "", Blame::recipe);
    }
    const bool https = begins_with_scheme(request.url, "https://");
    if (!https && !begins_with_scheme(request.url, "http://")) {
      return Error("http.request", printable(request.url) + ": not a usable URL",
                   "write it as https://address:port/path", Blame::recipe);
    }
    if (!https && options_.trust.kind != TlsTrust::Kind::insecure) {
      return Error("http.tls_untrusted",
                   printable(request.url) + ": not an https URL, so nothing could be verified",
                   "use https, or name the reason under tls: insecure in the inventory", Blame::recipe);
    }
    return success();
  }

  std::unique_ptr<CurlHandle> take_handle() {
    if (idle_.empty()) return std::make_unique<CurlHandle>(options_, connect_to_.get());
    std::unique_ptr<CurlHandle> reused = std::move(idle_.back());
    idle_.pop_back();
    return reused;
  }

  void give_back(std::unique_ptr<CurlHandle> handle, const HttpRequest& request) {
    handle->end(request);
    if (options_.jump) {
      curl_easy_setopt(handle->easy(), CURLOPT_CONNECT_TO, nullptr);
      curl_easy_setopt(handle->easy(), CURLOPT_OPENSOCKETDATA, nullptr);
    }
    if (!handle->worn_out()) idle_.push_back(std::move(handle));
  }

  /// Connections come from the jump host. curl keeps them by the address they are made to: one of their own
  /// for each way (127.0.0.0/8, to which nothing is ever connected), so that none is taken for another BMC's
  /// with the same address elsewhere.
  static std::string address_of_way(const SshJump& jump) {
    const std::uint32_t number = jump.number();
    return fmt::format("::127.{}.{}.{}:", 128U | ((number >> 16U) & 127U), (number >> 8U) & 255U,
                       number & 255U);
  }

  void prepare_way(CURL* easy, Way& way) {
    // What failed before this began is not what it will fail by.
    std::erase_if(streams_, [](const auto& stream) { return stream->failure().has_value(); });
    way.jump = options_.jump.get();
    append(way.connect_to, address_of_way(*options_.jump));
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, way.connect_to.get());
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &open_by_jump);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &way);
  }

  /// The hop that failed, when it was one.
  std::optional<Error> failed_hop(CURLcode code, const Way& way, const std::string& url) {
    if (!is_about_the_way(code)) return std::nullopt;
    std::optional<Error> why = way.error;
    // The newest first; of a connection that was kept, it was made for an exchange before. One that fails is
    // closed, which no exchange on it waits out: a timeout is not by one of those.
    std::vector<std::shared_ptr<JumpStream>> streams = way.streams;
    if (streams.empty() && code != CURLE_OPERATION_TIMEDOUT) streams = streams_;
    for (auto stream = streams.rbegin(); stream != streams.rend() && !why; ++stream)
      why = (*stream)->failure();
    std::erase_if(streams_, [](const auto& stream) { return stream->failure().has_value(); });
    if (!why) return std::nullopt;
    why->message = fmt::format("{}: {}", printable(url), why->message);
    return why;
  }

  void keep_streams(Way& way) {
    for (std::shared_ptr<JumpStream>& stream : way.streams) {
      if (!stream->failure()) streams_.push_back(std::move(stream));
    }
    way.streams.clear();
    if (streams_.size() > options_.max_concurrent)
      streams_.erase(streams_.begin(), streams_.end() - static_cast<std::ptrdiff_t>(options_.max_concurrent));
  }

  /// `way`: null when it is a direct one.
  Result<HttpResponse> take_result(CURLcode code, CurlHandle& handle, Way* way, const HttpRequest& request) {
    Received& received = handle.received();
    long status = 0;
    curl_easy_getinfo(handle.easy(), CURLINFO_RESPONSE_CODE, &status);
    // 1xx is the beginning of an answer only.
    const bool answered = code == CURLE_OK && received.headers_complete && status >= 200;
    if (way != nullptr && !answered) {
      if (std::optional<Error> hop = failed_hop(code, *way, request.url)) return std::move(*hop);
    }
    if (way != nullptr) keep_streams(*way);
    if (!answered) {
      Error error = transfer_error(code, received, options_, request, handle.easy(), handle.error_text(),
                                   max_body_of(request), timeout_of(request));
      if (way != nullptr)
        error.message += fmt::format(" (by way of the jump host {})", options_.jump->where());
      return error;
    }
    Result<HttpResponse> result{HttpResponse()};
    result->status = static_cast<int>(status);
    result->headers = std::move(received.headers);
    result->body = std::move(received.body);
    result->received_ns = loop_.clock().now().monotonic_ns;
    return result;
  }

  Nanoseconds timeout_of(const HttpRequest& request) const {
    return request.timeout.value_or(options_.request_timeout);
  }
  std::size_t max_body_of(const HttpRequest& request) const {
    return request.max_body.value_or(options_.max_body);
  }

  Loop& loop_;
  std::shared_ptr<CurlMulti> multi_;  // before idle_: easy handles must go first
  HttpOptions options_;
  Pool places_;
  CurlList connect_to_;  // likewise
  std::vector<std::unique_ptr<CurlHandle>> idle_;
  std::vector<std::shared_ptr<JumpStream>> streams_;  ///< of connections that may be kept
};

}  // namespace

struct CurlEngine::Impl {
  explicit Impl(Loop& on) : loop(on) {}
  Loop& loop;
  std::vector<std::shared_ptr<CurlMulti>> multis;
};

CurlEngine::CurlEngine(Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}
CurlEngine::~CurlEngine() = default;

Result<std::unique_ptr<HttpClient>> CurlEngine::client(HttpOptions options) {
  Status usable = check_http_options(options);
  if (!usable) return usable.error();
  auto& multis = impl_->multis;
  auto roomy = std::find_if(multis.begin(), multis.end(),
                            [](const auto& multi) { return multi->peers < CurlMulti::kPeers; });
  if (roomy == multis.end()) {
    multis.push_back(CurlMulti::open(impl_->loop.native()));
    roomy = std::prev(multis.end());
  }
  return std::unique_ptr<HttpClient>(std::make_unique<CurlClient>(impl_->loop, *roomy, std::move(options)));
}

}  // namespace kiln
