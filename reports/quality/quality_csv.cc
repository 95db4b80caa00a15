// For spreadsheets: one number a line. A text that a spreadsheet would take for a formula gets an apostrophe.

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "quality/quality_page.h"

namespace kiln {
namespace {

std::string csv_cell(const std::string& text) {
  constexpr std::string_view kFormula = "=+-@\t\r";
  const bool formula = !text.empty() && kFormula.find(text.front()) != std::string_view::npos;
  std::string cell;
  bool quoted = false;
  for (const char letter : text) {
    if (letter == '\0') continue;
    quoted = quoted || letter == ',' || letter == '"' || letter == '\n' || letter == '\r';
    if (letter == '"') cell.push_back('"');
    cell.push_back(letter);
  }
  const char* mark = quoted ? "\"" : "";
  return fmt::format("{}{}{}{}", mark, formula ? "'" : "", cell, mark);
}

class CsvLines {
 public:
  explicit CsvLines(const QualityReport& report) : kind_(report.query.simulated ? "SIMULATED" : "hardware") {}
  struct Line {
    std::string section, recipe, role, item, metric;
    std::optional<double> value;
    std::optional<Interval> interval;
    std::optional<std::size_t> n;
    std::string why_not;
  };
  void add(const Line& line) {
    const auto number = [](const std::optional<double>& value) {
      return value && std::isfinite(*value) ? fmt::format("{:.10g}", *value) : std::string();
    };
    text_ += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", kind_, line.section, csv_cell(line.recipe),
                         line.role, csv_cell(line.item), line.metric, number(line.value),
                         line.interval ? number(line.interval->low) : "",
                         line.interval ? number(line.interval->high) : "",
                         line.n ? fmt::to_string(*line.n) : "", csv_cell(line.why_not));
  }
  void add_share(const char* section, const std::string& recipe, Role role, const std::string& item,
                 const char* metric, const ShareOfUnits& share) {
    add({section, recipe, std::string(to_string(role)), item, metric, share.share(), share.interval,
         static_cast<std::size_t>(share.of), share.of == 0 ? "no unit" : ""});
  }
  [[nodiscard]] std::string text() const {
    return "racks,section,recipe,role,item,metric,value,low,high,n,why_not\r\n" + text_;
  }

 private:
  std::string kind_, text_;
};

void add_yields(CsvLines& lines, const QualityReport& report) {
  for (const YieldRow& row : report.yields) {
    const std::string role(to_string(row.role));
    lines.add_share("yield", row.recipe, row.role, "", "first_pass_yield", row.first_pass);
    lines.add_share("yield", row.recipe, row.role, "", "final_yield", row.final_yield);
    lines.add_share("yield", row.recipe, row.role, "", "test_system_judged", row.judged);
    lines.add({"yield",
               row.recipe,
               role,
               "",
               "first_fail_bound_90",
               row.fail_bound,
               {},
               static_cast<std::size_t>(row.first_pass.of),
               row.fail_bound ? "" : "no unit"});
    std::optional<double> retest_ok;
    if (row.fails > 0) retest_ok = static_cast<double>(row.retest_ok) / row.fails;
    lines.add({"yield",
               row.recipe,
               role,
               "",
               "retest_ok",
               retest_ok,
               {},
               static_cast<std::size_t>(row.fails),
               row.fails > 0 ? "" : "no attempt failed"});
  }
  for (const RolledYield& one : report.rolled) {
    lines.add({"rolled",
               "",
               std::string(to_string(one.role)),
               "",
               "rolled_yield",
               one.rolled,
               {},
               {},
               one.why_not});
    if (one.rolled) lines.add_share("rolled", "", one.role, "", "counted_yield", one.direct);
  }
  for (const StationComparison& comparison : report.stations) {
    for (const auto& row : comparison.rows)
      lines.add_share("stations", comparison.recipe, comparison.role, row.station, "first_pass_yield",
                      row.first_pass);
  }
}

void add_pareto(CsvLines& lines, const char* section, const std::vector<ParetoRow>& rows, int units) {
  for (const ParetoRow& row : rows) {
    lines.add({section, "", "", row.what, "units", row.units, {}, static_cast<std::size_t>(units), ""});
    lines.add(
        {section, "", "", row.what, "cumulative", row.cumulative, {}, static_cast<std::size_t>(units), ""});
    lines.add({section, "", "", row.what, "seen_on", row.seen, {}, static_cast<std::size_t>(units), ""});
  }
}

void add_lives(CsvLines& lines, const TimeToFailure& times) {
  if (!times.why_not.empty())
    lines.add({"time_to_failure", "", "", "", "cumulative_hazard", {}, {}, {}, times.why_not});
  for (const HazardBin& bin : times.bins) {
    const std::string item = fmt::format("hour {:.0f} to {:.0f}", bin.from, bin.to);
    const auto watched = static_cast<std::size_t>(bin.watched);
    lines.add({"time_to_failure", "", "", item, "failed", bin.failed, {}, watched, ""});
    lines.add({"time_to_failure", "", "", item, "cumulative_hazard", bin.cumulative, {}, watched, ""});
  }
}

void add_check(CsvLines& lines, const CheckReport& check) {
  const std::string role(to_string(check.role));
  const Capability& about = check.capability;
  const auto index = [&](const char* metric, const CapabilityIndex& value) {
    lines.add({"check", "", role, check.name, metric, value.value, value.interval, about.n,
               about.why_not.empty() ? value.why_not : about.why_not});
  };
  index("cp", about.cp);
  index("cpk", about.cpk);
  index("ppk", about.ppk);
  if (!check.chart.drawn()) {
    lines.add({"check", "", role, check.name, "mean", {}, {}, check.points.size(), check.chart.why_not});
    return;
  }
  lines.add({"check", "", role, check.name, "mean", check.chart.mean,
             Interval{check.chart.lower, check.chart.upper}, check.points.size(), ""});
  for (std::size_t at = 0; at < check.points.size(); ++at)
    lines.add({"chart",
               "",
               role,
               check.points[at].unit,
               check.name,
               check.points[at].value,
               {},
               {},
               std::string(to_string(check.chart.signals[at]))});
}

}  // namespace

std::string quality_csv(const QualityReport& report) {
  CsvLines lines(report);
  add_yields(lines, report);
  add_pareto(lines, "pareto_code", report.by_code, report.failed_units);
  add_pareto(lines, "pareto_part", report.by_part, report.failed_units);
  if (report.attempts > 0) add_lives(lines, report.time_to_failure);
  for (const CheckReport& check : report.checks) add_check(lines, check);
  if (!report.check_why_not.empty())
    lines.add({"check", "", "", report.query.check, "mean", {}, {}, {}, report.check_why_not});
  for (const ExcludedRun& one : report.excluded)
    lines.add({"excluded", "", "", one.run, "run", {}, {}, {}, one.why});
  for (const std::string& database : report.unreadable)
    lines.add({"excluded", "", "", database, "database", {}, {}, {}, "not read"});
  if (report.attempts == 0)
    lines.add({"yield", "", "", "", "first_pass_yield", {}, {}, std::size_t{0}, "no run is counted"});
  return lines.text();
}

}  // namespace kiln
