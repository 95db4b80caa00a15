#include "store/migrations.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "store/run_lock.h"
#include "store/schema.h"
#include "store/store_test_kit.h"

namespace kiln {
namespace {

using namespace store_test;

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

SchemaHistory next_history() {
  SchemaHistory history = schema_history();
  history.current_version = kSchemaVersion + 1;
  history.steps.push_back({kSchemaVersion + 1, "CREATE TABLE calibration (x INTEGER) STRICT;"});
  return history;
}

TEST(Migrations, ANewRecordIsMadeForTheUserAlone) {
  TemporaryDirectory directory;
  const std::string path = directory.file("state/kiln/kiln.db");
  {
    const Result<sqlite::Connection> connection = open_for_writing(path);
    ASSERT_TRUE(connection) << connection.error().full();
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_EQ(mode_of(path + "-wal"), 0600U);
    EXPECT_EQ(mode_of(directory.file("state")), 0700U);
    EXPECT_EQ(mode_of(directory.file("state/kiln")), 0700U);
  }
  EXPECT_EQ(query(path, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(query(path, "SELECT value FROM meta WHERE name = 'schema_version'"),
            std::to_string(kSchemaVersion));
}

TEST(Migrations, TheWriterAsksForFullDurability) {
  TemporaryDirectory directory;
  Result<sqlite::Connection> connection = open_for_writing(directory.file("kiln.db"));
  ASSERT_TRUE(connection);
  constexpr std::int64_t kFull = 2;  // https://www.sqlite.org/pragma.html#pragma_synchronous
  EXPECT_EQ(*connection->query_integer("PRAGMA synchronous"), kFull);
}

TEST(Migrations, AFileThatOthersCouldReadIsNarrowed) {
  TemporaryDirectory directory;
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(open_for_writing(path));
  ::chmod(path.c_str(), 0644);
  ASSERT_TRUE(open_for_writing(path));
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST(Migrations, AnOlderRecordIsCopiedAndBroughtForwardWithItsRows) {
  TemporaryDirectory directory;
  const std::string run = record(directory, {note("before")});
  const std::string path = directory.file("kiln.db");
  ASSERT_TRUE(open_for_writing(path, next_history()));
  EXPECT_EQ(query(path, "PRAGMA user_version"), std::to_string(kSchemaVersion + 1));
  EXPECT_EQ(query(path, "SELECT count(*) FROM calibration"), "0");
  EXPECT_EQ(query(path, "SELECT id FROM run"), run);
  EXPECT_EQ(query(path, "SELECT value FROM meta WHERE name = 'schema_version'"),
            std::to_string(kSchemaVersion + 1));

  const std::string copy = path + ".v" + std::to_string(kSchemaVersion) + ".backup";
  EXPECT_EQ(mode_of(copy), 0600U);
  EXPECT_EQ(query(copy, "PRAGMA user_version"), std::to_string(kSchemaVersion));
  EXPECT_EQ(query(copy, "SELECT id FROM run"), run);
}

TEST(Migrations, AStepThatFailsLeavesTheOldRecordAsItWas) {
  TemporaryDirectory directory;
  record(directory, {note("before")});
  SchemaHistory history = next_history();
  history.steps.back().sql = "CREATE TABLE calibration (x INTEGER) STRICT; SELECT nonsense;";
  EXPECT_FALSE(open_for_writing(directory.file("kiln.db"), history));
  EXPECT_EQ(query(directory.file("kiln.db"), "PRAGMA user_version"), std::to_string(kSchemaVersion));
  EXPECT_EQ(query(directory.file("kiln.db"), "SELECT count(*) FROM sqlite_schema WHERE name = 'calibration'"),
            "0");
}

TEST(Migrations, AnOlderRecordThatIsStillWrittenIsNotTouched) {
  TemporaryDirectory directory;
  const auto loop = Loop::simulated();
  const auto ledger = open_ledger(*loop, options_in(directory));
  const Result<sqlite::Connection> second = open_for_writing(directory.file("kiln.db"), next_history());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "ledger.busy");
  EXPECT_NE(second.error().message.find(ledger->run()), std::string::npos);
}

TEST(Migrations, ANewerRecordIsRefusedWithBothVersions) {
  TemporaryDirectory directory;
  record(directory, {});
  const std::string path = directory.file("kiln.db");
  EXPECT_EQ(sql(path, "PRAGMA user_version = 7"), "");
  const Result<sqlite::Connection> opened = open_for_writing(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "ledger.newer_schema");
  EXPECT_NE(opened.error().message.find("record version 7; this program knows up to 4"), std::string::npos);
  const Result<std::unique_ptr<RunView>> view = RunView::open(path);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, "view.newer_schema");
}

TEST(Migrations, ProgramsThatStartTogetherOnNothingAllGetTheSameRecord) {
  TemporaryDirectory directory;
  std::vector<pid_t> children;
  for (int number = 0; number < 6; ++number) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto loop = Loop::simulated();
      const Result<std::unique_ptr<Ledger>> ledger = Ledger::open(*loop, options_in(directory));
      if (!ledger) std::fprintf(stderr, "%s\n", ledger.error().full().c_str());
      ::_exit(ledger && (*ledger)->try_append(note("n")) && (*ledger)->close() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(open_view(directory.file("kiln.db"))->runs()->size(), 6U);
}

TEST(Migrations, OpeningTheRecordAgainDropsNoLockOfThisProgram) {
  TemporaryDirectory directory;
  const std::string path = directory.file("kiln.db");
  Result<sqlite::Connection> first = open_for_writing(path);
  ASSERT_TRUE(first);
  ASSERT_EQ(*first->query_integer("SELECT count(*) FROM run"), 0);
  // The lock of an open connection, asked for by another process: SQLite's bytes from 1 GiB on
  // (fileformat2.html, 1.6).
  const auto locked_for_others = [&path] {
    const pid_t child = ::fork();
    if (child == 0) {
      struct flock range {};
      range.l_type = F_WRLCK;
      range.l_whence = SEEK_SET;
      range.l_start = 0x40000000;
      range.l_len = 512;
      const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
      ::_exit(::fcntl(file, F_GETLK, &range) == 0 && range.l_type != F_UNLCK ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status == 0;
  };
  ASSERT_TRUE(locked_for_others());
  ASSERT_TRUE(make_record_file(path));
  EXPECT_TRUE(locked_for_others());
}

TEST(Migrations, SomebodyElsesDatabaseIsNeitherUsedNorChanged) {
  TemporaryDirectory directory;
  const std::string path = directory.file("photos.db");
  EXPECT_EQ(sql(path, "CREATE TABLE photo (name TEXT)"), "");
  const Result<sqlite::Connection> opened = open_for_writing(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "ledger.not_a_ledger");
  EXPECT_EQ(query(path, "SELECT group_concat(name) FROM sqlite_schema"), "photo");
  EXPECT_EQ(query(path, "PRAGMA journal_mode"), "delete");
}

TEST(Migrations, AFileThatIsNoDatabaseIsRefused) {
  TemporaryDirectory directory;
  const std::string path = directory.file("notes.txt");
  std::ofstream(path) << std::string(5000, 'x');
  const Result<sqlite::Connection> opened = open_for_writing(path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "ledger.not_a_ledger");
  EXPECT_NE(opened.error().message.find(path), std::string::npos);
}

TEST(Migrations, ADirectoryThatCannotBeMadeIsNamed) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("file")) << "x";
  const Result<sqlite::Connection> opened = open_for_writing(directory.file("file/kiln.db"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "ledger.not_writable");
  EXPECT_NE(opened.error().message.find(directory.file("file")), std::string::npos);
}

}  // namespace
}  // namespace kiln
