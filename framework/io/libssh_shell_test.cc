#include "io/libssh_shell.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "io/https_peer_for_test.h"
#include "io/loop.h"
#include "io/scope.h"
#include "io/sshd_for_test.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using testing::HasSubstr;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using boost::asio::ip::tcp;

class LibsshShell : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (fs::exists("/usr/sbin/sshd")) shared_ = std::make_unique<Sshd>();
  }
  static void TearDownTestSuite() { shared_.reset(); }
  void SetUp() override { ASSERT_TRUE(shared_) << "the openssh-server package is needed: /usr/sbin/sshd"; }

  static awaitable<void> once(Shell* shell, Ctx& ctx, Command command, Result<CommandResult>* out) {
    *out = co_await shell->run(ctx, std::move(command));
  }
  Result<CommandResult> run(Shell& shell, Command command) {
    Result<CommandResult> out = Error("test.unset", "no result");
    loop_->run([&](Ctx& ctx) { return once(&shell, ctx, command, &out); });
    return out;
  }
  Result<CommandResult> run(const SshOptions& options, const std::string& line) {
    const auto shell = make_libssh_shell(*loop_, handshakes_, options);
    return run(*shell, Command(line));
  }

  static std::unique_ptr<Sshd> shared_;
  std::unique_ptr<Loop> loop_ = Loop::real();
  Pool handshakes_{"ssh handshakes", 16};
};
std::unique_ptr<Sshd> LibsshShell::shared_;

TEST_F(LibsshShell, RunsACommandAndReturnsItsOutputAndStatus) {
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  const Result<CommandResult> both = run(*shell, Command("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(both) << both.error().full();
  EXPECT_EQ(both->out, "out\n");
  EXPECT_EQ(both->err, "err\n");
  EXPECT_EQ(both->exit_status, 3);
  EXPECT_FALSE(both->ok());
  const Result<CommandResult> fine = run(*shell, Command("true"));
  EXPECT_TRUE(fine->ok());
  const Result<CommandResult> unknown = run(*shell, Command("kiln-no-such-program"));
  EXPECT_EQ(unknown->exit_status, 127) << "a command that ran and failed is a result";
}

TEST_F(LibsshShell, ACommandEndedByASignalSaysWhich) {
  const Result<CommandResult> killed = run(shared_->options(), "kill -TERM $$");
  ASSERT_TRUE(killed) << killed.error().full();
  EXPECT_EQ(killed->signal, "TERM");
  EXPECT_EQ(killed->exit_status, -1);
}

TEST_F(LibsshShell, StandardInputArrivesWhole) {
  std::string input;
  for (int i = 0; i < 400'000; ++i) input += static_cast<char>('a' + i % 26);
  Command command("cat");
  command.input = input;
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  const Result<CommandResult> echoed = run(*shell, command);
  ASSERT_TRUE(echoed) << echoed.error().full();
  EXPECT_TRUE(echoed->out == input);
  command.line = "exit 0";
  EXPECT_TRUE(run(*shell, command)) << "a command need not read its input";
}

TEST_F(LibsshShell, BigOutputIsCountedAndCapped) {
  Command command("head -c 5000000 /dev/zero | tr '\\0' x; head -c 100 /dev/zero >&2");
  command.max_output = 1'000'000;
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  const Result<CommandResult> result = run(*shell, command);
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out.size(), 1'000'000U);
  EXPECT_EQ(result->err.size(), 100U);
  EXPECT_EQ(result->dropped_bytes, 4'000'000U);
  EXPECT_TRUE(result->ok());
}

awaitable<void> stop_at_first_line(Shell* shell, Ctx& ctx, std::string* seen, Result<CommandResult>* out) {
  Ctx task = ctx.child("C01");
  Command command("echo started; sleep 30");
  command.on_output = [seen, &task](const std::string& piece) {
    *seen += piece;
    task.request_stop(StopReason::interlock, "leak");
  };
  *out = co_await shell->run(task, std::move(command));
  Command after("echo alive");
  Result<CommandResult> next = co_await shell->run(ctx, std::move(after));
  EXPECT_TRUE(next);
  EXPECT_EQ(next->out, "alive\n");
}

TEST_F(LibsshShell, OutputStreamsAndAStopEndsTheWaitNotTheConnection) {
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  std::string seen;
  Result<CommandResult> stopped = Error("test.unset", "");
  const auto before = std::chrono::steady_clock::now();
  loop_->run([&](Ctx& ctx) { return stop_at_first_line(shell.get(), ctx, &seen, &stopped); });
  EXPECT_LT(std::chrono::steady_clock::now() - before, 30s);
  EXPECT_EQ(seen, "started\n");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, "ctx.stopped");
}

awaitable<void> within(Shell* shell, Ctx& ctx, Nanoseconds budget, std::string line,
                       Result<CommandResult>* out) {
  const Ctx hasty = ctx.child_within("hasty", budget);
  Command command(line);
  *out = co_await shell->run(hasty, std::move(command));
}

TEST_F(LibsshShell, TheDeadlineOfTheTaskEndsTheWait) {
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  Result<CommandResult> out = Error("test.unset", "");
  loop_->run([&](Ctx& ctx) { return within(shell.get(), ctx, 3s, "sleep 30", &out); });
  EXPECT_EQ(out.error().code, "ctx.deadline");
}

TEST_F(LibsshShell, AHostWithAnotherKeyIsRefused) {
  SshOptions options = shared_->options();
  options.host_key = shared_->public_key("stranger_ed25519");
  const Result<CommandResult> refused = run(options, "touch " + (shared_->folder() / "intruder").string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ssh.host_key");
  EXPECT_THAT(refused.error().message, HasSubstr("SHA256:"));
  EXPECT_FALSE(fs::exists(shared_->folder() / "intruder"));
}

TEST_F(LibsshShell, EachOfTheHostsKeysIsAsGoodAsTheOther) {
  SshOptions options = shared_->options();
  options.host_key = shared_->public_key("host_ecdsa");
  const Result<CommandResult> accepted = run(options, "true");
  EXPECT_TRUE(accepted) << accepted.error().full();
}

TEST_F(LibsshShell, AKeyTypeTheHostDoesNotHaveIsAHostKeyError) {
  const std::string file = (shared_->folder() / "other_rsa").string();
  const std::string command = "ssh-keygen -q -t rsa -b 2048 -N '' -f '" + file + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT: our own words only
  SshOptions options = shared_->options();
  options.host_key = shared_->public_key("other_rsa");
  const Result<CommandResult> refused = run(options, "true");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ssh.host_key");
}

TEST_F(LibsshShell, WithoutAReadableHostKeyNothingIsTrusted) {
  for (const char* line : {"", "ssh-ed25519", "ssh-ed25519 not-base64", "AAAA", "ssh-nothing AAAA"}) {
    SshOptions options = shared_->options();
    options.host_key = line;
    const Result<CommandResult> refused = run(options, "true");
    ASSERT_FALSE(refused) << line;
    EXPECT_EQ(refused.error().code, "ssh.host_key") << line;
  }
}

TEST_F(LibsshShell, AnUnknownUserKeyIsRefused) {
  SshOptions options = shared_->options();
  options.key_file = shared_->folder() / "stranger_ed25519";
  const Result<CommandResult> refused = run(options, "true");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ssh.authentication");
  options.key_file = shared_->folder() / "missing";
  EXPECT_EQ(run(options, "true").error().code, "ssh.authentication");
  options.key_file = shared_->folder() / "sshd_config";
  EXPECT_EQ(run(options, "true").error().code, "ssh.authentication");
}

TEST_F(LibsshShell, AWrongPasswordIsRefusedAndNeverPrinted) {
  SshOptions options = shared_->options();
  options.key_file.clear();
  options.password = Secret("not-the-pass-word");
  const Result<CommandResult> refused = run(options, "true");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ssh.authentication");
  EXPECT_THAT(refused.error().full(), testing::Not(HasSubstr("not-the-pass-word")));
}

TEST_F(LibsshShell, ARefusedConnectionSaysSo) {
  SshOptions options = shared_->options();
  options.port = free_port();
  const Result<CommandResult> refused = run(options, "true");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ssh.connect");
}

TEST_F(LibsshShell, AHostThatAcceptsAndSaysNothingTimesOut) {
  const SilentListener silent;
  SshOptions options = shared_->options();
  options.port = silent.port();
  options.connect_timeout = 200ms;
  const Result<CommandResult> refused = run(options, "true");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ssh.timeout");
}

TEST_F(LibsshShell, AHostThatHangsUnderALeaseIsGivenUp) {
  Sshd sshd;
  SshOptions options = sshd.options();
  options.answer_within = 2s;
  const auto shell = make_libssh_shell(*loop_, handshakes_, options);
  Command load("echo on; sleep 300");
  load.lease = 1s;
  load.on_output = [&sshd](const std::string&) { sshd.freeze(); };
  const Result<CommandResult> ended = run(*shell, load);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "ssh.silent");
  EXPECT_THAT(ended.error().sentence(), HasSubstr("answered nothing for 2s"));
}

TEST_F(LibsshShell, AHostThatOnlyRunsItsLoadIsNotTakenForSilent) {
  SshOptions options = shared_->options();
  options.answer_within = 200ms;
  const auto shell = make_libssh_shell(*loop_, handshakes_, options);
  Command load("sleep 1.5; echo done");
  load.lease = 1s;
  const Result<CommandResult> ended = run(*shell, load);
  ASSERT_TRUE(ended) << ended.error().sentence();
  EXPECT_EQ(ended->out, "done\n");
}

TEST_F(LibsshShell, APortThatIsNotSshIsAnErrorNotAHang) {
  const HttpsPeer web([](const PeerRequest&) { return ok_reply("hello"); });
  SshOptions options = shared_->options();
  options.port = web.port();
  options.connect_timeout = 1s;
  const Result<CommandResult> refused = run(options, "true");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().code, testing::AnyOf("ssh.protocol", "ssh.connect", "ssh.timeout"));
}

awaitable<void> run_many(Shell* shell, Ctx& ctx, int count, int* good) {
  Scope scope(ctx);
  for (int i = 0; i < count; ++i) {
    scope.start("command", [shell, i, good](Ctx& task) -> awaitable<void> {
      Command command("echo " + std::to_string(i) + "; head -c 100000 /dev/zero | wc -c");
      Result<CommandResult> result = co_await shell->run(task, std::move(command));
      EXPECT_TRUE(result) << result.error().full();
      if (result && result->out == std::to_string(i) + "\n100000\n") ++*good;
    });
  }
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
}

TEST_F(LibsshShell, TwentyCommandsShareOneConnection) {
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  int good = 0;
  loop_->run([&](Ctx& ctx) { return run_many(shell.get(), ctx, 20, &good); });
  EXPECT_EQ(good, 20);
}

awaitable<void> drive_many(std::vector<std::unique_ptr<Shell>>& shells, Ctx& ctx, int* good) {
  Scope scope(ctx);
  for (const auto& shell : shells) {
    scope.start("host", [&shell, good](Ctx& task) { return run_many(shell.get(), task, 3, good); });
  }
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
}

TEST_F(LibsshShell, ManyHostsAreDrivenFromOneThread) {
  std::vector<std::unique_ptr<Shell>> shells;
  for (int i = 0; i < 12; ++i) shells.push_back(make_libssh_shell(*loop_, handshakes_, shared_->options()));
  int good = 0;
  loop_->run([&](Ctx& ctx) { return drive_many(shells, ctx, &good); });
  EXPECT_EQ(good, 36);
}

awaitable<void> stop_them_all(Shell* shell, Ctx& ctx, int count) {
  for (int round = 0; round < 3; ++round) {
    Scope scope(ctx);
    for (int i = 0; i < count; ++i) {
      scope.start("command", [shell](Ctx& task) -> awaitable<void> {
        Command command("sleep 30");
        Result<CommandResult> result = co_await shell->run(task, std::move(command));
        EXPECT_EQ(result ? "" : result.error().code, "ctx.stopped");
      });
    }
    // Some are stopped while they open, some while they run, some while they wait for their turn.
    const Status waited = co_await ctx.sleep_for(Nanoseconds(round * 20ms));
    EXPECT_TRUE(waited);
    const Status joined = co_await scope.stop_and_join(StopReason::operator_stop, "test");
    EXPECT_TRUE(joined);
  }
}

TEST_F(LibsshShell, ManyStoppedCommandsLeaveAUsableConnection) {
  // A command that was stopped counts for sshd until its process has ended; its limit is not what is looked
  // at.
  Sshd host(100);
  const auto shell = make_libssh_shell(*loop_, handshakes_, host.options());
  EXPECT_TRUE(run(*shell, Command("true")));
  loop_->run([&](Ctx& ctx) { return stop_them_all(shell.get(), ctx, 15); });
  const Result<CommandResult> after = run(*shell, Command("echo alive"));
  ASSERT_TRUE(after) << after.error().full();
  EXPECT_EQ(after->out, "alive\n");
}

awaitable<void> lose_host(Shell* shell, Ctx& ctx, Sshd* host, Result<CommandResult>* out) {
  Command command("echo up; sleep 30");
  command.on_output = [host](const std::string&) { host->cut(); };
  *out = co_await shell->run(ctx, std::move(command));
}

TEST_F(LibsshShell, ALostConnectionFailsTheCommandAndTheNextOneReconnects) {
  Sshd host;
  SshOptions options = host.options();
  const auto shell = make_libssh_shell(*loop_, handshakes_, options);
  Result<CommandResult> lost = Error("test.unset", "");
  loop_->run([&](Ctx& ctx) { return lose_host(shell.get(), ctx, &host, &lost); });
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "ssh.connection_lost");
  EXPECT_EQ(run(*shell, Command("true")).error().code, "ssh.connect") << "it is down now";
}

TEST_F(LibsshShell, AHostThatComesBackIsReachedOnANewConnection) {
  Sshd host;
  const auto shell = make_libssh_shell(*loop_, handshakes_, host.options());
  Result<CommandResult> lost = Error("test.unset", "");
  loop_->run([&](Ctx& ctx) { return lose_host(shell.get(), ctx, &host, &lost); });
  ASSERT_FALSE(lost);
  host.start();
  for (int i = 0; i < 3; ++i) {
    const Result<CommandResult> back = run(*shell, Command("echo back"));
    ASSERT_TRUE(back) << back.error().full();
    EXPECT_EQ(back->out, "back\n");
  }
}

TEST_F(LibsshShell, TheEndOfALostConnectionClosesNobodyElsesDescriptor) {
  Sshd host;
  auto shell = make_libssh_shell(*loop_, handshakes_, host.options());
  Result<CommandResult> lost = Error("test.unset", "");
  loop_->run([&](Ctx& ctx) { return lose_host(shell.get(), ctx, &host, &lost); });
  ASSERT_FALSE(lost);
  // Others open descriptors meanwhile, and get the lowest numbers that are free.
  std::vector<int> others;
  for (int i = 0; i < 32; ++i) others.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  shell.reset();
  for (const int other : others) {
    EXPECT_NE(::fcntl(other, F_GETFD), -1) << other;
    ::close(other);
  }
}

awaitable<void> disconnect_between(Shell* shell, Ctx& ctx) {
  for (int i = 0; i < 3; ++i) {
    Command command("echo $PPID");
    Result<CommandResult> result = co_await shell->run(ctx, std::move(command));
    EXPECT_TRUE(result);
    co_await shell->disconnect();
  }
}

TEST_F(LibsshShell, AfterDisconnectTheNextCommandConnectsAgain) {
  const auto shell = make_libssh_shell(*loop_, handshakes_, shared_->options());
  loop_->run([&](Ctx& ctx) { return disconnect_between(shell.get(), ctx); });
}

std::size_t open_descriptors() {
  const fs::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(LibsshShell, NoDescriptorIsLeftBehind) {
  EXPECT_TRUE(run(shared_->options(), "true"));
  const std::size_t before = open_descriptors();
  SshOptions wrong = shared_->options();
  wrong.host_key = shared_->public_key("stranger_ed25519");
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(run(shared_->options(), "true"));
    EXPECT_FALSE(run(wrong, "true"));
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(ShellQuoted, SurvivesAPosixShell) {
  EXPECT_EQ(shell_quoted("plain-1.2/x"), "plain-1.2/x");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("it's $HOME `x` \"y\"\n"), "'it'\\''s $HOME `x` \"y\"\n'");
}

}  // namespace
}  // namespace kiln
