#include "tool_output/nvme_smart.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace kiln::tool_output {
namespace {

// nvme-cli 1.x: plain numbers.
constexpr const char* kFirst =
    R"({"critical_warning":0,"temperature":310,"avail_spare":100,"spare_thresh":10,"percent_used":2,
"endurance_grp_critical_warning_summary":0,"data_units_read":80123,"data_units_written":90321,"power_cycles":12,
"power_on_hours":340,"unsafe_shutdowns":7,"media_errors":0,"num_err_log_entries":3,"temperature_sensor_1":310})";

// nvme-cli 2.x: an object of bits, and counters as text.
constexpr const char* kSecond =
    R"({"critical_warning":{"value":4,"available_spare":0,"temp_threshold":0,"reliability_degraded":1,"ro":0},
"temperature":341,"avail_spare":9,"spare_thresh":10,"percent_used":103,"data_units_read":"18446744073709551616",
"unsafe_shutdowns":"7","media_errors":"21","power_on_hours":"40000"})";

TEST(NvmeSmart, BothShapesOfNvmeCliAreRead) {
  const auto first = parse_nvme_smart(kFirst);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->critical_warning, 0);
  EXPECT_EQ(first->media_errors, 0);
  EXPECT_EQ(first->percentage_used, 2);
  EXPECT_EQ(first->available_spare, 100);
  EXPECT_EQ(first->spare_threshold, 10);
  EXPECT_NEAR(*first->temperature_c, 36.85, 0.001);
  EXPECT_EQ(first->unsafe_shutdowns, 7);
  const auto second = parse_nvme_smart(std::string("NVMe status: fine\n") + kSecond);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->critical_warning, 4);
  EXPECT_EQ(second->media_errors, 21);
  EXPECT_EQ(second->percentage_used, 103);
  EXPECT_EQ(nvme_warning_words(5),
            "spare below its threshold, reliability degraded by media or internal errors");
}

TEST(NvmeSmart, WhatADriveDoesNotReportIsUnset) {
  const auto blank = parse_nvme_smart(
      R"({"critical_warning":-1,"temperature":0,"avail_spare":255,"spare_thresh":"N/A","percent_used":1.5,"media_errors":1e30})");
  ASSERT_TRUE(blank);
  EXPECT_FALSE(blank->critical_warning);
  EXPECT_FALSE(blank->temperature_c);
  EXPECT_FALSE(blank->available_spare);
  EXPECT_FALSE(blank->spare_threshold);
  EXPECT_FALSE(blank->percentage_used);
  EXPECT_FALSE(blank->media_errors);
}

TEST(NvmeSmart, EveryCutOfEitherIsRefused) {
  for (const std::string text : {kFirst, kSecond}) {
    for (std::size_t size = 0; size + 1 < text.size(); ++size)
      EXPECT_FALSE(parse_nvme_smart(text.substr(0, size))) << size;
    EXPECT_FALSE(parse_nvme_smart(text + text)) << "two drives in one answer";
  }
}

TEST(NvmeController, ThresholdsThatAreNotReportedAreUnset) {
  const auto told = parse_nvme_controller(
      R"({"vid":5197,"sn":"S64ANE0T1  ","mn":"MZQL2","fr":"GDC5","wctemp":343,"cctemp":0})");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->serial, "S64ANE0T1");
  EXPECT_NEAR(*told->warning_temperature_c, 69.85, 0.001);
  EXPECT_FALSE(told->critical_temperature_c);
}

std::string captured(const std::string& name) {
  std::ifstream file(KILN_SOURCE_DIR "/../shared/samples/D_tools/nvme-smart/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(NvmeSmart, CapturedReportsOfSmartctl) {
  const std::string good = captured("gcm-cache_good-nvme0.json");
  if (good.empty()) GTEST_SKIP() << "../shared/samples is not here";
  const auto healthy = parse_nvme_smart(good);
  ASSERT_TRUE(healthy);
  EXPECT_EQ(healthy->critical_warning, 0);
  EXPECT_EQ(healthy->available_spare, 100);
  EXPECT_EQ(healthy->spare_threshold, 10);
  EXPECT_EQ(healthy->percentage_used, 0);
  EXPECT_EQ(healthy->unsafe_shutdowns, 15);
  EXPECT_EQ(healthy->power_on_hours, 5699);
  EXPECT_EQ(*healthy->temperature_c, 42);
  const auto bad = parse_nvme_smart(captured("gcm-learn_bad_nvme9-nvme9.json"));
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->available_spare, 0) << "passed by its own word, and without a spare block";
  EXPECT_EQ(bad->spare_threshold, 11);
  const auto none = parse_nvme_smart(captured("gcm-learn_missing_smartdata-nvme7.json"));
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("Read NVMe SMART/Health Information failed"), std::string::npos);
}

}  // namespace
}  // namespace kiln::tool_output
