// A command that runs under a lease, on OpenSSH's sshd and a plain POSIX shell: it ends by itself when nobody
// renews it.
#include "io/lease.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "io/sshd_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

class Lease : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists("/usr/sbin/sshd")) sshd_ = std::make_unique<Sshd>();
  }
  static void TearDownTestSuite() { sshd_.reset(); }
  void SetUp() override { ASSERT_TRUE(sshd_) << "the openssh-server package is needed: /usr/sbin/sshd"; }

  awaitable<void> once(Ctx& ctx, Command command, Nanoseconds budget) {
    Ctx limited = ctx.child_within("command", budget);
    result = co_await shell->run(limited, std::move(command));
  }
  void run(Command command, Nanoseconds budget = 60s) {
    command.lease = lease;
    loop->run([&](Ctx& ctx) { return once(ctx, command, budget); });
  }
  /// A load like those that Kiln starts: behind timeout(1), which makes a process group of its own.
  Command load() const {
    return Command("timeout 600 sh -c 'echo $$ > " + file().string() +
                   "; echo begun; sleep 500; echo ended'");
  }
  static std::filesystem::path file() { return sshd_->folder() / "load.pid"; }
  static bool runs() {
    const std::string pid = read_file(file());
    EXPECT_FALSE(pid.empty()) << "the load never began";
    return std::filesystem::exists("/proc/" + pid.substr(0, pid.find('\n')));
  }
  static bool gone_within(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 50ms) {
      if (!runs()) return true;
      std::this_thread::sleep_for(50ms);  // it is another program's end that is waited for
    }
    return !runs();
  }

  static std::unique_ptr<Sshd> sshd_;
  std::unique_ptr<Loop> loop = Loop::real();
  Pool handshakes{"ssh handshakes", 16};
  std::unique_ptr<Shell> shell = make_libssh_shell(*loop, handshakes, sshd_->options());
  Nanoseconds lease = 1s;
  Result<CommandResult> result = Error("test.unset", "");
};
std::unique_ptr<Sshd> Lease::sshd_;

TEST_F(Lease, OutputAndStatusAreThoseOfTheCommand) {
  run(Command("echo \"out'\" && echo err >&2; exit 3"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out, "out'\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_status, 3);
  run(Command("no-such-program"));
  EXPECT_EQ(result->exit_status, 127);
}

TEST_F(Lease, ItIsRenewedForAsLongAsItTakes) {
  run(Command("sleep 3; echo done"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out, "done\n") << "three times the lease";
}

TEST_F(Lease, AStationThatHangsHasItsLoadKilledByTheHost) {
  Command command = load();
  command.on_output = [](const std::string&) {
    std::this_thread::sleep_for(4s);
  };  // nothing of the station moves
  run(command);
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->exit_status, 137);
  EXPECT_EQ(result->out, "begun\n");
  EXPECT_FALSE(runs()) << "and what timeout(1) has put into a process group of its own";
}

TEST_F(Lease, ACommandThatIsGivenUpIsKilledByTheHost) {
  run(load(), 2s);
  EXPECT_EQ(result.error().code, "ctx.deadline");
  EXPECT_TRUE(gone_within(10s));
}

TEST_F(Lease, AConnectionThatBreaksTakesTheLoadWithIt) {
  Command command = load();
  command.on_output = [](const std::string&) { sshd_->cut(); };
  run(command);
  EXPECT_FALSE(result);
  EXPECT_TRUE(gone_within(10s));
  sshd_->start();
}

}  // namespace
}  // namespace kiln
