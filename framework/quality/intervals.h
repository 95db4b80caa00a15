#pragma once
// How far a share may be believed: intervals and bounds of a proportion, and how many units a claim needs.
// Pure, any thread. Distributions come from Boost.Math.
//
// Sources: Wilson, J. Am. Stat. Assoc. 22 (1927); NIST e-Handbook 7.2.4.1. Clopper and Pearson, Biometrika 26
// (1934). Success run: R = (1 - C)^(1/n), the bound of Clopper and Pearson for no failure.

#include <optional>

namespace kiln {

struct Interval {
  double low = 0, high = 0;
  [[nodiscard]] bool overlaps(const Interval& other) const { return low <= other.high && other.low <= high; }
};

/// Of all shares and indices of this folder.
inline constexpr double kConfidence = 0.95;
/// Of statements about failures that may hide behind what was seen, one-sided.
inline constexpr double kBoundConfidence = 0.90;

/// So many standard deviations around the mean hold `confidence` of a normal distribution: 1.96 of 0.95.
double two_sided_z(double confidence);

/// The score interval of Wilson. nullopt when nothing was tried, or when more passed than was tried.
std::optional<Interval> wilson_interval(int passed, int tried, double confidence = kConfidence);

/// The largest share of failures that is still consistent with `failed` of `tried`, one-sided and exact.
/// Without a failure it is the success-run bound 1 - (1 - confidence)^(1/n). nullopt when nothing was tried.
std::optional<double> failure_bound(int failed, int tried, double confidence = kBoundConfidence);

/// Units that must pass without a failure before `reliability` can be claimed: 2302 for 0.999 at 0.90.
/// nullopt unless both are between 0 and 1.
std::optional<int> success_run_size(double reliability, double confidence = kBoundConfidence);

/// Chance of `seen` or more of `tried` when each has `chance`: how surprising a count is.
double chance_of_at_least(int seen, int tried, double chance);

}  // namespace kiln
