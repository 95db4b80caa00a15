#pragma once
// Process capability of one measurement: how many standard deviations lie between what units show and their
// limit. Each index says how many units it rests on and its interval, or why it may not be shown. Pure, any
// thread.
//
// Sources: NIST e-Handbook 6.1.6 (Cp, Cpk, their interval, percentile form). Interval: Bissell, Applied
// Statistics 39 (1990): C ± z √(1/9n + C²/2(n-1)). Normality: Anderson and Darling, with the correction and
// the critical value for estimated mean and deviation of Stephens (D'Agostino and Stephens, Goodness-of-Fit
// Techniques, 1986, table 4.7): A²(1 + 0.75/n + 2.25/n²) > 0.752 at 5 %. Percentiles: NIST
// e-Handbook 7.2.6.2, value at p(n+1).

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "quality/control_chart.h"
#include "quality/intervals.h"

namespace kiln {

/// Below it no index is shown; below kFirmCapability it is marked as weak.
inline constexpr std::size_t kLeastForCapability = 30;
inline constexpr std::size_t kFirmCapability = 50;
/// Fewer have no 99.865th percentile: the value at 0.99865 (n + 1) would lie beyond the largest.
inline constexpr std::size_t kLeastForPercentiles = 740;
inline constexpr double kNormalAt5Percent = 0.752;
/// So large a share of values that are the largest or the smallest of all: something holds them there.
inline constexpr double kHeldShare = 0.2;

struct CapabilityIndex {
  std::optional<double> value;
  std::optional<Interval> interval;  ///< none for the percentile form
  std::string why_not;
};

struct Capability {
  std::size_t n = 0;
  std::optional<double> lower, upper;  ///< the limits that judged
  double mean = 0, sigma_within = 0, sigma_overall = 0;
  std::optional<double> anderson_darling;  ///< corrected
  bool normal = false;
  bool steady = false;
  bool weak = false;        ///< 30 to 49 units
  bool percentile = false;  ///< ppk is the percentile form: the values are not normal
  CapabilityIndex cp;       ///< only with both limits
  CapabilityIndex cpk;      ///< one limit: Cpu or Cpl. Within: from moving ranges
  CapabilityIndex ppk;      ///< overall
  std::string why_not;      ///< none of them, because; empty: some are shown
};

/// What besides the numbers decides whether an index means anything.
struct CapabilityMeaning {
  bool counter = false;
  bool regulated = false;
  std::vector<std::string> mixed;  ///< what differs among the units: "firmware", "limit"
  bool firmware_unknown = false;
};

/// nullopt for fewer than 8 values and for values that are all the same.
std::optional<double> anderson_darling(const std::vector<double>& values);

/// At share `p` of the sorted values, as NIST 7.2.6.2; nullopt when it lies outside of them.
std::optional<double> percentile_of(std::vector<double> values, double p);

/// `values`: one per unit, in their order.
Capability capability(const std::vector<double>& values, const std::optional<double>& lower,
                      const std::optional<double>& upper, const CapabilityMeaning& meaning);

}  // namespace kiln
