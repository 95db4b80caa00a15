#pragma once
// How long a run will still take, from how long its steps took before. Pure.

#include <map>
#include <string>

#include "base/time.h"
#include "engine/plan.h"
#include "station/screen/run_progress.h"

namespace kiln {

/// How long a step usually takes on one DUT, by its path. From the station's own record of earlier runs of
/// the same recipe.
using TypicalDurations = std::map<std::string, Nanoseconds>;

struct TimeLeft {
  Nanoseconds left{0};
  bool at_least = false;  ///< some steps have no history: it will be more
};

/// Walks the rest of the plan as the engine will: DUTs beside each other, waiting for each other at barriers.
/// A step without history counts as long as its parameter `for` says, or nothing, and makes it a lower bound.
TimeLeft time_left(const Plan& plan, const RunProgress& progress, const TypicalDurations& typical,
                   std::int64_t now_ns);

/// "left 3:20", "left ≥ 3:20", "" when nothing at all is known.
std::string time_left_text(const TimeLeft& left, bool unicode);

}  // namespace kiln
