#pragma once
// Event logs of systems, managers and chassis, and the BMC's clock. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

/// One log as it was read last, for who reads it again. See EventLogReader::read_logs_again.
struct LogMemory {
  enum class Order { unknown, oldest_first, newest_first };
  EventLog log;                     ///< in the order listed
  std::vector<std::string> listed;  ///< addresses of all entries that it lists, in its order
  Order order = Order::unknown;
  bool is_linked = false;  ///< it lists addresses only
  bool skips = true;       ///< $skip was not seen to be refused, or passed over
};

class EventLogReader {
 public:
  explicit EventLogReader(ServiceTree& tree) : tree_(tree) {}

  /// All entries newer than `newer_than` (an entry's `created`; empty = all), oldest first, at most 2,000
  /// (the newest). Entries whose time can't be read come first and are always included: they cannot be ruled
  /// out. Of a log that only links its entries, the 200 with the highest Ids are read. Logs that hold no
  /// events (dumps, POST codes, console and journal) are left alone.
  boost::asio::awaitable<Result<std::vector<LogEntry>>> read(const Ctx& ctx, std::string newer_than);
  /// The same logs, each by itself, and what could not be read of them. A system, manager or chassis that is
  /// listed and cannot be read stands there as a log with nothing but `unread`; a log is unread, too, that
  /// lists fewer entries than it counts, or of which no 200 could be told to be the newest.
  boost::asio::awaitable<Result<std::vector<EventLog>>> read_logs(const Ctx& ctx);
  /// read_logs, of which this reader remembers each log. One whose entries are told in full in the order of
  /// their times is read from the newest end: from its first page, or with $skip (DSP0266 7.3) from its last
  /// known entry on. That entry must be there as it was, and what is listed must add up with
  /// Members@odata.count; of a log that only links its entries, what it lists must be what it listed before
  /// and more, and its newest known entry is read once more. In every other case the log is read whole.
  boost::asio::awaitable<Result<std::vector<EventLog>>> read_logs_again(const Ctx& ctx);
  /// The first manager's DateTime minus the station's UTC in the middle of the exchange, in seconds.
  boost::asio::awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx);

 private:
  boost::asio::awaitable<Result<std::vector<EventLog>>> read_all_logs(const Ctx& ctx, bool again);
  boost::asio::awaitable<Status> read_services_of(const Ctx& ctx, const RedfishResource& owner, bool again,
                                                  std::vector<EventLog>& into);
  /// Errors of the exchange; what else was in the way is in EventLog::unread, and an oddity.
  boost::asio::awaitable<Result<EventLog>> read_log(const Ctx& ctx, const RedfishResource& service,
                                                    bool again);
  // Reading again; in event_log_again.cc.
  boost::asio::awaitable<Result<EventLog>> read_log_again(const Ctx& ctx, const RedfishResource& service);
  boost::asio::awaitable<Result<bool>> read_newest_pages(const Ctx& ctx, std::string path, LogMemory& memory);
  boost::asio::awaitable<Result<bool>> read_behind_the_last(const Ctx& ctx, std::string path,
                                                            LogMemory& memory);
  boost::asio::awaitable<Result<bool>> read_new_links(const Ctx& ctx, std::string path, LogMemory& memory);
  void remember(const EventLog& log, const MemberList& list);

  ServiceTree& tree_;
  std::map<std::string, LogMemory> memories_;  ///< by the log's address
};

/// Whether a LogService of that Id holds events, and not dumps, POST codes, a console or a journal.
bool log_holds_events(const std::string& id);
/// Of a log that only links its entries so many are read, with the highest numbers.
inline constexpr std::size_t kMostLinkedEntries = 200;
/// The number at the end of an entry's address, for "the newest by Id"; -1: there is none.
std::int64_t entry_number(const std::string& uri);
/// Entries that are turned into ours between two turns of the loop.
inline constexpr std::size_t kEntriesPerTurn = 250;
/// Everybody else's turn, after each kEntriesPerTurn.
boost::asio::awaitable<Status> turn_after(const Ctx& ctx, std::size_t entries);
/// One LogEntry, in the standard's members or the older ones' (MessageID, OriginOfCondition as plain text).
LogEntry log_entry_from(const RedfishResource& entry);

}  // namespace kiln
