#include "model/verdict.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kiln {
namespace {

/// Writes a run's events in order, as the ledger would number them.
class Record {
 public:
  Record() {
    RunBegun begun;
    begun.recipe = "r";
    begun.rack = "R01";
    begun.purpose = "burn-in";
    begun_ = add("", "", begun);
  }
  std::size_t add(const std::string& dut, const std::string& step, EventBody body, int iteration = 1,
                  int attempt = 1) {
    Event event;
    event.sequence = static_cast<std::int64_t>(events.size()) + 1;
    event.dut = dut;
    event.step = step;
    event.iteration = iteration;
    event.attempt = attempt;
    event.body = std::move(body);
    events.push_back(std::move(event));
    return events.size() - 1;
  }
  RunBegun& begun() { return std::get<RunBegun>(events[begun_].body); }
  void plan_dut(const std::string& dut, Role role = Role::compute_tray) {
    DutPlanned planned;
    planned.role = role;
    add(dut, "", planned);
  }
  void plan_cell(const std::string& dut, const std::string& step, const std::string& name,
                 const std::string& part) {
    CellPlanned planned;
    planned.cell = {step, dut, name, ComponentKind::gpu, part};
    planned.limit_text = "≤ 85 Cel";
    planned.unit = "Cel";
    add(dut, step, planned);
  }
  void begin_step(const std::string& dut, const std::string& step, int iteration = 1, int attempt = 1,
                  bool monitor = false) {
    StepBegun body;
    body.use = "x.y";
    body.monitor = monitor;
    add(dut, step, body, iteration, attempt);
  }
  std::size_t measure(const std::string& dut, const std::string& step, const std::string& name,
                      const std::string& part, Outcome outcome, int iteration = 1, int attempt = 1) {
    Measured body;
    body.name = name;
    body.kind = ComponentKind::gpu;
    body.part = part;
    body.value = 91.0;
    body.unit = "Cel";
    body.outcome = outcome;
    body.limit_text = "≤ 85 Cel";
    return add(dut, step, body, iteration, attempt);
  }
  void end_step(const std::string& dut, const std::string& step, WorkStatus status = WorkStatus::complete,
                const std::string& code = {}, int iteration = 1, int attempt = 1) {
    StepEnded body;
    body.status = status;
    body.code = code;
    add(dut, step, body, iteration, attempt);
  }
  /// One whole attempt with one measurement of "t" on GPU_0.
  std::size_t attempt(const std::string& dut, const std::string& step, Outcome outcome,
                      WorkStatus status = WorkStatus::complete, int iteration = 1, int attempt = 1) {
    begin_step(dut, step, iteration, attempt);
    const auto at = measure(dut, step, "t", "GPU_0", outcome, iteration, attempt);
    end_step(dut, step, status, status == WorkStatus::complete ? "" : "bmc.unreachable", iteration, attempt);
    return at;
  }
  void end() {
    RunEnded body;
    body.status = "complete";
    add("", "", body);
  }
  [[nodiscard]] RunVerdict verdict() const { return roll_up(events); }

  std::vector<Event> events;

 private:
  std::size_t begun_ = 0;
};

/// One tray, one step "p/s", one cell: t on GPU_0.
Record one_cell() {
  Record record;
  record.plan_dut("C01");
  record.plan_cell("C01", "p/s", "t", "GPU_0");
  return record;
}

const Reason& first_reason(const RunVerdict& verdict) { return verdict.duts.at(0).reasons.at(0); }

TEST(Verdict, EverythingMeasuredAndPassedIsGo) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  record.end();
  const auto verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::go);
  EXPECT_EQ(verdict.counts.required, 1);
  EXPECT_EQ(verdict.counts.measured, 1);
  EXPECT_EQ(verdict.sign_off, "unsigned");
  EXPECT_EQ(exit_code(verdict), 0);
  EXPECT_TRUE(verdict.duts.at(0).reasons.empty());
}

TEST(Verdict, AMeasuredFailIsNoGoWithValueLimitAndPart) {
  Record record = one_cell();
  auto& measured = std::get<Measured>(record.events[record.attempt("C01", "p/s", Outcome::fail)].body);
  measured.fault_code = "gpu.hot";
  measured.action = "reseat the cold plate";
  record.end();
  const auto verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  EXPECT_EQ(exit_code(verdict), 1);
  EXPECT_EQ(first_reason(verdict).code, "gpu.hot");
  EXPECT_EQ(first_reason(verdict).fru, "GPU_0");
  EXPECT_EQ(first_reason(verdict).action, "reseat the cold plate");
  EXPECT_EQ(first_reason(verdict).message, "t 91 Cel, limit ≤ 85 Cel");
}

TEST(Verdict, ADiagnosisNamesTheFaultOnlyWhenTheMeasurementDidNot) {
  Record record = one_cell();
  const auto at = record.attempt("C01", "p/s", Outcome::fail);
  record.add("C01", "p/s", Diagnosed{"cooling.partly_seated", "GPU_0", "", "reseat"});
  record.end();
  EXPECT_EQ(first_reason(record.verdict()).code, "cooling.partly_seated");
  EXPECT_EQ(first_reason(record.verdict()).action, "reseat");
  std::get<Measured>(record.events[at].body).fault_code = "gpu.hot";
  EXPECT_EQ(first_reason(record.verdict()).code, "gpu.hot");
}

TEST(Verdict, AFailIsStickyOverRetriesIterationsAndErrors) {
  Record retried = one_cell();
  retried.attempt("C01", "p/s", Outcome::fail, WorkStatus::error, 1, 1);
  retried.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1, 2);
  retried.end();
  EXPECT_EQ(retried.verdict().decision, Decision::no_go);
  Record repeated = one_cell();
  repeated.attempt("C01", "p/s", Outcome::fail, WorkStatus::complete, 1, 1);
  repeated.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 2, 1);
  repeated.end();
  EXPECT_EQ(repeated.verdict().decision, Decision::no_go);
}

TEST(Verdict, APassCountsOnlyWhenItsAttemptCompleted) {
  for (const auto status :
       {WorkStatus::error, WorkStatus::aborted, WorkStatus::interlocked, WorkStatus::skipped}) {
    Record record = one_cell();
    record.attempt("C01", "p/s", Outcome::pass, status);
    record.end();
    const auto verdict = record.verdict();
    EXPECT_EQ(verdict.decision, Decision::incomplete) << to_string(status);
    EXPECT_EQ(verdict.counts.not_run, 1);
    EXPECT_EQ(first_reason(verdict).code, "bmc.unreachable");
    EXPECT_EQ(first_reason(verdict).cells, 1);
    EXPECT_EQ(exit_code(verdict), 4);
  }
}

TEST(Verdict, AnErrorThatARetryMadeGoodIsGo) {
  Record record = one_cell();
  record.begin_step("C01", "p/s", 1, 1);
  record.end_step("C01", "p/s", WorkStatus::error, "bmc.busy", 1, 1);
  record.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1, 2);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::go);
}

TEST(Verdict, AnAttemptAfterAPassThatEndsInErrorIsIncomplete) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1, 1);
  record.begin_step("C01", "p/s", 1, 2);
  record.end_step("C01", "p/s", WorkStatus::error, "bmc.busy", 1, 2);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::incomplete);
}

TEST(Verdict, EveryIterationNeedsItsOwnEvidence) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1);
  record.attempt("C01", "p/s", Outcome::unset, WorkStatus::complete, 2);
  record.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 3);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::incomplete);
  EXPECT_EQ(first_reason(record.verdict()).code, "measurement.unset");
  Record gap = one_cell();
  gap.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1);
  gap.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 3);
  gap.end();
  EXPECT_EQ(gap.verdict().decision, Decision::incomplete);
}

TEST(Verdict, AMonitorThatWasDownForAWhileHasNotWatched) {
  Record record = one_cell();
  record.begin_step("C01", "p/s", 1, 1, true);
  record.end_step("C01", "p/s", WorkStatus::error, "bmc.unreachable", 1, 1);
  record.begin_step("C01", "p/s", 1, 2, true);
  record.measure("C01", "p/s", "t", "GPU_0", Outcome::pass, 1, 2);
  record.end_step("C01", "p/s", WorkStatus::complete, "", 1, 2);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::incomplete);
}

TEST(Verdict, MissingCellsAreGroupedByCause) {
  Record record;
  record.plan_dut("C01");
  for (int gpu = 0; gpu < 4; ++gpu) {
    record.plan_cell("C01", "p/s", "t", "GPU_" + std::to_string(gpu));
    record.plan_cell("C01", "p/u", "t", "GPU_" + std::to_string(gpu));
  }
  record.begin_step("C01", "p/s");
  record.end_step("C01", "p/s", WorkStatus::error, "bmc.unreachable");
  record.end();
  const auto verdict = record.verdict();
  ASSERT_EQ(verdict.duts.at(0).reasons.size(), 2U);
  EXPECT_EQ(verdict.duts[0].reasons[0].code, "bmc.unreachable");
  EXPECT_EQ(verdict.duts[0].reasons[0].cells, 4);
  EXPECT_EQ(verdict.duts[0].reasons[1].code, "step.not_reached");
  EXPECT_EQ(verdict.duts[0].reasons[1].cells, 4);
  EXPECT_EQ(verdict.counts.not_run, 8);
}

TEST(Verdict, AMeasurementOfAnotherKindOfPartIsNotTheEvidence) {
  Record record = one_cell();
  auto& measured = std::get<Measured>(record.events[record.attempt("C01", "p/s", Outcome::pass)].body);
  measured.kind = ComponentKind::whole_dut;
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::incomplete);
  EXPECT_EQ(first_reason(record.verdict()).code, "measurement.other_kind");
}

TEST(Verdict, AFailNobodyPlannedIsAFailAllTheSame) {
  Record record = one_cell();
  record.begin_step("C01", "p/s");
  record.measure("C01", "p/s", "t", "GPU_0", Outcome::pass);
  record.measure("C01", "p/s", "t", "GPU_9", Outcome::fail);
  record.end_step("C01", "p/s");
  record.end();
  const auto verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  EXPECT_EQ(verdict.counts.failed, 0);
  EXPECT_EQ(verdict.counts.required, 1);
  EXPECT_EQ(first_reason(verdict).fru, "GPU_9");
}

TEST(Verdict, AHazardThatWasReadIsNoGoAndExitFive) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.part = "Detector_1";
  cut.message = "DetectorState Critical";
  record.add("C01", "", cut);
  record.end();
  const auto verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::no_go);
  EXPECT_TRUE(verdict.interlocked);
  EXPECT_EQ(exit_code(verdict), 5);
  EXPECT_EQ(first_reason(verdict).code, "leak.detected");
  EXPECT_EQ(first_reason(verdict).fru, "Detector_1");
}

TEST(Verdict, LostHazardTelemetryIsIncompleteAndExitFive) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  Interlocked cut;
  cut.cause = "telemetry-lost";
  cut.code = "interlock.telemetry-lost";
  cut.hazard_read = false;
  record.add("C01", "", cut);
  record.end();
  const auto verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::incomplete);
  EXPECT_EQ(exit_code(verdict), 5);
  EXPECT_EQ(first_reason(verdict).code, "interlock.telemetry-lost");
}

TEST(Verdict, AnInterlockOfTheRackIsTheRacksVerdict) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  Interlocked cut;
  cut.code = "leak.detected";
  record.add("", "", cut);
  record.end();
  const auto verdict = record.verdict();
  ASSERT_EQ(verdict.duts.size(), 2U);
  EXPECT_EQ(verdict.duts[0].decision, Decision::go);
  EXPECT_EQ(verdict.duts[1].id, "R01");
  EXPECT_EQ(verdict.duts[1].role, Role::rack);
  EXPECT_EQ(verdict.decision, Decision::no_go);
}

TEST(Verdict, AFailedTeardownOrUndoIsNeverGo) {
  for (const auto status : {WorkStatus::error, WorkStatus::skipped, WorkStatus::aborted}) {
    Record record = one_cell();
    record.attempt("C01", "p/s", Outcome::pass);
    StepEnded teardown;
    teardown.status = status;
    teardown.teardown = true;
    record.add("C01", "teardown/off", teardown);
    record.end();
    EXPECT_EQ(record.verdict().decision, Decision::incomplete);
    EXPECT_EQ(first_reason(record.verdict()).code, "teardown.failed");
  }
  Record undone = one_cell();
  undone.attempt("C01", "p/s", Outcome::pass);
  undone.add("C01", "", GuardOpened{"power off"});
  undone.end();
  EXPECT_EQ(first_reason(undone.verdict()).code, "undo.failed") << "opened, never closed";
  Record failed = undone;
  failed.add("C01", "", GuardClosed{"power off", false, "no answer"});
  EXPECT_EQ(first_reason(failed.verdict()).code, "undo.failed");
  Record done = undone;
  done.add("C01", "", GuardClosed{"power off", true, ""});
  EXPECT_EQ(done.verdict().decision, Decision::go);
}

TEST(Verdict, WorkWithoutCellsThatEndedInErrorIsIncomplete) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  record.begin_step("C01", "p/power");
  record.end_step("C01", "p/power", WorkStatus::error, "bmc.unreachable");
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::incomplete);
  EXPECT_EQ(first_reason(record.verdict()).code, "bmc.unreachable");
}

TEST(Verdict, APlannedDutWithoutCellsIsIncomplete) {
  Record record = one_cell();
  record.plan_dut("C02");
  record.attempt("C01", "p/s", Outcome::pass);
  record.end();
  const auto verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::incomplete);
  EXPECT_EQ(verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(verdict.find("C02")->reasons.at(0).code, "plan.nothing_required");
}

TEST(Verdict, AnEmptyRunIsIncomplete) {
  Record record;
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::incomplete);
  EXPECT_EQ(exit_code(record.verdict()), 4);
  EXPECT_EQ(roll_up({}).decision, std::nullopt);
  EXPECT_EQ(exit_code(roll_up({})), 4);
}

TEST(Verdict, ARunWithoutAnEndOrStoppedIsNotGo) {
  Record killed = one_cell();
  killed.attempt("C01", "p/s", Outcome::pass);
  EXPECT_EQ(killed.verdict().decision, Decision::incomplete);
  EXPECT_EQ(first_reason(killed.verdict()).code, "run.interrupted");
  Record stopped = one_cell();
  stopped.attempt("C01", "p/s", Outcome::pass);
  stopped.add("", "", StopRequested{"SIGTERM", 15});
  stopped.end();
  EXPECT_EQ(stopped.verdict().decision, Decision::incomplete);
  EXPECT_EQ(exit_code(stopped.verdict()), 143);
  Record broken = one_cell();
  broken.attempt("C01", "p/s", Outcome::pass);
  broken.add("", "", RunEnded{"error", "ledger"});
  EXPECT_EQ(broken.verdict().decision, Decision::incomplete);
}

TEST(Verdict, MarginalIsConditionalOnlyWhereTheRecipeSaysSo) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::marginal);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::go);
  EXPECT_EQ(record.verdict().counts.marginal, 1);
  record.begun().marginal_is_conditional = true;
  EXPECT_EQ(record.verdict().decision, Decision::conditional);
  EXPECT_EQ(exit_code(record.verdict()), 3);
}

TEST(Verdict, ARetestThatPassesIsConditional) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  record.end();
  record.begun().retest_of = "run-1";
  EXPECT_EQ(record.verdict().decision, Decision::conditional);
  EXPECT_EQ(first_reason(record.verdict()).code, "retest.pass_after_fail");
}

TEST(Verdict, ASimulatedRackIsNeverEligible) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  record.end();
  record.begun().simulated = true;
  EXPECT_EQ(record.verdict().sign_off, "not-eligible");
  EXPECT_EQ(record.verdict().decision, Decision::go);
}

TEST(Verdict, ASurveyDecidesNothing) {
  Record record;
  record.begun().purpose = "survey";
  record.plan_dut("C01");
  record.begin_step("C01", "p/walk");
  record.end_step("C01", "p/walk");
  record.end();
  EXPECT_EQ(record.verdict().decision, std::nullopt);
  EXPECT_EQ(exit_code(record.verdict()), 0);
  record.begin_step("C01", "p/again");
  record.end_step("C01", "p/again", WorkStatus::error, "bmc.unreachable");
  EXPECT_EQ(exit_code(record.verdict()), 4);
}

TEST(Verdict, DutsComeInPlanningOrderAndTheRackLast) {
  Record record;
  record.plan_dut("R01", Role::rack);
  record.plan_dut("S01");
  record.plan_dut("C01");
  const auto verdict = record.verdict();
  ASSERT_EQ(verdict.duts.size(), 3U);
  EXPECT_EQ(verdict.duts[0].id, "S01");
  EXPECT_EQ(verdict.duts[1].id, "C01");
  EXPECT_EQ(verdict.duts[2].id, "R01");
}

TEST(ExitCode, TakesTheHighestApplicable) {
  RunVerdict verdict;
  verdict.decision = Decision::no_go;
  EXPECT_EQ(exit_code(verdict), 1);
  verdict.interlocked = true;
  EXPECT_EQ(exit_code(verdict), 5);
  verdict.stop_signal = 2;
  EXPECT_EQ(exit_code(verdict), 130);
}

/// The station died, and the run goes on: "p/s" on C01 is kept, or done again.
void resume(Record& record, bool kept) {
  RunResumed resumed;
  resumed.not_eligible_because = {"resumed without an operator"};
  record.add("", "", resumed);
  record.add("C01", "p/s", StepResumed{kept, ResumePolicy::restart, "because"});
}

TEST(Verdict, WhatIsDoneAgainAfterAnInterruptionNeedsNewEvidence) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  resume(record, false);
  Record only_resumed = record;
  only_resumed.end();
  EXPECT_EQ(only_resumed.verdict().decision, Decision::incomplete);
  EXPECT_EQ(first_reason(only_resumed.verdict()).code, "resume.not_done_again");
  record.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1, 2);
  record.end();
  const RunVerdict verdict = record.verdict();
  EXPECT_EQ(verdict.decision, Decision::go);
  EXPECT_EQ(verdict.interruptions.size(), 1U);
  EXPECT_EQ(verdict.sign_off, "not-eligible");
}

TEST(Verdict, AnAttemptThatTheInterruptionCutOffIsForgottenAndItsFailIsNot) {
  Record record = one_cell();
  record.begin_step("C01", "p/s");
  Record failed = record;
  resume(record, false);
  record.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1, 2);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::go);
  failed.measure("C01", "p/s", "t", "GPU_0", Outcome::fail);
  resume(failed, false);
  failed.attempt("C01", "p/s", Outcome::pass, WorkStatus::complete, 1, 2);
  failed.end();
  EXPECT_EQ(failed.verdict().decision, Decision::no_go);
}

TEST(Verdict, WhatIsKeptOverAnInterruptionStands) {
  Record record = one_cell();
  record.attempt("C01", "p/s", Outcome::pass);
  resume(record, true);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::go);
}

TEST(Verdict, AMonitorThatBeganAnewIsNotBlamedForItsFirstLife) {
  Record record = one_cell();
  record.begin_step("C01", "p/s", 1, 1, true);
  resume(record, false);
  record.begin_step("C01", "p/s", 1, 2, true);
  record.measure("C01", "p/s", "t", "GPU_0", Outcome::pass, 1, 2);
  record.end_step("C01", "p/s", WorkStatus::complete, {}, 1, 2);
  record.end();
  EXPECT_EQ(record.verdict().decision, Decision::go);
}

}  // namespace
}  // namespace kiln
