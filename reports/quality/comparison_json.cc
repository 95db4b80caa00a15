// For programs; docs/lineage.md says what each member is.

#include <boost/json.hpp>
#include <cmath>

#include "base/time.h"
#include "quality/comparison_page.h"

namespace kiln {
namespace {

namespace bj = boost::json;

bj::value figure_or_null(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? bj::value(*number) : bj::value(nullptr);
}

/// NaN and infinite numbers as the words they were recorded as.
bj::value recorded_json(const Value& value) {
  if (const auto* number = std::get_if<double>(&value))
    return std::isfinite(*number) ? bj::value(*number) : bj::value(to_text(value));
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* is = std::get_if<bool>(&value)) return *is;
  if (const auto* word = std::get_if<std::string>(&value)) return bj::value(*word);
  return nullptr;
}

bj::object run_side_json(const RunSide& side) {
  return {
      {"run", side.run},
      {"dut", side.dut},
      {"begun", format_utc(side.begun_utc_ns)},
      {"rack", side.rack},
      {"product", side.product},
      {"recipe", side.recipe},
      {"station", side.station},
      {"decision", side.decision ? bj::value(std::string(to_string(*side.decision))) : bj::value(nullptr)},
      {"simulated", side.simulated}};
}

bj::object difference_json(const ValueDifference& one) {
  const bool known = one.noise.basis != DifferenceNoise::Basis::unknown;
  bj::object item;
  item["dut_a"] = one.dut_a;
  item["dut_b"] = one.dut_b;
  item["part"] = one.part;
  item["kind"] = std::string(to_string(one.kind));
  item["measurement"] = one.measurement;
  item["step"] = one.step;
  item["unit"] = one.unit;
  item["a"] = recorded_json(one.a);
  item["b"] = recorded_json(one.b);
  item["outcome_a"] = std::string(to_string(one.outcome_a));
  item["outcome_b"] = std::string(to_string(one.outcome_b));
  item["limit_a"] = one.limit_a;
  item["limit_b"] = one.limit_b;
  item["difference"] = figure_or_null(one.difference);
  item["relative"] = figure_or_null(one.relative);
  item["movement"] = std::string(to_string(one.movement));
  item["noise"] = bj::object{{"basis", std::string(to_string(one.noise.basis))},
                             {"sigma", known ? bj::value(one.noise.sigma) : bj::value(nullptr)},
                             {"n", one.noise.n},
                             {"distance", figure_or_null(one.distance)},
                             {"never_varies", known && one.noise.sigma == 0}};
  return item;
}

bj::object pair_json(const PairedDuts& one) {
  return {{"a", one.a},
          {"b", one.b},
          {"role", std::string(to_string(one.role))},
          {"paired_by", std::string(to_string(one.by))},
          {"serial_a", one.serial_a},
          {"serial_b", one.serial_b},
          {"other_unit", one.other_unit},
          {"verdict_a", std::string(to_string(one.decision_a))},
          {"verdict_b", std::string(to_string(one.decision_b))},
          {"first_reason_a", one.first_reason_a},
          {"first_reason_b", one.first_reason_b}};
}

bj::array texts_json(const std::vector<std::string>& texts) {
  bj::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

}  // namespace

std::string comparison_json(const RunComparison& comparison) {
  bj::array facts, pairs, differences, only;
  for (const FactChange& one : comparison.facts)
    facts.push_back(
        bj::object{{"place", one.place}, {"what", one.what}, {"a", one.a}, {"b", one.b}, {"note", one.note}});
  for (const PairedDuts& one : comparison.pairs) pairs.push_back(pair_json(one));
  for (const ValueDifference& one : comparison.differences) differences.push_back(difference_json(one));
  for (const OnlyInOne& one : comparison.only_in_one)
    only.push_back(bj::object{{"in", one.in_a ? "a" : "b"},
                              {"dut", one.dut},
                              {"part", one.part},
                              {"measurement", one.measurement},
                              {"step", one.step},
                              {"outcome", std::string(to_string(one.outcome))},
                              {"why", one.why}});
  bj::object root;
  root["a"] = run_side_json(comparison.a);
  root["b"] = run_side_json(comparison.b);
  root["cautions"] = texts_json(comparison.cautions);
  root["values_not_compared"] = comparison.values_not_compared;
  root["changed"] = std::move(facts);
  root["duts"] = std::move(pairs);
  root["only_a"] = texts_json(comparison.only_a);
  root["only_b"] = texts_json(comparison.only_b);
  root["values"] = std::move(differences);
  root["only_in_one"] = std::move(only);
  return bj::serialize(root) + "\n";
}

}  // namespace kiln
