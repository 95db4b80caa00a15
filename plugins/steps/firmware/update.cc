#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "activation.h"
#include "firmware_steps.h"
#include "image.h"
#include "install.h"
#include "installed_record.h"

namespace kiln::firmware {

using boost::asio::awaitable;

const StepDescription& Update::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.update";
    made.bmc = installing_needs();
    made.summary = "Bring one component to the version of the rack file and read back that it runs it";
    made.measurements = installed_measurements();
    made.parameters = {
        {"component", ParameterType::text, std::nullopt, "Id in the firmware inventory"},
        {"images", ParameterType::text, "firmware",
         "without a baseline: directory of COMPONENT-VERSION.fw files, beside the rack file if "
         "relative"},
        {"activation", ParameterType::duration, "10m",
         "without a baseline: how long the new version may take to show after the reset"},
        {"host", ParameterType::boolean, "true", "wait until the host answers again"}};
    made.energises = Energy::flash;
    made.on_resume = ResumePolicy::verify;
    made.default_timeout = std::chrono::hours(1);
    return made;
  }();
  return description;
}

Status Update::check(const Parameters& with) const {
  const std::string& component = with.text("component");
  if (component.empty() || component.find('/') != std::string::npos) {
    return Error("recipe.parameters", fmt::format("'{}' is not the Id of a firmware component", component),
                 "use the Id of the firmware inventory, such as UEFI", Blame::recipe);
  }
  return success();
}

std::vector<std::string> Update::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                       const Dut& dut) const {
  const std::string& component = with.text("component");
  if (measurement.name != "firmware.standby_version") return {component};
  for (const FirmwareTarget& target : dut.firmware_targets) {
    if (target.component == component && target.both_banks) return {component};
  }
  return {};
}

awaitable<Status> Update::run(StepContext& context) {
  const std::string component = context.with().text("component");
  const std::vector<FirmwareTarget> targets = targets_of(context.dut());
  const auto found = std::find_if(targets.begin(), targets.end(), [&component](const FirmwareTarget& target) {
    return target.component == component;
  });
  if (found == targets.end()) {
    co_return Error("firmware.no_baseline",
                    fmt::format("the rack file gives {} no version for '{}'", context.dut().id, component),
                    "add it under expect.components, or name a baseline under firmware", Blame::operator_);
  }
  const bool in_baseline =
      std::any_of(context.dut().firmware_targets.begin(), context.dut().firmware_targets.end(),
                  [&component](const FirmwareTarget& target) { return target.component == component; });
  FirmwareTarget target = *found;
  if (!in_baseline) {
    target = target_without_baseline(context.inventory(), component, found->version,
                                     context.with().text("images"), context.with().duration("activation"));
    target.write_within = context.ctx().remaining();
  }
  const Status others = co_await let_updates_end(context);
  if (!others) co_return others;
  const Result<bool> installed = co_await bring_to(context, std::move(target));
  if (!installed) co_return installed.error();
  if (!context.with().boolean("host")) co_return success();
  const Status up = co_await wait_for_host(context);
  co_return up;
}

}  // namespace kiln::firmware
