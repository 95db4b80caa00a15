#include "store/event_rows.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <utility>
#include <variant>

#include "store/event_json.h"
#include "store/series_codec.h"

namespace kiln {
namespace {

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::string_view as_text(const ChainHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};  // NOLINT: bytes as SQLite wants them
}

}  // namespace

Result<EventRows> EventRows::begin_run(sqlite::Connection connection, const std::string& run, Instant now,
                                       const std::string& kiln_version, bool named) {
  EventRows rows;
  rows.connection_ = std::move(connection);
  rows.run_ = run;
  rows.row_ = std::make_unique<TypedRow>();
  Status done = rows.prepare();
  if (!done) return done.error();

  Result<sqlite::Statement> insert_run = rows.connection_.prepare(
      "INSERT INTO run (id, begun_monotonic_ns, begun_utc_ns, pid, boot_id, kiln_version) VALUES (?, ?, ?, "
      "?, ?, ?)");
  if (!insert_run) return insert_run.error();
  Result<sqlite::Statement> insert_head =
      rows.connection_.prepare("INSERT INTO head (run, sequence, utc_ns, chain) VALUES (?, 0, ?, ?)");
  if (!insert_head) return insert_head.error();

  done = rows.begin_.run();
  if (!done) return done.error();
  const std::string boot = named ? boot_id() : std::string();
  insert_run->bind(1, std::string_view(run));
  insert_run->bind(2, now.monotonic_ns);
  insert_run->bind(3, now.utc_ns);
  insert_run->bind(4, named ? std::int64_t{::getpid()} : std::int64_t{0});
  insert_run->bind(5, std::string_view(boot));
  insert_run->bind(6, std::string_view(kiln_version));
  done = insert_run->run();
  if (!done) return done.error();
  rows.run_number_ = rows.connection_.last_insert_rowid();
  insert_head->bind(1, rows.run_number_);
  insert_head->bind(2, now.utc_ns);
  insert_head->bind(3, sqlite::Blob{as_text(rows.chain_)});
  done = insert_head->run();
  if (!done) return done.error();
  done = rows.commit_.run();
  if (!done) return done.error();
  return rows;
}

Result<EventRows> EventRows::continue_run(sqlite::Connection connection, const std::string& run) {
  EventRows rows;
  rows.connection_ = std::move(connection);
  rows.run_ = run;
  rows.row_ = std::make_unique<TypedRow>();
  const Status done = rows.prepare();
  if (!done) return done.error();

  Result<sqlite::Statement> select = rows.connection_.prepare(
      "SELECT r.number, h.sequence, h.chain, EXISTS (SELECT 1 FROM event e WHERE e.run = r.number AND "
      "e.kind = 'run_ended') FROM run r JOIN head h ON h.run = r.number WHERE r.id = ?");
  if (!select) return select.error();
  select->bind(1, std::string_view(run));
  const Result<sqlite::Statement::Step> stepped = select->step();
  if (!stepped) return stepped.error();
  if (*stepped == sqlite::Statement::Step::done)
    return Error("run.unknown", fmt::format("the record has no run {}", run), "see kiln runs",
                 Blame::operator_);
  if (select->integer(3) != 0)
    return Error("run.ended", fmt::format("run {} has ended", run), fmt::format("see kiln show {}", run),
                 Blame::operator_);
  rows.run_number_ = select->integer(0);
  rows.last_committed_ = select->integer(1);
  const std::string_view chain = select->blob(2);
  if (chain.size() != rows.chain_.size())
    return Error("sqlite.damaged", fmt::format("the head of run {} holds no hash", run), {}, Blame::station);
  std::copy(chain.begin(), chain.end(), rows.chain_.begin());
  // Only a write shows that it may be written; nothing is.
  const Status begun = rows.begin_.run();
  if (!begun) return begun.error();
  const Status undone = rows.rollback_.run();
  if (!undone) return undone.error();
  return rows;
}

Status EventRows::prepare() {
  const auto into = [this](sqlite::Statement& statement, std::string_view sql) -> Status {
    Result<sqlite::Statement> prepared = connection_.prepare(sql);
    if (!prepared) return prepared.error();
    statement = *std::move(prepared);
    return success();
  };
  Status done = into(begin_, "BEGIN IMMEDIATE");
  if (done) done = into(commit_, "COMMIT");
  if (done) done = into(rollback_, "ROLLBACK");
  if (done) {
    done = into(event_,
                "INSERT INTO event (run, sequence, kind, dut, step, iteration, attempt, monotonic_ns, "
                "utc_ns, body, chain) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  }
  if (done) done = into(head_, "UPDATE head SET sequence = ?, utc_ns = ?, chain = ? WHERE run = ?");
  for (std::size_t table = 0; done && table < kTypedTables; ++table) {
    done = into(typed_[table], insert_statement(static_cast<TypedTable>(table)));
  }
  return done;
}

Status EventRows::commit(const std::vector<Event>& events) {
  if (events.empty()) return success();
  Status done = begin_.run();
  if (!done) return done;
  ChainHash chain = chain_;
  done = insert_all(events, chain);
  if (done) done = commit_.run();
  if (!done) {
    const Error cause = done.error();
    static_cast<void>(rollback_.run());  // SQLite may have rolled back by itself
    return cause;
  }
  chain_ = chain;
  last_committed_ = events.back().sequence;
  return success();
}

Status EventRows::insert_all(const std::vector<Event>& events, ChainHash& chain) {
  for (const Event& event : events) {
    const Status done = insert(event, chain);
    if (!done) return done;
  }
  head_.bind(1, events.back().sequence);
  head_.bind(2, events.back().at.utc_ns);
  head_.bind(3, sqlite::Blob{as_text(chain)});
  head_.bind(4, run_number_);
  return head_.run();
}

Status EventRows::insert(const Event& event, ChainHash& chain) {
  const std::string body = to_json(event.body, Samples::apart);
  std::string samples;
  if (const auto* series = std::get_if<SeriesChunk>(&event.body)) samples = encode_samples(series->samples);
  const std::string dut = valid_utf8(event.dut);
  const std::string step = valid_utf8(event.step);

  StoredEvent stored;
  stored.run = run_;
  stored.sequence = event.sequence;
  stored.kind = kind_name(event.body);
  stored.dut = dut;
  stored.step = step;
  stored.iteration = event.iteration;
  stored.attempt = event.attempt;
  stored.monotonic_ns = event.at.monotonic_ns;
  stored.utc_ns = event.at.utc_ns;
  stored.body = body;
  stored.samples = samples;
  chain = next_hash(chain, stored);

  event_.bind(1, run_number_);
  event_.bind(2, stored.sequence);
  event_.bind(3, stored.kind);
  event_.bind(4, stored.dut);
  event_.bind(5, stored.step);
  event_.bind(6, stored.iteration);
  event_.bind(7, stored.attempt);
  event_.bind(8, stored.monotonic_ns);
  event_.bind(9, stored.utc_ns);
  event_.bind(10, stored.body);
  event_.bind(11, sqlite::Blob{as_text(chain)});
  Status done = event_.run();
  if (!done) return done;

  if (!row_->set(event, samples)) return success();
  sqlite::Statement& typed = typed_[static_cast<std::size_t>(row_->table())];
  typed.bind(1, run_number_);
  typed.bind(2, event.sequence);
  for (std::size_t column = 0; column < row_->count(); ++column) {
    typed.bind(static_cast<int>(column) + 3, row_->value(column));
  }
  return typed.run();
}

void EventRows::abandon() {
  connection_.leave_log_on_close();
  close();
}

void EventRows::close() {
  begin_ = {};
  commit_ = {};
  rollback_ = {};
  event_ = {};
  head_ = {};
  for (sqlite::Statement& statement : typed_) statement = {};
  connection_ = {};
}

}  // namespace kiln
