#include "io/https_peer_for_test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <type_traits>

namespace kiln {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

template <class T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* value) const { Free(value); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509, X509_free>>;
using Memory = std::unique_ptr<BIO, Deleter<BIO, BIO_free_all>>;

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

Key read_key(const std::string& pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
}

Certificate read_certificate(const std::string& pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
}

void add_extension(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  if (extension == nullptr) throw std::runtime_error("X509V3_EXT_conf_nid");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCertificate::TestCertificate() { make(nullptr, Kind::good); }
TestCertificate::TestCertificate(const TestCertificate& issuer) { make(&issuer, Kind::good); }
TestCertificate TestCertificate::as_delivered() { return TestCertificate(Kind::as_delivered); }

void TestCertificate::make(const TestCertificate* issuer, Kind kind) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  std::array<unsigned char, 2> random{};
  RAND_bytes(random.data(), static_cast<int>(random.size()));
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1 + random[0] * 256 + random[1]);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  const std::string common = (issuer != nullptr ? "leaf " : "root ") + std::to_string(random[0]);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common.c_str()),
                             -1, -1, 0);
  const bool good = kind == Kind::good;
  if (good) add_extension(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1,DNS:bmc.test");
  if (issuer == nullptr) add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  const Key issuer_key = issuer != nullptr ? read_key(issuer->key_pem) : nullptr;
  const Certificate issuer_certificate =
      issuer != nullptr ? read_certificate(issuer->certificate_pem) : nullptr;
  X509_set_issuer_name(certificate.get(),
                       issuer != nullptr ? X509_get_subject_name(issuer_certificate.get()) : name);
  X509_sign(certificate.get(), issuer != nullptr ? issuer_key.get() : key.get(),
            good ? EVP_sha256() : EVP_sha1());

  const Memory key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  key_pem = text_of(key_text.get());
  const Memory certificate_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  certificate_pem = text_of(certificate_text.get());
}

std::string TestCertificate::pin_sha256() const {
  const Certificate certificate = read_certificate(certificate_pem);
  unsigned char* spki = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &spki);
  std::array<unsigned char, 32> digest{};
  EVP_Digest(spki, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(spki);
  std::array<unsigned char, 64> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {base64.begin(), base64.begin() + length};
}

PeerReply ok_reply(const std::string& body) {
  PeerReply reply;
  reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  return reply;
}

struct SilentListener::Impl {
  asio::io_context io{1};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};
SilentListener::SilentListener() : impl_(std::make_unique<Impl>()) {}
SilentListener::~SilentListener() = default;
std::uint16_t SilentListener::port() const { return impl_->acceptor.local_endpoint().port(); }

struct HttpsPeer::Impl {
  Impl(const TestCertificate* certificate, Handler on_request) : handler(std::move(on_request)) {
    if (certificate != nullptr) use(*certificate);
    port = acceptor.local_endpoint().port();
    asio::co_spawn(io, accept_all(), asio::detached);
    thread = std::thread([this] { io.run(); });
  }
  ~Impl() {
    io.stop();  // trap 7: a test's peer, with nothing behind it
    thread.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void use(const TestCertificate& certificate) {
    auto fresh = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    fresh->use_certificate(asio::buffer(certificate.certificate_pem), asio::ssl::context::pem);
    fresh->use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
    std::atomic_store(&tls, fresh);
  }

  awaitable<void> accept_all() {
    for (;;) {
      tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
      ++connections;
      socket.set_option(tcp::no_delay(true));
      const bool plain = std::atomic_load(&tls) == nullptr;
      awaitable<void> served = plain ? serve_plain(std::move(socket)) : serve_tls(std::move(socket));
      if (one_at_a_time) {
        co_await std::move(served);
      } else {
        asio::co_spawn(io, std::move(served), asio::detached);
      }
    }
  }

  awaitable<void> serve_tls(tcp::socket socket) {
    const std::shared_ptr<asio::ssl::context> context = std::atomic_load(&tls);
    asio::ssl::stream<tcp::socket> stream(std::move(socket), *context);
    try {
      co_await stream.async_handshake(asio::ssl::stream_base::server, use_awaitable);
      co_await serve(stream);
    } catch (const boost::system::system_error&) {  // the client left: what many tests are about
    }
    boost::system::error_code ignored;
    stream.next_layer().close(ignored);
  }

  awaitable<void> serve_plain(tcp::socket socket) {
    try {
      co_await serve(socket);
    } catch (const boost::system::system_error&) {
    }
  }

  template <class Stream>
  awaitable<void> serve(Stream& stream) {
    std::string buffer;
    for (;;) {
      PeerRequest request;
      if (buffer.empty()) {
        co_await asio::async_read(stream, asio::dynamic_buffer(buffer), asio::transfer_at_least(1),
                                  use_awaitable);
      }
      if (constexpr char kTlsRecord = 0x16;
          buffer.front() == kTlsRecord) {  // as servers do on their plain port
        co_await asio::async_write(stream, asio::buffer("HTTP/1.1 400 Bad Request\r\n\r\n", 28),
                                   use_awaitable);
        co_return;
      }
      const std::size_t head =
          co_await asio::async_read_until(stream, asio::dynamic_buffer(buffer), "\r\n\r\n", use_awaitable);
      request.head = buffer.substr(0, head);
      buffer.erase(0, head);
      request.method = request.head.substr(0, request.head.find(' '));
      const std::size_t path = request.method.size() + 1;
      request.path = request.head.substr(path, request.head.find(' ', path) - path);
      constexpr const char* kLength = "Content-Length: ";
      if (const std::size_t at = request.head.find(kLength); at != std::string::npos) {
        const std::size_t length =
            std::stoul(request.head.substr(at + std::char_traits<char>::length(kLength)));
        if (buffer.size() < length) {
          const std::size_t missing = length - buffer.size();
          co_await asio::async_read(stream, asio::dynamic_buffer(buffer), asio::transfer_exactly(missing),
                                    use_awaitable);
        }
        request.body = buffer.substr(0, length);
        buffer.erase(0, length);
      }
      ++requests;
      most = std::max(most.load(), ++handling);
      const PeerReply reply = handler(request);
      asio::steady_timer timer(io);
      while (requests < reply.until_requests) {
        timer.expires_after(std::chrono::milliseconds(5));
        co_await timer.async_wait(use_awaitable);
      }
      timer.expires_after(reply.hang ? std::chrono::hours(1) : std::chrono::milliseconds(reply.delay_ms));
      if (reply.hang || reply.delay_ms > 0) co_await timer.async_wait(use_awaitable);
      --handling;
      co_await send(stream, reply);
      if constexpr (!std::is_same_v<Stream, tcp::socket>) {
        if (reply.goodbye) co_await stream.async_shutdown(use_awaitable);
      }
      if (reply.close || reply.goodbye) co_return;
    }
  }

  template <class Stream>
  awaitable<void> send(Stream& stream, const PeerReply& reply) {
    const std::size_t all = reply.bytes.size();
    const std::size_t first = reply.drip_ms > 0 ? std::min(reply.at_once, all) : all;
    sent += co_await asio::async_write(stream, asio::buffer(reply.bytes.data(), first), use_awaitable);
    asio::steady_timer timer(io);
    for (std::size_t at = first; at < all; ++at) {
      sent += co_await asio::async_write(stream, asio::buffer(reply.bytes.data() + at, 1), use_awaitable);
      timer.expires_after(std::chrono::milliseconds(reply.drip_ms));
      co_await timer.async_wait(use_awaitable);
    }
    const std::size_t tail = std::min<std::size_t>(reply.bytes.size(), 1024);
    while (reply.endless)  // until the client leaves
      sent += co_await asio::async_write(
          stream, asio::buffer(reply.bytes.data() + reply.bytes.size() - tail, tail), use_awaitable);
  }

  asio::io_context io{1};
  std::shared_ptr<asio::ssl::context> tls;  // replaced by the test's thread
  std::atomic<bool> one_at_a_time{false};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  Handler handler;
  std::uint16_t port = 0;
  std::atomic<int> connections{0};
  std::atomic<int> requests{0};
  std::atomic<int> handling{0};
  std::atomic<int> most{0};
  std::atomic<std::size_t> sent{0};
  std::thread thread;
};

HttpsPeer::HttpsPeer(const TestCertificate& certificate, Handler handler)
    : impl_(std::make_unique<Impl>(&certificate, std::move(handler))) {}
HttpsPeer::HttpsPeer(Handler handler) : impl_(std::make_unique<Impl>(nullptr, std::move(handler))) {}
HttpsPeer::~HttpsPeer() = default;

std::uint16_t HttpsPeer::port() const { return impl_->port; }
std::string HttpsPeer::url(const std::string& path) const {
  return (std::atomic_load(&impl_->tls) ? "https" : "http") + std::string("://127.0.0.1:") +
         std::to_string(impl_->port) + path;
}
void HttpsPeer::use(const TestCertificate& certificate) { impl_->use(certificate); }
void HttpsPeer::serve_one_at_a_time() { impl_->one_at_a_time = true; }
std::size_t HttpsPeer::bytes_sent() const { return impl_->sent; }
int HttpsPeer::connections() const { return impl_->connections; }
int HttpsPeer::requests() const { return impl_->requests; }
int HttpsPeer::most_at_once() const { return impl_->most; }

}  // namespace kiln
