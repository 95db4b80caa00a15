// Lenovo XClarity Controller (XCC, XCC2) of ThinkSystem servers. Not what sits in Lenovo's GB300 trays: that
// is MegaRAC.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class LenovoXcc final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "lenovo_xcc"; }
  [[nodiscard]] std::string summary() const override { return "Lenovo XClarity Controller"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::firmware_stack; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    for (const ServiceFacts::Item& manager : facts.managers) {
      if (manager.model.find("XClarity") != std::string::npos) return true;
    }
    return facts.vendor == "Lenovo" && !facts.has_oem("Ami");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override {
    std::vector<KnownQuirk> quirks;
    quirks.push_back({Quirk::task_becomes_job,
                      "an update task completes with OperationTransitionedToJob; the flash itself is the job",
                      "Lenovo confluent, firmware update over Redfish", "", ""});
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("lenovo_xcc", "1.0.0", ::kiln::LenovoXcc)
