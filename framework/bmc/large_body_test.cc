#include "bmc/large_body.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "io/scope.h"
#include "io/virtual_time_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<void> tick_beside(Ctx& ctx, std::shared_ptr<int> ticks) {
  while (true) {
    const Status slept = co_await ctx.sleep_for(1ms);
    if (!slept) co_return;
    ++*ticks;
  }
}

/// How often somebody else had a turn while `work` was done.
int turns_beside(std::function<awaitable<void>(Ctx&)> work) {
  const auto ticks = std::make_shared<int>(0);
  const auto loop = Loop::simulated();
  loop->run([ticks, &work](Ctx& ctx) -> awaitable<void> {
    Scope beside(ctx);
    beside.start("ticker", [ticks](Ctx& own) { return tick_beside(own, ticks); });
    co_await work(ctx);
    const Status stopped = co_await beside.stop_and_join(StopReason::sibling, "done");
    EXPECT_TRUE(stopped);
  });
  return *ticks;
}

constexpr std::size_t kBig = 20 * kBodySlice + 7;

TEST(LargeBody, IsCopiedWithEverybodysTurnInBetween) {
  std::string from(kBig, 'a');
  from.back() = 'z';
  std::string to = "head ";
  const int turns = turns_beside([&](Ctx& ctx) -> awaitable<void> {
    const Status copied = co_await append_in_slices(ctx, to, from);
    EXPECT_TRUE(copied);
  });
  EXPECT_EQ(to, "head " + from);
  EXPECT_GE(turns, 20) << "one for each slice";
}

TEST(LargeBody, IsSearchedWithEverybodysTurnInBetweenAndAcrossSlices) {
  std::string text(kBig, 'a');
  const std::string wanted = "kiln-boundary";
  bool found = true;
  const int turns = turns_beside([&](Ctx& ctx) -> awaitable<void> {
    const Result<bool> occurs = co_await occurs_in_slices(ctx, text, wanted);
    found = occurs.value();
  });
  EXPECT_FALSE(found);
  EXPECT_GE(turns, 20);
  for (const std::size_t at : {std::size_t{0}, kBodySlice - 5, kBodySlice, text.size() - wanted.size()}) {
    std::string with = text;
    with.replace(at, wanted.size(), wanted);
    turns_beside([&](Ctx& ctx) -> awaitable<void> {
      const Result<bool> occurs = co_await occurs_in_slices(ctx, with, wanted);
      found = occurs.value();
    });
    EXPECT_TRUE(found) << at;
  }
}

TEST(LargeBody, AStopEndsTheCopy) {
  const std::string from(kBig, 'a');
  std::string to;
  turns_beside([&](Ctx& ctx) -> awaitable<void> {
    const Ctx own = ctx.child_within("copy", 5ms);
    const Status copied = co_await append_in_slices(own, to, from);
    EXPECT_FALSE(copied);
  });
  EXPECT_LT(to.size(), from.size());
}

}  // namespace
}  // namespace kiln
