#pragma once
// Which limits a series of samples belongs to, found in the record alone. A step samples "gpu.temperature"
// and records "gpu.temperature.max": the series' name is a measurement's name, or its beginning up to a dot,
// on the same DUT and part and in the same unit. What the step that sampled was to judge goes before what
// other steps judged. Only limits that are a range can be drawn; others are not named here. Built once per
// report; the document must outlive it.

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "common/run_document.h"
#include "model/limit_bounds.h"

namespace kiln {

struct SeriesLimit {
  std::string measurement;  ///< "gpu.temperature.max"
  std::string step;
  std::string limit_text;  ///< as recorded: "≤ 85 Cel (marginal above 80)"
  LimitBounds bounds;
  bool judged = false;             ///< false: planned, and never measured
  Outcome worst = Outcome::unset;  ///< of all its values; fail before unset before marginal before pass
};

class SeriesLimits {
 public:
  explicit SeriesLimits(const RunDocument& document);

  /// In order of the measurements' names; empty when nothing judged this series.
  [[nodiscard]] std::vector<SeriesLimit> of(const DocumentSeries& series) const;

 private:
  using Place = std::tuple<std::string, std::string, std::string>;  // DUT, part, unit
  using Check = std::tuple<std::string, std::string, std::string>;  // measurement, step, limit text
  void add(Place place, Check check, bool judged, Outcome outcome);

  std::map<Place, std::map<Check, SeriesLimit>> by_place_;
};

}  // namespace kiln
