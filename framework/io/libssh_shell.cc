#include "io/libssh_shell.h"

#include <fmt/format.h>

#include <utility>

#include "io/ssh_command.h"
#include "io/ssh_link.h"

namespace kiln {

namespace {

using boost::asio::awaitable;
using detail::run_ssh_command;
using detail::SshConnection;
using detail::SshLink;

/// Commands at once; more wait for their turn. sshd allows 10 per connection (sshd_config(5), MaxSessions)
/// and counts one that has just ended for a moment longer.
constexpr std::size_t kSessions = 8;

class LibsshShell final : public Shell {
 public:
  LibsshShell(Pool& handshakes, SshOptions options)
      : link_(handshakes, std::move(options)),
        sessions_("ssh sessions of " + link_.options().address, kSessions) {}

  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    const Result<Pool::Lease> place = co_await sessions_.acquire(ctx);
    if (!place) co_return place.error();
    for (int round = 0;; ++round) {
      const bool fresh = link_.usable() == nullptr;
      Result<std::shared_ptr<SshConnection>> connection = co_await link_.connected(ctx);
      if (!connection) co_return connection.error();
      const auto sent = std::make_shared<bool>(false);
      Command copy = command;
      Result<CommandResult> result = co_await run_ssh_command(ctx, *connection, std::move(copy), sent);
      // Tried once more on a new connection, as long as the host cannot have seen the command: when this one
      // had died unnoticed, or is full of commands that were given up but go on at the host.
      const bool tired = !result && !*sent && !fresh && round == 0 && !ctx.stopped();
      if (tired) {
        link_.forget(*connection);
        continue;
      }
      if (result) co_return result;
      Error error = result.error();
      co_return std::move(error).while_doing("running on " + link_.options().address + ": " + command.line);
    }
  }

  bool was_connected() const override { return link_.was_connected(); }

  awaitable<void> disconnect() override {
    link_.disconnect();
    co_return;
  }

 private:
  SshLink link_;
  Pool sessions_;
};

}  // namespace

std::unique_ptr<Shell> make_libssh_shell(Loop& /*loop*/, Pool& handshakes, SshOptions options) {
  return std::make_unique<LibsshShell>(handshakes, std::move(options));
}

}  // namespace kiln
