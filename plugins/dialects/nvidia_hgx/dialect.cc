// NVIDIA HGX: a baseboard of GPUs with a management controller of its own, inside somebody's server.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class NvidiaHgx final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "nvidia_hgx"; }
  [[nodiscard]] std::string summary() const override { return "NVIDIA HGX baseboards and superchip modules"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::platform; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    // The trays of an NVL72 rack have a baseboard too; they are nvidia_nvl72_tray.
    const bool in_a_rack = facts.has_chassis("CBC_") && facts.has_chassis("HGX_GPU_3");
    return facts.has_system("HGX_Baseboard_") && !in_a_rack && !facts.has_chassis("HGX_SMM_");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override { return {}; }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("nvidia_hgx", "1.0.0", ::kiln::NvidiaHgx)
