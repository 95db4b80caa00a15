#pragma once
// A program that works beside us and must outlive us: in a session of its own, so that neither a key pressed
// at our terminal nor the end of our process group reaches it. Its standard input is the socket over which it
// is spoken to; it has no other descriptor of ours and nowhere to print. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "io/ctx.h"

namespace kiln {

class Companion {
 public:
  virtual ~Companion() = default;  ///< leaves it running
  [[nodiscard]] virtual int pid() const = 0;
  /// Waits until it has ended; its exit status, or the signal that ended it; -1: unknown.
  virtual boost::asio::awaitable<Result<int>> ended(const Ctx& ctx) = 0;
};

/// `socket`: becomes its standard input; stays the caller's to close. Errors: process.not_found,
/// process.start.
Result<std::unique_ptr<Companion>> start_companion(Loop& loop, const std::string& program, int socket);

}  // namespace kiln
