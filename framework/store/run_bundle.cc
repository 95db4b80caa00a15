#include "store/run_bundle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "model/enum_words.h"
#include "store/migrations.h"
#include "store/schema.h"
#include "store/sqlite.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

using sqlite::Connection;
using sqlite::Statement;

constexpr int kBundleBusyMilliseconds = 10'000;

constexpr const char* kBundleTables =
    "CREATE TABLE bundle (envelope TEXT NOT NULL) STRICT;"
    "CREATE TABLE bundle_file (kind TEXT NOT NULL, run TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT "
    "NULL, "
    "content BLOB NOT NULL, PRIMARY KEY (kind, run, name)) STRICT;";

/// Name and columns of the tables whose rows belong to a run, after the column `run`. A run's number is
/// another one in each file.
constexpr std::array<std::pair<const char*, const char*>, 7> kRunTables{{
    {"head", "sequence, utc_ns, chain"},
    {"event", "sequence, kind, dut, step, iteration, attempt, monotonic_ns, utc_ns, body, chain"},
    {"measurement",
     "sequence, name, component, part, value_type, value_real, value_integer, value_text, unit, outcome, "
     "limit_text, "
     "limit_source, limits_revision, margin, reason, fault_code, action, source_kind, source_detail"},
    {"cell", "sequence, step, dut, measurement, component, part, limit_text, unit"},
    {"series_chunk", "sequence, dut, name, part, unit, sample_count, samples"},
    {"artifact", "sequence, name, media_type, sha256, bytes"},
    {"checkpoint", "envelope, written_utc_ns"},
}};
constexpr const char* kRunColumns = "id, begun_monotonic_ns, begun_utc_ns, pid, boot_id, kiln_version";

Error damaged_bundle(const std::string& path, const std::string& why) {
  return {"bundle.damaged", fmt::format("{} cannot be read: {}", path, why),
          "get it again from where it was exported", Blame::operator_};
}

Error no_bundle(const std::string& path, const std::string& why) {
  return {"bundle.not_a_bundle", fmt::format("{} is no bundle of Kiln: {}", path, why),
          "name a file that kiln export has written", Blame::operator_};
}

/// `still`: nobody writes to it; then no lock is taken, and no log beside it is looked at.
Status attach(Connection& connection, const std::string& path, bool still) {
  std::string uri = "file:";
  for (const char letter : path) {
    const bool means = letter == '%' || letter == '?' || letter == '#';
    uri += means ? fmt::format("%{:02x}", static_cast<unsigned>(static_cast<unsigned char>(letter)))
                 : std::string(1, letter);
  }
  if (still) uri += "?immutable=1";
  Result<Statement> attaching = connection.prepare("ATTACH ?1 AS other");
  if (!attaching) return attaching.error();
  attaching->bind(1, std::string_view(uri));
  return attaching->run();
}

/// One run from the attached database into the main one.
Status copy_rows(Connection& connection, const std::string& run) {
  Result<Statement> row = connection.prepare(
      fmt::format("INSERT INTO main.run ({0}) SELECT {0} FROM other.run WHERE id = ?1", kRunColumns));
  if (!row) return row.error();
  row->bind(1, std::string_view(run));
  Status done = row->run();
  if (!done) return done;
  for (const auto& [table, columns] : kRunTables) {
    Result<Statement> copy = connection.prepare(
        fmt::format("INSERT INTO main.{0} (run, {1}) SELECT (SELECT number FROM main.run WHERE id = ?1), {1} "
                    "FROM other.{0} "
                    "WHERE run = (SELECT number FROM other.run WHERE id = ?1) ORDER BY {2}",
                    table, columns, std::string_view(table) == "checkpoint" ? "number" : "1"));
    if (!copy) return copy.error();
    copy->bind(1, std::string_view(run));
    done = copy->run();
    if (!done) return done;
  }
  return success();
}

constexpr std::array<EnumWord<BundledFile::Kind>, 4> kKinds{{{BundledFile::Kind::artifact, "artifact"},
                                                             {BundledFile::Kind::report, "report"},
                                                             {BundledFile::Kind::reviews, "reviews"},
                                                             {BundledFile::Kind::notes, "notes"}}};

/// A table that is a view, a virtual table, or has a trigger would run what somebody else has written.
Status refuse_anything_but_tables(Connection& connection, const std::string& path) {
  Result<Statement> objects =
      connection.prepare("SELECT type, name, coalesce(rootpage, 0) FROM sqlite_schema");
  if (!objects) return damaged_bundle(path, objects.error().message);
  std::set<std::string> tables;
  for (;;) {
    const Result<Statement::Step> stepped = objects->step();
    if (!stepped) return damaged_bundle(path, stepped.error().message);
    if (*stepped == Statement::Step::done) break;
    const std::string type(objects->text(0)), name(objects->text(1));
    const bool plain = (type == "table" || type == "index") && objects->integer(2) > 0;
    if (!plain) return no_bundle(path, fmt::format("it holds the {} '{}'", type, name));
    if (type == "table") tables.insert(name);
  }
  for (const char* needed : {"run", "bundle", "bundle_file"}) {
    if (!tables.contains(needed)) return no_bundle(path, fmt::format("it has no table '{}'", needed));
  }
  for (const auto& [table, columns] : kRunTables) {
    if (!tables.contains(table)) return no_bundle(path, fmt::format("it has no table '{}'", table));
  }
  return success();
}

/// On disk under its name, or not at all.
Status settle(const std::string& from, const std::string& to) {
  const int file = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  // link() refuses what is there already, rename() would take its place.
  if (!synced || ::link(from.c_str(), to.c_str()) != 0)
    return Error("bundle.not_written", fmt::format("{} cannot be written: {}", to, errno_text(errno)),
                 "choose another name or folder", Blame::station);
  ::unlink(from.c_str());
  return success();
}

}  // namespace

std::string_view to_string(BundledFile::Kind kind) { return word_of(kKinds, kind); }

struct BundleWriter::Impl {
  std::string path, part;
  Connection connection;
  bool finished = false;

  void drop() const {
    for (const char* rest : {"", "-wal", "-shm", "-journal"}) ::unlink((part + rest).c_str());
  }
};

BundleWriter::BundleWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BundleWriter::BundleWriter(BundleWriter&&) noexcept = default;
BundleWriter& BundleWriter::operator=(BundleWriter&&) noexcept = default;
BundleWriter::~BundleWriter() {
  if (!impl_ || impl_->finished) return;
  impl_->connection = Connection();
  impl_->drop();
}

Result<BundleWriter> BundleWriter::create(const std::string& path) {
  if (std::filesystem::exists(path))
    return Error("bundle.exists", fmt::format("{} is there already", path), "give the bundle another name",
                 Blame::operator_);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->part = path + ".part";
  impl->drop();  // of an export that was killed
  Result<Connection> connection = open_for_writing(impl->part);
  if (!connection) return connection.error();
  impl->connection = *std::move(connection);
  // Views and triggers are for a record that is written to; a bundle is plain tables.
  Result<Statement> extras = impl->connection.prepare(
      "SELECT group_concat('DROP ' || type || ' ' || name, ';') FROM sqlite_schema WHERE type IN ('view', "
      "'trigger')");
  if (!extras) return extras.error();
  const Result<Statement::Step> stepped = extras->step();
  if (!stepped) return stepped.error();
  const std::string drops(extras->text(0));
  extras->reset();
  Status made = impl->connection.execute(drops + ";" + kBundleTables);
  if (!made) return made.error();
  return BundleWriter(std::move(impl));
}

Status BundleWriter::add_run(const std::string& database, const std::string& run) {
  Status done = attach(impl_->connection, database, false);
  if (!done) return done;
  done = impl_->connection.execute("BEGIN");
  if (done) done = copy_rows(impl_->connection, run);
  const Status ended = impl_->connection.execute(done ? "COMMIT" : "ROLLBACK");
  const Status let_go = impl_->connection.execute("DETACH other");
  if (!done) return done;
  return ended ? let_go : ended;
}

Status BundleWriter::add_file(const BundledFile& about, const std::string& bytes) {
  Result<Statement> insert =
      impl_->connection.prepare("INSERT OR IGNORE INTO bundle_file VALUES (?1, ?2, ?3, ?4, ?5)");
  if (!insert) return insert.error();
  insert->bind(1, to_string(about.kind));
  insert->bind(2, std::string_view(about.run));
  insert->bind(3, std::string_view(about.name));
  insert->bind(4, std::string_view(about.sha256));
  insert->bind(5, sqlite::Blob{bytes});
  return insert->run();
}

Status BundleWriter::finish(const std::string& envelope) {
  {
    Result<Statement> insert = impl_->connection.prepare("INSERT INTO bundle VALUES (?1)");
    if (!insert) return insert.error();
    insert->bind(1, std::string_view(envelope));
    Status done = insert->run();
    if (!done) return done;
  }
  // One file, that can be read where nobody can write.
  const Result<std::string> mode = impl_->connection.query_text("PRAGMA journal_mode = DELETE");
  if (!mode) return mode.error();
  impl_->connection = Connection();
  Status settled = settle(impl_->part, impl_->path);
  if (settled) impl_->finished = true;
  return settled;
}

struct BundleReader::Impl {
  std::string path, envelope;
  mutable Connection connection;
  std::vector<std::string> runs;
  std::vector<BundledFile> files;
};

BundleReader::BundleReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BundleReader::BundleReader(BundleReader&&) noexcept = default;
BundleReader& BundleReader::operator=(BundleReader&&) noexcept = default;
BundleReader::~BundleReader() = default;
const std::string& BundleReader::path() const { return impl_->path; }
const std::string& BundleReader::envelope() const { return impl_->envelope; }
const std::vector<std::string>& BundleReader::runs() const { return impl_->runs; }
const std::vector<BundledFile>& BundleReader::files() const { return impl_->files; }

namespace {

Status read_bundle_head(Connection& connection, const std::string& path, std::string& envelope,
                        std::vector<std::string>& runs) {
  Result<Statement> sealed = connection.prepare("SELECT envelope FROM bundle");
  if (!sealed) return damaged_bundle(path, sealed.error().message);
  Result<Statement::Step> stepped = sealed->step();
  if (!stepped) return damaged_bundle(path, stepped.error().message);
  if (*stepped == Statement::Step::done) return no_bundle(path, "it was not finished");
  envelope = std::string(sealed->text(0));
  stepped = sealed->step();
  if (!stepped || *stepped == Statement::Step::row) return no_bundle(path, "it has more than one manifest");
  Result<Statement> ids = connection.prepare("SELECT id FROM run ORDER BY id");
  if (!ids) return damaged_bundle(path, ids.error().message);
  for (;;) {
    stepped = ids->step();
    if (!stepped) return damaged_bundle(path, stepped.error().message);
    if (*stepped == Statement::Step::done) return success();
    runs.emplace_back(ids->text(0));
  }
}

Status read_bundle_files(Connection& connection, const std::string& path, std::vector<BundledFile>& files) {
  Result<Statement> rows = connection.prepare(
      "SELECT kind, run, name, sha256, length(content) FROM bundle_file ORDER BY kind, run, name");
  if (!rows) return damaged_bundle(path, rows.error().message);
  for (;;) {
    const Result<Statement::Step> stepped = rows->step();
    if (!stepped) return damaged_bundle(path, stepped.error().message);
    if (*stepped == Statement::Step::done) return success();
    BundledFile file;
    const std::string kind(rows->text(0));
    const auto known = value_of(kKinds, kind);
    if (!known) return no_bundle(path, fmt::format("it has a file of kind '{}'", kind));
    file.kind = *known;
    file.run = std::string(rows->text(1));
    file.name = std::string(rows->text(2));
    file.sha256 = std::string(rows->text(3));
    file.bytes = static_cast<std::uint64_t>(rows->integer(4));
    files.push_back(std::move(file));
  }
}

}  // namespace

Result<BundleReader> BundleReader::open(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0)
    return Error("bundle.not_found", fmt::format("{} cannot be read: {}", path, errno_text(errno)),
                 "name a file that kiln export has written", Blame::operator_);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  // Immutable: no lock, and no log of somebody else is read beside it.
  Result<Connection> connection =
      Connection::open(path, Connection::Mode::immutable, kBundleBusyMilliseconds);
  if (!connection) return no_bundle(path, connection.error().message);
  impl->connection = *std::move(connection);
  const Status careful = impl->connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  if (!careful) return no_bundle(path, careful.error().message);
  const Result<SchemaIdentity> identity = identify(impl->connection);
  if (!identity) return no_bundle(path, identity.error().message);
  if (!identity->ours) return no_bundle(path, "it has another mark");
  if (identity->version > kSchemaVersion)
    return Error("bundle.newer", newer_schema_sentence(path, identity->version, kSchemaVersion),
                 "use that newer version", Blame::operator_);
  const Status plain = refuse_anything_but_tables(impl->connection, path);
  if (!plain) return plain.error();
  const Result<std::string> whole = impl->connection.query_text("PRAGMA quick_check(1)");
  if (!whole) return damaged_bundle(path, whole.error().message);
  if (*whole != "ok") return damaged_bundle(path, *whole);
  Status read = read_bundle_head(impl->connection, path, impl->envelope, impl->runs);
  if (read) read = read_bundle_files(impl->connection, path, impl->files);
  if (!read) return read.error();
  return BundleReader(std::move(impl));
}

Result<std::string> BundleReader::bytes_of(const BundledFile& file) const {
  if (file.bytes > kMostBundledBytes) return damaged_bundle(impl_->path, file.name + " is too large");
  Result<Statement> row =
      impl_->connection.prepare("SELECT content FROM bundle_file WHERE kind = ?1 AND run = ?2 AND name = ?3");
  if (!row) return damaged_bundle(impl_->path, row.error().message);
  row->bind(1, to_string(file.kind));
  row->bind(2, std::string_view(file.run));
  row->bind(3, std::string_view(file.name));
  const Result<Statement::Step> stepped = row->step();
  if (!stepped) return damaged_bundle(impl_->path, stepped.error().message);
  if (*stepped == Statement::Step::done) return damaged_bundle(impl_->path, file.name + " is not in it");
  return std::string(row->blob(0));
}

Status copy_runs(const std::string& bundle, const std::vector<std::string>& runs,
                 const std::string& database) {
  const Result<std::string> path = resolve_database(database);
  if (!path) return path.error();
  Result<Connection> connection = open_for_writing(*path);
  if (!connection) return connection.error();
  const auto not_copied = [&](const Error& why) {
    return Error("bundle.not_copied",
                 fmt::format("the runs of {} were not taken into {}: {}", bundle, *path, why.message),
                 "nothing was changed; try again once that is mended", Blame::station);
  };
  Status done = attach(*connection, bundle, true);
  if (!done) return not_copied(done.error());
  done = connection->execute("BEGIN IMMEDIATE");
  if (!done) return not_copied(done.error());
  for (const std::string& run : runs) {
    if (done) done = copy_rows(*connection, run);
  }
  const Status ended = connection->execute(done ? "COMMIT" : "ROLLBACK");
  if (!done) return not_copied(done.error());
  if (!ended) return not_copied(ended.error());
  return success();
}

}  // namespace kiln
