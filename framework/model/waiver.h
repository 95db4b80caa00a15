#pragma once
// A waiver: a person's reasoned, signed and expiring permission for one named failure of one run. It turns
// that fail into a condition, and never into a pass. Plain data and pure functions; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// One failure as a report names it, with the permission for it.
struct Waiver {
  std::string dut;                  ///< id of the DUT; the rack's own for what only all together show
  std::string code;                 ///< reason code: "nic.slow"
  std::string part;                 ///< as the report prints it; empty: the DUT itself
  std::string reason;               ///< why it may ship like this
  std::string evidence;             ///< what that rests on: a document, a ticket, a measurement
  std::string requested_by;         ///< who asked for it; never who approved it
  std::string approved_by;          ///< who signed it
  std::int64_t expires_utc_ns = 0;  ///< from then on it permits nothing
  std::string entry;                ///< in the audit trail: "3", "3 of st-04"
};

/// "waived by qa@site until 2027-01-31T00:00:00Z: … (evidence: …; requested by …; audit entry 3)".
std::string to_text(const Waiver& waiver);

/// Why nobody may waive a failure with this reason code on this measurement (empty: not known): leak,
/// interlock, over-temperature, a serial that does not match, an undo that failed. nullopt: it may be. Leans
/// to refusing: a code or a measurement that so much as speaks of one of these is none to waive.
std::optional<std::string> why_never_waivable(std::string_view code, std::string_view measurement);

}  // namespace kiln
