#pragma once
// How a value near its limit is decided when it is known only within an uncertainty: the decision rules of
// ILAC-G8:09/2019 (4.2), with a guard band as wide as the expanded uncertainty. docs/guard-bands.md has the
// formulas and an example. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// TL: the limit; U: the expanded uncertainty (k = 2); the acceptance limit lies U inside TL.
///   simple      the value as it was read is compared with TL; U is told and changes nothing
///   binary      accepted up to the acceptance limit, failed beyond it
///   four_state  pass up to the acceptance limit, conditional pass (marginal) up to TL, conditional fail up
///   to U
///               beyond TL, fail beyond that: both are fails, and the reason says which
enum class DecisionRule { simple, binary, four_state };
std::string_view to_string(DecisionRule rule);  ///< "simple", "binary", "four-state"
std::optional<DecisionRule> decision_rule_from(std::string_view word);
std::vector<std::string> decision_rule_names();

/// U of a reading that is right within ±`accuracy` and comes in steps of `resolution`, both of the unit of
/// the value, 0 for none and not below it: u² = (accuracy/√3)² + (resolution/√12)², U = 2u (JCGM
/// 100:2008, 4.3.7 and F.2.2.1), rounded up to two digits (7.2.6) so that what is printed is what judges.
double expanded_uncertainty(double accuracy, double resolution);

/// The acceptance limits, as they are printed (nine digits).
double accepted_max(double max, double uncertainty);
double accepted_min(double min, double uncertainty);

}  // namespace kiln
