#include "quality/quality_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace kiln {
namespace {

using Attempts = std::vector<const UnitAttempt*>;
/// Attempts of one unit at one recipe, in order of time.
using Histories =
    std::map<std::pair<std::string, Role>, std::map<std::string, Attempts>>;  // recipe, role → unit

bool is_judged(const UnitAttempt& attempt) {
  return attempt.result == AttemptResult::passed || attempt.result == AttemptResult::conditional ||
         attempt.result == AttemptResult::failed;
}
bool has_passed(const UnitAttempt& attempt) {
  return attempt.result == AttemptResult::passed || attempt.result == AttemptResult::conditional;
}

bool earlier(const UnitAttempt* a, const UnitAttempt* b) {
  return std::tie(a->begun_utc_ns, a->run, a->unit) < std::tie(b->begun_utc_ns, b->run, b->unit);
}

/// One role has one set of serials; a unit is known by both, so that a tray is no CDU of the same number.
std::string unit_key(const UnitAttempt& attempt) {
  return fmt::format("{} {}", to_string(attempt.role), attempt.unit);
}

/// What is counted, among all that is looked at: a unit's first attempt may lie before the time asked for, or
/// under another revision of the recipe.
class Window {
 public:
  explicit Window(const QualityQuery& query) : query_(query) {
    const std::size_t at = query.recipe.find('@');
    if (at != std::string::npos) version_ = query.recipe.substr(at + 1);
  }
  [[nodiscard]] bool holds(const UnitAttempt& attempt) const {
    return not_after(attempt) && (!query_.since_ns || attempt.begun_utc_ns >= *query_.since_ns) &&
           (!version_ || attempt.recipe_version == *version_);
  }
  [[nodiscard]] bool not_after(const UnitAttempt& attempt) const {
    return !query_.until_ns || attempt.begun_utc_ns < *query_.until_ns;
  }

 private:
  const QualityQuery& query_;
  std::optional<std::string> version_;
};

bool is_asked_for(const UnitAttempt& attempt, const QualityQuery& query) {
  if (!query.recipe.empty() && attempt.recipe != query.recipe.substr(0, query.recipe.find('@'))) return false;
  return query.product.empty() || attempt.product == query.product;
}

const UnitAttempt* first_judged(const Attempts& history) {
  const auto found = std::find_if(history.begin(), history.end(),
                                  [](const UnitAttempt* attempt) { return is_judged(*attempt); });
  return found == history.end() ? nullptr : *found;
}

/// What a retest says of the fail before it.
void count_retest(const UnitAttempt& failed, const UnitAttempt& next, YieldRow& row) {
  ++row.retested;
  if (!has_passed(next)) return;
  if (failed.parts.empty() || next.parts.empty()) {
    ++row.retest_unknown;
  } else if (failed.parts == next.parts) {
    ++row.retest_ok;
  } else {
    ++row.retest_changed;
  }
}

void count_unit(const Attempts& history, const Window& window, YieldRow& row,
                std::set<std::string>& versions) {
  Attempts judged;
  const UnitAttempt* last = nullptr;
  for (const UnitAttempt* attempt : history) {
    if (is_judged(*attempt)) judged.push_back(attempt);
    if (!window.holds(*attempt)) continue;
    versions.insert(attempt->recipe_version);
    if (attempt->set_by_hand) ++row.set_by_hand;
    if (attempt->result == AttemptResult::stopped) {
      ++row.stopped;
      continue;
    }
    if (attempt->result == AttemptResult::cut_short) {
      ++row.cut_short;
      continue;
    }
    ++row.judged.of;
    if (!is_judged(*attempt)) continue;
    ++row.judged.good;
    last = attempt;
  }
  for (std::size_t at = 0; at < judged.size(); ++at) {
    if (judged[at]->result != AttemptResult::failed || !window.holds(*judged[at])) continue;
    ++row.fails;
    if (at + 1 < judged.size()) count_retest(*judged[at], *judged[at + 1], row);
  }
  if (last == nullptr) return;
  ++row.first_pass.of;
  ++row.final_yield.of;
  if (has_passed(*judged.front())) ++row.first_pass.good;
  if (!window.holds(*judged.front())) ++row.first_before;
  if (has_passed(*last)) ++row.final_yield.good;
  if (last->result == AttemptResult::conditional) ++row.conditional;
}

std::vector<YieldRow> make_yields(const Histories& histories, const Window& window) {
  std::vector<YieldRow> rows;
  for (const auto& [operation, units] : histories) {
    YieldRow row;
    row.recipe = operation.first;
    row.role = operation.second;
    std::set<std::string> versions;
    for (const auto& [unit, history] : units) count_unit(history, window, row, versions);
    if (row.judged.of + row.stopped + row.cut_short == 0) continue;  // all of them lie outside of the window
    row.versions.assign(versions.begin(), versions.end());
    row.first_pass = share_of(row.first_pass.good, row.first_pass.of);
    row.final_yield = share_of(row.final_yield.good, row.final_yield.of);
    row.judged = share_of(row.judged.good, row.judged.of);
    row.first_fails = row.first_pass.of - row.first_pass.good;
    row.fail_bound = failure_bound(row.first_fails, row.first_pass.of);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<RolledYield> make_rolled(const std::vector<YieldRow>& yields, const Histories& histories,
                                     const Window& window) {
  std::map<Role, std::vector<const YieldRow*>> by_role;
  for (const YieldRow& row : yields) by_role[row.role].push_back(&row);
  std::vector<RolledYield> rolled;
  for (const auto& [role, rows] : by_role) {
    RolledYield one;
    one.role = role;
    double product = 1;
    std::map<std::string, std::pair<int, int>> units;  // recipes gone through, of them passed at first
    for (const YieldRow* row : rows) {
      const auto share = row->first_pass.share();
      if (!share) continue;
      one.recipes.push_back(row->recipe);
      product *= *share;
      for (const auto& [unit, history] : histories.at({row->recipe, role})) {
        const bool counts = std::any_of(
            history.begin(), history.end(),
            [&window](const UnitAttempt* attempt) { return is_judged(*attempt) && window.holds(*attempt); });
        if (!counts) continue;
        auto& [gone, passed] = units[unit];
        ++gone;
        if (has_passed(*first_judged(history))) ++passed;
      }
    }
    if (one.recipes.size() < 2) {
      one.why_not = one.recipes.empty()
                        ? "no attempt was judged"
                        : "one recipe is on record: there is nothing to roll, see its first-pass yield";
    } else {
      one.rolled = product;
      int through = 0;
      int clean = 0;
      for (const auto& [unit, counts] : units) {
        if (counts.first != static_cast<int>(one.recipes.size())) continue;
        ++through;
        if (counts.second == counts.first) ++clean;
      }
      one.direct = share_of(clean, through);
    }
    rolled.push_back(std::move(one));
  }
  return rolled;
}

std::string part_of(const UnitAttempt& attempt, const AttemptFail& fail) {
  return fmt::format("{}: {}", to_string(attempt.role), fail.part.empty() ? "the unit itself" : fail.part);
}

std::vector<ParetoRow> pareto_of(const std::map<std::string, std::string>& worst,
                                 const std::map<std::string, std::set<std::string>>& seen) {
  std::map<std::string, ParetoRow> rows;
  for (const auto& [what, units] : seen) {
    rows[what].what = what;
    rows[what].seen = static_cast<int>(units.size());
  }
  for (const auto& [unit, what] : worst) ++rows[what].units;
  std::vector<ParetoRow> sorted;
  for (auto& [what, row] : rows) sorted.push_back(std::move(row));
  std::sort(sorted.begin(), sorted.end(), [](const ParetoRow& a, const ParetoRow& b) {
    return std::make_tuple(-a.units, -a.seen, a.what) < std::make_tuple(-b.units, -b.seen, b.what);
  });
  int sum = 0;
  const double all = static_cast<double>(worst.size());
  for (ParetoRow& row : sorted) {
    sum += row.units;
    row.share = row.units / all;
    row.cumulative = sum / all;
  }
  return sorted;
}

/// Each unit once, by the worst reason of its first attempt that failed in the window.
void make_paretos(const Attempts& in_window, QualityReport& report) {
  std::map<std::string, std::string> worst_code, worst_part;
  std::map<std::string, std::set<std::string>> codes, parts;
  for (const UnitAttempt* attempt : in_window) {
    if (attempt->fails.empty()) continue;
    const std::string unit = unit_key(*attempt);
    worst_code.try_emplace(unit, attempt->fails.front().code);
    worst_part.try_emplace(unit, part_of(*attempt, attempt->fails.front()));
    for (const AttemptFail& fail : attempt->fails) {
      codes[fail.code].insert(unit);
      parts[part_of(*attempt, fail)].insert(unit);
    }
  }
  report.failed_units = static_cast<int>(worst_code.size());
  report.by_code = pareto_of(worst_code, codes);
  report.by_part = pareto_of(worst_part, parts);
}

std::string station_sentence(const std::vector<StationComparison::Row>& rows) {
  const StationComparison::Row* best = &rows.front();
  const StationComparison::Row* worst = &rows.front();
  for (const auto& row : rows) {
    if (*row.first_pass.share() > *best->first_pass.share()) best = &row;
    if (*row.first_pass.share() < *worst->first_pass.share()) worst = &row;
  }
  if (rows.size() < 2) return "one station is on record: there is nothing to compare";
  const auto name_of = [](const StationComparison::Row& row) {
    return row.station.empty() ? std::string("a station without a name") : row.station;
  };
  if (best->first_pass.interval->overlaps(*worst->first_pass.interval))
    return "the intervals overlap: this record does not show that the stations differ, nor that they are "
           "alike";
  return fmt::format(
      "the intervals of {} and {} do not overlap: they differ, in their units or in the station; one golden "
      "unit on "
      "both tells which",
      name_of(*best), name_of(*worst));
}

std::vector<StationComparison> make_stations(const Histories& histories, const Window& window) {
  std::vector<StationComparison> comparisons;
  for (const auto& [operation, units] : histories) {
    std::map<std::string, std::pair<int, int>> counts;  // passed, of
    for (const auto& [unit, history] : units) {
      const UnitAttempt* first = first_judged(history);
      if (first == nullptr || !window.holds(*first)) continue;
      auto& [passed, of] = counts[first->station];
      ++of;
      if (has_passed(*first)) ++passed;
    }
    if (counts.empty()) continue;
    StationComparison comparison;
    comparison.recipe = operation.first;
    comparison.role = operation.second;
    for (const auto& [station, count] : counts)
      comparison.rows.push_back({station, share_of(count.first, count.second)});
    comparison.sentence = station_sentence(comparison.rows);
    comparisons.push_back(std::move(comparison));
  }
  return comparisons;
}

/// Hours under load add up over a unit's attempts until its first fail.
void make_lives(const Attempts& not_after, const Window& window, QualityReport& report) {
  struct Life {
    UnitLife life;
    bool over = false, in_window = false, fail_without_load = false;
  };
  std::map<std::string, Life> units;
  for (const UnitAttempt* attempt : not_after) {
    Life& unit = units[unit_key(*attempt)];
    unit.in_window = unit.in_window || window.holds(*attempt);
    if (unit.over) continue;
    if (attempt->failed_at_hours) {
      unit.life.hours += *attempt->failed_at_hours;
      unit.life.failed = true;
    } else {
      unit.life.hours += attempt->load_hours;
      unit.fail_without_load = attempt->result == AttemptResult::failed;
    }
    unit.over = attempt->result == AttemptResult::failed;
  }
  std::vector<UnitLife> lives;
  for (const auto& [name, unit] : units) {
    if (!unit.in_window) continue;
    lives.push_back(unit.life);
    if (unit.fail_without_load && unit.life.hours > 0) ++report.failed_without_load;
  }
  report.time_to_failure = time_to_failure(std::move(lives));
}

}  // namespace

ShareOfUnits share_of(int good, int of) { return {good, of, wilson_interval(good, of)}; }

QualityReport make_quality_report(std::vector<UnitAttempt> attempts, const QualityQuery& query) {
  QualityReport report;
  report.query = query;
  report.needed_for_999 = success_run_size(0.999).value_or(0);
  const Window window(query);
  Attempts not_after, in_window;
  std::size_t other_kind = 0;
  for (const UnitAttempt& attempt : attempts) {
    if (!is_asked_for(attempt, query) || !window.not_after(attempt)) continue;
    if (attempt.simulated != query.simulated) {
      if (window.holds(attempt)) ++other_kind;
      continue;
    }
    not_after.push_back(&attempt);
  }
  report.other_kind = other_kind;
  std::sort(not_after.begin(), not_after.end(), earlier);
  Histories histories;
  std::set<std::string> runs, units, without_serial;
  for (const UnitAttempt* attempt : not_after) {
    histories[{attempt->recipe, attempt->role}][unit_key(*attempt)].push_back(attempt);
    if (!window.holds(*attempt)) continue;
    in_window.push_back(attempt);
    runs.insert(attempt->run);
    units.insert(unit_key(*attempt));
    if (!attempt->serial_known && attempt->role != Role::rack) without_serial.insert(unit_key(*attempt));
  }
  report.runs = runs.size();
  report.attempts = in_window.size();
  report.units = units.size();
  report.without_serial = without_serial.size();
  report.yields = make_yields(histories, window);
  report.rolled = make_rolled(report.yields, histories, window);
  make_paretos(in_window, report);
  report.stations = make_stations(histories, window);
  make_lives(not_after, window, report);
  if (!query.check.empty()) {
    Attempts judged;
    for (const UnitAttempt* attempt : in_window) {
      if (is_judged(*attempt)) judged.push_back(attempt);
    }
    report.checks = check_reports(judged, query);
    if (report.checks.empty())
      report.check_why_not = fmt::format("no unit that is counted has a value of {}{}", query.check,
                                         query.part.empty() ? "" : " of part " + query.part);
  }
  return report;
}

}  // namespace kiln
