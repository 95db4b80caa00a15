#pragma once
// Who hears what the warden says during a run: the Runner, for which its words become the run's.

#include "engine/runner.h"
#include "station/warden_link.h"

namespace kiln {

/// `runner` outlives whoever keeps the link.
WardenEars ears_of(Runner& runner);

}  // namespace kiln
