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
  /// The same while something outside the hardware disturbs the count, such as a far end that we switched
  /// off: what rose since the last reading is nobody's, and a fall is no loss. `why` is the reason if it
  /// rose.
  void take_disturbed(std::int64_t count, int round, const std::string& why);

  [[nodiscard]] bool was_read() const { return readings_ > 0; }

  /// What can be said after `rounds` looks, of which the last one is the newest. How far the counter rose is
  /// known only when it was read at least twice, was never reset, stood in the last look too and has not
  /// risen under a disturbance that is still on; otherwise `why_not` says why, and `rise` is what it rose at
  /// least (no value: nothing was seen).
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
  std::int64_t risen_disturbed_ = 0;
  std::string disturbed_;
};

}  // namespace kiln
