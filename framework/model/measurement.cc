#include "model/measurement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "model/enum_words.h"
#include "model/log_allowance.h"
#include "model/site_to_fill.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<Outcome>, 6> kOutcomes{{{Outcome::pass, "pass"},
                                                      {Outcome::marginal, "marginal"},
                                                      {Outcome::fail, "fail"},
                                                      {Outcome::unset, "unset"},
                                                      {Outcome::skipped, "skipped"},
                                                      {Outcome::informational, "informational"}}};

// DCGM_INT64_BLANK and the reasons above it (dcgm_structs.h): not representable as a double, so looked at as
// integers.
constexpr std::int64_t kIntegerBlank = 0x7ffffffffffffff0;

std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "infinity" : "-infinity";
  if (number == std::trunc(number) && std::fabs(number) < 1e15) return fmt::format("{:.0f}", number + 0.0);
  return fmt::format("{:.9g}", number);
}

std::string with_unit(std::string text, const std::string& unit) {
  return unit.empty() || unit == "1" ? text : fmt::format("{} {}", text, unit);
}

bool has_any_rule(const Limit& limit) {
  return limit.min || limit.max || limit.equals || !limit.one_of.empty() || limit.at_least_version ||
         limit.expected;
}

/// Words that say "no value". "None" is one too, unless the row names it: NVIDIA prints it for "no
/// throttling".
bool says_nothing(const std::string& word, const Limit& limit) {
  if (!means_unset(word)) return false;
  const std::string tidy = tidy_text(word);
  if (tidy != "None" && tidy != "NONE" && tidy != "none") return true;
  const bool named = (limit.equals && to_text(*limit.equals) == tidy) ||
                     std::find(limit.one_of.begin(), limit.one_of.end(), tidy) != limit.one_of.end();
  return !named;
}

bool is_blank_number(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer >= kIntegerBlank;
  if (const auto* number = std::get_if<double>(&value)) return is_sentinel(*number);
  return false;
}

bool same_value(const Value& a, const Value& b) {
  const auto* integer_a = std::get_if<std::int64_t>(&a);
  const auto* integer_b = std::get_if<std::int64_t>(&b);
  if (integer_a != nullptr && integer_b != nullptr) return *integer_a == *integer_b;
  const auto number_a = as_number(a);
  const auto number_b = as_number(b);
  if (number_a && number_b) return *number_a == *number_b;
  if (a.index() != b.index() || std::holds_alternative<std::monostate>(a)) return false;
  if (const auto* text = std::get_if<std::string>(&a))
    return tidy_text(*text) == tidy_text(std::get<std::string>(b));
  return a == b;
}

VersionFields fields_of(const Limit& limit) { return limit.version_fields.value_or(VersionFields::by_form); }

bool are_same_version(const Value& a, const Value& b, VersionFields fields) {
  const auto* text_a = std::get_if<std::string>(&a);
  const auto* text_b = std::get_if<std::string>(&b);
  return text_a != nullptr && text_b != nullptr && same_version(*text_a, *text_b, fields);
}

/// What a person can do where only the meaning of the fields is in doubt; else empty.
std::string hint_about_fields(const Limit& limit, const Value& a, const Value& b) {
  const bool may_be_same = !limit.version_fields && (are_same_version(a, b, VersionFields::hex) ||
                                                     are_same_version(a, b, VersionFields::decimal));
  if (!may_be_same) return {};
  return "; these are the same only if their fields are meant so: say it as version_fields, in the firmware "
         "baseline or in this row";
}

Judgement failed(std::string reason) { return {Outcome::fail, std::nullopt, std::move(reason)}; }
Judgement not_set(std::string reason) { return {Outcome::unset, std::nullopt, std::move(reason)}; }

std::optional<double> margin(double distance, double bound) {
  if (bound == 0) return std::nullopt;  // a share of zero says nothing
  return 100.0 * distance / std::fabs(bound);
}

void keep_smaller(std::optional<double>& kept, const std::optional<double>& other) {
  if (other && (!kept || *other < *kept)) kept = other;
}

/// The bounds that a value must keep to be accepted: those of the row, or U inside them.
struct Accepted {
  std::optional<double> min, max;
};
Accepted accepted_by(const Limit& limit) {
  Accepted accepted{limit.min, limit.max};
  if (!limit.uncertainty || limit.decision_rule.value_or(DecisionRule::simple) == DecisionRule::simple)
    return accepted;
  if (limit.min) accepted.min = accepted_min(*limit.min, *limit.uncertainty);
  if (limit.max) accepted.max = accepted_max(*limit.max, *limit.uncertainty);
  return accepted;
}

std::string range_words(const std::optional<double>& min, const std::optional<double>& max,
                        const std::string& unit) {
  if (min && max) return with_unit(fmt::format("{} … {}", number_text(*min), number_text(*max)), unit);
  if (max) return with_unit(fmt::format("≤ {}", number_text(*max)), unit);
  return with_unit(fmt::format("≥ {}", number_text(*min)), unit);
}

/// " (binary, U = 2.4 Cel, accepted ≤ 82.6 Cel)"; model/limit_bounds.cc reads it back.
std::string guard_words(const Limit& limit) {
  if (!limit.uncertainty || !(limit.min || limit.max)) return {};
  const DecisionRule rule = limit.decision_rule.value_or(DecisionRule::simple);
  const std::string head =
      fmt::format(" ({}, U = {}", to_string(rule), with_unit(number_text(*limit.uncertainty), limit.unit));
  if (rule == DecisionRule::simple) return head + ")";
  const Accepted accepted = accepted_by(limit);
  return fmt::format("{}, {} {})", head, rule == DecisionRule::binary ? "accepted" : "pass",
                     range_words(accepted.min, accepted.max, limit.unit));
}

bool is_within(const std::optional<double>& min, const std::optional<double>& max, double number) {
  return (!min || number >= *min) && (!max || number <= *max);
}

/// What the decision rule makes of a value that the row by itself would judge otherwise.
void apply_guard_band(const Limit& limit, double number, const std::string& shown, Judgement& judged) {
  const DecisionRule rule = limit.decision_rule.value_or(DecisionRule::simple);
  if (!limit.uncertainty || rule == DecisionRule::simple) return;
  const Accepted accepted = accepted_by(limit);
  if (judged.outcome == Outcome::fail) {
    const double room = *limit.uncertainty;
    const bool is_near = (!limit.min || number >= accepted_min(*limit.min, -room)) &&
                         (!limit.max || number <= accepted_max(*limit.max, -room));
    if (rule == DecisionRule::four_state && is_near)
      judged.reason +=
          "; it is within the uncertainty of the limit (conditional fail), which is a fail all the same";
    return;
  }
  if (is_within(accepted.min, accepted.max, number)) return;
  if (rule == DecisionRule::binary) {
    judged.outcome = Outcome::fail;
    judged.reason =
        fmt::format("{} is within the limit, but nearer to it than its uncertainty: {}", shown, limit.text());
  } else {
    judged.outcome = Outcome::marginal;
    judged.reason =
        fmt::format("{} is within the limit, but nearer to it than its uncertainty (conditional pass): {}",
                    shown, limit.text());
  }
}

Judgement judge_range(const Limit& limit, const Value& value) {
  const auto number = as_number(value);
  if (!number)
    return failed(fmt::format("'{}' is not a number; the limit is {}", to_text(value), limit.text()));
  Judgement judged{Outcome::pass, std::nullopt, {}};
  // The margin is to the bound that decides.
  const bool is_binary = limit.decision_rule == DecisionRule::binary;
  const Accepted decides = is_binary ? accepted_by(limit) : Accepted{limit.min, limit.max};
  if (decides.min) keep_smaller(judged.margin_percent, margin(*number - *decides.min, *decides.min));
  if (decides.max) keep_smaller(judged.margin_percent, margin(*decides.max - *number, *decides.max));
  const std::string shown = with_unit(number_text(*number), limit.unit);
  if (limit.min && !(*number >= *limit.min)) {
    judged.outcome = Outcome::fail;
    judged.reason = fmt::format("{} is below the limit {}", shown, limit.text());
  } else if (limit.max && !(*number <= *limit.max)) {
    judged.outcome = Outcome::fail;
    judged.reason = fmt::format("{} is above the limit {}", shown, limit.text());
  } else if ((limit.marginal && *number > *limit.marginal) ||
             (limit.marginal_min && *number < *limit.marginal_min)) {
    judged.outcome = Outcome::marginal;
    judged.reason = fmt::format("{} is within the limit but in its marginal band: {}", shown, limit.text());
  }
  apply_guard_band(limit, *number, shown, judged);
  return judged;
}

Judgement judge_at_least(const Limit& limit, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return failed(fmt::format("{} is not a version text", to_text(value)));
  const auto order =
      compare(canonical_version(*text), canonical_version(*limit.at_least_version), fields_of(limit));
  if (order == std::partial_ordering::unordered) {
    return failed(fmt::format("version '{}' cannot be compared with '{}'{}", *text, *limit.at_least_version,
                              limit.version_fields ? "" : "; version_fields in this row may say how"));
  }
  if (order == std::partial_ordering::less) {
    return failed(fmt::format("version '{}' is older than '{}'", *text, *limit.at_least_version));
  }
  return {Outcome::pass, std::nullopt, {}};
}

Judgement judge_expected(const Limit& limit, const Value& value, const std::optional<Value>& expected) {
  if (!expected || std::holds_alternative<std::monostate>(*expected)) {
    return not_set(
        fmt::format("'{}' was read, but the inventory does not say what to expect", to_text(value)));
  }
  if (const auto* word = std::get_if<std::string>(&*expected); word != nullptr && tidy_text(*word).empty()) {
    return not_set(fmt::format("'{}' was read, but the inventory's value is empty", to_text(value)));
  }
  const bool same =
      limit.as_version ? are_same_version(value, *expected, fields_of(limit)) : same_value(value, *expected);
  if (same) return {Outcome::pass, std::nullopt, {}};
  return failed(fmt::format("'{}' was read, the inventory expects '{}'{}",
                            with_unit(to_text(value), limit.unit), with_unit(to_text(*expected), limit.unit),
                            limit.as_version ? hint_about_fields(limit, value, *expected) : ""));
}

}  // namespace

std::string to_text(const Value& value) {
  struct Printer {
    std::string operator()(std::monostate) const { return "no value"; }
    std::string operator()(double number) const { return number_text(number); }
    std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Printer{}, value);
}

std::optional<double> as_number(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return std::nullopt;
}

std::string_view to_string(Outcome outcome) { return word_of(kOutcomes, outcome); }
std::optional<Outcome> outcome_from(std::string_view word) { return value_of(kOutcomes, word); }

std::string Limit::text() const {
  std::string rule;
  if (min || max) {
    rule = range_words(min, max, unit);
  } else if (equals) {
    rule = with_unit(fmt::format("= {}", to_text(*equals)), unit);
  } else if (!one_of.empty()) {
    rule = fmt::format("one of {}", fmt::join(one_of, ", "));
  } else if (at_least_version) {
    rule = fmt::format("version ≥ {}", *at_least_version);
  } else if (expected) {
    rule = as_version ? "= version in the inventory" : "= inventory";
  } else {
    rule = "no rule";
  }
  if (version_fields && (at_least_version || as_version))
    rule += fmt::format(" (fields: {})", to_string(*version_fields));
  if (marginal && marginal_min) {
    rule +=
        fmt::format(" (marginal below {} or above {})", number_text(*marginal_min), number_text(*marginal));
  } else if (marginal) {
    rule += fmt::format(" (marginal above {})", number_text(*marginal));
  } else if (marginal_min) {
    rule += fmt::format(" (marginal below {})", number_text(*marginal_min));
  }
  return rule + guard_words(*this);
}

bool Limit::is_site_to_fill() const { return kiln::is_site_to_fill(source); }

std::string Limit::where() const {
  std::string text;
  if (when_role) text += fmt::format(" of role {}", to_string(*when_role));
  if (!when_part.empty()) text += fmt::format("{} part {}", when_role ? "," : " of", when_part);
  return text;
}

const Limit* LimitsTable::find(const std::string& measurement, const std::string& part, Role role) const {
  const Limit* best = nullptr;
  int most = -1;
  for (const auto& row : rows) {
    if (row.name != measurement || (row.when_role && *row.when_role != role)) continue;
    int says = row.when_role ? 1 : 0;
    if (row.when_part == part && !part.empty()) {
      says += 4;
    } else if (row.when_part.find('*') != std::string::npos) {
      if (!fits_pattern(row.when_part, part)) continue;
      says += 2;
    } else if (!row.when_part.empty()) {
      continue;
    }
    if (says <= most) continue;
    best = &row;
    most = says;
  }
  return best;
}

Judgement judge(const Limit& limit, const Value& value, const std::string& unit,
                const std::optional<Value>& expected) {
  if (std::holds_alternative<std::monostate>(value)) return not_set("the source answered, but had no value");
  if (is_blank_number(value))
    return not_set("the source answered with its blank number, which means no value");
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && says_nothing(*text, limit)) {
    return not_set(fmt::format("the source answered '{}', which means no value", tidy_text(*text)));
  }
  if (const auto number = as_number(value); number && !std::isfinite(*number)) {
    return failed(fmt::format("{} is not a reading; the limit is {}", number_text(*number), limit.text()));
  }
  if (unit != limit.unit) {
    return failed(fmt::format("the value is in '{}', the limit in '{}'", unit, limit.unit));
  }
  if (!has_any_rule(limit)) return not_set(fmt::format("the limits row for {} has no rule", limit.name));

  Judgement judged{Outcome::pass, std::nullopt, {}};
  const auto worsen = [&judged](Judgement other) {
    const auto badness = [](Outcome outcome) {
      return outcome == Outcome::fail       ? 3
             : outcome == Outcome::unset    ? 2
             : outcome == Outcome::marginal ? 1
                                            : 0;
    };
    const auto smallest = judged.margin_percent;
    if (badness(other.outcome) >= badness(judged.outcome)) judged = std::move(other);
    keep_smaller(judged.margin_percent, smallest);
  };
  if (limit.min || limit.max) worsen(judge_range(limit, value));
  if (limit.equals && !same_value(value, *limit.equals)) {
    worsen(failed(fmt::format("{} is not {}", with_unit(to_text(value), unit),
                              with_unit(to_text(*limit.equals), unit))));
  }
  if (!limit.one_of.empty()) {
    const std::string shown = tidy_text(to_text(value));
    if (std::find(limit.one_of.begin(), limit.one_of.end(), shown) == limit.one_of.end()) {
      worsen(failed(fmt::format("'{}' is not one of {}", shown, fmt::join(limit.one_of, ", "))));
    }
  }
  if (limit.at_least_version) worsen(judge_at_least(limit, value));
  if (limit.expected) worsen(judge_expected(limit, value, expected));
  return judged;
}

}  // namespace kiln
