#pragma once
// The verdict: one pure function over a run's events, the same for the screen, the exit code and every
// report.
//
// Rules (per DUT, in this order):
//   any measured fail on a required cell, or a hazard that was read            → NO-GO
//   else any required cell without a judged measurement, a failed teardown,
//        lost hazard telemetry, or no cell at all                              → INCOMPLETE
//   else a marginal cell under a marginal policy, a waived fail, or a retest that
//        passed after an unexplained fail                                      → CONDITIONAL
//   else                                                                       → GO
// A measured fail outside the planned cells (a part nobody expected, a row that is not required) is a fail
// all the same: it makes NO-GO, only the counts do not know it. Work that ended in error, a run that was
// stopped or has not ended and a guard that is still open make at least INCOMPLETE, also where no cell hangs
// on them. A waiver that is in force turns one named fail into a condition; no waiver touches a hazard that
// was read, nor what model/waiver.h lists. The rack is the worst of its DUTs and of its own cells: NO-GO >
// INCOMPLETE > CONDITIONAL > GO. A fail is sticky: a later pass, retry or repeat on the same cell never
// removes it. A pass counts only when its attempt completed. Of a step that is done again after an
// interruption of the run, only what came after the run was resumed counts, and what failed before. Events in
// any order give the same verdict.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/event.h"
#include "model/rack_comparison.h"
#include "model/waiver.h"

namespace kiln {

enum class Decision { go, conditional, incomplete, no_go };  // in order of badness
std::string_view to_string(Decision decision);               ///< "GO", "NO-GO", "CONDITIONAL", "INCOMPLETE"

struct Counts {
  int required = 0, measured = 0, failed = 0, marginal = 0, waived = 0, not_run = 0;
  Counts& operator+=(const Counts& other);
};

struct Reason {
  std::string code;     ///< "leak.detected", "cell.not_run", "bmc.unreachable"
  std::string message;  ///< what was seen, with value and limit
  std::string fru;      ///< the part by its name; empty = the DUT
  std::string action;
  Outcome outcome = Outcome::fail;
  int cells = 1;       ///< how many cells this reason stands for (missing evidence is grouped by cause)
  std::string waiver;  ///< of a fail: who has waived it, until when and why; empty: nobody
  std::string never_waivable_because;  ///< of a fail: what it stands for that nobody may waive
};

enum class CellState { passed, marginal, failed, waived, not_run };

struct CellVerdict {
  Cell cell;
  CellState state = CellState::not_run;
  std::string limit_text;
  std::string unit;
  std::string code;  ///< why failed or not run
  std::string message;
  std::string action;
};

struct DutVerdict {
  std::string id;
  Role role = Role::server;
  std::optional<int> slot;
  Decision decision = Decision::incomplete;
  Counts counts;
  std::vector<Reason> reasons;  ///< worst first
  std::vector<CellVerdict> cells;
  std::vector<Interlocked> interlocks;
  /// What steps have found out beside the values they measured: which part, why, and what to do. In order,
  /// each once, and only what no reason says.
  std::vector<Diagnosed> diagnoses;
  int disturbances = 0;
};

struct RunVerdict {
  std::optional<Decision> decision;   ///< nullopt for purpose survey, and before a run began
  std::string sign_off = "unsigned";  ///< unsigned | not-eligible; | signed | rejected by model/sign_off.h
  std::vector<std::string> not_eligible_because;
  /// Beside not_eligible_because: who has signed, what a signature waits for, why it is open again.
  std::vector<std::string> sign_off_because;
  bool simulated = false;
  Counts counts;
  std::vector<RunResumed> interruptions;  ///< that the run went on after, in order
  std::vector<Comparison> comparisons;    ///< of like parts, with what stands apart
  std::vector<DutVerdict> duts;  ///< in order of planning; the rack's own steps under its own id, last
  bool interlocked = false;
  bool ended = false;      ///< a run_ended event is there
  int stop_signal = 0;     ///< 2 or 15 when a person stopped it
  std::string run_status;  ///< of run_ended
  std::string purpose;     ///< of run_begun; empty before a run began

  [[nodiscard]] const DutVerdict* find(const std::string& dut) const;
};

/// Collects what the verdict needs from events, one by one, in any order.
class VerdictAccumulator {
 public:
  void add(const Event& event);
  /// Only those that are in force (waivers_in_force of model/sign_off.h).
  void add(Waiver waiver);
  [[nodiscard]] RunVerdict verdict() const;

 private:
  using AttemptKey = std::pair<int, int>;  // iteration, attempt
  /// One judged measurement with where it stood in the record.
  struct Seen {
    std::int64_t sequence = 0;
    AttemptKey attempt;
    Measured measured;
  };
  struct Ended {
    std::int64_t sequence = 0;
    StepEnded ended;
  };
  struct Attempt {
    std::int64_t first_sequence = 0;
    std::optional<Ended> ended;
  };
  /// Everything one step did on one DUT. An attempt is known from any of its events, so that losing one of
  /// them can't make the attempt disappear.
  struct StepFacts {
    std::int64_t first_sequence = 0;
    bool monitor = false;
    bool teardown = false;
    std::map<AttemptKey, Attempt> attempts;
    std::int64_t again_since = 0;  ///< a resumed run does it again since then; 0: it does not
    [[nodiscard]] bool superseded(const Attempt& attempt) const {
      return attempt.first_sequence < again_since;
    }
    [[nodiscard]] bool not_done_again() const;
    std::map<std::pair<std::string, std::string>, std::vector<Seen>> measured;  // name, part
  };
  struct DutFacts {
    std::optional<DutPlanned> planned;
    std::int64_t order = 0;
    std::map<std::int64_t, Interlocked> interlocks;  // by sequence, as below
    std::map<std::int64_t, Diagnosed> diagnoses;
    std::map<std::int64_t, GuardClosed> failed_undos;
    std::map<std::string, int> open_guards;  // undo → opened minus closed
    int disturbances = 0;
  };
  struct CellOrder {
    std::int64_t sequence = 0;
    CellPlanned planned;
  };

  StepFacts& step_facts(const Event& event);
  [[nodiscard]] std::string rack_id() const;
  [[nodiscard]] std::string id_of(const std::string& dut) const;
  [[nodiscard]] std::vector<const StepFacts*> find_steps(const std::string& dut,
                                                         const std::string& step) const;
  void list_diagnoses(DutVerdict& verdict) const;
  [[nodiscard]] const Diagnosed* find_diagnosis(const std::string& dut, const std::string& part) const;
  [[nodiscard]] CellVerdict judge_cell(const CellPlanned& planned) const;
  [[nodiscard]] const Diagnosed* interrupted_write(const Cell& cell, std::int64_t last_read) const;
  void describe_failure(CellVerdict& verdict, const Seen& seen) const;
  [[nodiscard]] DutVerdict judge_dut(const std::string& id, std::vector<const CellOrder*> cells,
                                     const std::vector<Comparison>& comparisons) const;
  [[nodiscard]] std::vector<Comparison> compare() const;
  void judge_odd_ones(DutVerdict& verdict, const std::vector<Comparison>& comparisons) const;
  void list_odd_ones(DutVerdict& verdict, const std::vector<Comparison>& comparisons) const;
  void judge_record(DutVerdict& verdict) const;
  [[nodiscard]] std::string waiver_of(const DutVerdict& dut, const std::string& code,
                                      const std::string& measurement, const std::string& part) const;
  void judge_steps(DutVerdict& verdict) const;
  void judge_hazards(DutVerdict& verdict) const;
  [[nodiscard]] bool is_survey() const;
  void judge_eligibility(RunVerdict& run) const;

  std::optional<std::pair<std::int64_t, RunBegun>> begun_;
  std::optional<std::pair<std::int64_t, RunEnded>> ended_;
  std::map<std::int64_t, RunResumed> resumed_;
  std::map<std::int64_t, StopRequested> stops_;
  std::map<std::string, DutFacts> duts_;
  std::map<Cell, CellOrder> cells_;
  std::map<std::pair<std::string, std::string>, StepFacts> steps_;  // dut, step
  RackComparison comparison_;
  std::vector<Waiver> waivers_;
  std::int64_t last_utc_ns_ = 0;  ///< of all events
};

RunVerdict roll_up(const std::vector<Event>& events);

/// contracts of the command line: the highest applicable of 130/143, 5, 1, 4, 3, 0. A survey in which all
/// work was done is 0, whatever it found; one with work that could not be done, or that did not end, is 4.
int exit_code(const RunVerdict& verdict);

}  // namespace kiln
