#pragma once
// The rows of limits tables and of their fragments. Whatever is wrong with one becomes a problem with its
// place, and reading goes on. Internal to files/.

#include <vector>

#include "files/problem.h"
#include "files/yaml_node.h"
#include "model/log_allowance.h"
#include "model/measurement.h"

namespace kiln {

/// One rule for one measurement.
Limit read_limit_row(const YamlNode& node, std::vector<Problem>& problems);
/// Whether the row can accept anything by its decision rule, which may be the table's.
void check_guard_band(const Limit& row, std::vector<Problem>& problems);
/// One row of allowed_log_entries.
LogAllowance read_log_allowance(const YamlNode& node, std::vector<Problem>& problems);

}  // namespace kiln
