#include "power_chain_steps.h"

KILN_PLUGIN("power_chain", "1.0.0",
            "power supplies, how they share the load, the bus bar and the voltage that reaches each tray",
            kiln::power_chain::Supplies, kiln::power_chain::BusBar)
