#include "tests_hw/virtual_rack/rack_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/nearest.h"
#include "tests_hw/virtual_rack/config_reader.h"

namespace kiln::virtual_rack {

namespace {

constexpr std::string_view kTrays = "trays:";

/// The N of "trays:N"; none when it is no whole number from 1 to kMostTrays.
std::optional<int> tray_count(std::string_view name) {
  name.remove_prefix(kTrays.size());
  int count = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), count);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (count < 1 || count > kMostTrays) return std::nullopt;
  return count;
}

RackLayout read_layout(const std::string& name) {
  const YAML::Node file = load_config("racks/" + name + ".yaml");
  RackLayout layout;
  layout.name = field<std::string>(file, "rack");
  layout.rack_id = field<std::string>(file, "id");
  layout.product = field<std::string>(file, "product");
  layout.cdu_capacity_kw = field<double>(file, "cdu_capacity_kw");
  for (const YAML::Node& entry : file["trays"]) {
    const auto role_name = field<std::string>(entry, "role");
    const auto role = role_from_string(role_name);
    if (!role) {
      throw ConfigError(
          fmt::format("racks/{}.yaml line {}: no role '{}'", name, entry.Mark().line + 1, role_name));
    }
    layout.groups.push_back(
        {*role, field<std::string>(entry, "prefix"), field<std::vector<int>>(entry, "slots")});
  }
  return layout;
}

/// One switch tray for every two compute trays of a domain: what the public topology needs for all their
/// links.
int switch_trays_for(int compute_trays) {
  const int whole = compute_trays / kComputeTraysPerDomain;
  const int rest = compute_trays % kComputeTraysPerDomain;
  return whole * kSwitchTraysPerDomain + (rest + 1) / 2;
}

/// N compute trays on one CDU. The first of each kind hang where a full rack has them; a rack has no unit for
/// the rest, so those have no slot. Power shelves are left out.
RackLayout many_trays(const std::string& name, int count) {
  RackLayout full = read_layout("nvl72");
  RackLayout layout = full;
  layout.name = name;
  layout.cdu_capacity_kw = full.cdu_capacity_kw * std::max(1.0, double{1} * count / kComputeTraysPerDomain);
  layout.groups.clear();
  for (RackLayout::Group& group : full.groups) {
    if (group.role == Role::power_shelf) continue;
    if (group.role == Role::compute_tray) group.slots.resize(static_cast<std::size_t>(count), 0);
    if (group.role == Role::switch_tray) {
      group.slots.resize(static_cast<std::size_t>(switch_trays_for(count)), 0);
    }
    layout.groups.push_back(std::move(group));
  }
  return layout;
}

}  // namespace

std::optional<Role> role_from_string(std::string_view name) {
  for (const Role role :
       {Role::compute_tray, Role::switch_tray, Role::cdu, Role::power_shelf, Role::server}) {
    if (to_string(role) == name) {
      return role;
    }
  }
  return std::nullopt;
}

Status check_rack_name(const std::string& name) {
  if (name.starts_with(kTrays)) {
    if (tray_count(name)) return success();
    return Error("rack.trays",
                 fmt::format("'{}' is no number of compute trays from 1 to {}", name, kMostTrays),
                 "write it like trays:36", Blame::operator_);
  }
  const std::vector<std::string> names{"small", "wide", "shelves", "nvl72", "hgx", "servers"};
  if (std::find(names.begin(), names.end(), name) != names.end()) return success();
  return Error("rack.unknown", fmt::format("there is no rack '{}'{}", name, did_you_mean(name, names)),
               "the racks are: small, wide, shelves, nvl72, hgx, servers, trays:N", Blame::operator_);
}

RackLayout load_layout(const std::string& name) {
  if (name.starts_with(kTrays)) return many_trays(name, tray_count(name).value());
  return read_layout(name);
}

}  // namespace kiln::virtual_rack
