// A command that runs under a lease, on OpenSSH's sshd: it ends by itself when nobody renews it. Once as on a
// host with nothing but a POSIX shell, once beside a stand-in for systemd, once beside the real one where
// this machine has it.
#include "io/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/loop.h"
#include "io/sshd_for_test.h"
#include "io/systemd_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

enum class Form { plain, stand_in, live };

class LeasedHost : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists("/usr/sbin/sshd")) sshd_ = std::make_unique<Sshd>();
  }
  static void TearDownTestSuite() { sshd_.reset(); }
  void SetUp() override {
    ASSERT_TRUE(sshd_) << "the openssh-server package is needed: /usr/sbin/sshd";
    std::filesystem::remove(file("load"));
  }

  awaitable<void> once(Ctx& ctx, Command command, Nanoseconds budget) {
    Ctx limited = ctx.child_within("command", budget);
    result = co_await shell->run(limited, std::move(command));
  }
  void run(Command command, Nanoseconds budget = 60s) {
    command.lease = lease;
    loop->run([&](Ctx& ctx) { return once(ctx, command, budget); });
  }
  CommandResult run_plainly(const std::string& line) {
    loop->run([&](Ctx& ctx) { return once(ctx, Command(line), 60s); });
    return result ? *result : CommandResult();
  }
  /// A load like those that Kiln starts: behind timeout(1), which makes a process group of its own.
  static Command load(const std::string& around = "") {
    return Command("echo $PPID > " + file("shell").string() + "; timeout 600 " + around +
                   "sh -c 'echo $$ > " + file("load").string() + "; echo begun; sleep 500; echo ended'");
  }
  static std::filesystem::path bin() { return sshd_->folder() / "bin"; }
  static std::filesystem::path file(const std::string& name) { return sshd_->folder() / (name + ".pid"); }
  static pid_t pid_in(const std::string& name) {
    pid_t pid = 0;
    std::ifstream(file(name)) >> pid;
    EXPECT_GT(pid, 0) << "the load never began";
    return pid;
  }
  static bool runs() {
    const std::string stat = read_file("/proc/" + std::to_string(pid_in("load")) + "/stat");
    return !stat.empty() &&
           stat.find(") Z ") == std::string::npos;  // one that waits to be reaped runs no more
  }
  static bool gone_within(std::chrono::milliseconds time) {
    for (; time > 0ms; time -= 50ms) {
      if (!runs()) return true;
      std::this_thread::sleep_for(50ms);  // it is another program's end that is waited for
    }
    return !runs();
  }
  /// Whoever watches for the lease's shell, and nobody else.
  static void kill_the_watcher() {
    const std::string command =
        "pkill -KILL -f '^sh -c while .* kiln-lease-watch .* " + std::to_string(pid_in("shell")) + " '";
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT: our own words only
  }
  static int asked_of_systemd() {
    const std::string asked = read_file(bin() / "systemd.asked");
    return static_cast<int>(std::count(asked.begin(), asked.end(), '\n'));
  }

  static std::unique_ptr<Sshd> sshd_;
  std::unique_ptr<Loop> loop = Loop::real();
  Pool handshakes{"ssh handshakes", 16};
  std::unique_ptr<Shell> shell = make_libssh_shell(*loop, handshakes, sshd_->options());
  Nanoseconds lease = 1s;
  Result<CommandResult> result = Error("test.unset", "");
};
std::unique_ptr<Sshd> LeasedHost::sshd_;

/// Why the live form cannot be tested here; empty: it can.
std::string no_live_systemd() {
  std::string first = read_file("/proc/1/comm");
  first = first.substr(0, first.find('\n'));
  if (first != "systemd") return "PID 1 of this machine is " + first + ", not systemd";
  const char* manager = ::geteuid() == 0 ? "--system" : "--user";
  const std::string command =
      std::string("systemd-run ") + manager + " --quiet --wait --collect true >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0)
    return "this systemd runs no service for us";  // NOLINT: our own words
  return "";
}

std::vector<Form> forms(std::vector<Form> all) {
  if (no_live_systemd().empty()) all.push_back(Form::live);
  return all;
}

class Lease : public LeasedHost, public testing::WithParamInterface<Form> {
 protected:
  void SetUp() override {
    LeasedHost::SetUp();
    for (const char* stand_in : {"systemd-run", "systemd-notify"}) std::filesystem::remove(bin() / stand_in);
    if (GetParam() == Form::plain) put_systemd(bin(), HostSystemd::none);
    if (GetParam() == Form::stand_in) put_systemd(bin(), HostSystemd::works);
  }
  [[nodiscard]] bool in_unit() const { return GetParam() != Form::plain; }
};

std::string name_of_form(const testing::TestParamInfo<Form>& info) {
  constexpr const char* kNames[] = {"Plain", "SystemdStandIn", "SystemdLive"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Forms, Lease, testing::ValuesIn(forms({Form::plain, Form::stand_in})), name_of_form);
/// What only a service manager can.
class LeaseInUnit : public Lease {};
INSTANTIATE_TEST_SUITE_P(Forms, LeaseInUnit, testing::ValuesIn(forms({Form::stand_in})), name_of_form);

TEST(LeaseLive, IsTestedWhereSystemdIsTheHosts) {
  const std::string missing = no_live_systemd();
  if (!missing.empty()) GTEST_SKIP() << missing;
  EXPECT_EQ(forms({}), std::vector<Form>{Form::live}) << "and the tests of Lease and LeaseInUnit ran on it";
}

TEST_P(Lease, OutputAndStatusAreThoseOfTheCommand) {
  run(Command("echo \"out'\" '$$ ${HOME} %n \\' \"$((1 + 1))\"\n echo err >&2; exit 3"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out, "out' $$ ${HOME} %n \\ 2\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_status, 3);
  run(Command("no-such-program"));
  EXPECT_EQ(result->exit_status, 127);
  run(Command("kill -TERM $$"));
  EXPECT_EQ(result->exit_status, 143) << "no clean end";
}

TEST_P(Lease, ItRunsInWhatTheLoginGaveIt) {
  const std::string line =
      "pwd; umask; ulimit -l; id; env | grep -v "
      "'^\\(_\\|SHLVL\\|PWD\\|OLDPWD\\|INVOCATION_ID\\|JOURNAL_STREAM\\|"
      "SYSTEMD_EXEC_PID\\|MEMORY_PRESSURE_.*\\)=' | sort";
  const std::string without = run_plainly(line).out;
  run(Command(line));
  EXPECT_EQ(result->out, without);
}

TEST_P(Lease, ItIsRenewedForAsLongAsItTakes) {
  run(Command("sleep 4; echo done"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out, "done\n") << "four times the lease";
}

TEST_P(Lease, AStationThatHangsHasItsLoadKilledByTheHost) {
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

TEST_P(Lease, ACommandThatIsGivenUpIsKilledByTheHost) {
  run(load(), 3s);
  EXPECT_EQ(result.error().code, "ctx.deadline");
  EXPECT_TRUE(gone_within(10s));
}

TEST_P(Lease, AConnectionThatBreaksTakesTheLoadWithIt) {
  Command command = load();
  command.on_output = [](const std::string&) { sshd_->cut(); };
  run(command);
  EXPECT_FALSE(result);
  EXPECT_TRUE(gone_within(10s));
  sshd_->start();
}

TEST_P(Lease, ALeaseWhoseOwnShellIsKilledTakesTheLoadWithIt) {
  Command command = load();
  command.on_output = [](const std::string&) { ::kill(pid_in("shell"), SIGKILL); };
  run(command, 20s);
  EXPECT_NE(result ? result->exit_status : -1, 0);
  EXPECT_TRUE(gone_within(5s));
}

TEST_P(Lease, AGroupOfTheLeaseThatIsAskedToEndTakesTheLoadWithIt) {
  Command command = load();
  command.on_output = [](const std::string&) {
    ::kill(-::getpgid(pid_in("shell")), SIGTERM);
  };  // as sshd does
  run(command, 20s);
  EXPECT_NE(result ? result->exit_status : -1, 0);
  EXPECT_TRUE(gone_within(5s));
}

TEST_P(Lease, WhatALoadLeavesBehindEndsWithIt) {
  const std::string apart = in_unit() ? "setsid " : "";  // who leaves the session leaves the plain form
  run(Command(apart + "sleep 500 >/dev/null 2>&1 & echo $! > " + file("load").string() + "; echo begun"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->exit_status, 0);
  EXPECT_EQ(result->out, "begun\n");
  EXPECT_TRUE(gone_within(1s));
}

TEST_P(LeaseInUnit, ALoadInASessionOfItsOwnIsKilled) {
  Command command = load("setsid --fork ");
  command.line += "; sleep 500";
  command.on_output = [](const std::string&) { std::this_thread::sleep_for(4s); };
  run(command);
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_NE(result->exit_status, 0);
  EXPECT_FALSE(runs());
}

TEST_P(LeaseInUnit, AWatcherThatIsKilledIsWatchedByTheManager) {
  Command command = load();
  command.on_output = [](const std::string&) { kill_the_watcher(); };
  run(command, 20s);
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_NE(result->exit_status, 0);
  EXPECT_TRUE(gone_within(5s));
}

TEST_P(Lease, ItIsAServiceWhereThereIsAManager) {
  run(Command("cat /proc/self/cgroup; echo ${NOTIFY_SOCKET:-mute}"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_THAT(result->out, testing::HasSubstr("mute\n")) << "no load renews its own lease";
  if (GetParam() == Form::live) {
    EXPECT_THAT(result->out, testing::ContainsRegex("/run-[^/]*\\.service"));
  } else {
    EXPECT_EQ(asked_of_systemd(), in_unit() ? 2 : 1) << "tried out, then used";
  }
}

/// By HostSystemd.
class LeaseFallsBack : public LeasedHost, public testing::WithParamInterface<HostSystemd> {};
INSTANTIATE_TEST_SUITE_P(Hosts, LeaseFallsBack,
                         testing::Values(HostSystemd::none, HostSystemd::old, HostSystemd::deaf,
                                         HostSystemd::hangs));

TEST_P(LeaseFallsBack, ToTheShellOfTheHost) {
  put_systemd(bin(), GetParam());
  Command command = load("sh -c 'echo $((6 * 7)) >&2'; ");
  command.on_output = [](const std::string&) { std::this_thread::sleep_for(3s); };
  run(command);
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(asked_of_systemd(), 1) << "tried out, and no more";
  EXPECT_EQ(result->out, "begun\n");
  EXPECT_EQ(result->err.substr(0, 3), "42\n");
  EXPECT_EQ(result->exit_status, 137);
  EXPECT_FALSE(runs());
}

TEST_F(LeasedHost, WithoutAPlaceForItsFileItIsThePlainForm) {
  put_systemd(bin(), HostSystemd::works);
  write_program(bin() / "mktemp", "#!/bin/sh\nexit 1\n");
  run(Command("echo out; exit 5"));
  std::filesystem::remove(bin() / "mktemp");
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->exit_status, 5);
  EXPECT_EQ(asked_of_systemd(), 0);
}

TEST_F(LeasedHost, AServiceIsToldOfNoLoadAndHasTheseProperties) {
  put_systemd(bin(), HostSystemd::works);
  lease = 5s;
  run(Command("echo \"secret $((1))\"; umask"));
  ASSERT_TRUE(result) << result.error().full();
  EXPECT_EQ(result->out, "secret 1\n0022\n");
  const std::string asked = read_file(bin() / "systemd.asked");
  EXPECT_EQ(asked.find("secret"), std::string::npos) << "everybody on the host may read it";
  EXPECT_EQ(asked.find('$'), std::string::npos) << "the manager would expand it";
  std::string unit = "[Service]\nExecStart=/bin/sh /dev/null\n";
  std::istringstream words(asked.substr(0, asked.find('\n')));
  std::string last;
  for (std::string word; std::getline(words, word, '\t'); last = word) {
    if (last == "-p") unit += word + "\n";
  }
  for (const char* property :
       {"KillMode=control-group", "KillSignal=SIGKILL", "WatchdogSec=6s", "WatchdogSignal=SIGKILL",
        "NotifyAccess=all", "OOMPolicy=continue", "TasksMax=infinity", "TimeoutStopSec=10s", "UMask=0022"})
    EXPECT_THAT(unit, testing::HasSubstr(std::string(property) + "\n"));
  if (std::system("command -v systemd-analyze >/dev/null") != 0)
    GTEST_SKIP() << "no systemd-analyze here to verify the unit";
  const std::string path = sshd_->folder() / "kiln-lease.service";
  std::ofstream(path) << unit;
  const std::string verify = "systemd-analyze verify --man=no " + path + " >" + path + ".said 2>&1";
  EXPECT_EQ(std::system(verify.c_str()), 0);  // NOLINT: our own words only
  EXPECT_EQ(read_file(path + ".said"), "");
}

TEST(LeasedLine, IsOneShellWithTheSecondsAndTheCommandBehindIt) {
  const std::string line = leased_line("echo 'it''s' \"$x\"", 1500ms);
  EXPECT_TRUE(line.starts_with("sh -c '"));
  EXPECT_TRUE(line.ends_with(" kiln-lease 2 'echo '\\''it'\\'''\\''s'\\'' \"$x\"'")) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos) << "not every login shell quotes one";
}

}  // namespace
}  // namespace kiln
