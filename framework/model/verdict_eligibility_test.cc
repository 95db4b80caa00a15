// What keeps a run from being signed off although it may be GO, and what is missing although it was not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/verdict.h"
#include "model/waiver.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kDue = 1'793'491'199'000'000'000;  // 2026-10-31T23:59:59Z

/// A run over C01 with one cell of GPU_0, in order.
std::vector<Event> run_with(const std::string& measurement, const Measured& measured,
                            std::int64_t ended_utc_ns) {
  std::vector<Event> events;
  const auto add = [&events](const std::string& dut, const std::string& step, EventBody body,
                             std::int64_t utc_ns) {
    Event event;
    event.sequence = static_cast<std::int64_t>(events.size()) + 1;
    event.at.utc_ns = utc_ns;
    event.dut = dut;
    event.step = step;
    event.body = std::move(body);
    events.push_back(std::move(event));
  };
  RunBegun begun;
  begun.rack = "R01";
  begun.purpose = "burn-in";
  begun.operator_name = "Ann";
  begun.instruments = {{"flow-meter-7", "", "K-118", kDue, {"coolant.flow"}}};
  add("", "", begun, kDue - 10);
  DutPlanned dut;
  dut.role = Role::compute_tray;
  add("C01", "", dut, kDue - 9);
  CellPlanned cell;
  cell.cell = {"soak/load", "C01", measurement, ComponentKind::gpu, "GPU_0"};
  add("C01", "soak/load", cell, kDue - 8);
  add("C01", "soak/load", StepBegun{"gpu_stress.soak"}, kDue - 7);
  add("C01", "soak/load", measured, kDue - 6);
  add("C01", "soak/load", StepEnded{}, kDue - 5);
  add("", "", RunEnded{"complete", ""}, ended_utc_ns);
  return events;
}

Measured measured_as(const std::string& name, Outcome outcome, const std::string& reason = {}) {
  Measured body;
  body.name = name;
  body.kind = ComponentKind::gpu;
  body.part = "GPU_0";
  body.unit = "s";
  body.outcome = outcome;
  body.reason = reason;
  if (outcome != Outcome::unset) body.value = 75.0;
  body.limit_text = "≤ 60 s";
  if (outcome == Outcome::fail) body.fault_code = "gpu.telemetry";
  return body;
}

TEST(Eligibility, ACalibrationThatWasDueBeforeTheEndIsOverdue) {
  const Measured passed = measured_as("coolant.flow", Outcome::pass);
  EXPECT_THAT(roll_up(run_with("coolant.flow", passed, kDue)).not_eligible_because, IsEmpty());
  const RunVerdict late = roll_up(run_with("coolant.flow", passed, kDue + 1));
  EXPECT_EQ(late.sign_off, "not-eligible");
  EXPECT_THAT(late.not_eligible_because, ElementsAre(HasSubstr("calibration overdue: flow-meter-7")));
  EXPECT_EQ(late.decision, Decision::go) << "what was measured stays what it is; nobody may sign it";
}

TEST(Eligibility, AGapOfTheTelemetryBeyondItsAllowanceIsNamed) {
  const std::string gap = "gpu.telemetry.gap";
  EXPECT_THAT(roll_up(run_with(gap, measured_as(gap, Outcome::pass), kDue)).not_eligible_because, IsEmpty());
  for (const Outcome outcome : {Outcome::fail, Outcome::unset}) {
    const RunVerdict run =
        roll_up(run_with(gap, measured_as(gap, outcome, "nothing was read for 75 s"), kDue));
    EXPECT_NE(run.decision, Decision::go);
    EXPECT_EQ(run.sign_off, "not-eligible");
    EXPECT_THAT(run.not_eligible_because,
                ElementsAre(HasSubstr("telemetry of C01 was missing for longer than allowed: GPU_0")));
  }
  EXPECT_TRUE(why_never_waivable("gpu.telemetry", gap)) << "nobody has seen what it would excuse";
  // Any other value that is missing leaves the run INCOMPLETE, and nothing more.
  const RunVerdict other =
      roll_up(run_with("gpu.power.mean", measured_as("gpu.power.mean", Outcome::unset), kDue));
  EXPECT_EQ(other.decision, Decision::incomplete);
  EXPECT_THAT(other.not_eligible_because, IsEmpty());
}

TEST(Eligibility, HazardTelemetryThatWasLostIsAGapToo) {
  std::vector<Event> events = run_with("coolant.flow", measured_as("coolant.flow", Outcome::pass), kDue);
  Interlocked cut;
  cut.code = "interlock.telemetry-lost";
  cut.message = "no leak detector was read for 6 s";
  cut.hazard_read = false;
  Event event;
  event.sequence = static_cast<std::int64_t>(events.size()) + 1;
  event.dut = "C01";
  event.body = cut;
  events.push_back(event);
  EXPECT_THAT(roll_up(events).not_eligible_because,
              ElementsAre(HasSubstr("no leak detector was read for 6 s")));
  std::get<Interlocked>(events.back().body).hazard_read = true;
  EXPECT_THAT(roll_up(events).not_eligible_because, IsEmpty()) << "a hazard that was read is a NO-GO";
}

TEST(Eligibility, TheOrderOfEventsLeavesNoTrace) {
  std::vector<Event> events =
      run_with("gpu.telemetry.gap", measured_as("gpu.telemetry.gap", Outcome::unset, "none"), kDue + 5);
  const std::vector<std::string> expected = roll_up(events).not_eligible_because;
  EXPECT_EQ(expected.size(), 2U);
  std::reverse(events.begin(), events.end());
  EXPECT_EQ(roll_up(events).not_eligible_because, expected);
}

}  // namespace
}  // namespace kiln
