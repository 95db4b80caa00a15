#include <map>

#include "firmware_steps.h"

namespace kiln::firmware {

using boost::asio::awaitable;

std::string expected_version(const Dut& dut, const std::string& component) {
  for (const Component* item : dut.expect.of_kind(ComponentKind::firmware)) {
    if (item->name == component) return item->firmware;
  }
  return {};
}

const StepDescription& Baseline::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.baseline";
    made.summary = "Every component runs the firmware version of the rack file";
    made.measurements = {{"firmware.version", "", ComponentKind::firmware, true, "firmware.off_baseline",
                          "update the component to the baseline; newer than the baseline is a deviation too",
                          "installed version, compared canonically"}};
    made.default_timeout = std::chrono::minutes(3);
    made.on_resume = ResumePolicy::verify;
    return made;
  }();
  return description;
}

std::vector<std::string> Baseline::parts(const MeasurementDeclaration& /*measurement*/,
                                         const Parameters& /*with*/, const Dut& dut) const {
  std::vector<std::string> names;
  for (const Component* item : dut.expect.of_kind(ComponentKind::firmware)) {
    if (!item->firmware.empty()) names.push_back(item->name);
  }
  return names;
}

awaitable<Status> Baseline::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::vector<FirmwareItem>> items = co_await (*bmc)->firmware(context.ctx());
  if (!items) co_return items.error();
  std::map<std::string, const FirmwareItem*> by_id;
  for (const auto& item : *items) by_id[item.id] = &item;
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::firmware)) {
    if (expected->firmware.empty()) continue;
    const auto found = by_id.find(expected->name);
    Value version;
    std::string uri = "not in the firmware inventory";
    if (found != by_id.end()) {
      uri = found->second->uri;
      if (!found->second->version.empty()) version = found->second->version;
    }
    Reading reading("firmware.version", expected->name, version, Source{"redfish", uri});
    reading.expected = expected->firmware;
    reading.reason =
        found == by_id.end() ? "the component is not in the firmware inventory" : "the BMC gives no version";
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

}  // namespace kiln::firmware
