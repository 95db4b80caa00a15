#pragma once
// What the bandwidth tests of a tray and of the rack have in common. Thread: the rack's loop.

#include <vector>

#include "tests_hw/virtual_rack/host_commands/command.h"

namespace kiln::virtual_rack {

/// Those the driver sees, in its order.
std::vector<const Gpu*> working_gpus(const Dut& dut);
/// Share of its full rate that a GPU's links carry.
double link_share(Host host, const Gpu& gpu);

}  // namespace kiln::virtual_rack
