#pragma once
// One measured value on its way from a step to the ledger, and the rule that judges it. Plain data, pure
// functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/guard_band.h"
#include "model/recipe.h"
#include "model/version.h"

namespace kiln {

/// What a measurement can be. monostate = the source answered, but had no value ("N/A", null, sentinel):
/// unset.
using Value = std::variant<std::monostate, double, std::int64_t, bool, std::string>;

std::string to_text(const Value& value);
/// The number behind a double or integer; nullopt for the rest.
std::optional<double> as_number(const Value& value);

/// Outcome of one measurement. `unset` and `skipped` are never passes. `informational`: recorded, not judged.
enum class Outcome { pass, marginal, fail, unset, skipped, informational };
std::string_view to_string(Outcome outcome);
std::optional<Outcome> outcome_from(std::string_view word);

/// Where a value was read: "redfish" + URI, "ssh" + command, "computed" + formula, "operator" + prompt.
struct Source {
  std::string kind;
  std::string detail;
};

/// One row of limits/<product>.yaml. Exactly one of the rules is set, or min/max together.
struct Limit {
  std::string name;  ///< the measurement it judges: "gpu.temperature.max"
  std::string unit;  ///< UCUM
  std::optional<double> min;
  std::optional<double> max;
  std::optional<double> marginal_min;  ///< below it (but not below min): marginal
  std::optional<double> marginal;      ///< above it (but not above max): marginal
  std::optional<Value> equals;
  std::vector<std::string> one_of;
  std::optional<std::string> at_least_version;  ///< canonical version compare, see model/version.h
  bool expected =
      false;  ///< rule `expected: true`: equals the inventory's value, which the step passes along
  bool as_version = false;  ///< rule `expected: version`: the same, but equal as versions ("01.02" is "1.2")
  /// Of the two rules for versions: how their fields are meant; nullopt: as whoever expects the version says.
  std::optional<VersionFields> version_fields;
  /// Expanded (k = 2), in the row's unit, above 0; only of rows with min or max. nullopt: not told.
  std::optional<double> uncertainty;
  std::optional<DecisionRule> decision_rule;  ///< nullopt: simple
  bool required = true;                       ///< a required row makes coverage cells
  std::string source;  ///< document, revision, page; "site to fill" makes the run ineligible for sign-off
  /// Applies to parts of this name only; `*` stands for anything; empty = all parts.
  std::string when_part;
  std::optional<Role> when_role;  ///< applies to DUTs of this role only; empty = all of them
  Place place;

  /// "≤ 85 Cel (marginal above 80)"; with an uncertainty also by which rule it decides:
  /// "≤ 85 Cel (binary, U = 2.4 Cel, accepted ≤ 82.6 Cel)".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_site_to_fill() const;
  /// " of a switch tray, part */Primary": where it applies, for people; empty for a row that applies
  /// everywhere.
  [[nodiscard]] std::string where() const;
};

struct LimitsTable {
  std::string product;
  int revision = 0;
  std::vector<Limit> rows;
  std::string file;
  std::string sha256;

  /// The row that says most of this part of such a DUT: by the part's name, by a pattern of names, by the
  /// role, in this order, and of two that say the same the first; nullptr when none applies.
  [[nodiscard]] const Limit* find(const std::string& measurement, const std::string& part, Role role) const;
};

/// What `judge` says. `margin_percent` is the distance to the nearest violated-or-near limit in percent of
/// that limit's magnitude, negative when violated; absent for rules without a scale.
struct Judgement {
  Outcome outcome = Outcome::unset;
  std::optional<double> margin_percent;
  std::string reason;  ///< empty for pass; otherwise one sentence with value, unit and rule
};

/// Judges one value, by the row's decision rule. NaN and infinity fail with a reason, a unit other than the
/// row's fails with a reason, monostate is unset. `expected` is the inventory's value for rows with rule
/// `expected`.
Judgement judge(const Limit& limit, const Value& value, const std::string& unit,
                const std::optional<Value>& expected = std::nullopt);

}  // namespace kiln
