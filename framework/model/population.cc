#include "model/population.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/robust_statistics.h"

namespace kiln {
namespace {

Error refused(const Population& population, const std::string& field, const std::string& has,
              const std::string& run_has) {
  return Error(
      fmt::format("population.{}", field.substr(0, field.find('.'))),
      fmt::format("{}: field '{}' is '{}', this run has '{}'", population.file, field, has,
                  run_has.empty() ? "none" : run_has),
      "use the population of this product, recipe revision and firmware, or build one: kiln population",
      Blame::operator_);
}

std::string with_hash(const std::string& name, const std::string& sha256) {
  return name.empty() ? std::string() : fmt::format("{}, SHA-256 {}", name, sha256.substr(0, 12));
}

}  // namespace

PopulationBuilder::PopulationBuilder(std::string product, std::string recipe) : product_(std::move(product)) {
  const std::size_t at = recipe.find('@');
  recipe_ = recipe.substr(0, at);
  if (at != std::string::npos) version_ = recipe.substr(at + 1);
}

void PopulationBuilder::begin_run() {
  verdict_ = VerdictAccumulator();
  begun_.reset();
  duts_.clear();
  newest_.clear();
}

void PopulationBuilder::add(const Event& event) {
  verdict_.add(event);
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) begun_ = *begun;
  if (const auto* planned = std::get_if<DutPlanned>(&event.body)) duts_[event.dut] = *planned;
  if (const auto* measured = std::get_if<Measured>(&event.body)) {
    const ComparedMeasurement* rule = find_compared(measured->name);
    if (rule == nullptr || !rule->of_population) return;
    Newest& kept = newest_[{measured->name, event.dut, measured->part}];
    if (event.sequence >= kept.sequence) kept = {event.sequence, *measured};
  }
}

std::string PopulationBuilder::why_not(const RunVerdict& verdict) const {
  if (!begun_) return "it has no beginning";
  const RunBegun& run = *begun_;
  if (run.simulated) return "its rack is simulated";
  if (run.product != product_) return fmt::format("product {}", run.product);
  if (run.recipe != recipe_) return fmt::format("recipe {}", run.recipe);
  if (!version_.empty() && run.recipe_version != version_)
    return fmt::format("recipe revision {}", run.recipe_version);
  const bool good =
      verdict.decision && (*verdict.decision == Decision::go || *verdict.decision == Decision::conditional);
  if (!good) {
    return fmt::format("it ended {}", verdict.decision ? to_string(*verdict.decision) : "without a decision");
  }
  if (!run.overridden.empty()) {
    std::string names;
    for (const auto& [name, value] : run.overridden) names += (names.empty() ? "" : ", ") + name;
    return "set by hand: " + names;
  }
  if (run.firmware_baseline_sha256.empty()) return "its rack names no firmware baseline";
  if (key_ && (run.recipe_version != key_->recipe_version || run.recipe_sha256 != key_->recipe_sha256)) {
    return fmt::format("recipe {}@{} with another revision or text than the newest run's", run.recipe,
                       run.recipe_version);
  }
  if (key_ && run.firmware_baseline_sha256 != key_->firmware_sha256)
    return fmt::format("firmware {}", with_hash(run.firmware_baseline, run.firmware_baseline_sha256));
  return {};
}

std::string PopulationBuilder::end_run() {
  std::string why = why_not(verdict_.verdict());
  if (!why.empty()) return why;
  ++runs_;
  if (!key_) {
    key_ = PopulationKey{begun_->product,           begun_->recipe,
                         begun_->recipe_version,    begun_->recipe_sha256,
                         begun_->firmware_baseline, begun_->firmware_baseline_sha256};
  }
  for (const auto& [place, newest] : newest_) {
    const auto& [measurement, dut, part] = place;
    const auto planned = duts_.find(dut);
    const ComparedMeasurement* rule = find_compared(measurement);
    const Outcome outcome = newest.measured.outcome;
    const bool good =
        outcome == Outcome::pass || outcome == Outcome::marginal || outcome == Outcome::informational;
    if (planned == duts_.end() || !good) continue;
    const std::optional<double> number = comparable(*rule, newest.measured.value, newest.measured.unit);
    if (!number) continue;
    const DutPlanned& about = planned->second;
    std::string unit = about.serial.empty() ? about.expected_serial : about.serial;
    if (unit.empty()) unit = begun_->rack + "/" + dut;
    values_[{measurement, about.role, about.slot, part}].try_emplace(unit,
                                                                     *number);  // the newest run is first
  }
  return {};
}

std::size_t PopulationBuilder::too_few() const {
  return static_cast<std::size_t>(std::count_if(values_.begin(), values_.end(), [](const auto& place) {
    return place.second.size() < kLeastOfPopulation;
  }));
}

Result<Population> PopulationBuilder::finish(std::string id, std::string built) const {
  if (!key_) {
    return Error("population.empty",
                 fmt::format("no run of recipe {} on product {} counts", recipe_, product_),
                 "the list above says why each run was left out", Blame::operator_);
  }
  Population population;
  population.id = std::move(id);
  population.built = std::move(built);
  population.key = *key_;
  population.racks = runs_;
  std::size_t most = 0;
  for (const auto& [spot, units] : values_) {
    most = std::max(most, units.size());
    if (units.size() < kLeastOfPopulation) continue;
    const auto& [measurement, role, slot, part] = spot;
    const ComparedMeasurement* rule = find_compared(measurement);
    std::vector<double> values;
    for (const auto& [unit, value] : units) values.push_back(value);
    const std::optional<RobustSpread> spread = robust_spread(values, rule->resolution);
    if (!spread) continue;
    population.rows.push_back({measurement, std::string(rule->unit), role, slot, part,
                               static_cast<int>(spread->n), spread->median, spread->sigma});
  }
  if (population.rows.empty()) {
    return Error("population.too_few",
                 fmt::format("{} runs count, and no place has values of more than {} units: {} are needed",
                             runs_, most, kLeastOfPopulation),
                 "a spread of fewer is a guess; wait for more racks", Blame::operator_);
  }
  return population;
}

Result<PopulationGiven> population_for(const Population& population, const RunBegun& run,
                                       const std::vector<std::pair<Role, std::optional<int>>>& duts) {
  const PopulationKey& key = population.key;
  if (run.simulated) {
    return Error("population.simulated",
                 fmt::format("{} is a population of hardware, and this rack is simulated", population.file),
                 "leave out --population", Blame::operator_);
  }
  if (run.product != key.product) return refused(population, "product", key.product, run.product);
  if (run.recipe != key.recipe) return refused(population, "recipe.name", key.recipe, run.recipe);
  if (run.recipe_version != key.recipe_version)
    return refused(population, "recipe.version", key.recipe_version, run.recipe_version);
  if (run.recipe_sha256 != key.recipe_sha256)
    return refused(population, "recipe.sha256", key.recipe_sha256, run.recipe_sha256);
  if (run.firmware_baseline_sha256 != key.firmware_sha256) {
    return refused(population, "firmware.baseline", with_hash(key.firmware, key.firmware_sha256),
                   with_hash(run.firmware_baseline, run.firmware_baseline_sha256));
  }
  if (!run.overridden.empty()) {
    return Error("population.parameters",
                 fmt::format("{} is of runs as the recipe has them, and '{}' is set by hand in this one",
                             population.file, run.overridden.begin()->first),
                 "leave out --set, or leave out --population", Blame::operator_);
  }
  PopulationGiven given;
  given.id = population.id;
  given.file = population.file;
  given.sha256 = population.sha256;
  given.racks = population.racks;
  const std::set<std::pair<Role, std::optional<int>>> places(duts.begin(), duts.end());
  for (const PopulationRow& row : population.rows) {
    if (places.count({row.role, row.slot}) != 0) given.rows.push_back(row);
  }
  if (given.rows.empty()) {
    return Error("population.places",
                 fmt::format("{}: field 'rows' has no place of this rack (role and slot)", population.file),
                 "compare the slots of the rack file with those of the population", Blame::operator_);
  }
  return given;
}

}  // namespace kiln
