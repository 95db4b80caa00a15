#include "network_steps.h"

KILN_PLUGIN("network", "1.0.0",
            "network adapters of a host: ports, rates, PCIe links, links that go down, bandwidth",
            kiln::network::Ports, kiln::network::ErrorWatch, kiln::network::Bandwidth)
