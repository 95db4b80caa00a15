#include "io/libssh_shell.h"

#include <fmt/format.h>

#include <utility>

#include "io/ssh_connection.h"

namespace kiln {

namespace {

using boost::asio::awaitable;
using detail::SshConnection;

/// Commands at once; more wait for their turn. sshd allows 10 per connection (sshd_config(5), MaxSessions)
/// and counts one that has just ended for a moment longer.
constexpr std::size_t kSessions = 8;

class LibsshShell final : public Shell {
 public:
  LibsshShell(Pool& handshakes, SshOptions options)
      : handshakes_(handshakes),
        options_(std::make_shared<const SshOptions>(std::move(options))),
        sessions_("ssh sessions of " + options_->address, kSessions) {}

  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    const Result<Pool::Lease> place = co_await sessions_.acquire(ctx);
    if (!place) co_return place.error();
    for (int round = 0;; ++round) {
      const bool fresh = !connection_ || !connection_->usable();
      Result<std::shared_ptr<SshConnection>> connection = co_await connected(ctx);
      if (!connection) co_return connection.error();
      const auto sent = std::make_shared<bool>(false);
      Command copy = command;
      Result<CommandResult> result = co_await (*connection)->run(ctx, std::move(copy), sent);
      // Tried once more on a new connection, as long as the host cannot have seen the command: when this one
      // had died unnoticed, or is full of commands that were given up but go on at the host.
      const bool tired = !result && !*sent && !fresh && round == 0 && !ctx.stopped();
      if (tired) {
        if (connection_ == *connection) connection_.reset();  // what still runs on it holds it
        continue;
      }
      if (result) co_return result;
      Error error = result.error();
      co_return std::move(error).while_doing("running on " + options_->address + ": " + command.line);
    }
  }

  bool was_connected() const override { return was_connected_; }

  awaitable<void> disconnect() override {
    if (connection_) {
      connection_->fail(Error("ssh.connection_lost", options_->address + ": disconnected by the station", "",
                              Blame::station));
      connection_.reset();
    }
    co_return;
  }

 private:
  /// The one connection; whoever comes first opens it, the others wait for the outcome.
  awaitable<Result<std::shared_ptr<SshConnection>>> connected(const Ctx& ctx) {
    if (connection_ && connection_->usable()) co_return connection_;
    const std::uint64_t before = failures_;
    const Result<Pool::Lease> mine = co_await connecting_.acquire(ctx);
    if (!mine) co_return mine.error();
    if (connection_ && connection_->usable()) co_return connection_;
    if (failures_ != before)
      co_return last_failure_;  // an attempt failed while this one waited: as good as its own

    const Result<Pool::Lease> place = co_await handshakes_.acquire(ctx);
    if (!place) co_return place.error();
    const Ctx attempt = ctx.child_within("ssh connect", options_->connect_timeout);
    Result<std::shared_ptr<SshConnection>> opened = co_await SshConnection::open(attempt, options_);
    if (opened) {
      connection_ = *opened;
      was_connected_ = true;
      co_return connection_;
    }
    Error error = opened.error();
    if (ctx.stopped()) {
      const Status why = ctx.check();
      co_return why.error();
    }
    if (error.code == "ctx.deadline") {
      error = Error("ssh.timeout",
                    fmt::format("{}@{} port {}: not logged in within {}", options_->user, options_->address,
                                options_->port, format_duration(options_->connect_timeout)),
                    "check that the host is up and not overloaded");
    }
    ++failures_;
    last_failure_ = error;
    co_return error;
  }

  Pool& handshakes_;
  std::shared_ptr<const SshOptions> options_;
  Pool sessions_;
  Pool connecting_{"ssh connect", 1};
  std::shared_ptr<SshConnection> connection_;
  bool was_connected_ = false;
  std::uint64_t failures_ = 0;
  Error last_failure_;
};

}  // namespace

std::unique_ptr<Shell> make_libssh_shell(Loop& /*loop*/, Pool& handshakes, SshOptions options) {
  return std::make_unique<LibsshShell>(handshakes, std::move(options));
}

}  // namespace kiln
