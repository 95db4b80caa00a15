#include "files/firmware_baseline_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/sha256.h"
#include "files/inventory_file.h"
#include "files/problems_for_test.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string baseline_of(const std::string& rows) {
  return "firmware: b\nrevision: \"1.3.1\"\nsource: release notes\nroles:\n  switch_tray:\n" + rows;
}

std::vector<std::string> codes_of(const std::string& rows) {
  std::vector<std::string> codes;
  for (const Problem& problem : parse_firmware_baseline(baseline_of(rows), "/x/b.yaml").problems)
    codes.push_back(problem.code);
  return codes;
}

TEST(FirmwareBaseline, ReadsEveryKeyAndKeepsTheOrder) {
  const std::string text = baseline_of(
      "    - {component: BMC, version: 2.0, image: a/bmc.fwpkg, sha256: " + std::string(kHash) +
      ", activation: manager_reset, targets: none, image_type: PLDM, from_at_least: 1.5, downgrade: allow, "
      "version_fields: hex, banks: both, write_within: 1h, active_within: 5m, source: s}\n"
      "    - {component: CPLD1, version: \"0.9\", uri: \"scp://f/c.bin\", sha256: " +
      std::string(kHash) +
      ", route: nvos_component, source: s}\n"
      "    - {component: NVOS, version: \"25.2\", source: s}\n");
  const auto parsed = parse_firmware_baseline(text, "/x/b.yaml");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->about.revision, "1.3.1");
  EXPECT_EQ(parsed.value->about.sha256, sha256_hex(text));
  const auto& targets = parsed.value->targets.at(Role::switch_tray);
  ASSERT_EQ(targets.size(), 3U);
  const FirmwareTarget& bmc = targets.at(0);
  EXPECT_EQ(bmc.image, "/x/a/bmc.fwpkg");
  EXPECT_EQ(bmc.activation, FirmwareActivation::manager_reset);
  ASSERT_TRUE(bmc.targets);
  EXPECT_TRUE(bmc.targets->empty());
  EXPECT_EQ(bmc.image_type, "PLDM");
  EXPECT_TRUE(bmc.downgrade && bmc.both_banks);
  EXPECT_EQ(bmc.version_fields, VersionFields::hex);
  EXPECT_EQ(targets.at(1).version_fields, VersionFields::by_form);
  EXPECT_EQ(bmc.write_within, std::chrono::hours(1));
  EXPECT_EQ(targets.at(1).route, FirmwareRoute::nvos_component);
  EXPECT_EQ(targets.at(1).activation, FirmwareActivation::switch_reboot) << "NVOS's own";
  EXPECT_EQ(targets.at(2).activation, FirmwareActivation::host_restart);
  EXPECT_FALSE(targets.at(2).targets);
}

TEST(FirmwareBaseline, WhatCouldInstallAnythingIsRefused) {
  const std::string hash(kHash);
  EXPECT_THAT(codes_of("    - {component: A, version: 1, image: a, source: s}\n"),
              ElementsAre("firmware.image"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, image: a, sha256: abc, source: s}\n"),
              ElementsAre("firmware.image"));
  EXPECT_THAT(codes_of("    - {component: A/B, version: 1, source: s}\n"), ElementsAre("firmware.name"));
  EXPECT_THAT(codes_of("    - {component: A, version: N/A, source: s}\n"), ElementsAre("firmware.version"));
  EXPECT_THAT(
      codes_of("    - {component: A, version: 1, source: s}\n    - {component: A, version: 2, source: s}\n"),
      ElementsAre("firmware.duplicate"));
  EXPECT_THAT(
      codes_of("    - {component: A, version: 1, uri: \"https://h/a\", sha256: " + hash + ", source: s}\n"),
      ElementsAre("firmware.route"))
      << "push has no uri";
  EXPECT_THAT(codes_of("    - {component: A, version: 1, image: a, route: simple_update, source: s}\n"),
              ElementsAre("firmware.route"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, activation: switch_reboot, source: s}\n"),
              ElementsAre("firmware.activation"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, route: nvos_image, banks: both, source: s}\n"),
              ElementsAre("firmware.route"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, from_at_least: 2, source: s}\n"),
              ElementsAre("firmware.version"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, targets: [Chassis], source: s}\n"),
              ElementsAre("firmware.name"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, activation: reboot, source: s}\n"),
              ElementsAre("files.unknown_word"));
  const std::string fetched = "    - {component: A, version: 1, route: simple_update, source: s, uri: ";
  EXPECT_THAT(codes_of(fetched + "\"https://h/a\"}\n"), ElementsAre());
  EXPECT_THAT(codes_of(fetched + "\"http://h/a\"}\n"), ElementsAre("firmware.route"));
  EXPECT_THAT(codes_of(fetched + "\"https://u:secret@h/a\"}\n"), ElementsAre("firmware.route"));
  EXPECT_THAT(codes_of(fetched + "\"https://h/a\", sha256: " + hash + "}\n"), ElementsAre("firmware.route"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1, write_within: 3h, source: s}\n"),
              ElementsAre("firmware.time"));
  EXPECT_THAT(codes_of("    - {component: A, version: 1}\n"), ElementsAre("files.missing_key"));
}

/// A rack file in a folder of its own, beside its baseline.
class RackWithBaseline : public testing::Test {
 protected:
  RackWithBaseline() {
    std::string pattern = testing::TempDir() + "kiln-baseline-XXXXXX";
    place = mkdtemp(pattern.data());
  }
  ~RackWithBaseline() override { std::filesystem::remove_all(place); }
  Parsed<Inventory> read(const std::string& version, const std::string& expect) {
    std::ofstream(place / "b.yaml") << baseline_of("    - {component: BMC, version: " + version +
                                                   ", source: s}\n");
    std::ofstream(place / "rack.yaml")
        << "rack: R01\nproduct: p\nfirmware: b.yaml\nduts:\n  - id: S01\n    role: switch_tray\n"
           "    bmc: {url: \"https://10.0.0.1\", tls: {insecure: \"test\"}}\n"
        << expect;
    return read_inventory((place / "rack.yaml").string());
  }
  std::filesystem::path place;
};

TEST_F(RackWithBaseline, ItsComponentsMustBeThere) {
  const auto parsed = read("\"2.0\"", "");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  const Dut& dut = parsed.value->duts.front();
  ASSERT_EQ(dut.firmware_targets.size(), 1U);
  ASSERT_EQ(dut.expect.components.size(), 1U);
  EXPECT_EQ(dut.expect.components.front().firmware, "2.0");
  EXPECT_TRUE(dut.expect.components.front().from_baseline);
  ASSERT_TRUE(parsed.value->firmware_baseline);
  EXPECT_EQ(parsed.value->firmware_baseline->name, "b");
}

TEST_F(RackWithBaseline, AComponentThatIsListedGetsItsVersionAndKeepsItsCount) {
  const auto parsed =
      read("\"2.0\"",
           "    expect:\n      firmware_items: 2\n      components:\n        - {kind: firmware, "
           "name: BMC}\n        - {kind: firmware, name: CPLD, firmware: \"7\"}\n");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->duts.front().expect.components.front().firmware, "2.0");
  EXPECT_EQ(parsed.value->duts.front().expect.counts.at(ComponentKind::firmware), 2);
}

TEST_F(RackWithBaseline, ContradictionsAndWhatNobodyFilledInAreProblemsOfTheRackFile) {
  const auto parsed =
      read("\"2.0\"", "    expect: {components: [{kind: firmware, name: BMC, firmware: \"1.9\"}]}\n");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(all_text(parsed.problems), HasSubstr("rack.yaml:3"));
  EXPECT_THAT(all_text(parsed.problems), HasSubstr("S01 expects BMC at 1.9"));
  EXPECT_TRUE(
      read("\"2.00\"", "    expect: {components: [{kind: firmware, name: BMC, firmware: \"2.0\"}]}\n"))
      << "equal as versions";
  const std::string listed = "    expect: {components: [{kind: firmware, name: BMC, firmware: \"2.0e\"}]}\n";
  EXPECT_FALSE(read("2.e", listed));
  EXPECT_TRUE(read("2.e, version_fields: hex", listed)) << "as the baseline means them";
  const auto unfilled = read("site to fill", "");
  ASSERT_FALSE(unfilled);
  EXPECT_THAT(all_text(unfilled.problems), HasSubstr("gives no version for BMC yet"));
}

TEST_F(RackWithBaseline, ABaselineThatIsNotThereIsSaidAtItsLine) {
  std::ofstream(place / "rack.yaml")
      << "rack: R01\nproduct: p\nfirmware: none.yaml\nduts:\n  - id: S01\n    role: "
         "switch_tray\n    bmc: {url: \"https://10.0.0.1\", tls: {insecure: \"t\"}}\n";
  const auto parsed = read_inventory((place / "rack.yaml").string());
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.problems.front().code, "files.missing");
  EXPECT_EQ(parsed.problems.front().place.line, 3);
}

}  // namespace
}  // namespace kiln
