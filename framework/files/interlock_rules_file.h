#pragma once
// The station's floor rules → InterlockRules: what an interlock does on this station, and how fast. Whoever
// is responsible for the floor owns the file; no recipe can weaken it. Floor 2; blocks on the disk; any
// thread. The grammar is described for editors in config/interlock_rules.schema.json.

#include <string>

#include "files/problem.h"
#include "model/interlock_rules.h"

namespace kiln {

/// Problems: those of the file and of YAML, and interlock_rules.weak: slower or narrower than may be.
Parsed<InterlockRules> read_interlock_rules(const std::string& path);
/// The same from text; `file` names it in messages.
Parsed<InterlockRules> parse_interlock_rules(const std::string& text, const std::string& file);

}  // namespace kiln
