#include "model/waiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/time.h"

namespace kiln {
namespace {

struct NeverWaived {
  std::string_view word;  ///< anywhere in the code or in the measurement's name
  std::string_view what;
};

constexpr std::array<NeverWaived, 13> kNeverWaived{
    {{"leak", "a leak, or what would see one"},
     {"detector", "what would see a leak"},
     {"interlock", "an interlock"},
     {"hazard", "a hazard"},
     {"temperature", "a temperature out of its limit"},
     {"condensation", "a leak by condensation"},
     {"dew_point", "a leak by condensation"},
     {"serial", "a serial that does not match"},
     {"mismatch", "a part that is not the expected one"},
     {"telemetry", "telemetry that was missing for longer than allowed"},
     {"undo", "an undo that failed"},
     {"teardown", "an undo that failed"},
     {"guard", "an undo that failed"}}};

}  // namespace

std::string to_text(const Waiver& waiver) {
  return fmt::format("waived by {} until {}: {} (evidence: {}; requested by {}; audit entry {})",
                     waiver.approved_by, format_utc(waiver.expires_utc_ns), waiver.reason, waiver.evidence,
                     waiver.requested_by, waiver.entry);
}

std::optional<std::string> why_never_waivable(std::string_view code, std::string_view measurement) {
  for (const NeverWaived& never : kNeverWaived) {
    if (code.find(never.word) != std::string_view::npos ||
        measurement.find(never.word) != std::string_view::npos)
      return std::string(never.what);
  }
  const bool hot = code.ends_with(".hot") || code.ends_with("_hot");
  if (hot) return "a temperature out of its limit";
  return std::nullopt;
}

}  // namespace kiln
