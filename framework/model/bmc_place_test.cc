#include "model/bmc_place.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(BmcPlace, IsTheUrlAndTheJumpHost) {
  BmcAccess bmc;
  bmc.url = "https://10.0.0.4";
  EXPECT_EQ(bmc_place(bmc), "https://10.0.0.4");
  EXPECT_EQ(bmc_way(bmc), "");
  bmc.jump.emplace();
  bmc.jump->address = "192.0.2.7";
  EXPECT_EQ(bmc_place(bmc), "https://10.0.0.4 by 192.0.2.7:22");
  bmc.jump->address = "2001:db8::7";
  bmc.jump->port = 2200;
  EXPECT_EQ(bmc_way(bmc), " by [2001:db8::7]:2200");
}

}  // namespace
}  // namespace kiln
