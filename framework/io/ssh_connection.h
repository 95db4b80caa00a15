#pragma once
// One SSH connection on libssh, non-blocking, with many commands on it at once. Private to io/ (the shell in
// libssh_shell.cc opens, shares and replaces it). Loop thread only.
//
// libssh's rules this is built on: any call may handle packets of any channel, so callbacks only note what
// came and every wait is "try, let libssh send and read, try again, then sleep"; the descriptor is ours,
// libssh never closes it.

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/ctx.h"
#include "io/libssh_shell.h"
#include "io/shell.h"

namespace kiln::detail {

class SshConnection : public std::enable_shared_from_this<SshConnection> {
 public:
  /// Connects, checks the host's key, logs in. Ends by Ctx at the latest.
  static boost::asio::awaitable<Result<std::shared_ptr<SshConnection>>> open(
      const Ctx& ctx, std::shared_ptr<const SshOptions> options);
  SshConnection(Loop& loop, std::shared_ptr<const SshOptions> options);
  SshConnection(const SshConnection&) = delete;
  SshConnection& operator=(const SshConnection&) = delete;
  ~SshConnection();

  /// `sent` becomes true when the host may have started the command.
  boost::asio::awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command,
                                                    std::shared_ptr<bool> sent);

  [[nodiscard]] bool usable() const { return !failure_; }
  /// Ends the commands that run on it with this error, and its use.
  void fail(Error error);

  // For channels that are no commands (ssh_forward.h).
  [[nodiscard]] ssh_session session() const { return session_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  /// Lets libssh send and receive what it can without waiting. Not to be called from a callback of libssh.
  void pump();
  /// `wake` is called once, when something has happened on the connection: maybe from inside a callback of
  /// libssh, so that it must do no more than post.
  void on_activity(std::function<void()> wake);
  /// When the host last sent anything (monotonic).
  [[nodiscard]] std::int64_t heard_ns() const { return heard_ns_; }
  /// Something came for a channel; from its callbacks.
  void happened();
  /// Frees a channel once the host has answered its opening, for which nobody waits any more.
  void give_up(ssh_channel channel) { orphans_.push_back(channel); }
  /// "user@host port 22".
  [[nodiscard]] std::string where() const;
  [[nodiscard]] std::string error_text() const;

 private:
  class Channel;

  boost::asio::awaitable<Status> connect_socket(const Ctx& ctx);
  boost::asio::awaitable<Status> handshake(const Ctx& ctx);
  boost::asio::awaitable<Status> authenticate(const Ctx& ctx);
  boost::asio::awaitable<Status> authenticate_by_key(const Ctx& ctx);
  boost::asio::awaitable<Status> authenticate_by_password(const Ctx& ctx);
  boost::asio::awaitable<Status> open_channel(const Ctx& ctx, Channel* channel);
  boost::asio::awaitable<Status> send_input(const Ctx& ctx, Channel* channel, const Command* command);
  boost::asio::awaitable<Result<CommandResult>> execute(const Ctx& ctx, Channel* channel,
                                                        const Command* command);
  /// Renews the lease of a command until it is stopped.
  boost::asio::awaitable<void> renew(Ctx& task, Channel* channel, Nanoseconds lease);
  boost::asio::awaitable<Result<CommandResult>> collect(const Ctx& ctx, Channel* channel,
                                                        const Command* command);

  Status prepare_session();
  Status check_host_key();

  /// Repeats `attempt` until it returns something else than `again`.
  boost::asio::awaitable<Result<int>> repeat(const Ctx& ctx, int again, std::function<int()> attempt);
  /// Waits until something has happened on the connection since `seen`.
  boost::asio::awaitable<Status> activity(const Ctx& ctx, std::uint64_t seen);
  void watch();
  void on_ready();
  void drop_orphans();

  Loop& loop_;
  std::shared_ptr<const SshOptions> options_;
  boost::asio::ip::tcp::socket socket_;
  ssh_session session_ = nullptr;
  ssh_event event_ = nullptr;  ///< from the end of the handshake on
  bool reading_ = false;
  bool writing_ = false;
  std::uint64_t generation_ = 0;  ///< counts what happened
  std::int64_t heard_ns_ = 0;
  std::vector<std::function<void()>> waiters_;
  std::vector<ssh_channel> orphans_;  ///< given up while the host had not yet answered the open
  std::optional<Error> failure_;
};

}  // namespace kiln::detail
