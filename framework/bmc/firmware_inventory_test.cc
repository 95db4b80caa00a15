// Which firmware there is, as services name and place it.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

/// A service with one system and one list of firmware, under `link`.
std::vector<std::string> inventory_of(const std::string& link, const std::vector<std::string>& items) {
  MockService service;
  service.bodies["/redfish/v1"] =
      R"({"Id":"R","UpdateService":{"@odata.id":"/redfish/v1/U"},"Systems":{"@odata.id":"/redfish/v1/Systems"}})";
  service.bodies["/redfish/v1/Systems"] = R"({"Members":[{"@odata.id":"/redfish/v1/Systems/1"}]})";
  service.bodies["/redfish/v1/Systems/1"] = R"({"Id":"1","BiosVersion":"U58 v2.44"})";
  service.bodies["/redfish/v1/U"] = "{\"Id\":\"U\",\"" + link + R"(":{"@odata.id":"/redfish/v1/U/All"}})";
  std::string members;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string uri = fmt::format("/redfish/v1/U/All/{}", i);
    members += fmt::format("{}{{\"@odata.id\":\"{}\"}}", i == 0 ? "" : ",", uri);
    service.bodies[uri] = items[i];
  }
  service.bodies["/redfish/v1/U/All"] = "{\"Members\":[" + members + "]}";
  const std::unique_ptr<Bmc> bmc = service.bmc();
  Desk desk;
  const auto read =
      desk.ask<Result<std::vector<FirmwareItem>>>([&](const Ctx& ctx) { return bmc->firmware(ctx); });
  EXPECT_TRUE(read) << (read ? "" : read.error().full());
  std::vector<std::string> ids;
  if (!read) return ids;
  for (const FirmwareItem& item : *read) ids.push_back(item.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

using Ids = std::vector<std::string>;

TEST(FirmwareInventory, StandsInTheSoftwareInventoryWhereThereIsNoOther) {
  EXPECT_EQ(
      inventory_of("SoftwareInventory", {R"({"Id":"BMC","Version":"1"})", R"({"Id":"BIOS","Version":"2"})"}),
      (Ids{"BIOS", "BMC"}));
}

TEST(FirmwareInventory, ASystemRomIsTheBios) {
  EXPECT_EQ(inventory_of("FirmwareInventory", {R"({"Id":"2","Name":"System ROM","Version":"U58 v2.44"})"}),
            (Ids{"2"}));
}

TEST(FirmwareInventory, AGpusVbiosIsNotTheBios) {
  EXPECT_EQ(inventory_of("FirmwareInventory", {R"({"Id":"Node0.Acc2.VBIOS","Version":"92.00"})"}),
            (Ids{"BiosVersion", "Node0.Acc2.VBIOS"}));
}

TEST(PartNames, AreUniqueWhereOneOwnerCallsTwoAlike) {
  MockService service;
  service.bodies["/redfish/v1"] = R"({"Id":"R","Chassis":{"@odata.id":"/redfish/v1/Chassis"}})";
  service.bodies["/redfish/v1/Chassis"] = R"({"Members":[{"@odata.id":"/redfish/v1/Chassis/1"}]})";
  service.bodies["/redfish/v1/Chassis/1"] =
      R"({"Id":"1","Power":{"@odata.id":"/redfish/v1/Chassis/1/Power"}})";
  service.bodies["/redfish/v1/Chassis/1/Power"] =
      R"({"PowerSupplies":[{"Name":"Power Supply Bay","SerialNumber":"A"},{"Name":"Power Supply Bay","SerialNumber":"B"}]})";
  const std::unique_ptr<Bmc> bmc = service.bmc();
  Desk desk;
  const auto parts = desk.ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); });
  ASSERT_TRUE(parts);
  Ids names;
  for (const Part& part : *parts) {
    if (part.kind == ComponentKind::power_supply) names.push_back(part.name + " " + part.serial);
  }
  EXPECT_EQ(names, (Ids{"1/Power Supply Bay A", "1/Power Supply Bay#2 B"}));
}

}  // namespace
}  // namespace kiln
