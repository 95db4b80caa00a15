#include "files/interlock_rules_file.h"

#include "files/problems_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

/// Hazards as they must be, at least; `more`: further rows, `head`: instead of poll and grace.
std::string hazards(const std::string& more = "", const std::string& head = "poll: 2s, grace: 10s") {
  return "hazards: {" + head +
         ", watch: [{hazard: coolant-flow, least_share: 0.5, source: x}, {hazard: coolant-pressure, max: "
         "345, "
         "source: x}, {hazard: coolant-supply-temperature, max: 50, source: x}, {hazard: coolant-reservoir, "
         "min: "
         "10, source: x}, {hazard: dew-point-margin, min: 1, source: x}, {hazard: gpu-temperature, max: 95, "
         "source: x}, {hazard: gpu-memory-temperature, max: 105, source: x}, {hazard: inlet-temperature, "
         "max: 45, "
         "source: x}" +
         more + "]}\n";
}

std::string rules(const std::string& leak = "{poll: 1s, grace: 5s, cuts: tray}",
                  const std::string& cut = "{confirm: 10s, ladder: [load, chassis, power_shelf]}") {
  return "interlock_rules: hall-3\nrevision: 2\nleak: " + leak + "\ncut: " + cut + "\n" + hazards();
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

std::string with(const std::string& section) {
  return "interlock_rules: x\nrevision: 1\nleak: {poll: 1s, grace: 5s, cuts: tray}\ncut: {confirm: 5s, "
         "ladder: "
         "[load, chassis]}\n" +
         section;
}

TEST(InterlockRulesFile, HazardsAreRowsWithBounds) {
  const auto parsed = parse_interlock_rules(
      with(hazards(
          ", {hazard: coolant-flow, roles: [cdu], min: 40, required: true, source: \"CDU manual, 3.2\"}")),
      "x");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->hazards.poll, 2s);
  EXPECT_EQ(parsed.value->hazards.grace, 10s);
  ASSERT_EQ(parsed.value->hazards.rows.size(), 9U);
  const HazardRule& row = parsed.value->hazards.rows.back();
  EXPECT_EQ(row.kind, HazardKind::coolant_flow);
  EXPECT_EQ(row.roles, std::vector<Role>{Role::cdu});
  EXPECT_EQ(row.min, 40.0);
  EXPECT_TRUE(row.required);
  EXPECT_EQ(bounds_text(row), "≥ 40 L/min");
  EXPECT_EQ(rules_for(parsed.value->hazards, Role::cdu).size(), 6U);
  EXPECT_EQ(rules_for(parsed.value->hazards, Role::compute_tray).size(), 6U);
  EXPECT_TRUE(rules_for(parsed.value->hazards, Role::power_shelf).empty());
}

TEST(InterlockRulesFile, HazardsThatWatchNothingOrTooLateAreRefused) {
  for (const char* row :
       {"{hazard: gpu-temperature, source: x}", "{hazard: gpu-temperature, max: 106, source: x}",
        "{hazard: gpu-temperature, max: 300, source: x}", "{hazard: dew-point-margin, min: -1, source: x}",
        "{hazard: coolant-reservoir, min: 4, source: x}",
        "{hazard: coolant-flow, least_share: 0.1, source: x}",
        "{hazard: coolant-flow, least_share: 1, source: x}",
        "{hazard: inlet-temperature, min: 40, max: 30, source: x}",
        "{hazard: gpu-temperature, least_share: 0.5, max: 90, source: x}"}) {
    const auto parsed = parse_interlock_rules(with(hazards(std::string(", ") + row)), "x");
    ASSERT_FALSE(parsed) << row;
    EXPECT_EQ(parsed.problems.front().code, "interlock_rules.weak") << all_text(parsed.problems);
    EXPECT_EQ(parsed.problems.front().place.line, 5) << row;
  }
  for (const char* head : {"poll: 6s, grace: 10s", "poll: 2s, grace: 31s", "poll: 100ms, grace: 10s"})
    EXPECT_FALSE(parse_interlock_rules(with(hazards("", head)), "x")) << head;
  std::string without = with(hazards());
  const std::string row = ", {hazard: gpu-memory-temperature, max: 105, source: x}";
  without.erase(without.find(row), row.size());
  const auto parsed = parse_interlock_rules(without, "x");
  ASSERT_FALSE(parsed) << without;
  EXPECT_NE(all_text(parsed.problems).find("no row for 'gpu-memory-temperature'"), std::string::npos)
      << all_text(parsed.problems);
}

TEST(InterlockRulesFile, HazardsOfOtherNamesAndRolesAreRefusedWithTheNearest) {
  for (const auto& [row, nearest] : std::vector<std::pair<const char*, const char*>>{
           {"{hazard: gpu-temprature, max: 90, source: x}", "gpu-temperature"},
           {"{hazard: coolant-flow, roles: [cdv], min: 1, source: x}", "cdu"},
           {"{hazard: coolant-flow, min: 1}", "source"},
           {"{hazard: coolant-flow, min: 1, source: x, maximum: 3}", "max"}}) {
    const auto parsed = parse_interlock_rules(with(hazards(std::string(", ") + row)), "x");
    ASSERT_FALSE(parsed) << row;
    EXPECT_NE(all_text(parsed.problems).find(nearest), std::string::npos) << all_text(parsed.problems);
  }
  EXPECT_FALSE(parse_interlock_rules(with(""), "x")) << "without hazards nothing of them would be watched";
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
