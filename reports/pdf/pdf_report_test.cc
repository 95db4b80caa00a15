// Claims about the PDF report that need no reader of PDF; tests_hw/virtual/pdf.py reads what stands on its
// sheets.

#include <gtest/gtest.h>

#include <numeric>

#include "common/record_for_test.h"
#include "pdf/column_widths.h"
#include "pdf/page_flow.h"

namespace kiln {
namespace {

std::size_t sheets_of(const std::string& body) {
  TextShaper shaper;
  Sheets sheets;
  PageFlow flow(sheets, shaper);
  const Status set = flow.set("<body><main>" + body + "</main></body>");
  EXPECT_TRUE(set.has_value());
  return sheets.count();
}

std::string all_of(const std::vector<TextPiece>& pieces) {
  std::string text;
  for (const TextPiece& piece : pieces) text += piece.text;
  return text;
}

TEST(PdfReport, TheSameRecordMakesTheSameBytes) {
  RecordForTest record;
  record.measured(Outcome::fail, 91.5, "hot");
  record.series("C01", "GPU_0", {{0, 50}, {1, 60}, {2, 91.5}});
  record.end();
  const std::string once = render_report("pdf", record.done());
  EXPECT_EQ(once.rfind("%PDF-1.", 0), 0U);
  EXPECT_EQ(once, render_report("pdf", record.done()));
}

TEST(PdfReport, EveryKindOfRecordHasOne) {
  RecordForTest good;
  good.measured(Outcome::pass, 60.0);
  good.end();
  RecordForTest broken;
  broken.done().events.broken = RecordBreak{};
  broken.input.events.broken->reason = "disk full";
  ReportInput empty;
  for (const ReportInput& input : {good.done(), broken.input, empty})
    EXPECT_GT(render_report("pdf", input).size(), 3000U) << input.run.id;
}

TEST(PdfReport, HostileTextIsLettersAndNothingElse) {
  RecordForTest record;
  for (const std::string hostile : {"</td></tr></table><script>alert(1)</script>", "]]>", "<![CDATA[x",
                                    "&#x41;&amp;&nope;", "\xFF\xFE", "\x01\x02\x1B[31m",
                                    "\xE2\x80\xAE"
                                    "oga",
                                    "<!-- ", "{{{style}}}", "%s%n", "(\\) Tj ET endstream"}) {
    record.measured(Outcome::fail, hostile, hostile);
    record.series("C01", hostile, {{0, 1}, {1, 2}}, hostile, hostile);
    record.add("C01", "soak/load", Disturbance{hostile, hostile, 1});
    record.add("C01", "soak/load", Diagnosed{hostile, hostile, hostile, hostile});
  }
  record.end();
  EXPECT_EQ(render_report("pdf", record.done()).rfind("%PDF-1.", 0), 0U);
}

TEST(PdfReport, AMegabyteWithoutASpaceIsCut) {
  TextShaper shaper;
  const ShapedText text = shaper.shape(std::string(1'000'000, 'x'), {}, 200);
  EXPECT_GT(text.lines(), 100);
  EXPECT_LT(text.lines(), 2000);
}

TEST(PdfReport, ARowHigherThanASheetGoesOnOnTheNext) {
  const std::string cell(12'000, 'w');
  EXPECT_GE(sheets_of("<table><thead><tr><th>A</th><th>B</th></tr></thead><tr><td>" + cell +
                      "</td><td>short</td></tr></table>"),
            2U);
}

TEST(PdfReport, ALongTableTakesAsManySheetsAsItNeeds) {
  std::string rows;
  for (int row = 0; row < 500; ++row) rows += "<tr><td>GPU_0</td><td>61.5 Cel</td></tr>";
  const std::size_t sheets = sheets_of("<table>" + rows + "</table>");
  EXPECT_GE(sheets, 6U);
  EXPECT_LE(sheets, 12U);
}

TEST(PdfReport, ClosedSectionsAreOpenOnlyWhereThePageSaysSo) {
  std::string rows;
  for (int row = 0; row < 500; ++row) rows += "<tr><td>x</td></tr>";
  const std::string closed = "<details><summary>s</summary><table>" + rows + "</table></details>";
  EXPECT_EQ(sheets_of(closed), 1U);
  EXPECT_GT(sheets_of("<details open=\"\"><summary>s</summary><table>" + rows + "</table></details>"), 4U);
}

TEST(PdfReport, APageThatIsNoXmlIsAnErrorAndNoHalfReport) {
  TextShaper shaper;
  Sheets sheets;
  PageFlow flow(sheets, shaper);
  const Status set = flow.set("<body><main><p>one<b>two</p></main></body>");
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code, "report.page_unreadable");
}

TEST(PdfReport, TextOfUnknownElementsIsSetAllTheSame) {
  pugi::xml_document document;
  document.load_string("<future>read <b>me</b> <mark>too</mark></future>",
                       pugi::parse_default | pugi::parse_ws_pcdata);
  EXPECT_EQ(all_of(pieces_of(document.first_child())), "read me too");
}

TEST(PdfReport, WhiteSpaceIsThatOfABrowser) {
  pugi::xml_document document;
  document.load_string("<p>\n one <b>two</b>\n three<br/>four  </p>",
                       pugi::parse_default | pugi::parse_ws_pcdata);
  EXPECT_EQ(all_of(pieces_of(document.first_child())), "one two three\nfour");
}

TEST(PdfReport, WhatNoFontHasIsShownByName) {
  TextShaper shaper;
  // A noncharacter's neighbour in a private plane: no font has it.
  const ShapedText text = shaper.shape("part \xF4\x80\x80\x81 end", {}, 0);
  EXPECT_EQ(shaper.undrawable().count(U'\U00100001'), 1U);
  EXPECT_GT(text.width(), shaper.shape("part  end", {}, 0).width() + 20) << "its name takes room";
}

TEST(ColumnWidths, FillTheWidthAndKeepWordsWhole) {
  const std::vector<double> widths = column_widths({{400, 60}, {40, 40}, {300, 50}}, 300, false);
  EXPECT_NEAR(std::accumulate(widths.begin(), widths.end(), 0.0), 300, 1e-6);
  EXPECT_GE(widths[0], 60);
  EXPECT_NEAR(widths[1], 40, 1e-6) << "what fits whole stays whole";
}

TEST(ColumnWidths, OneEndlessWordDoesNotStarveTheOthers) {
  const std::vector<double> widths = column_widths({{9000, 9000}, {30, 30}, {30, 30}}, 300, false);
  EXPECT_NEAR(std::accumulate(widths.begin(), widths.end(), 0.0), 300, 1e-6);
  EXPECT_GE(widths[1], 30 - 1e-6);
}

TEST(ColumnWidths, ANarrowTableStaysNarrow) {
  EXPECT_EQ(column_widths({{30, 10}, {40, 10}}, 300, true), (std::vector<double>{30, 40}));
}

}  // namespace
}  // namespace kiln
