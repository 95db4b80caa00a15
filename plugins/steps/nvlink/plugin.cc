#include "nvlink_steps.h"

KILN_PLUGIN("nvlink", "1.0.0", "NVLink state, error counters under load, bandwidth", kiln::nvlink::Census,
            kiln::nvlink::ErrorWatch, kiln::nvlink::Bandwidth, kiln::nvlink::RackBandwidth,
            kiln::nvlink::Fabric, kiln::nvlink::Topology, kiln::nvlink::SwitchHealth)
