#include "engine/step_bmc.h"

#include <fmt/format.h>

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kRestartShows = std::chrono::seconds(30);  // see Switched::on_ns

Error no_undo(const std::string& what) {
  return {"guard.missing", fmt::format("{} before its undo is in the guard journal", what),
          "report this to the plugin's author", Blame::station};
}

}  // namespace

std::optional<Error> StepBmc::refusal(const std::string& what) const {
  const std::optional<std::string> open = flashing_();
  if (!open) return std::nullopt;
  return Error("permit.flash_open", fmt::format("{} while firmware is being written ({})", what, *open),
               "let the update end first: order the phases so that nothing is switched beside it",
               Blame::recipe);
}

awaitable<Status> StepBmc::power_on(const Ctx& ctx, const Permit& permit) {
  use(BmcAbility::power_on);
  if (auto refused = refusal("power on")) co_return std::move(*refused);
  if (!guarded_()) co_return no_undo("power on");
  Status done = co_await bmc_.power_on(ctx, permit);
  if (done) switched_.on_ns = ctx.now().monotonic_ns;
  co_return done;
}

awaitable<Status> StepBmc::force_off(const Ctx& ctx) {
  use(BmcAbility::force_off);
  if (auto refused = refusal("force off")) co_return std::move(*refused);
  switched_.off_ns = ctx.now().monotonic_ns;
  Status done = co_await bmc_.force_off(ctx);
  co_return done;
}

awaitable<Status> StepBmc::graceful_shutdown(const Ctx& ctx) {
  use(BmcAbility::graceful_shutdown);
  if (auto refused = refusal("shutdown")) co_return std::move(*refused);
  switched_.off_ns = ctx.now().monotonic_ns;
  Status done = co_await bmc_.graceful_shutdown(ctx);
  co_return done;
}

awaitable<Status> StepBmc::restart(const Ctx& ctx, const Permit& permit) {
  use(BmcAbility::restart);
  if (auto refused = refusal("restart")) co_return std::move(*refused);
  switched_.off_ns = ctx.now().monotonic_ns;
  Status done = co_await bmc_.restart(ctx, permit);
  if (done) switched_.on_ns = ctx.now().monotonic_ns + kRestartShows.count();
  co_return done;
}

awaitable<Status> StepBmc::reset_manager(const Ctx& ctx) {
  use(BmcAbility::manager_reset);
  if (auto refused = refusal("reset of the BMC")) co_return std::move(*refused);
  Status done = co_await bmc_.reset_manager(ctx);
  co_return done;
}

awaitable<Status> StepBmc::full_power_cycle(const Ctx& ctx, const Permit& permit) {
  use(BmcAbility::full_power_cycle);
  if (auto refused = refusal("full power cycle")) co_return std::move(*refused);
  if (!guarded_()) co_return no_undo("full power cycle");
  switched_.off_ns = ctx.now().monotonic_ns;
  Status done = co_await bmc_.full_power_cycle(ctx, permit);
  if (done) switched_.on_ns = ctx.now().monotonic_ns + kRestartShows.count();
  co_return done;
}

awaitable<Result<double>> StepBmc::raise_power_limit(const Ctx& /*ctx*/, const Permit& /*permit*/,
                                                     std::string gpu, double /*watts*/) {
  use(BmcAbility::gpu_power_limit);
  co_return no_undo("raise the power limit of " + gpu);
}

awaitable<Status> StepBmc::open_valve(const Ctx& /*ctx*/, const Permit& /*permit*/, std::string connector) {
  use(BmcAbility::coolant_valves);
  co_return no_undo("open valve " + connector);
}

awaitable<Status> StepBmc::close_valve(const Ctx& ctx, std::string connector) {
  use(BmcAbility::coolant_valves);
  if (const std::optional<std::string> load = loaded_()) {
    co_return Error("valve.under_load", fmt::format("no valve is closed under load ({})", *load),
                    "end the load first: order the steps so that no flow is reduced beside it",
                    Blame::recipe);
  }
  Status done = co_await bmc_.close_valve(ctx, std::move(connector));
  co_return done;
}

awaitable<Result<UpdateOutcome>> StepBmc::update_firmware(
    const Ctx& /*ctx*/, const Permit& /*permit*/, UpdateRequest request,
    std::function<void(const UpdateProgress&)> /*on_progress*/) {
  use(BmcAbility::firmware_update);
  co_return Error("step.flash_outside",
                  fmt::format("a step wrote '{}' outside of StepContext::flash", request.component),
                  "report this to the plugin's author", Blame::station);
}

}  // namespace kiln
