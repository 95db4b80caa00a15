// The listener of events over real TLS: what it takes, what it refuses, and that nobody holds it up.

#include "io/post_listener.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/curl_http.h"
#include "io/https_peer_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using boost::asio::ip::tcp;

std::uint16_t port_of(const std::string& url) {
  const std::size_t colon = url.rfind(':');
  return static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
}
std::string path_in(const std::string& url) { return url.substr(url.find('/', 8)); }

/// What a raw client is answered: everything until the server closes.
std::string raw(std::uint16_t port, const std::string& bytes) {
  boost::asio::io_context io;
  boost::asio::ssl::context tls(boost::asio::ssl::context::tls_client);
  boost::asio::ssl::stream<tcp::socket> stream(io, tls);
  boost::system::error_code failed;
  stream.next_layer().connect({boost::asio::ip::make_address("127.0.0.1"), port}, failed);
  stream.handshake(boost::asio::ssl::stream_base::client, failed);
  if (failed) return "no TLS: " + failed.message();
  boost::asio::write(stream, boost::asio::buffer(bytes), failed);
  std::string answer;
  std::string piece(4096, '\0');
  while (!failed) {
    const std::size_t got = stream.read_some(boost::asio::buffer(piece), failed);
    answer.append(piece, 0, got);
  }
  return answer;
}

class PostListenerTest : public testing::Test {
 protected:
  PostListenerTest() {
    options.request_within = 500ms;
    options.handshake_within = 500ms;
    options.idle = 500ms;
    options.most_bytes = 10'000;
  }
  void listen() {
    Result<std::shared_ptr<PostListener>> opened = open_post_listener(*loop, options);
    ASSERT_TRUE(opened) << opened.error().message;
    listener = std::move(*opened);
    place = listener->open([this](const std::string& body) { posts.push_back(body); });
    url = place->url().expose();
  }
  /// Runs the loop while `client` works on a thread of its own.
  template <class Client>
  void beside(Client client) {
    std::atomic<bool> done = false;
    std::thread thread([&] {
      client();
      done = true;
    });
    loop->run([&done](Ctx& ctx) { return wait_for(ctx, done); });
    thread.join();
  }
  static awaitable<void> wait_for(Ctx& ctx, std::atomic<bool>& done) {
    while (!done) {
      const Status waited = co_await ctx.sleep_for(2ms);
      if (!waited) co_return;
    }
  }
  std::string answered(const std::string& bytes) {
    std::string answer;
    beside([&] { answer = raw(port_of(url), bytes); });
    return answer.substr(0, answer.find("\r\n"));
  }
  std::string post(const std::string& path, const std::string& body, const std::string& more = {}) const {
    return "POST " + path +
           " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + more + "\r\n" + body;
  }

  std::unique_ptr<Loop> loop = Loop::real();
  PostListenerOptions options;
  std::shared_ptr<PostListener> listener;
  std::unique_ptr<PostListener::Place> place;
  std::string url;
  std::vector<std::string> posts;
};

TEST_F(PostListenerTest, WhatIsPostedArrivesWholeAndIsAnswered204) {
  listen();
  EXPECT_EQ(answered(post(path_in(url), R"({"Events":[]})")), "HTTP/1.1 204 No Content");
  ASSERT_EQ(posts.size(), 1U);
  EXPECT_EQ(posts[0], R"({"Events":[]})");
}

TEST_F(PostListenerTest, AConnectionMayPostAgainAndAgain) {
  listen();
  const std::string one = "POST " + path_in(url) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na";
  answered(one + one + one);
  EXPECT_EQ(posts.size(), 3U);
}

TEST_F(PostListenerTest, AChunkedBodyAndOneThatWaitsForItsContinueAreTaken) {
  listen();
  EXPECT_EQ(answered("POST " + path_in(url) +
                     " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
            "HTTP/1.1 204 No Content");
  EXPECT_EQ(answered(post(path_in(url), "cd", "Expect: 100-continue\r\n")), "HTTP/1.1 100 Continue");
  EXPECT_EQ(posts, (std::vector<std::string>{"ab", "cd"}));
}

TEST_F(PostListenerTest, WhoDoesNotKnowTheAddressLearnsNothing) {
  listen();
  const std::string path = path_in(url);
  for (std::string other : {std::string("/"), path + "0", path.substr(0, path.size() - 1),
                            std::string("/") + std::string(64, '0')})
    EXPECT_EQ(answered(post(other, "x")), "HTTP/1.1 404 Not Found") << other;
  EXPECT_EQ(answered("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 Not Found");
  EXPECT_TRUE(posts.empty());
}

TEST_F(PostListenerTest, TheAddressIsOf256BitsAndAnotherEachTime) {
  listen();
  const auto other = listener->open([](const std::string&) {});
  EXPECT_EQ(path_in(url).size(), 65U);
  EXPECT_NE(other->url().expose(), url);
}

TEST_F(PostListenerTest, OtherMethodsTooMuchAndNothingAreRefused) {
  listen();
  const std::string path = path_in(url);
  EXPECT_EQ(answered("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(answered("DELETE " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(answered(post(path, std::string(10'001, 'x'))), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(answered(post(path, "")), "HTTP/1.1 400 Bad Request");
  EXPECT_TRUE(posts.empty());
}

TEST_F(PostListenerTest, GarbageIsRefusedAndHarmsNobody) {
  listen();
  for (const std::string& bytes :
       {std::string("\0\x16\x03\x01garbage\r\n\r\n", 15), std::string("POST\r\n\r\n"),
        "POST / HTTP/1.1\r\n" + std::string(40'000, 'a') + ": b\r\n\r\n",
        std::string("HTTP/9.9 nonsense\r\n\r\n")}) {
    const std::string answer = answered(bytes);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4")) << answer;
  }
  EXPECT_EQ(answered(post(path_in(url), "x")), "HTTP/1.1 204 No Content");
}

TEST_F(PostListenerTest, WhoIsSlowIsClosedAndAnotherIsServedMeanwhile) {
  listen();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(answered("POST " + path_in(url) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab"), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  EXPECT_TRUE(posts.empty());
  EXPECT_EQ(answered(post(path_in(url), "x")), "HTTP/1.1 204 No Content");
}

TEST_F(PostListenerTest, OneConnectionTooManyIsClosed) {
  options.most_connections = 1;
  options.handshake_within = 5s;
  listen();
  std::string answer;
  beside([&] {
    boost::asio::io_context io;
    tcp::socket silent(io);
    silent.connect({boost::asio::ip::make_address("127.0.0.1"), port_of(url)});
    answer = raw(port_of(url), post(path_in(url), "x"));
  });
  EXPECT_TRUE(answer.starts_with("no TLS")) << answer;
  EXPECT_EQ(answered(post(path_in(url), "x")), "HTTP/1.1 204 No Content");
}

TEST_F(PostListenerTest, AClosedPlaceIsNoAddressAnyMore) {
  listen();
  const std::string was = url;
  place.reset();
  EXPECT_EQ(answered(post(path_in(was), "x")), "HTTP/1.1 404 Not Found");
}

TEST_F(PostListenerTest, APlaceMayOutliveTheListener) {
  listen();
  listener.reset();
  EXPECT_NE(answered(post(path_in(url), "x")), "HTTP/1.1 204 No Content");
  place.reset();
}

TEST_F(PostListenerTest, OurOwnClientPostsToIt) {
  listen();
  CurlEngine engine(*loop);
  HttpOptions http;
  http.trust.kind = TlsTrust::Kind::insecure;
  http.trust.value = "a certificate of our own";
  Result<std::unique_ptr<HttpClient>> client = engine.client(std::move(http));
  ASSERT_TRUE(client);
  int status = 0;
  const std::string to = url;
  HttpClient* door = client->get();
  struct Post {
    static awaitable<void> run(Ctx& ctx, HttpClient* door, std::string to, int* status) {
      HttpRequest request("POST", to);
      request.body = "{}";
      const Result<HttpResponse> answer = co_await door->send(ctx, std::move(request));
      *status = answer ? answer->status : -1;
    }
  };
  loop->run([&](Ctx& ctx) { return Post::run(ctx, door, to, &status); });
  EXPECT_EQ(status, 204);
}

TEST_F(PostListenerTest, AnAddressOrCertificateThatCannotBeUsedIsSaid) {
  options.address = "bmc.example";
  EXPECT_EQ(open_post_listener(*loop, options).error().code, "listener.address");
  options.address = "192.0.2.1";  // of no machine (RFC 5737)
  EXPECT_EQ(open_post_listener(*loop, options).error().code, "listener.address");
  options.address = "127.0.0.1";
  options.certificate_file = options.key_file = "/nowhere/certificate.pem";
  EXPECT_EQ(open_post_listener(*loop, options).error().code, "listener.certificate");
}

}  // namespace
}  // namespace kiln
