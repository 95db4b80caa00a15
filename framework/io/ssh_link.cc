#include "io/ssh_link.h"

#include <fmt/format.h>

namespace kiln::detail {

using boost::asio::awaitable;

awaitable<Result<std::shared_ptr<SshConnection>>> SshLink::connected(const Ctx& ctx) {
  if (connection_ && connection_->usable()) co_return connection_;
  const std::uint64_t before = failures_;
  const Result<Pool::Lease> mine = co_await connecting_.acquire(ctx);
  if (!mine) co_return mine.error();
  if (connection_ && connection_->usable()) co_return connection_;
  if (failures_ != before)
    co_return last_failure_;  // an attempt failed while this one waited: as good as its own

  Result<std::shared_ptr<SshConnection>> opened = co_await SshConnection::open(ctx, options_, handshakes_);
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

void SshLink::disconnect() {
  if (!connection_) return;
  connection_->fail(
      Error("ssh.connection_lost", options_->address + ": disconnected by the station", "", Blame::station));
  connection_.reset();
}

}  // namespace kiln::detail
