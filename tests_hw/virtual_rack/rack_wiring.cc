// Which NVLink of which GPU ends where.

#include "tests_hw/virtual_rack/rack_wiring.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/config_reader.h"
#include "tests_hw/virtual_rack/rack_layout.h"

namespace kiln::virtual_rack {

namespace {

struct Chip {
  std::size_t tray = 0;
  std::size_t chip = 0;
  std::size_t next_port = 0;
};

/// Every GPU of a DUT reaches every one of these chips with the same number of links, as in the public NVL72
/// topology; where the chips do not divide evenly, what one has no port for goes to the one with the most
/// free.
void wire_to_chips(RackModel& rack, std::size_t d, std::vector<Chip>& chips) {
  const auto ports_left = [&rack](const Chip& chip) {
    return rack.duts[chip.tray].switches[chip.chip].ports.size() - chip.next_port;
  };
  for (std::size_t g = 0; g < rack.duts[d].gpus.size(); ++g) {
    Gpu& gpu = rack.duts[d].gpus[g];
    for (std::size_t l = 0; l < gpu.links.size(); ++l) {
      Chip* chip = &chips[l * chips.size() / gpu.links.size()];
      if (ports_left(*chip) == 0) {
        chip = &*std::max_element(chips.begin(), chips.end(), [&](const Chip& one, const Chip& other) {
          return ports_left(one) < ports_left(other);
        });
      }
      if (ports_left(*chip) == 0) {
        throw ConfigError(fmt::format("rack {}: too few switch ports for {}", rack.name, rack.duts[d].id));
      }
      NvLink& link = gpu.links[l];
      link.switch_tray = chip->tray;
      link.switch_chip = chip->chip;
      link.switch_port = chip->next_port++;
      link.up = false;
      SwitchPort& port = rack.duts[link.switch_tray].switches[link.switch_chip].ports[link.switch_port];
      port.peer_dut = d;
      port.peer_gpu = g;
      port.peer_link = l;
    }
  }
}

/// Bridges join cards in groups; the links of a card are shared out among the others of its group.
void wire_bridges(RackModel& rack, Dut& dut) {
  const std::size_t group = dut.bridged_gpus;
  if (group < 2 || dut.gpus.size() % group != 0) {
    throw ConfigError(
        fmt::format("rack {}: {} has NVLinks, and neither switch chips nor bridges", rack.name, dut.id));
  }
  for (std::size_t first = 0; first < dut.gpus.size(); first += group) {
    for (std::size_t one = first; one < first + group; ++one) {
      const std::size_t links = dut.gpus[one].links.size(), each = links / (group - 1);
      if (each * (group - 1) != links)
        throw ConfigError(
            fmt::format("rack {}: {} links do not divide among {} cards", rack.name, links, group));
      for (std::size_t l = 0; l < links; ++l) {
        // The n-th of the others, the own place left out; of them this card is the (one - first)-th, or one
        // less.
        const std::size_t place = first + l / each;
        const std::size_t other = place < one ? place : place + 1;
        const std::size_t back = (one < other ? one : one - 1) - first;
        dut.gpus[one].links[l].bridged_to = {other, back * each + l % each};
        dut.gpus[one].links[l].up = false;
      }
    }
  }
}

}  // namespace

void wire_links(RackModel& rack) {
  std::vector<std::vector<Chip>> domains;
  const auto domain = [&domains](std::size_t at, int trays_each) -> std::vector<Chip>& {
    const std::size_t number = at / static_cast<std::size_t>(trays_each);
    if (domains.size() <= number) domains.resize(number + 1);
    return domains[number];
  };
  std::size_t switch_trays = 0;
  for (std::size_t d = 0; d < rack.duts.size(); ++d) {
    if (rack.duts[d].role != Role::switch_tray) continue;
    std::vector<Chip>& chips = domain(switch_trays++, kSwitchTraysPerDomain);
    for (std::size_t c = 0; c < rack.duts[d].switches.size(); ++c) chips.push_back({d, c});
  }
  std::size_t compute_trays = 0;
  for (std::size_t d = 0; d < rack.duts.size(); ++d) {
    Dut& dut = rack.duts[d];
    if (dut.gpus.empty() || dut.gpus.front().links.empty()) continue;
    if (dut.in_rack_fabric()) {
      std::vector<Chip>& chips = domain(compute_trays++, kComputeTraysPerDomain);
      if (chips.empty()) throw ConfigError(fmt::format("rack {}: no switch tray for {}", rack.name, dut.id));
      wire_to_chips(rack, d, chips);
    } else if (dut.has_own_switches()) {
      std::vector<Chip> chips;
      for (std::size_t c = 0; c < dut.switches.size(); ++c) chips.push_back({d, c});
      wire_to_chips(rack, d, chips);
    } else {
      wire_bridges(rack, dut);
    }
  }
}

}  // namespace kiln::virtual_rack
