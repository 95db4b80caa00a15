#pragma once
// Cause: one thing about one DUT that may take its energy away, tri-state: clear, tripped, unknown. It starts
// unknown; what was clear once and then stays unknown beyond its grace is tripped too. Pure; one thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "safety/leak_detectors.h"
#include "safety/trip.h"

namespace kiln {

enum class CauseState { unknown, clear, tripped };

/// What one look at a source says.
struct Look {
  CauseState state = CauseState::unknown;
  std::string code;  ///< of a trip, or of a part at fault: "leak.detected", "leak_detector.absent"
  std::string word;  ///< what it said, when it is not clear: "leak", "suspect", "fault", "absent"
  std::string part;  ///< as the inventory names it
  std::string why;   ///< one clause: "leak detector LeakDetector_0 reports DetectorState Critical"
};

class Cause {
 public:
  Cause(std::string name, std::string dut, Nanoseconds grace);

  /// `now_ns`: monotonic, when it was asked: no answer is older.
  void see(Look look, std::int64_t now_ns);
  /// The source did not answer.
  void miss(const std::string& why, std::int64_t now_ns);

  /// How long it may stay unknown before that is a trip: the grace, or longer while its source is away by
  /// plan. It is `ready` by the grace alone.
  void set_patience(Nanoseconds patience) { patience_ = patience; }
  /// What was unknown until now counts as unknown from now on.
  void begin_patience(std::int64_t now_ns) { patient_since_ns_ = now_ns; }

  /// Tripped now; the same trip until it is clear again.
  [[nodiscard]] std::optional<Trip> trip(std::int64_t now_ns) const;
  /// Energy may be permitted: the last look was clear, and not longer ago than the grace.
  [[nodiscard]] bool ready(std::int64_t now_ns) const;
  /// Why it is not ready, as a sentence that begins with the DUT.
  [[nodiscard]] std::string why_not() const;
  [[nodiscard]] const Look& last() const { return last_; }

 private:
  std::string name_, dut_;
  Nanoseconds grace_, patience_;
  Look last_;
  std::int64_t seen_ns_ = 0;
  std::optional<std::int64_t> clear_ns_;  ///< last time it was clear
  std::int64_t patient_since_ns_ = 0;
};

/// Every expected detector is there and dry, and nothing else is wet. `expected`: names as the inventory
/// gives them: the detector's id, or "place/id" where ids repeat.
Look judge_leak_detectors(const std::vector<std::string>& expected, const std::vector<DetectorLook>& looks);

}  // namespace kiln
