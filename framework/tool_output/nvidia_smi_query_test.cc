#include "tool_output/nvidia_smi_query.h"

#include <gtest/gtest.h>

#include <string>

#include "tool_output/replaced_for_test.h"
#include "tool_output/test_fixtures.h"

namespace kiln::tool_output {
namespace {

GpuQuery only_gpu(const std::string& xml) {
  Result<NvidiaSmiQuery> query = parse_nvidia_smi_query(xml);
  EXPECT_TRUE(query) << (query ? "" : query.error().full());
  if (!query || query->gpus.size() != 1) return {};
  return query->gpus.front();
}

TEST(NvidiaSmiQuery, ReadsARackGpu) {
  const auto query = parse_nvidia_smi_query(fixtures::query(fixtures::rack_gpu()));
  ASSERT_TRUE(query);
  EXPECT_FALSE(query->incomplete);
  EXPECT_EQ(query->doubt_count, 0U) << query->doubts.front().field;
  EXPECT_EQ(query->driver_version, "580.95.05");
  EXPECT_EQ(query->dtd, "nvsmi_device_v13.dtd");
  ASSERT_EQ(query->gpus.size(), 1U);
  const GpuQuery& gpu = query->gpus.front();
  EXPECT_EQ(gpu.bus_id, "00000008:01:00.0");
  EXPECT_EQ(gpu.serial, "1640000000001");
  EXPECT_EQ(gpu.product_name, "NVIDIA GB300");
  EXPECT_EQ(gpu.chassis_serial, "1820000000042");
  EXPECT_EQ(gpu.tray_index, "4");
  EXPECT_EQ(gpu.module_id, "2");
  EXPECT_EQ(gpu.temperature.gpu, 61);
  EXPECT_EQ(gpu.temperature.memory, 58);
  EXPECT_EQ(gpu.power.draw, 1340.25);
  EXPECT_EQ(gpu.power.current_limit, 1400);
  EXPECT_EQ(gpu.module_power.draw, 2467.17);
  EXPECT_EQ(gpu.clocks.sm, 1920);
  EXPECT_EQ(gpu.clocks.max_sm, 2062) << "equal tags under another parent are another value";
  EXPECT_EQ(gpu.memory_total_mib, 284208);
  EXPECT_EQ(gpu.pcie.current_generation, 6);
  EXPECT_EQ(gpu.pcie.current_width, 16);
  EXPECT_FALSE(gpu.pcie.host_max_generation);
  EXPECT_EQ(gpu.pcie.replays, 3U);
  EXPECT_FALSE(gpu.fan_percent);
  EXPECT_EQ(gpu.recovery_action, "None");
  ASSERT_EQ(gpu.processes.size(), 1U);
  EXPECT_EQ(gpu.processes[0].pid, 4242);
  EXPECT_FALSE(gpu.lost);
  EXPECT_TRUE(gpu.bad_cells.empty());
  ASSERT_EQ(gpu.no_permission.size(), 1U);
  EXPECT_NE(gpu.no_permission[0].find("power_smoothing"), std::string::npos);
}

TEST(NvidiaSmiQuery, KeepsTLimitDistancesApartFromTemperatures) {
  const GpuQuery gpu = only_gpu(fixtures::query(fixtures::rack_gpu()));
  EXPECT_EQ(gpu.temperature.tlimit_margin, 26);
  EXPECT_EQ(gpu.temperature.slowdown_tlimit, -2);
  EXPECT_EQ(gpu.temperature.shutdown_tlimit, -5);
  EXPECT_FALSE(gpu.temperature.slowdown) << "a distance is never an absolute limit";
}

TEST(NvidiaSmiQuery, SumsSplitSramErrorsAndCountsRows) {
  const GpuQuery gpu = only_gpu(fixtures::query(fixtures::rack_gpu()));
  EXPECT_EQ(gpu.ecc_volatile.sram_uncorrectable, 5U);
  EXPECT_EQ(gpu.ecc_volatile.uncorrectable(), 10U);
  EXPECT_EQ(gpu.ecc_volatile.correctable(), 5U);
  EXPECT_EQ(gpu.ecc_aggregate.correctable(), 7U);
  EXPECT_EQ(gpu.ecc_aggregate.sram_threshold_exceeded, false);
  EXPECT_EQ(gpu.remapped_rows.correctable, 1U);
  EXPECT_EQ(gpu.remapped_rows.pending, true);
  EXPECT_EQ(gpu.remapped_rows.failure, false);
  EXPECT_EQ(gpu.remapped_rows.histogram.at("high"), 1U);
  EXPECT_FALSE(gpu.retired_pages.double_bit);
}

TEST(NvidiaSmiQuery, ReadsTheEccLayoutBeforeTuring) {
  const std::string gpu = R"(<gpu id="0000:04:00.0"><product_name>Tesla P100</product_name>
    <ecc_errors>
      <volatile>
        <single_bit><device_memory>3</device_memory><register_file>1</register_file><l1_cache>N/A</l1_cache>
          <l2_cache>2</l2_cache><texture_memory>0</texture_memory><total>6</total></single_bit>
        <double_bit><device_memory>1</device_memory><register_file>0</register_file><l2_cache>0</l2_cache>
          <total>1</total></double_bit>
      </volatile>
      <aggregate><single_bit><device_memory>N/A</device_memory><total>N/A</total></single_bit></aggregate>
    </ecc_errors></gpu>)";
  const GpuQuery read = only_gpu(fixtures::query(gpu));
  EXPECT_EQ(read.ecc_volatile.dram_correctable, 3U);
  EXPECT_EQ(read.ecc_volatile.sram_correctable, 3U);
  EXPECT_EQ(read.ecc_volatile.uncorrectable(), 1U);
  EXPECT_FALSE(read.ecc_aggregate.correctable()) << "not available is not zero";
}

TEST(NvidiaSmiQuery, ReadsRenamedTagsOfOlderDrivers) {
  const std::string gpu = R"(<gpu id="00000000:00:1E.0"><product_name>Tesla T4</product_name>
    <clocks_throttle_reasons>
      <clocks_throttle_reason_hw_thermal_slowdown>Active</clocks_throttle_reason_hw_thermal_slowdown>
      <clocks_throttle_reason_sw_power_cap>Not Active</clocks_throttle_reason_sw_power_cap>
    </clocks_throttle_reasons>
    <retired_pages>
      <multiple_single_bit_retirement><retired_count>2</retired_count></multiple_single_bit_retirement>
      <double_bit_retirement><retired_count>1</retired_count></double_bit_retirement>
      <pending_blacklist>Yes</pending_blacklist>
    </retired_pages>
    <gpu_reset_status><reset_required>Yes</reset_required></gpu_reset_status>
    <temperature><gpu_temp>40 C</gpu_temp><gpu_temp_slow_threshold>93 C</gpu_temp_slow_threshold></temperature>
    <power_readings><power_draw>26.78 W</power_draw><power_limit>60.00 W</power_limit>
      <enforced_power_limit>70.00 W</enforced_power_limit></power_readings></gpu>)";
  const GpuQuery read = only_gpu(fixtures::query(gpu));
  EXPECT_EQ(read.bus_id, "00000000:00:1e.0");
  EXPECT_EQ(read.clock_events.active_slowdowns(), std::vector<std::string>{"hw_thermal_slowdown"});
  EXPECT_EQ(read.retired_pages.double_bit, 1U);
  EXPECT_EQ(read.retired_pages.pending, true);
  EXPECT_EQ(read.reset_required, true);
  EXPECT_EQ(read.power.draw, 26.78);
  EXPECT_EQ(read.power.current_limit, 70);
  EXPECT_EQ(read.power.requested_limit, 60);
  EXPECT_EQ(read.temperature.slowdown, 93);
}

TEST(NvidiaSmiQuery, MarksALostGpuWhereverTheTextStands) {
  const std::string gpu =
      replaced(fixtures::rack_gpu(), "<gpu_temp>61 C</gpu_temp>", "<gpu_temp>GPU is lost</gpu_temp>");
  const GpuQuery one_cell = only_gpu(fixtures::query(gpu));
  EXPECT_TRUE(one_cell.lost);
  EXPECT_FALSE(one_cell.temperature.gpu);
  ASSERT_EQ(one_cell.bad_cells.size(), 1U);
  EXPECT_EQ(one_cell.bad_cells[0].text, "GPU is lost");

  const GpuQuery container =
      only_gpu(fixtures::query("<gpu id=\"0000:0A:00.0\"><remapped_rows>GPU is lost</remapped_rows>"
                               "<ecc_errors>GPU is lost</ecc_errors></gpu>"));
  EXPECT_TRUE(container.lost);
  EXPECT_FALSE(container.remapped_rows.uncorrectable);
  EXPECT_FALSE(container.ecc_volatile.uncorrectable());
}

TEST(NvidiaSmiQuery, ListsAnErrCellOfAWorkingGpu) {
  const std::string gpu =
      replaced(fixtures::rack_gpu(), "<average_power_draw>1340.25 W", "<average_power_draw>ERR!");
  const GpuQuery read = only_gpu(fixtures::query(gpu));
  EXPECT_FALSE(read.lost);
  ASSERT_EQ(read.bad_cells.size(), 1U);
  EXPECT_NE(read.bad_cells[0].field.find("average_power_draw"), std::string::npos);
  EXPECT_EQ(read.power.draw, 1398.5) << "the instant reading is still there";
}

TEST(NvidiaSmiQuery, CountsACellItDoesNotUnderstand) {
  const std::string gpu =
      replaced(fixtures::rack_gpu(), "<gpu_temp>61 C</gpu_temp>", "<gpu_temp>warm</gpu_temp>");
  const auto query = parse_nvidia_smi_query(fixtures::query(gpu));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->doubt_count, 1U);
  EXPECT_EQ(query->doubts[0].text, "warm");
  EXPECT_FALSE(query->gpus[0].temperature.gpu);
}

TEST(NvidiaSmiQuery, IsIncompleteWhenGpusAreMissing) {
  const auto query = parse_nvidia_smi_query(fixtures::query(fixtures::rack_gpu(), "4"));
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->incomplete);
}

TEST(NvidiaSmiQuery, RefusesEveryCutOfADocument) {
  const std::string xml = fixtures::query(fixtures::rack_gpu());
  const std::size_t end = xml.find("</nvidia_smi_log>");
  for (std::size_t length = 1; length <= end; length += 37) {
    EXPECT_FALSE(parse_nvidia_smi_query(xml.substr(0, length))) << length;
  }
  EXPECT_EQ(parse_nvidia_smi_query(xml.substr(0, end)).error().code, "tool_output.truncated");
}

TEST(NvidiaSmiQuery, ReadsADocumentOnOneLineWithMessagesAround) {
  std::string xml = fixtures::query(fixtures::rack_gpu());
  for (char& c : xml) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  const auto query =
      parse_nvidia_smi_query("banner\n" + xml + "\nWARNING: infoROM is corrupted at gpu 0008:01:00.0\n");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->gpus.size(), 1U);
  ASSERT_EQ(query->messages.size(), 2U);
  EXPECT_NE(query->messages[1].find("infoROM"), std::string::npos);
}

TEST(NvidiaSmiQuery, NamesTheGpuThatIsLostInPlaceOfADocument) {
  const auto lost =
      parse_nvidia_smi_query("Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error\n");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "nvidia_smi.gpu_lost");
  EXPECT_NE(lost.error().message.find("00000000:3b:00.0"), std::string::npos) << lost.error().message;
  EXPECT_EQ(
      parse_nvidia_smi_query("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
          .error()
          .code,
      "tool_output.tool_failed");
}

TEST(NvidiaSmiQuery, RefusesPlainTextAndForeignXml) {
  EXPECT_EQ(parse_nvidia_smi_query("==============NVSMI LOG==============\nAttached GPUs : 1\n").error().code,
            "tool_output.not_recognised");
  EXPECT_EQ(parse_nvidia_smi_query("<?xml version=\"1.0\"?><other/>").error().code,
            "tool_output.not_recognised");
  EXPECT_EQ(parse_nvidia_smi_query("<nvidia_smi_log><gpu></nvidia_smi_log>").error().code,
            "tool_output.malformed");
}

FabricState fabric_with(const std::string& from, const std::string& to) {
  return only_gpu(fixtures::query(replaced(fixtures::rack_gpu(), from, to))).fabric;
}

TEST(FabricState, PassesOnlyWhenNothingSpeaksAgainstIt) {
  EXPECT_EQ(only_gpu(fixtures::query(fixtures::rack_gpu())).fabric.verdict(), ToolVerdict::pass);
  EXPECT_EQ(fabric_with("<summary>Healthy<", "<summary>N/A<").verdict(), ToolVerdict::pass)
      << "health is not available on a healthy single-node board";
  EXPECT_EQ(fabric_with("<summary>Healthy<", "<summary>Unhealthy<").verdict(), ToolVerdict::fail);
  EXPECT_EQ(fabric_with("<bandwidth>Full<", "<bandwidth>Degraded<").verdict(), ToolVerdict::fail);
  EXPECT_EQ(fabric_with("<route_unhealthy>False<", "<route_unhealthy>True<").verdict(), ToolVerdict::fail);
  EXPECT_EQ(
      fabric_with("<incorrect_configuration>None<", "<incorrect_configuration>Incorrect SYSGUID<").verdict(),
      ToolVerdict::fail);
  EXPECT_EQ(fabric_with("<route_recovery_in_progress>False<", "<route_recovery_in_progress>True<").verdict(),
            ToolVerdict::warn);
  EXPECT_EQ(fabric_with("<status>Success<", "<status>Unknown Error<").verdict(), ToolVerdict::fail);
  EXPECT_EQ(fabric_with("<status>Success<", "<status>N/A<").verdict(), ToolVerdict::unknown);
  EXPECT_EQ(fabric_with("<state>Completed<", "<state>In Progress<").verdict(), ToolVerdict::not_run);
  EXPECT_EQ(fabric_with("<state>Completed<", "<state>N/A<").verdict(), ToolVerdict::skip);
  EXPECT_EQ(fabric_with("<state>Completed<", "<state>GPU is lost<").verdict(), ToolVerdict::fail);
  EXPECT_EQ(fabric_with("<state>Completed<", "<state>Sideways<").verdict(), ToolVerdict::unknown);
}

}  // namespace
}  // namespace kiln::tool_output
