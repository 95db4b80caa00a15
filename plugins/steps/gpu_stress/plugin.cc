#include "gpu_steps.h"

KILN_PLUGIN("gpu_stress", "1.0.0", "GPU health, burn-in with gpu_burn, DCGM diagnostics",
            kiln::gpu_stress::Health, kiln::gpu_stress::Soak, kiln::gpu_stress::DcgmDiagnostic,
            kiln::gpu_stress::PowerSteps, kiln::gpu_stress::MemoryBandwidth)
