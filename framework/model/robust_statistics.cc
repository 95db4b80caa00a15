#include "model/robust_statistics.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

/// Of finite values only.
double middle(std::vector<double> values) {
  const auto half = static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), values.begin() + half, values.end());
  const double upper = values[static_cast<std::size_t>(half)];
  if (values.size() % 2 == 1) return upper;
  const double lower = *std::max_element(values.begin(), values.begin() + half);
  return lower + (upper - lower) / 2;
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

std::optional<double> median_of(std::vector<double> values) {
  if (values.empty() || !all_finite(values)) return std::nullopt;
  return middle(std::move(values));
}

std::optional<RobustSpread> robust_spread(const std::vector<double>& values, double resolution) {
  if (values.empty() || !all_finite(values)) return std::nullopt;
  RobustSpread spread;
  spread.n = values.size();
  spread.median = middle(values);
  std::vector<double> away;
  away.reserve(values.size());
  double sum = 0;
  for (const double value : values) {
    away.push_back(std::abs(value - spread.median));
    sum += away.back();
  }
  const double deviation = middle(std::move(away));
  spread.sigma = kMadToSigma * std::max(deviation, resolution / 2);
  if (deviation == 0) {
    const double mean = sum / static_cast<double>(values.size());
    spread.sigma = std::max(spread.sigma, kMeanDeviationToSigma * mean);
  }
  return spread;
}

double robust_distance(double value, const RobustSpread& spread) {
  const double away = value - spread.median;
  if (away == 0) return 0;
  return away / spread.sigma;
}

std::optional<double> outlier_cut(std::size_t n) {
  if (n < kLeastToCompare) return std::nullopt;
  // 99.99 % points of the greatest one-sided distance in n normal values, 200,000 groups each: 10.6 for 16,
  // 9.9 for 18, 8.1 for 24, 7.2 for 30, 7.0 for 36, 6.5 for 48, 5.8 for 72, 5.5 for 1,296.
  const auto count = static_cast<double>(n);
  return 6 + 1200 / (count * count);
}

}  // namespace kiln
