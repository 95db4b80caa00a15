// How a machine is set up, as its BMC tells; on a service in memory.
#include "bmc/platform_setup.h"

#include <gtest/gtest.h>

#include "bmc/mock_service_for_test.h"
#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

struct SetupTray : Tray {
  SetupTray() {
    auto& b = service.bodies;
    b["/redfish/v1"] =
        R"({"@odata.id":"/redfish/v1/","Id":"R","RedfishVersion":"1.17.0",
        "Systems":{"@odata.id":"/redfish/v1/Systems"},"Chassis":{"@odata.id":"/redfish/v1/Chassis"},
        "Managers":{"@odata.id":"/redfish/v1/Managers"},"AccountService":{"@odata.id":"/redfish/v1/AS"},
        "SessionService":{"@odata.id":"/redfish/v1/SS"},"ComponentIntegrity":{"@odata.id":"/redfish/v1/CI"}})";
    b[kSystems] = collection({kBoard, kHost});
    b[kHost] = R"({"@odata.id":")" + kHost + R"(","Id":"System_0","SecureBoot":{"@odata.id":")" + kHost +
               R"(/SecureBoot"},"Bios":{"@odata.id":")" + kHost + R"(/Bios"}})";
    b[kHost + "/SecureBoot"] =
        R"({"Id":"SecureBoot","SecureBootEnable":true,"SecureBootCurrentBoot":"Disabled"})";
    b[kHost + "/Bios"] = R"({"@odata.id":")" + kHost +
                         R"(/Bios","Id":"Bios","Attributes":{"EGM":false,"LEM0003":50,"Level":"Ignore"},
        "@Redfish.Settings":{"SettingsObject":{"@odata.id":")" +
                         kHost + R"(/Bios/Settings"}}})";
    b[kHost + "/Bios/Settings"] = R"({"Id":"Settings","Attributes":{"EGM":true,"LEM0003":50}})";
    b["/redfish/v1/CI"] = collection({"/redfish/v1/CI/ERoT", "/redfish/v1/CI/gone"});
    b["/redfish/v1/CI/ERoT"] =
        R"({"@odata.id":"/redfish/v1/CI/ERoT","Id":"ERoT","ComponentIntegrityEnabled":true,"ComponentIntegrityType":"SPDM",
        "SPDM":{"IdentityAuthentication":{"ResponderAuthentication":{"VerificationStatus":"Success"}}}})";
    b["/redfish/v1/AS"] = R"({"Id":"AS","Accounts":{"@odata.id":"/redfish/v1/AS/A"}})";
    b["/redfish/v1/AS/A"] = collection({"/redfish/v1/AS/A/1", "/redfish/v1/AS/A/2"});
    b["/redfish/v1/AS/A/1"] = R"({"Id":"1","Enabled":true,"PasswordChangeRequired":false})";
    b["/redfish/v1/AS/A/2"] = R"({"Id":"2","Enabled":false,"PasswordChangeRequired":true})";
    b["/redfish/v1/SS"] = R"({"Id":"SS","SessionTimeout":1800})";
    b["/redfish/v1/Chassis"] = collection({"/redfish/v1/Chassis/C"});
    b["/redfish/v1/Chassis/C"] =
        R"({"@odata.id":"/redfish/v1/Chassis/C","Id":"C","Sensors":{"@odata.id":"/redfish/v1/Chassis/C/S"}})";
    b["/redfish/v1/Chassis/C/S"] = collection({"/redfish/v1/Chassis/C/S/1", "/redfish/v1/Chassis/C/S/2"});
    b["/redfish/v1/Chassis/C/S/1"] = R"({"Id":"1","Reading":1,"ReadingTime":"2026-11-30T10:00:00Z"})";
    b["/redfish/v1/Chassis/C/S/2"] = R"({"Id":"2","Reading":1,"ReadingTime":"2026-11-30T10:00:20+00:00"})";
    b["/redfish/v1/Managers"] = collection({"/redfish/v1/Managers/M"});
    b["/redfish/v1/Managers/M"] =
        R"({"@odata.id":"/redfish/v1/Managers/M","Id":"M","DateTime":"2026-11-30T10:01:00Z"})";
  }
  PlatformSetup setup() {
    const auto read = ask<Result<PlatformSetup>>([this](const Ctx& ctx) { return bmc->platform_setup(ctx); });
    EXPECT_TRUE(read) << (read ? std::string() : read.error().full());
    return read ? *read : PlatformSetup();
  }
};

TEST_F(SetupTray, TellsWhatIsInForceAndWhatWaits) {
  const PlatformSetup read = setup();
  EXPECT_EQ(read.secure_boot, true);
  EXPECT_EQ(read.secure_boot_now, "Disabled");
  EXPECT_EQ(read.bios.at("EGM"), "false");
  EXPECT_EQ(read.bios.at("LEM0003"), "50");
  EXPECT_EQ(read.bios_pending, std::vector<std::string>{"EGM"});
  EXPECT_EQ(read.session_timeout, 1800);
}

TEST_F(SetupTray, AnAccountThatIsNotEnabledNeedsNoPassword) {
  EXPECT_EQ(setup().password_change_required, false);
  service.bodies["/redfish/v1/AS/A/2"] = R"({"Id":"2","PasswordChangeRequired":true})";
  EXPECT_EQ(setup().password_change_required, true);
}

TEST_F(SetupTray, AgeIsThatOfTheNewestReadingByTheBmcsOwnClock) { EXPECT_EQ(setup().reading_age, 40); }

TEST_F(SetupTray, ReadingsOfTheFutureHaveNoAge) {
  service.bodies["/redfish/v1/Managers/M"] =
      R"({"@odata.id":"/redfish/v1/Managers/M","Id":"M","DateTime":"2026-11-30T09:00:00Z"})";
  EXPECT_FALSE(setup().reading_age);
}

TEST_F(SetupTray, ErrorsThatAGpuMakesUpAreTold) {
  auto& b = service.bodies;
  const std::string gpus = kBoard + "/Processors";
  b[kBoard] = R"({"@odata.id":")" + kBoard + R"(","Id":"HGX_Baseboard_0","Processors":{"@odata.id":")" +
              gpus + R"("}})";
  b[gpus] = collection({gpus + "/GPU_0", gpus + "/GPU_1"});
  for (const std::string name : {"GPU_0", "GPU_1"}) {
    const std::string uri = gpus + "/" + name;
    b[uri] = R"({"@odata.id":")" + uri + R"(","Id":")" + name +
             R"(","ProcessorType":"GPU","Oem":{"Nvidia":{"ErrorInjection":{"@odata.id":")" + uri +
             R"(/Oem/Nvidia/ErrorInjection"}}}})";
  }
  b[gpus + "/GPU_0/Oem/Nvidia/ErrorInjection"] =
      R"({"Id":"ErrorInjection","ErrorInjectionModeEnabled":true,"PersistentDataModified":false,
      "ErrorInjectionCapabilities":{"NVLinkErrors":{"Supported":true,"Enabled":true},
      "MemoryErrors":{"Supported":true,"Enabled":false},"PCIeErrors":{"Supported":false,"Enabled":true}}})";
  const PlatformSetup read = setup();
  ASSERT_EQ(read.error_injection.size(), 2U);
  EXPECT_EQ(read.error_injection[0].part, "GPU_0");
  EXPECT_EQ(read.error_injection[0].mode_enabled, true);
  EXPECT_EQ(read.error_injection[0].persistent_modified, false);
  EXPECT_EQ(read.error_injection[0].enabled,
            (std::map<std::string, bool>{{"NVLinkErrors", true}, {"MemoryErrors", false}}));
  EXPECT_FALSE(read.error_injection[1].unread.empty()) << "a link to nothing proves nothing";
}

TEST_F(SetupTray, ALinkToNothingIsNoRootOfTrustThatPassed) {
  const PlatformSetup read = setup();
  ASSERT_EQ(read.integrity.size(), 2U);
  EXPECT_EQ(read.integrity.front().verification, "Success");
  EXPECT_EQ(read.integrity.front().enabled, true);
  EXPECT_FALSE(read.integrity.back().unread.empty());
}

TEST_F(SetupTray, WhatIsNotOfferedIsUnset) {
  service.bodies["/redfish/v1"] =
      R"({"@odata.id":"/redfish/v1/","Id":"R","RedfishVersion":"1.17.0","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
  service.bodies["/redfish/v1/Chassis"] = collection({});
  const PlatformSetup read = setup();
  EXPECT_FALSE(read.secure_boot);
  EXPECT_TRUE(read.bios.empty());
  EXPECT_TRUE(read.integrity.empty());
  EXPECT_FALSE(read.reading_age);
  EXPECT_FALSE(read.password_change_required);
  EXPECT_FALSE(read.session_timeout);
}

}  // namespace
}  // namespace kiln
