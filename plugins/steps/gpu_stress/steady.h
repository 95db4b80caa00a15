#pragma once
// What the traces of a load say about its course: when the temperature stood still, for how much of the time
// the power was there, how far one GPU is from the others of its tray, how much of the PCIe replay budget is
// used. Pure, any thread. Times are monotonic, as in the traces.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "telemetry.h"

namespace kiln::gpu_stress {

/// Least-squares slope per minute. Unset with fewer than three points, or all at one moment.
std::optional<double> slope_per_minute(std::span<const Point> points);

struct SteadyRule {
  double slope = 0;              ///< K/min, at most, up or down
  std::int64_t window_ns = 0;    ///< over this long
  std::int64_t earliest_ns = 0;  ///< the window ends here or later
  std::int64_t latest_ns = 0;    ///< and not after this
};

struct SteadyState {
  std::optional<std::int64_t> at_ns;      ///< end of the first window that obeys
  std::optional<std::int64_t> judged_ns;  ///< end of the last window that could be judged
  std::optional<double> last_slope;       ///< of it
};
/// Windows with fewer than three values, or with a gap in them, are not judged.
SteadyState find_steady(const Trace& trace, const SteadyRule& rule);

/// How much of [from, to] a trace was at or above a floor.
struct Share {
  double percent = 0;    ///< of the samples
  double longest_s = 0;  ///< below it in one piece, from its first sample below to the next that is not
  std::size_t samples = 0;
};
Share share_at_least(const Trace& trace, double floor, std::int64_t from, std::int64_t to);

/// Seconds from `from` to the first value on the asked side of `level`, up to `to`. Unset when there is none.
std::optional<double> reaches(const Trace& trace, double level, bool upward, std::int64_t from,
                              std::int64_t to);

/// Each one's distance from the median of all, by part. Empty with fewer than three: two that differ do not
/// tell which of them is the odd one.
std::map<std::string, double> distances(const std::map<std::string, double>& values);

/// Replays that a PCIe link may have in this time: those of a bit error rate of 1e-12, rounded up (NVIDIA
/// DCGM 4.6 modules/health/DcgmHealthWatch.cpp: 0.15, 0.3, 0.48, 0.96, 1.92, 3.84 per minute and lane of
/// generation 1 to 6). Unset for a generation or width that is none.
std::optional<double> replay_budget(int generation, int lanes, double minutes);

}  // namespace kiln::gpu_stress
