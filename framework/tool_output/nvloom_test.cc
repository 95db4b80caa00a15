// nvloom: what counts as measured, and what does not.
#include "tool_output/nvloom.h"

#include <gtest/gtest.h>

#include "tool_output/replaced_for_test.h"
#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

constexpr const char* kBisect = "bisect_device_to_device_write_sm";
constexpr const char* kToRack = "gpu_to_rack_device_to_device_unidir_read_ce";

Nvloom loom(const std::string& text) {
  Result<Nvloom> run = parse_nvloom(text);
  EXPECT_TRUE(run) << (run ? "" : run.error().full());
  return run ? std::move(*run) : Nvloom();
}

NvloomStatus status_of(const std::string& text, const char* name) {
  const Nvloom run = loom(text);
  const NvloomCase* one = run.find(name);
  return one == nullptr ? NvloomStatus::cut : one->status;
}

TEST(NvloomOutput, IsReadWithItsProcessesAndBothKindsOfRows) {
  const Nvloom run = loom(fixtures::kNvloom);
  EXPECT_EQ(run.version, "1.3.0");
  EXPECT_FALSE(run.incomplete);
  EXPECT_EQ(run.doubt_count, 0U);
  ASSERT_EQ(run.processes.size(), 4U);
  EXPECT_EQ(run.processes[3].rank, 3);
  EXPECT_EQ(run.processes[3].host, "tray02");
  EXPECT_EQ(run.processes[3].device, 1);
  EXPECT_EQ(run.processes[3].bus_id, "00000009:01:00.0");
  EXPECT_EQ(run.processes[3].rack_guid, "5a01");
  const NvloomCase* bisect = run.find(kBisect);
  ASSERT_NE(bisect, nullptr);
  EXPECT_EQ(bisect->status, NvloomStatus::ran);
  EXPECT_EQ(bisect->rows[3].peer, 1);
  EXPECT_EQ(bisect->rows[3].values, std::vector<std::optional<double>>{612.50});
  const NvloomCase* to_rack = run.find(kToRack);
  ASSERT_NE(to_rack, nullptr);
  EXPECT_EQ(to_rack->columns, std::vector<std::string>{"5a01"});
  EXPECT_FALSE(to_rack->rows[3].peer);
  EXPECT_EQ(to_rack->minimum, 640.11);
}

TEST(NvloomOutput, RacksWithSeparatorsAndNotesAreColumns) {
  std::string text = replaced(fixtures::kNvloom, "\t5a01\t\n", "\t5a01\t| \t5b02\t\n");
  for (const char* row : {"0\t779.10", "1\t780.02", "2\t779.95", "3\t640.11"})
    text = replaced(text, std::string(row) + "\t\n", std::string(row) + ";(0-2)\t|\tN/A\t\n");
  const Nvloom run = loom(text);
  EXPECT_EQ(run.find(kToRack)->status, NvloomStatus::ran);
  EXPECT_EQ(run.find(kToRack)->columns.size(), 2U);
  EXPECT_EQ(run.find(kToRack)->rows[0].values, (std::vector<std::optional<double>>{779.10, std::nullopt}));
}

TEST(NvloomOutput, EndsOnlyWithItsOwnEnd) {
  const std::string& text = fixtures::kNvloom;
  for (std::size_t length = 1; length < text.size() - 2; ++length) {
    const Result<Nvloom> run = parse_nvloom(text.substr(0, length));
    const NvloomCase* last = run ? run->find(kToRack) : nullptr;
    if (last == nullptr) continue;
    EXPECT_EQ(last->status, NvloomStatus::cut) << length;
    EXPECT_TRUE(run->incomplete) << length;
  }
}

TEST(NvloomOutput, WhatDoesNotAddUpIsNotMeasured) {
  const std::string& text = fixtures::kNvloom;
  EXPECT_EQ(status_of(replaced(text, "Min bisect_device_to_device_write_sm 612.50",
                               "Min bisect_device_to_device_write_sm 712.50"),
                      kBisect),
            NvloomStatus::cut);
  EXPECT_EQ(status_of(replaced(text, "3->1\t612.50\t\n", ""), kBisect), NvloomStatus::cut)
      << "a GPU is missing";
  EXPECT_EQ(status_of(replaced(text, "612.50\t", "fast\t"), kBisect), NvloomStatus::cut);
  EXPECT_EQ(status_of(replaced(text, "\t771.30\t\n", "\t771.30\t12.00\t\n"), kBisect), NvloomStatus::cut);
  std::string other_unit = text;
  for (int i = 0; i < 4; ++i) other_unit = replaced(other_unit, "GB/s", "GiB/s");
  EXPECT_EQ(status_of(other_unit, kBisect), NvloomStatus::cut);
}

TEST(NvloomOutput, WaivedIsNotRanAndErrorsEndACase) {
  const std::string head = fixtures::kNvloom.substr(0, fixtures::kNvloom.find("\t0\t"));
  EXPECT_EQ(status_of(head + "WAIVED\nExecutionTime x 0 s\nDone bisect_device_to_device_write_sm\n", kBisect),
            NvloomStatus::waived);
  const Nvloom failed =
      loom(head +
           "[tray02:1]: [CUDA_ERROR_SYSTEM_NOT_READY] system not yet initialized in expression x\n"
           "Done bisect_device_to_device_write_sm\n");
  EXPECT_EQ(failed.errors.size(), 1U);
  EXPECT_EQ(failed.find(kBisect)->status, NvloomStatus::cut);
  EXPECT_EQ(parse_nvloom("No such testcase as \"x\"\n").error().code, "tool_output.tool_failed");
  EXPECT_EQ(parse_nvloom("Running tests\nDone tests\n").error().code, "tool_output.not_recognised");
}

TEST(NvloomOutput, PrefixesOfLaunchersAreDropped) {
  std::string text;
  std::size_t start = 0;
  while (start < fixtures::kNvloom.size()) {
    const std::size_t end = fixtures::kNvloom.find('\n', start);
    text += "[1,0]<stdout>:" + fixtures::kNvloom.substr(start, end - start + 1);
    start = end + 1;
  }
  EXPECT_EQ(status_of(text, kToRack), NvloomStatus::ran);
}

}  // namespace
}  // namespace kiln::tool_output
