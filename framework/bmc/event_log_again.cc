// EventLogReader: a log that was read before, read again: only what is new, where that can be told for
// certain.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "bmc/event_log.h"
#include "bmc/redfish_error.h"
#include "bmc/redfish_time.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using Order = LogMemory::Order;

/// Pages of one reading; more new entries than these hold are no cheaper than all.
constexpr int kMostNewPages = 20;

bool is_same_entry(const LogEntry& a, const LogEntry& b) {
  return a.uri == b.uri && a.id == b.id && a.created == b.created && a.message_id == b.message_id &&
         a.message == b.message && a.severity == b.severity;
}

/// By their times; where these do not tell, by the numbers of their addresses.
Order order_of(const std::vector<LogEntry>& entries) {
  const auto order_by = [&entries](const auto& key) {
    bool rises = true, falls = true, differs = false;
    for (std::size_t i = 1; i < entries.size(); ++i) {
      const std::optional<std::int64_t> before = key(entries[i - 1]), after = key(entries[i]);
      if (!before || !after) return Order::unknown;
      rises = rises && *before <= *after;
      falls = falls && *before >= *after;
      differs = differs || *before != *after;
    }
    if (!differs) return Order::unknown;
    return rises ? Order::oldest_first : falls ? Order::newest_first : Order::unknown;
  };
  const Order by_time = order_by([](const LogEntry& entry) { return parse_redfish_time(entry.created); });
  const Order by_number = order_by([](const LogEntry& entry) {
    const std::int64_t number = entry_number(entry.uri);
    return number < 0 ? std::optional<std::int64_t>() : std::optional<std::int64_t>(number);
  });
  if (by_time == Order::unknown) return by_number;
  // Where both tell, and not the same, a clock has jumped: neither is relied on.
  return by_number == Order::unknown || by_number == by_time ? by_time : Order::unknown;
}

/// One page of entries, each told in full; nullopt: it is of another kind.
struct EntryPage {
  std::vector<LogEntry> entries;
  std::optional<std::int64_t> declared;
  std::optional<std::string> next;
};

std::optional<EntryPage> page_of(const ServiceTree& tree, const RedfishResource& page) {
  EntryPage read;
  const JsonView body = page.body;
  read.declared = body["Members@odata.count"].integer();
  if (!body["Members"].is_array()) return std::nullopt;
  for (const JsonView& member : body["Members"].elements()) {
    const std::optional<std::string> path = tree.path_of(page, member);
    const bool in_full = member["Id"].exists() || member["@odata.type"].exists();
    if (!path || !in_full) return std::nullopt;
    read.entries.push_back(log_entry_from(RedfishResource(*path, member)));
  }
  JsonView next = body["Members@odata.nextLink"];
  if (!next.exists()) next = body["@odata.nextLink"];
  read.next = tree.path_of(page, next);
  return read;
}

std::set<std::string> addresses_of(const std::vector<std::string>& listed) {
  return {listed.begin(), listed.end()};
}

bool are_all_new(const std::vector<LogEntry>& fresh, const std::vector<std::string>& listed) {
  std::set<std::string> known = addresses_of(listed);
  return std::all_of(fresh.begin(), fresh.end(),
                     [&known](const LogEntry& entry) { return known.insert(entry.uri).second; });
}

/// The highest numbers, as a whole reading would have them.
void keep_most_linked(std::vector<LogEntry>& entries) {
  if (entries.size() <= kMostLinkedEntries) return;
  std::stable_sort(entries.begin(), entries.end(), [](const LogEntry& a, const LogEntry& b) {
    return entry_number(a.uri) > entry_number(b.uri);
  });
  entries.resize(kMostLinkedEntries);
}

}  // namespace

void EventLogReader::remember(const EventLog& log, const MemberList& list) {
  LogMemory memory;
  memory.log = log;
  memory.is_linked = list.members.empty() && !list.unread.empty();
  const auto before = memories_.find(log.uri);
  if (before != memories_.end()) memory.skips = before->second.skips;
  if (memory.is_linked) {
    for (const MemberList::Unread& entry : list.unread) memory.listed.push_back(entry.uri);
  } else {
    for (const LogEntry& entry : log.entries) memory.listed.push_back(entry.uri);
  }
  const bool adds_up = !list.declared || *list.declared == static_cast<std::int64_t>(list.listed);
  const bool one_kind = memory.is_linked || list.unread.empty();
  const bool distinct = addresses_of(memory.listed).size() == memory.listed.size();
  if (!log.unread.empty() || !adds_up || !one_kind || !distinct || memory.listed.empty()) {
    memories_.erase(log.uri);
    return;
  }
  memory.order = order_of(log.entries);
  memories_.insert_or_assign(log.uri, std::move(memory));
}

awaitable<Result<EventLog>> EventLogReader::read_log_again(const Ctx& ctx, const RedfishResource& service) {
  const auto found = memories_.find(without_trailing_slash(service.uri));
  const std::optional<std::string> path = tree_.path_of(service, service.body["Entries"]);
  if (found != memories_.end() && path) {
    LogMemory& memory = found->second;
    Result<bool> certain = false;
    if (memory.is_linked) {
      certain = co_await read_new_links(ctx, *path, memory);
    } else if (memory.order == Order::newest_first) {
      certain = co_await read_newest_pages(ctx, *path, memory);
    } else if (memory.order == Order::oldest_first && memory.skips) {
      certain = co_await read_behind_the_last(ctx, *path, memory);
    }
    if (!certain && (ctx.stopped() || is_exchange_error(certain.error()))) co_return certain.error();
    if (certain && *certain) co_return memory.log;
  }
  Result<EventLog> whole = co_await read_log(ctx, service, true);
  co_return whole;
}

/// From the beginning, where the new ones are, to the newest that is known.
awaitable<Result<bool>> EventLogReader::read_newest_pages(const Ctx& ctx, std::string path,
                                                          LogMemory& memory) {
  const LogEntry newest = memory.log.entries.front();
  std::vector<LogEntry> fresh;
  std::optional<std::int64_t> declared;
  std::optional<std::string> next = std::move(path);
  for (int pages = 0; next && pages < kMostNewPages; ++pages) {
    std::string uri = *next;
    const Result<RedfishResource> read = co_await tree_.client().get(ctx, std::move(uri));
    if (!read) co_return read.error();
    const std::optional<EntryPage> page = page_of(tree_, *read);
    if (!page) co_return false;
    if (pages == 0) declared = page->declared;
    const auto known = std::find_if(page->entries.begin(), page->entries.end(),
                                    [&newest](const LogEntry& entry) { return entry.uri == newest.uri; });
    fresh.insert(fresh.end(), page->entries.begin(), known);
    next = page->next;
    if (known == page->entries.end()) continue;
    // What the page shows of the old ones must be as it was, and nothing of the rest may be gone.
    const std::size_t shown = std::min<std::size_t>(static_cast<std::size_t>(page->entries.end() - known),
                                                    memory.log.entries.size());
    const bool as_it_was = std::equal(known, known + static_cast<std::ptrdiff_t>(shown),
                                      memory.log.entries.begin(), is_same_entry);
    const std::size_t total = fresh.size() + memory.listed.size();
    if (!as_it_was || !declared || *declared != static_cast<std::int64_t>(total)) co_return false;
    if (!are_all_new(fresh, memory.listed)) co_return false;
    std::vector<std::string> addresses;
    for (const LogEntry& entry : fresh) addresses.push_back(entry.uri);
    memory.listed.insert(memory.listed.begin(), addresses.begin(), addresses.end());
    memory.log.entries.insert(memory.log.entries.begin(), fresh.begin(), fresh.end());
    memory.log.listed = memory.listed.size();
    co_return true;
  }
  co_return false;
}

/// From the last known entry on, which says by being there that none before it has gone.
awaitable<Result<bool>> EventLogReader::read_behind_the_last(const Ctx& ctx, std::string path,
                                                             LogMemory& memory) {
  const std::size_t before = memory.listed.size() - 1;
  std::vector<LogEntry> entries;
  std::optional<std::int64_t> declared;
  std::optional<std::string> next =
      fmt::format("{}{}$skip={}", path, path.find('?') == std::string::npos ? "?" : "&", before);
  for (int pages = 0; next; ++pages) {
    if (pages == kMostNewPages) co_return false;
    std::string uri = *next;
    const Result<RedfishResource> read = co_await tree_.client().get(ctx, std::move(uri));
    if (!read && is_exchange_error(read.error())) co_return read.error();
    const std::optional<EntryPage> page = read ? page_of(tree_, *read) : std::nullopt;
    if (!page) {
      memory.skips = pages != 0 && memory.skips;
      co_return false;
    }
    if (pages == 0) declared = page->declared;
    entries.insert(entries.end(), page->entries.begin(), page->entries.end());
    next = page->next;
    // One that begins at the beginning passes $skip over.
    const bool from_the_beginning =
        before > 0 && !entries.empty() && entries.front().uri == memory.log.entries.front().uri;
    if (from_the_beginning) memory.skips = false;
    if (entries.empty() || !is_same_entry(entries.front(), memory.log.entries.back())) co_return false;
  }
  if (!declared || *declared != static_cast<std::int64_t>(before + entries.size())) co_return false;
  entries.erase(entries.begin());
  if (!are_all_new(entries, memory.listed)) co_return false;
  for (const LogEntry& entry : entries) memory.listed.push_back(entry.uri);
  memory.log.entries.insert(memory.log.entries.end(), entries.begin(), entries.end());
  memory.log.listed = memory.listed.size();
  co_return true;
}

/// The list is read whole, which is one short answer; of the entries only those that it did not list before,
/// and the newest of those that it did.
awaitable<Result<bool>> EventLogReader::read_new_links(const Ctx& ctx, std::string path, LogMemory& memory) {
  const Result<MemberList> list = co_await tree_.list(ctx, std::move(path));
  if (!list) co_return list.error();
  if (!list->members.empty() || list->unread.size() < memory.listed.size()) co_return false;
  if (list->declared && *list->declared != static_cast<std::int64_t>(list->listed)) co_return false;
  std::vector<std::string> listed;
  for (const MemberList::Unread& entry : list->unread) listed.push_back(entry.uri);
  const auto count = static_cast<std::ptrdiff_t>(memory.listed.size());
  const bool behind = std::equal(memory.listed.begin(), memory.listed.end(), listed.begin());
  const bool before = std::equal(memory.listed.begin(), memory.listed.end(), listed.end() - count);
  if (!behind && !before) co_return false;
  std::vector<std::string> wanted(behind ? listed.begin() + count : listed.begin(),
                                  behind ? listed.end() : listed.end() - count);
  if (wanted.size() > kMostLinkedEntries) co_return false;
  const auto newest = std::max_element(
      memory.log.entries.begin(), memory.log.entries.end(),
      [](const LogEntry& a, const LogEntry& b) { return entry_number(a.uri) < entry_number(b.uri); });
  if (newest == memory.log.entries.end()) co_return false;
  const LogEntry known = *newest;
  wanted.push_back(known.uri);
  const Result<std::vector<Result<RedfishResource>>> read =
      co_await tree_.client().get_all(ctx, std::move(wanted));
  if (!read) co_return read.error();
  std::vector<LogEntry> fresh;
  for (const Result<RedfishResource>& one : *read) {
    if (!one) co_return false;
    fresh.push_back(log_entry_from(*one));
  }
  if (!is_same_entry(fresh.back(), known)) co_return false;  // cleared, and written anew to the same number
  fresh.pop_back();
  memory.listed = std::move(listed);
  memory.log.listed = memory.listed.size();
  memory.log.entries.insert(memory.log.entries.end(), fresh.begin(), fresh.end());
  keep_most_linked(memory.log.entries);
  co_return true;
}

}  // namespace kiln
