#include "bmc/request_budget.h"

#include <algorithm>

namespace kiln {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr double kLeastRate = 1.0, kNoBound = 200.0;  // reads per second
constexpr std::int64_t kGrowsEvery = 10 * kSecond;
constexpr double kGrowth = 1.1;
constexpr Nanoseconds kFirstBudgetPause{kSecond}, kLongestBudgetPause{15 * kSecond};
constexpr int kFailuresToOpen = 5;
constexpr std::int64_t kTryEvery = kSecond;

}  // namespace

std::int64_t RequestBudget::next_ns(std::int64_t now_ns) {
  if (rate_ > 0 && now_ns - changed_ns_ >= kGrowsEvery) {
    rate_ *= kGrowth;
    changed_ns_ = now_ns;
    pause_ = Nanoseconds(0);
    if (rate_ > kNoBound) rate_ = 0;
  }
  return std::max(now_ns, next_ns_);
}

void RequestBudget::sent(std::int64_t now_ns) {
  if (rate_ > 0)
    next_ns_ = std::max(next_ns_, now_ns + static_cast<std::int64_t>(static_cast<double>(kSecond) / rate_));
  while (!sent_ns_.empty() && sent_ns_.front() <= now_ns - kSecond) sent_ns_.pop_front();
  sent_ns_.push_back(now_ns);
}

void RequestBudget::refused(std::int64_t now_ns, std::optional<Nanoseconds> retry_after) {
  if (refused_ns_ && now_ns - *refused_ns_ < kSecond) return;
  refused_ns_ = now_ns;
  while (!sent_ns_.empty() && sent_ns_.front() <= now_ns - kSecond) sent_ns_.pop_front();
  const double asked_at = rate_ > 0 ? rate_ : static_cast<double>(sent_ns_.size());
  rate_ = std::max(asked_at / 2, kLeastRate);
  changed_ns_ = now_ns;
  pause_ = pause_.count() == 0 ? kFirstBudgetPause : std::min<Nanoseconds>(pause_ * 2, kLongestBudgetPause);
  next_ns_ = std::max(next_ns_, now_ns + retry_after.value_or(pause_).count());
}

std::optional<double> RequestBudget::rate() const {
  return rate_ > 0 ? std::optional<double>(rate_) : std::nullopt;
}

bool CircuitBreaker::open() const { return failures_ >= kFailuresToOpen; }

std::int64_t CircuitBreaker::next_ns(std::int64_t now_ns) const {
  return open() ? std::max(now_ns, next_try_ns_) : now_ns;
}

void CircuitBreaker::tried(std::int64_t now_ns) {
  if (open()) next_try_ns_ = now_ns + kTryEvery;
}

void CircuitBreaker::unanswered(std::int64_t now_ns) {
  ++failures_;
  if (failures_ == kFailuresToOpen) next_try_ns_ = now_ns + kTryEvery;
}

}  // namespace kiln
