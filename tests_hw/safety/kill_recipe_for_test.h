#pragma once
// The burn-in that is killed: a real plan of the steps that ship (power, cooling, gpu_stress, firmware), on
// two compute trays, a switch tray, a CDU and a power shelf that count as real hardware.

#include <memory>

#include "engine/plan.h"

namespace kiln::kills {

/// Made once per program; steps keep no state of a run.
const Plan& burn_in();
/// The same rack is switched on and one component of each tray written, under a deadline of 20 s.
const Plan& flashing();

}  // namespace kiln::kills
