// stress-ng, stressapptest and fio: load on CPU, memory and disk.
#include <gtest/gtest.h>

#include <string>

#include "tool_output/fio.h"
#include "tool_output/replaced_for_test.h"
#include "tool_output/stress_ng.h"
#include "tool_output/stressapptest.h"
#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

StressNg stress(const std::string& text) {
  Result<StressNg> run = parse_stress_ng(text);
  EXPECT_TRUE(run) << (run ? "" : run.error().full());
  return run ? std::move(*run) : StressNg();
}

TEST(StressNg, ReadsTheLogOfARecentVersion) {
  const StressNg run = stress(fixtures::kStressNg);
  EXPECT_EQ(run.verdict(), ToolVerdict::pass);
  EXPECT_EQ(run.dispatched.at("cpu"), 4);
  EXPECT_EQ(run.passed, 6);
  EXPECT_EQ(run.passed_by_stressor.at("vm"), 2);
  ASSERT_EQ(run.metrics.size(), 2U);
  EXPECT_EQ(run.metrics[0].stressor, "cpu");
  EXPECT_EQ(run.metrics[0].operations_per_second_real, 1630.90);
  EXPECT_NEAR(run.run_seconds.value_or(0), 60.14, 1e-9);
}

TEST(StressNg, ReadsTheLogOfAnOldVersion) {
  const StressNg run = stress(
      "stress-ng: info:  [2566] dispatching hogs: 2 context\n"
      "stress-ng: info:  [2566] successful run completed in 5.00s\n"
      "stress-ng: info:  [2566] stressor      bogo ops real time  usr time  sys time   bogo ops/s   bogo "
      "ops/s\n"
      "stress-ng: info:  [2566] context          22429      5.00      5.49      4.48      4485.82      "
      "2249.65\n");
  EXPECT_EQ(run.verdict(), ToolVerdict::pass);
  EXPECT_EQ(run.metrics.size(), 1U);
  EXPECT_EQ(run.run_seconds, 5);
}

TEST(StressNg, TakesASuccessfulRunOfNothingForNotRun) {
  EXPECT_EQ(
      stress("stress-ng: info:  [1] dispatching hogs: 1 vm\n"
             "stress-ng: info:  [1] skipped: 1: vm (1)\nstress-ng: info:  [1] passed: 0\n"
             "stress-ng: info:  [1] failed: 0\nstress-ng: info:  [1] successful run completed in 0.01s\n")
          .verdict(),
      ToolVerdict::not_run);
  EXPECT_EQ(stress("stress-ng: info:  [1] dispatching hogs: 1 vm\nstress-ng: info:  [1] successful run "
                   "completed in 0.00s\n")
                .verdict(),
            ToolVerdict::not_run);
  EXPECT_EQ(stress("stress-ng: info:  [1] passed: 1: vm (1)\nstress-ng: info:  [1] successful run completed "
                   "in 0.00s\n")
                .verdict(),
            ToolVerdict::unknown)
      << "the beginning is missing";
  EXPECT_EQ(stress(replaced(fixtures::kStressNg, "passed: 6", "passed: 5")).verdict(), ToolVerdict::unknown)
      << "one of the six instances is not told of";
  EXPECT_EQ(stress(replaced(replaced(fixtures::kStressNg, "skipped: 0", "skipped: 2: vm (2)"), "passed: 6",
                            "passed: 4"))
                .verdict(),
            ToolVerdict::skip);
}

TEST(StressNg, FailsOnAnyFailureEvenWhenItSaysSuccessful) {
  EXPECT_EQ(stress(fixtures::kStressNg + "stress-ng: fail:  [552] vm: detected 3 memory errors\n").verdict(),
            ToolVerdict::fail);
  EXPECT_EQ(stress(replaced(fixtures::kStressNg, "failed: 0", "failed: 1: cpu (1)")).verdict(),
            ToolVerdict::fail);
  EXPECT_EQ(stress(replaced(fixtures::kStressNg, "successful", "unsuccessful")).verdict(), ToolVerdict::fail);
  EXPECT_EQ(stress(replaced(fixtures::kStressNg, "info:  [551] setting", "error: [551] setting")).verdict(),
            ToolVerdict::fail);
}

TEST(StressNg, ReadsTimestampsAndEveryRunTime) {
  const StressNg run = stress(replaced(fixtures::kStressNg, "stress-ng: info:  [551] skipped: 0",
                                       "stress-ng: 18:47:50.79 info:  [551] skipped: 0"));
  EXPECT_EQ(run.skipped, 0);
  const auto seconds = [](const std::string& text) {
    return stress("stress-ng: info:  [1] successful run completed in " + text + "\n").run_seconds;
  };
  EXPECT_EQ(seconds("60.05s (1 min, 0.05 secs)"), 60.05);
  EXPECT_EQ(seconds("1 hour, 2 mins, 3.00 secs"), 3723);
  EXPECT_EQ(seconds("1 day, 0 secs"), 86400);
  EXPECT_FALSE(seconds("a while"));
}

TEST(StressNg, NeverPassesACutOutput) {
  const std::size_t end = fixtures::kStressNg.find("successful run completed");
  for (std::size_t length = 1; length < end + 24; ++length) {
    const auto run = parse_stress_ng(fixtures::kStressNg.substr(0, length));
    if (run && length < end) {
      EXPECT_NE(run->verdict(), ToolVerdict::pass) << length;
    }
  }
}

TEST(StressNg, RefusesItsYamlBecauseItJudgesNothing) {
  const auto yaml =
      parse_stress_ng("---\nsystem-info:\n      stress-ng-version: 0.09.25\nmetrics:\n    - stressor: cpu\n");
  ASSERT_FALSE(yaml);
  EXPECT_NE(yaml.error().message.find("--yaml"), std::string::npos);
}

StressAppTest sat(const std::string& text) {
  Result<StressAppTest> run = parse_stressapptest(text);
  EXPECT_TRUE(run) << (run ? "" : run.error().full());
  return run ? std::move(*run) : StressAppTest();
}

TEST(StressAppTest, PassesWithDataMovedAndNoIncident) {
  const StressAppTest run = sat(fixtures::kStressAppTest);
  EXPECT_EQ(run.verdict(), ToolVerdict::pass);
  EXPECT_EQ(run.requested_seconds, 30U);
  EXPECT_EQ(run.megabytes_moved, 250000);
  EXPECT_EQ(run.megabytes_per_second, 8330.56);
  EXPECT_EQ(run.revision, "1.0.11_autoconf, 64 bit binary");
}

TEST(StressAppTest, FailsOnIncidentsBesideZeroErrors) {
  EXPECT_EQ(sat(replaced(fixtures::kStressAppTest, "with 0 hardware incidents, 0 errors",
                         "with 15 hardware incidents, 0 errors"))
                .verdict(),
            ToolVerdict::fail);
  EXPECT_EQ(sat(replaced(fixtures::kStressAppTest, "Stats: Found 0",
                         "Hardware Error: miscompare on CPU 0(<-6) at 0x0\nx Stats: Found 0"))
                .verdict(),
            ToolVerdict::fail);
  EXPECT_EQ(sat(replaced(fixtures::kStressAppTest, "Status: PASS - please", "Status: FAIL - test")).verdict(),
            ToolVerdict::fail);
  EXPECT_EQ(sat(replaced(fixtures::kStressAppTest, "250000.00M in", "0.00M in")).verdict(),
            ToolVerdict::not_run);
}

TEST(StressAppTest, NeverPassesWithoutItsBeginning) {
  const std::string& whole = fixtures::kStressAppTest;
  EXPECT_FALSE(parse_stressapptest(whole.substr(whole.find("Stats: Completed"))));
  const std::string no_start = replaced(whole, "Stats: Starting SAT", "Stats: something");
  EXPECT_EQ(sat(no_start).verdict(), ToolVerdict::unknown);
}

TEST(StressAppTest, NeverPassesACutOutput) {
  const std::size_t end = fixtures::kStressAppTest.find("Status: PASS");
  for (std::size_t length = 1; length < end; length += 3) {
    const auto run = parse_stressapptest(fixtures::kStressAppTest.substr(0, length));
    if (run) {
      EXPECT_EQ(run->verdict(), ToolVerdict::unknown) << length;
    }
  }
}

Fio fio(const std::string& text) {
  Result<Fio> run = parse_fio_json(text);
  EXPECT_TRUE(run) << (run ? "" : run.error().full());
  return run ? std::move(*run) : Fio();
}

TEST(Fio, ReadsVersion3WithBannerReportAndDuplicateKeys) {
  const Fio run = fio(fixtures::kFio);
  EXPECT_EQ(run.version, "fio-3.33");
  ASSERT_EQ(run.jobs.size(), 1U);
  const FioJob& job = run.jobs[0];
  EXPECT_EQ(job.options.at("verify"), "crc32c");
  EXPECT_EQ(job.write.bytes, 1048576000U);
  EXPECT_EQ(job.write.bytes_per_second, 104857600);
  EXPECT_EQ(job.write.operations, 256000U);
  EXPECT_DOUBLE_EQ(job.write.latency_mean_seconds.value_or(0), 40000.5e-9);
  EXPECT_DOUBLE_EQ(job.write.latency_percentiles.at(99), 120e-6);
  EXPECT_EQ(job.write.latency_percentiles.size(), 1U) << "the filler entries of the table are no percentiles";
  EXPECT_EQ(run.disk_utilisation_percent.at("nvme0n1"), 98.5);
  EXPECT_EQ(run.messages.size(), 3U);
  EXPECT_EQ(run.verdict(), ToolVerdict::pass);
}

TEST(Fio, ReadsKibibytesAndMicrosecondsOfVersion2) {
  const Fio run = fio(R"({"fio version": "fio-2.1.4", "jobs": [{"jobname": "w", "error": 0,
    "write": {"io_bytes": 1000, "bw": 100, "iops": 25, "runtime": 10000, "clat": {"mean": 500.0, "max": 900}}}]})");
  EXPECT_EQ(run.jobs[0].write.bytes, 1024000U);
  EXPECT_EQ(run.jobs[0].write.bytes_per_second, 102400);
  EXPECT_DOUBLE_EQ(run.jobs[0].write.latency_mean_seconds.value_or(0), 500e-6);
}

TEST(Fio, FailsOnJobErrorsAndOnErrorsOutsideTheJson) {
  EXPECT_EQ(fio(replaced(fixtures::kFio, "\"error\" : 0", "\"error\" : 5")).verdict(), ToolVerdict::fail);
  EXPECT_EQ(
      fio("fio: pid=99, err=5/file:io_u.c:1787, func=io_u error, error=Input/output error\n" + fixtures::kFio)
          .verdict(),
      ToolVerdict::fail);
  EXPECT_EQ(fio(fixtures::kFio + "verify: bad magic header 0, wanted acca at file x offset 0\n").verdict(),
            ToolVerdict::fail);
  EXPECT_EQ(fio(fixtures::kFio + "surface: (groupid=0, jobs=1): err= 0: pid=1\n").verdict(),
            ToolVerdict::pass);
  EXPECT_EQ(fio(fixtures::kFio + "surface: (groupid=0, jobs=1): err= 5: pid=1\n").verdict(),
            ToolVerdict::fail);
}

TEST(Fio, TakesAJobThatMovedNothingForNotRun) {
  EXPECT_EQ(fio(replaced(fixtures::kFio, "\"io_bytes\" : 1048576000", "\"io_bytes\" : 0")).verdict(),
            ToolVerdict::not_run);
  EXPECT_EQ(fio(R"({"fio version": "fio-3.33", "jobs": []})").verdict(), ToolVerdict::not_run);
  EXPECT_EQ(fio(replaced(fixtures::kFio, "\"error\" : 0,", "")).verdict(), ToolVerdict::unknown)
      << "a job that does not say whether it had an error";
}

TEST(Fio, RefusesCutAndForeignJson) {
  const std::size_t start = fixtures::kFio.find("\"jobs\"");
  const std::size_t end = fixtures::kFio.rfind('}');
  for (std::size_t length = start; length < end; length += 17) {
    const auto cut = parse_fio_json(fixtures::kFio.substr(0, length));
    ASSERT_FALSE(cut) << length;
    EXPECT_EQ(cut.error().code, "tool_output.truncated") << length;
  }
  EXPECT_EQ(parse_fio_json("{\"version\": 3}").error().code, "tool_output.not_recognised");
  EXPECT_EQ(parse_fio_json("fio: unable to open /dev/nope\n").error().code, "tool_output.tool_failed");
  EXPECT_EQ(parse_fio_json("{\"fio version\": \"fio-3.33\", \"jobs\": 1}").error().code,
            "tool_output.malformed");
}

}  // namespace
}  // namespace kiln::tool_output
