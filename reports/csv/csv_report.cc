// The report for spreadsheets: one row per judged value (common/long_rows.h), RFC 4180 with a header and
// CRLF, UTF-8 without a mark. A spreadsheet takes a cell that begins with = + - @ for a formula and runs it.
// Text of a record that begins so, also after white space and in the full-width forms, gets a ' in front, and
// so does text that begins with ': taking one leading ' away gives the text back. Numbers are written by this
// program and get none, so that "-5" stays a number.

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/characters.h"
#include "common/long_rows.h"

namespace kiln {
namespace {

constexpr std::array<std::string_view, 31> kCsvColumns{"row",
                                                       "run",
                                                       "rack",
                                                       "run_decision",
                                                       "simulated",
                                                       "dut",
                                                       "dut_decision",
                                                       "role",
                                                       "slot",
                                                       "serial",
                                                       "step",
                                                       "iteration",
                                                       "attempt",
                                                       "measurement",
                                                       "part_kind",
                                                       "part",
                                                       "part_serial",
                                                       "value",
                                                       "value_type",
                                                       "unit",
                                                       "limit_low",
                                                       "limit_high",
                                                       "limit",
                                                       "outcome",
                                                       "margin_of_limit_percent",
                                                       "margin_of_tolerance_percent",
                                                       "required",
                                                       "code",
                                                       "reason",
                                                       "time",
                                                       "sign_off"};

/// Whether a spreadsheet could take it for a formula, or our own mark for part of it.
bool needs_apostrophe(std::string_view text) {
  if (text.empty()) return false;
  const std::string_view spaces = " \t\r\n\v\f";
  if (text.front() == '\'' || text.front() == '\t' || text.front() == '\r' || text.front() == '\n')
    return true;
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return false;
  text.remove_prefix(first);
  if (std::string_view("=+-@").find(text.front()) != std::string_view::npos) return true;
  for (const std::string_view wide : {"＝", "＋", "－", "＠"}) {
    if (text.starts_with(wide)) return true;
  }
  return false;
}

class CsvText {
 public:
  void text(std::string_view cell) {
    const std::string guarded = (needs_apostrophe(cell) ? "'" : "") + visible_text(cell);
    std::string quoted;
    for (const char one : guarded) quoted += one == '"' ? std::string("\"\"") : std::string(1, one);
    raw(guarded.find_first_of("\",\r\n;\t ") == std::string::npos ? guarded : '"' + quoted + '"');
  }
  void number(double value) { raw(fmt::format("{}", value)); }
  void number(const std::optional<double>& value) { raw(value ? fmt::format("{}", *value) : ""); }
  void whole(const std::optional<int>& value) { raw(value ? fmt::format("{}", *value) : ""); }
  void truth(bool value) { raw(value ? "true" : "false"); }
  void raw(std::string_view cell) {
    if (begun_) text_ += ',';
    begun_ = true;
    text_ += cell;
  }
  void value(const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) {
      raw("");
      raw("none");
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      truth(*flag);
      raw("truth");
    } else if (const auto* word = std::get_if<std::string>(&value)) {
      text(*word);
      raw("text");
    } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      raw(fmt::format("{}", *whole));
      raw("number");
    } else {
      const double number = std::get<double>(value);
      raw(std::isfinite(number) ? fmt::format("{}", number) : std::string("NaN"));
      raw(std::isfinite(number) ? "number" : "not_a_number");
    }
  }
  void end_row() {
    text_ += "\r\n";
    begun_ = false;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  bool begun_ = false;
};

class CsvReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "csv"; }
  std::string_view extension() const override { return "csv"; }
  bool is_written_unasked() const override { return false; }

  Result<std::string> render(const ReportInput& input) const override {
    const RunDocument document = make_document(input);
    CsvText table;
    for (const std::string_view column : kCsvColumns) table.raw(column);
    table.end_row();
    for (const LongRow& row : make_long_rows(input, document)) add(table, row, input, document);
    return table.take();
  }

 private:
  static void add(CsvText& table, const LongRow& row, const ReportInput& input, const RunDocument& document) {
    table.raw(to_string(row.kind));
    table.text(input.run.id);
    table.text(document.about.rack);
    table.raw(decision_word(input));
    table.truth(input.verdict.simulated);
    table.text(row.dut);
    table.raw(row.decision);
    table.raw(row.role);
    table.whole(row.slot);
    table.text(row.serial);
    table.text(row.step);
    table.whole(row.iteration > 0 ? std::optional(row.iteration) : std::nullopt);
    table.whole(row.attempt > 0 ? std::optional(row.attempt) : std::nullopt);
    table.text(row.measurement);
    table.raw(row.part_kind);
    table.text(row.part);
    table.text(row.part_serial);
    table.value(row.value);
    table.text(row.unit);
    table.number(row.limit_low);
    table.number(row.limit_high);
    table.text(row.limit);
    table.raw(row.outcome);
    table.number(row.margin_of_limit);
    table.number(row.margin_of_tolerance);
    table.truth(row.required);
    table.text(row.code);
    table.text(row.reason);
    table.raw(format_utc(row.utc_ns));
    table.text(input.verdict.sign_off);
    table.end_row();
  }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_csv() { return std::make_unique<CsvReport>(); }

}  // namespace kiln
