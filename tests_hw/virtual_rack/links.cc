#include "tests_hw/virtual_rack/links.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

/// A port of a switch chip, or the link of the card at the other end of a bridge.
struct FarEnd {
  bool& up;
  int& lanes;
  LinkCounters& counters;
};

FarEnd other_end(RackModel& rack, Dut& dut, const NvLink& link) {
  if (link.bridged_to) {
    NvLink& peer = dut.gpus[link.bridged_to->first].links[link.bridged_to->second];
    return {peer.up, peer.lanes, peer.counters};
  }
  SwitchPort& port = rack.duts[link.switch_tray].switches[link.switch_chip].ports[link.switch_port];
  return {port.up, port.lanes, port.counters};
}

/// A bridge is moved forward once, from the card with the lower number.
bool moved_from_the_other_side(std::size_t gpu, const NvLink& link) {
  return link.bridged_to && link.bridged_to->first < gpu;
}

/// Whether what is at the other end works: the switch tray, or the other card.
bool far_end_works(const RackModel& rack, const Dut& dut, const NvLink& link) {
  if (!link.bridged_to) return rack.duts[link.switch_tray].host_up;
  const Gpu& peer = dut.gpus[link.bridged_to->first];
  return peer.present && peer.on_bus;
}

void set_state(RackModel& rack, Dut& dut, const Gpu& gpu, NvLink& link, FarEnd port, bool up) {
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

void carry_traffic(NvLink& link, FarEnd port, double utilisation, double elapsed_s) {
  if (!link.up || utilisation <= 0) {
    return;
  }
  const auto bytes = static_cast<std::uint64_t>(kLinkBytesPerSecond * utilisation * elapsed_s);
  link.counters.tx_bytes += bytes;
  link.counters.rx_bytes += bytes;
  port.counters.tx_bytes += bytes;
  port.counters.rx_bytes += bytes;
}

void count_errors(NvLink& link, FarEnd port, Fault& fault, bool busy, double elapsed_s) {
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

void flap(NvLink& link, FarEnd port, Fault& fault, double elapsed_s) {
  fault.remainder += kFlapsPerSecond * elapsed_s;
  const auto flaps = static_cast<std::uint64_t>(fault.remainder);
  fault.remainder -= static_cast<double>(flaps);
  for (LinkCounters* side : {&link.counters, &port.counters}) side->symbol_errors += flaps * kSymbolsPerFlap;
}

void drop(NvLink& link, FarEnd port, Fault& fault, double elapsed_s) {
  fault.remainder += kDropsPerSecond * elapsed_s;
  if (fault.remainder < 1) return;
  fault.remainder -= 1;
  ++link.counters.link_downed;
  ++port.counters.link_downed;
}

/// What the faults of one link do to it while it is up. `here`: the end that has the name `part`.
void disturb(RackModel& rack, const Dut& dut, const std::string& part, LinkCounters& here, NvLink& link,
             FarEnd port, bool busy, double elapsed_s) {
  if (Fault* noisy = active_fault(rack, dut, FaultKind::nvlink_errors, part))
    count_errors(link, port, *noisy, busy, elapsed_s);
  if (busy && active_fault(rack, dut, FaultKind::nvlink_receive, part) != nullptr)
    ++here.receive_errors;  // one for each step of the rack's clock under load
  if (Fault* flapping = active_fault(rack, dut, FaultKind::nvlink_flap, part))
    flap(link, port, *flapping, elapsed_s);
  if (Fault* dropping = active_fault(rack, dut, FaultKind::nvlink_drops, part))
    drop(link, port, *dropping, elapsed_s);
  if (active_fault(rack, dut, FaultKind::nvlink_ber, part) != nullptr)
    link.counters.effective_ber = port.counters.effective_ber = kRaisedEffectiveBer;
}

/// The n-th link that is up, counted over the whole rack.
std::pair<Dut*, NvLink*> nth_link_up(RackModel& rack, std::size_t n) {
  for (Dut& dut : rack.duts) {
    for (Gpu& gpu : dut.gpus) {
      for (NvLink& link : gpu.links) {
        if (link.up && n-- == 0) {
          return {&dut, &link};
        }
      }
    }
  }
  return {};
}

/// A healthy fabric still repairs a symbol now and then.
void count_benign_errors(RackModel& rack, std::size_t links_up, double elapsed_s) {
  const double expected = static_cast<double>(links_up) * rack.physics.correctable_per_link_hour / 3600 *
                          elapsed_s * rack.time_scale();
  if (expected <= 0) {
    return;
  }
  for (int left = std::poisson_distribution<int>(expected)(rack.random); left > 0; --left) {
    const auto [dut, link] = nth_link_up(rack, rack.random() % links_up);
    if (link != nullptr) {
      ++link->counters.fec_corrected;
      ++other_end(rack, *dut, *link).counters.fec_corrected;
    }
  }
}

/// The names under which a fault may strike it: its own, and that of the other end of a bridge.
std::vector<std::string> parts_of_link(const Dut& dut, const Gpu& gpu, const NvLink& link) {
  std::vector<std::string> parts{link_part(gpu, link)};
  if (!link.bridged_to) return parts;
  const Gpu& peer = dut.gpus[link.bridged_to->first];
  parts.push_back(link_part(peer, peer.links[link.bridged_to->second]));
  return parts;
}

bool any_link_fault(const RackModel& rack) {
  return std::any_of(rack.faults.begin(), rack.faults.end(),
                     [](const Fault& fault) { return fault_info(fault.spec.kind).part_kind == "NVLink"; });
}

}  // namespace

std::string link_part(const Gpu& gpu, const NvLink& link) { return gpu.name + "/" + link.name; }

void clear_bit_errors(RackModel& rack, Dut& dut, const std::string& part) {
  for (Gpu& gpu : dut.gpus) {
    for (NvLink& link : gpu.links) {
      if (link_part(gpu, link) != part) continue;
      for (LinkCounters* side : {&link.counters, &other_end(rack, dut, link).counters})
        side->effective_ber = side->symbol_ber = kZeroBitErrorRate;
    }
  }
}

void advance_links(RackModel& rack, double elapsed_s) {
  const bool faults = any_link_fault(rack);
  std::size_t links_up = 0;
  for (Dut& dut : rack.duts) {
    double traffic = 0;
    for (const Process& process : dut.processes) {
      traffic = std::min(1.0, traffic + process.nvlink_utilisation);
    }
    for (std::size_t at = 0; at < dut.gpus.size(); ++at) {
      Gpu& gpu = dut.gpus[at];
      const bool gpu_works = dut.host_up && gpu.present && gpu.on_bus;
      for (NvLink& link : gpu.links) {
        if (moved_from_the_other_side(at, link)) {
          links_up += link.up ? 1U : 0U;
          continue;
        }
        const FarEnd port = other_end(rack, dut, link);
        if (link.counters.effective_ber <= 0) {
          link.counters.effective_ber = port.counters.effective_ber = kZeroBitErrorRate;
          link.counters.symbol_ber = port.counters.symbol_ber = kZeroBitErrorRate;
        }
        // Most steps have no fault: no names are made for each link then.
        std::vector<std::string> parts;
        if (faults) parts = parts_of_link(dut, gpu, link);
        const auto has = [&rack, &dut, &parts](FaultKind kind) {
          return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
            return active_fault(rack, dut, kind, part) != nullptr;
          });
        };
        const bool works = gpu_works && far_end_works(rack, dut, link);
        set_state(rack, dut, gpu, link, port, works && !has(FaultKind::nvlink_down));
        links_up += link.up ? 1U : 0U;
        carry_traffic(link, port, traffic, elapsed_s);
        link.lanes = port.lanes = has(FaultKind::nvlink_narrow) ? kLinkLanes / 2 : kLinkLanes;
        if (!link.up) continue;
        for (const std::string& part : parts) {
          LinkCounters& here = part == parts.front() ? link.counters : port.counters;
          disturb(rack, dut, part, here, link, port, traffic > 0, elapsed_s);
        }
      }
    }
  }
  count_benign_errors(rack, links_up, elapsed_s);
}

}  // namespace kiln::virtual_rack
