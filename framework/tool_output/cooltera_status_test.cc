// status.xml of a Cooltera CDU: its models by their tags, its units, and that nothing damaged is a value.
#include "tool_output/cooltera_status.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace kiln::tool_output {
namespace {

using CoolteraCellTexts = std::vector<std::pair<std::string, std::string>>;

/// What every model has, in the order of a real document.
CoolteraCellTexts common_cooltera_cells() {
  return {{"mode", "Auto"},         {"t1", "16.2degC"},      {"t2a", "25.0degC"},      {"t2b", "25.1degC"},
          {"t2c", "25.0degC"},      {"t2", "25.0degC"},      {"t5", "21.4degC"},       {"t3", "24.5degC"},
          {"t4", "34.5degC"},       {"dw", "11.9degC"},      {"t3", "24.5degC"},       {"rh", "45.2%"},
          {"setpoint", "25.0degC"}, {"secflow", "210.4l/m"}, {"primflow", "160.0l/m"}, {"ps1", "1.20bar"},
          {"ps1a", "1.20bar"},      {"ps2", "2.75bar"},      {"ps3", "3.15bar"},       {"sdp", "1.55bar"},
          {"valve", "42%"},         {"pumpspeed1", "61.0%"}, {"pumpspeed2", "60.5%"},  {"alarms", "0"},
          {"dt", "9.5degC"},        {"p3state", "0"},        {"duty", "133.0kW"}};
}

CoolteraCellTexts cooltera_cells(const std::string& model) {
  CoolteraCellTexts cells = common_cooltera_cells();
  if (model == "RM100") return cells;
  for (const char* tag : {"ps1b", "ps5a", "ps5b"}) cells.emplace_back(tag, "1.20bar");
  cells.emplace_back("ps4", "2.60bar");
  if (model == "FS600") cells.emplace_back("pdp", "0.55bar");
  if (model != "FS1350") return cells;
  cells.emplace_back("ps5c", "1.20bar");
  cells.emplace_back("pumpspeed3", "59.0%");
  cells.emplace_back("valve2", "40%");
  return cells;
}

std::string cooltera_document(const CoolteraCellTexts& cells) {
  std::string text = "<?xml version=\"1.0\"?>\n<status>\n";
  for (const auto& [tag, value] : cells) text += fmt::format("<{0}>{1}</{0}>\n", tag, value);
  return text + "</status>\n";
}

std::string with_cooltera_cell(const std::string& model, const std::string& tag, const std::string& value) {
  CoolteraCellTexts cells = cooltera_cells(model);
  for (auto& [name, text] : cells) {
    if (name == tag) text = value;
  }
  return cooltera_document(cells);
}

std::string without_cooltera_cell(const std::string& model, const std::string& tag) {
  CoolteraCellTexts cells = cooltera_cells(model);
  std::erase_if(cells, [&tag](const auto& cell) { return cell.first == tag; });
  return cooltera_document(cells);
}

TEST(CoolteraStatusTest, EachModelIsKnownByItsTagsAndItsPressuresAreItsOwn) {
  const auto big = parse_cooltera_status(cooltera_document(cooltera_cells("FS1350")));
  ASSERT_TRUE(big) << big.error().full();
  EXPECT_EQ(big->model, "FS1350");
  ASSERT_EQ(big->pumps.size(), 3U);
  EXPECT_EQ(big->pumps[2].name, "Pump_3");
  EXPECT_EQ(big->pumps[2].speed_percent, 59.0);
  EXPECT_NEAR(*big->primary_return_pressure, 260, 1e-9);
  const auto middle = parse_cooltera_status(cooltera_document(cooltera_cells("FS600")));
  ASSERT_TRUE(middle) << middle.error().full();
  EXPECT_EQ(middle->model, "FS600");
  EXPECT_EQ(middle->primary_supply, 16.2);
  EXPECT_EQ(middle->primary_return, 21.4);
  EXPECT_EQ(middle->secondary_supply, 25.0);
  EXPECT_EQ(middle->secondary_return, 34.5);
  EXPECT_EQ(middle->ambient, 24.5);
  EXPECT_EQ(middle->humidity, 45.2);
  EXPECT_EQ(middle->dew_point, 11.9);
  EXPECT_EQ(middle->primary_flow, 160.0);
  EXPECT_EQ(middle->secondary_flow, 210.4);
  EXPECT_NEAR(*middle->secondary_supply_pressure, 275, 1e-9);
  EXPECT_NEAR(*middle->secondary_return_pressure, 120, 1e-9);
  EXPECT_NEAR(*middle->primary_supply_pressure, 315, 1e-9);
  EXPECT_FALSE(middle->primary_return_pressure);
  EXPECT_EQ(middle->alarms, 0.0);
  EXPECT_EQ(middle->pumps.size(), 2U);
  EXPECT_EQ(middle->doubt_count, 0U);
  const auto small = parse_cooltera_status(cooltera_document(cooltera_cells("RM100")));
  ASSERT_TRUE(small) << small.error().full();
  EXPECT_EQ(small->model, "RM100");
  EXPECT_NEAR(*small->secondary_supply_pressure, 315, 1e-9) << "ps3, which is the facility's elsewhere";
  EXPECT_FALSE(small->primary_supply_pressure);
  EXPECT_FALSE(small->tells_primary_pressure);
}

TEST(CoolteraStatusTest, AGreaterModelThatLacksATagIsNoSmallerOne) {
  const auto refused = parse_cooltera_status(without_cooltera_cell("FS600", "pdp"));
  ASSERT_FALSE(refused) << "its ps3 would be read as the rack's supply";
  EXPECT_EQ(refused.error().code, "tool_output.not_recognised");
  EXPECT_NE(refused.error().message.find("nearest is FS600, of which it lacks pdp"), std::string::npos)
      << refused.error().message;
  CoolteraCellTexts cells = cooltera_cells("FS600");
  cells.emplace_back("pumpspeed3", "50%");
  const auto third = parse_cooltera_status(cooltera_document(cells));
  ASSERT_FALSE(third) << "a third pump would be seen by nobody";
  EXPECT_NE(third.error().message.find("does not have pumpspeed3"), std::string::npos)
      << third.error().message;
  for (const auto& [tag, value] : cooltera_cells("RM100"))
    EXPECT_FALSE(parse_cooltera_status(without_cooltera_cell("RM100", tag))) << tag;
}

TEST(CoolteraStatusTest, UnitsAreOnesOwnOrNone) {
  for (const char* good : {"25.5degC", " 25.5 degC ", "25.5", "25.5 DEGC"}) {
    const auto read = parse_cooltera_status(with_cooltera_cell("FS600", "t2", good));
    ASSERT_TRUE(read) << good;
    EXPECT_EQ(read->secondary_supply, 25.5) << good;
  }
  for (const char* bad :
       {"77.9degF", "25.5K", "25,5degC", "25.5degC!", "two", "1e9degC", "-60degC", "inf", "25.5 25.5degC"}) {
    const auto read = parse_cooltera_status(with_cooltera_cell("FS600", "t2", bad));
    ASSERT_TRUE(read) << bad;
    EXPECT_FALSE(read->secondary_supply) << bad;
    ASSERT_EQ(read->doubts.size(), 1U) << bad;
    EXPECT_EQ(read->doubts[0].field, "t2");
    EXPECT_EQ(read->primary_supply, 16.2) << "its neighbours are as they were";
  }
  const std::vector<std::pair<std::string, std::string>> others{{"ps2", "40psi"},        {"ps2", "275kPa"},
                                                                {"secflow", "12.6m3/h"}, {"rh", "145%"},
                                                                {"alarms", "1.5"},       {"alarms", "-1"}};
  for (const auto& [tag, text] : others) {
    const auto read = parse_cooltera_status(with_cooltera_cell("FS600", tag, text));
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->doubt_count, 1U) << tag << " " << text;
  }
}

TEST(CoolteraStatusTest, ACellThatSaysNothingIsUnsetAndNoDoubt) {
  for (const char* nothing : {"", "N/A", "-", "  ", "nan"}) {
    const auto read = parse_cooltera_status(with_cooltera_cell("FS600", "secflow", nothing));
    ASSERT_TRUE(read) << nothing;
    EXPECT_FALSE(read->secondary_flow);
    EXPECT_EQ(read->doubt_count, 0U) << nothing;
  }
}

TEST(CoolteraStatusTest, TwoValuesUnderOneTagAreNone) {
  CoolteraCellTexts cells = cooltera_cells("FS600");
  cells.emplace_back("t2", "45.0degC");
  const auto read = parse_cooltera_status(cooltera_document(cells));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->secondary_supply);
  EXPECT_EQ(read->doubt_count, 1U);
  const auto nested = parse_cooltera_status(with_cooltera_cell("FS600", "t2", "25.0degC<b>45</b>"));
  ASSERT_TRUE(nested);
  EXPECT_FALSE(nested->secondary_supply);
}

TEST(CoolteraStatusTest, CutAtAnyByteIsNeverAValue) {
  for (const char* model : {"FS1350", "FS600", "RM100"}) {
    std::string text = cooltera_document(cooltera_cells(model));
    while (text.ends_with('\n')) text.pop_back();
    ASSERT_TRUE(parse_cooltera_status(text));
    for (std::size_t length = 0; length < text.size(); ++length)
      EXPECT_FALSE(parse_cooltera_status(std::string_view(text).substr(0, length))) << model << " " << length;
  }
}

TEST(CoolteraStatusTest, WhatIsNoSuchDocumentIsRefused) {
  const std::string whole = cooltera_document(cooltera_cells("FS600"));
  const std::string body = whole.substr(whole.find("<status>"));
  std::string many = "<status>";
  for (int number = 0; number < 300; ++number) many += "<t1>1</t1>";
  const std::vector<std::string> foreign{"",
                                         "login required",
                                         "<html><body>401</body></html>",
                                         "HTTP/1.1 200 OK\n" + whole,
                                         whole + "and a banner",
                                         body + body,
                                         "<!DOCTYPE status [<!ENTITY a \"25.0degC\">]>" + body,
                                         "<!doctype status SYSTEM \"file:///etc/passwd\">" + body,
                                         "<status/>",
                                         "<status>" + std::string(100'000, ' ') + "</status>",
                                         many + "</status>",
                                         whole + std::string(1, '\0')};
  for (const std::string& text : foreign) {
    const auto read = parse_cooltera_status(text);
    ASSERT_FALSE(read) << text.substr(0, 80);
    EXPECT_FALSE(read.error().message.empty());
  }
}

TEST(CoolteraStatusTest, DamagedBytesNeverGiveWhatNobodyCanMeasure) {
  std::mt19937 random(20261130);
  const std::string whole = cooltera_document(cooltera_cells("FS1350"));
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    for (int hit = 0; hit < 3; ++hit) text[random() % text.size()] = static_cast<char>(random() % 256);
    const auto read = parse_cooltera_status(text);
    if (!read) continue;
    ++accepted;
    for (const auto& value :
         {read->primary_supply, read->secondary_supply, read->secondary_return, read->ambient}) {
      EXPECT_TRUE(!value || (*value >= -20 && *value <= 120));
    }
    for (const auto& value : {read->primary_flow, read->secondary_flow}) {
      EXPECT_TRUE(!value || (*value >= 0 && *value <= 10'000));
    }
  }
  EXPECT_GT(accepted, 100) << "a test that only sees refusals proves nothing of values";
}

}  // namespace
}  // namespace kiln::tool_output
