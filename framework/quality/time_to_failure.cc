#include "quality/time_to_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "quality/intervals.h"

namespace kiln {
namespace {

constexpr double kMostBins = 24;
constexpr double kReached = 0.98;  // of the usual soak: a few minutes less are no shorter soak

/// Whole hours, so that some kMostBins bins reach the longest life; seconds beyond 24 hours make no 24 of 2
/// hours.
double width_of_bins(double longest) { return std::max(1.0, std::ceil(longest / kMostBins - 0.02)); }

int failed_beyond(const std::vector<UnitLife>& lives, double hours) {
  return static_cast<int>(std::count_if(lives.begin(), lives.end(), [hours](const UnitLife& life) {
    return life.failed && life.hours > hours;
  }));
}

void fill_bins(TimeToFailure& result, const std::vector<UnitLife>& lives) {
  double cumulative = 0;
  double variance = 0;
  std::size_t at = 0;
  for (double from = 0; from < result.longest; from += result.bin_hours) {
    HazardBin bin;
    bin.from = from;
    bin.to = from + result.bin_hours;
    bin.watched = static_cast<int>(lives.size() - at);
    for (const UnitLife& life : lives) bin.unit_hours += std::clamp(life.hours - from, 0.0, result.bin_hours);
    for (; at < lives.size() && lives[at].hours <= bin.to; ++at) {
      if (!lives[at].failed) continue;
      // At one and the same time failures come before those that leave, and all of them see the same crowd.
      const auto first =
          std::lower_bound(lives.begin(), lives.end(), lives[at].hours,
                           [](const UnitLife& life, double hours) { return life.hours < hours; });
      const auto watched = static_cast<double>(lives.end() - first);
      ++bin.failed;
      cumulative += 1 / watched;
      variance += 1 / (watched * watched);
    }
    bin.cumulative = cumulative;
    bin.deviation = std::sqrt(variance);
    result.bins.push_back(bin);
  }
}

/// The hour that half of the units that did not fail have reached; where all failed, the last one.
double usual_soak(const std::vector<UnitLife>& lives) {
  std::vector<double> hours;  // in order, as the lives are
  for (const UnitLife& life : lives) {
    if (!life.failed) hours.push_back(life.hours);
  }
  return hours.empty() ? lives.back().hours : hours[hours.size() / 2];
}

/// Who was watched from `hour` to the end of the usual soak, and who of them failed. Units that left in
/// between say nothing about the rest of it: to count them would promise too much.
std::string late_failures(const TimeToFailure& result, const std::vector<UnitLife>& lives, double hour) {
  int watched = 0;
  int late = 0;
  for (const UnitLife& life : lives) {
    if (life.hours <= hour) continue;
    const bool in_time = life.failed && life.hours <= result.soak;
    if (in_time) ++late;
    if (in_time || life.hours >= kReached * result.soak) ++watched;
  }
  const auto bound = failure_bound(late, watched);
  if (!bound) return {};
  return fmt::format(
      "Between hour {:.0f} and hour {:.4g}, which half of the units that did not fail have reached, came {} "
      "of {} failures, "
      "among {} units watched all that time: at most {:.1f} % of those that pass hour {:.0f} fail until then "
      "(90 %).",
      hour, result.soak, late, result.failed, watched, 100 * *bound, hour);
}

void say(TimeToFailure& result, const std::vector<UnitLife>& lives) {
  if (result.failed < kLeastFailures) {
    result.sentences.push_back(fmt::format(
        "{} of {} units failed under load: too few to say how long a soak should be ({} are needed).",
        result.failed, result.units, kLeastFailures));
  }
  for (const double share : {0.25, 0.5, 0.75}) {
    const double hour = std::round(result.soak * share);
    if (hour < 1 || hour >= kReached * result.soak) continue;
    std::string sentence = late_failures(result, lives, hour);
    if (!sentence.empty()) result.sentences.push_back(std::move(sentence));
  }
  result.sentences.push_back(
      fmt::format("What fails later than hour {:.4g} nobody has watched: this record cannot say whether a "
                  "longer soak finds "
                  "more.",
                  result.longest));
}

}  // namespace

TimeToFailure time_to_failure(std::vector<UnitLife> lives) {
  lives.erase(std::remove_if(lives.begin(), lives.end(),
                             [](const UnitLife& life) { return !(life.hours > 0) || !(life.hours < 1e6); }),
              lives.end());
  std::sort(lives.begin(), lives.end(), [](const UnitLife& a, const UnitLife& b) {
    return a.hours != b.hours ? a.hours < b.hours : a.failed && !b.failed;
  });
  TimeToFailure result;
  result.units = lives.size();
  if (lives.empty()) {
    result.why_not = "no unit carried load on record";
    return result;
  }
  result.longest = lives.back().hours;
  result.failed = failed_beyond(lives, 0);
  result.bin_hours = width_of_bins(result.longest);
  result.soak = usual_soak(lives);
  fill_bins(result, lives);
  say(result, lives);
  return result;
}

}  // namespace kiln
