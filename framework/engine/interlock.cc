// Undoing and cutting: what must happen whatever else was stopped. Everything here runs under shielded().

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/dut_run.h"
#include "engine/undo.h"
#include "model/interlock_reach.h"
#include "model/off_reading.h"
#include "safety/trip.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kOffConfirmBudget = std::chrono::seconds(10);  // off confirmed ≤ 10 s
constexpr Nanoseconds kPowerReadBudget = std::chrono::seconds(3);
constexpr Nanoseconds kReadBackEvery = std::chrono::milliseconds(100);
/// Of a host that is to end its load: longer than an SSH connection opened anew takes, and short enough that
/// its power is off within the 5 s after which load must be (docs/safety.md).
constexpr Nanoseconds kHostAnswersWithin = std::chrono::seconds(3);
constexpr Nanoseconds kBmcAccepts = std::chrono::seconds(1);  // a force-off; one that hangs holds nothing up
constexpr const char* kLatched = "latched";
constexpr Nanoseconds kAcknowledgedEvery = std::chrono::milliseconds(10);

/// Whether an On of this run, or a restart, may still be under way there.
bool may_come_on(const DutRun& dut) {
  if (dut.flash) return true;  // it restarts what it likes
  std::int64_t asked_ns = dut.switched.on_ns;
  for (const Guard& guard : dut.guards) {
    if (guard.undo.kind == Undo::Kind::force_off) asked_ns = std::max(asked_ns, guard.opened_ns);
  }
  return on_may_come(asked_ns, dut.ctx.now().monotonic_ns);
}

/// How a host that was asked to end its load answered; empty: it has not yet.
using Answer = std::optional<Status>;

awaitable<void> ask_host(Shell& shell, std::string dut, std::string command, Answer& answer, Ctx& ctx) {
  answer = co_await end_load(ctx, shell, std::move(dut), std::move(command));
}

/// 0: this run has not switched it on, or its undo is under way.
int open_power_guard(const DutRun& dut) {
  const auto found = std::find_if(dut.guards.rbegin(), dut.guards.rend(), [](const Guard& guard) {
    return guard.undo.kind == Undo::Kind::force_off && guard.state == GuardState::open;
  });
  return found == dut.guards.rend() ? 0 : found->id;
}

/// Ends a load by its host; where work on the DUT was stopped, and its host hangs, by its power. A run that
/// goes on waits for the host: the tray is watched, and a slow answer must not switch it off.
awaitable<Status> end_load_or_power(RunState& state, DutRun& dut, Shell& shell, std::string command,
                                    std::string& told, Ctx& ctx) {
  Answer answer;
  Scope asking(ctx);
  asking.start("stop load", [&shell, &dut, &command, &answer](Ctx& task) {
    return ask_host(shell, dut.dut.id, command, answer, task);
  });
  const std::int64_t patience_ends_ns = ctx.now().monotonic_ns + kHostAnswersWithin.count();
  bool ended_by_power = false;
  while (!answer && !ended_by_power) {
    const bool hangs = dut.ctx.stopped() && ctx.now().monotonic_ns >= patience_ends_ns;
    const int power = hangs ? open_power_guard(dut) : 0;
    if (power != 0) {
      const Status off = co_await perform_undo(state, dut, power);
      ended_by_power = off.has_value();
      if (ended_by_power) told = "its host did not answer; its power reads back Off";
    }
    const Status waited = co_await ctx.sleep_for(kAcknowledgedEvery);
    if (!waited) break;  // the host's own wait ends with it
  }
  const Status joined =
      co_await asking.stop_and_join(StopReason::sibling, "the load has ended, or was given up");
  (void)joined;
  co_return ended_by_power ? success() : *answer;
}

/// `told`: what the record should say of it.
awaitable<Status> run_undo(RunState& state, DutRun& dut, Undo undo, std::string& told, Ctx& ctx) {
  if (undo.kind == Undo::Kind::force_off) {
    const Result<Bmc*> bmc = bmc_of(state, dut, "");
    if (!bmc) co_return bmc.error();
    Result<std::string> off = co_await force_off_and_read_back(ctx, **bmc, dut.dut.id, may_come_on(dut));
    if (!off) co_return off.error();
    told = std::move(*off);
    co_return success();
  }
  const Result<Shell*> shell = shell_of(state, dut);
  if (!shell) co_return shell.error();
  const Status done = co_await end_load_or_power(state, dut, **shell, undo.command, told, ctx);
  co_return done;
}

awaitable<Status> reads_off(RunState& state, DutRun& dut, Ctx& ctx) {
  const Result<Bmc*> bmc = bmc_of(state, dut, "");
  if (!bmc) co_return bmc.error();
  const Result<PowerState> power = co_await (*bmc)->power_state(ctx);
  if (!power) co_return power.error();
  if (*power != PowerState::off) co_return Error("undo.still_on", "its power does not read Off");
  co_return success();
}

/// What one DUT's cut learned.
struct CutTimes {
  std::int64_t off_confirmed_ns = 0;
  bool off_is_asked = false;  ///< the BMC has accepted it
  bool off_is_over = false;   ///< confirmed, or given up
};

/// The cut in the guard journal, until it is latched: station and warden may die together before that.
struct CutInJournal {
  std::optional<int> number;
  bool is_latched = false;
};

/// The connection that is free for a cut: a monitor's own one if there is one, else the DUT's.
Result<Bmc*> bmc_for_cut(RunState& state, DutRun& dut) {
  for (const auto& monitor : state.plan.monitors) {
    if (!monitor.step->describe().leak_watch) continue;
    if (dut.monitor_bmcs.contains(monitor.path)) return bmc_of(state, dut, monitor.path);
  }
  return bmc_of(state, dut, "");
}

/// Leaves off_confirmed_ns at 0 when it could not be confirmed; that is what the record then says.
awaitable<void> read_back_off(Bmc& bmc, bool on_may_come, CutTimes& times, Ctx& ctx) {
  bool asked = false;
  OffReading reading(on_may_come);
  while (true) {
    // Asked again until accepted: a BMC that is busy for a moment must not keep a leaking tray on.
    if (!asked) {
      const Status answer = co_await bmc.force_off(ctx);
      asked = answer.has_value();
      times.off_is_asked = times.off_is_asked || asked;
      if (!asked && answer.error().code == "bmc.unsupported") co_return;
    }
    const Result<PowerState> power = co_await bmc.power_state(ctx);
    if (power) reading.see(*power == PowerState::off, ctx.now().monotonic_ns);
    if (reading.believed()) times.off_confirmed_ns = reading.off_since_ns();
    if (reading.believed()) co_return;
    if (reading.came_on_again() && reading.off_since_ns() == 0) asked = false;
    const Status waited = co_await ctx.sleep_for(kReadBackEvery);
    if (!waited && waited.error().code == "ctx.deadline") times.off_confirmed_ns = reading.off_since_ns();
    if (!waited) co_return;
  }
}

/// Guards over running load, open or being undone.
std::vector<int> load_guards(const DutRun& dut) {
  std::vector<int> ids;
  for (const Guard& guard : dut.guards) {
    if (guard.state != GuardState::closed && guard.undo.kind == Undo::Kind::shell_command)
      ids.push_back(guard.id);
  }
  return ids;
}

/// When the host had acknowledged the end of all of this load; 0: it has not, or not of all of it.
std::int64_t acknowledged_ns(const DutRun& dut, const std::vector<int>& guards) {
  std::int64_t latest = 0;
  for (const Guard& guard : dut.guards) {
    if (std::find(guards.begin(), guards.end(), guard.id) == guards.end()) continue;
    if (guard.undone_ns == 0) return 0;
    latest = std::max(latest, guard.undone_ns);
  }
  return latest;
}

awaitable<void> force_off_and_confirm(RunState& state, DutRun& dut, CutTimes& times, Ctx& ctx) {
  const Result<Bmc*> bmc = bmc_for_cut(state, dut);
  if (bmc) co_await read_back_off(**bmc, may_come_on(dut), times, ctx);
  times.off_is_over = true;
}

awaitable<void> undo_loads(RunState& state, DutRun& dut) {
  const Status asked = co_await perform_open_undos(state, dut, UndoScope::load);
  (void)asked;  // what the host has acknowledged counts
}

/// Of two confirmations, 0: none.
std::int64_t earlier(std::int64_t ours, std::int64_t wardens) {
  if (ours == 0 || wardens == 0) return std::max(ours, wardens);
  return std::min(ours, wardens);
}

/// Cut first, then journal: force-off is on its way before anything is written.
awaitable<void> journal_cut(RunState& state, DutRun& dut, const Hazard& hazard, const CutTimes& times,
                            CutInJournal& entry, Ctx& ctx) {
  const std::int64_t patience_ends_ns = ctx.now().monotonic_ns + kBmcAccepts.count();
  while (!times.off_is_asked && !times.off_is_over && ctx.now().monotonic_ns < patience_ends_ns) {
    const Status waited = co_await ctx.sleep_for(kAcknowledgedEvery);
    if (!waited) co_return;
  }
  JournaledCut cut;
  cut.trip.cause = hazard.cause;
  cut.trip.code = hazard.code;
  cut.trip.dut = dut.dut.id;
  cut.trip.part = hazard.part;
  cut.trip.message = hazard.message;
  cut.trip.read = hazard.read;
  cut.trip.detected_ns = hazard.detected_ns;
  cut.report.dut = dut.dut.id;
  const auto serial = state.serials.find(dut.dut.id);
  if (serial != state.serials.end()) cut.serial = serial->second;
  JournaledUndo undo = to_journal(cut);
  const Result<int> number = co_await state.journal.open(ctx, std::move(undo));
  if (!number) co_return;  // then the record and the latch are all there is
  entry.number = *number;
  if (entry.is_latched) state.journal.end(*number, GuardEnd::undone, kLatched);
}

awaitable<void> cut_one(RunState& state, DutRun& dut, Where where, Hazard hazard, Ctx& ctx) {
  CutTimes times;
  const std::vector<int> loads = load_guards(dut);
  Scope both(ctx);
  both.start("force off",
             [&state, &dut, &times](Ctx& task) { return force_off_and_confirm(state, dut, times, task); });
  both.start("stop load", [&state, &dut](Ctx& /*task*/) { return undo_loads(state, dut); });
  CutInJournal entry;
  both.start("journal", [&state, &dut, &hazard, &times, &entry](Ctx& task) {
    return journal_cut(state, dut, hazard, times, entry, task);
  });
  // A step that was stopped first may be ending its load itself: its undo is not ours any more, but the load
  // runs until the host has answered. Nothing runs without power, so "off" ends the wait for all of it: a
  // host that hangs must not keep the cut out of the record.
  std::int64_t load_stopped_ns = loads.empty() ? hazard.detected_ns : 0;  // none ran
  while (times.off_confirmed_ns == 0) {
    if (!loads.empty()) load_stopped_ns = acknowledged_ns(dut, loads);
    if (times.off_is_over && load_stopped_ns != 0) break;
    const Status waited = co_await ctx.sleep_for(kAcknowledgedEvery);
    if (!waited) break;  // its time is over: what was reached is recorded
  }
  if (!loads.empty()) load_stopped_ns = acknowledged_ns(dut, loads);
  if (times.off_confirmed_ns != 0 && (load_stopped_ns == 0 || load_stopped_ns > times.off_confirmed_ns))
    load_stopped_ns = times.off_confirmed_ns;
  Interlocked event;
  event.cause = hazard.cause;
  event.code = hazard.code;
  event.part = hazard.part;
  event.message = hazard.message;
  event.hazard_read = hazard.read;
  // Two watch; the record tells the first of them.
  event.detected_ns = hazard.detected_ns;
  if (dut.warden_detected_ns != 0) event.detected_ns = std::min(event.detected_ns, dut.warden_detected_ns);
  event.load_stopped_ns = earlier(load_stopped_ns, dut.warden_load_stopped_ns);
  event.off_confirmed_ns = earlier(times.off_confirmed_ns, dut.warden_off_confirmed_ns);
  where.dut = dut.dut.id;
  EventBody body = std::move(event);
  const Status recorded = co_await state.recorder.record_durable(std::move(where), std::move(body));
  (void)recorded;           // a failed ledger ends the run by itself
  entry.is_latched = true;  // by whoever hears of what is recorded
  if (entry.number) state.journal.end(*entry.number, GuardEnd::undone, kLatched);
  const Status joined = co_await both.join();
  (void)joined;
}

awaitable<Status> cut_all(RunState& state, std::vector<DutRun*>& reached, const Where& where,
                          const Hazard& hazard, Ctx& ctx) {
  Scope all(ctx);
  for (DutRun* dut : reached) {
    dut->ctx.request_stop(StopReason::interlock, hazard.message);
    interrupt_flash(*dut, hazard.message);
    all.start("cut " + dut->dut.id,
              [&state, dut, where, hazard](Ctx& task) { return cut_one(state, *dut, where, hazard, task); });
  }
  const Status joined = co_await all.join();
  co_return joined;
}

/// The DUT reads back Off: load that could not be ended before has ended now, and nobody need see to it
/// later.
void forget_load(RunState& state, DutRun& dut) {
  for (Guard& guard : dut.guards) {
    if (!guard.failed || guard.undo.kind != Undo::Kind::shell_command) continue;
    state.journal.end(guard.journal_number, GuardEnd::undone, "its power reads back Off");
    guard.failed = false;
  }
}

}  // namespace

Result<Bmc*> bmc_of(RunState& state, DutRun& dut, const std::string& monitor) {
  std::unique_ptr<Bmc>& place = monitor.empty() ? dut.bmc : dut.monitor_bmcs[monitor];
  if (!place) {
    Result<std::unique_ptr<Bmc>> opened = state.devices.open_bmc(dut.dut);
    if (!opened) return opened.error();
    place = std::move(*opened);
  }
  return place.get();
}

Result<Shell*> shell_of(RunState& state, DutRun& dut) {
  if (!dut.shell) {
    Result<std::unique_ptr<Shell>> opened = state.devices.open_shell(dut.dut);
    if (!opened) return opened.error();
    dut.shell = std::move(*opened);
  }
  return dut.shell.get();
}

awaitable<Status> perform_undo(RunState& state, DutRun& dut, int guard) {
  const auto find = [&dut, guard] {
    return std::find_if(dut.guards.begin(), dut.guards.end(),
                        [guard](const Guard& item) { return item.id == guard; });
  };
  const auto found = find();
  if (found == dut.guards.end() || found->state != GuardState::open) co_return success();
  found->state = GuardState::closing;
  const Undo undo = found->undo;
  const Where where = found->where;
  if (undo.kind == Undo::Kind::force_off) {
    co_await wait_for_flashes(state, dut);
    dut.switched.off_ns = dut.ctx.now().monotonic_ns;
  }
  std::string told;
  Status done = success();
  for (int tries = 0; tries < 2; ++tries) {
    const std::int64_t begun_ns = dut.ctx.now().monotonic_ns;
    done = co_await shielded(dut.ctx, undo.description, undo.budget, [&state, &dut, &undo, &told](Ctx& ctx) {
      return run_undo(state, dut, undo, told, ctx);
    });
    // The end of load may have waited for the power beneath it, which has a budget of its own.
    const bool slept =
        undo.kind == UndoKind::force_off && overslept(begun_ns, undo.budget, dut.ctx.now().monotonic_ns);
    if (done || !slept) break;
  }
  find()->state = GuardState::closed;
  if (done) find()->undone_ns = dut.ctx.now().monotonic_ns;
  // A host that is off cannot answer, and what ran on it has ended.
  const bool no_answer = !done && done.error().code != "undo.failed";
  if (no_answer && undo.kind == Undo::Kind::shell_command && !dut.cut) {
    const Status off = co_await shielded(dut.ctx, "power of " + dut.dut.id, kPowerReadBudget,
                                         [&state, &dut](Ctx& ctx) { return reads_off(state, dut, ctx); });
    if (off) done = success();
  }
  find()->failed = !done;
  if (!done && dut.cut && undo.kind == Undo::Kind::shell_command) done = success();
  const std::string said = done ? told : done.error().sentence();
  // On a host that was never reached nothing was done: there is nothing for kiln recover to undo.
  const bool never_done =
      !done && undo.kind == Undo::Kind::shell_command && dut.shell && !dut.shell->was_connected();
  const GuardEnd failed = never_done ? GuardEnd::not_needed : GuardEnd::failed;
  state.journal.end(find()->journal_number, done ? GuardEnd::undone : failed, said);
  if (done && undo.kind == Undo::Kind::force_off) forget_load(state, dut);
  GuardClosed event;
  event.undo = undo.description;
  event.done = done.has_value();
  event.message = said;
  EventBody body = std::move(event);
  const Status recorded = co_await state.recorder.record_durable(where, std::move(body));
  (void)recorded;  // a failed ledger ends the run by itself; the undo was done either way
  co_return done;
}

awaitable<Status> perform_open_undos(RunState& state, DutRun& dut, UndoScope scope, std::string step) {
  std::vector<int> open;
  for (const auto& guard : dut.guards) {
    const bool mine =
        scope == UndoScope::everything ||
        (scope == UndoScope::load && guard.undo.kind == Undo::Kind::shell_command) ||
        (scope == UndoScope::step && guard.where.step == step && guard.undo.lifetime == Undo::Lifetime::step);
    if (mine && guard.state == GuardState::open) open.push_back(guard.id);
  }
  Status all = success();
  for (auto id = open.rbegin(); id != open.rend(); ++id) {
    const Status done = co_await perform_undo(state, dut, *id);
    if (!done && all) all = done;
  }
  co_return all;
}

std::optional<std::string> load_in_scope(const RunState& state, const DutRun& dut) {
  for (const auto& [id, other] : state.duts) {
    if (other.get() != &dut && !PermitOffice::serves_all(dut.dut)) continue;
    for (const Guard& guard : other->guards) {
      const bool may_run = guard.state != GuardState::closed || guard.failed;
      if (may_run && guard.undo.kind == Undo::Kind::shell_command)
        return fmt::format("{}: {} is still to be done", id, guard.undo.description);
    }
  }
  return std::nullopt;
}

awaitable<Status> cut(RunState& state, DutRun& origin, Where where, Hazard hazard,
                      std::set<std::string> also) {
  if (hazard.detected_ns == 0) hazard.detected_ns = origin.ctx.now().monotonic_ns;
  if (hazard.read && hazard.cause == "leak") state.leaking.insert(origin.dut.id);
  const bool whole_rack =
      state.causes_that_cut_rack.contains(hazard.cause) ||
      concerns_whole_rack(origin.dut.role, state.leaking.size(), state.tray_leak_cuts_rack);
  std::vector<DutRun*> reached;
  for (const auto& [id, dut] : state.duts) {
    const bool in_scope = dut.get() == &origin || also.contains(id) ||
                          (whole_rack && can_be_cut(dut->dut.role, dut->dut.bmc.has_value()));
    if (!in_scope || dut->cut) continue;
    dut->cut = true;
    dut->switched.off_ns = dut->ctx.now().monotonic_ns;
    state.permits.cut(id);
    reached.push_back(dut.get());
  }
  if (reached.empty()) co_return success();
  const Status done = co_await shielded(
      origin.ctx, "cut", kOffConfirmBudget,
      [&state, &reached, &where, &hazard](Ctx& ctx) { return cut_all(state, reached, where, hazard, ctx); });
  co_return done;
}

}  // namespace kiln
