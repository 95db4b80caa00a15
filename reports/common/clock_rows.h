#pragma once
// The bring-up clock in words, once for all formats that people read. Pure.

#include <string>
#include <vector>

#include "model/bring_up.h"

namespace kiln {

struct ClockRow {
  std::string what;   ///< "arrived", "first powered", "passed cooling", "first token"
  std::string when;   ///< "2026-…Z", or "not recorded"
  std::string after;  ///< since the arrival: "4h12m10s"; empty: one of the two is not recorded
  std::string run;    ///< or who noted it
};
std::vector<ClockRow> clock_rows(const BringUp& clock);

struct ClockShareRow {
  std::string what, time, share;  ///< "tests running", "3h2m1s", "41 %"
};
/// None when nothing is recorded.
std::vector<ClockShareRow> clock_shares(const BringUp& clock);
/// "from its arrival to its first token", "from its first run (its arrival is not recorded) to the end of the
/// last run".
std::string clock_span(const BringUp& clock);

/// Corrections of the arrival, and what it waited for: one sentence each, in order of noting.
std::vector<std::string> clock_notes(const BringUp& clock);

}  // namespace kiln
