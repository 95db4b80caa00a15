// Runner: one phase, one step, one monitor of one DUT.

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "engine/energy_rules.h"
#include "engine/runner_impl.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

/// After a tray was switched on, its BMC takes a while to read what is in it.
constexpr Nanoseconds kHeatAndCoolantBudget = std::chrono::seconds(60);
constexpr Nanoseconds kHeatAndCoolantEvery = std::chrono::milliseconds(100);
constexpr Nanoseconds kFirstLookBudget = 5 * kSlowestLeakPoll;
// A BMS says each value again every 100 s (kBuildingRepublish of safety/): whoever is new to it knows nothing
// before.
constexpr Nanoseconds kFirstValuesBudget = std::chrono::seconds(110);

}  // namespace

// ---------------------------------------------------------------- stopping and skipping

std::optional<SkipReason> Runner::Impl::why_stopped(const DutRun& dut) const {
  if (!dut.not_the_same.empty()) return SkipReason{WorkStatus::aborted, "resume.other_dut", dut.not_the_same};
  switch (dut.ctx.stop_reason()) {
    case StopReason::none:
      return std::nullopt;
    case StopReason::interlock:
      return SkipReason{WorkStatus::interlocked, "interlock.tripped", "the DUT was cut by an interlock"};
    case StopReason::operator_stop:
      return SkipReason{WorkStatus::aborted, "run.stopped", "the run was stopped by a person"};
    case StopReason::parked:
      return SkipReason{WorkStatus::aborted, "dut.parked", dut.ctx.check().error().message};
    default:
      break;
  }
  if (trouble) return SkipReason{WorkStatus::aborted, trouble->code, trouble->message};
  if (recorder->failure())
    return SkipReason{WorkStatus::aborted, "ledger.failed", recorder->failure()->sentence()};
  return SkipReason{WorkStatus::aborted, "run.stopped", "the run was stopped"};
}

std::optional<SkipReason> Runner::Impl::why_not_phase(const DutRun& dut, const PlannedPhase& phase) const {
  if (auto stopped = why_stopped(dut)) return stopped;
  for (const auto& need : phase.spec.needs) {
    const auto needed = std::find_if(plan.phases.begin(), plan.phases.end(),
                                     [&](const PlannedPhase& item) { return item.spec.name == need; });
    const bool is_gate = needed != plan.phases.end() && needed->spec.gate;
    const bool met = is_gate ? dut.passed_phases.contains(need) : dut.ended_phases.contains(need);
    if (!met) {
      return SkipReason{
          WorkStatus::skipped, "gate.failed",
          fmt::format("phase '{}' needs '{}', which did not pass on {}", phase.spec.name, need, dut.dut.id)};
    }
  }
  return std::nullopt;
}

awaitable<void> Runner::Impl::skip(DutRun& dut, const std::vector<PlannedStep>& steps, SkipReason reason) {
  for (const auto& step : steps) {
    const bool concerned = step.rack_scope
                               ? dut.dut.role == Role::rack
                               : std::find(step.duts.begin(), step.duts.end(), dut.dut.id) != step.duts.end();
    if (!concerned || keeps(dut.dut.id, step.path)) continue;
    StepEnded event;
    event.status = reason.status;
    event.code = reason.code;
    event.message = reason.message;
    const int iteration = first_iteration(dut.dut.id, step);
    Where where(dut.dut.id, step.path, iteration, next_attempt(dut.dut.id, step.path, iteration));
    EventBody body = std::move(event);
    const Status recorded = co_await recorder->record(std::move(where), std::move(body));
    (void)recorded;
  }
}

/// Counts as arrived wherever others might wait for this DUT inside the phase.
void Runner::Impl::leave_phase(const DutRun& dut, const PlannedPhase& phase) {
  for (const auto* steps : {&phase.setup, &phase.steps}) {
    for (const auto& step : *steps) {
      for (const char* kind : {"before", "after", "rack"}) {
        const auto found = state->barriers.find(meeting(kind, step.path));
        if (found != state->barriers.end()) found->second->leave(dut.dut.id);
      }
    }
  }
}

// ---------------------------------------------------------------- one step

awaitable<Status> Runner::Impl::guarded_run(Step& step, StepContext& context) {
  // A plugin that throws is an error of that step and of nothing else.
  std::optional<std::string> thrown;
  try {
    const Status ran = co_await step.run(context);
    co_return ran;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  } catch (...) {
    thrown = "an exception of unknown type";
  }
  co_return Error("plugin.threw", fmt::format("step '{}' threw: {}", step.describe().use, *thrown),
                  "report this to the plugin's author", Blame::station);
}

awaitable<void> Runner::Impl::wait_for_first_looks(const DutRun& dut, const PlannedStep& step,
                                                   const Ctx& ctx) {
  const auto energy = step.step->describe().energises;
  if (!energy || *energy == Energy::host_stress) co_return;
  if (const auto look = state->warden_looks.find(plan.inventory.rack); look != state->warden_looks.end()) {
    if (!look->second->is_open() && parts.observer != nullptr)
      parts.observer->on_progress(dut.dut.id, step.path, "waits for the building's first values");
    Ctx building = ctx.child_within("first values of the building", kFirstValuesBudget);
    const Status looked = co_await look->second->wait(building);
    (void)looked;  // without it the permit is refused, with its reason
  }
  Ctx limited = ctx.child_within("first look of the leak watch", kFirstLookBudget);
  std::vector<const Dut*> watched = cdus_of(plan.inventory, dut.dut);
  watched.push_back(&dut.dut);
  for (const Dut* other : watched) {
    for (auto* looks : {&state->first_looks, &state->warden_looks}) {
      const auto look = looks->find(other->id);
      if (look == looks->end()) continue;
      const Status looked = co_await look->second->wait(limited);
      (void)looked;  // without it the permit is refused, with its reason
    }
  }
  if (energy == Energy::load) co_await wait_for_heat_and_coolant(dut, step, ctx);
}

awaitable<void> Runner::Impl::wait_for_heat_and_coolant(const DutRun& dut, const PlannedStep& step,
                                                        const Ctx& ctx) {
  // Once in vain is enough until the warden says something else.
  const bool in_vain = waited_in_vain.contains(dut.dut.id);
  Ctx limited = ctx.child_within("heat and coolant as the warden reads them",
                                 in_vain ? kHeatAndCoolantEvery : kHeatAndCoolantBudget);
  bool told = false;
  while (const std::optional<std::string> why = state->permits.why_wait_with_load(dut.dut)) {
    if (!told && parts.observer != nullptr) parts.observer->on_progress(dut.dut.id, step.path, *why);
    told = true;
    const Status waited = co_await limited.sleep_for(kHeatAndCoolantEvery);
    if (waited) continue;
    waited_in_vain.insert(dut.dut.id);
    co_return;  // the permit is refused, with its reason
  }
  waited_in_vain.erase(dut.dut.id);
}

awaitable<bool> Runner::Impl::run_iteration(DutRun& dut, const PlannedStep& step, const Ctx& ctx,
                                            bool teardown, std::vector<std::string> rack_duts, int iteration,
                                            bool& interrupted) {
  const int first_attempt = next_attempt(dut.dut.id, step.path, iteration);
  for (int attempt = first_attempt;; ++attempt) {
    const Where where(dut.dut.id, step.path, iteration, attempt);
    StepBegun begun;
    begun.use = step.spec.use;
    begun.teardown = teardown;
    EventBody begun_body = std::move(begun);
    const Status begun_recorded = co_await recorder->record(where, std::move(begun_body));
    if (!begun_recorded) co_return false;

    co_await wait_for_first_looks(dut, step, ctx);
    StepBinding binding;
    binding.path = step.path;
    binding.use = step.spec.use;
    binding.step = step.step;
    binding.with = &step.with;
    binding.measurements = &step.measurements;
    binding.teardown = teardown;
    binding.rack_duts = rack_duts;
    const std::int64_t started_ns = ctx.now().monotonic_ns;
    StepRun context(*state, dut, std::move(binding), ctx.child_within(step.path, step.timeout), iteration,
                    attempt);
    Status ran = co_await guarded_run(*step.step, context);
    const StopReason why = context.ctx().stop_reason();
    const Status finished = co_await context.finish();

    StepEnded ended;
    ended.teardown = teardown;
    ended.duration_ns = ctx.now().monotonic_ns - started_ns;
    if (!ran) {
      ended.status = WorkStatus::error;
      ended.code = ran.error().code;
      ended.message = ran.error().message;
      ended.action = ran.error().action;
      if (auto stopped = why_stopped(dut); stopped && !teardown) {
        ended.status = stopped->status;
        ended.code = stopped->code;
        ended.message = stopped->message;
      } else if (why == StopReason::deadline) {
        ended.code = "step.timeout";
        ended.message = fmt::format("'{}' on {} did not end within {}", step.path, dut.dut.id,
                                    format_duration(step.timeout));
        // That its time was over is said already; what it was told before that says more.
        if (!ran.error().code.starts_with("ctx.")) ended.message += ": " + ran.error().message;
        if (ended.action.empty()) {
          ended.action =
              "see whether the device answers at all; if it is only slow, give the step a longer 'timeout'";
        }
      }
    } else if (!finished) {
      ended.status = WorkStatus::error;
      ended.code = finished.error().code;
      ended.message = finished.error().message;
      ended.action = finished.error().action;
    }
    const bool failed = context.any_fail();
    const bool again = ended.status == WorkStatus::error && !failed &&
                       attempt - first_attempt + 1 < step.spec.retry.attempts;
    const bool passed = ended.status == WorkStatus::complete && context.all_required_passed();
    interrupted = interrupted || ended.status != WorkStatus::complete;
    const std::string code = ended.code;
    const std::string message = ended.message;
    EventBody ended_body = std::move(ended);
    const Status ended_recorded = co_await recorder->record_durable(where, std::move(ended_body));
    if (!ended_recorded || !again) co_return passed&& ended_recorded.has_value();

    Retried retried;
    retried.code = code;
    retried.message = message;
    retried.next_attempt = attempt + 1;
    EventBody retried_body = std::move(retried);
    const Status retried_recorded = co_await recorder->record(where, std::move(retried_body));
    if (!retried_recorded) co_return false;
    const Status waited = co_await ctx.sleep_for(step.spec.retry.delay);
    if (!waited) co_return false;
  }
}

awaitable<bool> Runner::Impl::run_step(DutRun& dut, const PlannedStep& step, const Ctx& ctx, bool teardown,
                                       std::vector<std::string> rack_duts) {
  bool all_passed = clean_before(dut.dut.id, step.path);  // a fail of before the interruption stays one
  std::int64_t unbroken_since = ctx.now().monotonic_ns;
  for (int iteration = first_iteration(dut.dut.id, step);; ++iteration) {
    bool interrupted = false;
    const bool passed = co_await run_iteration(dut, step, ctx, teardown, rack_duts, iteration, interrupted);
    all_passed = all_passed && passed;
    if (!teardown && dut.ctx.stopped()) co_return false;
    const std::int64_t now = ctx.now().monotonic_ns;
    if (step.spec.repeat_for) {
      if (!passed && !interrupted) co_return false;  // a measured fail: going on would prove nothing
      if (interrupted) {
        if (!passed) co_return false;  // attempts are used up
        Note note;
        note.text = fmt::format("'{}' was interrupted after {}: the unbroken time starts again", step.path,
                                format_duration(Nanoseconds(now - unbroken_since)));
        EventBody body = std::move(note);
        const Status recorded =
            co_await recorder->record(Where(dut.dut.id, step.path, iteration, 1), std::move(body));
        if (!recorded) co_return false;
        unbroken_since = now;
      }
      if (now - unbroken_since >= step.spec.repeat_for->count()) co_return all_passed;
    } else if (iteration >= step.spec.repeat) {
      co_return all_passed;
    }
  }
}

// ---------------------------------------------------------------- one phase

/// What goes over links says nothing about this DUT when this run has switched their far end off.
std::optional<SkipReason> Runner::Impl::why_alone(const DutRun& dut, const PlannedStep& step) const {
  if (!step.step->describe().uses_fabric) return std::nullopt;
  for (const Dut* other : far_ends(plan.inventory, dut.dut)) {
    const DutRun* end = state->find(other->id);
    if (end == nullptr || !end->switched.is_off()) continue;
    return SkipReason{
        WorkStatus::skipped, "rack.far_end_off",
        fmt::format("{}, at the far end of its links, was switched off by this run", other->id)};
  }
  return std::nullopt;
}

awaitable<bool> Runner::Impl::meet_rack_step(DutRun& dut, const PlannedPhase& phase,
                                             const PlannedStep& step) {
  Rendezvous& door = *state->barriers.at(meeting("rack", step.path));
  door.arrive(dut.dut.id);
  const Status done = co_await state->rack_done.at(step.path)->wait(dut.ctx);
  if (!done) co_return false;
  co_return !state->rack_failed_phases.contains(phase.spec.name);
}

awaitable<bool> Runner::Impl::run_steps(DutRun& dut, const PlannedPhase& phase,
                                        const std::vector<PlannedStep>& steps) {
  bool all_passed = true;
  for (const auto& step : steps) {
    if (step.rack_scope) {
      const bool passed = co_await meet_rack_step(dut, phase, step);
      all_passed = all_passed && passed;
      continue;
    }
    if (std::find(step.duts.begin(), step.duts.end(), dut.dut.id) == step.duts.end()) continue;
    if (keeps(dut.dut.id, step.path)) {  // then it is kept on all that would wait for each other in it
      all_passed = all_passed && clean_before(dut.dut.id, step.path);
      continue;
    }
    if (auto stopped = why_stopped(dut)) {
      std::vector<PlannedStep> rest{step};
      co_await skip(dut, rest, *stopped);
      all_passed = false;
      continue;
    }
    const auto before = state->barriers.find(meeting("before", step.path));
    if (before != state->barriers.end()) {
      before->second->arrive(dut.dut.id);
      const Status met = co_await before->second->wait(dut.ctx);
      (void)met;  // stopped while waiting: the step itself reports it
      const std::size_t present = before->second->present().size();
      if (step.spec.quorum > 0 && present < static_cast<std::size_t>(step.spec.quorum)) {
        // What needs its peers says nothing about this DUT when they are gone.
        SkipReason lost{
            WorkStatus::skipped, "rack.quorum_lost",
            fmt::format("{} of the {} DUTs it needs are still in the run", present, step.spec.quorum)};
        std::vector<PlannedStep> only{step};
        co_await skip(dut, only, std::move(lost));
        all_passed = false;
        continue;
      }
    }
    if (auto alone = why_alone(dut, step)) {
      std::vector<PlannedStep> only{step};
      co_await skip(dut, only, std::move(*alone));
      all_passed = false;
      continue;
    }
    if (auto unasked = co_await why_not_confirmed(dut, step)) {
      std::vector<PlannedStep> only{step};
      co_await skip(dut, only, std::move(*unasked));
      all_passed = false;
      continue;
    }
    std::vector<std::string> nobody;
    const bool passed = co_await run_step(dut, step, dut.ctx, false, std::move(nobody));
    all_passed = all_passed && passed;
    const auto after = state->barriers.find(meeting("after", step.path));
    if (after != state->barriers.end()) {
      after->second->arrive(dut.dut.id);
      const Status met = co_await after->second->wait(dut.ctx);
      (void)met;
    }
    if (passed && step.step->describe().proves_cooling) state->permits.set_cooling_proven(dut.dut.id);
  }
  co_return all_passed;
}

awaitable<Status> Runner::Impl::teardown_steps(DutRun& dut, const std::vector<PlannedStep>& steps, Ctx& ctx) {
  bool all = true;
  for (const auto& step : steps) {
    if (std::find(step.duts.begin(), step.duts.end(), dut.dut.id) == step.duts.end()) continue;
    std::vector<std::string> nobody;
    const bool passed = co_await run_step(dut, step, ctx, true, std::move(nobody));
    all = all && passed;
  }
  if (!all) co_return Error("teardown.failed", fmt::format("{}: teardown did not complete", dut.dut.id));
  co_return success();
}

awaitable<void> Runner::Impl::run_phase(DutRun& dut, const PlannedPhase& phase) {
  const Where where(dut.dut.id, phase.spec.name, 1, 1);
  if (auto reason = why_not_phase(dut, phase)) {
    leave_phase(dut, phase);
    co_await skip(dut, phase.setup, *reason);
    co_await skip(dut, phase.steps, *reason);
    PhaseEnded ended;
    ended.phase = phase.spec.name;
    ended.status = reason->status;
    ended.reason = reason->message;
    EventBody body = std::move(ended);
    const Status recorded = co_await recorder->record(where, std::move(body));
    (void)recorded;
    co_return;
  }
  PhaseBegun begun;
  begun.phase = phase.spec.name;
  EventBody begun_body = std::move(begun);
  const Status begun_recorded = co_await recorder->record(where, std::move(begun_body));
  (void)begun_recorded;
  bool passed = co_await run_steps(dut, phase, phase.setup);
  if (passed) {
    passed = co_await run_steps(dut, phase, phase.steps);
  } else {
    leave_phase(dut, phase);
    SkipReason reason{WorkStatus::skipped, "setup.failed",
                      fmt::format("the setup of phase '{}' did not pass on {}", phase.spec.name, dut.dut.id)};
    co_await skip(dut, phase.steps, std::move(reason));
  }
  if (!phase.teardown.empty()) {
    co_await wait_for_flashes(*state, dut);
    const Status torn_down = co_await shielded(
        dut.ctx, phase.spec.name + " teardown", kTeardownBudget,
        [this, &dut, &phase](Ctx& ctx) { return teardown_steps(dut, phase.teardown, ctx); });
    passed = passed && torn_down.has_value();
  }
  leave_phase(dut, phase);
  if (passed) dut.passed_phases.insert(phase.spec.name);
  if (!dut.ctx.stopped()) dut.ended_phases.insert(phase.spec.name);
  PhaseEnded ended;
  ended.phase = phase.spec.name;
  ended.status = dut.ctx.stopped() ? WorkStatus::aborted : WorkStatus::complete;
  ended.reason = passed ? "" : "not everything required passed";
  EventBody body = std::move(ended);
  const Status recorded = co_await recorder->record(where, std::move(body));
  (void)recorded;
}

// ---------------------------------------------------------------- monitors

awaitable<void> Runner::Impl::run_monitor(DutRun& dut, const PlannedMonitor& monitor, Ctx& ctx) {
  if (keeps(dut.dut.id, monitor.path)) co_return;
  const int attempt = next_attempt(dut.dut.id, monitor.path, 1);
  const Where where(dut.dut.id, monitor.path, 1, attempt);
  StepBegun begun;
  begun.use = monitor.spec.use;
  begun.monitor = true;
  EventBody begun_body = std::move(begun);
  const Status begun_recorded = co_await recorder->record(where, std::move(begun_body));
  (void)begun_recorded;
  StepBinding binding;
  binding.path = monitor.path;
  binding.use = monitor.spec.use;
  binding.step = monitor.step;
  binding.with = &monitor.with;
  binding.measurements = &monitor.measurements;
  binding.every = monitor.spec.every;
  binding.monitor = true;
  if (monitor.rack_scope) binding.rack_duts = plan.duts;
  const std::int64_t started_ns = ctx.now().monotonic_ns;
  StepRun context(*state, dut, std::move(binding), ctx.child(monitor.path), 1, attempt);
  const Status ran = co_await guarded_run(*monitor.step, context);
  const bool asked_to_end = ctx.stop_reason() == StopReason::sibling;
  const Status finished = co_await context.finish();
  StepEnded ended;
  ended.duration_ns = ctx.now().monotonic_ns - started_ns;
  if (!ran && !asked_to_end) {
    ended.status = WorkStatus::error;
    ended.code = ran.error().code;
    ended.message = ran.error().message;
    ended.action = ran.error().action;
  } else if (!finished) {
    ended.status = WorkStatus::error;
    ended.code = finished.error().code;
    ended.message = finished.error().message;
  }
  const auto look = state->first_looks.find(dut.dut.id);
  if (monitor.step->describe().leak_watch && look != state->first_looks.end()) look->second->open();
  // A leak watch that is gone protects nobody: what it watched is cut as if its telemetry were lost.
  if (monitor.step->describe().leak_watch && !asked_to_end) {
    state->permits.set_leak_watch_armed(dut.dut.id, false);
    Hazard hazard("telemetry-lost", "interlock.telemetry-lost", "",
                  fmt::format("the leak watch of {} ended: {}", dut.dut.id, ended.message));
    hazard.read = false;
    const Status tripped = co_await cut(*state, dut, where, std::move(hazard));
    (void)tripped;
  }
  EventBody ended_body = std::move(ended);
  const Status ended_recorded = co_await recorder->record(where, std::move(ended_body));
  (void)ended_recorded;
}

}  // namespace kiln
