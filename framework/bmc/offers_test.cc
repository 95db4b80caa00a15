// Whether a BMC offers what would switch it, without switching; and what it tells of its host's last start.
#include <gtest/gtest.h>

#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

class Offers : public Tray {
 protected:
  Status offers(BmcAbility ability) {
    return ask<Status>([&](const Ctx& ctx) { return bmc->offers(ctx, ability); });
  }
  Result<HostStart> host_start() {
    return ask<Result<HostStart>>([&](const Ctx& ctx) { return bmc->host_start(ctx); });
  }
  void reset_types_are(const std::string& list) {
    service.bodies[kHost + "/ResetActionInfo"] =
        R"({"Id":"i","Parameters":[{"Name":"ResetType","AllowableValues":[)" + list + "]}]}";
  }
  int posts() const {
    int count = 0;
    for (const HttpRequest& request : service.requests)
      count += request.method != "GET" && request.url.find("Sessions") == std::string::npos ? 1 : 0;
    return count;
  }
};

TEST_F(Offers, WhatTheResetActionTakes) {
  for (const BmcAbility ability :
       {BmcAbility::power_on, BmcAbility::force_off, BmcAbility::restart, BmcAbility::manager_reset})
    EXPECT_TRUE(offers(ability)) << to_string(ability);
  EXPECT_EQ(posts(), 0) << "asked, and nothing switched";
}

TEST_F(Offers, WhatItDoesNotTakeIsNamedWithWhatItTakes) {
  reset_types_are(R"("On","ForceOff")");
  const Status restart = offers(BmcAbility::restart);
  EXPECT_EQ(restart.error().code, "bmc.unsupported");
  EXPECT_NE(restart.error().message.find("On, ForceOff"), std::string::npos) << restart.error().message;
  EXPECT_NE(restart.error().message.find("ForceRestart"), std::string::npos) << restart.error().message;
}

TEST_F(Offers, AFullPowerCycleInAnyOfItsWays) {
  EXPECT_EQ(offers(BmcAbility::full_power_cycle).error().code, "bmc.unsupported");
  service.bodies["/redfish/v1/Chassis"] = collection({"/redfish/v1/Chassis/BMC_0"});
  service.bodies["/redfish/v1/Chassis/BMC_0"] =
      R"({"@odata.id":"/redfish/v1/Chassis/BMC_0","Id":"BMC_0","Actions":{"Oem":{"#NvidiaChassis.AuxPowerReset":
      {"target":"/redfish/v1/Chassis/BMC_0/Actions/Oem/NvidiaChassis.AuxPowerReset"}}}})";
  EXPECT_TRUE(offers(BmcAbility::full_power_cycle));
  EXPECT_EQ(posts(), 0);
}

TEST_F(Offers, AManagerThatCannotBeReset) {
  service.bodies["/redfish/v1/Managers/BMC_0"] = R"({"Id":"BMC_0"})";
  EXPECT_EQ(offers(BmcAbility::manager_reset).error().code, "bmc.unsupported");
  service.bodies["/redfish/v1/Managers/BMC_0"] =
      R"({"Id":"BMC_0","Actions":{"#Manager.Reset":{"target":"/redfish/v1/Managers/BMC_0/Actions/Manager.Reset",
      "ResetType@Redfish.AllowableValues":["ResetToDefaults"]}}})";
  EXPECT_EQ(offers(BmcAbility::manager_reset).error().code, "bmc.unsupported");
}

TEST_F(Offers, OfWhatIsNoSwitchNothingIsPromised) {
  EXPECT_EQ(offers(BmcAbility::sensors).error().code, "bmc.unsupported");
}

TEST_F(Offers, ABmcThatDoesNotAnswerOffersNothingAndLacksNothing) {
  service.bodies.erase(kSystems);
  const Status restart = offers(BmcAbility::restart);
  EXPECT_FALSE(restart);
}

TEST_F(Offers, TheLastStartOfTheHostAsItIsTold) {
  service.bodies[kHost] = R"({"@odata.id":")" + kHost +
                          R"(","Id":"System_0","SystemType":"Physical","PowerState":"On",
      "LastResetTime":"2026-01-02T03:04:05+00:00","BootProgress":{"LastState":"OSRunning"},
      "Actions":{"#ComputerSystem.Reset":{"target":")" +
                          kHost + R"(/Actions/ComputerSystem.Reset"}}})";
  const auto start = host_start();
  ASSERT_TRUE(start) << start.error().full();
  EXPECT_EQ(start->power, PowerState::on);
  EXPECT_EQ(start->last_reset, "2026-01-02T03:04:05+00:00");
  EXPECT_EQ(start->boot_progress, "OSRunning");
  EXPECT_EQ(start->uri, kHost);
}

TEST_F(Offers, WhatItDoesNotTellOfTheStartIsEmpty) {
  const auto start = host_start();
  ASSERT_TRUE(start);
  EXPECT_EQ(start->power, PowerState::off);
  EXPECT_EQ(start->last_reset, "");
  EXPECT_EQ(start->boot_progress, "");
}

}  // namespace
}  // namespace kiln
