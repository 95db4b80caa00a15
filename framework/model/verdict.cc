#include "model/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<Decision>, 4> kDecisions{{{Decision::go, "GO"},
                                                        {Decision::conditional, "CONDITIONAL"},
                                                        {Decision::incomplete, "INCOMPLETE"},
                                                        {Decision::no_go, "NO-GO"}}};

bool is_judged_good(Outcome outcome) { return outcome == Outcome::pass || outcome == Outcome::marginal; }

std::string value_with_unit(const Measured& measured) {
  const std::string value = to_text(measured.value);
  return measured.unit.empty() || measured.unit == "1" ? value : fmt::format("{} {}", value, measured.unit);
}

/// Why a cell has no judged measurement although its step is known; the first hole found speaks for the cell.
void set_hole(CellVerdict& verdict, std::string code, std::string message, std::string action = {}) {
  if (!verdict.code.empty()) return;
  verdict.code = std::move(code);
  verdict.message = std::move(message);
  verdict.action = std::move(action);
}

std::string status_code(const StepEnded& ended) {
  if (!ended.code.empty()) return ended.code;
  return fmt::format("step.{}", to_string(ended.status));
}

std::string status_message(const std::string& step, const StepEnded& ended) {
  if (!ended.message.empty()) return ended.message;
  return fmt::format("{} ended with status {}", step, to_string(ended.status));
}

}  // namespace

std::string_view to_string(Decision decision) { return word_of(kDecisions, decision); }

Counts& Counts::operator+=(const Counts& other) {
  required += other.required;
  measured += other.measured;
  failed += other.failed;
  marginal += other.marginal;
  waived += other.waived;
  not_run += other.not_run;
  return *this;
}

const DutVerdict* RunVerdict::find(const std::string& dut) const {
  const auto found =
      std::find_if(duts.begin(), duts.end(), [&dut](const DutVerdict& d) { return d.id == dut; });
  return found == duts.end() ? nullptr : &*found;
}

VerdictAccumulator::StepFacts& VerdictAccumulator::step_facts(const Event& event) {
  StepFacts& facts = steps_[{event.dut, event.step}];
  if (facts.first_sequence == 0 || event.sequence < facts.first_sequence)
    facts.first_sequence = event.sequence;
  const auto [attempt, first_seen] = facts.attempts.try_emplace({event.iteration, event.attempt});
  if (first_seen || event.sequence < attempt->second.first_sequence)
    attempt->second.first_sequence = event.sequence;
  return facts;
}

/// It should be done again since the run was resumed, and nothing of that is in the record.
bool VerdictAccumulator::StepFacts::not_done_again() const {
  return again_since != 0 && std::all_of(attempts.begin(), attempts.end(),
                                         [this](const auto& attempt) { return superseded(attempt.second); });
}

// Whatever is kept is keyed by the sequence number of its event, so that the order of arrival leaves no
// trace.
void VerdictAccumulator::add(const Event& event) {
  const std::int64_t sequence = event.sequence;
  last_utc_ns_ = std::max(last_utc_ns_, event.at.utc_ns);
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) {
    if (!begun_ || sequence < begun_->first) begun_.emplace(sequence, *begun);
  } else if (const auto* ended = std::get_if<RunEnded>(&event.body)) {
    if (!ended_ || sequence > ended_->first) ended_.emplace(sequence, *ended);
  } else if (const auto* resumed = std::get_if<RunResumed>(&event.body)) {
    resumed_.try_emplace(sequence, *resumed);
  } else if (const auto* step_resumed = std::get_if<StepResumed>(&event.body)) {
    if (step_resumed->kept) return;
    StepFacts& facts = steps_[{event.dut, event.step}];
    if (facts.first_sequence == 0 || sequence < facts.first_sequence) facts.first_sequence = sequence;
    facts.again_since = std::max(facts.again_since, sequence);
  } else if (const auto* stop = std::get_if<StopRequested>(&event.body)) {
    stops_.try_emplace(sequence, *stop);
  } else if (const auto* planned = std::get_if<DutPlanned>(&event.body)) {
    DutFacts& facts = duts_[event.dut];
    if (!facts.planned || sequence < facts.order) {
      facts.planned = *planned;
      facts.order = sequence;
    }
  } else if (const auto* cell = std::get_if<CellPlanned>(&event.body)) {
    const auto [kept, is_new] = cells_.try_emplace(cell->cell, CellOrder{sequence, *cell});
    if (!is_new && sequence < kept->second.sequence) kept->second = CellOrder{sequence, *cell};
  } else if (const auto* step_begun = std::get_if<StepBegun>(&event.body)) {
    StepFacts& facts = step_facts(event);
    facts.monitor = facts.monitor || step_begun->monitor;
    facts.teardown = facts.teardown || step_begun->teardown;
  } else if (const auto* step_ended = std::get_if<StepEnded>(&event.body)) {
    StepFacts& facts = step_facts(event);
    facts.teardown = facts.teardown || step_ended->teardown;
    auto& kept = facts.attempts[{event.iteration, event.attempt}].ended;
    if (!kept || sequence > kept->sequence) kept = Ended{sequence, *step_ended};
  } else if (const auto* given = std::get_if<PopulationGiven>(&event.body)) {
    comparison_.take(event, *given);
  } else if (const auto* measured = std::get_if<Measured>(&event.body)) {
    comparison_.take(event, *measured);
    if (measured->outcome == Outcome::informational) return;
    Seen seen{sequence, {event.iteration, event.attempt}, *measured};
    auto& all = step_facts(event).measured[{measured->name, measured->part}];
    const auto place = std::upper_bound(all.begin(), all.end(), sequence,
                                        [](std::int64_t s, const Seen& other) { return s < other.sequence; });
    all.insert(place, std::move(seen));
  } else if (const auto* diagnosed = std::get_if<Diagnosed>(&event.body)) {
    duts_[event.dut].diagnoses.try_emplace(sequence, *diagnosed);
  } else if (const auto* interlocked = std::get_if<Interlocked>(&event.body)) {
    duts_[event.dut].interlocks.try_emplace(sequence, *interlocked);
  } else if (const auto* opened = std::get_if<GuardOpened>(&event.body)) {
    ++duts_[event.dut].open_guards[opened->undo];
  } else if (const auto* closed = std::get_if<GuardClosed>(&event.body)) {
    --duts_[event.dut].open_guards[closed->undo];
    if (!closed->done) duts_[event.dut].failed_undos.try_emplace(sequence, *closed);
  } else if (const auto* disturbance = std::get_if<Disturbance>(&event.body)) {
    duts_[event.dut].disturbances += disturbance->count;
  }
}

void VerdictAccumulator::add(Waiver waiver) { waivers_.push_back(std::move(waiver)); }

std::string VerdictAccumulator::rack_id() const {
  return begun_ && !begun_->second.rack.empty() ? begun_->second.rack : "rack";
}

/// Events of the run itself belong to the rack.
std::string VerdictAccumulator::id_of(const std::string& dut) const { return dut.empty() ? rack_id() : dut; }

bool VerdictAccumulator::is_survey() const {
  return begun_ && begun_->second.purpose == to_string(Purpose::survey);
}

std::vector<const VerdictAccumulator::StepFacts*> VerdictAccumulator::find_steps(
    const std::string& dut, const std::string& step) const {
  std::vector<const StepFacts*> found;
  if (const auto at = steps_.find({dut, step}); at != steps_.end()) found.push_back(&at->second);
  if (!dut.empty() && dut == rack_id()) {
    if (const auto at = steps_.find({std::string{}, step}); at != steps_.end()) found.push_back(&at->second);
  }
  return found;
}

const Diagnosed* VerdictAccumulator::find_diagnosis(const std::string& dut, const std::string& part) const {
  for (const auto& [name, facts] : duts_) {
    if (id_of(name) != dut) continue;
    for (const auto& [sequence, diagnosis] : facts.diagnoses) {
      if (diagnosis.part == part) return &diagnosis;
    }
  }
  return nullptr;
}

/// A firmware write on the cell's component that was interrupted after the component was last read.
const Diagnosed* VerdictAccumulator::interrupted_write(const Cell& cell, std::int64_t last_read) const {
  if (cell.kind != ComponentKind::firmware) return nullptr;
  const Diagnosed* last = nullptr;
  for (const auto& [name, facts] : duts_) {
    if (id_of(name) != id_of(cell.dut)) continue;
    for (const auto& [sequence, diagnosis] : facts.diagnoses) {
      const bool concerns = diagnosis.code == "firmware.interrupted" && diagnosis.part == cell.part;
      if (concerns && sequence > last_read) last = &diagnosis;
    }
  }
  return last;
}

void VerdictAccumulator::describe_failure(CellVerdict& verdict, const Seen& seen) const {
  const Measured& measured = seen.measured;
  verdict.state = CellState::failed;
  verdict.code = measured.fault_code;
  verdict.action = measured.action;
  verdict.message = fmt::format("{} {}", measured.name, value_with_unit(measured));
  if (!measured.limit_text.empty()) verdict.message += fmt::format(", limit {}", measured.limit_text);
  // The reason of a judged number repeats the limit; only what says more is added.
  // A text that is not what it should be is told once.
  const auto* text = std::get_if<std::string>(&measured.value);
  const bool repeats = text != nullptr && !text->empty() && measured.reason.starts_with(*text);
  if (!measured.reason.empty() && !repeats &&
      (measured.limit_text.empty() || measured.reason.find(measured.limit_text) == std::string::npos)) {
    verdict.message += fmt::format(": {}", measured.reason);
  }
  if (verdict.code.empty()) {
    verdict.code = measured.name;
    if (const Diagnosed* diagnosis = find_diagnosis(id_of(verdict.cell.dut), measured.part)) {
      if (!diagnosis->code.empty()) verdict.code = diagnosis->code;
      if (!diagnosis->action.empty()) verdict.action = diagnosis->action;
    }
  }
}

CellVerdict VerdictAccumulator::judge_cell(const CellPlanned& planned) const {
  CellVerdict verdict;
  verdict.cell = planned.cell;
  verdict.limit_text = planned.limit_text;
  verdict.unit = planned.unit;
  const Cell& cell = planned.cell;

  const auto steps = find_steps(id_of(cell.dut), cell.step);
  if (steps.empty()) {
    set_hole(verdict, "step.not_reached", fmt::format("{} was never reached", cell.step));
    return verdict;
  }
  bool marginal = false;
  std::int64_t last_read = 0;
  for (const StepFacts* facts : steps) {
    static const std::vector<Seen> kNone;
    const auto at = facts->measured.find({cell.measurement, cell.part});
    const std::vector<Seen>& all = at == facts->measured.end() ? kNone : at->second;
    const auto failed = std::find_if(all.begin(), all.end(),
                                     [](const Seen& s) { return s.measured.outcome == Outcome::fail; });
    if (failed != all.end()) {  // sticky: whatever came later
      describe_failure(verdict, *failed);
      return verdict;
    }

    // The attempts that have to have brought a judged value: the last one of every iteration; of a monitor
    // all, since what went by while it was down was watched by nobody.
    if (facts->not_done_again()) {
      set_hole(verdict, "resume.not_done_again",
               fmt::format("{} was to be done again after the interruption, and was not", cell.step));
      continue;
    }
    const int iterations = facts->attempts.empty() ? 0 : facts->attempts.rbegin()->first.first;
    for (int iteration = 1; iteration <= iterations; ++iteration) {
      auto first = facts->attempts.lower_bound({iteration, 0});
      const auto end = facts->attempts.lower_bound({iteration + 1, 0});
      if (first == end) {
        set_hole(verdict, "step.unfinished",
                 fmt::format("iteration {} of {} is not in the record", iteration, cell.step));
        continue;
      }
      if (!facts->monitor) first = std::prev(end);
      for (auto attempt = first; attempt != end; ++attempt) {
        if (facts->superseded(attempt->second)) continue;
        if (!attempt->second.ended) {
          set_hole(verdict, "step.unfinished", fmt::format("{} began and did not end", cell.step));
          continue;
        }
        const StepEnded& ended = attempt->second.ended->ended;
        if (ended.status != WorkStatus::complete) {
          set_hole(verdict, status_code(ended), status_message(cell.step, ended), ended.action);
          continue;
        }
        bool measured = false;
        for (const Seen& seen : all) {
          if (seen.attempt != attempt->first) continue;
          measured = true;
          if (is_judged_good(seen.measured.outcome)) last_read = std::max(last_read, seen.sequence);
          if (seen.measured.kind != cell.kind) {
            set_hole(verdict, "measurement.other_kind",
                     fmt::format("{} was recorded for a {}, the plan asks for a {}", cell.measurement,
                                 to_string(seen.measured.kind), to_string(cell.kind)));
          } else if (!is_judged_good(seen.measured.outcome)) {
            const std::string reason = seen.measured.reason.empty() ? "no value" : seen.measured.reason;
            set_hole(verdict, fmt::format("measurement.{}", to_string(seen.measured.outcome)),
                     fmt::format("{}: {}", cell.measurement, reason), seen.measured.action);
          }
          marginal = marginal || seen.measured.outcome == Outcome::marginal;
        }
        if (!measured) {
          set_hole(verdict, "measurement.missing",
                   fmt::format("{} did not record {}", cell.step, cell.measurement));
        }
      }
    }
    if (iterations == 0)
      set_hole(verdict, "step.not_reached", fmt::format("{} was never reached", cell.step));
  }
  if (const Diagnosed* interrupted = interrupted_write(cell, last_read)) {
    verdict.code.clear();
    set_hole(verdict, interrupted->code, interrupted->message, interrupted->action);
  }
  if (!verdict.code.empty()) return verdict;
  verdict.state = marginal ? CellState::marginal : CellState::passed;
  return verdict;
}

std::vector<Comparison> VerdictAccumulator::compare() const {
  std::map<std::string, DutPlanned> planned;
  for (const auto& [dut, facts] : duts_) {
    if (facts.planned) planned.emplace(dut, *facts.planned);
  }
  return comparison_.compare(planned);
}

RunVerdict VerdictAccumulator::verdict() const {
  RunVerdict run;
  run.ended = ended_.has_value();
  if (ended_) run.run_status = ended_->second.status;
  if (!stops_.empty()) run.stop_signal = stops_.begin()->second.signal;
  for (const auto& [sequence, resumed] : resumed_) run.interruptions.push_back(resumed);

  // Every DUT that was planned, or that something happened to although nobody planned it; the rack last.
  std::map<std::string, std::int64_t> unplanned;
  std::map<std::pair<std::int64_t, std::string>, bool> order;
  const std::string rack = rack_id();
  const auto mention = [&](const std::string& dut, std::int64_t sequence) {
    const auto [at, is_new] = unplanned.try_emplace(id_of(dut), sequence);
    if (!is_new) at->second = std::min(at->second, sequence);
  };
  for (const auto& [dut, facts] : duts_) {
    for (const auto& [sequence, interlock] : facts.interlocks) mention(dut, sequence);
    for (const auto& [sequence, undo] : facts.failed_undos) mention(dut, sequence);
    for (const auto& [undo, count] : facts.open_guards) {
      if (count > 0) mention(dut, 0);
    }
    run.interlocked = run.interlocked || !facts.interlocks.empty();
  }
  std::map<std::string, std::vector<const CellOrder*>> cells;
  for (const auto& [cell, planned] : cells_) {
    mention(cell.dut, planned.sequence);
    cells[id_of(cell.dut)].push_back(&planned);
  }
  for (const auto& [key, facts] : steps_) mention(key.first, facts.first_sequence);
  std::vector<std::string> ids;
  std::set<std::string> known;
  for (const auto& [dut, facts] : duts_) {
    if (facts.planned && facts.planned->role != Role::rack && id_of(dut) != rack)
      order[{facts.order, dut}] = true;
  }
  for (const auto& [key, planned] : order) {
    if (known.insert(key.second).second) ids.push_back(key.second);
  }
  order.clear();
  for (const auto& [dut, sequence] : unplanned) order[{sequence, dut}] = true;
  for (const auto& [key, mentioned] : order) {
    if (key.second != rack && known.insert(key.second).second) ids.push_back(key.second);
  }
  for (const auto& [dut, facts] : duts_) {
    if (facts.planned && facts.planned->role == Role::rack && known.insert(dut).second) ids.push_back(dut);
  }
  if (unplanned.count(rack) != 0 && known.insert(rack).second) ids.push_back(rack);

  Decision worst = Decision::go;
  run.comparisons = compare();
  for (const auto& id : ids) {
    run.duts.push_back(judge_dut(id, std::move(cells[id]), run.comparisons));
    run.counts += run.duts.back().counts;
    worst = std::max(worst, run.duts.back().decision);
  }
  if (run.counts.required == 0) worst = std::max(worst, Decision::incomplete);

  if (!begun_) return run;
  const RunBegun& begun = begun_->second;
  run.purpose = begun.purpose;
  run.simulated = begun.simulated;
  judge_eligibility(run);
  if (!is_survey()) run.decision = worst;
  return run;
}

RunVerdict roll_up(const std::vector<Event>& events) {
  VerdictAccumulator accumulator;
  for (const Event& event : events) accumulator.add(event);
  return accumulator.verdict();
}

int exit_code(const RunVerdict& verdict) {
  constexpr int kSignalBase = 128;
  if (verdict.stop_signal != 0) return kSignalBase + verdict.stop_signal;
  if (verdict.interlocked) return 5;
  if (!verdict.decision) {
    const bool undone = std::any_of(verdict.duts.begin(), verdict.duts.end(), [](const DutVerdict& dut) {
      return dut.decision == Decision::incomplete;
    });
    const bool survey_done = verdict.purpose == to_string(Purpose::survey) && verdict.ended && !undone &&
                             verdict.run_status == "complete";
    return survey_done ? 0 : 4;
  }
  switch (*verdict.decision) {
    case Decision::no_go:
      return 1;
    case Decision::incomplete:
      return 4;
    case Decision::conditional:
      return 3;
    case Decision::go:
      return 0;
  }
  return 4;
}

}  // namespace kiln
