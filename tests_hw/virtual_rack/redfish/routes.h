#pragma once
// The parts of a BMC's tree, and the names under which a DUT's parts stand in it.

#include <string>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/redfish/router.h"
#include "tests_hw/virtual_rack/sensors.h"

namespace kiln::virtual_rack {

inline constexpr std::string_view kRoot = "/redfish/v1";

/// The whole tree of a DUT; made once for all that have the same.
[[nodiscard]] const Router& router_for(const Dut& dut);

void add_root_routes(Router& router);
void add_session_routes(Router& router);
void add_account_routes(Router& router);
void add_registry_routes(Router& router);
void add_task_routes(Router& router);
void add_update_routes(Router& router);
void add_manager_routes(Router& router);
void add_certificate_routes(Router& router);
/// A collection is added to by POST to it and, equally, to its Members (DSP0266 7.9).
void add_creator(Router& router, std::string_view collection, const Action& create);
/// Power shelves have none: they must be polled.
[[nodiscard]] bool has_event_service(const RackModel& rack, Role role);
void add_event_routes(Router& router);
void add_log_routes(Router& router, const Dut& dut);
void add_chassis_routes(Router& router, Role role);
void add_leak_routes(Router& router, Role role);
void add_power_routes(Router& router);
/// Of compute trays and servers.
void add_platform_routes(Router& router);
void add_system_routes(Router& router);
void add_storage_routes(Router& router);
void add_processor_routes(Router& router);
void add_port_routes(Router& router);
void add_fabric_routes(Router& router);
void add_cooling_unit_routes(Router& router);
void add_telemetry_routes(Router& router);

// Names; those of chassis are in sensors.h.
inline constexpr std::string_view kBaseboard = "HGX_Baseboard_0";
[[nodiscard]] std::vector<std::string> manager_ids(const Dut& dut);
[[nodiscard]] std::vector<std::string> system_ids(const Dut& dut);
/// The systems that list its GPUs and its CPUs: both the baseboard's on a compute tray.
[[nodiscard]] std::string gpu_system(const Dut& dut);
[[nodiscard]] std::string cpu_system(const Dut& dut);
[[nodiscard]] std::string gpu_uri(const Dut& dut, const Gpu& gpu);
[[nodiscard]] std::vector<std::string> chassis_ids(const Dut& dut);
[[nodiscard]] bool has_chassis(const Dut& dut, std::string_view id);
/// Where the event log hangs: ".../Systems/System_0/LogServices" or ".../Managers/CDU/LogServices".
[[nodiscard]] std::string log_services_uri(const Dut& dut);
[[nodiscard]] std::string leak_detection_uri(const Dut& dut);
/// Id of a part's name in a URI: blanks become underscores.
[[nodiscard]] std::string id_of(std::string_view name);
/// The address of what an event is about; empty when it is not there.
[[nodiscard]] std::string origin_uri(const Dut& dut, const EventEntry& event);

/// The element of a vector whose id_of(name) is `id`, or null.
template <typename T>
T* by_id(std::vector<T>& parts, std::string_view id) {
  for (T& part : parts) {
    if (id_of(part.name) == id) return &part;
  }
  return nullptr;
}

/// A GPU that was enumerated; a missing one is not in the tree at all.
[[nodiscard]] Gpu* present_gpu(Dut& dut, std::string_view id);
/// State and health of a GPU as its processor, memory and ports show it.
[[nodiscard]] json::object gpu_status(const Dut& dut, const Gpu& gpu);
/// "Enabled" with power, "StandbyOffline" without.
[[nodiscard]] json::object powered_status(const Dut& dut);
/// Starts a power transition for a ComputerSystem or Chassis ResetType; 400 for a word that is not offered.
[[nodiscard]] HttpResponse reset_answer(Bmc& bmc, const HttpRequest& request,
                                        const std::vector<std::string>& allowed);

}  // namespace kiln::virtual_rack
