// Compiled, never linked: with WITHOUT unset it must compile, with WITHOUT set to a number that call has no
// permit and must not.
#include "bmc/bmc.h"
#include "engine/load.h"

namespace kiln {

#ifndef WITHOUT
#define WITHOUT 0
#endif

boost::asio::awaitable<void> energise(Bmc& bmc, Shell& shell, const Ctx& ctx, const Permit& permit) {
#if WITHOUT == 1
  const Status on = co_await bmc.power_on(ctx);
#else
  const Status on = co_await bmc.power_on(ctx, permit);
#endif
#if WITHOUT == 2
  const Status again = co_await bmc.restart(ctx);
#else
  const Status again = co_await bmc.restart(ctx, permit);
#endif
  Command command("gpu_burn 60");
#if WITHOUT == 3
  const Result<CommandResult> load = co_await run_load(ctx, shell, std::move(command));
#else
  const Result<CommandResult> load = co_await run_load(ctx, permit, shell, std::move(command));
#endif
#if WITHOUT == 4
  const Permit forged("C01", Energy::power, std::make_shared<bool>(true));
#endif
#if WITHOUT == 5
  const Permit copied = permit;
#endif
#if WITHOUT == 6
  const Result<double> limit = co_await bmc.raise_power_limit(ctx, "GPU_0", 1400);
#else
  const Result<double> limit = co_await bmc.raise_power_limit(ctx, permit, "GPU_0", 1400);
#endif
#if WITHOUT == 7
  const Status valve = co_await bmc.open_valve(ctx, "CDU/Secondary_1");
#else
  const Status valve = co_await bmc.open_valve(ctx, permit, "CDU/Secondary_1");
#endif
  UpdateRequest update;
  std::function<void(const UpdateProgress&)> nobody;
#if WITHOUT == 8
  const Result<UpdateOutcome> flash = co_await bmc.update_firmware(ctx, update, nobody);
#else
  const Result<UpdateOutcome> flash = co_await bmc.update_firmware(ctx, permit, update, nobody);
#endif
  (void)limit;
  (void)valve;
  (void)flash;
  (void)on;
  (void)again;
  (void)load;
}

}  // namespace kiln
