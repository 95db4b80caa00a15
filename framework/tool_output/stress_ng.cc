#include "tool_output/stress_ng.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kStressNgTool = "stress-ng";
constexpr std::size_t kMaximumStressNgMessages = 64;

std::optional<int> leading_count(std::string_view text) {
  text = trim(text);
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end == text.data() || value < 0) return std::nullopt;
  return value;
}

struct LogLine {
  std::string_view level;  // "info", "metrc", "fail", ...
  std::string_view message;
};

/// "stress-ng: info:  [2566] message", with --timestamp "stress-ng: 18:47:50.79 info:  [2566] message".
std::optional<LogLine> read_log_line(std::string_view line) {
  constexpr std::string_view kName = "stress-ng: ";
  const std::size_t at = line.find(kName);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = trim(line.substr(at + kName.size()));
  for (int skipped = 0; skipped < 2; ++skipped) {
    const std::size_t end = rest.find_first_of(" \t");
    const std::string_view word = rest.substr(0, end);
    for (const std::string_view level : {"info", "metrc", "fail", "error", "warn", "debug", "pass"}) {
      if (word.size() == level.size() + 1 && word.starts_with(level) && word.back() == ':') {
        LogLine read;
        read.level = level;
        read.message = end == std::string_view::npos ? std::string_view() : trim(rest.substr(end));
        if (read.message.starts_with('[')) {
          const std::size_t close = read.message.find(']');
          if (close != std::string_view::npos) read.message = trim(read.message.substr(close + 1));
        }
        return read;
      }
    }
    if (end == std::string_view::npos) return std::nullopt;
    rest = trim(rest.substr(end));
  }
  return std::nullopt;
}

/// "5.00s", "1 min, 1.14 secs", "1 day, 0 secs", "60.05s (1 min, 0.05 secs)" -> seconds.
std::optional<double> read_run_time(std::string_view text) {
  text = trim(text.substr(0, text.find('(')));
  double total = 0;
  bool any = false;
  while (!text.empty()) {
    std::size_t end = 0;
    while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
    const auto value = to_double(text.substr(0, end));
    if (!value) return std::nullopt;
    text = trim(text.substr(end));
    std::size_t unit_end = 0;
    while (unit_end < text.size() && text[unit_end] >= 'a' && text[unit_end] <= 'z') ++unit_end;
    const std::string_view unit = text.substr(0, unit_end);
    double factor = 0;
    if (unit == "s" || unit == "sec" || unit == "secs" || unit == "second" || unit == "seconds") factor = 1;
    if (unit == "min" || unit == "mins" || unit == "minutes") factor = 60;
    if (unit == "hour" || unit == "hours") factor = 3600;
    if (unit == "day" || unit == "days") factor = 86400;
    if (factor == 0) return std::nullopt;
    total += *value * factor;
    any = true;
    text = trim(text.substr(unit_end));
    if (text.starts_with(',')) text = trim(text.substr(1));
  }
  return any ? std::optional<double>(total) : std::nullopt;
}

/// "4: cpu (2) vm (1) hdd (1)" -> by stressor.
void read_by_stressor(std::string_view text, std::map<std::string, int>& counts) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return;
  const std::vector<std::string_view> fields = split_fields(text.substr(colon + 1));
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i + 1].size() < 3 || fields[i + 1].front() != '(') return;
    if (const auto count = leading_count(fields[i + 1].substr(1))) counts[std::string(fields[i])] = *count;
  }
}

class StressNgReader {
 public:
  explicit StressNgReader(StressNg& run) : run_(run) {}

  void take(std::string_view level, std::string_view m) {
    if (level == "fail" || level == "error") keep(run_.failures, m);
    if (level == "warn") keep(run_.warnings, m);
    if (m.starts_with("dispatching hogs:")) {
      take_dispatch(m.substr(17));
      return;
    }
    const auto summary = [&](std::string_view label, std::optional<int>& count) {
      if (!m.starts_with(label)) return false;
      count = leading_count(m.substr(label.size()));
      if (!count) run_.doubt(std::string(label), m);
      return true;
    };
    if (summary("skipped:", run_.skipped)) return read_by_stressor(m.substr(8), run_.skipped_by_stressor);
    if (summary("passed:", run_.passed)) return read_by_stressor(m.substr(7), run_.passed_by_stressor);
    if (summary("failed:", run_.failed)) return read_by_stressor(m.substr(7), run_.failed_by_stressor);
    if (summary("metrics untrustworthy:", run_.untrustworthy)) return;
    const bool bad_end = m.starts_with("unsuccessful run completed");
    if (bad_end || m.starts_with("successful run completed")) {
      run_.completed = !bad_end && run_.completed.value_or(true);
      if (const std::size_t in = m.find(" in "); in != std::string_view::npos) {
        run_.run_seconds = read_run_time(m.substr(in + 4));
        if (!run_.run_seconds) run_.mark_incomplete("the run time of the last line cannot be read");
      }
      return;
    }
    if (contains_ignoring_case(m, "skipping stressor") ||
        contains_ignoring_case(m, "stressor will be skipped")) {
      if (level != "warn") keep(run_.warnings, m);
      skipping_ = true;
      return;
    }
    if (m.starts_with("stressor ") && m.find("bogo ops") != std::string_view::npos) {
      in_metrics_ = true;
      return;
    }
    if (m.starts_with("miscellaneous metrics")) in_metrics_ = false;
    if (in_metrics_) take_metric(m);
  }

  [[nodiscard]] bool skipping() const { return skipping_; }

 private:
  static void keep(std::vector<std::string>& list, std::string_view message) {
    if (list.size() < kMaximumStressNgMessages) list.emplace_back(message.substr(0, 240));
  }

  /// " 4 cpu, 2 vm"
  void take_dispatch(std::string_view text) {
    while (!text.empty()) {
      const std::size_t comma = text.find(',');
      const std::vector<std::string_view> fields = split_fields(text.substr(0, comma));
      if (fields.size() == 2) {
        if (const auto count = leading_count(fields[0])) run_.dispatched[std::string(fields[1])] += *count;
      }
      text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
  }

  /// name, operations, real, user and system seconds, operations/s by real and by CPU time, further columns.
  void take_metric(std::string_view m) {
    const std::vector<std::string_view> fields = split_fields(m);
    if (fields.size() < 7 || fields[0].starts_with('(')) return;
    std::array<double, 6> values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = to_double(fields[i + 1]);
      if (!value) return;
      values[i] = *value;
    }
    StressNgMetric metric;
    metric.stressor = std::string(fields[0]);
    metric.bogo_operations = values[0];
    metric.real_seconds = values[1];
    metric.user_seconds = values[2];
    metric.system_seconds = values[3];
    metric.operations_per_second_real = values[4];
    metric.operations_per_second_cpu = values[5];
    run_.metrics.push_back(std::move(metric));
  }

  StressNg& run_;
  bool in_metrics_ = false;
  bool skipping_ = false;
};

Result<StressNg> read_stress_ng(std::string_view text) {
  StressNg run;
  StressNgReader reader(run);
  std::size_t known = 0;
  for (const std::string_view line : split_lines(text)) {
    const auto read = read_log_line(line);
    if (!read) continue;
    ++known;
    reader.take(read->level, read->message);
  }
  if (known == 0) {
    if (text.find("system-info:") != std::string_view::npos &&
        text.find("stress-ng-version") != std::string_view::npos) {
      return not_recognised(kStressNgTool,
                            "it is the --yaml file, which holds metrics but no verdict; pass the log");
    }
    return not_recognised(kStressNgTool, "no line starts with 'stress-ng: info:' or another level");
  }
  if (run.dispatched.empty()) run.mark_incomplete("the line 'dispatching hogs' is missing");
  if (!run.completed) run.mark_incomplete("the line 'run completed' is missing");
  if (run.passed) {
    int dispatched = 0;
    for (const auto& [stressor, instances] : run.dispatched) dispatched += instances;
    const int told = *run.passed + run.skipped.value_or(0) + run.failed.value_or(0);
    if (told < dispatched) {
      run.mark_incomplete(
          fmt::format("{} instances were started but the summary speaks of {}", dispatched, told));
    }
  }
  if (reader.skipping() && !run.skipped) run.skipped = 1;
  return run;
}

}  // namespace

ToolVerdict StressNg::verdict() const {
  if (!failures.empty() || failed.value_or(0) > 0 || completed == false) return ToolVerdict::fail;
  if (incomplete || !completed) return ToolVerdict::unknown;
  const bool worked =
      passed ? *passed > 0 : std::any_of(metrics.begin(), metrics.end(), [](const StressNgMetric& metric) {
        return metric.bogo_operations > 0;
      });
  if (!worked) return ToolVerdict::not_run;
  if (skipped.value_or(0) > 0) return ToolVerdict::skip;
  return ToolVerdict::pass;
}

Result<StressNg> parse_stress_ng(std::string_view text) {
  if (Status size = check_size(kStressNgTool, text); !size) return size.error();
  try {
    return read_stress_ng(text);
  } catch (const std::exception& problem) {
    return malformed(kStressNgTool, problem.what());
  }
}

}  // namespace kiln::tool_output
