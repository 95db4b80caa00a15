// Dell iDRAC.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class DellIdrac final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "dell_idrac"; }
  [[nodiscard]] std::string summary() const override { return "Dell iDRAC"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::firmware_stack; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override { return facts.has_oem("Dell"); }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override {
    std::vector<KnownQuirk> quirks;
    quirks.push_back(
        {Quirk::inventory_lists_other_images,
         "the inventory also holds Previous- and Available- images, and names all by id and version",
         "Dell iDRAC9 Redfish API, ids of the software inventory", "", ""});
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("dell_idrac", "1.0.0", ::kiln::DellIdrac)
