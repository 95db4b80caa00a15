#pragma once
// How fast one BMC is read in bulk, as all connections to it have found out. Without a word from the BMC: as
// fast as it answers. A 429 (RFC 6585 4) halves the rate that it was read at, but not below one read a
// second, and nothing is read in bulk for a while: as long as its Retry-After says, else 1 s, doubled with
// each further 429 up to 15 s. What it bears is found from below: 10 % more every 10 s, no bound any more
// beyond 200 a second. Loop thread only.

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace kiln {

class RequestBudget {
 public:
  /// When the next bulk read may be sent (monotonic, ns; not before `now_ns`).
  std::int64_t next_ns(std::int64_t now_ns);
  /// A read was sent, in bulk or not.
  void sent(std::int64_t now_ns);
  /// The BMC answered 429. Those within 1 s of each other are one.
  void refused(std::int64_t now_ns, std::optional<Nanoseconds> retry_after);
  /// Reads per second; nullopt: not bounded.
  [[nodiscard]] std::optional<double> rate() const;

 private:
  std::deque<std::int64_t> sent_ns_;  ///< of the last second
  double rate_ = 0;                   ///< 0: not bounded
  std::int64_t next_ns_ = 0;
  std::int64_t changed_ns_ = 0;
  std::optional<std::int64_t> refused_ns_;
  Nanoseconds pause_{0};
};

/// Spares a BMC that does not answer: after 5 reads in a row that got no answer, bulk reads go out once a
/// second. The first answer ends that. Nothing fails by it. Loop thread only.
class CircuitBreaker {
 public:
  [[nodiscard]] bool open() const;
  /// When the next bulk read may be sent (monotonic, ns).
  [[nodiscard]] std::int64_t next_ns(std::int64_t now_ns) const;
  void tried(std::int64_t now_ns);
  void answered() { failures_ = 0; }
  void unanswered(std::int64_t now_ns);

 private:
  int failures_ = 0;
  std::int64_t next_try_ns_ = 0;
};

}  // namespace kiln
