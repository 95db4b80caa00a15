// Power shelves: power supplies without a system.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class PowerShelf final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "power_shelf"; }
  [[nodiscard]] std::string summary() const override { return "power shelves"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::equipment; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    if (!facts.systems.empty()) return false;
    bool shelf = facts.offers("PowerEquipment");
    for (const std::string& chassis : facts.chassis)
      shelf = shelf || chassis.starts_with("PowerShelf") || chassis.starts_with("powershelf");
    return shelf || (facts.vendor.starts_with("D") && facts.vendor.find("elta") != std::string::npos) ||
           facts.vendor == "DELTA";
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override {
    std::vector<KnownQuirk> quirks;
    quirks.push_back(
        {Quirk::power_state_in_oem,
         "the chassis has no PowerState; Oem.deltaenergysystems.Power says it, there or in each supply",
         "Delta 810 shelf, firmware 01.04", "", ""});
    quirks.push_back({Quirk::root_without_navigation, "the root lists none of its collections",
                      "Lite-On shelf, Redfish 1.9.0", "", ""});
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("power_shelf", "1.0.0", ::kiln::PowerShelf)
