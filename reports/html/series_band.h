#pragma once
// Many lines made readable: the lowest, the median and the highest of all of them over time, and which of
// them stand out. Pure.

#include <vector>

#include "common/run_document.h"
#include "html/chart.h"

namespace kiln {

struct BandPoint {
  double t = 0;                          ///< middle of the stretch
  double low = 0, median = 0, high = 0;  ///< low and high of all samples, so that no peak is lost
};

struct SeriesBand {
  std::vector<BandPoint> points;   ///< stretches without any sample are left out
  std::vector<double> deviations;  ///< of each line: its median distance from the median of all
};

/// The stretches are equally long.
SeriesBand make_band(const std::vector<const DocumentSeries*>& lines, const Range& time,
                     std::size_t stretches);

/// Indices of lines that lie apart from the others by more than chance (modified z-score above 3.5, Iglewicz
/// and Hoaglin 1993) and by more than a twentieth of `span`, furthest first.
std::vector<std::size_t> outliers(const SeriesBand& band, double span);

}  // namespace kiln
