#pragma once
// When units fail under load, with those that did not fail counted as watched until they left: is a longer
// soak worth its hours? Pure, any thread.
//
// Source: Nelson, Technometrics 14 (1972), and Aalen, Annals of Statistics 6 (1978): the cumulative hazard is
// the sum over failures of 1 / units still watched; its variance the sum of 1 / units still watched squared.

#include <cstddef>
#include <string>
#include <vector>

namespace kiln {

/// One unit: its hours under load when it failed, or when it was last seen unfailed (censored).
struct UnitLife {
  double hours = 0;
  bool failed = false;
};

struct HazardBin {
  double from = 0, to = 0;  ///< hours: from < t ≤ to
  int watched = 0;          ///< units that came beyond `from`
  int failed = 0;
  double unit_hours = 0;  ///< spent inside the bin by all units
  double cumulative = 0;  ///< cumulative hazard at `to`
  double deviation = 0;   ///< its standard deviation
};

struct TimeToFailure {
  std::size_t units = 0;
  int failed = 0;
  double longest = 0;  ///< hours of the unit that was watched longest
  double soak = 0;     ///< hours that half of the units that did not fail have reached
  double bin_hours = 0;
  std::vector<HazardBin> bins;
  std::vector<std::string> sentences;  ///< how long a soak should be, as far as this record can tell
  std::string why_not;
};

/// Below it the record cannot tell how long a soak should be.
inline constexpr int kLeastFailures = 5;

/// Lives that are not finite or not above zero are no lives under load, and are left out.
TimeToFailure time_to_failure(std::vector<UnitLife> lives);

}  // namespace kiln
