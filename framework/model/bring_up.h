#pragma once
// The bring-up clock: from a rack's arrival to its first token, and where the time went. One pure function of
// what people noted and of all runs of that rack. What nobody noted and no run recorded is absent, never
// zero. Plain data; any thread.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/event.h"

namespace kiln {

/// What a person has noted about a rack, outside of any run. Never changed: a correction is another one.
struct RackNote {
  enum class What { arrived, waits_for_parts, waits_for_plant, waits_for_people, goes_on };
  std::string rack;
  What what = What::arrived;
  std::int64_t at_utc_ns = 0;  ///< when it was so
  std::string by;
  std::string station;
  std::int64_t noted_utc_ns = 0;  ///< when it was written down
};
std::string_view to_string(RackNote::What what);
std::optional<RackNote::What> rack_note_from(std::string_view word);

/// A run as the clock sees it.
struct ClockedRun {
  std::string id;
  RunBegun about;
  bool ended = false;             ///< false: it goes on, or its station died
  Instant last;                   ///< of its last event, of whatever kind
  std::set<std::string> serials;  ///< of its DUTs
  std::vector<Event>
      events;  ///< in order; of the kinds kClockedKinds, and measured values of kClockedMeasurements
};
inline constexpr std::array<std::string_view, 7> kClockedKinds{
    "run_begun", "run_ended", "dut_planned", "phase_ended", "prompt_shown", "prompt_answered", "run_resumed"};
inline constexpr std::array<std::string_view, 2> kClockedMeasurements{"power.on.confirmed", "first_token.at"};

/// Half of the serial numbers of either's DUTs are the other's, too, whatever the name; without serial
/// numbers, the same name. Simulated racks and hardware are never the same. Needs `about` and `serials` only.
bool same_rack(const ClockedRun& run, const ClockedRun& other);

struct ClockMilestone {
  std::string what;  ///< "cooling": a phase; empty otherwise
  std::int64_t at_utc_ns = 0;
  std::string run;
};

/// What the time from the beginning to the end was spent on; every moment belongs to exactly one.
struct ClockShares {
  std::int64_t tests_ns = 0;                ///< a run was working
  std::int64_t people_ns = 0;               ///< a question was open, or a person was waited for
  std::int64_t parts_ns = 0, plant_ns = 0;  ///< as somebody noted
  std::int64_t nobody_ns = 0;               ///< no run, and nobody said why
  [[nodiscard]] std::int64_t total() const { return tests_ns + people_ns + parts_ns + plant_ns + nobody_ns; }
};

struct BringUp {
  std::string rack;
  std::vector<std::string> formerly;  ///< other names under which the same parts ran
  std::vector<RackNote> notes;        ///< all of them, in order of noting
  std::optional<RackNote> arrived;    ///< the arrival that was noted last
  std::optional<ClockMilestone> first_run, powered, first_token;
  std::vector<ClockMilestone>
      phases;  ///< passed by every DUT of a run that had it, in order of passing; the first time each
  int runs = 0;
  std::optional<std::int64_t> begins_utc_ns;  ///< arrival, else the first run
  std::optional<std::int64_t> ends_utc_ns;    ///< first token, else the end of the last run
  std::optional<ClockShares> shares;          ///< between the two
  std::vector<std::string> remarks;           ///< why a figure is short of the truth: sentences

  /// So long after the arrival; nullopt: one of the two is not recorded, or they contradict each other.
  [[nodiscard]] std::optional<std::int64_t> since_arrival(
      const std::optional<ClockMilestone>& milestone) const;
};

/// `run`: the one whose rack is meant; `runs`: all that were begun up to it, it among them, in order of their
/// beginning on the station; those of other racks are passed over.
BringUp bring_up_of(const ClockedRun& run, const std::vector<RackNote>& notes,
                    const std::vector<ClockedRun>& runs);

}  // namespace kiln
