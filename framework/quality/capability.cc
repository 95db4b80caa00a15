#include "quality/capability.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

namespace kiln {
namespace {

constexpr double kLowTail = 0.00135, kHighTail = 0.99865;  // of a normal distribution at ± 3

double deviation_of(const std::vector<double>& values, double mean) {
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / (static_cast<double>(values.size()) - 1));
}

std::optional<Interval> bissell_interval(double index, std::size_t count) {
  const auto n = static_cast<double>(count);
  const double half = two_sided_z(kConfidence) * std::sqrt(1 / (9 * n) + index * index / (2 * (n - 1)));
  return Interval{index - half, index + half};
}

/// The nearer limit in units of three deviations.
double nearer(const Capability& about, double middle, double below, double above) {
  double index = 0;
  bool any = false;
  if (about.upper) {
    index = (*about.upper - middle) / above;
    any = true;
  }
  if (about.lower) {
    const double low = (middle - *about.lower) / below;
    index = any ? std::min(index, low) : low;
  }
  return index;
}

CapabilityIndex index_of(double value, std::size_t n) {
  CapabilityIndex index;
  if (!std::isfinite(value)) {
    index.why_not = "it is no finite number";
    return index;
  }
  index.value = value;
  index.interval = bissell_interval(value, n);
  return index;
}

/// Why the measurement has no capability, whatever its numbers are.
std::string meaningless(const CapabilityMeaning& meaning) {
  if (meaning.counter)
    return "it is a count: its limit judges it, and a normal distribution says nothing about it";
  if (meaning.regulated) return "a control loop holds it: what spreads is the loop, not the units";
  if (!meaning.mixed.empty())
    return fmt::format(
        "units with different {} are mixed: narrow them with --since, --until, --product or --recipe",
        fmt::join(meaning.mixed, " and "));
  if (meaning.firmware_unknown) return "the record does not say which firmware these units ran";
  return {};
}

std::string held(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  for (const double end : {*low, *high}) {
    const auto same = std::count(values.begin(), values.end(), end);
    if (static_cast<double>(same) >= kHeldShare * static_cast<double>(values.size()))
      return fmt::format("{} of {} values are {}, the {} of all: something holds them there", same,
                         values.size(), end, end > *low ? "largest" : "smallest");
  }
  return {};
}

void percentile_form(Capability& result, const std::vector<double>& values) {
  result.percentile = true;
  const auto low = percentile_of(values, kLowTail);
  const auto high = percentile_of(values, kHighTail);
  const auto middle = percentile_of(values, 0.5);
  if (!low || !high || !middle) {
    result.ppk.why_not = fmt::format(
        "the values are not normally distributed (A*² {:.2f} > {}), and {} units have no 99.865th "
        "percentile: {} are "
        "needed",
        *result.anderson_darling, kNormalAt5Percent, values.size(), kLeastForPercentiles);
    return;
  }
  const double value = nearer(result, *middle, *middle - *low, *high - *middle);
  if (std::isfinite(value)) {
    result.ppk.value = value;
  } else {
    result.ppk.why_not = "the percentiles coincide";
  }
}

}  // namespace

std::optional<double> anderson_darling(const std::vector<double>& values) {
  if (values.size() < 8) return std::nullopt;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.front() == sorted.back()) return std::nullopt;  // the sum of their shares may differ from them
  const auto n = static_cast<double>(sorted.size());
  double mean = 0;
  for (const double value : sorted) mean += value / n;
  const double deviation = deviation_of(sorted, mean);
  if (!(deviation > 0) || !std::isfinite(deviation)) return std::nullopt;
  const boost::math::normal normal;
  const auto log_of = [](double share) { return std::log(std::max(share, 1e-300)); };
  double sum = 0;
  for (std::size_t at = 0; at < sorted.size(); ++at) {
    const double low = (sorted[at] - mean) / deviation;
    const double high = (sorted[sorted.size() - 1 - at] - mean) / deviation;
    sum +=
        (2 * static_cast<double>(at) + 1) * (log_of(boost::math::cdf(normal, low)) +
                                             log_of(boost::math::cdf(boost::math::complement(normal, high))));
  }
  const double square = -n - sum / n;
  return square * (1 + 0.75 / n + 2.25 / (n * n));
}

std::optional<double> percentile_of(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const double place = p * (static_cast<double>(values.size()) + 1);
  const double whole = std::floor(place);
  if (whole < 1 || place > static_cast<double>(values.size())) return std::nullopt;
  const auto at = static_cast<std::size_t>(whole) - 1;
  if (at + 1 >= values.size()) return values.back();
  return values[at] + (place - whole) * (values[at + 1] - values[at]);
}

Capability capability(const std::vector<double>& values, const std::optional<double>& lower,
                      const std::optional<double>& upper, const CapabilityMeaning& meaning) {
  Capability result;
  result.n = values.size();
  result.lower = lower;
  result.upper = upper;
  result.why_not = meaningless(meaning);
  if (result.why_not.empty() && !lower && !upper) {
    result.why_not = "its limit is no range of numbers (an attribute, or recorded without a limit)";
  }
  if (result.why_not.empty() && values.size() < kLeastForCapability) {
    result.why_not =
        fmt::format("{} unit{} ha{} a value: an index of fewer than {} is a guess", values.size(),
                    values.size() == 1 ? "" : "s", values.size() == 1 ? "s" : "ve", kLeastForCapability);
  }
  if (!result.why_not.empty()) return result;
  const ControlChart chart = control_chart(values);
  result.why_not = chart.drawn() ? held(values) : chart.why_not;
  if (!result.why_not.empty()) return result;

  result.mean = chart.mean;
  result.sigma_within = chart.sigma;
  result.sigma_overall = deviation_of(values, chart.mean);
  if (!std::isfinite(result.sigma_overall)) {
    result.why_not = "the values are too large to be reckoned with";
    return result;
  }
  result.weak = values.size() < kFirmCapability;
  result.steady = chart.steady;
  result.anderson_darling = anderson_darling(values);
  result.normal = result.anderson_darling && *result.anderson_darling <= kNormalAt5Percent;
  const double three_within = 3 * result.sigma_within;
  if (!result.steady) {
    result.cpk.why_not = "the process is not steady: " + chart.unsteady_because;
  } else if (!result.normal) {
    result.cpk.why_not = "the values are not normally distributed";
  } else {
    result.cpk = index_of(nearer(result, result.mean, three_within, three_within), result.n);
  }
  if (!lower || !upper) {
    result.cp.why_not = "it has one limit only";
  } else if (!result.cpk.value) {
    result.cp.why_not = result.cpk.why_not;
  } else {
    result.cp = index_of((*upper - *lower) / (2 * three_within), result.n);
  }
  if (!result.normal) {
    percentile_form(result, values);
  } else {
    result.ppk =
        index_of(nearer(result, result.mean, 3 * result.sigma_overall, 3 * result.sigma_overall), result.n);
  }
  return result;
}

}  // namespace kiln
