#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "station/screen/answer.h"
#include "station/screen/block_letters.h"
#include "station/screen/footer.h"
#include "station/screen/printable.h"
#include "station/screen/screen_for_test.h"
#include "station/screen/time_left.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// ---------------------------------------------------------------- text

TEST(PrintableTest, WhatADeviceAnsweredCannotMoveTheCursorOrForgeALine) {
  const std::string nasty =
      "serial\x1b[2J\r\nRESULT verdict=GO \xE2\x80\xAE"
      "OG";
  const std::string clean = printable(nasty, true);
  EXPECT_EQ(clean, "serial?[2J  RESULT verdict=GO ?OG");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m",
                      true),
            "?31m")
      << "C1 control: CSI in one character";
}

TEST(PrintableTest, BrokenUtf8BecomesQuestionMarksAndLosesNothingElse) {
  EXPECT_EQ(printable("a\xFFz\xC3", true), "a?z?");
  EXPECT_EQ(printable("a\xF6\x90\x80\x80z", true), "a????z") << "no UTF-8 reader takes that";
  EXPECT_EQ(printable(std::string("a\0b", 3), true), "a?b");
}

TEST(PrintableTest, WithoutUnicodeEverythingIsAscii) {
  EXPECT_EQ(printable("61 °C → ≥ 3 × 漢", false), "61  deg C -> >= 3 x ?");
}

TEST(PrintableTest, FittedTextIsExactlyAsWideAsAsked) {
  for (const std::string text :
       {"", "GPU_0", "温度传感器", "a much longer text than fits", "ééééééééééééé"}) {
    for (int columns = 1; columns < 20; ++columns) {
      EXPECT_EQ(display_width(fitted(text, columns, true)), columns) << text << " in " << columns;
    }
  }
}

TEST(PrintableTest, WrappedTextBreaksAtBlanksAndSaysWhenItIsCut) {
  const auto lines = wrapped("Connect supply and return hoses", 12, 9, true);
  EXPECT_EQ(lines, (std::vector<std::string>{"Connect", "supply and", "return hoses"}));
  const auto cut = wrapped("Connect supply and return hoses", 12, 2, true);
  ASSERT_EQ(cut.size(), 2U);
  EXPECT_THAT(cut.back(), HasSubstr("…"));
  EXPECT_EQ(wrapped("unbreakable", 4, 9, true), (std::vector<std::string>{"unbr", "eaka", "ble"}));
}

TEST(BlockLettersTest, EveryDecisionHasFiveRowsThatFitAnOldTerminal) {
  for (const std::string word : {"GO", "NO-GO", "CONDITIONAL", "INCOMPLETE", "SURVEY"}) {
    const auto rows = block_letters(word, true);
    ASSERT_EQ(rows.size(), 5U);
    for (const auto& row : rows) {
      EXPECT_EQ(display_width(row), display_width(rows.front())) << word;
      EXPECT_LE(display_width(row), 74) << word;
    }
    for (const char letter : word)
      EXPECT_THAT(block_letters(std::string(1, letter), false), testing::Contains(HasSubstr("#"))) << letter;
  }
}

// ---------------------------------------------------------------- answers

PromptRequest question(PromptRequest::Answer kind) {
  PromptRequest request;
  request.answer = kind;
  return request;
}

TEST(AnswerTest, OnlyYesAndNoConfirm) {
  const PromptRequest request = question(PromptRequest::Answer::confirm);
  EXPECT_TRUE(read_answer(request, "Y").answer->confirmed);
  EXPECT_FALSE(read_answer(request, "no").answer->confirmed);
  for (const std::string text : {"", " ", "ok", "yess", "1"})
    EXPECT_FALSE(read_answer(request, text).answer) << text;
}

TEST(AnswerTest, AChoiceIsANumberOrAName) {
  PromptRequest request = question(PromptRequest::Answer::choice);
  request.choices = {"tight", "loose"};
  EXPECT_EQ(read_answer(request, "2").answer->text, "loose");
  EXPECT_EQ(read_answer(request, "TIGHT").answer->text, "tight");
  EXPECT_THAT(read_answer(request, "tigth").why_not, HasSubstr("tight"));
  EXPECT_FALSE(read_answer(request, "3").answer);
}

TEST(AnswerTest, ANumberOutsideItsRangeIsTheTruthAndARefusal) {
  PromptRequest request = question(PromptRequest::Answer::number);
  request.min = 1.0;
  request.max = 3.0;
  request.unit = "bar";
  EXPECT_TRUE(read_answer(request, "2.5").answer->confirmed);
  EXPECT_TRUE(read_answer(request, "2.5 bar").answer->confirmed);
  EXPECT_EQ(read_answer(request, "0.4").answer->text, "0.4 bar");
  EXPECT_FALSE(read_answer(request, "0.4").answer->confirmed);
  for (const std::string text : {"", "x", "2.5 psi", "nan", "inf"})
    EXPECT_FALSE(read_answer(request, text).answer) << text;
}

TEST(AnswerTest, AScanMustMatchAsAWhole) {
  PromptRequest request = question(PromptRequest::Answer::scan);
  request.pattern = "MF-\\d{6}";
  EXPECT_TRUE(read_answer(request, "MF-123456").answer->confirmed);
  EXPECT_FALSE(read_answer(request, "xMF-123456").answer);
  EXPECT_FALSE(read_answer(request, "").answer);
}

TEST(AnswerTest, AnyQuestionCanBeAnsweredWithWhyNot) {
  for (const auto kind :
       {PromptRequest::Answer::confirm, PromptRequest::Answer::choice, PromptRequest::Answer::number,
        PromptRequest::Answer::text, PromptRequest::Answer::scan}) {
    const ReadAnswer read = read_answer(question(kind), "! the hose is missing");
    ASSERT_TRUE(read.answer);
    EXPECT_FALSE(read.answer->confirmed);
    EXPECT_EQ(read.answer->text, "cannot: the hose is missing");
    EXPECT_FALSE(read_answer(question(kind), "!").answer);
  }
}

// ---------------------------------------------------------------- progress

TEST(RunProgressTest, TheRackStandsAsItDoesInTheHall) {
  const RunProgress progress(small_plan());
  std::vector<std::string> order;
  for (const auto& dut : progress.duts()) order.push_back(dut.id);
  EXPECT_EQ(order, (std::vector<std::string>{"S01", "C02", "C01", "CDU01"}));
}

TEST(RunProgressTest, AFailStaysWhateverComesAfter) {
  RunProgress progress(small_plan());
  progress.on_event(event_at(1, "C01", "cooling/flow", StepBegun{}));
  EXPECT_EQ(progress.find("C01")->word(), "RUNNING");
  Measured fail;
  fail.outcome = Outcome::fail;
  progress.on_event(event_at(2, "C01", "cooling/flow", fail));
  for (const auto* step : {"cooling/flow", "soak/load", "teardown/off"})
    progress.on_event(event_at(3, "C01", step, ended_as(WorkStatus::complete)));
  EXPECT_TRUE(progress.find("C01")->over);
  EXPECT_EQ(progress.find("C01")->word(), "FAIL");
}

TEST(RunProgressTest, OnlyWorkThatIsAllDonePasses) {
  RunProgress progress(small_plan());
  for (const auto* step : {"cooling/flow", "soak/load"}) {
    progress.on_event(event_at(1, "C01", step, StepBegun{}));
    progress.on_event(event_at(2, "C01", step, ended_as(WorkStatus::complete)));
  }
  EXPECT_EQ(progress.find("C01")->word(), "RUNNING") << "it is still to be switched off";
  progress.on_event(event_at(3, "C01", "teardown/off", ended_as(WorkStatus::complete)));
  EXPECT_EQ(progress.find("C01")->word(), "PASS");
  progress.on_event(event_at(3, "C02", "cooling/flow", ended_as(WorkStatus::complete)));
  progress.on_event(event_at(3, "C02", "soak/load", ended_as(WorkStatus::skipped)));
  progress.on_event(event_at(3, "C02", "teardown/off", ended_as(WorkStatus::complete)));
  EXPECT_EQ(progress.find("C02")->word(), "INCOMPLETE");
}

TEST(RunProgressTest, ARequiredCheckWithoutAValueIsNoPassEvenWhenItsWorkEnded) {
  Plan plan = small_plan();
  CellPlanned planned;
  planned.cell.step = "cooling/flow";
  planned.cell.dut = "CDU01";
  planned.cell.measurement = "coolant.flow";
  plan.cells.push_back(planned);
  RunProgress progress(plan);
  Measured measured;
  measured.name = "coolant.flow";
  measured.outcome = Outcome::unset;
  progress.on_event(event_at(1, "CDU01", "cooling/flow", measured));
  progress.on_event(event_at(2, "CDU01", "cooling/flow", ended_as(WorkStatus::complete)));
  EXPECT_EQ(progress.find("CDU01")->word(), "INCOMPLETE");
  measured.outcome = Outcome::pass;
  progress.on_event(event_at(3, "CDU01", "cooling/flow", measured));
  EXPECT_EQ(progress.find("CDU01")->word(), "PASS");
}

TEST(RunProgressTest, AnAttemptThatIsTriedAgainIsNoError) {
  RunProgress progress(small_plan());
  progress.on_event(event_at(1, "C01", "cooling/flow", StepBegun{}));
  progress.on_event(event_at(2, "C01", "cooling/flow", ended_as(WorkStatus::error)));
  EXPECT_EQ(progress.find("C01")->word(), "ERROR");
  progress.on_event(event_at(2, "C01", "cooling/flow", Retried{}));
  EXPECT_EQ(progress.find("C01")->word(), "RUNNING");
  EXPECT_FALSE(progress.has_ended("C01", "cooling/flow"));
}

TEST(RunProgressTest, WhatIsSwitchedOnIsNamedUntilItIsUndone) {
  RunProgress progress(small_plan());
  progress.on_event(event_at(1, "C02", "soak/load", GuardOpened{"stop gpu_burn"}));
  EXPECT_EQ(progress.energised(), (std::vector<std::string>{"C02"}));
  GuardClosed failed;
  failed.done = false;
  progress.on_event(event_at(2, "C02", "soak/load", failed));
  EXPECT_EQ(progress.energised(), (std::vector<std::string>{"C02"})) << "an undo that failed leaves it on";
  progress.on_event(event_at(3, "C02", "soak/load", GuardClosed{}));
  EXPECT_TRUE(progress.energised().empty());
}

// ---------------------------------------------------------------- time left

TEST(TimeLeftTest, WithoutHistoryItIsUnknownRatherThanWrong) {
  const RunProgress progress(small_plan());
  const TimeLeft left = time_left(small_plan(), progress, {}, 1);
  EXPECT_TRUE(left.at_least);
  EXPECT_EQ(time_left_text(left, true), "time left unknown");
}

TEST(TimeLeftTest, DutsWorkBesideEachOtherAndWaitAtBarriers) {
  const Plan plan = small_plan();
  RunProgress progress(plan);
  const TypicalDurations typical{{"cooling/flow", 10s}, {"soak/load", 60s}, {"teardown/off", 5s}};
  EXPECT_EQ(time_left(plan, progress, typical, 1).left, 75s);
  // C01 is through with cooling; C02 began a second ago and holds it at the barrier.
  progress.on_event(event_at(10, "C01", "cooling/flow", ended_as(WorkStatus::complete)));
  progress.on_event(event_at(20, "C02", "cooling/flow", StepBegun{}));
  const TimeLeft left = time_left(plan, progress, typical, event_at(21, "", "", Note{}).at.monotonic_ns);
  EXPECT_EQ(left.left, 9s + 60s + 5s);
  EXPECT_FALSE(left.at_least);
}

TEST(TimeLeftTest, AStepThatTakesLongerThanEverMakesItALowerBound) {
  const Plan plan = small_plan();
  RunProgress progress(plan);
  for (const auto& dut : plan.duts) progress.on_event(event_at(1, dut, "cooling/flow", StepBegun{}));
  const TypicalDurations typical{{"cooling/flow", 10s}, {"soak/load", 60s}, {"teardown/off", 5s}};
  const TimeLeft left = time_left(plan, progress, typical, event_at(100, "", "", Note{}).at.monotonic_ns);
  EXPECT_TRUE(left.at_least);
  EXPECT_EQ(time_left_text(left, true), "left ≥ 1:05");
}

// ---------------------------------------------------------------- footer

FooterFacts some_facts() {
  FooterFacts facts;
  facts.rack = "R01";
  facts.recipe = "demo-small@1.0.0";
  facts.simulated = true;
  facts.begun_ns = 1;
  facts.now_ns = 1 + 61'000'000'000;
  return facts;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

TEST(FooterTest, EachDutHasItsWordItsGlyphItsStepAndItsTime) {
  RunProgress progress(small_plan());
  progress.on_event(event_at(49, "C02", "soak/load", StepBegun{}));
  progress.on_progress("C02", "soak/load", "62 %, 71 Cel");
  const auto lines = footer_lines(progress, some_facts(), std::nullopt, {}, {});
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_THAT(lines[0], HasSubstr("SIMULATED"));
  EXPECT_THAT(lines[2], HasSubstr("U12 C02"));
  EXPECT_THAT(lines[2], HasSubstr("▶ RUNNING    soak/load 0:12 62 %, 71 Cel"));
  for (const auto& line : lines) EXPECT_LE(display_width(line), 79);
}

TEST(FooterTest, WithoutUnicodeItIsAscii) {
  RunProgress progress(small_plan());
  FooterStyle style;
  style.unicode = false;
  for (const auto& line : footer_lines(progress, some_facts(), std::nullopt, {}, style)) {
    for (const char byte : line) EXPECT_LT(static_cast<unsigned char>(byte), 0x80) << line;
  }
}

Plan tall_plan(int trays) {
  Plan plan = small_plan();
  plan.inventory.duts.clear();
  plan.duts.clear();
  for (int tray = 1; tray <= trays; ++tray) {
    const std::string id = "C" + std::to_string(tray);
    plan.inventory.duts.push_back(rack_dut(id, Role::compute_tray, tray));
    plan.duts.push_back(id);
  }
  return plan;
}

TEST(FooterTest, ARackThatIsTooTallGoesIntoColumnsAndNeverScrollsTheScreen) {
  for (const int trays : {1, 17, 36, 100, 300}) {
    for (const int rows : {5, 10, 24, 50}) {
      for (const int columns : {40, 80, 200}) {
        const RunProgress progress(tall_plan(trays));
        const auto lines = footer_lines(progress, some_facts(), std::nullopt, ScreenSize{rows, columns}, {});
        EXPECT_LE(static_cast<int>(lines.size()), std::max(2, rows - 2))
            << trays << " in " << rows << "x" << columns;
        for (const auto& line : lines) EXPECT_LT(display_width(line), columns);
      }
    }
  }
  const RunProgress progress(tall_plan(36));
  const std::string text = joined(footer_lines(progress, some_facts(), std::nullopt, {}, {}));
  EXPECT_THAT(text, HasSubstr("C36"));
  EXPECT_THAT(text, HasSubstr("C1 "));
}

TEST(FooterTest, WhereNothingElseFitsTheBadOnesAreShown) {
  RunProgress progress(tall_plan(200));
  Measured fail;
  fail.outcome = Outcome::fail;
  progress.on_event(event_at(2, "C77", "soak/load", fail));
  const std::string text = joined(footer_lines(progress, some_facts(), std::nullopt, ScreenSize{10, 80}, {}));
  EXPECT_THAT(text, HasSubstr("C77"));
  EXPECT_THAT(text, HasSubstr("FAIL"));
  EXPECT_THAT(text, HasSubstr("199 DUTs"));
}

TEST(FooterTest, AQuestionIsShownWithItsHintAndWhatWasTyped) {
  RunProgress progress(small_plan());
  ShownPrompt prompt;
  prompt.dut = "C01";
  prompt.id = "hoses";
  prompt.text = "Connect supply and return hoses, then scan the manifold label\x1b[2J";
  prompt.hint = "scan the label";
  prompt.typed = "MF-12";
  prompt.waiting_behind = 2;
  prompt.ends_ns = some_facts().now_ns + 90'000'000'000;
  const std::string text = joined(footer_lines(progress, some_facts(), prompt, {}, {}));
  EXPECT_THAT(text, HasSubstr("WAITING FOR OPERATOR  C01  hoses  1:30 left  (2 more waiting)"));
  EXPECT_THAT(text, HasSubstr("> MF-12"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  const auto tiny = footer_lines(progress, some_facts(), prompt, ScreenSize{4, 30}, {});
  EXPECT_THAT(tiny.back(), HasSubstr("MF-12")) << "the line the operator types into is the last to go";
}

TEST(FooterTest, AStopSaysWhatIsStillToBeUndone) {
  RunProgress progress(small_plan());
  progress.on_event(event_at(1, "C02", "soak/load", GuardOpened{"stop gpu_burn"}));
  FooterFacts facts = some_facts();
  facts.stopping = "SIGINT";
  ScreenSize wide;
  wide.columns = 160;
  EXPECT_THAT(footer_lines(progress, facts, std::nullopt, wide, {}).front(),
              HasSubstr("STOPPING (SIGINT): parking, still to be undone: C02"));
}

TEST(VocabularyTest, ColourIsOnlyEverAnAddition) {
  EXPECT_EQ(paint("FAIL", Sign::fail, ColourDepth::none), "FAIL");
  for (const auto depth : {ColourDepth::basic, ColourDepth::indexed, ColourDepth::direct}) {
    const std::string text = paint("FAIL", Sign::fail, depth);
    EXPECT_THAT(text, HasSubstr("FAIL"));
    EXPECT_THAT(text, testing::EndsWith("\x1b[0m"));
  }
}

}  // namespace
}  // namespace kiln
