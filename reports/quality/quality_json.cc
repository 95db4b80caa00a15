// For programs. Its schema is quality.schema.json in this folder. A number that may not be shown is null, and
// why_not beside it says why.

#include <boost/json.hpp>
#include <cmath>

#include "base/time.h"
#include "quality/quality_page.h"

namespace kiln {
namespace {

namespace bj = boost::json;

bj::value finite_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? bj::value(*value) : bj::value(nullptr);
}

bj::value moment_or_null(const std::optional<std::int64_t>& utc_ns) {
  return utc_ns ? bj::value(format_utc(*utc_ns)) : bj::value(nullptr);
}

bj::value interval_json(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return bj::object{{"low", interval->low}, {"high", interval->high}};
}

bj::object share_json(const ShareOfUnits& share) {
  return {{"good", share.good},
          {"of", share.of},
          {"share", finite_or_null(share.share())},
          {"wilson_95", interval_json(share.interval)}};
}

bj::array words_json(const std::vector<std::string>& words) {
  bj::array list;
  for (const std::string& word : words) list.emplace_back(word);
  return list;
}

bj::string role_json(Role role) { return bj::string(to_string(role)); }

bj::object yield_json(const YieldRow& row) {
  bj::object item;
  item["recipe"] = row.recipe;
  item["role"] = role_json(row.role);
  item["recipe_versions"] = words_json(row.versions);
  item["first_pass"] = share_json(row.first_pass);
  item["first_attempt_before_window"] = row.first_before;
  item["final"] = share_json(row.final_yield);
  item["conditional"] = row.conditional;
  item["attempts_set_by_hand"] = row.set_by_hand;
  item["test_system"] = share_json(row.judged);
  item["attempts_stopped"] = row.stopped;
  item["attempts_cut_short"] = row.cut_short;
  item["retests"] = bj::object{{"failed_attempts", row.fails},
                               {"tested_again", row.retested},
                               {"passed_same_parts", row.retest_ok},
                               {"passed_other_parts", row.retest_changed},
                               {"passed_parts_unknown", row.retest_unknown}};
  item["first_fail_bound_90"] = finite_or_null(row.fail_bound);
  return item;
}

bj::object rolled_json(const RolledYield& one) {
  return {{"role", role_json(one.role)},
          {"recipes", words_json(one.recipes)},
          {"rolled", finite_or_null(one.rolled)},
          {"direct", share_json(one.direct)},
          {"why_not", one.why_not}};
}

bj::array pareto_json(const std::vector<ParetoRow>& rows) {
  bj::array list;
  for (const ParetoRow& row : rows)
    list.push_back(bj::object{{"what", row.what},
                              {"units", row.units},
                              {"seen_on", row.seen},
                              {"share", finite_or_null(row.share)},
                              {"cumulative", finite_or_null(row.cumulative)}});
  return list;
}

bj::object stations_json(const StationComparison& comparison) {
  bj::array rows;
  for (const auto& row : comparison.rows)
    rows.push_back(bj::object{{"station", row.station}, {"first_pass", share_json(row.first_pass)}});
  return {{"recipe", comparison.recipe},
          {"role", role_json(comparison.role)},
          {"stations", std::move(rows)},
          {"sentence", comparison.sentence}};
}

bj::object life_json(const QualityReport& report) {
  const TimeToFailure& times = report.time_to_failure;
  bj::array bins;
  for (const HazardBin& bin : times.bins)
    bins.push_back(bj::object{{"from_hour", bin.from},
                              {"to_hour", bin.to},
                              {"watched", bin.watched},
                              {"failed", bin.failed},
                              {"unit_hours", finite_or_null(bin.unit_hours)},
                              {"cumulative_hazard", finite_or_null(bin.cumulative)},
                              {"standard_deviation", finite_or_null(bin.deviation)}});
  return {{"units", times.units},
          {"failed", times.failed},
          {"failed_without_load", report.failed_without_load},
          {"longest_hours", finite_or_null(times.longest)},
          {"usual_soak_hours", finite_or_null(times.soak)},
          {"bins", std::move(bins)},
          {"sentences", words_json(times.sentences)},
          {"why_not", times.why_not}};
}

bj::object index_json(const CapabilityIndex& index) {
  return {{"value", finite_or_null(index.value)},
          {"bissell_95", interval_json(index.interval)},
          {"why_not", index.why_not}};
}

bj::object capability_json(const Capability& about) {
  const bool shown = about.why_not.empty();
  bj::object item;
  item["n"] = about.n;
  item["why_not"] = about.why_not;
  item["lower_limit"] = finite_or_null(about.lower);
  item["upper_limit"] = finite_or_null(about.upper);
  item["weak"] = about.weak;
  item["steady"] = shown ? bj::value(about.steady) : bj::value(nullptr);
  item["normal_at_5_percent"] = shown ? bj::value(about.normal) : bj::value(nullptr);
  item["anderson_darling"] = finite_or_null(about.anderson_darling);
  item["sigma_within"] = shown ? finite_or_null(about.sigma_within) : bj::value(nullptr);
  item["sigma_overall"] = shown ? finite_or_null(about.sigma_overall) : bj::value(nullptr);
  item["percentile_form"] = about.percentile;
  item["cp"] = index_json(about.cp);
  item["cpk"] = index_json(about.cpk);
  item["ppk"] = index_json(about.ppk);
  return item;
}

bj::object chart_json(const CheckReport& check) {
  const ControlChart& chart = check.chart;
  if (!chart.drawn()) return {{"why_not", chart.why_not}, {"points", bj::array()}};
  bj::array points;
  for (std::size_t at = 0; at < check.points.size(); ++at) {
    const CheckPoint& point = check.points[at];
    points.push_back(bj::object{{"unit", point.unit},
                                {"run", point.run},
                                {"begun", format_utc(point.begun_utc_ns)},
                                {"station", point.station},
                                {"part", point.part},
                                {"value", finite_or_null(point.value)},
                                {"signal", std::string(to_string(chart.signals[at]))}});
  }
  bj::object item{{"why_not", ""}, {"points", std::move(points)}};
  item["mean"] = finite_or_null(chart.mean);
  item["lower_control_limit"] = finite_or_null(chart.lower);
  item["upper_control_limit"] = finite_or_null(chart.upper);
  item["mean_moving_range"] = finite_or_null(chart.mean_range);
  item["moving_range_limit"] = finite_or_null(chart.range_upper);
  item["provisional"] = chart.provisional;
  item["beyond_limits"] = chart.beyond;
  item["wide_ranges"] = chart.wide_ranges;
  item["runs_on_one_side"] = chart.runs;
  item["steady"] = chart.steady;
  item["unsteady_because"] = chart.unsteady_because;
  item["rules"] = chart_rules();
  return item;
}

bj::object check_json(const CheckReport& check) {
  bj::object item;
  item["check"] = check.name;
  item["part"] = check.part;
  item["role"] = role_json(check.role);
  item["unit"] = check.unit;
  item["limit"] = check.limit_text;
  item["which"] = check.which;
  item["left_out"] = check.left_out;
  item["control_chart"] = chart_json(check);
  item["capability"] = capability_json(check.capability);
  return item;
}

}  // namespace

std::string quality_json(const QualityReport& report) {
  const QualityQuery& query = report.query;
  bj::object root;
  root["format"] = "kiln-quality";
  root["version"] = 1;
  root["simulated"] = query.simulated;
  root["query"] = bj::object{{"recipe", query.recipe},
                             {"product", query.product},
                             {"since", moment_or_null(query.since_ns)},
                             {"until", moment_or_null(query.until_ns)},
                             {"check", query.check},
                             {"part", query.part}};
  root["counted"] = bj::object{{"runs", report.runs},
                               {"units", report.units},
                               {"attempts", report.attempts},
                               {"units_without_serial", report.without_serial},
                               {"attempts_of_other_kind", report.other_kind}};
  bj::array yields, rolled, stations, checks, excluded;
  for (const YieldRow& row : report.yields) yields.push_back(yield_json(row));
  for (const RolledYield& one : report.rolled) rolled.push_back(rolled_json(one));
  for (const StationComparison& comparison : report.stations) stations.push_back(stations_json(comparison));
  for (const CheckReport& check : report.checks) checks.push_back(check_json(check));
  for (const ExcludedRun& one : report.excluded)
    excluded.push_back(bj::object{{"run", one.run}, {"why", one.why}});
  root["yields"] = std::move(yields);
  root["rolled_yields"] = std::move(rolled);
  root["failed_units"] = report.failed_units;
  root["pareto_by_code"] = pareto_json(report.by_code);
  root["pareto_by_part"] = pareto_json(report.by_part);
  root["stations"] = std::move(stations);
  root["time_to_failure"] = life_json(report);
  root["checks"] = std::move(checks);
  root["check_why_not"] = report.check_why_not;
  root["units_needed_for_99_9_percent"] = report.needed_for_999;
  root["excluded_runs"] = std::move(excluded);
  root["unreadable_databases"] = words_json(report.unreadable);
  return bj::serialize(root) + "\n";
}

}  // namespace kiln
