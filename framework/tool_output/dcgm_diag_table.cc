// The table of `dcgmi diag -r N` without -j. Rows are "| name | result |"; lines of dashes name the category.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "tool_output/dcgm_diag.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kDcgmDiagTableTool = "dcgmi diag (table)";

struct Row {
  std::string_view name, value;
};

std::optional<Row> read_row(std::string_view line) {
  const std::size_t middle = line.find('|', 1);
  if (!line.starts_with('|') || middle == std::string_view::npos) return std::nullopt;
  Row row;
  row.name = trim(line.substr(1, middle - 1));
  std::string_view rest = line.substr(middle + 1);
  if (const std::size_t end = rest.rfind('|'); end != std::string_view::npos) rest = rest.substr(0, end);
  row.value = trim(rest);
  return row;
}

/// "|-----  Deployment  --------+-----|" or with '+' in front.
std::string_view category_of(std::string_view line) {
  if (line.size() < 8 || line.find("--") == std::string_view::npos) return {};
  const std::size_t start = line.find_first_not_of("|+-= ");
  if (start == std::string_view::npos) return {};
  const std::size_t end = line.find("  ", start);
  const std::string_view name = trim(line.substr(start, end == std::string_view::npos ? end : end - start));
  const std::size_t dashes = name.find("--");
  return trim(name.substr(0, dashes));
}

/// First word of the result cell. A cut "Pas" is no pass: it may be the end of a cut line, so only bad news
/// is completed.
ToolVerdict verdict_of_cell(std::string_view cell) {
  const std::string_view word = cell.substr(0, cell.find_first_of(" -:,"));
  if (equals_ignoring_case(word, "Pass")) return ToolVerdict::pass;
  const auto begins = [&](std::string_view whole, std::size_t least) {
    return word.size() >= least && word.size() <= whole.size() &&
           equals_ignoring_case(whole.substr(0, word.size()), word);
  };
  if (begins("Fail", 1)) return ToolVerdict::fail;
  if (begins("Warn", 1)) return ToolVerdict::warn;
  if (begins("Skip", 1)) return ToolVerdict::skip;
  return ToolVerdict::unknown;
}

bool is_result(std::string_view cell) { return verdict_of_cell(cell) != ToolVerdict::unknown; }

/// "Fail - GPUs: 0, 1" -> 0 and 1; "Pass - All" and "Pass" -> none.
std::vector<std::int64_t> gpus_of(std::string_view cell) {
  std::vector<std::int64_t> gpus;
  const std::size_t list = cell.find("GPU");
  if (list == std::string_view::npos) return gpus;
  std::string_view rest = cell.substr(list);
  while (!rest.empty()) {
    const std::size_t digit = rest.find_first_of("0123456789");
    if (digit == std::string_view::npos) break;
    std::size_t end = digit;
    while (end < rest.size() && rest[end] >= '0' && rest[end] <= '9') ++end;
    if (const auto id = to_integer(rest.substr(digit, end - digit)); id && *id < 4096) gpus.push_back(*id);
    rest = rest.substr(end);
  }
  return gpus;
}

void add_results(DcgmTest& test, std::string_view cell, ToolVerdict verdict,
                 const std::vector<std::int64_t>& gpus) {
  DcgmResult result;
  result.entity_group = "GPU";
  result.status = std::string(cell.substr(0, 80));
  result.verdict = verdict;
  if (gpus.empty()) test.results.push_back(result);
  for (const std::int64_t gpu : gpus) {
    result.entity_id = gpu;
    test.results.push_back(result);
  }
}

bool is_annotation(std::string_view name) {
  return name.starts_with("Warning") || name.starts_with("Info") || name.starts_with("Error") ||
         name.starts_with("More Info");
}

void take_annotation(DcgmTest& test, std::string_view name, std::string_view value) {
  if (test.results.empty()) return;
  DcgmResult& result = test.results.back();
  if (name.starts_with("Info") || name.starts_with("More Info")) {
    result.info.emplace_back(value);
    return;
  }
  result.warnings.push_back({std::string(value), {}, {}, {}});
  if (result.verdict == ToolVerdict::pass) result.verdict = ToolVerdict::warn;
}

/// "GPU0: Pass" of 4.x: result of one entity.
bool take_entity_row(DcgmTest& test, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos || !value.starts_with("GPU")) return false;
  const auto id = to_integer(trim(value.substr(3, colon - 3)));
  const std::string_view status = trim(value.substr(colon + 1));
  if (!id || *id < 0 || !is_result(status)) return false;
  add_results(test, status, verdict_of_cell(status), {*id});
  return true;
}

Result<DcgmDiag> read_diag_table(std::string_view text) {
  DcgmDiag diag;
  bool in_table = false;
  bool closed = false;
  bool metadata = false;
  std::string category;
  std::string_view annotation;
  for (const std::string_view raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.empty()) continue;
    if (!in_table) {
      const auto row = read_row(line);
      in_table = row && row->name == "Diagnostic" && row->value.starts_with("Result");
      continue;
    }
    const std::string_view heading = category_of(line);
    const bool rule = line.find_first_not_of("+-=|") == std::string_view::npos;
    if (rule) {
      closed = line.starts_with('+') && line.ends_with('+') && line.find('=') == std::string_view::npos;
      continue;
    }
    const bool is_heading = !heading.empty() && (line.starts_with("|--") || line.starts_with("+--"));
    if (is_heading) {
      category = std::string(heading);
      metadata = equals_ignoring_case(category, "Metadata");
      closed = false;
      continue;
    }
    const auto row = read_row(line);
    if (!row) {
      if (!closed) diag.doubt("row", line);
      continue;
    }
    closed = false;
    if (row->name == "DCGM Version") diag.version = std::string(row->value);
    if (row->name == "Driver Version Detected") diag.driver_version = std::string(row->value);
    if (metadata || row->name == "DCGM Version" || row->name == "Driver Version Detected") continue;
    if (row->name.empty()) {
      if (diag.tests.empty()) continue;
      DcgmTest& test = diag.tests.back();
      if (take_entity_row(test, row->value)) {
        annotation = {};
      } else if (annotation.empty() && is_result(row->value)) {
        add_results(test, row->value, verdict_of_cell(row->value), gpus_of(row->value));
      } else if (!annotation.empty()) {
        take_annotation(test, "Info", row->value);  // a wrapped text goes on
      } else {
        diag.doubt(test.name, row->value);
      }
      continue;
    }
    if (is_annotation(row->name)) {
      annotation = row->name;
      if (!diag.tests.empty()) take_annotation(diag.tests.back(), row->name, row->value);
      continue;
    }
    annotation = {};
    DcgmTest test;
    test.category = category;
    test.name = std::string(row->name);
    const ToolVerdict verdict = verdict_of_cell(row->value);
    if (verdict == ToolVerdict::unknown) diag.doubt(test.name, row->value);
    add_results(test, row->value, verdict, gpus_of(row->value));
    diag.tests.push_back(std::move(test));
  }
  if (!in_table) return not_recognised(kDcgmDiagTableTool, "there is no row '| Diagnostic | Result |'");
  if (diag.tests.empty()) return truncated(kDcgmDiagTableTool, "the table ends before its first result");
  for (DcgmTest& test : diag.tests) {
    test.verdict = test.results.empty() ? ToolVerdict::not_run : ToolVerdict::pass;
    for (const DcgmResult& result : test.results) test.verdict = worse(test.verdict, result.verdict);
  }
  if (!closed) diag.mark_incomplete("the table's closing line is missing");
  return diag;
}

}  // namespace

Result<DcgmDiag> parse_dcgm_diag_table(std::string_view text) {
  if (Status size = check_size(kDcgmDiagTableTool, text); !size) return size.error();
  try {
    return read_diag_table(text);
  } catch (const std::exception& problem) {
    return malformed(kDcgmDiagTableTool, problem.what());
  }
}

}  // namespace kiln::tool_output
