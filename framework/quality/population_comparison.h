#pragma once
// A run set against a population that was kept of earlier racks (model/population.h), after it was run: the
// same comparison, with the same rules and the same refusals, as `kiln run --population` makes. Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/population.h"

namespace kiln {

struct PopulationComparison {
  std::string run, rack;
  PopulationGiven given;                ///< the population's rows for the places of this rack
  std::vector<Comparison> comparisons;  ///< by measurement, step and role
  [[nodiscard]] std::size_t odd() const;
};

/// Takes the events of one run, in any order.
class PopulationComparer {
 public:
  explicit PopulationComparer(std::string run) : run_(std::move(run)) {}
  void add(const Event& event);
  /// Errors: those of population_for; "run.not_begun".
  [[nodiscard]] Result<PopulationComparison> compare(const Population& population) const;

 private:
  std::string run_;
  std::optional<RunBegun> begun_;
  std::map<std::string, DutPlanned> duts_;
  RackComparison values_;
};

}  // namespace kiln
