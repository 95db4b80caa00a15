#include "bmc/event_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/redfish_time.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr std::size_t kMostEntries = 2'000;
constexpr Nanoseconds kTurnOfOthers = std::chrono::milliseconds(1);
constexpr std::int64_t kNoCapacity = 10'000'000;  // what no log holds: all bits set, most often
constexpr std::array kOwners{"Systems", "Managers", "Chassis"};
/// LogService Ids of services that hold no events (names of OpenBMC's bmcweb).
constexpr std::array<std::string_view, 6> kNoEvents{"Dump",       "PostCode",  "Journal",
                                                    "HostLogger", "Crashdump", "FaultLog"};

/// What could not be read, in the place of a log: entries may be behind it.
EventLog unread_log(const std::string& uri, std::string why) {
  EventLog log;
  log.uri = without_trailing_slash(uri);
  log.name = last_segment(uri);
  log.unread = std::move(why);
  return log;
}

}  // namespace

std::int64_t entry_number(const std::string& uri) {
  const std::string path = without_trailing_slash(uri);
  return tolerant_integer(path.substr(path.rfind('/') + 1)).value_or(-1);
}

boost::asio::awaitable<Status> turn_after(const Ctx& ctx, std::size_t entries) {
  if (entries == 0 || entries % kEntriesPerTurn != 0) co_return success();
  const Status waited = co_await ctx.sleep_for(kTurnOfOthers);
  co_return waited;
}

bool log_holds_events(const std::string& id) {
  return std::none_of(kNoEvents.begin(), kNoEvents.end(),
                      [&id](std::string_view word) { return id.find(word) != std::string::npos; });
}

LogEntry log_entry_from(const RedfishResource& entry) {
  const JsonView body = entry.body;
  LogEntry log;
  log.id = entry.id();
  log.created = body["Created"].text().value_or(body["EventTimestamp"].text_or_empty());
  log.severity = body["Severity"].text().value_or(body["MessageSeverity"].text_or_empty());
  log.message_id = body["MessageId"].text().value_or(body["MessageID"].text_or_empty());
  log.message = body["Message"].text_or_empty();
  const JsonView origin = body.at({"Links", "OriginOfCondition"});
  log.origin = origin.link().value_or(body["OriginOfCondition"].link().value_or(std::string{}));
  log.uri = entry.uri;
  return log;
}

boost::asio::awaitable<Result<EventLog>> EventLogReader::read_log(const Ctx& ctx,
                                                                  const RedfishResource& service,
                                                                  bool again) {
  EventLog log;
  log.uri = without_trailing_slash(service.uri);
  log.name = service.id();
  log.when_full = service.body["OverWritePolicy"].text_or_empty();
  // Services that know no end say 0 or a number that is none.
  const std::optional<std::int64_t> capacity = service.body["MaxNumberOfRecords"].integer();
  if (capacity && *capacity > 0 && *capacity < kNoCapacity) log.capacity = capacity;
  const std::optional<std::string> path = tree_.path_of(service, service.body["Entries"]);
  if (!path) {
    log.unread = "it links to no entries";
    co_return log;
  }
  Result<MemberList> list = co_await tree_.list(ctx, *path);
  if (!list) {
    if (is_exchange_error(list.error())) co_return list.error();
    tree_.client().note_oddity(*path, "", list.error().message);
    log.unread = list.error().message;
    co_return log;
  }
  log.listed = list->listed;
  for (const RedfishResource& entry : list->members) {
    log.entries.push_back(log_entry_from(entry));
    const Status turn = co_await turn_after(ctx, log.entries.size());
    if (!turn) co_return turn.error();
  }
  std::vector<std::string> uris;
  for (const MemberList::Unread& entry : list->unread) uris.push_back(entry.uri);
  std::stable_sort(uris.begin(), uris.end(), [](const std::string& a, const std::string& b) {
    return entry_number(a) > entry_number(b);
  });
  if (uris.size() > kMostLinkedEntries) {
    const bool by_number =
        std::all_of(uris.begin(), uris.end(), [](const std::string& one) { return entry_number(one) >= 0; });
    if (!by_number) {
      log.unread = fmt::format("{} of its {} entries were read: which are the newest, their ids do not tell",
                               kMostLinkedEntries, uris.size());
    }
    uris.resize(kMostLinkedEntries);
  }
  const auto listed = static_cast<std::int64_t>(list->listed);
  if (list->declared && *list->declared > listed)
    log.unread = fmt::format("it says that it has {} entries, and lists {}", *list->declared, listed);
  const std::vector<std::string> asked = uris;
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, std::move(uris));
  if (!read) co_return read.error();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Result<RedfishResource>& one = (*read)[i];
    if (one) {
      log.entries.push_back(log_entry_from(*one));
    } else {
      tree_.client().note_oddity(asked[i], "", one.error().message);
      log.unread = fmt::format("entry {} could not be read: {}", asked[i], one.error().message);
    }
  }
  if (again) remember(log, *list);
  co_return log;
}

boost::asio::awaitable<Status> EventLogReader::read_services_of(const Ctx& ctx, const RedfishResource& owner,
                                                                bool again, std::vector<EventLog>& into) {
  const JsonView link = owner.body["LogServices"];
  Result<MemberList> services = co_await tree_.follow(ctx, owner, link);
  if (!services) co_return services.error();
  std::vector<MemberList::Unread> unread = services->unread;
  if (services->whole) unread.push_back(*services->whole);
  for (const MemberList::Unread& one : unread) {
    if (!log_holds_events(last_segment(one.uri))) continue;
    into.push_back(unread_log(one.uri, one.error.message));
  }
  for (const RedfishResource& service : services->members) {
    if (!log_holds_events(service.id())) continue;
    // One log may hang under a system and its manager.
    const std::string uri = without_trailing_slash(service.uri);
    const bool known =
        std::any_of(into.begin(), into.end(), [&uri](const EventLog& other) { return other.uri == uri; });
    if (known) continue;
    auto reading = again ? read_log_again(ctx, service) : read_log(ctx, service, false);
    Result<EventLog> log = co_await std::move(reading);
    if (!log) co_return log.error();
    into.push_back(std::move(*log));
  }
  co_return success();
}

boost::asio::awaitable<Result<std::vector<EventLog>>> EventLogReader::read_logs(const Ctx& ctx) {
  Result<std::vector<EventLog>> logs = co_await read_all_logs(ctx, false);
  co_return logs;
}

boost::asio::awaitable<Result<std::vector<EventLog>>> EventLogReader::read_logs_again(const Ctx& ctx) {
  Result<std::vector<EventLog>> logs = co_await read_all_logs(ctx, true);
  co_return logs;
}

boost::asio::awaitable<Result<std::vector<EventLog>>> EventLogReader::read_all_logs(const Ctx& ctx,
                                                                                    bool again) {
  std::vector<EventLog> logs;
  for (const char* name : kOwners) {
    Result<MemberList> owners = co_await tree_.top(ctx, name);
    if (!owners) co_return std::move(owners.error()).while_doing("reading event logs");
    for (const MemberList::Unread& owner : owners->unread)
      logs.push_back(unread_log(owner.uri, "whether it has logs is not known: " + owner.error.message));
    for (const RedfishResource& owner : owners->members) {
      Status read = co_await read_services_of(ctx, owner, again, logs);
      if (!read) co_return std::move(read.error()).while_doing("reading event logs");
    }
  }
  co_return logs;
}

boost::asio::awaitable<Result<std::vector<LogEntry>>> EventLogReader::read(const Ctx& ctx,
                                                                           std::string newer_than) {
  Result<std::vector<EventLog>> logs = co_await read_logs(ctx);
  if (!logs) co_return logs.error();
  std::vector<LogEntry> all;
  for (EventLog& log : *logs) {
    for (LogEntry& entry : log.entries) all.push_back(std::move(entry));
  }
  const std::optional<std::int64_t> after = parse_redfish_time(newer_than);
  std::vector<std::pair<std::int64_t, LogEntry>> timed;
  for (LogEntry& entry : all) {
    const std::optional<std::int64_t> when = parse_redfish_time(entry.created);
    if (after && when && *when <= *after) continue;
    timed.emplace_back(when.value_or(std::numeric_limits<std::int64_t>::min()), std::move(entry));
  }
  std::stable_sort(timed.begin(), timed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::size_t first = timed.size() > kMostEntries ? timed.size() - kMostEntries : 0;
  std::vector<LogEntry> entries;
  for (std::size_t i = first; i < timed.size(); ++i) entries.push_back(std::move(timed[i].second));
  co_return entries;
}

boost::asio::awaitable<Result<std::optional<double>>> EventLogReader::clock_offset(const Ctx& ctx) {
  Result<MemberList> managers = co_await tree_.top(ctx, "Managers");
  if (!managers) co_return std::move(managers.error()).while_doing("reading the BMC's clock");
  for (const RedfishResource& listed : managers->members) {
    if (!listed.body["DateTime"].text()) continue;
    // Read alone, so that the exchange is short.
    Result<RedfishResource> manager = co_await tree_.client().get(ctx, listed.uri);
    if (!manager) co_return manager.error();
    const Instant now = ctx.now();
    const std::string printed = manager->body["DateTime"].text_or_empty();
    const std::optional<std::int64_t> theirs = parse_redfish_time(printed);
    if (!theirs) {
      tree_.client().note_oddity(manager->uri, "DateTime", fmt::format("'{}' is no time", printed));
      continue;
    }
    const std::int64_t middle = now.utc_ns - (now.monotonic_ns - manager->sent_ns) / 2;
    co_return std::optional<double>(static_cast<double>(*theirs - middle) / 1e9);
  }
  co_return std::optional<double>();
}

}  // namespace kiln
