// HPE Integrated Lights-Out.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class HpeIlo final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "hpe_ilo"; }
  [[nodiscard]] std::string summary() const override { return "HPE iLO"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::firmware_stack; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    return facts.has_oem("Hpe") || facts.has_oem("Hp");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override { return {}; }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("hpe_ilo", "1.0.0", ::kiln::HpeIlo)
