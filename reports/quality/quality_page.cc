#include "quality/quality_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>

#include "base/time.h"

namespace kiln {
namespace {

std::string interval_text(const std::optional<Interval>& interval) {
  if (!interval) return "–";
  return fmt::format("{:.1f} … {:.1f} %", 100 * interval->low, 100 * interval->high);
}

std::string share_words(const ShareOfUnits& share) {
  if (share.of == 0) return "no unit";
  return fmt::format("{} of {}", share.good, share.of);
}

std::string unit_words(Role role) {
  std::string words(to_string(role));
  for (char& letter : words) letter = letter == '_' ? ' ' : letter;
  return words;
}

std::string plural(std::size_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

void add_about(QualityPage& page, const QualityReport& report) {
  const QualityQuery& query = report.query;
  page.title = "Kiln quality";
  if (query.simulated) page.loud.emplace_back("SIMULATED – these racks are not hardware");
  for (const std::string& database : report.unreadable)
    page.loud.push_back("NOT READ, and none of these numbers knows what is in it: " + database);
  page.about.push_back(fmt::format(
      "Recipe {}, product {}, begun {} until {}: {}, {}, {}.", query.recipe.empty() ? "any" : query.recipe,
      query.product.empty() ? "any" : query.product,
      query.since_ns ? "from " + format_utc(*query.since_ns) : std::string("at any time"),
      query.until_ns ? format_utc(*query.until_ns) : std::string("now"), plural(report.runs, "run"),
      plural(report.units, "unit"), plural(report.attempts, "attempt")));
  if (report.attempts == 0)
    page.about.emplace_back("No run that is counted: there is nothing to say about quality.");
  if (report.other_kind > 0)
    page.about.push_back(fmt::format(
        "Not counted: {} on {}.", plural(report.other_kind, "attempt"),
        query.simulated ? "hardware" : "simulated racks (--simulated counts those, and nothing else)"));
  if (report.without_serial > 0)
    page.about.push_back(fmt::format(
        "{} without a serial number of {} own on record {} known by rack and DUT: when trays change places, "
        "they are taken for each other.",
        plural(report.without_serial, "unit"), report.without_serial == 1 ? "its" : "their",
        report.without_serial == 1 ? "is" : "are"));
  if (!report.excluded.empty())
    page.about.push_back(
        fmt::format("{} excluded, see the end.", report.excluded.size() == 1
                                                     ? std::string("1 run is")
                                                     : fmt::format("{} runs are", report.excluded.size())));
}

QualitySection yield_section(const QualityReport& report) {
  QualitySection section;
  section.title = "Yield";
  if (report.yields.empty()) {
    section.sentences.emplace_back("No attempt is counted: there is no yield.");
    return section;
  }
  section.sentences.emplace_back(
      "First-pass yield: units whose first attempt ever passed, of units that were judged; the first attempt "
      "counts also "
      "when it lies before the time asked for. Final yield: by the last attempt. Intervals: Wilson, 95 %. "
      "CONDITIONAL "
      "counts as passed. Attempts without a measured fail and without evidence for a GO say nothing about "
      "hardware: they "
      "are in neither number, but under Test system.");
  section.header = {"Recipe", "Units of", "First pass",  "of",          "95 %",
                    "Final",  "95 %",     "Conditional", "Test system", "Fail at first, at most (90 %)"};
  for (const YieldRow& row : report.yields) {
    section.rows.push_back(
        {row.recipe, unit_words(row.role), percent_text(row.first_pass.share()), share_words(row.first_pass),
         interval_text(row.first_pass.interval), percent_text(row.final_yield.share()),
         interval_text(row.final_yield.interval), fmt::to_string(row.conditional),
         fmt::format("{} ({})", percent_text(row.judged.share()), share_words(row.judged)),
         row.fail_bound ? fmt::format("{:.2f} %", 100 * *row.fail_bound) : std::string("no unit")});
    const std::string where = fmt::format("{}, {}", row.recipe, unit_words(row.role));
    if (row.first_before > 0)
      section.below.push_back(
          fmt::format("{}: the first attempt of {} lies before the time asked for, and counts.", where,
                      plural(static_cast<std::size_t>(row.first_before), "unit")));
    if (row.versions.size() > 1)
      section.below.push_back(fmt::format("{}: revisions {} of the recipe are counted together.", where,
                                          fmt::join(row.versions, ", ")));
    if (row.set_by_hand > 0)
      section.below.push_back(fmt::format("{}: {} ran with parameters set by hand.", where,
                                          plural(static_cast<std::size_t>(row.set_by_hand), "attempt")));
    if (row.cut_short > 0)
      section.below.push_back(fmt::format("{}: {} ended with another unit's failure; counted nowhere.", where,
                                          plural(static_cast<std::size_t>(row.cut_short), "attempt")));
    if (row.stopped > 0)
      section.below.push_back(fmt::format("{}: a person stopped {}; counted nowhere.", where,
                                          plural(static_cast<std::size_t>(row.stopped), "attempt")));
  }
  section.below.push_back(
      fmt::format("Without any failure, {} units are needed to claim that 99.9 % pass, with 90 % confidence.",
                  report.needed_for_999));
  return section;
}

QualitySection retest_section(const QualityReport& report) {
  QualitySection section;
  section.title = "Retests";
  section.sentences.emplace_back(
      "Retest OK: attempts that failed, and passed the next time with the same parts, of all that failed. A "
      "high share "
      "speaks against the station, not for the units. A reseated or repaired part keeps its serial number: "
      "that is not "
      "told from no repair.");
  section.header = {"Recipe",
                    "Units of",
                    "Failed attempts",
                    "Tested again",
                    "Retest OK",
                    "Passed with other parts",
                    "Passed, parts not on record"};
  for (const YieldRow& row : report.yields) {
    if (row.fails == 0) continue;
    section.rows.push_back(
        {row.recipe, unit_words(row.role), fmt::to_string(row.fails), fmt::to_string(row.retested),
         fmt::format("{} ({})", row.retest_ok, percent_text(static_cast<double>(row.retest_ok) / row.fails)),
         fmt::to_string(row.retest_changed), fmt::to_string(row.retest_unknown)});
  }
  if (section.rows.empty()) {
    section.header.clear();
    section.sentences = {"No attempt failed: there is no retest to judge."};
  }
  return section;
}

QualitySection rolled_section(const QualityReport& report) {
  QualitySection section;
  section.title = "Rolled throughput yield";
  for (const RolledYield& one : report.rolled) {
    if (!one.why_not.empty()) {
      section.sentences.push_back(fmt::format("{}: {}.", unit_words(one.role), one.why_not));
      continue;
    }
    section.rows.push_back({unit_words(one.role), fmt::format("{}", fmt::join(one.recipes, ", ")),
                            percent_text(one.rolled), percent_text(one.direct.share()),
                            share_words(one.direct), interval_text(one.direct.interval)});
  }
  if (!section.rows.empty()) {
    section.header = {"Units of", "Recipes", "Rolled", "Counted", "of", "95 %"};
    section.below.emplace_back(
        "Rolled: the product of the first-pass yields, as if recipes failed independently. Counted: units "
        "that went "
        "through all of them and failed at none at first. Where the two are apart, failures hang together.");
  }
  if (report.rolled.empty()) section.sentences.emplace_back("No attempt is counted.");
  return section;
}

QualitySection pareto_section(const char* title, const char* what, const std::vector<ParetoRow>& rows,
                              int units) {
  QualitySection section;
  section.title = title;
  if (rows.empty()) {
    section.sentences.emplace_back("No unit failed.");
    return section;
  }
  section.sentences.push_back(
      fmt::format("{} failed. Each is counted once, by the worst reason of its first attempt that failed; "
                  "the last column "
                  "counts every unit that showed it at all.",
                  plural(static_cast<std::size_t>(units), "unit")));
  section.header = {what, "Units", "Share", "Cumulative", "Seen on"};
  for (const ParetoRow& row : rows)
    section.rows.push_back({row.what, fmt::to_string(row.units), percent_text(row.share),
                            percent_text(row.cumulative), fmt::to_string(row.seen)});
  section.bars = &rows;
  return section;
}

QualitySection station_section(const QualityReport& report) {
  QualitySection section;
  section.title = "Stations";
  std::set<std::string> alone;
  for (const StationComparison& comparison : report.stations) {
    if (comparison.rows.size() < 2) {
      alone.insert(comparison.recipe);
      continue;
    }
    for (const auto& row : comparison.rows)
      section.rows.push_back({comparison.recipe, unit_words(comparison.role),
                              row.station.empty() ? "(without a name)" : row.station,
                              percent_text(row.first_pass.share()), share_words(row.first_pass),
                              interval_text(row.first_pass.interval)});
    section.below.push_back(
        fmt::format("{}, {}: {}.", comparison.recipe, unit_words(comparison.role), comparison.sentence));
  }
  if (!section.rows.empty()) {
    section.sentences.emplace_back(
        "First-pass yield by the station of each unit's first attempt, where it lies in the time asked for.");
    section.header = {"Recipe", "Units of", "Station", "First pass", "of", "95 %"};
  }
  if (!alone.empty())
    section.sentences.push_back(
        fmt::format("Nothing to compare, with one station on record, of some or all units of: {}.",
                    fmt::join(alone, ", ")));
  if (report.stations.empty()) section.sentences.emplace_back("No first attempt is counted.");
  return section;
}

QualitySection life_section(const QualityReport& report) {
  const TimeToFailure& times = report.time_to_failure;
  QualitySection section;
  section.title = "Time to failure under load";
  if (!times.why_not.empty()) {
    section.sentences.push_back(fmt::format("No figure: {}.", times.why_not));
    return section;
  }
  section.sentences.push_back(
      fmt::format("{} carried load for up to {} h, {} failed under it. Hours add up over a unit's attempts "
                  "until its first fail; a "
                  "unit that did not fail counts as watched until then. A check that judges at the end of "
                  "its step puts the failure "
                  "there.",
                  plural(times.units, "unit"), figure_text(times.longest), times.failed));
  if (report.failed_without_load > 0)
    section.sentences.push_back(
        fmt::format("{} failed outside of load: watched until then, no failure here.",
                    plural(static_cast<std::size_t>(report.failed_without_load), "unit")));
  section.header = {"Hours",
                    "Watched",
                    "Failed",
                    "Unit hours",
                    "Failures per 1000 unit hours",
                    "Cumulative hazard (Nelson–Aalen)",
                    "± standard deviation"};
  for (std::size_t at = 0; at < times.bins.size();) {
    HazardBin bin = times.bins[at];
    // Hours without a failure are one row.
    for (++at; bin.failed == 0 && at < times.bins.size() && times.bins[at].failed == 0; ++at) {
      bin.to = times.bins[at].to;
      bin.unit_hours += times.bins[at].unit_hours;
    }
    section.rows.push_back({fmt::format("{:.0f} to {:.0f}", bin.from, bin.to), fmt::to_string(bin.watched),
                            fmt::to_string(bin.failed), figure_text(bin.unit_hours),
                            bin.unit_hours > 0 ? figure_text(1000 * bin.failed / bin.unit_hours) : "–",
                            fmt::format("{:.4f}", bin.cumulative), fmt::format("{:.4f}", bin.deviation)});
  }
  section.below = times.sentences;
  return section;
}

std::string index_text(const CapabilityIndex& index) {
  if (!index.value) return "not shown: " + index.why_not;
  if (!index.interval) return fmt::format("{:.2f} (percentile form, no interval)", *index.value);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", *index.value, index.interval->low, index.interval->high);
}

void add_capability(QualitySection& section, const Capability& about) {
  if (!about.why_not.empty()) {
    section.below.push_back(fmt::format("Capability is not shown: {}.", about.why_not));
    return;
  }
  const char* cpk = about.lower && about.upper ? "Cpk" : about.upper ? "Cpu" : "Cpl";
  const char* ppk = about.lower && about.upper ? "Ppk" : about.upper ? "Ppu" : "Ppl";
  section.below.push_back(fmt::format(
      "n {}{}, mean {}, deviation {} from unit to unit and {} over all; {}; A*² {:.2f}: {}.", about.n,
      about.weak ? fmt::format(" (WEAK: fewer than {})", kFirmCapability) : std::string(),
      figure_text(about.mean), figure_text(about.sigma_within), figure_text(about.sigma_overall),
      about.steady ? "steady" : "NOT STEADY", about.anderson_darling.value_or(0),
      about.normal ? "not told from a normal distribution at 5 %" : "not normal at 5 %"));
  if (about.lower && about.upper) section.below.push_back(fmt::format("Cp: {}.", index_text(about.cp)));
  section.below.push_back(fmt::format("{}: {}.", cpk, index_text(about.cpk)));
  section.below.push_back(fmt::format("{}: {}{}.", ppk, index_text(about.ppk),
                                      about.steady ? "" : "; it describes these units and predicts nothing"));
  section.below.emplace_back("Intervals: Bissell, 95 %.");
}

QualitySection check_section(const CheckReport& check) {
  QualitySection section;
  section.title = fmt::format("{}{}{}, {}", check.name, check.part.empty() ? "" : " of ", check.part,
                              unit_words(check.role));
  section.sentences.push_back(fmt::format("{}, one value each{}{}{}{}.", plural(check.points.size(), "unit"),
                                          check.which.empty() ? "" : ": ", check.which,
                                          check.limit_text.empty() ? "" : "; limit ", check.limit_text));
  if (check.left_out > 0)
    section.sentences.push_back(fmt::format("Left out: {} without a finite number.",
                                            plural(static_cast<std::size_t>(check.left_out), "unit")));
  if (!check.chart.drawn()) {
    section.sentences.push_back(fmt::format("No control chart: {}.", check.chart.why_not));
  } else {
    const ControlChart& chart = check.chart;
    section.sentences.push_back(
        fmt::format("Mean {}, control limits {} and {}; mean moving range {}, its limit {}{}. {} beyond the "
                    "limits, {} of "
                    "moving ranges above theirs, {} in a row on one side. {}.",
                    figure_text(chart.mean), figure_text(chart.lower), figure_text(chart.upper),
                    figure_text(chart.mean_range), figure_text(chart.range_upper),
                    chart.provisional ? fmt::format(" (PROVISIONAL: fewer than {} units)", kLeastForLimits)
                                      : std::string(),
                    chart.beyond, chart.wide_ranges, plural(chart.runs, "run"),
                    chart.steady ? "Steady" : "NOT STEADY: " + chart.unsteady_because));
    section.sentences.push_back(chart_rules());
    section.header = {"Unit", "Value", "Signal", "Part", "Run", "Station"};
    for (std::size_t at = 0; at < check.points.size(); ++at) {
      if (chart.signals[at] == ChartSignal::none) continue;
      const CheckPoint& point = check.points[at];
      section.rows.push_back({point.unit, figure_text(point.value), std::string(to_string(chart.signals[at])),
                              point.part, point.run, point.station});
    }
    if (section.rows.empty()) section.header.clear();
    section.chart = &check;
  }
  add_capability(section, check.capability);
  return section;
}

QualitySection excluded_section(const QualityReport& report) {
  QualitySection section;
  section.title = "Excluded runs";
  if (report.excluded.empty()) {
    section.sentences.emplace_back("None.");
    return section;
  }
  section.header = {"Run", "Why"};
  for (const ExcludedRun& one : report.excluded) section.rows.push_back({one.run, one.why});
  return section;
}

}  // namespace

std::string percent_text(const std::optional<double>& share) {
  if (!share || !std::isfinite(*share)) return "no unit";
  return fmt::format("{:.1f} %", 100 * *share);
}

std::string figure_text(double value) {
  return std::isfinite(value) ? fmt::format("{:.5g}", value) : std::string("no number");
}

QualityPage make_quality_page(const QualityReport& report) {
  QualityPage page;
  add_about(page, report);
  if (report.attempts > 0) {
    page.sections.push_back(yield_section(report));
    page.sections.push_back(retest_section(report));
    page.sections.push_back(rolled_section(report));
    page.sections.push_back(pareto_section("What fails", "Reason", report.by_code, report.failed_units));
    page.sections.push_back(pareto_section("Which part fails", "Part", report.by_part, report.failed_units));
    page.sections.push_back(station_section(report));
    page.sections.push_back(life_section(report));
  }
  for (const CheckReport& check : report.checks) page.sections.push_back(check_section(check));
  if (!report.check_why_not.empty()) {
    QualitySection section;
    section.title = report.query.check;
    section.sentences.push_back(report.check_why_not + ".");
    page.sections.push_back(std::move(section));
  }
  page.sections.push_back(excluded_section(report));
  return page;
}

}  // namespace kiln
