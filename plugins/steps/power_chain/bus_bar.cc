#include "bus_bar.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiln::power_chain {
namespace {

/// Of the peak: a rack at load. Below it trays are missing from the load, or ramp up. Ours.
constexpr double kLoadedShare = 0.8;
/// Below it a median is one of the few values themselves. Ours.
constexpr std::size_t kLeastAlike = 4;
/// Below it current sharing says little: its error is one of the rated current. Ours.
constexpr double kLeastLoadOfSupply = 0.1;

std::optional<double> median_of_all(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string shelf_of(const std::string& supply) { return supply.substr(0, supply.find('/')); }

}  // namespace

std::vector<Round> loaded_part(const std::vector<Round>& rounds, Nanoseconds settle) {
  double peak = 0;
  for (const Round& round : rounds) {
    if (round.missing.empty()) peak = std::max(peak, round.drawn);
  }
  std::vector<Round> best, current;
  std::int64_t risen_ns = 0;
  bool high = false;
  for (const Round& round : rounds) {
    if (!round.missing.empty()) continue;
    const bool is_high = peak > 0 && round.drawn > kLoadedShare * peak;
    if (is_high && !high) risen_ns = round.at_ns;
    if (!is_high && high) {
      if (current.size() > best.size()) best = current;
      current.clear();
    }
    high = is_high;
    if (high && round.at_ns - risen_ns >= settle.count()) current.push_back(round);
  }
  return current.size() > best.size() ? current : best;
}

Figure balance_of(const std::vector<Round>& loaded) {
  double drawn = 0, delivered = 0;
  for (const Round& round : loaded) {
    drawn += round.drawn;
    delivered += round.delivered;
  }
  if (delivered <= 0) return {std::nullopt, "the shelves deliver nothing"};
  return {drawn / delivered, ""};
}

Figure headroom_of(const std::vector<Round>& loaded) {
  std::optional<double> least;
  for (const Round& round : loaded) {
    std::map<std::string, double> shelves;
    double all = 0;
    for (const auto& [name, supply] : round.supplies) {
      if (!supply.capacity) return {std::nullopt, fmt::format("{} does not tell its capacity", name)};
      shelves[shelf_of(name)] += *supply.capacity;
      all += *supply.capacity;
    }
    double largest = 0;
    for (const auto& [shelf, capacity] : shelves) largest = std::max(largest, capacity);
    if (round.delivered <= 0) return {std::nullopt, "the shelves deliver nothing"};
    const double here = (all - largest) / round.delivered;
    least = std::min(least.value_or(here), here);
  }
  return {least, least ? "" : "no supply works"};
}

std::map<std::string, Figure> shares_of(const std::vector<Round>& loaded) {
  struct Mean {
    double sum = 0, capacity = 0;
    int count = 0;
    [[nodiscard]] double value() const { return sum / count; }
  };
  std::map<std::string, Mean> means;
  for (const Round& round : loaded) {
    for (const auto& [name, supply] : round.supplies) {
      Mean& mean = means[name];
      mean.sum += supply.output;
      mean.capacity = supply.capacity.value_or(0);
      ++mean.count;
    }
  }
  std::map<double, std::vector<double>> alike;
  for (const auto& [name, mean] : means) alike[mean.capacity].push_back(mean.value());
  std::map<std::string, Figure> shares;
  for (const auto& [name, mean] : means) {
    const std::vector<double>& others = alike[mean.capacity];
    const std::optional<double> median = median_of_all(others);
    Figure& share = shares[name];
    if (others.size() < kLeastAlike) {
      share.why = fmt::format("{} supplies of its kind work, and at least {} are needed to compare",
                              others.size(), kLeastAlike);
    } else if (!median || *median <= kLeastLoadOfSupply * mean.capacity || *median <= 0) {
      share.why = fmt::format("the supplies give {:.0f} W each, too little to tell how they share it",
                              median.value_or(0));
    } else {
      share.value = mean.value() / *median;
    }
  }
  return shares;
}

std::map<std::string, InputFigures> inputs_of(const std::vector<Round>& loaded) {
  std::map<std::string, std::pair<double, int>> sums;
  double rails = 0;
  int told = 0;
  for (const Round& round : loaded) {
    for (const auto& [dut, volts] : round.inputs) {
      sums[dut].first += volts;
      ++sums[dut].second;
    }
    if (round.rail) {
      rails += *round.rail;
      ++told;
    }
  }
  std::vector<double> all;
  for (const auto& [dut, sum] : sums) all.push_back(sum.first / sum.second);
  const bool many = all.size() >= kLeastAlike;
  const bool has_reference = many || told > 0;
  const double reference = many ? median_of_all(all).value_or(0) : told > 0 ? rails / told : 0;
  std::map<std::string, InputFigures> inputs;
  for (const auto& [dut, sum] : sums) {
    InputFigures& figures = inputs[dut];
    figures.voltage.value = sum.first / sum.second;
    if (has_reference) figures.drop.value = reference - *figures.voltage.value;
    figures.drop.why = fmt::format(
        "{} trays tell their input voltage, {} are needed to compare, and no shelf tells that of its rail",
        all.size(), kLeastAlike);
  }
  return inputs;
}

}  // namespace kiln::power_chain
