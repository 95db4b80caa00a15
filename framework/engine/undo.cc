#include "engine/undo.h"

#include <fmt/format.h>

#include <utility>

#include "model/off_reading.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kUndoReadBackEvery = std::chrono::milliseconds(100);
constexpr Nanoseconds kUndoPowerReadBudget =
    std::chrono::seconds(3);  // a BMC that is silent leaves time for the host

}  // namespace

awaitable<Result<std::string>> force_off_and_read_back(const Ctx& ctx, Bmc& bmc, std::string dut,
                                                       bool on_may_come) {
  const Status asked = co_await bmc.force_off(ctx);
  if (!asked) co_return asked.error();
  OffReading reading(on_may_come);
  while (true) {
    const Result<PowerState> power = co_await bmc.power_state(ctx);
    if (power) reading.see(*power == PowerState::off, ctx.now().monotonic_ns);
    if (reading.believed()) co_return reading.sentence();
    if (reading.came_on_again() && reading.off_since_ns() == 0) {
      const Status once_more = co_await bmc.force_off(ctx);
      (void)once_more;  // only what is read back counts
    }
    const Status waited = co_await ctx.sleep_for(kUndoReadBackEvery);
    if (!waited && waited.error().code == "ctx.deadline" && reading.off_since_ns() != 0)
      co_return reading.sentence();
    if (!waited) {
      co_return Error("undo.not_confirmed",
                      fmt::format("{} accepted force-off but does not read back Off", dut),
                      "switch the tray off at the power shelf", Blame::peer);
    }
  }
}

awaitable<Status> end_load(const Ctx& ctx, Shell& shell, std::string dut, std::string command) {
  // A connection that was just lost is opened anew: an undo is worth every attempt its budget allows.
  Result<CommandResult> result = Error("undo.not_tried", "the undo was not tried");
  while (true) {
    Command line(command);
    result = co_await shell.run(ctx, std::move(line));
    if (result) break;
    co_await shell.disconnect();
    const Status waited = co_await ctx.sleep_for(kUndoReadBackEvery);
    if (!waited) co_return result.error();
  }
  if (result->exit_status != 0 && result->exit_status != 1) {
    co_return Error("undo.failed",
                    fmt::format("'{}' on {} ended with exit status {}", command, dut, result->exit_status),
                    "stop the load by hand", Blame::peer);
  }
  co_return success();
}

awaitable<Status> end_load_unless_off(const Ctx& ctx, Shell& shell, Bmc* bmc, std::string dut,
                                      std::string command) {
  if (bmc != nullptr) {
    const Ctx limited = ctx.child_within("power of " + dut, kUndoPowerReadBudget);
    const Result<PowerState> power = co_await bmc->power_state(limited);
    if (power && *power == PowerState::off) co_return success();
  }
  const Status ended = co_await end_load(ctx, shell, std::move(dut), std::move(command));
  co_return ended;
}

}  // namespace kiln
