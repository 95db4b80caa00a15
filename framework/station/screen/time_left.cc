#include "station/screen/time_left.h"

#include <algorithm>
#include <chrono>

#include "station/screen/printable.h"

namespace kiln {
namespace {

using Clocks = std::map<std::string, Nanoseconds>;  // by DUT: from now until it gets there

class Walk {
 public:
  Walk(const Plan& plan, const RunProgress& progress, const TypicalDurations& typical, std::int64_t now_ns)
      : plan_(plan), progress_(progress), typical_(typical), now_ns_(now_ns) {
    for (const auto& id : plan.duts) clocks_[id] = Nanoseconds(0);
  }

  TimeLeft walk() {
    for (const auto& phase : plan_.phases) {
      for (const auto* steps : {&phase.setup, &phase.steps, &phase.teardown}) {
        for (const auto& step : *steps) pass(step);
      }
    }
    // What serves the rack goes down last.
    std::vector<std::string> everybody = plan_.duts;
    meet(everybody);
    for (const auto& step : plan_.teardown) pass(step);
    meet(everybody);
    for (const auto& [id, clock] : clocks_) result_.left = std::max(result_.left, clock);
    return result_;
  }

 private:
  void meet(const std::vector<std::string>& members) {
    Nanoseconds latest(0);
    for (const auto& id : members) latest = std::max(latest, clocks_[id]);
    for (const auto& id : members) clocks_[id] = latest;
  }

  void pass(const PlannedStep& step) {
    if (step.rack_scope) {
      meet(plan_.duts);
      const Nanoseconds needed = remaining(plan_.rack.id, step);
      for (auto& [id, clock] : clocks_) clock += needed;
      return;
    }
    if (step.spec.barrier_before) meet(step.duts);
    for (const auto& id : step.duts) clocks_[id] += remaining(id, step);
    if (step.spec.barrier_after) meet(step.duts);
  }

  /// The least it takes, as the recipe says it.
  [[nodiscard]] static Nanoseconds planned(const PlannedStep& step) {
    if (step.spec.repeat_for) return *step.spec.repeat_for;
    if (step.step == nullptr) return Nanoseconds(0);
    for (const auto& parameter : step.step->describe().parameters) {
      if (parameter.name == "for" && parameter.type == ParameterType::duration)
        return step.with.duration("for") * std::max(1, step.spec.repeat);
    }
    return Nanoseconds(0);
  }

  Nanoseconds remaining(const std::string& dut, const PlannedStep& step) {
    if (progress_.has_ended(dut, step.path)) return Nanoseconds(0);
    const auto known = typical_.find(step.path);
    Nanoseconds whole = planned(step);
    if (known == typical_.end()) {
      result_.at_least = true;
    } else {
      whole = std::max(whole, known->second);
    }
    const std::int64_t since = progress_.running_since(dut, step.path);
    if (since == 0) return whole;
    const Nanoseconds spent(now_ns_ - since);
    if (spent > whole) result_.at_least = true;
    return std::max(Nanoseconds(0), whole - spent);
  }

  const Plan& plan_;
  const RunProgress& progress_;
  const TypicalDurations& typical_;
  std::int64_t now_ns_;
  Clocks clocks_;
  TimeLeft result_;
};

}  // namespace

TimeLeft time_left(const Plan& plan, const RunProgress& progress, const TypicalDurations& typical,
                   std::int64_t now_ns) {
  return Walk(plan, progress, typical, now_ns).walk();
}

std::string time_left_text(const TimeLeft& left, bool unicode) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left.left).count();
  if (!left.at_least) return "left " + clock_text(seconds);
  if (seconds == 0) return "time left unknown";
  return std::string(unicode ? "left ≥ " : "left >= ") + clock_text(seconds);
}

}  // namespace kiln
