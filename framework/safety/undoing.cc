#include "safety/undoing.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "io/scope.h"
#include "model/off_reading.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kAgainEvery = std::chrono::milliseconds(100);
constexpr Nanoseconds kSecondLook =
    std::chrono::seconds(3);  // at power, after a sleep: what comes next waits
constexpr Nanoseconds kWrittenEvery = std::chrono::milliseconds(500);
constexpr Nanoseconds kPowerRead = std::chrono::seconds(3);

/// One DUT under work. Lives as long as undo_all.
struct Work {
  std::vector<NumberedUndo> loads;  ///< newest first
  std::vector<int> offs, writes;
  Nanoseconds off_budget{0};
  std::int64_t on_asked_ns = 0;  ///< by the youngest of what `offs` undo
  UndoDoors doors;
  bool off = false;
  std::int64_t off_ns = 0;
  std::string off_words = "read back Off";
  bool not_needed = false;  ///< others have switched it off meanwhile
  std::string off_failure = "it was not tried";
  std::map<int, UndoResult> results;
};

bool nobody_waits(const Work& work) {
  return work.doors.still_open && std::none_of(work.offs.begin(), work.offs.end(), work.doors.still_open);
}

void confirm_off(Work& work, const OffReading& reading) {
  work.off = true;
  work.off_ns = reading.off_since_ns();
  work.off_words = reading.sentence();
}

awaitable<Status> wait_until_written(const Work& work, const Ctx& ctx) {
  while (work.doors.written_until_ns) {
    const Nanoseconds held(work.doors.written_until_ns() - ctx.now().monotonic_ns);
    if (held <= Nanoseconds(0)) break;
    const Status waited = co_await ctx.sleep_for(std::min(held, kWrittenEvery));
    if (!waited) co_return waited;
  }
  co_return success();
}

awaitable<void> switch_off(Work& work, Ctx& ctx) {
  if (work.doors.power == nullptr) {
    work.off_failure = work.doors.no_power;
    co_return;
  }
  const Status written = co_await wait_until_written(work, ctx);
  if (!written) co_return;
  Ctx limited = ctx.child_within("force off", work.off_budget);
  const std::int64_t begun_ns = ctx.now().monotonic_ns;
  bool once_more = true;
  const std::int64_t on_asked_ns =
      std::max(work.on_asked_ns, work.doors.on_asked_ns ? work.doors.on_asked_ns() : 0);
  OffReading reading(on_may_come(on_asked_ns, ctx.now().monotonic_ns));
  while (true) {
    work.not_needed = nobody_waits(work);
    if (work.not_needed) co_return;
    // What reads Off is only looked at; whatever else it reads or answers, it is asked once more.
    Status asked = success();
    if (reading.off_since_ns() == 0) asked = co_await work.doors.power->force_off(limited);
    Result<bool> off = Error("undo.not_confirmed", "it accepted force-off but does not read back Off");
    if (asked) off = co_await work.doors.power->is_off(limited);
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    if (off) reading.see(*off, now_ns);
    if (reading.believed()) {
      confirm_off(work, reading);
      co_return;
    }
    if (!asked && !asked.error().code.starts_with("ctx.")) work.off_failure = asked.error().sentence();
    if (asked && !off && !off.error().code.starts_with("ctx.")) work.off_failure = off.error().sentence();
    if (asked && off) work.off_failure = "it accepted force-off but does not read back Off";
    const Status waited = co_await limited.sleep_for(kAgainEvery);
    if (waited) continue;
    if (once_more && overslept(begun_ns, work.off_budget, ctx.now().monotonic_ns)) {
      once_more = false;
      limited = ctx.child_within("force off", std::min(work.off_budget, kSecondLook));
      continue;
    }
    // Its time is over: off for as long as could be looked is the most that can be said.
    if (waited.error().code == "ctx.deadline" && reading.off_since_ns() != 0) confirm_off(work, reading);
    co_return;
  }
}

awaitable<UndoResult> end_one(Work& work, const Ctx& ctx, const JournaledUndo& undo) {
  UndoResult result;
  if (work.doors.shell == nullptr) {
    result.message = work.doors.no_shell;
    co_return result;
  }
  Ctx limited = ctx.child_within(undo.description, undo.budget);
  const std::int64_t begun_ns = ctx.now().monotonic_ns;
  bool once_more = true;
  while (true) {
    Command command(undo.command);
    const Result<CommandResult> ran = co_await work.doors.shell->run(limited, std::move(command));
    // pkill answers 1 when nothing was left to stop (procps-ng 4.0, pkill(1)).
    if (ran && (ran->exit_status == 0 || ran->exit_status == 1)) {
      result.how = GuardEnd::undone;
      result.at_ns = ctx.now().monotonic_ns;
      co_return result;
    }
    if (ran) {
      result.message = fmt::format("'{}' ended with exit status {}", undo.command, ran->exit_status);
      co_return result;
    }
    if (result.message.empty() || !ran.error().code.starts_with("ctx."))
      result.message = ran.error().sentence();
    co_await work.doors.shell->disconnect();
    const Status waited = co_await limited.sleep_for(kAgainEvery);
    if (waited) continue;
    if (!once_more || !overslept(begun_ns, undo.budget, ctx.now().monotonic_ns)) co_return result;
    once_more = false;
    limited = ctx.child_within(undo.description, undo.budget);
  }
}

awaitable<void> end_loads(Work& work, Ctx& ctx) {
  for (const NumberedUndo& load : work.loads) {
    UndoResult result = co_await end_one(work, ctx, load.undo);
    work.results[load.number] = std::move(result);
  }
}

/// Load on a host that does not answer, where nobody has asked for Off: somebody else may have switched it
/// off before, and then nothing runs there.
awaitable<void> see_whether_off(Work& work, const Ctx& ctx) {
  const bool left = std::any_of(work.loads.begin(), work.loads.end(), [&work](const NumberedUndo& load) {
    return outstanding(work.results[load.number].how);
  });
  if (!left || !work.offs.empty() || work.doors.power == nullptr) co_return;
  Ctx limited = ctx.child_within("power", kPowerRead);
  const Result<bool> off = co_await work.doors.power->is_off(limited);
  work.off = off && *off;
  if (work.off) work.off_ns = ctx.now().monotonic_ns;
}

/// Also where nothing is to be switched off: somebody else could.
awaitable<void> end_writes(Work& work, const Ctx& ctx) {
  const Status waited = co_await wait_until_written(work, ctx);
  for (const int number : work.writes) {
    UndoResult& result = work.results[number];
    result.how = waited ? GuardEnd::undone : GuardEnd::failed;
    result.message =
        waited ? "it is not waited for any more; what runs there is not known" : waited.error().sentence();
    result.at_ns = waited ? ctx.now().monotonic_ns : 0;
  }
}

bool loads_settled(const Work& work) {
  return std::all_of(work.loads.begin(), work.loads.end(),
                     [&work](const NumberedUndo& load) { return work.results.contains(load.number); });
}

}  // namespace

awaitable<std::map<int, UndoResult>> undo_all(const Ctx& ctx, std::vector<NumberedUndo> undos,
                                              UndoDoors doors) {
  Work work;
  work.doors = std::move(doors);
  for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo) {
    if (undo->undo.kind == UndoKind::force_off) {
      work.offs.push_back(undo->number);
      work.off_budget = std::max(work.off_budget, undo->undo.budget);
      work.on_asked_ns = std::max(work.on_asked_ns, undo->opened_ns);
    } else if (undo->undo.kind == UndoKind::firmware_write) {
      work.writes.push_back(undo->number);
    } else {
      work.loads.push_back(*undo);
    }
  }
  {
    Scope both(ctx);
    Scope loads(ctx);
    if (!work.offs.empty()) both.start("force off", [&work](Ctx& task) { return switch_off(work, task); });
    loads.start("loads", [&work](Ctx& task) { return end_loads(work, task); });
    const Status off = co_await both.join();
    (void)off;  // what it reached is in `work`
    if (work.off && !loads_settled(work)) loads.request_stop(StopReason::sibling, "its power is off");
    const Status ended = co_await loads.join();
    (void)ended;
  }
  co_await see_whether_off(work, ctx);
  for (const int number : work.offs) {
    if (work.not_needed) {
      work.results[number] = UndoResult{GuardEnd::not_needed, "the station undid it itself", 0};
      continue;
    }
    work.results[number] = work.off ? UndoResult{GuardEnd::undone, work.off_words, work.off_ns}
                                    : UndoResult{GuardEnd::failed, work.off_failure, 0};
  }
  if (!work.writes.empty()) co_await end_writes(work, ctx);
  for (const NumberedUndo& load : work.loads) {
    UndoResult& result = work.results[load.number];
    if (work.off && result.how == GuardEnd::failed)
      result = UndoResult{GuardEnd::undone, "its power reads back Off", work.off_ns};
  }
  co_return work.results;
}

}  // namespace kiln
