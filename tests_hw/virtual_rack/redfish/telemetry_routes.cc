// TelemetryService: one GET tells what dozens of sensor GETs would. Values are strings, as MetricReport has
// them; every MetricProperty is a URI with a JSON pointer that resolves in the resource it names.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

class Values {
 public:
  explicit Values(std::string timestamp) : timestamp_(std::move(timestamp)) {}

  void add(const std::string& uri, std::string_view pointer, std::string value) {
    json::object one;
    one["MetricProperty"] = fmt::format("{}#{}", uri, pointer);
    one["MetricValue"] = std::move(value);
    one["Timestamp"] = timestamp_;
    values_.push_back(std::move(one));
  }
  void add(const std::string& uri, std::string_view pointer, double value, int digits) {
    add(uri, pointer, fmt::format("{:.{}f}", value, digits));
  }
  void count(const std::string& uri, std::string_view pointer, std::uint64_t value) {
    add(uri, pointer, fmt::format("{}", value));
  }
  json::array take() { return std::move(values_); }

 private:
  std::string timestamp_;
  json::array values_;
};

std::string flag(bool value) { return value ? "true" : "false"; }

/// GPUs that give readings now.
std::vector<Gpu*> live_gpus(Bmc& bmc) {
  std::vector<Gpu*> gpus;
  for (Gpu& gpu : bmc.dut.gpus) {
    if (gpu.present && gpu.on_bus && bmc.powered()) gpus.push_back(&gpu);
  }
  return gpus;
}

std::string memory_uri(const Gpu& gpu) {
  return fmt::format("{}/Systems/HGX_Baseboard_0/Memory/{}_DRAM_0", kRoot, gpu.name);
}

void sensors_of(Bmc& bmc, Values& values, bool hgx) {
  for (const Sensor& sensor : bmc.dut.sensors) {
    if (sensor.chassis.starts_with("HGX_") != hgx || !has_chassis(bmc.dut, sensor.chassis)) continue;
    if (sensor.needs_power && !bmc.powered()) continue;
    values.add(fmt::format("{}/Chassis/{}/Sensors/{}", kRoot, sensor.chassis, sensor.id), "/Reading",
               bmc.told(*sensor.value), 3);
  }
}

bool readings_lost(const Bmc& bmc) {
  return active_fault(bmc.rack, bmc.dut, FaultKind::readings_lost) != nullptr;
}

void platform(Bmc& bmc, Values& values) {
  if (!readings_lost(bmc)) sensors_of(bmc, values, false);
}

void gpu_environment(Bmc& bmc, Values& values) {
  if (readings_lost(bmc)) return;
  sensors_of(bmc, values, true);
  for (const Gpu* gpu : live_gpus(bmc)) {
    const std::string environment = gpu_uri(bmc.dut, *gpu) + "/EnvironmentMetrics";
    values.add(environment, "/TemperatureCelsius/Reading", bmc.told(gpu->temperature_c), 2);
    values.add(environment, "/PowerWatts/Reading", bmc.told(gpu->power_w), 1);
    values.add(environment, "/EnergyJoules/Reading", gpu->energy_j, 3);
    values.add(memory_uri(*gpu) + "/EnvironmentMetrics", "/TemperatureCelsius/Reading",
               bmc.told(gpu->memory_temperature_c), 2);
  }
}

void gpu_processor(Bmc& bmc, Values& values) {
  for (const Gpu* gpu : live_gpus(bmc)) {
    const std::string metrics = gpu_uri(bmc.dut, *gpu) + "/ProcessorMetrics";
    values.add(gpu_uri(bmc.dut, *gpu), "/Status/State", "Enabled");
    values.add(metrics, "/OperatingSpeedMHz", gpu->sm_clock_mhz, 0);
    values.add(metrics, "/BandwidthPercent", 100.0 * gpu->utilisation, 1);
    values.add(metrics, "/PowerLimitThrottleDuration", duration(gpu->power_throttle_s));
    values.add(metrics, "/ThermalLimitThrottleDuration", duration(gpu->thermal_throttle_s));
    values.add(metrics, "/Oem/Nvidia/ThrottleReasons",
               json::serialize(json::value_from(redfish_throttle_reasons(gpu->throttle))));
    values.count(metrics, "/PCIeErrors/CorrectableErrorCount", gpu->pcie_correctable);
    values.count(metrics, "/PCIeErrors/NonFatalErrorCount", 0);
    values.count(metrics, "/PCIeErrors/FatalErrorCount", gpu->pcie_fatal);
    values.count(metrics, "/PCIeErrors/ReplayCount", gpu->pcie_replays);
    values.count(metrics, "/CacheMetricsTotal/LifeTime/CorrectableECCErrorCount",
                 gpu->ecc_aggregate.sram_correctable);
    values.count(metrics, "/CacheMetricsTotal/LifeTime/UncorrectableECCErrorCount",
                 gpu->ecc_aggregate.sram_uncorrectable);
  }
}

void gpu_activity(Bmc& bmc, Values& values) {
  for (const Gpu* gpu : live_gpus(bmc)) {
    const std::string metrics = gpu_uri(bmc.dut, *gpu) + "/ProcessorMetrics";
    values.add(metrics, "/Oem/Nvidia/SMActivityPercent", 100.0 * gpu->utilisation, 1);
    values.add(metrics, "/Oem/Nvidia/TensorCoreActivityPercent", 92.0 * gpu->utilisation, 1);
  }
}

void gpu_memory(Bmc& bmc, Values& values) {
  for (const Gpu* gpu : live_gpus(bmc)) {
    const std::string uri = memory_uri(*gpu);
    const std::string metrics = uri + "/MemoryMetrics";
    values.add(uri, "/Oem/Nvidia/RowRemappingFailed", flag(gpu->row_remap.failure));
    values.add(uri, "/Oem/Nvidia/RowRemappingPending", flag(gpu->row_remap.pending));
    values.add(metrics, "/OperatingSpeedMHz", gpu->memory_clock_mhz, 0);
    values.count(metrics, "/LifeTime/CorrectableECCErrorCount", gpu->ecc_aggregate.dram_correctable);
    values.count(metrics, "/LifeTime/UncorrectableECCErrorCount", gpu->ecc_aggregate.dram_uncorrectable);
    values.count(metrics, "/Oem/Nvidia/RowRemapping/CorrectableRowRemappingCount",
                 gpu->row_remap.correctable);
    values.count(metrics, "/Oem/Nvidia/RowRemapping/UncorrectableRowRemappingCount",
                 gpu->row_remap.uncorrectable);
  }
}

void port_values(Values& values, const std::string& port, bool up, double speed,
                 const LinkCounters& counters) {
  const std::string metrics = port + "/Metrics";
  values.add(port, "/LinkStatus", up ? "LinkUp" : "LinkDown");
  values.add(port, "/CurrentSpeedGbps", up ? speed : 0.0, 3);
  values.count(metrics, "/RXBytes", counters.rx_bytes);
  values.count(metrics, "/TXBytes", counters.tx_bytes);
  const std::string_view errors = "/Oem/Nvidia/NVLinkErrors/";
  values.count(metrics, fmt::format("{}DataCRCCount", errors), counters.data_crc_errors);
  values.count(metrics, fmt::format("{}FlitCRCCount", errors), counters.flit_crc_errors);
  values.count(metrics, fmt::format("{}RecoveryCount", errors), counters.recoveries);
  values.count(metrics, fmt::format("{}ReplayCount", errors), counters.replays);
  values.count(metrics, "/Oem/Nvidia/SymbolErrors", counters.symbol_errors);
  values.count(metrics, "/Oem/Nvidia/EffectiveError", counters.effective_errors);
  values.count(metrics, "/Oem/Nvidia/LinkDownedCount", counters.link_downed);
}

void gpu_ports(Bmc& bmc, Values& values) {
  for (const Gpu* gpu : live_gpus(bmc)) {
    for (const NvLink& nvlink : gpu->links) {
      port_values(values, fmt::format("{}/Ports/{}", gpu_uri(bmc.dut, *gpu), nvlink.name), nvlink.up,
                  nvlink.speed_gbps, nvlink.counters);
    }
  }
}

void switch_ports(Bmc& bmc, Values& values) {
  if (!bmc.powered()) return;
  for (const SwitchChip& chip : bmc.dut.switches) {
    for (const SwitchPort& port : chip.ports) {
      port_values(
          values,
          fmt::format("{}/Fabrics/HGX_NVLinkFabric_0/Switches/{}/Ports/{}", kRoot, chip.name, port.name),
          port.up, port.speed_gbps, port.counters);
    }
  }
}

struct Report {
  std::string_view id;
  void (*fill)(Bmc&, Values&);
};

/// Ids as HGX baseboards and GB-class trays have them.
std::vector<Report> reports(const Dut& dut) {
  std::vector<Report> list = {{"PlatformMetrics", platform}};
  if (dut.face.has_baseboard()) {
    list.push_back({"HGX_PlatformEnvironmentMetrics_0", gpu_environment});
    list.push_back({"HGX_ProcessorMetrics_0", gpu_processor});
    list.push_back({"HGX_ProcessorGPMMetrics_0", gpu_activity});
    list.push_back({"HGX_ProcessorPortMetrics_0", gpu_ports});
    list.push_back({"HGX_MemoryMetrics_0", gpu_memory});
  }
  if (!dut.switches.empty()) list.push_back({"NVSwitchPortMetrics_0", switch_ports});
  return list;
}

const Report* find_report(std::vector<Report>& list, std::string_view id) {
  for (const Report& report : list) {
    if (report.id == id) return &report;
  }
  return nullptr;
}

std::optional<json::object> metric_report(Bmc& bmc, const Address& address) {
  std::vector<Report> list = reports(bmc.dut);
  const Report* report = find_report(list, address[0]);
  if (report == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "MetricReport.v1_4_2", report->id, report->id);
  body["MetricReportDefinition"] =
      link(fmt::format("{}/TelemetryService/MetricReportDefinitions/{}", kRoot, report->id));
  body["Timestamp"] = bmc.now_text();
  Values values(bmc.now_text());
  report->fill(bmc, values);
  json::array list_of_values = values.take();
  body["MetricValues@odata.count"] = list_of_values.size();
  body["MetricValues"] = std::move(list_of_values);
  return body;
}

std::optional<json::object> definition(Bmc& bmc, const Address& address) {
  std::vector<Report> list = reports(bmc.dut);
  const Report* report = find_report(list, address[0]);
  if (report == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "MetricReportDefinition.v1_4_1", report->id, report->id);
  body["MetricReportDefinitionType"] = "OnRequest";
  body["MetricReportDefinitionEnabled"] = true;
  body["ReportActions"] = json::array{"LogToMetricReportsCollection"};
  body["ReportUpdates"] = "Overwrite";
  body["Status"] = status("Enabled");
  body["MetricReport"] = link(fmt::format("{}/TelemetryService/MetricReports/{}", kRoot, report->id));
  return body;
}

Getter report_collection(std::string_view type, std::string_view name) {
  return [type, name](Bmc& bmc, const Address& address) {
    std::vector<std::string> members;
    for (const Report& report : reports(bmc.dut))
      members.push_back(fmt::format("{}/{}", address.uri, report.id));
    return std::optional(collection(address.uri, type, name, members));
  };
}

}  // namespace

void add_telemetry_routes(Router& router) {
  router.get("/redfish/v1/TelemetryService", [](Bmc&, const Address& a) {
    json::object body = resource(a.uri, "TelemetryService.v1_2_1", "TelemetryService", "Telemetry Service");
    body["ServiceEnabled"] = true;
    body["MinCollectionInterval"] = "PT1S";
    body["MaxReports"] = 10;
    body["Status"] = status("Enabled");
    body["MetricReports"] = link(a.uri + "/MetricReports");
    body["MetricReportDefinitions"] = link(a.uri + "/MetricReportDefinitions");
    return std::optional(std::move(body));
  });
  router.get("/redfish/v1/TelemetryService/MetricReports",
             report_collection("MetricReportCollection", "Metric Report Collection"));
  router.get("/redfish/v1/TelemetryService/MetricReports/{}", metric_report);
  router.get("/redfish/v1/TelemetryService/MetricReportDefinitions",
             report_collection("MetricReportDefinitionCollection", "Metric Report Definition Collection"));
  router.get("/redfish/v1/TelemetryService/MetricReportDefinitions/{}", definition);
}

}  // namespace kiln::virtual_rack
