#pragma once
// A static population: what racks that were found good have shown at each place, kept to set later racks
// against. Keyed by what makes values comparable: product, recipe with revision and hash, firmware set, role,
// slot and part. It serves review only (rack_comparison.h). Plain data and pure functions.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/rack_comparison.h"
#include "model/verdict.h"

namespace kiln {

/// What must be the same for values to be of one population.
struct PopulationKey {
  std::string product;
  std::string recipe, recipe_version, recipe_sha256;
  std::string firmware, firmware_sha256;  ///< the rack's firmware baseline
};

struct Population {
  std::string id;  ///< the file's name without ".yaml"
  std::string file, sha256;
  PopulationKey key;
  int racks = 0;
  std::string built;  ///< RFC 3339
  std::vector<PopulationRow> rows;
};

/// Collects a population from runs, the newest first: the first that counts fixes recipe revision and
/// firmware. A unit (by its serial number) counts once at each place, with its newest value; values that
/// failed their limit and those that are no numbers of the quantity do not count.
class PopulationBuilder {
 public:
  /// `recipe`: NAME or NAME@VERSION.
  PopulationBuilder(std::string product, std::string recipe);

  void begin_run();
  void add(const Event& event);
  /// Why the run does not count; empty: it does. Not counted are simulated racks, runs that did not end GO
  /// or CONDITIONAL, of another product, recipe or firmware, with parameters set by hand, or without a
  /// firmware baseline: nobody knows then which firmware they measured.
  std::string end_run();

  /// Error "population.empty" (no run counts) or "population.too_few" (no place has kLeastOfPopulation).
  [[nodiscard]] Result<Population> finish(std::string id, std::string built) const;
  [[nodiscard]] int runs() const { return runs_; }
  /// Places that were left out for having too few units.
  [[nodiscard]] std::size_t too_few() const;

 private:
  using Spot =
      std::tuple<std::string, Role, std::optional<int>, std::string>;  // measurement, role, slot, part
  struct Newest {
    std::int64_t sequence = 0;
    Measured measured;
  };
  [[nodiscard]] std::string why_not(const RunVerdict& verdict) const;

  std::string product_, recipe_, version_;
  std::optional<PopulationKey> key_;
  int runs_ = 0;
  std::map<Spot, std::map<std::string, double>> values_;  // by unit

  // of the run that is being read
  VerdictAccumulator verdict_;
  std::optional<RunBegun> begun_;
  std::map<std::string, DutPlanned> duts_;
  std::map<std::tuple<std::string, std::string, std::string>, Newest> newest_;  // measurement, DUT, part
};

/// The part of a population that concerns a rack, or why the rack may not be set against it. Errors
/// "population.{simulated,product,recipe,firmware,parameters,places}" name the population's file and field.
Result<PopulationGiven> population_for(const Population& population, const RunBegun& run,
                                       const std::vector<std::pair<Role, std::optional<int>>>& duts);

}  // namespace kiln
