// The ledger beside a bare SQLite loop of the same durability (WAL, synchronous=FULL, the same number of rows
// per commit, the same columns), in one run on one disk. What the ledger does more for each row: building the
// JSON body, hashing it into the chain, writing the typed row beside it, and handing it from one thread to
// another. The counter `of_raw` is the ledger's rows per second divided by those of the bare loop of the same
// group size; `rows_per_s` is by wall clock.
#include <benchmark/benchmark.h>
#include <sqlite3.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "io/loop.h"
#include "model/event.h"
#include "store/event_json.h"
#include "store/ledger.h"

namespace kiln {
namespace {

constexpr int kRows = 40'960;

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

std::map<std::int64_t, double>& raw_rates() {
  static std::map<std::int64_t, double> rates;
  return rates;
}

void require(bool worked) {
  if (!worked) throw std::runtime_error("SQLite refused");
}

/// One row per event with body and hash ready made: as little work as this durability allows.
void raw_sqlite(benchmark::State& state) {
  const std::int64_t group = state.range(0);
  const std::string body = to_json(sample(1).body);
  const std::string hash(32, 'h');
  double seconds = 0;
  for (auto unused : state) {
    TemporaryDirectory directory;
    sqlite3* connection = nullptr;
    require(sqlite3_open(directory.file("raw.db").c_str(), &connection) == SQLITE_OK);
    require(
        sqlite3_exec(
            connection,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE event (run INTEGER, sequence INTEGER, kind TEXT, dut TEXT, step TEXT, iteration "
            "INTEGER, attempt INTEGER, monotonic_ns INTEGER, utc_ns INTEGER, body TEXT, chain BLOB, PRIMARY "
            "KEY (run, sequence)) STRICT, WITHOUT ROWID",
            nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_stmt* insert = nullptr;
    require(sqlite3_prepare_v2(
                connection,
                "INSERT INTO event VALUES (1, ?, 'measured', 'C01', 'soak/load', 1, 1, ?, ?, ?, ?)", -1,
                &insert, nullptr) == SQLITE_OK);
    const auto begun = std::chrono::steady_clock::now();
    for (int row = 1; row <= kRows; ++row) {
      if (row % group == 1 || group == 1) sqlite3_exec(connection, "BEGIN", nullptr, nullptr, nullptr);
      sqlite3_bind_int64(insert, 1, row);
      sqlite3_bind_int64(insert, 2, row);
      sqlite3_bind_int64(insert, 3, row);
      sqlite3_bind_text(insert, 4, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
      sqlite3_bind_blob(insert, 5, hash.data(), static_cast<int>(hash.size()), SQLITE_STATIC);
      require(sqlite3_step(insert) == SQLITE_DONE);
      sqlite3_reset(insert);
      if (row % group == 0)
        require(sqlite3_exec(connection, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    seconds += took;
    state.SetIterationTime(took);
    sqlite3_finalize(insert);
    sqlite3_close(connection);
  }
  const double rate = static_cast<double>(kRows) * static_cast<double>(state.iterations()) / seconds;
  raw_rates()[group] = rate;
  state.counters["rows_per_s"] = rate;
}

void ledger(benchmark::State& state) {
  const std::int64_t group = state.range(0);
  double seconds = 0;
  for (auto unused : state) {
    TemporaryDirectory directory;
    LedgerOptions options;
    options.database = directory.file("kiln.db");
    options.commit_rows = static_cast<std::size_t>(group);
    options.channel_rows = kRows;
    options.reserve_bytes = 0;
    options.least_free_bytes = 0;
    const auto loop = Loop::simulated();
    Result<std::unique_ptr<Ledger>> opened = Ledger::open(*loop, options);
    if (!opened) {
      state.SkipWithError(opened.error().message.c_str());
      return;
    }
    const auto begun = std::chrono::steady_clock::now();
    for (int row = 1; row <= kRows; ++row) {
      if (!(*opened)->try_append(sample(row))) state.SkipWithError("an event was not taken");
    }
    if (!(*opened)->close()) state.SkipWithError("the ledger failed");
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    seconds += took;
    state.SetIterationTime(took);
  }
  const double rate = static_cast<double>(kRows) * static_cast<double>(state.iterations()) / seconds;
  state.counters["rows_per_s"] = rate;
  const auto raw = raw_rates().find(group);
  if (raw != raw_rates().end()) state.counters["of_raw"] = rate / raw->second;
}

// The bare loop first: the ledger's ratio needs its figure.
BENCHMARK(raw_sqlite)
    ->Arg(64)
    ->Arg(1024)
    ->UseManualTime()
    ->MeasureProcessCPUTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(ledger)->Arg(64)->Arg(1024)->UseManualTime()->MeasureProcessCPUTime()->Iterations(5)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace kiln

BENCHMARK_MAIN();
