#include "quality/population_page.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "common/compared_parts_json.h"

namespace kiln {
namespace {

QualitySection odd_section(const PopulationComparison& comparison) {
  QualitySection section;
  section.title = "What stands apart from the population";
  if (comparison.odd() == 0) {
    section.sentences = {comparison.comparisons.empty() ? "Nothing was compared." : "Nothing."};
    return section;
  }
  section.sentences = {"For a person to review; no fail, and no excuse for one."};
  section.header = {"DUT", "part", "measurement", "here", "usual there", "unit", "robust σ", "what to do"};
  for (const Comparison& one : comparison.comparisons) {
    for (const OddOne& odd : one.odd)
      section.rows.push_back({odd.dut, odd.part, one.measurement, figure_text(odd.value),
                              figure_text(odd.usual), one.unit, figure_text(odd.distance), odd.action});
  }
  return section;
}

QualitySection compared_section(const PopulationComparison& comparison) {
  QualitySection section;
  section.title = "What was compared";
  if (comparison.comparisons.empty()) {
    section.sentences = {"Nothing: the run measured none of what the population has."};
    return section;
  }
  section.header = {"measurement", "step", "role", "values", "left out", "apart", "not compared because"};
  for (const Comparison& one : comparison.comparisons)
    section.rows.push_back({one.measurement, one.step, std::string(to_string(one.role)),
                            fmt::format("{}", one.n), fmt::format("{}", one.left_out),
                            fmt::format("{}", one.odd.size()), one.why_not});
  return section;
}

}  // namespace

QualityPage make_population_page(const PopulationComparison& comparison) {
  QualityPage page;
  page.title = fmt::format("{} of rack {} against population {}", comparison.run, comparison.rack,
                           comparison.given.id);
  page.about = {fmt::format("Population {}: {} racks, SHA-256 {}.", comparison.given.id,
                            comparison.given.racks, comparison.given.sha256)};
  page.sections = {odd_section(comparison), compared_section(comparison)};
  return page;
}

std::string population_json(const PopulationComparison& comparison) {
  boost::json::array list;
  for (const Comparison& one : comparison.comparisons) list.push_back(comparison_json(one));
  return boost::json::serialize(boost::json::object{{"run", comparison.run},
                                                    {"rack", comparison.rack},
                                                    {"population",
                                                     {{"id", comparison.given.id},
                                                      {"file", comparison.given.file},
                                                      {"sha256", comparison.given.sha256},
                                                      {"racks", comparison.given.racks}}},
                                                    {"comparisons", std::move(list)}});
}

}  // namespace kiln
