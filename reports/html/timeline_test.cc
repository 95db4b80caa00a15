#include "html/timeline.h"

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

StepEnded ended_as(WorkStatus status, const std::string& code) {
  StepEnded ended;
  ended.status = status;
  ended.code = code;
  return ended;
}

TEST(Timeline, EveryAttemptHasItsRowAndItsWord) {
  RecordForTest record;
  record.add("C01", "soak/load", ended_as(WorkStatus::error, "bmc.unreachable"));
  record.add("C01", "soak/load", StepBegun{}, 2);
  record.add("C01", "soak/load", StepEnded{}, 2);
  record.add("C01", "soak/after", ended_as(WorkStatus::skipped, "gate.failed"));
  record.add("C01", "soak/cut", StepBegun{});
  record.add("C01", "soak/cut", ended_as(WorkStatus::interlocked, "leak.detected"));
  record.add("C01", "soak/open", StepBegun{});
  record.add("C01", "", Note{});
  const auto timelines = draw_timelines(make_document(record.done()));
  ASSERT_EQ(timelines.size(), 1U);
  const std::string& svg = timelines.front().svg;
  EXPECT_FALSE(timelines.front().all_complete);
  EXPECT_EQ(timelines.front().summary, "5 step runs: 1 complete, 2 error, 1 interlocked, 1 skipped");
  for (const char* wanted : {"soak/load, attempt 2", "? error", "✔ complete", "· skipped", "✖ interlocked",
                             "bmc.unreachable", "gate.failed", "step.not_ended"}) {
    EXPECT_NE(svg.find(wanted), std::string::npos) << wanted;
  }
  EXPECT_EQ(count_in(svg, "class=\"status\""), 5);
}

TEST(Timeline, RoundsOfAStepShareARowThatTellsTheWorst) {
  RecordForTest record;
  record.end();
  for (int round = 2; round <= 40; ++round) {
    record.add("C01", "soak/load", StepBegun{}).iteration = round;
    record.add("C01", "soak/load", ended_as(round == 7 ? WorkStatus::error : WorkStatus::complete, ""))
        .iteration = round;
  }
  const auto timelines = draw_timelines(make_document(record.done()));
  ASSERT_EQ(timelines.size(), 1U);
  EXPECT_NE(timelines.front().svg.find("? 1 of 40 error"), std::string::npos);
  EXPECT_EQ(count_in(timelines.front().svg, "class=\"status\""), 1);
  EXPECT_EQ(count_in(timelines.front().svg, "class=\"bar "), 40);
}

TEST(Timeline, ACutIsMarkedOnItsDutOnly) {
  RecordForTest record;
  record.add("C02", "soak/load", StepBegun{});
  Interlocked cut;
  cut.cause = "leak";
  cut.detected_ns = 5'000'000'000;
  record.add("C02", "soak/load", cut);
  record.end();
  const auto timelines = draw_timelines(make_document(record.done()));
  ASSERT_EQ(timelines.size(), 2U);
  EXPECT_EQ(count_in(timelines[0].svg, "class=\"cut\""), 0);
  EXPECT_EQ(count_in(timelines[1].svg, "class=\"cut\""), 1);
}

TEST(Timeline, ARecordWithoutStepsHasNone) { EXPECT_TRUE(draw_timelines(RunDocument()).empty()); }

}  // namespace
}  // namespace kiln
