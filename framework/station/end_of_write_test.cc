#include "station/end_of_write.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "io/loop.h"
#include "testing/fake_bmc.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<void> wait_into(Ctx& ctx, Bmc& bmc, GuardEntry entry, std::vector<std::string>& told,
                          std::optional<std::string>& shown) {
  std::function<void(const std::string&)> tell = [&told](const std::string& what) { told.push_back(what); };
  const Result<std::string> ended = co_await wait_for_written(ctx, bmc, std::move(entry), std::move(tell));
  if (ended) shown = *ended;
}

/// A write of BMC from 1.0 to 2.0, begun five minutes ago; its station has died.
class EndOfWriteTest : public testing::Test {
 protected:
  EndOfWriteTest() {
    FirmwareWrite write("BMC");
    write.was = "1.0";
    write.wanted = "2.0";
    write.write_within = 30min;
    write.active_within = 10min;
    entry.undo = JournaledUndo(UndoKind::firmware_write, "C01", "wait for the firmware write of BMC on C01");
    entry.undo.command = to_text(write);
    entry.undo.budget = 1h;
    entry.opened_utc_ns = loop->clock().now().utc_ns - Nanoseconds(5min).count();
    FirmwareItem item;
    item.id = "BMC";
    item.version = "1.0";
    hardware->firmware = {item};
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }
  /// Seconds that it waited.
  std::int64_t wait() {
    FakeBmc bmc(hardware);
    loop->run([&](Ctx& ctx) { return wait_into(ctx, bmc, entry, told, shown); });
    return (loop->clock().now().monotonic_ns - start) / 1'000'000'000;
  }
  std::ptrdiff_t calls(const char* verb) {
    return std::count(hardware->calls.begin(), hardware->calls.end(), verb);
  }
  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  std::shared_ptr<FakeHardware> hardware = std::make_shared<FakeHardware>();
  GuardEntry entry;
  std::vector<std::string> told;
  std::optional<std::string> shown;
};

TEST_F(EndOfWriteTest, ATaskThatVanishedWithItsBmcIsOverWhenTheNewVersionIsThere) {
  hardware->unreachable = Error("bmc.unreachable", "no answer");
  at(120s, [this] {
    hardware->unreachable.reset();
    hardware->firmware.front().version = "2.0";
  });
  const std::int64_t waited = wait();
  EXPECT_GE(waited, 180);
  EXPECT_LE(waited, 200) << "and not the hour of the whole write";
  ASSERT_TRUE(shown);
  EXPECT_NE(shown->find("BMC runs 2.0 now"), std::string::npos) << *shown;
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "its BMC does not answer");
  EXPECT_LE(calls("firmware"), 10) << "the inventory is dozens of requests";
}

TEST_F(EndOfWriteTest, OneThatGoesOnWithoutATaskIsWaitedForAllItsTime) {
  at(10min, [this] { hardware->failing["updates_under_way"] = Error("bmc.not_found", "no TaskService"); });
  const std::int64_t waited = wait();
  EXPECT_EQ(waited, 55 * 60);
  ASSERT_TRUE(shown);
  EXPECT_EQ(*shown, "");
}

TEST_F(EndOfWriteTest, OneThatHasNotWorkedIsOverAfterItsTimes) {
  const std::int64_t waited = wait();
  EXPECT_GE(waited, 35 * 60) << "40 minutes after its beginning";
  EXPECT_LE(waited, 36 * 60);
}

TEST_F(EndOfWriteTest, AnOlderJournalIsWaitedForUnlessAnUpdateIsSeenToEnd) {
  entry.undo.command.clear();
  hardware->updates_under_way.resize(1);
  at(100s, [this] { hardware->updates_under_way.clear(); });
  const std::int64_t waited = wait();
  EXPECT_GE(waited, 130);
  EXPECT_LE(waited, 135);
  EXPECT_EQ(calls("firmware"), 0);
}

TEST_F(EndOfWriteTest, AClockThatHasJumpedMakesItNeitherOlderNorLonger) {
  entry.opened_utc_ns += Nanoseconds(48h).count();
  hardware->unreachable = Error("bmc.unreachable", "no answer");
  EXPECT_EQ(wait(), 3600);
}

TEST_F(EndOfWriteTest, SaysUntilWhenAtTheLatestAndWhatWouldShowItSooner) {
  const std::string text = sentence_about(entry, 55min, 1'767'225'600'000'000'000);
  EXPECT_NE(text.find("C01: wait for the firmware write of BMC on C01"), std::string::npos);
  EXPECT_NE(text.find("2026-01-01"), std::string::npos) << text;
  EXPECT_NE(text.find("00:55:00"), std::string::npos) << text;
  EXPECT_NE(text.find("BMC listed at 2.0 (it was 1.0)"), std::string::npos) << text;
}

}  // namespace
}  // namespace kiln
