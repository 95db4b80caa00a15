// One pump of a CDU after the other is stopped by a person, with every tray off: the others must carry the
// whole flow, and the stopped one must come back.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cooling_steps.h"
#include "loop_at_rest.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

constexpr double kStands = 5;  // %: a wheel that coolant still turns

std::vector<std::string> pumps_of(const Dut& dut) {
  std::vector<std::string> names;
  if (dut.role != Role::cdu) return names;
  for (const Component* one : dut.expect.of_kind(ComponentKind::pump)) names.push_back(one->name);
  return names;
}

/// The flow of a CDU's connections to the rack together, L/min; nullopt: one of them gives none.
std::optional<double> flow_to_the_rack(const Dut& cdu, const std::vector<CoolantReading>& readings) {
  double sum = 0;
  for (const std::string& name : secondary_connections(cdu)) {
    const auto found = std::find_if(readings.begin(), readings.end(),
                                    [&name](const CoolantReading& one) { return one.name == name; });
    if (found == readings.end() || !found->flow) return std::nullopt;
    sum += *found->flow;
  }
  return sum;
}

/// The lowest flow of several readings; nullopt: one had none.
awaitable<Result<std::optional<double>>> lowest_flow(StepContext& context, const Dut& cdu, Bmc& bmc) {
  std::optional<double> lowest;
  const std::int64_t samples = context.with().integer("samples");
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    const Result<std::vector<CoolantReading>> readings = co_await bmc.coolant(context.ctx());
    if (!readings) co_return readings.error();
    const std::optional<double> flow = flow_to_the_rack(cdu, *readings);
    if (!flow) co_return std::optional<double>();
    lowest = std::min(lowest.value_or(*flow), *flow);
    const Status waited = co_await context.ctx().sleep_for(context.with().duration("every"));
    if (!waited) co_return waited.error();
  }
  co_return lowest;
}

/// Waits until the pump stands (or, `turning`, runs again). Its speed then; nullopt: it has not within the
/// step's time, or gives none.
awaitable<Result<std::optional<double>>> speed_once(StepContext& context, Bmc& bmc, std::string pump,
                                                    bool turning) {
  const std::int64_t until_ns = context.ctx().now().monotonic_ns + context.with().duration("within").count();
  const double runs = context.with().number("runs");
  while (true) {
    const Result<std::vector<PumpReading>> pumps = co_await bmc.pumps(context.ctx());
    if (!pumps) co_return pumps.error();
    for (const PumpReading& one : *pumps) {
      if (one.name != pump || !one.speed_percent) continue;
      const bool there = turning ? *one.speed_percent >= runs : *one.speed_percent <= kStands;
      if (there) co_return one.speed_percent;
    }
    if (context.ctx().now().monotonic_ns >= until_ns) co_return std::optional<double>();
    const Status waited = co_await context.ctx().sleep_for(context.with().duration("every"));
    if (!waited) co_return waited.error();
  }
}

/// What became of one pump's test.
struct PumpTested {
  std::optional<double> share;
  std::optional<bool> restarted;
  std::string why, by;
};

awaitable<Status> stop_and_start(StepContext& context, const Dut& cdu, Bmc& bmc, std::string pump,
                                 PumpTested& tested) {
  const Result<std::optional<double>> before = co_await lowest_flow(context, cdu, bmc);
  if (!before) co_return before.error();
  if (!*before || !(**before > 0)) {
    tested.why = "no flow to the rack could be read with all pumps running";
    co_return success();
  }
  std::string text =
      fmt::format("Stop {} of {} at the CDU, and no other. Answer when it stands", pump, cdu.id);
  std::string question = fmt::format("stop {} {}", cdu.id, pump);
  const Result<Handiwork> stopped = co_await ask_for(context, std::move(question), std::move(text));
  if (!stopped) co_return stopped.error();
  tested.by = stopped->by;
  tested.why = stopped->why;
  if (!stopped->done) co_return success();
  std::string name = pump;
  const Result<std::optional<double>> stands = co_await speed_once(context, bmc, std::move(name), false);
  if (!stands) co_return stands.error();
  if (!*stands) tested.why = fmt::format("{} was not seen to stand", pump);
  if (*stands) {
    const Status settled = co_await context.ctx().sleep_for(context.with().duration("settle"));
    if (!settled) co_return settled;
    const Result<std::optional<double>> after = co_await lowest_flow(context, cdu, bmc);
    if (!after) co_return after.error();
    if (*after) tested.share = **after / **before;
    if (!*after) tested.why = fmt::format("no flow to the rack could be read while {} stood", pump);
  }
  std::string back = fmt::format("Start {} of {} again. Answer when it runs", pump, cdu.id);
  std::string back_question = fmt::format("start {} {}", cdu.id, pump);
  const Result<Handiwork> started = co_await ask_for(context, std::move(back_question), std::move(back));
  if (!started) co_return started.error();
  if (!started->done) {
    tested.why = tested.why.empty() ? started->why : tested.why;
    co_return success();
  }
  std::string again = pump;
  const Result<std::optional<double>> turns = co_await speed_once(context, bmc, std::move(again), true);
  if (!turns) co_return turns.error();
  tested.restarted = turns->has_value();
  co_return success();
}

awaitable<Status> test_pumps(StepContext& context, const Dut& cdu) {
  const std::string id = cdu.id;
  const Result<Bmc*> bmc = context.bmc_of(id);
  if (!bmc) co_return bmc.error();
  const std::vector<std::string> pumps = pumps_of(cdu);
  for (const std::string& pump : pumps) {
    PumpTested tested;
    std::string name = pump;
    const Status done = co_await stop_and_start(context, cdu, **bmc, std::move(name), tested);
    if (!done) co_return done;
    const Source source{"redfish", tested.by.empty() ? "nobody stopped it" : "stopped by " + tested.by};
    Value share;
    if (tested.share) share = *tested.share;
    Reading carried("pump.redundancy.flow_share", id + "/" + pump, share, source);
    carried.reason = tested.why;
    const Result<Outcome> judged = co_await context.record(std::move(carried));
    if (!judged) co_return judged.error();
    Value again;
    if (tested.restarted) again = *tested.restarted;
    Reading restarted("pump.redundancy.restarted", id + "/" + pump, again, source);
    restarted.reason = tested.why.empty() ? "nobody started it again" : tested.why;
    const Result<Outcome> told = co_await context.record(std::move(restarted));
    if (!told) co_return told.error();
    // With one that does not come back the next would be the last.
    if (!tested.by.empty() && tested.restarted != true) {
      std::string warning =
          fmt::format("{} of {} was not seen to run again: no other pump is stopped", pump, id);
      const Status noted = co_await context.note(std::move(warning));
      co_return noted;
    }
  }
  co_return success();
}

}  // namespace

const StepDescription& PumpRedundancy::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.pump_redundancy";
    made.rack_scope = true;
    made.bmc = {{BmcAbility::power_state, true, "to see that no tray is on"},
                {BmcAbility::coolant, true, "to read the flow to the rack"},
                {BmcAbility::pumps, true, "to see that a pump stands and runs again"}};
    made.summary = "With any one pump of the CDU stopped the others carry the rack; with every tray off";
    made.measurements = {
        {"pump.redundancy.flow_share", "1", ComponentKind::pump, true, "pump.no_redundancy",
         "look at the pumps that ran meanwhile: speed limit, inverter, check valve of the one that stood",
         "lowest flow while this pump stood, over the flow with all running"},
        {"pump.redundancy.restarted", "", ComponentKind::pump, true, "pump.not_restarted",
         "see the CDU's own alarms before anything is switched on", "it ran again after it was stopped"}};
    made.parameters = {
        {"samples", ParameterType::integer, "10", "readings of the flow, of which the lowest counts"},
        {"every", ParameterType::duration, "1s", "time between two readings"},
        {"within", ParameterType::duration, "1m", "how long a pump may take to stand or to run"},
        {"settle", ParameterType::duration, "20s", "for the others to take over"},
        {"runs", ParameterType::number, "20", "% of speed from which on a pump runs"},
        {"patience", ParameterType::duration, "30m", "how long to wait for the person, each time"}};
    made.default_timeout = std::chrono::hours(4);
    return made;
  }();
  return description;
}

Status PumpRedundancy::check(const Parameters& with) const {
  if (with.integer("samples") >= 1 && with.duration("every") > Nanoseconds(0)) return success();
  return Error("cooling.pump_redundancy",
               "cooling.pump_redundancy: 'samples' and 'every' must be more than 0", "take the defaults",
               Blame::recipe);
}

std::vector<std::string> PumpRedundancy::parts(const MeasurementDeclaration& /*measurement*/,
                                               const Parameters& /*with*/, const Dut& dut) const {
  return pumps_of(dut);
}

awaitable<Status> PumpRedundancy::run(StepContext& context) {
  const Status unused = co_await loop_is_unused(context);
  if (!unused) co_return unused;
  for (const Dut* dut : context.duts()) {
    const std::size_t pumps = pumps_of(*dut).size();
    if (pumps == 0) continue;
    if (pumps == 1) {
      co_return Error(
          "cooling.one_pump",
          fmt::format("the rack file expects one pump of {}: there is no redundancy to test", dut->id),
          "name all its pumps under 'expect', or leave this step out", Blame::recipe);
    }
    const Status done = co_await test_pumps(context, *dut);
    if (!done) co_return done;
  }
  const Status still = co_await loop_is_unused(context);
  co_return still;
}

}  // namespace kiln::cooling
