#include "new_entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "sdk/events.h"

namespace kiln::event_log {
namespace {

constexpr std::size_t kLongestIds = 8'000;
constexpr const char* kAndOthers = "+";
constexpr const char* kSigns = " ,-+@";  // of the texts that hold them
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kResolution = kNanosecondsPerSecond;  // DSP0266 9.5: date-times have whole seconds
/// A clock that is this far off, or moved so far, says nothing that could be used.
constexpr double kNoClock = 100.0 * 365 * 24 * 3600;

std::optional<std::int64_t> number_of(const std::string& id) {
  if (id.empty() || id.size() > 18 ||
      !std::all_of(id.begin(), id.end(), [](char letter) { return letter >= '0' && letter <= '9'; }))
    return std::nullopt;
  return tolerant_integer(id);
}

bool fits_into_text(const std::string& id) {
  return !id.empty() && id.find_first_of(kSigns) == std::string::npos;
}

/// What a service writes when somebody empties its log: SELCleared, LogCleared, EventLogCleared…
bool tells_of_clearing(const LogEntry& entry) {
  const std::string key = message_key(entry.message_id);
  const auto has = [&key](const char* word) { return key.find(word) != std::string::npos; };
  return (has("Log") || has("SEL")) && (has("Cleared") || has("Clear"));
}

bool may_be_of_the_run(const LogEntry& entry, const BmcClock& clock, std::int64_t run_begun_ns) {
  const std::optional<std::int64_t> at = clock.station_ns(entry.created);
  return !at || *at + clock.margin_ns() >= run_begun_ns;
}

bool surely_of_the_run(const LogEntry& entry, const BmcClock& clock, std::int64_t run_begun_ns) {
  const std::optional<std::int64_t> at = clock.station_ns(entry.created);
  return at && *at - clock.margin_ns() >= run_begun_ns;
}

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> segments;
  std::istringstream text(path);
  for (std::string one; std::getline(text, one, '/');) {
    if (!one.empty()) segments.push_back(one);
  }
  return segments;
}

/// "GPU_2/NVLink_3" in …/Processors/GPU_2/Ports/NVLink_3, "GPU_2" in …/Chassis/HGX_GPU_2.
bool lies_in(const std::string& part, const std::vector<std::string>& segments) {
  std::size_t at = 0;
  for (const std::string& piece : segments_of(part)) {
    const auto found = std::find_if(
        segments.begin() + static_cast<std::ptrdiff_t>(at), segments.end(),
        [&piece](const std::string& segment) { return segment == piece || segment == "HGX_" + piece; });
    if (found == segments.end()) return false;
    at = static_cast<std::size_t>(found - segments.begin()) + 1;
  }
  return at > 0;
}

}  // namespace

std::string ids_as_text(const std::vector<LogEntry>& entries) {
  std::set<std::int64_t> numbers;
  std::set<std::string> words;
  bool all = true;
  for (const LogEntry& entry : entries) {
    const std::optional<std::int64_t> number = number_of(entry.id);
    const bool word = !number && fits_into_text(entry.id);
    if (number) numbers.insert(*number);
    if (word) words.insert(entry.id);
    all = all && (number || word);
  }
  std::string text;
  const auto add = [&text, &all](const std::string& piece) {
    const bool fits = text.size() + piece.size() + 1 <= kLongestIds;
    if (fits) text += (text.empty() ? "" : ",") + piece;
    all = all && fits;
  };
  std::vector<std::string> ranges;
  for (auto at = numbers.begin(); at != numbers.end();) {
    const std::int64_t first = *at;
    std::int64_t last = first;
    while (++at != numbers.end() && *at == last + 1) last = *at;
    ranges.push_back(first == last ? std::to_string(first) : fmt::format("{}-{}", first, last));
  }
  // The newest first: what does not fit is the oldest, which its time tells.
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) add(*range);
  for (const std::string& word : words) add(word);
  if (!all) text += (text.empty() ? "" : ",") + std::string(kAndOthers);
  return text;
}

KnownIds::KnownIds(const std::string& text) {
  std::istringstream pieces(text);
  for (std::string piece; std::getline(pieces, piece, ',');) {
    if (piece == kAndOthers) {
      complete_ = false;
      continue;
    }
    const std::size_t dash = piece.find('-');
    const std::optional<std::int64_t> first = number_of(piece.substr(0, dash));
    const std::optional<std::int64_t> last =
        dash == std::string::npos ? first : number_of(piece.substr(dash + 1));
    if (first && last) {
      ranges_.insert({*first, *last});
    } else if (fits_into_text(piece)) {
      words_.insert(piece);
    }
  }
}

bool KnownIds::contains(const std::string& id) const {
  const std::optional<std::int64_t> number = number_of(id);
  if (!number) return words_.contains(id);
  return std::any_of(ranges_.begin(), ranges_.end(), [&number](const auto& range) {
    return range.first <= *number && *number <= range.second;
  });
}

std::string times_as_text(const std::vector<LogEntry>& entries) {
  std::vector<std::pair<std::int64_t, std::string>> times;
  for (const LogEntry& entry : entries) {
    const std::optional<std::int64_t> at = parse_redfish_time(entry.created);
    if (at && fits_into_text(entry.id)) times.emplace_back(*at / kNanosecondsPerSecond, entry.id);
  }
  std::stable_sort(times.begin(), times.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [seconds, id] : times) {
    const std::string piece = fmt::format("{}@{}", id, seconds);
    if (text.size() + piece.size() + 1 > kLongestIds) break;
    text += (text.empty() ? "" : ",") + piece;
  }
  return text;
}

KnownTimes::KnownTimes(const std::string& text) {
  std::istringstream pieces(text);
  for (std::string piece; std::getline(pieces, piece, ',');) {
    const std::size_t at = piece.find('@');
    if (at == std::string::npos) continue;
    const std::optional<std::int64_t> seconds = tolerant_integer(piece.substr(at + 1));
    if (seconds) seconds_.emplace(piece.substr(0, at), *seconds);
  }
}

bool KnownTimes::is_another(const LogEntry& entry) const {
  const auto known = seconds_.find(entry.id);
  const std::optional<std::int64_t> at = parse_redfish_time(entry.created);
  return known != seconds_.end() && at && *at / kNanosecondsPerSecond != known->second;
}

const LogEntry* newest_of(const std::vector<LogEntry>& entries) {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
  const LogEntry* newest = nullptr;
  std::pair<std::int64_t, std::int64_t> latest{kNever, kNever};
  for (const LogEntry& entry : entries) {
    const std::pair<std::int64_t, std::int64_t> at{parse_redfish_time(entry.created).value_or(kNever),
                                                   number_of(entry.id).value_or(kNever)};
    if (newest != nullptr && at < latest) continue;
    newest = &entry;
    latest = at;
  }
  return newest;
}

std::string name_of_newest(const std::vector<LogEntry>& entries) {
  const LogEntry* newest = newest_of(entries);
  return newest == nullptr ? std::string() : fmt::format("{} at {}", newest->id, newest->created);
}

std::optional<std::int64_t> BmcClock::station_ns(const std::string& created) const {
  const std::optional<std::int64_t> theirs = parse_redfish_time(created);
  if (!theirs || !known()) return std::nullopt;
  // In the middle of the two, so that the margin covers both.
  const double offset = before_s && after_s ? (*before_s + *after_s) / 2 : before_s ? *before_s : *after_s;
  if (!std::isfinite(offset) || std::abs(offset) > kNoClock) return std::nullopt;
  return *theirs - static_cast<std::int64_t>(offset * 1e9);
}

std::int64_t BmcClock::margin_ns() const {
  constexpr std::int64_t kMeasuredOnce = 60 * kNanosecondsPerSecond;  // ours: drift nobody saw
  if (!before_s || !after_s) return kResolution + kMeasuredOnce;
  const double drift = std::min(std::abs(*after_s - *before_s), kNoClock);
  return kResolution + (std::isfinite(drift) ? static_cast<std::int64_t>(drift * 1e9) : kMeasuredOnce);
}

std::string BmcClock::text() const {
  if (!known()) return "the BMC has no clock: its entries are told apart by their ids alone";
  if (!before_s || !after_s)
    return fmt::format("the BMC's clock is {:+.1f} s off, measured once only; times are good to {:.0f} s",
                       before_s ? *before_s : *after_s, static_cast<double>(margin_ns()) / 1e9);
  return fmt::format(
      "the BMC's clock was {:+.1f} s off before and {:+.1f} s after; times are good to {:.1f} s", *before_s,
      *after_s, static_cast<double>(margin_ns()) / 1e9);
}

NewEntries new_entries(const EventLog& log, const std::optional<LogBefore>& before, const BmcClock& clock,
                       std::int64_t run_begun_ns) {
  NewEntries found;
  if (!log.unread.empty()) found.gap = log.unread;
  bool ids_hold = before.has_value();
  if (before && !before->newest.empty()) {
    const auto same = std::find_if(log.entries.begin(), log.entries.end(), [&before](const LogEntry& entry) {
      return fmt::format("{} at {}", entry.id, entry.created) == before->newest;
    });
    if (same == log.entries.end()) {
      ids_hold = false;
      if (found.gap.empty()) {
        found.gap = fmt::format(
            "its newest entry of before the run ({}) is gone: the log was cleared, or has wrapped around",
            before->newest);
      }
    }
  }
  if (!before && found.gap.empty()) found.gap = "what it held before the run is not known";
  const auto held = static_cast<std::int64_t>(std::max(log.listed, log.entries.size()));
  const bool full = log.capacity && held >= *log.capacity;
  // LogService v1.7.0, OverWritePolicy: WrapsWhenFull, NeverOverWrites, Unknown. Who does not say that the
  // new takes the place of the old may have dropped the new.
  if (full && log.when_full != "WrapsWhenFull" && found.gap.empty()) {
    found.gap = log.when_full == "NeverOverWrites"
                    ? fmt::format("it is full ({} entries) and takes no more", held)
                    : fmt::format("it is full ({} entries), and does not say that it takes more", held);
  }
  for (const LogEntry& entry : log.entries) {
    const bool another = ids_hold && before->times.is_another(entry);
    const bool seen_before = ids_hold && !another && before->ids.contains(entry.id) &&
                             !surely_of_the_run(entry, clock, run_begun_ns);
    const bool told_by_time = !ids_hold || !before->ids.complete();
    const bool old = seen_before || (told_by_time && !may_be_of_the_run(entry, clock, run_begun_ns));
    if (old && !another) continue;
    if (tells_of_clearing(entry) && found.gap.empty())
      found.gap = fmt::format("it was cleared during the run ({})", entry.message_id);
    found.fresh.push_back(entry);
  }
  // A log that was empty before has no entry that could be gone.
  if (full && log.when_full == "WrapsWhenFull" && before && before->newest.empty() && found.gap.empty() &&
      found.fresh.size() == log.entries.size()) {
    found.gap =
        fmt::format("it was empty before the run and is full ({} entries): it may have wrapped around", held);
  }
  if (log.listed > log.entries.size() && found.fresh.size() == log.entries.size() && found.gap.empty()) {
    found.gap = fmt::format("{} of its {} entries were read, and all of them are of this run",
                            log.entries.size(), log.listed);
  }
  return found;
}

std::string window_text(const LogEntry& entry, const BmcClock& clock,
                        const std::vector<StepWindow>& windows) {
  const std::optional<std::int64_t> at = clock.station_ns(entry.created);
  if (!at) return clock.known() ? "its time cannot be read" : "the BMC has no clock";
  const std::int64_t first = *at - clock.margin_ns(), last = *at + clock.margin_ns();
  std::string during;
  const StepWindow* before = nullptr;
  const StepWindow* after = nullptr;
  for (const StepWindow& window : windows) {
    const std::int64_t ended = window.ended_utc_ns.value_or(std::numeric_limits<std::int64_t>::max());
    if (window.begun_utc_ns <= last && ended >= first) during += (during.empty() ? "" : ", ") + window.step;
    if (ended < first) before = &window;
    if (window.begun_utc_ns > last && after == nullptr) after = &window;
  }
  if (!during.empty()) return "during " + during;
  if (before != nullptr && after != nullptr)
    return fmt::format("between {} and {}", before->step, after->step);
  if (before != nullptr) return "after " + before->step;
  if (after != nullptr) return "before " + after->step;
  return "beside every step";
}

std::string part_of(const LogEntry& entry, const Dut& dut) {
  const std::vector<std::string> segments = segments_of(entry.origin);
  if (segments.empty()) return {};
  std::string best;
  for (const Component& component : dut.expect.components) {
    if (component.name.size() > best.size() && lies_in(component.name, segments)) best = component.name;
  }
  return best.empty() ? segments.back() : best;
}

}  // namespace kiln::event_log
