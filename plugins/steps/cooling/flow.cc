#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

/// The mean of what was read; a connector that once had no value has none.
struct MeanReading {
  double sum = 0;
  int count = 0;
  bool missing = false;
  std::string uri;

  void add(const std::optional<double>& value, const std::string& from) {
    uri = from;
    if (!value) {
      missing = true;
      return;
    }
    sum += *value;
    ++count;
  }
  [[nodiscard]] Value mean() const {
    if (missing || count == 0) return std::monostate{};
    return sum / count;
  }
};

struct ConnectorMeans {
  MeanReading flow, supply, return_side;
};

}  // namespace

const StepDescription& Flow::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.flow";
    made.bmc = {{BmcAbility::coolant, true, "to read flow and temperatures of each connection"},
                {BmcAbility::pumps, true, "to read the speed of each pump"}};
    made.summary =
        "Coolant flows through every connection, cool enough, and the pumps run; proves cooling before load";
    made.measurements = {
        {"coolant.flow", "L/min", ComponentKind::coolant_connector, true, "coolant.low_flow",
         "reseat the quick-disconnects, check for a closed valve, trapped air or a kinked hose", "mean flow"},
        {"coolant.supply_temperature", "Cel", ComponentKind::coolant_connector, true,
         "coolant.supply_temperature", "check the CDU's set point and the facility water",
         "mean supply temperature"},
        {"coolant.return_temperature", "Cel", ComponentKind::coolant_connector, false, "", "",
         "mean return temperature"},
        {"pump.speed", "%", ComponentKind::pump, true, "pump.stopped",
         "check the pump and its redundancy partner", "pump speed"}};
    made.parameters = {{"samples", ParameterType::integer, "5", "readings to take the mean of"},
                       {"every", ParameterType::duration, "1s", "time between two readings"},
                       {"settle", ParameterType::duration, "0s", "wait before the first reading"}};
    made.proves_cooling = true;
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

awaitable<Status> Flow::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Status settled = co_await context.ctx().sleep_for(context.with().duration("settle"));
  if (!settled) co_return settled;
  std::map<std::string, ConnectorMeans> connectors;
  const std::int64_t samples = context.with().integer("samples");
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(context.ctx());
    if (!readings) co_return readings.error();
    for (const auto& reading : *readings) {
      auto& connector = connectors[reading.name];
      connector.flow.add(reading.flow, reading.uri);
      connector.supply.add(reading.supply_temperature, reading.uri);
      connector.return_side.add(reading.return_temperature, reading.uri);
    }
    if (sample + 1 == samples) break;
    const Status waited = co_await context.ctx().sleep_for(context.with().duration("every"));
    if (!waited) co_return waited;
  }
  for (const auto& [name, means] : connectors) {
    Reading flow("coolant.flow", name, means.flow.mean(), cooling_source(context.dut(), means.flow.uri));
    flow.reason = "the connection reports no flow";
    const Result<Outcome> flow_outcome = co_await context.record(std::move(flow));
    if (!flow_outcome) co_return flow_outcome.error();
    Reading supply("coolant.supply_temperature", name, means.supply.mean(),
                   cooling_source(context.dut(), means.supply.uri));
    supply.reason = "the connection reports no supply temperature";
    const Result<Outcome> supply_outcome = co_await context.record(std::move(supply));
    if (!supply_outcome) co_return supply_outcome.error();
    Reading back("coolant.return_temperature", name, means.return_side.mean(),
                 cooling_source(context.dut(), means.return_side.uri));
    const Result<Outcome> back_outcome = co_await context.record(std::move(back));
    if (!back_outcome) co_return back_outcome.error();
  }
  if (context.dut().expect.of_kind(ComponentKind::pump).empty()) co_return success();
  const Result<std::vector<PumpReading>> pumps = co_await (*bmc)->pumps(context.ctx());
  if (!pumps) co_return pumps.error();
  for (const auto& pump : *pumps) {
    Value value;
    if (pump.speed_percent) value = *pump.speed_percent;
    Reading speed("pump.speed", pump.name, value, cooling_source(context.dut(), pump.uri));
    speed.reason = "the pump reports no speed";
    const Result<Outcome> outcome = co_await context.record(std::move(speed));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

}  // namespace kiln::cooling
