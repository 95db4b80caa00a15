#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <map>
#include <optional>
#include <utility>

#include "nvlink_steps.h"
#include "windows.h"

namespace kiln::nvlink {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kReadBudget = std::chrono::seconds(60);

constexpr const char* kLinkDowned = "link_downed";
constexpr const char* kSwitchSide = "nvlink.switch_side.link_downed";

struct Watched {
  const char* counter;  ///< canonical name in NvlinkReading::errors
  bool judged;
  const char* summary;
};
constexpr std::array<Watched, 12> kWatched{{
    {"crc_data", true, "rise of the data CRC errors over the watch"},
    {"crc_flit", true, "rise of the flit CRC errors over the watch"},
    {"replay", true, "rise of the replays over the watch"},
    {"recovery", true, "rise of the link recoveries over the watch"},
    {kLinkDowned, true, "how often the link went down over the watch, on the GPU's side"},
    {"symbol", false,
     "rise of the symbol errors over the watch; nvlink.windows.bad_share judges how they are spread"},
    {"effective", false, "rise of the errors that forward error correction could not repair"},
    {"runtime", false, "rise of the runtime errors over the watch"},
    {"training", false, "rise of the training errors over the watch"},
    {"receive", true, "rise of the receive errors over the watch"},
    {"malformed", false, "rise of the malformed packets over the watch"},
    {"unintentional_down", false, "how often the link went down and nobody had asked for it"},
}};

/// What a good window has none of. The flags of runtime and training errors count nothing.
constexpr std::array<std::string_view, 8> kCountedInWindows{
    {"crc_data", "crc_flit", "replay", "recovery", kLinkDowned, "symbol", "effective", "receive"}};

constexpr const char* kBadShare = "nvlink.windows.bad_share";
constexpr const char* kWithoutValue = "nvlink.windows.without_value";
constexpr const char* kEffectiveBer = "nvlink.effective_ber.max";
constexpr const char* kRawBer = "nvlink.raw_ber.max";

struct LinkTrace {
  bool seen_up = false;  ///< what is counted while links train at power-on is no error of operation
  std::map<std::string, CounterRise> counters;
  CounterRise traffic;
  std::string uri;
  LinkWindows windows;
  std::optional<double> worst_ber;
  std::string odd_ber;  ///< a rate that is none
  std::optional<double> worst_raw_ber;
};

struct WatchMemory {
  std::map<std::string, LinkTrace> links;
  int rounds = 0, reads = 0, failures = 0;
  std::string last_failure;
  /// Set from the moment this run switched an end of the links until all ends are back: what is counted
  /// meanwhile may be our doing.
  std::string disturbed;
  std::int64_t disturbed_ns = 0;  ///< the newest switching that was noticed
  WindowRule rule;
};

bool is_gpu_side(const Dut& dut) { return !dut.expect.of_kind(ComponentKind::gpu).empty(); }

/// The DUT itself and those at the far ends of its links.
std::vector<std::string> ends(const StepContext& context) {
  std::vector<std::string> ids{context.dut().id};
  for (const Dut* other : far_ends(context.inventory(), context.dut())) ids.push_back(other->id);
  return ids;
}

void look_for_switching(const StepContext& context, WatchMemory& memory) {
  for (const std::string& id : ends(context)) {
    const std::int64_t off_ns = context.switched(id).off_ns;
    if (off_ns <= memory.disturbed_ns) continue;
    memory.disturbed_ns = off_ns;
    memory.disturbed = fmt::format("this run itself switched {}, at an end of the link", id);
  }
}

/// Every end that was switched off is on again, and its going down cannot still be ahead.
bool ends_are_back(const StepContext& context) {
  const std::int64_t now = context.ctx().now().monotonic_ns;
  const std::vector<std::string> all = ends(context);
  return std::all_of(all.begin(), all.end(), [&](const std::string& id) {
    const Switched switched = context.switched(id);
    return switched.off_ns == 0 || (switched.on_ns > switched.off_ns && switched.on_ns <= now);
  });
}

void take_count(const WatchMemory& memory, CounterRise& counter, std::int64_t count) {
  if (memory.disturbed.empty()) {
    counter.take(count, memory.rounds);
  } else {
    counter.take_disturbed(count, memory.rounds, memory.disturbed);
  }
}

/// A switch's port goes down with the tray at its far end: that alone makes no window bad.
LinkWindows::Counts counted_in_windows(const Dut& dut, const NvlinkReading& reading) {
  LinkWindows::Counts counts;
  for (const std::string_view counter : kCountedInWindows) {
    if (counter == kLinkDowned && !is_gpu_side(dut)) continue;
    const auto found = reading.errors.find(std::string(counter));
    if (found != reading.errors.end()) counts.insert(*found);
  }
  return counts;
}

void take_rate(const WatchMemory& memory, LinkTrace& link, const std::optional<double>& rate) {
  if (!rate || !memory.disturbed.empty()) return;
  if (!(*rate >= 0 && *rate <= 1)) {
    link.odd_ber = fmt::format("the BMC prints {} as an effective bit error rate", *rate);
    return;
  }
  link.worst_ber = std::max(link.worst_ber.value_or(0), *rate);
}

void take_window(const StepContext& context, WatchMemory& memory, LinkTrace& link,
                 const NvlinkReading& reading) {
  const LinkWindows::Counts counts = counted_in_windows(context.dut(), reading);
  if (counts.empty()) {
    link.windows.unread("the BMC gave no counter of the link");
    return;
  }
  link.windows.take(memory.rule, context.ctx().now().monotonic_ns, counts, memory.disturbed);
}

/// Links that were there before and are not in this answer.
void note_absent(WatchMemory& memory, const std::vector<NvlinkReading>& readings) {
  for (auto& [name, link] : memory.links) {
    const bool there =
        std::any_of(readings.begin(), readings.end(),
                    [&name = name](const NvlinkReading& reading) { return reading.name == name; });
    if (!there) link.windows.unread("the BMC did not list the link");
  }
}

void take(const StepContext& context, WatchMemory& memory, const std::vector<NvlinkReading>& readings) {
  look_for_switching(context, memory);
  bool all_up = true;
  for (const NvlinkReading& reading : readings) {
    LinkTrace& link = memory.links[reading.name];
    link.uri = reading.uri;
    const std::string word = link_word(reading);
    const bool up = boost::algorithm::iequals(word, "LinkUp") || boost::algorithm::iequals(word, "Enabled");
    all_up = all_up && (up || !link.seen_up);
    link.seen_up = link.seen_up || up;
    if (!link.seen_up) continue;
    for (const auto& [counter, count] : reading.errors) take_count(memory, link.counters[counter], count);
    if (reading.rx_bytes && reading.tx_bytes)
      take_count(memory, link.traffic, static_cast<std::int64_t>(*reading.rx_bytes + *reading.tx_bytes));
    take_rate(memory, link, reading.effective_ber);
    if (reading.raw_ber && *reading.raw_ber >= 0 && *reading.raw_ber <= 1 && memory.disturbed.empty())
      link.worst_raw_ber = std::max(link.worst_raw_ber.value_or(0), *reading.raw_ber);
    take_window(context, memory, link, reading);
  }
  note_absent(memory, readings);
  // This reading still holds what training has cost; the next one counts again.
  if (all_up && ends_are_back(context)) memory.disturbed.clear();
}

Reading delta(const std::string& measurement, const std::string& part, const LinkTrace* link,
              const CounterRise* counter, const WatchMemory& memory) {
  Reading reading(measurement, part, std::monostate{},
                  Source{"redfish", link == nullptr ? "PortMetrics" : link->uri});
  if (counter == nullptr || !counter->was_read()) {
    reading.reason = memory.reads == 0 && !memory.last_failure.empty()
                         ? fmt::format("the BMC never answered ({})", memory.last_failure)
                     : link == nullptr || !link->seen_up ? "the link was never seen up"
                                                         : "the BMC does not count this for the link";
    return reading;
  }
  const CounterRise::Answer answer = counter->answer(memory.rounds);
  if (answer.rise) reading.value = *answer.rise;
  reading.reason = answer.why_not;
  reading.at_least = answer.rise.has_value() && !answer.why_not.empty();
  return reading;
}

/// `last`: the look after the work is over, which counts also when it fails.
awaitable<void> read_once(const StepContext& context, Bmc& bmc, const Ctx& ctx, WatchMemory& memory,
                          bool last) {
  Ctx limited = ctx.child_within("NVLink counters", kReadBudget);
  const Result<std::vector<NvlinkReading>> readings = co_await bmc.nvlinks(limited);
  if (!readings && ctx.stopped() && !last) co_return;  // asked to end in the middle: no failure of the BMC
  ++memory.rounds;
  if (readings) {
    ++memory.reads;
    take(context, memory, *readings);
    co_return;
  }
  ++memory.failures;
  memory.last_failure = readings.error().message;
  for (auto& [name, link] : memory.links) link.windows.unread("the BMC did not answer");
}

awaitable<Status> last_reading(const StepContext& context, Bmc& bmc, Ctx& ctx, WatchMemory& memory) {
  co_await read_once(context, bmc, ctx, memory, true);
  co_return success();
}

const char* why_nothing(const LinkTrace* link, const WatchMemory& memory) {
  if (memory.reads == 0) return "the BMC never answered";
  return link == nullptr || !link->seen_up ? "the link was never seen up"
                                           : "the BMC does not tell this of the link";
}

std::vector<Reading> windows_of(const std::string& part, const LinkTrace* link, const WatchMemory& memory,
                                bool judges_rate) {
  const Source source{"redfish", link == nullptr ? "PortMetrics" : link->uri};
  std::vector<Reading> readings;
  Reading share(kBadShare, part, std::monostate{}, source);
  Reading without(kWithoutValue, part, std::monostate{}, source);
  share.reason = without.reason = why_nothing(link, memory);
  if (link != nullptr && link->seen_up) {
    const LinkWindows::Answer answer = link->windows.answer(memory.rule);
    if (answer.share) share.value = *answer.share;
    share.at_least = answer.short_of_truth;
    share.reason = answer.why;
    without.value = static_cast<std::int64_t>(link->windows.without_value());
  }
  readings.push_back(std::move(share));
  readings.push_back(std::move(without));
  if (!judges_rate) return readings;
  Reading rate(kEffectiveBer, part, std::monostate{}, source);
  rate.reason = why_nothing(link, memory);
  if (link != nullptr && link->worst_ber) rate.value = *link->worst_ber;
  if (link != nullptr && !link->odd_ber.empty()) {
    rate.reason = link->odd_ber;
    rate.at_least = true;
  }
  readings.push_back(std::move(rate));
  // A captured GB300 tray prints anything from 1e-8 to 1 on links without one raw error: kept, not judged.
  Reading raw(kRawBer, part, std::monostate{}, source);
  raw.reason = why_nothing(link, memory);
  if (link != nullptr && link->worst_raw_ber) raw.value = *link->worst_raw_ber;
  readings.push_back(std::move(raw));
  return readings;
}

awaitable<Status> record_watch(StepContext& context, const WatchMemory& memory) {
  const bool gpu_side = is_gpu_side(context.dut());
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::nvlink)) {
    const auto found = memory.links.find(expected->name);
    const LinkTrace* link = found == memory.links.end() ? nullptr : &found->second;
    for (const Watched& watched : kWatched) {
      const CounterRise* counter = nullptr;
      if (link != nullptr) {
        const auto known = link->counters.find(watched.counter);
        if (known != link->counters.end()) counter = &known->second;
      }
      // A switch's port goes down whenever the tray at its far end is switched: that is no error of the port.
      const bool far = !gpu_side && watched.counter == std::string_view(kLinkDowned);
      const std::string name = far ? kSwitchSide : fmt::format("nvlink.errors.{}.delta", watched.counter);
      Reading reading = delta(name, expected->name, link, counter, memory);
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
    Reading traffic =
        delta("nvlink.traffic", expected->name, link, link == nullptr ? nullptr : &link->traffic, memory);
    const Result<Outcome> outcome = co_await context.record(std::move(traffic));
    if (!outcome) co_return outcome.error();
    std::vector<Reading> windows = windows_of(expected->name, link, memory, gpu_side);
    for (Reading& one : windows) {
      const Result<Outcome> judged = co_await context.record(std::move(one));
      if (!judged) co_return judged.error();
    }
  }
  co_return success();
}

Result<WindowRule> rule_of(const StepContext& context) {
  WindowRule rule;
  rule.length = context.with().duration("window");
  rule.span = static_cast<int>(std::clamp<std::int64_t>(context.with().integer("span"), 1, 100'000));
  rule.least = static_cast<int>(std::clamp<std::int64_t>(context.with().integer("least"), 1, 100'000));
  rule.allowed_symbols = std::max<std::int64_t>(context.with().integer("allowed_symbols"), 0);
  rule.slack = context.every() / 2;
  if (rule.length < context.every()) {
    return Error("nvlink.window_too_short",
                 fmt::format("windows of {} cannot be cut out of readings that come every {}",
                             format_duration(rule.length), format_duration(context.every())),
                 "raise window or lower the monitor's every in the recipe", Blame::operator_);
  }
  return rule;
}

}  // namespace

const StepDescription& ErrorWatch::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.error_watch";
    made.bmc = {{BmcAbility::nvlinks, true, "to see how far the error counters rise"}};
    made.summary = "Beside everything: how far the error counters of each NVLink rise";
    for (const Watched& watched : kWatched) {
      made.measurements.push_back(
          {fmt::format("nvlink.errors.{}.delta", watched.counter), "1", ComponentKind::nvlink, watched.judged,
           watched.judged ? "nvlink.errors" : "",
           "reseat the tray in the cable cartridge, then replace the side that stays bad", watched.summary});
    }
    made.measurements.push_back(
        {kSwitchSide, "1", ComponentKind::nvlink, false, "", "",
         "how often a switch's port went down, also because the far tray was switched"});
    made.measurements.push_back({"nvlink.traffic", "By", ComponentKind::nvlink, false, "", "",
                                 "bytes sent and received over the watch: errors need traffic to show"});
    const std::string clean =
        "clean and reseat the cable cartridge's connector; swap the tray's slot to find the bad side";
    made.measurements.push_back({kBadShare, "1", ComponentKind::nvlink, true, "nvlink.flapping", clean,
                                 "share of windows with errors in the worst stretch of windows in a row"});
    made.measurements.push_back({kWithoutValue, "1", ComponentKind::nvlink, false, "", "",
                                 "windows cut short, unread, reset or disturbed: never counted as good"});
    made.measurements.push_back({kEffectiveBer, "1", ComponentKind::nvlink, true, "nvlink.bit_errors", clean,
                                 "worst effective bit error rate of the watch, on the GPU's side"});
    made.measurements.push_back({kRawBer, "1", ComponentKind::nvlink, false, "", "",
                                 "worst bit error rate before forward error correction, on the GPU's side"});
    made.parameters = {
        {"window", ParameterType::duration, "60s",
         "length of the windows; not shorter than the monitor's every"},
        {"span", ParameterType::integer, "30", "the worst so many windows in a row are judged"},
        {"least", ParameterType::integer, "10", "with fewer windows that have a value, nothing is said"},
        {"allowed_symbols", ParameterType::integer, "0", "symbol errors that a good window may have"}};
    made.monitor = true;
    return made;
  }();
  return description;
}

std::vector<std::string> ErrorWatch::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                           const Dut& dut) const {
  const bool of_gpus = measurement.name == std::string("nvlink.errors.") + kLinkDowned + ".delta" ||
                       measurement.name == kEffectiveBer || measurement.name == kRawBer;
  if (of_gpus && !is_gpu_side(dut)) return {};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> ErrorWatch::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  WatchMemory memory;
  const Result<WindowRule> rule = rule_of(context);
  if (!rule) co_return rule.error();
  memory.rule = *rule;
  while (!context.ctx().stopped()) {
    const std::int64_t started = context.ctx().now().monotonic_ns;
    co_await read_once(context, **bmc, context.ctx(), memory, false);
    const std::int64_t next = started + context.every().count();
    const Nanoseconds pause(std::max<std::int64_t>(next - context.ctx().now().monotonic_ns, 1'000'000));
    const Status waited = co_await context.ctx().sleep_for(pause);
    if (!waited) break;
  }
  // What happened since the last round counts too; the tray is still on when its work is over.
  Bmc& door = **bmc;
  const Status last = co_await shielded(
      context.ctx(), "last NVLink counters", kReadBudget,
      [&context, &door, &memory](Ctx& ctx) { return last_reading(context, door, ctx, memory); });
  for (auto& [name, link] : memory.links) link.windows.finish(memory.rule, context.ctx().now().monotonic_ns);
  (void)last;  // without it, only what had risen before is known
  if (memory.failures > 0) {
    Disturbance event;
    event.code = "nvlink.counters_unread";
    event.message = fmt::format("{} of {} readings of the NVLink counters failed: {}", memory.failures,
                                memory.failures + memory.reads, memory.last_failure);
    event.count = memory.failures;
    const Status told = co_await context.disturbance(std::move(event));
    if (!told) co_return told;
  }
  const Status recorded = co_await record_watch(context, memory);
  co_return recorded;
}

}  // namespace kiln::nvlink
