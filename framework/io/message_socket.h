#pragma once
// MessageSocket: one end of a local socket pair that keeps messages apart (AF_UNIX, SOCK_SEQPACKET: unix(7)).
// The station and the warden talk over it, and what holds the other end dies with it: an end that is closed
// is known at once. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "io/ctx.h"

namespace kiln {

inline constexpr std::size_t kLongestMessage = 64U * 1024U;  ///< bytes

/// Error codes: socket.closed (the other end is gone), socket.too_long, socket.failed, ctx.stopped,
/// ctx.deadline. One receive and one send at a time.
class MessageSocket {
 public:
  virtual ~MessageSocket() = default;
  /// Waits while the other end does not read, until the Ctx ends: a peer that is stopped holds nobody.
  virtual boost::asio::awaitable<Status> send(const Ctx& ctx, std::string message) = 0;
  virtual boost::asio::awaitable<Result<std::string>> receive(const Ctx& ctx) = 0;
};

/// Our end, and the descriptor of the other one, which the caller hands to another program and closes.
struct MessageSocketPair {
  std::unique_ptr<MessageSocket> ours;
  int theirs = -1;
};
Result<MessageSocketPair> make_message_socket_pair(Loop& loop);

/// Takes over a descriptor that this program was started with. Error "socket.failed": it is no such socket.
Result<std::unique_ptr<MessageSocket>> adopt_message_socket(Loop& loop, int descriptor);

}  // namespace kiln
