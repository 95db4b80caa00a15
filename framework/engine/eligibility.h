#pragma once
// What keeps a run by a plan from being signed off, whatever it finds, as far as it is known before the run;
// and the instruments that its measurements are read with. The planner asks; approvals are the station's.
// Pure.

#include <string>
#include <vector>

#include "engine/plan.h"
#include "engine/step_catalog.h"

namespace kiln {

/// A sentence for each reason; empty: nothing. Calibrations depend on the time of the run: see
/// model/instrument.h.
std::vector<std::string> why_not_eligible(const Plan& plan, const PlanRequest& request);

/// Of those in the rack file, what measures something that the plan requires.
std::vector<Instrument> instruments_used(const Plan& plan);

/// plan.instrument: an instrument whose measurement no step knows, and that is nearly the name of one which a
/// step does: its calibration would never be asked for.
std::vector<PlanProblem> misnamed_instruments(const Inventory& inventory, const StepCatalog& catalog);

}  // namespace kiln
