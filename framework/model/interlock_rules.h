#pragma once
// InterlockRules: the station's floor rules. Plain data; read from a file by files/, bounded there. No recipe
// can weaken them.

#include <set>
#include <string>

#include "base/time.h"
#include "model/hazard.h"

namespace kiln {

struct InterlockRules {
  std::string name;
  int revision = 0;
  std::string file;    ///< where it was read from
  std::string sha256;  ///< of the file's bytes

  Nanoseconds leak_poll = std::chrono::seconds(1);  ///< at most 1 s
  Nanoseconds leak_grace =
      std::chrono::seconds(5);       ///< how long dry may go unproven before it counts as lost
  bool tray_leak_cuts_rack = false;  ///< a CDU's leak, and two DUTs', concern the rack in any case
  HazardRules hazards;
  /// Of these causes ("over-temperature", "lost-flow", "coolant", "telemetry-lost") one DUT's cuts the rack.
  std::set<std::string> causes_that_cut_rack;
  /// A cut that does not read back Off within this goes on to the power shelves, where the rack has some.
  Nanoseconds off_confirm = std::chrono::seconds(10);
  bool cut_reaches_shelves = true;
  /// How long the building's leak points may be unknown, after they were clear, before that counts as lost.
  Nanoseconds building_grace = std::chrono::seconds(30);
  /// So long the building may take to read Isolated before it is told as not confirmed.
  Nanoseconds building_confirm = std::chrono::seconds(60);
  bool cut_reaches_building = true;  ///< where the rack file names one
};

}  // namespace kiln
