#pragma once
// What becomes of each step of a run that goes on after its station had died: its result is kept, the outcome
// is read again, it is done again, or a person is asked first. Computed from the plan and the record alone,
// before anything is touched, so that it can be shown; the runner does as it says and the record keeps it.
// Pure.
//
// Whatever is in doubt is done again. A result is kept only where
//   the step's own policy, and the recipe's, is "continue" (never of power, firmware writes, proofs of
//     cooling and monitors);
//   all its repetitions ended, and each of its required checks has a judged value;
//   it put no load on, or every monitor that judges its DUT has ended too: what such a monitor counted
//     meanwhile is lost with the station. A leak watch records what is not dry at once and needs no end;
//   no later step judges what it left behind (StepDescription::looks_back) without having ended as well;
//   it is kept on all DUTs that wait for each other in it;
//   the DUT is the same tray: its BMC says the serial number that it said at the beginning.
// Where the work of all DUTs was over and the station died in the teardown, everything is kept.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/plan.h"
#include "model/event.h"

namespace kiln {

/// A step on a DUT (of a rack step: the rack), by DUT id and path.
using StepOfDut = std::pair<std::string, std::string>;

/// What the record says of one step on one DUT.
struct RecordedStep {
  std::map<int, int> last_attempts;  ///< by iteration
  bool last_ended = false;           ///< the last attempt of the last iteration
  bool failed = false;               ///< something was measured as a fail, at any time: it stays so
};

/// The whole of a resumption.
struct Resumption {
  RunResumed about;  ///< its operator, station and gap are the caller's
  std::map<StepOfDut, StepResumed> steps;
  std::map<StepOfDut, RecordedStep> recorded;  ///< of everything that the record knows
  /// Firmware writes that were under way: the component is unknown until it was read again.
  std::vector<std::pair<StepOfDut, Diagnosed>> interrupted_writes;
  /// Another tray than at the beginning, by DUT id: not touched, with the sentence why.
  std::map<std::string, std::string> other_duts;
  bool work_was_over = false;  ///< only the teardown is left
  std::vector<Event> beside;   ///< what happened after the record's end, to be taken into it
  std::vector<Event> record;   ///< everything before; for the verdict while it runs
};

/// What the step itself demands: its description, and never "continue" of what energises or proves safety.
ResumePolicy least_resume_policy(const StepDescription& description);

/// Decides. `serials`: what the BMCs say now, by DUT. `record` is what is on disk, in order; `beside` what
/// was kept beside it since.
Resumption plan_resumption(const Plan& plan, std::vector<Event> record, std::vector<Event> beside,
                           const std::map<std::string, std::string>& serials);

/// The resumption for people: one line per step and what becomes of it, with the DUTs it is so on.
std::string explain(const Plan& plan, const Resumption& resumption);

/// The result of the step on the DUT stands.
bool is_kept(const Resumption& resumption, const std::string& dut, const std::string& path);

}  // namespace kiln
