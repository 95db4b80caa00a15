// LeakDetection, LeakDetectors and NVIDIA's LeakDetectionPolicy.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

/// The detectors hang under the main chassis, or under the CDU itself.
bool mine(const Bmc& bmc, const Address& address) {
  return bmc.dut.role == Role::cdu ? address[0] == "1" : address[0] == main_chassis(bmc.dut);
}

std::optional<json::object> leak_detection(Bmc& bmc, const Address& address) {
  if (!mine(bmc, address) || bmc.dut.detectors.empty()) return std::nullopt;
  // 1.0.1: the version before LeakDetectors moved to the Chassis, as tray BMCs serve it.
  json::object body = resource(address.uri, "LeakDetection.v1_0_1", "LeakDetection", "Leak Detection");
  bool wet = false;
  for (const LeakDetector& detector : bmc.dut.detectors) {
    wet = wet || detector.state == DetectorState::critical || detector.state == DetectorState::warning;
  }
  body["Status"] = status("Enabled", wet ? "Critical" : "OK");
  body["LeakDetectors"] = link(address.uri + "/LeakDetectors");
  return body;
}

std::optional<json::object> leak_detector(Bmc& bmc, const Address& address) {
  if (!mine(bmc, address)) return std::nullopt;
  const LeakDetector* detector = by_id(bmc.dut.detectors, address[1]);
  if (detector == nullptr) return std::nullopt;
  json::object body = resource(address.uri, "LeakDetector.v1_6_0", detector->name, detector->name);
  body["LeakDetectorType"] = "Moisture";
  body["DetectorState"] = to_string(detector->state);
  const bool readable = detector->status_state == "Enabled" || detector->status_state == "Degraded";
  json::object state;
  state["State"] = detector->status_state;
  if (detector->status_state != "Absent") state["Health"] = detector->status_health;
  body["Status"] = std::move(state);
  body["UserLabel"] = detector->placement;
  body["PhysicalContext"] = "Chassis";
  body["SensingFrequency"] = 1;
  body["CriticalReactionType"] = bmc.settings.leak_policy_enabled ? "ForceOff" : "None";
  body["ReactionDelaySeconds"] = bmc.settings.leak_reaction_delay_s;
  if (readable) {
    json::object voltage;
    voltage["Reading"] = rounded(detector->voltage, 3);
    body["Voltage"] = std::move(voltage);
  }
  return body;
}

std::optional<json::object> policy(Bmc& bmc, const Address& address) {
  if (!mine(bmc, address)) return std::nullopt;
  json::object body = resource(address.uri, "NvidiaLeakDetectionPolicy.v1_0_0", "LeakDetectionPolicy",
                               "Leak Detection Policy");
  body["PolicyEnabled"] = bmc.settings.leak_policy_enabled;
  body["ReactionDelaySeconds"] = bmc.settings.leak_reaction_delay_s;
  return body;
}

void patch_policy(Bmc& bmc, const Address&, RequestedProperties& wanted) {
  constexpr std::int64_t kLongest = 86'400;
  if (const auto enabled = wanted.flag("PolicyEnabled")) bmc.settings.leak_policy_enabled = *enabled;
  if (const auto delay = wanted.whole("ReactionDelaySeconds", 0, kLongest)) {
    bmc.settings.leak_reaction_delay_s = *delay;
  }
}

}  // namespace

void add_leak_routes(Router& router, Role role) {
  const std::string base = role == Role::cdu ? "/redfish/v1/ThermalEquipment/CDUs/{}/LeakDetection"
                                             : "/redfish/v1/Chassis/{}/ThermalSubsystem/LeakDetection";
  router.get(base, leak_detection);
  router.get(base + "/LeakDetectors", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!mine(bmc, a) || bmc.dut.detectors.empty()) return std::nullopt;
    std::vector<std::string> members;
    for (const LeakDetector& detector : bmc.dut.detectors) {
      members.push_back(fmt::format("{}/{}", a.uri, id_of(detector.name)));
    }
    return collection(a.uri, "LeakDetectorCollection", "Leak Detector Collection", members);
  });
  router.get(base + "/LeakDetectors/{}", leak_detector);
  if (role == Role::compute_tray || role == Role::switch_tray) {
    const std::string_view uri = "/redfish/v1/Chassis/{}/Oem/Nvidia/Policies/LeakDetectionPolicy";
    router.get(uri, policy);
    router.patch(uri, patch_policy);
  }
}

}  // namespace kiln::virtual_rack
