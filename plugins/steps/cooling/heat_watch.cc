#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

/// Below this a chassis carries no load whose heat could be told from the accuracy of flow and temperature
/// sensors: 0.5 kW are 1 K at 7.5 L/min. Ours.
constexpr double kLeastLoad_kw = 0.5;

struct HeatSample {
  std::int64_t at_ns = 0;
  double flow = 0;           // L/min
  double supply = 0;         // Cel
  double return_side = 0;    // Cel
  double electrical_kw = 0;  // of the chassis the connection belongs to
};

/// The electrical power of the chassis a connection belongs to ("Chassis_0/CoolantConnector_0" → Chassis_0):
/// the largest power sensor of that chassis, which is its total.
std::optional<double> chassis_power_kw(const std::vector<SensorReading>& sensors,
                                       const std::string& connector) {
  const std::string chassis = "/Chassis/" + connector.substr(0, connector.find('/')) + "/";
  std::optional<double> largest;
  for (const auto& sensor : sensors) {
    if (sensor.reading_type != "Power" || sensor.unit != "W" || !sensor.value) continue;
    if (sensor.uri.find(chassis) == std::string::npos) continue;
    if (!largest || *sensor.value > *largest) largest = sensor.value;
  }
  if (!largest) return std::nullopt;
  return *largest / 1000.0;
}

/// The samples of the longest stretch at load: power above half of the peak, and at least `settle` after it
/// rose.
std::vector<HeatSample> steady_part(const std::vector<HeatSample>& samples, Nanoseconds settle) {
  double peak = 0;
  for (const auto& sample : samples) peak = std::max(peak, sample.electrical_kw);
  if (peak < kLeastLoad_kw) return {};  // a tray that is off or idle: no load, however steady
  std::vector<HeatSample> best;
  std::vector<HeatSample> current;
  std::int64_t risen_ns = 0;
  bool high = false;
  for (const auto& sample : samples) {
    const bool is_high = sample.electrical_kw > 0.5 * peak;
    if (is_high && !high) risen_ns = sample.at_ns;
    if (!is_high && high) {
      if (current.size() > best.size()) best = current;
      current.clear();
    }
    high = is_high;
    if (high && sample.at_ns - risen_ns >= settle.count()) current.push_back(sample);
  }
  return current.size() > best.size() ? current : best;
}

}  // namespace

const StepDescription& HeatWatch::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.heat_watch";
    made.bmc = {{BmcAbility::coolant, true, "to know what heat the coolant carries away"},
                {BmcAbility::sensors, false, "to compare it with the power drawn"}};
    made.summary = "Beside a load: heat carried away by the coolant against electrical power drawn";
    made.measurements = {
        {"coolant.heat_balance", "1", ComponentKind::coolant_connector, true, "coolant.heat_balance",
         "check flow and temperature sensors, then for coolant that bypasses the cold plates",
         "flow x temperature rise x fluid constant over electrical power, mean of the steady part of the "
         "load"},
        {"coolant.flow.under_load", "L/min", ComponentKind::coolant_connector, true, "coolant.low_flow",
         "reseat the quick-disconnects, check for a closed valve, trapped air or a kinked hose",
         "lowest flow under load"},
        {"coolant.temperature_rise", "K", ComponentKind::coolant_connector, true, "coolant.temperature_rise",
         "reseat the quick-disconnects: too little coolant carries too much heat", "mean rise under load"}};
    made.parameters = {
        {"fluid_constant", ParameterType::number, "0.0667",
         "kW per (L/min x K): 0.0667 for PG25 near 30 Cel (1.02 kg/L x 3.92 kJ/(kg K) / 60), 0.0695 for "
         "water"},
        {"settle", ParameterType::duration, "60s", "after the load began, before a sample counts"},
        {"minimum_samples", ParameterType::integer, "3", "fewer steady samples give no result"}};
    made.monitor = true;
    return made;
  }();
  return description;
}

awaitable<Status> HeatWatch::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  std::map<std::string, std::vector<HeatSample>> samples;
  while (!context.ctx().stopped()) {
    const std::int64_t started = context.ctx().now().monotonic_ns;
    const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(context.ctx());
    const Result<std::vector<SensorReading>> sensors = co_await (*bmc)->sensors(context.ctx());
    if (readings) {
      for (const auto& reading : *readings) {
        const Status flow = co_await context.sample("coolant.flow", reading.name, "L/min", reading.flow);
        if (!flow) co_return flow;
        const Status supply = co_await context.sample("coolant.supply_temperature", reading.name, "Cel",
                                                      reading.supply_temperature);
        if (!supply) co_return supply;
        const Status back = co_await context.sample("coolant.return_temperature", reading.name, "Cel",
                                                    reading.return_temperature);
        if (!back) co_return back;
        if (!sensors) continue;
        const auto power = chassis_power_kw(*sensors, reading.name);
        if (!power || !reading.flow || !reading.supply_temperature || !reading.return_temperature) continue;
        samples[reading.name].push_back({context.ctx().now().monotonic_ns, *reading.flow,
                                         *reading.supply_temperature, *reading.return_temperature, *power});
      }
    }
    const std::int64_t next = started + context.every().count();
    const Nanoseconds pause(std::max<std::int64_t>(next - context.ctx().now().monotonic_ns, 1'000'000));
    const Status waited = co_await context.ctx().sleep_for(pause);
    if (!waited) break;
  }
  const double constant = context.with().number("fluid_constant");
  const auto needed =
      static_cast<std::size_t>(std::max<std::int64_t>(context.with().integer("minimum_samples"), 1));
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::coolant_connector)) {
    const auto steady = steady_part(samples[expected->name], context.with().duration("settle"));
    Value balance;
    Value lowest_flow;
    Value rise;
    if (steady.size() >= needed) {
      double removed = 0;
      double drawn = 0;
      double rises = 0;
      double lowest = steady.front().flow;
      for (const auto& sample : steady) {
        removed += sample.flow * (sample.return_side - sample.supply) * constant;
        drawn += sample.electrical_kw;
        rises += sample.return_side - sample.supply;
        lowest = std::min(lowest, sample.flow);
      }
      if (drawn > 0) balance = removed / drawn;
      lowest_flow = lowest;
      rise = rises / static_cast<double>(steady.size());
    }
    const std::string why =
        fmt::format("only {} samples of steady load were read, {} are needed", steady.size(), needed);
    const Source source{"computed", "CoolantConnectors and the chassis power sensor"};
    Reading balance_reading("coolant.heat_balance", expected->name, balance, source);
    balance_reading.reason = why;
    const Result<Outcome> balance_outcome = co_await context.record(std::move(balance_reading));
    if (!balance_outcome) co_return balance_outcome.error();
    Reading flow_reading("coolant.flow.under_load", expected->name, lowest_flow, source);
    flow_reading.reason = why;
    const Result<Outcome> flow_outcome = co_await context.record(std::move(flow_reading));
    if (!flow_outcome) co_return flow_outcome.error();
    Reading rise_reading("coolant.temperature_rise", expected->name, rise, source);
    rise_reading.reason = why;
    const Result<Outcome> rise_outcome = co_await context.record(std::move(rise_reading));
    if (!rise_outcome) co_return rise_outcome.error();
  }
  co_return success();
}

}  // namespace kiln::cooling
