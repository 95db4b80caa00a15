#pragma once
// What of a run is done again when only that is wanted which failed or was not run: the plan of the same
// recipe on the same rack, without everything that neither is wanted nor needed for it. Computed from the
// plan and the record's verdict alone, before anything is touched, so that it can be shown. Pure.
//
// Needed, on every DUT that takes part:
//   the phases that a phase with such a step needs, whole, and those that they need;
//   the setup of that phase, and what stands before the step in it and is no check (it is there for what
//     follows);
//   of what is loaded: the proofs of its cooling, and what switches it on;
//   for what failed beside the load (a monitor's check): the load;
//   all members of a step that they must meet in (for the rack, or with a quorum);
//   on the DUTs that serve the rack (CDUs, shelves, switch trays): the same phases;
//   the reading of event logs before and after, where anything is energised.
// Teardowns and leak watches stay; other monitors where the DUT is loaded, or their own check is wanted.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/plan.h"
#include "engine/resume.h"
#include "model/verdict.h"

namespace kiln {

/// What a run left to be done again.
struct UnfinishedWork {
  std::set<StepOfDut> steps;  ///< by DUT id (of a rack step: the rack's) and path
  int failed = 0, not_run = 0;
  int required = 0;  ///< of the whole run
  /// Reasons on DUTs that no step stands for, such as an undo that failed: nothing of it can be done again.
  std::vector<std::string> beyond_steps;
};

/// Cells that failed or were not run, fails outside of cells, and steps that did not complete. `record`: of
/// the same run, in order.
UnfinishedWork unfinished_work(const RunVerdict& verdict, const std::vector<Event>& record);

struct Retest {
  Plan plan;
  std::set<StepOfDut> wanted;  ///< of the plan
  std::set<StepOfDut> needed;  ///< beside those
};

/// Errors "rerun.step_gone" when the plan lacks what was to be done again, "rerun.not_safe" when what is left
/// could not be run safely (energy_rules.h).
Result<Retest> plan_retest(Plan plan, const UnfinishedWork& work);

/// For people: what is done again, and what for its sake.
std::string explain(const Retest& retest, const UnfinishedWork& work, const std::string& run);

}  // namespace kiln
