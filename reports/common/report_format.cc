#include "common/report_format.h"

namespace kiln {

namespace {

/// A run that went on may have done so under another boot of the station, whose monotonic clock began anew:
/// its events are moved to where the times of day say they were, so that all of a report counts by one clock.
void put_on_one_clock(std::vector<Event>& events) {
  if (events.empty()) return;
  const Instant begun = events.front().at;
  std::int64_t shift = 0;
  for (Event& event : events) {
    if (std::holds_alternative<RunResumed>(event.body))
      shift = begun.monotonic_ns + (event.at.utc_ns - begun.utc_ns) - event.at.monotonic_ns;
    event.at.monotonic_ns += shift;
    if (auto* cut = std::get_if<Interlocked>(&event.body)) {
      for (std::int64_t* time : {&cut->detected_ns, &cut->load_stopped_ns, &cut->off_confirmed_ns}) {
        if (*time != 0) *time += shift;
      }
    }
  }
}

}  // namespace

Status ReportFormat::write(const ReportInput& input, const ReportSink& put) const {
  const Result<std::string> text = render(input);
  if (!text) return text.error();
  return put(*text);
}

Result<std::string> written_text(const ReportFormat& format, const ReportInput& input) {
  std::string text;
  const Status written = format.write(input, [&text](std::string_view piece) {
    text += piece;
    return success();
  });
  if (!written) return written.error();
  return text;
}

Result<ReportInput> read_report_input(const RunView& view, const std::string& run, RunReviews reviews) {
  ReportInput input;
  Result<RunSummary> summary = view.run(run);
  if (!summary) return Error(summary.error()).while_doing("reading the run for a report");
  input.run = std::move(*summary);
  Result<RunEvents> events = view.events_without_samples(run);
  if (!events) return Error(events.error()).while_doing("reading the events for a report");
  input.events = std::move(*events);
  Result<RunView::SampleReader> samples = view.sample_reader(run);
  if (!samples) return Error(samples.error()).while_doing("reading the samples for a report");
  input.samples = std::move(*samples);
  Result<RunView::SampleWalk> walk = view.sample_walk(run);
  if (!walk) return Error(walk.error()).while_doing("reading the samples for a report");
  input.sample_walk = std::move(*walk);
  put_on_one_clock(input.events.events);
  input.reviews = std::move(reviews);
  input.verdict = roll_up(input.events, waivers_in_force(input.reviews.entries, input.reviews.now_utc_ns));
  put_sign_off(input.verdict, input.run.about.operator_name, input.reviews);
  Result<BringUp> clock = view.bring_up(run);
  if (clock) {
    input.bring_up = std::move(*clock);
  } else {
    // It is beside the verdict: what cannot be read of other runs does not take this one's report away.
    input.bring_up.rack = input.run.about.rack;
    input.bring_up.remarks.push_back("other runs of this rack could not be read: " + clock.error().message);
  }
  return input;
}

}  // namespace kiln
