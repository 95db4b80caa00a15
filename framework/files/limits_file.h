#pragma once
// limits/<product>.yaml → ProductLimits. QA owns these files; every row names its unit and the document it
// comes from, or "site to fill", which makes a run judged by it ineligible for sign-off. What holds for
// several products stands in fragments that tables include. Floor 2; blocks on the disk; any thread. The
// grammar is described for editors in recipes/limits.schema.json and limits-fragment.schema.json.

#include <string>

#include "files/problem.h"
#include "model/product_limits.h"

namespace kiln {

/// Problems: those of the file and of YAML, and limits.no_rule, limits.two_rules, limits.range,
/// limits.marginal, limits.unit, limits.value, limits.duplicate_row, limits.name, limits.empty,
/// limits.allows_anything, limits.include, limits.include_revision,
/// limits.nameplate, limits.implausible. sha256 is of the file's bytes; where it
/// includes, of these followed by "\n<fragment> <its sha256>" for each.
Parsed<ProductLimits> read_limits(const std::string& path);
/// The same from text; `file` names it in messages, and beside it fragments are looked for. The product must
/// be the file's name without ".yaml".
Parsed<ProductLimits> parse_limits(const std::string& text, const std::string& file);

}  // namespace kiln
