#include "bmc/sensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

SensorReading sensor_of(const std::string& text) {
  const Result<JsonDocument> document = JsonDocument::parse(text, 64);
  EXPECT_TRUE(document) << text;
  return document ? sensor_from(RedfishResource("/redfish/v1/Chassis/1/Sensors/1", *document))
                  : SensorReading();
}

std::string kind_of(const std::string& text) {
  const SensorReading reading = sensor_of(text);
  return fmt::format("{} [{}]", reading.reading_type, reading.unit);
}

TEST(Sensor, UnitIsPrintedOrTheTypesAndAnEmptyOneIsNone) {
  EXPECT_EQ(kind_of(R"({"ReadingType":"Temperature","ReadingUnits":"C"})"), "Temperature [Cel]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Temperature"})"), "Temperature [Cel]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Voltage","ReadingUnits":null})"), "Voltage [V]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Power","ReadingUnits":""})"), "Power []") << "a state, not watts";
  EXPECT_EQ(kind_of(R"({"ReadingUnits":"Watts"})"), "Power [W]");
  EXPECT_EQ(kind_of(R"({})"), " []");
}

TEST(Sensor, WhereTypeAndUnitDisagreeTheUnitIsBelieved) {
  EXPECT_EQ(kind_of(R"({"ReadingType":"Current","ReadingUnits":"Watts"})"), "Power [W]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Altitude","ReadingUnits":"Pa"})"), "PressurePa [Pa]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Rotational","ReadingUnits":"%"})"), "Percent [%]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Heat","ReadingUnits":"W"})"), "Heat [W]")
      << "kW and W are of one kind";
  EXPECT_EQ(kind_of(R"({"ReadingType":"Humidity","ReadingUnits":"%"})"), "Humidity [%]");
  EXPECT_EQ(kind_of(R"({"ReadingType":"Pressure","ReadingUnits":"PSI"})"), "Pressure [[psi]]")
      << "no unit of its own";
}

TEST(Sensor, WhatIsNotThereHasNoValueWhateverNumberStandsThere) {
  EXPECT_FALSE(sensor_of(R"({"Reading":0.0,"Status":{"State":"Absent"}})").value);
  EXPECT_FALSE(sensor_of(R"({"Reading":0,"Status":{"State":"Disabled"}})").value);
  EXPECT_FALSE(sensor_of(R"({"Reading":0,"Status":{"State":"UnavailableOffline"}})").value);
  EXPECT_EQ(sensor_of(R"({"Reading":0,"Status":{"State":"Enabled"}})").value, 0.0);
  EXPECT_EQ(sensor_of(R"({"Reading":7,"Status":{"State":"Ready"}})").value, 7.0);
}

/// A chassis with a Sensors collection and older resources beside it.
class TwoKinds : public testing::Test {
 protected:
  void SetUp() override {
    service.bodies["/redfish/v1"] = R"({"Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
    service.bodies["/redfish/v1/Chassis"] = R"({"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]})";
    service.bodies["/redfish/v1/Chassis/1"] =
        R"({"Id":"1","Sensors":{"@odata.id":"/redfish/v1/Chassis/1/Sensors"},
            "Thermal":{"@odata.id":"/redfish/v1/Chassis/1/Thermal"},"Power":{"@odata.id":"/redfish/v1/Chassis/1/Power"}})";
    service.bodies["/redfish/v1/Chassis/1/Thermal"] = R"({"Temperatures":[],"Fans":[]})";
    service.bodies["/redfish/v1/Chassis/1/Power"] = R"({"Voltages":[]})";
  }
  void sensors(const std::vector<std::string>& bodies) {
    std::string members;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const std::string uri = fmt::format("/redfish/v1/Chassis/1/Sensors/{}", i);
      members += fmt::format("{}{{\"@odata.id\":\"{}\"}}", i == 0 ? "" : ",", uri);
      service.bodies[uri] = bodies[i];
    }
    service.bodies["/redfish/v1/Chassis/1/Sensors"] = "{\"Members\":[" + members + "]}";
  }
  std::vector<std::string> read() {
    if (!bmc) bmc = service.bmc();
    const auto read =
        desk.ask<Result<std::vector<SensorReading>>>([this](const Ctx& ctx) { return bmc->sensors(ctx); });
    EXPECT_TRUE(read);
    std::vector<std::string> lines;
    if (!read) return lines;
    for (const SensorReading& one : *read) {
      const std::string value = one.value ? fmt::format("{}", *one.value) : "none";
      lines.push_back(fmt::format("{} {} {} {}", one.name, one.reading_type, value, one.unit));
    }
    return lines;
  }
  MockService service;
  Desk desk;
  std::unique_ptr<Bmc> bmc;
};

using Lines = std::vector<std::string>;

TEST_F(TwoKinds, WhatOnlyTheOlderResourceHasIsRead) {
  sensors({R"({"Id":"t","Name":"Inlet","ReadingType":"Temperature","ReadingUnits":"Cel","Reading":25})"});
  service.bodies["/redfish/v1/Chassis/1/Thermal"] =
      R"({"Temperatures":[{"Name":"Inlet","ReadingCelsius":25},{"Name":"Exhaust","ReadingCelsius":44}],
          "Fans":[{"Name":"Fan 1","Reading":4000,"ReadingUnits":"RPM"},{"FanName":"Fan 2","Reading":23,"ReadingUnits":"Percent"}]})";
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel", "Exhaust Temperature 44 Cel",
                           "Fan 1 Rotational 4000 {rev}/min", "Fan 2 Percent 23 %"}));
}

TEST_F(TwoKinds, ASensorWithoutUnitAndTypeHasThoseOfItsTwin) {
  sensors({R"({"Id":"1","Name":"01-Inlet","Reading":24.0})",
           R"({"Id":"2","Name":"02-DIMM","Reading":0.0,"Status":{"State":"Absent"}})",
           R"({"Id":"3","Name":"PSU Failure","Reading":0,"ReadingUnits":""})"});
  service.bodies["/redfish/v1/Chassis/1/Thermal"] =
      R"({"Temperatures":[{"Name":"01-Inlet","ReadingCelsius":24},{"Name":"02-DIMM","ReadingCelsius":0,"Status":{"State":"Absent"}}]})";
  service.bodies["/redfish/v1/Chassis/1/Power"] =
      R"({"PowerSupplies":[{"Name":"PSU Failure","PowerInputWatts":100}]})";
  EXPECT_EQ(read(),
            (Lines{"1 Temperature 24 Cel", "2 Temperature none Cel", "3  0 ", "PSU Failure Power 100 W"}))
      << "a state of that name is not the supply's power";
}

TEST_F(TwoKinds, TheSameSensorIsReadOnceHoweverItIsCalled) {
  sensors(
      {R"({"Id":"CPU1Temp","Name":"CPU #1 Temperature","ReadingType":"Temperature","ReadingUnits":"Cel","Reading":41})",
       R"({"Id":"x","Name":"VCORE","ReadingType":"Voltage","ReadingUnits":"V","Reading":48,"PhysicalSubContext":"Input"})"});
  service.bodies["/redfish/v1/Chassis/1/Thermal"] =
      R"({"Temperatures":[{"Name":"CPU1 Temp","ReadingCelsius":41}]})";
  service.bodies["/redfish/v1/Chassis/1/Power"] =
      R"({"Voltages":[{"Name":"VCORE Voltage Input","ReadingVolts":48},{"Name":"VCORE Voltage Output","ReadingVolts":1.1}]})";
  EXPECT_EQ(read(),
            (Lines{"CPU1Temp Temperature 41 Cel", "x Voltage 48 V", "VCORE Voltage Output Voltage 1.1 V"}));
}

TEST_F(TwoKinds, AnOlderResourceThatAddsNothingIsReadOnce) {
  sensors({R"({"Id":"t","Name":"Inlet","ReadingType":"Temperature","ReadingUnits":"Cel","Reading":25})"});
  service.bodies["/redfish/v1/Chassis/1/Thermal"] =
      R"({"Temperatures":[{"Name":"Inlet","ReadingCelsius":25}]})";
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel"}));
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel"}));
  EXPECT_EQ(service.count("GET /redfish/v1/Chassis/1/Thermal"), 1);
  EXPECT_EQ(service.count("GET /redfish/v1/Chassis/1/Sensors/0"), 2);
}

TEST_F(TwoKinds, OneOlderResourceThatIsNotAnsweredIsAskedAgain) {
  sensors({R"({"Id":"t","Name":"Inlet","ReadingType":"Temperature","ReadingUnits":"Cel","Reading":25})"});
  service.bodies["/redfish/v1/Chassis/1/Thermal"] =
      R"({"Temperatures":[{"Name":"Inlet","ReadingCelsius":25}]})";
  service.bodies["/redfish/v1/Chassis/1/Power"] = R"({"error":{"code":"Base.1.0.InternalError"}})";
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel"}));
  service.bodies["/redfish/v1/Chassis/1/Power"] = R"({"Voltages":[{"Name":"VCORE","ReadingVolts":1.1}]})";
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel", "VCORE Voltage 1.1 V"}));
}

TEST_F(TwoKinds, NoTwoReadingsHaveOneName) {
  sensors({});
  service.bodies["/redfish/v1/Chassis/1/Power"] =
      R"({"PowerSupplies":[{"Name":"Bay","PowerInputWatts":1},{"Name":"Bay","PowerInputWatts":2}]})";
  EXPECT_EQ(read(), (Lines{"1/Bay Power 1 W", "1/Bay#2 Power 2 W"}));
}

TEST_F(TwoKinds, AnOlderResourceThatAnswersWithAnErrorHidesNoSensor) {
  sensors({R"({"Id":"t","Name":"Inlet","ReadingType":"Temperature","ReadingUnits":"Cel","Reading":25})"});
  service.bodies["/redfish/v1/Chassis/1/Thermal"] = R"({"error":{"code":"Base.1.0.InternalError"}})";
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel"}));
}

TEST_F(TwoKinds, ACollectionBehindTheWrongLinkIsFoundAndSuppliesNobodyCanFindAreNotAbsent) {
  sensors({R"({"Id":"t","Name":"Inlet","ReadingUnits":"Cel","Reading":25})"});
  std::string& collection = service.bodies["/redfish/v1/Chassis/1/Sensors"];
  collection.insert(1, R"("@odata.type":"#SensorCollection.SensorCollection",)");
  service.bodies["/redfish/v1/Chassis/1"] =
      R"({"Id":"1","PowerSubsystem":{"@odata.id":"/redfish/v1/Chassis/1/Sensors"}})";
  EXPECT_EQ(read(), (Lines{"t Temperature 25 Cel"}));
  const auto parts = desk.ask<Result<std::vector<Part>>>([this](const Ctx& ctx) { return bmc->parts(ctx); });
  ASSERT_TRUE(parts);
  EXPECT_TRUE(std::any_of(parts->begin(), parts->end(), [](const Part& part) {
    return part.kind == ComponentKind::power_supply && !part.unread.empty();
  }));
}

TEST_F(TwoKinds, ATypeThatItsUnitContradictsIsToldOf) {
  sensors({R"({"Id":"t","Name":"In","ReadingType":"Current","ReadingUnits":"Watts","Reading":105})"});
  EXPECT_EQ(read(), (Lines{"t Power 105 W"}));
  const std::vector<Oddity> odd = bmc->take_oddities();
  EXPECT_TRUE(
      std::any_of(odd.begin(), odd.end(), [](const Oddity& one) { return one.property == "ReadingType"; }));
}

}  // namespace
}  // namespace kiln
