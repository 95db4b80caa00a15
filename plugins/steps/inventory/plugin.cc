#include "inventory_steps.h"

KILN_PLUGIN("inventory", "1.0.0", "identity, parts and serials against the rack file",
            kiln::inventory::Census, kiln::inventory::InBand, kiln::inventory::Software)
