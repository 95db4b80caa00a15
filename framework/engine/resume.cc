#include "engine/resume.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "model/interruption.h"

namespace kiln {
namespace {

using AttemptKey = std::pair<int, int>;  // iteration, attempt

/// One step on one DUT as the record tells it.
struct History {
  struct Attempt {
    std::int64_t first_sequence = 0;
    std::optional<StepEnded> ended;
    std::set<std::pair<std::string, std::string>> judged;  ///< name and part
    bool flash_permitted = false;
  };
  std::map<AttemptKey, Attempt> attempts;
  std::int64_t again_since = 0;  ///< done again since an earlier resumption: what was before counts no more
  bool failed = false;
};

/// Decides step by step; see the header for the rules.
class ResumptionPlanner {
 public:
  ResumptionPlanner(const Plan& plan, Resumption& resumption,
                    const std::map<std::string, std::string>& serials)
      : plan_(plan), resumption_(resumption), serials_(serials) {}

  void run() {
    for (const Event& event : resumption_.record) read(event);
    for (const auto& [key, history] : histories_) remember(key, history);
    compare_serials();
    find_interrupted_writes();
    resumption_.work_was_over = work_was_over();
    for_each_step([this](const std::string& dut, const PlannedStep& step) { decide(dut, step); });
    if (!resumption_.work_was_over) {
      while (drop_what_others_need()) {
      }
    }
    for (const auto& monitor : plan_.monitors) {
      for (const std::string& dut : monitor.duts) decide(dut, monitor);
    }
    for (const auto& phase : plan_.phases) {
      for (const auto& step : phase.teardown) decide_teardown(step);
    }
    for (const auto& step : plan_.teardown) decide_teardown(step);
  }

 private:
  // ---------------------------------------------------------------- reading the record

  void read(const Event& event) {
    if (const auto* planned = std::get_if<DutPlanned>(&event.body)) serial_then_[event.dut] = planned->serial;
    if (const auto* ended = std::get_if<PhaseEnded>(&event.body);
        ended != nullptr && ended->status == WorkStatus::complete)
      phases_ended_[{event.dut, ended->phase}] = event.sequence;
    if (std::holds_alternative<RunResumed>(event.body)) ++resumption_.about.number;
    if (event.step.empty() || std::holds_alternative<CellPlanned>(event.body)) return;
    History& history = histories_[{event.dut, event.step}];
    if (const auto* resumed = std::get_if<StepResumed>(&event.body)) {
      if (!resumed->kept) history.again_since = event.sequence;
      return;
    }
    const bool of_attempt =
        std::holds_alternative<StepBegun>(event.body) || std::holds_alternative<StepEnded>(event.body) ||
        std::holds_alternative<Measured>(event.body) || std::holds_alternative<PermitGranted>(event.body);
    if (!of_attempt) return;
    const auto [found, is_new] = history.attempts.try_emplace({event.iteration, event.attempt});
    History::Attempt& attempt = found->second;
    if (is_new) attempt.first_sequence = event.sequence;
    if (const auto* ended = std::get_if<StepEnded>(&event.body)) attempt.ended = *ended;
    if (const auto* permit = std::get_if<PermitGranted>(&event.body))
      attempt.flash_permitted = attempt.flash_permitted || permit->energy == to_string(Energy::flash);
    if (const auto* measured = std::get_if<Measured>(&event.body)) {
      const Outcome outcome = measured->outcome;
      history.failed = history.failed || outcome == Outcome::fail;
      if (outcome == Outcome::pass || outcome == Outcome::marginal || outcome == Outcome::fail)
        attempt.judged.emplace(measured->name, measured->part);
    }
  }

  void remember(const StepOfDut& key, const History& history) {
    if (history.attempts.empty()) return;
    RecordedStep& recorded = resumption_.recorded[key];
    for (const auto& [number, attempt] : history.attempts) {
      recorded.last_attempts[number.first] = number.second;
      recorded.last_ended = attempt.ended.has_value();
    }
    recorded.failed = history.failed;
  }

  void compare_serials() {
    for (const std::string& id : plan_.duts) {
      const Dut& dut = *plan_.inventory.find(id);
      if (!dut.bmc) continue;  // the host key that the rack file pins says who it is
      const auto now = serials_.find(id);
      const std::string& then = serial_then_[id];
      if (now == serials_.end() || then.empty()) {
        unknown_.insert(id);
      } else if (now->second != then) {
        resumption_.other_duts[id] = fmt::format(
            "{} is another {} than at the beginning of the run: its BMC says serial number {}, it was {}", id,
            to_string(dut.role), now->second, then);
      }
    }
  }

  void find_interrupted_writes() {
    for (const auto& [key, history] : histories_) {
      const bool under_way =
          std::any_of(history.attempts.begin(), history.attempts.end(), [&history](const auto& item) {
            return item.second.flash_permitted && !item.second.ended &&
                   item.second.first_sequence > history.again_since;
          });
      if (!under_way) continue;
      std::set<std::string> parts;
      for (const CellPlanned& planned : plan_.cells) {
        const Cell& cell = planned.cell;
        if (cell.kind == ComponentKind::firmware && StepOfDut(cell.dut, cell.step) == key)
          parts.insert(cell.part);
      }
      for (const std::string& part : parts) {
        Diagnosed diagnosis;
        diagnosis.code = "firmware.interrupted";
        diagnosis.part = part;
        diagnosis.message =
            fmt::format("the station died while {} was being written: unknown until it is read again", part);
        diagnosis.action = fmt::format(
            "read the version of {}; if it does not answer, use the vendor's recovery path", part);
        resumption_.interrupted_writes.emplace_back(key, std::move(diagnosis));
      }
    }
  }

  // ---------------------------------------------------------------- what is complete

  template <class Do>
  void for_each_step(Do&& act) const {
    for (const auto& phase : plan_.phases) {
      for (const auto* steps : {&phase.setup, &phase.steps}) {
        for (const auto& step : *steps) {
          for (const std::string& dut : bearers(step)) act(dut, step);
        }
      }
    }
  }

  [[nodiscard]] std::vector<std::string> bearers(const PlannedStep& step) const {
    return step.rack_scope ? std::vector<std::string>{plan_.rack.id} : step.duts;
  }

  [[nodiscard]] const History* history_of(const std::string& dut, const std::string& path) const {
    const auto found = histories_.find({dut, path});
    return found == histories_.end() ? nullptr : &found->second;
  }

  /// Of each iteration the last attempt, as far as it still counts.
  static std::vector<const History::Attempt*> last_attempts(const History& history) {
    std::map<int, const History::Attempt*> last;
    for (const auto& [number, attempt] : history.attempts) {
      if (attempt.first_sequence > history.again_since) last[number.first] = &attempt;
    }
    std::vector<const History::Attempt*> attempts;
    for (const auto& [iteration, attempt] : last) attempts.push_back(attempt);
    return attempts;
  }

  /// Why the evidence is not whole; empty: it is.
  [[nodiscard]] std::string why_incomplete(const std::string& dut, const std::string& path,
                                           const History& history) const {
    const auto attempts = last_attempts(history);
    if (attempts.empty()) return "it had not begun again";
    for (const History::Attempt* attempt : attempts) {
      if (!attempt->ended) return "it was under way: it begins again, and its time from zero";
      if (attempt->ended->status != WorkStatus::complete)
        return fmt::format("it ended with status {}{}", to_string(attempt->ended->status),
                           attempt->ended->code.empty() ? "" : fmt::format(" ({})", attempt->ended->code));
      for (const CellPlanned& planned : plan_.cells) {
        const Cell& cell = planned.cell;
        if (cell.dut == dut && cell.step == path && !attempt->judged.contains({cell.measurement, cell.part}))
          return fmt::format("{} of {} has no value", cell.measurement, cell.part.empty() ? dut : cell.part);
      }
    }
    return {};
  }

  [[nodiscard]] std::string why_incomplete(const std::string& dut, const PlannedStep& step,
                                           const History& history) const {
    std::string why = why_incomplete(dut, step.path, history);
    if (!why.empty()) return why;
    if (!step.spec.repeat_for) {
      const auto repeated = static_cast<int>(last_attempts(history).size());
      return repeated < step.spec.repeat
                 ? fmt::format("{} of its {} repetitions had ended", repeated, step.spec.repeat)
                 : std::string{};
    }
    // Only the end of its phase shows that its unbroken time was reached.
    const auto over = phases_ended_.find({dut, step.path.substr(0, step.path.find('/'))});
    return over == phases_ended_.end() || over->second < history.again_since
               ? "its unbroken time was not over"
               : std::string{};
  }

  [[nodiscard]] bool is_other(const std::string& dut) const { return resumption_.other_duts.contains(dut); }

  [[nodiscard]] bool judges(const PlannedMonitor& monitor, const std::string& dut) const {
    return std::any_of(plan_.cells.begin(), plan_.cells.end(), [&](const CellPlanned& planned) {
      return planned.cell.step == monitor.path && planned.cell.dut == dut;
    });
  }

  [[nodiscard]] bool work_was_over() const {
    if (!resumption_.other_duts.empty() || !unknown_.empty()) return false;
    bool over = true;
    for_each_step([&](const std::string& dut, const PlannedStep& step) {
      const History* history = history_of(dut, step.path);
      const auto attempts =
          history == nullptr ? std::vector<const History::Attempt*>{} : last_attempts(*history);
      const bool skipped = !attempts.empty() && attempts.back()->ended &&
                           attempts.back()->ended->status == WorkStatus::skipped;
      over = over && history != nullptr && (skipped || why_incomplete(dut, step, *history).empty());
    });
    for (const auto& monitor : plan_.monitors) {
      if (monitor.step->describe().leak_watch) continue;
      for (const std::string& dut : monitor.duts) {
        const History* history = history_of(dut, monitor.path);
        over = over && history != nullptr && why_incomplete(dut, monitor.path, *history).empty();
      }
    }
    return over;
  }

  // ---------------------------------------------------------------- deciding

  static ResumePolicy policy_of(const PlannedStep& step) {
    return std::max(least_resume_policy(step.step->describe()),
                    step.spec.on_resume.value_or(ResumePolicy::keep));
  }

  static std::string why_by_policy(const PlannedStep& step, ResumePolicy policy) {
    const StepDescription& description = step.step->describe();
    if (policy == ResumePolicy::manual) return "a person must say so first";
    if (policy == ResumePolicy::verify) return "its outcome is read again, never assumed";
    if (description.energises == Energy::power) return "its power was or may have been taken away meanwhile";
    if (description.proves_cooling) return "cooling is proven again before any load";
    return "what it shows must be shown anew after an interruption";
  }

  void set(const std::string& dut, const std::string& path, bool kept, ResumePolicy policy,
           std::string reason) {
    resumption_.steps[{dut, path}] = StepResumed{kept, policy, std::move(reason)};
  }

  void decide(const std::string& dut, const PlannedStep& step) {
    const History* history = history_of(dut, step.path);
    if (history == nullptr) return;  // it runs for the first time
    const ResumePolicy policy = policy_of(step);
    if (is_other(dut)) {
      set(dut, step.path, false, policy, "it was measured on another tray");
      return;
    }
    if (resumption_.work_was_over) {
      set(dut, step.path, true, policy, "all work was over, only the teardown was not");
      return;
    }
    std::string why = why_incomplete(dut, step, *history);
    if (policy == ResumePolicy::manual || (why.empty() && policy != ResumePolicy::keep))
      why = why_by_policy(step, policy);
    if (why.empty() && unknown_.contains(dut)) why = "its BMC does not say, or did not say, which tray it is";
    if (why.empty()) why = why_not_watched(dut, step);
    const bool kept = why.empty();
    set(dut, step.path, kept, policy, kept ? "it was measured in full" : std::move(why));
  }

  static bool puts_load_on(const PlannedStep& step) { return step.step->describe().energises.has_value(); }

  /// What a monitor counted beside a load is lost when the monitor had not ended.
  [[nodiscard]] std::string why_not_watched(const std::string& dut, const PlannedStep& step) const {
    if (!puts_load_on(step)) return {};
    for (const auto& monitor : plan_.monitors) {
      if (monitor.step->describe().leak_watch) continue;
      for (const std::string& watched : monitor.duts) {
        // A rack's monitor watches the load of every DUT.
        if (!step.rack_scope && !monitor.rack_scope && watched != dut) continue;
        if (!judges(monitor, watched)) continue;
        const History* history = history_of(watched, monitor.path);
        if (history == nullptr || !why_incomplete(watched, monitor.path, *history).empty())
          return fmt::format("what '{}' counted beside it is lost", monitor.path);
      }
    }
    return {};
  }

  void decide(const std::string& dut, const PlannedMonitor& monitor) {
    if (history_of(dut, monitor.path) == nullptr) return;
    const bool kept = resumption_.work_was_over && !monitor.step->describe().leak_watch;
    set(dut, monitor.path, kept, ResumePolicy::restart,
        kept ? "all work was over, only the teardown was not" : "it watches anew, and begins from unknown");
  }

  void decide_teardown(const PlannedStep& step) {
    for (const std::string& dut : step.duts) {
      if (history_of(dut, step.path) != nullptr)
        set(dut, step.path, false, ResumePolicy::restart, "everything is torn down again");
    }
  }

  [[nodiscard]] bool kept(const std::string& dut, const PlannedStep& step) const {
    return is_kept(resumption_, dut, step.path);
  }

  /// One round over the rules between steps; whether something that was kept no longer is.
  bool drop_what_others_need() {
    bool dropped = false;
    const auto drop = [&](const std::string& dut, const PlannedStep& step, std::string why) {
      if (!kept(dut, step)) return;
      set(dut, step.path, false, ResumePolicy::restart, std::move(why));
      dropped = true;
    };
    for_each_step([&](const std::string& dut, const PlannedStep& step) {
      if (kept(dut, step)) return;
      // DUTs that wait for each other prove something together.
      const bool together =
          step.spec.barrier_before || step.spec.barrier_after || (step.spec.quorum > 0 && !step.rack_scope);
      if (together) {
        for (const std::string& other : step.duts) {
          drop(other, step,
               fmt::format("it is done again on {}, and the DUTs wait for each other in it", dut));
        }
      }
      if (!step.step->describe().looks_back) return;
      bool before = true;
      for_each_step([&](const std::string& other, const PlannedStep& earlier) {
        if (earlier.path == step.path) before = false;
        const bool concerned = other == dut || step.rack_scope || earlier.rack_scope;
        if (before && concerned && puts_load_on(earlier))
          drop(other, earlier, fmt::format("'{}' judges what it left behind, and had not ended", step.path));
      });
    });
    return dropped;
  }

  const Plan& plan_;
  Resumption& resumption_;
  const std::map<std::string, std::string>& serials_;
  std::map<StepOfDut, History> histories_;
  std::map<std::pair<std::string, std::string>, std::int64_t> phases_ended_;  ///< DUT and phase → sequence
  std::map<std::string, std::string> serial_then_;
  std::set<std::string> unknown_;  ///< DUTs of which nobody can say that they are the same
};

}  // namespace

Resumption plan_resumption(const Plan& plan, std::vector<Event> record, std::vector<Event> beside,
                           const std::map<std::string, std::string>& serials) {
  Resumption resumption;
  resumption.record = std::move(record);
  resumption.beside = std::move(beside);
  if (!resumption.record.empty()) {
    resumption.about.after_sequence = resumption.record.back().sequence;
    resumption.about.interrupted_utc_ns = resumption.record.back().at.utc_ns;
  }
  ResumptionPlanner(plan, resumption, serials).run();
  return resumption;
}

ResumePolicy least_resume_policy(const StepDescription& description) {
  if (description.energises == Energy::power || description.proves_cooling || description.monitor)
    return std::max(description.on_resume, ResumePolicy::restart);
  if (description.energises == Energy::flash) return std::max(description.on_resume, ResumePolicy::verify);
  return description.on_resume;
}

bool is_kept(const Resumption& resumption, const std::string& dut, const std::string& path) {
  const auto found = resumption.steps.find({dut, path});
  return found != resumption.steps.end() && found->second.kept;
}

std::string explain(const Plan& plan, const Resumption& resumption) {
  std::string text;
  const auto list = [&](const std::string& path, const std::vector<std::string>& duts) {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> groups;  // what and why → DUTs
    std::vector<std::pair<std::string, std::string>> order;
    for (const std::string& dut : duts) {
      std::string what = "runs";
      std::string why = "it had not begun";
      if (const auto other = resumption.other_duts.find(dut); other != resumption.other_duts.end()) {
        what = "NOT RUN";
        why = other->second;
      } else if (const auto found = resumption.steps.find({dut, path}); found != resumption.steps.end()) {
        const StepResumed& step = found->second;
        what = resumed_word(step);
        why = step.reason;
      }
      const auto [group, is_new] = groups.try_emplace({what, why});
      if (is_new) order.emplace_back(what, why);
      group->second.push_back(dut);
    }
    for (const auto& key : order)
      text += fmt::format("  {:<28} {:<12} {}: {}\n", path, key.first, fmt::join(groups.at(key), " "),
                          key.second);
  };
  for (const auto& phase : plan.phases) {
    for (const auto* steps : {&phase.setup, &phase.steps}) {
      for (const auto& step : *steps)
        list(step.path, step.rack_scope ? std::vector<std::string>{plan.rack.id} : step.duts);
    }
  }
  for (const auto& monitor : plan.monitors) list(monitor.path, monitor.duts);
  for (const auto& [key, write] : resumption.interrupted_writes)
    text += fmt::format("  {:<28} {:<12} {}: {}\n", key.second, "UNKNOWN", key.first, write.message);
  return text;
}

}  // namespace kiln
