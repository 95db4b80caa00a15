#include "io/curl_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "io/check_http_options.h"
#include "io/curl_errors.h"
#include "io/curl_multi.h"
#include "io/curl_received.h"
#include "io/header_name.h"
#include "io/pool.h"
#include "io/ssh_jump.h"

namespace kiln {

namespace {

using detail::CurlDone;
using detail::CurlMulti;
using detail::printable;
using detail::Received;
using detail::transfer_error;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

void append(List& list, const std::string& line) {
  curl_slist* const grown = curl_slist_append(list.get(), line.c_str());
  if (grown == nullptr) throw std::bad_alloc();
  (void)list.release();  // the old head is part of the grown list
  list.reset(grown);
}

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;

long milliseconds(Nanoseconds duration) {
  const auto wanted = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  // 0 means "no limit" to curl.
  return static_cast<long>(std::clamp<std::int64_t>(wanted, 1, std::numeric_limits<int>::max()));
}

bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return (byte < 0x20U && byte != '\t') || byte == 0x7fU;
  });
}

/// What an exchange by way of a jump host needs, and what it met there.
struct Way {
  SshJump* jump = nullptr;
  std::string host;
  std::uint16_t port = 0;
  List connect_to;                                   ///< while curl may read it
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

/// One exchange: everything curl points into while it runs.
struct Exchange {
  explicit Exchange(HttpRequest asked) : request(std::move(asked)) {}
  HttpRequest request;
  Way way;
  Received received;
  List headers;
  std::array<char, CURL_ERROR_SIZE> error_text{};
  CurlDone done;
};

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
    std::function<void(const std::string&)> nobody;
    return exchange_with(ctx, std::move(request), std::move(nobody));
  }

  boost::asio::awaitable<Result<HttpResponse>> stream(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) override {
    return exchange_with(ctx, std::move(request), std::move(on_piece));
  }

 private:
  boost::asio::awaitable<Result<HttpResponse>> exchange_with(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
    Status sendable = check(request);
    if (!sendable) co_return sendable.error();
    // Ours, not curl's cap per host: a transfer queued inside curl does not time out.
    Result<Pool::Lease> place = co_await places_.acquire(ctx);
    if (!place) co_return place.error();

    if (options_.jump) {
      Status logged_in = co_await options_.jump->ready(ctx);
      if (!logged_in) {
        Error error = logged_in.error();
        co_return std::move(error).while_doing(request.method + " " + printable(request.url));
      }
    }

    const auto exchange = std::make_unique<Exchange>(std::move(request));
    const std::int64_t begun_ns = loop_.clock().now().monotonic_ns;
    if (options_.jump && !read_target(exchange->request.url, exchange->way)) {
      co_return Error("http.request", printable(exchange->request.url) + ": not a usable URL",
                      "write it as https://address:port/path", Blame::recipe);
    }
    exchange->received.on_piece = std::move(on_piece);
    Easy easy = take_easy();
    prepare(easy.get(), *exchange);
    Status added = multi_->add(easy.get(), exchange->done);
    if (!added) co_return added.error();

    const Loop::Hold hold(loop_);
    const Result<CURLcode> ended = co_await exchange->done.wait(ctx);
    if (!ended) {
      multi_->remove(easy.get());
      give_back(std::move(easy), *exchange);
      Error error = ended.error();
      // A stream of events that ends by its deadline has answered.
      if (options_.jump && error.code == "ctx.deadline" && !exchange->received.on_piece)
        options_.jump->unanswered(begun_ns);
      co_return std::move(error).while_doing(exchange->request.method + " " +
                                             printable(exchange->request.url));
    }
    if (options_.jump && *ended == CURLE_OPERATION_TIMEDOUT) options_.jump->unanswered(begun_ns);
    Result<HttpResponse> result = take_result(*ended, easy.get(), *exchange);
    give_back(std::move(easy), *exchange);
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
    const bool https = boost::algorithm::istarts_with(request.url, "https://");
    if (!https && !boost::algorithm::istarts_with(request.url, "http://")) {
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

  /// TLS sessions live on curl's easy handles, so each peer keeps its own. What is the same for every
  /// exchange is set once.
  Easy take_easy() {
    if (idle_.empty()) {
      Easy fresh(curl_easy_init());
      if (!fresh) throw std::bad_alloc();
      prepare_for_peer(fresh.get());
      return fresh;
    }
    Easy reused = std::move(idle_.back());
    idle_.pop_back();
    return reused;
  }

  /// A read without a user leaves nothing but pointers into the exchange. After anything else the handle
  /// forgets all, the password first; TLS sessions stay either way.
  void give_back(Easy easy, const Exchange& exchange) {
    const bool plain_read = exchange.request.method == "GET" && exchange.request.user.empty() &&
                            exchange.request.body.empty() && !exchange.received.on_piece;
    if (plain_read) {
      curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, nullptr);
      curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, nullptr);
      curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, nullptr);
      curl_easy_setopt(easy.get(), CURLOPT_HEADERDATA, nullptr);
      curl_easy_setopt(easy.get(), CURLOPT_PREREQDATA, nullptr);
      curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETDATA, nullptr);
      if (options_.jump) curl_easy_setopt(easy.get(), CURLOPT_CONNECT_TO, nullptr);
      curl_easy_setopt(easy.get(), CURLOPT_PRIVATE, nullptr);
    } else {
      curl_easy_reset(easy.get());
      prepare_for_peer(easy.get());
    }
    idle_.push_back(std::move(easy));
  }

  void prepare_for_peer(CURL* easy) const {
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // not the environment's either
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     static_cast<long>(CURL_HTTP_VERSION_1_1));  // what DSP0266 requires
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);  // pruning it costs O(hosts) per transfer
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options_.connect_timeout));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &detail::on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &detail::on_header);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &detail::on_sending);
    prepare_trust(easy);
    if (connect_to_) curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
    if (options_.jump) curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &open_by_jump);
  }

  void prepare(CURL* easy, Exchange& exchange) {
    const HttpRequest& request = exchange.request;
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    if (exchange.received.on_piece) {
      // Nothing may come for hours; probes tell a quiet peer from one that is gone (10 s, then 9 times 3 s).
      curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 10L);
      curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 3L);
    }
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     exchange.received.on_piece ? 0L : milliseconds(timeout_of(request)));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error_text.data());
    exchange.received.max_body = max_body_of(request);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange.received);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange.received);
    exchange.received.may_be_repeated = request.method != "POST" && request.method != "PATCH";
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, &exchange.received);
    const bool bounded = !exchange.received.on_piece && request.method != "HEAD";
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                     static_cast<curl_off_t>(bounded ? exchange.received.max_body : 0));
    if (options_.jump) prepare_way(easy, exchange);
    prepare_method(easy, exchange);
    if (!request.user.empty()) {
      curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      curl_easy_setopt(easy, CURLOPT_USERNAME, request.user.c_str());
      curl_easy_setopt(easy, CURLOPT_PASSWORD, request.password.expose().c_str());
    }
  }

  /// Connections come from the jump host. curl keeps them by the address they are made to: one of their own
  /// for each way (127.0.0.0/8, to which nothing is ever connected), so that none is taken for another BMC's
  /// with the same address elsewhere.
  static std::string address_of_way(const SshJump& jump) {
    const std::uint32_t number = jump.number();
    return fmt::format("::127.{}.{}.{}:", 128U | ((number >> 16U) & 127U), (number >> 8U) & 255U,
                       number & 255U);
  }

  void prepare_way(CURL* easy, Exchange& exchange) {
    // What failed before this began is not what it will fail by.
    std::erase_if(streams_, [](const auto& stream) { return stream->failure().has_value(); });
    exchange.way.jump = options_.jump.get();
    append(exchange.way.connect_to, address_of_way(*options_.jump));
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, exchange.way.connect_to.get());
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &exchange.way);
  }

  /// The hop that failed, when it was one.
  std::optional<Error> failed_hop(CURLcode code, Exchange& exchange) {
    if (!options_.jump || !is_about_the_way(code)) return std::nullopt;
    std::optional<Error> why = exchange.way.error;
    // The newest first; of a connection that was kept, it was made for an exchange before. One that fails is
    // closed, which no exchange on it waits out: a timeout is not by one of those.
    std::vector<std::shared_ptr<JumpStream>> streams = exchange.way.streams;
    if (streams.empty() && code != CURLE_OPERATION_TIMEDOUT) streams = streams_;
    for (auto stream = streams.rbegin(); stream != streams.rend() && !why; ++stream)
      why = (*stream)->failure();
    std::erase_if(streams_, [](const auto& stream) { return stream->failure().has_value(); });
    if (!why) return std::nullopt;
    why->message = fmt::format("{}: {}", printable(exchange.request.url), why->message);
    return why;
  }

  void keep_streams(Exchange& exchange) {
    for (std::shared_ptr<JumpStream>& stream : exchange.way.streams) {
      if (!stream->failure()) streams_.push_back(std::move(stream));
    }
    exchange.way.streams.clear();
    if (streams_.size() > options_.max_concurrent)
      streams_.erase(streams_.begin(), streams_.end() - static_cast<std::ptrdiff_t>(options_.max_concurrent));
  }

  void prepare_trust(CURL* easy) const {
    const bool by_ca = options_.trust.kind == TlsTrust::Kind::certificate_authority;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, by_ca ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, by_ca ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, by_ca ? options_.trust.value.c_str() : nullptr);
    // The system's CA directory would be parsed for every connection, and is not who vouches for a BMC.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    if (options_.trust.kind == TlsTrust::Kind::pin) {
      curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, ("sha256//" + options_.trust.value).c_str());
    }
  }

  static void prepare_method(CURL* easy, Exchange& exchange) {
    const HttpRequest& request = exchange.request;
    const bool sends_body = !request.body.empty() || request.method == "POST" || request.method == "PATCH" ||
                            request.method == "PUT";
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (sends_body) {
      curl_easy_setopt(easy, CURLOPT_POST, 1L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    // A handle does GET by itself, and what it is told here stays until it forgets all.
    const bool by_itself = request.method == "GET" && !sends_body;
    if (request.method != "HEAD" && !by_itself)
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());

    bool typed = false;
    for (const auto& [name, value] : request.headers) {
      typed = typed || same_header_name(name, "Content-Type");
      append(exchange.headers, value.empty() ? name + ";" : name + ": " + value);
    }
    if (sends_body) {
      append(exchange.headers,
             "Expect:");  // many BMCs never answer "100 Continue", and curl would wait a second
      if (!typed) append(exchange.headers, "Content-Type:");
    }
    if (exchange.headers) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.headers.get());
  }

  Result<HttpResponse> take_result(CURLcode code, CURL* easy, Exchange& exchange) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    // 1xx is the beginning of an answer only.
    if (code != CURLE_OK || !exchange.received.headers_complete || status < 200) {
      if (std::optional<Error> hop = failed_hop(code, exchange)) return std::move(*hop);
      keep_streams(exchange);
      Error error = transfer_error(code, exchange.received, options_, exchange.request, easy,
                                   exchange.error_text.data(), max_body_of(exchange.request),
                                   timeout_of(exchange.request));
      if (options_.jump)
        error.message += fmt::format(" (by way of the jump host {})", options_.jump->where());
      return error;
    }
    keep_streams(exchange);
    HttpResponse response;
    response.status = static_cast<int>(status);
    response.headers = std::move(exchange.received.headers);
    response.body = std::move(exchange.received.body);
    response.received_ns = loop_.clock().now().monotonic_ns;
    return response;
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
  List connect_to_;  // likewise
  std::vector<Easy> idle_;
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
