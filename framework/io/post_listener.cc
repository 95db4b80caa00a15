#include "io/post_listener.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <map>
#include <optional>
#include <utility>

#include "base/keyed_hash.h"
#include "io/self_signed.h"

namespace kiln {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using beast::error_code;

constexpr std::size_t kSecretBytes = 32;
constexpr std::uint32_t kLongestHead = 16U << 10;
constexpr std::chrono::milliseconds kAfterNoDescriptor{200};

std::string hex_of(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

struct OpenPlace {
  Secret path;
  PostListener::OnPost on_post;
};

class Visit;

/// What connections share with the listener, and outlives it until the last of them is gone.
struct Common {
  explicit Common(const PostListenerOptions& asked) : options(asked) {}
  PostListenerOptions options;
  asio::ssl::context tls{asio::ssl::context::tls_server};
  std::map<int, OpenPlace> places;
  std::map<Visit*, std::weak_ptr<Visit>> visits;
  int last_place = 0;
  bool closed = false;

  /// Looks at all of them, so that the time it takes says nothing about the secret.
  PostListener::OnPost* find(std::string_view path) {
    PostListener::OnPost* found = nullptr;
    for (auto& [number, place] : places) {
      const std::string& secret = place.path.expose();
      const bool same =
          secret.size() == path.size() && CRYPTO_memcmp(secret.data(), path.data(), path.size()) == 0;
      if (same) found = &place.on_post;
    }
    return found;
  }
};

/// One connection. Lives in the callbacks it waits for.
class Visit final : public std::enable_shared_from_this<Visit> {
 public:
  Visit(std::shared_ptr<Common> common, tcp::socket socket)
      : common_(std::move(common)), stream_(std::move(socket), common_->tls) {}
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() { common_->visits.erase(this); }

  void begin() {
    common_->visits[this] = weak_from_this();
    beast::get_lowest_layer(stream_).expires_after(common_->options.handshake_within);
    stream_.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](error_code failed) {
      if (!failed) self->next(self->common_->options.request_within);
    });
  }
  void close() {
    error_code ignored;
    beast::get_lowest_layer(stream_).socket().close(ignored);
    beast::get_lowest_layer(stream_).cancel();
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  void next(Nanoseconds within) {
    if (common_->closed) return;
    parser_.emplace();
    parser_->header_limit(kLongestHead);
    parser_->body_limit(common_->options.most_bytes);
    beast::get_lowest_layer(stream_).expires_after(within);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code failed, std::size_t) { self->head(failed); });
  }

  void head(error_code failed) {
    if (common_->closed) return;
    if (failed) {
      refuse(failed);
      return;
    }
    const std::string_view target(parser_->get().target().data(), parser_->get().target().size());
    if (common_->find(target) == nullptr) {
      answer(http::status::not_found, false);
      return;
    }
    if (parser_->get().method() != http::verb::post) {
      answer(http::status::method_not_allowed, false);
      return;
    }
    beast::get_lowest_layer(stream_).expires_after(common_->options.request_within);
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      continue_.emplace();
      continue_->version(11);
      continue_->result(http::status::continue_);
      http::async_write(stream_, *continue_, [self = shared_from_this()](error_code lost, std::size_t) {
        if (!lost) self->read_body();
      });
      return;
    }
    read_body();
  }

  void read_body() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code failed, std::size_t) { self->body(failed); });
  }

  void body(error_code failed) {
    if (common_->closed) return;
    if (failed) {
      refuse(failed);
      return;
    }
    const auto& request = parser_->get();
    if (request.body().empty()) {
      answer(http::status::bad_request, request.keep_alive());
      return;
    }
    // Looked up anew: it may be gone by now, and calling it may close it.
    const std::string_view target(request.target().data(), request.target().size());
    PostListener::OnPost* place = common_->find(target);
    if (place == nullptr) {
      answer(http::status::not_found, false);
      return;
    }
    const PostListener::OnPost on_post = *place;
    const std::string text = request.body();
    const bool keep = request.keep_alive();
    answer(http::status::no_content, keep);
    on_post(text);
  }

  /// What was no request that can be read. Who has gone away or was too slow gets no answer.
  void refuse(error_code failed) {
    if (failed == http::error::body_limit) {
      answer(http::status::payload_too_large, false);
      return;
    }
    const bool gone = failed == http::error::end_of_stream || failed == http::error::partial_message;
    const bool of_http = failed.category() == http::make_error_code(http::error::bad_method).category();
    if (of_http && !gone) answer(http::status::bad_request, false);
  }

  void answer(http::status status, bool keep) {
    response_.emplace(status, 11);
    if (status == http::status::method_not_allowed) response_->set(http::field::allow, "POST");
    response_->set(http::field::server, "kiln");
    response_->keep_alive(keep);
    response_->prepare_payload();
    beast::get_lowest_layer(stream_).expires_after(common_->options.request_within);
    http::async_write(stream_, *response_, [self = shared_from_this(), keep](error_code failed, std::size_t) {
      if (failed) return;
      if (keep) {
        self->next(self->common_->options.idle);
      } else {
        self->stream_.async_shutdown([self](error_code) {});
      }
    });
  }

  std::shared_ptr<Common> common_;
  beast::ssl_stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response<http::empty_body>> continue_;
};

class HttpsPostListener final : public PostListener {
 public:
  HttpsPostListener(Loop& loop, std::shared_ptr<Common> common)
      : common_(std::move(common)), door_(std::make_shared<Door>(loop.native())) {}
  HttpsPostListener(const HttpsPostListener&) = delete;
  HttpsPostListener& operator=(const HttpsPostListener&) = delete;
  ~HttpsPostListener() override {
    common_->closed = true;
    common_->places.clear();
    error_code ignored;
    door_->acceptor.close(ignored);
    door_->pause.cancel();
    const auto visits = common_->visits;
    for (const auto& [key, visit] : visits) {
      if (const std::shared_ptr<Visit> open = visit.lock()) open->close();
    }
  }

  error_code listen(const tcp::endpoint& at) {
    error_code failed;
    door_->acceptor.open(at.protocol(), failed);
    if (!failed) door_->acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) door_->acceptor.bind(at, failed);
    if (!failed) door_->acceptor.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return failed;
    const tcp::endpoint bound = door_->acceptor.local_endpoint(failed);
    std::string host = common_->options.told_as.empty() ? common_->options.address : common_->options.told_as;
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    origin_ = fmt::format("https://{}:{}", host, bound.port());
    accept(door_, common_);
    return failed;
  }

  std::unique_ptr<PostListener::Place> open(OnPost on_post) override {
    const int number = ++common_->last_place;
    OpenPlace place{Secret("/" + hex_of(random_bytes(kSecretBytes))), std::move(on_post)};
    Secret url(origin_ + place.path.expose());
    common_->places.emplace(number, std::move(place));
    return std::make_unique<Opened>(common_, number, std::move(url));
  }

 private:
  struct Door {
    explicit Door(asio::io_context& io) : acceptor(io), pause(io) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  class Opened final : public PostListener::Place {
   public:
    Opened(std::shared_ptr<Common> common, int number, Secret url)
        : common_(std::move(common)), number_(number), url_(std::move(url)) {}
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    ~Opened() override { common_->places.erase(number_); }
    [[nodiscard]] Secret url() const override { return url_; }

   private:
    std::shared_ptr<Common> common_;
    int number_;
    Secret url_;
  };

  static void accept(const std::shared_ptr<Door>& door, const std::shared_ptr<Common>& common) {
    door->acceptor.async_accept([door, common](error_code failed, tcp::socket socket) {
      if (common->closed || failed == asio::error::operation_aborted) return;
      if (failed) {  // no descriptors left, most often
        door->pause.expires_after(kAfterNoDescriptor);
        door->pause.async_wait([door, common](error_code ended) {
          if (!ended && !common->closed) accept(door, common);
        });
        return;
      }
      // One too many is shown the door: its sender tries again.
      if (common->visits.size() < common->options.most_connections)
        std::make_shared<Visit>(common, std::move(socket))->begin();
      accept(door, common);
    });
  }

  std::shared_ptr<Common> common_;
  std::shared_ptr<Door> door_;
  std::string origin_;
};

error_code use_certificate(asio::ssl::context& tls, const PostListenerOptions& options,
                           std::string& trouble) {
  error_code failed;
  tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                  asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                  asio::ssl::context::no_tlsv1_1);
  // A key with a passphrase is none: nobody is asked.
  tls.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); },
                            failed);
  if (options.certificate_file.empty()) {
    const Result<OwnCertificate> own =
        make_self_signed(options.told_as.empty() ? options.address : options.told_as);
    if (!own) {
      trouble = own.error().message;
      return asio::error::invalid_argument;
    }
    tls.use_certificate_chain(asio::buffer(own->certificate_pem), failed);
    const std::string& key = own->key_pem.expose();
    if (!failed) tls.use_private_key(asio::buffer(key), asio::ssl::context::pem, failed);
    trouble = "the certificate that was made";
    return failed;
  }
  trouble = options.certificate_file;
  tls.use_certificate_chain_file(options.certificate_file, failed);
  if (failed) return failed;
  trouble = options.key_file;
  tls.use_private_key_file(options.key_file, asio::ssl::context::pem, failed);
  return failed;
}

}  // namespace

Result<std::shared_ptr<PostListener>> open_post_listener(Loop& loop, const PostListenerOptions& options) {
  error_code failed;
  const asio::ip::address address = asio::ip::make_address(options.address, failed);
  if (failed) {
    return Error("listener.address", fmt::format("'{}' is no numeric address to listen on", options.address),
                 "write the address of this machine on the network of the BMCs", Blame::operator_);
  }
  auto common = std::make_shared<Common>(options);
  std::string trouble;
  failed = use_certificate(common->tls, options, trouble);
  if (failed) {
    return Error("listener.certificate",
                 fmt::format("{} cannot be used for the listener of events: {}", trouble, failed.message()),
                 "name a PEM certificate and its key without a passphrase", Blame::operator_);
  }
  auto listener = std::make_shared<HttpsPostListener>(loop, std::move(common));
  failed = listener->listen({address, options.port});
  if (failed) {
    return Error(
        "listener.address",
        fmt::format("{} port {} cannot be listened on: {}", options.address, options.port, failed.message()),
        "choose an address of this machine and a free port, or 0 for any", Blame::operator_);
  }
  return std::shared_ptr<PostListener>(std::move(listener));
}

}  // namespace kiln
