#include "store/migrations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/log.h"
#include "base/time.h"
#include "store/run_lock.h"
#include "store/schema.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

/// Another run's commit takes milliseconds; a longer wait means that something holds the file.
constexpr int kBusyMilliseconds = 10'000;

Error not_writable(const std::string& path, int cause) {
  return {cause == ENOSPC ? "ledger.no_space" : "ledger.not_writable",
          fmt::format("the record {} cannot be opened for writing: {}", path, errno_text(cause)),
          "make it writable for this user, or name another file with --db", Blame::station};
}

/// Programs that start together make or migrate the record one after the other: switching to the write-ahead
/// log does not wait for others by itself. Held on the directory, so that no file of its own is left.
class SetupTurn {
 public:
  explicit SetupTurn(const std::string& directory)
      : descriptor_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  SetupTurn(const SetupTurn&) = delete;
  SetupTurn& operator=(const SetupTurn&) = delete;
  ~SetupTurn() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  int descriptor_;
};

Status make_schema(sqlite::Connection& connection, const SchemaHistory& history) {
  Status done = connection.execute("BEGIN IMMEDIATE");
  if (!done) return done;
  // Another program may have made it between our look and our lock.
  const Result<SchemaIdentity> now = identify(connection);
  if (!now) return now.error();
  if (!now->empty) return connection.execute("ROLLBACK");
  done = connection.execute(history.current_schema);
  if (done) {
    done = connection.execute(
        fmt::format("INSERT INTO meta VALUES ('schema_version', '{0}'), ('created_utc', '{1}');"
                    "PRAGMA application_id = {2}; PRAGMA user_version = {0}; COMMIT",
                    history.current_version, format_utc(SystemClock().now().utc_ns), kApplicationId));
  }
  if (!done) {
    const Error cause = done.error();
    static_cast<void>(connection.execute("ROLLBACK"));
    return cause;
  }
  return success();
}

Status refuse_while_written(sqlite::Connection& connection, const std::string& path) {
  Result<sqlite::Statement> runs = connection.prepare("SELECT id FROM run ORDER BY number DESC");
  if (!runs) return runs.error();
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = runs->step();
    if (!stepped) return stepped.error();
    if (*stepped == sqlite::Statement::Step::done) return success();
    const std::string run(runs->text(0));
    if (!run_holder(path, run).alive) continue;
    return Error("ledger.busy",
                 fmt::format("{} is of an older version and run {} is still being written to it", path, run),
                 "wait for that run to end, then start again", Blame::station);
  }
}

Status migrate(sqlite::Connection& connection, const std::string& path, std::int64_t from,
               const SchemaHistory& history) {
  Status done = refuse_while_written(connection, path);
  if (!done) return done;

  std::string copy = fmt::format("{}.v{}.backup", path, from);
  for (int number = 2; std::filesystem::exists(copy); ++number) {
    copy = fmt::format("{}.v{}.backup{}", path, from, number);
  }
  done = make_record_file(copy);
  if (!done) return done;
  done = connection.copy_to(copy);
  if (!done) return done;

  done = connection.execute("BEGIN IMMEDIATE");
  if (!done) return done;
  const Result<SchemaIdentity> now = identify(connection);
  if (!now) return now.error();
  if (now->version != from) return connection.execute("ROLLBACK");  // another program did it meanwhile
  for (const Migration& step : history.steps) {
    if (done && step.to > from) done = connection.execute(step.sql);
  }
  if (done) {
    done = connection.execute(fmt::format(
        "UPDATE meta SET value = '{0}' WHERE name = 'schema_version'; PRAGMA user_version = {0}; COMMIT",
        history.current_version));
  }
  if (!done) {
    const Error cause = done.error();
    static_cast<void>(connection.execute("ROLLBACK"));
    return cause;
  }
  log_info("{} brought from record version {} to {}; the old one is kept as {}", path, from,
           history.current_version, copy);
  return success();
}

Status prepare_for_writing(sqlite::Connection& connection, const std::string& path,
                           const SchemaHistory& history) {
  // Look before touching anything: the file may be somebody else's.
  const Result<SchemaIdentity> identity = identify(connection);
  if (!identity) return identity.error();
  if (!identity->empty && !identity->ours) {
    return Error("ledger.not_a_ledger",
                 fmt::format("{} is an SQLite database, but not a record of Kiln", path),
                 "name another file with --db", Blame::station);
  }
  if (!identity->empty && identity->version > history.current_version) {
    return Error("ledger.newer_schema",
                 newer_schema_sentence(path, identity->version, history.current_version),
                 "use that newer version, or name another file with --db", Blame::station);
  }

  const Result<std::string> journal = connection.query_text("PRAGMA journal_mode = WAL");
  if (!journal) return journal.error();
  if (*journal != "wal") {
    return Error("ledger.not_writable",
                 fmt::format("{} does not lie on a disk that can hold a write-ahead log", path),
                 "keep the record on a local disk", Blame::station);
  }
  Status done = connection.execute("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");
  if (!done) return done;
  if (identity->empty) return make_schema(connection, history);
  if (identity->version < history.current_version)
    return migrate(connection, path, identity->version, history);
  return success();
}

/// Version 2: what people note about a rack, and what the bring-up clock looks for. As in schema.sql.
constexpr const char* kToVersion2 = R"sql(CREATE TABLE rack_note (
  number INTEGER PRIMARY KEY,      -- in the order of noting
  rack TEXT NOT NULL,              -- as `rack:` of its rack file says
  what TEXT NOT NULL CHECK (what IN ('arrived', 'waits_for_parts', 'waits_for_plant', 'waits_for_people', 'goes_on')),  -- what is said of it
  at_utc_ns INTEGER NOT NULL,      -- when it was so
  by_name TEXT NOT NULL,           -- who says so
  station TEXT NOT NULL,           -- where it was written down
  noted_utc_ns INTEGER NOT NULL    -- and when
) STRICT;
CREATE TRIGGER rack_note_no_update BEFORE UPDATE ON rack_note BEGIN SELECT raise(ABORT, 'the record is append-only: rack_note'); END;
CREATE TRIGGER rack_note_no_delete BEFORE DELETE ON rack_note BEGIN SELECT raise(ABORT, 'the record is append-only: rack_note'); END;
CREATE INDEX event_clock ON event (run, kind)
  WHERE kind IN ('dut_planned', 'phase_ended', 'prompt_shown', 'prompt_answered', 'run_resumed');
)sql";

/// Version 3: what the station has signed of its record. As in schema.sql.
constexpr const char* kToVersion3 = R"sql(CREATE TABLE checkpoint (
  number INTEGER PRIMARY KEY,                   -- in the order of signing
  run INTEGER NOT NULL REFERENCES run(number),  -- whose record it is about
  envelope TEXT NOT NULL,                       -- DSSE in JSON: how many events there were, and the hash after the last
  written_utc_ns INTEGER NOT NULL               -- when it was written down
) STRICT;
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint BEGIN SELECT raise(ABORT, 'the record is append-only: checkpoint'); END;
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint BEGIN SELECT raise(ABORT, 'the record is append-only: checkpoint'); END;
)sql";

/// Version 4: what people have signed about runs. As in schema.sql.
constexpr const char* kToVersion4 = R"sql(CREATE TABLE audit (
  number INTEGER PRIMARY KEY CHECK (number > 0),  -- from 1, without gaps, over all runs
  run INTEGER NOT NULL REFERENCES run(number),    -- what it is about
  statement TEXT NOT NULL,                        -- JSON, as it was signed: approve, reject, waive, countersign, withdraw
  signature TEXT NOT NULL,                        -- of the person, in OpenSSH's armoured form
  recorded_utc_ns INTEGER NOT NULL,               -- when the station wrote it down
  chain TEXT NOT NULL CHECK (length(chain) = 64), -- SHA-256 over the hash before it and the columns above, hexadecimal
  envelope TEXT NOT NULL                          -- DSSE in JSON: the station's signature over that hash
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the record is append-only: audit'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the record is append-only: audit'); END;
)sql";

}  // namespace

const SchemaHistory& schema_history() {
  static const SchemaHistory history{
      schema_sql(), kSchemaVersion, {{2, kToVersion2}, {3, kToVersion3}, {4, kToVersion4}}};
  return history;
}

Error ledger_error(const Error& cause, const std::string& path) {
  const std::string kind = cause.code.substr(0, cause.code.find('.')) == "sqlite" ? cause.code.substr(7) : "";
  const auto named = [&](const char* code, const char* action) {
    return Error(code, fmt::format("the record {}: {}", path, cause.message), action, Blame::station);
  };
  if (kind.empty()) return cause;
  if (kind == "full") return named("ledger.no_space", "free space on that disk");
  if (kind == "busy")
    return named("ledger.busy", "wait for the other program to end, or name another file with --db");
  if (kind == "damaged") {
    return named("ledger.damaged",
                 "move the file away and keep it as evidence; a new one is made at the next run");
  }
  if (kind == "not_a_database") return named("ledger.not_a_ledger", "name another file with --db");
  return named("ledger.not_writable",
               "make it and its directory writable for this user, or name another file with --db");
}

Status make_record_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) {
    ::close(descriptor);
    return success();
  }
  const int cause = errno;
  if (cause != EEXIST) return not_writable(path, cause);
  if (::access(path.c_str(), R_OK | W_OK) != 0) return not_writable(path, errno);
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid() && (status.st_mode & 0077) != 0) {
    ::chmod(path.c_str(), 0600);
  }
  return success();
}

Result<sqlite::Connection> open_for_writing(const std::string& path, const SchemaHistory& history) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  Status done = make_directories(directory);
  if (!done) return done.error();
  const SetupTurn turn(directory);
  done = make_record_file(path);
  if (!done) return done.error();
  Result<sqlite::Connection> connection =
      sqlite::Connection::open(path, sqlite::Connection::Mode::create, kBusyMilliseconds);
  if (!connection) return ledger_error(connection.error(), path);
  done = prepare_for_writing(*connection, path, history);
  if (!done) return ledger_error(done.error(), path);
  return connection;
}

}  // namespace kiln
