// The static test of a rack's coolant loop: pumps stopped, under pressure, and what it loses over a while. It
// finds what weeps too slowly for any leak detector.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cooling_steps.h"
#include "loop_at_rest.h"
#include "pressure_decay.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

/// Ours: a gauge that misses more of its readings than this was not watching.
constexpr double kMostMissed = 0.1;

/// One connection through settling and hold.
struct HeldLoop {
  std::string part, uri;
  std::vector<StaticSample> samples;  ///< since it is at rest
  std::optional<std::int64_t> hold_since_ns;
  int looked = 0, missed = 0;  ///< during the hold
  bool disturbed = false;      ///< it was not at rest for the whole hold
  std::string why_not;         ///< why nothing can be told so far
};

/// What is at rest moves nothing and no pump turns; nullopt: neither flow nor pumps tell.
std::optional<bool> at_rest(const CoolantReading& reading, const std::vector<PumpReading>& pumps,
                            double still_flow) {
  constexpr double kTurns = 1;  // %, below it a speed is the noise of a tachometer
  bool told = false;
  for (const PumpReading& pump : pumps) {
    if (!pump.speed_percent) continue;
    told = true;
    if (*pump.speed_percent > kTurns) return false;
  }
  if (reading.flow) {
    told = true;
    if (*reading.flow > still_flow) return false;
  }
  return told ? std::optional<bool>(true) : std::nullopt;
}

DecayRules rules_from(const Parameters& with) {
  DecayRules rules;
  rules.window = with.duration("window");
  rules.settled_within = with.number("settled_within");
  rules.resolves = with.number("resolves");
  rules.most_drift = with.number("most_drift");
  return rules;
}

/// One more look at one connection.
void look_at(HeldLoop& loop, const CoolantReading& reading, const std::vector<PumpReading>& pumps,
             std::int64_t now_ns, const Parameters& with) {
  loop.uri = reading.uri;
  const std::optional<bool> rests = at_rest(reading, pumps, with.number("still_flow"));
  const bool complete = reading.supply_pressure && reading.supply_temperature;
  if (loop.hold_since_ns) ++loop.looked;
  if (!complete || !rests) {
    loop.why_not = complete ? "neither a flow nor a pump's speed shows that it is at rest"
                            : "the connection gives no supply pressure and temperature";
    if (loop.hold_since_ns) ++loop.missed;
    return;
  }
  if (!*rests) {
    loop.why_not = "it is not at rest: coolant flows or a pump turns";
    loop.samples.clear();
    if (loop.hold_since_ns) loop.disturbed = true;  // what settles anew hides what is lost
    return;
  }
  if (*reading.supply_pressure < with.number("least_pressure")) {
    loop.why_not = fmt::format("it stands at {:.1f} kPa; a leak shows under at least {} kPa",
                               *reading.supply_pressure, with.number("least_pressure"));
    // Whatever it has lost in the hold is the finding.
    if (!loop.hold_since_ns) loop.samples.clear();
    if (!loop.hold_since_ns) return;
  }
  loop.samples.push_back({now_ns, *reading.supply_pressure, *reading.supply_temperature});
  if (loop.hold_since_ns) return;
  const std::optional<bool> settled = has_settled(loop.samples, rules_from(with));
  if (settled && *settled) {
    loop.hold_since_ns = now_ns;
    loop.samples = {loop.samples.back()};
  } else {
    loop.why_not = "its pressure still changes as it does after closing";
  }
}

using Loops = std::map<std::string, HeldLoop>;

bool all_hold(const Loops& loops) {
  return std::all_of(loops.begin(), loops.end(),
                     [](const auto& one) { return one.second.hold_since_ns.has_value(); });
}

awaitable<Status> watch(StepContext& context, std::string cdu, Loops& loops) {
  const Result<Bmc*> bmc = context.bmc_of(cdu);
  if (!bmc) co_return bmc.error();
  const std::int64_t begun_ns = context.ctx().now().monotonic_ns;
  const std::int64_t settle_by_ns = begun_ns + context.with().duration("settle_within").count();
  const std::int64_t hold_ns = context.with().duration("hold").count();
  std::optional<std::int64_t> until_ns;
  while (true) {
    const Result<std::vector<CoolantReading>> readings = co_await (*bmc)->coolant(context.ctx());
    if (!readings) co_return readings.error();
    const Result<std::vector<PumpReading>> pumps = co_await (*bmc)->pumps(context.ctx());
    if (!pumps) co_return pumps.error();
    const std::int64_t now_ns = context.ctx().now().monotonic_ns;
    for (auto& [name, loop] : loops) {
      CoolantReading reading;
      for (const CoolantReading& one : *readings) {
        if (one.name == name) reading = one;
      }
      look_at(loop, reading, *pumps, now_ns, context.with());
    }
    // All are held over the same time, so that the last to settle is watched as long as the first.
    if (!until_ns && all_hold(loops)) until_ns = now_ns + hold_ns;
    if (until_ns && now_ns >= *until_ns) co_return success();
    if (!until_ns && now_ns >= settle_by_ns) co_return success();
    context.progress(until_ns
                         ? fmt::format("held for {} more", format_duration(Nanoseconds(*until_ns - now_ns)))
                         : fmt::format("settling: {}", loops.begin()->second.why_not));
    const Status waited = co_await context.ctx().sleep_for(context.with().duration("every"));
    if (!waited) co_return waited;
  }
}

awaitable<Status> record_one(StepContext& context, std::string cdu, HeldLoop loop, std::string by,
                             std::int64_t begun_ns) {
  const std::string part = cdu + "/" + loop.part;
  const Source source{"redfish", loop.uri};
  Decay decay;
  if (!loop.hold_since_ns) {
    decay.why = loop.why_not.empty() ? std::string("the CDU does not list this connection") : loop.why_not;
  } else if (loop.disturbed) {
    decay.why = "during the hold it was not at rest: coolant flowed or a pump turned";
  } else if (static_cast<double>(loop.missed) > kMostMissed * static_cast<double>(loop.looked)) {
    decay.why =
        fmt::format("{} of {} readings of the hold are missing: {}", loop.missed, loop.looked, loop.why_not);
  } else {
    decay = decay_of(loop.samples, rules_from(context.with()));
  }
  Value lost;
  if (decay.per_minute) lost = *decay.per_minute;
  Reading lost_reading("coolant.pressure_decay", part, lost, source);
  lost_reading.reason = decay.why;
  const Result<Outcome> judged = co_await context.record(std::move(lost_reading));
  if (!judged) co_return judged.error();
  if (!loop.hold_since_ns) co_return success();
  Reading lowest("coolant.static_pressure", part, decay.lowest, source);
  const Result<Outcome> lowest_told = co_await context.record(std::move(lowest));
  if (!lowest_told) co_return lowest_told.error();
  Reading drift("coolant.static_temperature_drift", part, decay.temperature_drift, source);
  const Result<Outcome> drift_told = co_await context.record(std::move(drift));
  if (!drift_told) co_return drift_told.error();
  const Source person{"operator", "prepared by " + by};
  Reading settled("coolant.settled_after", part, static_cast<double>(*loop.hold_since_ns - begun_ns) / 1e9,
                  person);
  const Result<Outcome> settled_told = co_await context.record(std::move(settled));
  if (!settled_told) co_return settled_told.error();
  co_return success();
}

awaitable<Status> test_one(StepContext& context, const Dut& cdu) {
  const std::string id = cdu.id;
  Loops loops;
  for (const std::string& name : secondary_connections(cdu)) loops[name].part = name;
  if (loops.empty()) {
    co_return Error("cooling.no_loop", fmt::format("the rack file expects no secondary connection of {}", id),
                    "give its coolant_connectors under 'expect'", Blame::recipe);
  }
  std::string text = fmt::format("{} ({}). Answer when it is done", context.with().text("how"), id);
  std::string question = "prepare " + id;
  const Result<Handiwork> prepared = co_await ask_for(context, std::move(question), std::move(text));
  if (!prepared) co_return prepared.error();
  const std::int64_t begun_ns = context.ctx().now().monotonic_ns;
  for (auto& [name, loop] : loops) loop.why_not = prepared->why;
  if (prepared->done) {
    const Status watched = co_await watch(context, id, loops);
    if (!watched) co_return watched;
    // Who switched a tray on meanwhile warmed the loop, and worse.
    const Status still = co_await loop_is_unused(context);
    if (!still) co_return still;
  }
  for (const auto& [name, loop] : loops) {
    HeldLoop one = loop;
    std::string by = prepared->by;
    const Status recorded = co_await record_one(context, id, std::move(one), std::move(by), begun_ns);
    if (!recorded) co_return recorded;
  }
  if (!prepared->done) co_return success();
  std::string back_text =
      fmt::format("Let {} run as before: its pumps on, its valves open. Answer when it does", id);
  std::string back = "restore " + id;
  const Result<Handiwork> restored = co_await ask_for(context, std::move(back), std::move(back_text));
  if (!restored) co_return restored.error();
  if (restored->done) co_return success();
  std::string warning = fmt::format("{} was left at rest: {}", id, restored->why);
  const Status noted = co_await context.note(std::move(warning));
  co_return noted;
}

}  // namespace

const StepDescription& PressureHold::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.pressure_hold";
    made.rack_scope = true;
    made.bmc = {{BmcAbility::power_state, true, "to see that no tray is on"},
                {BmcAbility::coolant, true, "to read the loop's pressure and temperature"},
                {BmcAbility::pumps, false, "to see that the pumps stand"}};
    made.summary = "A closed coolant loop at rest and under pressure loses nothing; with every tray off";
    made.measurements = {{"coolant.pressure_decay", "kPa/min", ComponentKind::coolant_connector, true,
                          "coolant.pressure_decay",
                          "look for moisture at quick-disconnects, manifolds and cold plates, close off one "
                          "branch after the other and "
                          "repeat; do not switch on what may be wet",
                          "pressure lost per minute over the hold, corrected for temperature"},
                         {"coolant.static_pressure", "kPa", ComponentKind::coolant_connector, false, "", "",
                          "lowest pressure of the hold"},
                         {"coolant.static_temperature_drift", "K", ComponentKind::coolant_connector, false,
                          "", "", "between the coldest and the warmest reading of the hold"},
                         {"coolant.settled_after", "s", ComponentKind::coolant_connector, false, "", "",
                          "from the person's word to the beginning of the hold"}};
    made.parameters = {
        {"hold", ParameterType::duration, "15m", "how long it is watched once it has settled"},
        {"every", ParameterType::duration, "1s", "time between two readings"},
        {"window", ParameterType::duration, "1m", "two windows with the same slope: it has settled"},
        {"settled_within", ParameterType::number, "0.2", "kPa/min by which the two slopes may differ"},
        {"settle_within", ParameterType::duration, "30m", "not settled by then: nothing is told"},
        {"resolves", ParameterType::number, "0.05",
         "kPa/min; a slope known less well than that tells nothing"},
        {"most_drift", ParameterType::number, "3", "K by which the coolant's temperature may move"},
        {"least_pressure", ParameterType::number, "100", "kPa; below it nothing is told"},
        {"still_flow", ParameterType::number, "1", "L/min below which nothing flows"},
        {"how", ParameterType::text, "Stop all pumps of the CDU and bring the loop to its test pressure",
         "what the person is asked to do"},
        {"patience", ParameterType::duration, "30m", "how long to wait for the person"}};
    made.default_timeout = std::chrono::hours(8);
    return made;
  }();
  return description;
}

Status PressureHold::check(const Parameters& with) const {
  const bool long_enough = with.duration("hold") >= 10 * with.duration("every") &&
                           with.duration("window") >= 5 * with.duration("every") &&
                           with.duration("every") > Nanoseconds(0);
  if (long_enough) return success();
  return Error("cooling.pressure_hold",
               "cooling.pressure_hold: 'hold' must be at least ten readings long and 'window' five",
               "read more often with 'every', or hold longer", Blame::recipe);
}

std::vector<std::string> PressureHold::parts(const MeasurementDeclaration& /*measurement*/,
                                             const Parameters& /*with*/, const Dut& dut) const {
  return secondary_connections(dut);
}

awaitable<Status> PressureHold::run(StepContext& context) {
  const Status unused = co_await loop_is_unused(context);
  if (!unused) co_return unused;
  for (const Dut* dut : context.duts()) {
    if (dut->role != Role::cdu) continue;
    const Status done = co_await test_one(context, *dut);
    if (!done) co_return done;
  }
  co_return success();
}

}  // namespace kiln::cooling
