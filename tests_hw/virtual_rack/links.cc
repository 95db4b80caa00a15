#include "tests_hw/virtual_rack/links.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/faults.h"

namespace kiln::virtual_rack {

namespace {

// Wall-clock rates of a link with the nvlink-errors fault, errors per second; chosen to be plain to see in
// seconds.
constexpr double kErrorsPerSecondBusy = 400;
constexpr double kErrorsPerSecondIdle = 40;
constexpr double kFaultyEffectiveBer = 3e-10;  // above DCGM's effective BER limit of 1e-12
constexpr double kFaultySymbolBer = 2e-8;
constexpr double kRaisedEffectiveBer = 4e-11;  // the nvlink-ber fault
// The nvlink-flap fault: so often per second of wall time, far below what any total over a long run could
// forbid.
constexpr double kFlapsPerSecond = 1;
constexpr std::uint64_t kSymbolsPerFlap = 3;
constexpr double kDropsPerSecond = 0.25;  // the nvlink-drops fault

SwitchPort& other_end(RackModel& rack, const NvLink& link) {
  return rack.duts[link.switch_tray].switches[link.switch_chip].ports[link.switch_port];
}

void set_state(RackModel& rack, Dut& dut, const Gpu& gpu, NvLink& link, SwitchPort& port, bool up) {
  const bool was_up = link.up;
  link.up = up;
  port.up = up;
  if (!was_up || up || !dut.host_up) {
    return;
  }
  ++link.counters.link_downed;  // went down in operation, not because its own host was switched off
  ++port.counters.link_downed;
  EventEntry entry;
  entry.severity = "Warning";
  entry.message_id = "ResourceEvent.1.0.ResourceStatusChangedWarning";
  entry.part = link_part(gpu, link);
  entry.message = fmt::format("The link {} went down.", entry.part);
  entry.arguments = {entry.part, "LinkDown"};
  entry.origin = EventOrigin::nvlink;
  add_event(rack, dut, std::move(entry));
}

void carry_traffic(NvLink& link, SwitchPort& port, double utilisation, double elapsed_s) {
  if (!link.up || utilisation <= 0) {
    return;
  }
  const auto bytes = static_cast<std::uint64_t>(kLinkBytesPerSecond * utilisation * elapsed_s);
  link.counters.tx_bytes += bytes;
  link.counters.rx_bytes += bytes;
  port.counters.tx_bytes += bytes;
  port.counters.rx_bytes += bytes;
}

void count_errors(NvLink& link, SwitchPort& port, Fault& fault, bool busy, double elapsed_s) {
  fault.remainder += (busy ? kErrorsPerSecondBusy : kErrorsPerSecondIdle) * elapsed_s;
  const auto errors = static_cast<std::uint64_t>(fault.remainder);
  fault.remainder -= static_cast<double>(errors);
  for (LinkCounters* side : {&link.counters, &port.counters}) {
    const std::uint64_t before = side->symbol_errors;
    const auto every = [&](std::uint64_t divisor) { return (before + errors) / divisor - before / divisor; };
    side->symbol_errors += errors;
    side->fec_corrected += errors * 8;
    side->effective_errors += every(4);
    side->replays += every(10);
    side->data_crc_errors += every(20);
    side->flit_crc_errors += every(20);
    side->recoveries += every(100);
    side->effective_ber = kFaultyEffectiveBer;
    side->symbol_ber = kFaultySymbolBer;
  }
}

void flap(NvLink& link, SwitchPort& port, Fault& fault, double elapsed_s) {
  fault.remainder += kFlapsPerSecond * elapsed_s;
  const auto flaps = static_cast<std::uint64_t>(fault.remainder);
  fault.remainder -= static_cast<double>(flaps);
  for (LinkCounters* side : {&link.counters, &port.counters}) side->symbol_errors += flaps * kSymbolsPerFlap;
}

void drop(NvLink& link, SwitchPort& port, Fault& fault, double elapsed_s) {
  fault.remainder += kDropsPerSecond * elapsed_s;
  if (fault.remainder < 1) return;
  fault.remainder -= 1;
  ++link.counters.link_downed;
  ++port.counters.link_downed;
}

/// What the faults of one link do to it while it is up.
void disturb(RackModel& rack, const Dut& dut, const std::string& part, NvLink& link, SwitchPort& port,
             bool busy, double elapsed_s) {
  if (Fault* noisy = active_fault(rack, dut, FaultKind::nvlink_errors, part))
    count_errors(link, port, *noisy, busy, elapsed_s);
  if (busy && active_fault(rack, dut, FaultKind::nvlink_receive, part) != nullptr)
    ++link.counters.receive_errors;  // one for each step of the rack's clock under load
  if (Fault* flapping = active_fault(rack, dut, FaultKind::nvlink_flap, part))
    flap(link, port, *flapping, elapsed_s);
  if (Fault* dropping = active_fault(rack, dut, FaultKind::nvlink_drops, part))
    drop(link, port, *dropping, elapsed_s);
  if (active_fault(rack, dut, FaultKind::nvlink_ber, part) != nullptr)
    link.counters.effective_ber = port.counters.effective_ber = kRaisedEffectiveBer;
}

/// The n-th link that is up, counted over the whole rack.
NvLink* nth_link_up(RackModel& rack, std::size_t n) {
  for (Dut& dut : rack.duts) {
    for (Gpu& gpu : dut.gpus) {
      for (NvLink& link : gpu.links) {
        if (link.up && n-- == 0) {
          return &link;
        }
      }
    }
  }
  return nullptr;
}

/// A healthy fabric still repairs a symbol now and then.
void count_benign_errors(RackModel& rack, std::size_t links_up, double elapsed_s) {
  const double expected = static_cast<double>(links_up) * rack.physics.correctable_per_link_hour / 3600 *
                          elapsed_s * rack.time_scale();
  if (expected <= 0) {
    return;
  }
  for (int left = std::poisson_distribution<int>(expected)(rack.random); left > 0; --left) {
    if (NvLink* link = nth_link_up(rack, rack.random() % links_up)) {
      ++link->counters.fec_corrected;
      ++other_end(rack, *link).counters.fec_corrected;
    }
  }
}

bool any_link_fault(const RackModel& rack) {
  return std::any_of(rack.faults.begin(), rack.faults.end(),
                     [](const Fault& fault) { return fault_info(fault.spec.kind).part_kind == "NVLink"; });
}

}  // namespace

std::string link_part(const Gpu& gpu, const NvLink& link) { return gpu.name + "/" + link.name; }

void advance_links(RackModel& rack, double elapsed_s) {
  const bool faults = any_link_fault(rack);  // most steps have none: no names are made for each link then
  std::size_t links_up = 0;
  for (Dut& dut : rack.duts) {
    double traffic = 0;
    for (const Process& process : dut.processes) {
      traffic = std::min(1.0, traffic + process.nvlink_utilisation);
    }
    for (Gpu& gpu : dut.gpus) {
      const bool gpu_works = dut.host_up && gpu.present && gpu.on_bus;
      for (NvLink& link : gpu.links) {
        const Dut& tray = rack.duts[link.switch_tray];
        SwitchPort& port = other_end(rack, link);
        if (link.counters.effective_ber <= 0) {
          link.counters.effective_ber = port.counters.effective_ber = kZeroBitErrorRate;
          link.counters.symbol_ber = port.counters.symbol_ber = kZeroBitErrorRate;
        }
        const std::string part = faults ? link_part(gpu, link) : std::string();
        const bool broken = !part.empty() && active_fault(rack, dut, FaultKind::nvlink_down, part) != nullptr;
        set_state(rack, dut, gpu, link, port, gpu_works && tray.host_up && !broken);
        links_up += link.up ? 1U : 0U;
        carry_traffic(link, port, traffic, elapsed_s);
        const bool narrow =
            !part.empty() && active_fault(rack, dut, FaultKind::nvlink_narrow, part) != nullptr;
        link.lanes = port.lanes = narrow ? kLinkLanes / 2 : kLinkLanes;
        if (!part.empty() && link.up) disturb(rack, dut, part, link, port, traffic > 0, elapsed_s);
      }
    }
  }
  count_benign_errors(rack, links_up, elapsed_s);
}

}  // namespace kiln::virtual_rack
