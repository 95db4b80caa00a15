#pragma once
// What a closed coolant loop at rest loses: pure arithmetic over what its gauges said. No state, any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"  // Nanoseconds

namespace kiln::cooling {

/// One look at the loop.
struct StaticSample {
  std::int64_t at_ns = 0;  ///< monotonic
  double pressure = 0;     ///< kPa, gauge
  double temperature = 0;  ///< Cel, of the coolant
};

struct DecayRules {
  /// Two of these in a row are compared.
  Nanoseconds window = std::chrono::minutes(1);
  /// kPa/min. What has just been closed or pressurised still creeps: hoses give, temperatures level out. Its
  /// slope changes; a leak's does not. The loop has settled when the slopes of two windows differ by no more.
  double settled_within = 0.2;
  /// kPa/min. Twice the standard error of the slope must be below it, or nothing is told.
  double resolves = 0.05;
  /// K. The correction for temperature holds for small changes only.
  double most_drift = 3;
};

/// The slope of a straight line through the samples, by least squares.
struct Slope {
  double per_minute = 0;
  double standard_error = 0;  ///< per minute, of per_minute
};
/// nullopt: fewer than three samples, or no time between them.
std::optional<Slope> slope_of(const std::vector<StaticSample>& samples);

/// Each pressure as it would be at `reference_c`: the pressure of a loop follows the gas that is trapped in
/// it (expansion vessel, air), whose volume hardly changes, so absolute pressure over absolute temperature
/// stays (Gay-Lussac).
std::vector<StaticSample> at_temperature(const std::vector<StaticSample>& samples, double reference_c);

/// Whether the last two windows before the newest sample have the same slope; nullopt: they are not full yet.
std::optional<bool> has_settled(const std::vector<StaticSample>& samples, const DecayRules& rules);

struct Decay {
  /// kPa/min, what is lost; negative: it rises. nullopt: `why` says what keeps it from being told.
  std::optional<double> per_minute;
  double standard_error = 0;     ///< kPa/min
  double lowest = 0;             ///< kPa, gauge, as read
  double temperature_drift = 0;  ///< K, between the coldest and the warmest
  std::string why;
};
/// Of the samples of the whole hold.
Decay decay_of(const std::vector<StaticSample>& held, const DecayRules& rules);

}  // namespace kiln::cooling
