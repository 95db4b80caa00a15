#include "safety/disk_undo_journal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "io/loop.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

class DiskUndoJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "kiln-undo-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    JournalOwner owner;
    owner.run = "R-1";
    Result<std::unique_ptr<GuardJournal>> made =
        GuardJournal::create(guard_journal_path(directory_, "R-1"), owner, clock_);
    ASSERT_TRUE(made);
    file_ = std::move(*made);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::vector<GuardEntry> on_disk() const {
    const Result<GuardJournalContent> content = GuardJournal::read(file_->path());
    EXPECT_TRUE(content);
    return content ? content->entries : std::vector<GuardEntry>{};
  }

  std::string directory_;
  SystemClock clock_;
  std::unique_ptr<GuardJournal> file_;
};

awaitable<void> open_many(Ctx& ctx, DiskUndoJournal& journal, std::vector<int>& numbers, int count) {
  for (int i = 0; i < count; ++i) {
    JournaledUndo undo(UndoKind::force_off, "C01", "force off");
    const Result<int> number = co_await journal.open(ctx, std::move(undo));
    EXPECT_TRUE(number);
    if (number) numbers.push_back(*number);
    if (number && i % 2 == 1) journal.end(*number, GuardEnd::undone, "");
  }
}

awaitable<void> many_at_once(Ctx& ctx, DiskUndoJournal& journal, std::vector<int>& numbers) {
  Scope scope(ctx);
  for (int i = 0; i < 8; ++i)
    scope.start("dut", [&](Ctx& task) { return open_many(task, journal, numbers, 10); });
  const Status joined = co_await scope.join();
  EXPECT_TRUE(joined);
  const Status closed = co_await journal.close();
  EXPECT_TRUE(closed);
}

TEST_F(DiskUndoJournalTest, ManyDutsShareItAndEachEndReachesTheDisk) {
  const std::unique_ptr<Loop> loop = Loop::real();
  std::vector<int> numbers;
  DiskUndoJournal journal(*loop, *file_);
  loop->run([&](Ctx& ctx) { return many_at_once(ctx, journal, numbers); });
  EXPECT_EQ(numbers.size(), 80U);
  std::size_t open = 0;
  const std::vector<GuardEntry> entries = on_disk();
  for (const GuardEntry& entry : entries) open += entry.state == GuardEnd::open ? 1U : 0U;
  EXPECT_EQ(entries.size(), 80U);
  EXPECT_EQ(open, 40U);
}

awaitable<void> stopped_while_opening(Ctx& ctx, DiskUndoJournal& journal, std::string& code) {
  Ctx asks = ctx.child("asks");
  asks.request_stop(StopReason::interlock, "leak");
  JournaledUndo undo(UndoKind::force_off, "C01", "force off");
  const Result<int> number = co_await journal.open(asks, std::move(undo));
  if (!number) code = number.error().code;
  const Status closed = co_await journal.close();
  EXPECT_TRUE(closed);
}

TEST_F(DiskUndoJournalTest, WhoIsStoppedWhileItIsWrittenLeavesNothingToUndo) {
  const std::unique_ptr<Loop> loop = Loop::real();
  std::string code;
  DiskUndoJournal journal(*loop, *file_);
  loop->run([&](Ctx& ctx) { return stopped_while_opening(ctx, journal, code); });
  EXPECT_EQ(code, "ctx.stopped");
  for (const GuardEntry& entry : on_disk()) EXPECT_EQ(entry.state, GuardEnd::not_needed);
  EXPECT_TRUE(file_->remove_if_done());
}

awaitable<void> end_unknown(Ctx& /*ctx*/, DiskUndoJournal& journal, std::string& code) {
  journal.end(77, GuardEnd::undone, "");
  const Status closed = co_await journal.close();
  if (!closed) code = closed.error().code;
}

TEST_F(DiskUndoJournalTest, AnEndThatCannotBeWrittenIsToldWhenTheRunCloses) {
  const std::unique_ptr<Loop> loop = Loop::real();
  std::string code;
  DiskUndoJournal journal(*loop, *file_);
  loop->run([&](Ctx& ctx) { return end_unknown(ctx, journal, code); });
  EXPECT_EQ(code, "guard.unknown");
}

}  // namespace
}  // namespace kiln
