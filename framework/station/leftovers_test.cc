#include "station/leftovers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "io/loop.h"
#include "model/verdict.h"
#include "safety/trip.h"
#include "station/interlock_latches.h"
#include "store/ledger.h"
#include "store/run_view.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

Event of(const std::string& dut, EventBody body) {
  Event event;
  event.dut = dut;
  event.step = "power/on";
  event.body = std::move(body);
  return event;
}

/// A run that died: what was in its record, and what in its guard journal.
class LeftoversTest : public ::testing::Test {
 protected:
  LeftoversTest() {
    std::string pattern = (fs::temp_directory_path() / "kiln-leftovers-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    place = pattern;
    owner.database = (place / "kiln.db").string();
    RunBegun begun;
    begun.rack = "R01";
    recorded.push_back(of("", begun));
  }
  ~LeftoversTest() override {
    std::error_code ignored;
    fs::remove_all(place, ignored);
  }

  /// An undo that the journal says has ended, with these words.
  void ended(const std::string& dut, GuardEnd how, const std::string& words) {
    entries.push_back({JournaledUndo(UndoKind::force_off, dut, "force off " + dut), how, words});
    recorded.push_back(of(dut, GuardOpened{"force off " + dut}));
  }

  /// A cut in the journal: of the station while it is open, or told by the warden.
  void cut(const std::string& dut, GuardEnd how, const std::string& words) {
    JournaledCut one;
    one.trip.cause = "leak";
    one.trip.code = "leak.detected";
    one.trip.dut = one.report.dut = dut;
    one.trip.part = "LeakDetector_0";
    one.trip.message = dut + ": leak detector LeakDetector_0 reports DetectorState Critical";
    entries.push_back({to_journal(one), how, words});
  }
  std::vector<std::string> latched() const {
    std::vector<std::string> duts;
    for (const InterlockLatch& latch : InterlockLatches(place.string()).all()) duts.push_back(latch.dut);
    return duts;
  }

  /// What the record says of the run once its journal is settled.
  std::vector<GuardClosed> closed_after_settling() {
    const std::unique_ptr<Loop> loop = Loop::real();
    LedgerOptions options;
    options.database = owner.database;
    options.reserve_bytes = 64 << 10;
    options.least_free_bytes = 0;
    {
      const Result<std::unique_ptr<Ledger>> ledger = Ledger::open(*loop, options);
      EXPECT_TRUE(ledger) << ledger.error().full();
      owner.run = (*ledger)->run();
      for (const Event& event : recorded) EXPECT_TRUE((*ledger)->try_append(event));
    }
    const SystemClock clock;
    const std::string path = guard_journal_path(guard_directory(place.string()), owner.run);
    {
      const Result<std::unique_ptr<GuardJournal>> journal = GuardJournal::create(path, owner, clock);
      EXPECT_TRUE(journal) << journal.error().full();
      for (const Ended& one : entries) {
        const Result<int> number = (*journal)->open(one.undo);
        EXPECT_TRUE(number);
        const bool has_ended = one.how != GuardEnd::open;
        if (has_ended) {
          EXPECT_TRUE((*journal)->end(*number, one.how, one.words));
        }
      }
    }
    EXPECT_TRUE(find_leftovers(place.string()).empty());
    EXPECT_FALSE(fs::exists(path));
    const Result<std::unique_ptr<RunView>> view = RunView::open(owner.database);
    EXPECT_TRUE(view) << view.error().full();
    const Result<RunEvents> events = (*view)->events(owner.run);
    EXPECT_TRUE(events) << events.error().full();
    std::vector<Event> all = events->events;
    if (events->broken) all.insert(all.end(), events->broken->after.begin(), events->broken->after.end());
    std::vector<GuardClosed> closed;
    std::int64_t sequence = 0;
    for (Event& event : all) {
      event.sequence = ++sequence;
      if (const auto* one = std::get_if<GuardClosed>(&event.body)) closed.push_back(*one);
      cuts += std::holds_alternative<Interlocked>(event.body) ? 1 : 0;
    }
    const RunVerdict verdict = roll_up(all);
    for (const DutVerdict& dut : verdict.duts) {
      for (const Reason& reason : dut.reasons) undo_failed = undo_failed || reason.code == "undo.failed";
    }
    return closed;
  }

  struct Ended {
    JournaledUndo undo;
    GuardEnd how;
    std::string words;
  };
  fs::path place;
  JournalOwner owner;
  std::vector<Event> recorded;
  std::vector<Ended> entries;
  bool undo_failed = false;
  int cuts = 0;  ///< in the record
};

TEST_F(LeftoversTest, ACutThatNobodyHadTimeToLatchIsLatchedAndRecorded) {
  cut("C01", GuardEnd::open, "");
  closed_after_settling();
  EXPECT_EQ(latched(), std::vector<std::string>{"C01"});
  EXPECT_EQ(cuts, 1);
}

TEST_F(LeftoversTest, ACutThatTheWardenTellsTooIsRecordedOnce) {
  cut("C01", GuardEnd::open, "");
  cut("C01", GuardEnd::undone, "by the warden: it was cut");
  closed_after_settling();
  EXPECT_EQ(latched(), std::vector<std::string>{"C01"});
  EXPECT_EQ(cuts, 1);
}

TEST_F(LeftoversTest, ACutThatIsInTheRecordIsNotToldTwice) {
  cut("C01", GuardEnd::undone, "latched");
  Interlocked ours;
  ours.cause = "leak";
  ours.code = "leak.detected";
  recorded.push_back(of("C01", ours));
  closed_after_settling();
  EXPECT_EQ(cuts, 1);
  EXPECT_TRUE(latched().empty()) << "it was latched, and is not again: somebody may have released it";
}

TEST_F(LeftoversTest, WhatOthersHaveUndoneIsToldBesideTheRecord) {
  ended("C01", GuardEnd::undone, "by the warden: read back Off");
  const std::vector<GuardClosed> closed = closed_after_settling();
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].message, "by the warden: read back Off");
  EXPECT_FALSE(undo_failed);
}

TEST_F(LeftoversTest, AnUndoThatTheStationHadNoTimeToRecordIsNoFailedUndo) {
  ended("C01", GuardEnd::undone, "");
  ended("C02", GuardEnd::not_needed, "nothing was done");
  const std::vector<GuardClosed> closed = closed_after_settling();
  ASSERT_EQ(closed.size(), 2U);
  for (const GuardClosed& one : closed) {
    EXPECT_TRUE(one.done);
    EXPECT_EQ(one.message, "by the station, which died before that was in its record");
  }
  EXPECT_FALSE(undo_failed);
}

TEST_F(LeftoversTest, WhatTheStationHadRecordedIsNotToldTwice) {
  ended("C01", GuardEnd::undone, "");
  GuardClosed ours;
  ours.undo = "force off C01";
  ours.message = "read back Off";
  recorded.push_back(of("C01", ours));
  ended("C01", GuardEnd::undone, "");  // the same once more, this time not recorded
  const std::vector<GuardClosed> closed = closed_after_settling();
  ASSERT_EQ(closed.size(), 2U);
  EXPECT_EQ(closed[0].message, "read back Off");
  EXPECT_EQ(closed[1].message, "by the station, which died before that was in its record");
  EXPECT_FALSE(undo_failed);
}

GuardEntry write_of(const std::string& dut, std::int64_t opened_utc_ns, Nanoseconds budget) {
  GuardEntry entry;
  entry.undo = JournaledUndo(UndoKind::firmware_write, dut, "wait for the firmware write of UEFI on " + dut);
  entry.undo.budget = budget;
  entry.opened_utc_ns = opened_utc_ns;
  return entry;
}

TEST(FirmwareWriteLeft, HoldsItsDutAndWhatServesItUntilItsTimeIsOver) {
  using namespace std::chrono_literals;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t now = 1000 * kSecond;
  GuardJournalContent content;
  content.entries = {write_of("C01", now - 60 * kSecond, 10min), write_of("C02", now - 60 * kSecond, 5min)};
  Dut tray;
  tray.id = "C01";
  tray.role = Role::compute_tray;
  EXPECT_EQ(firmware_write_left(content, tray, now), 9min);
  EXPECT_LE(firmware_write_left(content, tray, now + 541 * kSecond), 0s);
  EXPECT_EQ(firmware_write_left(content, tray, now - 1'000'000 * kSecond), 10min) << "the clock was set back";
  tray.id = "C03";
  EXPECT_EQ(firmware_write_left(content, tray, now), 0s);
  Dut shelf;
  shelf.id = "P01";
  shelf.role = Role::power_shelf;
  EXPECT_EQ(firmware_write_left(content, shelf, now), 9min) << "the longest of them";
  GuardEntry cut;
  cut.undo = JournaledUndo(UndoKind::interlock, "C01", "cut");
  cut.opened_utc_ns = now - 10 * kSecond;
  content.entries.push_back(cut);
  EXPECT_EQ(firmware_write_left(content, shelf, now), 4min) << "what was cut has no power to write with";
  content.entries.pop_back();
  for (GuardEntry& entry : content.entries) entry.state = GuardEnd::not_needed;
  EXPECT_EQ(firmware_write_left(content, shelf, now), 0s) << "they have ended";
}

TEST(OnAsked, AnUpdateThatEndedJustNowMayHaveEndedWithAnOn) {
  GuardJournalContent content;
  const auto entry = [](UndoKind kind, const char* dut, std::int64_t opened, GuardEnd state,
                        std::int64_t ended) {
    GuardEntry one;
    one.undo = JournaledUndo(kind, dut, "x");
    one.opened_utc_ns = opened;
    one.state = state;
    one.ended_utc_ns = ended;
    return one;
  };
  const GuardEntry off = entry(UndoKind::force_off, "C01", 100, GuardEnd::open, 0);
  content.entries = {off, entry(UndoKind::firmware_write, "C02", 150, GuardEnd::not_needed, 900)};
  EXPECT_EQ(on_asked_utc_ns(content, off, 1'000), 100) << "another's";
  content.entries.push_back(entry(UndoKind::firmware_write, "C01", 150, GuardEnd::not_needed, 800));
  EXPECT_EQ(on_asked_utc_ns(content, off, 1'000), 800);
  content.entries.push_back(entry(UndoKind::firmware_write, "C01", 850, GuardEnd::open, 0));
  EXPECT_EQ(on_asked_utc_ns(content, off, 1'000), 1'000);
}

}  // namespace
}  // namespace kiln
