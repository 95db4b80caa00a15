#include "io/scope.h"

#include <gtest/gtest.h>

#include <chrono>

#include "io/completion.h"
#include "io/loop.h"
#include "io/pool.h"
#include "io/virtual_time_for_test.h"

namespace kiln {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

awaitable<void> sleep_one_hour(Ctx& ctx) {
  const Status slept = co_await ctx.sleep_for(1h);
  (void)slept;
}

awaitable<void> a_hundred_at_once(Ctx& ctx) {
  Scope scope(ctx);
  for (int i = 0; i < 100; ++i) scope.start("C" + std::to_string(i), sleep_one_hour);
  EXPECT_EQ(scope.running(), 100U);
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
  EXPECT_EQ(scope.running(), 0U);
}

TEST(Scope, TasksRunSideBySide) { EXPECT_EQ(virtual_time_of(a_hundred_at_once), 1h); }

awaitable<void> stops_and_joins(Ctx& ctx) {
  Scope scope(ctx);
  scope.start("C01", sleep_one_hour);
  scope.start("C02", sleep_one_hour);
  const Status slept = co_await ctx.sleep_for(1s);
  EXPECT_TRUE(slept);
  const Status joined = co_await scope.stop_and_join(StopReason::gate, "cooling failed");
  EXPECT_TRUE(joined) << "being stopped is not a failure of the scope";
  EXPECT_FALSE(ctx.stopped());
}

TEST(Scope, StopAndJoinEndsTheTasksNotTheOwner) { EXPECT_EQ(virtual_time_of(stops_and_joins), 1s); }

awaitable<Status> slow_teardown(Ctx& ctx) {
  Status slept = co_await ctx.sleep_for(30s);
  co_return slept;
}

awaitable<void> join_under_a_stopped_owner(Ctx& ctx) {
  bool torn_down = false;
  Scope scope(ctx);
  scope.start("C01", [&torn_down](Ctx& task) -> awaitable<void> {
    const Status slept = co_await task.sleep_for(1h);
    EXPECT_FALSE(slept);
    const Status parked = co_await shielded(task, "park", 1min, slow_teardown);
    torn_down = parked.has_value();
  });
  const Status slept = co_await ctx.sleep_for(1s);
  EXPECT_TRUE(slept);
  ctx.request_stop(StopReason::operator_stop, "Ctrl-C");
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
  EXPECT_TRUE(torn_down) << "join came back before the teardown had ended";
}

TEST(Scope, JoinWaitsForTeardownThoughTheOwnerIsStopped) {
  EXPECT_EQ(virtual_time_of(join_under_a_stopped_owner), 31s);
}

awaitable<void> one_task_throws(Ctx& ctx) {
  Scope scope(ctx);
  scope.start("C01", sleep_one_hour);
  scope.start("C02", [](Ctx& task) -> awaitable<void> {
    const Status slept = co_await task.sleep_for(2s);
    EXPECT_TRUE(slept);
    throw std::runtime_error("plugin fell over");
  });
  const Status joined = co_await scope.join();
  EXPECT_FALSE(joined);
  EXPECT_EQ(joined.error().code, "internal.exception");
  EXPECT_EQ(joined.error().message, "C02: plugin fell over");
  EXPECT_FALSE(ctx.stopped());
}

TEST(Scope, AnExceptionStopsTheSiblingsAndIsTheScopesFailure) {
  EXPECT_EQ(virtual_time_of(one_task_throws), 2s);
}

awaitable<void> a_task_starts_another(Ctx& ctx) {
  int ended = 0;
  Scope scope(ctx);
  scope.start("first", [&scope, &ended](Ctx& task) -> awaitable<void> {
    const Status slept = co_await task.sleep_for(1s);
    EXPECT_TRUE(slept);
    scope.start("second", [&ended](Ctx& other) -> awaitable<void> {
      const Status slept_too = co_await other.sleep_for(1s);
      EXPECT_TRUE(slept_too);
      ++ended;
    });
    ++ended;
  });
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
  EXPECT_EQ(ended, 2);
}

TEST(Scope, JoinAlsoWaitsForTasksStartedMeanwhile) { EXPECT_EQ(virtual_time_of(a_task_starts_another), 2s); }

awaitable<void> started_then_stopped(Ctx& ctx) {
  bool called = false;
  Scope scope(ctx);
  scope.start("C01", [&called](Ctx& task) -> awaitable<void> {
    called = true;
    EXPECT_TRUE(task.stopped());
    co_return;
  });
  EXPECT_FALSE(called) << "a task begins on the next turn, not inside start";
  const Status joined = co_await scope.stop_and_join(StopReason::shutdown, "");
  EXPECT_TRUE(joined);
  EXPECT_TRUE(called) << "even a task stopped before its first turn gets to run its teardown";
}

TEST(Scope, ATaskStoppedBeforeItBeganIsStillCalled) { virtual_time_of(started_then_stopped); }

awaitable<void> forgets_to_join(Ctx& ctx) {
  Scope scope(ctx);
  scope.start("C07 load", sleep_one_hour);
  co_return;
}

TEST(ScopeDeathTest, DestroyingAnOpenScopeEndsTheProgramAndNamesTheTask) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(virtual_time_of(forgets_to_join), "destroyed before join or stop_and_join(.|\n)*C07 load");
}

awaitable<void> hold_place(Pool& pool, Ctx& ctx, std::string name, Nanoseconds busy, std::string& order) {
  Result<Pool::Lease> lease = co_await pool.acquire(ctx);
  if (!lease) co_return;
  order += name;
  const Status worked = co_await ctx.sleep_for(busy);
  (void)worked;
}

awaitable<void> shares_a_pool(Ctx& ctx) {
  Pool pool("flash", 2);
  std::string order;
  Scope scope(ctx);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    scope.start(name, [&pool, &order, name](Ctx& task) { return hold_place(pool, task, name, 1s, order); });
  }
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
  EXPECT_EQ(order, "abcde") << "first come, first served";
  EXPECT_EQ(pool.free_places(), 2U);
}

TEST(Pool, NeverMoreThanItsDepthAndInOrder) { EXPECT_EQ(virtual_time_of(shares_a_pool), 3s); }

awaitable<void> gives_up_waiting(Ctx& ctx) {
  Pool pool("flash", 1);
  Result<Pool::Lease> held = co_await pool.acquire(ctx);
  EXPECT_TRUE(held);
  Ctx hasty = ctx.child_within("hasty", 1s);
  Result<Pool::Lease> refused = co_await pool.acquire(hasty);
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "ctx.deadline");
  EXPECT_EQ(refused.error().chain, std::vector<std::string>{"waiting for a place in pool flash"});
  *held = Pool::Lease();
  EXPECT_EQ(pool.free_places(), 1U) << "the place must not go to one who has left";
  Result<Pool::Lease> again = co_await pool.acquire(ctx);
  EXPECT_TRUE(again);
  EXPECT_EQ(pool.free_places(), 0U);
}

TEST(Pool, WaitRespectsTheDeadlineAndLosesNoPlace) { EXPECT_EQ(virtual_time_of(gives_up_waiting), 1s); }

awaitable<void> place_and_stop_together(Ctx& ctx) {
  Pool pool("flash", 1);
  std::string order;
  Scope scope(ctx);
  {
    Result<Pool::Lease> held = co_await pool.acquire(ctx);
    EXPECT_TRUE(held);
    scope.start("waiter", [&pool, &order](Ctx& task) { return hold_place(pool, task, "w", 1s, order); });
    const Status slept = co_await ctx.sleep_for(1s);
    EXPECT_TRUE(slept);
    scope.request_stop(StopReason::gate, "");
  }  // given back in the same turn as the stop
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
  EXPECT_EQ(pool.free_places(), 1U);
}

TEST(Pool, PlaceGivenInTheTurnOfAStopIsNotLost) { virtual_time_of(place_and_stop_together); }

awaitable<void> stopped_before_asking(Ctx& ctx) {
  Pool pool("flash", 1);
  Ctx stopped = ctx.child("C01");
  stopped.request_stop(StopReason::gate, "");
  Result<Pool::Lease> refused = co_await pool.acquire(stopped);
  EXPECT_FALSE(refused);
  EXPECT_EQ(pool.free_places(), 1U);
}

TEST(Pool, AStoppedTaskGetsNoPlaceEvenIfOneIsFree) { virtual_time_of(stopped_before_asking); }

}  // namespace
}  // namespace kiln
