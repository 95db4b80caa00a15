#pragma once
// Attempts, and runs as events, for the tests of this folder and of those who render or read.

#include <string>
#include <utility>
#include <vector>

#include "quality/quality_report.h"

namespace kiln {

inline constexpr std::int64_t kTestDay = 86'400'000'000'000;
inline constexpr std::int64_t kTestBegin = 1'780'000'000'000'000'000;

inline UnitAttempt attempt_for_test(const std::string& unit, AttemptResult result, int day,
                                    const std::string& recipe = "l10") {
  UnitAttempt attempt;
  attempt.run = "R-" + recipe + "-" + std::to_string(1000 + day) + "-" + unit;
  attempt.recipe = recipe;
  attempt.recipe_version = "1.0.0";
  attempt.product = "gb300-nvl72";
  attempt.station = "ST-01";
  attempt.begun_utc_ns = kTestBegin + day * kTestDay;
  attempt.unit = unit;
  attempt.serial_known = true;
  attempt.role = Role::compute_tray;
  attempt.result = result;
  attempt.parts = {{"gpu GPU_0", "S-" + unit}};
  attempt.load_hours = result == AttemptResult::passed ? 24 : 0;
  if (result == AttemptResult::failed) attempt.fails = {{"gpu.hot", "GPU_0", "too hot"}};
  return attempt;
}

/// One run of one tray and the rack as events, before any of them has a sequence.
struct RunForTest {
  RunBegun about;
  DutPlanned planned;
  std::vector<Event> events;

  explicit RunForTest(const std::string& serial) {
    about.rack = "R01";
    about.product = "gb300-nvl72";
    about.recipe = "l10";
    about.recipe_version = "1.0.0";
    about.purpose = "burn-in";
    about.station = "ST-01";
    about.firmware_baseline = "gb300 revision 3";
    about.firmware_baseline_sha256 = "bb";
    planned.role = Role::compute_tray;
    planned.slot = 11;
    planned.serial = serial;
  }
  void add(double hours, const std::string& dut, const std::string& step, EventBody body) {
    Event event;
    event.sequence = static_cast<std::int64_t>(events.size()) + 1;
    event.at.monotonic_ns = 1'000'000'000 + static_cast<std::int64_t>(hours * 3.6e12);
    event.at.utc_ns = kTestBegin + static_cast<std::int64_t>(hours * 3.6e12);
    event.dut = dut;
    event.step = step;
    event.body = std::move(body);
    events.push_back(std::move(event));
  }
  void begin() {
    add(0, "", "", about);
    add(0, "C01", "", planned);
    CellPlanned cell;
    cell.cell = {"soak/load", "C01", "gpu.temperature.max", ComponentKind::gpu, "GPU_0"};
    cell.limit_text = "≤ 85 Cel";
    cell.unit = "Cel";
    add(0, "C01", "soak/load", cell);
    add(0, "C01", "soak/load", StepBegun{});
    GuardOpened guard;
    guard.undo = "stop load";
    add(0, "C01", "soak/load", guard);
    PermitGranted permit;
    permit.energy = "load";
    add(0, "C01", "soak/load", permit);
  }
  void measure(double hours, double value, const std::string& step = "soak/load") {
    Measured measured;
    measured.name = "gpu.temperature.max";
    measured.kind = ComponentKind::gpu;
    measured.part = "GPU_0";
    measured.value = value;
    measured.unit = "Cel";
    measured.limit_text = "≤ 85 Cel";
    measured.outcome = value <= 85 ? Outcome::pass : Outcome::fail;
    measured.fault_code = value <= 85 ? "" : "gpu.hot";
    add(hours, "C01", step, measured);
  }
  void end(double hours) {
    GuardClosed guard;
    guard.undo = "stop load";
    add(hours, "C01", "soak/load", guard);
    add(hours, "C01", "soak/load", StepEnded{});
    RunEnded ended;
    ended.status = "complete";
    add(hours, "", "", ended);
  }
  /// begin, one value after `hours` of load, end.
  static RunForTest whole(const std::string& serial, double value, double hours = 24) {
    RunForTest run(serial);
    run.begin();
    run.measure(hours, value);
    run.end(hours);
    return run;
  }
};

inline RunAttemptReader::Taken taken_for_test(const RunForTest& run, RunAttemptReader& reader) {
  reader.begin_run("R-1", kTestBegin);
  for (const Event& event : run.events) reader.add(event);
  return reader.end_run();
}

}  // namespace kiln
