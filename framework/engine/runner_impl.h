#pragma once
// The Runner's own state and functions, shared by runner.cc (the whole run) and runner_steps.cc (one phase,
// one step, one monitor). Internal to the engine.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/dut_run.h"
#include "engine/runner.h"
#include "engine/step_run.h"
#include "io/scope.h"

namespace kiln {

inline constexpr Nanoseconds kTeardownBudget = std::chrono::seconds(60);

/// Why a step is not run, as the record says it.
struct SkipReason {
  WorkStatus status = WorkStatus::skipped;
  std::string code;
  std::string message;
};

/// The name of a meeting point: "before:phase/step", "after:…", "rack:…".
inline std::string meeting(const char* kind, const std::string& path) {
  return std::string(kind) + ":" + path;
}

struct Runner::Impl {
  Impl(const Plan& the_plan, RunnerParts the_parts) : plan(the_plan), parts(the_parts) {}

  // Whole run.
  boost::asio::awaitable<void> prepare(RunBegun begun);
  /// Of a run that goes on: what happened beside its record, that it goes on, and what becomes of each step.
  boost::asio::awaitable<void> prepare_again();
  boost::asio::awaitable<void> run_dut(DutRun& dut, Ctx& ctx);
  boost::asio::awaitable<void> run_rack(Ctx& ctx);
  boost::asio::awaitable<void> run_rack_steps(DutRun& rack);
  boost::asio::awaitable<void> log_out(DutRun& dut);
  void build_meeting_points();
  void start_leak_watches(Scope& leak_watches);

  // One phase, one step.
  boost::asio::awaitable<void> run_phase(DutRun& dut, const PlannedPhase& phase);
  boost::asio::awaitable<bool> run_steps(DutRun& dut, const PlannedPhase& phase,
                                         const std::vector<PlannedStep>& steps);
  boost::asio::awaitable<bool> meet_rack_step(DutRun& dut, const PlannedPhase& phase,
                                              const PlannedStep& step);
  boost::asio::awaitable<bool> run_step(DutRun& dut, const PlannedStep& step, const Ctx& ctx, bool teardown,
                                        std::vector<std::string> rack_duts);
  boost::asio::awaitable<bool> run_iteration(DutRun& dut, const PlannedStep& step, const Ctx& ctx,
                                             bool teardown, std::vector<std::string> rack_duts, int iteration,
                                             bool& interrupted);
  std::optional<SkipReason> why_alone(const DutRun& dut, const PlannedStep& step) const;
  /// Waits for the first look of the leak watches on which energy for this DUT depends: a recipe whose first
  /// step switches on must not fail because the watch began in the same moment.
  boost::asio::awaitable<void> wait_for_first_looks(const DutRun& dut, const PlannedStep& step,
                                                    const Ctx& ctx);
  boost::asio::awaitable<void> wait_for_heat_and_coolant(const DutRun& dut, const PlannedStep& step,
                                                         const Ctx& ctx);
  boost::asio::awaitable<Status> guarded_run(Step& step, StepContext& context);
  // Of a run that goes on; in runner_resume.cc.
  /// Its result stands: nothing is done, and nothing is recorded of it.
  [[nodiscard]] bool keeps(const std::string& dut, const std::string& path) const;
  /// A kept step passed; a step that is done again never failed before.
  [[nodiscard]] bool clean_before(const std::string& dut, const std::string& path) const;
  /// Attempts are numbered on, so that none of before is touched.
  [[nodiscard]] int next_attempt(const std::string& dut, const std::string& path, int iteration) const;
  /// The iteration to begin with: of a step repeated by time the one that was interrupted, or the next.
  [[nodiscard]] int first_iteration(const std::string& dut, const PlannedStep& step) const;
  /// Of a step with policy manual: a person at the terminal lets it be done again; else why it is not.
  boost::asio::awaitable<std::optional<SkipReason>> why_not_confirmed(DutRun& dut, const PlannedStep& step);
  boost::asio::awaitable<void> run_monitor(DutRun& dut, const PlannedMonitor& monitor, Ctx& ctx);
  boost::asio::awaitable<Status> teardown_steps(DutRun& dut, const std::vector<PlannedStep>& steps, Ctx& ctx);
  boost::asio::awaitable<void> skip(DutRun& dut, const std::vector<PlannedStep>& steps, SkipReason reason);
  std::optional<SkipReason> why_stopped(const DutRun& dut) const;
  std::optional<SkipReason> why_not_phase(const DutRun& dut, const PlannedPhase& phase) const;
  void leave_phase(const DutRun& dut, const PlannedPhase& phase);

  const Plan& plan;
  RunnerParts parts;
  // What the warden says.
  void start_what_the_warden_said();
  /// True: it comes too early, and is said again when the run has begun.
  bool keep_for_later(std::function<void()> said);
  boost::asio::awaitable<void> cut_as_told(Trip trip, std::vector<std::string> reach);
  boost::asio::awaitable<void> note(std::string dut, std::string text);
  boost::asio::awaitable<void> record_fault(WatchReport report);
  /// Once: the run does not end before the warden has said what became of the isolation of the rack.
  void expect_isolation();
  boost::asio::awaitable<void> wait_for_isolation(const Ctx& ctx);
  [[nodiscard]] bool leaks_whole_rack() const;

  std::optional<Error> trouble;  ///< of request_end
  std::unique_ptr<Ctx> main;     ///< of all DUTs' work; stopped by a person or a broken ledger
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<RunState> state;
  std::optional<StopRequested> stop;
  std::set<std::string> not_offered_told;                     ///< DUTs
  std::set<std::string> waited_in_vain;                       ///< DUTs, for heat and coolant
  std::set<std::pair<std::string, std::string>> faults_seen;  ///< by the warden: DUT and part
  bool isolation_expected = false, isolation_asked = false;
  Latch isolation_told;           ///< what became of it, or the warden is gone
  Scope* interlocks = nullptr;    ///< where what the warden says is acted upon; null before and after the run
  bool hears_the_warden = false;  ///< what it says is acted upon: everything that it is about is there
  std::vector<std::function<void()>> said_early;  ///< by the warden, before that
};

}  // namespace kiln
