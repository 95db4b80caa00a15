#include "station/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "files/inventory_file.h"
#include "files/inventory_text.h"
#include "station/last_scan.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

DiscoveredBmc tray_at(const std::string& url, const std::string& serial, int slot) {
  DiscoveredBmc bmc;
  bmc.state = DiscoveredBmc::State::read;
  bmc.dut.bmc = BmcAccess{url, "bmc", {TlsTrust::Kind::pin, std::string(43, 'A') + "="}};
  bmc.identity.serial = serial;
  bmc.identity.serial_source = "/redfish/v1/Systems/System_0";
  bmc.identity.model = "tray";
  bmc.identity.platform = "nvidia_nvl72_tray, ami_megarac";
  bmc.identity.slot = slot;
  for (int i = 0; i < 2; ++i) {
    Part gpu;
    gpu.kind = ComponentKind::gpu;
    gpu.name = "GPU_" + std::to_string(i);
    gpu.serial = serial + "-" + std::to_string(i);
    gpu.uri = "/redfish/v1/Systems/HGX_Baseboard_0/Processors/" + gpu.name;
    bmc.parts.push_back(gpu);
  }
  Part absent;
  absent.kind = ComponentKind::gpu;
  absent.name = "GPU_2";
  absent.state = "Absent";
  bmc.parts.push_back(absent);
  FirmwareItem item;
  item.id = "BMC";
  item.version = "1.0";
  bmc.firmware.push_back(item);
  return bmc;
}

TEST(Discovery, ProposesARackFileThatIsRead) {
  std::vector<DiscoveredBmc> found{tray_at("https://10.0.0.2", "B", 12),
                                   tray_at("https://10.0.0.1", "A", 11)};
  found.push_back(tray_at("https://10.0.0.9", "P", 6));
  found.back().identity.platform = "power_shelf";
  found.push_back(DiscoveredBmc());
  found.back().dut.bmc = BmcAccess{"https://10.0.0.3", "", {}};
  Inventory known;
  known.rack = "R01";
  known.product = "gb300-nvl72";
  known.credentials_file = "/etc/kiln/rack.credentials.yaml";
  const Inventory proposed = proposed_inventory(found, known);
  ASSERT_EQ(proposed.duts.size(), 3U) << "only what was read";
  EXPECT_EQ(proposed.duts[0].id, "C01");
  EXPECT_EQ(proposed.duts[0].expect.serial, "A") << "from the bottom of the rack";
  EXPECT_EQ(proposed.duts[1].id, "C02");
  EXPECT_EQ(proposed.duts[2].id, "P01");
  EXPECT_EQ(proposed.duts[0].expect.of_kind(ComponentKind::gpu).size(), 2U)
      << "what is absent is not expected";
  const Parsed<Inventory> read = parse_inventory(inventory_text(proposed, "proposed"), "rack.yaml");
  EXPECT_TRUE(read) << (read.problems.empty() ? "" : read.problems.front().text());
}

TEST(Discovery, KeepsTheWordsOfTheRackFile) {
  DiscoveredBmc bmc = tray_at("https://10.0.0.1", "A", 11);
  bmc.dut.id = "N7";
  bmc.dut.role = Role::server;
  bmc.dut.labels["owner"] = "lab";
  const DiscoveredBmc other = tray_at("https://10.0.0.2", "B", 12);
  Inventory known;
  known.duts.push_back(bmc.dut);
  const Inventory proposed = proposed_inventory({bmc, other}, known);
  ASSERT_EQ(proposed.duts.size(), 2U);
  EXPECT_EQ(proposed.duts[0].id, "N7");
  EXPECT_EQ(proposed.duts[0].role, Role::server);
  EXPECT_EQ(proposed.duts[0].labels.at("owner"), "lab");
  EXPECT_EQ(proposed.duts[1].id, "C01");
}

TEST(Discovery, WhatCannotBeToldApartIsNotProposedTwice) {
  DiscoveredBmc known_tray = tray_at("https://10.0.0.1", "A", 11);
  known_tray.dut.id = "C01";
  known_tray.dut.role = Role::compute_tray;
  known_tray.dut.slot = 12;
  DiscoveredBmc other = tray_at("https://10.0.0.2", "A", 12);
  other.parts[1].serial = other.parts[0].serial;
  other.firmware.push_back(other.firmware.front());
  DiscoveredBmc far = tray_at("https://10.0.0.3", "B", 100);
  Inventory known;
  known.rack = "R01";
  known.product = "gb300-nvl72";
  known.duts.push_back(known_tray.dut);
  const Inventory proposed = proposed_inventory({known_tray, other, far}, known);
  Inventory readable = proposed;
  readable.credentials_file = "/etc/kiln/rack.credentials.yaml";
  const Parsed<Inventory> read = parse_inventory(inventory_text(readable, ""), "rack.yaml");
  EXPECT_TRUE(read) << (read.problems.empty() ? "" : read.problems.front().text());
}

TEST(Discovery, TellsWhatDoesNotFitTogether) {
  std::vector<DiscoveredBmc> found{tray_at("https://10.0.0.1", "A", 11),
                                   tray_at("https://10.0.0.2", "A", 12)};
  found[1].dut.id = "C02";
  found[1].dut.expect.serial = "B";
  found[1].dut.expect.components = {{ComponentKind::gpu, "GPU_0", "other", ""},
                                    {ComponentKind::gpu, "GPU_2", "", ""}};
  EXPECT_THAT(contradictions(found),
              ElementsAre(HasSubstr("the serial number A answers at https://10.0.0.1 and at C02"),
                          HasSubstr("expects serial B, /redfish/v1/Systems/System_0 says A"),
                          HasSubstr("gpu GPU_0 has serial A-0, the rack file expects other"),
                          HasSubstr("expects gpu GPU_2, the BMC has none")));
  EXPECT_THAT(contradictions({tray_at("https://10.0.0.1", "A", 11)}), IsEmpty());
}

TEST(Discovery, OneBmcAtTwoAddressesIsTold) {
  std::vector<DiscoveredBmc> found{tray_at("https://10.0.0.1", "A", 11),
                                   tray_at("https://10.0.0.2", "B", 12)};
  found[0].identity.uuid = found[1].identity.uuid = "4c4c4544-0001";
  EXPECT_THAT(contradictions(found),
              ElementsAre(HasSubstr("UUID 4c4c4544-0001 answers at https://10.0.0.1 and at "
                                    "https://10.0.0.2")));
  found[1].identity.serial = "A";
  EXPECT_THAT(contradictions(found), ElementsAre(HasSubstr("the serial number A answers at"))) << "once";
}

TEST(Discovery, ABuildingIsKeptInTheProposalWithWholePaths) {
  Inventory known;
  known.rack = "R01";
  known.product = "gb300-nvl72";
  known.building.emplace();
  known.building->certificate = "racks/kiln.pem";
  known.building->tls = {TlsTrust::Kind::certificate_authority, "racks/site-ca.pem"};
  const Inventory proposed = proposed_inventory({tray_at("https://10.0.0.1", "A", 11)}, known);
  ASSERT_TRUE(proposed.building);
  EXPECT_EQ(proposed.building->certificate, std::filesystem::absolute("racks/kiln.pem").string());
  EXPECT_EQ(proposed.building->tls.value, std::filesystem::absolute("racks/site-ca.pem").string());
}

class LastScanFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(state); }
  void TearDown() override { std::filesystem::remove_all(state); }
  std::string state = testing::TempDir() + "kiln-last-scan-" + std::to_string(::getpid());
};

TEST_F(LastScanFile, SaysWhatChangedAndIsKept) {
  const std::vector<DiscoveredBmc> first{tray_at("https://10.0.0.1", "A", 11),
                                         tray_at("https://10.0.0.2", "B", 12),
                                         tray_at("https://10.0.0.3", "C", 13)};
  EXPECT_TRUE(read_last_scan(state)->empty());
  ASSERT_TRUE(write_last_scan(state, updated({}, first)));
  struct stat file {};
  ASSERT_EQ(stat((state + "/discovered.json").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0077U, 0U);
  const Result<LastScan> before = read_last_scan(state);
  ASSERT_TRUE(before);
  EXPECT_THAT(changes(*before, first), IsEmpty());
  std::vector<DiscoveredBmc> now = first;
  now[0].firmware[0].version = "1.1";
  now[0].parts[1].state = "Absent";
  now[1].identity.serial = "C";
  now[2].state = DiscoveredBmc::State::nobody;
  now.push_back(tray_at("https://10.0.0.4", "D", 14));
  EXPECT_THAT(changes(*before, now),
              ElementsAre(HasSubstr("has 1 gpu, before 2 gpu"), HasSubstr("BMC is at 1.1, before 1.0"),
                          HasSubstr("C is there now, before it was B"), HasSubstr("could not be read now"),
                          HasSubstr("https://10.0.0.4: new, tray D")));
  EXPECT_EQ(updated(*before, now).at("https://10.0.0.3").serial, "C")
      << "who does not answer is not forgotten";
}

TEST_F(LastScanFile, TheSameAddressBehindTwoJumpHostsIsTwoBmcs) {
  std::vector<DiscoveredBmc> both{tray_at("https://10.0.0.1", "A", 11), tray_at("https://10.0.0.1", "B", 12)};
  both[0].dut.bmc->jump.emplace();
  both[0].dut.bmc->jump->address = "10.0.1.1";
  both[1].dut.bmc->jump.emplace();
  both[1].dut.bmc->jump->address = "10.0.1.2";
  ASSERT_TRUE(write_last_scan(state, updated({}, both)));
  const Result<LastScan> before = read_last_scan(state);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->size(), 2U);
  EXPECT_THAT(changes(*before, both), IsEmpty());
}

TEST_F(LastScanFile, AnotherCertificateMayBeThatOfTheSameAddressBehindAJumpHost) {
  std::vector<DiscoveredBmc> behind{tray_at("https://10.0.0.1", "A", 11)};
  behind[0].dut.bmc->jump.emplace();
  behind[0].dut.bmc->jump->address = "10.0.1.1";
  const LastScan scan = updated({}, behind);
  const Error told =
      other_certificate("https://10.0.0.1", "new", "old", other_ways(scan, "https://10.0.0.1"));
  EXPECT_EQ(told.code, "discover.other_certificate");
  EXPECT_NE(told.action.find("behind jump host 10.0.1.1:22"), std::string::npos) << told.action;
  EXPECT_NE(told.action.find("--accept-certificate https://10.0.0.1"), std::string::npos);
  EXPECT_EQ(other_ways(scan, "https://10.0.0.10").find("10.0.1.1"), std::string::npos);
  EXPECT_NE(other_ways(scan, "https://10.0.0.10").find("may have had this address"), std::string::npos);
}

TEST_F(LastScanFile, APinIsKeptAtOnceAndNothingElseIsLost) {
  const std::vector<DiscoveredBmc> first{tray_at("https://10.0.0.1", "A", 11)};
  ASSERT_TRUE(write_last_scan(state, updated({}, first)));
  BmcAccess fresh = first.front().dut.bmc.value();
  fresh.url = "https://10.0.0.2:443/";
  fresh.tls.value = std::string(43, 'B') + "=";
  ASSERT_TRUE(remember_pin(state, fresh));
  const Result<LastScan> kept = read_last_scan(state);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->at("https://10.0.0.2").pin_sha256, fresh.tls.value);
  EXPECT_EQ(kept->at("https://10.0.0.1").serial, "A");
  BmcAccess other = first.front().dut.bmc.value();
  other.tls.value = fresh.tls.value;
  ASSERT_TRUE(remember_pin(state, other));
  EXPECT_EQ(read_last_scan(state)->at("https://10.0.0.1").pin_sha256, fresh.tls.value);
  EXPECT_EQ(read_last_scan(state)->at("https://10.0.0.1").serial, "A") << "what was read there stays";
  std::ofstream(state + "/discovered.json") << "{";
  EXPECT_EQ(remember_pin(state, fresh).error().code, "discover.last_scan") << "and is not written over";
}

TEST_F(LastScanFile, DamagedIsNamedAndNotWrittenOver) {
  for (const char* text : {"{", "[]", "{}", "{\"bmcs\":3}"}) {
    std::ofstream(state + "/discovered.json") << text;
    const Result<LastScan> read = read_last_scan(state);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, "discover.last_scan");
  }
}

}  // namespace
}  // namespace kiln
