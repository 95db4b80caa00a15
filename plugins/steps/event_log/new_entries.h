#pragma once
// Which entries of a log are of this run, and whether that can be known. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::event_log {

/// Ids of a log as text for the record: "1-37,40,abc". Ids with signs of this text in them, and more than fit
/// into 8,000 characters, are left out; then "+" stands at the end, and their time must tell such entries.
std::string ids_as_text(const std::vector<LogEntry>& entries);

class KnownIds {
 public:
  KnownIds() = default;
  /// The inverse of ids_as_text; what is no such text knows nothing.
  explicit KnownIds(const std::string& text);
  [[nodiscard]] bool contains(const std::string& id) const;
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  std::set<std::pair<std::int64_t, std::int64_t>> ranges_;  ///< first, last
  std::set<std::string> words_;
  bool complete_ = true;
};

/// The newest entry: the last by time, then by number, then in the list. Null when there is none.
const LogEntry* newest_of(const std::vector<LogEntry>& entries);
/// "37 at 2026-01-02T03:04:05Z", to find it again.
std::string name_of_newest(const std::vector<LogEntry>& entries);

/// When each entry was made, as text for the record: "37@1700000000,36@1699999999", UTC seconds, the newest
/// first. Left out are ids with signs of this text in them, times that cannot be read, and what does not fit
/// into 8,000 characters: of those the id alone is known.
std::string times_as_text(const std::vector<LogEntry>& entries);

class KnownTimes {
 public:
  KnownTimes() = default;
  /// The inverse of times_as_text; what is no such text knows nothing, and so does a record without one.
  explicit KnownTimes(const std::string& text);
  /// It has the id of one that was made at another time: the service gives its ids anew.
  [[nodiscard]] bool is_another(const LogEntry& entry) const;

 private:
  std::map<std::string, std::int64_t> seconds_;
};

/// What event_log.before has put into the record about one log.
struct LogBefore {
  KnownIds ids;
  KnownTimes times;
  std::string newest;  ///< name_of_newest; empty: it was empty
};

/// A BMC's clock against ours, as measured before and after.
struct BmcClock {
  std::optional<double> before_s, after_s;  ///< BMC minus station, in seconds
  /// The station's UTC of an entry; nullopt: its time cannot be read, or the BMC has no clock.
  [[nodiscard]] std::optional<std::int64_t> station_ns(const std::string& created) const;
  /// How far that may be off: the resolution of a log (1 s), and what the clock drifted between the two.
  [[nodiscard]] std::int64_t margin_ns() const;
  [[nodiscard]] bool known() const { return before_s || after_s; }
  [[nodiscard]] std::string text() const;
};

struct NewEntries {
  std::vector<LogEntry> fresh;
  std::string gap;  ///< not empty: entries of this run may be lost, and why
};

/// `before`: nullopt when the log was not seen then. What cannot be told apart counts as new.
NewEntries new_entries(const EventLog& log, const std::optional<LogBefore>& before, const BmcClock& clock,
                       std::int64_t run_begun_ns);

/// "during soak/load", "between power/on and firmware/update", "its time cannot be read".
std::string window_text(const LogEntry& entry, const BmcClock& clock, const std::vector<StepWindow>& windows);

/// The expected part that the origin belongs to, by the segments of its address; its last segment when it is
/// nobody's; empty when the entry names no origin.
std::string part_of(const LogEntry& entry, const Dut& dut);

}  // namespace kiln::event_log
