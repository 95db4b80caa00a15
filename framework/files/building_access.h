#pragma once
// The section building: of rack.yaml → BuildingAccess. What is written must be enough to trust what the
// building says: TLS with a named authority, or a reason why not. Internal to files/; any thread; blocks on
// the disk (the files that are named are looked for).

#include <functional>
#include <string>
#include <vector>

#include "files/yaml_node.h"
#include "model/inventory.h"

namespace kiln {

/// `file`: the inventory's, for relative paths; `read_tls`: as for a BMC. Problems: inventory.url,
/// inventory.trust, inventory.building, and those of every map.
BuildingAccess read_building_access(const YamlNode& node, const std::string& file,
                                    const std::function<TlsTrust(const YamlNode&)>& read_tls,
                                    std::vector<Problem>& problems);

}  // namespace kiln
