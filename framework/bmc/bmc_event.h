#pragma once
// What a BMC says by itself, between two polls, as the facts that a poll reads: an entry of its log, and what
// that tells of a leak detector, a resource, the power or the metrics. An event never replaces a reading: it
// says where to look at once. Plain data, pure functions; one thread.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bmc/bmc.h"

namespace kiln {

struct BmcEvent {
  /// log_entry: nothing but what stands in `entry`. leak: of a leak detector, or about one. status: a
  /// resource is in another state. power: a system was switched. metrics: a report with its values. test:
  /// asked for by SubmitTestEvent. missed: no event; some may not have arrived, so that everything is to be
  /// read again.
  enum class Fact { log_entry, leak, status, power, metrics, test, missed };
  Fact fact = Fact::log_entry;
  /// As the log keeps it; `id` is the EventId, `uri` the log entry where the event names one.
  LogEntry entry;
  std::string part;                 ///< last segment of where it came from; empty when it names nothing
  bool wet = false;                 ///< of leak: a leak by its own words, not the detector's own trouble
  std::optional<PowerState> power;  ///< of power, where the message says which
  /// Of metrics: by resource and JSON pointer, as MetricReports has them.
  std::map<std::pair<std::string, std::string>, std::string> values;
};
std::string_view to_string(BmcEvent::Fact fact);

/// The events of one payload (Event v1.x or MetricReport v1.x), whatever is missing in them: EventType,
/// MemberId and @odata.id are on no deployed service all there, and OriginOfCondition is a plain string
/// before Event v1.1. Anything else gives nothing. A leak is known by where it comes from (under
/// LeakDetectors) or by a message of the Environmental registry: deployed tray BMCs report it as
/// ResourceEvent…ResourceStatusChangedCritical.
std::vector<BmcEvent> read_bmc_events(const std::string& payload, int max_depth);

/// What SubmitTestEvent is asked for (EventService v1.x; ResourceEvent 1.3.0 TestMessage: to validate that
/// events arrive).
inline constexpr const char* kTestEventRequest =
    R"({"MessageId":"ResourceEvent.1.3.TestMessage","Message":"Do events arrive?","Severity":"OK"})";

/// The message of a MessageId without registry and version: "Base.1.18.X" and "Base.1.19.X" give "X".
std::string message_key(const std::string& message_id);

/// Tells repeated events from new ones, and sees that some are missing. The last 512 are remembered: by
/// EventId, MessageId, time and origin together, because services count EventIds anew. An id that is above
/// the last one by 2 to 1,000 has left something out; any other jump is a count of its own (test events, a
/// restart) and says nothing.
class EventMemory {
 public:
  /// False: it was there before.
  bool is_new(const BmcEvent& event);
  /// The `id` of a stream's event, or the Id of a delivered one. True: some between are missing.
  bool leaves_a_gap(const std::string& id);
  /// Ids begin anew with a new stream.
  void forget_ids() { last_id_.reset(); }

 private:
  std::set<std::string> seen_;
  std::deque<std::string> order_;
  std::optional<std::int64_t> last_id_;
};

}  // namespace kiln
