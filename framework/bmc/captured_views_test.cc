// What the typed views make of every captured tree that has a service root, against counts that were taken
// from the files by hand: with a script of a few lines that knows JSON and no more, never with this folder's
// code. The trees are not part of the project; without them (KILN_SHARED, or ../shared beside the checkout)
// nothing is tested here, and the test says so.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "bmc/mock_service_for_test.h"
#include "bmc/understanding.h"

namespace kiln {
namespace {

struct CapturedViews {
  const char* folder;
  int firmware;                        ///< see `how`
  std::map<std::string, int> sensors;  ///< "type unit" → count, unit in UCUM
  int without_value;                   ///< of the sensors
  int leak_detectors, nvlink_ports, supplies;
  std::vector<std::string> not_understood;  ///< "URI property"
  const char* how;
};

const std::vector<CapturedViews> kCapturedViews{
    {"nvidia-gh200-bmc",
     19,
     {{"PressurePa Pa", 1},
      {"EnergyJoules J", 3},
      {"Frequency Hz", 2},
      {"Percent %", 84},
      {"Power W", 9},
      {"Rotational {rev}/min", 16},
      {"Temperature Cel", 26},
      {"Voltage V", 3}},
     1,
     0,
     36,
     0,
     {},
     "Firmware: 20 Members of UpdateService/FirmwareInventory, HGX_FW_FPGA_0 twice; UEFI is among them. "
     "Sensors: the "
     "144 Members of 11 Sensors collections, by ReadingType and ReadingUnits; the one of ReadingType "
     "Altitude has "
     "ReadingUnits Pa. Without value: the one whose Reading is null. NVLink: 18 Members each of the Ports of "
     "GPU_0 "
     "and GPU_1 (16 of GPU_1's were trimmed and lead to nothing); the CPU's C2C port is none. Supplies: the "
     "Members "
     "of 11 PowerSupplies collections, all empty. No address contains LeakDetect."},
    {"lenovo-sr670-xcc",
     12,
     {{"Power ", 17},
      {"Power W", 12},
      {"Temperature ", 11},
      {"Temperature Cel", 21},
      {"Voltage V", 4},
      {"Rotational {rev}/min", 10},
      {" ", 52}},
     14,
     0,
     0,
     4,
     {},
     "Firmware: Members of FirmwareInventory (UEFI among them). Sensors: the 96 of 230 Members of "
     "Chassis/1/Sensors "
     "whose files are there: ReadingUnits \"\" in 80 (17 Power, 11 Temperature, 52 of ReadingType null), C "
     "in 10, V "
     "in 1, Watts in 5 of ReadingType Current; and from Thermal and Power what no Sensor has the Name of: 11 "
     "of 21 "
     "Temperatures, 10 Fans in RPM, 3 of 4 Voltages, 3 PowerControl, 4 PowerSupplies with PowerInputWatts. "
     "Without "
     "value: 10 Sensors that are Disabled, with Reading null, and 4 of these 11 Temperatures that are "
     "Absent. "
     "Supplies: Power/PowerSupplies."},
    {"hpe-dl380a-ilo6",
     34,
     {{"Temperature Cel", 53}, {"Percent %", 6}, {"Power W", 1}},
     24,
     0,
     0,
     4,
     {},
     "Firmware: Members of FirmwareInventory; the BIOS is the one named System ROM. Sensors: 53 Members of "
     "Chassis/1/Sensors without ReadingType and ReadingUnits, each with the Name of one of the 53 Thermal "
     "Temperatures (ReadingCelsius); 6 Thermal Fans in Percent; 1 PowerControl. Without value: those whose "
     "State is "
     "Absent, where Reading says 0.0. Supplies: Members of PowerSubsystem/PowerSupplies (the older Power "
     "lists the "
     "same four)."},
    {"hpe-cray-ex235n",
     30,
     {{"Current A", 17}, {"EnergyJoules J", 5}, {"Power W", 27}, {"Temperature Cel", 30}, {"Voltage V", 32}},
     4,
     0,
     0,
     0,
     {},
     "Firmware: Members of FirmwareInventory (Node0.BIOS among them). Sensors: the 111 Members of three "
     "Sensors "
     "collections. Thermal and Power hold 45 of them a second time, as \"Name ReadingType "
     "PhysicalSubContext\". "
     "Without value: Reading null."},
    {"cray-cmm",
     8,
     {{"Current A", 23}, {"Power W", 8}, {"Pressure [psi]", 2}, {"Temperature Cel", 12}, {"Voltage V", 36}},
     8,
     0,
     0,
     4,
     {},
     "Firmware: Members of FirmwareInventory; there is no system. Sensors: the 81 files of type Sensor, by "
     "ReadingType and ReadingUnits (PSI). Without value: Reading null. Leak detectors: none of type "
     "LeakDetector; the "
     "cabinet's two leak alarms are Oem/Alarms. Supplies: the four rectifiers of Enclosure/Power."},
    {"supermicro-x10",
     1,
     {{"Temperature Cel", 8}, {"Rotational {rev}/min", 4}, {"Voltage V", 8}, {"Power W", 1}},
     20,
     0,
     0,
     0,
     {},
     "Firmware: no UpdateService file; BiosVersion of the one system. Sensors: Temperatures, Fans, Voltages, "
     "PowerControl of Thermal and Power. Without value: all but PowerControl are Absent with a reading of 0. "
     "PowerSupplies is an empty list."},
    {"intel",
     5,
     {{"Temperature Cel", 28}, {"Rotational {rev}/min", 6}, {"Voltage V", 2}, {"Power W", 1}},
     2,
     0,
     0,
     2,
     {},
     "Firmware: Members of UpdateService/SoftwareInventory (BMC, BIOS, ME, SDR, HSBP1); there is no "
     "FirmwareInventory. Sensors: of Baseboard's Thermal and Power. Without value: 2 Temperatures are "
     "Disabled with a "
     "reading of 0. Supplies: Power/PowerSupplies, two with one Name."},
    {"lambda-gb300-happypath",
     0,
     {},
     0,
     0,
     0,
     0,
     {},
     "The root links to Systems and UpdateService; only systems, "
     "processors and memory are there."},
    {"lambda-gathergpus", 0, {}, 0, 0, 0, 0, {}, "Two systems and their processors."},
    {"lambda-powershelf-delta",
     0,
     {{"Current A", 24},
      {"EnergyJoules J", 12},
      {"EnergykWh kW.h", 6},
      {"Percent %", 8},
      {"Power W", 22},
      {"Rotational {rev}/min", 12},
      {"Temperature Cel", 32},
      {"Voltage V", 26}},
     0,
     0,
     0,
     6,
     {},
     "Sensors and supplies stand whole in the Members of their collections (142, kWh printed so, and 6); "
     "their own "
     "addresses lead to nothing."},
    {"ecclesia-features/managers", 0, {}, 0, 0, 0, 0, {}, "A manager and its diagnostic data."},
    {"ecclesia-features/sensors",
     0,
     {{"Current A", 1},
      {"Power W", 1},
      {"Percent %", 2},
      {"Rotational {rev}/min", 2},
      {"Temperature Cel", 2},
      {"Voltage V", 2}},
     0,
     0,
     0,
     0,
     {},
     "Two Sensors, of Amperes and Watts without ReadingType; 2 Temperatures, 2 Voltages, 4 Fans (2 in "
     "Percent, 2 in "
     "RPM) of Thermal and Power."},
    {"ecclesia-features/component_integrity", 2, {}, 0, 0, 0, 0, {}, "Members of FirmwareInventory."},
    {"dmtf/public-rackmount1",
     3,
     {{"Temperature Cel", 9},
      {"Current A", 10},
      {"Voltage V", 12},
      {"Percent %", 5},
      {"EnergykWh kW.h", 3},
      {"Power W", 4},
      {"Frequency Hz", 2},
      {"Rotational {rev}/min", 2}},
     11,
     0,
     0,
     2,
     {"/redfish/v1/TaskService/Tasks/545 StartTime", "/redfish/v1/TaskService/Tasks/545 EndTime"},
     "Firmware: Members of FirmwareInventory (BIOS among them). Sensors: 41 Members of Chassis/1U/Sensors: 8 "
     "in Cel "
     "(7 without ReadingType), 10 Current, 10 Voltage, 5 Percent, 3 EnergykWh, 3 Power, 2 Frequency, of "
     "which 11 are "
     "Absent and have no ReadingUnits; beside them of Thermal and Power \"Chassis Intake Temp\" (\"CPU1 "
     "Temp\" is the "
     "Sensor CPU1Temp), 2 Fans, 2 Voltages, 1 PowerControl. Not understood: times of a task without seconds, "
     "against "
     "DSP0266 9.5."},
    {"dmtf/public-cooling-unit",
     0,
     {{"Heat kW", 2},
      {"Humidity %", 1},
      {"LiquidFlowLPM L/min", 2},
      {"PressurekPa kPa", 6},
      {"Temperature Cel", 7}},
     0,
     2,
     0,
     0,
     {},
     "Sensors: 18 Members of Chassis/CDU/Sensors. Leak detectors: Overflow and Moisture, each at two "
     "addresses."},
    {"dmtf/public-power-shelf",
     0,
     {{"Current A", 8},
      {"EnergykWh kW.h", 2},
      {"Frequency Hz", 4},
      {"Percent %", 1},
      {"Power W", 7},
      {"Voltage V", 8},
      {"Temperature Cel", 1}},
     0,
     0,
     0,
     0,
     {},
     "Sensors: 31 Members of Chassis/PowerShelf/Sensors, which only the chassis' PowerSubsystem leads to; "
     "the "
     "temperature has no ReadingType. Supplies: none can be reached, no link leads to the folder with Bay1 "
     "to Bay6."},
    {"lenovo-xcc-synthetic",
     1,
     {},
     0,
     0,
     0,
     0,
     {},
     "FirmwareInventory leads to nothing; BiosVersion of the system."},
};

void PrintTo(const CapturedViews& tree, std::ostream* out) { *out << tree.folder; }

class ViewsOfCapturedTree : public testing::TestWithParam<CapturedViews> {};

TEST_P(ViewsOfCapturedTree, AreWholeByCountsTakenByHand) {
  const std::filesystem::path trees = shared_trees();
  if (trees.empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  const CapturedViews& expected = GetParam();
  MockService service;
  service.bodies = load_tree(trees / expected.folder);
  ASSERT_FALSE(service.bodies.empty());
  const std::unique_ptr<Bmc> bmc = service.bmc();
  Desk desk;
  const auto firmware =
      desk.ask<Result<std::vector<FirmwareItem>>>([&](const Ctx& ctx) { return bmc->firmware(ctx); });
  ASSERT_TRUE(firmware) << firmware.error().full();
  EXPECT_EQ(static_cast<int>(firmware->size()), expected.firmware) << expected.how;
  // Two of one tree have the version "undefined".
  for (const FirmwareItem& item : *firmware)
    EXPECT_TRUE(!item.version.empty() || item.uri.ends_with("ManagementEthernet")) << item.uri;

  const auto sensors =
      desk.ask<Result<std::vector<SensorReading>>>([&](const Ctx& ctx) { return bmc->sensors(ctx); });
  ASSERT_TRUE(sensors) << sensors.error().full();
  std::map<std::string, int> kinds;
  std::set<std::string> names;
  int without_value = 0;
  for (const SensorReading& sensor : *sensors) {
    ++kinds[fmt::format("{} {}", sensor.reading_type, sensor.unit)];
    without_value += sensor.value ? 0 : 1;
    EXPECT_TRUE(names.insert(sensor.name).second) << sensor.name << " is there twice";
  }
  EXPECT_EQ(kinds, expected.sensors) << expected.how;
  EXPECT_EQ(without_value, expected.without_value) << expected.how;

  const auto census = desk.ask<Result<LeakCensus>>([&](const Ctx& ctx) { return bmc->leak_detectors(ctx); });
  ASSERT_TRUE(census) << census.error().full();
  EXPECT_EQ(static_cast<int>(census->detectors.size()), expected.leak_detectors) << expected.how;
  const auto links =
      desk.ask<Result<std::vector<NvlinkReading>>>([&](const Ctx& ctx) { return bmc->nvlinks(ctx); });
  ASSERT_TRUE(links) << links.error().full();
  EXPECT_EQ(static_cast<int>(links->size()), expected.nvlink_ports) << expected.how;

  const auto parts = desk.ask<Result<std::vector<Part>>>([&](const Ctx& ctx) { return bmc->parts(ctx); });
  ASSERT_TRUE(parts) << parts.error().full();
  std::set<std::string> supplies;
  for (const Part& part : *parts) {
    if (part.kind != ComponentKind::power_supply || part.name.empty()) continue;
    EXPECT_TRUE(supplies.insert(part.name).second) << part.name << " is there twice";
  }
  EXPECT_EQ(static_cast<int>(supplies.size()), expected.supplies) << expected.how;

  const auto survey =
      desk.ask<Result<SurveyReport>>([&](const Ctx& ctx) { return bmc->survey(ctx); }, std::chrono::hours(1));
  ASSERT_TRUE(survey) << survey.error().full();
  std::vector<std::string> not_understood;
  for (const Oddity& one : survey->not_understood_properties)
    not_understood.push_back(fmt::format("{} {}", one.uri, one.property));
  EXPECT_EQ(not_understood, expected.not_understood);
}

TEST_P(ViewsOfCapturedTree, LogsThatAreReadAgainAreTheSame) {
  const std::filesystem::path trees = shared_trees();
  if (trees.empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  MockService service;
  service.bodies = load_tree(trees / GetParam().folder);
  const std::unique_ptr<Bmc> bmc = service.bmc();
  Desk desk;
  const auto printed = [&](bool again) {
    const auto logs = desk.ask<Result<std::vector<EventLog>>>(
        [&](const Ctx& ctx) { return again ? bmc->event_logs_again(ctx) : bmc->event_logs(ctx); });
    if (!logs) return logs.error().code;
    std::string text;
    for (const EventLog& log : *logs) {
      std::multiset<std::string> entries;
      for (const LogEntry& entry : log.entries)
        entries.insert(entry.id + " " + entry.created + " " + entry.message);
      text += fmt::format("{} {} {}: {}\n", log.uri, log.listed, log.unread, fmt::join(entries, "; "));
    }
    return text;
  };
  const std::string whole = printed(false);
  for (int look = 0; look < 3; ++look) EXPECT_EQ(printed(true), whole) << look;
}

std::string name_of_views(const testing::TestParamInfo<CapturedViews>& info) {
  std::string name = info.param.folder;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '/'; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, ViewsOfCapturedTree, testing::ValuesIn(kCapturedViews), name_of_views);

}  // namespace
}  // namespace kiln
