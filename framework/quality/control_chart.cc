#include "quality/control_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/poisson.hpp>
#include <cmath>
#include <numeric>

#include "quality/intervals.h"

namespace kiln {
namespace {

constexpr double kSurprise = 0.01;        // what chance gives less often is taken for a change
constexpr double kBeyondThree = 0.0027;   // of a normal distribution, beyond three standard deviations
constexpr double kRunStarts = 1.0 / 256;  // of a run of eight or more at a given place: 2 · (1/2)^9

/// Marks runs of kRunOneSide and longer; gives how many there are. A value on the mean ends a run.
std::size_t mark_runs(ControlChart& chart) {
  std::size_t runs = 0;
  std::size_t begin = 0;
  int side = 0;
  const std::size_t n = chart.values.size();
  for (std::size_t at = 0; at <= n; ++at) {
    const double off = at < n ? chart.values[at] - chart.mean : 0;
    const int here = at == n ? 2 : (off > 0) - (off < 0);
    if (here == side && here != 0) continue;
    if (side != 0 && at - begin >= static_cast<std::size_t>(kRunOneSide)) {
      ++runs;
      for (std::size_t mark = begin; mark < at; ++mark) {
        if (chart.signals[mark] == ChartSignal::none) chart.signals[mark] = ChartSignal::run_one_side;
      }
    }
    side = here;
    begin = at;
  }
  return runs;
}

void judge_steadiness(ControlChart& chart) {
  const auto n = static_cast<int>(chart.values.size());
  double farthest = 0;
  for (const double value : chart.values)
    farthest = std::max(farthest, std::abs(value - chart.mean) / chart.sigma);
  const double tail = 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), farthest));
  const boost::math::poisson runs(n * kRunStarts);
  if (n * tail < kSurprise) {
    chart.unsteady_because =
        fmt::format("one of {} values is {:.1f} standard deviations from the mean", n, farthest);
  } else if (chance_of_at_least(static_cast<int>(chart.beyond), n, kBeyondThree) < kSurprise) {
    chart.unsteady_because = fmt::format("{} of {} values are beyond the control limits", chart.beyond, n);
  } else if (chart.runs > 0 && boost::math::cdf(boost::math::complement(
                                   runs, static_cast<double>(chart.runs) - 1)) < kSurprise) {
    chart.unsteady_because =
        fmt::format("{} times {} or more in a row are on one side of the mean", chart.runs, kRunOneSide);
  }
  chart.steady = chart.unsteady_because.empty();
}

}  // namespace

std::string_view to_string(ChartSignal signal) {
  switch (signal) {
    case ChartSignal::none:
      return "";
    case ChartSignal::beyond_limit:
      return "beyond limit";
    case ChartSignal::run_one_side:
      return "run";
  }
  return "";
}

std::string chart_rules() {
  return fmt::format(
      "Marked are values beyond the control limits (mean ± 3 · mean moving range / {}) and runs of {} or "
      "more on one side "
      "of the mean. Unsteady is called what chance shows in less than one of a hundred charts of a steady "
      "process: a value "
      "so far out, so many beyond the limits, or so many runs.",
      kRangeToSigma, kRunOneSide);
}

ControlChart control_chart(const std::vector<double>& values) {
  ControlChart chart;
  if (values.size() < 2) {
    chart.why_not = values.empty() ? "no unit has a value" : "one unit has a value: a chart needs two";
    return chart;
  }
  if (!std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); })) {
    chart.why_not = "a value is no finite number";
    return chart;
  }
  const auto n = static_cast<double>(values.size());
  // Shares are added up, not values: the sum of the largest numbers is no number.
  for (const double value : values) chart.mean += value / n;
  std::vector<double> ranges;
  for (std::size_t at = 1; at < values.size(); ++at) ranges.push_back(std::abs(values[at] - values[at - 1]));
  for (const double range : ranges) chart.mean_range += range / (n - 1);
  chart.sigma = chart.mean_range / kRangeToSigma;
  chart.lower = chart.mean - 3 * chart.sigma;
  chart.upper = chart.mean + 3 * chart.sigma;
  chart.range_upper = kRangeLimit * chart.mean_range;
  if (!std::isfinite(chart.mean) || !std::isfinite(chart.lower) || !std::isfinite(chart.upper) ||
      !std::isfinite(chart.range_upper)) {
    chart = ControlChart();
    chart.why_not = "the values are too large to be reckoned with";
    return chart;
  }
  chart.values = values;
  chart.signals.assign(values.size(), ChartSignal::none);
  if (!(chart.sigma > 0)) {
    chart = ControlChart();
    chart.why_not =
        fmt::format("all {} values are the same: there is no spread to draw limits from", values.size());
    return chart;
  }
  chart.provisional = values.size() < kLeastForLimits;
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (values[at] < chart.lower || values[at] > chart.upper) {
      chart.signals[at] = ChartSignal::beyond_limit;
      ++chart.beyond;
    }
  }
  chart.runs = mark_runs(chart);
  chart.wide_ranges = static_cast<std::size_t>(std::count_if(
      ranges.begin(), ranges.end(), [&chart](double range) { return range > chart.range_upper; }));
  judge_steadiness(chart);
  return chart;
}

}  // namespace kiln
