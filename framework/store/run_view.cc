#include "store/run_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

#include "base/nearest.h"
#include "store/bring_up_rows.h"
#include "store/chain_check.h"
#include "store/checkpoint_rows.h"
#include "store/chunk_rows.h"
#include "store/event_json.h"
#include "store/event_reader.h"
#include "store/record_break.h"
#include "store/run_lock.h"
#include "store/schema.h"
#include "store/series_codec.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

constexpr std::size_t kRunsSearchedForDurations = 200;  // older ones of another recipe do not help

constexpr int kBusyMilliseconds = 5'000;

/// Bytes of a hash column as hexadecimal text.
std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    fmt::format_to(std::back_inserter(text), "{:02x}",
                   static_cast<unsigned>(static_cast<unsigned char>(byte)));
  }
  return text;
}

Error view_error(const Error& cause, const std::string& path) {
  if (cause.code.rfind("sqlite.", 0) != 0) return cause;
  const char* code = cause.code == "sqlite.not_a_database" ? "view.not_a_ledger" : "view.not_readable";
  return {code, fmt::format("the record {}: {}", path, cause.message), "name the right file with --db",
          Blame::station};
}

/// What a damaged or cut record means for a reader that already has something.
bool is_damage(const Error& cause) {
  return cause.code == "sqlite.damaged" || cause.code == "sqlite.io" || cause.code == "event.malformed" ||
         cause.code == "series.malformed";
}

}  // namespace

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::complete:
      return "complete";
    case RunState::interrupted:
      return "INTERRUPTED";
  }
  return "INTERRUPTED";
}

std::string RecordBreak::sentence() const {
  std::string text = fmt::format("{} AT event {}, {}: {}", writer_gone ? "INTERRUPTED" : "RECORD BROKEN",
                                 after_sequence, format_utc(utc_ns), reason);
  if (!after.empty())
    text += fmt::format(" (what is told of later, {}, is from a note beside the record)",
                        after.size() == 1 ? "1 entry" : fmt::format("{} entries", after.size()));
  return text;
}

RunVerdict roll_up(const RunEvents& record, const std::vector<Waiver>& waivers) {
  VerdictAccumulator accumulator;
  for (const Waiver& waiver : waivers) accumulator.add(waiver);
  for (const Event& event : record.events) accumulator.add(event);
  if (record.broken) {
    for (const Event& event : record.broken->after) accumulator.add(event);
  }
  return accumulator.verdict();
}

struct RunView::Impl {
  std::string database;
  mutable sqlite::Connection connection;

  struct RunRow {
    std::int64_t number = 0;
    std::string id;
    Instant begun;
  };

  Result<std::vector<RunRow>> rows() const {
    Result<sqlite::Statement> select = connection.prepare(
        "SELECT number, id, begun_monotonic_ns, begun_utc_ns FROM run ORDER BY number DESC");
    if (!select) return view_error(select.error(), database);
    std::vector<RunRow> found;
    for (;;) {
      const Result<sqlite::Statement::Step> stepped = select->step();
      if (!stepped) return view_error(stepped.error(), database);
      if (*stepped == sqlite::Statement::Step::done) return found;
      RunRow row;
      row.number = select->integer(0);
      row.id = select->text(1);
      row.begun = {select->integer(2), select->integer(3)};
      found.push_back(std::move(row));
    }
  }

  Result<RunRow> row_of(const std::string& id) const {
    Result<std::vector<RunRow>> all = rows();
    if (!all) return all.error();
    std::vector<std::string> ids;
    for (RunRow& row : *all) {
      if (row.id == id) return std::move(row);
      ids.push_back(row.id);
    }
    return Error("run.unknown", fmt::format("no run '{}' in {}{}", id, database, did_you_mean(id, ids)),
                 "`kiln runs` lists them", Blame::operator_);
  }

  /// Sequence of the last event that was committed.
  Result<std::int64_t> head_of(const RunRow& row) const {
    return connection.query_integer(fmt::format("SELECT sequence FROM head WHERE run = {}", row.number));
  }

  Result<RunSummary> summary(const RunRow& row) const {
    RunSummary summary;
    summary.id = row.id;
    summary.begun = row.begun;
    // First whether it lives, then what it wrote: the other way round a run that ends in between looks
    // interrupted.
    const RunHolder holder = run_holder(database, row.id);
    const ReadTransaction moment(connection);

    Result<sqlite::Statement> head = connection.prepare("SELECT sequence, chain FROM head WHERE run = ?");
    if (!head) return view_error(head.error(), database);
    head->bind(1, row.number);
    Result<sqlite::Statement::Step> stepped = head->step();
    if (!stepped) return view_error(stepped.error(), database);
    if (*stepped == sqlite::Statement::Step::row) {
      summary.events = head->integer(0);
      summary.chain_head = hex(head->blob(1));
    }
    head->reset();

    Result<sqlite::Statement> milestones = connection.prepare(
        "SELECT kind, body, monotonic_ns, utc_ns FROM event WHERE run = ? AND kind IN ('run_begun', "
        "'run_ended') "
        "ORDER BY sequence");
    if (!milestones) return view_error(milestones.error(), database);
    milestones->bind(1, row.number);
    for (;;) {
      stepped = milestones->step();
      if (!stepped) return view_error(stepped.error(), database);
      if (*stepped == sqlite::Statement::Step::done) break;
      Result<EventBody> body = body_from_json(milestones->text(0), milestones->text(1));
      if (!body) continue;  // the walk over the events tells what is wrong with it
      if (auto* begun = std::get_if<RunBegun>(&*body)) summary.about = std::move(*begun);
      if (auto* ended = std::get_if<RunEnded>(&*body)) {
        summary.end_status = ended->status;
        summary.ended = Instant{milestones->integer(2), milestones->integer(3)};
      }
    }
    summary.broken = break_note(row.id);
    if (summary.broken && summary.broken->writer_gone) summary.broken.reset();  // the state says so
    if (summary.ended) {
      summary.state = RunState::complete;
    } else if (holder.alive) {
      summary.state = RunState::running;
      summary.pid = holder.pid;
    }
    return summary;
  }

  std::optional<RecordBreak> break_note(const std::string& id) const {
    const std::optional<LedgerFailure> note = read_break_note(database, id);
    if (!note) return std::nullopt;
    RecordBreak broken{note->last_committed, note->utc_ns, note->error.message};
    broken.writer_gone = note->error.code == "ledger.writer_gone";
    return broken;
  }
};

RunView::RunView(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RunView::~RunView() = default;

Result<std::unique_ptr<RunView>> RunView::open(const std::string& database) {
  Result<std::string> path = resolve_database(database);
  if (!path) return path.error();
  if (::access(path->c_str(), F_OK) != 0) {
    const int cause = errno;
    return Error("view.not_found", fmt::format("there is no record {}: {}", *path, errno_text(cause)),
                 "run something first, or name the right file with --db", Blame::operator_);
  }

  Result<sqlite::Connection> connection =
      sqlite::Connection::open(*path, sqlite::Connection::Mode::read_only, kBusyMilliseconds);
  Result<SchemaIdentity> identity =
      connection ? identify(*connection) : Result<SchemaIdentity>(connection.error());
  // Where nobody can write and no log is left, the file cannot change: then it is read without locks.
  if (!identity &&
      (identity.error().code == "sqlite.cannot_open" || identity.error().code == "sqlite.read_only") &&
      ::access((*path + "-wal").c_str(), F_OK) != 0) {
    connection = sqlite::Connection::open(*path, sqlite::Connection::Mode::immutable, kBusyMilliseconds);
    if (connection) identity = identify(*connection);
  }
  if (!connection) return view_error(connection.error(), *path);
  if (!identity) return view_error(identity.error(), *path);
  // A station that was killed while it made its record leaves an empty one.
  if (identity->empty) {
    return Error("view.not_found", fmt::format("nothing is recorded in {} yet", *path),
                 "run something first, or name the right file with --db", Blame::operator_);
  }
  if (!identity->ours) {
    return Error("view.not_a_ledger", fmt::format("{} is not a record of Kiln", *path),
                 "name the right file with --db", Blame::operator_);
  }
  if (identity->version > kSchemaVersion) {
    return Error("view.newer_schema", newer_schema_sentence(*path, identity->version, kSchemaVersion),
                 "use that newer version", Blame::station);
  }

  auto impl = std::make_unique<Impl>();
  impl->database = *std::move(path);
  impl->connection = *std::move(connection);
  return std::unique_ptr<RunView>(new RunView(std::move(impl)));
}

const std::string& RunView::database() const { return impl_->database; }

Result<std::vector<RunSummary>> RunView::runs() const {
  const Result<std::vector<Impl::RunRow>> rows = impl_->rows();
  if (!rows) return rows.error();
  std::vector<RunSummary> summaries;
  for (const Impl::RunRow& row : *rows) {
    Result<RunSummary> summary = impl_->summary(row);
    if (!summary) return summary.error();
    summaries.push_back(*std::move(summary));
  }
  return summaries;
}

Result<RunSummary> RunView::run(const std::string& id) const {
  const Result<Impl::RunRow> row = impl_->row_of(id);
  if (!row) return row.error();
  return impl_->summary(*row);
}

Result<StepDurations> RunView::step_durations(const std::string& recipe_sha256,
                                              const std::map<std::string, std::string>& parameters,
                                              int most) const {
  const Result<std::vector<Impl::RunRow>> rows = impl_->rows();
  if (!rows) return rows.error();
  StepDurations durations;
  int found = 0;
  std::size_t looked_at = 0;
  for (const Impl::RunRow& row : *rows) {
    if (found == most || ++looked_at > kRunsSearchedForDurations) break;
    const Result<RunSummary> summary = impl_->summary(row);
    if (!summary) return summary.error();
    if (summary->end_status != "complete" || summary->about.recipe_sha256 != recipe_sha256 ||
        summary->about.parameters != parameters)
      continue;
    // What was done again there would be added up.
    const Result<std::int64_t> resumed = impl_->connection.query_integer(fmt::format(
        "SELECT EXISTS (SELECT 1 FROM event WHERE run = {} AND kind = 'run_resumed')", row.number));
    if (!resumed) return view_error(resumed.error(), impl_->database);
    if (*resumed != 0) continue;
    ++found;
    Result<sqlite::Statement> select = impl_->connection.prepare(
        "SELECT step, sum(body ->> 'duration_ns') FROM event WHERE run = ? AND kind = 'step_ended' "
        "AND body ->> 'status' = 'complete' GROUP BY dut, step");
    if (!select) return view_error(select.error(), impl_->database);
    select->bind(1, row.number);
    for (;;) {
      const Result<sqlite::Statement::Step> stepped = select->step();
      if (!stepped) return view_error(stepped.error(), impl_->database);
      if (*stepped == sqlite::Statement::Step::done) break;
      durations[std::string(select->text(0))].emplace_back(select->integer(1));
    }
  }
  return durations;
}

Result<std::vector<RackNote>> RunView::rack_notes() const {
  Result<std::vector<RackNote>> notes = read_rack_notes(impl_->connection);
  if (!notes) return view_error(notes.error(), impl_->database);
  return notes;
}

Result<std::vector<std::string>> RunView::checkpoints(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<std::vector<std::string>> envelopes = read_checkpoints(impl_->connection, row->number);
  if (!envelopes) return view_error(envelopes.error(), impl_->database);
  return envelopes;
}

Result<std::vector<AuditRow>> RunView::audit() const {
  Result<std::vector<AuditRow>> rows = read_audit(impl_->connection);
  if (!rows) return view_error(rows.error(), impl_->database);
  return rows;
}

Result<std::string> RunView::chain_at(const std::string& run, std::int64_t sequence) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<std::string> hash = read_chain_at(impl_->connection, row->number, sequence);
  if (!hash) return view_error(hash.error(), impl_->database);
  return hash;
}

Result<BringUp> RunView::bring_up(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  const Result<std::vector<Impl::RunRow>> rows = impl_->rows();
  if (!rows) return rows.error();
  const ReadTransaction moment(impl_->connection);
  const Result<std::vector<RackNote>> notes = rack_notes();
  if (!notes) return notes.error();
  const auto fail = [this](const Error& cause) { return view_error(cause, impl_->database); };
  const Result<ClockedRun> asked = read_clocked_head(impl_->connection, row->number, row->id);
  if (!asked) return fail(asked.error());
  std::vector<ClockedRun> runs;
  for (auto other = rows->rbegin(); other != rows->rend(); ++other) {
    if (other->number > row->number) break;
    Result<ClockedRun> clocked = read_clocked_head(impl_->connection, other->number, other->id);
    if (!clocked) return fail(clocked.error());
    if (!same_rack(*asked, *clocked)) continue;
    const Status read = read_clocked_events(impl_->connection, other->number, *clocked);
    if (!read) return fail(read.error());
    runs.push_back(std::move(*clocked));
  }
  return bring_up_of(*asked, *notes, runs);
}

Result<std::string> RunView::find_run(const std::string& typed) const {
  const Result<std::vector<Impl::RunRow>> rows = impl_->rows();
  if (!rows) return rows.error();
  if (typed == "last" && !rows->empty()) return rows->front().id;
  std::vector<std::string> ids;
  std::vector<std::string> containing;
  for (const Impl::RunRow& row : *rows) {
    if (row.id == typed) return row.id;
    ids.push_back(row.id);
    if (!typed.empty() && row.id.find(typed) != std::string::npos) containing.push_back(row.id);
  }
  if (containing.size() == 1) return containing.front();
  if (containing.size() > 1) {
    return Error("run.ambiguous",
                 fmt::format("'{}' fits {} runs, the newest are {} and {}", typed, containing.size(),
                             containing[0], containing[1]),
                 "type more of the run's id", Blame::operator_);
  }
  if (ids.empty()) {
    return Error("run.unknown", fmt::format("there is no run in {} yet", impl_->database), {},
                 Blame::operator_);
  }
  return Error("run.unknown",
               fmt::format("no run '{}' in {}{}", typed, impl_->database, did_you_mean(typed, ids)),
               "`kiln runs` lists them; `last` is the newest", Blame::operator_);
}

Result<std::optional<RecordBreak>> RunView::for_each_event(
    const std::string& run, std::int64_t from_sequence, const std::function<bool(Event&&)>& callback) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  const ReadTransaction moment(impl_->connection);
  const std::int64_t first = std::max<std::int64_t>(from_sequence, 1);
  std::int64_t last = first - 1;
  std::int64_t last_utc_ns = row->begun.utc_ns;
  const auto broken = [&](std::string reason) {
    return std::optional<RecordBreak>(RecordBreak{last, last_utc_ns, std::move(reason)});
  };

  Result<EventReader> reader = EventReader::open(impl_->connection, row->number, row->id, first);
  if (!reader) return view_error(reader.error(), impl_->database);
  for (;;) {
    const Result<std::optional<EventRow>> next = reader->next();
    if (!next && is_damage(next.error())) return broken(next.error().message);
    if (!next) return view_error(next.error(), impl_->database);
    if (!*next) break;
    const std::int64_t sequence = (*next)->stored.sequence;
    if (sequence != last + 1)
      return broken(fmt::format("events {} to {} are missing", last + 1, sequence - 1));
    Result<Event> event = event_of(**next);
    if (!event && is_damage(event.error())) return broken(event.error().message);
    if (!event) return event.error();
    last = sequence;
    last_utc_ns = event->at.utc_ns;
    if (!callback(*std::move(event))) return std::optional<RecordBreak>();
  }

  std::optional<RecordBreak> note = impl_->break_note(row->id);
  if (note && note->writer_gone) {
    note->after_sequence = last;
    note->utc_ns = last_utc_ns;
  }
  if (note) return note;
  const Result<std::int64_t> head = impl_->head_of(*row);
  if (!head) return broken(head.error().message);
  if (*head > last) return broken(fmt::format("events {} to {} are missing", last + 1, *head));
  return std::optional<RecordBreak>();
}

Result<RunEvents> RunView::events(const std::string& run, std::int64_t from_sequence) const {
  RunEvents read;
  // Events are big, and a hundred thousand of them moved at every growth cost more than reading them. The
  // head may lie in a damaged file: it is a hint, with a bound.
  constexpr std::int64_t kMostReserved = 1'000'000;
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  const Result<std::int64_t> head = impl_->head_of(*row);
  if (head)
    read.events.reserve(
        static_cast<std::size_t>(std::clamp<std::int64_t>(*head - from_sequence + 1, 0, kMostReserved)));
  Result<std::optional<RecordBreak>> broken = for_each_event(run, from_sequence, [&read](Event&& event) {
    read.events.push_back(std::move(event));
    return true;
  });
  if (!broken) return broken.error();
  read.broken = *std::move(broken);
  if (read.broken) {
    read.broken->after = read_after_break(impl_->database, row ? row->id : run);
    std::int64_t last = read.events.empty() ? read.broken->after_sequence : read.events.back().sequence;
    for (Event& event : read.broken->after) event.sequence = ++last;
  }
  return read;
}

Result<std::vector<MeasurementRow>> RunView::measurements(const std::string& run,
                                                          const MeasurementFilter& filter) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  std::string sql =
      "SELECT m.sequence, e.monotonic_ns, e.utc_ns, e.dut, e.step, e.iteration, e.attempt, e.kind, e.body "
      "FROM measurement m "
      "JOIN event e ON e.run = m.run AND e.sequence = m.sequence WHERE m.run = ?";
  std::vector<std::string> wanted;
  const auto want = [&](const char* column, const std::optional<std::string>& value) {
    if (!value) return;
    sql += fmt::format(" AND {} = ?", column);
    wanted.push_back(*value);
  };
  want("m.name", filter.name);
  want("m.part", filter.part);
  want("e.dut", filter.dut);
  want("e.step", filter.step);
  if (filter.outcome) want("m.outcome", std::string(to_string(*filter.outcome)));
  sql += " ORDER BY m.sequence";

  Result<sqlite::Statement> select = impl_->connection.prepare(sql);
  if (!select) return view_error(select.error(), impl_->database);
  select->bind(1, row->number);
  for (std::size_t at = 0; at < wanted.size(); ++at)
    select->bind(static_cast<int>(at) + 2, std::string_view(wanted[at]));
  std::vector<MeasurementRow> found;
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = select->step();
    if (!stepped) return view_error(stepped.error(), impl_->database);
    if (*stepped == sqlite::Statement::Step::done) return found;
    Result<EventBody> body = body_from_json(select->text(7), select->text(8));
    if (!body) return body.error();
    MeasurementRow measurement;
    measurement.sequence = select->integer(0);
    measurement.at = {select->integer(1), select->integer(2)};
    measurement.dut = select->text(3);
    measurement.step = select->text(4);
    measurement.iteration = static_cast<int>(select->integer(5));
    measurement.attempt = static_cast<int>(select->integer(6));
    if (auto* measured = std::get_if<Measured>(&*body)) {
      measurement.measured = std::move(*measured);
      found.push_back(std::move(measurement));
    }
  }
}

Result<std::vector<SeriesName>> RunView::series_names(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<sqlite::Statement> select = impl_->connection.prepare(
      "SELECT dut, name, part, unit, sum(sample_count) FROM series_chunk WHERE run = ? GROUP BY dut, name, "
      "part, unit "
      "ORDER BY dut, name, part");
  if (!select) return view_error(select.error(), impl_->database);
  select->bind(1, row->number);
  std::vector<SeriesName> found;
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = select->step();
    if (!stepped) return view_error(stepped.error(), impl_->database);
    if (*stepped == sqlite::Statement::Step::done) return found;
    SeriesName name;
    name.dut = select->text(0);
    name.name = select->text(1);
    name.part = select->text(2);
    name.unit = select->text(3);
    name.samples = select->integer(4);
    found.push_back(std::move(name));
  }
}

Result<std::vector<SeriesPoint>> RunView::series(const std::string& run, const std::string& dut,
                                                 const std::string& name, const std::string& part) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<sqlite::Statement> select = impl_->connection.prepare(
      "SELECT samples FROM series_chunk WHERE run = ? AND dut = ? AND name = ? AND part = ? ORDER BY "
      "sequence");
  if (!select) return view_error(select.error(), impl_->database);
  select->bind(1, row->number);
  select->bind(2, std::string_view(dut));
  select->bind(3, std::string_view(name));
  select->bind(4, std::string_view(part));
  std::vector<SeriesPoint> points;
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = select->step();
    if (!stepped) return view_error(stepped.error(), impl_->database);
    if (*stepped == sqlite::Statement::Step::done) return points;
    const Result<SeriesSamples> samples = decode_samples(select->blob(0));
    if (!samples) return samples.error();
    for (const auto& [t, value] : *samples) points.push_back({t, value});
  }
}

Result<RunView::SampleReader> RunView::sample_reader(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<SampleReader> reader = chunk_reader(impl_->connection, row->number);
  if (!reader) return view_error(reader.error(), impl_->database);
  return reader;
}

Result<RunView::SampleWalk> RunView::sample_walk(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<SampleWalk> walk = chunk_walk(impl_->connection, row->number);
  if (!walk) return view_error(walk.error(), impl_->database);
  return walk;
}

Result<std::vector<ArtifactRow>> RunView::artifacts(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  Result<sqlite::Statement> select = impl_->connection.prepare(
      "SELECT a.sequence, e.dut, e.step, a.name, a.media_type, a.sha256, a.bytes FROM artifact a "
      "JOIN event e ON e.run = a.run AND e.sequence = a.sequence WHERE a.run = ? ORDER BY a.sequence");
  if (!select) return view_error(select.error(), impl_->database);
  select->bind(1, row->number);
  std::vector<ArtifactRow> found;
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = select->step();
    if (!stepped) return view_error(stepped.error(), impl_->database);
    if (*stepped == sqlite::Statement::Step::done) return found;
    ArtifactRow artifact;
    artifact.sequence = select->integer(0);
    artifact.dut = select->text(1);
    artifact.step = select->text(2);
    artifact.attached.name = select->text(3);
    artifact.attached.media_type = select->text(4);
    artifact.attached.sha256 = select->text(5);
    artifact.attached.bytes = select->integer(6);
    artifact.path = artifact_path(artifacts_directory(impl_->database), artifact.attached.sha256);
    found.push_back(std::move(artifact));
  }
}

Result<ChainCheck> RunView::verify_chain(const std::string& run) const {
  const Result<Impl::RunRow> row = impl_->row_of(run);
  if (!row) return row.error();
  return check_chain(impl_->connection, row->number, row->id);
}

}  // namespace kiln
