// What the warden reads from a socket and a recovery from a disk, bent at random: never a crash, never a
// guard that is silently forgotten, always an Error that says what is wrong.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "safety/fuzz_for_test.h"
#include "safety/guard_journal.h"
#include "safety/guard_record.h"
#include "safety/warden_messages.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

// A sanitizer makes each reading of a journal some twenty times as slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSparser = 20;
#else
constexpr int kSparser = 1;
#endif

std::vector<std::string> valid_messages() {
  WardenHello hello;
  hello.run = "R-1";
  WardenDut dut;
  dut.id = "C01";
  dut.leak_detectors = {"L1", "L2"};
  JournaledUndo undo(UndoKind::shell_command, "C01", "stop gpu_burn");
  undo.command = "pkill -TERM -x gpu_burn";
  WardenTripped wardens_cut;
  wardens_cut.reach = {"C01", "C02"};
  EverythingStopped stopped;
  stopped.cuts.resize(2);
  std::vector<std::string> texts;
  const std::vector<WardenMessage> all{hello,
                                       dut,
                                       WardenBegin{},
                                       WardenBeat{7},
                                       WardenGuard{1, undo},
                                       WardenGuardEnd{1, GuardEnd::failed},
                                       WardenMask{"C01", "L1"},
                                       WardenUnmask{},
                                       WardenMasked{},
                                       WardenSilence{"C01", 2, std::chrono::minutes(1)},
                                       WardenSilenced{},
                                       WardenLeave{},
                                       WardenReady{},
                                       WardenRefused{"why"},
                                       WardenWatch{},
                                       WardenHazard{},
                                       wardens_cut,
                                       WardenCut{},
                                       WardenIsolation{},
                                       WardenActing{"why"},
                                       WardenDone{1, 2},
                                       StopEverything{"a", "b", "c"},
                                       stopped};
  for (const WardenMessage& message : all) texts.push_back(encode(message));
  return texts;
}

TEST(Fuzz, AMessageIsReadAsWhatItSaysOrRefusedWithAReason) {
  Chance chance("messages");
  const std::vector<std::string> valid = valid_messages();
  int read = 0;
  const int count = fuzz_rounds(20'000);
  for (int i = 0; i < count; ++i) {
    const std::string text = bent(valid[chance.below(valid.size())], valid, chance);
    const Result<WardenMessage> message = decode_warden_message(text);
    if (!message) {
      ASSERT_TRUE(message.error().code == "warden.garbage" || message.error().code == "warden.unknown")
          << text;
      ASSERT_FALSE(message.error().message.empty()) << text;
      continue;
    }
    ++read;
    const std::string again = encode(*message);
    const Result<WardenMessage> same = decode_warden_message(again);
    ASSERT_TRUE(same) << text;
    ASSERT_EQ(encode(*same), again) << text;
  }
  std::cout << count << " messages, " << read << " still read\n";
  EXPECT_GT(read, 0);
  EXPECT_LT(read, count);
}

/// A journal of three guards: one ended, two open.
struct FuzzedJournal : testing::Test {
  FuzzedJournal() {
    std::string pattern = (fs::temp_directory_path() / "kiln-fuzz-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    place = pattern;
    path = guard_journal_path(place.string(), "R-1");
    JournalOwner owner;
    owner.run = "R-1";
    const Result<std::unique_ptr<GuardJournal>> journal = GuardJournal::create(path, owner, clock);
    EXPECT_TRUE(journal);
    for (const char* dut : {"C01", "C02", "C03"}) {
      before = bytes();
      EXPECT_TRUE((*journal)->open(JournaledUndo(UndoKind::force_off, dut, "force off")));
    }
    before_end = bytes();
    EXPECT_TRUE((*journal)->end(1, GuardEnd::undone, "read back Off"));
    whole = bytes();
  }
  ~FuzzedJournal() override {
    std::error_code ignored;
    fs::remove_all(place, ignored);
  }
  [[nodiscard]] std::string bytes() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  Result<GuardJournalContent> read(const std::string& text) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return GuardJournal::read(path);
  }
  /// Whether guard `number` is still owed to somebody: open, or of a record that nobody can read.
  static bool owed(const GuardJournalContent& content, int number) {
    return std::find(content.unreadable.begin(), content.unreadable.end(), number) !=
               content.unreadable.end() ||
           std::any_of(content.entries.begin(), content.entries.end(), [number](const GuardEntry& entry) {
             return entry.number == number && outstanding(entry.state);
           });
  }

  const SystemClock clock;
  fs::path place;
  std::string path, before, before_end, whole;
};

TEST_F(FuzzedJournal, ATornWriteForgetsNothingWhereverItIsTorn) {
  const std::size_t record = 2 * kGuardRecordBytes;
  // Every byte with KILN_FUZZ; else one in 13 (under a sanitizer 260), which meets every field in the end.
  const std::size_t step = fuzz_rounds(1) > 1 ? 1 : 13 * kSparser;
  for (std::size_t cut = 0; cut <= record; cut += step) {
    // The end of guard 1 reached the disk up to here.
    std::string torn = whole.substr(0, record + cut) + before_end.substr(record + cut);
    Result<GuardJournalContent> content = read(torn);
    ASSERT_TRUE(content) << cut << content.error().full();
    ASSERT_TRUE(owed(*content, 2) && owed(*content, 3)) << cut;
    ASSERT_TRUE(content->unreadable.empty()) << "the other copy is whole: " << cut;
    // The opening of guard 3 did: its "do" was not done, and what cannot be read counts as open.
    torn = before_end.substr(0, 3 * record + cut) + before.substr(3 * record + cut);
    content = read(torn);
    ASSERT_TRUE(content) << cut << content.error().full();
    ASSERT_TRUE(owed(*content, 1) && owed(*content, 2)) << cut;
    ASSERT_TRUE(cut == 0 || owed(*content, 3)) << cut;
  }
}

TEST_F(FuzzedJournal, BytesThatRotForgetNoOpenGuard) {
  Chance chance("journal");
  const std::size_t used = 4 * 2 * kGuardRecordBytes;
  const int count = fuzz_rounds(1'000 / kSparser);
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    std::string text = whole;
    for (std::size_t times = 1 + chance.below(64); times > 0; --times)
      text[chance.below(used)] = chance.byte();
    if (chance.below(20) == 0) text.resize(chance.below(text.size()));
    const Result<GuardJournalContent> content = read(text);
    if (!content) {
      ++refused;
      ASSERT_TRUE(content.error().code == "guard.damaged" || content.error().code == "guard.newer_format")
          << content.error().full();
      ASSERT_FALSE(content.error().message.empty());
      continue;
    }
    ASSERT_TRUE(owed(*content, 2) && owed(*content, 3)) << "round " << i;
    ASSERT_TRUE(content->any_outstanding());
  }
  std::cout << count << " journals, " << refused << " refused as a whole\n";
}

}  // namespace
}  // namespace kiln
