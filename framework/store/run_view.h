#pragma once
// The record of runs, read-only: the one door for reports, `runs`, `show`, `watch` and `verify`. Reads
// committed rows only and may be open while runs are being written, by this or another process. Blocking; one
// thread at a time per view.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/bring_up.h"
#include "model/event.h"
#include "model/series_extent.h"
#include "model/verdict.h"
#include "store/audit_rows.h"

namespace kiln {

/// interrupted: it did not end and the program that wrote it is gone.
enum class RunState { running, complete, interrupted };
std::string_view to_string(RunState state);  ///< "running", "complete", "INTERRUPTED"

/// From here on the record is missing or unreadable; what is before it stands.
struct RecordBreak {
  std::int64_t after_sequence = 0;  ///< the last good event
  std::int64_t utc_ns = 0;          ///< when the ledger failed, or the time of the last good event
  std::string reason;
  /// What happened after the ledger failed and was kept beside it: cuts, undos, a person's stop. Numbered on
  /// from the last event; in no chain of hashes.
  std::vector<Event> after = {};
  bool writer_gone = false;  ///< the ledger did not fail: its program died, and the record simply ends
  [[nodiscard]] std::string sentence()
      const;  ///< "RECORD BROKEN AT event 17, 2026-…Z: disk full"; INTERRUPTED …
};

struct RunSummary {
  std::string id;
  RunState state = RunState::interrupted;
  Instant begun;
  std::optional<Instant> ended;       ///< of the run_ended event
  std::int64_t events = 0;            ///< committed
  RunBegun about;                     ///< empty when no run_begun event was committed
  std::string end_status;             ///< of run_ended
  std::int64_t pid = 0;               ///< of the writing program, when running
  std::string chain_head;             ///< SHA-256 after the last event, hexadecimal
  std::optional<RecordBreak> broken;  ///< the ledger failed during this run
};

/// The chunks of one series in one attempt of a step.
struct SeriesChunks {
  std::vector<std::int64_t> sequences;  ///< of their events, in order
  SeriesExtent extent;
};

struct RunEvents {
  std::vector<Event> events;  ///< in order of sequence
  std::optional<RecordBreak>
      broken;  ///< set when the ledger failed or the file is damaged after the last event
  /// By the sequence of their first event; only of what was read without its samples.
  std::map<std::int64_t, SeriesChunks> series = {};
};

/// The verdict of a record, with what was kept beside a broken one, under the waivers in force.
RunVerdict roll_up(const RunEvents& record, const std::vector<Waiver>& waivers = {});

/// Unset members match everything.
struct MeasurementFilter {
  std::optional<std::string> dut, step, name, part;
  std::optional<Outcome> outcome;
};
struct MeasurementRow {
  std::int64_t sequence = 0;
  Instant at;
  std::string dut, step;
  int iteration = 1, attempt = 1;
  Measured measured;
};

struct SeriesName {
  std::string dut, name, part, unit;
  std::int64_t samples = 0;
  auto operator<=>(const SeriesName&) const = default;
};
struct SeriesPoint {
  double t = 0;      ///< seconds since the run began
  double value = 0;  ///< NaN: no value
};

struct ArtifactRow {
  std::int64_t sequence = 0;
  std::string dut, step;
  Attached attached;
  std::string path;  ///< absolute; the file may be gone
};

/// What a walk along the chain of hashes found.
struct ChainCheck {
  bool intact = true;
  std::int64_t events = 0;        ///< events whose hash was right
  std::int64_t bad_sequence = 0;  ///< first event that does not fit; 0 when intact
  std::string reason;             ///< "event 17 was changed", "events 40 to 52 are missing", …
  std::string head;  ///< hash after the last right event, hexadecimal: compare it with the printed one
};

/// How long each step took on each DUT in earlier runs, by its path.
using StepDurations = std::map<std::string, std::vector<Nanoseconds>>;

class RunView {
 public:
  /// Error "view.not_found", "view.not_readable", "view.newer_schema", "view.not_a_ledger". Empty path: the
  /// default database. A database on read-only media can be opened.
  static Result<std::unique_ptr<RunView>> open(const std::string& database);
  ~RunView();
  RunView(const RunView&) = delete;
  RunView& operator=(const RunView&) = delete;

  [[nodiscard]] const std::string& database() const;

  /// Newest first.
  [[nodiscard]] Result<std::vector<RunSummary>> runs() const;
  [[nodiscard]] Result<RunSummary> run(const std::string& id) const;
  /// A full id from what a person typed: an id, a unique part of one, or "last". Error "run.unknown" suggests
  /// the nearest.
  [[nodiscard]] Result<std::string> find_run(const std::string& typed) const;

  /// Of the newest `most` complete, never interrupted runs of the same recipe text with the same parameters.
  /// Work that ended otherwise than complete is not counted; repetitions of a step are added up.
  [[nodiscard]] Result<StepDurations> step_durations(const std::string& recipe_sha256,
                                                     const std::map<std::string, std::string>& parameters,
                                                     int most) const;

  [[nodiscard]] Result<RunEvents> events(const std::string& run, std::int64_t from_sequence = 1) const;
  /// The same without holding them: calls back in order until it returns false. The result says where the
  /// record broke.
  [[nodiscard]] Result<std::optional<RecordBreak>> for_each_event(
      const std::string& run, std::int64_t from_sequence, const std::function<bool(Event&&)>& callback) const;

  /// What a report needs of a run that sampled for days, in the memory of one that did not: of each series in
  /// each attempt of a step (between two interruptions) the first and the last chunk, without their samples;
  /// `series` says where all of them are. All other events are there. The same verdict, the same end.
  [[nodiscard]] Result<RunEvents> events_without_samples(const std::string& run) const;
  /// Reads the samples of one chunk by the sequence of its event. The view must outlive it. Errors
  /// "series.malformed", "series.missing", "view.not_readable".
  using SampleReader = std::function<Status(std::int64_t sequence, SeriesSamples& into)>;
  [[nodiscard]] Result<SampleReader> sample_reader(const std::string& run) const;
  /// The same for many chunks, of rising sequences, in one pass over the record where they lie close
  /// together: some ten times faster than one by one. Those that are not there are left out.
  using SampleWalk =
      std::function<Status(const std::vector<std::int64_t>& sequences,
                           const std::function<void(std::int64_t sequence, SeriesSamples&& samples)>& take)>;
  [[nodiscard]] Result<SampleWalk> sample_walk(const std::string& run) const;

  [[nodiscard]] Result<std::vector<MeasurementRow>> measurements(const std::string& run,
                                                                 const MeasurementFilter& filter = {}) const;
  [[nodiscard]] Result<std::vector<SeriesName>> series_names(const std::string& run) const;
  [[nodiscard]] Result<std::vector<SeriesPoint>> series(const std::string& run, const std::string& dut,
                                                        const std::string& name,
                                                        const std::string& part) const;
  [[nodiscard]] Result<std::vector<ArtifactRow>> artifacts(const std::string& run) const;

  /// What people noted about racks, in order of noting; none in a record of before they could.
  [[nodiscard]] Result<std::vector<RackNote>> rack_notes() const;
  /// The bring-up clock of the run's rack, over it and all runs that were begun before it.
  [[nodiscard]] Result<BringUp> bring_up(const std::string& run) const;

  /// What the station has signed of the run's record, as envelopes in JSON and in order; none in a record of
  /// before it could.
  [[nodiscard]] Result<std::vector<std::string>> checkpoints(const std::string& run) const;
  /// The hash after that event as it stands in the record, hexadecimal; empty: there is no such event.
  [[nodiscard]] Result<std::string> chain_at(const std::string& run, std::int64_t sequence) const;
  /// What people have signed about all runs, in order, as it stands in the record: whether it holds is not
  /// looked at here. None in a record of before they could.
  [[nodiscard]] Result<std::vector<AuditRow>> audit() const;
  /// Recomputes every hash, and compares the typed tables with the events they were made from. Finds a
  /// changed byte, a missing, added or moved event and a cut tail. A record rewritten as a whole is found by
  /// comparing `head` with a signed checkpoint, or with the one printed in its report.
  [[nodiscard]] Result<ChainCheck> verify_chain(const std::string& run) const;

 private:
  struct Impl;
  explicit RunView(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln
