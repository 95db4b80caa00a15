// AMI MegaRAC, in trays and servers of many vendors.

#include "sdk/dialect.h"

namespace kiln {
namespace {

class AmiMegarac final : public Dialect {
 public:
  [[nodiscard]] std::string name() const override { return "ami_megarac"; }
  [[nodiscard]] std::string summary() const override { return "AMI MegaRAC"; }
  [[nodiscard]] DialectLayer layer() const override { return DialectLayer::firmware_stack; }
  [[nodiscard]] bool matches(const ServiceFacts& facts) const override {
    return facts.vendor == "AMI" || facts.has_oem("Ami");
  }
  [[nodiscard]] std::vector<KnownQuirk> quirks(const ServiceFacts& /*facts*/) const override {
    std::vector<KnownQuirk> quirks;
    quirks.push_back({Quirk::csrf_token, "a login gives X-CSRFTOKEN, which POST, PATCH and DELETE must carry",
                      "Lenovo confluent, firmware update of MegaRAC", "", ""});
    quirks.push_back({Quirk::expand_unreliable, "expanded members have null where the resource has a value",
                      "NVIDIA infra-controller: GB300 trays, Viking", "", ""});
    quirks.push_back({Quirk::root_without_navigation, "on some builds the root lists none of its collections",
                      "NVIDIA nv-redfish: Viking", "", ""});
    return quirks;
  }
};

}  // namespace
}  // namespace kiln

KILN_DIALECT("ami_megarac", "1.0.0", ::kiln::AmiMegarac)
