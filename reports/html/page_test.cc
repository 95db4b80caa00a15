// Claims about the page as a whole: what page 1 says, and what the evidence behind it shows.

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

std::string page_of(RecordForTest& record) { return render_report("html", record.done()); }

std::string page_1_of(const std::string& page) {
  return page.substr(page.find("class=\"page1\""), page.find("</section>") - page.find("class=\"page1\""));
}

TEST(HtmlPage, PageOneAnswersWhatAReviewerAsks) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "91.5 Cel is above the limit ≤ 85 Cel");
  record.end();
  const std::string page_1 = page_1_of(page_of(record));
  for (const char* wanted :
       {"✖ NO-GO", "SIMULATED RACK – NOT HARDWARE", "C01 (compute tray, U11) · GPU_0", "gpu.hot",
        "gpu.temperature.max 91.5 Cel, limit ≤ 85 Cel", "→ check the cold plate", "not-eligible",
        "because: simulated rack, not hardware", "<dt>required</dt><dd>1</dd>", "<dt>failed</dt><dd>1</dd>",
        "none (engineering run)", "class=\"elevation\""}) {
    EXPECT_NE(page_1.find(wanted), std::string::npos) << wanted;
  }
}

TEST(HtmlPage, AFailingTileLeadsToACardThatIsThere) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "hot");
  record.end();
  const std::string page = page_of(record);
  EXPECT_EQ(count_in(page, "href=\"#why-1\""), 1);
  EXPECT_EQ(count_in(page, " id=\"why-1\""), 1);
}

TEST(HtmlPage, AGoSaysThatNothingIsLeftToDo) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.end();
  const std::string page_1 = page_1_of(page_of(record));
  EXPECT_NE(page_1.find("All 1 required checks were measured and none failed."), std::string::npos);
  EXPECT_EQ(page_1.find("class=\"card"), std::string::npos);
}

TEST(HtmlPage, AFailThatPassedLaterIsVisiblySticky) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "hot");
  record.measured(Outcome::pass, 60.0, "", 2);
  record.end();
  const std::string page = page_of(record);
  EXPECT_NE(page_1_of(page).find("1 checks failed and passed later: they stay failed"), std::string::npos);
  EXPECT_NE(page.find("attempt 1: 91.5 Cel fail → attempt 2: 60 Cel pass"), std::string::npos);
  EXPECT_NE(page.find("✔ pass, but failed before"), std::string::npos);
  EXPECT_NE(page_1_of(page).find("✖ NO-GO"), std::string::npos);
}

TEST(HtmlPage, EveryAttemptOfARepeatedStepIsListedWithItsWhy) {
  RecordForTest record;
  StepEnded error;
  error.status = WorkStatus::error;
  error.code = "bmc.unreachable";
  error.message = "no answer for 5 s";
  record.add("C01", "soak/load", error);
  record.add("C01", "soak/load", StepBegun{}, 2);
  record.measured(Outcome::pass, 60.0, "", 2);
  record.add("C01", "soak/load", StepEnded{}, 2);
  const std::string page = page_of(record);
  EXPECT_NE(page.find("? error</td><td class=\"n\">1.0 s</td><td>bmc.unreachable: no answer for 5 s"),
            std::string::npos);
  EXPECT_NE(page.find("✔ complete</td>"), std::string::npos) << "the attempt that worked is listed beside it";
}

TEST(HtmlPage, MarginLimitOriginAndSourceAreShown) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  auto& measured = std::get<Measured>(record.input.events.events.back().body);
  measured.margin_percent = 29.41;
  measured.source = {"redfish", "/redfish/v1/Chassis/GPU_0/Sensors/T"};
  record.end();
  const std::string page = page_of(record);
  for (const char* wanted : {"+29.4 %", "<a href=\"#limit-1\">≤ 85 Cel</a>", "<tr id=\"limit-1\">",
                             "product specification", "redfish /redfish/v1/Chassis/GPU_0/Sensors/T"}) {
    EXPECT_NE(page.find(wanted), std::string::npos) << wanted;
  }
}

TEST(HtmlPage, DisturbancesAreOnPageOneAndInFull) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.add("C01", "soak/load", Disturbance{"bmc.reset", "the BMC restarted", 3});
  record.end();
  const std::string page = page_of(record);
  EXPECT_NE(page_1_of(page).find("<dt>disturbances</dt><dd>3</dd>"), std::string::npos);
  EXPECT_NE(page_1_of(page).find("bmc.reset"), std::string::npos);
  EXPECT_NE(page.find("the BMC restarted"), std::string::npos);
}

TEST(HtmlPage, ManyReasonsLeavePageOneReadableAndNoneIsLost) {
  RecordForTest record;
  for (int tray = 2; tray <= 40; ++tray) {
    const std::string dut = "C" + std::to_string(tray);
    record.plan(dut, Role::compute_tray, tray + 100);
    record.add(dut, "soak/load", Diagnosed{"gpu.hot", "GPU_0", "x", "y"});
    Measured body;
    body.name = "gpu.temperature.max";
    body.part = "GPU_0";
    body.outcome = Outcome::fail;
    body.fault_code = "gpu.hot." + dut;
    body.reason = std::string(2000, 'w') + "end of " + dut;
    record.add(dut, "soak/load", body);
  }
  record.end();
  const std::string page = page_of(record);
  EXPECT_EQ(count_in(page_1_of(page), "<div class=\"card no-go\""), 3);
  EXPECT_LT(page_1_of(page).size(), 80'000U);
  for (int tray = 2; tray <= 40; ++tray)
    EXPECT_NE(page.find("end of C" + std::to_string(tray)), std::string::npos) << tray;
  for (int link = 1; link <= 40; ++link) {  // 39 fail, and C01 was not measured
    EXPECT_EQ(count_in(page, "href=\"#why-" + std::to_string(link) + "\""), 1) << link;
    EXPECT_EQ(count_in(page, " id=\"why-" + std::to_string(link) + "\""), 1) << link;
  }
}

TEST(HtmlPage, AnEmptyRunConcludesNothing) {
  ReportInput input;
  input.run.id = "R-1";
  input.run.state = RunState::interrupted;
  input.verdict = roll_up(std::vector<Event>{});
  const std::string page = render_report("html", input);
  for (const char* wanted : {"? NOTHING RECORDED", "INTERRUPTED", "nothing may be concluded",
                             "No DUT was planned", "The record holds no step.", "END OF REPORT"}) {
    EXPECT_NE(page.find(wanted), std::string::npos) << wanted;
  }
}

TEST(HtmlPage, ASurveyShowsItsDutsWithoutDecision) {
  RecordForTest record;
  std::get<RunBegun>(record.input.events.events.front().body).purpose = "survey";
  record.end();
  const std::string page = page_of(record);
  EXPECT_NE(page.find("· SURVEY"), std::string::npos);
  EXPECT_NE(page.find("A survey reads and decides nothing."), std::string::npos);
}

TEST(HtmlPage, TheBrowserIsToldToLoadNothing) {
  RecordForTest record;
  record.end();
  EXPECT_NE(page_of(record).find("content=\"default-src 'none'; style-src 'unsafe-inline'"),
            std::string::npos);
}

TEST(HtmlPage, AShortReportIsPrintedWholeAndALongOneSaysWhatIsNot) {
  RecordForTest record;
  record.measured(Outcome::pass, 60.0);
  record.end();
  EXPECT_NE(page_of(record).find("<body class=\"print-all\">"), std::string::npos);
  RecordForTest large;
  for (int row = 0; row < 5000; ++row) large.measured(Outcome::pass, 60.0);
  large.end();
  const std::string page = page_of(large);
  EXPECT_EQ(page.find("<body class=\"print-all\">"), std::string::npos);
  EXPECT_NE(page.find("Closed sections are not printed: 5000 values"), std::string::npos);
}

/// 9,000 values of 90 parts; one is bad.
RecordForTest record_of_a_large_rack() {
  RecordForTest record;
  for (int row = 0; row < 9000; ++row) {
    record.measured(row == 4500 ? Outcome::fail : Outcome::pass, 50.0 + row % 7, row == 4500 ? "hot" : "");
    auto& measured = std::get<Measured>(record.input.events.events.back().body);
    measured.part = "GPU_" + std::to_string(row % 90);
    measured.name = "check_" + std::to_string(row / 90);
    measured.margin_percent = 10.0 + row % 90;
    measured.source = {"redfish", "/redfish/v1/Chassis/" + measured.part + "/Sensors/T"};
  }
  record.end();
  return record;
}

TEST(HtmlPage, OnALargeRackLikeValuesShareARowAndNoneIsLost) {
  RecordForTest record = record_of_a_large_rack();
  const std::string page = page_of(record);
  EXPECT_EQ(count_in(page, "<td>90 values: GPU_0 … GPU_89</td>"), 99);
  EXPECT_EQ(count_in(page, "<td>50 to 56 Cel</td>"), 100);
  EXPECT_EQ(count_in(page, "least +10.0 %"), 99);
  EXPECT_EQ(count_in(page, "redfish /redfish/v1/Chassis/…"), 100);  // also of GPU_1 and GPU_10
  EXPECT_EQ(count_in(page, "GPU_41 "), 100) << "each part's value stands in its row";
  EXPECT_EQ(count_in(page, "<tr class=\"no-go\"><td>GPU_0</td><td>check_50</td>"), 1)
      << "a fail stands alone";
  EXPECT_NE(page.find("share a row"), std::string::npos);
  EXPECT_LT(page.size(), 60U * 9000) << "an NVL72 rack has 58,000 values, and its page 3 MB";
  EXPECT_EQ(count_in(page, "<td class=\"n\">90</td></tr>"), 100) << "the values that each limit judged";
}

TEST(HtmlPage, SharedRowsOfOneValueNameAllTheirParts) {
  RecordForTest record;
  for (int row = 0; row < 9000; ++row) {
    record.measured(Outcome::pass, std::string("OK"));
    auto& measured = std::get<Measured>(record.input.events.events.back().body);
    const int part = row % 90 + (row % 90 >= 40 ? 1 : 0);  // 40 is missing
    measured.part = row % 90 == 89 ? "fan" : "GPU_1/NVLink_" + std::to_string(part);
    measured.name = "check_" + std::to_string(row / 90);
    measured.limits_revision = row % 90 == 0 ? 6 : 7;
    measured.source = {"redfish", "/redfish/v1/GPU_" + std::to_string(part) + "/Ports"};
  }
  record.end();
  const std::string page = page_of(record);
  EXPECT_EQ(count_in(page, "<td>89 values: GPU_1/NVLink_1…39, GPU_1/NVLink_41…89, fan</td>"), 100);
  EXPECT_EQ(count_in(page, "<td>GPU_1/NVLink_0</td>"), 100) << "another limits revision judged it";
  EXPECT_EQ(count_in(page, "redfish /redfish/v1/…"), 100) << "GPU_1 is no beginning of GPU_10";
}

}  // namespace
}  // namespace kiln
