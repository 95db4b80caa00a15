#include "safety/guard_journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "safety/guard_record.h"

namespace kiln {
namespace {

class GuardJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "kiln-guards-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = guard_journal_path(directory_, "R-1");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<GuardJournal> make() {
    JournalOwner owner;
    owner.run = "R-1";
    owner.inventory = "/racks/R01/rack.yaml";
    owner.pid = 42;
    owner.simulated = true;
    Result<std::unique_ptr<GuardJournal>> made = GuardJournal::create(path_, owner, clock_);
    EXPECT_TRUE(made) << made.error().full();
    return std::move(*made);
  }
  static JournaledUndo force_off(const std::string& dut) {
    return {UndoKind::force_off, dut, "force off " + dut};
  }
  static JournaledUndo stop_load(const std::string& dut) {
    JournaledUndo undo(UndoKind::shell_command, dut, "stop gpu_burn on " + dut);
    undo.command = "pkill -x gpu_burn";
    undo.step = "soak/load";
    return undo;
  }
  GuardJournalContent read() const {
    Result<GuardJournalContent> content = GuardJournal::read(path_);
    EXPECT_TRUE(content) << content.error().full();
    return std::move(*content);
  }
  std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  }
  void write_bytes(const std::string& all) const {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out << all;
  }
  /// The journal as it was before the last write, with `done` bytes of that write in it.
  static std::string torn(const std::string& before, const std::string& after, std::size_t done) {
    std::string mixed = before;
    std::size_t first = 0;
    while (first < before.size() && before[first] == after[first]) ++first;
    const std::size_t record = first / kGuardRecordBytes * kGuardRecordBytes;
    for (std::size_t i = 0; i < done; ++i) mixed[record + i] = after[record + i];
    return mixed;
  }

  std::string directory_, path_;
  SystemClock clock_;
};

TEST_F(GuardJournalTest, KeepsTheUndosOfAProgramThatDied) {
  {
    const auto journal = make();
    ASSERT_TRUE(journal->open(force_off("C01")));
    ASSERT_TRUE(journal->open(stop_load("C01")));
    const Result<int> third = journal->open(stop_load("C02"));
    ASSERT_TRUE(third);
    ASSERT_TRUE(journal->end(*third, GuardEnd::failed, "the host did not answer"));
  }
  const GuardJournalContent content = read();
  EXPECT_EQ(content.owner.run, "R-1");
  EXPECT_EQ(content.owner.inventory, "/racks/R01/rack.yaml");
  EXPECT_EQ(content.owner.pid, 42);
  EXPECT_TRUE(content.owner.simulated);
  ASSERT_EQ(content.entries.size(), 3U);
  EXPECT_EQ(content.entries[0].undo.kind, UndoKind::force_off);
  EXPECT_EQ(content.entries[1].undo.command, "pkill -x gpu_burn");
  EXPECT_EQ(content.entries[1].undo.step, "soak/load");
  EXPECT_EQ(content.entries[1].state, GuardEnd::open);
  EXPECT_EQ(content.entries[2].state, GuardEnd::failed);
  EXPECT_EQ(content.entries[2].message, "the host did not answer");
  EXPECT_TRUE(content.any_outstanding());
}

TEST_F(GuardJournalTest, IsPrivateAndOfFixedSize) {
  const auto journal = make();
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const auto size = facts.st_size;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(journal->open(force_off("C01")));
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_size, size);
}

TEST_F(GuardJournalTest, ADirectoryOfSomebodyElseKeepsItsMode) {
  const std::filesystem::path shared = directory_ + "/shared";
  std::filesystem::create_directory(shared);
  std::filesystem::permissions(shared, std::filesystem::perms(0755));
  path_ = shared / "x.guards";
  make();
  EXPECT_EQ(std::filesystem::status(shared).permissions(), std::filesystem::perms(0755));
  path_ = directory_ + "/made/x.guards";
  make();
  EXPECT_EQ(std::filesystem::status(directory_ + "/made").permissions(), std::filesystem::perms(0700));
}

TEST_F(GuardJournalTest, GoesWhenEverythingWasUndoneAndStaysOtherwise) {
  const auto journal = make();
  const Result<int> one = journal->open(force_off("C01"));
  ASSERT_TRUE(one);
  EXPECT_FALSE(journal->remove_if_done());
  ASSERT_TRUE(journal->end(*one, GuardEnd::failed, "does not read back Off"));
  EXPECT_FALSE(journal->remove_if_done());
  ASSERT_TRUE(journal->end(*one, GuardEnd::undone, ""));
  EXPECT_TRUE(journal->remove_if_done());
  EXPECT_TRUE(guard_journals(directory_).empty());
}

TEST_F(GuardJournalTest, OnlyOneProgramAtATimeHasIt) {
  auto journal = make();
  EXPECT_TRUE(GuardJournal::in_use(path_));
  const auto second = GuardJournal::take_over(path_, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "guard.journal_in_use");
  ASSERT_TRUE(journal->open(force_off("C01")));
  journal.reset();
  EXPECT_FALSE(GuardJournal::in_use(path_));
  const auto heir = GuardJournal::take_over(path_, clock_);
  ASSERT_TRUE(heir) << heir.error().full();
  ASSERT_EQ((*heir)->content().entries.size(), 1U);
  ASSERT_TRUE((*heir)->end(1, GuardEnd::undone, ""));
  EXPECT_TRUE((*heir)->remove_if_done());
}

TEST_F(GuardJournalTest, IsNotMadeTwice) {
  const auto journal = make();
  const auto again = GuardJournal::create(path_, {}, clock_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "guard.journal_exists");
}

TEST_F(GuardJournalTest, PlacesAreUsedAgainOnceTheirGuardHasEndedAndNeverBefore) {
  const auto journal = make();
  for (int i = 0; i < kGuardsPerRun; ++i) ASSERT_TRUE(journal->open(force_off("C01")));
  const Result<int> too_many = journal->open(force_off("C02"));
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, "guard.journal_full");
  ASSERT_TRUE(journal->end(7, GuardEnd::failed, "no"));
  EXPECT_FALSE(journal->open(force_off("C02")));
  ASSERT_TRUE(journal->end(7, GuardEnd::undone, ""));
  const Result<int> again = journal->open(force_off("C02"));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, 7);
  EXPECT_EQ(read().entries.back().undo.dut, "C02") << "the last one opened comes last, wherever it stands";
}

TEST_F(GuardJournalTest, WhatDevicesSaidCannotSpoilIt) {
  const auto journal = make();
  JournaledUndo undo = force_off("C01");
  undo.description = "force off \xff\xfe \"C01\"\n\t\x01";
  ASSERT_TRUE(journal->open(undo));
  ASSERT_TRUE(journal->end(1, GuardEnd::failed, std::string(4000, '\xc3')));
  const GuardJournalContent content = read();
  ASSERT_EQ(content.entries.size(), 1U);
  EXPECT_EQ(content.entries[0].undo.description, undo.description);
  EXPECT_EQ(content.entries[0].state, GuardEnd::failed);
}

TEST_F(GuardJournalTest, AnUndoThatDoesNotFitIsRefusedBeforeAnythingIsDone) {
  const auto journal = make();
  JournaledUndo undo = stop_load("C01");
  undo.command = std::string(3000, 'x');
  const Result<int> refused = journal->open(undo);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "guard.too_long");
  EXPECT_TRUE(read().entries.empty());
  EXPECT_TRUE(journal->open(stop_load("C01"))) << "the journal itself is well";
}

TEST_F(GuardJournalTest, ATornUpdateLeavesTheGuardOpenAndATornOpeningIsNotForgotten) {
  {
    const auto journal = make();
    ASSERT_TRUE(journal->open(stop_load("C01")));
  }
  const std::string opened = bytes();
  {
    auto heir = GuardJournal::take_over(path_, clock_);
    ASSERT_TRUE(heir);
    ASSERT_TRUE((*heir)->end(1, GuardEnd::undone, "asked and answered"));
  }
  const std::string ended = bytes();
  for (std::size_t done = 0; done < kGuardRecordBytes; done += 64) {
    write_bytes(torn(opened, ended, done));
    const GuardJournalContent content = read();
    ASSERT_TRUE(content.unreadable.empty()) << done;
    ASSERT_EQ(content.entries.size(), 1U) << done;
    // The tail is zeros: when all that counts is there, the update is whole.
    const bool whole = torn(opened, ended, done) == ended;
    EXPECT_EQ(content.entries[0].state, whole ? GuardEnd::undone : GuardEnd::open) << done;
  }
  {
    write_bytes(opened);
    auto heir = GuardJournal::take_over(path_, clock_);
    ASSERT_TRUE(heir);
    ASSERT_TRUE((*heir)->open(force_off("C02")));
  }
  write_bytes(torn(opened, bytes(), 100));
  const GuardJournalContent content = read();
  EXPECT_EQ(content.entries.size(), 1U);
  EXPECT_EQ(content.unreadable, std::vector<int>{2});
  EXPECT_TRUE(content.any_outstanding());
  auto heir = GuardJournal::take_over(path_, clock_);
  ASSERT_TRUE(heir);
  ASSERT_TRUE((*heir)->end(2, GuardEnd::given_up, "Ann looked: nothing is on"));
  ASSERT_TRUE((*heir)->end(1, GuardEnd::undone, ""));
  EXPECT_TRUE((*heir)->remove_if_done());
}

TEST_F(GuardJournalTest, WhatIsNoJournalIsAnErrorAndNeverAnEmptyOne) {
  {
    const auto journal = make();
    ASSERT_TRUE(journal->open(force_off("C01")));
  }
  const std::string good = bytes();
  const auto code_of = [this](const std::string& content) {
    write_bytes(content);
    const Result<GuardJournalContent> read = GuardJournal::read(path_);
    return read ? std::string("none") : read.error().code;
  };
  EXPECT_EQ(code_of(""), "guard.damaged");
  EXPECT_EQ(code_of(good.substr(0, good.size() - 1)), "guard.damaged");
  EXPECT_EQ(code_of(std::string(good.size(), '\0')), "guard.damaged");
  EXPECT_EQ(code_of(std::string(good.size(), 'x')), "guard.damaged");
  std::string headless = good;
  headless[30] = '!';
  headless[kGuardRecordBytes + 30] = '!';
  EXPECT_EQ(code_of(headless), "guard.damaged");
  std::string half_headless = good;
  half_headless[30] = '!';
  EXPECT_EQ(code_of(half_headless), "none") << "the other copy is whole";
  std::filesystem::remove(path_);
  const Result<GuardJournalContent> missing = GuardJournal::read(path_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "guard.not_readable");
}

TEST_F(GuardJournalTest, AJournalOfANewerProgramIsLeftToIt) {
  { const auto journal = make(); }
  std::string all = bytes();
  // A whole record of a later version: the frame's check covers the version, so both are written.
  GuardRecord record;
  record.sequence = 99;
  record.text = "{}";
  const Result<GuardRecordBytes> encoded = encode_guard_record(record);
  ASSERT_TRUE(encoded);
  std::string newer(encoded->begin(), encoded->end());
  newer[7] = static_cast<char>(kGuardFormatVersion + 1);
  boost::crc_32_type crc;
  crc.process_bytes(newer.data(), 20);
  crc.process_bytes(newer.data() + 24, 2);
  const std::uint32_t check = crc.checksum();
  for (unsigned i = 0; i < 4; ++i) newer[20 + i] = static_cast<char>((check >> (8 * i)) & 0xffU);
  all.replace(0, newer.size(), newer);
  write_bytes(all);
  const Result<GuardJournalContent> content = GuardJournal::read(path_);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, "guard.newer_format");
}

TEST_F(GuardJournalTest, RandomDamageNeverLosesAnOpenGuardSilently) {
  // Seeded: the same damage every time. One copy of each record is hit; the other must carry what matters.
  {
    const auto journal = make();
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(journal->open(stop_load("C0" + std::to_string(i))));
  }
  const std::string good = bytes();
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    std::string hit = good;
    const std::size_t where = random() % (18 * kGuardRecordBytes);
    const std::size_t length = 1 + random() % 64;
    for (std::size_t i = where; i < std::min(where + length, hit.size()); ++i)
      hit[i] = static_cast<char>(random());
    write_bytes(hit);
    const Result<GuardJournalContent> content = GuardJournal::read(path_);
    if (!content) continue;  // refused as a whole: loud enough
    EXPECT_GE(content->entries.size() + content->unreadable.size(), 8U) << "round " << round;
    EXPECT_TRUE(content->any_outstanding());
  }
}

}  // namespace
}  // namespace kiln
