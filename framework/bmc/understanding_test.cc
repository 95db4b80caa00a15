#include "bmc/understanding.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> complaints(const std::string& text, const std::string& uri = "/redfish/v1/X") {
  const Result<JsonDocument> document = JsonDocument::parse(text, 64);
  EXPECT_TRUE(document) << text;
  std::vector<std::string> all;
  if (!document) return all;
  for (const NotUnderstood& one : not_understood_in(document->root(), uri))
    all.push_back(fmt::format("{}: {}", one.property, one.what));
  return all;
}

TEST(Understanding, WhatReadersAcceptIsUnderstood) {
  for (const char* reading :
       {"61", "61.5", "\"61.5\"", "\" 61.5 C \"", "[61]", "{\"Reading\":61,\"DataSourceUri\":\"/x\"}", "null",
        "\"N/A\"", "\"ERR!\"", "[]", "{}", "{\"Reading\":null}", "140737488355328"}) {
    EXPECT_THAT(complaints(fmt::format(R"({{"@odata.type":"#Sensor.v1_9_0.Sensor","Reading":{}}})", reading)),
                IsEmpty())
        << reading;
  }
  for (const char* unit :
       {"\"Cel\"", "\"C\"", "\"\"", "null", "\"Percent\"", "\"RPM\"", "\"PSI\"", "\"kW.h\"", "\"Amperes\""}) {
    EXPECT_THAT(
        complaints(fmt::format(R"({{"@odata.type":"#Sensor.v1_9_0.Sensor","ReadingUnits":{}}})", unit)),
        IsEmpty())
        << unit;
  }
  EXPECT_THAT(complaints(R"({"@odata.type":"#Memory.v1_9_0.Memory","Status":{"State":"Ready","Health":["OK"]},
                            "Oem":{"Nvidia":{"RowRemappingFailed":false,"RowRemappingPending":"0"}}})"),
              IsEmpty());
  EXPECT_THAT(
      complaints(R"({"@odata.type":"#LogEntry.v1_9_0.LogEntry","Created":"13 Feb 2023, 05:33:00.000 PM"})"),
      IsEmpty());
  EXPECT_THAT(
      complaints(
          R"({"@odata.type":"#ProcessorMetrics.v1_6_1.ProcessorMetrics","Oem":{"Nvidia":{"ThrottleReasons":["NA"]}}})"),
      IsEmpty());
}

TEST(Understanding, WhatHoldsNothingOfItsKindIsNamedWithItsPlace) {
  EXPECT_THAT(
      complaints(R"({"@odata.type":"#Sensor.v1_9_0.Sensor","Reading":"soon","ReadingUnits":"furlong",
                            "ReadingTime":"yesterday","Thresholds":{"UpperCritical":{"Reading":[1,2]}}})"),
      ElementsAre("Reading: \"soon\" is no number", "ReadingUnits: \"furlong\" is no unit that is known",
                  "ReadingTime: \"yesterday\" is no time",
                  "Thresholds/UpperCritical/Reading: [1,2] is no number"));
  EXPECT_THAT(
      complaints(
          R"({"@odata.type":"#Thermal.v1_7_0.Thermal","Temperatures":[{"ReadingCelsius":1},{"ReadingCelsius":true}]})"),
      ElementsAre("Temperatures/1/ReadingCelsius: true is no number"));
  EXPECT_THAT(
      complaints(
          R"({"@odata.type":"#Processor.v1_0_0.Processor","Model":{"a":1},"Status":{"State":["a","b"]}})"),
      ElementsAre("Model: {\"a\":1} is no text", "Status/State: [\"a\",\"b\"] is no text"));
  EXPECT_THAT(
      complaints(
          R"({"@odata.type":"#MemoryMetrics.v1_0_0.MemoryMetrics","LifeTime":{"CorrectableECCErrorCount":0.5}})"),
      ElementsAre("LifeTime/CorrectableECCErrorCount: 0.5 is no whole number"));
  EXPECT_THAT(complaints(R"({"@odata.type":"#LeakDetector.v1_6_0.LeakDetector","DetectorState":"Wetness"})"),
              ElementsAre("DetectorState: \"Wetness\" is no word of DetectorState"));
  EXPECT_THAT(
      complaints(
          R"({"@odata.type":"#SoftwareInventory.v1_0_0.SoftwareInventory","Version":{"x":1},"Updateable":"perhaps"})"),
      ElementsAre("Version: {\"x\":1} is no text", "Updateable: \"perhaps\" is no yes or no"));
  EXPECT_THAT(complaints(R"({"@odata.type":"#FanCollection.FanCollection","Members":"none at all"})"),
              ElementsAre("Members: \"none at all\" is no list"));
}

TEST(Understanding, AResourceWithoutATypeIsWhatItsCollectionHolds) {
  const std::string odd = R"({"Reading":"soon"})";
  EXPECT_THAT(complaints(odd, "/redfish/v1/Chassis/1/Sensors/7/"),
              ElementsAre("Reading: \"soon\" is no number"));
  EXPECT_THAT(complaints(odd, "/redfish/v1/Oem/7"), IsEmpty()) << "no view reads it";
  EXPECT_THAT(complaints(R"({"Created":"x"})", "/redfish/v1/Systems/1/LogServices/L/Entries/1#/a"),
              ElementsAre("Created: \"x\" is no time"));
}

TEST(Understanding, AHundredOfOneResourceAreEnough) {
  std::string list;
  for (int i = 0; i < 300; ++i) list += fmt::format("{}{{\"ReadingVolts\":\"x\"}}", i == 0 ? "" : ",");
  EXPECT_EQ(complaints(R"({"@odata.type":"#Power.v1_7_0.Power","Voltages":[)" + list + "]}").size(), 100U);
}

}  // namespace
}  // namespace kiln
