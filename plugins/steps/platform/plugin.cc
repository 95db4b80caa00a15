#include "platform_steps.h"

KILN_PLUGIN("platform", "1.0.0",
            "secure boot, roots of trust, BIOS settings, the BMC's clock and accounts, fans",
            kiln::platform::Setup, kiln::platform::SameSetup, kiln::platform::Fans)
