#pragma once
// The numbers inside a limit's text. A record keeps the sentence that judged a value, not the row of the
// table; whoever draws the limit reads its bounds back from that sentence, so that what is drawn is what
// judged. Pure; the inverse of Limit::text() for rules that are a range, and nothing for all others.

#include <optional>
#include <string_view>

namespace kiln {

/// Under a guard band these are the bounds that decide: `min` and `max` are the acceptance limits where all
/// beyond them fails (binary), `marginal_min` and `marginal` where it is a conditional pass (four-state).
struct LimitBounds {
  std::optional<double> min, max;
  std::optional<double> marginal_min;  ///< below it (but not below min): marginal
  std::optional<double> marginal;      ///< above it (but not above max): marginal
  [[nodiscard]] bool empty() const { return !min && !max; }
};

/// "≤ 85 Cel (marginal above 80)" → max 85, marginal 80; "≤ 85 Cel (binary, U = 2.4 Cel, accepted ≤ 82.6
/// Cel)" → max 82.6. Empty for "= dry", "one of …", versions, and text that is no limit.
LimitBounds bounds_of(std::string_view limit_text);

}  // namespace kiln
