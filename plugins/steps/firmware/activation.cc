#include "activation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "nvos.h"
#include "restart_evidence.h"
#include "unwatched.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kReadBackEvery = std::chrono::milliseconds(500);
/// A BMC that restarts by itself after an update is away for minutes (GB200 trays: about three).
constexpr Nanoseconds kAwayAfterWrite = std::chrono::seconds(300);
/// How long after "accepted" a BMC goes at the latest (1 to 11 s were seen), and how it is looked at.
constexpr Nanoseconds kGoneWithin = std::chrono::seconds(30);
constexpr Nanoseconds kGoneLookEvery = std::chrono::milliseconds(100);
constexpr Nanoseconds kLookTakes = std::chrono::seconds(2);

/// Until the BMC no longer answers: accepted is not done, and what it answers until then is from before. One
/// that is never seen to go may have been quick.
awaitable<bool> wait_until_gone(const Ctx& ctx, Bmc& bmc) {
  const Ctx waiting = ctx.child_within("BMC goes", kGoneWithin);
  while (!waiting.stopped()) {
    const Ctx look = waiting.child_within("look", kLookTakes);
    const Result<PowerState> power = co_await bmc.power_state(look);
    if (!power) co_return true;
    const Status waited = co_await waiting.sleep_for(kGoneLookEvery);
    (void)waited;
  }
  co_return false;
}

/// Everything off, standby too, and back to what was. The host goes off first, so that nothing is pulled from
/// under it.
awaitable<Status> cycle_all_power(Writing& writing, Ctx& ctx, Bmc& bmc) {
  if (writing.host_was_on) {
    const Status off = co_await bmc.force_off(ctx);
    if (!off) co_return off;
    const Status is_off = co_await wait_for_power(ctx, bmc, PowerState::off);
    if (!is_off) co_return is_off;
  }
  const Status cycled = co_await bmc.full_power_cycle(ctx, *writing.power);
  if (!cycled) co_return cycled;
  const bool gone = co_await wait_until_gone(ctx, bmc);
  writing.may_still_go = !gone;
  const Result<PowerState> power = co_await wait_until_back(ctx, bmc, writing.target.active_within);
  if (!power) co_return power.error();
  const bool is_up = *power == PowerState::on || *power == PowerState::powering_on;
  if (!writing.host_was_on && is_up) {  // by its restore policy; nobody here has asked for it
    const Status off = co_await bmc.force_off(ctx);
    if (!off) co_return off;
    const Status is_off = co_await wait_for_power(ctx, bmc, PowerState::off);
    co_return is_off;
  }
  if (!writing.host_was_on || is_up) co_return success();
  const Status on = co_await bmc.power_on(ctx, *writing.power);
  if (!on) co_return on;
  const Status is_on = co_await wait_for_power(ctx, bmc, PowerState::on);
  co_return is_on;
}

awaitable<Status> restart_host(Writing& writing, Ctx& ctx, Bmc& bmc) {
  if (!writing.host_was_on) {
    co_await find_still_off(writing, ctx, bmc);
    co_return success();
  }
  HostBefore before = co_await look_before_restart(writing, ctx, bmc);
  const Status restarted = co_await bmc.restart(ctx, *writing.power);
  if (!restarted) co_return restarted;
  const Status looked = co_await find_restart_evidence(writing, ctx, bmc, std::move(before));
  co_return looked;
}

/// What an activation asks of the BMC.
std::vector<BmcAbility> needed_for(const FirmwareTarget& target, bool host_on, bool switched_off) {
  switch (target.activation) {
    case FirmwareActivation::none:
    case FirmwareActivation::switch_reboot:
      return {};
    case FirmwareActivation::host_restart:
      return host_on ? std::vector{BmcAbility::restart} : std::vector<BmcAbility>{};
    case FirmwareActivation::manager_reset:
      return switched_off
                 ? std::vector{BmcAbility::manager_reset, BmcAbility::force_off, BmcAbility::power_on}
                 : std::vector{BmcAbility::manager_reset};
    case FirmwareActivation::full_power_cycle:
      // A host that was off may come back on, and goes off again.
      return host_on ? std::vector{BmcAbility::full_power_cycle, BmcAbility::force_off, BmcAbility::power_on}
                     : std::vector{BmcAbility::full_power_cycle, BmcAbility::force_off};
  }
  return {};
}

Error not_activatable(const StepContext& context, const FirmwareTarget& target, const Error& why) {
  return {
      "firmware.not_activatable",
      fmt::format("{} of {} is activated by {}, which is not to be had: {}; nothing was written",
                  target.component, context.dut().id, to_string(target.activation), why.message),
      "write another activation into the baseline, or update it the way its vendor describes; kiln doctor "
      "--bmc shows what the BMC offers",
      Blame::operator_};
}

}  // namespace

awaitable<Status> can_be_activated(StepContext& context, Bmc& bmc, const FirmwareTarget& target,
                                   bool host_on) {
  if (target.activation == FirmwareActivation::switch_reboot) {
    const Result<Shell*> shell = context.shell();
    if (!shell) co_return not_activatable(context, target, shell.error());
  }
  const Status may = may_go_away(context, target);
  if (!may) co_return may;
  const bool switched_off = is_switched_off_for(context, target, host_on);
  for (const BmcAbility ability : needed_for(target, host_on, switched_off)) {
    const Status offered = co_await bmc.offers(context.ctx(), ability);
    if (offered) continue;
    if (offered.error().code == "bmc.unsupported")
      co_return not_activatable(context, target, offered.error());
    Error failed = offered.error();
    co_return std::move(failed).while_doing("looking how " + target.component + " can be activated");
  }
  co_return success();
}

bool takes_power(const FirmwareTarget& target, bool host_on) {
  switch (target.activation) {
    case FirmwareActivation::none:
    case FirmwareActivation::manager_reset:
      return false;
    case FirmwareActivation::host_restart:
    case FirmwareActivation::switch_reboot:
      return host_on;
    case FirmwareActivation::full_power_cycle:
      return true;  // a DUT that was off may come back on
  }
  return true;
}

Nanoseconds activation_budget(const FirmwareTarget& target) {
  return 2 * target.active_within + 2 * kPowerFollowsWithin;
}

awaitable<Result<Running>> read_now(Writing& writing, const Ctx& ctx, Bmc& bmc) {
  FirmwareTarget target = writing.target;
  Doors doors = doors_of(writing.context, bmc);
  Result<Running> running = co_await read_running_one(ctx, doors, std::move(target));
  co_return running;
}

awaitable<Status> wait_for_version(Writing& writing, const Ctx& ctx, Bmc& bmc, Nanoseconds budget) {
  const Ctx waiting = ctx.child_within("version", budget);
  Status last = Error("firmware.not_read", "what runs could not be read after the update");
  while (true) {
    Result<Running> running = co_await read_now(writing, waiting, bmc);
    if (running) {
      last = success();
      writing.after = std::move(*running);
      if (is_wanted(writing.after.version, writing.target)) co_return last;
    }
    const Status waited = co_await waiting.sleep_for(kReadBackEvery);
    if (waited) continue;
    if (ctx.stopped()) co_return waited.error();
    co_return last;
  }
}

awaitable<Result<PowerState>> wait_until_back(const Ctx& ctx, Bmc& bmc, Nanoseconds budget) {
  const Ctx waiting = ctx.child_within("BMC answers", budget);
  while (true) {
    Result<PowerState> power = co_await bmc.power_state(waiting);
    if (power && *power != PowerState::unknown) co_return power;
    const Status waited = co_await waiting.sleep_for(kReadBackEvery);
    if (waited) continue;
    if (ctx.stopped()) co_return waited.error();
    co_return Error("firmware.power_unknown",
                    fmt::format("the BMC does not say what the power is within {}", format_duration(budget)),
                    "see by hand whether it is on, and what its BMC does");
  }
}

awaitable<Status> wait_for_power(const Ctx& ctx, Bmc& bmc, PowerState wanted) {
  const Ctx waiting = ctx.child_within("power", kPowerFollowsWithin);
  while (true) {
    const Result<PowerState> power = co_await bmc.power_state(waiting);
    if (power && *power == wanted) co_return success();
    const Status waited = co_await waiting.sleep_for(kReadBackEvery);
    if (waited) continue;
    if (ctx.stopped()) co_return waited.error();
    co_return Error("firmware.power_not_read_back",
                    fmt::format("the power did not become {} in {}", to_string(wanted),
                                format_duration(kPowerFollowsWithin)));
  }
}

awaitable<Status> activate(Writing& writing, Ctx& ctx, Bmc& bmc) {
  switch (writing.target.activation) {
    case FirmwareActivation::none:
      co_return success();
    case FirmwareActivation::host_restart: {
      const Status restarted = co_await restart_host(writing, ctx, bmc);
      co_return restarted;
    }
    case FirmwareActivation::manager_reset: {
      const Status reset = co_await bmc.reset_manager(ctx);
      if (!reset) co_return reset;
      const bool gone = co_await wait_until_gone(ctx, bmc);
      writing.may_still_go = !gone;
      co_return success();
    }
    case FirmwareActivation::full_power_cycle: {
      const Status cycled = co_await cycle_all_power(writing, ctx, bmc);
      co_return cycled;
    }
    case FirmwareActivation::switch_reboot: {
      const Result<Shell*> shell = writing.context.shell();
      if (!shell) co_return shell.error();
      const Status rebooted = co_await nvos_reboot(ctx, **shell);
      co_return rebooted;
    }
  }
  co_return success();
}

awaitable<bool> restarted_by_itself(Writing& writing, const Ctx& ctx, Bmc& bmc) {
  // Without a task nobody has seen it end: it gets the time of a write.
  const Nanoseconds away = writing.saw_a_task ? std::min(kAwayAfterWrite, writing.target.active_within)
                                              : writing.target.write_within;
  const Status back = co_await wait_for_version(writing, ctx, bmc, away);
  const bool was_there = is_wanted(writing.before.version, writing.target);
  const bool by_itself = writing.target.activation == FirmwareActivation::manager_reset ||
                         writing.target.activation == FirmwareActivation::switch_reboot;
  co_return back&& by_itself && !was_there && is_wanted(writing.after.version, writing.target);
}

awaitable<Status> wait_for_host(StepContext& context, Nanoseconds budget) {
  if (!context.dut().host) co_return success();
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<PowerState> power = co_await (*bmc)->power_state(context.ctx());
  if (!power) co_return power.error();
  if (*power == PowerState::off) co_return success();
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Ctx waiting = context.ctx().child_within("host answers", budget);
  while (true) {
    const Ctx attempt = waiting.child_within("host answers", std::chrono::seconds(5));
    Command command("true");
    const Result<CommandResult> result = co_await (*shell)->run(attempt, std::move(command));
    if (result && result->ok()) co_return success();
    // A connection from before the reset may never say that it is dead.
    co_await (*shell)->disconnect();
    const Status waited = co_await waiting.sleep_for(kReadBackEvery);
    if (waited) continue;
    if (context.ctx().stopped()) co_return waited;
    co_return Error("firmware.host_silent",
                    fmt::format("the host of {} does not answer {} after its restart", context.dut().id,
                                format_duration(budget)),
                    "look at its console: does it boot with this firmware?");
  }
}

}  // namespace kiln::firmware
