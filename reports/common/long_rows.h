#pragma once
// A run as a table of one row per judged value, for spreadsheets and data frames (csv, ndjson). What was not
// measured has a row too, and so has every verdict: a table in which only passes stand must come from a run
// that is GO. Built once per report.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/run_document.h"

namespace kiln {

struct LongRow {
  enum class Kind { verdict, measurement, not_run };
  Kind kind = Kind::measurement;
  std::string dut;  ///< empty: the run as a whole
  std::string role, serial;
  std::optional<int> slot;
  std::string decision;  ///< of the DUT; "SURVEY" where nothing is decided
  std::string step, measurement, part_kind, part, part_serial;
  int iteration = 0, attempt = 0;  ///< 0: the row is of no attempt
  Value value;
  std::string unit, limit;
  std::optional<double> limit_low, limit_high;
  std::string outcome;  ///< of a value, "not_run", or the decision on a row of a verdict
  /// As judged: distance to the nearest limit in percent of that limit's magnitude.
  std::optional<double> margin_of_limit;
  /// 100 · min(value − low, high − value) / ((high − low) / 2): 100 in the middle, 0 at a limit, negative
  /// outside. Only where the limit has both ends: a record holds no nominal value to measure from.
  std::optional<double> margin_of_tolerance;
  bool required = false;
  std::string code, reason;
  std::int64_t utc_ns = 0;
};
std::string_view to_string(LongRow::Kind kind);  ///< "verdict", "measurement", "not_run"

/// The run's verdict, those of its DUTs, all judged values in order of recording, then what was not run.
std::vector<LongRow> make_long_rows(const ReportInput& input, const RunDocument& document);

}  // namespace kiln
