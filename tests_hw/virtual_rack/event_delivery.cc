#include "tests_hw/virtual_rack/event_delivery.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <sstream>

#include "tests_hw/virtual_rack/redfish/subscriptions.h"

namespace kiln::virtual_rack {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::chrono::seconds kAnswerWithin{5};

struct Destination {
  bool tls = false;
  std::string host;
  std::string port;
  std::string target;
};

/// "https://host:port/path" taken apart; none when it is not that.
std::optional<Destination> parse(const std::string& uri) {
  Destination to;
  const std::size_t scheme = uri.find("://");
  if (scheme == std::string::npos) return std::nullopt;
  to.tls = uri.compare(0, scheme, "https") == 0;
  to.port = to.tls ? "443" : "80";
  const std::size_t begin = scheme + 3;
  const std::size_t slash = std::min(uri.find('/', begin), uri.size());
  to.target = slash == uri.size() ? "/" : uri.substr(slash);
  to.host = uri.substr(begin, slash - begin);
  const std::size_t colon = to.host.rfind(':');
  if (colon != std::string::npos && to.host.back() != ']') {
    to.port = to.host.substr(colon + 1);
    to.host.resize(colon);
  }
  if (to.host.size() > 1 && to.host.front() == '[') to.host = to.host.substr(1, to.host.size() - 2);
  return to.host.empty() ? std::nullopt : std::optional(to);
}

std::string request_text(const Destination& to, const std::string& body) {
  http::request<http::string_body> request{http::verb::post, to.target, 11};
  request.set(http::field::host, to.host + ":" + to.port);
  request.set(http::field::content_type, "application/json");
  request.set(http::field::user_agent, "kiln-virtual-rack");
  request.keep_alive(false);
  request.body() = body;
  request.prepare_payload();
  std::ostringstream text;
  text << request;
  return text.str();
}

/// Writes the request and reads the head of the answer; the status, 0 when there was none.
template <typename Stream>
asio::awaitable<unsigned> exchange(Stream& stream, const std::string& request) {
  beast::error_code error;
  const asio::const_buffer bytes(request.data(), request.size());
  co_await asio::async_write(stream, bytes, asio::redirect_error(asio::use_awaitable, error));
  http::response_parser<http::empty_body> parser;
  beast::flat_buffer buffer;
  while (!error && !parser.is_header_done()) {
    const asio::mutable_buffer room = buffer.prepare(4096);
    const std::size_t got =
        co_await stream.async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
    buffer.commit(got);
    if (error) break;
    const std::size_t used = parser.put(buffer.data(), error);
    buffer.consume(used);
    if (error == http::error::need_more) error = {};
  }
  co_return parser.is_header_done() ? parser.get().result_int() : 0;
}

asio::awaitable<bool> attempt(const Destination& to, const std::string& request) {
  const auto executor = co_await asio::this_coro::executor;
  beast::error_code error;
  tcp::resolver resolver(executor);
  const auto found =
      co_await resolver.async_resolve(to.host, to.port, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return false;
  beast::tcp_stream plain(executor);
  plain.expires_after(kAnswerWithin);
  co_await plain.async_connect(found, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return false;
  unsigned status = 0;
  if (to.tls) {
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.set_verify_mode(asio::ssl::verify_none);
    beast::ssl_stream<beast::tcp_stream> stream(std::move(plain), context);
    co_await stream.async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    status = co_await exchange(stream, request);
  } else {
    status = co_await exchange(plain, request);
  }
  co_return status >= 200 && status < 300;
}

asio::awaitable<void> deliver(std::string destination, std::string body, std::function<void()> given_up) {
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);
  const std::optional<Destination> to = parse(destination);
  const std::string request = to ? request_text(*to, body) : std::string();
  for (int i = 0; to && i < Subscriptions::kAttempts; ++i) {
    const bool taken = co_await attempt(*to, request);
    if (taken) co_return;
    asio::steady_timer wait(executor);
    wait.expires_after(std::chrono::seconds(Subscriptions::kAttemptSeconds));
    co_await wait.async_wait(asio::use_awaitable);
  }
  given_up();
}

}  // namespace

void deliver_event(asio::io_context& loop, std::string destination, std::string body,
                   std::function<void()> given_up) {
  auto delivery = deliver(std::move(destination), std::move(body), std::move(given_up));
  asio::co_spawn(loop, std::move(delivery), asio::detached);
}

}  // namespace kiln::virtual_rack
