#pragma once
// Which trays a rack has and where they hang: from a file under config/racks, or as many as asked for
// ("trays:N"). Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// An NVLink domain of the public NVL72 topology: what one set of switch trays joins.
constexpr int kComputeTraysPerDomain = 18;
constexpr int kSwitchTraysPerDomain = 9;

constexpr int kMostTrays = 200;  ///< of "trays:N"

struct RackLayout {
  struct Group {
    Role role = Role::compute_tray;
    std::string prefix;      ///< of the ids: "C"
    std::vector<int> slots;  ///< one tray each; 0: no slot of this rack
  };
  std::string name;
  std::string rack_id;
  std::string product;
  double cdu_capacity_kw = 0;
  std::vector<Group> groups;  ///< in the order of the inventory
};

/// "compute_tray" -> Role; none for anything else.
std::optional<Role> role_from_string(std::string_view name);

/// Throws ConfigError when the embedded files are wrong. `name` has passed check_rack_name().
RackLayout load_layout(const std::string& name);

}  // namespace kiln::virtual_rack
