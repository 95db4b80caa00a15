#include "html/elevation.h"

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

RunVerdict rack_of(int duts, Decision decision = Decision::go) {
  RunVerdict verdict;
  verdict.decision = decision;
  for (int index = 1; index <= duts; ++index) {
    DutVerdict dut;
    dut.id = "C" + std::to_string(index);
    dut.role = Role::compute_tray;
    dut.slot = index;
    dut.decision = decision;
    verdict.duts.push_back(dut);
  }
  return verdict;
}

double height_of(const std::string& svg) {
  const auto from = svg.find("viewBox=\"0 0 ");
  return std::stod(svg.substr(svg.find(' ', from + 13)));
}

TEST(Elevation, TheHighestSlotIsOnTop) {
  const std::string svg = draw_elevation(rack_of(12), {});
  EXPECT_LT(svg.find(">U12<"), svg.find(">U11<"));
  EXPECT_LT(svg.find(">U2<"), svg.find(">U1<"));
}

TEST(Elevation, EveryDutHasOneTileHoweverManyThereAre) {
  for (const int count : {1, 4, 14, 36, 48, 49, 200}) {
    RunVerdict verdict = rack_of(count);
    DutVerdict loose;
    loose.id = "CDU01";
    loose.role = Role::cdu;
    verdict.duts.insert(verdict.duts.begin(), loose);
    const std::string svg = draw_elevation(verdict, {});
    EXPECT_EQ(count_in(svg, "class=\"tile "), count + 1);
    EXPECT_NE(svg.find("no slot"), std::string::npos);
    EXPECT_LT(height_of(svg), 48 * 18.0 + 40) << count << " tiles outgrow the page";
  }
}

TEST(Elevation, ADecisionIsWordGlyphColourAndBorder) {
  const auto tile = [](Decision decision) { return draw_elevation(rack_of(1, decision), {}); };
  struct Seen {
    Decision decision;
    const char *word, *glyph, *colour, *border;
  };
  for (const Seen& seen : {Seen{Decision::go, ">GO<", "✔", "#009E73", "stroke-width=\"1.6\""},
                           Seen{Decision::no_go, ">NO-GO<", "✖", "kiln-hatch", "stroke-width=\"3.4\""},
                           Seen{Decision::conditional, ">CONDITIONAL<", "▲", "kiln-dots", "0.1 4.6"},
                           Seen{Decision::incomplete, ">INCOMPLETE<", ">?<", "kiln-dashes", "7 4"}}) {
    const std::string svg = tile(seen.decision);
    for (const char* wanted : {seen.word, seen.glyph, seen.colour, seen.border})
      EXPECT_NE(svg.find(wanted), std::string::npos) << seen.word << " lacks " << wanted;
  }
}

TEST(Elevation, AFailingTileLeadsToItsReasonsAndSaysThem) {
  RunVerdict verdict = rack_of(2, Decision::no_go);
  Reason reason;
  reason.code = "leak.detected";
  reason.fru = "LeakDetector_2";
  verdict.duts[1].reasons = {reason, reason};
  const std::string svg = draw_elevation(verdict, {{"C2", "why-1"}});
  EXPECT_EQ(count_in(svg, "<a href=\"#why-1\">"), 1);
  EXPECT_NE(svg.find("leak.detected LeakDetector_2 and 1 more"), std::string::npos);
}

TEST(Elevation, ASurveyShowsNoDecision) {
  RunVerdict verdict = rack_of(3);
  verdict.decision.reset();
  const std::string svg = draw_elevation(verdict, {});
  EXPECT_EQ(svg.find(">GO<"), std::string::npos);
  EXPECT_EQ(count_in(svg, ">SURVEY<"), 3);
}

TEST(Elevation, NothingPlannedDrawsNothing) { EXPECT_EQ(draw_elevation(RunVerdict(), {}), ""); }

}  // namespace
}  // namespace kiln
