#include "model/measurement.h"

#include <gtest/gtest.h>

#include <limits>

namespace kiln {
namespace {

Limit temperature() {
  Limit limit;
  limit.name = "gpu.temperature.max";
  limit.unit = "Cel";
  limit.max = 85;
  limit.marginal = 80;
  return limit;
}

TEST(Judge, MaximumWithAMarginalBand) {
  EXPECT_EQ(judge(temperature(), 80.0, "Cel").outcome, Outcome::pass);
  EXPECT_EQ(judge(temperature(), 80.1, "Cel").outcome, Outcome::marginal);
  EXPECT_EQ(judge(temperature(), std::int64_t{85}, "Cel").outcome, Outcome::marginal);
  const auto failed = judge(temperature(), 91.0, "Cel");
  EXPECT_EQ(failed.outcome, Outcome::fail);
  EXPECT_EQ(failed.reason, "91 Cel is above the limit ≤ 85 Cel (marginal above 80)");
  EXPECT_NEAR(failed.margin_percent.value(), -100.0 * 6 / 85, 1e-9);
}

TEST(Judge, RangeTakesTheNearerBoundAsMargin) {
  Limit limit;
  limit.unit = "L/min";
  limit.min = 10;
  limit.max = 40;
  limit.marginal_min = 12;
  EXPECT_NEAR(judge(limit, 39.0, "L/min").margin_percent.value(), 2.5, 1e-9);
  EXPECT_EQ(judge(limit, 11.0, "L/min").outcome, Outcome::marginal);
  EXPECT_EQ(judge(limit, 9.99, "L/min").outcome, Outcome::fail);
  limit.min = 0;
  limit.max.reset();
  limit.marginal_min.reset();
  EXPECT_EQ(judge(limit, 0.0, "L/min").margin_percent, std::nullopt);
}

TEST(Judge, WhatIsNoReadingNeverPasses) {
  Limit wide;
  wide.unit = "1";
  wide.max = std::numeric_limits<double>::max();
  EXPECT_EQ(judge(wide, std::numeric_limits<double>::quiet_NaN(), "1").outcome, Outcome::fail);
  EXPECT_EQ(judge(wide, std::numeric_limits<double>::infinity(), "1").outcome, Outcome::fail);
  EXPECT_EQ(judge(wide, -std::numeric_limits<double>::infinity(), "1").outcome, Outcome::fail);
  EXPECT_EQ(judge(wide, std::monostate{}, "1").outcome, Outcome::unset);
  EXPECT_EQ(judge(wide, std::int64_t{9223372036854775794}, "1").outcome, Outcome::unset);
  EXPECT_EQ(judge(wide, 140737488355328.0, "1").outcome, Outcome::unset);
  EXPECT_EQ(judge(wide, std::string("N/A"), "1").outcome, Outcome::unset);
  EXPECT_EQ(judge(wide, std::string("7"), "1").outcome, Outcome::fail);
  EXPECT_EQ(judge(wide, true, "1").outcome, Outcome::fail);
  for (const auto& value : {Value{std::monostate{}}, Value{std::numeric_limits<double>::quiet_NaN()}}) {
    EXPECT_FALSE(judge(wide, value, "1").reason.empty());
  }
}

TEST(Judge, AnotherUnitFailsEvenWhenItCouldBeConverted) {
  const auto judged = judge(temperature(), 300.0, "K");
  EXPECT_EQ(judged.outcome, Outcome::fail);
  EXPECT_EQ(judged.reason, "the value is in 'K', the limit in 'Cel'");
}

TEST(Judge, WordsMatchExactlyApartFromPadding) {
  Limit limit;
  limit.equals = Value{std::string("LinkUp")};
  EXPECT_EQ(judge(limit, std::string("LinkUp "), "").outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, std::string("LinkDown"), "").outcome, Outcome::fail);
  EXPECT_EQ(judge(limit, std::string(""), "").outcome, Outcome::unset);
  limit.equals.reset();
  limit.one_of = {"None", "SW_POWER_CAP"};
  EXPECT_EQ(judge(limit, std::string("None"), "").outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, std::string("HW_SLOWDOWN"), "").outcome, Outcome::fail);
  EXPECT_EQ(judge(limit, std::string("N/A"), "").outcome, Outcome::unset);
  limit.one_of = {"N/A", "Unknown"};
  EXPECT_EQ(judge(limit, std::string("N/A"), "").outcome, Outcome::unset)
      << "no row can make 'no value' a pass";
}

TEST(Judge, WholeNumbersAreComparedExactly) {
  Limit limit;
  limit.unit = "1";
  limit.equals = Value{std::int64_t{9007199254740993}};
  EXPECT_EQ(judge(limit, std::int64_t{9007199254740993}, "1").outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, std::int64_t{9007199254740992}, "1").outcome, Outcome::fail);
  limit.equals = Value{std::int64_t{18}};
  EXPECT_EQ(judge(limit, 18.0, "1").outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, std::string("18"), "1").outcome, Outcome::fail);
}

TEST(Judge, VersionsAreComparedAsVersions) {
  Limit limit;
  limit.at_least_version = "1.10";
  EXPECT_EQ(judge(limit, std::string("1.10.0"), "").outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, std::string("1.9"), "").outcome, Outcome::fail);
  EXPECT_EQ(judge(limit, std::string("rel-1.9"), "").outcome, Outcome::fail);
}

TEST(Judge, AnExpectationComesFromTheInventory) {
  Limit limit;
  limit.expected = true;
  EXPECT_EQ(judge(limit, std::string("SN1"), "", Value{std::string("SN1")}).outcome, Outcome::pass);
  EXPECT_EQ(judge(limit, std::string("SN2"), "", Value{std::string("SN1")}).outcome, Outcome::fail);
  EXPECT_EQ(judge(limit, std::string("SN2"), "").outcome, Outcome::unset);
  EXPECT_EQ(judge(limit, std::string("SN2"), "", Value{std::string("")}).outcome, Outcome::unset);
  EXPECT_EQ(judge(limit, std::string("01.2"), "", Value{std::string("1.2")}).outcome, Outcome::fail);
  limit.as_version = true;
  EXPECT_EQ(judge(limit, std::string("01.2"), "", Value{std::string("1.2")}).outcome, Outcome::pass);
}

TEST(Judge, ARowMaySayHowTheFieldsOfAVersionAreMeant) {
  Limit limit;
  limit.expected = limit.as_version = true;
  const auto judged = [&limit](const char* read, const char* wanted) {
    return judge(limit, std::string(read), "", Value{std::string(wanted)});
  };
  EXPECT_EQ(judged("1.e", "1.0E").outcome, Outcome::fail);
  EXPECT_NE(judged("1.e", "1.0E").reason.find("version_fields"), std::string::npos);
  EXPECT_EQ(judged("1.d", "1.0E").reason.find("version_fields"), std::string::npos) << "another one anyway";
  limit.version_fields = VersionFields::hex;
  EXPECT_EQ(judged("1.e", "1.0E").outcome, Outcome::pass);
  EXPECT_EQ(judged("1.f", "1.0E").outcome, Outcome::fail);
  EXPECT_EQ(limit.text(), "= version in the inventory (fields: hex)");
  Limit least;
  least.at_least_version = "1.4";
  EXPECT_EQ(judge(least, std::string("1.03b"), "").outcome, Outcome::fail);
  EXPECT_NE(judge(least, std::string("1.03b"), "").reason.find("cannot be compared"), std::string::npos);
  least.version_fields = VersionFields::hex;
  EXPECT_EQ(judge(least, std::string("1.03b"), "").outcome, Outcome::pass);
  least.version_fields = VersionFields::decimal;
  EXPECT_NE(judge(least, std::string("1.03b"), "").reason.find("older"), std::string::npos);
}

TEST(Judge, ARowWithoutARuleNeverPasses) { EXPECT_EQ(judge(Limit{}, 1.0, "").outcome, Outcome::unset); }

TEST(LimitText, ReadsLikeAValidator) {
  EXPECT_EQ(temperature().text(), "≤ 85 Cel (marginal above 80)");
  Limit limit;
  limit.unit = "L/min/kW";
  limit.min = 1.25;
  EXPECT_EQ(limit.text(), "≥ 1.25 L/min/kW");
  limit.max = 2;
  EXPECT_EQ(limit.text(), "1.25 … 2 L/min/kW");
  Limit words;
  words.one_of = {"OK", "Enabled"};
  EXPECT_EQ(words.text(), "one of OK, Enabled");
  Limit zero;
  zero.unit = "1";
  zero.max = 0;
  EXPECT_EQ(zero.text(), "≤ 0");
}

TEST(LimitsTable, ARowForOnePartComesFirst) {
  LimitsTable table;
  Limit general = temperature();
  Limit special = temperature();
  special.when_part = "GPU_3";
  special.max = 90;
  table.rows = {general, special};
  EXPECT_EQ(table.find("gpu.temperature.max", "GPU_3", Role::server)->max, 90);
  EXPECT_EQ(table.find("gpu.temperature.max", "GPU_0", Role::server)->max, 85);
  EXPECT_EQ(table.find("gpu.power.mean", "GPU_0", Role::server), nullptr);
}

TEST(LimitsTable, TheRowThatSaysMostCounts) {
  LimitsTable table;
  const auto add = [&table](double max, std::string part, std::optional<Role> role) {
    Limit row;
    row.name = "coolant.flow";
    row.max = max;
    row.when_part = std::move(part);
    row.when_role = role;
    table.rows.push_back(row);
  };
  add(1, "", std::nullopt);
  add(2, "", Role::cdu);
  add(3, "*/Primary*", Role::cdu);
  add(4, "*/Primary*", std::nullopt);
  add(5, "2/Primary", std::nullopt);
  const auto found = [&table](const char* part, Role role) {
    return table.find("coolant.flow", part, role)->max;
  };
  EXPECT_EQ(found("Chassis_0/CoolantConnector_0", Role::compute_tray), 1);
  EXPECT_EQ(found("1/Secondary", Role::cdu), 2);
  EXPECT_EQ(found("1/Primary_1", Role::cdu), 3);
  EXPECT_EQ(found("1/Primary_1", Role::server), 4);
  EXPECT_EQ(found("2/Primary", Role::cdu), 5);
  table.rows.erase(table.rows.begin());
  EXPECT_EQ(table.find("coolant.flow", "1/Secondary", Role::switch_tray), nullptr);
}

TEST(LimitSource, SiteToFillIsRecognised) {
  Limit limit;
  limit.source = " Site to fill";
  EXPECT_TRUE(limit.is_site_to_fill());
  limit.source = "datasheet rev 3, page 4";
  EXPECT_FALSE(limit.is_site_to_fill());
}

TEST(ToText, PrintsNumbersForPeople) {
  EXPECT_EQ(to_text(Value{0.1 + 0.2}), "0.3");
  EXPECT_EQ(to_text(Value{85.0}), "85");
  EXPECT_EQ(to_text(Value{-0.0}), "0");
  EXPECT_EQ(to_text(Value{std::int64_t{-7}}), "-7");
  EXPECT_EQ(to_text(Value{true}), "true");
  EXPECT_EQ(to_text(Value{}), "no value");
}

}  // namespace
}  // namespace kiln
