#include "quality/population_comparison.h"

#include <utility>

namespace kiln {

std::size_t PopulationComparison::odd() const {
  std::size_t count = 0;
  for (const Comparison& one : comparisons) count += one.odd.size();
  return count;
}

void PopulationComparer::add(const Event& event) {
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) begun_ = *begun;
  if (const auto* planned = std::get_if<DutPlanned>(&event.body)) duts_[event.dut] = *planned;
  if (const auto* measured = std::get_if<Measured>(&event.body)) values_.take(event, *measured);
}

Result<PopulationComparison> PopulationComparer::compare(const Population& population) const {
  if (!begun_)
    return Error("run.not_begun", run_ + " has no beginning in its record", "choose another run",
                 Blame::operator_);
  std::vector<std::pair<Role, std::optional<int>>> places;
  for (const auto& [id, dut] : duts_) {
    if (dut.role != Role::rack) places.emplace_back(dut.role, dut.slot);
  }
  Result<PopulationGiven> given = population_for(population, *begun_, places);
  if (!given) return given.error();
  PopulationComparison result;
  result.run = run_;
  result.rack = begun_->rack;
  result.given = *std::move(given);
  RackComparison values = values_;
  values.take(Event{}, result.given);
  for (Comparison& one : values.compare(duts_)) {
    if (!one.population.empty()) result.comparisons.push_back(std::move(one));
  }
  return result;
}

}  // namespace kiln
