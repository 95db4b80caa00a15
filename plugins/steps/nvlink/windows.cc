#include "windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kiln::nvlink {

namespace {

/// A window that took longer than this many of its lengths is no window of that length.
constexpr int kStretched = 2;
constexpr double kMostLost = 0.1;

std::string seconds(Nanoseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

}  // namespace

void LinkWindows::begin(std::int64_t at_ns, const Counts& counts) {
  begun_ns_ = at_ns;
  at_begin_ = counts;
  without_.clear();
}

void LinkWindows::count_one(const WindowRule& rule, bool bad) {
  ++judged_;
  stretch_.push_back(bad);
  if (stretch_.size() > static_cast<std::size_t>(std::max(rule.span, 1))) stretch_.pop_front();
  worst_ = std::max(worst_, static_cast<int>(std::count(stretch_.begin(), stretch_.end(), true)));
}

/// As many windows as would have fitted into the time are without a value.
void LinkWindows::give_up(const WindowRule& rule, std::int64_t at_ns, const std::string& why) {
  const std::int64_t length = std::max<std::int64_t>(rule.length.count(), 1);
  const std::int64_t took = std::max<std::int64_t>(at_ns - *begun_ns_, 0);
  lost_ += static_cast<int>(std::clamp<std::int64_t>((took + length / 2) / length, 1, 1'000'000));
  if (first_loss_.empty()) first_loss_ = why;
}

void LinkWindows::close(const WindowRule& rule, const Counts& counts) {
  const bool bad = std::any_of(counts.begin(), counts.end(), [&](const auto& counter) {
    const std::int64_t allowed = counter.first == "symbol" ? rule.allowed_symbols : 0;
    return counter.second - at_begin_.at(counter.first) > allowed;
  });
  count_one(rule, bad);
}

void LinkWindows::take(const WindowRule& rule, std::int64_t at_ns, const Counts& counts,
                       const std::string& disturbed) {
  const std::int64_t last_ns = std::exchange(last_ns_, at_ns);
  const Counts last = std::exchange(last_, counts);
  if (!disturbed.empty()) {
    // Told once, not for every look while it lasts: what is open then begins anew with each of them.
    if (begun_ns_ && !disturbed_) ++ours_;
    disturbed_ = true;
    begin(at_ns, counts);
    return;
  }
  disturbed_ = false;
  if (!begun_ns_) {
    begin(at_ns, counts);
    return;
  }
  if (at_ns < last_ns) {
    give_up(rule, last_ns, fmt::format("the clock ran back by {}", seconds(Nanoseconds(last_ns - at_ns))));
    begin(at_ns, counts);
    return;
  }
  for (const auto& [counter, before] : last) {
    const auto now = counts.find(counter);
    if (now == counts.end() && without_.empty())
      without_ = fmt::format("the {} counter was not read", counter);
    if (now == counts.end() || now->second >= before) continue;
    give_up(rule, at_ns, fmt::format("the {} counter fell from {} to {}", counter, before, now->second));
    begin(at_ns, counts);
    return;
  }
  const std::int64_t took = at_ns - *begun_ns_;
  if (took < (rule.length - rule.slack).count()) return;
  const bool same_counters = counts.size() == at_begin_.size() &&
                             std::all_of(counts.begin(), counts.end(),
                                         [this](const auto& one) { return at_begin_.contains(one.first); });
  if (!without_.empty()) {
    give_up(rule, at_ns, without_);
  } else if (!same_counters) {
    give_up(rule, at_ns, "not the same counters were read at both ends");
  } else if (took > kStretched * rule.length.count()) {
    give_up(rule, at_ns, fmt::format("readings lay {} apart", seconds(Nanoseconds(took))));
  } else {
    close(rule, counts);
  }
  begin(at_ns, counts);
}

void LinkWindows::unread(const std::string& why) {
  if (begun_ns_ && without_.empty()) without_ = why;
}

void LinkWindows::finish(const WindowRule& rule, std::int64_t at_ns) {
  if (!begun_ns_ || at_ns <= *begun_ns_) return;
  if (!without_.empty() && at_ns - *begun_ns_ >= (rule.length - rule.slack).count()) {
    give_up(rule, at_ns, without_);
  } else {
    ++cut_short_;
  }
  begun_ns_.reset();
}

LinkWindows::Answer LinkWindows::answer(const WindowRule& rule) const {
  Answer answer;
  const std::string losses = lost_ == 0 ? std::string() : fmt::format("; {} lost: {}", lost_, first_loss_);
  if (judged_ < std::max(rule.least, 1)) {
    answer.why = fmt::format("{} whole windows of {} were watched, fewer than {}{}", judged_,
                             seconds(rule.length), rule.least, losses);
    return answer;
  }
  answer.share = static_cast<double>(worst_) / std::min(judged_, std::max(rule.span, 1));
  if (lost_ > kMostLost * (judged_ + lost_)) {
    answer.short_of_truth = true;
    answer.why = fmt::format("of {} windows {} have no value: {}", judged_ + lost_, lost_, first_loss_);
  }
  return answer;
}

}  // namespace kiln::nvlink
