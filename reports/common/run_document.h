#pragma once
// What all formats print, computed once from the events: times, attempts, series, disturbances, beside the
// verdict. Plain data, no formatting of any one output.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/report_format.h"
#include "common/series_source.h"

namespace kiln {

struct DocumentMeasurement {
  std::string dut, step;
  int iteration = 1, attempt = 1;
  Instant at;
  Measured measured;
};

struct DocumentStep {
  std::string dut, step, use;
  int iteration = 1, attempt = 1;
  bool monitor = false, teardown = false;
  std::int64_t begun_ns = 0;  ///< monotonic; 0 = not begun (skipped)
  std::int64_t ended_ns = 0;  ///< 0 = did not end
  StepEnded ended;
};

struct DocumentSeries {
  std::string dut, name, part, unit;
  std::vector<std::string> steps;     ///< that sampled it, each once
  std::vector<DocumentChunk> chunks;  ///< in order
  SeriesExtent extent;
  std::shared_ptr<SeriesSource> source;

  /// Seconds since the run began, and value; NaN = no value. In order.
  template <class Take>
  void for_each_sample(Take take) const {
    for (const DocumentChunk& chunk : chunks) {
      for (const auto& [t, value] : source->of(chunk)) take(t, value);
    }
  }
};

struct DocumentDisturbance {
  std::string dut, code, message;
  int count = 0;
};

/// From the permit to load a DUT until an interlock stopped the load, the guard that stops it was closed, or
/// the step ended.
struct DocumentLoad {
  std::string dut, step;
  std::int64_t begun_ns = 0, ended_ns = 0;  ///< monotonic; not ended: the last event of the run
};

/// Every judged value of one check on one part, in order of recording, when there is more than one of them
/// and one is a fail: that one decides, whatever came after.
struct DocumentStickyFail {
  std::vector<std::size_t> measurements;  ///< indices into RunDocument::measurements
  bool passed_later = false;
};

/// What became of steps when the run was resumed, with the DUTs on which it was so.
struct DocumentResumedSteps {
  std::string step, what, reason;  ///< "soak/load", "done again", "it was under way"
  std::vector<std::string> duts;
};

/// The run went on after its station had died.
struct DocumentInterruption {
  RunResumed resumed;
  std::int64_t at_ns = 0;                   ///< monotonic, when it went on
  std::vector<DocumentResumedSteps> steps;  ///< in order of the record
};

struct RunDocument {
  RunBegun about;
  bool begun = false;
  std::int64_t begun_ns = 0, ended_ns = 0;  ///< monotonic, first and last event
  std::int64_t begun_utc_ns = 0, ended_utc_ns = 0;
  std::map<std::string, DutPlanned> duts;
  std::vector<DocumentMeasurement> measurements;                ///< in order of recording
  std::vector<DocumentStep> steps;                              ///< in order of beginning
  std::vector<DocumentSeries> series;                           ///< by name, DUT, part
  std::shared_ptr<SeriesSource> source;                         ///< of their samples
  std::vector<DocumentDisturbance> disturbances;                ///< grouped and counted
  std::vector<CellPlanned> cells;                               ///< in order of planning
  std::vector<DocumentLoad> loads;                              ///< in order of beginning
  std::vector<std::pair<std::string, Interlocked>> interlocks;  ///< DUT and cut
  std::vector<DocumentStickyFail> sticky_fails;                 ///< in order of the first value
  std::vector<std::pair<std::string, Retried>> retries;         ///< DUT/step and what happened
  std::vector<std::pair<std::string, GuardClosed>> failed_undos;
  std::vector<std::pair<std::string, PromptAnswered>> prompts;
  std::vector<std::pair<std::string, PartSeen>> parts;
  std::vector<std::pair<std::string, std::string>> notes;
  std::vector<DocumentInterruption> interruptions;
  std::vector<std::string> populations;  ///< sentences: what the run was set against, by hash
};

RunDocument make_document(const ReportInput& input);

/// The samples of all series will be read in the order of the document.
void plan_samples(const RunDocument& document);

/// "RECORD BROKEN AT event n, time …", "This run was INTERRUPTED …", or empty: the first line of every
/// format.
std::string first_warning(const ReportInput& input);
/// "GO", "NO-GO", …, "SURVEY" for a run that decides nothing, "NOTHING RECORDED" for one without events.
std::string decision_word(const ReportInput& input);
/// A value with its unit, as people read it; "no value" for unset.
std::string value_text(const Measured& measured);

}  // namespace kiln
