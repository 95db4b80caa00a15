#include "common/long_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "model/limit_bounds.h"

namespace kiln {
namespace {

using LongCellKey = std::tuple<std::string, std::string, std::string, std::string>;  // DUT, step, name, part

std::string reasons_text(const std::vector<Reason>& reasons) {
  std::string text;
  for (const Reason& reason : reasons) {
    text += fmt::format("{}{}{}{}: {}", text.empty() ? "" : "; ", reason.code, reason.fru.empty() ? "" : " ",
                        reason.fru, reason.message);
  }
  return text;
}

std::optional<double> margin_of_tolerance(const LimitBounds& bounds, const Value& value) {
  const auto number = as_number(value);
  if (!number || !std::isfinite(*number) || !bounds.min || !bounds.max || !(*bounds.max > *bounds.min))
    return std::nullopt;
  const double margin =
      100 * std::min(*number - *bounds.min, *bounds.max - *number) / ((*bounds.max - *bounds.min) / 2);
  return std::isfinite(margin) ? std::optional(margin) : std::nullopt;
}

class LongTable {
 public:
  LongTable(const ReportInput& input, const RunDocument& document) : input_(input), document_(document) {
    for (const auto& [dut, seen] : document.parts) {
      if (!seen.serial.empty()) serials_[{dut, seen.part}] = seen.serial;
    }
    for (const CellPlanned& cell : document.cells)
      required_.insert({cell.cell.dut, cell.cell.step, cell.cell.measurement, cell.cell.part});
  }

  std::vector<LongRow> rows() {
    add_verdicts();
    for (const DocumentMeasurement& entry : document_.measurements) add_measurement(entry);
    for (const DutVerdict& dut : input_.verdict.duts) {
      for (const CellVerdict& cell : dut.cells) {
        if (cell.state == CellState::not_run) add_not_run(dut, cell);
      }
    }
    return std::move(rows_);
  }

 private:
  /// A row of that DUT; the rack's own events may name nobody.
  [[nodiscard]] LongRow row_of(LongRow::Kind kind, const std::string& named) const {
    LongRow row;
    row.kind = kind;
    row.dut = named.empty() ? document_.about.rack : named;
    if (const DutVerdict* dut = input_.verdict.find(row.dut); dut != nullptr) {
      row.role = to_string(dut->role);
      row.slot = dut->slot;
      row.decision = input_.verdict.decision ? std::string(to_string(dut->decision)) : "SURVEY";
    }
    const auto planned = document_.duts.find(row.dut);
    if (planned != document_.duts.end()) row.serial = planned->second.serial;
    if (row.serial.empty()) row.serial = serial_of(row.dut, "");
    return row;
  }
  [[nodiscard]] std::string serial_of(const std::string& dut, const std::string& part) const {
    const auto found = serials_.find({dut, part});
    return found == serials_.end() ? "" : found->second;
  }
  static void set_limit(LongRow& row, const std::string& text) {
    row.limit = text;
    const LimitBounds bounds = bounds_of(text);
    row.limit_low = bounds.min;
    row.limit_high = bounds.max;
    row.margin_of_tolerance = margin_of_tolerance(bounds, row.value);
  }

  void add_verdicts() {
    LongRow run;
    run.kind = LongRow::Kind::verdict;
    run.outcome = run.decision = decision_word(input_);
    run.reason = first_warning(input_);
    run.utc_ns = document_.ended_utc_ns;
    rows_.push_back(std::move(run));
    for (const DutVerdict& dut : input_.verdict.duts) {
      LongRow row = row_of(LongRow::Kind::verdict, dut.id);
      row.outcome = row.decision;
      row.code = dut.reasons.empty() ? "" : dut.reasons.front().code;
      row.reason = reasons_text(dut.reasons);
      row.utc_ns = document_.ended_utc_ns;
      rows_.push_back(std::move(row));
    }
  }
  void add_measurement(const DocumentMeasurement& entry) {
    const Measured& measured = entry.measured;
    if (measured.outcome == Outcome::informational) return;
    LongRow row = row_of(LongRow::Kind::measurement, entry.dut);
    row.step = entry.step;
    row.iteration = entry.iteration;
    row.attempt = entry.attempt;
    row.measurement = measured.name;
    row.part_kind = to_string(measured.kind);
    row.part = measured.part;
    row.part_serial = measured.part.empty() ? "" : serial_of(row.dut, measured.part);
    row.value = measured.value;
    row.unit = measured.unit;
    set_limit(row, measured.limit_text);
    row.outcome = to_string(measured.outcome);
    if (measured.margin_percent && std::isfinite(*measured.margin_percent))
      row.margin_of_limit = measured.margin_percent;
    row.required = required_.count({entry.dut, entry.step, measured.name, measured.part}) != 0;
    row.code = measured.fault_code;
    row.reason = measured.reason;
    row.utc_ns = entry.at.utc_ns;
    rows_.push_back(std::move(row));
  }
  void add_not_run(const DutVerdict& dut, const CellVerdict& cell) {
    LongRow row = row_of(LongRow::Kind::not_run, dut.id);
    row.step = cell.cell.step;
    row.measurement = cell.cell.measurement;
    row.part_kind = to_string(cell.cell.kind);
    row.part = cell.cell.part;
    row.part_serial = cell.cell.part.empty() ? "" : serial_of(row.dut, cell.cell.part);
    row.unit = cell.unit;
    set_limit(row, cell.limit_text);
    row.outcome = "not_run";
    row.required = true;
    row.code = cell.code;
    row.reason = cell.message;
    row.utc_ns = document_.ended_utc_ns;
    rows_.push_back(std::move(row));
  }

  const ReportInput& input_;
  const RunDocument& document_;
  std::map<std::pair<std::string, std::string>, std::string> serials_;  // DUT, part
  std::set<LongCellKey> required_;
  std::vector<LongRow> rows_;
};

}  // namespace

std::string_view to_string(LongRow::Kind kind) {
  switch (kind) {
    case LongRow::Kind::verdict:
      return "verdict";
    case LongRow::Kind::measurement:
      return "measurement";
    case LongRow::Kind::not_run:
      return "not_run";
  }
  return "not_run";
}

std::vector<LongRow> make_long_rows(const ReportInput& input, const RunDocument& document) {
  return LongTable(input, document).rows();
}

}  // namespace kiln
