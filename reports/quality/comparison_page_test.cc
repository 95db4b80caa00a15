// What the pages of runs beside each other must show, and that nothing recorded can become part of a page.

#include "quality/comparison_page.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "quality/lineage_page.h"
#include "quality/runs_for_test.h"

namespace kiln {
namespace {

const char* const kHostileSerial = "SN\x1b[2J<script>alert(1)</script>\"'\n*** GO ***";

TrayRunForTest hostile_run(const std::string& id, double value, const std::string& serial) {
  TrayRunForTest run(id);
  run.about.simulated = true;
  run.begin();
  run.tray("C01", "SN1");
  run.part("C01", "GPU_0", serial);
  run.measure("C01", "GPU_0", "gpu.temperature.max", value, value > 85 ? Outcome::fail : Outcome::pass);
  run.end();
  return run;
}

RunComparison hostile_comparison() {
  return *compare_runs(hostile_run("R-1", 70, "SN-OLD").picture(), "",
                       hostile_run("R-2", 99, kHostileSerial).picture(), "");
}

TEST(ComparisonPage, WhatIsSimulatedSaysSoInEveryFormat) {
  const QualityPage page = make_comparison_page(hostile_comparison(), true);
  EXPECT_NE(render_text(page).find("*** both are SIMULATED RACKS, NOT HARDWARE ***"), std::string::npos);
  EXPECT_NE(render_html(page, "SIMULATED RACK, NOT HARDWARE").find("SIMULATED RACKS"), std::string::npos);
  const auto root = boost::json::parse(comparison_json(hostile_comparison())).as_object();
  EXPECT_TRUE(root.at("a").at("simulated").as_bool());
}

TEST(ComparisonPage, WhatGotWorseIsInEveryFormat) {
  const RunComparison comparison = hostile_comparison();
  const std::string text = render_text(make_comparison_page(comparison, false));
  EXPECT_NE(text.find("pass → fail"), std::string::npos) << text;
  EXPECT_NE(text.find("+29"), std::string::npos);
  EXPECT_NE(text.find("noise unknown"), std::string::npos);
  const auto root = boost::json::parse(comparison_json(comparison)).as_object();
  const auto& first = root.at("values").as_array().at(0).as_object();
  EXPECT_EQ(first.at("movement").as_string(), "worse");
  EXPECT_EQ(first.at("difference").to_number<double>(), 29);
  EXPECT_TRUE(first.at("noise").at("sigma").is_null());
}

TEST(ComparisonPage, NothingRecordedBecomesPartOfAPage) {
  const QualityPage page = make_comparison_page(hostile_comparison(), true);
  const std::string html = render_html(page, "Kiln comparison");
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_EQ(html.find('\x1b'), std::string::npos);
  const std::string text = render_text(page);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\n*** GO"), std::string::npos);
  EXPECT_NO_THROW(boost::json::parse(comparison_json(hostile_comparison())));
}

TEST(LineagePage, SaysWhereItWasAndWhatTookItsPlace) {
  LineageReader reader;
  hostile_run("R-1", 70, "SN-OLD").tell(reader);
  TrayRunForTest later = hostile_run("R-2", 99, kHostileSerial);
  later.begun_utc_ns += 1'000'000'000'000;
  later.tell(reader);
  const LineageAnswer answer = *reader.ask("SN-OLD");
  const QualityPage page = make_lineage_page(answer, {{"R-0", "it goes on still"}});
  const std::string text = render_text(page);
  EXPECT_NE(text.find("SIMULATED RACKS, NOT HARDWARE"), std::string::npos);
  EXPECT_NE(text.find("R01/C01 GPU_0"), std::string::npos);
  EXPECT_NE(text.find("SN-OLD was not seen again"), std::string::npos) << text;
  EXPECT_NE(text.find("it goes on still"), std::string::npos);
  EXPECT_EQ(text.find("\n*** GO"), std::string::npos);
  const std::string html = render_html(page, "Kiln history");
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  const auto root = boost::json::parse(lineage_json(answer, {})).as_object();
  EXPECT_EQ(root.at("is").as_string(), "serial");
  EXPECT_EQ(root.at("exchanges").as_array().at(0).at("to").as_string(), kHostileSerial);
}

}  // namespace
}  // namespace kiln
