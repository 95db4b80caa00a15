#include "common/long_rows.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>
#include <sstream>
#include <vector>

#include "common/record_for_test.h"

namespace kiln {
namespace {

/// RFC 4180, strictly: a quote inside an unquoted cell, or anything after a closing one, is an error.
std::vector<std::vector<std::string>> csv_cells(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool quoted = false, closed = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char one = text[at];
    std::string& cell = rows.back().back();
    if (quoted && one == '"' && at + 1 < text.size() && text[at + 1] == '"') {
      cell += text[++at];
    } else if (quoted && one == '"') {
      quoted = false;
      closed = true;
    } else if (quoted) {
      cell += one;
    } else if (one == '"') {
      EXPECT_TRUE(cell.empty() && !closed) << "a quote inside " << cell;
      quoted = true;
    } else if (one == ',') {
      rows.back().emplace_back();
      closed = false;
    } else if (one == '\r') {
      EXPECT_EQ(text.at(at + 1), '\n');
      rows.emplace_back(1);
      ++at;
      closed = false;
    } else {
      EXPECT_FALSE(closed) << "text after a quoted cell";
      cell += one;
    }
  }
  EXPECT_FALSE(quoted);
  EXPECT_TRUE(rows.back().size() == 1 && rows.back()[0].empty()) << "the last line ends with CRLF";
  rows.pop_back();
  return rows;
}

std::string csv_cell(const std::vector<std::vector<std::string>>& rows, std::size_t row,
                     const std::string& column) {
  const auto& header = rows.at(0);
  for (std::size_t at = 0; at < header.size(); ++at) {
    if (header[at] == column) return rows.at(row).at(at);
  }
  ADD_FAILURE() << "no column " << column;
  return {};
}

std::vector<boost::json::object> ndjson_lines(const std::string& text) {
  std::vector<boost::json::object> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(boost::json::parse(line).as_object());
  return lines;
}

TEST(LongRows, EveryAttemptHasARowAndTheFailThatDecidedIsAmongThem) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "too hot");
  record.measured(Outcome::pass, 60.0, "", 2);
  record.end();
  const ReportInput& input = record.done();
  const auto rows = csv_cells(render_report("csv", input));
  ASSERT_EQ(rows.size(), 5U) << "header, run, C01, two values";
  EXPECT_EQ(csv_cell(rows, 1, "row") + csv_cell(rows, 1, "outcome"), "verdictNO-GO");
  EXPECT_EQ(csv_cell(rows, 3, "outcome") + csv_cell(rows, 3, "attempt"), "fail1");
  EXPECT_EQ(csv_cell(rows, 4, "outcome") + csv_cell(rows, 4, "attempt"), "pass2");
  EXPECT_EQ(csv_cell(rows, 3, "value") + csv_cell(rows, 3, "value_type"), "91.5number");
  EXPECT_EQ(csv_cell(rows, 3, "limit_low") + csv_cell(rows, 3, "limit_high"), "85");
  EXPECT_EQ(csv_cell(rows, 3, "required") + csv_cell(rows, 3, "run_decision"), "trueNO-GO");
  const auto lines = ndjson_lines(render_report("ndjson", input));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[2].at("value").to_number<double>(), 91.5);
  for (const auto& line : lines) EXPECT_EQ(line.at("run_decision"), "NO-GO");
}

TEST(LongRows, WhatWasNotRunHasARowSoThatOnlyAGoLooksGreen) {
  RecordForTest record;
  record.end();
  const auto lines = ndjson_lines(render_report("ndjson", record.done()));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].at("outcome"), "INCOMPLETE");
  EXPECT_EQ(lines[2].at("row"), "not_run");
  EXPECT_EQ(lines[2].at("measurement"), "gpu.temperature.max");
  const ReportInput nothing;
  EXPECT_EQ(ndjson_lines(render_report("ndjson", nothing)).at(0).at("outcome"), "NOTHING RECORDED");
  EXPECT_EQ(csv_cells(render_report("csv", nothing)).size(), 2U);
}

TEST(LongRows, ABrokenRecordIsTheFirstThingTheySay) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  ReportInput& input = record.done();
  RecordBreak broken;
  broken.after_sequence = 5;
  broken.reason = "disk full";
  input.events.broken = broken;
  EXPECT_EQ(ndjson_lines(render_report("ndjson", input)).at(0).at("reason").as_string().find("RECORD BROKEN"),
            0U);
  const auto rows = csv_cells(render_report("csv", input));
  EXPECT_EQ(csv_cell(rows, 1, "reason").find("RECORD BROKEN"), 0U);
  EXPECT_EQ(csv_cell(rows, 1, "run_decision"), "INCOMPLETE");
}

TEST(LongRows, MarginOfToleranceIsPerCentOfHalfTheRange) {
  for (const auto& [value, margin] :
       std::vector<std::pair<double, double>>{{50, 100}, {45, 50}, {60, 0}, {65, -50}}) {
    RecordForTest record;
    record.measured(Outcome::pass, value);
    std::get<Measured>(record.input.events.events.back().body).limit_text = "40 … 60 Cel (marginal above 58)";
    record.end();
    const ReportInput& input = record.done();
    const auto rows = make_long_rows(input, make_document(input));
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_DOUBLE_EQ(rows[2].margin_of_tolerance.value(), margin);
  }
}

TEST(LongRows, NumbersThatAreNoneAreSaidToBeNone) {
  RecordForTest record;
  record.measured(Outcome::fail, std::numeric_limits<double>::quiet_NaN(), "not a number");
  record.measured(Outcome::unset, std::monostate{}, "N/A");
  record.series("C01", "GPU_0", {{0, 50}, {1, std::numeric_limits<double>::quiet_NaN()}});
  record.end();
  const ReportInput& input = record.done();
  const auto lines = ndjson_lines(render_report("ndjson", input));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_TRUE(lines[2].at("value").is_null());
  EXPECT_EQ(lines[2].at("value_type"), "not_a_number");
  EXPECT_EQ(lines[3].at("value_type"), "none");
  EXPECT_EQ(lines[4].at("row"), "samples");
  EXPECT_TRUE(lines[4].at("samples").as_array()[1].as_array()[1].is_null());
  EXPECT_EQ(csv_cell(csv_cells(render_report("csv", input)), 3, "value"), "NaN");
}

TEST(LongRows, ASpreadsheetRunsNothingOfARecord) {
  for (const std::string hostile : {"=HYPERLINK(\"http://x\")", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)",
                                    "\t=1", "\r=1", "  =1", "＝1", "'=1", "a\",=1\r\n=2"}) {
    RecordForTest record;
    record.measured(Outcome::fail, hostile, hostile);
    record.end();
    const auto rows = csv_cells(render_report("csv", record.done()));
    ASSERT_EQ(rows.size(), 4U) << hostile << " broke out of its row";
    for (const auto& row : rows) {
      ASSERT_EQ(row.size(), rows[0].size()) << hostile;
      for (const std::string& cell : row)
        EXPECT_EQ(std::string("=+-@\t\r").find(cell.empty() ? 'x' : cell[0]), std::string::npos) << cell;
    }
  }
  RecordForTest record;
  record.measured(Outcome::pass, -5.5);
  record.end();
  EXPECT_EQ(csv_cell(csv_cells(render_report("csv", record.done())), 3, "value"), "-5.5")
      << "a number stays one";
}

TEST(LongRows, HostileTextStaysInsideItsCell) {
  RecordForTest record;
  constexpr char kBytes[] = "\0\x01\xFF\xC0\x1B[2J\u202E\",\n";
  const std::string hostile = std::string(kBytes, sizeof kBytes - 1) + std::string(1 << 20, 'x');
  record.measured(Outcome::fail, hostile, hostile);
  record.end();
  const ReportInput& input = record.done();
  const std::string csv = render_report("csv", input);
  EXPECT_EQ(csv_cells(csv).size(), 4U);
  for (const char never : {'\0', '\x01', '\x1B', '\xFF'}) EXPECT_EQ(csv.find(never), std::string::npos);
  EXPECT_EQ(ndjson_lines(render_report("ndjson", input)).size(), 3U);
}

}  // namespace
}  // namespace kiln
