// A switch tray of an NVL72 rack. Its fabric is asked over NVOS, its health over Redfish.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class NvlinkSwitchTray final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "nvlink_switch_tray"; }
  [[nodiscard]] std::string summary() const override { return "NVLink switch trays"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::platform; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    return facts.has_chassis("MGX_NVSwitch_") && !facts.has_system("HGX_Baseboard_");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override { return {}; }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("nvlink_switch_tray", "1.0.0", ::kiln::NvlinkSwitchTray)
