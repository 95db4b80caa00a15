#include "unwatched.h"

#include <fmt/format.h>

#include <utility>

#include "activation.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

/// A BMC that has just restarted reads its detectors some time after it answers.
constexpr Nanoseconds kReadDryAgainWithin = std::chrono::seconds(180);
/// Of an update that nobody here has begun: a GB200 tray's BMC is away for about three minutes.
constexpr Nanoseconds kSomebodyElses = std::chrono::minutes(10);

/// A BMC that was never seen to go may still go: so long nobody relies on what it says.
constexpr Nanoseconds kMayStillGo = std::chrono::minutes(2);

bool has_leak_detectors(const StepContext& context) {
  return !context.dut().expect.of_kind(ComponentKind::leak_detector).empty();
}

bool serves_others(const StepContext& context) {
  const Role role = context.dut().role;
  return role == Role::power_shelf || role == Role::cdu || role == Role::rack;
}

awaitable<Status> switch_off(const Ctx& ctx, Bmc& bmc) {
  const Status off = co_await bmc.force_off(ctx);
  if (!off) co_return off;
  const Status is_off = co_await wait_for_power(ctx, bmc, PowerState::off);
  co_return is_off;
}

/// With the permit from before the write, if it would be granted now too.
awaitable<Status> switch_on_again(Writing& writing, const Ctx& ctx, Bmc& bmc) {
  const Status stopped = writing.context.ctx().check();  // what was stopped is not switched on again
  if (!stopped) co_return stopped;
  const Status may = writing.context.still_permitted(Energy::power);
  if (!may) co_return may;
  const Status on = co_await bmc.power_on(ctx, *writing.power);
  if (!on) co_return on;
  const Status is_on = co_await wait_for_power(ctx, bmc, PowerState::on);
  co_return is_on;
}

/// Every detector is read dry, off as it was left: what came on meanwhile, by a restore policy say, goes off.
awaitable<Status> end_unwatched(Writing& writing, const Ctx& ctx, Bmc& bmc) {
  if (writing.may_still_go) {
    writing.context.progress("waits whether its BMC still goes");
    const Status waited = co_await ctx.sleep_for(kMayStillGo);
    if (!waited) co_return waited;
  }
  const Status dry = co_await watched_again(writing.context, ctx);
  if (!dry || serves_others(writing.context)) co_return dry;
  const Result<PowerState> power = co_await bmc.power_state(ctx);
  if (!power) co_return power.error();
  if (*power == PowerState::off) co_return success();
  const Status off = co_await switch_off(ctx, bmc);
  co_return off;
}

}  // namespace

bool blinds_leak_watch(const StepContext& context, const FirmwareTarget& target) {
  const bool goes_away = target.activation == FirmwareActivation::manager_reset ||
                         target.activation == FirmwareActivation::full_power_cycle;
  return goes_away && has_leak_detectors(context);
}

bool is_switched_off_for(const StepContext& context, const FirmwareTarget& target, bool host_on) {
  return host_on && blinds_leak_watch(context, target) && !serves_others(context);
}

Status may_go_away(const StepContext& context, const FirmwareTarget& target) {
  if (target.activation == FirmwareActivation::full_power_cycle && serves_others(context)) {
    return Error("firmware.serves_others",
                 fmt::format("{} of {} is activated by a cycle of all its power, and what it serves would "
                             "lose power or coolant",
                             target.component, context.dut().id),
                 "update it by its vendor's procedure, with the rack off", Blame::recipe);
  }
  if (!blinds_leak_watch(context, target) || target.active_within <= kLongestSilence) return success();
  return Error("silence.too_long",
               fmt::format("{} of {}: nobody would read its leak detectors for {}, and {} is the most that "
                           "is borne",
                           target.component, context.dut().id, format_duration(target.active_within),
                           format_duration(kLongestSilence)),
               "give the component a shorter active_within in the baseline", Blame::recipe);
}

Nanoseconds unwatched_budget() { return kReadDryAgainWithin + 2 * kPowerFollowsWithin; }

awaitable<Status> watched_again(StepContext& context, const Ctx& ctx) {
  context.progress("waits until its leak detectors are read again");
  const Ctx waiting = ctx.child_within("leak detectors are read again", kReadDryAgainWithin);
  const Status ended = co_await context.end_silence(waiting);
  co_return ended;
}

awaitable<Status> write_unwatched(Writing& writing, Ctx& ctx, Bmc& bmc,
                                  std::function<awaitable<Status>(Writing&, Ctx&, Bmc&)> write) {
  const bool was_on = is_switched_off_for(writing.context, writing.target, writing.host_was_on);
  if (was_on) {
    const Status off = co_await switch_off(ctx, bmc);
    if (!off) co_return off;
  }
  writing.host_was_on = false;
  const Status borne = co_await writing.context.begin_silence(ctx, writing.target.active_within);
  if (!borne && was_on) {  // nothing was written
    const Status again = co_await switch_on_again(writing, ctx, bmc);
    if (again) co_return borne;
    Error left = borne.error();
    co_return std::move(left).while_doing(fmt::format("{} was switched off and stays off ({})",
                                                      writing.context.dut().id, again.error().message));
  }
  if (!borne) co_return borne;
  const Status written = co_await write(writing, ctx, bmc);
  if (!written) co_return written;
  const Status dry = co_await end_unwatched(writing, ctx, bmc);
  if (!dry || !was_on) co_return dry;
  const Status on = co_await switch_on_again(writing, ctx, bmc);
  co_return on;
}

awaitable<Result<bool>> bear_an_update_under_way(StepContext& context, const Ctx& ctx) {
  if (!has_leak_detectors(context)) co_return true;
  const Status borne = co_await context.begin_silence(ctx, kSomebodyElses);
  if (borne) co_return true;
  // Not switched off for it: what that update writes, and what it needs for it, nobody here knows.
  Disturbance risk;
  risk.code = "firmware.unwatched_update";
  risk.message = fmt::format(
      "an update that is not ours is under way on {}; should it restart the BMC, which reads the leak "
      "detectors, {} is cut as lost telemetry: {}",
      context.dut().id, context.dut().id, borne.error().message);
  context.progress(risk.message);
  const Status told = co_await context.disturbance(std::move(risk));
  if (!told) co_return told.error();
  co_return false;
}

}  // namespace kiln::firmware
