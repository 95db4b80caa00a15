#pragma once
// How far the samples of a series reach, so that nobody has to read them a second time for it. Plain data;
// grows with every sample it is shown.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace kiln {

/// Time in seconds since the run began, and value; NaN: it was taken and had no value.
using SeriesSamples = std::vector<std::pair<double, double>>;

struct SeriesExtent {
  std::int64_t samples = 0;
  std::int64_t with_value = 0;  ///< whose time and value are finite
  /// Of the finite values; low above high: there is none.
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  /// Seconds since the run began, of the samples with a value; begun after ended: there is none.
  double begun = std::numeric_limits<double>::infinity(), ended = -std::numeric_limits<double>::infinity();

  void add(double t, double value) {
    ++samples;
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
    if (!std::isfinite(t)) return;
    ++with_value;
    begun = std::min(begun, t);
    ended = std::max(ended, t);
  }
  void add(const SeriesSamples& more) {
    for (const auto& [t, value] : more) add(t, value);
  }
  void add(const SeriesExtent& other) {
    samples += other.samples;
    with_value += other.with_value;
    low = std::min(low, other.low);
    high = std::max(high, other.high);
    begun = std::min(begun, other.begun);
    ended = std::max(ended, other.ended);
  }
};

}  // namespace kiln
