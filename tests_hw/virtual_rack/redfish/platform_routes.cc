// How a compute tray or server is set up: secure boot, BIOS settings, the integrity of what has a root of
// trust.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kIntegrity = "/redfish/v1/ComponentIntegrity";

std::optional<json::object> secure_boot(Bmc& bmc, const Address& address) {
  if (address[0] != bmc.dut.face.system) return std::nullopt;
  json::object body = resource(address.uri, "SecureBoot.v1_1_0", "SecureBoot", "UEFI Secure Boot");
  body["SecureBootEnable"] = bmc.dut.secure_boot;
  body["SecureBootCurrentBoot"] = bmc.dut.secure_boot ? "Enabled" : "Disabled";
  body["SecureBootMode"] = "UserMode";
  return body;
}

std::optional<json::object> bios(Bmc& bmc, const Address& address) {
  if (address[0] != bmc.dut.face.system) return std::nullopt;
  json::object body = resource(address.uri, "Bios.v1_2_0", "Bios", "BIOS Configuration");
  json::object attributes;
  for (const auto& [name, value] : bmc.dut.bios) attributes[name] = value;
  body["Attributes"] = std::move(attributes);
  return body;
}

/// Chassis of roots of trust, as NVIDIA names them; each protects what follows it.
std::vector<std::string> roots_of_trust(const Dut& dut) {
  if (!dut.face.has_baseboard()) return {};
  std::vector<std::string> names = {"HGX_ERoT_BMC_0"};
  for (const Cpu& cpu : dut.cpus) {
    if (cpu_system(dut) == kBaseboard) names.push_back("HGX_ERoT_" + cpu.name);
  }
  for (const Gpu& gpu : dut.gpus) {
    if (gpu.present) names.push_back("HGX_IRoT_" + gpu.name);
  }
  return names;
}

std::optional<json::object> integrity(Bmc& bmc, const Address& address) {
  const std::vector<std::string> names = roots_of_trust(bmc.dut);
  if (std::find(names.begin(), names.end(), address[0]) == names.end()) return std::nullopt;
  json::object body = resource(address.uri, "ComponentIntegrity.v1_2_3", address[0], address[0]);
  body["ComponentIntegrityType"] = "SPDM";
  body["ComponentIntegrityTypeVersion"] = "1.1.0";
  body["ComponentIntegrityEnabled"] = true;
  body["TargetComponentURI"] = fmt::format("{}/Chassis/{}", kRoot, main_chassis(bmc.dut));
  json::object responder;
  responder["VerificationStatus"] = "Success";
  json::object authentication;
  authentication["ResponderAuthentication"] = std::move(responder);
  json::object spdm;
  spdm["IdentityAuthentication"] = std::move(authentication);
  body["SPDM"] = std::move(spdm);
  body["Status"] = status("Enabled");
  return body;
}

/// A GPU's NvidiaErrorInjection, as NVIDIA's bmcweb serves it.
std::optional<json::object> error_injection(Bmc& bmc, const Address& address) {
  if (address[0] != "HGX_Baseboard_0") return std::nullopt;
  const auto gpu = std::find_if(bmc.dut.gpus.begin(), bmc.dut.gpus.end(),
                                [&address](const Gpu& one) { return one.present && one.name == address[1]; });
  if (gpu == bmc.dut.gpus.end()) return std::nullopt;
  const bool armed = active_fault(bmc.rack, bmc.dut, FaultKind::injection_armed, gpu->name) != nullptr;
  json::object body =
      resource(address.uri, "NvidiaErrorInjection.v1_0_0", "ErrorInjection", gpu->name + " Error Injection");
  body["ErrorInjectionModeEnabled"] = armed;
  body["PersistentDataModified"] = false;
  json::object kinds;
  for (const char* kind : {"MemoryErrors", "NVLinkErrors", "PCIeErrors", "ThermalErrors"}) {
    json::object one;
    one["Supported"] = true;
    one["Enabled"] = armed && std::string_view(kind) == "NVLinkErrors";
    kinds[kind] = std::move(one);
  }
  body["ErrorInjectionCapabilities"] = std::move(kinds);
  return body;
}

}  // namespace

void add_platform_routes(Router& router) {
  router.get("/redfish/v1/Systems/{}/Processors/{}/Oem/Nvidia/ErrorInjection", error_injection);
  router.get("/redfish/v1/Systems/{}/SecureBoot", secure_boot);
  router.get("/redfish/v1/Systems/{}/Bios", bios);
  router.get(kIntegrity, [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const std::string& name : roots_of_trust(bmc.dut))
      members.push_back(fmt::format("{}/{}", a.uri, name));
    return std::optional(
        collection(a.uri, "ComponentIntegrityCollection", "Component Integrity Collection", members));
  });
  router.get(std::string(kIntegrity) + "/{}", integrity);
}

}  // namespace kiln::virtual_rack
