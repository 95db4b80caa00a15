// What is set at a BMC that changes heat and coolant: with a permit upwards, without one downwards.
#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

struct ControlsTest : Tray {
  ControlsTest() {
    service.bodies[kGpu + "/EnvironmentMetrics"] =
        R"({"@odata.id":")" + kGpu +
        R"(/EnvironmentMetrics","Id":"e","PowerLimitWatts":{"SetPoint":1000,"AllowableMin":200,"AllowableMax":1400}})";
    service.bodies["/redfish/v1/Chassis/Chassis_0"] =
        R"({"@odata.id":"/redfish/v1/Chassis/Chassis_0","Id":"Chassis_0","ThermalSubsystem":{"@odata.id":"/redfish/v1/TS"}})";
    service.bodies["/redfish/v1/TS"] = R"({"Id":"TS","CoolantConnectors":{"@odata.id":"/redfish/v1/TS/CC"}})";
    service.bodies["/redfish/v1/TS/CC"] = collection({"/redfish/v1/TS/CC/0", "/redfish/v1/TS/CC/1"});
    service.bodies["/redfish/v1/TS/CC/0"] =
        R"({"Id":"0","Actions":{"#CoolantConnector.ValveControl":{"target":"/redfish/v1/TS/CC/0/Actions/CoolantConnector.ValveControl"}}})";
    service.bodies["/redfish/v1/TS/CC/1"] = R"({"Id":"1"})";
    service.handler = [this](const HttpRequest& request,
                             const std::string& path) -> std::optional<HttpResponse> {
      if (request.method == "GET") return std::nullopt;
      changes.push_back(request.method + " " + path + " " + request.body);
      return reply(204);
    };
  }
  Result<double> raise(double watts, const Permit& permit, const std::string& gpu = "GPU_0") {
    return ask<Result<double>>(
        [&](const Ctx& ctx) { return bmc->raise_power_limit(ctx, permit, gpu, watts); });
  }
  Result<double> lower(double watts) {
    return ask<Result<double>>([&](const Ctx& ctx) { return bmc->lower_power_limit(ctx, "GPU_0", watts); });
  }
  Status open(const std::string& connector, const Permit& permit) {
    return ask<Status>([&](const Ctx& ctx) { return bmc->open_valve(ctx, permit, connector); });
  }
  Permit limit_permit() { return PermitOffice::make(Energy::power_limit, valid); }
  Permit valve_permit() { return PermitOffice::make(Energy::valve, valid); }
  std::vector<std::string> changes;
};

TEST_F(ControlsTest, APowerLimitIsRaisedAndToldWhatItWas) {
  const Result<double> was = raise(1400, limit_permit());
  ASSERT_TRUE(was) << was.error().sentence();
  EXPECT_EQ(*was, 1000);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].substr(0, changes[0].find('{')), "PATCH " + kGpu + "/EnvironmentMetrics ");
  EXPECT_NE(changes[0].find(R"({"PowerLimitWatts":{"SetPoint":1400}})"), std::string::npos) << changes[0];
}

TEST_F(ControlsTest, ItIsLoweredWithoutAPermitAndOnlyLowered) {
  EXPECT_TRUE(lower(800));
  EXPECT_EQ(changes.size(), 1U);
  EXPECT_EQ(lower(1200).error().code, "bmc.not_lowered");
  EXPECT_EQ(raise(900, limit_permit()).error().code, "bmc.not_a_raise");
  EXPECT_EQ(changes.size(), 1U) << "nothing was asked of the BMC";
}

TEST_F(ControlsTest, WhatTheGpuDoesNotAllowIsRefusedByItsRange) {
  EXPECT_EQ(raise(1500, limit_permit()).error().code, "bmc.out_of_range");
  EXPECT_NE(raise(1500, limit_permit()).error().message.find("200 to 1400 W"), std::string::npos);
  EXPECT_EQ(lower(100).error().code, "bmc.out_of_range");
  EXPECT_TRUE(changes.empty());
}

TEST_F(ControlsTest, AGpuThatIsNotThereIsNamedWithTheNearest) {
  const Result<double> was = raise(1400, limit_permit(), "GPU_O");
  EXPECT_EQ(was.error().code, "bmc.no_part");
  EXPECT_NE(was.error().message.find("did you mean 'GPU_0'"), std::string::npos) << was.error().message;
}

TEST_F(ControlsTest, AGpuWithoutALimitThatCanBeSetSaysSo) {
  service.bodies[kGpu + "/EnvironmentMetrics"] = R"({"Id":"e","PowerLimitWatts":{"Reading":700}})";
  EXPECT_EQ(raise(1400, limit_permit()).error().code, "bmc.unsupported");
}

TEST_F(ControlsTest, ThePermitMustBeOfItsKindAndValidToTheLast) {
  EXPECT_EQ(raise(1400, PermitOffice::make(Energy::power, valid)).error().code, "permit.wrong_energy");
  EXPECT_EQ(open("Chassis_0/0", limit_permit()).error().code, "permit.wrong_energy");
  const Permit permit = limit_permit();
  service.handler = [this](const HttpRequest& request,
                           const std::string& path) -> std::optional<HttpResponse> {
    if (path.ends_with("/EnvironmentMetrics")) *valid = false;  // while its range is read
    if (request.method == "PATCH") changes.push_back("PATCH");
    return std::nullopt;
  };
  EXPECT_EQ(raise(1400, permit).error().code, "permit.revoked");
  EXPECT_TRUE(changes.empty());
}

TEST_F(ControlsTest, AValveIsOpenedWithAPermitAndClosedWithout) {
  EXPECT_TRUE(open("Chassis_0/0", valve_permit()));
  EXPECT_TRUE(ask<Status>([&](const Ctx& ctx) { return bmc->close_valve(ctx, "Chassis_0/0"); }));
  const std::string action = "POST /redfish/v1/TS/CC/0/Actions/CoolantConnector.ValveControl ";
  EXPECT_EQ(changes, (std::vector<std::string>{action + R"({"ValveState":"Open"})",
                                               action + R"({"ValveState":"Closed"})"}));
}

TEST_F(ControlsTest, AConnectionWithoutAValveOrThatIsNotThereSaysSo) {
  EXPECT_EQ(open("Chassis_0/1", valve_permit()).error().code, "bmc.unsupported");
  EXPECT_EQ(open("Chassis_0/7", valve_permit()).error().code, "bmc.no_part");
  EXPECT_TRUE(changes.empty());
}

}  // namespace
}  // namespace kiln
