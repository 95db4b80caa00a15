#pragma once
// Whether a DUT that reads Off will stay so. An On that was asked for a moment ago may still be under way: a
// BMC may read Off meanwhile, ignore a force-off because of that, and come on afterwards. Used by everybody
// who switches off and reads back, so that no two of them can disagree. Pure.

#include <cstdint>
#include <string>

#include "base/time.h"

namespace kiln {

/// An On that was asked for longer ago has come on, or never will.
inline constexpr Nanoseconds kOnMayTake = std::chrono::seconds(60);
/// So long a DUT with an On that may be under way must read Off before that is believed. Half of the 10 s in
/// which Off must be confirmed.
inline constexpr Nanoseconds kOffSettles = std::chrono::seconds(5);

/// `asked_ns`: monotonic, when its On may last have been asked for; 0: not by us.
inline bool on_may_come(std::int64_t asked_ns, std::int64_t now_ns) {
  return asked_ns != 0 && now_ns - asked_ns < kOnMayTake.count();
}

/// What was read of one DUT since it was first told to go off.
class OffReading {
 public:
  /// Without an On that may come, and once it was read as something else than Off, the next Off counts at
  /// once.
  explicit OffReading(bool on_may_come) : doubted_(on_may_come) {}

  void see(bool off, std::int64_t now_ns);
  /// It reads Off, and will.
  [[nodiscard]] bool believed() const { return believed_; }
  /// Since when it reads Off without a break; 0: it does not.
  [[nodiscard]] std::int64_t off_since_ns() const { return since_ns_; }
  [[nodiscard]] bool came_on_again() const { return again_; }
  /// For the record.
  [[nodiscard]] std::string sentence() const;

 private:
  bool doubted_;
  bool believed_ = false;
  bool again_ = false;
  std::int64_t since_ns_ = 0;
};

}  // namespace kiln
