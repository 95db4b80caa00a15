#include "files/limits_plausible.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace kiln {
namespace {

/// What bounds of one measurement may be. `nameplate` empty, or not told by the table: `low` and `high`
/// alone.
struct PlausibleRange {
  std::string_view measurement, unit;
  double low, high;  ///< whatever the product: wide enough for all of them
  std::string_view nameplate;
  double low_share = 0, high_share = 0;  ///< of the figure of the nameplate
};

// A limit below 0.3 of the nameplate finds nothing; one above it fails what is healthy, except where a figure
// can be exceeded: in-network reduction (NVLS) gives a bus bandwidth beyond that of the links.
constexpr std::array kRanges = {
    PlausibleRange{"coolant.flow", "L/min", 0.1, 3000, ""},
    PlausibleRange{"coolant.flow.under_load", "L/min", 0.1, 3000, ""},
    PlausibleRange{"coolant.supply_temperature", "Cel", 2, 60, ""},
    PlausibleRange{"coolant.temperature_rise", "K", 0.5, 40, ""},
    PlausibleRange{"coolant.heat_balance", "1", 0.3, 2, ""},
    PlausibleRange{"pump.speed", "%", 0, 100, ""},
    PlausibleRange{"coolant.pressure_decay", "kPa/min", 0.001, 20, ""},
    PlausibleRange{"coolant.dew_point_margin", "K", 0.5, 20, ""},
    PlausibleRange{"coolant.reservoir_level", "%", 1, 99, ""},
    PlausibleRange{"coolant.flow.share_of_median", "1", 0.1, 1, ""},
    PlausibleRange{"pump.redundancy.flow_share", "1", 0.1, 1, ""},
    PlausibleRange{"coolant.valve.position", "%", 1, 100, ""},
    PlausibleRange{"building.coolant.flow", "L/min", 0.1, 3000, ""},
    PlausibleRange{"building.coolant.supply_temperature", "Cel", 2, 60, ""},
    PlausibleRange{"building.valve.position", "%", 1, 100, ""},
    PlausibleRange{"coolant.filter_pressure", "kPa", 1, 300, ""},
    PlausibleRange{"coolant.rack_heat_balance", "1", 0.3, 2, ""},
    PlausibleRange{"coolant.unit_heat_balance", "1", 0.3, 2, ""},
    PlausibleRange{"detector_test.seen_after", "s", 0.5, 600, ""},
    PlausibleRange{"gpu.temperature.max", "Cel", 40, 110, ""},
    PlausibleRange{"gpu.memory_temperature.max", "Cel", 50, 120, ""},
    PlausibleRange{"gpu.power.mean", "W", 20, 5000, "gpu.power_limit", 0.3, 1.05},
    PlausibleRange{"gpu.clock.min", "MHz", 200, 5000, ""},
    PlausibleRange{"gpu.thermal_resistance", "K/W", 0.002, 0.5, ""},
    PlausibleRange{"gpu.memory.bandwidth", "GBy/s", 50, 30000, "gpu.memory.bandwidth", 0.3, 1.3},
    PlausibleRange{"gpu.telemetry.gap", "s", 0.1, 600, ""},
    PlausibleRange{"gpu.power.share", "%", 50, 100, ""},
    PlausibleRange{"gpu.power.dip", "s", 0.5, 600, ""},
    PlausibleRange{"gpu.power.spread", "%", 0.5, 50, ""},
    PlausibleRange{"gpu.clock.spread", "%", 0.5, 50, ""},
    PlausibleRange{"gpu.temperature.spread", "K", 1, 40, ""},
    PlausibleRange{"gpu.step.rise", "s", 0.5, 600, ""},
    PlausibleRange{"gpu.step.fall", "s", 0.5, 600, ""},
    PlausibleRange{"gpu.cool_down", "K", 1, 40, ""},
    PlausibleRange{"gpu.pcie.replays", "%", 1, 1000, ""},
    PlausibleRange{"nvlink.speed", "Gbit/s", 50, 4000, "nvlink.rate", 0.3, 1.05},
    PlausibleRange{"nvlink.bandwidth", "GBy/s", 10, 4000, "gpu.nvlink_bandwidth", 0.3, 1},
    PlausibleRange{"nvlink.rack_bandwidth", "GBy/s", 10, 4000, "gpu.nvlink_bandwidth", 0.3, 1},
    PlausibleRange{"nvlink.bisection_bandwidth", "GBy/s", 10, 4000, "gpu.nvlink_bandwidth", 0.3, 1},
    PlausibleRange{"nvlink.all_reduce.bus_bandwidth", "GBy/s", 10, 5000, "gpu.nvlink_bandwidth", 0.3, 1.3},
    PlausibleRange{"first_token.time.p95", "s", 0.005, 600, ""},
    PlausibleRange{"first_token.between_tokens.p95", "s", 0.0001, 60, ""},
    PlausibleRange{"first_token.rate", "1/s", 0.01, 1e7, ""},
    PlausibleRange{"event_log.fill", "%", 0, 100, ""},
    PlausibleRange{"sensor.temperature.max", "Cel", 30, 130, ""},
    PlausibleRange{"nic.port.rate", "Gbit/s", 1, 3200, ""},
    PlausibleRange{"nic.bandwidth.share", "1", 0.5, 1, ""},
    PlausibleRange{"drive.endurance_used", "%", 1, 100, ""},
    PlausibleRange{"drive.spare_margin", "%", 0, 100, ""},
    PlausibleRange{"drive.temperature_margin", "K", 0, 40, ""},
    PlausibleRange{"host.clock.offset", "s", 0.001, 10, ""},
    PlausibleRange{"power_supply.input_voltage", "V", 80, 600, ""},
    PlausibleRange{"power_supply.rail_deviation", "%", 0.5, 20, ""},
    PlausibleRange{"power_supply.load_share", "1", 0.3, 3, ""},
    PlausibleRange{"power.bus_bar.balance", "1", 0.7, 1.4, ""},
    PlausibleRange{"power.bus_bar.headroom", "1", 0.5, 10, ""},
    PlausibleRange{"power.input_voltage", "V", 10, 1000, ""},
    PlausibleRange{"power.input_voltage.drop", "V", 0.05, 20, ""},
    PlausibleRange{"bmc.clock_offset", "s", 0.1, 3600, ""},
    PlausibleRange{"bmc.reading_age", "s", 1, 3600, ""},
    PlausibleRange{"fan.speed.lowest", "{rev}/min", 100, 60000, ""},
    PlausibleRange{"fan.speed.highest", "{rev}/min", 100, 60000, ""},
};

const PlausibleRange* range_of(const std::string& measurement) {
  const auto* found =
      std::find_if(kRanges.begin(), kRanges.end(),
                   [&measurement](const PlausibleRange& range) { return range.measurement == measurement; });
  return found == kRanges.end() ? nullptr : found;
}

struct Bound {
  std::string_view key;
  std::optional<double> value;
};

class Plausible {
 public:
  Plausible(const ProductLimits& table, std::vector<Problem>& problems)
      : table_(table), problems_(problems) {}

  void check(const Limit& row) {
    const PlausibleRange* range = range_of(row.name);
    if (range == nullptr) return;
    const std::array bounds = {Bound{"min", row.min}, Bound{"marginal_min", row.marginal_min},
                               Bound{"marginal", row.marginal}, Bound{"max", row.max}};
    check_uncertainty(row, *range);
    if (row.unit != range->unit && (row.min || row.max)) {
      problems_.push_back({row.place, "limits.unit",
                           fmt::format("'{}' is in {}, not in '{}'", row.name, range->unit, row.unit),
                           fmt::format("write unit: {}, and the bounds in it", range->unit)});
      return;
    }
    // Beside a part or a role the figure of the whole product says nothing: a CDU is no tray.
    const NameplateFigure* figure =
        row.when_part.empty() && !row.when_role ? table_.figure(std::string(range->nameplate)) : nullptr;
    for (const Bound& bound : bounds) {
      if (!bound.value) continue;
      check_physics(row, *range, bound);
      if (figure != nullptr) check_share(row, *range, *figure, bound);
    }
  }

 private:
  void check_physics(const Limit& row, const PlausibleRange& range, const Bound& bound) {
    if (*bound.value >= range.low && *bound.value <= range.high) return;
    implausible(row, bound, fmt::format("{} to {} {} is plausible", range.low, range.high, range.unit));
  }

  /// An uncertainty in the wrong unit leaves an acceptance limit that cannot be.
  void check_uncertainty(const Limit& row, const PlausibleRange& range) {
    if (!row.uncertainty) return;
    const std::array accepted = {
        Bound{"min and the uncertainty", row.min ? std::optional(*row.min + *row.uncertainty) : row.min},
        Bound{"max less the uncertainty", row.max ? std::optional(*row.max - *row.uncertainty) : row.max}};
    for (const Bound& bound : accepted) {
      if (bound.value) check_physics(row, range, bound);
    }
  }

  void check_share(const Limit& row, const PlausibleRange& range, const NameplateFigure& figure,
                   const Bound& bound) {
    const double share = *bound.value / figure.value;
    if (share >= range.low_share && share <= range.high_share) return;
    implausible(
        row, bound,
        fmt::format("it is {:.3g} times the nameplate's {} of {} {}; {} to {} times is plausible", share,
                    figure.name, figure.value, figure.unit, range.low_share, range.high_share));
  }

  void implausible(const Limit& row, const Bound& bound, const std::string& why) {
    problems_.push_back({row.place, "limits.implausible",
                         fmt::format("'{}': {} of {} {} cannot be meant: {}", row.name, bound.key,
                                     *bound.value, row.unit, why),
                         "look at the unit of what it was taken from"});
  }

  const ProductLimits& table_;
  std::vector<Problem>& problems_;
};

}  // namespace

const std::vector<NameplateQuantity>& nameplate_quantities() {
  static const std::vector<NameplateQuantity> quantities = {{"gpu.power_limit", "W"},
                                                            {"gpu.memory.bandwidth", "GBy/s"},
                                                            {"nvlink.rate", "Gbit/s"},
                                                            {"gpu.nvlink_bandwidth", "GBy/s"}};
  return quantities;
}

void check_plausible(const ProductLimits& table, std::vector<Problem>& problems) {
  Plausible plausible(table, problems);
  for (const Limit& row : table.rows) plausible.check(row);
}

bool has_plausible_range(const std::string& measurement) { return range_of(measurement) != nullptr; }

}  // namespace kiln
