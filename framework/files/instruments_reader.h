#pragma once
// The section instruments: of rack.yaml → Instrument. Internal to files/; any thread; pure.

#include <vector>

#include "files/yaml_node.h"
#include "model/instrument.h"

namespace kiln {

/// `list`: a list of maps. Problems: inventory.instrument, inventory.duplicate, and those of every map.
std::vector<Instrument> read_instruments(const YamlNode& list, std::vector<Problem>& problems);

}  // namespace kiln
