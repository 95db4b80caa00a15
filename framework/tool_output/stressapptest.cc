#include "tool_output/stressapptest.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kStressAppTestTool = "stressapptest";
constexpr std::size_t kMaximumFindings = 32;

std::string_view after(std::string_view text, std::string_view part) {
  const std::size_t at = text.find(part);
  return at == std::string_view::npos ? std::string_view() : trim(text.substr(at + part.size()));
}

template <class T>
std::optional<T> leading(std::string_view text) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

/// "Completed: 111111.11M in 30.00s 11111.11MB/s, with 15 hardware incidents, 0 errors"
void take_completed(std::string_view text, StressAppTest& run) {
  run.megabytes_moved = leading<double>(text);
  run.seconds = leading<double>(after(text, " in "));
  const std::string_view rate = after(after(text, " in "), " ");
  run.megabytes_per_second = leading<double>(rate);
  run.incidents = leading<std::uint64_t>(after(text, "with "));
  if (const std::string_view errors = after(text, "incidents, "); !errors.empty()) {
    run.errors = leading<std::uint64_t>(errors);
  }
  if (!run.megabytes_moved || !run.incidents || !run.errors) {
    run.doubt("Completed", text);
    run.mark_incomplete("the 'Completed' line cannot be read");
  }
}

Result<StressAppTest> read_stressapptest(std::string_view text) {
  StressAppTest run;
  bool recognised = false;
  bool started = false;
  for (const std::string_view raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.find("Log: Commandline -") != std::string_view::npos) {
      run.command_line = std::string(after(line, "Log: Commandline -").substr(0, 400));
    } else if (line.find("Stats: SAT revision") != std::string_view::npos) {
      run.revision = std::string(after(line, "Stats: SAT revision").substr(0, 120));
      recognised = true;
    } else if (line.find("Stats: Starting SAT,") != std::string_view::npos) {
      recognised = true;
      started = true;
      run.requested_seconds = leading<std::uint64_t>(after(after(line, "Starting SAT,"), ", "));
    } else if (line.find("Hardware Error:") != std::string_view::npos) {
      ++run.hardware_error_lines;
      if (run.findings.size() < kMaximumFindings)
        run.findings.emplace_back(after(line, "Hardware Error:").substr(0, 240));
    } else if (line.find("Stats: Completed:") != std::string_view::npos) {
      take_completed(after(line, "Stats: Completed:"), run);
    } else if (line.find("Status: PASS") != std::string_view::npos ||
               line.find("Status: FAIL") != std::string_view::npos) {
      run.status_text = std::string(after(line, "Status:").substr(0, 160));
      // A later FAIL is never taken back by a PASS.
      run.status_pass = run.status_text.starts_with("PASS") && run.status_pass.value_or(true);
    }
  }
  if (!recognised)
    return not_recognised(kStressAppTestTool, "neither 'SAT revision' nor 'Starting SAT' is in it");
  if (!started) run.mark_incomplete("the line 'Starting SAT' is missing");
  if (!run.status_pass) run.mark_incomplete("the line 'Status: PASS' or 'Status: FAIL' is missing");
  if (!run.incidents) run.mark_incomplete("the line 'Stats: Completed' is missing");
  return run;
}

}  // namespace

ToolVerdict StressAppTest::verdict() const {
  if (status_pass == false || incidents.value_or(0) > 0 || errors.value_or(0) > 0 ||
      hardware_error_lines > 0) {
    return ToolVerdict::fail;
  }
  if (incomplete || !status_pass) return ToolVerdict::unknown;
  return megabytes_moved.value_or(0) > 0 ? ToolVerdict::pass : ToolVerdict::not_run;
}

Result<StressAppTest> parse_stressapptest(std::string_view text) {
  if (Status size = check_size(kStressAppTestTool, text); !size) return size.error();
  try {
    return read_stressapptest(text);
  } catch (const std::exception& problem) {
    return malformed(kStressAppTestTool, problem.what());
  }
}

}  // namespace kiln::tool_output
