#include "tests_hw/virtual_rack/http_server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <stdexcept>
#include <unordered_set>

namespace kiln::virtual_rack {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Reuse = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

/// What connections share with their listener; they keep it alive, the listener may go first.
struct Shared {
  HttpServerOptions options;
  HttpHandler handler;
  std::shared_ptr<asio::ssl::context> tls;  ///< of the next connection
  std::unordered_set<beast::tcp_stream*> streams;
  bool stopped = false;
};
using SharedPtr = std::shared_ptr<Shared>;

void set_server_headers(http::response<http::string_body>& reply, HttpResponse& from) {
  reply.result(from.status);
  for (auto& [name, value] : from.headers) reply.set(name, value);
  if (!from.content_type.empty() && reply.find(http::field::content_type) == reply.end()) {
    reply.set(http::field::content_type, from.content_type);
  }
  reply.body() = std::move(from.body);
}

HttpRequest to_request(http::request<http::string_body>& from, bool& valid) {
  HttpRequest request;
  request.method = std::string(from.method_string());
  const auto target = from.target();
  valid = split_target(std::string_view(target.data(), target.size()), request);
  for (const auto& field : from) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.body = std::move(from.body());
  return request;
}

HttpResponse refused(const HttpServerOptions& options, unsigned status, const std::string& text) {
  if (options.refusal) return options.refusal(status, text);
  HttpResponse answer;
  answer.status = status;
  answer.content_type = "text/plain";
  answer.body = text + "\n";
  return answer;
}

/// Between two comments of a stream that has nothing to say: how a peer that is gone is noticed.
constexpr std::chrono::seconds kKeepAlive{5};

/// One connection, with TLS or without. The HTTP above it is written once and reads and writes bytes only:
/// made of asynchronous operations of Beast for either kind of stream, this file took minutes to compile.
class Connection {
 public:
  virtual ~Connection() = default;
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The TCP stream below: its time limit is what every read and write is under.
  virtual beast::tcp_stream& below() = 0;
  virtual asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, beast::error_code& error) = 0;
  virtual asio::awaitable<void> write(asio::const_buffer bytes, beast::error_code& error) = 0;
};

template <typename Stream>
class ConnectionOver final : public Connection {
 public:
  template <typename... Arguments>
  explicit ConnectionOver(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

  beast::tcp_stream& below() override { return beast::get_lowest_layer(stream_); }
  asio::awaitable<std::size_t> read_some(asio::mutable_buffer into, beast::error_code& error) override {
    const std::size_t got =
        co_await stream_.async_read_some(into, asio::redirect_error(asio::use_awaitable, error));
    co_return got;
  }
  asio::awaitable<void> write(asio::const_buffer bytes, beast::error_code& error) override {
    co_await asio::async_write(stream_, bytes, asio::redirect_error(asio::use_awaitable, error));
  }
  Stream& stream() { return stream_; }

 private:
  Stream stream_;
};

using RequestParser = http::request_parser<http::string_body>;
constexpr std::size_t kReadAtOnce = 16 * 1024;

/// Reads on until the head of a request is there, or all of it. What came after it stays in the buffer.
asio::awaitable<void> read_request(Connection& connection, beast::flat_buffer& buffer, RequestParser& parser,
                                   bool head_only, beast::error_code& error) {
  parser.eager(!head_only);
  error = {};
  for (;;) {
    if (head_only ? parser.is_header_done() : parser.is_done()) co_return;
    if (buffer.size() > 0) {
      const std::size_t used = parser.put(buffer.data(), error);
      buffer.consume(used);
      if (!error && used > 0) continue;
      if (error && error != http::error::need_more) co_return;
    }
    const asio::mutable_buffer room = buffer.prepare(kReadAtOnce);
    const std::size_t got = co_await connection.read_some(room, error);
    buffer.commit(got);
    if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
      error = parser.got_some() ? http::error::partial_message : http::error::end_of_stream;
    }
    if (error) co_return;
  }
}

template <typename Body>
std::string head_of(http::response<Body>& reply) {
  std::string text;
  http::response_serializer<Body> serializer(reply);
  serializer.split(true);
  while (!serializer.is_header_done()) {
    beast::error_code error;
    serializer.next(error, [&text, &serializer](beast::error_code&, const auto& buffers) {
      text += beast::buffers_to_string(buffers);
      serializer.consume(beast::buffer_bytes(buffers));
    });
  }
  return text;
}

asio::awaitable<void> write_text(Connection& connection, const std::string& text, beast::error_code& error) {
  const asio::const_buffer bytes(text.data(), text.size());
  co_await connection.write(bytes, error);
}

/// What a stream's sender and the coroutine that waits for its peer to leave share.
struct Watch {
  Connection* connection;
  asio::steady_timer* more;
  bool gone = false;  ///< the peer has closed, or sent what nobody asked for
};

/// Nothing is expected from a peer that listens to a stream: whatever is read means that it is gone.
asio::awaitable<void> watch_peer(std::shared_ptr<Watch> watch) {
  std::array<char, 256> unasked{};
  beast::error_code error;
  const asio::mutable_buffer into = asio::buffer(unasked);
  co_await watch->connection->read_some(into, error);
  watch->gone = true;
  watch->more->cancel();
}

asio::awaitable<void> send_stream(Connection& connection, SharedPtr shared, HttpResponse answer) {
  connection.below().expires_never();
  http::response<http::empty_body> head{http::int_to_status(answer.status), 11};
  for (auto& [name, value] : answer.headers) head.set(name, value);
  head.set(http::field::content_type, answer.content_type);
  head.chunked(true);
  head.keep_alive(false);  // and says so: whoever would ask on it again would find it gone
  beast::error_code error;
  const std::string first = head_of(head);
  co_await write_text(connection, first, error);
  asio::steady_timer more(connection.below().get_executor());
  answer.stream->on_more = [&more] { more.cancel(); };
  auto watch = std::make_shared<Watch>();
  watch->connection = &connection;
  watch->more = &more;
  asio::co_spawn(connection.below().get_executor(), watch_peer(watch), asio::detached);
  while (!error && !shared->stopped && !watch->gone) {
    std::string piece = answer.stream->take();
    if (piece.empty()) {
      if (answer.stream->ended()) break;
      more.expires_after(kKeepAlive);
      beast::error_code woken;
      co_await more.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      piece = woken ? answer.stream->take() : std::string(": keep-alive\n\n");
      if (piece.empty()) continue;
    }
    const std::string chunk = fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
    co_await write_text(connection, chunk, error);
  }
  answer.stream->on_more = nullptr;
  answer.stream.reset();
  if (!error && !watch->gone) {
    const std::string last = "0\r\n\r\n";
    co_await write_text(connection, last, error);
  }
  // The watcher reads from this connection: it must be through before the connection goes.
  beast::error_code ignored;
  connection.below().socket().close(ignored);
  while (!watch->gone) {
    more.expires_after(kKeepAlive);
    co_await more.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> serve_requests(Connection& connection, SharedPtr shared) {
  beast::flat_buffer buffer;
  for (;;) {
    RequestParser parser;
    parser.body_limit(shared->options.max_body_bytes);
    parser.header_limit(64 * 1024);
    connection.below().expires_after(shared->options.idle_timeout);
    beast::error_code error;
    co_await read_request(connection, buffer, parser, true, error);
    if (!error && !parser.is_done()) {
      if (same_word(std::string(parser.get()[http::field::expect]), "100-continue")) {
        const std::string proceed = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await write_text(connection, proceed, error);
      }
      if (!error) co_await read_request(connection, buffer, parser, false, error);
    }
    const bool too_large = error == http::error::body_limit || error == http::error::header_limit;
    const bool unreadable = error.category() == http::make_error_code(http::error::bad_target).category() &&
                            error != http::error::end_of_stream && error != http::error::partial_message;
    if (too_large || unreadable) {
      HttpResponse refusal =
          too_large ? refused(shared->options, 413, "the request is larger than this service takes")
                    : refused(shared->options, 400, "this is not HTTP/1.1");
      http::response<http::string_body> last{http::int_to_status(refusal.status), 11};
      set_server_headers(last, refusal);
      last.keep_alive(false);
      last.prepare_payload();
      const std::string text = head_of(last) + last.body();
      co_await write_text(connection, text, error);
      co_return;
    }
    if (error || shared->stopped) co_return;

    http::request<http::string_body> wire = parser.release();
    const bool head = wire.method() == http::verb::head;
    bool keep_alive = wire.keep_alive();
    bool valid = true;
    HttpRequest request = to_request(wire, valid);
    HttpResponse answer;
    if (valid) {
      answer = shared->handler(request);
    } else {
      answer = refused(shared->options, 400, "malformed escape in the request target");
    }
    if (answer.delay.count() > 0) {
      connection.below().expires_never();
      asio::steady_timer timer(connection.below().get_executor());
      timer.expires_after(answer.delay);
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error || shared->stopped) co_return;
    }
    if (answer.stream) {
      co_await send_stream(connection, shared, std::move(answer));
      co_return;
    }
    keep_alive = keep_alive && !answer.close;
    http::response<http::string_body> reply{http::int_to_status(answer.status), 11};
    set_server_headers(reply, answer);
    reply.keep_alive(keep_alive);
    const std::size_t length = reply.body().size();
    if (head) reply.body().clear();
    reply.prepare_payload();
    if (head) reply.content_length(length);
    // Neither carries content, and so no length of any (RFC 9110, 8.6).
    if (answer.status == 204 || answer.status == 304) {
      reply.erase(http::field::content_length);
      reply.erase(http::field::content_type);
    }
    connection.below().expires_after(shared->options.idle_timeout);
    std::string text = head_of(reply);
    text += reply.body();
    co_await write_text(connection, text, error);
    if (error || !keep_alive) co_return;
  }
}

/// Puts a connection on the list of those that stop() and refuse_for() cut.
class Enrolled {
 public:
  Enrolled(SharedPtr shared, beast::tcp_stream& stream) : shared_(std::move(shared)), stream_(&stream) {
    shared_->streams.insert(stream_);
  }
  ~Enrolled() { shared_->streams.erase(stream_); }
  Enrolled(const Enrolled&) = delete;
  Enrolled& operator=(const Enrolled&) = delete;

 private:
  SharedPtr shared_;
  beast::tcp_stream* stream_;
};

asio::awaitable<void> serve_plain(tcp::socket socket, SharedPtr shared) {
  ConnectionOver<beast::tcp_stream> connection(std::move(socket));
  const Enrolled enrolled(shared, connection.below());
  co_await serve_requests(connection, shared);
  beast::error_code ignored;
  connection.below().socket().shutdown(tcp::socket::shutdown_both, ignored);
}

asio::awaitable<void> serve_tls(tcp::socket socket, SharedPtr shared) {
  const std::shared_ptr<asio::ssl::context> tls = shared->tls;
  ConnectionOver<beast::ssl_stream<beast::tcp_stream>> connection(std::move(socket), *tls);
  auto& stream = connection.stream();
  const Enrolled enrolled(shared, connection.below());
  beast::error_code error;
  connection.below().expires_after(std::chrono::seconds(10));
  co_await stream.async_handshake(asio::ssl::stream_base::server,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error || shared->stopped) co_return;
  co_await serve_requests(connection, shared);
  if (shared->stopped) co_return;
  connection.below().expires_after(std::chrono::seconds(2));
  co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(asio::io_context& loop, HttpServerOptions options, HttpHandler handler)
      : loop_(loop), shared_(std::make_shared<Shared>()), reserve_(loop), back_(loop), retry_(loop) {
    shared_->options = std::move(options);
    shared_->handler = std::move(handler);
    if (shared_->options.tls) shared_->tls = tls_of(*shared_->options.tls);
    try {
      // A second socket keeps the port while the BMC "restarts": bound, never listening, so that connects are
      // refused and no other program is given the number meanwhile.
      const tcp::endpoint wanted(asio::ip::address_v4::loopback(), shared_->options.port);
      reserve_.open(tcp::v4());
      reserve_.set_option(Reuse(true));
      reserve_.bind(wanted);
      address_ = reserve_.local_endpoint();
      listen();
    } catch (const boost::system::system_error& e) {
      throw std::runtime_error(fmt::format("{}: cannot listen on 127.0.0.1:{}: {}", shared_->options.name,
                                           shared_->options.port, e.code().message()));
    }
  }

  ~BeastServer() override { stop(); }
  BeastServer(const BeastServer&) = delete;
  BeastServer& operator=(const BeastServer&) = delete;

  std::uint16_t port() const override { return address_.port(); }

  void refuse_for(std::chrono::milliseconds time) override {
    if (shared_->stopped) return;
    acceptor_.reset();
    cut_connections();
    back_.expires_after(time);
    back_.async_wait([this, shared = shared_](const boost::system::error_code& error) {
      if (!error && !shared->stopped) listen();
    });
  }

  void use_identity(TlsIdentity identity) override {
    shared_->tls = tls_of(identity);
    shared_->options.tls = std::move(identity);
  }

  void stop() override {
    shared_->stopped = true;
    back_.cancel();
    retry_.cancel();
    acceptor_.reset();
    boost::system::error_code ignored;
    reserve_.close(ignored);
    cut_connections();
  }

  std::size_t open_connections() const override { return shared_->streams.size(); }

 private:
  static std::shared_ptr<asio::ssl::context> tls_of(const TlsIdentity& identity) {
    auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                     asio::ssl::context::no_tlsv1_1);
    tls->use_certificate_chain(asio::buffer(identity.certificate_pem));
    tls->use_private_key(asio::buffer(identity.private_key_pem), asio::ssl::context::pem);
    return tls;
  }

  void cut_connections() {
    for (beast::tcp_stream* stream : shared_->streams) {
      boost::system::error_code ignored;
      stream->socket().set_option(asio::socket_base::linger(true, 0), ignored);
      stream->socket().close(ignored);
    }
  }

  void listen() {
    acceptor_ = std::make_unique<tcp::acceptor>(loop_);
    acceptor_->open(tcp::v4());
    acceptor_->set_option(Reuse(true));
    acceptor_->bind(address_);
    acceptor_->listen(256);
    accept_next();
  }

  void accept_next() {
    acceptor_->async_accept(
        [this, shared = shared_](const boost::system::error_code& error, tcp::socket socket) {
          // After stop() `this` may be gone; an aborted accept belongs to an acceptor that refuse_for() has
          // closed.
          if (shared->stopped || error == asio::error::operation_aborted || !acceptor_) return;
          if (!error) {
            boost::system::error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            if (shared_->tls) {
              asio::co_spawn(loop_, serve_tls(std::move(socket), shared_), asio::detached);
            } else {
              asio::co_spawn(loop_, serve_plain(std::move(socket), shared_), asio::detached);
            }
            accept_next();
            return;
          }
          // Out of descriptors, most likely: spinning on it would starve the connections that could free
          // some.
          retry_.expires_after(std::chrono::milliseconds(50));
          retry_.async_wait([this, shared = shared_](const boost::system::error_code& failed) {
            if (!failed && !shared->stopped && acceptor_) accept_next();
          });
        });
  }

  asio::io_context& loop_;
  SharedPtr shared_;
  tcp::socket reserve_;
  tcp::endpoint address_;
  std::unique_ptr<tcp::acceptor> acceptor_;
  asio::steady_timer back_;
  asio::steady_timer retry_;
};

}  // namespace

std::unique_ptr<HttpServer> make_http_server(asio::io_context& loop, HttpServerOptions options,
                                             HttpHandler handler) {
  return std::make_unique<BeastServer>(loop, std::move(options), std::move(handler));
}

}  // namespace kiln::virtual_rack
