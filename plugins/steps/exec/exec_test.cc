#include <gtest/gtest.h>

#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

struct ExecBench {
  ExecBench() {
    bench.add_dut("C01", Role::compute_tray);
    bench.limit_max("exec.failed_diagnoses", "1", 0);
    bench.limit_equals("exec.exit_code", "1", std::int64_t{0});
    bench.limit_max("fan.noise", "dB", 60);
  }
  BenchResult run(ShellAnswer answer) {
    bench.shell("C01").answer_matching("pgrep", ShellAnswer("", 1));
    bench.shell("C01").answer_matching("check-fans", std::move(answer));
    StepSpec& spec = bench.step("fans", plugin_step("exec.run"), {{"command", "check-fans"}});
    spec.requires_measurements = {"exec.exit_code", "fan.noise"};
    return bench.run();
  }
  Decision decision(ShellAnswer answer) { return run(std::move(answer)).verdict.find("C01")->decision; }
  StepBench bench;
};

struct ExecTest : testing::Test, ExecBench {};

constexpr const char* kNoise =
    R"({"sequenceNumber":3,"testStepArtifact":{"testStepId":"0","measurement":{"name":"fan.noise","value":51.5,"unit":"dB"}}})"
    "\n";

TEST_F(ExecTest, RequiredMeasurementsThatPassAreGo) {
  EXPECT_EQ(decision(ShellAnswer(kNoise)), Decision::go);
}

TEST_F(ExecTest, ARequiredMeasurementThatIsMissingIsIncomplete) {
  EXPECT_EQ(decision(ShellAnswer("all fans are wonderful\n")), Decision::incomplete);
}

TEST_F(ExecTest, AForeignFailIsAFail) {
  const std::string fail =
      R"({"testStepArtifact":{"diagnosis":{"verdict":"fan-worn","type":"FAIL","message":"bearing noise"}}})"
      "\n";
  EXPECT_EQ(decision(ShellAnswer(kNoise + fail)), Decision::no_go);
}

TEST_F(ExecTest, AForeignPassProvesNothing) {
  EXPECT_EQ(decision(ShellAnswer(R"({"testStepArtifact":{"diagnosis":{"verdict":"ok","type":"PASS"}}})"
                                 "\n")),
            Decision::incomplete);
}

TEST_F(ExecTest, ANonZeroExitStatusIsAFailWhenRequired) {
  EXPECT_EQ(decision(ShellAnswer(kNoise, 3)), Decision::no_go);
}

TEST_F(ExecTest, AWrongUnitIsAFail) {
  EXPECT_EQ(decision(ShellAnswer(
                R"({"testStepArtifact":{"measurement":{"name":"fan.noise","value":5,"unit":"Cel"}}})"
                "\n")),
            Decision::no_go);
}

TEST_F(ExecTest, AMissingProgramAndAKilledOneAreIncomplete) {
  EXPECT_EQ(decision(ShellAnswer("", 127, "sh: check-fans: not found")), Decision::incomplete);
  StepBench own;
  own.add_dut("C01", Role::compute_tray);
  own.limit_max("exec.failed_diagnoses", "1", 0);
  own.shell("C01").answer_matching("check-fans", ShellAnswer("", -1).killed_by("KILL"));
  own.step("fans", plugin_step("exec.run"), {{"command", "check-fans"}});
  EXPECT_EQ(own.run().verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(ExecTest, AStatusThatTellsOfASignalIsNoExitCode) {
  const BenchResult result = run(ShellAnswer(kNoise, 137));
  EXPECT_EQ(result.ended("main/fans").code, "exec.killed");
  EXPECT_EQ(result.measured("exec.exit_code").outcome, Outcome::unset);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(ExecTest, WhatTheRecipeDoesNotListIsInformational) {
  const BenchResult result =
      run(ShellAnswer(std::string(kNoise) +
                      R"({"testStepArtifact":{"measurement":{"name":"fan.age","value":9000,"unit":"d"}}})"
                      "\n"
                      R"({"testStepArtifact":{"measurement":{"name":"exec.exit_code","value":5,"unit":"1"}}})"
                      "\n"));
  EXPECT_EQ(result.measured("fan.age").outcome, Outcome::informational);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("exec.exit_code").value), 0) << "not the program's to say";
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(ExecTest, ANameTheRecipeDoesNotListIsNotJudgedEvenIfTheTableKnowsIt) {
  bench.limit_max("fan.age", "d", 10);
  const BenchResult result = run(ShellAnswer(
      std::string(kNoise) +
      R"({"testStepArtifact":{"measurement":{"name":"fan.age","value":9000,"unit":"d"}}})" + "\n"));
  EXPECT_EQ(result.measured("fan.age").outcome, Outcome::informational);
}

TEST_F(ExecTest, WithoutRequiringItTheExitCodeIsInformational) {
  bench.shell("C01").answer_matching("check-fans", ShellAnswer(kNoise, 3));
  StepSpec& spec = bench.step("fans", plugin_step("exec.run"), {{"command", "check-fans"}});
  spec.requires_measurements = {"fan.noise"};
  const BenchResult result = bench.run();
  EXPECT_EQ(result.measured("exec.exit_code").outcome, Outcome::informational);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
}

TEST_F(ExecTest, GarbageIsCountedAndShownAndNeverFatal) {
  const std::string garbage =
      "{\"testStepArtifact\":{\"measurement\":{\"name\":\"fan.noi\n"
      "{\"testStepArtifact\":{\"measurement\":[1,2]}}\n"
      "{\"testStepArtifact\":{\"measurement\":{\"value\":3}}}\n"
      "{\"testStepArtifact\":{\"diagnosis\":\"FAIL\"}}\n"
      "{\x01\xff\n"
      "all fans are wonderful\n\n"
      "{\"testRunArtifact\":{\"log\":{\"severity\":\"INFO\"}}}\n";
  const BenchResult result = run(ShellAnswer(garbage + kNoise));
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("exec.garbage_lines").value), 5);
  EXPECT_EQ(std::get<std::int64_t>(result.measured("exec.output_lines").value), 8);
  ASSERT_EQ(result.bodies<Note>().size(), 1U);
  EXPECT_NE(result.bodies<Note>().front().text.find("fan.noi"), std::string::npos);
}

TEST_F(ExecTest, AFloodIsReadToItsEndAndOnlyTheAttachedOutputIsCut) {
  std::string flood;
  flood.reserve(100'000'000);
  while (flood.size() < 99'000'000) flood += std::string(990, '#') + " all fans are wonderful\n";
  const BenchResult result = run(ShellAnswer(flood + kNoise));
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_EQ(std::get<double>(result.measured("fan.noise").value), 51.5);
  ASSERT_EQ(result.bodies<Note>().size(), 1U);
}

TEST_F(ExecTest, ALineWithoutEndIsGarbageAndTheNextOneIsRead) {
  const std::string endless = R"({"testStepArtifact":{"diagnosis":{"type":"FAIL","message":")" +
                              std::string(5'000'000, 'x') + "\"}}}\n";
  const BenchResult result = run(ShellAnswer(endless + kNoise));
  EXPECT_EQ(std::get<std::int64_t>(result.measured("exec.garbage_lines").value), 1);
  EXPECT_EQ(std::get<double>(result.measured("fan.noise").value), 51.5);
}

TEST_F(ExecTest, AFailBeforeAHangIsAFailAndSilenceIsIncomplete) {
  const std::string fail =
      R"({"testStepArtifact":{"diagnosis":{"verdict":"fan-worn","type":"FAIL","message":"bearing noise"}}})"
      "\n";
  for (const bool failed : {true, false}) {
    ExecBench own;
    const BenchResult result = own.run(ShellAnswer::never(failed ? kNoise + fail : kNoise));
    EXPECT_EQ(result.ended("main/fans").code, "step.timeout");
    EXPECT_EQ(result.verdict.find("C01")->decision, failed ? Decision::no_go : Decision::incomplete);
    EXPECT_EQ(result.has_measured("exec.failed_diagnoses"), failed) << "no FAIL so far is no value";
  }
}

TEST_F(ExecTest, AHostIsNeverLeftWithAProgramThatOutlivesItsStep) {
  const BenchResult result = run(ShellAnswer::never());
  const std::vector<std::string> lines = bench.shell("C01").lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].rfind("sh -c 'timeout --signal=TERM --kill-after=5 601 env KILN_EXEC=kiln-exec-C01-", 0),
            0U)
      << lines[0];
  EXPECT_EQ(lines[1].rfind("for g in $(pgrep -f '^timeout .*KILN_EXEC=kiln-exec-C01-", 0), 0U) << lines[1];
  EXPECT_TRUE(result.bodies<GuardClosed>().front().done);
}

}  // namespace
}  // namespace kiln
