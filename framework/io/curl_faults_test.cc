// What curl alone would let pass: answers that end within their headers or contradict themselves, and a
// request that it sends a second time because a kept connection broke.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "io/curl_http.h"
#include "io/https_peer_for_test.h"
#include "io/loop.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class CurlFaults : public testing::Test {
 protected:
  CurlFaults() {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::pin, certificate_.pin_sha256()};
    options.connect_timeout = 60s;
    options.request_timeout = 90s;
    client_ = std::move(engine_.client(std::move(options)).value());
  }
  /// The next answer; those after it are good ones.
  Result<HttpResponse> ask(const std::string& method, PeerReply reply) {
    {
      const std::lock_guard lock(mutex_);
      next_ = std::move(reply);
    }
    return ask(method);
  }
  Result<HttpResponse> ask(const std::string& method) {
    HttpRequest request(method, peer_.url("/x"));
    request.max_body = 1000;
    Result<HttpResponse> out = Error("test.unset", "no result");
    loop_->run([&](Ctx& ctx) { return send(ctx, client_.get(), request, &out); });
    return out;
  }
  static PeerReply raw(const std::string& bytes) {
    PeerReply reply;
    reply.bytes = bytes;
    return reply;
  }
  [[nodiscard]] int requests() const { return peer_.requests(); }

 private:
  static boost::asio::awaitable<void> send(Ctx& ctx, HttpClient* client, HttpRequest request,
                                           Result<HttpResponse>* out) {
    *out = co_await client->send(ctx, std::move(request));
  }
  PeerReply answer() {
    const std::lock_guard lock(mutex_);
    return std::exchange(next_, std::nullopt).value_or(ok_reply("fine"));
  }
  std::mutex mutex_;  // the peer answers on a thread of its own
  std::optional<PeerReply> next_;
  TestCertificate certificate_;
  HttpsPeer peer_{certificate_, [this](const PeerRequest&) { return answer(); }};
  std::unique_ptr<Loop> loop_ = Loop::real();
  CurlEngine engine_{*loop_};
  std::unique_ptr<HttpClient> client_;
};

TEST_F(CurlFaults, AnAnswerThatEndsWithinItsHeadersIsNoAnswer) {
  for (const char* part : {"HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nETag: 1\r\n",
                           "HTTP/1.1 100 Continue\r\n\r\n"}) {
    for (const bool goodbye : {true, false}) {
      PeerReply cut = raw(part);
      cut.goodbye = goodbye;
      cut.close = true;
      const Result<HttpResponse> answer = ask("GET", cut);
      ASSERT_FALSE(answer) << part;
      EXPECT_EQ(answer.error().code, "http.connection_lost") << part;
    }
  }
}

TEST_F(CurlFaults, WhatChangesSomethingIsSentOnceReadsMayBeSentAgain) {
  PeerReply gone;
  gone.close = true;
  for (const char* method : {"POST", "PATCH"}) {
    ASSERT_TRUE(ask("GET"));  // so that there is a kept connection
    const int before = requests();
    const Result<HttpResponse> answer = ask(method, gone);
    ASSERT_FALSE(answer) << method;
    EXPECT_EQ(answer.error().code, "http.connection_lost");
    EXPECT_THAT(answer.error().message, HasSubstr("may have been carried out"));
    EXPECT_EQ(requests() - before, 1);
  }
  ASSERT_TRUE(ask("GET"));
  const int before = requests();
  EXPECT_TRUE(ask("GET", gone));
  EXPECT_EQ(requests() - before, 2);
}

TEST_F(CurlFaults, ALengthBeyondTheCapIsRefusedBeforeTheBodyComes) {
  EXPECT_EQ(ask("GET", raw("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")).error().code,
            "http.body_too_large");
  const Result<HttpResponse> head = ask("HEAD", raw("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"));
  EXPECT_TRUE(head) << "of a body that is not asked for";
}

TEST_F(CurlFaults, TwoLengthsAreRefusedTheSameTwiceIsNot) {
  const Result<HttpResponse> two =
      ask("GET", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nfine"));
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, "http.protocol");
  EXPECT_THAT(two.error().message, HasSubstr("Content-Length"));
  EXPECT_TRUE(ask("GET", raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\ncontent-length: 4\r\n\r\nfine")));
}

}  // namespace
}  // namespace kiln
