#include "files/inventory_text.h"

#include <gtest/gtest.h>

#include <fstream>

#include "files/inventory_file.h"

namespace kiln {
namespace {

TEST(InventoryText, IsReadBackAsItWas) {
  const std::string pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  Inventory rack;
  rack.rack = "R01";
  rack.product = "gb300-nvl72";
  Dut tray;
  tray.id = "C01";
  tray.role = Role::compute_tray;
  tray.slot = 11;
  tray.bmc = BmcAccess{"https://10.0.0.1:8443/bmc1", "", {TlsTrust::Kind::pin, pin}};
  tray.host = HostAccess{"fd00::1", 2222, "root", "",
                         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf0aVd3LK7F5xW5dB5Ck1d0fJwzF4k9cQ3nA2B3c4d5"};
  tray.bmc->jump = HostAccess{"10.0.1.1", 2200, "kiln", "", tray.host->host_key};
  tray.expect.serial = "7: \"odd\" # serial";
  tray.expect.components = {{ComponentKind::gpu, "GPU_0", "0012", ""},
                            {ComponentKind::nvlink, "GPU_0/NVLink_3", "", ""},
                            {ComponentKind::firmware, "HGX_FW_BMC_0", "", "1.10"}};
  rack.duts.push_back(tray);
  const std::string text = inventory_text(rack, "found by looking\nat the rack");
  EXPECT_TRUE(text.starts_with("# found by looking\n# at the rack\n")) << text;
  const Parsed<Inventory> back = parse_inventory(text, "rack.yaml");
  ASSERT_TRUE(back) << text << (back.problems.empty() ? "" : back.problems.front().message);
  ASSERT_EQ(back.value->duts.size(), 1U);
  const Dut& read = back.value->duts.front();
  EXPECT_EQ(read.id, tray.id);
  EXPECT_EQ(read.role, tray.role);
  EXPECT_EQ(read.slot, tray.slot);
  EXPECT_EQ(read.bmc->url, tray.bmc->url);
  EXPECT_EQ(read.bmc->tls.value, pin);
  EXPECT_EQ(read.host->address, tray.host->address);
  EXPECT_EQ(read.host->port, tray.host->port);
  EXPECT_EQ(read.host->host_key, tray.host->host_key);
  ASSERT_TRUE(read.bmc->jump);
  EXPECT_EQ(read.bmc->jump->address, "10.0.1.1");
  EXPECT_EQ(read.bmc->jump->port, 2200);
  EXPECT_EQ(read.bmc->jump->user, "kiln");
  EXPECT_EQ(read.bmc->jump->host_key, tray.host->host_key);
  EXPECT_EQ(read.expect.serial, tray.expect.serial);
  ASSERT_EQ(read.expect.components.size(), 3U);
  EXPECT_EQ(read.expect.components[0].serial, "0012") << "no number";
  EXPECT_EQ(read.expect.components[2].firmware, "1.10");
}

/// Read back, it says the same; and written once more, it is the same text.
void expect_same(const BuildingAccess& building, const std::string& credentials) {
  Inventory rack;
  rack.rack = "R01";
  rack.product = "gb300-nvl72";
  rack.credentials_file = credentials;
  rack.building = building;
  Dut tray;
  tray.id = "C01";
  tray.role = Role::compute_tray;
  tray.bmc = BmcAccess{"https://10.0.0.1", "", {TlsTrust::Kind::insecure, "bench"}};
  rack.duts.push_back(tray);
  const std::string text = inventory_text(rack, "");
  const Parsed<Inventory> back = parse_inventory(text, "/rack.yaml");
  ASSERT_TRUE(back) << text << (back.problems.empty() ? "" : back.problems.front().message);
  ASSERT_TRUE(back.value->building);
  const BuildingAccess& read = *back.value->building;
  EXPECT_EQ(read.broker, building.broker);
  EXPECT_EQ(read.rack_location_id, building.rack_location_id);
  EXPECT_EQ(read.integration, building.integration);
  EXPECT_EQ(read.credential, building.credential);
  EXPECT_EQ(read.tls.kind, building.tls.kind);
  EXPECT_EQ(read.tls.value, building.tls.value);
  EXPECT_EQ(read.certificate, building.certificate);
  EXPECT_EQ(read.has_rack_leak, building.has_rack_leak);
  EXPECT_EQ(read.has_equipment_leak, building.has_equipment_leak);
  EXPECT_EQ(read.filters, building.filters);
  EXPECT_EQ(inventory_text(*back.value, ""), text);
}

TEST(InventoryText, ABuildingIsReadBackAsItWas) {
  const std::string pem = testing::TempDir() + "kiln-inventory-text.pem";
  std::ofstream(pem) << "-----BEGIN CERTIFICATE-----\n";
  BuildingAccess building;
  building.broker = "mqtts://bms.example:8884";
  building.rack_location_id = "0017";
  building.integration = "kiln \"one\"";
  building.credential = "bms";
  building.tls = {TlsTrust::Kind::certificate_authority, pem};
  building.certificate = pem;
  building.has_equipment_leak = false;
  building.filters = {"BMS/v1/PUB/Metadata/#", "BMS/v1/+/Value/#"};
  expect_same(building, "/c.yaml");
  BuildingAccess plain;
  plain.broker = "mqtt://127.0.0.1:1883";
  plain.rack_location_id = "HALL3";
  plain.tls = {TlsTrust::Kind::insecure, "the broker is on loopback"};
  expect_same(plain, "");
  plain.broker = "mqtt://10.0.0.9";
  plain.tls.value = "an isolated net: no, really";
  plain.has_rack_leak = false;
  expect_same(plain, "");
}

/// Read back, it says the same; and written once more, it is the same text.
void expect_same_events(const EventListenerAccess& events) {
  Inventory rack;
  rack.rack = "R01";
  rack.product = "gb300-nvl72";
  rack.events = events;
  Dut tray;
  tray.id = "C01";
  tray.role = Role::compute_tray;
  tray.bmc = BmcAccess{"https://10.0.0.1", "", {TlsTrust::Kind::insecure, "bench"}};
  rack.duts.push_back(tray);
  const std::string text = inventory_text(rack, "");
  const Parsed<Inventory> back = parse_inventory(text, "/rack.yaml");
  ASSERT_TRUE(back) << text << (back.problems.empty() ? "" : back.problems.front().message);
  ASSERT_TRUE(back.value->events) << text;
  const EventListenerAccess& read = *back.value->events;
  EXPECT_EQ(read.address, events.address);
  EXPECT_EQ(read.port, events.port);
  EXPECT_EQ(read.told_as, events.told_as);
  EXPECT_EQ(read.certificate, events.certificate);
  EXPECT_EQ(read.key, events.key);
  EXPECT_EQ(inventory_text(*back.value, ""), text);
}

TEST(InventoryText, AModelServerIsReadBackAsItWas) {
  const std::string text =
      "rack: R01\nproduct: p\ncredentials: c.yaml\n"
      "serving: {url: \"https://a:8000\", credential: key, tls: {insecure: \"lab\"}}\n"
      "duts: [{id: C01, role: server, bmc: {url: \"https://h\", tls: {insecure: \"lab\"}}}]\n";
  const auto first = parse_inventory(text, "rack.yaml");
  ASSERT_TRUE(first);
  const auto second = parse_inventory(inventory_text(*first.value, ""), "rack.yaml");
  ASSERT_TRUE(second);
  ASSERT_TRUE(second.value->serving);
  EXPECT_EQ(second.value->serving->url, "https://a:8000");
  EXPECT_EQ(second.value->serving->credential, "key");
  EXPECT_EQ(second.value->serving->tls.kind, TlsTrust::Kind::insecure);
}

TEST(InventoryText, WhereEventsAreHeardIsReadBackAsItWas) {
  EventListenerAccess events;
  events.address = "10.0.0.2";
  expect_same_events(events);
  events.address = "::";
  events.port = 8443;
  events.told_as = "station-7.example";
  events.certificate = "/etc/kiln/events \"one\".pem";
  events.key = "/etc/kiln/events.key";
  expect_same_events(events);
}

}  // namespace
}  // namespace kiln
