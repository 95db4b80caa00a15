#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "event_log_steps.h"
#include "judgement.h"
#include "new_entries.h"
#include "sdk/events.h"
#include "sdk/scope.h"

namespace kiln::event_log {

using boost::asio::awaitable;

namespace {

/// All logs of a tray: some hundred requests where a BMC expands nothing.
constexpr Nanoseconds kLookTakes = std::chrono::minutes(2);
/// The DUT's power waits for it.
constexpr Nanoseconds kLastLookTakes = std::chrono::seconds(30);
/// From the end of a look to one that an event brings forward: a storm of events costs no more than this.
constexpr Nanoseconds kLeastBetweenLooks = std::chrono::seconds(2);
/// Entries between two turns of the loop: a millisecond or two of work.
constexpr std::size_t kEntriesATurn = 250;
constexpr Nanoseconds kOthersTurn = std::chrono::milliseconds(1);
/// Keys that are kept of entries that a look left out.
constexpr std::size_t kMostHidden = 20'000;
/// Of what was not seen, in bytes.
constexpr std::size_t kMostGapText = 4096;
/// The last look may take this much longer than the longest before it.
constexpr Nanoseconds kLastLookMargin = std::chrono::seconds(10);
constexpr const char* kWatchAction =
    "read the entry; find the fault, or allow the entry with a reason in the product's limits";

/// What the watch has seen of one log.
struct SeenLog {
  std::set<std::string> entries;  ///< id and time of each
  std::string newest;             ///< key of the newest one
  /// It was read whole once, so that what is not in `entries` is new. Of a log that only links its entries
  /// and has many, what was not read may be old.
  bool whole = false;
};

struct LogWatch {
  explicit LogWatch(const std::vector<LogAllowance>& rows) : allowances(rows) {}
  Allowances allowances;
  std::map<std::string, SeenLog> logs;
  bool has_begun = false;  ///< what is old is known
  BmcClock clock;
  std::int64_t looks = 0, unanswered = 0, hurried = 0;
  std::int64_t unexpected = 0;
  std::map<std::string, std::int64_t> by_part;
  std::size_t diagnosed = 0;
  std::size_t allowed = 0;      ///< entries
  Nanoseconds longest_look{0};  ///< that was answered
  std::string gaps;             ///< what was written and may not have been seen
  std::string last_failure;     ///< of the last look; empty: it was answered
};

/// What the BMC says by itself brings the next look forward, and does nothing else: an event is no entry.
struct LogEars {
  std::optional<Ctx> pause;  ///< between two looks; an event ends it
  bool heard = false;
  void hear(const BmcEvent& event) {
    if (event.fact == BmcEvent::Fact::metrics || event.fact == BmcEvent::Fact::test) return;
    heard = true;
    if (pause) pause->request_stop(StopReason::sibling, "the BMC told of an event");
  }
};

awaitable<void> hear_of_entries(Ctx& ctx, StepContext& context, Bmc& bmc, std::shared_ptr<LogEars> ears) {
  std::function<void(const BmcEvent&)> on_event = [ears](const BmcEvent& event) { ears->hear(event); };
  const Status ended = co_await bmc.listen(ctx, std::move(on_event));
  if (ctx.stopped() || ended) co_return;
  std::string why = fmt::format("event logs are looked at without events: {}", ended.error().message);
  const Status noted = co_await context.note(std::move(why));
  (void)noted;  // what is broken with the record is told by whoever measures
}

awaitable<Status> pause_between_looks(const Ctx& ctx, std::shared_ptr<LogEars> ears, Nanoseconds every) {
  const std::int64_t ended = ctx.now().monotonic_ns;
  const Nanoseconds least = std::min(kLeastBetweenLooks, every);
  if (!ears->heard) {
    ears->pause.emplace(ctx.child("between looks"));
    const Status slept = co_await ears->pause->sleep_for(every);
    ears->pause.reset();
    if (slept || ctx.stopped()) co_return slept;
  }
  const Nanoseconds left(std::max<std::int64_t>(ended + least.count() - ctx.now().monotonic_ns, 1'000'000));
  const Status waited = co_await ctx.sleep_for(left);
  co_return waited;
}

/// The same for the same moment, however it is printed: a BMC whose firmware was updated may print it anew.
std::string key_of(const LogEntry& entry) {
  const std::optional<std::int64_t> at = parse_redfish_time(entry.created);
  return at ? fmt::format("{} at {} s", entry.id, *at / 1'000'000'000)
            : fmt::format("{} at {}", entry.id, entry.created);
}

void add_watch_gap(LogWatch& watch, const std::string& log, const std::string& why) {
  std::string gap = fmt::format("{}: {}", log, why);
  if (watch.gaps.find(gap) != std::string::npos) return;  // told once, however often it is seen
  if (watch.gaps.size() > kMostGapText) return;           // a log that runs over at each look
  watch.gaps += (watch.gaps.empty() ? "" : "; ") + gap;
}

/// Some milliseconds of work go between two turns of all others; a stop is looked at by the look itself.
awaitable<void> others_turn(const Ctx& ctx, std::size_t entries) {
  if (entries == 0 || entries % kEntriesATurn != 0) co_return;
  const Status waited = co_await ctx.sleep_for(kOthersTurn);
  (void)waited;
}

/// What was not there at the last look. The first look takes what it finds for old.
awaitable<std::vector<LogEntry>> take_log(const Ctx& ctx, LogWatch& watch, const EventLog& log,
                                          std::int64_t run_begun_ns) {
  std::vector<LogEntry> fresh;
  const bool is_known = watch.logs.contains(log.uri);
  SeenLog& seen = watch.logs[log.uri];
  std::vector<std::string> keys;
  for (const LogEntry& entry : log.entries) {
    keys.push_back(key_of(entry));
    co_await others_turn(ctx, keys.size());
  }
  std::set<std::string> now(keys.begin(), keys.end());
  const bool all_read = log.unread.empty() && log.entries.size() >= log.listed;
  if (is_known) {
    std::set<std::string> by_time;  // what a look could not read may be old all the same
    if (!seen.whole) {
      const NewEntries found = new_entries(log, std::nullopt, watch.clock, run_begun_ns);
      for (const LogEntry& entry : found.fresh) by_time.insert(key_of(entry));
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const bool is_new = seen.whole || by_time.contains(keys[i]);
      if (is_new && !seen.entries.contains(keys[i])) fresh.push_back(log.entries[i]);
    }
    if (log.unread.empty() && !seen.newest.empty() && !now.contains(seen.newest)) {
      add_watch_gap(
          watch, log.uri,
          fmt::format("the newest entry of one look ({}) was gone at the next: it was cleared, or ran over",
                      seen.newest));
    }
  } else if (watch.has_begun) {  // a log that was not there: only time can tell what is old
    const NewEntries found = new_entries(log, std::nullopt, watch.clock, run_begun_ns);
    fresh = found.fresh;
    add_watch_gap(watch, log.uri, "it was not there when the watch began");
  } else if (!log.unread.empty()) {
    add_watch_gap(watch, log.uri, "it could not be read whole when the watch began: " + log.unread);
  }
  const bool left_out = log.unread.empty() && !all_read;
  seen.whole = !left_out && (seen.whole || all_read);
  // What a look could not read, or left out, may only be hidden from it.
  if (!all_read && seen.entries.size() < kMostHidden) now.insert(seen.entries.begin(), seen.entries.end());
  seen.entries = std::move(now);
  const LogEntry* newest = newest_of(log.entries);
  if (log.unread.empty()) seen.newest = newest == nullptr ? std::string() : key_of(*newest);
  co_return fresh;
}

awaitable<Status> tell_entry(StepContext& context, LogWatch& watch, const Judged& one) {
  if (one.allowed != nullptr && ++watch.allowed > kMostDiagnoses) co_return success();
  if (one.allowed != nullptr) {
    std::string text = fmt::format("allowed, because {}: {}", one.allowed->reason, sentence_of(one));
    const Status noted = co_await context.note(std::move(text));
    co_return noted;
  }
  ++watch.unexpected;
  context.progress(fmt::format("{} unexpected log entries", watch.unexpected));
  // The first ones are told one by one, and fail; of a storm the count at the end tells.
  if (++watch.diagnosed > kMostDiagnoses) co_return success();
  const std::int64_t of_part = ++watch.by_part[one.part];
  {
    Diagnosed diagnosis;
    diagnosis.code = kUnexpected;
    diagnosis.part = one.part;
    diagnosis.message = sentence_of(one);
    diagnosis.action = kWatchAction;
    const Status told = co_await context.diagnose(std::move(diagnosis));
    if (!told) co_return told;
  }
  const std::string uri = one.entry.uri.empty() ? one.log : one.entry.uri;
  Reading reading(kUnexpected, one.part, one.part.empty() ? watch.unexpected : of_part,
                  Source{"redfish", uri});
  reading.action = fmt::format("{}: {}", sentence_of(one), kWatchAction);
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

/// One look at all logs. An Error is one of the record; a BMC that does not answer is counted. `last`: the
/// one after the work is over, which counts also when its time runs out.
awaitable<Status> look(StepContext& context, Bmc& bmc, const Ctx& ctx, LogWatch& watch, bool last) {
  const Ctx limited = ctx.child_within("event logs", kLookTakes);
  const std::int64_t began_ns = ctx.now().monotonic_ns;
  const Result<std::vector<EventLog>> logs = co_await bmc.event_logs_again(limited);
  if (!logs && !last && ctx.stopped())
    co_return success();  // asked to end in the middle: no failure of the BMC
  ++watch.looks;
  if (!logs) {
    ++watch.unanswered;
    watch.last_failure = logs.error().message;
    if (!watch.has_begun) add_watch_gap(watch, "the BMC", "it did not answer when the watch began");
    co_return success();
  }
  watch.longest_look = std::max(watch.longest_look, Nanoseconds(ctx.now().monotonic_ns - began_ns));
  watch.last_failure.clear();
  if (last && !watch.has_begun)
    add_watch_gap(watch, "the BMC", "its logs were not read before the work was over");
  std::vector<std::pair<std::string, LogEntry>> fresh;
  for (const EventLog& log : *logs) {
    if (!log.unread.empty()) watch.last_failure = fmt::format("{}: {}", log.uri, log.unread);
    std::vector<LogEntry> found = co_await take_log(limited, watch, log, context.run_begun_utc_ns());
    for (LogEntry& entry : found) fresh.emplace_back(log.uri, std::move(entry));
  }
  for (const auto& [uri, seen] : watch.logs) {
    const bool there =
        std::any_of(logs->begin(), logs->end(), [&uri = uri](const EventLog& log) { return log.uri == uri; });
    if (!there) add_watch_gap(watch, uri, "the log went away");
  }
  if (logs->empty()) watch.last_failure = "this BMC has no log of events";
  watch.has_begun = true;
  if (fresh.empty()) co_return success();
  const Result<std::optional<double>> offset = co_await bmc.clock_offset(limited);
  if (offset && *offset) watch.clock.after_s = *offset;
  const std::vector<StepWindow> windows = context.windows();
  for (auto& [uri, entry] : fresh) {
    std::string window = window_text(entry, watch.clock, windows);
    const Judged one = watch.allowances.judge(std::move(entry), uri, std::move(window), context.dut());
    if (one.severity == LogSeverity::ok) continue;
    const Status told = co_await tell_entry(context, watch, one);
    if (!told) co_return told;
  }
  co_return success();
}

awaitable<Status> record_watch_end(StepContext& context, const LogWatch& watch) {
  if (watch.unanswered > 0) {
    Disturbance event;
    event.code = "event_log.unanswered";
    event.message =
        fmt::format("{} of {} looks at the event logs were not answered", watch.unanswered, watch.looks);
    event.count = static_cast<int>(watch.unanswered);
    const Status told = co_await context.disturbance(std::move(event));
    if (!told) co_return told;
  }
  Reading looks("event_log.watch.looks", "", watch.looks, Source{"computed", "looks at the event logs"});
  const Result<Outcome> counted = co_await context.record(std::move(looks));
  if (!counted) co_return counted.error();
  Reading hurried("event_log.watch.hurried", "", watch.hurried,
                  Source{"computed", "looks that an event hurried"});
  const Result<Outcome> also = co_await context.record(std::move(hurried));
  if (!also) co_return also.error();
  std::string why = watch.gaps;
  if (!watch.last_failure.empty()) {
    why += fmt::format("{}the last look did not see all: {}", why.empty() ? "" : "; ", watch.last_failure);
  }
  Reading total(kUnexpected, "", std::monostate{}, Source{"redfish", "LogServices"});
  if (watch.has_begun) total.value = watch.unexpected;
  total.at_least = watch.has_begun && !why.empty();
  total.reason = why.empty() ? "the logs were never read" : why;
  total.action = kWatchAction;
  const Result<Outcome> judged = co_await context.record(std::move(total));
  if (!judged) co_return judged.error();
  co_return success();
}

}  // namespace

const StepDescription& Watch::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "event_log.watch";
    made.bmc = {{BmcAbility::event_log, true, "to see what it writes while the run goes on"},
                {BmcAbility::clock, false, "to tell into which step an entry fell"},
                {BmcAbility::event_stream, false, "to look at once when it tells of an event"}};
    made.summary =
        "Beside everything: tell of an entry that the product's limits do not allow as it is written";
    const ComponentKind dut = ComponentKind::whole_dut;
    made.measurements = {
        {kUnexpected, "1", dut, true, kUnexpected, kWatchAction,
         "entries above severity OK that the product's limits do not allow; also by part"},
        {"event_log.watch.looks", "1", dut, false, "", "", "how often the logs were read"},
        {"event_log.watch.hurried", "1", dut, false, "", "", "of these: brought forward by an event"}};
    made.monitor = true;
    return made;
  }();
  return description;
}

awaitable<Status> Watch::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  LogWatch watch(context.allowed_log_entries());
  const Result<std::optional<double>> offset = co_await (*bmc)->clock_offset(context.ctx());
  if (offset && *offset) watch.clock.before_s = *offset;
  const auto ears = std::make_shared<LogEars>();
  Scope listening(context.ctx());
  bool listens = false;
  Status recorded = success();
  while (recorded && !context.ctx().stopped()) {
    recorded = co_await look(context, **bmc, context.ctx(), watch, false);
    if (!recorded) break;
    if (!listens) {  // after the first look, so that it delays none
      listens = true;
      Bmc* door = *bmc;
      listening.start(
          "events", [&context, door, ears](Ctx& own) { return hear_of_entries(own, context, *door, ears); });
    }
    const Status waited = co_await pause_between_looks(context.ctx(), ears, context.every());
    if (!waited) break;
    if (std::exchange(ears->heard, false)) ++watch.hurried;
  }
  listening.request_stop(StopReason::sibling, "the watch ends");
  // What was written since the last look counts too; but a DUT that is to be made safe waits for nothing.
  const bool is_over = context.ctx().stop_reason() == StopReason::sibling;
  if (!is_over) watch.last_failure = "the work was stopped, and nobody has looked since";
  if (recorded && is_over) {
    Bmc* door = *bmc;
    std::function<awaitable<Status>(Ctx&)> last = [&context, door, &watch](Ctx& ctx) {
      return look(context, *door, ctx, watch, true);
    };
    const Nanoseconds takes = std::clamp(watch.longest_look + kLastLookMargin, kLastLookTakes, kLookTakes);
    recorded = co_await shielded(context.ctx(), "last look at the event logs", takes, std::move(last));
  }
  const Status silent = co_await listening.join();
  (void)silent;  // it has done nothing but hurry
  if (!recorded) co_return recorded;
  const Status told = co_await record_watch_end(context, watch);
  co_return told;
}

}  // namespace kiln::event_log
