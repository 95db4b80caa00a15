#include "tests_hw/virtual_rack/fault_effects.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/links.h"
#include "tests_hw/virtual_rack/single_faults.h"

namespace kiln::virtual_rack {

namespace {

constexpr std::uint64_t kRepeatNs = 1'000'000'000;  // an error under load comes again once per second
constexpr double kBmcSkewSeconds = 173.4;
constexpr double kHostSkewSeconds = -68.25;
constexpr const char* kDriftedSetting = "40";
constexpr int kOffTheBus = 79;
constexpr int kNewestXidOfTheBmc = 172;  // last of NVIDIA's Xid catalog as of 2025-10

void log_event(RackModel& rack, Dut& dut, EventOrigin origin, const std::string& part, const char* severity,
               const char* message_id, std::string message, std::string word) {
  EventEntry entry;
  entry.severity = severity;
  entry.message_id = message_id;
  entry.message = std::move(message);
  entry.arguments = {part.empty() ? dut.id : part};
  if (!word.empty()) entry.arguments.push_back(std::move(word));
  entry.origin = origin;
  entry.part = part;
  add_event(rack, dut, std::move(entry));
}

LeakDetector* detector(Dut& dut, const std::string& name) {
  const auto found = std::find_if(dut.detectors.begin(), dut.detectors.end(),
                                  [&](const LeakDetector& each) { return each.name == name; });
  return found == dut.detectors.end() ? nullptr : &*found;
}

Gpu* gpu_of(Dut& dut, const std::string& part) {
  const auto found =
      std::find_if(dut.gpus.begin(), dut.gpus.end(), [&](const Gpu& each) { return each.name == part; });
  return found == dut.gpus.end() ? nullptr : &*found;
}

constexpr const char* kCritical = "ResourceEvent.1.0.ResourceStatusChangedCritical";
constexpr const char* kWarning = "ResourceEvent.1.0.ResourceStatusChangedWarning";
constexpr const char* kNormal = "ResourceEvent.1.0.ResourceStatusChangedOK";

/// State of a detector from all faults that are active on it; the worst wins.
void refresh_detector(const RackModel& rack, Dut& dut, const std::string& name) {
  LeakDetector* each = detector(dut, name);
  if (each == nullptr) {
    return;
  }
  const auto has = [&](FaultKind kind) { return active_fault(rack, dut, kind, name) != nullptr; };
  each->state = DetectorState::ok;
  each->status_state = "Enabled";
  each->status_health = "OK";
  each->voltage = 2.4;
  if (has(FaultKind::detector_absent)) {
    each->state = DetectorState::absent;
    each->status_state = "Absent";
    each->status_health = "Critical";
    each->voltage = 0;
  } else if (has(FaultKind::detector_fault)) {
    each->state = DetectorState::unavailable;
    each->status_state = "UnavailableOffline";
    each->status_health = "Critical";
    each->voltage = 3.3;
  } else if (has(FaultKind::leak)) {
    each->state = DetectorState::critical;
    each->status_health = "Critical";
    each->voltage = 0.35;
  } else if (has(FaultKind::leak_warning)) {
    each->state = DetectorState::warning;
    each->status_health = "Warning";
    each->voltage = 1.3;
  }
}

/// The version before this one: the last number that can be lowered is lowered by one.
std::string older_version(std::string version) {
  for (std::size_t end = version.size(); end > 0; --end) {
    char& digit = version[end - 1];
    if (digit >= '1' && digit <= '9') {
      --digit;
      return version;
    }
  }
  return version + "-old";
}

std::string xid_text(int number) {
  switch (number) {
    case 13:
      return "Graphics SM Warp Exception on (GPC 9, TPC 1, SM 1): Out Of Range Address";
    case 31:
      return "Ch 00000008, intr 00000000. MMU Fault: ENGINE GRAPHICS GPC1 faulted @ 0x7f2e_c0000000. Fault "
             "is of type FAULT_PDE ACCESS_TYPE_VIRT_READ";
    case 43:
      return "Ch 00000010, engmask 00000101";
    case 45:
      return "Ch 00000010";
    case 48:
      return "DBE (double bit error) ECC Error";
    case 63:
      return "Row Remapper: New row (0x0000000012ab4c00) marked for remapping, reset gpu to activate.";
    case 74:
      return "NVLink: fatal error detected on link 3 (0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)";
    case 79:
      return "GPU has fallen off the bus.";
    case 92:
      return "High single-bit ECC error rate";
    case 94:
      return "Contained: SM (0x1). RST: No, D-RST: No";
    case 95:
      return "Uncontained: LTC TAG (0x2,0x0). RST: Yes, D-RST: No";
    case 119:
      return "Timeout after 6s of waiting for RPC response from GPU GSP! Expected function 76 "
             "(GSP_RM_CONTROL) (0x20801813 0x4c).";
    case 149:
      return "NETIR_LINK_EVT  Fatal   XC0 i0 Link 03 (0x0215e5c6 0x00000000 0x00000000 0x00000000 0x00000000 "
             "0x00000000)";
    default:
      return "Unspecified error";
  }
}

/// Codes that NVIDIA's catalogue puts down to the program on the GPU first.
bool is_application_xid(int number) {
  return number == 13 || number == 31 || number == 43 || number == 45 || number == 69;
}

void raise_xid(RackModel& rack, Dut& dut, Gpu& gpu, int number, const std::string& text) {
  const Process* owner = nullptr;
  for (const Process& process : dut.processes) {
    owner = process.gpu_utilisation > 0 ? &process : owner;
  }
  const std::string who = owner != nullptr && number != kOffTheBus
                              ? fmt::format("pid={}, name={}", owner->pid, owner->name)
                              : std::string("pid='<unknown>', name=<unknown>");
  // Kernel form: four-digit domain, no function: 00000008:01:00.0 -> 0008:01:00.
  const std::string pci = gpu.pci_address.substr(4, 10);
  add_kernel_line(rack, dut, 4, fmt::format("NVRM: Xid (PCI:{}): {}, {}, {}", pci, number, who, text));
  if (number > kNewestXidOfTheBmc) return;  // its firmware does not know it
  gpu.xids.push_back(XidEvent{number, rack.now_ns, text});
  log_event(rack, dut, EventOrigin::gpu, gpu.name, is_application_xid(number) ? "OK" : "Critical",
            "ResourceEvent.1.0.ResourceErrorsDetected", fmt::format("{} XID {}: {}", gpu.name, number, text),
            fmt::format("XID {}", number));
}

void strike_ecc(RackModel& rack, Dut& dut, Gpu& gpu, Fault& fault) {
  ++gpu.ecc_volatile.dram_uncorrectable;
  ++gpu.ecc_aggregate.dram_uncorrectable;
  if (fault.strikes == 0 || !fault.struck) {
    ++gpu.row_remap.uncorrectable;
    gpu.row_remap.pending = true;
    raise_xid(rack, dut, gpu, 63, xid_text(63));
    log_event(rack, dut, EventOrigin::memory, gpu.name, "Critical", kCritical,
              fmt::format("Uncorrectable memory error in {}.", gpu.name), "Critical");
  }
  raise_xid(rack, dut, gpu, 48, xid_text(48));
  raise_xid(rack, dut, gpu, 94, xid_text(94));
  ++fault.strikes;
}

void strike_xid(RackModel& rack, Dut& dut, Gpu& gpu, Fault& fault) {
  raise_xid(rack, dut, gpu, fault.spec.number, xid_text(fault.spec.number));
  ++fault.strikes;
  if (fault.spec.number == kOffTheBus) {
    gpu.on_bus = false;
    add_kernel_line(rack, dut, 4,
                    fmt::format("NVRM: GPU {}: GPU has fallen off the bus.", gpu.pci_address.substr(4)));
    log_event(rack, dut, EventOrigin::gpu, gpu.name, "Critical", kCritical,
              fmt::format("{} does not answer on PCIe.", gpu.name), "Critical");
  }
}

/// Faults that need a running host show when it runs, and again each second under load.
void strike_while_active(RackModel& rack, Dut& dut, Fault& fault) {
  Gpu* gpu = gpu_of(dut, fault.spec.part);
  if (gpu == nullptr || !dut.host_up || !gpu->present || !gpu->on_bus) {
    return;
  }
  const bool again = gpu->utilisation > 0 && rack.now_ns >= fault.next_strike_ns;
  if (fault.struck && !again) {
    return;
  }
  if (fault.spec.kind == FaultKind::ecc_uncorrectable) {
    strike_ecc(rack, dut, *gpu, fault);
  } else {
    strike_xid(rack, dut, *gpu, fault);
  }
  fault.struck = true;
  fault.next_strike_ns = rack.now_ns + kRepeatNs;
}

void show_hot_or_braked(RackModel& rack, Dut& dut, Fault& fault) {
  const Gpu* gpu = gpu_of(dut, fault.spec.part);
  const bool visible = gpu != nullptr && gpu->throttle.hw_slowdown && gpu->utilisation > 0;
  if (fault.struck || !visible) {
    return;
  }
  fault.struck = true;
  log_event(rack, dut, EventOrigin::gpu, gpu->name, "Warning", kWarning,
            fmt::format("{} slows down: {}.", gpu->name,
                        gpu->throttle.hw_power_brake_slowdown ? "power brake" : "temperature"),
            "Warning");
}

constexpr std::uint64_t kReplaysPerStrike = 20;

void strike_replays(RackModel& rack, Dut& dut, Fault& fault) {
  Gpu* gpu = gpu_of(dut, fault.spec.part);
  if (gpu == nullptr || !dut.host_up || gpu->utilisation <= 0 || rack.now_ns < fault.next_strike_ns) return;
  gpu->pcie_replays += kReplaysPerStrike;
  fault.struck = true;
  fault.next_strike_ns = rack.now_ns + kRepeatNs;
}

void strike_nic(RackModel& rack, Dut& dut, Fault& fault) {
  constexpr std::uint64_t kApartNs = 2'000'000'000;
  if (!dut.host_up || !dut.load || rack.now_ns < fault.next_strike_ns) return;
  for (Nic& nic : dut.nics) {
    if (nic.name == fault.spec.part) ++nic.link_downed;
  }
  fault.struck = true;
  fault.next_strike_ns = rack.now_ns + kApartNs;
}

void activate_link_down(RackModel& rack, Dut& dut, const Fault& fault) {
  for (Gpu& gpu : dut.gpus) {
    for (const NvLink& link : gpu.links) {
      if (link_part(gpu, link) != fault.spec.part) {
        continue;
      }
      if (link.up &&
          dut.host_up) {  // it dies in operation: the driver says so; links.cc writes the BMC's event
        const std::string number = link.name.substr(link.name.find('_') + 1);
        raise_xid(
            rack, dut, gpu, 149,
            fmt::format(
                "NETIR_LINK_EVT  Fatal   XC0 i0 Link {:0>2} (0x0215e5c6 0x00000000 0x00000000 0x00000000 "
                "0x00000000 0x00000000)",
                number));
      } else {
        log_event(rack, dut, EventOrigin::nvlink, fault.spec.part, "Warning", kWarning,
                  fmt::format("The link {} does not come up.", fault.spec.part), "LinkDown");
      }
    }
  }
}

/// A DUT that runs no load of its own is under load when any other is.
bool load_runs(const RackModel& rack, const Dut& dut) {
  if (dut.computes()) {
    return dut.load;
  }
  return std::any_of(rack.duts.begin(), rack.duts.end(), [](const Dut& each) { return each.load; });
}

void activate_detector_fault(RackModel& rack, Dut& dut, const Fault& fault) {
  refresh_detector(rack, dut, fault.spec.part);
  const std::string& name = fault.spec.part;
  switch (fault.spec.kind) {
    case FaultKind::leak:
      log_event(rack, dut, EventOrigin::leak_detector, name, "Critical", kCritical,
                fmt::format("The health of resource {} has changed to Critical: leak detected.", name),
                "Critical");
      return;
    case FaultKind::leak_warning:
      log_event(rack, dut, EventOrigin::leak_detector, name, "Warning", kWarning,
                fmt::format("The health of resource {} has changed to Warning: moisture.", name), "Warning");
      return;
    case FaultKind::detector_absent:
      log_event(rack, dut, EventOrigin::leak_detector, name, "Critical",
                "Environmental.1.4.LeakDetectorDisconnected",
                fmt::format("Leak detector {} is disconnected.", name), "");
      return;
    default:
      log_event(rack, dut, EventOrigin::leak_detector, name, "Critical",
                "Environmental.1.4.LeakDetectorFailure", fmt::format("Leak detector {} has failed.", name),
                "");
      return;
  }
}

}  // namespace

void activate_fault(RackModel& rack, Dut& dut, Fault& fault) {
  fault.state = FaultState::active;
  fault.active_since_ns = rack.now_ns;
  switch (fault.spec.kind) {
    case FaultKind::firmware_old: {
      FirmwareItem* item = find_firmware(dut, fault.spec.part);
      if (item != nullptr) {
        fault.saved = item->version;
        item->version = older_version(item->version);
      }
      return;
    }
    case FaultKind::gpu_missing: {
      Gpu* gpu = gpu_of(dut, fault.spec.part);
      if (gpu != nullptr) {
        gpu->present = false;
        log_event(rack, dut, EventOrigin::gpu, gpu->name, "Critical", kCritical,
                  fmt::format("{} is not detected.", gpu->name), "Absent");
      }
      return;
    }
    case FaultKind::low_flow:
    case FaultKind::flow_lost:
      log_event(rack, dut, EventOrigin::coolant, fault.spec.part, "Warning", kWarning,
                fmt::format("Coolant flow of {} is low.", dut.id), "Warning");
      return;
    case FaultKind::nvlink_down:
      activate_link_down(rack, dut, fault);
      return;
    case FaultKind::bmc_reset:
      reset_bmc(rack, dut);
      return;
    case FaultKind::bios_drift:
      if (dut.bios.empty()) return;
      fault.saved = dut.bios.front().second;
      dut.bios.front().second = kDriftedSetting;
      return;
    case FaultKind::log_entry:
      log_event(rack, dut, EventOrigin::gpu, fault.spec.part, "Critical",
                "ResourceEvent.1.0.ResourceErrorsDetected",
                fmt::format("A voltage regulator of {} reports a fault.", fault.spec.part),
                "voltage regulator fault");
      return;
    case FaultKind::clock_skew:
      dut.bmc_clock_offset_s = kBmcSkewSeconds;
      dut.host_clock_offset_s = kHostSkewSeconds;
      return;
    default:
      begin_single_fault(rack, dut, fault);
      return;
  }
}

void undo_fault(RackModel& rack, Dut& dut, const Fault& fault) {
  switch (fault.spec.kind) {
    case FaultKind::leak:
    case FaultKind::leak_warning:
    case FaultKind::detector_absent:
    case FaultKind::detector_fault:
      refresh_detector(rack, dut, fault.spec.part);
      log_event(rack, dut, EventOrigin::leak_detector, fault.spec.part, "OK", kNormal,
                fmt::format("The health of resource {} has changed to OK.", fault.spec.part), "OK");
      return;
    case FaultKind::firmware_old: {
      FirmwareItem* item = find_firmware(dut, fault.spec.part);
      if (item != nullptr && item->version == older_version(fault.saved)) {
        item->version = fault.saved;
      }
      return;
    }
    case FaultKind::gpu_missing: {
      Gpu* gpu = gpu_of(dut, fault.spec.part);
      if (gpu != nullptr) {
        gpu->present = true;
      }
      return;
    }
    case FaultKind::nvlink_errors:
    case FaultKind::nvlink_ber:
      clear_bit_errors(rack, dut, fault.spec.part);
      return;
    case FaultKind::bios_drift:
      if (!dut.bios.empty()) dut.bios.front().second = fault.saved;
      return;
    case FaultKind::clock_skew:
      dut.bmc_clock_offset_s = 0;
      dut.host_clock_offset_s = 0;
      return;
    default:
      end_single_fault(rack, dut, fault);
      return;
  }
}

/// The compute tray that one that is in the wrong slot has changed places with.
const Dut* swapped_with(const RackModel& rack, const Dut& dut) {
  const auto at = static_cast<std::size_t>(&dut - rack.duts.data());
  for (std::size_t step = 1; step < rack.duts.size(); ++step) {
    const Dut& other = rack.duts[(at + step) % rack.duts.size()];
    if (other.role == Role::compute_tray) return &other;
  }
  return nullptr;
}

int position_of(const RackModel& rack, const Dut& dut) {
  for (const Dut& other : rack.duts) {
    if (active_fault(rack, other, FaultKind::tray_swapped) == nullptr) continue;
    const Dut* partner = swapped_with(rack, other);
    if (partner == nullptr) continue;
    if (other.id == dut.id) return partner->slot;
    if (partner->id == dut.id) return other.slot;
  }
  return dut.slot;
}

/// What holds as long as its fault does.
void set_what_lasts(RackModel& rack) {
  for (Dut& dut : rack.duts) {
    dut.fabric_clique = active_fault(rack, dut, FaultKind::clique_split) != nullptr ? 2 : 1;
    dut.position = position_of(rack, dut);
    dut.cartridges_out.clear();
    for (const Fault& fault : rack.faults) {
      const bool out = fault.state == FaultState::active && fault.spec.kind == FaultKind::cartridge_missing;
      if (out && fault.spec.dut == dut.id) dut.cartridges_out.push_back(fault.spec.part);
    }
    for (Nic& nic : dut.nics) nic.link_up = active_fault(rack, dut, FaultKind::nic_down, nic.name) == nullptr;
    for (Drive& drive : dut.drives)
      drive.media_life_left_percent =
          active_fault(rack, dut, FaultKind::drive_worn, drive.name) == nullptr ? 100 : 3;
    dut.stale_image = active_fault(rack, dut, FaultKind::stale_image) != nullptr;
    dut.secure_boot = active_fault(rack, dut, FaultKind::secure_boot_off) == nullptr;
    for (Gpu& gpu : dut.gpus) {
      const bool narrow = active_fault(rack, dut, FaultKind::pcie_narrow, gpu.name) != nullptr;
      gpu.pcie_lanes = narrow ? gpu.pcie_width / 2 : gpu.pcie_width;
      gpu.ecc_on = active_fault(rack, dut, FaultKind::ecc_off, gpu.name) == nullptr;
    }
  }
}

void advance_faults(RackModel& rack) {
  for (Fault& fault : rack.faults) {
    Dut* dut = rack.find(fault.spec.dut);
    if (dut == nullptr || fault.state == FaultState::cleared) {
      continue;
    }
    if (fault.state == FaultState::waiting) {
      if (fault.load_seen_ns == 0 && load_runs(rack, *dut)) {
        fault.load_seen_ns = rack.now_ns;
      }
      if (fault.load_seen_ns == 0 || rack.now_ns < fault.load_seen_ns + fault.spec.delay_ns.value_or(0)) {
        continue;
      }
      activate_fault(rack, *dut, fault);
    }
    switch (fault.spec.kind) {
      case FaultKind::leak:
      case FaultKind::leak_warning:
      case FaultKind::detector_absent:
      case FaultKind::detector_fault:
        if (!fault.struck) {
          fault.struck = true;
          activate_detector_fault(rack, *dut, fault);
        }
        break;
      case FaultKind::ecc_uncorrectable:
      case FaultKind::xid:
        strike_while_active(rack, *dut, fault);
        break;
      case FaultKind::pcie_replays:
        strike_replays(rack, *dut, fault);
        break;
      case FaultKind::pcie_errors:
        if (Gpu* gpu = gpu_of(*dut, fault.spec.part); gpu != nullptr && !fault.struck) {
          fault.struck = true;
          ++gpu->pcie_fatal;
        }
        break;
      case FaultKind::nic_flap:
        strike_nic(rack, *dut, fault);
        break;
      case FaultKind::throttle:
      case FaultKind::hot_gpu:
        show_hot_or_braked(rack, *dut, fault);
        break;
      default:
        break;
    }
  }
  set_what_lasts(rack);
  set_single_faults(rack);
}

}  // namespace kiln::virtual_rack
