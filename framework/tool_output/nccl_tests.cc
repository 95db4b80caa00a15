#include "tool_output/nccl_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kNcclTestsTool = "nccl-tests";
constexpr std::size_t kMaximumNcclFailures = 32;

std::optional<std::uint64_t> to_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Columns {
  bool known = false;
  bool error = false;       // "error" in place of "#wrong"
  bool iterations = false;  // trailing "#iters"
};

class NcclTestsReader {
 public:
  explicit NcclTestsReader(NcclTests& run) : run_(run) {}

  void take(std::string_view raw) {
    const std::string_view line = trim(without_launcher_prefix(raw));
    if (line.empty()) return;
    if (line.starts_with('#')) {
      take_comment(trim(line.substr(1)));
      return;
    }
    if (columns_.known && take_row(line)) return;
    if (contains_ignoring_case(line, "failure") || contains_ignoring_case(line, "aborted") ||
        contains_ignoring_case(line, "segmentation fault") ||
        line.find("unhandled") != std::string_view::npos ||
        line.find("non-zero status") != std::string_view::npos) {
      if (run_.failures.size() < kMaximumNcclFailures) run_.failures.emplace_back(line.substr(0, 240));
    }
  }

  [[nodiscard]] bool recognised() const { return columns_.known || banner_; }
  /// 2.17 and newer frame their output with two lines.
  [[nodiscard]] bool frame_open() const { return started_ && !concluded_; }

 private:
  void take_comment(std::string_view text) {
    const std::vector<std::string_view> fields = split_fields(text);
    if (fields.size() >= 6 && fields[0] == "size" && fields[1] == "count" && fields[2] == "type") {
      columns_ = Columns();
      columns_.known = std::find(fields.begin(), fields.end(), "busbw") != fields.end();
      columns_.error = std::find(fields.begin(), fields.end(), "error") != fields.end();
      columns_.iterations = fields.back() == "#iters";
      return;
    }
    if (text.starts_with("nThread ") && text.find("nGpus") != std::string_view::npos) banner_ = true;
    if (text.starts_with("Collective test starting:")) {
      run_.test = std::string(trim(text.substr(25)).substr(0, 80));
      banner_ = true;
      started_ = true;
    }
    if (text.starts_with("Collective test concluded")) concluded_ = true;
    if (fields.size() > 3 && fields[0] == "Rank" && text.find(" device ") != std::string_view::npos) {
      run_.devices.emplace_back(text.substr(0, 200));
    }
    if (text.starts_with("Out of bounds values")) take_out_of_bounds(text);
    if (text.starts_with("Avg bus bandwidth")) take_average(text);
  }

  /// "Out of bounds values : 0 OK"
  void take_out_of_bounds(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return;
    const std::vector<std::string_view> fields = split_fields(text.substr(colon + 1));
    if (!fields.empty()) run_.out_of_bounds = to_integer(fields[0]);
    if (fields.size() > 1 && fields[1] == "OK") run_.out_of_bounds_ok = true;
    if (fields.size() > 1 && fields[1] == "FAILED") run_.out_of_bounds_ok = false;
    if (!run_.out_of_bounds || !run_.out_of_bounds_ok) run_.doubt("Out of bounds values", text);
  }

  /// "Avg bus bandwidth    : 0.565546 [OK|FAILED]"
  void take_average(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return;
    const std::vector<std::string_view> fields = split_fields(text.substr(colon + 1));
    if (!fields.empty()) run_.average_bus_gb_s = to_double(fields[0]);
    if (fields.size() > 1 && fields[1] == "OK") run_.bandwidth_ok = true;
    if (fields.size() > 1 && fields[1] == "FAILED") run_.bandwidth_ok = false;
    if (!run_.average_bus_gb_s) run_.doubt("Avg bus bandwidth", text);
  }

  NcclTiming read_timing(const std::vector<std::string_view>& fields, std::size_t at,
                         bool& understood) const {
    const auto number = [&](std::string_view text) -> std::optional<double> {
      if (absence_of(text) == Absence::not_available) return std::nullopt;
      const auto value = to_double(text);
      if (!value) understood = false;
      return value;
    };
    NcclTiming timing;
    timing.time_us = number(fields[at]);
    timing.algorithm_gb_s = number(fields[at + 1]);
    timing.bus_gb_s = number(fields[at + 2]);
    const std::string_view last = fields[at + 3];
    if (absence_of(last) == Absence::not_available) return timing;
    if (columns_.error) {
      timing.error = number(last);
    } else {
      timing.wrong = to_integer(last);
      if (!timing.wrong) understood = false;
    }
    return timing;
  }

  /// size count type [operation] [root] then time, algbw, busbw, #wrong twice, then #iters of newer versions.
  /// Read from the right: all-to-all and gather print no operation or root.
  bool take_row(std::string_view line) {
    const std::vector<std::string_view> fields = split_fields(line);
    const std::size_t tail = columns_.iterations ? 9 : 8;
    if (fields.size() < 3) return false;
    const auto size = to_unsigned(fields[0]);
    const auto count = to_unsigned(fields[1]);
    const bool typed = std::isalpha(static_cast<unsigned char>(fields[2].front())) != 0;
    if (!size || !count || !typed) return false;
    if (fields.size() < 3 + tail || fields.size() > 5 + tail) {
      run_.doubt("row", line);
      run_.mark_incomplete("a row has too few or too many columns");
      return true;
    }
    NcclRow row;
    row.size_bytes = *size;
    row.count = *count;
    row.type = std::string(fields[2]);
    const std::size_t middle = fields.size() - tail;
    for (std::size_t i = 3; i < middle; ++i) {
      if (const auto root = to_integer(fields[i]); root && *root >= -1 && *root < 1'000'000) {
        row.root = static_cast<int>(*root);
      } else {
        row.operation = std::string(fields[i]);
      }
    }
    bool understood = true;
    row.out_of_place = read_timing(fields, middle, understood);
    row.in_place = read_timing(fields, middle + 4, understood);
    if (!understood) {
      run_.doubt("row", line);
      run_.mark_incomplete("a row holds something other than numbers");
      return true;
    }
    run_.rows.push_back(std::move(row));
    return true;
  }

  NcclTests& run_;
  Columns columns_;
  bool banner_ = false;
  bool started_ = false;
  bool concluded_ = false;
};

bool checked(const NcclTiming& timing) { return timing.wrong.has_value() || timing.error.has_value(); }

Result<NcclTests> read_nccl_tests(std::string_view text) {
  NcclTests run;
  NcclTestsReader reader(run);
  for (const std::string_view line : split_lines(text)) reader.take(line);
  if (!reader.recognised()) {
    return not_recognised(kNcclTestsTool,
                          "neither '# nThread' nor the column line '# size count type' is in it");
  }
  if (!run.out_of_bounds_ok) run.mark_incomplete("the line '# Out of bounds values' is missing");
  if (!run.average_bus_gb_s) run.mark_incomplete("the line '# Avg bus bandwidth' is missing");
  if (reader.frame_open()) run.mark_incomplete("the line '# Collective test concluded' is missing");
  // A number at the very end may be the beginning of a longer one.
  const std::string_view last = split_lines(text).back();
  if (text.back() != '\n' && last.find("Avg bus bandwidth") != std::string_view::npos) {
    run.mark_incomplete("the last line has no end");
  }
  return run;
}

}  // namespace

bool NcclTests::validated() const {
  bool any = false;
  for (const NcclRow& row : rows) {
    if (row.size_bytes == 0) continue;
    // An operation without in-place form prints N/A there in every column.
    const bool in_place_ran = row.in_place.time_us.has_value();
    if (!checked(row.out_of_place) || (in_place_ran && !checked(row.in_place))) return false;
    any = true;
  }
  return any;
}

std::optional<double> NcclTests::best_bus_gb_s(std::uint64_t at_least_bytes) const {
  std::optional<double> best;
  for (const NcclRow& row : rows) {
    if (row.size_bytes < at_least_bytes || !row.out_of_place.bus_gb_s) continue;
    best = std::max(best.value_or(0), *row.out_of_place.bus_gb_s);
  }
  return best;
}

ToolVerdict NcclTests::verdict() const {
  const bool wrong = std::any_of(rows.begin(), rows.end(), [](const NcclRow& row) {
    return row.out_of_place.wrong.value_or(0) != 0 || row.in_place.wrong.value_or(0) != 0;
  });
  if (wrong || out_of_bounds.value_or(0) != 0 || out_of_bounds_ok == false || bandwidth_ok == false ||
      !failures.empty()) {
    return ToolVerdict::fail;
  }
  if (incomplete) return ToolVerdict::unknown;
  return validated() ? ToolVerdict::pass : ToolVerdict::not_run;
}

Result<NcclTests> parse_nccl_tests(std::string_view text) {
  if (Status size = check_size(kNcclTestsTool, text); !size) return size.error();
  try {
    return read_nccl_tests(text);
  } catch (const std::exception& problem) {
    return malformed(kNcclTestsTool, problem.what());
  }
}

}  // namespace kiln::tool_output
