#pragma once
// When the BMCs of a rack are polled: each at its own moment of the period, so that an event, or an answer
// that is slow, does not wait behind the polls of all the others. Any thread.

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace kiln {

/// Between the first poll and the second of DUT `turn` (from 0) of `count` (at least 1): another for each,
/// and none longer than `period`. After that each keeps its own pace.
constexpr Nanoseconds first_poll_pause(Nanoseconds period, std::size_t turn, std::size_t count) {
  return period / static_cast<std::int64_t>(count) * static_cast<std::int64_t>(turn + 1);
}

}  // namespace kiln
