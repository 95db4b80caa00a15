#include <fmt/format.h>

#include <algorithm>

#include "event_log_steps.h"
#include "new_entries.h"

namespace kiln::event_log {

using boost::asio::awaitable;

namespace {

constexpr const char* kNoLog = "this BMC has no log of events";

std::string listing_of_old(const std::vector<EventLog>& logs) {
  std::string text;
  for (const EventLog& log : logs) {
    text += fmt::format("{} ({} entries{})\n", log.uri, log.entries.size(),
                        log.unread.empty() ? std::string() : ", not all read: " + log.unread);
    for (const LogEntry& entry : log.entries) {
      text += fmt::format("  {} {} {} {} {} {}\n", entry.id, entry.created,
                          entry.severity.empty() ? "-" : entry.severity, entry.message_id, entry.message,
                          entry.origin);
    }
  }
  return text;
}

awaitable<Status> record_log(StepContext& context, const EventLog& log) {
  const Source source{"redfish", log.uri};
  Reading ids("event_log.before.ids", log.uri, ids_as_text(log.entries), source);
  const Result<Outcome> kept = co_await context.record(std::move(ids));
  if (!kept) co_return kept.error();
  Reading times("event_log.before.times", log.uri, times_as_text(log.entries), source);
  const Result<Outcome> dated = co_await context.record(std::move(times));
  if (!dated) co_return dated.error();
  Reading newest("event_log.before.newest", log.uri, name_of_newest(log.entries), source);
  const Result<Outcome> named = co_await context.record(std::move(newest));
  if (!named) co_return named.error();
  if (!log.capacity) co_return success();
  const auto held = static_cast<double>(std::max(log.listed, log.entries.size()));
  // Some hold more than they say; they are full, no worse.
  const double percent = std::min(100.0, 100.0 * held / static_cast<double>(*log.capacity));
  Reading fill("event_log.fill", log.uri, percent, source);
  const bool stops = log.when_full != "WrapsWhenFull";
  fill.action = stops ? "save and clear this log: full, it may take no more entries"
                      : "save and clear this log: its oldest entries are about to be overwritten";
  const Result<Outcome> filled = co_await context.record(std::move(fill));
  if (!filled) co_return filled.error();
  co_return success();
}

}  // namespace

const StepDescription& Before::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "event_log.before";
    made.bmc = {{BmcAbility::event_log, true, "to know which entries are old"},
                {BmcAbility::clock, false, "to tell entries of the run by their time"}};
    made.summary = "Read the BMC's event logs and keep in the record what is old; say which are nearly full";
    const ComponentKind dut = ComponentKind::whole_dut;
    made.measurements = {
        {"event_log.readable", "", dut, true, "event_log.unreadable",
         "look at the BMC's log services by hand; its firmware may be at fault",
         "every log of the BMC was read"},
        {"event_log.fill", "%", dut, true, "event_log.full", "save and clear this log",
         "how full each log is, of those that say how much they hold"},
        {"event_log.before.logs", "", dut, false, "", "", "the logs there were"},
        {"event_log.before.ids", "", dut, false, "", "", "the entries each log held"},
        {"event_log.before.times", "", dut, false, "", "", "when each of them was made"},
        {"event_log.before.newest", "", dut, false, "", "", "the newest entry of each log"},
        {"event_log.before.serious", "1", dut, false, "", "", "old entries that are not of severity OK"},
        {"event_log.clock_offset", "s", dut, false, "", "", "the BMC's clock minus the station's"}};
    made.judged_by = "event_log.after";
    made.on_resume = ResumePolicy::keep;  // it is what was before the run; later it would be something else
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Before::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                       const Dut& dut) const {
  // Logs are not in the rack file: each that says how full it is, is judged.
  if (measurement.name == "event_log.fill") return {};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> Before::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::optional<double>> offset = co_await (*bmc)->clock_offset(context.ctx());
  if (!offset) co_return offset.error();
  const Result<std::vector<EventLog>> logs = co_await (*bmc)->event_logs(context.ctx());
  if (!logs) co_return logs.error();

  Value clock;
  if (*offset) clock = **offset;
  Reading offset_reading("event_log.clock_offset", "before", clock, Source{"redfish", "Manager.DateTime"});
  offset_reading.reason = "the BMC has no clock";
  const Result<Outcome> measured = co_await context.record(std::move(offset_reading));
  if (!measured) co_return measured.error();

  std::string names, unread;
  std::int64_t serious = 0;
  for (const EventLog& log : *logs) {
    names += (names.empty() ? "" : " ") + log.uri;
    if (!log.unread.empty())
      unread += fmt::format("{}{}: {}", unread.empty() ? "" : "; ", log.uri, log.unread);
    for (const LogEntry& entry : log.entries) {
      if (log_severity_from(entry.severity) != LogSeverity::ok) ++serious;
    }
    const Status recorded = co_await record_log(context, log);
    if (!recorded) co_return recorded;
  }
  Reading there("event_log.before.logs", "", names, Source{"redfish", "LogServices"});
  const Result<Outcome> listed = co_await context.record(std::move(there));
  if (!listed) co_return listed.error();
  Reading old("event_log.before.serious", "", serious, Source{"redfish", "LogServices"});
  const Result<Outcome> counted = co_await context.record(std::move(old));
  if (!counted) co_return counted.error();
  std::string listing = listing_of_old(*logs);
  std::string file = fmt::format("event-log-before-{}.txt", context.dut().id);
  std::string type = "text/plain";
  const Status attached = co_await context.attach(std::move(file), std::move(type), std::move(listing));
  if (!attached) co_return attached;

  Reading readable("event_log.readable", "", std::monostate{}, Source{"redfish", "LogServices"});
  if (unread.empty() && !logs->empty()) readable.value = true;
  readable.reason = logs->empty() ? std::string(kNoLog) : unread;
  const Result<Outcome> outcome = co_await context.record(std::move(readable));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace kiln::event_log
