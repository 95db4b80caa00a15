#pragma once
// The burn-in that is killed: a real plan of the steps that ship (power, cooling, gpu_stress), on two compute
// trays, a switch tray, a CDU and a power shelf that count as real hardware.

#include <memory>

#include "engine/plan.h"

namespace kiln::kills {

/// Made once per program; steps keep no state of a run.
const Plan& burn_in();

}  // namespace kiln::kills
