// Claims about all formats: what a reader must see, whatever happened to the run, and that nothing written
// into a record can become part of a page.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

#include "common/record_for_test.h"
#include "common/report_format.h"
#include "common/schema_for_test.h"

namespace kiln {
namespace {

std::string render(const std::string& name, const ReportInput& input) { return render_report(name, input); }

std::string misfit(const std::string& report) {
  return schema_misfit("reports/json/report.schema.json", report);
}

using Record = RecordForTest;

TEST(Reports, PageOneAnswersDecisionWhyPartAndActionInEveryFormat) {
  Record record;
  record.measured(Outcome::fail, 91.5, "91.5 Cel is above the limit ≤ 85 Cel");
  record.end();
  const ReportInput& input = record.done();
  for (const char* format : {"html", "json", "text"}) {
    const std::string text = render(format, input);
    for (const char* wanted : {"NO-GO", "gpu.hot", "GPU_0", "check the cold plate", "not-eligible"}) {
      EXPECT_NE(text.find(wanted), std::string::npos) << format << " lacks " << wanted;
    }
  }
  EXPECT_NE(render("html", input).find("SIMULATED RACK – NOT HARDWARE"), std::string::npos);
  EXPECT_NE(render("text", input).find("SIMULATED RACK – NOT HARDWARE"), std::string::npos);
  EXPECT_NE(render("text", input).find(" marginal="), std::string::npos)
      << "the screen's RESULT line has that word";
  EXPECT_NE(render("html", input).find("20 times faster"), std::string::npos);
}

TEST(Reports, WhatARackStepFoundOutIsInEveryFormat) {
  Record record;
  record.measured(Outcome::pass, 60.0);
  record.add("R01", "firmware-after/mix", StepBegun{});
  const Diagnosed mixed{"firmware.mixed", "compute_tray UEFI",
                        "compute_tray UEFI runs 2 versions: 1.4 on C02:UEFI",
                        "bring the few to what the many run"};
  record.add("R01", "firmware-after/mix", mixed);
  record.add("R01", "firmware-after/mix", mixed, 2);  // a repeated attempt says it again
  record.add("R01", "firmware-after/mix", StepEnded{}, 2);
  record.end();
  const ReportInput& input = record.done();
  for (const char* format : {"html", "json", "text"}) {
    const std::string text = render(format, input);
    for (const char* wanted : {"firmware.mixed", "compute_tray UEFI", "1.4 on C02:UEFI", "bring the few"})
      EXPECT_NE(text.find(wanted), std::string::npos) << format << " lacks " << wanted;
    EXPECT_EQ(count_in(text, "1.4 on C02:UEFI"), 1) << format << " says it twice";
  }
  EXPECT_EQ(misfit(render("json", input)), "");
}

TEST(Reports, WhatAReasonSaysAlreadyIsNotSaidAgain) {
  Record record;
  record.measured(Outcome::fail, 91.5, "91.5 Cel is above the limit ≤ 85 Cel");
  record.add(
      "C01", "soak/load",
      Diagnosed{"gpu.hot", "GPU_0", "gpu.temperature.max 91.5 Cel, limit ≤ 85 Cel", "check the cold plate"});
  record.add("C01", "soak/load",
             Diagnosed{"gpu.slow", "GPU_0", "its clock fell to 900 MHz", "look at its power limit"});
  record.end();
  const ReportInput& input = record.done();
  ASSERT_EQ(input.verdict.find("C01")->diagnoses.size(), 1U);
  EXPECT_EQ(input.verdict.find("C01")->diagnoses[0].code, "gpu.slow");
}

TEST(Reports, JsonFitsItsSchemaWhateverHappened) {
  Record good;
  good.measured(Outcome::pass, 60.0);
  good.end();
  EXPECT_EQ(misfit(render("json", good.done())), "");
  Record bad;
  bad.measured(Outcome::fail, std::numeric_limits<double>::quiet_NaN(), "not a number");
  bad.measured(Outcome::unset, std::monostate{}, "N/A");
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  bad.add("C01", "monitor/leak_watch", cut);
  SeriesChunk chunk;
  chunk.name = "gpu.temperature";
  chunk.samples = {{0, std::numeric_limits<double>::quiet_NaN()}, {1, 50}};
  bad.add("C01", "soak/load", chunk);
  GuardClosed undo;
  undo.done = false;
  bad.add("C01", "soak/load", undo);
  bad.add("C01", "soak/load", Disturbance{"bmc.disturbed", "503", 2});
  EXPECT_EQ(misfit(render("json", bad.done())), "");
  ReportInput empty;
  EXPECT_EQ(misfit(render("json", empty)), "");
  EXPECT_NE(misfit("{}"), "") << "the schema must be able to refuse";
}

TEST(Reports, HostileTextNeverBecomesMarkup) {
  Record record;
  const std::string hostile = "<script>alert(1)</script>{{decision}}&\"'";
  record.measured(Outcome::fail, hostile, hostile);
  Disturbance disturbance;
  disturbance.code = hostile;
  disturbance.message = hostile;
  record.add("C01", "soak/load", disturbance);
  SeriesChunk chunk;
  chunk.name = hostile;
  chunk.part = hostile;
  chunk.unit = hostile;
  chunk.samples = {{0, 1}, {1, 2}};
  record.add("C01", "soak/load", chunk);
  record.end();
  const std::string page = render("html", record.done());
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
  boost::system::error_code failed;
  boost::json::parse(render("json", record.done()), failed);
  EXPECT_FALSE(failed);
}

TEST(Reports, NothingLoadsFromElsewhereAndThereIsNoScript) {
  Record record;
  record.measured(Outcome::pass, 60.0);
  record.end();
  const std::string page = render("html", record.done());
  for (const char* never : {"<script", "http://", "https://", "<link", "<img", "@import", "src=", "srcdoc"}) {
    EXPECT_EQ(page.find(never), std::string::npos) << never;
  }
  EXPECT_EQ(count_in(page, "url("), count_in(page, "url(#")) << "patterns of this page, and nothing else";
  EXPECT_NE(page.find("✔ GO"), std::string::npos);
}

TEST(Reports, ABrokenRecordSaysSoFirst) {
  Record record;
  record.measured(Outcome::pass, 60.0);
  ReportInput& input = record.done();
  RecordBreak broken;
  broken.after_sequence = 5;
  broken.utc_ns = 1'700'000'000'000'000'000;
  broken.reason = "disk full";
  input.events.broken = broken;
  EXPECT_EQ(render("text", input).rfind("RECORD BROKEN AT", 0), 0U);
  const std::string page = render("html", input);
  EXPECT_LT(page.find("RECORD BROKEN AT"), page.find("INCOMPLETE</div>"));
}

TEST(Reports, ARunWithoutAnyEventStillHasAReport) {
  ReportInput input;
  input.run.id = "R-20260301-120000-0000";
  input.run.state = RunState::interrupted;
  for (const char* format : {"html", "json", "text"}) {
    const std::string text = render(format, input);
    EXPECT_NE(text.find("INTERRUPTED"), std::string::npos) << format;
    EXPECT_EQ(text.find("✔ GO"), std::string::npos) << format;
  }
}

TEST(Reports, NumbersThatAreNoneDoNotBreakJsonOrDrawings) {
  Record record;
  record.measured(Outcome::fail, std::numeric_limits<double>::quiet_NaN(), "not a number");
  SeriesChunk chunk;
  chunk.name = "gpu.temperature";
  chunk.samples = {{0, std::numeric_limits<double>::quiet_NaN()},
                   {1, 50},
                   {2, std::numeric_limits<double>::infinity()},
                   {3, 51}};
  record.add("C01", "soak/load", chunk);
  record.end();
  boost::system::error_code failed;
  boost::json::parse(render("json", record.done()), failed);
  EXPECT_FALSE(failed);
  const std::string page = render("html", record.done());
  EXPECT_EQ(page.find("nan "), std::string::npos);
  EXPECT_EQ(page.find("inf "), std::string::npos);
}

TEST(Reports, ASurveyDecidesNothing) {
  Record record;
  std::get<RunBegun>(record.input.events.events.front().body).purpose = "survey";
  record.end();
  EXPECT_NE(render("text", record.done()).find("SURVEY"), std::string::npos);
  EXPECT_NE(render("json", record.done()).find("\"decision\":null"), std::string::npos);
}

TEST(Reports, AWholeRackStaysAPageABrowserCanOpen) {
  Record record;
  for (int index = 0; index < 20'000; ++index) record.measured(Outcome::pass, 60.0 + index % 7);
  record.end();
  EXPECT_LT(render("html", record.done()).size(), 15U << 20);
}

TEST(Reports, AnInterruptionIsShownInEveryFormatWithWhoWentOnAndWhatBecameOfEachStep) {
  Record record;
  RunResumed resumed;
  resumed.after_sequence = 4;
  resumed.interrupted_utc_ns = 1'700'000'004'000'000'000;
  resumed.gap_ns = 3'600'000'000'000;
  resumed.operator_name = "Bob <b>";
  resumed.station = "bench-3";
  record.add("", "", resumed);
  record.add("C01", "soak/load", StepResumed{false, ResumePolicy::restart, "it was under way"});
  record.add("C01", "power/on", StepResumed{true, ResumePolicy::keep, "it was measured in full"});
  record.add("C01", "soak/load", StepBegun{}, 2);
  record.measured(Outcome::pass, 61.0, "", 2);
  record.add("C01", "soak/load", StepEnded{}, 2);
  record.add("", "", RunEnded{"complete", ""});
  const ReportInput& input = record.done();
  EXPECT_EQ(input.verdict.decision, Decision::go);
  const std::string json = render("json", input);
  EXPECT_EQ(misfit(json), "");
  const std::string html = render("html", input);
  const std::string text = render("text", input);
  for (const std::string& report : {html, text}) {
    EXPECT_NE(report.find("INTERRUPTED at"), std::string::npos);
    EXPECT_NE(report.find("resumed 1h later by Bob"), std::string::npos);
    EXPECT_NE(report.find("it was measured in full"), std::string::npos);
  }
  EXPECT_EQ(html.find("Bob <b>"), std::string::npos) << "a name is no markup";
  EXPECT_NE(json.find("\"what\":\"done again\""), std::string::npos);
  EXPECT_NE(json.find("step.interrupted"), std::string::npos) << "the attempt that was cut off ended there";
}

}  // namespace
}  // namespace kiln
