#pragma once
// Whether a DUT can be asked what a step needs, as far as the rack file alone tells: by what it is read. A
// Redfish service may have anything, which only asking it shows. Pure.

#include "engine/step.h"
#include "model/inventory.h"

namespace kiln {

/// false: a need that the step cannot do without is one for which the DUT's protocol has no word.
bool can_be_asked(const Dut& dut, const StepDescription& step);

}  // namespace kiln
