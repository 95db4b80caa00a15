#pragma once
// All that limits/<product>.yaml says: what judges measurements, which entries of event logs are allowed, and
// what is known of the product. Plain data.

#include <algorithm>
#include <string>
#include <vector>

#include "model/log_allowance.h"
#include "model/measurement.h"

namespace kiln {

/// What a product is rated for: nothing is judged by it, but limits that contradict it are refused.
struct NameplateFigure {
  std::string name;  ///< "gpu.power_limit", see files/limits_plausible.h
  double value = 0;
  std::string unit;    ///< UCUM
  std::string source;  ///< document, revision, page
  Place place;
};

struct ProductLimits : LimitsTable {
  std::vector<LogAllowance> allowed_log_entries;
  std::vector<NameplateFigure> nameplate;

  /// nullptr: not told.
  [[nodiscard]] const NameplateFigure* figure(const std::string& name) const {
    const auto found = std::find_if(nameplate.begin(), nameplate.end(),
                                    [&name](const NameplateFigure& one) { return one.name == name; });
    return found == nameplate.end() ? nullptr : &*found;
  }
};

}  // namespace kiln
