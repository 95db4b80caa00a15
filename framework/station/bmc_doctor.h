#pragma once
// What a BMC can do for a recipe: the abilities that were proved (bmc/ability_proof.h) against what each step
// says it needs of a BMC (engine/step.h). Pure, any thread.

#include <string>
#include <vector>

#include "bmc/ability_proof.h"
#include "engine/step_catalog.h"
#include "model/inventory.h"
#include "model/recipe.h"

namespace kiln {

/// can: it has everything. in_part: something is missing, and some step that asks the BMC gets what it
/// requires. cannot: none does, or the recipe energises a BMC that cannot cut the power. not_known: what it
/// requires could not be read. not_for_it: no step of the recipe asks this BMC anything.
enum class CanDo { can, in_part, cannot, not_known, not_for_it };
std::string_view to_string(CanDo word);  ///< "can in part"

/// Something a step needs and does not get.
struct MissingNeed {
  BmcNeed need;
  Proof proof = Proof::lacks;
  std::string what;  ///< "it has no leak detector"
  std::vector<LookedAt> looked_at;
  std::string cure;
};

struct StepDiagnosis {
  std::string path;  ///< "cooling/flow", "monitor/leaks", "teardown/off"
  std::string use;
  bool able = true;   ///< everything it requires is there
  bool known = true;  ///< nothing that it requires was unreadable
  std::vector<MissingNeed> missing;
};

struct RecipeDiagnosis {
  std::string recipe;  ///< as it was named
  CanDo word = CanDo::not_for_it;
  std::size_t asking = 0;            ///< steps that ask this BMC something
  std::size_t able = 0;              ///< of them: those that get what they require
  std::vector<StepDiagnosis> steps;  ///< those that lack something
};

/// What a step needs of a BMC: what it declares, and to be cut where it energises.
std::vector<BmcNeed> needs_of(const StepDescription& step);

/// `dut`: the target, with the role and the parts that the rack file expects; without a rack file, as it was
/// found (id empty: selectors by id match nothing). A step whose plugin is not in the catalog is left out:
/// lint tells of it.
RecipeDiagnosis diagnose(const std::string& name, const Recipe& recipe, const StepCatalog& catalog,
                         const Dut& dut, const BmcProof& proof);

}  // namespace kiln
