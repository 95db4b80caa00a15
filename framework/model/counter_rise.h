#pragma once
// How far a counter of the hardware rises while it is watched: errors of links and memory are judged by that,
// not by what had been counted before. Plain data, any thread.

#include <cstdint>
#include <optional>
#include <string>

namespace kiln {

class CounterRise {
 public:
  /// A reading, in the `round`-th look at the hardware (from 1, never falling).
  void take(std::int64_t count, int round);

  [[nodiscard]] bool was_read() const { return readings_ > 0; }

  /// What can be said after `rounds` looks, of which the last one is the newest. A rise that was seen stays
  /// seen. That there was none is known only when the counter was read at least twice, was never reset and
  /// stood in the last look too: otherwise there is no value, and `why_not` says why.
  struct Answer {
    std::optional<std::int64_t> rise;
    std::string why_not;
  };
  [[nodiscard]] Answer answer(int rounds) const;

 private:
  std::optional<std::int64_t> last_;
  std::int64_t risen_ = 0;
  int readings_ = 0;
  int last_round_ = 0;
  std::string reset_;
};

}  // namespace kiln
