#include "bmc/gpu.h"

#include <gtest/gtest.h>

#include "bmc/tray_for_test.h"

namespace kiln {
namespace {

TEST_F(Tray, AGpuIsReadFromItsResources) {
  const auto all = gpus();
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  const GpuReading& gpu = all->front();
  EXPECT_EQ(gpu.name, "GPU_0");
  EXPECT_EQ(gpu.temperature, 54.0);
  EXPECT_EQ(gpu.power, 700.5);
  EXPECT_EQ(gpu.power_limit, 1400);
  EXPECT_EQ(gpu.clock_mhz, 1980);
  EXPECT_TRUE(gpu.throttle_reasons.empty());
  EXPECT_EQ(gpu.ecc_correctable, 3);
  EXPECT_EQ(gpu.ecc_uncorrectable, 3);
  EXPECT_EQ(gpu.row_remap_failed, 0);
  EXPECT_EQ(gpu.row_remap_pending, 1);
  EXPECT_FALSE(gpu.memory_temperature);
}

TEST_F(Tray, ADistanceToALimitIsNeverATemperature) {
  service.bodies[kGpu + "/EnvironmentMetrics"] =
      R"({"Id":"e","TemperatureCelsius":{"Reading":54.0,"DataSourceUri":")" + kGpuChassis +
      R"(/Sensors/T1"}})";
  EXPECT_EQ(gpus()->front().temperature, 31.2);
  bmc = service.bmc();
  service.bodies.erase(kGpuChassis + "/Sensors/T0");
  EXPECT_FALSE(gpus()->front().temperature);
}

TEST_F(Tray, ATemperatureWhoseSourceCannotBeReadIsNotUsed) {
  service.bodies[kGpu + "/EnvironmentMetrics"] =
      R"({"Id":"e","TemperatureCelsius":{"Reading":54.0,"DataSourceUri":"/redfish/v1/Chassis/gone"}})";
  EXPECT_FALSE(gpus()->front().temperature);
}

TEST_F(Tray, TheMemorysSensorIsNotTakenForTheGpus) {
  const std::string dram = kGpuChassis + "/Sensors/DRAM_T0";
  service.bodies[kGpu + "/EnvironmentMetrics"] =
      R"({"Id":"e","TemperatureCelsius":{"Reading":54.0,"DataSourceUri":")" + kGpuChassis +
      R"(/Sensors/T1"}})";
  service.bodies[kGpuChassis + "/Sensors"] =
      collection({dram, kGpuChassis + "/Sensors/T1", kGpuChassis + "/Sensors/T0"});
  service.bodies[dram] =
      R"({"Id":"DRAM_T0","ReadingType":"Temperature","ReadingUnits":"Cel","PhysicalContext":"GPU","Reading":41})";
  EXPECT_EQ(gpus()->front().temperature, 31.2);
}

TEST_F(Tray, AGpuThatVanishesStaysListedWithoutValues) {
  EXPECT_EQ(gpus()->size(), 1U);
  service.bodies.erase(kGpu);
  service.bodies.erase(kGpu + "/EnvironmentMetrics");
  service.bodies[kBoard + "/Processors"] = collection({});
  for (int i = 0; i < 40; ++i) {
    const auto all = gpus();
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().state, "");
    EXPECT_FALSE(all->front().temperature);
  }
}

class TrayWithReports : public Tray {
 protected:
  void serve_report(double temperature, const std::string& time, const std::string& extra = "") {
    const auto metric = [&](const std::string& property, const std::string& value) {
      return R"({"MetricProperty":")" + property + R"(","MetricValue":")" + value + R"(","Timestamp":")" +
             time + "\"" + extra + "}";
    };
    const std::string memory = kBoard + "/Memory/GPU_0_DRAM_0";
    service.bodies["/redfish/v1/TelemetryService/MetricReports/R1"] =
        R"({"Id":"R1","MetricValues":[)" +
        metric(kGpu + "/EnvironmentMetrics#/TemperatureCelsius/Reading", std::to_string(temperature)) + "," +
        metric(kGpu + "/EnvironmentMetrics#/PowerWatts/Reading", "701") + "," +
        metric(kGpu + "/ProcessorMetrics#/OperatingSpeedMHz", "1900") + "," +
        metric(kGpu + "/ProcessorMetrics#/Oem/Nvidia/ThrottleReasons", R"([\"SWPowerCap\"])") + "," +
        metric(kGpu + "/ProcessorMetrics#/CacheMetricsTotal/LifeTime/CorrectableECCErrorCount", "1") + "," +
        metric(kGpu + "/ProcessorMetrics#/CacheMetricsTotal/LifeTime/UncorrectableECCErrorCount", "0") + "," +
        metric(memory + "#/Oem/Nvidia/RowRemappingFailed", "false") + "," +
        metric(memory + "#/Oem/Nvidia/RowRemappingPending", "true") + "," +
        metric(memory + "/MemoryMetrics#/LifeTime/CorrectableECCErrorCount", "2") + "," +
        metric(memory + "/MemoryMetrics#/LifeTime/UncorrectableECCErrorCount", "5") + "]}";
  }
  TrayWithReports() {
    service.bodies["/redfish/v1/TelemetryService"] =
        R"({"Id":"T","MetricReports":{"@odata.id":"/redfish/v1/TelemetryService/MetricReports"}})";
    service.bodies["/redfish/v1/TelemetryService/MetricReports"] =
        collection({"/redfish/v1/TelemetryService/MetricReports/R1"});
    serve_report(60, "2026-01-01T00:00:00Z");
    EXPECT_TRUE(gpus());
    service.log.clear();
  }
};

TEST_F(TrayWithReports, OneReportStandsForTheResources) {
  serve_report(61, "2026-01-01T00:00:01Z");
  const auto all = gpus();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->front().temperature, 61);
  EXPECT_EQ(all->front().clock_mhz, 1900);
  EXPECT_EQ(all->front().throttle_reasons, std::vector<std::string>{"SWPowerCap"});
  EXPECT_EQ(all->front().ecc_uncorrectable, 5);
  EXPECT_EQ(all->front().row_remap_pending, 1);
  EXPECT_EQ(all->front().power_limit, 1400);
  EXPECT_EQ(service.log.size(), 2U) << "the processor, which proves the GPU, and the report";
}

TEST_F(TrayWithReports, AReportThatStandsStillIsNotBelieved) {
  service.bodies[kGpu + "/EnvironmentMetrics"] = R"({"Id":"e","TemperatureCelsius":{"Reading":99}})";
  desk.pass(4s);
  EXPECT_EQ(gpus()->front().temperature, 99) << "read where it lives";
}

TEST_F(TrayWithReports, StaleValuesAreReadWhereTheyLive) {
  service.bodies[kGpu + "/EnvironmentMetrics"] = R"({"Id":"e","TemperatureCelsius":{"Reading":98}})";
  serve_report(61, "2026-01-01T00:00:02Z", R"(,"Oem":{"Nvidia":{"MetricValueStale":true}})");
  EXPECT_EQ(gpus()->front().temperature, 98);
}

TEST_F(Tray, ALinkIsReadWithCanonicalErrorNames) {
  const auto links =
      ask<Result<std::vector<NvlinkReading>>>([&](const Ctx& ctx) { return bmc->nvlinks(ctx); });
  ASSERT_TRUE(links);
  ASSERT_EQ(links->size(), 1U) << "PCIe is no NVLink";
  const NvlinkReading& link = links->front();
  EXPECT_EQ(link.name, "GPU_0/NVLink_0");
  EXPECT_EQ(link.link_status, "LinkUp");
  EXPECT_EQ(link.max_speed_gbps, 425);
  EXPECT_EQ(link.width, 2);
  EXPECT_EQ(link.tx_bytes, 7);
  const std::map<std::string, std::int64_t> errors{
      {"crc_data", 4}, {"replay", 0}, {"runtime", 1}, {"symbol", 9}, {"link_downed", 1}};
  EXPECT_EQ(link.errors, errors);
  EXPECT_EQ(link.bit_error_rate, 1.5E-254);
  EXPECT_FALSE(link.effective_ber) << "BitErrorRate is of symbols";
}

TEST(CapturedGh200, ReadsGpusAndLinksOutOfBand) {
  const std::filesystem::path trees = shared_trees();
  if (trees.empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  MockService service;
  service.bodies = load_tree(trees / "nvidia-gh200-bmc");
  Desk desk;
  const std::unique_ptr<Bmc> bmc = service.bmc();
  const auto gpus = desk.ask<Result<std::vector<GpuReading>>>([&](const Ctx& ctx) { return bmc->gpus(ctx); });
  ASSERT_TRUE(gpus);
  ASSERT_EQ(gpus->size(), 2U);
  EXPECT_EQ(gpus->at(0).temperature, 31.1875) << "not the 54 K that are left to the limit";
  EXPECT_FALSE(gpus->at(1).temperature) << "its sensors were trimmed: 53 may be a distance too";
  EXPECT_EQ(gpus->at(0).power_limit, 900);
  EXPECT_EQ(gpus->at(0).row_remap_failed, 0);
  const auto links =
      desk.ask<Result<std::vector<NvlinkReading>>>([&](const Ctx& ctx) { return bmc->nvlinks(ctx); });
  ASSERT_TRUE(links);
  EXPECT_EQ(links->size(), 36U);
  EXPECT_EQ(*desk.ask<Result<PowerState>>([&](const Ctx& ctx) { return bmc->power_state(ctx); }),
            PowerState::on);
}

}  // namespace
}  // namespace kiln
