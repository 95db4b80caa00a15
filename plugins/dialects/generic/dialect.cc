// Redfish as it is written: what is spoken where no other dialect is recognised.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class Generic final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "generic"; }
  [[nodiscard]] std::string summary() const override { return "Redfish as it is written"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::standard; }
  [[nodiscard]] bool matches(const ServiceFacts& /*facts*/) const override { return true; }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override { return {}; }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("generic", "1.0.0", ::kiln::Generic)
