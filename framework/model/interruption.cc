#include "model/interruption.h"

#include <fmt/format.h>

namespace kiln {
namespace {

/// To the second: nobody knows better when a program died.
std::string whole_seconds(std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return format_duration(Nanoseconds(nanoseconds / kSecond * kSecond));
}

}  // namespace

std::string interruption_text(const RunResumed& resumed) {
  return fmt::format("INTERRUPTED at {} (after event {}); resumed {} later by {}{}",
                     format_utc(resumed.interrupted_utc_ns), resumed.after_sequence,
                     whole_seconds(resumed.gap_ns),
                     resumed.operator_name.empty() ? "nobody who was named" : resumed.operator_name,
                     resumed.station.empty() ? "" : " on " + resumed.station);
}

std::string_view resumed_word(const StepResumed& step) {
  if (step.kept) return "kept";
  switch (step.policy) {
    case ResumePolicy::verify:
      return "read again";
    case ResumePolicy::manual:
      return "done again when a person says so";
    case ResumePolicy::keep:
    case ResumePolicy::restart:
      break;
  }
  return "done again";
}

}  // namespace kiln
