#include "station/interlock_latches.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

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
    made.key = latch_key(*plan.inventory.find(id));
    made.run = "R-1";
    made.cause = "leak";
    made.code = "leak.detected";
    made.message = id + ": leak detector \xC3\xA4 reports Critical";
    made.utc_ns = 17;
    return made;
  }
  fs::path place;
  Plan plan;
};

TEST_F(InterlockLatchesTest, WhatWasCutStaysLatchedUntilItIsReleased) {
  const InterlockLatches latches(place.string());
  EXPECT_TRUE(latches.refuse_latched(plan));
  ASSERT_TRUE(latches.set(latch("C02")));
  const Status refused = InterlockLatches(place.string()).refuse_latched(plan);
  ASSERT_FALSE(refused) << "another station finds it too";
  EXPECT_EQ(refused.error().code, "interlock.latched");
  EXPECT_NE(refused.error().message.find("C02 (run R-1, leak.detected"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(refused.error().message.find("C01"), std::string::npos);
  InterlockLatch other = latch("C02");
  other.code = "interlock.telemetry-lost";
  ASSERT_TRUE(latches.set(other));
  std::optional<InterlockLatch> found = latches.find(*plan.inventory.find("C02"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, "leak.detected") << "the first cause stays";
  found->released_by = "anna";
  found->released_utc_ns = 99;
  ASSERT_TRUE(latches.release(*found));
  EXPECT_TRUE(latches.refuse_latched(plan));
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
  EXPECT_EQ(latches.refuse_latched(plan).error().code, "interlock.latched");
  EXPECT_EQ(latches.all().size(), 1U);
}

TEST_F(InterlockLatchesTest, ATrayThatWasMovedTakesItsLatchAlong) {
  const InterlockLatches latches(place.string());
  ASSERT_TRUE(latches.set(latch("C01")));
  plan.inventory.duts[1].expect.serial = "SN-C01";
  plan.inventory.duts[0].expect.serial = "SN-new";
  const Status refused = latches.refuse_latched(plan);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("C02 (run"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace kiln
