// Over records of every sort, whole and broken: what is not GO looks green in no format that programs read,
// and what is GO does.

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>

#include "common/record_for_test.h"
#include "common/run_document.h"
#include "ocptv/stream_rules.h"

namespace kiln {
namespace {

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}
  int below(int count) { return static_cast<int>(engine_() % static_cast<unsigned>(count)); }
  bool once_in(int count) { return below(count) == 0; }

 private:
  std::mt19937 engine_;
};

Outcome any_outcome(Chance& chance) {
  constexpr Outcome kMostly[]{Outcome::pass,     Outcome::pass, Outcome::pass,  Outcome::pass,
                              Outcome::marginal, Outcome::fail, Outcome::unset, Outcome::informational};
  return kMostly[chance.below(8)];
}

StepEnded any_end(Chance& chance) {
  StepEnded ended;
  if (chance.once_in(3)) ended.status = static_cast<WorkStatus>(chance.below(5));
  ended.teardown = chance.once_in(8);
  if (chance.once_in(2)) ended.code = "ssh.lost";
  return ended;
}

void add_anything(RecordForTest& record, Chance& chance) {
  const std::string dut = chance.once_in(5) ? "R01" : "C01";
  const std::string step = chance.once_in(4) ? "power/on" : "soak/load";
  const int attempt = 1 + chance.below(2);
  switch (chance.below(12)) {
    case 0:
      record.add(dut, step, StepBegun{}, attempt);
      break;
    case 1:
      record.add(dut, step, any_end(chance), attempt);
      break;
    case 2: {
      Interlocked cut;
      cut.cause = "leak";
      cut.hazard_read = chance.once_in(2);
      if (chance.once_in(4)) record.add(dut, "monitor/leak", cut);
      break;
    }
    case 3:
      if (chance.once_in(4)) record.add(dut, step, GuardClosed{"power off", false, "no answer"}, attempt);
      break;
    case 4:
      record.add(dut, step, Diagnosed{"gpu.hot", chance.once_in(2) ? "GPU_0" : "GPU_7", "its heat", ""},
                 attempt);
      break;
    case 5:
      record.add(dut, step, Disturbance{"bmc.disturbed", "503", 2}, attempt);
      break;
    case 6:
      if (chance.once_in(6)) record.add("", "", StopRequested{"SIGINT", 2});
      break;
    case 7:
      if (chance.once_in(6)) record.add("", "", RunResumed{});
      break;
    case 8:
      record.series(dut, "GPU_0", {{1, 50}, {2, std::numeric_limits<double>::quiet_NaN()}, {3, 51}});
      break;
    case 9:
      record.add(dut, step, Retried{"bmc.timeout", "no answer", 2}, attempt);
      break;
    default: {
      const bool is_number = !chance.once_in(5);
      record.measured(any_outcome(chance),
                      is_number ? Value(40.0 + chance.below(60)) : Value(std::monostate{}), "", attempt);
      if (chance.once_in(6)) std::get<Measured>(record.input.events.events.back().body).part = "GPU_7";
    }
  }
}

ReportInput any_run(Chance& chance) {
  RecordForTest record;
  RunBegun& begun = std::get<RunBegun>(record.input.events.events.front().body);
  if (chance.once_in(10)) begun.purpose = "survey";
  if (chance.once_in(10)) begun.retest_of = "R-0";
  begun.marginal_is_conditional = chance.once_in(3);
  const int more = chance.below(6);
  if (!chance.once_in(8)) record.measured(Outcome::pass, 60.0);
  for (int count = 0; count < more; ++count) add_anything(record, chance);
  if (!chance.once_in(10)) record.end();
  ReportInput input = record.done();
  if (chance.once_in(12)) input.run.state = RunState::interrupted;
  if (chance.once_in(12)) {
    RecordBreak broken;
    broken.reason = "disk full";
    (chance.once_in(2) ? input.run.broken : input.events.broken) = broken;
    input.verdict = roll_up(input.events);
  }
  return input;
}

TEST(MachineFormats, OnlyAGoLooksGreen) {
  std::map<std::string, int> seen;
  for (unsigned seed = 1; seed <= 2'000; ++seed) {
    Chance chance(seed);
    const ReportInput input = any_run(chance);
    const bool is_go = input.verdict.decision == Decision::go && first_warning(input).empty();
    const bool may_pass =
        is_go || (input.verdict.decision == Decision::conditional && first_warning(input).empty());
    ++seen[decision_word(input)];
    const std::string stream = render_report("ocptv", input);
    for (const std::string& sentence : broken_rules(stream))
      ADD_FAILURE() << "seed " << seed << ": " << sentence;
    const bool passes = stream.find("\"result\":\"PASS\"") != std::string::npos;
    EXPECT_FALSE(passes && !may_pass) << "seed " << seed << ": " << decision_word(input);
    EXPECT_FALSE(is_go && !passes) << "seed " << seed;
    const std::string junit = render_report("junit", input);
    const bool is_red = count_in(junit, "<failure ") + count_in(junit, "<error ") > 0;
    EXPECT_EQ(is_red, !is_go) << "seed " << seed << ": " << decision_word(input);
    EXPECT_NE(render_report("csv", input).find("," + decision_word(input) + ","), std::string::npos);
    if (HasFailure()) return;
  }
  for (const char* decision : {"GO", "NO-GO", "CONDITIONAL", "INCOMPLETE", "SURVEY"})
    EXPECT_GT(seen[decision], 50) << "hardly any " << decision;
}

}  // namespace
}  // namespace kiln
