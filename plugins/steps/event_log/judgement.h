#pragma once
// What becomes of one entry of a run: allowed by the product's limits, harmless, or unexpected. Pure.

#include <map>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::event_log {

inline constexpr const char* kUnexpected = "event_log.unexpected";
/// Of one DUT and one step; what is beyond is counted, and stands in the attached list.
inline constexpr std::size_t kMostDiagnoses = 25;

/// One entry of this run, and what became of it.
struct Judged {
  LogEntry entry;
  std::string log, window, part;
  LogSeverity severity = LogSeverity::ok;
  const LogAllowance* allowed = nullptr;
  std::string why_not;  ///< of one that a row means, but allows no longer
  [[nodiscard]] bool unexpected() const { return severity != LogSeverity::ok && allowed == nullptr; }
};

/// The rows of the product's limits, with how often each was made use of in this run. The rows outlive it.
class Allowances {
 public:
  explicit Allowances(const std::vector<LogAllowance>& rows) : rows_(rows) {}
  /// `log`: address of the log; `window`: see window_text.
  Judged judge(LogEntry entry, std::string log, std::string window, const Dut& dut);

 private:
  const std::vector<LogAllowance>& rows_;
  std::map<const LogAllowance*, int> used_;
};

/// "Critical ResourceEvent…: text (2026-…, during soak/load, from /redfish/v1/…, /redfish/v1/…/Entries/3)".
std::string sentence_of(const Judged& one);

}  // namespace kiln::event_log
