#include "station/interlock_latches.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "station/leftovers.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

struct InterlockLatchesTest : testing::Test {
  InterlockLatchesTest() {
    std::string pattern = testing::TempDir() + "kiln-latches-XXXXXX";
    place = ::mkdtemp(pattern.data());
    for (const char* id : {"C01", "C02"}) {
      Dut dut;
      dut.id = id;
      dut.expect.serial = std::string("SN-") + id;
      plan.inventory.duts.push_back(dut);
      plan.duts.emplace_back(id);
    }
  }
  ~InterlockLatchesTest() override { fs::remove_all(place); }
  InterlockLatch latch(const std::string& id) const {
    InterlockLatch made;
    made.dut = id;
    made.key = latch_key(*plan.inventory.find(id), "");
    made.run = "R-1";
    made.cause = "leak";
    made.code = "leak.detected";
    made.message = id + ": leak detector \xC3\xA4 reports Critical";
    made.utc_ns = 17;
    return made;
  }
  fs::path place;
  Plan plan;
  DutSerials serials;
};

struct Silent final : RunObserver {
  void on_event(const Event& /*event*/) override {}
  void on_progress(const std::string&, const std::string&, const std::string&) override {}
};

Event cut_of(const std::string& dut) {
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.message = dut + ": leak detector L1 reports Critical";
  Event event;
  event.dut = dut;
  event.at.utc_ns = 17;
  event.body = std::move(cut);
  return event;
}

TEST_F(InterlockLatchesTest, WhatWasCutStaysLatchedUntilItIsReleased) {
  const InterlockLatches latches(place.string());
  EXPECT_TRUE(latches.refuse_latched(plan, serials));
  ASSERT_TRUE(latches.set(latch("C02")));
  const Status refused = InterlockLatches(place.string()).refuse_latched(plan, serials);
  ASSERT_FALSE(refused) << "another station finds it too";
  EXPECT_EQ(refused.error().code, "interlock.latched");
  EXPECT_NE(refused.error().message.find("C02 (run R-1, leak.detected"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(refused.error().message.find("C01"), std::string::npos);
  InterlockLatch other = latch("C02");
  other.code = "interlock.telemetry-lost";
  ASSERT_TRUE(latches.set(other));
  std::optional<InterlockLatch> found = latches.find(*plan.inventory.find("C02"), "");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, "leak.detected") << "the first cause stays";
  found->released_by = "anna";
  found->released_utc_ns = 99;
  ASSERT_TRUE(latches.release(*found));
  EXPECT_TRUE(latches.refuse_latched(plan, serials));
  EXPECT_EQ(latches.release(*found).error().code, "latch.none");
  EXPECT_EQ(std::distance(fs::directory_iterator(place / "latches/released"), fs::directory_iterator()), 1)
      << "who released it, and why, is kept";
}

TEST_F(InterlockLatchesTest, ALatchThatCannotBeReadIsOne) {
  const InterlockLatches latches(place.string());
  ASSERT_TRUE(latches.set(latch("C01")));
  for (const auto& entry : fs::directory_iterator(place / "latches")) {
    if (entry.path().extension() == ".json") std::ofstream(entry.path()) << "{\"dut\": 7";
  }
  EXPECT_EQ(latches.refuse_latched(plan, serials).error().code, "interlock.latched");
  EXPECT_EQ(latches.all().size(), 1U);
}

TEST_F(InterlockLatchesTest, ATrayThatWasMovedTakesItsLatchAlong) {
  const InterlockLatches latches(place.string());
  ASSERT_TRUE(latches.set(latch("C01")));
  plan.inventory.duts[1].expect.serial = "SN-C01";
  plan.inventory.duts[0].expect.serial = "SN-new";
  const Status refused = latches.refuse_latched(plan, serials);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("C02 (run"), std::string::npos) << refused.error().message;
}

TEST_F(InterlockLatchesTest, TheTrayItselfIsLatchedWhateverTheRackFileSaysOfIt) {
  const InterlockLatches latches(place.string());
  Dut& dut = plan.inventory.duts[1];
  dut.bmc.emplace();
  dut.bmc->url = "https://bmc-02";
  Silent screen;
  LatchingObserver observer(
      screen, latches, plan, {{"C02", "SN-its-own"}}, "R-1",
      [](const InterlockLatch&, const Interlocked&) { FAIL() << "it could be latched"; });
  observer.on_event(cut_of("C02"));
  const auto code = [&] {
    const Status refused = latches.refuse_latched(plan, serials);
    return refused ? std::string() : refused.error().code;
  };

  dut.expect.serial = "SN-mistyped";
  serials["C02"] = "SN-its-own";
  EXPECT_EQ(code(), "interlock.latched") << "the rack file was changed, the tray was not";
  dut.expect.serial.clear();
  EXPECT_EQ(code(), "interlock.latched") << "the rack file expects nothing any more";
  dut.bmc->url = "https://elsewhere";
  EXPECT_EQ(code(), "interlock.latched") << "it has another address";
  serials["C02"] = "SN-of-another";
  EXPECT_EQ(code(), "") << "this one was never cut";
  dut.bmc->url = "https://bmc-02";
  EXPECT_EQ(code(), "") << "a new tray in the old place";
  serials.clear();
  EXPECT_EQ(code(), "interlock.latched") << "nobody says whether it is a new one";
  serials["C02"] = "SN-of-another";
  dut.expect.serial = "SN-its-own";
  EXPECT_EQ(code(), "interlock.latched") << "the rack file says that it is the one";
}

/// A BMC in a private network, behind a jump host; which tray it is, nobody says.
Dut behind(const std::string& jump) {
  Dut dut;
  dut.id = "C01";
  dut.bmc.emplace();
  dut.bmc->url = "https://172.31.13.251";
  dut.bmc->jump.emplace();
  dut.bmc->jump->address = jump;
  return dut;
}

TEST_F(InterlockLatchesTest, TheSameAddressBehindAnotherJumpHostIsAnotherTray) {
  const InterlockLatches latches(place.string());
  const Dut cut = behind("10.0.1.1"), other = behind("10.0.1.2");
  ASSERT_TRUE(latches.set(latch_of(cut, "", "A14", "R-1", Interlocked(), 17)));
  EXPECT_TRUE(latches.find(cut, ""));
  EXPECT_TRUE(latches.find(cut, "SN-said-today")) << "which tray was cut is not known";
  EXPECT_FALSE(latches.find(other, ""));
  EXPECT_FALSE(latches.find(other, "SN-said-today"));
  ASSERT_TRUE(latches.set(latch_of(other, "SN-2", "A14", "R-1", Interlocked(), 18)));
  EXPECT_EQ(latches.all().size(), 2U);
  EXPECT_EQ(latches.find(other, "")->utc_ns, 18) << "by its address, until it says who it is";
}

TEST_F(InterlockLatchesTest, TheSameWayToATraySpelledOtherwiseIsTheSame) {
  const InterlockLatches latches(place.string());
  const Dut cut = behind("jump.example");
  ASSERT_TRUE(latches.set(latch_of(cut, "", "A14", "R-1", Interlocked(), 17)));
  Dut spelled = behind("JUMP.example");
  spelled.bmc->url += ":443/";
  EXPECT_TRUE(latches.find(spelled, ""));
  EXPECT_TRUE(latches.find(spelled, "SN-said-today"));
}

TEST_F(InterlockLatchesTest, AnOlderFileThatNamesNoJumpHostLatchesWhateverHasThatAddress) {
  const InterlockLatches latches(place.string());
  Dut as_then = behind("10.0.1.1");
  as_then.bmc->jump.reset();
  ASSERT_TRUE(latches.set(latch_of(as_then, "", "A14", "R-1", Interlocked(), 17)));
  for (const char* jump : {"10.0.1.1", "10.0.1.2"}) {
    EXPECT_TRUE(latches.find(behind(jump), "")) << jump;
    EXPECT_TRUE(latches.find(behind(jump), "SN-said-today")) << jump;
  }
}

TEST_F(InterlockLatchesTest, ALatchWithoutASerialNumberHangsOnTheAddress) {
  const InterlockLatches latches(place.string());
  Dut& dut = plan.inventory.duts[0];
  dut.expect.serial.clear();
  dut.bmc.emplace();
  dut.bmc->url = "https://bmc-01";
  ASSERT_TRUE(latches.set(latch("C01")));
  EXPECT_FALSE(latches.refuse_latched(plan, serials));
  serials["C01"] = "SN-said-today";
  dut.expect.serial = "SN-expected-today";
  EXPECT_FALSE(latches.refuse_latched(plan, serials)) << "which tray was cut is not known";
}

TEST_F(InterlockLatchesTest, WhatCannotBeLatchedStaysInTheJournalOfTheRun) {
  std::ofstream(place / "latches") << "no directory";
  const InterlockLatches latches(place.string());
  JournalOwner owner;
  owner.run = "R-1";
  owner.inventory = (place / "gone.yaml").string();
  const SystemClock clock;
  const std::string path = guard_journal_path(guard_directory(place.string()), owner.run);
  {
    const Result<std::unique_ptr<GuardJournal>> journal = GuardJournal::create(path, owner, clock);
    ASSERT_TRUE(journal) << journal.error().full();
    Silent screen;
    LatchingObserver observer(screen, latches, plan, {{"C02", "SN-its-own"}}, owner.run,
                              [&journal](const InterlockLatch& latch, const Interlocked& cut) {
                                EXPECT_TRUE((*journal)->open(to_journal(cut, latch.dut, "SN-its-own")));
                              });
    observer.on_event(cut_of("C02"));
    EXPECT_NE(observer.trouble(), "");
    EXPECT_FALSE((*journal)->remove_if_done());
  }
  EXPECT_EQ(latches.readable().error().code, "latch.unreadable") << "nobody may say that nothing is latched";
  const Status refused = refuse_with_leftovers(place.string());
  ASSERT_FALSE(refused) << "the next run is refused";
  EXPECT_NE(refused.error().message.find("C02 could not be latched: C02: leak detector L1"),
            std::string::npos)
      << refused.error().message;

  const Result<GuardJournalContent> content = GuardJournal::read(path);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->entries.size(), 1U);
  EXPECT_EQ(latch_cut(place.string(), owner, content->entries[0]).error().code, "latch.not_writable");
  EXPECT_EQ(record_and_remove(path, *content).error().code, "latch.not_writable");
  EXPECT_TRUE(fs::exists(path)) << "the journal is all that knows of the cut";

  fs::remove(place / "latches");
  ASSERT_TRUE(latch_cut(place.string(), owner, content->entries[0]));
  serials["C02"] = "SN-its-own";
  EXPECT_EQ(latches.refuse_latched(plan, serials).error().code, "interlock.latched");
}

}  // namespace
}  // namespace kiln
