#pragma once
// A record as the engine would have written it, for the tests of all formats: one compute tray C01 in slot 11
// with one required check, to which a test adds what it is about. Events are one second apart.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/report_format.h"

namespace kiln {

inline std::string render_report(const std::string& name, const ReportInput& input) {
  for (const auto& format : make_report_formats()) {
    if (format->name() != name) continue;
    Result<std::string> text = format->render(input);
    EXPECT_TRUE(text.has_value());
    return text ? *text : "";
  }
  ADD_FAILURE() << "no format " << name;
  return {};
}

class RecordForTest {
 public:
  RecordForTest() {
    RunBegun begun;
    begun.recipe = "demo";
    begun.recipe_version = "1.0.0";
    begun.rack = "R01";
    begun.purpose = "burn-in";
    begun.simulated = true;
    begun.time_scale = 20;
    begun.not_eligible_because = {"simulated rack, not hardware"};
    add("", "", begun);
    plan("C01", Role::compute_tray, 11);
    require("C01", "soak/load", "gpu.temperature.max", "GPU_0", "Cel", "≤ 85 Cel");
    add("C01", "soak/load", StepBegun{});
  }

  template <class Body>
  Event& add(const std::string& dut, const std::string& step, const Body& body, int attempt = 1) {
    Event event;
    event.sequence = static_cast<std::int64_t>(input.events.events.size()) + 1;
    event.at = {event.sequence * 1'000'000'000, 1'700'000'000'000'000'000 + event.sequence * 1'000'000'000};
    event.dut = dut;
    event.step = step;
    event.attempt = attempt;
    event.body = body;
    input.events.events.push_back(event);
    return input.events.events.back();
  }
  void plan(const std::string& dut, Role role, std::optional<int> slot) {
    DutPlanned planned;
    planned.role = role;
    planned.slot = slot;
    add(dut, "", planned);
  }
  void require(const std::string& dut, const std::string& step, const std::string& name,
               const std::string& part, const std::string& unit, const std::string& limit_text) {
    CellPlanned cell;
    cell.cell = {step, dut, name, ComponentKind::gpu, part};
    cell.limit_text = limit_text;
    cell.unit = unit;
    add(dut, step, cell);
  }
  void measured(Outcome outcome, Value value, const std::string& reason = "", int attempt = 1) {
    Measured body;
    body.name = "gpu.temperature.max";
    body.kind = ComponentKind::gpu;
    body.part = "GPU_0";
    body.value = std::move(value);
    body.unit = "Cel";
    body.outcome = outcome;
    body.limit_text = "≤ 85 Cel";
    body.limit_source = "product specification";
    body.limits_revision = 7;
    body.reason = reason;
    body.fault_code = outcome == Outcome::fail ? "gpu.hot" : "";
    body.action = "check the cold plate";
    add("C01", "soak/load", body, attempt);
  }
  void series(const std::string& dut, const std::string& part, std::vector<std::pair<double, double>> samples,
              const std::string& name = "gpu.temperature", const std::string& unit = "Cel") {
    SeriesChunk chunk;
    chunk.name = name;
    chunk.part = part;
    chunk.unit = unit;
    chunk.samples = std::move(samples);
    add(dut, "soak/load", chunk);
  }
  void end() {
    add("C01", "soak/load", StepEnded{});
    RunEnded ended;
    ended.status = "complete";
    add("", "", ended);
  }
  /// The first attempt could not be done, the second was, and measured a pass.
  void end_after_retry() {
    StepEnded ended;
    ended.status = WorkStatus::error;
    ended.code = "bmc.timeout";
    add("C01", "soak/load", ended);
    add("C01", "soak/load", Retried{"bmc.timeout", "no answer", 2});
    add("C01", "soak/load", StepBegun{}, 2);
    measured(Outcome::pass, 60.0, "", 2);
    add("C01", "soak/load", StepEnded{}, 2);
    add("", "", RunEnded{"complete", ""});
  }
  ReportInput& done() {
    input.run.id = "R-20260301-120000-4f2a";
    input.run.state = RunState::complete;
    input.verdict = roll_up(input.events.events);
    return input;
  }
  ReportInput input;
};

inline int count_in(const std::string& text, const std::string& wanted) {
  int count = 0;
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + wanted.size()))
    ++count;
  return count;
}

}  // namespace kiln
