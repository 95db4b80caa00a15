#include "pressure_decay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kiln::cooling {

namespace {

constexpr double kAtmosphere_kpa = 101.325;  // standard atmosphere
constexpr double kZeroCelsius_k = 273.15;
constexpr double kNanosecondsPerMinute = 60e9;
/// Ours: so many equal readings of two gauges are no chance any more.
constexpr std::size_t kFewest = 10;

double minutes_since(std::int64_t from_ns, std::int64_t at_ns) {
  return static_cast<double>(at_ns - from_ns) / kNanosecondsPerMinute;
}

}  // namespace

std::optional<Slope> slope_of(const std::vector<StaticSample>& samples) {
  if (samples.size() < 3) return std::nullopt;
  const auto count = static_cast<double>(samples.size());
  double mean_time = 0;
  double mean_pressure = 0;
  for (const StaticSample& one : samples) {
    mean_time += minutes_since(samples.front().at_ns, one.at_ns) / count;
    mean_pressure += one.pressure / count;
  }
  double spread = 0;
  double together = 0;
  for (const StaticSample& one : samples) {
    const double time = minutes_since(samples.front().at_ns, one.at_ns) - mean_time;
    spread += time * time;
    together += time * (one.pressure - mean_pressure);
  }
  if (!(spread > 0)) return std::nullopt;
  Slope slope;
  slope.per_minute = together / spread;
  double off_the_line = 0;
  for (const StaticSample& one : samples) {
    const double time = minutes_since(samples.front().at_ns, one.at_ns) - mean_time;
    const double rest = one.pressure - mean_pressure - slope.per_minute * time;
    off_the_line += rest * rest;
  }
  slope.standard_error = std::sqrt(off_the_line / (count - 2) / spread);
  return slope;
}

std::vector<StaticSample> at_temperature(const std::vector<StaticSample>& samples, double reference_c) {
  std::vector<StaticSample> corrected = samples;
  for (StaticSample& one : corrected) {
    const double share = (reference_c + kZeroCelsius_k) / (one.temperature + kZeroCelsius_k);
    one.pressure = (one.pressure + kAtmosphere_kpa) * share - kAtmosphere_kpa;
    one.temperature = reference_c;
  }
  return corrected;
}

std::optional<bool> has_settled(const std::vector<StaticSample>& samples, const DecayRules& rules) {
  if (samples.empty()) return std::nullopt;
  const std::int64_t end = samples.back().at_ns;
  const std::int64_t middle = end - rules.window.count();
  const std::int64_t begin = middle - rules.window.count();
  if (samples.front().at_ns > begin) return std::nullopt;
  std::vector<StaticSample> earlier;
  std::vector<StaticSample> later;
  for (const StaticSample& one : at_temperature(samples, samples.back().temperature)) {
    if (one.at_ns >= begin && one.at_ns <= middle) earlier.push_back(one);
    if (one.at_ns >= middle) later.push_back(one);
  }
  const std::optional<Slope> before = slope_of(earlier);
  const std::optional<Slope> after = slope_of(later);
  if (!before || !after) return std::nullopt;
  // What the gauge's noise alone makes of two slopes is no change of them.
  const double noise = 2 * std::hypot(before->standard_error, after->standard_error);
  return std::abs(after->per_minute - before->per_minute) <= rules.settled_within + noise;
}

Decay decay_of(const std::vector<StaticSample>& held, const DecayRules& rules) {
  Decay decay;
  if (held.empty()) {
    decay.why = "nothing was read";
    return decay;
  }
  const auto [coldest, warmest] = std::minmax_element(
      held.begin(), held.end(),
      [](const StaticSample& a, const StaticSample& b) { return a.temperature < b.temperature; });
  decay.temperature_drift = warmest->temperature - coldest->temperature;
  decay.lowest = std::min_element(held.begin(), held.end(), [](const StaticSample& a, const StaticSample& b) {
                   return a.pressure < b.pressure;
                 })->pressure;
  if (!std::is_sorted(held.begin(), held.end(),
                      [](const StaticSample& a, const StaticSample& b) { return a.at_ns < b.at_ns; })) {
    decay.why = "the clock of the samples ran backwards";
    return decay;
  }
  const bool nothing_moved = std::all_of(held.begin(), held.end(), [&held](const StaticSample& one) {
    return one.pressure == held.front().pressure && one.temperature == held.front().temperature;
  });
  if (nothing_moved && held.size() >= kFewest) {
    decay.why = fmt::format(
        "neither pressure nor temperature moved in {} readings: the gauges may stick, or their BMC may tell "
        "old values",
        held.size());
    return decay;
  }
  const std::optional<Slope> slope = slope_of(at_temperature(held, held.front().temperature));
  if (!slope) {
    decay.why = fmt::format("{} readings are too few", held.size());
    return decay;
  }
  decay.standard_error = slope->standard_error;
  if (decay.temperature_drift > rules.most_drift) {
    decay.why = fmt::format(
        "the coolant's temperature moved by {:.1f} K, and at most {:.1f} K can be corrected: hold longer "
        "after the load, or "
        "elsewhere",
        decay.temperature_drift, rules.most_drift);
  } else if (2 * slope->standard_error > rules.resolves) {
    decay.why = fmt::format(
        "the gauge is too noisy to tell: ±{:.3f} kPa/min, and {:.3f} are wanted: hold longer or read more "
        "often",
        2 * slope->standard_error, rules.resolves);
  } else {
    decay.per_minute = -slope->per_minute;
  }
  return decay;
}

}  // namespace kiln::cooling
