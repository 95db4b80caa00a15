// OpenBMC: bmcweb, whoever built it into what.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class OpenBmc final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "openbmc"; }
  [[nodiscard]] std::string summary() const override { return "OpenBMC (bmcweb)"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::firmware_stack; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    for (const ServiceFacts::Item& manager : facts.managers) {
      if (manager.model == "OpenBmc" || manager.model == "OpenBMC") return true;
    }
    return facts.has_oem("OpenBmc") || facts.has_oem("OpenBMC");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override {
    std::vector<KnownQuirk> quirks;
    quirks.push_back(
        {Quirk::inventory_lists_other_images,
         "the inventory holds both images of a BMC or host, the one that does not run as standby",
         "OpenBMC, xyz.openbmc_project.Software.Activation: StandbySpare", "", ""});
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("openbmc", "1.0.0", ::kiln::OpenBmc)
