// What steps that look back are told is what the record says, before a resume or after it.

#include "engine/run_memory.h"

#include <gtest/gtest.h>

#include <utility>

namespace kiln {
namespace {

Event at(std::int64_t utc_ns, std::string dut, std::string step, EventBody body) {
  Event event;
  event.at = {utc_ns, utc_ns};
  event.dut = std::move(dut);
  event.step = std::move(step);
  event.body = std::move(body);
  return event;
}

Measured value_of(const std::string& name, const std::string& part, Value value) {
  Measured measured;
  measured.name = name;
  measured.part = part;
  measured.value = std::move(value);
  return measured;
}

TEST(RunMemory, KnowsWhenEachStepOfADutRanAndPassesMonitorsOver) {
  RunMemory memory;
  StepBegun monitor;
  monitor.monitor = true;
  memory.take(at(5, "", "", RunBegun()));
  memory.take(at(6, "C01", "monitor/m", monitor));
  memory.take(at(10, "C01", "a/x", StepBegun()));
  memory.take(at(11, "C02", "a/x", StepBegun()));
  memory.take(at(20, "C01", "a/x", StepEnded()));
  memory.take(at(30, "C01", "a/y", StepBegun()));
  memory.take(at(31, "C01", "monitor/m", StepEnded()));
  EXPECT_EQ(memory.begun_utc_ns(), 5);
  const std::vector<StepWindow> windows = memory.windows("C01");
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].step, "a/x");
  EXPECT_EQ(windows[0].ended_utc_ns, 20);
  EXPECT_EQ(windows[1].ended_utc_ns, std::nullopt);
  EXPECT_TRUE(memory.windows("S01").empty());
}

TEST(RunMemory, ADayOfRepetitionsIsOneWindow) {
  RunMemory memory;
  for (int i = 0; i < 86'400; ++i) {
    memory.take(at(i * 10, "C01", "a/x", StepBegun()));
    memory.take(at(i * 10 + 5, "C01", "a/x", StepEnded()));
  }
  const std::vector<StepWindow> windows = memory.windows("C01");
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].begun_utc_ns, 0);
  EXPECT_EQ(windows[0].ended_utc_ns, 863'995);
}

TEST(RunMemory, TheLastValueOfAPartCountsOnItsOwnDut) {
  RunMemory memory;
  memory.take(at(1, "C01", "a/x", value_of("m", "p", std::int64_t{1})));
  memory.take(at(2, "C01", "a/y", value_of("m", "p", std::int64_t{2})));
  memory.take(at(3, "C02", "a/x", value_of("m", "p", std::int64_t{3})));
  EXPECT_EQ(memory.last("C01", "m", "p"), Value(std::int64_t{2}));
  EXPECT_EQ(memory.last("C01", "m", ""), std::nullopt);
  EXPECT_EQ(memory.last("C03", "m", "p"), std::nullopt);
}

}  // namespace
}  // namespace kiln
