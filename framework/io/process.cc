#include "io/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>
#include <boost/process/v2/process.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <utility>

#include "io/completion.h"

namespace kiln {

namespace asio = boost::asio;
namespace process_v2 = boost::process::v2;
using asio::awaitable;

namespace {

using Code = boost::system::error_code;

/// How long pipes are read after the group has ended: somebody outside it may hold them open for ever.
constexpr std::chrono::seconds kLastWords{2};
constexpr std::size_t kErrorTail = 64U * 1024U;

/// Both ends of a pipe, closed unless taken.
class Pipe {
 public:
  Pipe() { opened_ = ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  [[nodiscard]] bool opened() const { return opened_; }
  [[nodiscard]] int reading() const { return ends_[0]; }
  [[nodiscard]] int writing() const { return ends_[1]; }
  int take_reading() { return std::exchange(ends_[0], -1); }
  int take_writing() { return std::exchange(ends_[1], -1); }

 private:
  std::array<int, 2> ends_{-1, -1};
  bool opened_ = false;
};

/// posix_spawn's two objects. Signals and masks of ours are not inherited; descriptors above 2 are closed.
class SpawnPlan {
 public:
  SpawnPlan(int in, int out, int err, const std::optional<std::string>& folder, int terminal) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_adddup2(&actions_, in, 0);
    posix_spawn_file_actions_adddup2(&actions_, out, 1);
    posix_spawn_file_actions_adddup2(&actions_, err, 2);
    if (terminal >= 0) posix_spawn_file_actions_addtcsetpgrp_np(&actions_, terminal);
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    if (folder) posix_spawn_file_actions_addchdir_np(&actions_, folder->c_str());
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// As a shell finds it: a name with a slash as it is, else the first executable of PATH; empty if there is
/// none.
std::string path_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const variable = std::getenv("PATH");
  std::istringstream folders(variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    struct stat info {};
    const bool file = ::stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode);
    if (file && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

/// C strings for exec. `words` must outlive the result.
std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  all.reserve(words.size() + 1);
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    const bool replaced =
        std::any_of(added.begin(), added.end(), [&](const auto& variable) { return variable.first == name; });
    if (!replaced) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

/// A started program with its pipes. Owned by whoever waits for it and by its own pending reads.
class Child : public std::enable_shared_from_this<Child> {
 public:
  static Result<std::shared_ptr<Child>> start(Loop& loop, ProcessSpec spec, bool keep_input_open) {
    if (spec.argv.empty()) return Error("process.start", "no program is named", "", Blame::station);
    const std::string name = spec.argv.front();
    const std::string path = path_of(name);
    struct stat info {};
    if (path.empty() || (::stat(path.c_str(), &info) != 0 && errno == ENOENT)) {
      return Error("process.not_found", fmt::format("the program {} is not on this machine", name),
                   "install it, or correct its path", Blame::station);
    }
    Pipe in;
    Pipe out;
    Pipe err;
    if (!in.opened() || !out.opened() || !err.opened()) {
      return Error("process.start", fmt::format("{}: no pipes ({})", name, std::strerror(errno)),
                   "raise the limit of open files", Blame::station);
    }
    const SpawnPlan plan(in.reading(), out.writing(), err.writing(), spec.working_directory, spec.terminal);
    std::vector<std::string> environment = merged_environment(spec.environment);
    const std::vector<char*> argv = pointers(spec.argv);
    const std::vector<char*> variables = pointers(environment);
    pid_t pid = 0;
    const int failed =
        ::posix_spawn(&pid, path.c_str(), &plan.actions_, &plan.attributes_, argv.data(), variables.data());
    if (failed != 0) {
      const std::string folder = spec.working_directory ? " in " + *spec.working_directory : "";
      return Error("process.start",
                   fmt::format("{}: cannot be started{} ({})", path, folder, std::strerror(failed)),
                   "check that it is an executable file for this machine", Blame::station);
    }
    const auto child = std::make_shared<Child>(loop, pid, std::move(spec));
    child->in_.assign(in.take_writing());
    child->out_.pipe.assign(out.take_reading());
    child->err_.pipe.assign(err.take_reading());
    child->watch(keep_input_open);
    return child;
  }

  Child(Loop& loop, pid_t pid, ProcessSpec spec)
      : spec_(std::move(spec)),
        pid_(pid),
        process_(loop.native().get_executor(), pid),
        in_(loop.native()),
        out_(loop.native()),
        err_(loop.native()),
        timer_(loop.native()) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!exited_) ::kill(-pid_, SIGKILL);  // process_'s destructor reaps the first one
  }

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] const ProcessSpec& spec() const { return spec_; }
  [[nodiscard]] bool finished() const { return exited_ && out_.ended && err_.ended; }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  std::string take_out() { return std::exchange(out_.fresh, {}); }
  std::string take_err() { return std::exchange(err_.fresh, {}); }
  [[nodiscard]] bool out_ended() const { return out_.ended; }

  /// TERM now, KILL when `kill_after` has passed. finished() follows.
  void end() {
    if (ending_ || exited_) return;
    ending_ = true;
    ::kill(-pid_, SIGTERM);
    after(spec_.kill_after, [](Child& child) {
      if (!child.exited_) ::kill(-child.pid_, SIGKILL);
    });
  }

  /// Waits until something has happened since `seen`.
  static awaitable<Status> activity(const Ctx& ctx, std::shared_ptr<Child> child, std::uint64_t seen) {
    const Loop::Hold hold(ctx.loop());
    std::function<bool()> ready = [child, seen] { return child->generation_ != seen; };
    std::function<void(std::function<void()>)> arm = [child](std::function<void()> wake) {
      child->waiters_.push_back(std::move(wake));
    };
    Status go_on = ctx.check();
    if (go_on) go_on = co_await detail::wait_until(ctx, std::move(ready), std::move(arm));
    co_return go_on;
  }

  void set_status(CommandResult& result) {
    if (WIFSIGNALED(native_status_)) {
      const char* const name = ::sigabbrev_np(WTERMSIG(native_status_));
      result.signal = name != nullptr ? name : std::to_string(WTERMSIG(native_status_));
      result.exit_status = -1;
    } else {
      result.exit_status = WEXITSTATUS(native_status_);
    }
  }

 private:
  struct Stream {
    explicit Stream(asio::io_context& io) : pipe(io) {}
    asio::readable_pipe pipe;
    std::array<char, 16384> buffer{};
    std::string fresh;  ///< read and not yet taken
    bool ended = false;
  };

  void watch(bool keep_input_open) {
    read(out_);
    read(err_);
    if (!spec_.input.empty()) {
      asio::async_write(in_, asio::buffer(spec_.input),
                        [self = shared_from_this(), keep_input_open](const Code& /*closed*/, std::size_t) {
                          Code ignored;
                          if (!keep_input_open) self->in_.close(ignored);
                        });
    } else if (!keep_input_open) {
      Code ignored;
      in_.close(ignored);
    }
    process_.async_wait(
        [self = shared_from_this()](const Code& /*failed*/, int /*exit_code*/) { self->on_exit(); });
  }

  void read(Stream& stream) {
    stream.pipe.async_read_some(asio::buffer(stream.buffer),
                                [self = shared_from_this(), &stream](const Code& failed, std::size_t size) {
                                  stream.fresh.append(stream.buffer.data(), size);
                                  stream.ended = static_cast<bool>(failed);
                                  self->happened();
                                  if (!failed) self->read(stream);
                                });
  }

  void on_exit() {
    native_status_ = process_.native_exit_code();
    exited_ = true;
    ::kill(-pid_, SIGKILL);  // the rest of the group, if there is any
    Code ignored;
    in_.close(ignored);
    after(kLastWords, [](Child& child) {
      Code nothing;
      child.out_.pipe.close(nothing);
      child.err_.pipe.close(nothing);
    });
    happened();
  }

  /// On the machine's clock even under a simulated loop: processes are real.
  void after(Nanoseconds delay, void (*what)(Child&)) {
    timer_.expires_after(delay);
    timer_.async_wait([weak = weak_from_this(), what](const Code& moved) {
      const auto self = weak.lock();
      if (!moved && self) what(*self);
    });
  }

  void happened() {
    ++generation_;
    if (finished()) timer_.cancel();
    for (const auto& wake : std::exchange(waiters_, {})) wake();
  }

  ProcessSpec spec_;
  pid_t pid_;
  process_v2::basic_process<asio::io_context::executor_type> process_;
  asio::writable_pipe in_;
  Stream out_;
  Stream err_;
  asio::steady_timer timer_;
  int native_status_ = 0;
  bool exited_ = false;
  bool ending_ = false;
  std::uint64_t generation_ = 0;
  std::vector<std::function<void()>> waiters_;
};

/// Ends the group and waits for it, whatever has become of the caller's Ctx; kill_after bounds it.
awaitable<void> end_and_reap(Loop& loop, std::shared_ptr<Child> child) {
  const Ctx unstoppable(loop, "ending " + child->spec().argv.front());
  child->end();
  while (!child->finished()) {
    const Status more = co_await Child::activity(unstoppable, child, child->generation());
    if (!more) co_return;
  }
}

void keep(std::string& kept, const std::string& piece, std::size_t most, std::size_t& dropped) {
  const std::size_t room = most - std::min(kept.size(), most);
  kept.append(piece, 0, room);
  if (piece.size() > room) dropped += piece.size() - room;
}

class Running final : public RunningProcess {
 public:
  Running(Loop& loop, std::shared_ptr<Child> child) : loop_(loop), child_(std::move(child)) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() override {
    if (!child_->finished()) ::kill(-child_->pid(), SIGKILL);
  }

  [[nodiscard]] int pid() const override { return child_->pid(); }

  awaitable<Result<std::string>> read_line(const Ctx& ctx) override {
    for (;;) {
      const std::uint64_t seen = child_->generation();
      take();
      if (const std::size_t end = out_.find('\n'); end != std::string::npos) {
        std::string line = out_.substr(0, end);
        out_.erase(0, end + 1);
        co_return line;
      }
      if (child_->out_ended()) {
        if (!out_.empty()) co_return std::exchange(out_, {});
        const std::string words = err_.empty() ? "" : ": " + err_.substr(0, err_.find_last_not_of('\n') + 1);
        co_return Error("process.ended", child_->spec().argv.front() + " has ended" + words, "",
                        Blame::station);
      }
      Status more = co_await Child::activity(ctx, child_, seen);
      if (!more) co_return more.error();
    }
  }

  awaitable<CommandResult> stop() override {
    co_await end_and_reap(loop_, child_);
    take();
    CommandResult result;
    result.out = std::exchange(out_, {});
    result.err = err_;
    result.dropped_bytes = dropped_;
    child_->set_status(result);
    co_return result;
  }

 private:
  void take() {
    keep(out_, child_->take_out(), child_->spec().max_output, dropped_);
    err_ += child_->take_err();
    if (err_.size() > kErrorTail) err_.erase(0, err_.size() - kErrorTail);
  }

  Loop& loop_;
  std::shared_ptr<Child> child_;
  std::string out_;
  std::string err_;
  std::size_t dropped_ = 0;
};

class Launcher final : public ProcessLauncher {
 public:
  explicit Launcher(Loop& loop) : loop_(loop) {}

  awaitable<Result<CommandResult>> run(const Ctx& ctx, ProcessSpec spec) override {
    Status go_on = ctx.check();
    if (!go_on) co_return go_on.error();
    Loop& loop = loop_;
    Result<std::shared_ptr<Child>> started = Child::start(loop, std::move(spec), false);
    if (!started) co_return started.error();
    const std::shared_ptr<Child> child = *started;
    CommandResult result;
    for (;;) {
      const std::uint64_t seen = child->generation();
      const bool last = child->finished();
      const std::string out = child->take_out();
      keep(result.out, out, child->spec().max_output, result.dropped_bytes);
      keep(result.err, child->take_err(), child->spec().max_output, result.dropped_bytes);
      if (!out.empty() && child->spec().on_output) child->spec().on_output(out);
      if (last) break;
      const Status more = co_await Child::activity(ctx, child, seen);
      if (!more) {
        co_await end_and_reap(loop, child);
        Error error = more.error();
        co_return std::move(error).while_doing("running " + child->spec().argv.front());
      }
    }
    child->set_status(result);
    co_return result;
  }

  awaitable<Result<std::unique_ptr<RunningProcess>>> start(const Ctx& ctx, ProcessSpec spec) override {
    Status go_on = ctx.check();
    if (!go_on) co_return go_on.error();
    Result<std::shared_ptr<Child>> started = Child::start(loop_, std::move(spec), true);
    if (!started) co_return started.error();
    co_return std::unique_ptr<RunningProcess>(std::make_unique<Running>(loop_, std::move(*started)));
  }

 private:
  Loop& loop_;
};

}  // namespace

void take_terminal_back(int terminal) {
  // From the background that is a reason to be stopped, unless the signal is blocked.
  sigset_t stop, before;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTTOU);
  if (::pthread_sigmask(SIG_BLOCK, &stop, &before) != 0) return;
  static_cast<void>(::tcsetpgrp(terminal, ::getpgrp()));
  static_cast<void>(::pthread_sigmask(SIG_SETMASK, &before, nullptr));
}

std::unique_ptr<ProcessLauncher> make_process_launcher(Loop& loop) {
  return std::make_unique<Launcher>(loop);
}

}  // namespace kiln
