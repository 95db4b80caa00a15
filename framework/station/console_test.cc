#include "station/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/scope.h"
#include "station/screen/screen_for_test.h"
#include "station/verdict_block.h"
#include "testing/scripted_terminal.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using testing::HasSubstr;
using testing::Not;

struct ConsoleTest : testing::Test {
  std::unique_ptr<Loop> loop = Loop::simulated();
  ScriptedTerminal terminal;
  Plan plan = small_plan();

  ConsoleOptions live() {
    ConsoleOptions options;
    options.live = true;
    options.operator_name = "Ann";
    return options;
  }
  ConsoleOptions plain() {
    ConsoleOptions options = live();
    options.live = false;
    return options;
  }
  /// Shows a run of `length` during which `meanwhile` happens, and returns what was written.
  std::string show(ConsoleOptions options, Nanoseconds length,
                   std::function<awaitable<void>(Ctx&, Console&)> meanwhile) {
    const auto console = make_console(*loop, terminal, std::move(options));
    loop->run([&](Ctx& ctx) -> awaitable<void> {
      console->begin(plan, "R-1", {});
      Scope tasks(ctx);
      tasks.start("screen", [&](Ctx& task) { return console->keep_fresh(task); });
      co_await meanwhile(ctx, *console);
      const Status waited = co_await ctx.sleep_for(length);
      (void)waited;
      const Status joined = co_await tasks.stop_and_join(StopReason::sibling, "over");
      (void)joined;
      console->end();
    });
    return terminal.written();
  }
};

awaitable<void> one_fail(Ctx&, Console& console) {
  console.on_event(event_at(1, "C01", "cooling/flow", StepBegun{}));
  Measured fail;
  fail.outcome = Outcome::fail;
  fail.name = "coolant.flow";
  fail.reason = "1.1 L/min is below 2.0";
  console.on_event(event_at(2, "C01", "cooling/flow", fail));
  console.on_event(event_at(2, "C01", "cooling/flow", ended_as(WorkStatus::complete)));
  co_return;
}

TEST_F(ConsoleTest, PlainLinesHaveATimeAndNoCursorMovement) {
  const std::string text = show(plain(), 1s, one_fail);
  EXPECT_THAT(text, HasSubstr("2023-11-14T22:13:20.000Z ✖ C01    cooling/flow"));
  EXPECT_THAT(text, HasSubstr("FAIL coolant.flow : 1.1 L/min is below 2.0"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
}

TEST_F(ConsoleTest, ALongQuietStretchHasAHeartbeat) {
  const std::string text = show(plain(), 150s, one_fail);
  std::size_t beats = 0;
  for (std::size_t at = text.find("elapsed"); at != std::string::npos; at = text.find("elapsed", at + 1))
    ++beats;
  EXPECT_EQ(beats, 2U);
  EXPECT_THAT(text, HasSubstr("1 FAIL, 3 IDLE"));
}

TEST_F(ConsoleTest, TheFooterIsErasedAtTheEndAndTheLinesStay) {
  const std::string text = show(live(), 5s, one_fail);
  EXPECT_THAT(text, HasSubstr("FAIL coolant.flow"));
  EXPECT_THAT(text, HasSubstr("U11 C01"));
  EXPECT_THAT(text, testing::EndsWith("\x1b[4A\x1b[J")) << "five footer lines: four up, the rest away";
  EXPECT_FALSE(terminal.keys_taken);
}

/// Types keys one after the other, `pause` apart, and counts the emergency stops.
std::function<awaitable<void>(Ctx&, Console&)> hits(ScriptedTerminal& terminal,
                                                    const std::vector<std::string>& keys, Nanoseconds pause,
                                                    int& stops) {
  Nanoseconds after(0);
  for (const std::string& key : keys) terminal.type_after(after += pause, key);
  return [&stops](Ctx& /*ctx*/, Console& console) -> awaitable<void> {
    console.set_emergency_stop([&stops] { ++stops; });
    co_return;
  };
}

TEST_F(ConsoleTest, TheEmergencyKeyHitTwiceStopsEverythingOnce) {
  int stops = 0;
  const std::string text = show(live(), 10s, hits(terminal, {"\x18", "\x18", "\x18", "\x18"}, 1s, stops));
  EXPECT_EQ(stops, 1);
  EXPECT_THAT(text, HasSubstr("Ctrl-X twice is the emergency stop"));
  EXPECT_THAT(text, HasSubstr("EMERGENCY STOP"));
}

TEST_F(ConsoleTest, TheEmergencyKeyBothHitsInOneReadStopToo) {
  int stops = 0;
  show(live(), 10s, hits(terminal, {"y\x18\x18"}, 1s, stops));
  EXPECT_EQ(stops, 1);
}

TEST_F(ConsoleTest, TheEmergencyKeyHitOnceOrTooSlowlyStopsNothing) {
  int stops = 0;
  const std::string text = show(live(), 10s, hits(terminal, {"\x18", "\x18"}, 4s, stops));
  EXPECT_EQ(stops, 0);
  EXPECT_THAT(text, HasSubstr("once more within 3 s"));
}

TEST_F(ConsoleTest, ManyFailsOfOneStepAreCutOnScreen) {
  const std::string text = show(plain(), 1s, [](Ctx&, Console& console) -> awaitable<void> {
    for (int part = 0; part < 100; ++part) {
      Measured fail;
      fail.outcome = Outcome::fail;
      fail.name = "nvlink.state";
      console.on_event(event_at(2, "C01", "fabric/links", fail));
    }
    co_return;
  });
  EXPECT_THAT(text, HasSubstr("more failed here"));
  EXPECT_LT(text.size(), 2000U);
}

awaitable<void> ask_hoses(Ctx& ctx, Console& console) {
  PromptRequest request;
  request.id = "hoses";
  request.text = "Connect the hoses";
  request.timeout = 1min;
  Result<PromptAnswer> answer = co_await console.ask(ctx, "C01", std::move(request));
  EXPECT_TRUE(answer && answer->confirmed);
}

TEST_F(ConsoleTest, AQuestionIsAskedAndAnsweredOnTheTerminal) {
  terminal.type_after(3s, "y");
  terminal.type_after(4s, "\r");
  const std::string text = show(live(), 1s, ask_hoses);
  EXPECT_THAT(text, HasSubstr("Connect the hoses"));
  EXPECT_THAT(text, HasSubstr("> y"));
  EXPECT_THAT(text, HasSubstr("hoses: answered"));
  EXPECT_EQ(terminal.discarded, 1) << "what was typed before is forgotten when the question is shown";
}

TEST_F(ConsoleTest, WhereTheTerminalCannotBeReadNobodyIsThere) {
  terminal.reads = false;
  EXPECT_THAT(console_options({}, terminal).nobody_because, HasSubstr("not a terminal"));
  ConsoleWishes wishes;
  wishes.no_input = true;
  EXPECT_THAT(console_options(wishes, terminal).nobody_because, HasSubstr("--no-input"));
}

// ---------------------------------------------------------------- the last block

RunVerdict verdict_of(Decision decision) {
  RunVerdict verdict;
  verdict.decision = decision;
  verdict.simulated = true;
  verdict.counts.required = 10;
  verdict.counts.measured = 9;
  verdict.counts.failed = 1;
  DutVerdict dut;
  dut.id = "C02";
  Reason reason;
  reason.code = "leak.detected";
  reason.fru = "Tray leak 1\x1b[2J";
  reason.message = "a leak";
  dut.reasons.push_back(reason);
  verdict.duts.push_back(dut);
  return verdict;
}

TEST(VerdictBlockTest, EndsInOneLineForGrep) {
  RunBegun about;
  about.rack = "R01";
  about.recipe = "demo-small";
  about.recipe_version = "1.0.0";
  const std::string text =
      verdict_block(verdict_of(Decision::no_go), "R-1", about, {{"html", "/tmp/a b/report.html"}}, {});
  EXPECT_THAT(text,
              testing::EndsWith("\nRESULT unit=R01 recipe=demo-small@1.0.0 verdict=NO-GO fail=1 marginal=0 "
                                "notrun=0 run=R-1 report=/tmp/a b/report.html\n"));
  EXPECT_THAT(text, HasSubstr("✖ NO-GO"));
  EXPECT_THAT(text, HasSubstr("SIMULATED RACK"));
  EXPECT_THAT(text, HasSubstr("█"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "a part's name must not clear the screen";
}

TEST(VerdictBlockTest, WithoutUnicodeItIsAscii) {
  VerdictStyle style;
  style.unicode = false;
  for (const auto decision : {Decision::go, Decision::no_go, Decision::conditional, Decision::incomplete}) {
    const std::string text = verdict_block(verdict_of(decision), "R-1", {}, {}, style);
    for (const char byte : text) EXPECT_LT(static_cast<unsigned char>(byte), 0x80);
    EXPECT_THAT(text, HasSubstr(to_string(decision)));
  }
}

}  // namespace
}  // namespace kiln
