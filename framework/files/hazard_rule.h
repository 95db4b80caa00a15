#pragma once
// One hazard to be watched, as a row of the station's floor rules or of a recipe's interlocks; the grammar is
// in docs/files.md. Pure.

#include <vector>

#include "files/problem.h"
#include "files/yaml_node.h"
#include "model/hazard.h"

namespace kiln {

/// Problems: those of a field reader, files.unknown_word, interlock_rules.weak (no bound, one that no reading
/// can be beyond, or one weaker than any floor may be).
HazardRule read_hazard_rule(const YamlNode& node, std::vector<Problem>& problems);

}  // namespace kiln
