#pragma once
// NVLink: which links are up, what passes through them, which errors they count. Thread: the rack's loop.

#include <string>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// Data rate of one link and direction in bytes per second: 50 GB/s (NVLink 5, public figure).
inline constexpr double kLinkBytesPerSecond = 50e9;

/// RXWidth and TXWidth of every NVLink port of the captured GH200 and GB300 trees.
inline constexpr int kLinkLanes = 2;

/// What current NVLink 5 firmware reports for "no error seen": mantissa 15, exponent 255.
inline constexpr double kZeroBitErrorRate = 1.5e-254;

/// "GPU_1/NVLink_3": how a fault and a report name a link.
std::string link_part(const Gpu& gpu, const NvLink& link);

void advance_links(RackModel& rack, double elapsed_s);

/// Both ends of a link count no bit errors any more.
void clear_bit_errors(RackModel& rack, Dut& dut, const std::string& part);

}  // namespace kiln::virtual_rack
