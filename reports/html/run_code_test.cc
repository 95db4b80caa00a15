#include "html/run_code.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

ReportInput run_of(const std::string& id, const std::string& head) {
  ReportInput input;
  input.run.id = id;
  input.run.chain_head = head;
  input.verdict.decision = Decision::no_go;
  return input;
}

TEST(RunCode, SaysRunDecisionAndTheWholeHash) {
  const std::string head(64, 'a');
  const std::string text = run_code_text(run_of("R-20261130-184832-a20c", head));
  EXPECT_TRUE(text.starts_with("KILN R-20261130-184832-a20c ")) << text;
  EXPECT_TRUE(text.ends_with(head)) << text;
  const std::string svg = draw_run_code(run_of("R-20261130-184832-a20c", head));
  EXPECT_NE(svg.find(">R-20261130-184832-a20c<"), std::string::npos) << "also for people";
  EXPECT_NE(svg.find(std::string(32, 'a') + "<"), std::string::npos);
  // The first of the three corners: seven dark modules in a row, four away from the edge.
  EXPECT_NE(svg.find("d=\"M4 4h7v1h-7z"), std::string::npos) << svg.substr(0, 700);
}

TEST(RunCode, AnotherHashIsAnotherCode) {
  EXPECT_NE(draw_run_code(run_of("R-1", std::string(64, 'a'))),
            draw_run_code(run_of("R-1", std::string(64, 'b'))));
}

TEST(RunCode, WithoutARecordThereIsNoneAndNothingBecomesMarkup) {
  EXPECT_EQ(draw_run_code(run_of("R-1", "")), "");
  EXPECT_EQ(draw_run_code(run_of(std::string(8'000, 'x'), std::string(64, 'a'))), "")
      << "too long for a code";
  const std::string svg = draw_run_code(run_of("<script>", "<b>"));
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
}

}  // namespace
}  // namespace kiln
