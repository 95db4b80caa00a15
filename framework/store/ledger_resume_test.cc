// A run whose program died is gone on with: the same id, the same chain of hashes, and nobody else may.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "store/ledger.h"
#include "store/store_paths.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

boost::asio::awaitable<void> flush_and_die(Ctx& ctx, Ledger& ledger) {
  const Status flushed = co_await ledger.flush(ctx);
  ::_exit(flushed ? 0 : 1);
}

/// A program that writes `events` as a run and dies without ending it; gives the run's id.
std::string die_after(const TemporaryDirectory& directory, const std::vector<Event>& events) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto loop = Loop::simulated();
    const auto ledger = open_ledger(*loop, options_in(directory));
    if (!ledger) ::_exit(1);
    for (const Event& event : events) static_cast<void>(ledger->try_append(event));
    loop->run([&ledger](Ctx& ctx) { return flush_and_die(ctx, *ledger); });
    ::_exit(1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto view = open_view(directory.file("kiln.db"));
  return view->find_run("last").value();
}

TEST(LedgerResume, TheChainAndTheNumbersGoOn) {
  TemporaryDirectory directory;
  const std::string run =
      die_after(directory, {event_with(RunBegun{}), note("a"), measured("t", "GPU_0", 61.5)});
  const auto loop = Loop::simulated();
  EXPECT_EQ(open_view(directory.file("kiln.db"))->run(run)->state, RunState::interrupted);
  {
    Result<std::unique_ptr<Ledger>> ledger = Ledger::resume(*loop, options_in(directory), run);
    ASSERT_TRUE(ledger) << ledger.error().full();
    EXPECT_EQ((*ledger)->run(), run);
    const RunSummary alive = open_view(directory.file("kiln.db"))->run(run).value();
    EXPECT_EQ(alive.state, RunState::running);
    EXPECT_EQ(alive.pid, ::getpid());
    EXPECT_EQ((*ledger)->try_append(event_with(RunResumed{})).value(), 4);
    EXPECT_EQ((*ledger)->try_append(event_with(RunEnded{"complete", ""})).value(), 5);
    EXPECT_TRUE((*ledger)->close());
  }
  const auto view = open_view(directory.file("kiln.db"));
  const ChainCheck check = view->verify_chain(run).value();
  EXPECT_TRUE(check.intact) << check.reason;
  EXPECT_EQ(check.events, 5);
  EXPECT_EQ(view->run(run)->state, RunState::complete);
  EXPECT_EQ(view->runs()->size(), 1U);
}

TEST(LedgerResume, ByItselfItWritesNothing) {
  TemporaryDirectory directory;
  const std::string run = die_after(directory, {event_with(RunBegun{}), note("a")});
  const std::string head = open_view(directory.file("kiln.db"))->run(run)->chain_head;
  {
    const auto loop = Loop::simulated();
    Result<std::unique_ptr<Ledger>> ledger = Ledger::resume(*loop, options_in(directory), run);
    ASSERT_TRUE(ledger) << ledger.error().full();
  }
  const RunSummary after = open_view(directory.file("kiln.db"))->run(run).value();
  EXPECT_EQ(after.chain_head, head);
  EXPECT_EQ(after.state, RunState::interrupted);
}

TEST(LedgerResume, WhatEndedLivesOrNeverWasIsRefused) {
  TemporaryDirectory directory;
  const auto loop = Loop::simulated();
  const std::string ended = record(directory, {event_with(RunBegun{}), event_with(RunEnded{"complete", ""})});
  EXPECT_EQ(Ledger::resume(*loop, options_in(directory), ended).error().code, "run.ended");
  EXPECT_EQ(Ledger::resume(*loop, options_in(directory), "R-20260101-000000-ffff").error().code,
            "run.unknown");
  const auto alive = open_ledger(*loop, options_in(directory));
  EXPECT_EQ(Ledger::resume(*loop, options_in(directory), alive->run()).error().code, "ledger.run_alive");
}

TEST(LedgerResume, ALostLockFileIsMadeAnew) {
  TemporaryDirectory directory;
  const std::string run = die_after(directory, {event_with(RunBegun{})});
  ASSERT_EQ(::unlink(lock_file(directory.file("kiln.db"), run).c_str()), 0);
  const auto loop = Loop::simulated();
  Result<std::unique_ptr<Ledger>> ledger = Ledger::resume(*loop, options_in(directory), run);
  ASSERT_TRUE(ledger) << ledger.error().full();
  EXPECT_EQ(open_view(directory.file("kiln.db"))->run(run)->state, RunState::running);
}

}  // namespace
}  // namespace kiln
