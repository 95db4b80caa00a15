#include "model/instrument.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/time.h"

namespace kiln {
namespace {

std::string day_of(std::int64_t utc_ns) { return format_utc(utc_ns).substr(0, 10); }

bool names(std::string_view pattern, std::string_view measurement) {
  if (!pattern.ends_with(".*")) return pattern == measurement;
  return measurement.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

bool measures(const Instrument& instrument, std::string_view measurement) {
  return std::any_of(instrument.measures.begin(), instrument.measures.end(),
                     [measurement](const std::string& pattern) { return names(pattern, measurement); });
}

std::string calibration_sentence(const Instrument& instrument) {
  return fmt::format("{}{}: {}, calibrated until {} ({})", instrument.name,
                     instrument.what.empty() ? "" : " (" + instrument.what + ")",
                     fmt::join(instrument.measures, ", "), day_of(instrument.due_utc_ns),
                     instrument.certificate);
}

std::optional<std::string> overdue_because(const Instrument& instrument, std::int64_t utc_ns) {
  if (utc_ns <= instrument.due_utc_ns) return std::nullopt;
  return fmt::format("calibration overdue: {} measures {} and was due on {} (certificate {})",
                     instrument.name, fmt::join(instrument.measures, ", "), day_of(instrument.due_utc_ns),
                     instrument.certificate);
}

}  // namespace kiln
