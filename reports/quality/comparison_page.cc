#include "quality/comparison_page.h"

#include <fmt/format.h>

#include <cmath>

namespace kiln {
namespace {

using Movement = ValueDifference::Movement;

std::string side_words(const char* name, const RunSide& side) {
  return fmt::format("{}: {}{}{}, {}{} by {} on {}, {}", name, side.run, side.dut.empty() ? "" : " ",
                     side.dut, side.rack, side.simulated ? " (SIMULATED)" : "", side.recipe,
                     format_utc(side.begun_utc_ns),
                     side.decision ? std::string(to_string(*side.decision)) : "a survey");
}

std::string value_words(const Value& value) {
  if (const std::optional<double> number = as_number(value)) return figure_text(*number);
  if (std::holds_alternative<std::monostate>(value)) return "no value";
  return to_text(value);
}

std::string outcome_words(const ValueDifference& one) {
  if (one.outcome_a == one.outcome_b) return std::string(to_string(one.outcome_b));
  return fmt::format("{} → {}", to_string(one.outcome_a), to_string(one.outcome_b));
}

std::string signed_figure(double value) { return (value > 0 ? "+" : "") + figure_text(value); }

std::string relative_words(const ValueDifference& one) {
  if (!one.relative) return one.difference && *one.difference != 0 ? "A is 0" : "";
  return fmt::format("{:+.2f} %", *one.relative * 100);
}

std::string noise_words(const ValueDifference& one) {
  if (!one.difference) return "";
  if (one.noise.basis == DifferenceNoise::Basis::unknown) return "noise unknown";
  const std::string basis = fmt::format("{}, n={}", to_string(one.noise.basis), one.noise.n);
  if (one.noise.sigma > 0) return fmt::format("{:+.1f} σ ({})", *one.distance, basis);
  return *one.difference == 0 ? fmt::format("0 ({})", basis) : fmt::format("never varies ({})", basis);
}

std::string dut_words(const std::string& a, const std::string& b) {
  return a == b ? a : fmt::format("{} → {}", a, b);
}

QualitySection facts_section(const RunComparison& comparison) {
  QualitySection section;
  section.title = "What is not the same";
  if (comparison.facts.empty()) {
    section.sentences = {
        "Nothing that the records tell: recipe, limits, firmware, parts and program are the same."};
    return section;
  }
  section.header = {"where", "what", "A", "B", "note"};
  const auto or_none = [](const std::string& text) { return text.empty() ? std::string("none") : text; };
  for (const FactChange& one : comparison.facts)
    section.rows.push_back(
        {one.place.empty() ? "the run" : one.place, one.what, or_none(one.a), or_none(one.b), one.note});
  return section;
}

QualitySection pairs_section(const RunComparison& comparison) {
  QualitySection section;
  section.title = "DUTs";
  section.header = {"A", "B", "paired by", "serial number", "A came to", "B came to", "first reason of B"};
  for (const PairedDuts& one : comparison.pairs) {
    const std::string serial = one.serial_a == one.serial_b
                                   ? one.serial_a
                                   : fmt::format("{} → {}", one.serial_a.empty() ? "none" : one.serial_a,
                                                 one.serial_b.empty() ? "none" : one.serial_b);
    section.rows.push_back({one.a, one.b, std::string(to_string(one.by)), serial,
                            std::string(to_string(one.decision_a)), std::string(to_string(one.decision_b)),
                            one.first_reason_b});
  }
  for (const std::string& id : comparison.only_a) section.below.push_back(id + " is in A only.");
  for (const std::string& id : comparison.only_b) section.below.push_back(id + " is in B only.");
  return section;
}

QualitySection values_section(const RunComparison& comparison, bool all) {
  QualitySection section;
  section.title = "Values that moved, the most telling first";
  if (!comparison.values_not_compared.empty()) {
    section.sentences = {"Not compared: " + comparison.values_not_compared + "."};
    return section;
  }
  section.sentences = {fmt::format(
      "{} values compared: {} worse and {} better by their limits, {} moved beyond {:.0f} σ of their noise, "
      "{} "
      "differ with their noise unknown, {} within noise, {} the same.",
      comparison.differences.size(), comparison.count(Movement::worse), comparison.count(Movement::better),
      comparison.count(Movement::moved), kMovedBeyond, comparison.count(Movement::noise_unknown),
      comparison.count(Movement::within_noise), comparison.count(Movement::same))};
  for (const ValueDifference& one : comparison.differences) {
    if (!all && one.movement >= Movement::within_noise) break;
    section.rows.push_back({dut_words(one.dut_a, one.dut_b), one.part, one.measurement,
                            std::string(to_string(one.movement)), value_words(one.a), value_words(one.b),
                            one.unit, one.difference ? signed_figure(*one.difference) : "",
                            relative_words(one), noise_words(one), outcome_words(one), one.step});
  }
  if (section.rows.empty()) {
    section.sentences.emplace_back("None moved.");
    return section;
  }
  section.header = {"DUT",   "part", "measurement",   "",        "A",   "B", "unit",
                    "B - A", "of A", "against noise", "outcome", "step"};
  section.below = {
      "Noise: the robust spread of the same check on the same part (repeats), of the series behind it in its "
      "second half (samples), or of the same check on its like in the same run (like parts; for two units "
      "this "
      "one first). Where a run shows none of them it is unknown, and nothing is assumed."};
  return section;
}

QualitySection only_section(const RunComparison& comparison) {
  QualitySection section;
  section.title = "Measured in one of them only";
  if (comparison.only_in_one.empty()) {
    section.sentences = {"None."};
    return section;
  }
  section.header = {"in", "DUT", "part", "measurement", "outcome", "step", "the other one"};
  for (const OnlyInOne& one : comparison.only_in_one)
    section.rows.push_back({one.in_a ? "A" : "B", one.dut, one.part, one.measurement,
                            std::string(to_string(one.outcome)), one.step,
                            one.why.empty() ? "did not have it" : "not run: " + one.why});
  return section;
}

}  // namespace

QualityPage make_comparison_page(const RunComparison& comparison, bool all) {
  QualityPage page;
  page.title = fmt::format("Comparison of {} with {}", comparison.b.run, comparison.a.run);
  if (!comparison.values_not_compared.empty())
    page.loud.push_back("NOT COMPARABLE: " + comparison.values_not_compared);
  for (const std::string& caution : comparison.cautions)
    (caution.starts_with("both are SIMULATED") ? page.loud : page.about).push_back(caution);
  page.about.insert(page.about.begin(), {side_words("A", comparison.a), side_words("B", comparison.b)});
  page.sections = {facts_section(comparison), pairs_section(comparison), values_section(comparison, all),
                   only_section(comparison)};
  return page;
}

}  // namespace kiln
