#include "io/ssh_command.h"

#include <fmt/format.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "io/lease.h"
#include "io/scope.h"

namespace kiln::detail {

using boost::asio::awaitable;

namespace {

/// One command's channel and what came over it. libssh writes into it from its callbacks.
class CommandChannel {
 public:
  explicit CommandChannel(SshConnection& connection)
      : connection_(connection), handle_(ssh_channel_new(connection.session())) {
    callbacks_ = {};
    callbacks_.userdata = this;
    callbacks_.channel_data_function = &on_data;
    callbacks_.channel_close_function = &on_close;
    callbacks_.channel_exit_status_function = &on_exit_status;
    callbacks_.channel_exit_signal_function = &on_exit_signal;
    ssh_callbacks_init(&callbacks_);
    if (handle_ != nullptr) ssh_set_channel_callbacks(handle_, &callbacks_);
  }
  CommandChannel(const CommandChannel&) = delete;
  CommandChannel& operator=(const CommandChannel&) = delete;
  ~CommandChannel() { release(); }

  /// Also used to try again after a refusal.
  void release() {
    if (handle_ == nullptr) return;
    ssh_remove_channel_callbacks(
        handle_, &callbacks_);  // freeing is put off until the host agrees; we are gone by then
    if (opening) {
      connection_.give_up(handle_);
    } else {
      ssh_channel_free(handle_);
    }
    handle_ = nullptr;
    connection_.pump();
  }

  [[nodiscard]] ssh_channel handle() const { return handle_; }

  bool opening = false;
  std::string out;
  std::string err;
  std::optional<int> exit_status;
  std::optional<std::string> exit_signal;
  bool closed = false;

 private:
  static int on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int is_stderr, void* self) {
    auto* channel = static_cast<CommandChannel*>(self);
    (is_stderr != 0 ? channel->err : channel->out).append(static_cast<const char*>(data), size);
    channel->connection_.happened();
    return static_cast<int>(size);
  }
  static void on_close(ssh_session, ssh_channel, void* self) {
    static_cast<CommandChannel*>(self)->closed = true;
    static_cast<CommandChannel*>(self)->connection_.happened();
  }
  static void on_exit_status(ssh_session, ssh_channel, int status, void* self) {
    static_cast<CommandChannel*>(self)->exit_status = status;
  }
  static void on_exit_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*,
                             void* self) {
    static_cast<CommandChannel*>(self)->exit_signal = signal != nullptr ? signal : "unknown";
  }

  SshConnection& connection_;
  ssh_channel handle_;
  ssh_channel_callbacks_struct callbacks_;
};

awaitable<void> renew(Ctx& task, SshConnection* connection, CommandChannel* channel, Nanoseconds lease) {
  while (connection->usable() && !channel->closed) {
    ssh_channel_write(channel->handle(), kLeaseRenewal, 1);  // full or broken: then it runs out, as it should
    connection->pump();
    const Status waited = co_await task.sleep_for(lease_renewal_every(lease));
    if (!waited) co_return;
  }
}

awaitable<Status> open_channel(const Ctx& ctx, SshConnection* connection, CommandChannel* channel) {
  if (channel->handle() == nullptr)
    co_return Error("ssh.protocol", connection->where() + ": libssh gives no channel");
  channel->opening = true;
  std::function<int()> attempt = [channel] { return ssh_channel_open_session(channel->handle()); };
  const Result<int> opened = co_await connection->repeat(ctx, SSH_AGAIN, std::move(attempt));
  if (!opened) co_return opened.error();
  channel->opening = false;
  if (*opened == SSH_OK) co_return success();
  if (connection->failure()) co_return *connection->failure();
  co_return Error("ssh.protocol",
                  fmt::format("{}: the host refuses another command on this connection", connection->where()),
                  "raise MaxSessions in its sshd_config, or run less at once");
}

/// Renewals are only ever sent, so nothing tells that a host hangs until the load's own deadline, which may
/// be a day away. One that was silent is asked something: to open a channel, which any sshd answers, also
/// with a refusal. What is left without an answer is given up; the lease has ended the load there by then.
awaitable<void> watch_answers(Ctx& task, SshConnection* connection) {
  const Nanoseconds within = connection->options().answer_within;
  const Nanoseconds quiet = within / 4;
  while (connection->usable()) {
    const Status waited = co_await task.sleep_for(quiet);
    if (!waited) co_return;
    const std::int64_t heard_ns = connection->heard_ns();
    if (task.now().monotonic_ns - heard_ns < quiet.count()) continue;
    CommandChannel question(*connection);
    Ctx asking = task.child_within("answer", within - quiet);
    const Status opened = co_await open_channel(asking, connection, &question);
    if (task.stopped()) co_return;
    if (opened || opened.error().code != "ctx.deadline" || connection->heard_ns() != heard_ns) continue;
    connection->fail(Error(
        "ssh.silent",
        fmt::format("{}: the host has answered nothing for {}", connection->where(), format_duration(within)),
        "look at its console: it hangs, or its network is gone; what it ran under a lease has ended"));
  }
}

awaitable<Status> send_input(const Ctx& ctx, SshConnection* connection, CommandChannel* channel,
                             const Command* command) {
  const std::string& input = command->input;
  std::size_t written = 0;
  while (written < input.size() && !channel->closed) {
    const std::uint64_t seen = connection->generation();
    constexpr std::size_t kPiece = 32U * 1024U;
    const auto size = static_cast<std::uint32_t>(std::min(kPiece, input.size() - written));
    const int wrote = ssh_channel_write(channel->handle(), input.data() + written, size);
    if (wrote > 0) written += static_cast<std::size_t>(wrote);
    connection->pump();
    if (connection->failure()) co_return *connection->failure();
    if (wrote < 0 && wrote != SSH_AGAIN) break;  // the command has closed its input: its own business
    if (wrote > 0 || connection->generation() != seen) {
      Status go_on = ctx.check();
      if (!go_on) co_return go_on;
      continue;
    }
    Status more = co_await connection->activity(ctx, seen);
    if (!more) co_return more;
  }
  if (!channel->closed) {
    ssh_channel_send_eof(channel->handle());
    connection->pump();
  }
  co_return success();
}

awaitable<Result<CommandResult>> collect(const Ctx& ctx, SshConnection* connection, CommandChannel* channel,
                                         const Command* command) {
  CommandResult result;
  const auto keep = [&result, command](std::string& kept, const std::string& piece) {
    const std::size_t room = command->max_output - std::min(kept.size(), command->max_output);
    kept.append(piece, 0, room);
    if (piece.size() > room) result.dropped_bytes += piece.size() - room;
  };
  for (;;) {
    const std::uint64_t seen = connection->generation();
    const std::string out = std::exchange(channel->out, {});
    const std::string err = std::exchange(channel->err, {});
    keep(result.out, out);
    keep(result.err, err);
    if (!out.empty() && command->on_output) command->on_output(out);
    if (channel->closed) break;
    if (connection->failure()) co_return *connection->failure();
    Status more = co_await connection->activity(ctx, seen);
    if (!more) co_return more.error();
  }
  if (channel->exit_status) {
    result.exit_status = *channel->exit_status;
  } else if (channel->exit_signal) {
    result.signal = channel->exit_signal;
  } else {
    co_return Error("ssh.connection_lost",
                    fmt::format("{}: the command ended without an exit status", connection->where()),
                    "the host may be shutting down; see its log");
  }
  co_return result;
}

awaitable<Result<CommandResult>> execute(const Ctx& ctx, SshConnection* connection, CommandChannel* channel,
                                         const Command* command) {
  const std::string line = command->lease ? leased_line(command->line, *command->lease) : command->line;
  std::function<int()> request = [&line, channel] {
    return ssh_channel_request_exec(channel->handle(), line.c_str());
  };
  const Result<int> started = co_await connection->repeat(ctx, SSH_AGAIN, std::move(request));
  if (!started) co_return started.error();
  if (*started != SSH_OK) {
    if (connection->failure()) co_return *connection->failure();
    co_return Error("ssh.protocol",
                    fmt::format("{}: the host refuses to run commands ({})", connection->where(),
                                connection->error_text()),
                    "check the user's login shell and sshd's ForceCommand");
  }
  if (!command->lease) {
    Status fed = co_await send_input(ctx, connection, channel, command);
    if (!fed) co_return fed.error();
    Result<CommandResult> result = co_await collect(ctx, connection, channel, command);
    co_return result;
  }
  Scope renewal(ctx);
  const Nanoseconds lease = *command->lease;
  renewal.start("lease",
                [connection, channel, lease](Ctx& task) { return renew(task, connection, channel, lease); });
  renewal.start("answers", [connection](Ctx& task) { return watch_answers(task, connection); });
  Result<CommandResult> result = co_await collect(ctx, connection, channel, command);
  const Status joined = co_await renewal.stop_and_join(StopReason::sibling, "the command has ended");
  (void)joined;
  co_return result;
}

}  // namespace

awaitable<Result<CommandResult>> run_ssh_command(const Ctx& ctx, std::shared_ptr<SshConnection> connection,
                                                 Command command, std::shared_ptr<bool> sent) {
  const auto channel = std::make_unique<CommandChannel>(*connection);
  Status opened = co_await open_channel(ctx, connection.get(), channel.get());
  if (!opened) co_return opened.error();

  *sent = true;
  Result<CommandResult> result = co_await execute(ctx, connection.get(), channel.get(), &command);
  if (!result && connection->usable() && !channel->closed) {
    // Stopped or out of time: ask the host to end the command. Not more than a wish: sshd passes it on to the
    // process group for every user but root. A load that must end has its own time limit on the host.
    ssh_channel_request_send_signal(channel->handle(), "TERM");
    connection->pump();
  }
  co_return result;
}

}  // namespace kiln::detail
