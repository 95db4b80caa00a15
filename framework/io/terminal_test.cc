#include "io/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// A real pseudo-terminal: `person` is the side of keyboard and eyes.
struct Pty {
  int person = -1;
  int program = -1;
  Pty() {
    winsize window{};
    window.ws_row = 40;
    window.ws_col = 132;
    EXPECT_EQ(::openpty(&person, &program, nullptr, nullptr, &window), 0);
    ::fcntl(person, F_SETFL, O_NONBLOCK);
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  ~Pty() {
    if (person >= 0) ::close(person);
    if (program >= 0) ::close(program);
  }
  void hang_up() { ::close(std::exchange(person, -1)); }
  void type(const std::string& keys) const {
    EXPECT_EQ(::write(person, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  [[nodiscard]] std::string seen() const {
    std::string text;
    std::array<char, 4096> bytes{};
    while (true) {
      const ssize_t got = ::read(person, bytes.data(), bytes.size());
      if (got <= 0) return text;
      text.append(bytes.data(), static_cast<std::size_t>(got));
    }
  }
  [[nodiscard]] tcflag_t local_modes() const {
    termios modes{};
    EXPECT_EQ(::tcgetattr(program, &modes), 0);
    return modes.c_lflag;
  }
};

struct TerminalTest : testing::Test {
  TerminalTest() { ::setenv("TERM", "xterm-256color", 1); }
  std::unique_ptr<Loop> loop = Loop::real();
};

awaitable<void> read_once(Ctx& ctx, Terminal& terminal, std::optional<Result<std::string>>& keys) {
  Ctx within = ctx.child_within("read", 5s);
  Result<std::string> got = co_await terminal.read(within);
  keys.emplace(std::move(got));
}

awaitable<void> drain_within(Ctx& ctx, Terminal& terminal, Nanoseconds budget) {
  Ctx within = ctx.child_within("drain", budget);
  co_await terminal.drain(within);
}

TEST_F(TerminalTest, ItKnowsTheWindowAndWritesToIt) {
  const Pty pty;
  const auto terminal = make_terminal(*loop, pty.program, pty.program);
  EXPECT_TRUE(terminal->can_draw());
  EXPECT_TRUE(terminal->can_read());
  EXPECT_EQ(terminal->size().columns, 132);
  EXPECT_EQ(terminal->size().rows, 40);
  terminal->write("hello\n");
  EXPECT_EQ(pty.seen(), "hello\r\n");
}

TEST_F(TerminalTest, KeysArriveOneByOneAndTheModesAreGivenBack) {
  const Pty pty;
  const tcflag_t before = pty.local_modes();
  {
    const auto terminal = make_terminal(*loop, pty.program, pty.program);
    terminal->take_keys(true);
    EXPECT_EQ(pty.local_modes() & static_cast<tcflag_t>(ICANON | ECHO), 0U);
    EXPECT_NE(pty.local_modes() & static_cast<tcflag_t>(ISIG), 0U) << "Ctrl-C still stops";
    pty.type("y");
    std::optional<Result<std::string>> keys;
    loop->run([&](Ctx& ctx) -> awaitable<void> { return read_once(ctx, *terminal, keys); });
    ASSERT_TRUE(keys && *keys);
    EXPECT_EQ(**keys, "y");
    EXPECT_EQ(pty.seen(), "") << "not echoed";
  }
  EXPECT_EQ(pty.local_modes(), before);
}

TEST_F(TerminalTest, WhatWasTypedBeforeCanBeForgotten) {
  const Pty pty;
  const auto terminal = make_terminal(*loop, pty.program, pty.program);
  terminal->take_keys(true);
  pty.type("y\r");
  ::usleep(20'000);  // the line discipline of the kernel has no virtual time
  terminal->discard_typed();
  pty.type("n");
  std::optional<Result<std::string>> keys;
  loop->run([&](Ctx& ctx) -> awaitable<void> { return read_once(ctx, *terminal, keys); });
  EXPECT_EQ(**keys, "n");
}

TEST_F(TerminalTest, ATerminalThatTakesNothingDoesNotStopTheLoop) {
  const Pty pty;
  const auto terminal = make_terminal(*loop, pty.program, pty.program);
  // Nobody reads the other side: its buffer fills, as with Ctrl-S or a dead connection.
  const std::string line(999, 'x');
  for (int count = 0; count < 5000; ++count) terminal->write(line + "\n");
  loop->run([&](Ctx& ctx) -> awaitable<void> { return drain_within(ctx, *terminal, 100ms); });
  // Somebody looks again: what was kept follows, and what was not is said.
  std::string text;
  for (int look = 0; look < 400; ++look) {
    text += pty.seen();
    loop->run([&](Ctx& ctx) -> awaitable<void> { return drain_within(ctx, *terminal, 10ms); });
  }
  EXPECT_THAT(text, testing::HasSubstr("lines were not taken by this terminal"));
  EXPECT_GT(text.size(), 100'000U);
}

TEST_F(TerminalTest, APipeOrSocketThatNobodyReadsDoesNotStopTheLoop) {
  std::array<int, 2> pipe{};
  std::array<int, 2> socket{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, socket.data()), 0);
  for (const int output : {pipe[1], socket[1]}) {
    const auto terminal = make_terminal(*loop, output, STDIN_FILENO);
    EXPECT_FALSE(terminal->can_draw());
    EXPECT_FALSE(terminal->can_read()) << "nobody would see the question";
    for (int count = 0; count < 2000; ++count) terminal->write(std::string(999, 'x') + "\n");
    EXPECT_EQ(::fcntl(output, F_GETFL) & O_NONBLOCK, 0) << "the shell shares this descriptor";
  }
  for (const int descriptor : {pipe[0], pipe[1], socket[0], socket[1]}) ::close(descriptor);
}

TEST_F(TerminalTest, ATerminalThatIsGoneIsSaidAndIsNoHarm) {
  Pty pty;
  const auto terminal = make_terminal(*loop, pty.program, pty.program);
  terminal->take_keys(true);
  pty.hang_up();
  terminal->write("hello\n");
  std::optional<Result<std::string>> keys;
  loop->run([&](Ctx& ctx) -> awaitable<void> { return read_once(ctx, *terminal, keys); });
  ASSERT_TRUE(keys && !*keys);
  EXPECT_EQ(keys->error().code, "terminal.gone");
}

TEST_F(TerminalTest, ADumbTerminalIsNotDrawnOn) {
  const Pty pty;
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(make_terminal(*loop, pty.program, pty.program)->can_draw());
}

TEST(OutliveTheTerminalTest, NoKeyAndNoClosedWindowEndsOrHaltsTheProgram) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    outlive_the_terminal();
    for (const int number : {SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU}) ::raise(number);
    ::_exit(7);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace kiln
