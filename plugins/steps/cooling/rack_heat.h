#pragma once
// The heat of a whole rack, in rounds: what its trays draw, what the coolant takes from them, and what
// arrives at the units that cool it. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::cooling {

/// One look at every tray and every unit, one after the other. Without the fluid constant: L/min x K.
struct HeatRound {
  std::int64_t at_ns = 0;
  double drawn_kw = 0;  ///< by all trays in the loop
  double trays = 0;     ///< flow x rise, all connections of all trays
  std::optional<double>
      units;                 ///< likewise of all connections to the rack of all units; nullopt: none is read
  std::string missing;       ///< not empty: the sums are not complete, and why
  std::string unit_missing;  ///< likewise, of the units alone
};

/// The longest stretch of rounds without a gap at load: drawn above 0.8 of the peak, and at least `settle`
/// after it rose.
std::vector<HeatRound> loaded_rounds(const std::vector<HeatRound>& rounds, Nanoseconds settle);

struct HeatFigure {
  std::optional<double> value;
  std::string why;  ///< there is none
};

/// Carried away over drawn, means of the same rounds.
HeatFigure rack_balance(const std::vector<HeatRound>& loaded, double fluid_constant);
/// What arrives at the units over what leaves the trays: the same coolant, so its constant falls out.
HeatFigure unit_balance(const std::vector<HeatRound>& loaded);

}  // namespace kiln::cooling
