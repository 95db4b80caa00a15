#include "files/interlock_rules_file.h"

#include "files/problems_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

std::string rules(const std::string& leak = "{poll: 1s, grace: 5s, cuts: tray}",
                  const std::string& cut = "{confirm: 10s, ladder: [load, chassis, power_shelf]}") {
  return "interlock_rules: hall-3\nrevision: 2\nleak: " + leak + "\ncut: " + cut + "\n";
}

TEST(InterlockRulesFile, ReadsWhatIsWritten) {
  const auto parsed = parse_interlock_rules(
      rules("{poll: 250ms, grace: 3s, cuts: rack}", "{confirm: 5s, ladder: [load, chassis]}"), "x");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->name, "hall-3");
  EXPECT_EQ(parsed.value->revision, 2);
  EXPECT_EQ(parsed.value->leak_poll, 250ms);
  EXPECT_EQ(parsed.value->leak_grace, 3s);
  EXPECT_EQ(parsed.value->off_confirm, 5s);
  EXPECT_TRUE(parsed.value->tray_leak_cuts_rack);
  EXPECT_FALSE(parsed.value->cut_reaches_shelves);
  EXPECT_EQ(parsed.value->sha256.size(), 64U);
  EXPECT_FALSE(parsed.value->cut_reaches_building);
  EXPECT_EQ(parsed.value->building_grace, 30s) << "not written: as it is shipped";
  EXPECT_TRUE(parse_interlock_rules(rules(), "x"));
}

TEST(InterlockRulesFile, TheBuildingIsARungAndHasAGraceOfItsOwn) {
  for (const char* ladder : {"[load, chassis, power_shelf, building]", "[load, chassis, building]"}) {
    const auto parsed = parse_interlock_rules(
        rules("{poll: 1s, grace: 5s, cuts: tray}", std::string("{confirm: 5s, ladder: ") + ladder + "}") +
            "building: {grace: 2m, confirm: 90s}\n",
        "x");
    ASSERT_TRUE(parsed) << all_text(parsed.problems);
    EXPECT_TRUE(parsed.value->cut_reaches_building);
    EXPECT_EQ(parsed.value->cut_reaches_shelves, std::string(ladder).find("shelf") != std::string::npos);
    EXPECT_EQ(parsed.value->building_grace, 120s);
    EXPECT_EQ(parsed.value->building_confirm, 90s);
  }
}

TEST(InterlockRulesFile, WhatIsWeakerThanMayBeIsRefused) {
  for (const std::string& text :
       {rules("{poll: 2s, grace: 5s, cuts: tray}"), rules("{poll: 1ms, grace: 5s, cuts: tray}"),
        rules("{poll: 1s, grace: 60s, cuts: tray}"), rules("{poll: 1s, grace: 0s, cuts: tray}"),
        rules("{poll: 1s, grace: 5s, cuts: tray}", "{confirm: 11s, ladder: [load, chassis]}"),
        rules("{poll: 1s, grace: 5s, cuts: tray}", "{confirm: 5s, ladder: [load]}"),
        rules("{poll: 1s, grace: 5s, cuts: tray}", "{confirm: 5s, ladder: [load, building]}"),
        rules("{poll: 1s, grace: 5s, cuts: tray}",
              "{confirm: 5s, ladder: [load, chassis, building, power_shelf]}"),
        rules("{poll: 1s, grace: 5s, cuts: tray}",
              "{confirm: 5s, ladder: [load, chassis, building, building]}"),
        rules() + "building: {grace: 121s, confirm: 60s}\n",
        rules() + "building: {grace: 1s, confirm: 60s}\n",
        rules() + "building: {grace: 30s, confirm: 301s}\n",
        rules("{poll: 1s, grace: 5s, cuts: tray}", "{confirm: 5s, ladder: [chassis, load]}")}) {
    const auto parsed = parse_interlock_rules(text, "x");
    EXPECT_FALSE(parsed) << text;
    ASSERT_FALSE(parsed.problems.empty()) << text;
    EXPECT_EQ(parsed.problems.front().code, "interlock_rules.weak") << all_text(parsed.problems);
    EXPECT_GT(parsed.problems.front().place.line, 0) << text;
  }
}

TEST(InterlockRulesFile, NothingIsTakenForGranted) {
  for (const std::string& text :
       {std::string(""), std::string("interlock_rules: x\nrevision: 1\n"), rules("{grace: 5s, cuts: tray}"),
        rules("{poll: 1s, cuts: tray}"), rules("{poll: 1s, grace: 5s}"),
        rules("{poll: 1s, grace: 5s, cuts: nothing}"), rules("{poll: 1s, grace: 5s, cuts: tray, off: true}"),
        rules("{poll: 1s, grace: 5s, cuts: tray}", "{confirm: 5s}"),
        rules("{poll: soon, grace: 5s, cuts: tray}"), rules() + "building: {grace: 30s}\n",
        rules() + "building: {confirm: 30s}\n", rules() + "building: {grace: 30s, confirm: 1s, more: 1}\n"}) {
    EXPECT_FALSE(parse_interlock_rules(text, "x")) << text;
  }
}

}  // namespace
}  // namespace kiln
