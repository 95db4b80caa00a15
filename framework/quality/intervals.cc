#include "quality/intervals.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

namespace kiln {

double two_sided_z(double confidence) {
  return boost::math::quantile(boost::math::normal(), 0.5 + confidence / 2);
}

std::optional<Interval> wilson_interval(int passed, int tried, double confidence) {
  if (tried <= 0 || passed < 0 || passed > tried) return std::nullopt;
  const double n = tried;
  const double share = passed / n;
  const double z = two_sided_z(confidence);
  const double middle = share + z * z / (2 * n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  Interval interval{std::max(0.0, (middle - half) / scale), std::min(1.0, (middle + half) / scale)};
  // Rounding must not say that what was always so cannot always be so.
  if (passed == tried) interval.high = 1;
  if (passed == 0) interval.low = 0;
  return interval;
}

std::optional<double> failure_bound(int failed, int tried, double confidence) {
  if (tried <= 0 || failed < 0 || failed > tried) return std::nullopt;
  if (failed == tried) return 1.0;
  return boost::math::binomial::find_upper_bound_on_p(tried, failed, 1 - confidence);
}

std::optional<int> success_run_size(double reliability, double confidence) {
  if (!(reliability > 0 && reliability < 1 && confidence > 0 && confidence < 1)) return std::nullopt;
  const double size = std::ceil(std::log1p(-confidence) / std::log(reliability) - 1e-9);
  if (!(size < 1e9)) return std::nullopt;
  return static_cast<int>(size);
}

double chance_of_at_least(int seen, int tried, double chance) {
  if (seen <= 0) return 1;
  if (seen > tried) return 0;
  return boost::math::cdf(boost::math::complement(boost::math::binomial(tried, chance), seen - 1));
}

}  // namespace kiln
