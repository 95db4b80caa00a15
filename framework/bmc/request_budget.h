#pragma once
// How fast one BMC is read, over all connections to it. Without a word from the BMC: as fast as it answers.
// A 429 (RFC 6585 4) halves the rate that was asked at, but not below one read a second, and nothing is read
// for a while: as long as its Retry-After says, else 1 s, doubled with each further 429 up to 15 s. What
// bears is found from below: 10 % more every 10 s, no bound any more beyond 200 a second. Only reads are
// counted and held back; what switches something never waits here. Loop thread only.

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace kiln {

class RequestBudget {
 public:
  /// When the next read may be sent (monotonic, not before `now_ns`); counts it as sent then.
  std::int64_t reserve(std::int64_t now_ns);
  /// The BMC answered 429. Those within 1 s of each other are one.
  void refused(std::int64_t now_ns, std::optional<Nanoseconds> retry_after);
  /// Reads per second; nullopt: not bounded.
  [[nodiscard]] std::optional<double> rate() const;

 private:
  [[nodiscard]] double recent_rate(std::int64_t now_ns) const;
  std::deque<std::int64_t> sent_ns_;  ///< of the last second
  double rate_ = 0;                   ///< 0: not bounded
  std::int64_t next_ns_ = 0;
  std::int64_t changed_ns_ = 0;
  std::optional<std::int64_t> refused_ns_;
  Nanoseconds pause_{0};
};

/// Spares a BMC that does not answer, and who asks it, one timeout after the other: after 5 reads in a row
/// that got no answer it is tried once a second; other reads in between end with the last one's error at
/// once. The first answer closes it. Loop thread only.
class CircuitBreaker {
 public:
  /// True: ask. False: somebody tried just now.
  bool lets_through(std::int64_t now_ns);
  void answered() { failures_ = 0; }
  void unanswered(std::int64_t now_ns);
  [[nodiscard]] bool open() const;

 private:
  int failures_ = 0;
  std::int64_t next_try_ns_ = 0;
};

}  // namespace kiln
