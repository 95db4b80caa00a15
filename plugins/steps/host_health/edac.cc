#include <fmt/format.h>

#include "host_parts.h"
#include "host_steps.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kReadBudget = std::chrono::seconds(20);
constexpr const char* kCorrectable = "edac.correctable.delta";
constexpr const char* kReadable = "edac.readable";
constexpr const char* kUncorrectable = "edac.uncorrectable.delta";

struct PlaceTrace {
  std::string label;
  CounterRise correctable, uncorrectable;
};

struct WatchMemory {
  std::map<std::string, PlaceTrace> places;  ///< "mc0", "mc0/dimm1"
  int rounds = 0, reads = 0, failures = 0;
  bool last_was_read = false;
  std::string last_failure;
};

void take(CounterRise& counter, const std::optional<std::int64_t>& count, int round) {
  if (count) counter.take(*count, round);
}

/// `last`: the look after the work is over, which counts also when it fails.
awaitable<Status> read_once(StepContext& context, const Ctx& ctx, WatchMemory& memory, bool last) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Ctx limited = ctx.child_within("EDAC counters", kReadBudget);
  Command command(kEdacCommand);
  const Result<CommandResult> answer = co_await (*shell)->run(limited, std::move(command));
  const auto counters = answer ? read_edac(answer->out) : std::nullopt;
  if (!counters && ctx.stopped() && !last)
    co_return success();  // asked to end in the middle: no failure of the host
  ++memory.rounds;
  memory.last_was_read = counters.has_value();
  if (counters) {
    ++memory.reads;
    for (const auto& [address, counter] : *counters) {
      PlaceTrace& place = memory.places[address];
      place.label = counter.label;
      take(place.correctable, counter.correctable, memory.rounds);
      take(place.uncorrectable, counter.uncorrectable, memory.rounds);
    }
    co_return success();
  }
  ++memory.failures;
  memory.last_failure = answer ? "the counters were cut short" : answer.error().message;
  co_return success();
}

/// The address of an expected DIMM or controller: its own, or the one whose label is its name. Labels of the
/// firmware-first driver are "BANK LOCATOR" (ghes_edac), so the locator alone is enough where it is unique.
std::string address_of(const WatchMemory& memory, const std::string& name) {
  if (memory.places.contains(name)) return name;
  std::vector<std::string> exact, behind;
  for (const auto& [address, place] : memory.places) {
    if (place.label == name) exact.push_back(address);
    if (place.label.ends_with(" " + name)) behind.push_back(address);
  }
  if (exact.size() == 1) return exact.front();
  if (exact.empty() && behind.size() == 1) return behind.front();
  return {};
}

Reading delta(const char* measurement, const std::string& part, const std::string& address,
              const CounterRise* counter, const WatchMemory& memory) {
  Reading reading(measurement, part, std::monostate{},
                  Source{"ssh", "/sys/devices/system/edac/mc" + (address.empty() ? "" : "/" + address)});
  if (counter == nullptr || !counter->was_read()) {
    reading.reason = memory.reads == 0       ? "EDAC could not be read: " + memory.last_failure
                     : memory.places.empty() ? "this machine has no memory controller under EDAC"
                     : counter == nullptr    ? "EDAC knows no DIMM of this name"
                                             : "EDAC does not count this here";
    return reading;
  }
  const CounterRise::Answer answer = counter->answer(memory.rounds);
  reading.at_least = answer.rise.has_value() && !answer.why_not.empty();
  if (answer.rise) reading.value = *answer.rise;
  reading.reason = answer.why_not;
  return reading;
}

awaitable<Status> record_place(StepContext& context, std::string part, std::string address,
                               const WatchMemory& memory) {
  const auto found = memory.places.find(address);
  const PlaceTrace* place = found == memory.places.end() ? nullptr : &found->second;
  Reading correctable =
      delta(kCorrectable, part, address, place == nullptr ? nullptr : &place->correctable, memory);
  const Result<Outcome> first = co_await context.record(std::move(correctable));
  if (!first) co_return first.error();
  Reading uncorrectable =
      delta(kUncorrectable, part, address, place == nullptr ? nullptr : &place->uncorrectable, memory);
  const Result<Outcome> second = co_await context.record(std::move(uncorrectable));
  if (!second) co_return second.error();
  co_return success();
}

awaitable<Status> record_watch(StepContext& context, const WatchMemory& memory) {
  // A machine that never told, or no longer tells, is not one that has no errors.
  Reading readable(kReadable, "", std::monostate{}, Source{"ssh", "/sys/devices/system/edac/mc"});
  if (memory.last_was_read) readable.value = true;
  readable.reason = "EDAC could not be read: " + memory.last_failure;
  const Result<Outcome> read = co_await context.record(std::move(readable));
  if (!read) co_return read.error();
  std::map<std::string, bool> covered;
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::memory)) {
    const std::string address = address_of(memory, expected->name);
    covered[address] = true;
    const Status recorded = co_await record_place(context, expected->name, address, memory);
    if (!recorded) co_return recorded;
  }
  // A rise counts wherever it happens, also where the rack file expects nothing.
  std::string others;
  for (const auto& [address, place] : memory.places) {
    if (covered.contains(address)) continue;
    others += fmt::format("{}{}{}", others.empty() ? "" : ", ", address,
                          place.label.empty() ? "" : fmt::format(" ({})", place.label));
    const Status recorded = co_await record_place(context, address, address, memory);
    if (!recorded) co_return recorded;
  }
  if (memory.reads > 0 && memory.places.empty())
    others = "memory errors: this machine has no memory controller under EDAC";
  Reading uncovered("edac.uncovered", "", others.empty() ? std::string("none") : others,
                    Source{"ssh", "/sys/devices/system/edac/mc"});
  const Result<Outcome> outcome = co_await context.record(std::move(uncovered));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace

const StepDescription& EdacWatch::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.edac_watch";
    made.summary = "Beside everything: how far the memory error counters of the kernel (EDAC) rise";
    made.measurements = {
        {kCorrectable, "1", ComponentKind::memory, true, "memory.correctable_errors",
         "replace the DIMM that counts; of a controller, find the DIMM by swapping",
         "corrected memory errors while watched, per controller and DIMM"},
        {kUncorrectable, "1", ComponentKind::memory, true, "memory.uncorrectable_errors",
         "replace the DIMM that counts; of a controller, find the DIMM by swapping",
         "uncorrected memory errors while watched, per controller and DIMM"},
        {kReadable, "", ComponentKind::whole_dut, true, "", "see why the host does not answer over SSH",
         "the counters were read to the end, or the machine was seen to have none"},
        {"edac.uncovered", "", ComponentKind::whole_dut, false, "", "",
         "controllers and DIMMs the machine counts and the rack file does not list, or that it counts none"}};
    made.monitor = true;
    return made;
  }();
  return description;
}

awaitable<Status> EdacWatch::run(StepContext& context) {
  WatchMemory memory;
  while (!context.ctx().stopped()) {
    const Status read = co_await read_once(context, context.ctx(), memory, false);
    if (!read) co_return read;
    const Status waited = co_await context.ctx().sleep_for(context.every());
    if (!waited) break;
  }
  // What happened since the last round counts too.
  const Status last =
      co_await shielded(context.ctx(), "last EDAC counters", kReadBudget,
                        [&context, &memory](Ctx& ctx) { return read_once(context, ctx, memory, true); });
  (void)last;  // without it, only what had risen before is known
  if (memory.failures > 0) {
    Disturbance event;
    event.code = "edac.counters_unread";
    event.message = fmt::format("{} of {} readings of the EDAC counters failed: {}", memory.failures,
                                memory.failures + memory.reads, memory.last_failure);
    event.count = memory.failures;
    const Status told = co_await context.disturbance(std::move(event));
    if (!told) co_return told;
  }
  const Status recorded = co_await record_watch(context, memory);
  co_return recorded;
}

}  // namespace kiln::host_health
