// Coolant distribution units that speak Redfish.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class Cdu final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "cdu"; }
  [[nodiscard]] std::string summary() const override { return "coolant distribution units"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::equipment; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    return facts.systems.empty() && facts.offers("ThermalEquipment");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override { return {}; }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("cdu", "1.0.0", ::kiln::Cdu)
