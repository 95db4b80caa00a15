#pragma once
// MessageDoor: a named place of this machine where other programs of ours knock, each getting a MessageSocket
// of its own (abstract AF_UNIX address, SOCK_SEQPACKET: unix(7)). It needs no file, so no full or read-only
// disk is in its way, and it is gone with its program. Only root and the user who opened it are let in. Loop
// thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "io/message_socket.h"

namespace kiln {

class MessageDoor {
 public:
  virtual ~MessageDoor() = default;
  /// The next one who may come in. Errors: socket.failed, ctx.stopped, ctx.deadline.
  virtual boost::asio::awaitable<Result<std::unique_ptr<MessageSocket>>> accept(const Ctx& ctx) = 0;
};

/// `name`: at most 90 bytes, printable, no blanks. Errors: socket.failed, socket.taken.
Result<std::unique_ptr<MessageDoor>> open_message_door(Loop& loop, const std::string& name);

/// Knocks. Errors: socket.closed (nobody is there any more), socket.busy (too many wait there; knock again),
/// socket.failed.
Result<std::unique_ptr<MessageSocket>> knock(Loop& loop, const std::string& name);

/// The names of all doors on this machine that begin like this, of any user.
std::vector<std::string> message_doors(const std::string& prefix);

}  // namespace kiln
