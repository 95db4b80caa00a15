#include "station/dut_serials.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

class SameBmc : public testing::Test {
 protected:
  SameBmc() {
    for (const char* id : {"C01", "C02"}) {
      Dut dut;
      dut.id = id;
      dut.bmc = BmcAccess();
      dut.bmc->url = std::string("https://") + id;
      plan.inventory.duts.push_back(std::move(dut));
      plan.duts.emplace_back(id);
    }
    say("C01", "J901", "u-1");
  }
  void say(const std::string& dut, const std::string& serial, const std::string& uuid) {
    BmcIdentity identity;
    identity.serial = serial;
    identity.serial_source = "/redfish/v1/Chassis/1";
    identity.uuid = uuid;
    identities[dut] = identity;
  }
  Plan plan;
  DutIdentities identities;
};

TEST_F(SameBmc, TwoAddressesOfOneBmcAreRefusedWithBoth) {
  say("C02", "J901", "u-1");
  const Status refused = refuse_same_bmc(plan, identities);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "bmc.same");
  for (const char* source :
       {"C01 (https://C01)", "C02 (https://C02)", "J901", "u-1", "/redfish/v1/Chassis/1"})
    EXPECT_NE(refused.error().message.find(source), std::string::npos) << refused.error().message;
  say("C02", "J901", "");
  EXPECT_FALSE(refuse_same_bmc(plan, identities)) << "one that says no UUID is told apart by nothing";
}

TEST_F(SameBmc, BmcsThatAreToldApartAreNotRefused) {
  EXPECT_TRUE(refuse_same_bmc(plan, identities)) << "who did not answer is no other's";
  say("C02", "J902", "u-1");
  EXPECT_TRUE(refuse_same_bmc(plan, identities));
  say("C02", "J901", "u-2");
  EXPECT_TRUE(refuse_same_bmc(plan, identities));
}

TEST_F(SameBmc, SerialsThatNobodyFilledInSayNothing) {
  for (const char* serial : {"", "To be filled by O.E.M.", "0123456789"}) {
    say("C01", serial, "");
    say("C02", serial, "");
    EXPECT_TRUE(refuse_same_bmc(plan, identities)) << serial;
  }
  EXPECT_EQ(serials_of(identities).count("C01"), 1U);
  say("C01", "", "");
  EXPECT_EQ(serials_of(identities).count("C01"), 0U);
}

}  // namespace
}  // namespace kiln
