#include <gtest/gtest.h>

#include <limits>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "common/record_for_test.h"
#include "common/run_document.h"

namespace kiln {
namespace {

struct JunitRead {
  pugi::xml_document xml;
  explicit JunitRead(const ReportInput& input) {
    const std::string text = render_report("junit", input);
    const pugi::xml_parse_result parsed = xml.load_buffer(text.data(), text.size());
    EXPECT_TRUE(parsed) << parsed.description() << " at " << parsed.offset;
    for (const char never : text) EXPECT_FALSE(never >= 0 && never < 0x20 && never != '\n' && never != '\t');
  }
  [[nodiscard]] int sum(const char* name) const { return xml.child("testsuites").attribute(name).as_int(-1); }
  [[nodiscard]] int nodes(const char* path) const { return static_cast<int>(xml.select_nodes(path).size()); }
  /// What the sums say is what a reader counts.
  void adds_up() const {
    EXPECT_EQ(sum("tests"), nodes("//testcase"));
    EXPECT_EQ(sum("failures"), nodes("//testcase/failure"));
    EXPECT_EQ(sum("errors"), nodes("//testcase/error"));
    EXPECT_EQ(nodes("//skipped"), 0) << "readers take a skip for green";
  }
};

TEST(JunitReport, AGoRunIsGreenWithACasePerCell) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.end();
  const JunitRead read(record.done());
  read.adds_up();
  EXPECT_EQ(read.sum("failures") + read.sum("errors"), 0);
  EXPECT_EQ(
      read.nodes(
          "//testsuite[@name='C01']/testcase[@classname='soak/load' and @name='gpu.temperature.max@GPU_0']"),
      1);
}

TEST(JunitReport, APassAfterAFailIsAFailureWithAllItsValues) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "too hot");
  record.measured(Outcome::pass, 60.0, "", 2);
  record.end();
  const JunitRead read(record.done());
  read.adds_up();
  EXPECT_EQ(read.nodes("//testcase[@name='gpu.temperature.max@GPU_0']/failure[@type='gpu.hot']"), 1);
  const std::string out =
      read.xml.select_node("//testcase[@name='gpu.temperature.max@GPU_0']/system-out").node().child_value();
  EXPECT_NE(out.find("attempt 1: fail 91.5"), std::string::npos) << out;
  EXPECT_NE(out.find("attempt 2: pass 60"), std::string::npos) << out;
}

TEST(JunitReport, ARetriedAttemptLeavesItsTrace) {
  RecordForTest record;
  record.end_after_retry();
  const ReportInput& input = record.done();
  ASSERT_EQ(input.verdict.decision, Decision::go);
  const JunitRead read(input);
  read.adds_up();
  EXPECT_EQ(read.nodes("//property[@name='retried']"), 1);
  const std::string out = read.xml.select_node("//testcase[@name='step']/system-out").node().child_value();
  EXPECT_NE(out.find("attempt 1: error bmc.timeout"), std::string::npos) << out;
  EXPECT_NE(out.find("attempt 2: complete"), std::string::npos) << out;
}

TEST(JunitReport, WhatIsNotGoIsNeverGreen) {
  std::vector<ReportInput> inputs(1);  // the first: nothing recorded
  RecordForTest not_run;
  not_run.end();
  inputs.push_back(not_run.done());
  RecordForTest survey;
  std::get<RunBegun>(survey.input.events.events.front().body).purpose = "survey";
  survey.end();
  inputs.push_back(survey.done());
  RecordForTest broken;
  broken.measured(Outcome::pass, 60.0);
  broken.end();
  inputs.push_back(broken.done());
  RecordBreak where;
  where.after_sequence = 5;
  where.reason = "disk full";
  inputs.back().run.broken = where;
  RecordForTest cut;
  cut.measured(Outcome::pass, 60.0);
  Interlocked interlock;
  interlock.cause = "leak";
  interlock.code = "leak.detected";
  cut.add("C01", "monitor/leak", interlock);
  cut.end();
  inputs.push_back(cut.done());
  RecordForTest marginal;
  std::get<RunBegun>(marginal.input.events.events.front().body).marginal_is_conditional = true;
  marginal.measured(Outcome::marginal, 84.0);
  marginal.end();
  inputs.push_back(marginal.done());
  EXPECT_EQ(inputs.back().verdict.decision, Decision::conditional);
  RecordForTest extra;  // a fail that no cell stands for
  extra.measured(Outcome::pass, 60.0);
  extra.measured(Outcome::fail, 99.0);
  std::get<Measured>(extra.input.events.events.back().body).part = "GPU_9";
  extra.end();
  inputs.push_back(extra.done());
  for (const ReportInput& input : inputs) {
    const JunitRead read(input);
    read.adds_up();
    EXPECT_GT(read.sum("failures") + read.sum("errors"), 0) << decision_word(input);
  }
  EXPECT_EQ(JunitRead(inputs.back()).nodes("//testcase[contains(@name,'GPU_9 (not required)')]/failure"), 1);
}

TEST(JunitReport, HostileTextIsTextAndNothingElse) {
  RecordForTest record;
  constexpr char kBytes[] = "]]></failure></testcase><testcase name=\"x\"/>\0\x01\x08\xFF\uFFFE&#0;";
  const std::string hostile = std::string(kBytes, sizeof kBytes - 1) + std::string(1 << 20, '<');
  record.measured(Outcome::fail, hostile, hostile);
  record.measured(Outcome::fail, std::numeric_limits<double>::quiet_NaN(), "not a number");
  record.add("C01", "soak/load", Retried{hostile, hostile, 2});
  record.end();
  const ReportInput& input = record.done();
  const JunitRead read(input);
  read.adds_up();
  EXPECT_EQ(read.nodes("//testcase[@name='x']"), 0);
  EXPECT_LT(render_report("junit", input).size(), 200'000U) << "a name of a megabyte is cut";
}

}  // namespace
}  // namespace kiln
