// The disk fails: nothing acknowledged is lost, everybody who waits is told, and nothing is taken any more.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <mutex>

#include "store/ledger.h"
#include "store/ledger_writer.h"
#include "store/migrations.h"
#include "store/space_reserve.h"
#include "store/store_paths.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;
using boost::asio::awaitable;
using namespace std::chrono_literals;

const std::string kLong(4000, 'x');

/// Runs `body` in a process of its own, which may set limits or mounts for itself; gives its exit status.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// ---- the writer by itself, on a database that may not grow
// --------------------------------------------------------

TEST(LedgerWriterFailure, AFullDiskIsToldOnceWithTheLastEventAndRefusesTheRest) {
  TemporaryDirectory directory;
  Result<sqlite::Connection> connection = open_for_writing(directory.file("kiln.db"));
  ASSERT_TRUE(connection);
  // The same SQLITE_FULL that a full disk gives.
  ASSERT_TRUE(connection->query_integer("PRAGMA max_page_count = 80"));
  Result<EventRows> rows = EventRows::begin_run(*std::move(connection), "R-1", {}, "");
  ASSERT_TRUE(rows);
  std::mutex mutex;
  std::vector<LedgerFailure> told;
  std::int64_t committed = 0;
  LedgerWriter::Limits limits;
  limits.commit_rows = 10;
  LedgerWriter::Callbacks callbacks;
  callbacks.committed = [&](const std::vector<Event>& group) {
    const std::lock_guard lock(mutex);
    committed = group.back().sequence;
  };
  callbacks.failed = [&](const LedgerFailure& failure, const std::vector<Event>& /*lost*/) {
    const std::lock_guard lock(mutex);
    told.push_back(failure);
  };
  LedgerWriter writer(*std::move(rows), "R-1", limits, callbacks);
  for (int at = 0; at < 500; ++at) {
    Event event = note(kLong);
    writer.offer(event, false);
  }
  const Status done = writer.wait_until_committed();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "ledger.failed");
  EXPECT_NE(done.error().message.find("disk full"), std::string::npos) << done.error().message;
  EXPECT_NE(done.error().message.find("after event " + std::to_string(committed) + ":"), std::string::npos)
      << done.error().message;
  EXPECT_NE(done.error().action.find("free space"), std::string::npos);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].last_committed, committed);
  EXPECT_GT(committed, 0);
  Event late = note("late");
  EXPECT_EQ(writer.offer(late, false).result, LedgerWriter::Offered::failed);
  writer.close();
  EXPECT_EQ(query(directory.file("kiln.db"), "SELECT max(sequence) FROM event"), std::to_string(committed));
  EXPECT_EQ(query(directory.file("kiln.db"), "PRAGMA integrity_check"), "ok");
}

// ---- the whole ledger, when files may not grow (RLIMIT_FSIZE: the kernel refuses the write)
// ------------------------

struct Told {
  std::int64_t acknowledged = 0, undone = 0;
  std::optional<Error> durable, second, room, flush;
};

awaitable<void> write_until_it_fails(Ctx& ctx, Ledger& ledger, Told& told) {
  while (!told.durable) {
    // An undo whose end nobody waits for is on its way to the disk when that is full.
    Event undone = note("");
    undone.dut = "C01";
    undone.body = GuardClosed{"stop load on C01", true, "read back"};
    const Result<std::int64_t> taken = co_await ledger.append(ctx, std::move(undone));
    if (taken) told.undone = *taken;
    Event event = note(kLong);
    const Result<std::int64_t> sequence = co_await ledger.append_durable(ctx, std::move(event));
    if (sequence) {
      told.acknowledged = *sequence;
    } else {
      told.durable = sequence.error();
    }
  }
  Event event = note("again");
  const Result<std::int64_t> again = co_await ledger.append(ctx, std::move(event));
  if (!again) told.second = again.error();
  const Status flushed = co_await ledger.flush(ctx);
  if (!flushed) told.flush = flushed.error();
}

#define REQUIRE_IN_CHILD(condition)                                        \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
      return 1;                                                            \
    }                                                                      \
  } while (false)

int fail_by_file_size(const TemporaryDirectory& directory) {
  ::signal(SIGXFSZ, SIG_IGN);
  const auto loop = Loop::simulated();
  const auto ledger = open_ledger(*loop, options_in(directory));
  REQUIRE_IN_CHILD(ledger != nullptr);
  int failures = 0;
  const auto token = ledger->on_failure([&failures](const LedgerFailure&) { ++failures; });
  const rlimit limit{400 << 10, 400 << 10};
  ::setrlimit(RLIMIT_FSIZE, &limit);

  Told told;
  loop->run([&](Ctx& ctx) { return write_until_it_fails(ctx, *ledger, told); });
  REQUIRE_IN_CHILD(told.acknowledged > 0 && told.undone > told.acknowledged);
  REQUIRE_IN_CHILD(told.durable && told.durable->code == "ledger.failed");
  REQUIRE_IN_CHILD(told.durable->message.find("after event " + std::to_string(told.acknowledged)) !=
                   std::string::npos);
  REQUIRE_IN_CHILD(told.second && told.second->code == "ledger.failed");
  REQUIRE_IN_CHILD(told.flush && told.flush->code == "ledger.failed");
  REQUIRE_IN_CHILD(failures == 1);
  REQUIRE_IN_CHILD(ledger->failure() && ledger->failure()->last_committed == told.acknowledged);
  REQUIRE_IN_CHILD(!std::filesystem::exists(reserve_file(ledger->database(), ledger->run())));
  Event cut;
  cut.dut = "C01";
  Interlocked interlocked;
  interlocked.cause = "leak";
  interlocked.code = "leak.detected";
  interlocked.part = "Detector_0";
  interlocked.hazard_read = true;
  cut.body = interlocked;
  ledger->keep_beside(cut);
  REQUIRE_IN_CHILD(!ledger->close());
  std::ofstream(directory.file("acknowledged")) << told.acknowledged;
  return 0;
}

TEST(LedgerFailure, WhatWasAcknowledgedStaysReadableAndTheBreakIsOnRecord) {
  TemporaryDirectory directory;
  ASSERT_EQ(in_child([&] { return fail_by_file_size(directory); }), 0);
  std::int64_t acknowledged = 0;
  std::ifstream(directory.file("acknowledged")) >> acknowledged;
  const auto view = open_view(directory.file("kiln.db"));
  const Result<RunSummary> run = view->run(*view->find_run("last"));
  ASSERT_TRUE(run);
  EXPECT_EQ(run->state, RunState::interrupted);
  ASSERT_TRUE(run->broken);
  EXPECT_EQ(run->broken->after_sequence, acknowledged);
  const Result<RunEvents> events = view->events(run->id);
  ASSERT_TRUE(events);
  EXPECT_GE(events->events.size(), static_cast<std::size_t>(acknowledged));
  ASSERT_TRUE(events->broken);
  EXPECT_EQ(events->broken->sentence().substr(0, 23), "RECORD BROKEN AT event ");
  // The cut that the ledger did not take is known all the same, and counts.
  // So is the end of the undo that was on its way when it failed.
  ASSERT_EQ(events->broken->after.size(), 2U);
  ASSERT_TRUE(std::holds_alternative<GuardClosed>(events->broken->after.front().body));
  const Event& cut = events->broken->after.back();
  EXPECT_EQ(cut.sequence, events->events.back().sequence + 2);
  ASSERT_TRUE(std::holds_alternative<Interlocked>(cut.body));
  EXPECT_EQ(std::get<Interlocked>(cut.body).part, "Detector_0");
  EXPECT_EQ(exit_code(roll_up(*events)), 5);
  EXPECT_NE(events->broken->sentence().find("2 entries"), std::string::npos);
  const Result<ChainCheck> check = view->verify_chain(run->id);
  ASSERT_TRUE(check);
  EXPECT_TRUE(check->intact) << check->reason;
}

awaitable<void> wait_for_room(Ctx& ctx, Ledger& ledger, Told& told) {
  while (!told.room) {
    Event event = note(kLong);
    const Result<std::int64_t> sequence = co_await ledger.append(ctx, std::move(event));
    if (!sequence) told.room = sequence.error();
  }
}

TEST(LedgerFailure, WhoWaitsForRoomIsToldToo) {
  TemporaryDirectory directory;
  const auto body = [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    LedgerOptions options = options_in(directory);
    options.channel_rows = 1;
    const auto loop = Loop::simulated();
    const auto ledger = open_ledger(*loop, options);
    const rlimit limit{400 << 10, 400 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Told told;
    loop->run([&](Ctx& ctx) { return wait_for_room(ctx, *ledger, told); });
    return told.room && told.room->code == "ledger.failed" ? 0 : 1;
  };
  EXPECT_EQ(in_child(body), 0);
}

// ---- a disk that is really full: a small file system of the child's own
// -------------------------------------------

constexpr int kNoMount = 77;

int fail_by_full_disk(const std::string& mount_point) {
  const bool root = ::geteuid() == 0;
  if (::unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) return kNoMount;
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=3m,mode=0700") != 0) return kNoMount;

  LedgerOptions options;
  options.database = mount_point + "/kiln.db";
  options.reserve_bytes = 1 << 20;
  options.least_free_bytes = 512 << 10;
  const auto loop = Loop::simulated();
  const auto ledger = open_ledger(*loop, options);
  REQUIRE_IN_CHILD(ledger != nullptr);
  Told told;
  loop->run([&](Ctx& ctx) { return write_until_it_fails(ctx, *ledger, told); });
  REQUIRE_IN_CHILD(told.durable && told.durable->code == "ledger.failed");
  REQUIRE_IN_CHILD(told.durable->message.find("disk full") != std::string::npos);

  // The record is read and a report is written, on the same full disk, from the space that was kept.
  const auto view = open_view(options.database);
  const Result<RunEvents> events = view->events(ledger->run());
  REQUIRE_IN_CHILD(events && events->broken);
  REQUIRE_IN_CHILD(static_cast<std::int64_t>(events->events.size()) >= told.acknowledged);
  REQUIRE_IN_CHILD(events->broken->reason.find("disk full") != std::string::npos);
  const std::string report(700 << 10, 'r');
  const Result<Attached> stored = ledger->artifacts().add_text("report.html", "text/html", report);
  REQUIRE_IN_CHILD(stored);

  // And the next run is refused before it starts.
  const Result<std::unique_ptr<Ledger>> next = Ledger::open(*loop, options);
  REQUIRE_IN_CHILD(!next && next.error().code == "ledger.no_space");
  return 0;
}

TEST(LedgerFailure, OnAFullDiskTheReserveLetsTheReportBeWritten) {
  TemporaryDirectory directory;
  const int status = in_child([&] { return fail_by_full_disk(directory.path()); });
  if (status == kNoMount) GTEST_SKIP() << "this machine lets nobody mount a small file system";
  EXPECT_EQ(status, 0);
}

// ---- what cannot be opened
// -----------------------------------------------------------------------------------------

TEST(LedgerOpen, TooLittleSpaceIsRefusedWithBothAmounts) {
  TemporaryDirectory directory;
  LedgerOptions options = options_in(directory);
  options.least_free_bytes = 1LL << 60;
  const auto loop = Loop::simulated();
  const Result<std::unique_ptr<Ledger>> ledger = Ledger::open(*loop, options);
  ASSERT_FALSE(ledger);
  EXPECT_EQ(ledger.error().code, "ledger.no_space");
  EXPECT_NE(ledger.error().message.find("MiB free"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(runs_directory(options.database))) << "no lock is left behind";
  EXPECT_EQ(query(options.database, "SELECT count(*) FROM run"), "0");
}

TEST(LedgerOpen, AReadOnlyDatabaseIsRefusedAndNamed) {
  TemporaryDirectory directory;
  record(directory, {note("old")});
  const auto body = [&] {
    ::chmod(directory.file("kiln.db").c_str(), 0444);
    if (::geteuid() == 0) {
      // Root may write everything: become nobody, for whom the directory can be entered.
      ::chmod(directory.path().c_str(), 0755);
      if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 2;
    }
    const auto loop = Loop::simulated();
    const Result<std::unique_ptr<Ledger>> ledger = Ledger::open(*loop, options_in(directory));
    REQUIRE_IN_CHILD(!ledger);
    REQUIRE_IN_CHILD(ledger.error().code == "ledger.not_writable");
    REQUIRE_IN_CHILD(ledger.error().message.find(directory.file("kiln.db")) != std::string::npos);
    REQUIRE_IN_CHILD(!ledger.error().action.empty());
    return 0;
  };
  EXPECT_EQ(in_child(body), 0);
}

TEST(LedgerOpen, SpaceKeptByAProgramThatIsGoneIsGivenBack) {
  TemporaryDirectory directory;
  LedgerOptions options = options_in(directory);
  const auto loop = Loop::simulated();
  const auto living = open_ledger(*loop, options);
  const std::string orphan = reserve_file(options.database, "R-20200101-000000-0000");
  std::ofstream(orphan) << std::string(1000, 'x');
  const auto next = open_ledger(*loop, options);
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_TRUE(std::filesystem::exists(reserve_file(options.database, living->run())));
}

}  // namespace
}  // namespace kiln
