#pragma once
// Two runs beside each other, in words and for programs. Pure.

#include <string>

#include "quality/quality_page.h"
#include "quality/run_comparison.h"

namespace kiln {

/// `all`: also what moved within its noise and what did not move; else those are counted.
QualityPage make_comparison_page(const RunComparison& comparison, bool all);

/// Everything that was compared, as docs/lineage.md describes it; a distance without end is null, with
/// "never_varies": true beside it.
std::string comparison_json(const RunComparison& comparison);

}  // namespace kiln
