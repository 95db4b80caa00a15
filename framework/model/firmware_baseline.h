#pragma once
// The firmware a product is to run: which component at which version, in which order, how its image gets
// there and what makes it run. Plain data, read by files/firmware_baseline_file.h; owned by the Inventory.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/version.h"

namespace kiln {

/// How an image gets to its component.
enum class FirmwareRoute {
  push,           ///< UpdateService: MultipartHttpPushUri, else HttpPushUri (DSP0266 12.6.2)
  simple_update,  ///< UpdateService.SimpleUpdate: the BMC fetches it from `uri`
  nvos_image,     ///< the switch's operating system: `nv action install system image` (NVOS 25.02)
  nvos_component  ///< a component behind NVOS: `nv action install platform firmware`
};
std::string_view to_string(FirmwareRoute route);
std::optional<FirmwareRoute> firmware_route_from(std::string_view word);
std::vector<std::string> firmware_route_names();
/// Over SSH to the switch's operating system instead of Redfish.
bool is_nvos(FirmwareRoute route);

/// What makes a written image run.
enum class FirmwareActivation { none, host_restart, manager_reset, full_power_cycle, switch_reboot };
std::string_view to_string(FirmwareActivation activation);
std::optional<FirmwareActivation> firmware_activation_from(std::string_view word);
std::vector<std::string> firmware_activation_names();

struct FirmwareTarget {
  std::string component;  ///< FirmwareInventory Id; behind NVOS the name it has there ("CPLD1")
  std::string version;
  std::string image;   ///< path of its image; empty: none, then it is only compared
  std::string sha256;  ///< of the image, lower-case hex; empty only where there is none
  std::string uri;     ///< where the device fetches the image itself
  FirmwareRoute route = FirmwareRoute::push;
  FirmwareActivation activation = FirmwareActivation::host_restart;
  /// What UpdateParameters.Targets names. nullopt: the component's own inventory entry. Empty: nothing, as
  /// tray BMCs of GB200 and GB300 want it for bundles.
  std::optional<std::vector<std::string>> targets;
  std::string image_type;  ///< OemParameters.ImageType of AMI MegaRAC; empty: none is sent
  VersionFields version_fields = VersionFields::by_form;
  std::string from_at_least;    ///< older than this may not go to `version` directly; empty: from any
  bool downgrade = false;       ///< what is newer (or cannot be ordered) may be overwritten
  bool both_banks = false;      ///< the standby image must be at `version`, too
  Nanoseconds write_within{};   ///< from the first byte to the end of its task
  Nanoseconds active_within{};  ///< from the activation to the new version
  std::string source;           ///< document and revision
};

/// What is known of the file itself; its targets stand in each Dut.
struct FirmwareBaseline {
  std::string name;      ///< the file's name
  std::string revision;  ///< as its owner counts: "1.3.1"
  std::string source;
  std::string file, sha256;
};

}  // namespace kiln
