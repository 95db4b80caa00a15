#include "tool_output/perftest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::size_t kMaximumPerftestErrors = 32;
constexpr std::size_t kRowFields = 5;  // bytes, iterations, peak, average, message rate
constexpr std::array<std::string_view, 7> kErrorWords{
    "Couldn't ", "Failed ", "Unable to ", "ERROR", "Conflicting", "Did not detect", "Completion with error"};

bool is_perftest_error(std::string_view line) {
  return std::any_of(kErrorWords.begin(), kErrorWords.end(),
                     [line](std::string_view word) { return line.find(word) != std::string_view::npos; });
}

std::optional<PerftestRow> row_of(std::string_view line) {
  const std::vector<std::string_view> fields = split_fields(line);
  if (fields.size() < kRowFields) return std::nullopt;
  const auto bytes = to_integer(fields[0]);
  const auto iterations = to_integer(fields[1]);
  const auto average = to_double(fields[3]);
  const auto rate = to_double(fields[4]);
  const bool numbers = bytes && iterations && average && rate;
  if (!numbers || *bytes <= 0 || *iterations < 0 || *average < 0) return std::nullopt;
  PerftestRow row;
  row.bytes = static_cast<std::uint64_t>(*bytes);
  row.iterations = static_cast<std::uint64_t>(*iterations);
  row.average_gbit_s = *average;
  return row;
}

}  // namespace

std::optional<double> Perftest::best_gbit_s() const {
  std::optional<double> best;
  if (incomplete || !errors.empty()) return best;
  for (const PerftestRow& row : rows) {
    if (row.iterations > 0 && row.average_gbit_s > best.value_or(0)) best = row.average_gbit_s;
  }
  return best;
}

Result<Perftest> parse_perftest(std::string_view text) {
  constexpr std::string_view kTool = "ib_write_bw";
  const Status sized = check_size(kTool, text);
  if (!sized) return sized.error();
  Perftest run;
  bool in_table = false, known = false, closed = false;
  for (const std::string_view raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.empty()) continue;
    if (line.starts_with("#bytes")) {
      known = true;
      if (line.find("BW average[Gb/sec]") == std::string_view::npos)
        return Error("tool_output.unit",
                     fmt::format("perftest does not print Gb/sec: '{}'", line.substr(0, 120)),
                     "run it with --report_gbits", Blame::recipe);
      in_table = true;
    } else if (is_perftest_error(line)) {
      known = true;
      if (run.errors.size() < kMaximumPerftestErrors) run.errors.emplace_back(line.substr(0, 240));
    } else if (line.starts_with("---")) {
      closed = closed || in_table;
      in_table = false;
    } else if (in_table) {
      if (auto row = row_of(line)) {
        run.rows.push_back(*row);
      } else {
        run.doubt("row", line);
      }
    } else if (const std::size_t at = line.find("Device ");
               at != std::string_view::npos && run.device.empty()) {
      const std::size_t colon = line.find(':', at);
      if (colon == std::string_view::npos) continue;
      const std::vector<std::string_view> words = split_fields(line.substr(colon + 1));
      if (!words.empty()) run.device = std::string(words.front().substr(0, 40));
    }
  }
  if (!known) return not_recognised(kTool, "it has neither a table nor an error of perftest");
  if (!closed && run.errors.empty()) run.mark_incomplete("the table has no end");
  return run;
}

}  // namespace kiln::tool_output
