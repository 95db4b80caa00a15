// The reports of a run that sampled for days, beside a plain pass over the same samples: SQLite hands out
// each chunk, it is decoded and summed. The run is one of 18 trays with four GPUs and three series each,
// chunks of 60 samples in turns, as a rack of that size writes them. Every line runs in a process of its own,
// so that its peak of memory is its own; making the run is outside of all figures.

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ci/bench/comparison.h"
#include "common/report_format.h"
#include "io/loop.h"
#include "store/ledger.h"
#include "store/series_codec.h"

namespace kiln::bench {
namespace {

constexpr int kTrays = 18, kGpus = 4;
constexpr int kSamplesOfChunk = 60;  // as the engine records them: a minute at 1 Hz
constexpr double kCelsius = 1, kWatts = 0.1, kMegahertz = 15;

struct Sampled {
  const char *name, *unit;
  double middle, swing, step;
};
constexpr std::array<Sampled, 3> kSampled{{{"gpu.temperature", "Cel", 60, 8, kCelsius},
                                           {"gpu.power", "W", 900, 120, kWatts},
                                           {"gpu.clock", "MHz", 1800, 90, kMegahertz}}};

class Place {
 public:
  Place() {
    // Beside the programs: a file that is read, as a record is.
    std::string pattern = std::string(KILN_BINARY_DIR) + "/report-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Writes the run through the ledger.
class Recording {
 public:
  explicit Recording(const std::string& database) : loop_(Loop::simulated()) {
    LedgerOptions options;
    options.database = database;
    options.reserve_bytes = options.least_free_bytes = 0;
    Result<std::unique_ptr<Ledger>> opened = Ledger::open(*loop_, options);
    if (!opened) throw std::runtime_error(opened.error().full());
    ledger_ = std::move(*opened);
  }
  template <class Body>
  void add(const std::string& dut, double seconds, Body body) {
    Event event;
    const auto ns = static_cast<std::int64_t>(seconds * 1e9);
    event.at = {1'000'000'000 + ns, 1'700'000'000'000'000'000 + ns};
    event.dut = dut;
    if (!dut.empty()) event.step = "soak/load";
    event.body = std::move(body);
    for (;;) {
      const Result<std::int64_t> taken = ledger_->try_append(event);
      if (taken) return;
      if (taken.error().code != "ledger.full") throw std::runtime_error(taken.error().full());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void close() {
    const Status closed = ledger_->close();
    if (!closed) throw std::runtime_error(closed.error().full());
  }

 private:
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Ledger> ledger_;
};

std::string tray(int at) { return fmt::format("C{:02}", at + 1); }
std::string gpu(int at) { return fmt::format("GPU_{}", at); }

/// One minute of one series, a second and some nanoseconds apart.
SeriesChunk minute_of(const Sampled& sampled, int tray_at, int gpu_at, std::int64_t from) {
  SeriesChunk chunk{sampled.name, gpu(gpu_at), sampled.unit, {}};
  for (int at = 0; at < kSamplesOfChunk; ++at) {
    const std::int64_t second = from + at;
    const double t =
        static_cast<double>(second * 1'000'000'000 + 1'000 * tray_at + 17 * (second % 997)) / 1e9;
    const double wave = std::sin(static_cast<double>(second) / 40 + tray_at + gpu_at);
    chunk.samples.emplace_back(
        t, std::round((sampled.middle + sampled.swing * wave) / sampled.step) * sampled.step);
  }
  return chunk;
}

void record_run(const std::string& database, std::int64_t samples) {
  Recording run(database);
  RunBegun begun;
  begun.recipe = "soak";
  begun.recipe_version = "1.0.0";
  begun.rack = "R01";
  begun.purpose = "burn-in";
  run.add("", 0, begun);
  for (int at = 0; at < kTrays; ++at) {
    DutPlanned planned;
    planned.role = Role::compute_tray;
    planned.slot = at + 1;
    run.add(tray(at), 0, planned);
    for (int part = 0; part < kGpus; ++part) {
      CellPlanned cell;
      cell.cell = {"soak/load", tray(at), "gpu.temperature.max", ComponentKind::gpu, gpu(part)};
      cell.limit_text = "≤ 85 Cel (marginal above 80)";
      cell.unit = "Cel";
      run.add(tray(at), 0, cell);
    }
  }
  for (int at = 0; at < kTrays; ++at) run.add(tray(at), 0, StepBegun{});
  std::int64_t made = 0;
  std::int64_t second = 0;
  for (; made < samples; second += kSamplesOfChunk) {
    for (int at = 0; at < kTrays; ++at) {
      for (int part = 0; part < kGpus; ++part) {
        for (const Sampled& sampled : kSampled) {
          if (made >= samples) continue;
          run.add(tray(at), static_cast<double>(second + kSamplesOfChunk),
                  minute_of(sampled, at, part, second));
          made += kSamplesOfChunk;
        }
      }
    }
  }
  const auto ended = static_cast<double>(second + 1);
  for (int at = 0; at < kTrays; ++at) {
    for (int part = 0; part < kGpus; ++part) {
      Measured measured;
      measured.name = "gpu.temperature.max";
      measured.kind = ComponentKind::gpu;
      measured.part = gpu(part);
      measured.value = 68.0;
      measured.unit = "Cel";
      measured.outcome = Outcome::pass;
      measured.limit_text = "≤ 85 Cel (marginal above 80)";
      measured.limit_source = "product specification, revision 3, page 12";
      run.add(tray(at), ended, measured);
    }
    run.add(tray(at), ended, StepEnded{});
  }
  run.add("", ended, RunEnded{"complete", ""});
  run.close();
}

double plain_pass(const std::string& database) {
  sqlite3* connection = nullptr;
  sqlite3_stmt* select = nullptr;
  if (sqlite3_open_v2(database.c_str(), &connection, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(connection, "SELECT samples FROM series_chunk ORDER BY run, sequence", -1, &select,
                         nullptr) != SQLITE_OK)
    throw std::runtime_error("SQLite refused");
  double sum = 0;
  while (sqlite3_step(select) == SQLITE_ROW) {
    const std::string_view bytes(static_cast<const char*>(sqlite3_column_blob(select, 0)),
                                 static_cast<std::size_t>(sqlite3_column_bytes(select, 0)));
    const Result<SeriesSamples> samples = decode_samples(bytes);
    if (!samples) throw std::runtime_error(samples.error().full());
    for (const auto& [t, value] : *samples) sum += t + value;
  }
  sqlite3_finalize(select);
  sqlite3_close(connection);
  return sum;
}

/// `format` empty: all that every run leaves; "none": the record is read for them and nothing written.
void report(const std::string& database, const std::string& format, const std::string& file) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) throw std::runtime_error(view.error().full());
  const Result<std::string> run = (*view)->find_run("last");
  if (!run) throw std::runtime_error(run.error().full());
  const Result<ReportInput> input = read_report_input(**view, *run);
  if (!input) throw std::runtime_error(input.error().full());
  for (const auto& one : make_report_formats()) {
    if (format.empty() ? !one->is_written_unasked() : one->name() != format) continue;
    std::ofstream out(file, std::ios::binary);
    const Status written = one->write(*input, [&out](std::string_view piece) {
      out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
      return success();
    });
    if (!written) throw std::runtime_error(written.error().full());
    if (!out.flush()) throw std::runtime_error(file + " cannot be written");
  }
}

struct Cost {
  Used used;
  double peak_mib = 0;
};

/// Runs it in a process of its own.
Cost alone(double count, const std::function<void()>& work) {
  int ends[2];  // NOLINT(*-avoid-c-arrays): pipe(2)
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    Cost cost;
    try {
      const Meter meter;
      work();
      cost.used = meter.used(count);
      rusage used{};
      ::getrusage(RUSAGE_SELF, &used);
      cost.peak_mib = static_cast<double>(used.ru_maxrss) / 1024;
    } catch (const std::exception& error) {
      std::cerr << "bench_report: " << error.what() << std::endl;
      ::_exit(4);
    }
    ::_exit(::write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 4);
  }
  ::close(ends[1]);
  Cost cost;
  const bool told = ::read(ends[0], &cost, sizeof cost) == sizeof cost;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!told || status != 0) throw std::runtime_error("a line failed");
  return cost;
}

int run(int rounds, std::int64_t samples, const std::string& keep, const std::string& json_file) {
  const Place place;
  const std::string database = keep.empty() ? place.file("kiln.db") : keep;
  const auto count = static_cast<double>(samples);
  if (!std::filesystem::exists(database)) alone(count, [&] { record_run(database, samples); });
  Comparison comparison("samples");
  std::map<std::string, double> peaks;
  const std::string ceiling = "bare SQLite, samples decoded and summed";
  const auto note = [&](const std::string& name, const std::vector<std::string>& beside,
                        const std::function<void()>& work) {
    const Cost cost = alone(count, work);
    comparison.note(name, beside, cost.used);
    peaks[name] = std::max(peaks[name], cost.peak_mib);
  };
  for (int round = 0; round < rounds; ++round) {
    note(ceiling, {}, [&] {
      if (!std::isfinite(plain_pass(database))) throw std::runtime_error("the sum is no number");
    });
    note("record read for a report", {ceiling}, [&] { report(database, "none", place.file("out")); });
    for (const char* format : {"html", "json", "ocptv", "ndjson"})
      note(fmt::format("{} report", format), {ceiling}, [&] { report(database, format, place.file("out")); });
    note("all reports that a run leaves", {ceiling}, [&] { report(database, "", place.file("out")); });
  }
  comparison.print();
  for (const auto& [name, mib] : peaks) fmt::print("{:<44}{:>10.0f} MiB at most\n", name, mib);
  if (json_file.empty()) return 0;
  boost::json::object all = comparison.json();
  all["peak_mib"] = boost::json::value_from(peaks);
  std::ofstream out(json_file);
  out << boost::json::serialize(all) << "\n";
  if (!out.flush()) throw std::runtime_error(json_file + " cannot be written");
  return 0;
}

}  // namespace
}  // namespace kiln::bench

int main(int argc, char** argv) {
  int rounds = 3;
  std::int64_t samples = 10'000'000;
  std::string keep;
  std::string json_file;
  CLI::App app("Samples per CPU second of the reports, beside a plain pass over the same samples",
               "bench_report");
  app.add_option("--rounds", rounds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--samples", samples, "of the run that is reported")
      ->check(CLI::Range(1'000, 1'000'000'000))
      ->capture_default_str();
  app.add_option("--keep", keep, "use this record, or make it there and leave it");
  app.add_option("--json", json_file, "also write all rounds to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    return kiln::bench::run(rounds, samples, keep, json_file);
  } catch (const std::exception& error) {
    std::cerr << "bench_report: " << error.what() << "\n";
    return 4;
  }
}
