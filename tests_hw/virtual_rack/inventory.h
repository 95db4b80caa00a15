#pragma once
// Writes what a station is given: rack.yaml, rack.credentials.yaml (0600) and firmware images for updates.
// The expectation is that of a healthy rack; it is taken before any fault is added.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

struct ExpectedComponent {
  std::string kind;  ///< a word of the inventory's closed list: "gpu", "nvlink", …
  std::string name;
  std::string serial;
  std::string firmware;
};

struct InventoryDut {
  std::string id;
  std::string role;
  int slot = 0;
  std::string serial;
  std::uint16_t bmc_port = 0;
  std::string bmc_pin;
  bool is_cooltera = false;     ///< read by status.xml, without a login
  std::uint16_t host_port = 0;  ///< 0: no host
  std::string host_key;
  int gpus = 0;
  int nvlinks = 0;
  int leak_detectors = 0;
  std::vector<ExpectedComponent> components;
};

struct InventoryRack {
  std::string rack;
  std::string product;
  double time_scale = 1;
  std::string user;  ///< of every BMC; hosts log in as root
  std::string password;
  std::string firmware_baseline;   ///< relative to rack.yaml; empty: none
  std::uint16_t serving_port = 0;  ///< of the model server; 0: none
  std::string serving_pin;
  std::string serving_key;  ///< its API key
  std::vector<InventoryDut> duts;
};

/// What a healthy DUT has: role, slot, serial, counts and components; ports, pin and key are the caller's.
[[nodiscard]] InventoryDut expectation_of(const RackModel& rack, const Dut& dut);

/// Writes rack.yaml and rack.credentials.yaml into an existing directory; returns the absolute path of
/// rack.yaml. Errors: inventory.write.
Result<std::filesystem::path> write_inventory(const std::filesystem::path& directory,
                                              const InventoryRack& rack);

/// Writes DIRECTORY/firmware/<component>-<version>.fw for the rack's update. Errors: inventory.write.
Status write_firmware_image(const std::filesystem::path& directory, const RackModel& rack);

/// Writes DIRECTORY/firmware/<product>.yaml, the images it names, and beside them what a BMC must refuse:
/// unsigned.fw, wrong-target.fw, older.fw. Errors: inventory.write.
Status write_firmware_baseline(const std::filesystem::path& directory, const RackModel& rack);

}  // namespace kiln::virtual_rack
