// The guided functional test of leak detectors: a person, a warden that masks, and a watch that goes on.
#include <gtest/gtest.h>

#include "sdk/step.h"
#include "testing/plugin_step.h"
#include "testing/step_bench.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;

struct DetectorTestBench : testing::Test {
  DetectorTestBench() {
    Dut& tray = bench.add_dut("C01", Role::compute_tray);
    bench.expect(tray, ComponentKind::leak_detector, {"Detector_0", "Detector_1"});
    bench.hardware("C01").add_dry_detectors(2);
    bench.limit_equals("detector_test.result", "", std::string("seen and cleared"));
    bench.limit_max("detector_test.seen_after", "s", 30);
    bench.limit_equals("leak_watch.state", "", std::string("dry"));
    bench.monitor("leak_watch", plugin_step("cooling.leak_watch"), 1s);
    bench.step("test", plugin_step("cooling.detector_test"),
               {{"detectors", "Detector_0"}, {"within", "30s"}});
    bench.answer_prompt("wet Detector_0", "yes");
    bench.answer_prompt("dry Detector_0", "yes");
    bench.on_mask([this](Runner& runner, const MaskReport& asked) {
      const bool ends = asked.state == MaskReport::State::ended;
      report.dut = asked.dut;
      report.part = asked.part;
      report.state = ends || refuses.empty() ? asked.state : MaskReport::State::refused;
      report.why = ends ? "the test is over" : refuses;
      if (!ends) report.since_ns = asked.since_ns;
      runner.warden_masked(report);
    });
  }
  LeakDetectorAnswer& answer(std::size_t index = 0) {
    return bench.hardware("C01").leaks.detectors[index].answer;
  }
  /// The warden reads it, and so does the station.
  void reads_at(Nanoseconds when, const std::string& word, const char* detector_state) {
    bench.warden_at(when, [this, when, word, detector_state](Runner& runner) {
      answer().detector_state = detector_state;
      report.word = word;
      const std::int64_t at_ns = report.since_ns + when.count();
      if (word == "leak") report.wet_ns = at_ns;
      if (word == "dry") report.dry_ns = at_ns;
      runner.warden_masked(report);
    });
  }
  BenchResult run() {
    WatchReport dry;
    dry.dut = "C01";
    dry.ready = true;
    bench.warden_at(0s, [dry](Runner& runner) { runner.warden_watch(dry); });
    return bench.run();
  }
  static std::string word_of(const BenchResult& result) {
    const Measured measured = result.measured("detector_test.result", "Detector_0");
    const auto* text = std::get_if<std::string>(&measured.value);
    return text == nullptr ? "unset: " + measured.reason : *text;
  }
  StepBench bench;
  MaskReport report;
  std::string refuses;
};

TEST_F(DetectorTestBench, SeenAndClearedIsGoAndWhoDidItIsOnRecord) {
  reads_at(4s, "leak", "Critical");
  reads_at(20s, "dry", "OK");
  const BenchResult result = run();
  EXPECT_EQ(word_of(result), "seen and cleared");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::go);
  EXPECT_TRUE(result.bodies<Interlocked>().empty());
  EXPECT_EQ(result.measured("detector_test.result", "Detector_0").source.detail, "wetted by tester");
  EXPECT_NEAR(std::get<double>(result.measured("detector_test.seen_after", "Detector_0").value), 4, 0.1);
  const auto masks = result.bodies<DetectorMasked>();
  ASSERT_EQ(masks.size(), 2U);
  EXPECT_TRUE(masks[0].masked);
  EXPECT_FALSE(masks[1].masked);
  EXPECT_NE(masks[1].message.find("the warden saw it leak 4s after it was masked, and dry 16s after that"),
            std::string::npos)
      << masks[1].message;
  EXPECT_EQ(std::get<std::string>(result.measured("leak_watch.state", "Detector_0").value), "dry")
      << "what was wetted for a test is no leak of the run";
}

TEST_F(DetectorTestBench, OneThatIsNotSeenIsNoGo) {
  const BenchResult result = run();
  EXPECT_EQ(word_of(result), "not seen");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.verdict.find("C01")->reasons.front().code, "leak_detector.not_seen");
  EXPECT_EQ(result.verdict.find("C01")->reasons.front().fru, "Detector_0");
}

TEST_F(DetectorTestBench, OneThatDoesNotDryIsNoGoAndThenALeak) {
  reads_at(4s, "leak", "Critical");
  const BenchResult result = run();
  EXPECT_EQ(word_of(result), "not cleared");
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::no_go);
  EXPECT_EQ(result.bodies<Interlocked>().size(), 1U) << "judged again, it is still wet";
  EXPECT_LE(result.elapsed_ns, Nanoseconds(130s).count());
}

TEST_F(DetectorTestBench, ItsNeighbourThatLeaksMeanwhileCuts) {
  bench.warden_at(6s, [this](Runner&) { answer(1).detector_state = "Critical"; });
  const BenchResult result = run();
  ASSERT_EQ(result.bodies<Interlocked>().size(), 1U);
  EXPECT_EQ(result.bodies<Interlocked>()[0].part, "Detector_1");
}

TEST_F(DetectorTestBench, WhereNoDetectorIsExpectedNothingWasTested) {
  bench.add_dut("C02", Role::compute_tray);
  bench.recipe().phases.front().steps.clear();
  bench.step("other", plugin_step("cooling.detector_test"), {}, {"C02"});
  EXPECT_EQ(run().ended("main/other", "C02").code, "cooling.no_detectors");
}

TEST_F(DetectorTestBench, TheOnlyDetectorOfADutIsNoLostTelemetryWhileItIsMasked) {
  Dut& lonely = bench.add_dut("CDU01", Role::cdu);
  bench.expect(lonely, ComponentKind::leak_detector, {"Detector_0"});
  FakeHardware& hardware = bench.hardware("CDU01");
  hardware.add_dry_detectors(1);
  bench.recipe().phases.front().steps.clear();
  bench.step("test", plugin_step("cooling.detector_test"), {}, {"CDU01"});
  // Within the mask its BMC misses a poll, long after the last one that could show dry.
  bench.warden_at(15s,
                  [&hardware](Runner&) { hardware.failing["leak_detectors"] = Error("bmc.busy", "503"); });
  bench.warden_at(17s, [&hardware](Runner&) { hardware.failing.clear(); });
  EXPECT_TRUE(run().bodies<Interlocked>().empty());
}

TEST_F(DetectorTestBench, APersonWhoSaysNoHasNotTestedIt) {
  bench.answer_prompt("wet Detector_0", "no");
  const BenchResult result = run();
  EXPECT_NE(word_of(result).find("unset: tester could not do it"), std::string::npos) << word_of(result);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
  EXPECT_TRUE(result.bodies<DetectorMasked>().empty());
}

TEST_F(DetectorTestBench, AWardenThatRefusesIsTold) {
  refuses = "C01: it is on, and no detector is masked then";
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/test", "C01").code, "mask.refused");
  EXPECT_NE(result.ended("main/test", "C01").message.find(refuses), std::string::npos);
  EXPECT_EQ(result.verdict.find("C01")->decision, Decision::incomplete);
}

TEST_F(DetectorTestBench, AWardenThatDoesNotAnswerIsNotWaitedForLongerThanItTakes) {
  bench.on_mask([](Runner&, const MaskReport&) {});
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/test", "C01").code, "mask.no_answer");
  EXPECT_LE(result.elapsed_ns, Nanoseconds(60s).count());
}

TEST_F(DetectorTestBench, AStopUnmasks) {
  reads_at(4s, "leak", "Critical");
  reads_at(40s, "dry", "OK");
  bench.stop_at(10s);
  const BenchResult result = run();
  ASSERT_EQ(result.bodies<DetectorMasked>().size(), 2U);
  EXPECT_EQ(result.bodies<Interlocked>().size(), 1U) << "still wet, and judged again";
}

TEST_F(DetectorTestBench, WithoutAWardenNothingIsMasked) {
  bench.on_mask(nullptr);
  EXPECT_EQ(run().ended("main/test", "C01").code, "mask.no_warden");
}

TEST_F(DetectorTestBench, ADetectorThatIsNotExpectedIsNamedWithTheNearest) {
  bench.recipe().phases.front().steps.clear();
  bench.step("other", plugin_step("cooling.detector_test"), {{"detectors", "Detector_O"}});
  const BenchResult result = run();
  EXPECT_EQ(result.ended("main/other", "C01").code, "cooling.unknown_detector");
  EXPECT_NE(result.ended("main/other", "C01").message.find("did you mean 'Detector_0'"), std::string::npos);
  EXPECT_TRUE(result.bodies<PromptShown>().empty()) << "before anybody walks there";
}

}  // namespace
}  // namespace kiln
