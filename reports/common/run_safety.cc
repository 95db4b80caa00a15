#include "common/run_safety.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

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
    if (const auto* mask = std::get_if<DetectorMasked>(&event.body)) take_mask(event, *mask);
    if (const auto* measured = std::get_if<Measured>(&event.body)) take_policy(event.dut, *measured);
    const auto* cut = std::get_if<Interlocked>(&event.body);
    if (cut != nullptr) take_cut(event.dut, *cut);
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
  double seconds(const Event& event) const { return seconds_between(begun_ns_, event.at.monotonic_ns); }

  static double seconds_between(std::int64_t from_ns, std::int64_t to_ns) {
    return static_cast<double>(to_ns - from_ns) / kNanosecondsPerSecond;
  }

  void take_cut(const std::string& dut, const Interlocked& cut) {
    SafetyCut one;
    one.dut = dut;
    one.code = cut.code;
    one.message = cut.message;
    one.detected_s = seconds_between(begun_ns_, cut.detected_ns);
    if (cut.load_stopped_ns != 0)
      one.load_stopped_after_s = seconds_between(cut.detected_ns, cut.load_stopped_ns);
    if (cut.off_confirmed_ns != 0) one.off_after_s = seconds_between(cut.detected_ns, cut.off_confirmed_ns);
    safety_.cuts.push_back(std::move(one));
  }

  void take_mask(const Event& event, const DetectorMasked& mask) {
    if (mask.masked) {
      SafetyMask one;
      one.dut = event.dut;
      one.part = mask.part;
      one.from_s = seconds(event);
      safety_.masks.push_back(std::move(one));
      return;
    }
    const auto found = std::find_if(safety_.masks.rbegin(), safety_.masks.rend(), [&](const SafetyMask& one) {
      return one.dut == event.dut && one.part == mask.part && !one.to_s;
    });
    if (found == safety_.masks.rend()) return;
    found->to_s = seconds(event);
    found->message = mask.message;
  }

  void take_policy(const std::string& dut, const Measured& measured) {
    const bool before = measured.name == "leak_policy.before";
    if (!before && measured.name != "leak_policy.after") return;
    const auto* text = std::get_if<std::string>(&measured.value);
    if (text == nullptr) return;
    const auto known = std::find_if(safety_.policies.begin(), safety_.policies.end(),
                                    [&dut](const SafetyPolicy& policy) { return policy.dut == dut; });
    SafetyPolicy& policy =
        known == safety_.policies.end() ? safety_.policies.emplace_back(SafetyPolicy{dut, "", ""}) : *known;
    (before ? policy.before : policy.after) = *text;
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

std::string cut_times_sentence(const Interlocked& cut) {
  const auto said = [&cut](std::int64_t ns, const char* what, const char* otherwise) -> std::string {
    if (cut.detected_ns == 0 || ns == 0) return otherwise;
    return fmt::format("{} after {:.0f} ms", what, static_cast<double>(ns - cut.detected_ns) / 1e6);
  };
  return said(cut.load_stopped_ns, "load stopped", "load not confirmed to be stopped") + ", " +
         said(cut.off_confirmed_ns, "off confirmed", "off not confirmed");
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

std::string policy_sentence(const RunSafety& safety) {
  std::map<std::string, std::string> duts;  // by what it says
  std::string changed;
  for (const SafetyPolicy& policy : safety.policies) {
    const std::string& said = policy.before.empty() ? policy.after : policy.before;
    if (said == "not offered" && (policy.after.empty() || policy.after == said)) continue;
    std::string& list = duts[said];
    list += (list.empty() ? "" : ", ") + policy.dut;
    if (!policy.before.empty() && !policy.after.empty() && policy.before != policy.after)
      changed += fmt::format("; CHANGED during the run on {}, to: {}", policy.dut, policy.after);
  }
  if (duts.empty()) return "";
  std::string text;
  for (const auto& [said, list] : duts)
    text += fmt::format("{}{} on {}", text.empty() ? "" : "; ", said, list);
  return fmt::format("The BMCs' own reaction to a leak, on which nothing here relies: {}{}.", text, changed);
}

}  // namespace kiln
