#include "safety/stay_clear.h"

#include <utility>

#include "safety/cause.h"

namespace kiln {
namespace {

constexpr Nanoseconds kReadEvery = std::chrono::seconds(1);
constexpr Nanoseconds kAnswer = std::chrono::seconds(5);

Error not_clear(const std::string& why) {
  return {"release.not_clear", why, "find and mend the cause, then release again", Blame::peer};
}

}  // namespace

boost::asio::awaitable<Status> stay_clear(const Ctx& ctx, LeakDetectors& detectors, std::string dut,
                                          std::vector<std::string> expected, Nanoseconds so_long) {
  const std::int64_t until_ns = ctx.now().monotonic_ns + so_long.count();
  while (true) {
    Ctx limited = ctx.child_within("reading", kAnswer);
    const Result<std::vector<DetectorLook>> looks = co_await detectors.read(limited);
    if (ctx.stopped()) co_return ctx.check();
    if (!looks)
      co_return not_clear(dut + ": its leak detectors could not be read (" + looks.error().message + ")");
    const Look look = judge_leak_detectors(expected, *looks);
    if (look.state != CauseState::clear) co_return not_clear(dut + ": " + look.why);
    if (ctx.now().monotonic_ns >= until_ns) co_return success();
    const Status waited = co_await ctx.sleep_for(kReadEvery);
    if (!waited) co_return waited;
  }
}

}  // namespace kiln
