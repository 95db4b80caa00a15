#pragma once
// All that limits/<product>.yaml says: what judges measurements, and which entries of event logs are allowed.
// Plain data.

#include <vector>

#include "model/log_allowance.h"
#include "model/measurement.h"

namespace kiln {

struct ProductLimits : LimitsTable {
  std::vector<LogAllowance> allowed_log_entries;
};

}  // namespace kiln
