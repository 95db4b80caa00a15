// The power state machine of a DUT: what a command does at once, and what time does to a transition.

#include "tests_hw/virtual_rack/power.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tests_hw/virtual_rack/faults.h"

namespace kiln::virtual_rack {

namespace {

constexpr std::uint64_t kLateOn = 1'000'000'000;  // wall: what a BMC takes does not scale with the physics
constexpr double kKernelStartShare = 0.4;  // share of the boot time after which the kernel's clock starts

std::uint64_t scaled_ns(const RackModel& rack, double seconds) {
  return static_cast<std::uint64_t>(seconds / rack.time_scale() * 1e9);
}

void log_power(RackModel& rack, Dut& dut, const char* key, std::vector<std::string> arguments,
               std::string message) {
  EventEntry entry;
  entry.severity = "OK";
  entry.message_id = fmt::format("ResourceEvent.1.3.{}", key);
  entry.arguments = std::move(arguments);
  entry.message = std::move(message);
  entry.origin = EventOrigin::power;
  add_event(rack, dut, std::move(entry));
}

void stop_host(Dut& dut) {
  dut.processes.clear();
  dut.load = false;
  dut.host_up = false;
}

void activate_firmware(RackModel& rack, Dut& dut, FirmwareActivation activation) {
  for (FirmwareItem& item : dut.firmware) {
    if (item.staged.empty() || item.activation != activation) {
      continue;
    }
    EventEntry entry;
    entry.severity = "OK";
    entry.message_id = "Update.1.0.UpdateSuccessful";
    entry.message = fmt::format("{} now runs {} (was {}).", item.name, item.staged, item.version);
    entry.arguments = {item.name, item.staged};
    entry.origin = EventOrigin::firmware;
    entry.part = item.name;
    item.version = std::move(item.staged);
    item.staged.clear();
    add_event(rack, dut, std::move(entry));
  }
}

void begin_boot(RackModel& rack, Dut& dut) {
  stop_host(dut);
  activate_firmware(rack, dut, FirmwareActivation::host_reset);
  dut.host_up_at_ns = rack.now_ns + scaled_ns(rack, rack.physics.boot_s);
}

void begin_power_on(RackModel& rack, Dut& dut) {
  dut.power = PowerState::powering_on;
  dut.power_change_ns = rack.now_ns + scaled_ns(rack, rack.physics.power_transition_s);
}

/// A second command may end the transition sooner, never later: asking again must not keep a tray on.
void begin_power_off(RackModel& rack, Dut& dut, double seconds) {
  stop_host(dut);
  const std::uint64_t end_ns = rack.now_ns + scaled_ns(rack, seconds);
  const bool under_way = dut.power == PowerState::powering_off;
  dut.power_change_ns = under_way ? std::min(dut.power_change_ns, end_ns) : end_ns;
  dut.power = PowerState::powering_off;
}

void enter_off(RackModel& rack, Dut& dut) {
  stop_host(dut);
  dut.power = PowerState::off;
  log_power(rack, dut, "ResourcePoweredOff", {dut.id}, fmt::format("{} is off.", dut.id));
  if (dut.restart_after_off) {
    dut.restart_after_off = false;
    begin_power_on(rack, dut);
  }
}

/// Counters that live in the GPU's or switch chip's own memory start again with its power.
void clear_volatile_counters(Dut& dut) {
  for (Gpu& gpu : dut.gpus) {
    gpu.ecc_volatile = {};
    gpu.row_remap.pending = false;  // the reset is what the remapping waited for
    gpu.on_bus = true;
    gpu.throttle_level = 1;
    gpu.xids.clear();
    for (NvLink& link : gpu.links) {
      link.counters = {};
    }
  }
  for (SwitchChip& chip : dut.switches) {
    for (SwitchPort& port : chip.ports) {
      port.counters = {};
    }
  }
}

std::string random_uuid(RackModel& rack) {
  const std::uint64_t high = rack.random();
  const std::uint64_t low = rack.random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
                     0x8000 | ((low >> 48) & 0x3fff), low & 0xffffffffffff);
}

void write_boot_messages(RackModel& rack, Dut& dut) {
  struct Line {
    double at_s;  // after the kernel's start, unscaled
    int level;
    std::string text;
  };
  const bool compute = !dut.gpus.empty();
  std::vector<Line> lines = {
      {0.00, 5,
       fmt::format("Linux version {} (gcc 13.3.0) #24 SMP PREEMPT_DYNAMIC", host_kernel_release(dut))},
      {0.00, 6, fmt::format("Machine model: {} {}", dut.manufacturer, dut.model)},
      {0.31, 6, "ACPI: bus type PCI registered"},
      {0.77, 6, "EDAC MC: Ver: 3.0.0"},
      {1.12, 6, "nvme nvme0: pci function 0005:01:00.0"},
      {1.98, 6, "EXT4-fs (nvme0n1p2): mounted filesystem with ordered data mode. Quota mode: none."},
      {2.40, 6, fmt::format("systemd[1]: Hostname set to <{}>.", dut.hostname)},
  };
  if (compute) {
    lines.push_back({4.10, 6, "nvidia-nvlink: Nvlink Core is being initialized, major device number 507"});
    lines.push_back({4.35, 6,
                     fmt::format("NVRM: loading NVIDIA UNIX Open Kernel Module for {}  {}", machine_of(dut),
                                 kDriverVersion)});
    for (const Gpu& gpu : dut.gpus) {
      if (gpu.present) {
        lines.push_back(
            {4.6, 6, fmt::format("nvidia {}: enabling device (0000 -> 0002)", gpu.pci_address.substr(4))});
      }
    }
    lines.push_back({7.5, 6, "nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver"});
  }
  dut.kernel_log.clear();
  for (Line& line : lines) {
    const auto after = static_cast<std::uint64_t>(line.at_s / rack.time_scale() * 1e9);
    dut.kernel_log.push_back(
        KernelLine{std::min(dut.boot_ns + after, rack.now_ns), line.level, std::move(line.text)});
  }
}

void finish_boot(RackModel& rack, Dut& dut) {
  dut.host_up = true;
  const auto before = scaled_ns(rack, rack.physics.boot_s * (1 - kKernelStartShare));
  dut.boot_ns = rack.now_ns > before ? rack.now_ns - before : 0;
  dut.boot_id = random_uuid(rack);
  dut.next_pid = 2000 + static_cast<int>(rack.random() % 3000);
  for (Nic& nic : dut.nics) nic.link_downed = nic.symbol_errors = nic.receive_errors = nic.recoveries = 0;
  ++dut.boots;
  clear_volatile_counters(dut);
  write_boot_messages(rack, dut);
  for (Fault& fault : rack.faults) {  // what is still broken shows again after a boot
    if (fault.state == FaultState::active && fault.spec.dut == dut.id &&
        (fault.spec.kind == FaultKind::xid || fault.spec.kind == FaultKind::ecc_uncorrectable)) {
      fault.struck = false;
    }
  }
}

}  // namespace

std::string host_kernel_release(const Dut& dut) {
  if (dut.role == Role::switch_tray) return "5.10.0-30-2-amd64";
  const char* pages = dut.role == Role::compute_tray ? "-64k" : "";  // of Grace
  return fmt::format("6.8.0-{}-nvidia{}", dut.stale_image ? "1017" : "1024", pages);
}

std::string machine_of(const Dut& dut) { return dut.role == Role::compute_tray ? "aarch64" : "x86_64"; }

bool request_power(RackModel& rack, Dut& dut, PowerCommand command) {
  if (dut.role == Role::cdu) {
    return false;  // its pumps are not this interface's to stop
  }
  const bool off = dut.power == PowerState::off;
  switch (command) {
    case PowerCommand::on:
      if (dut.power == PowerState::on || dut.power == PowerState::powering_on) {
        return false;
      }
      if (dut.power == PowerState::powering_off) {
        dut.restart_after_off = true;
        return true;
      }
      if (dut.late_on_ns != 0) {
        return false;
      }
      if (active_fault(rack, dut, FaultKind::late_on) != nullptr) {
        dut.late_on_ns = rack.now_ns + kLateOn;
        return true;
      }
      begin_power_on(rack, dut);
      return true;
    case PowerCommand::force_off:
      if (off) {
        return false;
      }
      dut.restart_after_off = false;
      begin_power_off(rack, dut, rack.physics.power_transition_s);
      return true;
    case PowerCommand::graceful_shutdown:
      if (off || dut.power == PowerState::powering_off) {
        return false;
      }
      begin_power_off(rack, dut, rack.physics.shutdown_s);
      return true;
    case PowerCommand::force_restart:
    case PowerCommand::graceful_restart:
      if (dut.power != PowerState::on) {
        return false;
      }
      begin_boot(rack, dut);
      log_power(rack, dut, "ResourceStateChanged", {dut.id, "Starting"}, fmt::format("{} restarts.", dut.id));
      return true;
    case PowerCommand::power_cycle:
      if (off) {
        begin_power_on(rack, dut);
        return true;
      }
      dut.restart_after_off = true;
      begin_power_off(rack, dut, rack.physics.power_transition_s);
      return true;
  }
  return false;
}

void reset_bmc(RackModel& rack, Dut& dut) {
  dut.bmc_ready_at_ns = rack.now_ns + scaled_ns(rack, rack.physics.bmc_reset_s);
  activate_firmware(rack, dut, FirmwareActivation::bmc_reset);
  dut.bmc_activation_pending = false;
  EventEntry entry;
  entry.severity = "OK";
  entry.message_id = "ResourceEvent.1.3.ResourceStateChanged";
  entry.message = "The BMC was reset.";
  entry.arguments = {"BMC", "Starting"};
  add_event(rack, dut, std::move(entry));
}

void cycle_all_power(RackModel& rack, Dut& dut) {
  stop_host(dut);
  dut.restart_after_off = false;
  if (dut.power != PowerState::off) enter_off(rack, dut);
  for (const FirmwareActivation by : {FirmwareActivation::power_cycle, FirmwareActivation::host_reset})
    activate_firmware(rack, dut, by);
  reset_bmc(rack, dut);
}

void advance_power(RackModel& rack, Dut& dut) {
  if (dut.late_on_ns != 0 && rack.now_ns >= dut.late_on_ns) {
    dut.late_on_ns = 0;
    if (dut.power == PowerState::off) begin_power_on(rack, dut);
  }
  if (dut.power == PowerState::powering_off && rack.now_ns >= dut.power_change_ns) {
    enter_off(rack, dut);
  } else if (dut.power == PowerState::powering_on && rack.now_ns >= dut.power_change_ns) {
    dut.power = PowerState::on;
    log_power(rack, dut, "ResourcePoweredOn", {dut.id}, fmt::format("{} is on.", dut.id));
    begin_boot(rack, dut);
  }
  if (dut.power == PowerState::on && dut.has_host() && !dut.host_up && rack.now_ns >= dut.host_up_at_ns) {
    finish_boot(rack, dut);
  }
}

void start_booted(RackModel& rack, Dut& dut) {
  dut.power = PowerState::on;
  if (dut.has_host()) {
    finish_boot(rack, dut);
  }
}

}  // namespace kiln::virtual_rack
