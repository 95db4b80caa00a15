#include "station/screen/narration.h"

#include <fmt/format.h>

#include "model/interruption.h"

namespace kiln {
namespace {

constexpr int kMostFailLines = 5;  // per step of a DUT; the report holds all of them

NarratedLine line_of(Sign sign, const Event& event, const std::string& text) {
  return {sign, fmt::format("{:<6} {:<26} {}", event.dut, event.step, text)};
}

}  // namespace

std::optional<NarratedLine> Narration::tell(const Event& event) {
  if (const auto* ended = std::get_if<StepEnded>(&event.body)) return tell_end(event, *ended);
  if (const auto* measured = std::get_if<Measured>(&event.body)) {
    if (measured->outcome != Outcome::fail) return std::nullopt;
    const int lines = ++fails_[{event.dut, event.step}];
    if (lines > kMostFailLines + 1) return std::nullopt;
    if (lines == kMostFailLines + 1)
      return line_of(Sign::fail, event, "more failed here; the report lists them all");
    return line_of(Sign::fail, event,
                   fmt::format("FAIL {} {}: {}", measured->name, measured->part, measured->reason));
  }
  if (const auto* cut = std::get_if<Interlocked>(&event.body))
    return line_of(Sign::fail, event, fmt::format("INTERLOCK {}: {}", cut->cause, cut->message));
  if (const auto* retried = std::get_if<Retried>(&event.body))
    return line_of(Sign::unknown, event,
                   fmt::format("again (attempt {}): {}", retried->next_attempt, retried->message));
  if (const auto* diagnosed = std::get_if<Diagnosed>(&event.body))
    return line_of(Sign::fail, event,
                   fmt::format("{} {}: {}", diagnosed->code, diagnosed->part, diagnosed->message));
  if (const auto* closed = std::get_if<GuardClosed>(&event.body)) {
    if (closed->done) return std::nullopt;
    return line_of(Sign::fail, event, fmt::format("NOT UNDONE: {}: {}", closed->undo, closed->message));
  }
  if (const auto* disturbed = std::get_if<Disturbance>(&event.body)) {
    if (!told_.insert(event.dut + disturbed->code).second) return std::nullopt;
    return line_of(Sign::idle, event, fmt::format("{}: {}", disturbed->code, disturbed->message));
  }
  if (const auto* resumed = std::get_if<RunResumed>(&event.body))
    return NarratedLine{Sign::waiting, interruption_text(*resumed)};
  if (const auto* note = std::get_if<Note>(&event.body)) return line_of(Sign::idle, event, note->text);
  return std::nullopt;
}

std::optional<NarratedLine> Narration::tell_end(const Event& event, const StepEnded& ended) {
  if (ended.status == WorkStatus::complete) {
    if (brief_ || event.step.rfind("monitor/", 0) == 0) return std::nullopt;
    const auto fails = fails_.find({event.dut, event.step});
    const bool failed = fails != fails_.end() && fails->second > 0;
    return line_of(failed ? Sign::fail : Sign::pass, event,
                   fmt::format("complete, {:.1f} s", static_cast<double>(ended.duration_ns) / 1e9));
  }
  if (brief_ && ended.status != WorkStatus::error &&
      !told_.insert(event.dut + ended.code + ended.message).second)
    return std::nullopt;
  return line_of(
      Sign::unknown, event,
      fmt::format("{}{}{}", to_string(ended.status), ended.message.empty() ? "" : ": ", ended.message));
}

}  // namespace kiln
