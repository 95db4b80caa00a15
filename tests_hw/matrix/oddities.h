#pragma once
// What a healthy rack of the field says all the same: values written loosely, fields that say nothing,
// instruments with other noise, steps and plant than those of the virtual rack's configuration. None of it
// speaks against the hardware, so none of it may end in anything but GO.
//
// Forms are those that published Redfish trees show; each stands with the trees it was seen in. How much an
// instrument wavers and how far the plant drifts no tree tells, as each is a moment: those are assumed, at up
// to three times what the rack's configuration has. Everything is drawn from one seed and stays as it is
// drawn: a BMC that writes a field oddly does so each time it is asked.

#include <cstdint>
#include <string>

#include "rack_in_process.h"

namespace kiln::matrix {

/// Wishes for a healthy rack with that seed.
RackWishes odd_but_healthy(std::uint64_t seed);

}  // namespace kiln::matrix
