#pragma once
// Inside of the power state machine, for physics.cc and the builder; the commands are in rack_model.h.
// Thread: the rack's loop.

#include <string>
#include <string_view>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// The driver that compute hosts claim to run; 580 is the first branch for GB300 (release notes of R580).
inline constexpr std::string_view kDriverVersion = "580.82.07";
inline constexpr std::string_view kCudaVersion = "13.0";

/// Ends transitions whose time has come; starts hosts whose boot is over.
void advance_power(RackModel& rack, Dut& dut);

/// Puts a DUT into "on and booted" at once; for the builder.
void start_booted(RackModel& rack, Dut& dut);

/// What `uname -r` says there.
std::string host_kernel_release(const Dut& dut);
/// As uname -m prints it.
std::string machine_of(const Dut& dut);

}  // namespace kiln::virtual_rack
