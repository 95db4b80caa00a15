#include "io/ctx.h"

#include <gtest/gtest.h>

#include <chrono>

#include "io/completion.h"
#include "io/loop.h"
#include "io/scope.h"
#include "io/virtual_time_for_test.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

/// Runs `body` after `delay`, beside the coroutine under test.
void later(const Ctx& ctx, Nanoseconds delay, std::function<void()> body) {
  ctx.loop().call_at(ctx.now().monotonic_ns + delay.count(), std::move(body));
}

awaitable<void> sleep_a_day(Ctx& ctx) {
  const Status slept = co_await ctx.sleep_for(24h);
  EXPECT_TRUE(slept);
}

TEST(Ctx, TwentyFourHoursOfVirtualTimePassInMilliseconds) {
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(virtual_time_of(sleep_a_day), 24h);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 500ms);
}

awaitable<void> stopped_while_sleeping(Ctx& ctx) {
  Ctx child = ctx.child("C01");
  later(ctx, 3s, [&ctx] { ctx.request_stop(StopReason::interlock, "leak at C01"); });
  const Status slept = co_await child.sleep_for(1h);
  EXPECT_FALSE(slept);
  EXPECT_EQ(slept.error().code, "ctx.stopped");
  EXPECT_EQ(slept.error().message, "C01: stopped (interlock): leak at C01");
  EXPECT_EQ(child.stop_reason(), StopReason::interlock);
}

TEST(Ctx, StopOfTheParentEndsASleepOfTheChildAtOnce) {
  EXPECT_EQ(virtual_time_of(stopped_while_sleeping), 3s);
}

awaitable<void> sleeps_past_the_deadline(Ctx& ctx) {
  Ctx step = ctx.child_within("soak", 10s);
  Ctx part = step.child("load");
  const Status slept = co_await part.sleep_for(1min);
  EXPECT_FALSE(slept);
  EXPECT_EQ(slept.error().code, "ctx.deadline");
  EXPECT_EQ(slept.error().message, "soak | load: not finished within 10s (the time given to soak)");
  EXPECT_EQ(part.stop_reason(), StopReason::deadline);
  EXPECT_EQ(part.remaining(), 0ns);
}

TEST(Ctx, DeadlineEndsASleepWithItsOwnCode) { EXPECT_EQ(virtual_time_of(sleeps_past_the_deadline), 10s); }

awaitable<void> asks_for_more_time(Ctx& ctx) {
  Ctx parent = ctx.child_within("parent", 5s);
  Ctx greedy = parent.child_within("greedy", 1h);
  Ctx modest = parent.child_within("modest", 2s);
  EXPECT_EQ(greedy.remaining(), 5s);
  EXPECT_EQ(modest.remaining(), 2s);
  EXPECT_EQ(ctx.remaining(), Nanoseconds::max());
  const Status slept = co_await modest.sleep_for(3s);
  EXPECT_FALSE(slept);
  EXPECT_FALSE(parent.stopped());
}

TEST(Ctx, ChildDeadlineOnlyShortensTheParents) { EXPECT_EQ(virtual_time_of(asks_for_more_time), 2s); }

awaitable<void> stopped_twice(Ctx& ctx) {
  ctx.request_stop(StopReason::operator_stop, "Ctrl-C");
  ctx.request_stop(StopReason::interlock, "leak");
  EXPECT_EQ(ctx.stop_reason(), StopReason::operator_stop);
  EXPECT_EQ(ctx.child("late").check().error().message, "late: stopped (operator_stop): Ctrl-C");

  Ctx fresh(ctx.loop(), "fresh");
  Ctx brief = fresh.child_within("brief", 1s);
  const Status slept = co_await fresh.sleep_for(2s);
  EXPECT_TRUE(slept);
  fresh.request_stop(StopReason::gate, "cooling failed");
  EXPECT_EQ(brief.stop_reason(), StopReason::deadline) << "its deadline was first";
  EXPECT_EQ(fresh.stop_reason(), StopReason::gate);
}

TEST(Ctx, FirstStopReasonStays) { virtual_time_of(stopped_twice); }

awaitable<void> stop_of_one_child(Ctx& ctx) {
  Ctx left = ctx.child("left");
  Ctx right = ctx.child("right");
  left.request_stop(StopReason::gate, "");
  EXPECT_TRUE(left.stopped());
  EXPECT_FALSE(right.stopped());
  EXPECT_FALSE(ctx.stopped());
  const Status slept = co_await right.sleep_for(1s);
  EXPECT_TRUE(slept);
}

TEST(Ctx, StoppingAChildLeavesParentAndSiblingsAlone) { virtual_time_of(stop_of_one_child); }

awaitable<Status> park(Ctx& ctx) {
  EXPECT_FALSE(ctx.stopped());
  EXPECT_EQ(ctx.crumbs(), "C02 | park");
  Status slept = co_await ctx.sleep_for(7s);
  co_return slept;
}

awaitable<void> parks_after_a_stop(Ctx& ctx) {
  Ctx tray = ctx.child_within("C02", 1s);
  tray.request_stop(StopReason::interlock, "leak");
  const Status refused = co_await tray.sleep_for(1s);
  EXPECT_FALSE(refused);
  const Status parked = co_await shielded(tray, "park", 30s, park);
  EXPECT_TRUE(parked);
  const Status too_slow = co_await shielded(tray, "park", 2s, park);
  EXPECT_FALSE(too_slow);
  EXPECT_EQ(too_slow.error().code, "ctx.deadline");
}

TEST(Ctx, ShieldedWorkRunsAfterAStopWithinItsOwnBudget) {
  EXPECT_EQ(virtual_time_of(parks_after_a_stop), 9s);
}

awaitable<void> stop_inside_shield(Ctx& ctx) {
  Ctx tray = ctx.child("C02");
  later(ctx, 1s, [&tray] { tray.request_stop(StopReason::operator_stop, "Ctrl-C"); });
  const Status parked = co_await shielded(tray, "park", 30s, park);
  EXPECT_TRUE(parked);
  EXPECT_TRUE(tray.stopped());
}

TEST(Ctx, StopDuringShieldedWorkDoesNotReachIt) { EXPECT_EQ(virtual_time_of(stop_inside_shield), 7s); }

awaitable<void> completes(Ctx& ctx) {
  const Completion<int> in_time;
  later(ctx, 2s, [in_time] {
    EXPECT_TRUE(in_time.complete(42));
    EXPECT_FALSE(in_time.complete(43));
  });
  Result<int> value = co_await in_time.wait(ctx);
  EXPECT_TRUE(value);
  EXPECT_EQ(*value, 42);

  const Completion<int> too_late;
  Ctx hasty = ctx.child_within("hasty", 1s);
  later(ctx, 5s, [too_late] { too_late.complete(1); });
  Result<int> missed = co_await too_late.wait(hasty);
  EXPECT_FALSE(missed);
  EXPECT_EQ(missed.error().code, "ctx.deadline");
  const Status slept = co_await ctx.sleep_for(10s);  // the producer outlives its waiter
  EXPECT_TRUE(slept);
  EXPECT_TRUE(too_late.completed());

  Ctx stopped = ctx.child("stopped");
  stopped.request_stop(StopReason::gate, "");
  const Completion<int> never;
  Result<int> refused = co_await never.wait(stopped);
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ctx.stopped");
}

TEST(Completion, GivesTheValueOrWhyTheWaitEnded) { EXPECT_EQ(virtual_time_of(completes), 13s); }

awaitable<void> wakes_same_instant(Ctx& ctx) {
  const Completion<int> tie;
  Ctx hasty = ctx.child_within("hasty", 2s);
  later(ctx, 2s, [tie] { tie.complete(5); });
  Result<int> value = co_await tie.wait(hasty);
  EXPECT_TRUE(value) << "a value that is there is not thrown away";
}

TEST(Completion, ValueWinsOverADeadlineOfTheSameInstant) { virtual_time_of(wakes_same_instant); }

awaitable<void> crumbs(Ctx& ctx) {
  EXPECT_EQ(ctx.child("R01").child("C02").child("soak/load").crumbs(), "R01 | C02 | soak/load");
  EXPECT_EQ(ctx.child("R01").child("").crumbs(), "R01");
  co_return;
}

TEST(Ctx, CrumbsNameThePlace) { virtual_time_of(crumbs); }

awaitable<void> listens(Ctx& ctx) {
  int called = 0;
  {
    const Ctx::StopToken ended = ctx.on_stop([&called] { called += 100; });
  }
  const Ctx::StopToken kept = ctx.on_stop([&called] { ++called; });
  ctx.request_stop(StopReason::shutdown, "");
  ctx.request_stop(StopReason::shutdown, "");
  EXPECT_EQ(called, 1);
  const Ctx::StopToken late = ctx.on_stop([&called] { called += 10; });
  EXPECT_EQ(called, 11);
  co_return;
}

TEST(Ctx, StopCallbacksRunOnceAndEndWithTheirToken) { virtual_time_of(listens); }

TEST(Ctx, EveryStopReasonHasItsOwnWord) {
  EXPECT_EQ(to_string(StopReason::operator_stop), "operator_stop");
  EXPECT_EQ(to_string(StopReason::none), "none");
  EXPECT_EQ(to_string(StopReason::sibling), "sibling");
  EXPECT_EQ(to_string(StopReason::shutdown), "shutdown");
}

awaitable<void> wait_a_while(Ctx& ctx, Completion<bool> one, Nanoseconds patience, std::string* how) {
  const Ctx limited = ctx.child_within("waiting", patience);
  const Result<bool> waited = co_await one.wait(limited);
  *how = waited ? "given" : waited.error().code;
}

TEST(Completion, AWaiterIsNeverLostThoughAnotherWaitsForTheSame) {
  for (const bool in_place : {true, false}) {
    const auto loop = Loop::simulated();
    std::string patient, hasty, late;
    loop->run([&](Ctx& ctx) -> awaitable<void> {
      const Completion<bool> one;
      Scope scope(ctx);
      scope.start("patient", [&, one](Ctx& own) { return wait_a_while(own, one, 1h, &patient); });
      scope.start("hasty", [&, one](Ctx& own) { return wait_a_while(own, one, 1s, &hasty); });
      scope.start("late", [&, one](Ctx& own) { return wait_a_while(own, one, 2h, &late); });
      const Status slept = co_await ctx.sleep_for(10s);
      EXPECT_TRUE(slept);
      if (in_place) {
        EXPECT_TRUE(one.complete_here(true));
      } else {
        EXPECT_TRUE(one.complete(true));
      }
      const Status joined = co_await scope.join();
      EXPECT_TRUE(joined);
      EXPECT_LT(ctx.now().monotonic_ns, 60'000'000'000) << "nobody waited for his own end";
    });
    EXPECT_EQ(hasty, "ctx.deadline");
    EXPECT_EQ(patient, "given");
    EXPECT_EQ(late, "given");
  }
}

}  // namespace
}  // namespace kiln
