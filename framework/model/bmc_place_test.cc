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

TEST(BmcPlace, IsOneHoweverItIsSpelled) {
  EXPECT_EQ(bmc_address("HTTPS://Bmc.Example:443/"), "https://bmc.example");
  EXPECT_EQ(bmc_address("https://[FD00:0::5]:8443/node/1/"), "https://[fd00::5]:8443/node/1");
  EXPECT_EQ(bmc_address("10.0.0.4"), "https://10.0.0.4");
  EXPECT_EQ(bmc_address("https://[fd00::5"), "https://[fd00::5") << "what is broken stays apart";
  EXPECT_EQ(bmc_place("https://10.0.0.4/", "2001:DB8:0::7", 22), "https://10.0.0.4 by [2001:db8::7]:22");
  EXPECT_EQ(bmc_place("https://10.0.0.4/", "Jump.Example", 22),
            bmc_place("https://10.0.0.4", "jump.example", 22));
  EXPECT_EQ(bmc_place("https://10.0.0.4/", "", 22), "https://10.0.0.4");
}

}  // namespace
}  // namespace kiln
