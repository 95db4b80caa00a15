#pragma once
// What the readings of a rack's power chain under load come to. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::power_chain {

/// One supply within one round.
struct SupplyShare {
  double output = 0;               ///< W
  std::optional<double> capacity;  ///< W
};

/// One look at everything, one BMC after the other.
struct Round {
  std::int64_t at_ns = 0;
  double drawn = 0, delivered = 0;              ///< W, by all trays and all supplies
  std::map<std::string, double> inputs;         ///< V, lowest of each tray's inputs, by DUT
  std::map<std::string, SupplyShare> supplies;  ///< by "P01/PowerSupplyUnit_1"; those that work
  std::optional<double> rail;                   ///< V, mean over the supplies that tell it
  std::string missing;                          ///< not empty: the sums are not complete, and why
};

/// The longest stretch of complete rounds at load: drawn above 0.8 of the peak, and at least `settle` after
/// it rose. A round of which something is missing ends no stretch, and is left out.
std::vector<Round> loaded_part(const std::vector<Round>& rounds, Nanoseconds settle);

/// A figure, or why there is none.
struct Figure {
  std::optional<double> value;
  std::string why;
};

/// Drawn over delivered, means of the same rounds.
Figure balance_of(const std::vector<Round>& loaded);
/// What the working supplies can deliver without the shelf that can deliver most, over the most that was
/// delivered.
Figure headroom_of(const std::vector<Round>& loaded);
/// Each supply's mean output over the median of those of the same capacity.
std::map<std::string, Figure> shares_of(const std::vector<Round>& loaded);
/// Each tray's mean voltage, by DUT; and how much lower than the others': than their median where four or
/// more tell, else than the rails of the shelves.
struct InputFigures {
  Figure voltage, drop;
};
std::map<std::string, InputFigures> inputs_of(const std::vector<Round>& loaded);

}  // namespace kiln::power_chain
