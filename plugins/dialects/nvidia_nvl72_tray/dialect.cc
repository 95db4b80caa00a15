// A compute tray of an NVL72 rack: a baseboard of four GPUs behind cable cartridges, and a host system.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class NvidiaNvl72Tray final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "nvidia_nvl72_tray"; }
  [[nodiscard]] std::string summary() const override {
    return "compute trays of GB200, GB300 and Vera Rubin NVL72 racks";
  }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::platform; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    // Cable cartridges also stand on single superchip boards: four GPUs make it a tray of a rack.
    const bool cartridges = facts.has_chassis("CBC_") && facts.has_chassis("HGX_GPU_3");
    return facts.has_system("HGX_Baseboard_") && (cartridges || facts.has_chassis("HGX_SMM_"));
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& facts) const override {
    std::vector<KnownQuirk> quirks;
    if (!facts.has_oem("OpenBmc")) {
      quirks.push_back({Quirk::bios_only_in_system,
                        "UEFI is no member of the firmware inventory, only BiosVersion of the host system",
                        "NVIDIA infra-controller issues 4628 and 4845", "", ""});
    }
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("nvidia_nvl72_tray", "1.0.0", ::kiln::NvidiaNvl72Tray)
