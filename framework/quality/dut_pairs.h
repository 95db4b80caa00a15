#pragma once
// Which DUT of one run is set beside which of another. Pure; for this folder.

#include <string>
#include <vector>

#include "quality/run_comparison.h"

namespace kiln {

struct DutPairs {
  std::vector<PairedDuts> pairs;            ///< by id in A
  std::vector<std::string> only_a, only_b;  ///< ids without a partner
};

/// See compare_runs().
Result<DutPairs> pair_duts(const RunPicture& a, const std::string& dut_a, const RunPicture& b,
                           const std::string& dut_b);

}  // namespace kiln
