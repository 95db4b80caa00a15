// Supermicro's own BMC firmware. Its GB200 and GB300 trays have OpenBMC.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class Supermicro final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "supermicro"; }
  [[nodiscard]] std::string summary() const override { return "Supermicro"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::firmware_stack; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override { return facts.has_oem("Supermicro"); }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& facts) const override {
    if (facts.offers("UpdateService")) return {};
    std::vector<KnownQuirk> quirks;
    quirks.push_back({Quirk::bios_only_in_system,
                      "X10 boards have no update service, only BiosVersion of the system",
                      "captured tree of an X10 board, Redfish 1.0.1", "", ""});
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("supermicro", "1.0.0", ::kiln::Supermicro)
