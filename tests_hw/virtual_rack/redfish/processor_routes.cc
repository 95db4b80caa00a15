// GPUs and CPUs: identity, metrics, environment, and the NVLink ports of GPUs.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/port.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

/// What forward error correction is there for: a link of a captured GB300 tray that is well prints it.
constexpr double kRawBitErrorRate = 1e-8;

Gpu* gpu_at(Bmc& bmc, const Address& address) {
  return address[0] == gpu_system(bmc.dut) ? present_gpu(bmc.dut, address[1]) : nullptr;
}

Cpu* cpu_at(Bmc& bmc, const Address& address) {
  return address[0] == cpu_system(bmc.dut) ? by_id(bmc.dut.cpus, address[1]) : nullptr;
}

/// A GPU that has fallen off the bus gives no more readings.
json::object gpu_reading(const Bmc& bmc, const Gpu& gpu, const Reading& reading, int digits) {
  json::object object = bmc.excerpt(reading, digits, true);
  if (!gpu.on_bus) object["Reading"] = nullptr;
  return object;
}

bool live(const Bmc& bmc, const Gpu& gpu) { return bmc.powered() && gpu.on_bus; }

json::object gpu_resource(Bmc& bmc, const Address& address, const Gpu& gpu) {
  json::object body = resource(address.uri, "Processor.v1_20_0", gpu.name, "Processor");
  body["ProcessorType"] = "GPU";
  body["Manufacturer"] = "NVIDIA";
  body["Model"] = gpu.model;
  body["PartNumber"] = gpu.part_number;
  body["SerialNumber"] = gpu.serial;
  body["UUID"] = gpu.uuid.starts_with("GPU-") ? gpu.uuid.substr(4) : gpu.uuid;
  body["FirmwareVersion"] = gpu.vbios;
  body["MaxSpeedMHz"] = rounded(gpu.max_sm_clock_mhz, 0);
  if (live(bmc, gpu)) body["OperatingSpeedMHz"] = rounded(gpu.sm_clock_mhz, 0);
  json::object memory;
  memory["ECCModeEnabled"] = true;
  memory["TotalMemorySizeMiB"] = gpu.memory_mib;
  body["MemorySummary"] = std::move(memory);
  body["Status"] = gpu_status(bmc.dut, gpu);
  body["Metrics"] = link(address.uri + "/ProcessorMetrics");
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  if (!gpu.links.empty()) body["Ports"] = link(address.uri + "/Ports");
  json::object part_location;
  part_location["LocationType"] = "Embedded";
  part_location["ServiceLabel"] = gpu.name;
  json::object location;
  location["PartLocation"] = std::move(part_location);
  body["Location"] = std::move(location);
  json::object gpu_links;
  gpu_links["Chassis"] = link(fmt::format("{}/Chassis/{}", kRoot, gpu_chassis(bmc.dut, gpu)));
  if (bmc.dut.face.has_baseboard())
    gpu_links["Memory"] = links({fmt::format("{}/Systems/{}/Memory/{}_DRAM_0", kRoot, kBaseboard, gpu.name)});
  body["Links"] = std::move(gpu_links);
  if (!bmc.dut.face.has_baseboard()) return body;
  json::object injection;
  injection["@odata.type"] = "#NvidiaProcessor.v1_6_0.NvidiaGPU";
  injection["ErrorInjection"] = link(address.uri + "/Oem/Nvidia/ErrorInjection");
  json::object oem;
  oem["Nvidia"] = std::move(injection);
  body["Oem"] = std::move(oem);
  return body;
}

json::object cpu_resource(Bmc& bmc, const Address& address, const Cpu& cpu) {
  json::object body = resource(address.uri, "Processor.v1_20_0", cpu.name, "Processor");
  body["ProcessorType"] = "CPU";
  body["Model"] = cpu.model;
  if (!cpu.serial.empty()) body["SerialNumber"] = cpu.serial;
  body["PartNumber"] = cpu.part_number;
  body["TotalCores"] = cpu.cores;
  body["Status"] = powered_status(bmc.dut);
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  if (bmc.dut.role == Role::compute_tray) {
    json::object cpu_links;
    cpu_links["Chassis"] = link(fmt::format("{}/Chassis/HGX_{}", kRoot, cpu.name));
    body["Links"] = std::move(cpu_links);
  }
  return body;
}

std::optional<json::object> gpu_metrics(Bmc& bmc, const Address& address) {
  const Gpu* gpu = gpu_at(bmc, address);
  if (gpu == nullptr) return std::nullopt;
  json::object body =
      resource(address.uri, "ProcessorMetrics.v1_6_1", "ProcessorMetrics", gpu->name + " Processor Metrics");
  const bool reads = live(bmc, *gpu);
  if (reads) {
    body["OperatingSpeedMHz"] = rounded(gpu->sm_clock_mhz, 0);
    body["BandwidthPercent"] = rounded(100.0 * gpu->utilisation, 1);
  }
  body["PowerLimitThrottleDuration"] = duration(gpu->power_throttle_s);
  body["ThermalLimitThrottleDuration"] = duration(gpu->thermal_throttle_s);
  json::object pcie;
  pcie["CorrectableErrorCount"] = gpu->pcie_correctable;
  pcie["NonFatalErrorCount"] = 0;
  pcie["FatalErrorCount"] = gpu->pcie_fatal;
  pcie["ReplayCount"] = gpu->pcie_replays;
  pcie["ReplayRolloverCount"] = 0;
  pcie["L0ToRecoveryCount"] = 0;
  pcie["NAKReceivedCount"] = 0;
  pcie["NAKSentCount"] = 0;
  body["PCIeErrors"] = std::move(pcie);
  json::object sram;
  sram["CorrectableECCErrorCount"] = gpu->ecc_aggregate.sram_correctable;
  sram["UncorrectableECCErrorCount"] = gpu->ecc_aggregate.sram_uncorrectable;
  json::object cache;
  cache["LifeTime"] = std::move(sram);
  body["CacheMetricsTotal"] = std::move(cache);
  json::object nvidia;
  nvidia["@odata.type"] = "#NvidiaProcessorMetrics.v1_1_0.NvidiaProcessorMetrics";
  nvidia["ThrottleReasons"] =
      reads ? json::value_from(redfish_throttle_reasons(gpu->throttle)) : json::value(json::array{"NA"});
  nvidia["HardwareViolationThrottleDuration"] = duration(gpu->thermal_throttle_s);
  nvidia["GlobalSoftwareViolationThrottleDuration"] = duration(0);
  if (reads) {
    nvidia["SMActivityPercent"] = rounded(100.0 * gpu->utilisation, 1);
    nvidia["TensorCoreActivityPercent"] = rounded(92.0 * gpu->utilisation, 1);
  }
  json::object oem;
  oem["Nvidia"] = std::move(nvidia);
  body["Oem"] = std::move(oem);
  return body;
}

std::optional<json::object> processor_environment(Bmc& bmc, const Address& address) {
  json::object body = resource(address.uri, "EnvironmentMetrics.v1_3_0", "EnvironmentMetrics",
                               address[1] + " Environment Metrics");
  if (const Gpu* gpu = gpu_at(bmc, address)) {
    body["TemperatureCelsius"] = gpu_reading(bmc, *gpu, gpu->temperature_c, 2);
    body["PowerWatts"] = gpu_reading(bmc, *gpu, gpu->power_w, 1);
    json::object limit;
    limit["SetPoint"] = gpu->power_limit_w;
    limit["AllowableMin"] = gpu->min_power_limit_w;
    limit["AllowableMax"] = gpu->max_power_limit_w;
    limit["DefaultSetPoint"] = gpu->default_power_limit_w;
    limit["ControlMode"] = "Automatic";
    body["PowerLimitWatts"] = std::move(limit);
    json::object joules;
    joules["Reading"] = rounded(gpu->energy_j, 3);
    body["EnergyJoules"] = std::move(joules);
    return body;
  }
  const Cpu* cpu = cpu_at(bmc, address);
  if (cpu == nullptr) return std::nullopt;
  body["TemperatureCelsius"] = bmc.excerpt(cpu->temperature_c, 2, true);
  body["PowerWatts"] = bmc.excerpt(cpu->power_w, 1, true);
  return body;
}

PortView view(const Bmc& bmc, const Gpu& gpu, const NvLink& nvlink) {
  PortView port;
  port.name = nvlink.name;
  port.powered = live(bmc, gpu);
  port.up = nvlink.up && port.powered;
  port.lanes = nvlink.lanes;
  port.speed_gbps = nvlink.speed_gbps;
  port.counters = &nvlink.counters;
  return port;
}

/// The port at .../Processors/{gpu}/Ports/{link}.
std::optional<PortView> gpu_port_at(Bmc& bmc, const Address& address) {
  Gpu* gpu = gpu_at(bmc, address);
  if (gpu == nullptr) return std::nullopt;
  const NvLink* nvlink = by_id(gpu->links, address[2]);
  if (nvlink == nullptr) return std::nullopt;
  return view(bmc, *gpu, *nvlink);
}

}  // namespace

json::object nvlink_port(const std::string& uri, const PortView& port) {
  json::object body = resource(uri, "Port.v1_9_0", port.name, port.name + " Resource");
  body["PortProtocol"] = "NVLink";
  body["PortType"] = "BidirectionalPort";
  body["LinkState"] = "Enabled";
  body["LinkStatus"] = port.up ? "LinkUp" : "LinkDown";
  body["MaxSpeedGbps"] = port.speed_gbps;
  body["CurrentSpeedGbps"] = port.up ? port.speed_gbps : 0.0;
  body["Status"] = !port.powered ? status("StandbyOffline", "")
                   : port.up     ? status("Enabled")
                                 : status("Enabled", "Critical");
  body["Metrics"] = link(uri + "/Metrics");
  json::object nvidia;
  nvidia["@odata.type"] = "#NvidiaPort.v1_0_0.NvidiaPort";
  nvidia["RXWidth"] = port.up ? port.lanes : 0;
  nvidia["TXWidth"] = port.up ? port.lanes : 0;
  json::object oem;
  oem["Nvidia"] = std::move(nvidia);
  body["Oem"] = std::move(oem);
  return body;
}

json::object nvlink_metrics(const std::string& uri, const PortView& port) {
  const LinkCounters& counters = *port.counters;
  json::object body = resource(uri, "PortMetrics.v1_3_0", "Metrics", port.name + " Port Metrics");
  body["RXBytes"] = counters.rx_bytes;
  body["TXBytes"] = counters.tx_bytes;
  body["RXErrors"] = counters.receive_errors;
  json::object errors;
  errors["DataCRCCount"] = counters.data_crc_errors;
  errors["FlitCRCCount"] = counters.flit_crc_errors;
  errors["RecoveryCount"] = counters.recoveries;
  errors["ReplayCount"] = counters.replays;
  errors["RuntimeError"] = port.powered && !port.up;
  errors["TrainingError"] = false;
  json::object nvidia;
  nvidia["@odata.type"] = "#NvidiaPortMetrics.v1_1_0.NvidiaPortMetrics";
  nvidia["NVLinkErrors"] = std::move(errors);
  nvidia["BitErrorRate"] = counters.symbol_ber;
  nvidia["EffectiveBER"] = counters.effective_ber;
  nvidia["EffectiveError"] = counters.effective_errors;
  nvidia["SymbolErrors"] = counters.symbol_errors;
  nvidia["LinkErrorRecoveryCount"] = counters.recoveries;
  nvidia["LinkDownedCount"] = counters.link_downed;
  nvidia["MalformedPackets"] = counters.malformed_packets;
  nvidia["UnintentionalLinkDownCount"] = counters.link_downed;
  nvidia["TotalRawBER"] = kRawBitErrorRate;
  json::object oem;
  oem["Nvidia"] = std::move(nvidia);
  body["Oem"] = std::move(oem);
  return body;
}

void add_processor_routes(Router& router) {
  router.get("/redfish/v1/Systems/{}/Processors",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const bool of_gpus = a[0] == gpu_system(bmc.dut), of_cpus = a[0] == cpu_system(bmc.dut);
               if (!of_gpus && !of_cpus) return std::nullopt;
               std::vector<std::string> members;
               for (const Cpu& cpu : bmc.dut.cpus) {
                 if (of_cpus) members.push_back(fmt::format("{}/{}", a.uri, cpu.name));
               }
               for (const Gpu& gpu : bmc.dut.gpus) {
                 if (of_gpus && gpu.present) members.push_back(fmt::format("{}/{}", a.uri, gpu.name));
               }
               return collection(a.uri, "ProcessorCollection", "Processor Collection", members);
             });
  router.get("/redfish/v1/Systems/{}/Processors/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               if (const Gpu* gpu = gpu_at(bmc, a)) return gpu_resource(bmc, a, *gpu);
               const Cpu* cpu = cpu_at(bmc, a);
               if (cpu == nullptr) return std::nullopt;
               return cpu_resource(bmc, a, *cpu);
             });
  router.get("/redfish/v1/Systems/{}/Processors/{}/ProcessorMetrics", gpu_metrics);
  router.get("/redfish/v1/Systems/{}/Processors/{}/EnvironmentMetrics", processor_environment);
}

void add_port_routes(Router& router) {
  router.get("/redfish/v1/Systems/{}/Processors/{}/Ports",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const Gpu* gpu = gpu_at(bmc, a);
               if (gpu == nullptr) return std::nullopt;
               std::vector<std::string> members;
               for (const NvLink& nvlink : gpu->links)
                 members.push_back(fmt::format("{}/{}", a.uri, nvlink.name));
               return collection(a.uri, "PortCollection", "Port Collection", members);
             });
  router.get("/redfish/v1/Systems/{}/Processors/{}/Ports/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const std::optional<PortView> port = gpu_port_at(bmc, a);
               if (!port) return std::nullopt;
               return nvlink_port(a.uri, *port);
             });
  router.get("/redfish/v1/Systems/{}/Processors/{}/Ports/{}/Metrics",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const std::optional<PortView> port = gpu_port_at(bmc, a);
               if (!port) return std::nullopt;
               return nvlink_metrics(a.uri, *port);
             });
}

}  // namespace kiln::virtual_rack
