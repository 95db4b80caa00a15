#pragma once
// How long a coroutine takes on virtual time. Test code only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <utility>

#include "io/ctx.h"
#include "io/loop.h"

namespace kiln {

/// Runs `body` on virtual time and returns how much of it passed.
inline Nanoseconds virtual_time_of(std::function<boost::asio::awaitable<void>(Ctx&)> body) {
  const auto loop = Loop::simulated();
  const std::int64_t before = loop->clock().now().monotonic_ns;
  loop->run(std::move(body));
  return Nanoseconds(loop->clock().now().monotonic_ns - before);
}

}  // namespace kiln
