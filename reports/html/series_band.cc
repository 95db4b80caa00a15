#include "html/series_band.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/robust_statistics.h"

namespace kiln {
namespace {

constexpr double kNoMedian = std::numeric_limits<double>::quiet_NaN();

struct Mean {
  double sum = 0;
  int count = 0;
};

}  // namespace

SeriesBand make_band(const std::vector<const DocumentSeries*>& lines, const Range& time,
                     std::size_t stretches) {
  std::vector<Range> extremes(stretches);
  std::vector<std::vector<Mean>> means(lines.size(), std::vector<Mean>(stretches));
  for (std::size_t line = 0; line < lines.size(); ++line) {
    lines[line]->for_each_sample([&](double t, double value) {
      if (!std::isfinite(t) || !std::isfinite(value)) return;
      const double share = (t - time.low) / time.span();
      const auto stretch = std::min(
          stretches - 1, static_cast<std::size_t>(std::max(0.0, share) * static_cast<double>(stretches)));
      extremes[stretch].add(value);
      means[line][stretch].sum += value;
      ++means[line][stretch].count;
    });
  }
  SeriesBand band;
  std::vector<double> medians(stretches, std::numeric_limits<double>::quiet_NaN());
  std::vector<double> values;
  for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
    values.clear();
    for (const auto& line : means) {
      if (line[stretch].count > 0) values.push_back(line[stretch].sum / line[stretch].count);
    }
    if (values.empty()) continue;
    medians[stretch] = median_of(values).value_or(kNoMedian);
    BandPoint point;
    point.t = time.low + (static_cast<double>(stretch) + 0.5) * time.span() / static_cast<double>(stretches);
    point.low = extremes[stretch].low;
    point.median = medians[stretch];
    point.high = extremes[stretch].high;
    band.points.push_back(point);
  }
  for (const auto& line : means) {
    values.clear();
    for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
      if (line[stretch].count > 0)
        values.push_back(std::abs(line[stretch].sum / line[stretch].count - medians[stretch]));
    }
    band.deviations.push_back(median_of(values).value_or(0));
  }
  return band;
}

std::vector<std::size_t> outliers(const SeriesBand& band, double span) {
  std::vector<double> values = band.deviations;
  const double typical = median_of(values).value_or(kNoMedian);
  if (std::isnan(typical)) return {};
  for (std::size_t index = 0; index < values.size(); ++index)
    values[index] = std::abs(band.deviations[index] - typical);
  const double spread = median_of(values).value_or(kNoMedian);
  std::vector<std::size_t> apart;
  for (std::size_t index = 0; index < band.deviations.size(); ++index) {
    const double distance = band.deviations[index] - typical;
    if (distance > span / 20 && 0.6745 * distance > 3.5 * spread) apart.push_back(index);
  }
  std::stable_sort(apart.begin(), apart.end(),
                   [&band](std::size_t a, std::size_t b) { return band.deviations[a] > band.deviations[b]; });
  return apart;
}

}  // namespace kiln
