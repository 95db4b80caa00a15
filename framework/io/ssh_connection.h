#pragma once
// One SSH connection on libssh, non-blocking, with many channels on it at once (ssh_command.h,
// ssh_forward.h). Private to io/ (SshLink opens, shares and replaces it). Loop thread only.
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
#include "io/pool.h"

namespace kiln::detail {

class SshConnection : public std::enable_shared_from_this<SshConnection> {
 public:
  /// Connects, checks the host's key, logs in; within the options' connect_timeout, to which the wait for a
  /// place in `handshakes` does not count. It takes one only once the host has let it connect: one that is
  /// away keeps nobody waiting.
  static boost::asio::awaitable<Result<std::shared_ptr<SshConnection>>> open(
      const Ctx& ctx, std::shared_ptr<const SshOptions> options, Pool& handshakes);
  SshConnection(Loop& loop, std::shared_ptr<const SshOptions> options);
  SshConnection(const SshConnection&) = delete;
  SshConnection& operator=(const SshConnection&) = delete;
  ~SshConnection();

  [[nodiscard]] bool usable() const { return !failure_; }
  /// Ends what runs on it with this error, and its use.
  void fail(Error error);

  // For channels (ssh_command.h, ssh_forward.h).
  [[nodiscard]] ssh_session session() const { return session_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }
  /// Lets libssh send and receive what it can without waiting, and wakes everybody when anything came,
  /// whoever took it in. To be called after any call of libssh; not from a callback of it.
  void pump();
  /// `wake` is called once, when something has happened on the connection: maybe from inside a callback of
  /// libssh, so that it must do no more than post.
  void on_activity(std::function<void()> wake);
  /// Repeats `attempt` until it returns something else than `again`.
  boost::asio::awaitable<Result<int>> repeat(const Ctx& ctx, int again, std::function<int()> attempt);
  /// Waits until something has happened on the connection since `seen`.
  boost::asio::awaitable<Status> activity(const Ctx& ctx, std::uint64_t seen);
  /// Counts what happened.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// When the host last sent anything (monotonic).
  [[nodiscard]] std::int64_t heard_ns() const { return heard_ns_; }
  /// Something came for a channel; from its callbacks.
  void happened();
  /// Frees a channel once the host has answered its opening, for which nobody waits any more.
  void give_up(ssh_channel channel) { orphans_.push_back(channel); }
  /// How many of those there are.
  [[nodiscard]] std::size_t openings_given_up() const { return orphans_.size(); }
  [[nodiscard]] const SshOptions& options() const { return *options_; }
  /// "user@host port 22".
  [[nodiscard]] std::string where() const;
  [[nodiscard]] std::string error_text() const;

 private:
  boost::asio::awaitable<Status> connect_socket(const Ctx& ctx);
  boost::asio::awaitable<Status> handshake(const Ctx& ctx);
  boost::asio::awaitable<Status> authenticate(const Ctx& ctx);
  boost::asio::awaitable<Status> authenticate_by_key(const Ctx& ctx);
  boost::asio::awaitable<Status> authenticate_by_password(const Ctx& ctx);
  Status prepare_session();
  Status check_host_key();

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
  std::uint64_t generation_ = 0;
  ssh_counter_struct packets_{};    ///< kept by libssh
  std::uint64_t packets_told_ = 0;  ///< of those that came, everybody was told
  std::int64_t heard_ns_ = 0;
  std::vector<std::function<void()>> waiters_;
  std::vector<ssh_channel> orphans_;  ///< given up while the host had not yet answered the open
  std::optional<Error> failure_;
};

}  // namespace kiln::detail
