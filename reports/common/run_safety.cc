#include "common/run_safety.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiln {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

class SafetyCollector {
 public:
  explicit SafetyCollector(RunSafety& safety) : safety_(safety) {}

  void take(const Event& event) {
    if (!begun_) begun_ns_ = event.at.monotonic_ns;
    begun_ = true;
    if (const auto* permit = std::get_if<PermitGranted>(&event.body))
      safety_.permits.push_back({event.dut, event.step, permit->energy, seconds(event)});
    if (const auto* opened = std::get_if<GuardOpened>(&event.body)) {
      SafetyUndo undo;
      undo.dut = event.dut;
      undo.step = event.step;
      undo.undo = opened->undo;
      undo.opened_s = seconds(event);
      safety_.undos.push_back(std::move(undo));
    }
    if (const auto* closed = std::get_if<GuardClosed>(&event.body)) close(event, *closed);
    const auto* cut = std::get_if<Interlocked>(&event.body);
    // What was cut because another leaks is not wet: the message begins with where it was read.
    if (cut == nullptr || cut->cause != "leak" || !cut->hazard_read || cut->part.empty() ||
        !cut->message.starts_with(event.dut + ":"))
      return;
    const std::string wet = fmt::format("{} at {}", event.dut, cut->part);
    if (std::find(safety_.wet.begin(), safety_.wet.end(), wet) == safety_.wet.end())
      safety_.wet.push_back(wet);
  }

  void finish() {
    for (const SafetyUndo& undo : safety_.undos) {
      if (undo.closed && undo.done) continue;
      safety_.may_be_on.push_back(fmt::format("{}: {} ({})", undo.dut, undo.undo,
                                              undo.closed ? undo.message : "the record has no end of it"));
    }
  }

 private:
  double seconds(const Event& event) const {
    return static_cast<double>(event.at.monotonic_ns - begun_ns_) / kNanosecondsPerSecond;
  }

  /// The newest of that name on the DUT that is open; one that failed may be undone later by somebody else.
  void close(const Event& event, const GuardClosed& closed) {
    const auto mine = [&](const SafetyUndo& undo) {
      return undo.dut == event.dut && undo.undo == closed.undo && !(undo.closed && undo.done);
    };
    const auto found = std::find_if(safety_.undos.rbegin(), safety_.undos.rend(), mine);
    if (found == safety_.undos.rend()) return;
    found->closed = true;
    found->done = closed.done;
    found->closed_s = seconds(event);
    found->message = closed.message;
  }

  RunSafety& safety_;
  std::int64_t begun_ns_ = 0;
  bool begun_ = false;
};

}  // namespace

RunSafety make_safety(const ReportInput& input) {
  RunSafety safety;
  SafetyCollector collector(safety);
  for (const Event& event : input.events.events) collector.take(event);
  if (input.events.broken) {
    for (const Event& event : input.events.broken->after) collector.take(event);
  }
  collector.finish();
  return safety;
}

std::string safety_sentence(const RunSafety& safety) {
  if (safety.may_be_on.empty()) {
    return "Everything this run switched on or loaded was switched off again, as far as its record goes. "
           "Coolant still "
           "flows, and the power shelves are on: no rack is called safe by this.";
  }
  return fmt::format("{} of the {} undos were not confirmed: what they undo may still be on.",
                     safety.may_be_on.size(), safety.undos.size());
}

}  // namespace kiln
