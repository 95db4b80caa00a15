#include "model/inventory.h"

#include <algorithm>
#include <array>

#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<Role>, 6> kRoles{{{Role::compute_tray, "compute_tray"},
                                                {Role::switch_tray, "switch_tray"},
                                                {Role::cdu, "cdu"},
                                                {Role::power_shelf, "power_shelf"},
                                                {Role::server, "server"},
                                                {Role::rack, "rack"}}};

constexpr std::array<EnumWord<ComponentKind>, 15> kKinds{
    {{ComponentKind::whole_dut, "whole_dut"},
     {ComponentKind::gpu, "gpu"},
     {ComponentKind::nvlink, "nvlink"},
     {ComponentKind::nvswitch, "nvswitch"},
     {ComponentKind::leak_detector, "leak_detector"},
     {ComponentKind::coolant_connector, "coolant_connector"},
     {ComponentKind::pump, "pump"},
     {ComponentKind::fan, "fan"},
     {ComponentKind::power_supply, "power_supply"},
     {ComponentKind::cpu, "cpu"},
     {ComponentKind::memory, "memory"},
     {ComponentKind::drive, "drive"},
     {ComponentKind::nic, "nic"},
     {ComponentKind::firmware, "firmware"},
     {ComponentKind::sensor, "sensor"}}};

}  // namespace

bool serves_the_rack(Role role) {
  return role == Role::cdu || role == Role::power_shelf || role == Role::switch_tray;
}

std::string_view to_string(Role role) { return word_of(kRoles, role); }
std::optional<Role> role_from(std::string_view word) { return value_of(kRoles, word); }
std::vector<std::string> role_names() { return words_of(kRoles); }

std::string_view to_string(ComponentKind kind) { return word_of(kKinds, kind); }
std::optional<ComponentKind> component_kind_from(std::string_view word) { return value_of(kKinds, word); }
std::vector<std::string> component_kind_names() { return words_of(kKinds); }

std::vector<const Component*> Expectation::of_kind(ComponentKind kind) const {
  std::vector<const Component*> found;
  for (const auto& component : components) {
    if (component.kind == kind) found.push_back(&component);
  }
  return found;
}

const Dut* Inventory::find(const std::string& id) const {
  const auto found = std::find_if(duts.begin(), duts.end(), [&id](const Dut& dut) { return dut.id == id; });
  return found == duts.end() ? nullptr : &*found;
}

std::vector<const Dut*> far_ends(const Inventory& inventory, const Dut& dut) {
  std::vector<const Dut*> found;
  for (const Dut& other : inventory.duts) {
    const bool linked = (dut.role == Role::compute_tray && other.role == Role::switch_tray) ||
                        (dut.role == Role::switch_tray && other.role == Role::compute_tray);
    if (linked) found.push_back(&other);
  }
  return found;
}

}  // namespace kiln
