// Supplies, what a DUT draws and at which voltage; on a service in memory and on captured trees.
#include "bmc/power_chain.h"

#include <gtest/gtest.h>

#include "bmc/mock_service_for_test.h"
#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

struct Shelf : Tray {
  Shelf() {
    service.bodies["/redfish/v1/Chassis"] = collection({"/redfish/v1/Chassis/chassis"});
    service.bodies["/redfish/v1/Chassis/chassis"] =
        R"({"@odata.id":"/redfish/v1/Chassis/chassis","Id":"chassis",
        "PowerSubsystem":{"@odata.id":"/redfish/v1/Chassis/chassis/PS"},
        "EnvironmentMetrics":{"@odata.id":"/redfish/v1/Chassis/chassis/EM"},
        "Sensors":{"@odata.id":"/redfish/v1/Chassis/chassis/Sensors"}})";
    service.bodies["/redfish/v1/Chassis/chassis/EM"] = R"({"Id":"EM","PowerWatts":{"Reading":"6500.5"}})";
    service.bodies["/redfish/v1/Chassis/chassis/PS"] =
        R"({"@odata.id":"/redfish/v1/Chassis/chassis/PS","Id":"PS","PowerSupplies":{"@odata.id":"/redfish/v1/Chassis/chassis/PS/S"},
        "PowerSupplyRedundancy":[{"RedundancyType":"NPlusM","MinNeededInGroup":1,
        "RedundancyGroup":[{"@odata.id":"/a"},{"@odata.id":"/b"}],"Status":{"State":"Enabled","Health":"OK"}}]})";
    service.bodies["/redfish/v1/Chassis/chassis/PS/S"] =
        collection({"/redfish/v1/Chassis/chassis/PS/S/1", "/redfish/v1/Chassis/chassis/PS/S/2"});
    for (const char* id : {"1", "2"}) {
      const std::string uri = std::string("/redfish/v1/Chassis/chassis/PS/S/") + id;
      service.bodies[uri] = std::string(R"({"@odata.id":")") + uri + R"(","Id":")" + id +
                            R"(","PowerCapacityWatts":5504,"LineInputStatus":"Normal",
        "OutputRails":[{"NominalVoltage":50,"PhysicalContext":"DCBus"}],"Status":{"State":"Enabled","Health":"OK"},
        "Oem":{"deltaenergysystems":{"Power":true}},"Metrics":{"@odata.id":")" +
                            uri + R"(/Metrics"}})";
      service.bodies[uri + "/Metrics"] =
          R"({"Id":"Metrics","InputVoltage":{"Reading":239.5},"OutputPowerWatts":{"Reading":1200},
          "InputPowerWatts":{"Reading":1250},"RailVoltage":[{"Reading":49.9}]})";
    }
    service.bodies["/redfish/v1/Chassis/chassis/Sensors"] =
        collection({"/redfish/v1/Chassis/chassis/Sensors/PDB_0_HSC_0_Vin",
                    "/redfish/v1/Chassis/chassis/Sensors/PDB_0_Temp_0"});
    service.bodies["/redfish/v1/Chassis/chassis/Sensors/PDB_0_HSC_0_Vin"] =
        R"({"@odata.id":"/redfish/v1/Chassis/chassis/Sensors/PDB_0_HSC_0_Vin","Id":"PDB_0_HSC_0_Vin","Reading":49.97,
        "ReadingType":"Voltage","ReadingUnits":"V","Status":{"State":"Enabled","Health":"OK"}})";
  }
  Result<PowerChain> chain() {
    return ask<Result<PowerChain>>([this](const Ctx& ctx) { return bmc->power_chain(ctx); });
  }
};

TEST_F(Shelf, TellsEachSupplyItsDrawAndItsInput) {
  const Result<PowerChain> read = chain();
  ASSERT_TRUE(read) << read.error().full();
  EXPECT_EQ(read->power, 6500.5);
  ASSERT_EQ(read->supplies.size(), 2U);
  const PowerSupplyReading& one = read->supplies.front();
  EXPECT_EQ(one.name, "1");
  EXPECT_EQ(one.input_voltage, 239.5);
  EXPECT_EQ(one.output_power, 1200);
  EXPECT_EQ(one.capacity, 5504);
  EXPECT_EQ(one.switched_on, true);
  ASSERT_EQ(one.rails.size(), 1U);
  EXPECT_EQ(one.rails.front().voltage, 49.9);
  EXPECT_EQ(one.rails.front().nominal, 50);
  ASSERT_EQ(read->inputs.size(), 1U);
  EXPECT_EQ(read->inputs.front().name, "PDB_0_HSC_0_Vin");
  EXPECT_EQ(read->inputs.front().voltage, 49.97);
  ASSERT_EQ(read->redundancy.size(), 1U);
  EXPECT_EQ(read->redundancy.front().members, 2);
}

TEST_F(Shelf, ASupplyWithoutMetricsTellsNoOutputAndIsStillListed) {
  service.bodies.erase("/redfish/v1/Chassis/chassis/PS/S/2/Metrics");
  const Result<PowerChain> read = chain();
  ASSERT_TRUE(read);
  ASSERT_EQ(read->supplies.size(), 2U);
  EXPECT_FALSE(read->supplies.back().output_power);
  EXPECT_EQ(read->supplies.back().health, "OK");
}

TEST_F(Shelf, AReadingThatIsNoneIsNoValue) {
  service.bodies["/redfish/v1/Chassis/chassis/PS/S/1/Metrics"] =
      R"({"Id":"Metrics","InputVoltage":{"Reading":null},"OutputPowerWatts":"N/A","RailVoltage":[]})";
  const Result<PowerChain> read = chain();
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->supplies.front().input_voltage);
  EXPECT_FALSE(read->supplies.front().output_power);
}

TEST_F(Shelf, HasTheSameNamesAsItsParts) {
  const auto parts = ask<Result<std::vector<Part>>>([this](const Ctx& ctx) { return bmc->parts(ctx); });
  const Result<PowerChain> read = chain();
  ASSERT_TRUE(parts && read);
  std::vector<std::string> names, others;
  for (const Part& part : *parts) {
    if (part.kind == ComponentKind::power_supply) names.push_back(part.name);
  }
  for (const PowerSupplyReading& one : read->supplies) others.push_back(one.name);
  EXPECT_EQ(names, others);
}

TEST(PowerInputs, AreThoseOfTheDistributionBoard) {
  for (const char* id : {"PDB_0_HSC_0_Vin", "Chassis_0_PDB_HSC_0_VIN", "HSC_1_Input_Voltage"})
    EXPECT_TRUE(names_power_input(id)) << id;
  for (const char* id :
       {"PDB_0_Temp_0", "HGX_Chassis_0_HSC_0_Power_0", "VoltageRegulator0InputVoltage", "P12V"})
    EXPECT_FALSE(names_power_input(id)) << id;
}

PowerChain chain_of(const char* tree) {
  MockService captured;
  captured.bodies = load_tree(shared_trees() / tree);
  const std::unique_ptr<Bmc> bmc = captured.bmc();
  Desk desk;
  const auto read = desk.ask<Result<PowerChain>>([&bmc](const Ctx& ctx) { return bmc->power_chain(ctx); });
  EXPECT_TRUE(read) << tree;
  return read ? *read : PowerChain();
}

TEST(CapturedPowerChain, ShelvesAndServersTellTheirSupplies) {
  if (shared_trees().empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  // No link of that tree leads to its supplies.
  const std::map<std::string, std::string> bodies = load_tree(shared_trees() / "dmtf/public-power-shelf");
  const std::string bay = "/redfish/v1/Chassis/PowerShelf/PowerSubsystem/PowerSupplies/Bay1";
  const auto supply = JsonDocument::parse(bodies.at(bay), 64);
  const auto metrics = JsonDocument::parse(bodies.at(bay + "/Metrics"), 64);
  ASSERT_TRUE(supply && metrics);
  const JsonView values = metrics->root();
  const PowerSupplyReading shelf = supply_from(supply->root(), &values);
  EXPECT_EQ(shelf.input_voltage, 230.2);
  EXPECT_EQ(shelf.output_power, 937.4);
  EXPECT_EQ(shelf.line_input, "Normal");
  ASSERT_EQ(shelf.rails.size(), 2U);
  EXPECT_EQ(shelf.rails.back().voltage, 49.03);
  EXPECT_EQ(shelf.rails.back().nominal, 48) << "the tree has them in another order";
  // The shelf's list holds its supplies in full; their own addresses were not captured.
  const PowerChain delta = chain_of("lambda-powershelf-delta");
  ASSERT_EQ(delta.supplies.size(), 6U);
  EXPECT_FALSE(delta.supplies.front().unread.empty());
  const auto list =
      JsonDocument::parse(load_tree(shared_trees() / "lambda-powershelf-delta")
                              .at("/redfish/v1/Chassis/PowerShelf_0/PowerSubsystem/PowerSupplies"),
                          64);
  ASSERT_TRUE(list);
  const PowerSupplyReading first = supply_from(list->root()["Members"].elements().front(), nullptr);
  EXPECT_EQ(first.capacity, 5504);
  EXPECT_EQ(first.switched_on, true);
  EXPECT_FALSE(first.output_power);
  const PowerChain server = chain_of("hpe-dl380a-ilo6");
  ASSERT_FALSE(server.supplies.empty());
}

TEST(CapturedSetup, IsAsTheTreesTellIt) {
  if (shared_trees().empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  MockService captured;
  captured.bodies = load_tree(shared_trees() / "hpe-dl380a-ilo6");
  const std::unique_ptr<Bmc> bmc = captured.bmc();
  Desk desk;
  const auto setup =
      desk.ask<Result<PlatformSetup>>([&bmc](const Ctx& ctx) { return bmc->platform_setup(ctx); });
  ASSERT_TRUE(setup) << setup.error().full();
  ASSERT_FALSE(setup->integrity.empty());
  EXPECT_FALSE(setup->secure_boot) << "the tree links to it and does not hold it";
}

}  // namespace
}  // namespace kiln
