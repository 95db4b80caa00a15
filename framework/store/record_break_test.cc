// What is told of a record after its end, beside it.
#include "store/record_break.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/run_view.h"
#include "store/store_paths.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

TEST(RunViewAfter, WhatHappenedAfterTheWritersDeathIsToldAndCounts) {
  TemporaryDirectory directory;
  Event opened;
  opened.dut = "C01";
  GuardOpened guard;
  guard.undo = "force off C01";
  opened.body = guard;
  record(directory, {opened});
  const auto before = open_view(directory.file("kiln.db"));
  const std::string run = *before->find_run("last");
  EXPECT_FALSE(before->events(run)->broken);

  Event undone;
  undone.at.utc_ns = 1'700'000'000'000'000'000;
  undone.dut = "C01";
  GuardClosed closed;
  closed.undo = guard.undo;
  closed.message = "by the warden: read back Off";
  undone.body = closed;
  write_after_break(directory.file("kiln.db"), run, undone);
  std::ofstream(after_break_file(directory.file("kiln.db"), run), std::ios::app) << "{\"torn\n";

  const auto view = open_view(directory.file("kiln.db"));
  const Result<RunEvents> events = view->events(run);
  ASSERT_TRUE(events);
  ASSERT_TRUE(events->broken);
  EXPECT_TRUE(events->broken->writer_gone);
  EXPECT_EQ(
      events->broken->sentence().rfind("INTERRUPTED AT event " + std::to_string(events->events.size()), 0),
      0U)
      << events->broken->sentence();
  ASSERT_EQ(events->broken->after.size(), 1U) << "a torn line hides nothing else";
  EXPECT_EQ(events->broken->after.front().sequence, events->events.back().sequence + 1);
  EXPECT_FALSE(view->run(run)->broken) << "the ledger did not fail";
}

}  // namespace
}  // namespace kiln
