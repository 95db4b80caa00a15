#pragma once
// Statistics that a few odd values do not move, for finding those values. Plain functions, any thread.
//
// Sources: Iglewicz and Hoaglin, How to Detect and Handle Outliers (ASQC 1993), as quoted in the NIST
// e-Handbook 1.3.5.17: modified z-score 0.6745 (x - median) / MAD, and the mean absolute deviation where the
// MAD is zero. AEC-Q001 Rev D (part average testing): median plus or minus 6 robust standard deviations.

#include <cstddef>
#include <optional>
#include <vector>

namespace kiln {

/// 1 / Φ⁻¹(3/4): median absolute deviation (MAD) to the standard deviation of a normal distribution. Its
/// inverse is the 0.6745 of the modified z-score.
inline constexpr double kMadToSigma = 1.482602218505602;
/// √(π/2): the same for the mean absolute deviation.
inline constexpr double kMeanDeviationToSigma = 1.2533141373155003;
/// With fewer values nothing is called odd: the modified z-score of a good group of eight exceeds 6 in one
/// group of forty, and in one server every value has too few of its like.
inline constexpr std::size_t kLeastToCompare = 16;
/// Of a population that is kept: below it a spread is known to a quarter at best.
inline constexpr std::size_t kLeastOfPopulation = 30;

struct RobustSpread {
  std::size_t n = 0;
  double median = 0;
  double sigma = 0;  ///< robust standard deviation; 0: all values are the same
};

/// nullopt for no value, and when one is NaN or infinite: what cannot be ordered has no middle.
std::optional<double> median_of(std::vector<double> values);

/// `resolution`: the step in which the source tells values (0: finer than matters). A coarse source makes the
/// MAD zero although values differ: it counts as half a step at least. Where more than half of the values are
/// the same, the mean absolute deviation stands in when it is larger, so that a second cluster is no crowd of
/// outliers. nullopt as median_of.
std::optional<RobustSpread> robust_spread(const std::vector<double>& values, double resolution);

/// The modified z-score: how many robust standard deviations above the median, negative below. Infinite
/// beside values that are all the same; NaN for NaN, which is beyond no cut.
double robust_distance(double value, const RobustSpread& spread);

/// Beyond so many robust standard deviations, in the bad direction, a value of `n` is odd: 6 as in part
/// average testing, more where the spread itself is known from few values, so that a group of normally
/// distributed ones has an odd one in about one of ten thousand groups. robust_statistics_test.cc shows it.
/// nullopt below kLeastToCompare.
std::optional<double> outlier_cut(std::size_t n);

}  // namespace kiln
