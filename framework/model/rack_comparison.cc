#include "model/rack_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "model/robust_statistics.h"

namespace kiln {
namespace {

using Bad = ComparedMeasurement::Bad;
using Scale = ComparedMeasurement::Scale;

/// Trays that show a place before it is told apart from the others.
constexpr std::size_t kLeastPerPlace = 12;
/// The median of each place is estimated, too: 72 values of four places are worth 54.
constexpr double kWorthOfPlaced = 0.75;
/// DCGM_INT32_BLANK of dcgm_structs.h, the smallest of the numbers by which NVIDIA's tools say "no value"; no
/// quantity that is compared comes near.
constexpr double kLeastSentinel = 2147483632.0;

constexpr std::string_view kPlate =
    "look at the cold plate: seat, screws and thermal interface, then the flow through it";
constexpr std::string_view kConnector =
    "clean and reseat the cable cartridge's connector, then measure again before it ships";

struct ComparedValue {
  std::string dut, part;
  double value = 0;   ///< as measured
  double scaled = 0;  ///< as it is compared
  double usual = 0;   ///< scaled median it is set against
  bool failed = false;
};

double scaled(const ComparedMeasurement& rule, double value) {
  return rule.scale == Scale::decades ? std::log10(std::max(value, kLowestErrorRate)) : value;
}

double unscaled(const ComparedMeasurement& rule, double value) {
  return rule.scale == Scale::decades ? std::pow(10.0, value) : value;
}

/// Worth a person's time.
bool matters(const ComparedMeasurement& rule, double away, double usual) {
  const double least = rule.scale == Scale::share ? rule.matters * std::abs(usual) : rule.matters;
  return away >= least;
}

std::string with_unit(const ComparedMeasurement& rule, double value) {
  if (rule.scale == Scale::decades && value <= kLowestErrorRate * 1.0001)
    return fmt::format("{:.0e} or less", kLowestErrorRate);
  return rule.unit == "1" ? fmt::format("{:.5g}", value) : fmt::format("{:.5g} {}", value, rule.unit);
}

/// The median of each place over the trays; empty where too few trays show it.
std::map<std::string, double> medians_of_places(const std::vector<ComparedValue>& values) {
  std::map<std::string, std::vector<double>> places;
  for (const ComparedValue& one : values) places[one.part].push_back(one.scaled);
  std::map<std::string, double> medians;
  for (auto& [part, all] : places) {
    if (all.size() < kLeastPerPlace) return {};
    if (const std::optional<double> median = median_of(std::move(all))) medians[part] = *median;
  }
  return medians;
}

/// The number that is there is not all of the truth: a source said so beside it.
bool is_unset(Outcome outcome) { return outcome == Outcome::unset || outcome == Outcome::skipped; }

std::string words_of(Role role) {
  std::string words(to_string(role));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

OddOne odd_one(const ComparedMeasurement& rule, const ComparedValue& one, double distance, double cut,
               const std::string& like) {
  OddOne odd;
  odd.dut = one.dut;
  odd.part = one.part;
  odd.value = one.value;
  odd.usual = unscaled(rule, one.usual);
  odd.distance = distance;
  const std::string far =
      std::isfinite(distance)
          ? fmt::format("{:.1f} robust standard deviations beyond it, where the cut is {:.1f}", distance, cut)
          : std::string("and all of those are the same");
  odd.message = fmt::format("{} is {}, where {} is usual for {}: {}", rule.name, with_unit(rule, one.value),
                            with_unit(rule, odd.usual), like, far);
  odd.action = rule.action;
  return odd;
}

void farthest_first(std::vector<OddOne>& odd) {
  std::stable_sort(odd.begin(), odd.end(),
                   [](const OddOne& a, const OddOne& b) { return a.distance > b.distance; });
}

void compare_values(const ComparedMeasurement& rule, std::vector<ComparedValue> values,
                    Comparison& comparison) {
  comparison.n = values.size();
  std::size_t worth = values.size();
  std::map<std::string, double> places;
  if (rule.by_place) places = medians_of_places(values);
  comparison.by_place = places.size() > 1;
  if (comparison.by_place) worth = static_cast<std::size_t>(static_cast<double>(worth) * kWorthOfPlaced);
  const std::optional<double> cut = outlier_cut(worth);
  std::vector<double> all;
  for (const ComparedValue& one : values) all.push_back(one.scaled);
  const std::optional<double> median = median_of(all);
  if (median) comparison.median = unscaled(rule, *median);
  if (!cut || !median) {
    comparison.why_not = fmt::format("{} values, {} are needed", values.size(), kLeastToCompare);
    return;
  }
  for (std::size_t index = 0; index < values.size(); ++index) {
    values[index].usual = comparison.by_place ? places[values[index].part] : *median;
    all[index] = values[index].scaled - values[index].usual;
  }
  const std::optional<RobustSpread> spread = robust_spread(all, rule.resolution);
  if (!spread) return;
  comparison.sigma = spread->sigma;
  comparison.cut = *cut;
  const double sign = rule.bad == Bad::high ? 1 : -1;
  for (std::size_t index = 0; index < values.size(); ++index) {
    const ComparedValue& one = values[index];
    const double distance = sign * robust_distance(all[index], *spread);
    if (!(distance > *cut) || !matters(rule, sign * all[index], one.usual)) continue;
    if (one.failed) continue;  // its limit has said more
    const std::string like =
        fmt::format("{} like parts of this rack's {}s{}", values.size(), words_of(comparison.role),
                    comparison.by_place ? fmt::format(", at the place of {}", one.part) : std::string());
    comparison.odd.push_back(odd_one(rule, one, distance, *cut, like));
  }
  farthest_first(comparison.odd);
}

}  // namespace

const std::vector<ComparedMeasurement>& compared_measurements() {
  // What matters: GPUs of one rack differ by 3 to 5 % under one load, and a bandwidth by less than 5 % of the
  // rack's median (nvloom's own rule for outliers); a rate of bit errors by a factor of 100. The steps of
  // clocks are those nvidia-smi lists as supported (15 MHz), temperatures are told in whole degrees.
  static const std::vector<ComparedMeasurement> all = {
      {"gpu.thermal_resistance", "K/W", Bad::high, Scale::share, 0.08, 0, true, true, false, kPlate},
      {"gpu.temperature.max", "Cel", Bad::high, Scale::units, 5, 1, true, false, false, kPlate},
      {"gpu.memory_temperature.max", "Cel", Bad::high, Scale::units, 5, 1, true, false, false, kPlate},
      {"gpu.power.mean", "W", Bad::low, Scale::share, 0.04, 1, true, true, false,
       "look at its power limit and supply, then at its clocks under the same load"},
      {"gpu.clock.min", "MHz", Bad::low, Scale::share, 0.03, 15, true, true, false,
       "look at its throttle reasons and its temperature over the load"},
      {"gpu.burn.gflops", "1", Bad::low, Scale::share, 0.05, 0, true, true, false,
       "look at its clocks and throttle reasons, then repeat the load on this tray"},
      {"nvlink.bandwidth", "GBy/s", Bad::low, Scale::share, 0.05, 0, true, true, false,
       "look at the state, width and errors of its links, then repeat"},
      {"nvlink.all_reduce.bus_bandwidth", "GBy/s", Bad::low, Scale::share, 0.05, 0, false, true, false,
       "look at the state, width and errors of the tray's links, then repeat"},
      {"coolant.flow.under_load", "L/min", Bad::low, Scale::share, 0.08, 0, true, false, false,
       "reseat the tray's quick-disconnects and look at its hoses"},
      {"coolant.temperature_rise", "K", Bad::high, Scale::share, 0.1, 0, true, false, false,
       "reseat the tray's quick-disconnects and look at its hoses"},
      {"nvlink.effective_ber.max", "1", Bad::high, Scale::decades, 2, 0, false, false, true, kConnector},
      {"nvlink.windows.bad_share", "1", Bad::high, Scale::units, 0.1, 0, false, false, true, kConnector},
  };
  return all;
}

const ComparedMeasurement* find_compared(std::string_view name) {
  const auto& all = compared_measurements();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const ComparedMeasurement& rule) { return rule.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::optional<double> comparable(const ComparedMeasurement& rule, const Value& value,
                                 const std::string& unit) {
  const std::optional<double> number = as_number(value);
  if (!number || unit != rule.unit || !std::isfinite(*number)) return std::nullopt;
  if (rule.from_0_to_1) {
    if (*number < 0 || *number > 1) return std::nullopt;
    return number;
  }
  if (*number <= 0 || *number >= kLeastSentinel) return std::nullopt;
  return number;
}

void RackComparison::take(const Event& event, const Measured& measured) {
  if (event.dut.empty() || find_compared(measured.name) == nullptr) return;
  Latest& latest = values_[{measured.name, event.step}][{event.dut, measured.part}];
  if (latest.sequence > event.sequence) return;
  latest = {event.sequence, measured.value, measured.unit, measured.outcome};
}

void RackComparison::take(const Event& event, const PopulationGiven& given) {
  if (!population_ || event.sequence > population_->first) population_.emplace(event.sequence, given);
}

std::vector<Comparison> RackComparison::compare(const std::map<std::string, DutPlanned>& duts) const {
  std::vector<Comparison> comparisons;
  for (const ComparedMeasurement& rule : compared_measurements()) {
    auto at = values_.lower_bound({std::string(rule.name), std::string()});
    for (; at != values_.end() && at->first.first == rule.name; ++at) {
      std::map<Role, std::pair<std::vector<ComparedValue>, std::size_t>> by_role;
      for (const auto& [place, latest] : at->second) {
        const auto planned = duts.find(place.first);
        if (planned == duts.end()) continue;
        auto& [values, left_out] = by_role[planned->second.role];
        const std::optional<double> number = comparable(rule, latest.value, latest.unit);
        if (!number || is_unset(latest.outcome)) {
          ++left_out;
          continue;
        }
        const double compared = scaled(rule, *number);
        values.push_back(
            {place.first, place.second, *number, compared, compared, latest.outcome == Outcome::fail});
      }
      for (auto& [role, found] : by_role) {
        Comparison comparison;
        comparison.measurement = rule.name;
        comparison.unit = rule.unit;
        comparison.step = at->first.second;
        comparison.role = role;
        comparison.left_out = found.second;
        compare_values(rule, std::move(found.first), comparison);
        comparisons.push_back(std::move(comparison));
      }
    }
  }
  if (population_) compare_with(population_->second, duts, comparisons);
  return comparisons;
}

void RackComparison::compare_with(const PopulationGiven& given, const std::map<std::string, DutPlanned>& duts,
                                  std::vector<Comparison>& into) const {
  using Spot = std::tuple<std::string, Role, std::optional<int>, std::string>;
  std::map<Spot, const PopulationRow*> rows;
  for (const PopulationRow& row : given.rows) rows[{row.measurement, row.role, row.slot, row.part}] = &row;
  for (const ComparedMeasurement& rule : compared_measurements()) {
    if (!rule.of_population) continue;
    auto at = values_.lower_bound({std::string(rule.name), std::string()});
    for (; at != values_.end() && at->first.first == rule.name; ++at) {
      Comparison comparison;
      comparison.measurement = rule.name;
      comparison.unit = rule.unit;
      comparison.step = at->first.second;
      comparison.role = Role::rack;
      comparison.population = given.id;
      comparison.by_place = true;
      for (const auto& [place, latest] : at->second) {
        const auto planned = duts.find(place.first);
        if (planned == duts.end()) continue;
        const DutPlanned& dut = planned->second;
        const auto row = rows.find({std::string(rule.name), dut.role, dut.slot, place.second});
        const std::optional<double> number = comparable(rule, latest.value, latest.unit);
        const bool usable = row != rows.end() && row->second->unit == rule.unit &&
                            row->second->n >= static_cast<int>(kLeastOfPopulation);
        if (!number || !usable || is_unset(latest.outcome)) {
          ++comparison.left_out;
          continue;
        }
        ++comparison.n;
        const PopulationRow& usual = *row->second;
        const double cut = outlier_cut(static_cast<std::size_t>(usual.n)).value_or(0);
        comparison.cut = std::max(comparison.cut, cut);
        const double sign = rule.bad == Bad::high ? 1 : -1;
        const RobustSpread spread{static_cast<std::size_t>(usual.n), usual.median, usual.sigma};
        const double distance = sign * robust_distance(*number, spread);
        if (!(distance > cut) || !matters(rule, sign * (*number - usual.median), usual.median)) continue;
        if (latest.outcome == Outcome::fail) continue;
        const ComparedValue one{place.first, place.second, *number, *number, usual.median, false};
        comparison.odd.push_back(
            odd_one(rule, one, distance, cut,
                    fmt::format("this place in {} racks of population {}", usual.n, given.id)));
      }
      if (comparison.n == 0) comparison.why_not = "the population has no such place with enough racks";
      farthest_first(comparison.odd);
      into.push_back(std::move(comparison));
    }
  }
}

}  // namespace kiln
