// Where the warden finds heat and coolant, and that what it cannot use is never taken for a value.
#include "safety/hazard_readings.h"

#include <gtest/gtest.h>

#include "io/loop.h"
#include "testing/scripted_http.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using enum HazardKind;

const std::set<HazardKind> kAll{gpu_temperature,   gpu_memory_temperature, inlet_temperature,
                                coolant_flow,      coolant_pressure,       coolant_supply_temperature,
                                coolant_reservoir, dew_point_margin};

awaitable<void> read_into(Ctx& ctx, HazardReadings& readings, bool look_anew,
                          std::optional<Result<HazardLook>>& found) {
  Ctx limited = ctx.child_within("read", 5s);
  std::set<HazardKind> kinds = kAll;
  Result<HazardLook> read = co_await readings.read(limited, std::move(kinds), look_anew);
  found.emplace(std::move(read));
}

std::string link(const std::string& name, const std::string& uri) {
  return "\"" + name + R"(":{"@odata.id":")" + uri + R"("})";
}

struct HazardReadingsTest : testing::Test {
  HazardReadingsTest() {
    const std::string system = "/redfish/v1/Systems/HGX_Baseboard_0";
    const std::string gpu = system + "/Processors/GPU_0";
    const std::string memory = system + "/Memory/GPU_0_DRAM_0";
    list("/redfish/v1/Systems", {system});
    serve(system, "{" + link("Processors", system + "/Processors") + "}");
    list(system + "/Processors", {gpu, system + "/Processors/CPU_0"});
    serve(gpu, R"({"ProcessorType":"GPU",)" + link("EnvironmentMetrics", gpu + "/EnvironmentMetrics") +
                   R"(,"Links":{"Memory":[{"@odata.id":")" + memory + R"("}]}})");
    serve(system + "/Processors/CPU_0", R"({"ProcessorType":"CPU"})");
    serve(gpu + "/EnvironmentMetrics", temperature("61.5", ""));
    serve(memory, "{" + link("EnvironmentMetrics", memory + "/EnvironmentMetrics") + "}");
    serve(memory + "/EnvironmentMetrics", temperature("\"70 C\"", ""));
    const std::string chassis = "/redfish/v1/Chassis/Chassis_0";
    const std::string thermal = chassis + "/ThermalSubsystem";
    list("/redfish/v1/Chassis", {chassis, "/redfish/v1/Chassis/Bare"});
    serve("/redfish/v1/Chassis/Bare", "{}");
    serve(chassis, "{" + link("ThermalSubsystem", thermal) + "}");
    serve(thermal, "{" + link("ThermalMetrics", thermal + "/ThermalMetrics") + "," +
                       link("CoolantConnectors", thermal + "/CoolantConnectors") + "}");
    serve(thermal + "/ThermalMetrics", R"({"TemperatureSummaryCelsius":{"Intake":{"Reading":24.5}}})");
    list(thermal + "/CoolantConnectors", {thermal + "/CoolantConnectors/CoolantConnector_0"});
    serve(thermal + "/CoolantConnectors/CoolantConnector_0", connector(10.5, 236, 25));
    serve("/redfish/v1/ThermalEquipment", "{" + link("CDUs", "/redfish/v1/ThermalEquipment/CDUs") + "}");
    list("/redfish/v1/ThermalEquipment/CDUs", {kCdu});
    serve(kCdu, "{" + link("PrimaryCoolantConnectors", kCdu + "/P") + "," +
                    link("SecondaryCoolantConnectors", kCdu + "/S") + "," + link("Reservoirs", kCdu + "/R") +
                    "," + link("EnvironmentMetrics", kCdu + "/E") + "}");
    list(kCdu + "/P", {kCdu + "/P/1"});
    serve(kCdu + "/P/1", connector(90, 276, 17));
    list(kCdu + "/S", {kCdu + "/S/SecondaryA", kCdu + "/S/SecondaryB"});
    serve(kCdu + "/S/SecondaryA", connector(60, 240, 25));
    serve(kCdu + "/S/SecondaryB", connector(61, 241, 24));
    list(kCdu + "/R", {kCdu + "/R/1", kCdu + "/R/2"});
    serve(kCdu + "/R/1", R"({"ReservoirType":"Reserve","FluidLevelPercent":{"Reading":84}})");
    serve(kCdu + "/R/2", R"({"ReservoirType":"Overflow","FluidLevelPercent":{"Reading":0}})");
    serve(kCdu + "/E", R"({"DewPointCelsius":{"Reading":10.5}})");
  }
  void serve(const std::string& uri, const std::string& body) {
    http.answer("GET", uri, HttpAnswer(200, body));
  }
  void list(const std::string& uri, const std::vector<std::string>& members) {
    std::string body;
    for (const std::string& member : members)
      body += (body.empty() ? "" : ",") + (R"({"@odata.id":")" + member + R"("})");
    serve(uri, R"({"Members":[)" + body + "]}");
  }
  static std::string temperature(const std::string& reading, const std::string& source) {
    return R"({"TemperatureCelsius":{"Reading":)" + reading +
           (source.empty() ? "" : R"(,"DataSourceUri":")" + source + "\"") + "}}";
  }
  static std::string connector(double flow, double pressure, double supply) {
    return R"({"FlowLitersPerMinute":{"Reading":)" + std::to_string(flow) +
           R"(},"SupplyPressurekPa":{"Reading":)" + std::to_string(pressure) +
           R"(},"SupplyTemperatureCelsius":)" + std::to_string(supply) + "}";
  }
  /// "kind part" → value as text.
  std::map<std::string, std::string> read(bool look_anew = false) {
    std::optional<Result<HazardLook>> found;
    loop->run([&](Ctx& ctx) { return read_into(ctx, *readings, look_anew, found); });
    std::map<std::string, std::string> values;
    if (!*found) return {{"error", found->error().code}};
    not_seen = (*found)->not_seen;
    read_at.clear();
    for (const HazardReading& reading : (*found)->readings) {
      if (!reading.read_at.empty()) read_at[reading.part] = reading.read_at;
      const std::string value =
          reading.value ? std::to_string(*reading.value).substr(0, 4) : "? " + reading.why;
      values[std::string(word_of(kHazardWords, reading.kind)) + " " + reading.part] = value;
    }
    return values;
  }

  inline static const std::string kCdu = "/redfish/v1/ThermalEquipment/CDUs/1";
  inline static const std::string kGpuEnvironment =
      "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_0/EnvironmentMetrics";
  std::string not_seen;
  std::map<std::string, std::string> read_at;  ///< part → what its BMC says
  ScriptedHttp http;
  std::unique_ptr<Loop> loop = Loop::simulated();
  std::unique_ptr<HazardReadings> readings = make_redfish_hazard_readings(
      std::make_shared<RedfishLine>(std::make_unique<SharedHttp>(http), "https://bmc", "", Secret()));
};

TEST_F(HazardReadingsTest, EveryPlaceThatRedfishKnows) {
  const std::map<std::string, std::string> wanted{
      {"gpu-temperature GPU_0", "61.5"},
      {"gpu-memory-temperature GPU_0_DRAM_0", "70.0"},
      {"inlet-temperature Chassis_0", "24.5"},
      {"coolant-flow Chassis_0/CoolantConnector_0", "10.5"},
      {"coolant-pressure Chassis_0/CoolantConnector_0", "236."},
      {"coolant-supply-temperature Chassis_0/CoolantConnector_0", "25.0"},
      {"coolant-flow 1/Primary_1", "90.0"},
      {"coolant-pressure 1/Primary_1", "276."},
      {"coolant-supply-temperature 1/Primary_1", "17.0"},
      {"coolant-flow 1/SecondaryA", "60.0"},
      {"coolant-pressure 1/SecondaryA", "240."},
      {"coolant-supply-temperature 1/SecondaryA", "25.0"},
      {"coolant-flow 1/SecondaryB", "61.0"},
      {"coolant-pressure 1/SecondaryB", "241."},
      {"coolant-supply-temperature 1/SecondaryB", "24.0"},
      {"coolant-reservoir 1/Reservoir_1", "84.0"},
      {"dew-point-margin 1", "13.5"}};
  EXPECT_EQ(read(), wanted) << "the facility side has nothing to do with the dew point, an overflow no level";
  const std::size_t before = http.requests().size();
  EXPECT_EQ(read(), wanted);
  EXPECT_EQ(http.requests().size() - before, 9U) << "a poll is one request per resource";
}

TEST_F(HazardReadingsTest, WhatCannotBeUsedIsNotKnownAndNoValue) {
  read();
  for (const char* body :
       {"null", "\"N/A\"", "9223372036854775807", "-300", "1e9", "\"\"", "[]", "true", "\"hot\""}) {
    serve(kGpuEnvironment, temperature(body, ""));
    EXPECT_EQ(read().at("gpu-temperature GPU_0").substr(0, 1), "?") << body;
  }
  for (const char* body : {"{}", R"({"TemperatureCelsius":null})", R"({"TemperatureCelsius":{}})"}) {
    serve(kGpuEnvironment, body);
    EXPECT_EQ(read().at("gpu-temperature GPU_0").substr(0, 1), "?") << body;
  }
  http.answer("GET", kGpuEnvironment, HttpAnswer(500));
  http.answer("GET", kCdu + "/E", HttpAnswer(404));
  std::map<std::string, std::string> values = read();
  EXPECT_EQ(values.at("gpu-temperature GPU_0").substr(0, 1), "?") << "once offered, it stays in the list";
  EXPECT_EQ(values.at("dew-point-margin 1").substr(0, 1), "?");
  EXPECT_EQ(values.at("gpu-memory-temperature GPU_0_DRAM_0"), "70.0") << "the rest is as it was";
}

TEST_F(HazardReadingsTest, ADistanceToALimitIsNoTemperature) {
  serve(kGpuEnvironment, temperature("20", "/redfish/v1/sensor"));
  serve("/redfish/v1/sensor", R"({"ReadingBasis":"Headroom","Reading":20})");
  EXPECT_FALSE(read().contains("gpu-temperature GPU_0"));
  serve("/redfish/v1/sensor", R"({"ReadingBasis":"Zero","Reading":20})");
  EXPECT_FALSE(read(true).contains("gpu-temperature GPU_0")) << "it was settled what it is";
}

TEST_F(HazardReadingsTest, ASensorThatTellsItsTimeIsReadInPlaceOfItsExcerpt) {
  serve(kGpuEnvironment, temperature("20", "/redfish/v1/sensor"));
  serve("/redfish/v1/sensor", R"({"Reading":null,"ReadingUnits":"Cel"})");
  EXPECT_EQ(read().at("gpu-temperature GPU_0"), "20.0") << "without power it had neither value nor time";
  EXPECT_TRUE(read_at.empty());
  serve("/redfish/v1/sensor",
        R"({"Reading":21.5,"ReadingUnits":"Cel","ReadingTime":"2026-11-29T01:02:03Z"})");
  EXPECT_EQ(read(true).at("gpu-temperature GPU_0"), "21.5");
  EXPECT_EQ(read_at, (std::map<std::string, std::string>{{"GPU_0", "2026-11-29T01:02:03Z"}}));
  const std::size_t before = http.requests().size();
  read();
  EXPECT_EQ(http.requests().size() - before, 9U) << "no request more";
  http.answer("GET", "/redfish/v1/sensor", HttpAnswer(404));
  EXPECT_EQ(read().at("gpu-temperature GPU_0").substr(0, 1), "?");
  EXPECT_EQ(read().at("gpu-temperature GPU_0"), "20.0") << "a Sensor that is gone leaves its excerpt";
}

TEST_F(HazardReadingsTest, ASensorOfAnotherUnitIsNotReadInPlaceOfItsExcerpt) {
  serve(kGpuEnvironment, temperature("20", "/redfish/v1/sensor"));
  serve("/redfish/v1/sensor",
        R"({"Reading":68,"ReadingUnits":"[degF]","ReadingTime":"2026-11-29T01:02:03Z"})");
  EXPECT_EQ(read().at("gpu-temperature GPU_0"), "20.0");
}

TEST_F(HazardReadingsTest, LowerThresholdsOnlyShowADistanceAndASensorThatCannotBeReadShowsNothing) {
  serve(kGpuEnvironment, temperature("20", "/redfish/v1/sensor"));
  http.answer("GET", "/redfish/v1/sensor", HttpAnswer(503));
  EXPECT_FALSE(read().contains("gpu-temperature GPU_0"));
  serve("/redfish/v1/sensor", R"({"Thresholds":{"LowerCritical":{"Reading":2}}})");
  EXPECT_FALSE(read(true).contains("gpu-temperature GPU_0"));
}

TEST_F(HazardReadingsTest, ASensorThatCanBeReadLaterShowsATemperature) {
  serve(kGpuEnvironment, temperature("20", "/redfish/v1/sensor"));
  http.answer("GET", "/redfish/v1/sensor", HttpAnswer(503));
  EXPECT_FALSE(read().contains("gpu-temperature GPU_0"));
  serve("/redfish/v1/sensor",
        R"({"Thresholds":{"LowerCaution":{"Reading":2},"UpperCritical":{"Reading":95}}})");
  EXPECT_EQ(read(true).at("gpu-temperature GPU_0"), "20.0");
}

TEST_F(HazardReadingsTest, PartsThatComeLaterAreFoundWhenAskedFor) {
  const std::string processors = "/redfish/v1/Systems/HGX_Baseboard_0/Processors";
  list(processors, {});
  EXPECT_FALSE(read().contains("gpu-temperature GPU_0"));
  list(processors, {processors + "/GPU_0"});
  EXPECT_FALSE(read().contains("gpu-temperature GPU_0"));
  EXPECT_EQ(read(true).at("gpu-temperature GPU_0"), "61.5");
  list(processors, {});
  EXPECT_EQ(read(true).at("gpu-temperature GPU_0"), "61.5") << "what was there once stays in the list";
}

TEST_F(HazardReadingsTest, WhatIsMissingIsLookedForAgainButNotAtEveryPoll) {
  const std::string processors = "/redfish/v1/Systems/HGX_Baseboard_0/Processors";
  list(processors, {});
  read();
  list(processors, {processors + "/GPU_0"});
  int polls = 1;
  while (polls < 20 && !read().contains("gpu-temperature GPU_0")) ++polls;
  EXPECT_GE(polls, 3);
  EXPECT_LE(polls, 6);
}

TEST_F(HazardReadingsTest, WhatCannotBeReadOnTheWayIsNoBmcThatOffersNothing) {
  const std::string thermal = "/redfish/v1/Chassis/Chassis_0/ThermalSubsystem";
  const std::string system = "/redfish/v1/Systems/HGX_Baseboard_0";
  const std::vector<std::string> children_first{kGpuEnvironment,
                                                system + "/Memory/GPU_0_DRAM_0",
                                                system + "/Processors/GPU_0",
                                                system + "/Processors",
                                                "/redfish/v1/Systems",
                                                thermal + "/ThermalMetrics",
                                                thermal + "/CoolantConnectors",
                                                thermal,
                                                kCdu + "/E",
                                                kCdu + "/R",
                                                kCdu + "/S",
                                                kCdu,
                                                "/redfish/v1/ThermalEquipment"};
  for (const std::string& uri : children_first) {
    http.answer("GET", uri, HttpAnswer(503));
    readings = make_redfish_hazard_readings(
        std::make_shared<RedfishLine>(std::make_unique<SharedHttp>(http), "https://bmc", "", Secret()));
    read();
    EXPECT_NE(not_seen.find(uri), std::string::npos) << uri << ": " << not_seen;
    http.answer("GET", uri, HttpAnswer(404));
    read(true);
    EXPECT_EQ(not_seen, "") << uri << ": not there is an answer";
  }
}

TEST_F(HazardReadingsTest, AbsentIsNotThere) {
  serve(kCdu + "/R/1", R"({"FluidLevelPercent":{"Reading":0},"Status":{"State":"Absent"}})");
  EXPECT_FALSE(read().contains("coolant-reservoir 1/Reservoir_1"));
}

TEST_F(HazardReadingsTest, NobodyAnswersIsAnError) {
  for (const char* uri : {"/redfish/v1/Systems", "/redfish/v1/Chassis", "/redfish/v1/ThermalEquipment"})
    http.answer("GET", uri, HttpAnswer(Error("http.connect", "no connection", "", Blame::peer)));
  EXPECT_EQ(read().at("error"), "http.connect");
}

TEST_F(HazardReadingsTest, ABmcThatOffersNothingOffersNothing) {
  for (const char* uri : {"/redfish/v1/Systems", "/redfish/v1/Chassis", "/redfish/v1/ThermalEquipment"})
    http.answer("GET", uri, HttpAnswer(404));
  EXPECT_TRUE(read().empty());
}

}  // namespace
}  // namespace kiln
