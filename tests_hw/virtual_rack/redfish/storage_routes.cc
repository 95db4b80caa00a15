// Memory modules and GPU memory with their counters; drives.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kGpuMemorySuffix = "_DRAM_0";

/// "GPU_2_DRAM_0" → GPU_2, under the HGX baseboard only.
Gpu* gpu_of_memory(Bmc& bmc, const Address& address) {
  const std::string& id = address[1];
  if (address[0] != kBaseboard || !bmc.dut.face.has_baseboard() || !id.ends_with(kGpuMemorySuffix))
    return nullptr;
  return present_gpu(bmc.dut, id.substr(0, id.size() - kGpuMemorySuffix.size()));
}

MemoryModule* module_at(Bmc& bmc, const Address& address) {
  return address[0] == bmc.dut.face.system ? by_id(bmc.dut.memory, address[1]) : nullptr;
}

json::object ecc(std::uint64_t correctable, std::uint64_t uncorrectable) {
  json::object counts;
  counts["CorrectableECCErrorCount"] = correctable;
  counts["UncorrectableECCErrorCount"] = uncorrectable;
  return counts;
}

std::optional<json::object> memories(Bmc& bmc, const Address& address) {
  std::vector<std::string> members;
  if (address[0] == kBaseboard && bmc.dut.face.has_baseboard()) {
    for (const Gpu& gpu : bmc.dut.gpus) {
      if (gpu.present) members.push_back(fmt::format("{}/{}{}", address.uri, gpu.name, kGpuMemorySuffix));
    }
  } else if (address[0] == bmc.dut.face.system) {
    for (const MemoryModule& module : bmc.dut.memory)
      members.push_back(fmt::format("{}/{}", address.uri, module.name));
  } else {
    return std::nullopt;
  }
  return collection(address.uri, "MemoryCollection", "Memory Collection", members);
}

std::optional<json::object> memory(Bmc& bmc, const Address& address) {
  if (const Gpu* gpu = gpu_of_memory(bmc, address)) {
    json::object body = resource(address.uri, "Memory.v1_20_0", address[1], gpu->name + " memory");
    body["MemoryType"] = "DRAM";
    body["MemoryDeviceType"] = "HBM";
    body["CapacityMiB"] = gpu->memory_mib;
    body["ErrorCorrection"] = "SingleBitECC";
    body["OperatingSpeedMhz"] = rounded(gpu->memory_clock_mhz, 0);
    body["Status"] = gpu_status(bmc.dut, *gpu);
    body["Metrics"] = link(address.uri + "/MemoryMetrics");
    body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
    json::object memory_links;
    memory_links["Chassis"] = link(fmt::format("{}/Chassis/{}", kRoot, gpu_chassis(bmc.dut, *gpu)));
    memory_links["Processors"] = links({gpu_uri(bmc.dut, *gpu)});
    body["Links"] = std::move(memory_links);
    json::object nvidia;
    nvidia["@odata.type"] = "#NvidiaMemory.v1_0_0.NvidiaMemory";
    nvidia["RowRemappingFailed"] = gpu->row_remap.failure;
    nvidia["RowRemappingPending"] = gpu->row_remap.pending;
    json::object oem;
    oem["Nvidia"] = std::move(nvidia);
    body["Oem"] = std::move(oem);
    return body;
  }
  const MemoryModule* module = module_at(bmc, address);
  if (module == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "Memory.v1_20_0", module->name, module->name);
  body["MemoryType"] = "DRAM";
  body["MemoryDeviceType"] = module->type;
  body["CapacityMiB"] = module->capacity_mib;
  body["ErrorCorrection"] = "MultiBitECC";
  body["SerialNumber"] = module->serial;
  body["PartNumber"] = module->part_number;
  body["Status"] = powered_status(bmc.dut);
  body["Metrics"] = link(address.uri + "/MemoryMetrics");
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  return body;
}

std::optional<json::object> memory_metrics(Bmc& bmc, const Address& address) {
  if (const Gpu* gpu = gpu_of_memory(bmc, address)) {
    json::object body =
        resource(address.uri, "MemoryMetrics.v1_7_0", "MemoryMetrics", address[1] + " Memory Metrics");
    body["OperatingSpeedMHz"] = rounded(gpu->memory_clock_mhz, 0);
    body["CapacityUtilizationPercent"] = rounded(
        100.0 * gpu->memory_used_mib / static_cast<double>(std::max<std::uint64_t>(1, gpu->memory_mib)), 1);
    body["CurrentPeriod"] = ecc(gpu->ecc_volatile.dram_correctable, gpu->ecc_volatile.dram_uncorrectable);
    body["LifeTime"] = ecc(gpu->ecc_aggregate.dram_correctable, gpu->ecc_aggregate.dram_uncorrectable);
    json::object remapping;
    remapping["CorrectableRowRemappingCount"] = gpu->row_remap.correctable;
    remapping["UncorrectableRowRemappingCount"] = gpu->row_remap.uncorrectable;
    json::object nvidia;
    nvidia["@odata.type"] = "#NvidiaMemoryMetrics.v1_2_0.NvidiaGPUMemoryMetrics";
    nvidia["RowRemapping"] = std::move(remapping);
    json::object oem;
    oem["Nvidia"] = std::move(nvidia);
    body["Oem"] = std::move(oem);
    return body;
  }
  const MemoryModule* module = module_at(bmc, address);
  if (module == nullptr) return std::nullopt;
  json::object body =
      resource(address.uri, "MemoryMetrics.v1_7_0", "MemoryMetrics", module->name + " Memory Metrics");
  body["LifeTime"] = ecc(module->correctable_errors, module->uncorrectable_errors);
  return body;
}

std::optional<json::object> memory_environment(Bmc& bmc, const Address& address) {
  json::object body = resource(address.uri, "EnvironmentMetrics.v1_5_0", "EnvironmentMetrics",
                               address[1] + " Environment Metrics");
  if (const Gpu* gpu = gpu_of_memory(bmc, address)) {
    json::object reading = bmc.excerpt(gpu->memory_temperature_c, 2, true);
    if (!gpu->on_bus) reading["Reading"] = nullptr;
    body["TemperatureCelsius"] = std::move(reading);
    return body;
  }
  const MemoryModule* module = module_at(bmc, address);
  if (module == nullptr) return std::nullopt;
  body["TemperatureCelsius"] = bmc.excerpt(module->temperature_c, 2, true);
  return body;
}

bool has_storage(const Bmc& bmc, const Address& address) {
  return address[0] == bmc.dut.face.system && !bmc.dut.drives.empty();
}

Drive* drive_at(Bmc& bmc, const Address& address) {
  return has_storage(bmc, address) && address[1] == "1" ? by_id(bmc.dut.drives, address[2]) : nullptr;
}

std::optional<json::object> storage(Bmc& bmc, const Address& address) {
  if (!has_storage(bmc, address) || address[1] != "1") return std::nullopt;
  json::object body = resource(address.uri, "Storage.v1_7_1", "1", "NVMe Storage");
  body["Status"] = powered_status(bmc.dut);
  std::vector<std::string> drives;
  for (const Drive& drive : bmc.dut.drives)
    drives.push_back(fmt::format("{}/Drives/{}", address.uri, drive.name));
  body["Drives"] = links(drives);
  body["Drives@odata.count"] = drives.size();
  return body;
}

std::optional<json::object> drive_resource(Bmc& bmc, const Address& address) {
  const Drive* drive = drive_at(bmc, address);
  if (drive == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "Drive.v1_15_0", drive->name, drive->name);
  body["Model"] = drive->model;
  body["SerialNumber"] = drive->serial;
  body["Revision"] = drive->firmware;
  body["CapacityBytes"] = drive->size_bytes;
  body["MediaType"] = "SSD";
  body["Protocol"] = "NVMe";
  body["PredictedMediaLifeLeftPercent"] = rounded(drive->media_life_left_percent, 0);
  body["Status"] = powered_status(bmc.dut);
  body["EnvironmentMetrics"] = link(address.uri + "/EnvironmentMetrics");
  return body;
}

}  // namespace

void add_storage_routes(Router& router) {
  router.get("/redfish/v1/Systems/{}/Memory", memories);
  router.get("/redfish/v1/Systems/{}/Memory/{}", memory);
  router.get("/redfish/v1/Systems/{}/Memory/{}/MemoryMetrics", memory_metrics);
  router.get("/redfish/v1/Systems/{}/Memory/{}/EnvironmentMetrics", memory_environment);
  router.get("/redfish/v1/Systems/{}/Storage", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!has_storage(bmc, a)) return std::nullopt;
    return collection(a.uri, "StorageCollection", "Storage Collection", {a.uri + "/1"});
  });
  router.get("/redfish/v1/Systems/{}/Storage/{}", storage);
  router.get("/redfish/v1/Systems/{}/Storage/{}/Drives/{}", drive_resource);
  router.get("/redfish/v1/Systems/{}/Storage/{}/Drives/{}/EnvironmentMetrics",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const Drive* drive = drive_at(bmc, a);
               if (drive == nullptr) return std::nullopt;
               json::object body = resource(a.uri, "EnvironmentMetrics.v1_5_0", "EnvironmentMetrics",
                                            drive->name + " Environment Metrics");
               body["TemperatureCelsius"] = bmc.excerpt(drive->temperature_c, 1, true);
               return body;
             });
}

}  // namespace kiln::virtual_rack
