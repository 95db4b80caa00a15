#include "common/report_format.h"

namespace kiln {

Result<ReportInput> read_report_input(const RunView& view, const std::string& run) {
  ReportInput input;
  Result<RunSummary> summary = view.run(run);
  if (!summary) return Error(summary.error()).while_doing("reading the run for a report");
  input.run = std::move(*summary);
  Result<RunEvents> events = view.events(run);
  if (!events) return Error(events.error()).while_doing("reading the events for a report");
  input.events = std::move(*events);
  input.verdict = roll_up(input.events);
  return input;
}

}  // namespace kiln
