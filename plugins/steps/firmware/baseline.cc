#include <algorithm>
#include <map>
#include <utility>

#include "firmware_steps.h"
#include "running.h"

namespace kiln::firmware {

using boost::asio::awaitable;

std::vector<FirmwareTarget> targets_of(const Dut& dut) {
  std::vector<FirmwareTarget> targets = dut.firmware_targets;
  for (const Component* item : dut.expect.of_kind(ComponentKind::firmware)) {
    const bool known = std::any_of(targets.begin(), targets.end(), [item](const FirmwareTarget& target) {
      return target.component == item->name;
    });
    if (known || item->firmware.empty()) continue;
    FirmwareTarget target;
    target.component = item->name;
    target.version = item->firmware;
    target.source = "the rack file";
    targets.push_back(std::move(target));
  }
  return targets;
}

const StepDescription& Baseline::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.baseline";
    made.bmc = {{BmcAbility::firmware_inventory, true, "to know which version each component runs"}};
    made.summary = "Every component runs the firmware version of the rack file or its baseline";
    made.measurements = {
        {"firmware.version", "", ComponentKind::firmware, true, "firmware.off_baseline",
         "update the component to the baseline; newer than the baseline is a deviation too",
         "installed version, compared canonically"},
        {"firmware.standby_version", "", ComponentKind::firmware, true, "firmware.standby_off_baseline",
         "update the component once more, so that its other bank is written too",
         "version in the other bank, where the baseline wants both"}};
    made.default_timeout = std::chrono::minutes(3);
    made.on_resume = ResumePolicy::verify;
    return made;
  }();
  return description;
}

std::vector<std::string> Baseline::parts(const MeasurementDeclaration& measurement,
                                         const Parameters& /*with*/, const Dut& dut) const {
  const bool standby = measurement.name == "firmware.standby_version";
  std::vector<std::string> names;
  for (const FirmwareTarget& target : targets_of(dut)) {
    if (!standby || target.both_banks) names.push_back(target.component);
  }
  return names;
}

awaitable<Status> Baseline::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const std::vector<FirmwareTarget> targets = targets_of(context.dut());
  std::vector<FirmwareTarget> asked = targets;
  Doors doors = doors_of(context, **bmc);
  const Result<std::map<std::string, Running>> running =
      co_await read_running(context.ctx(), doors, std::move(asked));
  if (!running) co_return running.error();
  for (const FirmwareTarget& target : targets) {
    const Running& now = running->at(target.component);
    Value version;
    if (!now.version.empty()) version = now.version;
    Reading reading = version_reading("firmware.version", target, std::move(version), now.source);
    reading.reason = now.why_none;
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
    if (!target.both_banks) continue;
    Value standby;
    if (!now.standby_version.empty()) standby = now.standby_version;
    Reading other = version_reading("firmware.standby_version", target, std::move(standby), now.source);
    other.reason = "the BMC does not tell what the other bank holds";
    const Result<Outcome> judged = co_await context.record(std::move(other));
    if (!judged) co_return judged.error();
  }
  co_return success();
}

}  // namespace kiln::firmware
