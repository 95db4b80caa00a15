#pragma once
// The two clocks of every event: monotonic nanoseconds order things inside a run, UTC nanoseconds tell people
// when. Clock is the only source of time in the project; tests replace it. Reading is cheap and safe from any
// thread.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln {

using Nanoseconds = std::chrono::nanoseconds;

/// One instant on both clocks.
struct Instant {
  std::int64_t monotonic_ns =
      0;                    ///< CLOCK_MONOTONIC, nanoseconds; comparable on one machine between boots only
  std::int64_t utc_ns = 0;  ///< nanoseconds since 1970-01-01T00:00:00Z
};

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
};

/// Whether what began at `begun_ns` and failed ended so long after its `budget` that it was the asking
/// program that did not run (stopped, or its machine asleep), and not its peer that was silent. Then nothing
/// is known of the peer, and it is asked once more before it is judged.
constexpr bool overslept(std::int64_t begun_ns, Nanoseconds budget, std::int64_t now_ns) {
  return now_ns - begun_ns - budget.count() > Nanoseconds(std::chrono::seconds(1)).count();
}

/// "2026-03-01T12:00:00.123Z" (RFC 3339, UTC, milliseconds).
std::string format_utc(std::int64_t utc_ns);
/// "90 s" → "1m30s"; the same grammar that parse_duration reads.
std::string format_duration(Nanoseconds duration);
/// Reads "250ms", "10s", "5m", "24h", "1m30s". Units: ns, us, ms, s, m, h, d. Bare numbers, negative values,
/// unknown units and overflow are errors ("duration.invalid").
Result<Nanoseconds> parse_duration(const std::string& text);

}  // namespace kiln
