// HTTPS by way of a real sshd: what passes, what is verified end to end, and which hop is blamed.
#include "io/ssh_jump.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libssh/libssh.h>
#include <poll.h>

#include <filesystem>

#include "io/curl_http.h"
#include "io/https_peer_for_test.h"
#include "io/loop.h"
#include "io/scope.h"
#include "io/sshd_for_test.h"

namespace {

/// While it is there, every second call that finds the jump host's answer still to come returns only when the
/// answer has: what then takes it in is whatever the stream calls next.
struct AnswerComesAfterTheCall {
  AnswerComesAfterTheCall() { active = true; }
  AnswerComesAfterTheCall(const AnswerComesAfterTheCall&) = delete;
  AnswerComesAfterTheCall& operator=(const AnswerComesAfterTheCall&) = delete;
  ~AnswerComesAfterTheCall() { active = false; }
  static bool active;
  static int calls, waited;
};
bool AnswerComesAfterTheCall::active = false;
int AnswerComesAfterTheCall::calls = 0;
int AnswerComesAfterTheCall::waited = 0;

}  // namespace

// Stands before libssh's own of this name, in this program.
extern "C" int ssh_channel_open_forward(ssh_channel channel, const char* host, int port, const char* source,
                                        int source_port) {
  using Call = int (*)(ssh_channel, const char*, int, const char*, int);
  static const auto libssh = reinterpret_cast<Call>(dlsym(RTLD_NEXT, "ssh_channel_open_forward"));  // NOLINT
  const int code = libssh(channel, host, port, source, source_port);
  if (code != SSH_AGAIN || !AnswerComesAfterTheCall::active || ++AnswerComesAfterTheCall::calls % 2 != 0)
    return code;
  pollfd answer{ssh_get_fd(ssh_channel_get_session(channel)), POLLIN, 0};
  constexpr int kMilliseconds = 10'000;
  if (::poll(&answer, 1, kMilliseconds) == 1) ++AnswerComesAfterTheCall::waited;
  return code;
}

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::HasSubstr;

constexpr std::size_t kLarge = 12U << 20U;

std::string large_text() {
  std::string text;
  for (std::size_t i = 0; text.size() < kLarge; ++i) text += std::to_string(i) + ",";
  return text;
}

PeerReply reply_behind_jump(const PeerRequest& request) {
  PeerReply reply = ok_reply("{}");
  if (request.path == "/large") reply = ok_reply(large_text());
  if (request.path == "/echo") reply = ok_reply(request.body);
  if (request.path == "/hangs") reply.hang = true;
  if (request.path == "/once") {
    reply.bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    reply.goodbye = true;
  }
  if (request.path == "/breaks") {
    reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    reply.close = true;
  }
  if (request.path == "/events") {
    reply.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
  }
  return reply;
}

class SshJumpTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists("/usr/sbin/sshd")) << "the openssh-server package is needed";
  }

  std::shared_ptr<SshJump> jump_by(const SshOptions& options) {
    return make_ssh_jump(*loop_, handshakes_, options);
  }
  std::unique_ptr<HttpClient> client_by(std::shared_ptr<SshJump> jump, std::string pin = {}) {
    HttpOptions options;
    options.trust = {TlsTrust::Kind::pin, pin.empty() ? certificate_.pin_sha256() : pin};
    options.connect_timeout = 60s;  // a loaded machine shakes hands slowly
    options.request_timeout = 60s;
    options.max_concurrent = 16;
    options.jump = std::move(jump);
    Result<std::unique_ptr<HttpClient>> made = engine_.client(std::move(options));
    EXPECT_TRUE(made) << made.error().full();
    return std::move(*made);
  }
  static awaitable<void> once(Ctx& ctx, HttpClient& client, HttpRequest request, Nanoseconds budget,
                              Result<HttpResponse>& out) {
    const Ctx limited = ctx.child_within("test", budget);
    out = co_await client.send(limited, std::move(request));
  }
  Result<HttpResponse> send(HttpClient& client, const HttpRequest& request, Nanoseconds budget = 120s) {
    Result<HttpResponse> out = Error("test.unset", "");
    loop_->run([&](Ctx& ctx) { return once(ctx, client, request, budget, out); });
    return out;
  }
  Result<HttpResponse> get(HttpClient& client, const std::string& path) {
    return send(client, HttpRequest("GET", peer_.url(path)));
  }

  TestCertificate certificate_;
  HttpsPeer peer_{certificate_, reply_behind_jump};
  std::unique_ptr<Loop> loop_ = Loop::real();
  Pool handshakes_{"ssh handshakes", 16};
  CurlEngine engine_{*loop_};
};

TEST_F(SshJumpTest, ARequestPassesAndTheConnectionIsKept) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  for (int i = 0; i < 3; ++i) {
    const Result<HttpResponse> answer = get(*client, "/");
    ASSERT_TRUE(answer) << answer.error().full();
    EXPECT_EQ(answer->body, "{}");
  }
  EXPECT_EQ(peer_.connections(), 1);
}

TEST_F(SshJumpTest, AConnectionThatIsNotKeptIsMadeAnewUnderTheSameNumber) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  for (int i = 0; i < 6; ++i) {
    const Result<HttpResponse> answer = send(*client, HttpRequest("GET", peer_.url("/once")), 20s);
    ASSERT_TRUE(answer) << answer.error().full();
    EXPECT_EQ(answer->body, "{}");
  }
  EXPECT_EQ(peer_.connections(), 6);
}

TEST_F(SshJumpTest, AnAnswerThatComesWhileTheStreamIsAtWorkIsNotMissed) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  const AnswerComesAfterTheCall late;
  for (int i = 0; i < 5; ++i) {
    const Result<HttpResponse> answer = send(*client, HttpRequest("GET", peer_.url("/once")), 10s);
    ASSERT_TRUE(answer) << answer.error().full();
  }
  EXPECT_GT(AnswerComesAfterTheCall::waited, 0);
}

TEST_F(SshJumpTest, TheCertificateIsVerifiedEndToEnd) {
  const Sshd sshd;
  const TestCertificate other;
  const auto client = client_by(jump_by(sshd.options()), other.pin_sha256());
  const Result<HttpResponse> answer = get(*client, "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "http.tls_untrusted");
  EXPECT_EQ(peer_.requests(), 0) << "nothing was sent to whom nobody trusts";
}

TEST_F(SshJumpTest, LargeBodiesPassBothWays) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  const Result<HttpResponse> down = get(*client, "/large");
  ASSERT_TRUE(down) << down.error().full();
  EXPECT_TRUE(down->body == large_text());
  HttpRequest upload("POST", peer_.url("/echo"));
  upload.body = large_text();
  const Result<HttpResponse> up = send(*client, upload);
  ASSERT_TRUE(up) << up.error().full();
  EXPECT_TRUE(up->body == upload.body);
}

TEST_F(SshJumpTest, ManyShareOneLogin) {
  const Sshd sshd;
  const auto jump = jump_by(sshd.options());
  const auto client = client_by(jump);
  std::vector<Result<HttpResponse>> answers(24, Error("test.unset", ""));
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    Scope scope(ctx);
    for (Result<HttpResponse>& answer : answers) {
      HttpRequest request("GET", peer_.url("/"));
      scope.start("get", [&client, &answer, request](Ctx& task) {
        return once(task, *client, request, 120s, answer);
      });
    }
    const Status joined = co_await scope.join();
    EXPECT_TRUE(joined);
  });
  for (const Result<HttpResponse>& answer : answers) EXPECT_TRUE(answer) << answer.error().full();
}

TEST_F(SshJumpTest, TheSameAddressByAnotherWayIsAnotherPeer) {
  const Sshd sshd;
  const auto first = client_by(jump_by(sshd.options()));
  const auto second = client_by(jump_by(sshd.options()));
  const auto direct = client_by(nullptr);
  for (HttpClient* client : {first.get(), second.get(), direct.get(), first.get(), second.get()}) {
    const Result<HttpResponse> it = get(*client, "/");
    ASSERT_TRUE(it) << it.error().full();
  }
  EXPECT_EQ(peer_.connections(), 3) << "a connection of one way must never be used for another";
}

TEST_F(SshJumpTest, AnotherHostKeyIsRefusedBeforeAnythingIsSent) {
  const Sshd sshd;
  SshOptions options = sshd.options();
  options.host_key = sshd.public_key("stranger_ed25519");
  const auto client = client_by(jump_by(options));
  const Result<HttpResponse> answer = get(*client, "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "jump.host_key");
  EXPECT_THAT(answer.error().message, HasSubstr("jump host"));
  EXPECT_EQ(peer_.connections(), 0);
}

TEST_F(SshJumpTest, ARefusedLoginIsTheJumpHosts) {
  const Sshd sshd;
  SshOptions options = sshd.options();
  options.key_file = sshd.folder() / "stranger_ed25519";
  const auto client = client_by(jump_by(options));
  EXPECT_EQ(get(*client, "/").error().code, "jump.login");
}

TEST_F(SshJumpTest, AJumpHostThatIsNotThereIsNamed) {
  SshOptions options;
  {
    const Sshd sshd;
    options = sshd.options();
    options.key_file.clear();
  }
  const auto client = client_by(jump_by(options));
  const Result<HttpResponse> answer = get(*client, "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "jump.connect");
  EXPECT_THAT(answer.error().message, HasSubstr("the jump host: "));
}

TEST_F(SshJumpTest, AJumpHostThatForbidsForwardingIsTold) {
  const Sshd sshd(0, "AllowTcpForwarding no\n");
  const auto client = client_by(jump_by(sshd.options()));
  const Result<HttpResponse> answer = get(*client, "/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "jump.refused");
  EXPECT_THAT(answer.error().message, HasSubstr("forbids"));
}

TEST_F(SshJumpTest, NobodyBehindTheJumpHostIsNotTheJumpHostsFault) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  const std::uint16_t nobody = free_port();
  const Result<HttpResponse> answer =
      send(*client, HttpRequest("GET", "https://127.0.0.1:" + std::to_string(nobody) + "/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "jump.no_connection");
  EXPECT_TRUE(get(*client, "/")) << "and the way to others is as good as before";
}

TEST_F(SshJumpTest, ABmcThatBreaksOffIsNotTheJumpHosts) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  const Result<HttpResponse> answer = get(*client, "/breaks");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "http.connection_lost");
  EXPECT_THAT(answer.error().message, HasSubstr("by way of the jump host"));
}

TEST_F(SshJumpTest, AJumpHostThatDiesWithinARequestIsNamedAndComesBack) {
  Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  {
    const Result<HttpResponse> it = get(*client, "/");
    ASSERT_TRUE(it) << it.error().full();
  }
  std::thread cutter([&] {
    for (int i = 0; i < 2000 && peer_.requests() < 2; ++i) std::this_thread::sleep_for(5ms);
    sshd.cut();
  });
  const Result<HttpResponse> answer = get(*client, "/hangs");
  cutter.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "jump.lost") << answer.error().full();
  EXPECT_THAT(answer.error().message, HasSubstr("jump host"));
  sshd.start();
  const Result<HttpResponse> again = get(*client, "/");
  EXPECT_TRUE(again) << again.error().full();
}

TEST_F(SshJumpTest, ARequestEndsByItsDeadline) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  {
    const Result<HttpResponse> it = get(*client, "/");
    ASSERT_TRUE(it) << it.error().full();
  }
  const Result<HttpResponse> answer = send(*client, HttpRequest("GET", peer_.url("/hangs")), 500ms);
  EXPECT_EQ(answer.error().code, "ctx.deadline");
  {
    const Result<HttpResponse> it = get(*client, "/");
    EXPECT_TRUE(it) << it.error().full();
  }
}

TEST_F(SshJumpTest, AHalfDeadConnectionIsNotAskedASecondTime) {
  Sshd sshd;
  const auto jump = jump_by(sshd.options());
  const auto client = client_by(jump);
  const auto other = client_by(jump);
  {
    const Result<HttpResponse> it = get(*client, "/");
    ASSERT_TRUE(it) << it.error().full();
  }
  ASSERT_TRUE(get(*other, "/"));
  sshd.freeze();
  HttpRequest request("GET", peer_.url("/"));
  request.timeout = 2s;
  const Result<HttpResponse> late = send(*client, request);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "http.timeout") << late.error().full();
  EXPECT_TRUE(get(*client, "/")) << "by a login of its own";
  EXPECT_TRUE(get(*other, "/")) << "and nobody uses what was kept of the old one";

  sshd.freeze();
  const Result<HttpResponse> ended = send(*client, HttpRequest("GET", peer_.url("/")), 2s);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "ctx.deadline");
  {
    const Result<HttpResponse> it = get(*client, "/");
    EXPECT_TRUE(it) << it.error().full();
  }
}

TEST_F(SshJumpTest, ASlowDeviceIsNoReasonToLogInAnewWhereOthersAnswer) {
  const Sshd sshd;
  const auto jump = jump_by(sshd.options());
  const auto slow = client_by(jump);
  const auto well = client_by(jump);
  ASSERT_TRUE(get(*slow, "/"));
  const std::uint32_t number = jump->number();
  Result<HttpResponse> late = Error("test.unset", "");
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    Scope scope(ctx);
    HttpRequest hangs("GET", peer_.url("/hangs"));
    hangs.timeout = 3s;
    scope.start("slow", [&slow, &late, hangs](Ctx& task) { return once(task, *slow, hangs, 120s, late); });
    for (int i = 0; i < 30; ++i) {
      Result<HttpResponse> answer = Error("test.unset", "");
      HttpRequest request("GET", peer_.url("/"));
      co_await once(ctx, *well, std::move(request), 120s, answer);
      EXPECT_TRUE(answer);
      const Status waited = co_await ctx.sleep_for(100ms);
      EXPECT_TRUE(waited);
    }
    const Status joined = co_await scope.join();
    EXPECT_TRUE(joined);
  });
  EXPECT_EQ(late.error().code, "http.timeout");
  ASSERT_TRUE(get(*well, "/"));
  EXPECT_EQ(jump->number(), number);
}

TEST_F(SshJumpTest, AStreamOfEventsPasses) {
  const Sshd sshd;
  const auto client = client_by(jump_by(sshd.options()));
  const Result<HttpResponse> first = get(*client, "/");
  ASSERT_TRUE(first) << first.error().full();
  std::string heard;
  Result<HttpResponse> answer = Error("test.unset", "");
  loop_->run([&](Ctx& ctx) -> awaitable<void> {
    const Ctx limited = ctx.child_within("stream", 2s);
    HttpRequest request("GET", peer_.url("/events"));
    std::function<void(const std::string&)> on_piece = [&heard](const std::string& piece) { heard += piece; };
    answer = co_await client->stream(limited, std::move(request), std::move(on_piece));
  });
  EXPECT_EQ(heard, "data: 1\n\n");
  EXPECT_EQ(answer.error().code, "ctx.deadline");
}

TEST_F(SshJumpTest, ATunnelThatGoesAwayEndsWhatIsOnIt) {
  const Sshd sshd;
  auto jump = jump_by(sshd.options());
  const auto opened = [&] {
    Result<std::shared_ptr<JumpStream>> stream = Error("test.unset", "");
    loop_->run([&](Ctx& ctx) -> awaitable<void> {
      const Status ready = co_await jump->ready(ctx);
      EXPECT_TRUE(ready);
    });
    stream = jump->connect("127.0.0.1", peer_.port());
    return stream;
  }();
  ASSERT_TRUE(opened);
  const int end = (*opened)->take_end();
  ASSERT_GE(end, 0);
  EXPECT_EQ((*opened)->take_end(), -1);
  const LocalAddress& address = (*opened)->address();
  ASSERT_EQ(
      ::connect(end, static_cast<const sockaddr*>(static_cast<const void*>(&address.where)), address.size),
      0);
  jump.reset();
  char byte = 0;
  EXPECT_LE(::recv(end, &byte, 1, 0), 0) << "its user sees the end of it";
  ::close(end);
}

}  // namespace
}  // namespace kiln
