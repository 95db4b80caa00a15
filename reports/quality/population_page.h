#pragma once
// A run against a population, in words and for programs. Pure.

#include <string>

#include "quality/population_comparison.h"
#include "quality/quality_page.h"

namespace kiln {

/// Refers to nothing of the comparison.
QualityPage make_population_page(const PopulationComparison& comparison);

/// {"run","rack","population":{"id","file","sha256","racks"},"comparisons":[as in report.json]}.
std::string population_json(const PopulationComparison& comparison);

}  // namespace kiln
