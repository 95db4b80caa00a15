#include "quality/run_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "quality/difference_noise.h"
#include "quality/dut_pairs.h"

namespace kiln {
namespace {

using Movement = ValueDifference::Movement;

/// How bad an outcome is for who reads B after A; nullopt: it says neither good nor bad.
std::optional<int> severity(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return 0;
    case Outcome::marginal:
      return 1;
    case Outcome::fail:
      return 3;
    case Outcome::unset:
    case Outcome::skipped:
      return 2;
    case Outcome::informational:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string decision_words(const std::optional<Decision>& decision) {
  return decision ? std::string(to_string(*decision)) : "survey";
}

RunSide side_of(const RunPicture& run, const std::string& dut) {
  RunSide side;
  side.run = run.run;
  side.dut = dut;
  side.begun_utc_ns = run.begun_utc_ns;
  side.rack = run.about.rack;
  side.product = run.about.product;
  side.recipe = run.about.recipe;
  side.station = run.about.station;
  side.decision = run.decision;
  side.simulated = run.about.simulated;
  return side;
}

class ComparisonMaker {
 public:
  ComparisonMaker(const RunPicture& a, const RunPicture& b) : a_(a), b_(b), noise_a_(a), noise_b_(b) {}

  Result<RunComparison> make(const std::string& dut_a, const std::string& dut_b) {
    out_.a = side_of(a_, dut_a);
    out_.b = side_of(b_, dut_b);
    Result<DutPairs> paired = pair_duts(a_, dut_a, b_, dut_b);
    if (!paired) return paired.error();
    out_.pairs = std::move(paired->pairs);
    out_.only_a = std::move(paired->only_a);
    out_.only_b = std::move(paired->only_b);
    weigh();
    compare_runs_themselves();
    for (const PairedDuts& one : out_.pairs) {
      compare_identity(one);
      compare_values(one);
    }
    sort();
    return std::move(out_);
  }

 private:
  void weigh();
  void compare_runs_themselves();
  void compare_identity(const PairedDuts& pair);
  void compare_values(const PairedDuts& pair);
  void compare_value(const PairedDuts& pair, const PictureKey& key, const PictureValue& a,
                     const std::string& step_b, const PictureValue& b);
  void only(bool in_a, const DutPicture& has, const DutPicture& lacks, const PictureKey& key,
            const PictureValue& value);
  void fact(std::string place, std::string what, std::string a, std::string b, std::string note = {}) {
    if (a != b)
      out_.facts.push_back({std::move(place), std::move(what), std::move(a), std::move(b), std::move(note)});
  }
  void sort();

  const RunPicture& a_;
  const RunPicture& b_;
  NoiseFinder noise_a_, noise_b_;
  RunComparison out_;
};

/// What may not be compared, and what only weakens it.
void ComparisonMaker::weigh() {
  const RunBegun& a = a_.about;
  const RunBegun& b = b_.about;
  if (a.simulated != b.simulated)
    out_.values_not_compared = fmt::format(
        "{} is a SIMULATED RACK, the other is hardware: no number of one says anything about the other",
        a.simulated ? "A" : "B");
  else if (a.product != b.product)
    out_.values_not_compared = fmt::format(
        "the products differ ({} and {}): their numbers have no common measure", a.product, b.product);
  if (!out_.values_not_compared.empty()) return;
  if (a.simulated) out_.cautions.emplace_back("both are SIMULATED RACKS, NOT HARDWARE");
  if (a.recipe != b.recipe)
    out_.cautions.push_back(
        fmt::format("the recipes differ ({} and {}): a check of the same name may have "
                    "been made under another load",
                    a.recipe, b.recipe));
  if (a.recipe == b.recipe && a.recipe_sha256 != b.recipe_sha256)
    out_.cautions.emplace_back("the recipe was changed in between");
  if (a.parameters != b.parameters && a.recipe == b.recipe)
    out_.cautions.emplace_back("the recipe ran with other parameters");
  if (a.limits_sha256 != b.limits_sha256)
    out_.cautions.emplace_back("the limits were changed: an outcome may differ where the value does not");
  if (a.time_scale != b.time_scale)
    out_.cautions.push_back(fmt::format(
        "time ran {} and {} times as fast: what depends on it is not the same", a.time_scale, b.time_scale));
  if (a_.run == b_.run && out_.a.dut == out_.b.dut)
    out_.cautions.emplace_back("this is one run beside itself");
}

void ComparisonMaker::compare_runs_themselves() {
  const RunBegun& a = a_.about;
  const RunBegun& b = b_.about;
  const auto yes = [](bool is) { return std::string(is ? "yes" : "no"); };
  fact("", "decision", decision_words(a_.decision), decision_words(b_.decision));
  fact("", "simulated", yes(a.simulated), yes(b.simulated));
  fact("", "product", a.product, b.product);
  fact("", "rack", a.rack, b.rack);
  fact("", "recipe", a.recipe, b.recipe);
  fact("", "recipe version", a.recipe_version, b.recipe_version);
  fact("", "recipe SHA-256", a.recipe_sha256, b.recipe_sha256);
  fact("", "purpose", a.purpose, b.purpose);
  std::set<std::string> names;
  for (const auto& [name, value] : a.parameters) names.insert(name);
  for (const auto& [name, value] : b.parameters) names.insert(name);
  const auto at = [](const std::map<std::string, std::string>& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? std::string() : found->second;
  };
  for (const std::string& name : names)
    fact("", "parameter " + name, at(a.parameters, name), at(b.parameters, name));
  if (a.limits_sha256 != b.limits_sha256) {
    fact("", "limits revision", fmt::to_string(a.limits_revision), fmt::to_string(b.limits_revision));
    fact("", "limits SHA-256", a.limits_sha256, b.limits_sha256);
  }
  fact("", "firmware baseline", a.firmware_baseline, b.firmware_baseline);
  fact("", "firmware baseline SHA-256", a.firmware_baseline_sha256, b.firmware_baseline_sha256);
  fact("", "interlock rules", a.interlock_rules, b.interlock_rules);
  fact("", "population", a_.population, b_.population);
  fact("", "rack file SHA-256", a.inventory_sha256, b.inventory_sha256);
  fact("", "time scale", fmt::to_string(a.time_scale), fmt::to_string(b.time_scale));
  fact("", "retest of", a.retest_of, b.retest_of);
  fact("", "operator", a.operator_name, b.operator_name);
  fact("", "station", a.station, b.station);
  fact("", "Kiln version", a.kiln_version, b.kiln_version);
  fact("", "Kiln build", a.build_stamp, b.build_stamp);
  names.clear();
  for (const auto& [name, value] : a.plugins) names.insert(name);
  for (const auto& [name, value] : b.plugins) names.insert(name);
  for (const std::string& name : names) fact("", "plugin " + name, at(a.plugins, name), at(b.plugins, name));
}

/// Where in a run a serial number is: "C07 GPU_1".
std::map<std::string, std::string> places_of_parts(const RunPicture& run) {
  std::map<std::string, std::string> places;
  for (const auto& [id, dut] : run.duts) {
    for (const auto& [key, seen] : dut.parts) {
      if (!seen.serial.empty() && key.first != ComponentKind::whole_dut)
        places.emplace(seen.serial, fmt::format("{} {}", id, key.second));
    }
  }
  return places;
}

void ComparisonMaker::compare_identity(const PairedDuts& pair) {
  const DutPicture& a = *a_.find(pair.a);
  const DutPicture& b = *b_.find(pair.b);
  const std::string place = pair.a == pair.b ? pair.a : fmt::format("{} → {}", pair.a, pair.b);
  fact(place, "decision", std::string(to_string(a.decision)), std::string(to_string(b.decision)));
  fact(place, "serial number", a.serial, b.serial);
  const auto slot = [](const DutPicture& dut) {
    return dut.slot ? fmt::to_string(*dut.slot) : std::string();
  };
  if (pair.by != PairedDuts::By::asked_for) fact(place, "slot", slot(a), slot(b));
  std::set<std::pair<ComponentKind, std::string>> keys;
  for (const auto& [key, seen] : a.parts) keys.insert(key);
  for (const auto& [key, seen] : b.parts) keys.insert(key);
  const auto places_a = places_of_parts(a_);
  const auto places_b = places_of_parts(b_);
  for (const auto& key : keys) {
    const auto in_a = a.parts.find(key);
    const auto in_b = b.parts.find(key);
    if (in_a == a.parts.end() || in_b == b.parts.end()) continue;  // values say what was not read
    const PartSeen& was = in_a->second;
    const PartSeen& is = in_b->second;
    const std::string where = key.second.empty() ? place : fmt::format("{} {}", place, key.second);
    const bool is_part = key.first != ComponentKind::whole_dut;
    // Two trays have other parts: that is no news.
    if (is_part && !pair.other_unit && was.serial != is.serial) {
      std::string note;
      const auto now = places_b.find(was.serial);
      if (!was.serial.empty() && now != places_b.end())
        note = fmt::format("{} is now {}", was.serial, now->second);
      const auto before = places_a.find(is.serial);
      if (!is.serial.empty() && before != places_a.end())
        note += fmt::format("{}{} was {}", note.empty() ? "" : "; ", is.serial, before->second);
      fact(where, "serial number", was.serial, is.serial, std::move(note));
    }
    fact(where, "part number", was.part_number, is.part_number);
    fact(where, "model", was.model, is.model);
    fact(where, "firmware", was.firmware, is.firmware);
  }
}

void ComparisonMaker::only(bool in_a, const DutPicture& has, const DutPicture& lacks, const PictureKey& key,
                           const PictureValue& value) {
  OnlyInOne one;
  one.in_a = in_a;
  one.dut = has.id;
  one.measurement = key.measurement;
  one.part = key.part;
  one.step = key.step;
  one.outcome = value.outcome;
  for (const auto& [cell, why] : lacks.not_run) {
    if (cell.measurement == key.measurement && cell.part == key.part && one.why.empty()) one.why = why;
  }
  out_.only_in_one.push_back(std::move(one));
}

void ComparisonMaker::compare_values(const PairedDuts& pair) {
  const DutPicture& a = *a_.find(pair.a);
  const DutPicture& b = *b_.find(pair.b);
  // Of one quantity on one part: the same step on both sides first, then what is left in order.
  using Values = std::map<PictureKey, PictureValue>;
  std::set<PictureKey> used_in_b;
  std::vector<Values::const_iterator> left;
  for (auto at = a.values.begin(); at != a.values.end(); ++at) {
    const auto same = b.values.find(at->first);
    if (same == b.values.end()) {
      left.push_back(at);
      continue;
    }
    used_in_b.insert(same->first);
    compare_value(pair, at->first, at->second, same->first.step, same->second);
  }
  for (const auto& at : left) {
    auto other = b.values.lower_bound({at->first.measurement, at->first.part, ""});
    while (other != b.values.end() && other->first.measurement == at->first.measurement &&
           other->first.part == at->first.part && used_in_b.contains(other->first))
      ++other;
    const bool fits = other != b.values.end() && other->first.measurement == at->first.measurement &&
                      other->first.part == at->first.part;
    if (!fits) {
      only(true, a, b, at->first, at->second);
      continue;
    }
    used_in_b.insert(other->first);
    compare_value(pair, at->first, at->second, other->first.step, other->second);
  }
  for (const auto& [key, value] : b.values) {
    if (!used_in_b.contains(key)) only(false, b, a, key, value);
  }
}

void ComparisonMaker::compare_value(const PairedDuts& pair, const PictureKey& key, const PictureValue& a,
                                    const std::string& step_b, const PictureValue& b) {
  const bool words =
      std::holds_alternative<std::string>(a.value) && std::holds_alternative<std::string>(b.value);
  const std::string place =
      fmt::format("{}{}{}", pair.a == pair.b ? pair.a : fmt::format("{} → {}", pair.a, pair.b),
                  key.part.empty() ? "" : " ", key.part);
  if (words) {
    const bool serial = key.measurement.ends_with("serial");
    const bool told =
        serial && std::any_of(out_.facts.begin(), out_.facts.end(), [&place](const FactChange& one) {
          return one.place == place && one.what == "serial number";
        });
    if (told || (serial && pair.other_unit)) return;
    std::string note;
    if (a.outcome != b.outcome) note = fmt::format("{} → {}", to_string(a.outcome), to_string(b.outcome));
    fact(place, key.measurement, std::get<std::string>(a.value), std::get<std::string>(b.value),
         std::move(note));
    if (a.outcome == b.outcome) return;
  }
  if (!out_.values_not_compared.empty()) return;
  ValueDifference found;
  found.dut_a = pair.a;
  found.dut_b = pair.b;
  found.measurement = key.measurement;
  found.part = key.part;
  found.step = key.step == step_b ? key.step : fmt::format("{} → {}", key.step, step_b);
  found.unit = a.unit == b.unit ? a.unit : fmt::format("{} → {}", a.unit, b.unit);
  found.limit_a = a.limit_text;
  found.limit_b = b.limit_text;
  found.kind = b.kind;
  found.a = a.value;
  found.b = b.value;
  found.outcome_a = a.outcome;
  found.outcome_b = b.outcome;
  const std::optional<double> was = as_number(a.value);
  const std::optional<double> is = as_number(b.value);
  const bool numbers = was && is && std::isfinite(*was) && std::isfinite(*is) && a.unit == b.unit;
  if (numbers) {
    found.difference = *is - *was;
    if (*was != 0) found.relative = *found.difference / std::abs(*was);
    found.noise = difference_noise(noise_a_, pair.a, key, noise_b_, pair.b,
                                   {key.measurement, key.part, step_b}, pair.other_unit);
    if (found.noise.basis != DifferenceNoise::Basis::unknown) {
      if (found.noise.sigma > 0)
        found.distance = *found.difference / found.noise.sigma;
      else if (*found.difference == 0)
        found.distance = 0.0;
      else
        found.distance = std::copysign(std::numeric_limits<double>::infinity(), *found.difference);
    }
  }
  const auto before = severity(a.outcome);
  const auto after = severity(b.outcome);
  if (before && after && *after != *before) {
    found.movement = *after > *before ? Movement::worse : Movement::better;
  } else if (!numbers) {
    found.movement = a.value == b.value && a.unit == b.unit ? Movement::same : Movement::noise_unknown;
  } else if (*found.difference == 0) {
    found.movement = Movement::same;
  } else if (!found.distance) {
    found.movement = Movement::noise_unknown;
  } else {
    found.movement = std::abs(*found.distance) >= kMovedBeyond ? Movement::moved : Movement::within_noise;
  }
  out_.differences.push_back(std::move(found));
}

void ComparisonMaker::sort() {
  const auto size = [](const ValueDifference& one) {
    const double distance = one.distance ? std::abs(*one.distance) : 0;
    double relative = 0;
    if (one.relative) relative = std::abs(*one.relative);
    if (!one.relative && one.difference && *one.difference != 0)
      relative = std::numeric_limits<double>::infinity();
    return std::make_pair(distance, relative);
  };
  std::stable_sort(out_.differences.begin(), out_.differences.end(),
                   [&size](const ValueDifference& x, const ValueDifference& y) {
                     if (x.movement != y.movement) return x.movement < y.movement;
                     return size(x) > size(y);
                   });
  std::stable_sort(out_.only_in_one.begin(), out_.only_in_one.end(),
                   [](const OnlyInOne& x, const OnlyInOne& y) {
                     return std::make_tuple(!x.in_a, severity(y.outcome).value_or(-1)) <
                            std::make_tuple(!y.in_a, severity(x.outcome).value_or(-1));
                   });
}

}  // namespace

std::string_view to_string(ValueDifference::Movement movement) {
  switch (movement) {
    case Movement::worse:
      return "worse";
    case Movement::better:
      return "better";
    case Movement::moved:
      return "moved";
    case Movement::noise_unknown:
      return "noise unknown";
    case Movement::within_noise:
      return "within noise";
    case Movement::same:
      return "same";
  }
  return "same";
}

std::size_t RunComparison::count(ValueDifference::Movement movement) const {
  return static_cast<std::size_t>(
      std::count_if(differences.begin(), differences.end(),
                    [movement](const ValueDifference& one) { return one.movement == movement; }));
}

Result<RunComparison> compare_runs(const RunPicture& a, const std::string& dut_a, const RunPicture& b,
                                   const std::string& dut_b) {
  return ComparisonMaker(a, b).make(dut_a, dut_b);
}

}  // namespace kiln
