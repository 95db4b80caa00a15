#include "steady.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kiln::gpu_stress {

namespace {

constexpr std::size_t kLeastPoints = 3;
constexpr double kMostStretch = 1.5;
constexpr double kNanosecondsPerMinute = 60e9;

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

std::optional<double> slope_per_minute(std::span<const Point> points) {
  if (points.size() < kLeastPoints) return std::nullopt;
  double count = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (const Point& point : points) {
    const double x = static_cast<double>(point.at_ns - points.front().at_ns) / kNanosecondsPerMinute;
    ++count;
    sum_x += x;
    sum_y += point.value;
    sum_xx += x * x;
    sum_xy += x * point.value;
  }
  const double spread = count * sum_xx - sum_x * sum_x;
  if (spread <= 0) return std::nullopt;
  return (count * sum_xy - sum_x * sum_y) / spread;
}

SteadyState find_steady(const Trace& trace, const SteadyRule& rule) {
  SteadyState state;
  // A window begins and ends where a value is, so that it is never shorter than the rule's. The trace is in
  // order of time: each window begins where the one before it did, or later.
  std::size_t begin = 0;
  for (std::size_t end = 0; end < trace.size() && trace[end].at_ns <= rule.latest_ns; ++end) {
    const std::int64_t from = trace[end].at_ns - rule.window_ns;
    while (begin < end && trace[begin + 1].at_ns <= from) ++begin;
    if (trace[end].at_ns < rule.earliest_ns || trace[begin].at_ns > from) continue;
    const auto length = static_cast<double>(trace[end].at_ns - trace[begin].at_ns);
    if (length > kMostStretch * static_cast<double>(rule.window_ns)) continue;  // a gap lies in it
    const auto slope = slope_per_minute(std::span<const Point>(trace).subspan(begin, end - begin + 1));
    if (!slope) continue;
    state.judged_ns = trace[end].at_ns;
    state.last_slope = slope;
    if (std::abs(*slope) > rule.slope) continue;
    state.at_ns = trace[end].at_ns;
    return state;
  }
  return state;
}

Share share_at_least(const Trace& trace, double floor, std::int64_t from, std::int64_t to) {
  Share share;
  std::size_t good = 0;
  bool below = false;
  std::int64_t since = 0, last = from;
  const auto note = [&share, &below, &since](std::int64_t at) {
    if (below) share.longest_s = std::max(share.longest_s, static_cast<double>(at - since) / 1e9);
  };
  for (const Point& point : trace) {
    if (point.at_ns < from || point.at_ns > to) continue;
    ++share.samples;
    last = point.at_ns;
    note(point.at_ns);
    if (point.value >= floor) ++good;
    if (point.value < floor && !below) since = point.at_ns;
    below = point.value < floor;
  }
  note(std::max(last, to));
  if (share.samples > 0)
    share.percent = 100.0 * static_cast<double>(good) / static_cast<double>(share.samples);
  return share;
}

std::optional<double> reaches(const Trace& trace, double level, bool upward, std::int64_t from,
                              std::int64_t to) {
  for (const Point& point : trace) {
    if (point.at_ns < from || point.at_ns > to) continue;
    if (upward ? point.value >= level : point.value <= level)
      return static_cast<double>(point.at_ns - from) / 1e9;
  }
  return std::nullopt;
}

std::map<std::string, double> distances(const std::map<std::string, double>& values) {
  std::map<std::string, double> found;
  if (values.size() < 3) return found;
  std::vector<double> all;
  for (const auto& [part, value] : values) all.push_back(value);
  const double median = median_of(std::move(all));
  for (const auto& [part, value] : values) found[part] = std::abs(value - median);
  return found;
}

std::optional<double> replay_budget(int generation, int lanes, double minutes) {
  constexpr std::array kPerMinuteAndLane = {0.15, 0.3, 0.48, 0.96, 1.92, 3.84};
  if (generation < 1 || static_cast<std::size_t>(generation) > kPerMinuteAndLane.size()) return std::nullopt;
  if (lanes < 1 || lanes > 32 || !(minutes > 0)) return std::nullopt;
  return std::ceil(kPerMinuteAndLane[static_cast<std::size_t>(generation) - 1] * lanes * minutes);
}

}  // namespace kiln::gpu_stress
