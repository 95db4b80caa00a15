#include "io/curl_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "io/https_peer_for_test.h"
#include "io/loop.h"
#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

/// What the peer of most tests does, by path.
PeerReply answer(const PeerRequest& request) {
  PeerReply reply;
  if (request.path == "/hang") {
    reply.hang = true;
  } else if (request.path == "/slow") {
    reply = ok_reply("late");
    reply.delay_ms = 100;
  } else if (request.path == "/together") {
    reply = ok_reply("all here");
    reply.until_requests = 300;
  } else if (request.path == "/thousand") {
    reply = ok_reply(std::string(1000, 'x'));
  } else if (request.path == "/endless") {
    reply.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 2000; ++i) reply.bytes += "400\r\n" + std::string(1024, 'x') + "\r\n";
    reply.close = true;
  } else if (request.path == "/truncated") {
    reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
    reply.close = true;
  } else if (request.path == "/nothing") {
    reply.close = true;
  } else if (request.path == "/garbage") {
    reply.bytes = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
    reply.close = true;
  } else if (request.path == "/headers") {
    reply.bytes = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 600; ++i)
      reply.bytes += "X-" + std::to_string(i) + ": " + std::string(1000, 'h') + "\r\n";
    reply.bytes += "Content-Length: 0\r\n\r\n";
  } else if (request.path == "/moved") {
    reply.bytes = "HTTP/1.1 308 Permanent Redirect\r\nLocation: /thousand\r\nContent-Length: 0\r\n\r\n";
  } else if (request.path == "/continue") {
    reply.bytes =
        "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 201 Created\r\nETag: \"7\"\r\nContent-Length: "
        "0\r\n\r\n";
  } else if (request.method == "HEAD") {
    reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  } else {
    reply = ok_reply(request.head + request.body);
  }
  return reply;
}

class CurlHttp : public testing::Test {
 protected:
  static const TestCertificate& certificate() {
    static const TestCertificate made;
    return made;
  }
  static HttpOptions pinned() {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::pin, certificate().pin_sha256()};
    options.connect_timeout = 60s;  // a loaded machine shakes hands slowly
    options.request_timeout = 90s;
    return options;
  }
  static HttpOptions insecure() {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::insecure, "a test"};
    return options;
  }
  HttpOptions by_ca(const TestCertificate& authority) {
    const std::string file = testing::TempDir() + "kiln-ca-" + std::to_string(files_.size()) + "-" +
                             std::to_string(::getpid()) + ".pem";
    std::ofstream(file) << authority.certificate_pem;
    files_.push_back(file);
    HttpOptions options;
    options.trust = {TlsTrust::Kind::certificate_authority, file};
    return options;
  }
  void TearDown() override {
    for (const std::string& file : files_) std::filesystem::remove(file);
  }

  static awaitable<void> exchange(HttpClient* client, Ctx& ctx, HttpRequest request,
                                  Result<HttpResponse>* out) {
    *out = co_await client->send(ctx, std::move(request));
  }
  /// One request on a fresh client.
  Result<HttpResponse> send(HttpOptions options, HttpRequest request) {
    Result<std::unique_ptr<HttpClient>> client = engine_.client(std::move(options));
    if (!client) return client.error();
    return send(**client, std::move(request));
  }
  Result<HttpResponse> send(HttpClient& client, HttpRequest request) {
    Result<HttpResponse> out = Error("test.unset", "no result");
    loop_->run([&](Ctx& ctx) { return exchange(&client, ctx, request, &out); });
    return out;
  }
  Result<HttpResponse> get(HttpOptions options, const std::string& url) {
    return send(std::move(options), HttpRequest("GET", url));
  }

  std::vector<std::string> files_;
  HttpsPeer peer_{certificate(), answer};
  std::unique_ptr<Loop> loop_ = Loop::real();
  CurlEngine engine_{*loop_};
};

TEST_F(CurlHttp, AHandleKeepsNothingOfTheExchangeBefore) {
  Result<std::unique_ptr<HttpClient>> client = engine_.client(pinned());
  ASSERT_TRUE(client);
  const auto sent = [&](const std::string& method, const std::string& body = {},
                        const std::string& user = {}) {
    HttpRequest request(method, peer_.url("/echo"));
    request.headers = {{"X-Method", method}};
    if (method == "PUT") request.headers.emplace_back("X-Only-Here", "1");
    request.body = body;
    request.user = user;
    if (!user.empty()) request.password = Secret("s3cret-word");
    const Result<HttpResponse> response = send(**client, std::move(request));
    EXPECT_TRUE(response) << method << (response ? "" : response.error().full());
    return response ? response->body : std::string();
  };
  const std::vector<std::string> all{"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "Basic"};
  for (const std::string& before : all) {
    const bool basic = before == "Basic";
    sent(basic ? "GET" : before, before.starts_with('P') ? "{\"of\":\"before\"}" : "", basic ? "admin" : "");
    const std::string read = sent("GET");
    EXPECT_TRUE(read.starts_with("GET /echo ")) << before << "\n" << read;
    for (const char* kept :
         {"before", "Authorization", "X-Only-Here", "Content-Length", "Expect", "Content-Type"})
      EXPECT_THAT(read, Not(HasSubstr(kept))) << before;
    EXPECT_EQ(sent("HEAD"), "") << before;
    EXPECT_TRUE(sent("DELETE").starts_with("DELETE /echo ")) << before;
  }
}

TEST_F(CurlHttp, ThePinnedKeyIsAccepted) {
  const Result<HttpResponse> response = get(pinned(), peer_.url("/thousand"));
  ASSERT_TRUE(response) << response.error().full();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body.size(), 1000U);
  EXPECT_EQ(response->header("content-length"), "1000");
  EXPECT_GT(response->received_ns, 0);
}

TEST_F(CurlHttp, AnotherKeyThanThePinnedIsRefused) {
  HttpOptions options;
  options.trust = {TlsTrust::Kind::pin, TestCertificate().pin_sha256()};
  const Result<HttpResponse> response = get(options, peer_.url("/thousand"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.tls_untrusted");
  EXPECT_THAT(response.error().message, HasSubstr("pinned"));
  EXPECT_EQ(peer_.requests(), 0) << "nothing may be sent to a peer that is not trusted";
}

TEST_F(CurlHttp, ACertificateOfTheFleetsAuthorityIsAccepted) {
  const TestCertificate authority;
  const HttpsPeer peer(TestCertificate(authority), answer);
  const Result<HttpResponse> response = get(by_ca(authority), peer.url("/thousand"));
  ASSERT_TRUE(response) << response.error().full();
}

TEST_F(CurlHttp, ACertificateOfAnotherAuthorityIsRefused) {
  const Result<HttpResponse> response = get(by_ca(TestCertificate()), peer_.url("/thousand"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.tls_untrusted");
  EXPECT_EQ(peer_.requests(), 0);
}

TEST_F(CurlHttp, ACertificateForAnotherNameIsRefused) {
  HttpOptions options = by_ca(certificate());
  options.address_override = "127.0.0.1";
  const std::string port = std::to_string(peer_.port());
  const Result<HttpResponse> wrong = get(options, "https://other.test:" + port + "/thousand");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "http.tls_untrusted");
  const Result<HttpResponse> right = get(options, "https://bmc.test:" + port + "/thousand");
  EXPECT_TRUE(right) << "the name is checked, the address comes from the override";
}

TEST_F(CurlHttp, ASelfSignedCertificateIsAcceptedOnlyWhenInsecureIsNamed) {
  const TestCertificate stranger;
  const HttpsPeer peer(stranger, answer);
  EXPECT_EQ(get(pinned(), peer.url("/")).error().code, "http.tls_untrusted");
  EXPECT_EQ(get(by_ca(certificate()), peer.url("/")).error().code, "http.tls_untrusted");
  EXPECT_TRUE(get(insecure(), peer.url("/")));
}

TEST_F(CurlHttp, PlainHttpNeedsInsecureToBeNamed) {
  const HttpsPeer plain(answer);
  EXPECT_EQ(get(pinned(), plain.url("/")).error().code, "http.tls_untrusted");
  EXPECT_EQ(plain.connections(), 0);
  EXPECT_TRUE(get(insecure(), plain.url("/")));
}

TEST_F(CurlHttp, APeerThatDoesNotSpeakTlsIsAClearError) {
  const HttpsPeer plain(answer);
  const std::string url = "https://127.0.0.1:" + std::to_string(plain.port()) + "/";
  const Result<HttpResponse> response = get(pinned(), url);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.tls");
}

TEST_F(CurlHttp, UnusableOptionsAreRefusedBeforeAnyConnection) {
  const auto refused = [this](const HttpOptions& options) {
    Result<std::unique_ptr<HttpClient>> client = engine_.client(options);
    return client ? std::string("accepted") : client.error().code;
  };
  HttpOptions options = pinned();
  options.trust.value = "not a pin";
  EXPECT_EQ(refused(options), "http.options");
  options.trust = {TlsTrust::Kind::pin, ""};
  EXPECT_EQ(refused(options), "http.options");
  options.trust = {TlsTrust::Kind::insecure, ""};
  EXPECT_EQ(refused(options), "http.options");
  options.trust = {TlsTrust::Kind::certificate_authority, "/nowhere/ca.pem"};
  EXPECT_EQ(refused(options), "http.options");
  options = pinned();
  options.max_concurrent = 0;
  EXPECT_EQ(refused(options), "http.options");
  options = pinned();
  options.address_override = "bmc.test";
  EXPECT_EQ(refused(options), "http.options");
}

TEST_F(CurlHttp, AFileThatIsNoCertificateIsNamed) {
  HttpOptions options = by_ca(certificate());
  std::ofstream(options.trust.value) << "this is not PEM\n";
  const Result<HttpResponse> response = get(options, peer_.url("/"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.options");
  EXPECT_THAT(response.error().message, HasSubstr(options.trust.value));
}

TEST_F(CurlHttp, BodiesAreCappedToTheByte) {
  HttpRequest exact("GET", peer_.url("/thousand"));
  exact.max_body = 1000;
  EXPECT_TRUE(send(pinned(), exact));
  exact.max_body = 999;
  EXPECT_EQ(send(pinned(), exact).error().code, "http.body_too_large");
  HttpOptions options = pinned();
  options.max_body = 64U * 1024U;
  const Result<HttpResponse> endless = get(options, peer_.url("/endless"));
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, "http.body_too_large");
  EXPECT_THAT(endless.error().message, HasSubstr("65536 bytes"));
}

TEST_F(CurlHttp, HeadersAreCappedToo) {
  EXPECT_EQ(get(pinned(), peer_.url("/headers")).error().code, "http.protocol");
}

TEST_F(CurlHttp, AHangingPeerEndsInATimeout) {
  HttpOptions options = pinned();
  options.request_timeout = 100ms;
  const auto before = std::chrono::steady_clock::now();
  const Result<HttpResponse> response = get(options, peer_.url("/hang"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.timeout");
  EXPECT_THAT(response.error().message, HasSubstr("100ms"));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 100ms);
}

TEST_F(CurlHttp, ARequestMayHaveItsOwnTimeout) {
  HttpRequest request("GET", peer_.url("/slow"));
  request.timeout = 10ms;
  EXPECT_EQ(send(pinned(), request).error().code, "http.timeout");
  request.timeout = 10s;
  EXPECT_TRUE(send(pinned(), request));
}

TEST_F(CurlHttp, APeerThatNeverShakesHandsEndsInATimeout) {
  const SilentListener silent;
  HttpOptions options = pinned();
  options.connect_timeout = 100ms;
  const Result<HttpResponse> response =
      get(options, "https://127.0.0.1:" + std::to_string(silent.port()) + "/");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.timeout");
  EXPECT_THAT(response.error().message, HasSubstr("no connection within 100ms"));
}

TEST_F(CurlHttp, ARefusedConnectionSaysSo) {
  std::uint16_t port = 0;
  { port = HttpsPeer(answer).port(); }
  const Result<HttpResponse> response =
      get(pinned(), "https://127.0.0.1:" + std::to_string(port) + "/redfish/v1");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.connect");
  EXPECT_THAT(response.error().message, HasSubstr("/redfish/v1"));
  EXPECT_FALSE(response.error().action.empty());
}

TEST_F(CurlHttp, AnUnknownHostSaysSo) {
  EXPECT_EQ(get(pinned(), "https://bmc.invalid/").error().code, "http.resolve");
}

TEST_F(CurlHttp, BrokenAnswersAreErrorsNotResponses) {
  EXPECT_EQ(get(pinned(), peer_.url("/truncated")).error().code, "http.connection_lost");
  EXPECT_EQ(get(pinned(), peer_.url("/nothing")).error().code, "http.connection_lost");
  EXPECT_EQ(get(pinned(), peer_.url("/garbage")).error().code, "http.protocol");
}

TEST_F(CurlHttp, RedirectsAreReturnedNotFollowed) {
  const Result<HttpResponse> response = get(pinned(), peer_.url("/moved"));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 308);
  EXPECT_EQ(response->header("location"), "/thousand");
  EXPECT_EQ(peer_.requests(), 1);
}

TEST_F(CurlHttp, OnlyTheFinalAnswersHeadersAreKept) {
  const Result<HttpResponse> response = get(pinned(), peer_.url("/continue"));
  ASSERT_TRUE(response) << response.error().full();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->header("ETag"), "\"7\"");
  EXPECT_EQ(response->header("X-Early"), std::nullopt);
}

TEST_F(CurlHttp, EveryMethodArrivesWithItsBodyAndHeaders) {
  for (const std::string method : {"POST", "PATCH", "PUT", "DELETE"}) {
    HttpRequest request(method, peer_.url("/echo?x=1"));
    request.headers = {{"Content-Type", "application/json"}, {"If-Match", "\"7\""}};
    request.body = R"({"ResetType":"On"})";
    const Result<HttpResponse> response = send(pinned(), request);
    ASSERT_TRUE(response) << response.error().full();
    EXPECT_THAT(response->body, testing::StartsWith(method + " /echo?x=1 HTTP/1.1\r\n"));
    EXPECT_THAT(response->body, HasSubstr("\r\nContent-Type: application/json\r\n"));
    EXPECT_THAT(response->body, HasSubstr("\r\nIf-Match: \"7\"\r\n"));
    EXPECT_THAT(response->body, Not(HasSubstr("Expect:")));
    EXPECT_THAT(response->body, testing::EndsWith(request.body));
  }
  const Result<HttpResponse> empty = send(pinned(), HttpRequest("POST", peer_.url("/echo")));
  EXPECT_THAT(empty->body, HasSubstr("\r\nContent-Length: 0\r\n"));
  const Result<HttpResponse> head = send(pinned(), HttpRequest("HEAD", peer_.url("/echo")));
  ASSERT_TRUE(head) << head.error().full();
  EXPECT_EQ(head->body, "");
}

TEST_F(CurlHttp, BasicCredentialsTravelInTheirHeaderAndNowhereElse) {
  HttpRequest request("GET", peer_.url("/echo"));
  request.user = "admin";
  request.password = Secret("s3cret-word");
  const Result<HttpResponse> response = send(pinned(), request);
  ASSERT_TRUE(response);
  EXPECT_THAT(response->body, HasSubstr("Authorization: Basic YWRtaW46czNjcmV0LXdvcmQ="));
  const Result<HttpResponse> later = send(pinned(), HttpRequest("GET", peer_.url("/echo")));
  EXPECT_THAT(later->body, Not(HasSubstr("Authorization"))) << "a reused handle remembers nobody";

  const Result<HttpResponse> in_url =
      get(pinned(), "https://admin:s3cret-word@127.0.0.1:" + std::to_string(peer_.port()) + "/");
  ASSERT_FALSE(in_url);
  EXPECT_EQ(in_url.error().code, "http.request");
  EXPECT_THAT(in_url.error().full(), Not(HasSubstr("s3cret")));
}

TEST_F(CurlHttp, InjectedLinesAreRefused) {
  HttpRequest request("GET", peer_.url("/echo"));
  request.headers = {{"X-Note", "a\r\nX-Evil: b"}};
  EXPECT_EQ(send(pinned(), request).error().code, "http.request");
  EXPECT_EQ(send(pinned(), HttpRequest("GET /x HTTP/1.1\r\nX:", peer_.url("/"))).error().code,
            "http.request");
  EXPECT_EQ(get(pinned(), "https://127.0.0.1/\r\nX").error().code, "http.request");
  EXPECT_EQ(get(insecure(), "file:///etc/passwd").error().code, "http.request");
}

TEST_F(CurlHttp, TheEnvironmentsProxyIsIgnored) {
  ::setenv("https_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  const Result<HttpResponse> response = get(pinned(), peer_.url("/"));
  ::unsetenv("https_proxy");
  ::unsetenv("ALL_PROXY");
  EXPECT_TRUE(response);
}

awaitable<void> fetch_in_turn(HttpClient* client, Ctx& ctx, std::string url, int times) {
  for (int i = 0; i < times; ++i) {
    HttpRequest request("GET", url);
    Result<HttpResponse> response = co_await client->send(ctx, std::move(request));
    EXPECT_TRUE(response) << response.error().full();
  }
}

TEST_F(CurlHttp, OneConnectionServesManyRequests) {
  Result<std::unique_ptr<HttpClient>> client = engine_.client(pinned());
  ASSERT_TRUE(client);
  const std::string url = peer_.url("/thousand");
  loop_->run([&](Ctx& ctx) { return fetch_in_turn(client->get(), ctx, url, 50); });
  EXPECT_EQ(peer_.requests(), 50);
  EXPECT_EQ(peer_.connections(), 1);
}

awaitable<void> fetch_all_at_once(std::vector<std::unique_ptr<HttpClient>>& clients, Ctx& ctx,
                                  std::string url, int each) {
  Scope scope(ctx);
  for (const auto& client : clients) {
    for (int i = 0; i < each; ++i) {
      scope.start("get", [&client, url](Ctx& task) { return fetch_in_turn(client.get(), task, url, 1); });
    }
  }
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
}

TEST_F(CurlHttp, NoMoreRequestsAtOnceThanThePeerIsAllowed) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  clients.push_back(std::move(engine_.client(pinned()).value()));
  const std::string url = peer_.url("/slow");
  loop_->run([&](Ctx& ctx) { return fetch_all_at_once(clients, ctx, url, 10); });
  EXPECT_EQ(peer_.requests(), 10);
  EXPECT_EQ(peer_.most_at_once(), 2);
  EXPECT_EQ(peer_.connections(), 2);
}

TEST_F(CurlHttp, ThreeHundredPeersAreServedAtOnce) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::move(engine_.client(pinned()).value()));
  const std::string url = peer_.url("/together");  // nobody is answered before all have asked
  loop_->run([&](Ctx& ctx) { return fetch_all_at_once(clients, ctx, url, 1); });
  EXPECT_EQ(peer_.requests(), 300);
  loop_->run([&](Ctx& ctx) { return fetch_all_at_once(clients, ctx, url, 1); });
  EXPECT_EQ(peer_.connections(), 300) << "the second round reuses every connection";
}

awaitable<void> all_stopped(std::vector<std::unique_ptr<HttpClient>>& clients, Ctx& ctx, std::string url,
                            int& stopped) {
  Scope scope(ctx);
  for (const auto& client : clients) {
    scope.start("hang", [&client, url, &stopped](Ctx& task) -> awaitable<void> {
      HttpRequest request("GET", url);
      Result<HttpResponse> response = co_await client->send(task, std::move(request));
      EXPECT_FALSE(response);
      if (!response && response.error().code == "ctx.stopped") ++stopped;
    });
  }
  const Status waited = co_await ctx.sleep_for(100ms);
  EXPECT_TRUE(waited);
  const Status joined = co_await scope.stop_and_join(StopReason::interlock, "leak");
  EXPECT_TRUE(joined);
}

TEST_F(CurlHttp, AStopEndsRequestsInFlightAndTheClientLivesOn) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(std::move(engine_.client(pinned()).value()));
  int stopped = 0;
  const std::string url = peer_.url("/hang");
  loop_->run([&](Ctx& ctx) { return all_stopped(clients, ctx, url, stopped); });
  EXPECT_EQ(stopped, 100);
  const std::string good = peer_.url("/thousand");
  loop_->run([&](Ctx& ctx) { return fetch_all_at_once(clients, ctx, good, 2); });
}

awaitable<void> deadlines(HttpClient* client, Ctx& ctx, std::string url) {
  Ctx hasty = ctx.child_within("C01", 500ms);
  HttpRequest request("GET", url);
  Result<HttpResponse> response = co_await client->send(hasty, std::move(request));
  EXPECT_FALSE(response);
  EXPECT_EQ(response.error().code, "ctx.deadline");
  HttpRequest again("GET", url);
  Result<HttpResponse> refused = co_await client->send(hasty, std::move(again));
  EXPECT_EQ(refused.error().code, "ctx.deadline");
}

TEST_F(CurlHttp, TheDeadlineOfTheTaskEndsARequest) {
  Result<std::unique_ptr<HttpClient>> client = engine_.client(pinned());
  const std::string url = peer_.url("/hang");
  loop_->run([&](Ctx& ctx) { return deadlines(client->get(), ctx, url); });
  EXPECT_EQ(peer_.requests(), 1);
}

TEST(CurlHttpOnSimulatedTime, TimeStandsStillWhileARealPeerAnswers) {
  const TestCertificate certificate;
  const HttpsPeer peer(certificate, answer);
  const auto loop = Loop::simulated();
  CurlEngine engine(*loop);
  HttpOptions options;
  options.trust = {TlsTrust::Kind::pin, certificate.pin_sha256()};
  Result<std::unique_ptr<HttpClient>> client = engine.client(options);
  ASSERT_TRUE(client);
  const std::int64_t before = loop->clock().now().monotonic_ns;
  const std::string url = peer.url("/slow");
  loop->run([&](Ctx& ctx) { return fetch_in_turn(client->get(), ctx, url, 3); });
  EXPECT_EQ(loop->clock().now().monotonic_ns, before);
}

TEST(HttpResponse, HeadersAreFoundWhateverTheirCase) {
  HttpResponse response;
  response.headers = {{"X-Auth-Token", "1"}, {"x-auth-token", "2"}};
  EXPECT_EQ(response.header("x-AUTH-token"), "1");
  EXPECT_EQ(response.header("Location"), std::nullopt);
}

}  // namespace
}  // namespace kiln
