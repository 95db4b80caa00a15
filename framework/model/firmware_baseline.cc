#include "model/firmware_baseline.h"

#include <array>

#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<FirmwareRoute>, 4> kFirmwareRoutes{
    {{FirmwareRoute::push, "push"},
     {FirmwareRoute::simple_update, "simple_update"},
     {FirmwareRoute::nvos_image, "nvos_image"},
     {FirmwareRoute::nvos_component, "nvos_component"}}};

constexpr std::array<EnumWord<FirmwareActivation>, 5> kFirmwareActivations{
    {{FirmwareActivation::none, "none"},
     {FirmwareActivation::host_restart, "host_restart"},
     {FirmwareActivation::manager_reset, "manager_reset"},
     {FirmwareActivation::full_power_cycle, "full_power_cycle"},
     {FirmwareActivation::switch_reboot, "switch_reboot"}}};

}  // namespace

std::string_view to_string(FirmwareRoute route) { return word_of(kFirmwareRoutes, route); }
std::optional<FirmwareRoute> firmware_route_from(std::string_view word) {
  return value_of(kFirmwareRoutes, word);
}
std::vector<std::string> firmware_route_names() { return words_of(kFirmwareRoutes); }
bool is_nvos(FirmwareRoute route) {
  return route == FirmwareRoute::nvos_image || route == FirmwareRoute::nvos_component;
}

std::string_view to_string(FirmwareActivation activation) {
  return word_of(kFirmwareActivations, activation);
}
std::optional<FirmwareActivation> firmware_activation_from(std::string_view word) {
  return value_of(kFirmwareActivations, word);
}
std::vector<std::string> firmware_activation_names() { return words_of(kFirmwareActivations); }

}  // namespace kiln
