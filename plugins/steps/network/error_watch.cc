#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "network_steps.h"

namespace kiln::network {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kLastLook = std::chrono::seconds(30);
constexpr const char* kSource = "/sys/class/infiniband/*/ports, /sys/class/net/*/carrier_changes";
constexpr const char* kDowns = "nic.link_downed.delta";

struct Watched {
  const char *measurement, *counter, *summary;
};
constexpr std::array<Watched, 3> kWatched{
    {{"nic.errors.recovery.delta", kRecovery, "how often a link recovered by itself over the watch"},
     {"nic.errors.symbol.delta", kSymbol, "rise of the symbol errors over the watch"},
     {"nic.errors.receive.delta", kReceive, "rise of the packets received with errors over the watch"}}};

struct PortTrace {
  bool seen_active = false;  ///< what is counted while a link trains is no error of operation
  std::map<std::string, CounterRise> counters;
};

struct WatchMemory {
  HostNetwork identity;  ///< of the last look that told serials
  bool identified = false;
  std::map<std::string, PortTrace> ports;
  int rounds = 0, reads = 0, failures = 0;
  std::string last_failure;
  /// From the moment this run switched the host until its links are up again.
  std::string disturbed;
  std::int64_t switched_ns = 0;
  bool booting = true;  ///< nothing was read yet, or not since this run switched it: silence is no failure
};

void look_for_switching(const StepContext& context, WatchMemory& memory) {
  const std::int64_t off_ns = context.switched(context.dut().id).off_ns;
  if (off_ns <= memory.switched_ns) return;
  memory.switched_ns = off_ns;
  memory.disturbed = "this run itself switched the host";
  memory.booting = true;
}

void take(const StepContext& context, WatchMemory& memory, const HostNetwork& host) {
  bool all_back = true;
  for (const Adapter& adapter : host.adapters) {
    if (adapter.is_virtual_function) continue;
    for (const Port& port : adapter.ports) {
      PortTrace& trace = memory.ports[port.name];
      const bool active = port.state == "ACTIVE" && port.physical_state == "LinkUp";
      all_back = all_back && (active || !trace.seen_active);
      trace.seen_active = trace.seen_active || active;
      if (!trace.seen_active) continue;
      for (const auto& [name, count] : port.counters) {
        CounterRise& counter = trace.counters[name];
        if (memory.disturbed.empty()) counter.take(count, memory.rounds);
        if (!memory.disturbed.empty()) counter.take_disturbed(count, memory.rounds, memory.disturbed);
      }
    }
  }
  const Switched switched = context.switched(context.dut().id);
  const std::int64_t now = context.ctx().now().monotonic_ns;
  // This look still holds what training has cost; the next one counts again.
  if (all_back && (switched.off_ns == 0 || (switched.on_ns > switched.off_ns && switched.on_ns <= now)))
    memory.disturbed.clear();
}

/// `last`: the look after the work is over, which counts also when it fails.
awaitable<void> look_once(StepContext& context, const Ctx& ctx, WatchMemory& memory, bool last) {
  look_for_switching(context, memory);
  if (!last && context.switched(context.dut().id).is_off()) co_return;
  const Result<HostNetwork> host = co_await look_at_ports(context, ctx, !memory.identified);
  if (!host && ctx.stopped() && !last) co_return;  // asked to end in the middle: no failure of the host
  look_for_switching(context, memory);
  if (!host && memory.booting && !last) {
    memory.last_failure = host.error().message;
    co_return;
  }
  ++memory.rounds;
  if (!host) {
    ++memory.failures;
    memory.last_failure = host.error().message;
    co_return;
  }
  memory.booting = context.switched(context.dut().id).is_off();  // an answer from just before
  ++memory.reads;
  if (!memory.identified) memory.identity = *host;
  memory.identified = true;
  take(context, memory, *host);
}

awaitable<Status> last_look(StepContext& context, Ctx& ctx, WatchMemory& memory) {
  co_await look_once(context, ctx, memory, true);
  co_return success();
}

/// What can be said of several counters together.
struct Sum {
  std::int64_t rise = 0;
  bool known = false, short_of_truth = false;
  std::string why;
};

void add(Sum& sum, const PortTrace& trace, const std::string& port, const char* counter, int rounds,
         std::int64_t per_rise) {
  const auto found = trace.counters.find(counter);
  if (found == trace.counters.end()) return;
  const CounterRise::Answer answer = found->second.answer(rounds);
  if (!answer.why_not.empty()) {
    sum.short_of_truth = true;
    sum.why = fmt::format("{}: {}", port, answer.why_not);
  }
  if (!answer.rise) return;
  sum.known = true;
  sum.rise += (*answer.rise + per_rise - 1) / per_rise;
}

/// A link that goes down and comes up again is one count of the port, or two changes of the carrier.
Sum downs_of(const PortTrace& trace, const Port& port, int rounds) {
  Sum of_port, of_carrier;
  add(of_carrier, trace, port.name, kCarrier, rounds, 2);
  // Drivers offer InfiniBand's counter for Ethernet, too, where nothing raises it.
  if (port.link_layer == "Ethernet") return of_carrier;
  add(of_port, trace, port.name, kLinkDowned, rounds, 1);
  if (!of_port.known) return of_carrier;
  if (!of_carrier.known) return of_port;
  return of_port.rise > of_carrier.rise ? of_port : of_carrier;
}

Reading reading_of(const char* measurement, const Component& part, const WatchMemory& memory,
                   const Uncabled& uncabled, const char* counter) {
  Reading reading(measurement, part.name, std::monostate{}, Source{"ssh", kSource});
  const PortsOfPart found = ports_of(memory.identity, part);
  if (memory.reads == 0 || found.ports.empty()) {
    reading.reason = memory.reads == 0 ? "the host's ports could never be read: " + memory.last_failure
                                       : not_found(memory.identity, part);
    return reading;
  }
  Sum all;
  for (std::size_t i = 0; i < found.ports.size(); ++i) {
    const std::string& name = found.ports[i]->name;
    if (uncabled.port(part.name, i + 1, *found.ports[i])) continue;
    const auto trace = memory.ports.find(name);
    const bool up = trace != memory.ports.end() && trace->second.seen_active;
    Sum one;
    if (up && counter == nullptr) one = downs_of(trace->second, *found.ports[i], memory.rounds);
    if (up && counter != nullptr) add(one, trace->second, name, counter, memory.rounds, 1);
    all.rise += one.rise;
    all.known = all.known || one.known;
    all.short_of_truth = all.short_of_truth || one.short_of_truth || !one.known;
    if (!one.why.empty()) all.why = one.why;
    if (!one.known && one.why.empty())
      all.why =
          name + (up ? ": the host does not count this, or it stands at its ceiling" : " was never seen up");
  }
  if (all.known) reading.value = all.rise;
  reading.at_least = all.known && all.short_of_truth;
  reading.reason = all.why;
  if (counter == nullptr && all.known && all.rise > 0)
    reading.action = "swap cable and transceiver, then the switch's port, and watch where the fault goes";
  return reading;
}

awaitable<Status> record_watch(StepContext& context, const WatchMemory& memory) {
  const Uncabled uncabled(context.with().text("uncabled"));
  for (const Component* part : context.dut().expect.of_kind(ComponentKind::nic)) {
    if (uncabled.whole_part(part->name)) continue;
    Reading downs = reading_of(kDowns, *part, memory, uncabled, nullptr);
    const Result<Outcome> judged = co_await context.record(std::move(downs));
    if (!judged) co_return judged.error();
    for (const Watched& watched : kWatched) {
      Reading rise = reading_of(watched.measurement, *part, memory, uncabled, watched.counter);
      const Result<Outcome> outcome = co_await context.record(std::move(rise));
      if (!outcome) co_return outcome.error();
    }
  }
  co_return success();
}

}  // namespace

const StepDescription& ErrorWatch::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "network.error_watch";
    made.summary = "Beside everything: how often network links go down, and how far their errors rise";
    const std::string swap =
        "swap cable and transceiver, then the switch's port, and watch where the fault goes";
    made.measurements = {{kDowns, "1", ComponentKind::nic, true, "nic.flapping", swap,
                          "how often its links went down over the watch"}};
    for (const Watched& watched : kWatched)
      made.measurements.push_back(
          {watched.measurement, "1", ComponentKind::nic, true, "nic.errors", swap, watched.summary});
    made.parameters = {uncabled_parameter()};
    made.monitor = true;
    return made;
  }();
  return description;
}

std::vector<std::string> ErrorWatch::parts(const MeasurementDeclaration& /*measurement*/,
                                           const Parameters& with, const Dut& dut) const {
  return cabled_parts(with, dut);
}

awaitable<Status> ErrorWatch::run(StepContext& context) {
  WatchMemory memory;
  while (!context.ctx().stopped()) {
    co_await look_once(context, context.ctx(), memory, false);
    const Status waited = co_await context.ctx().sleep_for(context.every());
    if (!waited) break;
  }
  // What happened since the last look counts too.
  const Status last =
      co_await shielded(context.ctx(), "last look at the ports", kLastLook,
                        [&context, &memory](Ctx& ctx) { return last_look(context, ctx, memory); });
  (void)last;  // without it, only what had risen before is known
  if (memory.failures > 0) {
    Disturbance event;
    event.code = "network.counters_unread";
    event.message = fmt::format("{} of {} looks at the network ports failed: {}", memory.failures,
                                memory.failures + memory.reads, memory.last_failure);
    event.count = memory.failures;
    const Status told = co_await context.disturbance(std::move(event));
    if (!told) co_return told;
  }
  const Status recorded = co_await record_watch(context, memory);
  co_return recorded;
}

}  // namespace kiln::network
