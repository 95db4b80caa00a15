#include "common/series_limits.h"

#include <algorithm>

namespace kiln {
namespace {

int badness(Outcome outcome) {
  switch (outcome) {
    case Outcome::fail:
      return 3;
    case Outcome::unset:
    case Outcome::skipped:
      return 2;
    case Outcome::marginal:
      return 1;
    case Outcome::pass:
    case Outcome::informational:
      return 0;
  }
  return 2;
}

/// "gpu.temperature" begins "gpu.temperature.max" and is "gpu.temperature", but has no part in
/// "gpu.temperature_limit".
bool belongs(const std::string& series, const std::string& measurement) {
  if (series.empty() || measurement.compare(0, series.size(), series) != 0) return false;
  return measurement.size() == series.size() || measurement[series.size()] == '.';
}

}  // namespace

SeriesLimits::SeriesLimits(const RunDocument& document) {
  // A record has far more measurements than sampled parts: only what a series could mean is kept.
  for (const auto& series : document.series) by_place_[{series.dut, series.part, series.unit}];
  for (const auto& planned : document.cells) {
    const Cell& cell = planned.cell;
    add({cell.dut, cell.part, planned.unit}, {cell.measurement, cell.step, planned.limit_text}, false,
        Outcome::unset);
  }
  for (const auto& entry : document.measurements) {
    const Measured& measured = entry.measured;
    if (measured.outcome == Outcome::informational) continue;
    add({entry.dut, measured.part, measured.unit}, {measured.name, entry.step, measured.limit_text}, true,
        measured.outcome);
  }
}

void SeriesLimits::add(Place place, Check check, bool judged, Outcome outcome) {
  const auto found = by_place_.find(place);
  if (found == by_place_.end()) return;
  const auto [known, is_new] = found->second.try_emplace(check);
  SeriesLimit& limit = known->second;
  if (is_new) {
    limit.measurement = std::get<0>(check);
    limit.step = std::get<1>(check);
    limit.limit_text = std::get<2>(check);
    limit.bounds = bounds_of(limit.limit_text);
  }
  if (!judged) return;
  limit.worst = limit.judged && badness(limit.worst) > badness(outcome) ? limit.worst : outcome;
  limit.judged = true;
}

std::vector<SeriesLimit> SeriesLimits::of(const DocumentSeries& series) const {
  const auto found = by_place_.find({series.dut, series.part, series.unit});
  if (found == by_place_.end()) return {};
  std::vector<SeriesLimit> own;
  std::vector<SeriesLimit> others;
  for (const auto& [check, limit] : found->second) {
    if (limit.bounds.empty() || !belongs(series.name, limit.measurement)) continue;
    const bool sampled_here =
        std::find(series.steps.begin(), series.steps.end(), limit.step) != series.steps.end();
    (sampled_here ? own : others).push_back(limit);
  }
  return own.empty() ? others : own;
}

}  // namespace kiln
