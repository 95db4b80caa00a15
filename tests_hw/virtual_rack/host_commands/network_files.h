#pragma once
// The network adapters of a virtual host as Linux shows them: /sys/class/infiniband and /sys/class/net
// (Documentation/ABI/stable/sysfs-class-infiniband, ABI/testing/sysfs-class-net). Beside the adapters of the
// rack: a management port on PCI (eno1) and the BMC's interface on USB (usb0), as real trays have them.
// Thread: the rack's loop.

#include <optional>
#include <string>
#include <vector>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

bool is_network_path(const std::string& path);
std::vector<std::string> network_paths(const Dut& dut);
std::optional<std::string> read_network_file(const Dut& dut, const std::string& path);

}  // namespace kiln::virtual_rack
