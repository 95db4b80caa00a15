#pragma once
// Which NVLink of which GPU ends where: at a switch tray of its domain, at a switch chip on its own
// baseboard, or, over a bridge, at the card beside it. Pure.

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// Throws ConfigError when the parts do not fit together.
void wire_links(RackModel& rack);

}  // namespace kiln::virtual_rack
