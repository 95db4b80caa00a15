#include "safety/firmware_write.h"

#include <gtest/gtest.h>

#include "safety/guard_record.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

FirmwareWrite bmc_write() {
  FirmwareWrite write("BMC");
  write.was = "1.0";
  write.wanted = "2.0";
  write.write_within = 30min;
  write.active_within = 10min;
  return write;
}

/// Looks at a BMC, one a second, from `age` of the write on.
struct Looking {
  explicit Looking(std::optional<FirmwareWrite> write, Nanoseconds age = 0s) : end(std::move(write), kBegan) {
    now_ns = kBegan + age.count();
  }
  /// Seconds until it is shown to be over, at most `seconds`; -1: it is not.
  int look(int seconds, std::optional<std::size_t> updates, std::optional<std::string> version = {}) {
    for (int i = 1; i <= seconds; ++i) {
      now_ns += 1'000'000'000;
      WriteLook look;
      look.updates = updates;
      if (end.wants_version(now_ns)) look.version = version;
      end.see(look, now_ns);
      if (!end.shown_by().empty()) return i;
    }
    return -1;
  }
  static constexpr std::int64_t kBegan = 5'000'000'000;
  WriteEnd end;
  std::int64_t now_ns = 0;
};

TEST(FirmwareWrite, ComesBackFromTheJournalAsItWentIn) {
  FirmwareWrite write = bmc_write();
  write.version_fields = VersionFields::hex;
  const std::optional<FirmwareWrite> back = firmware_write_from(to_text(write));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->component, "BMC");
  EXPECT_EQ(back->was, "1.0");
  EXPECT_EQ(back->wanted, "2.0");
  EXPECT_EQ(back->version_fields, VersionFields::hex);
  EXPECT_EQ(back->write_within, 30min);
  EXPECT_EQ(back->active_within, 10min);
}

TEST(FirmwareWrite, WhatShowsNothingIsNotKept) {
  EXPECT_EQ(to_text(FirmwareWrite("an update under way")), "");
  FirmwareWrite same = bmc_write();
  same.was = "02.0";
  EXPECT_EQ(to_text(same), "") << "the same version before and after";
  FirmwareWrite perhaps_same = bmc_write();
  perhaps_same.was = "1.e";
  perhaps_same.wanted = "1.0e";
  EXPECT_EQ(to_text(perhaps_same), "") << "by its form nobody can say, and a BMC may print it anew";
  perhaps_same.version_fields = VersionFields::hex;
  EXPECT_EQ(to_text(perhaps_same), "");
  FirmwareWrite unknown = bmc_write();
  unknown.was = "N/A";
  EXPECT_EQ(to_text(unknown), "");
  FirmwareWrite no_window = bmc_write();
  no_window.active_within = 0s;
  EXPECT_EQ(to_text(no_window), "");
  FirmwareWrite endless = bmc_write();
  endless.wanted = std::string(kGuardTextBytes, '7');
  EXPECT_EQ(to_text(endless), "") << "it must not keep the write out of the journal";
  for (const char* text : {"", "{}", "null", "[1]", "{\"component\":7}", "pkill -TERM -x gpu_burn"})
    EXPECT_FALSE(firmware_write_from(text)) << text;
}

TEST(WriteEnd, TheWantedVersionAndAMinuteOfQuietShowIt) {
  Looking looking(bmc_write());
  EXPECT_EQ(looking.look(200, std::nullopt), -1) << "its BMC restarts";
  const int shown = looking.look(200, 0, "2.0");
  EXPECT_GE(shown, 60);
  EXPECT_LE(shown, 65);
  EXPECT_NE(looking.end.shown_by().find("runs 2.0 now"), std::string::npos) << looking.end.shown_by();
}

TEST(WriteEnd, NoVersionCountsBesideAnUpdateUnderWayOrABmcThatIsAway) {
  Looking looking(bmc_write());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(looking.look(55, 0, "2.0"), -1);
    EXPECT_EQ(looking.look(1, std::nullopt), -1);
  }
  EXPECT_EQ(looking.look(1000, 1, "2.0"), -1);
}

TEST(WriteEnd, ABmcThatTellsOfNoUpdateProvesNothingByThat) {
  EXPECT_EQ(Looking(bmc_write()).look(7200, 0), -1);
  EXPECT_EQ(Looking(std::nullopt).look(7200, 0, "2.0"), -1) << "a journal of an older build";
  EXPECT_EQ(Looking(bmc_write()).look(7200, 0, "1.7"), -1) << "neither the old nor the wanted one";
  EXPECT_EQ(Looking(bmc_write()).look(7200, 0, "N/A"), -1);
}

TEST(WriteEnd, AnUpdateThatWasSeenAndHasEndedShowsIt) {
  Looking looking(std::nullopt);
  EXPECT_EQ(looking.look(100, 1), -1);
  EXPECT_EQ(looking.look(10, 0), -1) << "between two tasks of a bundle";
  EXPECT_EQ(looking.look(100, 2), -1);
  EXPECT_EQ(looking.look(100, std::nullopt), -1);
  EXPECT_EQ(looking.look(100, 0), 31);
}

TEST(WriteEnd, TheEndOfATaskThatMayBeNoUpdateShowsNothing) {
  WriteEnd end(bmc_write(), Looking::kBegan);
  std::int64_t now_ns = Looking::kBegan;
  const auto look = [&](int seconds, std::size_t others) {
    for (int i = 0; i < seconds; ++i) {
      WriteLook seen;
      seen.updates = 0;
      seen.other_tasks = others;
      seen.version = "2.0";
      end.see(seen, now_ns += 1'000'000'000);
    }
    return !end.shown_by().empty();
  };
  EXPECT_FALSE(look(500, 1)) << "it is not quiet";
  EXPECT_FALSE(look(40, 0));
  EXPECT_TRUE(look(40, 0)) << "the version shows it";
}

TEST(WriteEnd, TheOldVersionShowsItOnlyWhenAllItsTimesAreOver) {
  Looking early(bmc_write());
  EXPECT_EQ(early.look(39 * 60, 0, "1.0"), -1) << "it may be written without a task";
  EXPECT_LE(early.look(120, 0, "1.0"), 62);
  EXPECT_NE(early.end.shown_by().find("runs 1.0 still"), std::string::npos);
  Looking late(bmc_write(), 1h);
  EXPECT_EQ(late.look(500, 0, "1.0"), -1) << "it may still be activated";
  EXPECT_EQ(late.look(1, std::nullopt), -1);
  EXPECT_EQ(late.look(590, 0, "1.0"), -1) << "from its restart on";
  EXPECT_GT(late.look(60, 0, "1.0"), 0);
}

TEST(WriteEnd, SaysWhatItWaitsFor) {
  Looking looking(bmc_write());
  looking.look(1, std::nullopt);
  EXPECT_EQ(looking.end.waits_for(), "its BMC does not answer");
  looking.look(1, 2);
  EXPECT_EQ(looking.end.waits_for(), "its BMC tells of 2 updates under way");
  Looking quiet(bmc_write());
  quiet.look(5, 0, "1.0");
  EXPECT_NE(quiet.end.waits_for().find("BMC runs 1.0, and is to run 2.0"), std::string::npos);
}

}  // namespace
}  // namespace kiln
