#pragma once
// The instruments: which a DUT has, and how what is true becomes what is shown.
// Each follows the truth through its own filter, adds noise from the rack's seeded generator and rounds to
// its step. Thread: the rack's loop.

#include <string>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// Chassis Id that a DUT's own instruments, detectors and hoses hang under: "Chassis_0", "MGX_BMC_0",
/// "CDU_0", "chassis".
std::string main_chassis(const Dut& dut);
/// "HGX_GPU_0" on a baseboard, else the main chassis; "MGX_NVSwitch_0", "HGX_NVSwitch_0".
std::string gpu_chassis(const Dut& dut, const Gpu& gpu);
std::string chip_chassis(const Dut& dut, const SwitchChip& chip);

/// Fills dut.sensors with pointers into the DUT; call it when the DUT stands at its final address.
void build_sensors(Dut& dut);

/// Takes one reading of every instrument. `elapsed_s` is wall time since the last one; infinity settles the
/// filters.
void take_readings(RackModel& rack, double elapsed_s);

}  // namespace kiln::virtual_rack
