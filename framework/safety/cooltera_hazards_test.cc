// What the warden reads of the coolant of a CDU without Redfish, and that what it cannot use is no value.
#include "safety/cooltera_hazards.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "io/loop.h"
#include "safety/warden_bmc.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using enum HazardKind;

const std::string kUnitUrl = "https://cdu.example/status.xml";

std::string unit_document(const std::string& dew_point, const std::string& flow) {
  std::string text = "<status>";
  for (const char* tag : {"mode", "p3state", "sdp", "setpoint", "duty", "dt", "t2a", "t2b", "t2c", "ps1a",
                          "ps1b", "ps5a", "ps5b", "pdp", "valve", "alarms", "pumpspeed1", "pumpspeed2", "rh"})
    text += fmt::format("<{0}>1</{0}>", tag);
  return text + "<t1>16degC</t1><t2>25degC</t2><t3>24degC</t3><t4>34degC</t4><t5>21degC</t5><dw>" +
         dew_point + "</dw><secflow>" + flow +
         "</secflow><primflow>160l/m</primflow><ps1>1.2bar</ps1><ps2>2.7bar</ps2><ps3>3.1bar</ps3>"
         "<ps4>2.6bar</ps4></status>";
}

awaitable<void> look_once(Ctx& ctx, HazardReadings& readings, std::set<HazardKind> kinds,
                          std::optional<Result<HazardLook>>& found) {
  Ctx limited = ctx.child_within("look", 5s);
  Result<HazardLook> read = co_await readings.read(limited, std::move(kinds), false);
  found.emplace(std::move(read));
}

struct CoolteraHazardsTest : testing::Test {
  Result<HazardLook> look(std::set<HazardKind> kinds) {
    std::optional<Result<HazardLook>> found;
    const std::unique_ptr<Loop> loop = Loop::simulated();
    loop->run([&](Ctx& ctx) { return look_once(ctx, *readings, std::move(kinds), found); });
    return *found;
  }
  static std::map<std::string, std::optional<double>> by_part(const HazardLook& look, HazardKind kind) {
    std::map<std::string, std::optional<double>> values;
    for (const HazardReading& one : look.readings) {
      if (one.kind == kind) values[one.part] = one.value;
      EXPECT_EQ(one.value.has_value(), one.why.empty());
    }
    return values;
  }
  ScriptedHttp http;
  std::unique_ptr<HazardReadings> readings =
      make_cooltera_hazard_readings(std::make_unique<SharedHttp>(http), kUnitUrl);
};

TEST_F(CoolteraHazardsTest, FlowPressureSupplyAndDewPointComeFromOneRead) {
  http.answer("GET", kUnitUrl, HttpAnswer(200, unit_document("11degC", "210l/m")));
  const Result<HazardLook> seen =
      look({coolant_flow, coolant_pressure, coolant_supply_temperature, dew_point_margin, coolant_reservoir});
  ASSERT_TRUE(seen) << seen.error().full();
  using Values = std::map<std::string, std::optional<double>>;
  EXPECT_EQ(by_part(*seen, coolant_flow), (Values{{"CDU/Primary", 160.0}, {"CDU/Secondary", 210.0}}));
  EXPECT_EQ(by_part(*seen, coolant_supply_temperature),
            (Values{{"CDU/Primary", 16.0}, {"CDU/Secondary", 25.0}}));
  EXPECT_NEAR(*by_part(*seen, coolant_pressure).at("CDU/Secondary"), 270, 1e-9);
  EXPECT_EQ(by_part(*seen, dew_point_margin), (Values{{"CDU", 14.0}}));
  EXPECT_TRUE(by_part(*seen, coolant_reservoir).empty()) << "its document has none";
  EXPECT_EQ(http.requests().size(), 1U);
}

TEST_F(CoolteraHazardsTest, OnlyWhatIsWantedIsTold) {
  http.answer("GET", kUnitUrl, HttpAnswer(200, unit_document("11degC", "210l/m")));
  const Result<HazardLook> seen = look({dew_point_margin});
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->readings.size(), 1U);
}

TEST_F(CoolteraHazardsTest, AValueThatCannotBeUsedIsOfferedAndUnknown) {
  http.answer("GET", kUnitUrl, HttpAnswer(200, unit_document("52degF", "N/A")));
  const Result<HazardLook> seen = look({coolant_flow, dew_point_margin});
  ASSERT_TRUE(seen);
  EXPECT_EQ(by_part(*seen, coolant_flow).at("CDU/Secondary"), std::nullopt);
  EXPECT_EQ(by_part(*seen, dew_point_margin).at("CDU"), std::nullopt);
}

TEST_F(CoolteraHazardsTest, WhatIsNoDocumentIsAnErrorAndSoIsSilence) {
  const std::string cut = unit_document("11degC", "210l/m").substr(0, 300);
  http.answer_once("GET", kUnitUrl, HttpAnswer(200, cut));
  http.answer_once("GET", kUnitUrl, HttpAnswer(503, unit_document("11degC", "210l/m")));
  http.answer_once("GET", kUnitUrl, HttpAnswer(Error("http.connect", "refused")));
  http.answer_once("GET", kUnitUrl, HttpAnswer::never());
  EXPECT_EQ(look({coolant_flow}).error().code, "warden.bmc");
  EXPECT_EQ(look({coolant_flow}).error().code, "warden.bmc");
  EXPECT_EQ(look({coolant_flow}).error().code, "http.connect");
  EXPECT_EQ(look({coolant_flow}).error().code, "ctx.deadline");
}

TEST_F(CoolteraHazardsTest, TheWardenHasNoSwitchAndNoDetectorsOfIt) {
  WardenDut dut;
  dut.bmc_url = kUnitUrl;
  const WardenBmc unit = make_warden_bmc(std::make_unique<SharedHttp>(http), dut);
  EXPECT_NE(unit.hazards, nullptr);
  EXPECT_EQ(unit.power, nullptr);
  EXPECT_EQ(unit.leaks, nullptr);
  dut.bmc_url = "https://tray.example";
  const WardenBmc tray = make_warden_bmc(std::make_unique<SharedHttp>(http), dut);
  EXPECT_NE(tray.power, nullptr);
  EXPECT_NE(tray.leaks, nullptr);
}

}  // namespace
}  // namespace kiln
