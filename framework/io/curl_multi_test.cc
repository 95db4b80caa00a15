// Connections that are kept and then closed by their peer, in any order with others whose sockets take over
// their numbers.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "io/curl_http.h"
#include "io/https_peer_for_test.h"
#include "io/loop.h"
#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

std::unique_ptr<HttpClient> client_of(CurlEngine& engine, const TestCertificate& certificate) {
  HttpOptions options;
  options.trust = {TlsTrust::Kind::pin, certificate.pin_sha256()};
  options.connect_timeout = 60s;
  options.request_timeout = 90s;
  return std::move(engine.client(std::move(options)).value());
}

awaitable<void> read_often(Ctx& ctx, HttpClient* client, std::string url, int* good) {
  for (int i = 0; i < 40; ++i) {
    HttpRequest request("GET", url);
    const Result<HttpResponse> answer = co_await client->send(ctx, std::move(request));
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().full());
    if (answer && answer->body == "fine") ++*good;
  }
}

awaitable<void> read_by_all(Ctx& ctx, std::vector<std::unique_ptr<HttpClient>>* clients, std::string url,
                            int* good) {
  Scope scope(ctx);
  for (const auto& each : *clients) {
    HttpClient* const client = each.get();
    for (int twice = 0; twice < 2; ++twice)
      scope.start("reader", [client, url, good](Ctx& own) { return read_often(own, client, url, good); });
  }
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
}

TEST(CurlMulti, ReadsGoOnWhateverBecomesOfTheConnectionsThatAreKept) {
  const TestCertificate certificate;
  std::atomic<int> answers = 0;
  HttpsPeer peer(certificate, [&answers](const PeerRequest&) {
    PeerReply reply = ok_reply("fine");
    const int number = ++answers;
    reply.goodbye = number % 5 == 0;
    reply.close = reply.goodbye || number % 7 == 0;
    return reply;
  });
  const auto loop = Loop::real();
  CurlEngine engine(*loop);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(client_of(engine, certificate));
  int good = 0;
  loop->run([&](Ctx& ctx) { return read_by_all(ctx, &clients, peer.url("/x"), &good); });
  EXPECT_EQ(good, 240);
  EXPECT_GT(peer.connections(), 20);
}

/// In virtual time a day passes at once, unless something is ready again and again.
awaitable<void> rest_for_a_day(Ctx& ctx, HttpClient* client, std::string url, Status* rested) {
  HttpRequest request("GET", url);
  const Result<HttpResponse> answer = co_await client->send(ctx, std::move(request));
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().full());
  std::this_thread::sleep_for(300ms);  // the peer's end of the connection, which is no program of ours
  *rested = co_await ctx.sleep_for(24h);
  HttpRequest again("GET", url);
  const Result<HttpResponse> later = co_await client->send(ctx, std::move(again));
  EXPECT_TRUE(later) << (later ? "" : later.error().full());
}

TEST(CurlMulti, AKeptConnectionThatItsPeerHasClosedKeepsTheLoopFromNothing) {
  const TestCertificate certificate;
  HttpsPeer peer(certificate, [](const PeerRequest&) {
    PeerReply reply = ok_reply("fine");
    reply.close = true;
    return reply;
  });
  const auto loop = Loop::simulated();
  CurlEngine engine(*loop);
  const std::unique_ptr<HttpClient> client = client_of(engine, certificate);
  Status rested = Error("test.unset", "no result");
  // A loop that spins would never come to the next day: it is told to stop.
  std::atomic<bool> over = false;
  Ctx* all = nullptr;
  std::thread watch([&over, &all, &loop] {
    for (int i = 0; i < 300 && !over; ++i) std::this_thread::sleep_for(100ms);
    if (over) return;
    loop->post([&all] { all->request_stop(StopReason::shutdown, "the loop spins"); });
  });
  loop->run([&](Ctx& ctx) {
    all = &ctx;
    return rest_for_a_day(ctx, client.get(), peer.url("/x"), &rested);
  });
  over = true;
  watch.join();
  EXPECT_TRUE(rested);
}

}  // namespace
}  // namespace kiln
