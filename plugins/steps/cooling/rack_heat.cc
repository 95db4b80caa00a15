// Beside a load, once for the rack: the heat that its trays make, give to the coolant, and that comes to the
// CDU.

#include "rack_heat.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cooling_steps.h"
#include "loop_at_rest.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

/// Of the peak: a rack at load. Below it trays are missing from the load, or ramp up. Ours.
constexpr double kLoadedRack = 0.8;
/// One BMC that does not answer must not stretch a round until its sums mean nothing. Ours.
constexpr Nanoseconds kLongestHeatRead = std::chrono::seconds(10);

bool is_in_loop(const Dut& dut) {
  const bool tray =
      dut.role == Role::compute_tray || dut.role == Role::switch_tray || dut.role == Role::server;
  return dut.bmc && tray && !dut.expect.of_kind(ComponentKind::coolant_connector).empty();
}
bool cools(const Dut& dut) { return dut.bmc && !secondary_connections(dut).empty(); }

void miss(std::string& missing, std::string why) {
  if (missing.empty()) missing = std::move(why);
}

/// L/min x K of those connections; nullopt: one of them does not tell.
std::optional<double> carried(const std::vector<std::string>& names,
                              const std::vector<CoolantReading>& readings) {
  double sum = 0;
  for (const std::string& name : names) {
    const auto found = std::find_if(readings.begin(), readings.end(),
                                    [&name](const CoolantReading& one) { return one.name == name; });
    if (found == readings.end() || !found->flow || !found->supply_temperature || !found->return_temperature)
      return std::nullopt;
    sum += *found->flow * (*found->return_temperature - *found->supply_temperature);
  }
  return sum;
}

awaitable<Status> read_tray(StepContext& context, const Dut& dut, HeatRound& round) {
  const std::string id = dut.id;
  const Result<Bmc*> bmc = context.bmc_of(id);
  if (!bmc) co_return bmc.error();
  const Ctx limited = context.ctx().child_within(id, kLongestHeatRead);
  const Result<PowerChain> chain = co_await (*bmc)->power_chain(limited);
  const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(limited);
  const Status go_on = context.ctx().check();
  if (!go_on) co_return go_on;
  std::vector<std::string> names;
  for (const Component* one : dut.expect.of_kind(ComponentKind::coolant_connector))
    names.push_back(one->name);
  const std::optional<double> taken = readings ? carried(names, *readings) : std::nullopt;
  if (chain && chain->power) round.drawn_kw += *chain->power / 1000;
  if (!chain) miss(round.missing, fmt::format("{}: {}", id, chain.error().message));
  if (chain && !chain->power) miss(round.missing, fmt::format("{} does not say what it draws", id));
  if (taken) round.trays += *taken;
  if (!readings) miss(round.missing, fmt::format("{}: {}", id, readings.error().message));
  if (readings && !taken)
    miss(round.missing, fmt::format("a connection of {} tells no flow or no temperature", id));
  co_return success();
}

awaitable<Status> read_unit(StepContext& context, const Dut& dut, HeatRound& round) {
  const std::string id = dut.id;
  const Result<Bmc*> bmc = context.bmc_of(id);
  if (!bmc) co_return bmc.error();
  const Ctx limited = context.ctx().child_within(id, kLongestHeatRead);
  const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(limited);
  const Status go_on = context.ctx().check();
  if (!go_on) co_return go_on;
  const std::optional<double> taken =
      readings ? carried(secondary_connections(dut), *readings) : std::nullopt;
  if (taken) round.units = round.units.value_or(0) + *taken;
  if (!readings) miss(round.unit_missing, fmt::format("{}: {}", id, readings.error().message));
  if (readings && !taken)
    miss(round.unit_missing,
         fmt::format("a connection of {} to the rack tells no flow or no temperature", id));
  co_return success();
}

awaitable<Status> look_at_all(StepContext& context, HeatRound& round) {
  for (const Dut* dut : context.duts()) {
    Status looked = success();
    if (is_in_loop(*dut)) looked = co_await read_tray(context, *dut, round);
    if (cools(*dut)) looked = co_await read_unit(context, *dut, round);
    if (!looked) co_return looked;
  }
  co_return success();
}

awaitable<Status> tell_heat(StepContext& context, const char* name, std::string part,
                            const HeatFigure& figure) {
  Value value;
  if (figure.value) value = *figure.value;
  Reading reading(name, std::move(part), value,
                  Source{"computed", "coolant connections and power of all trays and CDUs"});
  reading.reason = figure.why;
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

/// Without a stretch that is long enough there is no figure, and this is why.
std::string too_few(const std::vector<HeatRound>& rounds, std::size_t loaded, std::size_t needed) {
  std::string missing;
  for (const HeatRound& round : rounds) {
    if (!round.missing.empty()) missing = round.missing;
  }
  return fmt::format("{} complete rounds under steady load were read, {} are needed{}", loaded, needed,
                     missing.empty() ? "" : "; " + missing);
}

}  // namespace

std::vector<HeatRound> loaded_rounds(const std::vector<HeatRound>& rounds, Nanoseconds settle) {
  double peak = 0;
  for (const HeatRound& round : rounds) {
    if (round.missing.empty()) peak = std::max(peak, round.drawn_kw);
  }
  std::vector<HeatRound> best, current;
  std::int64_t risen_ns = 0;
  bool high = false;
  for (const HeatRound& round : rounds) {
    if (!round.missing.empty()) continue;
    const bool is_high = peak > 0 && round.drawn_kw > kLoadedRack * peak;
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

HeatFigure rack_balance(const std::vector<HeatRound>& loaded, double fluid_constant) {
  double drawn = 0, taken = 0;
  for (const HeatRound& round : loaded) {
    drawn += round.drawn_kw;
    taken += round.trays * fluid_constant;
  }
  if (drawn <= 0) return {std::nullopt, "the trays draw nothing"};
  return {taken / drawn, ""};
}

HeatFigure unit_balance(const std::vector<HeatRound>& loaded) {
  double units = 0, trays = 0;
  std::size_t count = 0;
  std::string missing;
  for (const HeatRound& round : loaded) {
    if (!round.unit_missing.empty()) missing = round.unit_missing;
    if (!round.units || !round.unit_missing.empty()) continue;
    units += *round.units;
    trays += round.trays;
    ++count;
  }
  if (count * 2 < loaded.size() || count == 0)
    return {std::nullopt, missing.empty() ? "no CDU was read" : missing};
  if (trays <= 0) return {std::nullopt, "the coolant is not warmed by the trays"};
  return {units / trays, ""};
}

const StepDescription& RackHeat::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.rack_heat";
    made.rack_scope = true;
    made.monitor = true;
    made.bmc = {{BmcAbility::coolant, true, "to add up the heat that the coolant carries"},
                {BmcAbility::power_chain, true, "to know what each tray draws"}};
    made.summary =
        "Beside a load: the coolant carries away what the rack draws, and what leaves the trays comes to the "
        "CDU";
    made.measurements = {
        {"coolant.rack_heat_balance", "1", ComponentKind::whole_dut, true, "coolant.rack_heat_balance",
         "look for the tray whose own balance is off; where none is, for heat that leaves by air",
         "flow x temperature rise x fluid constant over what the trays draw, sums over the rack under load"},
        {"coolant.unit_heat_balance", "1", ComponentKind::coolant_connector, true,
         "coolant.unit_heat_balance",
         "compare the CDU's flow meter and thermometers with the trays'; then look for coolant that goes "
         "elsewhere",
         "heat that comes to all CDUs over heat that leaves all trays, under load"}};
    made.parameters = {
        {"fluid_constant", ParameterType::number, "0.0667",
         "kW per (L/min x K): 0.0667 for PG25 near 30 Cel (1.02 kg/L x 3.92 kJ/(kg K) / 60), 0.0695 for "
         "water"},
        {"settle", ParameterType::duration, "60s", "after the rack's power rose, before a round counts"},
        {"minimum_rounds", ParameterType::integer, "3", "fewer under steady load give no result"}};
    return made;
  }();
  return description;
}

std::vector<std::string> RackHeat::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                         const Dut& dut) const {
  if (measurement.per == ComponentKind::coolant_connector)
    return cools(dut) ? secondary_connections(dut) : std::vector<std::string>{};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> RackHeat::run(StepContext& context) {
  std::vector<HeatRound> rounds;
  const double constant = context.with().number("fluid_constant");
  while (!context.ctx().stopped()) {
    HeatRound round;
    const std::int64_t began = context.ctx().now().monotonic_ns;
    const Status looked = co_await look_at_all(context, round);
    if (!looked) break;
    round.at_ns = (began + context.ctx().now().monotonic_ns) / 2;
    if (round.missing.empty()) {
      const Status taken = co_await context.sample("coolant.rack_heat", "", "kW", round.trays * constant);
      if (!taken) co_return taken;
      const Status drawn = co_await context.sample("coolant.rack_power", "", "kW", round.drawn_kw);
      if (!drawn) co_return drawn;
    }
    rounds.push_back(std::move(round));
    const std::int64_t next = began + context.every().count();
    const Nanoseconds pause(std::max<std::int64_t>(next - context.ctx().now().monotonic_ns, 1'000'000));
    const Status waited = co_await context.ctx().sleep_for(pause);
    if (!waited) break;
  }
  const auto needed =
      static_cast<std::size_t>(std::max<std::int64_t>(context.with().integer("minimum_rounds"), 1));
  const std::vector<HeatRound> steady = loaded_rounds(rounds, context.with().duration("settle"));
  const HeatFigure none{std::nullopt, too_few(rounds, steady.size(), needed)};
  const bool enough = steady.size() >= needed;
  const HeatFigure rack = enough ? rack_balance(steady, constant) : none;
  const HeatFigure units = enough ? unit_balance(steady) : none;
  std::string whole;
  const Status balanced = co_await tell_heat(context, "coolant.rack_heat_balance", std::move(whole), rack);
  if (!balanced) co_return balanced;
  // They only add up together: any of them may be the one that is wrong.
  for (const Dut* dut : context.duts()) {
    if (!cools(*dut)) continue;
    for (const std::string& connection : secondary_connections(*dut)) {
      std::string part = dut->id + "/" + connection;
      const Status told = co_await tell_heat(context, "coolant.unit_heat_balance", std::move(part), units);
      if (!told) co_return told;
    }
  }
  co_return success();
}

}  // namespace kiln::cooling
