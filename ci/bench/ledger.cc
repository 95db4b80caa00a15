// The ledger beside bare SQLite loops of the same durability (WAL, synchronous=FULL, the same number of
// events per commit) on one disk, in turns. All write the same events; making them is outside the clock,
// closing the file inside.
//
// - "one row": one row per event in a table of the event's columns without checks or index, body and hash
// ready made.
//   As little as this durability allows: the ceiling.
// - "same rows": what the ledger writes (event with its checks, the typed row beside it, the head once per
// commit) into
//   the ledger's own schema, every value ready made. What remains between it and the ledger is ours: the JSON
//   body, the chain of hashes, and handing rows from one thread to another.
#include "store/ledger.h"

#include <sqlite3.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ci/bench/comparison.h"
#include "io/loop.h"
#include "model/event.h"
#include "store/event_json.h"
#include "store/schema.h"

namespace kiln::bench {
namespace {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    // Beside the programs, not on a memory file system: durability is what is measured.
    std::string pattern = std::string(KILN_BINARY_DIR) + "/ledger-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

Event sample(int at) {
  Measured measured;
  measured.name = "gpu.temperature.max";
  measured.kind = ComponentKind::gpu;
  measured.part = "GPU_" + std::to_string(at % 4);
  measured.value = 60.0 + at % 40;
  measured.unit = "Cel";
  measured.outcome = Outcome::pass;
  measured.limit_text = "≤ 85 Cel (marginal above 80)";
  measured.limit_source = "product specification, revision 3, page 12";
  measured.limits_revision = 7;
  measured.margin_percent = 12.5;
  measured.source = {"redfish", "/redfish/v1/Chassis/HGX_GPU_0/Sensors/HGX_GPU_0_TEMP_0"};
  Event event;
  event.at = {1'000'000LL * at, 1'700'000'000'000'000'000 + 1'000'000LL * at};
  event.dut = "C01";
  event.step = "soak/load";
  event.body = std::move(measured);
  return event;
}

/// What both bare loops bind: the event as it will be stored.
struct Ready {
  Event event;
  std::string body;
};

std::vector<Ready> make_events(int rows) {
  std::vector<Ready> events;
  events.reserve(static_cast<std::size_t>(rows));
  for (int row = 1; row <= rows; ++row) {
    Ready ready;
    ready.event = sample(row);
    ready.body = to_json(ready.event.body);
    events.push_back(std::move(ready));
  }
  return events;
}

void require(bool worked) {
  if (!worked) throw std::runtime_error("SQLite refused");
}

/// A connection and its statements by the plain C interface.
class Bare {
 public:
  explicit Bare(const std::string& file) {
    require(sqlite3_open(file.c_str(), &connection_) == SQLITE_OK);
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864");
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;
  ~Bare() { close(); }

  void run(const char* sql) {
    require(sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    require(sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) ==
            SQLITE_OK);
    statements_.push_back(statement);
    return statement;
  }
  static void step(sqlite3_stmt* statement) {
    require(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
  }
  void close() {
    for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
    statements_.clear();
    sqlite3_close(connection_);  // folds the log into the file, as the ledger's close does
    connection_ = nullptr;
  }

 private:
  sqlite3* connection_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text(statement, index, text.empty() ? "" : text.data(), static_cast<int>(text.size()),
                    SQLITE_STATIC);
}

const std::string& some_hash() {
  static const std::string hash(32, 'h');
  return hash;
}

void bind_event(sqlite3_stmt* insert, int row, const Ready& ready) {
  sqlite3_bind_int64(insert, 1, row);
  bind_text(insert, 2, "measured");
  bind_text(insert, 3, ready.event.dut);
  bind_text(insert, 4, ready.event.step);
  sqlite3_bind_int64(insert, 5, ready.event.iteration);
  sqlite3_bind_int64(insert, 6, ready.event.attempt);
  sqlite3_bind_int64(insert, 7, ready.event.at.monotonic_ns);
  sqlite3_bind_int64(insert, 8, ready.event.at.utc_ns);
  bind_text(insert, 9, ready.body);
  sqlite3_bind_blob(insert, 10, some_hash().data(), static_cast<int>(some_hash().size()), SQLITE_STATIC);
}

void bind_measured(sqlite3_stmt* insert, int row, const Measured& measured) {
  sqlite3_bind_int64(insert, 1, row);
  bind_text(insert, 2, measured.name);
  bind_text(insert, 3, to_string(measured.kind));
  bind_text(insert, 4, measured.part);
  bind_text(insert, 5, "real");
  sqlite3_bind_double(insert, 6, std::get<double>(measured.value));
  bind_text(insert, 7, measured.unit);
  bind_text(insert, 8, to_string(measured.outcome));
  bind_text(insert, 9, measured.limit_text);
  bind_text(insert, 10, measured.limit_source);
  sqlite3_bind_int64(insert, 11, measured.limits_revision);
  sqlite3_bind_double(insert, 12, measured.margin_percent.value_or(0));
  bind_text(insert, 13, measured.reason);
  bind_text(insert, 14, measured.fault_code);
  bind_text(insert, 15, measured.action);
  bind_text(insert, 16, measured.source.kind);
  bind_text(insert, 17, measured.source.detail);
}

constexpr const char* kInsertEvent = "INSERT INTO event VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Begin, write, commit by groups, close. `each` writes one event, `end_group` what belongs to a commit.
template <class Each, class EndGroup>
Used by_groups(Bare& bare, const std::vector<Ready>& events, int group, Each each, EndGroup end_group) {
  sqlite3_stmt* const begin = bare.prepare("BEGIN IMMEDIATE");
  sqlite3_stmt* const commit = bare.prepare("COMMIT");
  const int rows = static_cast<int>(events.size());
  const Meter meter;
  for (int row = 1; row <= rows; ++row) {
    if (row % group == 1 || group == 1) Bare::step(begin);
    each(row, events[static_cast<std::size_t>(row - 1)]);
    if (row % group != 0 && row != rows) continue;
    end_group(row);
    Bare::step(commit);
  }
  bare.close();
  return meter.used(rows);
}

Used one_row(const std::vector<Ready>& events, int group) {
  const TemporaryDirectory directory;
  Bare bare(directory.file("raw.db"));
  bare.run(
      "CREATE TABLE event (run INTEGER, sequence INTEGER, kind TEXT, dut TEXT, step TEXT, iteration INTEGER, "
      "attempt "
      "INTEGER, monotonic_ns INTEGER, utc_ns INTEGER, body TEXT, chain BLOB, PRIMARY KEY (run, sequence)) "
      "STRICT, "
      "WITHOUT ROWID");
  sqlite3_stmt* const insert = bare.prepare(kInsertEvent);
  const auto each = [insert](int row, const Ready& ready) {
    bind_event(insert, row, ready);
    Bare::step(insert);
  };
  return by_groups(bare, events, group, each, [](int) {});
}

Used same_rows(const std::vector<Ready>& events, int group) {
  const TemporaryDirectory directory;
  Bare bare(directory.file("same.db"));
  bare.run(schema_sql());
  bare.run(
      "INSERT INTO run VALUES (1, 'R', 0, 0, 1, '', ''); INSERT INTO head VALUES (1, 0, 0, zeroblob(32))");
  sqlite3_stmt* const insert = bare.prepare(kInsertEvent);
  sqlite3_stmt* const typed = bare.prepare(
      "INSERT INTO measurement VALUES (1, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  sqlite3_stmt* const head =
      bare.prepare("UPDATE head SET sequence = ?, utc_ns = ?, chain = ? WHERE run = 1");
  const auto each = [insert, typed](int row, const Ready& ready) {
    bind_event(insert, row, ready);
    Bare::step(insert);
    bind_measured(typed, row, std::get<Measured>(ready.event.body));
    Bare::step(typed);
  };
  const auto end_group = [head](int row) {
    sqlite3_bind_int64(head, 1, row);
    sqlite3_bind_int64(head, 2, row);
    sqlite3_bind_blob(head, 3, some_hash().data(), static_cast<int>(some_hash().size()), SQLITE_STATIC);
    Bare::step(head);
  };
  return by_groups(bare, events, group, each, end_group);
}

Used through_ledger(const std::vector<Ready>& events, int group) {
  const TemporaryDirectory directory;
  LedgerOptions options;
  options.database = directory.file("kiln.db");
  options.commit_rows = static_cast<std::size_t>(group);
  options.commit_interval = std::chrono::hours(1);  // by rows only, as the bare loops
  options.channel_rows = events.size();
  options.reserve_bytes = 0;
  options.least_free_bytes = 0;
  const auto loop = Loop::simulated();
  Result<std::unique_ptr<Ledger>> opened = Ledger::open(*loop, options);
  if (!opened) throw std::runtime_error(opened.error().full());
  std::vector<Event> given;
  given.reserve(events.size());
  for (const Ready& ready : events) given.push_back(ready.event);
  const Meter meter;
  for (Event& event : given) {
    if (!(*opened)->try_append(std::move(event))) throw std::runtime_error("an event was not taken");
  }
  const Status closed = (*opened)->close();
  if (!closed) throw std::runtime_error(closed.error().full());
  return meter.used(static_cast<double>(events.size()));
}

int run(int rounds, int rows, const std::string& json_file) {
  const std::vector<Ready> events = make_events(rows);
  Comparison comparison("rows");
  for (int round = 0; round < rounds; ++round) {
    for (const int group : {64, 1024}) {
      const std::string suffix = fmt::format(", {} per commit", group);
      const std::string ceiling = "bare SQLite, one row" + suffix;
      const std::string same = "bare SQLite, same rows" + suffix;
      comparison.note(ceiling, {}, one_row(events, group));
      comparison.note(same, {ceiling}, same_rows(events, group));
      comparison.note("ledger" + suffix, {ceiling, same}, through_ledger(events, group));
    }
  }
  comparison.print();
  comparison.write(json_file);
  return 0;
}

}  // namespace
}  // namespace kiln::bench

int main(int argc, char** argv) {
  int rounds = 7;
  int rows = 40'960;
  std::string json_file;
  CLI::App app("Rows per CPU second of the ledger, beside bare SQLite loops of the same durability",
               "bench_ledger");
  app.add_option("--rounds", rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--rows", rows, "in each round, by each line")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--json", json_file, "also write all rounds to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    return kiln::bench::run(rounds, rows, json_file);
  } catch (const std::exception& error) {
    std::cerr << "bench_ledger: " << error.what() << "\n";
    return 4;
  }
}
