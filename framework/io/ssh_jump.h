#pragma once
// SshJump: a host over which others are reached that this station has no way to, by SSH. One login is shared
// by all connections through it. Bytes are passed on as they are: TLS is between the station and the device,
// so the jump host can neither read nor change what is said, and its own key is verified as any host's. Loop
// thread only.

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "io/ctx.h"
#include "io/libssh_shell.h"
#include "io/pool.h"

namespace kiln {

/// An address within this machine (unix(7)).
struct LocalAddress {
  sockaddr_un where{};
  socklen_t size = 0;
};

/// One connection through it, as a local stream socket.
class JumpStream {
 public:
  virtual ~JumpStream() = default;
  /// The socket to use, once; whoever takes it closes it, and connects it to address() before the loop turns:
  /// nobody else is let in there, and then nobody at all. Non-blocking.
  virtual int take_end() = 0;
  [[nodiscard]] virtual const LocalAddress& address() const = 0;
  /// Why the connection failed, in which hop; nullopt while it has not.
  [[nodiscard]] virtual std::optional<Error> failure() const = 0;
};

class SshJump {
 public:
  virtual ~SshJump() = default;
  /// Logged in to the jump host, or why not: jump.connect, jump.host_key, jump.login, jump.protocol, ctx.*.
  virtual boost::asio::awaitable<Status> ready(const Ctx& ctx) = 0;
  /// Begins to connect to `host` (a name or address as the jump host knows it). Does not wait, so that it may
  /// be called from another library's callback; an Error when ready() was not, or no descriptor is left.
  virtual Result<std::shared_ptr<JumpStream>> connect(const std::string& host, std::uint16_t port) = 0;
  /// An exchange that began at `begun_ns` (monotonic) has ended without an answer in its time. Where the jump
  /// host has sent nothing at all meanwhile, its connection may be half dead: the next ready() logs in anew,
  /// and number() is another, so that nothing kept is used again. What runs on the old one may end there.
  virtual void unanswered(std::int64_t begun_ns) = 0;
  /// What sets it apart from every other way to the same address; another one after a new login by doubt.
  [[nodiscard]] virtual std::uint32_t number() const = 0;
  /// "user@host port 22".
  [[nodiscard]] virtual std::string where() const = 0;
};

/// `loop` and `handshakes` (libssh_shell.h) must outlive it.
std::shared_ptr<SshJump> make_ssh_jump(Loop& loop, Pool& handshakes, SshOptions options);

}  // namespace kiln
