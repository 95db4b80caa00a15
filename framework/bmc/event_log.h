#pragma once
// Event logs of systems, managers and chassis, and the BMC's clock. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

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
  /// The first manager's DateTime minus the station's UTC in the middle of the exchange, in seconds.
  boost::asio::awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx);

 private:
  boost::asio::awaitable<Status> read_services_of(const Ctx& ctx, const RedfishResource& owner,
                                                  std::vector<EventLog>& into);
  /// Errors of the exchange; what else was in the way is in EventLog::unread, and an oddity.
  boost::asio::awaitable<Result<EventLog>> read_log(const Ctx& ctx, const RedfishResource& service);

  ServiceTree& tree_;
};

/// Whether a LogService of that Id holds events, and not dumps, POST codes, a console or a journal.
bool log_holds_events(const std::string& id);
/// One LogEntry, in the standard's members or the older ones' (MessageID, OriginOfCondition as plain text).
LogEntry log_entry_from(const RedfishResource& entry);

}  // namespace kiln
