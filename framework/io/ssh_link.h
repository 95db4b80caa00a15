#pragma once
// SshLink: the one SSH connection to a host that many share: whoever comes first opens it, the others wait
// for the outcome, and one that was lost is replaced by the next who asks. Private to io/. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "io/pool.h"
#include "io/ssh_connection.h"

namespace kiln::detail {

class SshLink {
 public:
  /// `handshakes` must outlive the link.
  SshLink(Pool& handshakes, SshOptions options)
      : handshakes_(handshakes), options_(std::make_shared<const SshOptions>(std::move(options))) {}

  /// Logged in. Errors: those of SshConnection::open, ssh.timeout, ctx.*.
  boost::asio::awaitable<Result<std::shared_ptr<SshConnection>>> connected(const Ctx& ctx);
  /// The connection there is; null when there is none that could be used.
  [[nodiscard]] std::shared_ptr<SshConnection> usable() const {
    return connection_ && connection_->usable() ? connection_ : nullptr;
  }
  /// Forgets it, when it is still this one: what runs on it holds it.
  void forget(const std::shared_ptr<SshConnection>& connection) {
    if (connection_ == connection) connection_.reset();
  }
  /// Ends it and what runs on it.
  void disconnect();

  [[nodiscard]] bool was_connected() const { return was_connected_; }
  [[nodiscard]] const SshOptions& options() const { return *options_; }

 private:
  Pool& handshakes_;
  std::shared_ptr<const SshOptions> options_;
  Pool connecting_{"ssh connect", 1};
  std::shared_ptr<SshConnection> connection_;
  bool was_connected_ = false;
  std::uint64_t failures_ = 0;
  Error last_failure_;
};

}  // namespace kiln::detail
