#include "io/ssh_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "io/loop.h"
#include "io/scope.h"
#include "io/ssh_command.h"
#include "io/ssh_link.h"
#include "io/sshd_for_test.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using boost::asio::ip::tcp;
using detail::SshConnection;
using namespace std::chrono_literals;

using Opened = Result<std::shared_ptr<SshConnection>>;

class SshConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists("/usr/sbin/sshd"))
        << "the openssh-server package is needed: /usr/sbin/sshd";
  }
  std::unique_ptr<Loop> loop_ = Loop::real();
};

awaitable<Opened> log_in(const Ctx& ctx, Pool* handshakes, const Sshd* sshd) {
  const auto options = std::make_shared<const SshOptions>(sshd->options());
  Opened opened = co_await SshConnection::open(ctx, options, *handshakes);
  co_return opened;
}

awaitable<void> echo(Ctx& ctx, std::shared_ptr<SshConnection> connection, Result<CommandResult>* out) {
  const auto sent = std::make_shared<bool>(false);
  Command command("echo here");
  *out = co_await run_ssh_command(ctx, connection, std::move(command), sent);
}

/// What another channel does while it is busy: libssh takes in whatever comes, for everybody.
void pump_for(SshConnection& connection, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
    connection.pump();
    std::this_thread::yield();
  }
}

awaitable<void> answered_while_another_pumps(Ctx& ctx, Pool* handshakes, const Sshd* sshd,
                                             Result<CommandResult>* out) {
  Opened connection = co_await log_in(ctx, handshakes, sshd);
  if (!connection) {
    *out = connection.error();
    co_return;
  }
  const std::shared_ptr<SshConnection> link = *connection;
  const Ctx limited = ctx.child_within("a command", 10s);
  Scope scope(limited);
  scope.start("echo", [link, out](Ctx& own) { return echo(own, link, out); });
  // Its channel's opening is confirmed to this one, and nothing more comes until it asks for the command.
  const Status turn = co_await ctx.sleep_for(1ms);
  EXPECT_TRUE(turn);
  pump_for(*link, 500ms);
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
}

TEST_F(SshConnectionTest, WhatAnotherChannelTookInWakesWhoWaitsForIt) {
  const Sshd sshd;
  Pool handshakes("ssh handshakes", 16);
  Result<CommandResult> out = Error("test.unset", "no result");
  loop_->run([&](Ctx& ctx) { return answered_while_another_pumps(ctx, &handshakes, &sshd, &out); });
  ASSERT_TRUE(out) << out.error().full();
  EXPECT_EQ(out->out, "here\n");
}

awaitable<void> given_up_and_denied(Ctx& ctx, Pool* handshakes, const Sshd* sshd, std::size_t* at_first,
                                    std::size_t* at_last) {
  Opened connection = co_await log_in(ctx, handshakes, sshd);
  if (!connection) {
    ADD_FAILURE() << connection.error().full();
    co_return;
  }
  for (int i = 0; i < 3; ++i) {
    const ssh_channel channel = ssh_channel_new((*connection)->session());
    const int asked = ssh_channel_open_forward(channel, "127.0.0.1", 9, "127.0.0.1", 0);
    EXPECT_EQ(asked, SSH_AGAIN);
    (*connection)->give_up(channel);
  }
  *at_first = (*connection)->openings_given_up();
  for (int i = 0; i < 200 && (*connection)->openings_given_up() > 0; ++i) {
    (*connection)->pump();
    const Status waited = co_await ctx.sleep_for(50ms);
    if (!waited) co_return;
  }
  *at_last = (*connection)->openings_given_up();
}

TEST_F(SshConnectionTest, AChannelWhoseOpeningWasGivenUpAndThenDeniedIsFreed) {
  const Sshd sshd(0, "AllowTcpForwarding no\n");
  Pool handshakes("ssh handshakes", 16);
  std::size_t at_first = 0, at_last = 99;
  loop_->run([&](Ctx& ctx) { return given_up_and_denied(ctx, &handshakes, &sshd, &at_first, &at_last); });
  EXPECT_EQ(at_first, 3U);
  EXPECT_EQ(at_last, 0U);
}

/// A host that is not there any more: nobody answers to whoever wants to connect.
class SilentAddress {
 public:
  SilentAddress() : acceptor_(io_) {
    acceptor_.open(tcp::v4());
    acceptor_.bind(tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    acceptor_.listen(0);
    // The kernel takes those that fit into the queue, and says nothing to others (tcp(7)).
    const tcp::endpoint here = acceptor_.local_endpoint();
    for (int i = 0; i < 4; ++i) {
      const int filling = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      const int begun = ::connect(filling, here.data(), static_cast<socklen_t>(here.size()));
      EXPECT_TRUE(begun == 0 || errno == EINPROGRESS);
      filling_.push_back(filling);
    }
  }
  SilentAddress(const SilentAddress&) = delete;
  SilentAddress& operator=(const SilentAddress&) = delete;
  ~SilentAddress() {
    for (const int filling : filling_) ::close(filling);
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  boost::asio::io_context io_;
  tcp::acceptor acceptor_;
  std::vector<int> filling_;
};

awaitable<void> connect_to_nobody(Ctx& ctx, detail::SshLink* link) {
  const Opened never = co_await link->connected(ctx);
  EXPECT_FALSE(never);
}

awaitable<void> beside_a_silent_host(Ctx& ctx, Pool* handshakes, const Sshd* sshd, std::uint16_t silent,
                                     Status* out) {
  SshOptions there = sshd->options();
  detail::SshLink link(*handshakes, there);
  there.port = silent;
  detail::SshLink nobody(*handshakes, there);
  Scope scope(ctx);
  detail::SshLink* const to = &nobody;
  scope.start("nobody", [to](Ctx& own) { return connect_to_nobody(own, to); });
  const Status turn = co_await ctx.sleep_for(10ms);
  EXPECT_TRUE(turn);
  const Ctx limited = ctx.child_within("the other", 20s);
  const Opened opened = co_await link.connected(limited);
  if (!opened) *out = opened.error();
  const Status joined = co_await scope.stop_and_join(StopReason::sibling, "enough");
  (void)joined;
}

TEST_F(SshConnectionTest, AHostThatIsAwayKeepsNobodyFromLoggingInElsewhere) {
  const Sshd sshd;
  const SilentAddress silent;
  Pool handshakes("ssh handshakes", 1);
  Status out = success();
  loop_->run([&](Ctx& ctx) { return beside_a_silent_host(ctx, &handshakes, &sshd, silent.port(), &out); });
  EXPECT_TRUE(out) << out.error().full();
}

}  // namespace
}  // namespace kiln
