#pragma once
// A scripted host that tells the kernel's boot id, another one after each restart of the fake hardware.

#include <fmt/format.h>

#include <string>

#include "testing/step_bench.h"

namespace kiln {

inline std::string boot_id_after(int restarts) {
  return fmt::format("0f4a1d52-7c3e-4b60-9a11-{:012x}", restarts);
}

inline void tell_boot_id(StepBench& bench, const std::string& dut) {
  FakeHardware& hardware = bench.hardware(dut);
  bench.shell(dut).answer_with("^cat /proc/sys/kernel/random/boot_id$", [&hardware](const Command&) {
    return ShellAnswer(boot_id_after(hardware.restarts) + "\n");
  });
}

}  // namespace kiln
