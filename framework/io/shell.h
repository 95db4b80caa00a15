#pragma once
// Shell: commands on one host, over SSH (libssh_shell.h) or scripted in tests. Connects on first use,
// reconnects after a lost connection (which fails the commands that were running), verifies the host key
// against the one in the inventory. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "io/ctx.h"

namespace kiln {

/// Of everything that loads GPUs or a rack: station, warden and network may all be gone.
inline constexpr Nanoseconds kLoadLease = std::chrono::seconds(5);

class Command {
 public:
  explicit Command(std::string command_line) : line(std::move(command_line)) {}
  std::string line;                              ///< as a POSIX shell reads it
  std::string input;                             ///< given on standard input
  std::size_t max_output = 16U * 1024U * 1024U;  ///< bytes per stream kept; the rest is counted and dropped
  std::function<void(const std::string&)> on_output;  ///< each piece of stdout as it comes; may be empty
  /// The command runs under a lease that the shell renews by itself: when the host has not heard of us for so
  /// long (station dead or stopped, network gone), it kills the command's process group by itself. See
  /// io/lease.h. Takes no `input`.
  std::optional<Nanoseconds> lease;
};

class CommandResult {
 public:
  int exit_status = -1;               ///< -1 when a signal ended it
  std::optional<std::string> signal;  ///< "TERM"
  std::string out;
  std::string err;
  std::size_t dropped_bytes = 0;
  [[nodiscard]] bool ok() const { return exit_status == 0; }
};

/// When Ctx ends the wait, the host is asked to end the command, but it may go on (sshd does not signal
/// root's commands): what loads hardware carries its own time limit. Error codes: ssh.connect, ssh.timeout,
/// ssh.host_key, ssh.authentication, ssh.protocol, ssh.connection_lost, ctx.stopped, ctx.deadline. A command
/// that ran and failed is a result, not an Error.
class Shell {
 public:
  virtual ~Shell() = default;
  virtual boost::asio::awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) = 0;
  /// Ends the connection; the next run opens a new one.
  virtual boost::asio::awaitable<void> disconnect() = 0;
  /// False as long as no connection was ever made: nothing can have been started through it.
  [[nodiscard]] virtual bool was_connected() const { return true; }
};

/// Quotes one argument for a POSIX shell.
std::string shell_quoted(const std::string& argument);

}  // namespace kiln
