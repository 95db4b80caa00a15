#include "io/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kMostWaiting = 1U << 20U;
constexpr Nanoseconds kTryAgain = std::chrono::milliseconds(50);
constexpr Nanoseconds kKeyPoll = std::chrono::milliseconds(50);
constexpr std::size_t kShortWrite = 256;  // bytes that a terminal which polls writable takes without waiting

/// A descriptor of our own for the same terminal or pipe, so that O_NONBLOCK, which belongs to the open file
/// and not to the descriptor, does not reach the shell and everybody else who shares it.
int open_again(int descriptor, int flags) {
  const std::string path = fmt::format("/proc/self/fd/{}", descriptor);
  return ::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

class OwnDescriptor {
 public:
  explicit OwnDescriptor(int number) : number_(number) {}
  OwnDescriptor(const OwnDescriptor&) = delete;
  OwnDescriptor& operator=(const OwnDescriptor&) = delete;
  ~OwnDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

class RealTerminal final : public Terminal {
 public:
  RealTerminal(Loop& loop, int output, int input)
      : loop_(loop),
        shared_output_(output),
        own_output_(own_output(output)),
        input_(own_input(output, input)) {
    const char* kind = std::getenv("TERM");
    can_draw_ = ::isatty(output) == 1 && kind != nullptr && *kind != '\0' && std::strcmp(kind, "dumb") != 0;
    struct stat facts {};
    if (::fstat(output, &facts) == 0) {
      output_is_socket_ = S_ISSOCK(facts.st_mode);
      output_is_file_ = S_ISREG(facts.st_mode);
    }
  }
  RealTerminal(const RealTerminal&) = delete;
  RealTerminal& operator=(const RealTerminal&) = delete;
  ~RealTerminal() override {
    take_keys(false);
    if (retry_) loop_.cancel(*retry_);
  }

  [[nodiscard]] bool can_draw() const override { return can_draw_; }
  [[nodiscard]] bool can_read() const override { return input_.is_open(); }

  [[nodiscard]] TerminalSize size() const override {
    winsize window{};
    TerminalSize size;
    if (::ioctl(shared_output_, TIOCGWINSZ, &window) == 0 && window.ws_row > 0 && window.ws_col > 0) {
      size.rows = window.ws_row;
      size.columns = window.ws_col;
    }
    return size;
  }

  void write(std::string_view text) override {
    if (gone_) return;
    waiting_ += text;
    push();
    if (waiting_.size() > kMostWaiting) forget_oldest();
  }

  awaitable<void> drain(const Ctx& ctx) override {
    while (!waiting_.empty() && !gone_) {
      const Status waited = co_await ctx.sleep_for(kTryAgain);
      if (!waited) co_return;
    }
  }

  void take_keys(bool take) override {
    if (!input_.is_open()) return;
    if (take && !before_ && in_foreground()) {
      termios as_it_was{};
      if (::tcgetattr(input_.get(), &as_it_was) != 0) return;
      termios by_key = as_it_was;
      by_key.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      by_key.c_cc[VMIN] = 1;
      by_key.c_cc[VTIME] = 0;
      if (::tcsetattr(input_.get(), TCSADRAIN, &by_key) == 0) before_ = as_it_was;
    } else if (!take && before_) {
      (void)::tcsetattr(input_.get(), TCSADRAIN, &*before_);
      before_.reset();
    }
  }

  awaitable<Result<std::string>> read(const Ctx& ctx) override {
    if (!input_.is_open()) co_return gone("keys cannot be read here");
    // Looked at in turns rather than waited for: a descriptor that had to be shared must not become
    // non-blocking.
    while (true) {
      const Status waited = co_await ctx.sleep_for(kKeyPoll);
      if (!waited) co_return waited.error();
      if (!in_foreground()) continue;
      pollfd keys{input_.get(), POLLIN, 0};
      if (::poll(&keys, 1, 0) <= 0) continue;
      std::array<char, 256> bytes{};
      const ssize_t got = ::read(input_.get(), bytes.data(), bytes.size());
      if (got > 0) co_return std::string(bytes.data(), static_cast<std::size_t>(got));
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got < 0 && errno == EIO && !in_foreground()) continue;  // the background may not read: not now
      co_return gone("the terminal went away");
    }
  }

  void discard_typed() override {
    if (input_.is_open()) (void)::tcflush(input_.get(), TCIFLUSH);
  }

 private:
  static int own_output(int output) {
    struct stat facts {};
    if (::fstat(output, &facts) != 0) return -1;
    // A file keeps its place in the descriptor that everybody shares, and does not make anybody wait.
    if (!S_ISCHR(facts.st_mode) && !S_ISFIFO(facts.st_mode)) return -1;
    return open_again(output, O_WRONLY);
  }

  static int own_input(int output, int input) {
    if (::isatty(input) != 1 || ::isatty(output) != 1) return -1;
    const int again = open_again(input, O_RDWR);
    // After su the terminal belongs to somebody else: then it has to be shared.
    return again >= 0 ? again : ::fcntl(input, F_DUPFD_CLOEXEC, 0);
  }

  static Error gone(const std::string& what) {
    return Error("terminal.gone", what, "the run goes on without it; 'kiln show' tells how it stands",
                 Blame::operator_);
  }

  [[nodiscard]] bool in_foreground() const {
    const pid_t group = ::tcgetpgrp(input_.get());
    return group < 0 || group == ::getpgrp();
  }

  ssize_t write_some() const {
    if (own_output_.is_open()) return ::write(own_output_.get(), waiting_.data(), waiting_.size());
    if (output_is_socket_)
      return ::send(shared_output_, waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (output_is_file_) return ::write(shared_output_, waiting_.data(), waiting_.size());
    pollfd room{shared_output_, POLLOUT, 0};
    if (::poll(&room, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
    return ::write(shared_output_, waiting_.data(), std::min(waiting_.size(), kShortWrite));
  }

  void push() {
    while (!waiting_.empty() && !gone_) {
      const ssize_t taken = write_some();
      if (taken > 0) {
        waiting_.erase(0, static_cast<std::size_t>(taken));
      } else if (taken < 0 && errno == EINTR) {
        continue;
      } else if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        try_again_later();
        return;
      } else {
        gone_ = true;  // nobody is there to read; the record has it all
        waiting_.clear();
      }
    }
  }

  void try_again_later() {
    if (retry_) return;
    retry_ = loop_.call_at(loop_.clock().now().monotonic_ns + kTryAgain.count(), [this] {
      retry_.reset();
      push();
    });
  }

  void forget_oldest() {
    std::size_t lines = 0;
    std::size_t cut = 0;
    while (waiting_.size() - cut > kMostWaiting / 2) {
      const std::size_t end = waiting_.find('\n', cut);
      if (end == std::string::npos) break;
      cut = end + 1;
      ++lines;
    }
    if (cut == 0) cut = waiting_.size() / 2;  // one endless line
    waiting_.replace(0, cut,
                     fmt::format("({} lines were not taken by this terminal and are left out)\n", lines));
  }

  Loop& loop_;
  int shared_output_;
  OwnDescriptor own_output_;
  OwnDescriptor input_;
  bool output_is_socket_ = false;
  bool output_is_file_ = false;
  bool can_draw_ = false;
  bool gone_ = false;
  std::string waiting_;
  std::optional<Loop::TimerId> retry_;
  std::optional<termios> before_;
};

}  // namespace

std::unique_ptr<Terminal> make_terminal(Loop& loop, int output, int input) {
  return std::make_unique<RealTerminal>(loop, output, input);
}

void outlive_the_terminal() {
  for (const int number : {SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU}) (void)::signal(number, SIG_IGN);
}

}  // namespace kiln
