#include "model/guard_band.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>

#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<DecisionRule>, 3> kDecisionRules{{{DecisionRule::simple, "simple"},
                                                                {DecisionRule::binary, "binary"},
                                                                {DecisionRule::four_state, "four-state"}}};

double as_printed(double number) { return std::strtod(fmt::format("{:.9g}", number).c_str(), nullptr); }

}  // namespace

std::string_view to_string(DecisionRule rule) { return word_of(kDecisionRules, rule); }
std::optional<DecisionRule> decision_rule_from(std::string_view word) {
  return value_of(kDecisionRules, word);
}
std::vector<std::string> decision_rule_names() { return {"simple", "binary", "four-state"}; }

double expanded_uncertainty(double accuracy, double resolution) {
  // (a/√3)² and (q/√12)²: rectangular distributions of half width a, and of q/2.
  const double variance = accuracy * accuracy / 3 + resolution * resolution / 12;
  const double expanded = 2 * std::sqrt(variance);
  if (!(expanded > 0) || !std::isfinite(expanded)) return 0;
  const double step = std::pow(10.0, std::floor(std::log10(expanded)) - 1);
  // What is a whole number of steps but for the arithmetic stays what it is.
  return as_printed(std::ceil(expanded / step - 1e-9) * step);
}

double accepted_max(double max, double uncertainty) { return as_printed(max - uncertainty); }
double accepted_min(double min, double uncertainty) { return as_printed(min + uncertainty); }

}  // namespace kiln
