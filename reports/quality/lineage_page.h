#pragma once
// Where a serial number was, or what was at a place, in words and for programs. Pure.

#include <string>
#include <vector>

#include "quality/lineage.h"
#include "quality/quality_page.h"

namespace kiln {

/// Runs that could not be read, with the reason: what they would tell is missing from the answer.
struct RunLeftOut {
  std::string run, why;
};

QualityPage make_lineage_page(const LineageAnswer& answer, const std::vector<RunLeftOut>& left_out);
/// As docs/lineage.md describes it.
std::string lineage_json(const LineageAnswer& answer, const std::vector<RunLeftOut>& left_out);

}  // namespace kiln
