#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

struct PromptTest : testing::Test {
  PromptTest() {
    bench.add_dut("C01", Role::compute_tray);
    bench.limit_equals("prompt.accepted", "", true);
  }
  BenchResult ask(const StepBench::With& more) {
    StepBench::With with{{"id", "hoses"}, {"text", "Connect supply and return hoses"}, {"timeout", "1m"}};
    with.insert(with.end(), more.begin(), more.end());
    bench.step("ask", plugin_step("prompt.ask"), with).timeout = 10min;
    return bench.run();
  }
  StepBench bench;
};

TEST_F(PromptTest, AConfirmedPromptPassesAndNamesWhoAnswered) {
  bench.answer_prompt("hoses", "yes");
  const BenchResult result = ask({});
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(result.bodies<PromptAnswered>().front().by, "tester");
}

TEST_F(PromptTest, ARefusalIsNoGo) {
  bench.answer_prompt("hoses", "no");
  const BenchResult result = ask({});
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
}

TEST_F(PromptTest, NoAnswerNeverPasses) {
  struct Case {
    const char* on_timeout;
    Decision decision;
  };
  for (const Case& one : {Case{"hold", Decision::incomplete}, Case{"abort_safe", Decision::incomplete},
                          Case{"fail", Decision::no_go}}) {
    StepBench own;
    own.add_dut("C01", Role::compute_tray);
    own.limit_equals("prompt.accepted", "", true);
    own.step("ask", plugin_step("prompt.ask"),
             {{"id", "x"}, {"text", "?"}, {"timeout", "1m"}, {"on_timeout", one.on_timeout}})
        .timeout = 10min;
    const BenchResult result = own.run();
    EXPECT_EQ(result.verdict.find("C01")->decision, one.decision) << one.on_timeout;
  }
}

TEST_F(PromptTest, AbortSafeParksTheDutAndTheRestOfItsWorkIsNotRun) {
  bench.answer_prompt("later", "yes");
  bench
      .step("ask", plugin_step("prompt.ask"),
            {{"id", "hoses"}, {"text", "?"}, {"timeout", "1m"}, {"on_timeout", "abort_safe"}})
      .timeout = 10min;
  bench.step("next", plugin_step("prompt.ask"), {{"id", "later"}, {"text", "?"}});
  const BenchResult result = bench.run();
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_EQ(result.bodies<PromptShown>().size(), 1U) << "a parked DUT is asked nothing more";
  bool parked = false;
  for (const auto& ended : result.bodies<StepEnded>()) parked = parked || ended.code == "dut.parked";
  EXPECT_TRUE(parked);
}

TEST_F(PromptTest, AQuestionThatCannotBeAskedIsRefusedBeforeTheRun) {
  for (const StepBench::With& wrong : {StepBench::With{{"answer", "scan"}, {"pattern", "MF-(\\d{6}"}},
                                       StepBench::With{{"answer", "number"}, {"min", "low"}}}) {
    StepBench own;
    own.add_dut("C01", Role::compute_tray);
    own.limit_equals("prompt.accepted", "", true);
    StepBench::With with{{"id", "x"}, {"text", "?"}};
    with.insert(with.end(), wrong.begin(), wrong.end());
    own.step("ask", plugin_step("prompt.ask"), with);
    EXPECT_FALSE(own.run().problems.empty()) << wrong.back().first;
  }
}

TEST_F(PromptTest, PassIsNoAnswerToATimeout) {
  const BenchResult result = ask({{"on_timeout", "pass"}});
  ASSERT_FALSE(result.problems.empty());
}

}  // namespace
}  // namespace kiln
