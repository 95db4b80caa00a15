// Beside a load, once for the rack: every shelf and every tray is read, round after round, by its own BMC.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "bus_bar.h"
#include "power_chain_steps.h"

namespace kiln::power_chain {

using boost::asio::awaitable;

namespace {

/// One BMC that does not answer must not stretch a round until its sums mean nothing. Ours.
constexpr Nanoseconds kLongestRead = std::chrono::seconds(10);
constexpr const char* kInput = "input";
/// Of the highest voltage of a tray: what is lower hangs on another bus, such as 12 V behind a converter. A
/// tray does not run on a contact that loses that much. Ours.
constexpr double kSameBus = 0.6;

bool draws(const Dut& dut) {
  return dut.bmc && (dut.role == Role::compute_tray || dut.role == Role::switch_tray);
}
bool delivers(const Dut& dut) { return dut.bmc && dut.role == Role::power_shelf; }

void add_tray(const Dut& dut, const PowerChain& chain, Round& round) {
  if (chain.power) round.drawn += *chain.power;
  if (!chain.power && round.missing.empty())
    round.missing = fmt::format("{} does not say what it draws", dut.id);
  double highest = 0;
  for (const PowerInput& input : chain.inputs) highest = std::max(highest, input.voltage.value_or(0));
  std::optional<double> lowest;
  for (const PowerInput& input : chain.inputs) {
    if (!input.voltage || *input.voltage < kSameBus * highest) continue;
    lowest = std::min(lowest.value_or(*input.voltage), *input.voltage);
  }
  if (lowest) round.inputs[dut.id] = *lowest;
}

void add_shelf(const Dut& dut, const PowerChain& chain, Round& round, double& rails, int& told) {
  if (chain.supplies.empty() && round.missing.empty())
    round.missing = fmt::format("{} lists no power supply", dut.id);
  for (const PowerSupplyReading& supply : chain.supplies) {
    std::string why;
    const std::string word = supply_word(supply, why);
    if (word == "absent" || word == "off") continue;
    if (!supply.output_power) {
      if (round.missing.empty())
        round.missing = fmt::format("{}/{} does not say what it delivers", dut.id, supply.name);
      continue;
    }
    round.delivered += *supply.output_power;
    round.supplies[dut.id + "/" + supply.name] = {*supply.output_power, supply.capacity};
    for (const SupplyRail& rail : supply.rails) {
      // Some supplies have an output for the mains' voltage, too.
      if (!rail.voltage || (!rail.context.empty() && rail.context != "DCBus")) continue;
      rails += *rail.voltage;
      ++told;
    }
  }
}

awaitable<Status> look_round(StepContext& context, Round& round) {
  double rails = 0;
  int told = 0;
  for (const Dut* dut : context.duts()) {
    if (!draws(*dut) && !delivers(*dut)) continue;
    const std::string id = dut->id;
    const Result<Bmc*> bmc = context.bmc_of(id);
    if (!bmc) co_return bmc.error();
    const Ctx limited = context.ctx().child_within(id, kLongestRead);
    const Result<PowerChain> chain = co_await (*bmc)->power_chain(limited);
    const Status go_on = context.ctx().check();
    if (!go_on) co_return go_on;
    if (!chain) {
      if (round.missing.empty()) round.missing = fmt::format("{}: {}", id, chain.error().message);
    } else if (draws(*dut)) {
      add_tray(*dut, *chain, round);
    } else {
      add_shelf(*dut, *chain, round, rails, told);
    }
  }
  if (told > 0) round.rail = rails / told;
  co_return success();
}

Reading reading_of(const char* name, std::string part, const Figure& figure) {
  Value value;
  if (figure.value) value = *figure.value;
  Reading reading(name, std::move(part), value,
                  Source{"computed", "PowerSupplyMetrics, EnvironmentMetrics and sensors of all BMCs"});
  reading.reason = figure.why;
  return reading;
}

awaitable<Status> put(StepContext& context, Reading reading) {
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

/// Of a load of which too few rounds are known.
Figure none_because(const std::vector<Round>& rounds, std::size_t loaded, std::size_t needed) {
  std::string missing;
  for (const Round& round : rounds) {
    if (!round.missing.empty()) missing = round.missing;
  }
  return {std::nullopt, fmt::format("{} complete rounds under steady load were read, {} are needed{}", loaded,
                                    needed, missing.empty() ? "" : "; " + missing)};
}

template <class Figures>
Figure figure_at(const std::map<std::string, Figures>& from, const std::string& key, Figure Figures::*member,
                 const std::string& why) {
  const auto found = from.find(key);
  return found == from.end() ? Figure{std::nullopt, why} : found->second.*member;
}

}  // namespace

const StepDescription& BusBar::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "power_chain.bus_bar";
    made.rack_scope = true;
    made.monitor = true;
    made.bmc = {{BmcAbility::power_chain, true, "to add up what trays draw and shelves deliver"}};
    made.summary =
        "Beside a load: the trays draw what the shelves deliver, at the shelves' voltage, and the supplies "
        "share it";
    made.measurements = {
        {"power.bus_bar.balance", "1", ComponentKind::whole_dut, true, "power.bus_bar.unbalanced",
         "look for what draws and is in no rack file, for a hot joint of the bus bar, and for a meter that "
         "is wrong",
         "what all trays draw over what all supplies deliver, means of the same rounds under load"},
        {"power.bus_bar.headroom", "1", ComponentKind::whole_dut, true, "power.bus_bar.no_headroom",
         "add or repair supplies: with one shelf lost the others do not carry this rack",
         "capacity without the largest shelf over the most that was delivered"},
        {"power_supply.load_share", "1", ComponentKind::power_supply, true, "power_supply.odd_share",
         "reseat the supply and its connector to the bus bar; replace it when it does not take its share",
         "output over the median of the supplies of its capacity, mean under load"},
        {"power.input_voltage", "V", ComponentKind::sensor, true, "power.input_low",
         "reseat the tray on the bus bar and look at its clip for burns",
         "at the tray's side of its contact, mean under load"},
        {"power.input_voltage.drop", "V", ComponentKind::sensor, true, "power.contact_resistance",
         "reseat the tray on the bus bar and look at its clip for burns: a contact that has a resistance "
         "gets hot",
         "below the median of the trays, or with fewer than four below the rails of the shelves"}};
    made.parameters = {
        {"settle", ParameterType::duration, "60s", "after the rack's power rose, before a round counts"},
        {"minimum_rounds", ParameterType::integer, "3", "fewer under steady load give no result"}};
    return made;
  }();
  return description;
}

std::vector<std::string> BusBar::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                       const Dut& dut) const {
  if (measurement.per == ComponentKind::sensor)
    return draws(dut) ? std::vector<std::string>{kInput} : std::vector<std::string>{};
  if (measurement.per == ComponentKind::power_supply && dut.role != Role::power_shelf) return {};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> BusBar::run(StepContext& context) {
  std::vector<Round> rounds;
  while (!context.ctx().stopped()) {
    Round round;
    const std::int64_t began = context.ctx().now().monotonic_ns;
    const Status looked = co_await look_round(context, round);
    if (!looked) break;
    round.at_ns = (began + context.ctx().now().monotonic_ns) / 2;
    if (round.missing.empty()) {
      const Status drawn = co_await context.sample("power.bus_bar.drawn", "", "W", round.drawn);
      if (!drawn) co_return drawn;
      const Status delivered = co_await context.sample("power.bus_bar.delivered", "", "W", round.delivered);
      if (!delivered) co_return delivered;
    }
    rounds.push_back(std::move(round));
    const std::int64_t next = began + context.every().count();
    const Nanoseconds pause(std::max<std::int64_t>(next - context.ctx().now().monotonic_ns, 1'000'000));
    const Status waited = co_await context.ctx().sleep_for(pause);
    if (!waited) break;
  }
  const auto needed =
      static_cast<std::size_t>(std::max<std::int64_t>(context.with().integer("minimum_rounds"), 1));
  const std::vector<Round> steady = loaded_part(rounds, context.with().duration("settle"));
  const bool enough = steady.size() >= needed;
  const Figure none = none_because(rounds, steady.size(), needed);
  const std::vector<Round> nothing;
  const std::vector<Round>& loaded = enough ? steady : nothing;
  const bool shelves = std::any_of(context.inventory().duts.begin(), context.inventory().duts.end(),
                                   [](const Dut& dut) { return delivers(dut); });
  const Figure no_shelf{std::nullopt, "the rack file has no power shelf with a BMC"};
  const Figure& gap = shelves ? none : no_shelf;
  const bool has_sums = shelves && enough;
  Reading balance = reading_of("power.bus_bar.balance", "", has_sums ? balance_of(loaded) : gap);
  const Status balanced = co_await put(context, std::move(balance));
  if (!balanced) co_return balanced;
  Reading headroom = reading_of("power.bus_bar.headroom", "", has_sums ? headroom_of(loaded) : gap);
  const Status carried = co_await put(context, std::move(headroom));
  if (!carried) co_return carried;
  const std::map<std::string, Figure> shares = shares_of(loaded);
  const std::map<std::string, InputFigures> inputs = inputs_of(loaded);
  for (const Dut* dut : context.duts()) {
    if (delivers(*dut)) {
      for (const Component* supply : dut->expect.of_kind(ComponentKind::power_supply)) {
        const std::string part = dut->id + "/" + supply->name;
        const auto found = shares.find(part);
        Figure share = found == shares.end() ? none : found->second;
        if (enough && found == shares.end()) share.why = "it delivered nothing that could be read";
        Reading reading = reading_of("power_supply.load_share", part, share);
        const Status told = co_await put(context, std::move(reading));
        if (!told) co_return told;
      }
    }
    if (!draws(*dut)) continue;
    const std::string part = fmt::format("{}/{}", dut->id, kInput);
    const std::string why = enough ? "its BMC tells no voltage at which it gets its power" : none.why;
    const Figure volts = figure_at(inputs, dut->id, &InputFigures::voltage, why);
    Reading voltage = reading_of("power.input_voltage", part, volts);
    const Status read = co_await put(context, std::move(voltage));
    if (!read) co_return read;
    const Figure drop = figure_at(inputs, dut->id, &InputFigures::drop, why);
    Reading lower = reading_of("power.input_voltage.drop", part, drop);
    const Status compared = co_await put(context, std::move(lower));
    if (!compared) co_return compared;
  }
  co_return success();
}

}  // namespace kiln::power_chain
