#pragma once
// What many runs together say: yields, what fails most, stations against each other, time to failure, and one
// check's control chart and capability. Each number stands beside how far it may be believed, or is missing
// with the reason. Pure: the same attempts in any order give the same report.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quality/capability.h"
#include "quality/control_chart.h"
#include "quality/intervals.h"
#include "quality/time_to_failure.h"
#include "quality/unit_attempt.h"

namespace kiln {

struct QualityQuery {
  std::string recipe;  ///< NAME or NAME@VERSION; empty: all
  std::string product;
  std::optional<std::int64_t> since_ns, until_ns;  ///< UTC; since ≤ begun < until
  std::string check;                               ///< a measurement; empty: no chart
  std::string part;                                ///< of the check; empty: the worst part of each unit
  bool simulated = false;                          ///< simulated racks only; else hardware only
};

struct ShareOfUnits {
  int good = 0, of = 0;
  std::optional<Interval> interval;  ///< Wilson, 95 %
  [[nodiscard]] std::optional<double> share() const {
    return of == 0 ? std::nullopt : std::optional<double>(static_cast<double>(good) / of);
  }
};
ShareOfUnits share_of(int good, int of);

/// Units of one kind at one recipe.
struct YieldRow {
  std::string recipe;
  Role role = Role::server;
  std::vector<std::string> versions;  ///< of the recipe, among what is counted
  ShareOfUnits first_pass;            ///< by the unit's first attempt ever that was judged
  int first_before = 0;               ///< of these units: their first attempt lies before the window
  ShareOfUnits final_yield;           ///< by the last attempt that was judged
  int conditional = 0;                ///< units whose last attempt passed with conditions
  int set_by_hand = 0;                ///< attempts with recipe parameters set by hand
  int fails = 0;                      ///< attempts that failed
  int retested = 0;                   ///< of them: followed by another judged attempt
  int retest_ok = 0;                  ///< passed then, with every known part the same: the station is suspect
  int retest_changed = 0;             ///< passed then, with another part
  int retest_unknown = 0;             ///< passed then, and parts are not on record
  ShareOfUnits
      judged;  ///< attempts that came to a judgement, of all that neither a person nor another unit ended
  int stopped = 0;    ///< attempts that a person stopped
  int cut_short = 0;  ///< attempts that another unit of the run ended
  int first_fails = 0;
  std::optional<double> fail_bound;  ///< share of units that may fail at first, at most: 90 %
};

/// Over all recipes that units of one kind go through.
struct RolledYield {
  Role role = Role::server;
  std::vector<std::string> recipes;
  std::optional<double> rolled;  ///< product of the first-pass yields: as if recipes failed independently
  ShareOfUnits direct;           ///< units that went through all of them, and failed at none at first
  std::string why_not;
};

struct ParetoRow {
  std::string what;  ///< a reason code; a part
  int units = 0;     ///< whose worst reason it is
  int seen = 0;      ///< units that show it at all
  double share = 0, cumulative = 0;
};

struct StationComparison {
  std::string recipe;
  Role role = Role::server;
  struct Row {
    std::string station;
    ShareOfUnits first_pass;
  };
  std::vector<Row> rows;
  std::string sentence;
};

struct CheckPoint {
  std::string unit, run, station, part;
  std::int64_t begun_utc_ns = 0;
  double value = 0;
};

/// One measurement of units of one kind.
struct CheckReport {
  std::string name, part, unit, limit_text;
  Role role = Role::server;
  std::string which;  ///< "the largest of each unit's parts"
  std::vector<CheckPoint> points;
  int left_out = 0;  ///< units whose value is no number
  ControlChart chart;
  Capability capability;
};

struct ExcludedRun {
  std::string run, why;
};

struct QualityReport {
  QualityQuery query;
  std::size_t runs = 0, attempts = 0, units = 0;  ///< counted
  std::size_t without_serial = 0;                 ///< units known by rack and DUT only
  std::size_t other_kind =
      0;  ///< attempts on simulated racks (or, with `simulated`, on hardware): not counted
  std::vector<YieldRow> yields;
  std::vector<RolledYield> rolled;
  int failed_units = 0;
  std::vector<ParetoRow> by_code, by_part;
  std::vector<StationComparison> stations;
  TimeToFailure time_to_failure;
  int failed_without_load = 0;  ///< units: they left the watch at the hours they had
  std::vector<CheckReport> checks;
  std::string check_why_not;            ///< asked for, and no unit has it
  int needed_for_999 = 0;               ///< units without a fail before 99.9 % may be claimed
  std::vector<ExcludedRun> excluded;    ///< set by who reads the record
  std::vector<std::string> unreadable;  ///< databases, with why; set by who reads the record
};

QualityReport make_quality_report(std::vector<UnitAttempt> attempts, const QualityQuery& query);

/// The chart and capability part, for each kind of unit that has the check. `attempts`: judged, in order.
std::vector<CheckReport> check_reports(const std::vector<const UnitAttempt*>& attempts,
                                       const QualityQuery& query);

}  // namespace kiln
