#include "model/counter_rise.h"

#include <fmt/format.h>

namespace kiln {

void CounterRise::take(std::int64_t count, int round) {
  if (last_ && count < *last_ && reset_.empty()) {
    reset_ = fmt::format("the counter fell from {} to {}: it was reset, and what came before is unknown",
                         *last_, count);
  }
  if (last_ && count > *last_) risen_ += count - *last_;
  risen_disturbed_ = 0;  // that is over
  last_ = count;
  last_round_ = round;
  ++readings_;
}

void CounterRise::take_disturbed(std::int64_t count, int round, const std::string& why) {
  if (last_ && count > *last_) {
    risen_disturbed_ += count - *last_;
    disturbed_ = fmt::format("it rose by {} when {}", risen_disturbed_, why);
  }
  last_ = count;
  last_round_ = round;
  ++readings_;
}

CounterRise::Answer CounterRise::answer(int rounds) const {
  Answer answer;
  if (!reset_.empty()) {
    answer.why_not = reset_;
  } else if (readings_ < 2) {
    answer.why_not = readings_ == 0 ? "the counter was never read"
                                    : "the counter was read only once, so nothing is known about its rise";
  } else if (last_round_ < rounds) {
    answer.why_not = fmt::format(
        "the counter was last read in look {} of {}: what happened after it is unknown", last_round_, rounds);
  } else if (risen_disturbed_ > 0) {
    answer.why_not = disturbed_;
  }
  if (answer.why_not.empty() || risen_ > 0) answer.rise = risen_;
  return answer;
}

}  // namespace kiln
