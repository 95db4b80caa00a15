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

bool has_leak_detectors(const StepContext& context) {
  return !context.dut().expect.of_kind(ComponentKind::leak_detector).empty();
}

}  // namespace

bool blinds_leak_watch(const StepContext& context, const FirmwareTarget& target) {
  const bool goes_away = target.activation == FirmwareActivation::manager_reset ||
                         target.activation == FirmwareActivation::full_power_cycle;
  return goes_away && has_leak_detectors(context);
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
  const bool was_on = writing.host_was_on;
  if (was_on) {
    const Status off = co_await bmc.force_off(ctx);
    if (!off) co_return off;
    const Status is_off = co_await wait_for_power(ctx, bmc, PowerState::off);
    if (!is_off) co_return is_off;
    writing.host_was_on = false;
  }
  const Status borne = co_await writing.context.begin_silence(ctx, writing.target.active_within);
  if (!borne) co_return borne;
  const Status written = co_await write(writing, ctx, bmc);
  if (!written) co_return written;
  const Status dry = co_await watched_again(writing.context, ctx);
  if (!dry) co_return dry;
  const Status stopped = writing.context.ctx().check();  // what was stopped is not switched on again
  if (!stopped) co_return stopped;
  if (!was_on) co_return success();
  const Status on = co_await bmc.power_on(ctx, *writing.power);
  if (!on) co_return on;
  const Status is_on = co_await wait_for_power(ctx, bmc, PowerState::on);
  co_return is_on;
}

awaitable<Result<bool>> bear_an_update_under_way(StepContext& context, const Ctx& ctx) {
  if (!has_leak_detectors(context)) co_return true;
  const Status borne = co_await context.begin_silence(ctx, kSomebodyElses);
  if (borne) co_return true;
  std::string text = fmt::format("should the update under way restart the BMC, {} is cut: {}",
                                 context.dut().id, borne.error().message);
  const Status noted = co_await context.note(std::move(text));
  if (!noted) co_return noted.error();
  co_return false;
}

}  // namespace kiln::firmware
