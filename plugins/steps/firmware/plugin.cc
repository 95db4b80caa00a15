#include "firmware_steps.h"

KILN_PLUGIN("firmware", "1.1.0", "firmware against the baseline, bringing it there, and what must be refused",
            kiln::firmware::Baseline, kiln::firmware::Update, kiln::firmware::ToBaseline,
            kiln::firmware::Tier, kiln::firmware::Mix, kiln::firmware::Refuses)
