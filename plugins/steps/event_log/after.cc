#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "event_log_steps.h"
#include "judgement.h"
#include "new_entries.h"

namespace kiln::event_log {

using boost::asio::awaitable;

namespace {

constexpr const char* kAction =
    "read the entry and the attached list; find the fault, or allow the entry with a reason in the product's "
    "limits";

struct Judgement {
  std::vector<Judged> entries;
  std::string gaps;
  std::int64_t unexpected = 0, allowed = 0;
};

std::optional<double> earlier_number(const StepContext& context, const std::string& name,
                                     const std::string& part) {
  const std::optional<Value> value = context.earlier(name, part);
  return value ? as_number(*value) : std::nullopt;
}

std::string earlier_text(const StepContext& context, const std::string& name, const std::string& part) {
  const std::optional<Value> value = context.earlier(name, part);
  const std::string* text = value ? std::get_if<std::string>(&*value) : nullptr;
  return text == nullptr ? std::string() : *text;
}

std::optional<LogBefore> before_of(const StepContext& context, const std::string& log) {
  const std::optional<Value> ids = context.earlier("event_log.before.ids", log);
  if (!ids) return std::nullopt;
  LogBefore before;
  before.ids = KnownIds(earlier_text(context, "event_log.before.ids", log));
  before.times = KnownTimes(earlier_text(context, "event_log.before.times", log));
  before.newest = earlier_text(context, "event_log.before.newest", log);
  return before;
}

void add_gap(Judgement& judgement, const std::string& log, const std::string& why) {
  judgement.gaps += fmt::format("{}{}: {}", judgement.gaps.empty() ? "" : "; ", log, why);
}

Judgement judge_logs(const StepContext& context, const std::vector<EventLog>& logs, const BmcClock& clock) {
  Judgement judgement;
  const std::vector<StepWindow> windows = context.windows();
  Allowances allowances(context.allowed_log_entries());
  for (const EventLog& log : logs) {
    const std::optional<LogBefore> before = before_of(context, log.uri);
    NewEntries found = new_entries(log, before, clock, context.run_begun_utc_ns());
    if (!found.gap.empty()) add_gap(judgement, log.uri, found.gap);
    for (LogEntry& entry : found.fresh) {
      std::string window = window_text(entry, clock, windows);
      Judged one = allowances.judge(std::move(entry), log.uri, std::move(window), context.dut());
      if (one.unexpected()) ++judgement.unexpected;
      if (one.allowed != nullptr) ++judgement.allowed;
      judgement.entries.push_back(std::move(one));
    }
  }
  std::istringstream there(earlier_text(context, "event_log.before.logs", ""));
  for (std::string uri; there >> uri;) {
    const bool still =
        std::any_of(logs.begin(), logs.end(), [&uri](const EventLog& log) { return log.uri == uri; });
    if (!still) add_gap(judgement, uri, "the log was there before the run, and no longer is");
  }
  if (logs.empty() && judgement.gaps.empty()) judgement.gaps = "this BMC has no log of events";
  return judgement;
}

std::string listing_of(const Judgement& judgement, const BmcClock& clock) {
  std::string text = clock.text() + "\n";
  if (!judgement.gaps.empty()) text += "Not all that the BMC wrote can be known: " + judgement.gaps + "\n";
  for (const Judged& one : judgement.entries) {
    const char* what = one.unexpected() ? "UNEXPECTED" : one.allowed != nullptr ? "allowed" : "ok";
    text += fmt::format("{:<10} {}\n", what, sentence_of(one));
    if (one.allowed != nullptr) {
      text += fmt::format("           because {} [{}; {}]\n", one.allowed->reason, one.allowed->text(),
                          one.allowed->source);
    }
  }
  return text;
}

awaitable<Status> record_entries(StepContext& context, const Judgement& judgement) {
  std::map<std::string, std::int64_t> by_part;
  std::size_t told = 0;
  for (const Judged& one : judgement.entries) {
    if (one.allowed != nullptr) {
      std::string text = fmt::format("allowed, because {}: {}", one.allowed->reason, sentence_of(one));
      const Status noted = co_await context.note(std::move(text));
      if (!noted) co_return noted;
    }
    if (!one.unexpected()) continue;
    ++by_part[one.part];
    if (++told > kMostDiagnoses) continue;
    Diagnosed diagnosis;
    diagnosis.code = kUnexpected;
    diagnosis.part = one.part;
    diagnosis.message = sentence_of(one);
    diagnosis.action = kAction;
    const Status diagnosed = co_await context.diagnose(std::move(diagnosis));
    if (!diagnosed) co_return diagnosed;
  }
  for (const auto& [part, count] : by_part) {
    if (part.empty()) continue;  // in the count of the DUT
    const auto first =
        std::find_if(judgement.entries.begin(), judgement.entries.end(),
                     [&part = part](const Judged& one) { return one.unexpected() && one.part == part; });
    const std::string uri = first->entry.uri.empty() ? first->log : first->entry.uri;
    Reading reading(kUnexpected, part, count, Source{"redfish", uri});
    reading.action = fmt::format("{}: {}", sentence_of(*first), kAction);
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

awaitable<Status> record_totals(StepContext& context, const Judgement& judgement, const BmcClock& clock) {
  const Source source{"redfish", "LogServices"};
  Reading fresh("event_log.new", "", static_cast<std::int64_t>(judgement.entries.size()), source);
  const Result<Outcome> first = co_await context.record(std::move(fresh));
  if (!first) co_return first.error();
  Reading allowed("event_log.allowed", "", judgement.allowed, source);
  const Result<Outcome> second = co_await context.record(std::move(allowed));
  if (!second) co_return second.error();
  Value drift;
  if (clock.before_s && clock.after_s) drift = *clock.after_s - *clock.before_s;
  Reading drifted("event_log.clock_drift", "", drift, Source{"computed", "clock offset after minus before"});
  drifted.reason = clock.text();
  const Result<Outcome> third = co_await context.record(std::move(drifted));
  if (!third) co_return third.error();
  Reading complete("event_log.complete", "", std::monostate{}, source);
  if (judgement.gaps.empty()) complete.value = true;
  complete.reason = judgement.gaps;
  const Result<Outcome> fourth = co_await context.record(std::move(complete));
  if (!fourth) co_return fourth.error();
  Reading unexpected(kUnexpected, "", judgement.unexpected, source);
  // None among those that could be read is not none.
  unexpected.at_least = !judgement.gaps.empty();
  unexpected.reason = judgement.gaps;
  const Result<Outcome> fifth = co_await context.record(std::move(unexpected));
  if (!fifth) co_return fifth.error();
  co_return success();
}

}  // namespace

const StepDescription& After::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "event_log.after";
    made.bmc = {{BmcAbility::event_log, true, "to judge what it wrote during the run"},
                {BmcAbility::clock, false, "to tell entries of the run by their time"}};
    made.summary = "Judge every entry that the BMC wrote into its event logs since the run began";
    const ComponentKind dut = ComponentKind::whole_dut;
    made.measurements = {
        {kUnexpected, "1", dut, true, kUnexpected, kAction,
         "entries of this run above severity OK that the product's limits do not allow; also by part"},
        {"event_log.complete", "", dut, true, "event_log.incomplete",
         "look at the BMC's logs by hand: what was lost cannot be judged",
         "no log was cleared, ran over, was refused or went away during the run"},
        {"event_log.new", "1", dut, false, "", "", "entries of this run"},
        {"event_log.allowed", "1", dut, false, "", "", "of these: allowed by the product's limits"},
        {"event_log.clock_offset", "s", dut, false, "", "", "the BMC's clock minus the station's"},
        {"event_log.clock_drift", "s", dut, false, "", "", "how far it moved during the run"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

awaitable<Status> After::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::vector<EventLog>> logs = co_await (*bmc)->event_logs(context.ctx());
  if (!logs) co_return logs.error();
  const Result<std::optional<double>> offset = co_await (*bmc)->clock_offset(context.ctx());
  if (!offset) co_return offset.error();
  BmcClock clock;
  clock.before_s = earlier_number(context, "event_log.clock_offset", "before");
  clock.after_s = *offset;

  Value now;
  if (*offset) now = **offset;
  Reading offset_reading("event_log.clock_offset", "after", now, Source{"redfish", "Manager.DateTime"});
  offset_reading.reason = "the BMC has no clock";
  const Result<Outcome> measured = co_await context.record(std::move(offset_reading));
  if (!measured) co_return measured.error();
  const Status told = co_await context.note(clock.text());
  if (!told) co_return told;

  const Judgement judgement = judge_logs(context, *logs, clock);
  std::string listing = listing_of(judgement, clock);
  std::string file = fmt::format("event-log-after-{}.txt", context.dut().id);
  std::string type = "text/plain";
  const Status attached = co_await context.attach(std::move(file), std::move(type), std::move(listing));
  if (!attached) co_return attached;
  const Status recorded = co_await record_entries(context, judgement);
  if (!recorded) co_return recorded;
  const Status counted = co_await record_totals(context, judgement, clock);
  co_return counted;
}

}  // namespace kiln::event_log
