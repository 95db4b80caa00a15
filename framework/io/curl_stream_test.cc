// Answers without end over real TLS: what comes is told as it comes, and every way such a stream can end is
// told apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/curl_http.h"
#include "io/https_peer_for_test.h"
#include "io/loop.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::HasSubstr;

PeerReply stream_answer(const PeerRequest& request) {
  PeerReply reply;
  if (request.path == "/events") {
    reply.bytes =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: "
        "1\n\n\r\n";
  } else if (request.path == "/ends") {
    reply.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n";
  } else if (request.path == "/breaks") {
    reply.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 3\n\n\r\n";
    reply.close = true;
  } else {
    reply.bytes = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy";
  }
  return reply;
}

class CurlStream : public testing::Test {
 protected:
  awaitable<void> listen(Ctx& ctx, std::string path, Nanoseconds budget) {
    Ctx limited = ctx.child_within("stream", budget);
    HttpRequest request("GET", peer_.url(path));
    response = co_await client_->stream(limited, std::move(request),
                                        [this](const std::string& piece) { heard += piece; });
  }
  void run(const std::string& path, Nanoseconds budget = 60s) {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::pin, certificate_.pin_sha256()};
    options.connect_timeout = 60s;  // a loaded machine shakes hands slowly
    options.request_timeout = 1s;   // which no stream has
    Result<std::unique_ptr<HttpClient>> made = engine_.client(std::move(options));
    ASSERT_TRUE(made);
    client_ = std::move(*made);
    loop_->run([&](Ctx& ctx) { return listen(ctx, path, budget); });
  }

  TestCertificate certificate_;
  HttpsPeer peer_{certificate_, stream_answer};
  std::unique_ptr<Loop> loop_ = Loop::real();
  CurlEngine engine_{*loop_};
  std::unique_ptr<HttpClient> client_;
  Result<HttpResponse> response = Error("test.unset", "");
  std::string heard;
};

TEST_F(CurlStream, WhatComesIsToldAtOnceAndTheWaitEndsByItsOwnDeadlineOnly) {
  run("/events", 4s);
  EXPECT_EQ(response.error().code, "ctx.deadline");
  EXPECT_EQ(heard, "data: 1\n\n");
}

TEST_F(CurlStream, ThePeersEndIsAResponse) {
  run("/ends");
  ASSERT_TRUE(response) << response.error().full();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(heard, "data: 2\n\n");
}

TEST_F(CurlStream, AConnectionThatBreaksIsAnError) {
  run("/breaks");
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "http.connection_lost");
  EXPECT_EQ(heard, "data: 3\n\n");
}

TEST_F(CurlStream, ARefusalIsAResponseWithItsBody) {
  run("/other");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->body, "busy");
  EXPECT_EQ(response->header("Retry-After"), "7");
  EXPECT_EQ(heard, "");
}

}  // namespace
}  // namespace kiln
