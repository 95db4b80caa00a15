#pragma once
// Local programs: started with posix_spawn (vfork underneath: no copy of our memory), watched and reaped by
// Boost.Process v2 (pidfd). Each has its own process group, both pipes are always read, and nothing of the
// group outlives its first process. Stopping sends TERM to the group, then KILL. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/ctx.h"
#include "io/shell.h"

namespace kiln {

class ProcessSpec {
 public:
  explicit ProcessSpec(std::vector<std::string> arguments) : argv(std::move(arguments)) {}
  std::vector<std::string> argv;  ///< argv[0]: path, or a name looked up in PATH
  std::optional<std::string> working_directory;
  std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
  std::string input;
  std::size_t max_output = 16U * 1024U * 1024U;
  std::function<void(const std::string&)> on_output;
  Nanoseconds kill_after{2'000'000'000};  ///< between TERM and KILL
  /// Descriptor of our controlling terminal, which its group owns while it runs: it may ask a person for a
  /// passphrase. -1: it may not. Afterwards take_terminal_back.
  int terminal = -1;
};

/// Makes our own process group the terminal's again. No error when it is none of ours.
void take_terminal_back(int terminal);

/// A program that goes on while we work, such as the virtual rack of a demo. Destroying it without stop()
/// kills the group.
class RunningProcess {
 public:
  virtual ~RunningProcess() = default;
  [[nodiscard]] virtual int pid() const = 0;
  /// The next line of stdout without its newline; an Error at the end of output: "process.ended".
  virtual boost::asio::awaitable<Result<std::string>> read_line(const Ctx& ctx) = 0;
  /// TERM, then KILL after `kill_after`, then reaped; what it printed on stderr (last 64 KiB) is in the
  /// result.
  virtual boost::asio::awaitable<CommandResult> stop() = 0;
};

class ProcessLauncher {
 public:
  virtual ~ProcessLauncher() = default;  // it may go before what it started
  /// Runs to the end. Error codes: process.not_found, process.start, ctx.stopped, ctx.deadline (after the
  /// group was ended).
  virtual boost::asio::awaitable<Result<CommandResult>> run(const Ctx& ctx, ProcessSpec spec) = 0;
  /// Its standard input stays open until stop() or until we die.
  virtual boost::asio::awaitable<Result<std::unique_ptr<RunningProcess>>> start(const Ctx& ctx,
                                                                                ProcessSpec spec) = 0;
};

std::unique_ptr<ProcessLauncher> make_process_launcher(Loop& loop);

}  // namespace kiln
