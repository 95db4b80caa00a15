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
  (void)on;
  (void)again;
  (void)load;
}

}  // namespace kiln
