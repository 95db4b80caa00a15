#pragma once
// A control chart of individuals and moving ranges (I-MR): one value per unit, in the order in which they
// came. Pure, any thread.
//
// Sources: NIST e-Handbook 6.3.2.2 (limits: mean ± 3 · mean moving range / 1.128). The constant of the range
// chart, 3.267, is D4 of two values. Run rule: eight in a row on one side of the mean (Western Electric,
// Statistical Quality Control Handbook, 1956).

#include <cstddef>
#include <string>
#include <vector>

namespace kiln {

/// d2 of two values: mean moving range of a normal distribution in its standard deviations.
inline constexpr double kRangeToSigma = 1.128;
/// D4 of two values.
inline constexpr double kRangeLimit = 3.267;
inline constexpr int kRunOneSide = 8;
/// With fewer values the limits are drawn and called provisional.
inline constexpr std::size_t kLeastForLimits = 20;

enum class ChartSignal { none, beyond_limit, run_one_side };
std::string_view to_string(ChartSignal signal);

struct ControlChart {
  std::vector<double> values;
  std::vector<ChartSignal> signals;  ///< as many as values
  std::size_t wide_ranges = 0;       ///< moving ranges above their limit
  double mean = 0;
  double mean_range = 0;  ///< of neighbours
  double sigma = 0;       ///< mean_range / 1.128: the spread from one unit to the next
  double lower = 0, upper = 0;
  double range_upper = 0;
  bool provisional = false;
  std::size_t beyond = 0, runs = 0;
  /// Whether the signals are more than chance gives: one so far out, or so many, that a steady process has it
  /// in less than one of a hundred charts. A single value just beyond a limit is marked, and is no proof.
  bool steady = true;
  std::string unsteady_because;
  std::string why_not;  ///< no chart, because; empty: there is one

  [[nodiscard]] bool drawn() const { return why_not.empty(); }
};

/// What the rules are, for the page.
std::string chart_rules();

/// Fewer than two values, or one that is not finite, give no chart.
ControlChart control_chart(const std::vector<double>& values);

}  // namespace kiln
