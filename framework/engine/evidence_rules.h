#pragma once
// Whether what a planned run will record can carry a decision and somebody's signature: what is recorded must
// be judged, and what judges must be known. The planner asks before the run. Pure.

#include <string>
#include <vector>

#include "engine/plan.h"

namespace kiln {

/// plan.judged_by_none: a step records what only another one judges (StepDescription::judged_by), and that
/// one does not come later on each of its DUTs. Of a survey none: it decides nothing. Without an inventory
/// only whether it comes later at all.
std::vector<PlanProblem> unjudged_problems(const Plan& plan, const Recipe& recipe, bool with_inventory);

/// By what "site to fill" this plan is judged, a sentence for each kind: rows of limits for anything that its
/// steps measure and judge, required or not; allowances of log entries where a step reads event logs; hazard
/// rows of the recipe.
std::vector<std::string> still_to_fill(const Plan& plan, const Recipe& recipe);

}  // namespace kiln
