#include "host_steps.h"

KILN_PLUGIN("host_health", "1.1.0",
            "parts, CPU, memory, disk, drives, clock, memory errors, kernel log and sensors of a host",
            kiln::host_health::CpuStress, kiln::host_health::MemoryStress, kiln::host_health::Disk,
            kiln::host_health::Parts, kiln::host_health::EdacWatch, kiln::host_health::After,
            kiln::host_health::Drives, kiln::host_health::HostClock, kiln::host_health::FabricManager)
