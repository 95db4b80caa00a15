// A CDU that is read by its status.xml: what it tells, what it cannot, and that no odd answer is a value.
#include "bmc/cooltera_bmc.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

const std::string kCoolteraUrl = "https://bmc.test/status.xml";

std::string fs600(const std::string& supply = "25.0degC", const std::string& alarms = "0") {
  std::string text = "<status>";
  for (const char* tag : {"mode", "p3state", "sdp", "setpoint", "duty", "dt", "t2a", "t2b", "t2c", "ps1a",
                          "ps1b", "ps5a", "ps5b", "pdp", "valve"})
    text += fmt::format("<{0}>1</{0}>", tag);
  text += "<t1>16.0degC</t1><t2>" + supply +
          "</t2><t3>24.0degC</t3><t4>34.5degC</t4><t5>21.0degC</t5><dw>11.5degC</dw><rh>45%</rh>"
          "<secflow>210l/m</secflow><primflow>160l/m</primflow><ps1>1.2bar</ps1><ps2>2.7bar</ps2>"
          "<ps3>3.1bar</ps3><ps4>2.6bar</ps4><pumpspeed1>61%</pumpspeed1><pumpspeed2>0%</pumpspeed2>"
          "<alarms>" +
          alarms + "</alarms>";
  return text + "</status>";
}

class CoolteraBmcTest : public testing::Test {
 protected:
  CoolteraBmcTest() { service.bodies["/status.xml"] = fs600(); }
  template <class T>
  Result<T> ask(std::function<boost::asio::awaitable<Result<T>>(const Ctx&)> question) {
    return desk.ask<Result<T>>(std::move(question));
  }
  Result<std::vector<CoolantReading>> coolant() {
    return ask<std::vector<CoolantReading>>([this](const Ctx& ctx) { return bmc->coolant(ctx); });
  }
  Result<std::vector<CoolingUnitReading>> units() {
    return ask<std::vector<CoolingUnitReading>>([this](const Ctx& ctx) { return bmc->cooling_units(ctx); });
  }
  MockService service;
  Desk desk;
  std::unique_ptr<Bmc> bmc = make_cooltera_bmc(service.client(), kCoolteraUrl);
};

TEST_F(CoolteraBmcTest, ItTellsOfBothSidesOfItsLoopAndOfItsPumps) {
  const auto readings = coolant();
  ASSERT_TRUE(readings) << readings.error().full();
  ASSERT_EQ(readings->size(), 2U);
  EXPECT_EQ((*readings)[0].name, "CDU/Primary");
  EXPECT_EQ((*readings)[0].supply_temperature, 16.0);
  const CoolantReading& rack = (*readings)[1];
  EXPECT_EQ(rack.name, "CDU/Secondary");
  EXPECT_EQ(rack.flow, 210.0);
  EXPECT_EQ(rack.supply_temperature, 25.0);
  EXPECT_EQ(rack.return_temperature, 34.5);
  EXPECT_NEAR(*rack.supply_pressure, 270, 1e-9);
  EXPECT_NEAR(*rack.delta_pressure, 150, 1e-9);
  EXPECT_EQ(rack.uri, "/status.xml");
  const auto pumps = ask<std::vector<PumpReading>>([this](const Ctx& ctx) { return bmc->pumps(ctx); });
  ASSERT_TRUE(pumps);
  EXPECT_EQ(pumps->at(1).name, "Pump_2");
  EXPECT_EQ(pumps->at(1).speed_percent, 0.0);
  const auto identity = ask<BmcIdentity>([this](const Ctx& ctx) { return bmc->identity(ctx); });
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->model, "FS600");
  EXPECT_EQ(identity->serial, "");
  for (const HttpRequest& request : service.requests) {
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.url, kCoolteraUrl);
    EXPECT_TRUE(request.user.empty());
  }
}

TEST_F(CoolteraBmcTest, TheAirAndTheAlarmsAreOfItsUnit) {
  service.bodies["/status.xml"] = fs600("25.0degC", "2");
  const auto read = units();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->front().dew_point, 11.5);
  EXPECT_EQ(read->front().humidity, 45.0);
  EXPECT_EQ(read->front().alarms, 2.0);
  EXPECT_FALSE(read->front().reservoir_level) << "its document tells of none";
}

TEST_F(CoolteraBmcTest, AValueInAnotherUnitIsNoneAndIsTold) {
  service.bodies["/status.xml"] = fs600("77.0degF");
  const auto readings = coolant();
  ASSERT_TRUE(readings);
  EXPECT_FALSE((*readings)[1].supply_temperature);
  EXPECT_EQ((*readings)[1].flow, 210.0);
  const std::vector<Oddity> odd = bmc->take_oddities();
  ASSERT_EQ(odd.size(), 1U);
  EXPECT_EQ(odd[0].property, "t2");
  EXPECT_NE(odd[0].what.find("77.0degF"), std::string::npos);
}

TEST_F(CoolteraBmcTest, EveryOddAnswerIsAnErrorThatNamesTheAddress) {
  for (const std::string& body : {std::string("<html>login</html>"), fs600().substr(0, 200), std::string()}) {
    service.bodies["/status.xml"] = body;
    const auto readings = coolant();
    ASSERT_FALSE(readings) << body;
    EXPECT_EQ(readings.error().code, "bmc.not_understood");
    EXPECT_NE(readings.error().message.find(kCoolteraUrl), std::string::npos);
  }
  for (const int status : {301, 401, 404, 500, 503}) {
    service.once["GET /status.xml"].push_back(reply(status, fs600()));
    EXPECT_FALSE(coolant()) << status;
  }
  service.broken["GET /status.xml"].push_back(Error("http.tls_untrusted", "another certificate"));
  EXPECT_EQ(coolant().error().code, "bmc.untrusted");
  service.broken["GET /status.xml"].push_back(Error("http.connect", "refused"));
  EXPECT_EQ(coolant().error().code, "bmc.unreachable");
}

TEST_F(CoolteraBmcTest, WhatItCannotBeAskedIsSaidAndIsNoEmptyList) {
  const auto census = ask<LeakCensus>([this](const Ctx& ctx) { return bmc->leak_detectors(ctx); });
  ASSERT_FALSE(census);
  EXPECT_EQ(census.error().code, "bmc.unsupported");
  const auto logs = ask<std::vector<EventLog>>([this](const Ctx& ctx) { return bmc->event_logs(ctx); });
  EXPECT_EQ(logs.error().code, "bmc.unsupported");
  const auto power = ask<PowerState>([this](const Ctx& ctx) { return bmc->power_state(ctx); });
  EXPECT_EQ(*power, PowerState::unknown);
  const auto off = desk.ask<Status>([this](const Ctx& ctx) { return bmc->force_off(ctx); });
  EXPECT_EQ(off.error().code, "bmc.unsupported");
  EXPECT_TRUE(service.requests.empty()) << "none of this is asked of it";
  for (const BmcAbility ability : kBmcAbilities) {
    const auto offered =
        desk.ask<Status>([this, ability](const Ctx& ctx) { return bmc->offers(ctx, ability); });
    EXPECT_EQ(static_cast<bool>(offered), cooltera_offers(ability)) << to_string(ability);
  }
}

}  // namespace
}  // namespace kiln
