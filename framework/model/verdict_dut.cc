// The verdict on one DUT: its cells, its steps, its hazards and the state of the record, each as reasons.
#include <fmt/format.h>

#include <algorithm>

#include "model/rework.h"
#include "model/verdict.h"

namespace kiln {
namespace {

/// Reasons are listed worst first; inside one rank in the order they were found.
enum class Rank { hazard, fail, undone, lost_telemetry, record, missing, symptom, conditional };

/// What follows from something else that is told too, such as a host key that does not match: the cause comes
/// first.
bool is_symptom(const std::string& code) {
  return code == "measurement.unset" || code == "gate.failed" || code == "setup.failed" ||
         code == "rack.quorum_lost" || code == "rack.far_end_off" || code == "cell.not_run" ||
         code == "step.unset" || code == "resume.not_done_again" || code.rfind("permit.", 0) == 0;
}

Rank rank_of(const Reason& reason, const std::vector<Interlocked>& interlocks) {
  if (!reason.waiver.empty()) return Rank::conditional;
  if (reason.outcome == Outcome::fail) {
    const bool is_hazard =
        std::any_of(interlocks.begin(), interlocks.end(), [&reason](const Interlocked& cut) {
          return cut.hazard_read && cut.code == reason.code && cut.part == reason.fru;
        });
    return is_hazard ? Rank::hazard : Rank::fail;
  }
  if (reason.outcome == Outcome::marginal || reason.code.rfind("retest.", 0) == 0) return Rank::conditional;
  if (reason.code == "teardown.failed" || reason.code == "undo.failed") return Rank::undone;
  if (reason.code == "interlock.telemetry-lost") return Rank::lost_telemetry;
  if (reason.code.rfind("run.", 0) == 0) return Rank::record;
  return is_symptom(reason.code) ? Rank::symptom : Rank::missing;
}

void worsen(DutVerdict& verdict, Decision decision) {
  verdict.decision = std::max(verdict.decision, decision);
}

Reason make_reason(Outcome outcome, std::string code, std::string message, std::string fru,
                   std::string action, int cells = 0) {
  Reason reason;
  reason.outcome = outcome;
  reason.code = std::move(code);
  reason.message = std::move(message);
  reason.fru = std::move(fru);
  reason.action = std::move(action);
  reason.cells = cells;
  return reason;
}

/// In the message, so that no format can leave it out.
void say_waived(Reason& fail) {
  if (!fail.waiver.empty()) fail.message = fmt::format("WAIVED: {}; {}", fail.message, fail.waiver);
}

/// The same fault on the same part is one reason, seen by several checks.
void add_fail(DutVerdict& verdict, Reason reason) {
  for (Reason& known : verdict.reasons) {
    const bool same = known.outcome == Outcome::fail && known.code == reason.code && known.fru == reason.fru;
    if (same && known.waiver == reason.waiver) {
      known.cells += reason.cells;
      if (known.never_waivable_because.empty())
        known.never_waivable_because = std::move(reason.never_waivable_because);
      if (known.action.empty()) known.action = reason.action;
      return;
    }
  }
  verdict.reasons.push_back(std::move(reason));
}

/// Missing evidence with one cause is one reason, however many parts it concerns.
void add_missing(DutVerdict& verdict, Reason reason) {
  for (Reason& known : verdict.reasons) {
    if (known.outcome != Outcome::fail && known.code == reason.code && known.message == reason.message) {
      if (known.fru != reason.fru) known.fru.clear();
      known.cells += reason.cells;
      return;
    }
  }
  verdict.reasons.push_back(std::move(reason));
}

}  // namespace

DutVerdict VerdictAccumulator::judge_dut(const std::string& id, std::vector<const CellOrder*> cells,
                                         const std::vector<Comparison>& comparisons) const {
  DutVerdict verdict;
  verdict.id = id;
  verdict.decision = Decision::go;
  verdict.role = id == rack_id() ? Role::rack : Role::server;
  bool planned = false;
  for (const auto& [name, facts] : duts_) {
    if (id_of(name) != id) continue;
    if (facts.planned) {
      planned = true;
      verdict.role = facts.planned->role;
      verdict.slot = facts.planned->slot;
    }
    for (const auto& [sequence, cut] : facts.interlocks) verdict.interlocks.push_back(cut);
    verdict.disturbances += facts.disturbances;
  }

  judge_hazards(verdict);

  std::stable_sort(cells.begin(), cells.end(),
                   [](const CellOrder* a, const CellOrder* b) { return a->sequence < b->sequence; });
  for (const CellOrder* planned_cell : cells) {
    CellVerdict cell = judge_cell(planned_cell->planned);
    ++verdict.counts.required;
    switch (cell.state) {
      case CellState::waived:  // judge_cell knows of no waivers
      case CellState::failed: {
        ++verdict.counts.measured;
        Reason fail = make_reason(Outcome::fail, cell.code, cell.message, cell.cell.part, cell.action, 1);
        fail.waiver = waiver_of(verdict, cell.code, cell.cell.measurement, cell.cell.part);
        fail.never_waivable_because = why_never_waivable(cell.code, cell.cell.measurement).value_or("");
        if (!fail.waiver.empty()) cell.state = CellState::waived;
        say_waived(fail);
        ++(fail.waiver.empty() ? verdict.counts.failed : verdict.counts.waived);
        worsen(verdict, fail.waiver.empty() ? Decision::no_go : Decision::conditional);
        add_fail(verdict, std::move(fail));
        break;
      }
      case CellState::marginal:
        ++verdict.counts.measured;
        ++verdict.counts.marginal;
        if (begun_ && begun_->second.marginal_is_conditional) {
          worsen(verdict, Decision::conditional);
          verdict.reasons.push_back(make_reason(
              Outcome::marginal, "measurement.marginal",
              fmt::format("{} is in its marginal band, limit {}", cell.cell.measurement, cell.limit_text),
              cell.cell.part, "review the value before it ships", 1));
        }
        break;
      case CellState::passed:
        ++verdict.counts.measured;
        break;
      case CellState::not_run:
        ++verdict.counts.not_run;
        worsen(verdict, Decision::incomplete);
        add_missing(verdict,
                    make_reason(Outcome::unset, cell.code, cell.message, cell.cell.part, cell.action, 1));
        break;
    }
    verdict.cells.push_back(std::move(cell));
  }
  if (planned && verdict.counts.required == 0 && verdict.role != Role::rack && !is_survey()) {
    worsen(verdict, Decision::incomplete);
    add_missing(
        verdict,
        make_reason(Outcome::unset, "plan.nothing_required",
                    "the plan requires no check of this DUT, so nothing speaks for it", {},
                    "use a recipe and a limits table that cover it, or leave it out of the inventory"));
  }

  judge_steps(verdict);
  judge_record(verdict);
  judge_odd_ones(verdict, comparisons);

  // A pass says nothing against the fail before it, unless somebody has found and repaired what it came from.
  if (begun_ && !begun_->second.retest_of.empty() && !is_survey() &&
      verdict.decision <= Decision::conditional) {
    const std::string& before = begun_->second.retest_of;
    const Diagnosed* rework = nullptr;
    if (const auto run = duts_.find(std::string()); run != duts_.end()) {
      for (const auto& [sequence, said] : run->second.diagnoses) {
        if (said.code == kReworkCode) rework = &said;
      }
    }
    if (rework != nullptr) {
      verdict.reasons.push_back(make_reason(
          Outcome::pass, kReworkCode,
          fmt::format("passed in a retest of run {}, after rework: {}", before, rework->message), {}, {}));
    } else {
      worsen(verdict, Decision::conditional);
      verdict.reasons.push_back(
          make_reason(Outcome::pass, "retest.pass_after_fail",
                      fmt::format("passed in a retest of run {}, without a cause found in between", before),
                      {}, "find out why it failed before"));
    }
  }
  std::stable_sort(verdict.reasons.begin(), verdict.reasons.end(),
                   [&verdict](const Reason& a, const Reason& b) {
                     return rank_of(a, verdict.interlocks) < rank_of(b, verdict.interlocks);
                   });
  list_diagnoses(verdict);
  list_odd_ones(verdict, comparisons);
  return verdict;
}

/// The waiver's text, when one is in force on this failure and nothing forbids it; else empty.
std::string VerdictAccumulator::waiver_of(const DutVerdict& dut, const std::string& code,
                                          const std::string& measurement, const std::string& part) const {
  if (waivers_.empty() || why_never_waivable(code, measurement)) return {};
  const bool is_cut = std::any_of(dut.interlocks.begin(), dut.interlocks.end(), [&](const Interlocked& cut) {
    return cut.hazard_read && cut.code == code && cut.part == part;
  });
  if (is_cut) return {};
  for (const Waiver& waiver : waivers_) {
    if (waiver.dut == dut.id && waiver.code == code && waiver.part == part) return to_text(waiver);
  }
  return {};
}

/// Beside its like is no fault: only a recipe that wants its marginal values looked at waits for somebody.
void VerdictAccumulator::judge_odd_ones(DutVerdict& verdict,
                                        const std::vector<Comparison>& comparisons) const {
  if (!begun_ || !begun_->second.marginal_is_conditional || is_survey()) return;
  for (const Comparison& comparison : comparisons) {
    for (const OddOne& odd : comparison.odd) {
      if (odd.dut != verdict.id) continue;
      worsen(verdict, Decision::conditional);
      verdict.reasons.push_back(
          make_reason(Outcome::marginal, kOddOneCode, odd.message, odd.part, odd.action));
    }
  }
}

void VerdictAccumulator::list_odd_ones(DutVerdict& verdict,
                                       const std::vector<Comparison>& comparisons) const {
  if (begun_ && begun_->second.marginal_is_conditional && !is_survey()) return;  // reasons say it
  for (const Comparison& comparison : comparisons) {
    for (const OddOne& odd : comparison.odd) {
      if (odd.dut == verdict.id)
        verdict.diagnoses.push_back({kOddOneCode, odd.part, odd.message, odd.action});
    }
  }
}

void VerdictAccumulator::list_diagnoses(DutVerdict& verdict) const {
  std::map<std::int64_t, const Diagnosed*> in_order;
  for (const auto& [name, facts] : duts_) {
    if (id_of(name) != verdict.id) continue;
    for (const auto& [sequence, diagnosis] : facts.diagnoses) in_order.emplace(sequence, &diagnosis);
  }
  for (const auto& [sequence, diagnosis] : in_order) {
    const auto says_it = [&diagnosis = *diagnosis](const Reason& reason) {
      return reason.fru == diagnosis.part && (reason.message.find(diagnosis.message) != std::string::npos ||
                                              reason.action.find(diagnosis.message) != std::string::npos);
    };
    const auto is_it = [&diagnosis = *diagnosis](const Diagnosed& other) {
      return other.code == diagnosis.code && other.part == diagnosis.part &&
             other.message == diagnosis.message;
    };
    if (std::any_of(verdict.reasons.begin(), verdict.reasons.end(), says_it)) continue;
    if (std::any_of(verdict.diagnoses.begin(), verdict.diagnoses.end(), is_it)) continue;
    verdict.diagnoses.push_back(*diagnosis);
  }
}

void VerdictAccumulator::judge_hazards(DutVerdict& verdict) const {
  for (const Interlocked& cut : verdict.interlocks) {
    const Diagnosed* diagnosis = find_diagnosis(verdict.id, cut.part);
    std::string action = diagnosis != nullptr ? diagnosis->action : std::string{};
    if (cut.hazard_read) {
      worsen(verdict, Decision::no_go);
      if (action.empty()) action = "keep it off; find and repair the cause before it is energised again";
      Reason fail =
          make_reason(Outcome::fail, cut.code.empty() ? fmt::format("{}.detected", cut.cause) : cut.code,
                      cut.message, cut.part, action);
      fail.never_waivable_because = "an interlock that has removed energy";
      add_fail(verdict, std::move(fail));
    } else {
      worsen(verdict, Decision::incomplete);
      if (action.empty()) {
        action = cut.cause == "telemetry-lost"
                     ? "restore the hazard telemetry, release the interlock, then run again"
                     : "find out why, release the interlock (kiln release), then run again";
      }
      add_missing(verdict,
                  make_reason(Outcome::unset, cut.code.empty() ? "interlock.telemetry-lost" : cut.code,
                              cut.message, cut.part, action));
    }
  }
}

void VerdictAccumulator::judge_steps(DutVerdict& verdict) const {
  std::vector<std::pair<std::int64_t, std::pair<const std::string*, const StepFacts*>>> steps;
  for (const auto& [key, facts] : steps_) {
    if (id_of(key.first) == verdict.id) steps.push_back({facts.first_sequence, {&key.second, &facts}});
  }
  std::sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : *a.second.first < *b.second.first;
  });
  for (const auto& [first_sequence, step] : steps) {
    const std::string& name = *step.first;
    const StepFacts& facts = *step.second;

    // Fails that no cell stands for.
    for (const auto& measured : facts.measured) {
      const auto& key = measured.first;  // no structured binding: clang 14 captures none
      const auto& all = measured.second;
      const auto failed = std::find_if(
          all.begin(), all.end(), [](const Seen& seen) { return seen.measured.outcome == Outcome::fail; });
      if (failed == all.end()) continue;
      const bool has_cell =
          std::any_of(verdict.cells.begin(), verdict.cells.end(), [&](const CellVerdict& cell) {
            return cell.cell.step == name && cell.cell.measurement == key.first &&
                   cell.cell.part == key.second;
          });
      if (has_cell) continue;
      CellVerdict outside;
      outside.cell.dut = verdict.id;
      describe_failure(outside, *failed);
      Reason fail = make_reason(Outcome::fail, outside.code, outside.message, key.second, outside.action);
      fail.waiver = waiver_of(verdict, outside.code, key.first, key.second);
      fail.never_waivable_because = why_never_waivable(outside.code, key.first).value_or("");
      worsen(verdict, fail.waiver.empty() ? Decision::no_go : Decision::conditional);
      say_waived(fail);
      add_fail(verdict, std::move(fail));
    }

    // Work that was not done: the last attempt of each iteration counts, of a monitor every attempt.
    if (facts.not_done_again()) {
      worsen(verdict, Decision::incomplete);
      add_missing(
          verdict,
          make_reason(Outcome::unset, facts.teardown ? "teardown.failed" : "resume.not_done_again",
                      fmt::format("{} was to be done again after the interruption, and was not", name), {},
                      facts.teardown ? "make the DUT safe by hand; it may still be energised" : ""));
    }
    for (auto at = facts.attempts.begin(); at != facts.attempts.end(); ++at) {
      const auto next = std::next(at);
      const bool is_last = next == facts.attempts.end() || next->first.first != at->first.first;
      if (!is_last && !facts.monitor) continue;
      if (facts.superseded(at->second)) continue;
      const bool unfinished = !at->second.ended.has_value();
      const WorkStatus status = unfinished ? WorkStatus::error : at->second.ended->ended.status;
      if (status == WorkStatus::complete) continue;
      if (facts.teardown) {
        const std::string why = unfinished ? "it began and did not end" : at->second.ended->ended.message;
        worsen(verdict, Decision::incomplete);
        add_missing(verdict,
                    make_reason(Outcome::unset, "teardown.failed", fmt::format("teardown {}: {}", name, why),
                                {}, "make the DUT safe by hand; it may still be energised"));
        continue;
      }
      if (status == WorkStatus::skipped) continue;  // its cells, if any, say so
      worsen(verdict, Decision::incomplete);
      Reason reason = make_reason(Outcome::unset, "step.unfinished",
                                  fmt::format("{} began and did not end", name), {}, {});
      if (!unfinished) {
        const StepEnded& ended = at->second.ended->ended;
        reason.code = ended.code.empty() ? fmt::format("step.{}", to_string(ended.status)) : ended.code;
        reason.message = ended.message.empty()
                             ? fmt::format("{} ended with status {}", name, to_string(ended.status))
                             : ended.message;
        reason.action = ended.action;
      }
      const bool known =
          std::any_of(verdict.reasons.begin(), verdict.reasons.end(), [&reason](const Reason& other) {
            return other.code == reason.code && other.message == reason.message;
          });
      if (!known) verdict.reasons.push_back(std::move(reason));
    }
  }
}

void VerdictAccumulator::judge_record(DutVerdict& verdict) const {
  for (const auto& [name, facts] : duts_) {
    if (id_of(name) != verdict.id) continue;
    for (const auto& [sequence, undo] : facts.failed_undos) {
      worsen(verdict, Decision::incomplete);
      add_missing(verdict, make_reason(Outcome::unset, "undo.failed",
                                       fmt::format("undo '{}' failed: {}", undo.undo, undo.message), {},
                                       "undo it by hand before anything else"));
    }
    for (const auto& [undo, open] : facts.open_guards) {
      if (open <= 0) continue;
      worsen(verdict, Decision::incomplete);
      add_missing(verdict,
                  make_reason(Outcome::unset, "undo.failed", fmt::format("undo '{}' was never done", undo),
                              {}, "undo it by hand before anything else"));
    }
  }
  if (!stops_.empty()) {
    worsen(verdict, Decision::incomplete);
    add_missing(verdict, make_reason(Outcome::unset, "run.stopped",
                                     fmt::format("the run was stopped: {}", stops_.begin()->second.by), {},
                                     "run it again"));
  }
  if (!ended_) {
    worsen(verdict, Decision::incomplete);
    add_missing(verdict,
                make_reason(Outcome::unset, "run.interrupted", "the run has no end in the record", {},
                            "look at what is still energised (kiln recover), then go on with it: "
                            "kiln resume"));
  } else if (ended_->second.status != "complete" && stops_.empty()) {
    worsen(verdict, Decision::incomplete);
    add_missing(verdict, make_reason(Outcome::unset, fmt::format("run.{}", ended_->second.status),
                                     fmt::format("the run ended with status {}: {}", ended_->second.status,
                                                 ended_->second.message),
                                     {}, "run it again"));
  }
}

}  // namespace kiln
