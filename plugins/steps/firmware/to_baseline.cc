#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "activation.h"
#include "firmware_steps.h"
#include "install.h"
#include "installed_record.h"

namespace kiln::firmware {

using boost::asio::awaitable;

const StepDescription& ToBaseline::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.to_baseline";
    made.bmc = installing_needs();
    made.summary = "Bring every component to the rack's firmware baseline, in its order, one after the other";
    made.measurements = installed_measurements();
    made.parameters = {{"components", ParameterType::list, "",
                        "only these, still in the baseline's order; all when left out"},
                       {"host", ParameterType::boolean, "true", "wait until the host answers again"}};
    made.energises = Energy::flash;
    made.on_resume = ResumePolicy::verify;
    made.default_timeout = std::chrono::hours(4);
    return made;
  }();
  return description;
}

namespace {

bool is_chosen(const Parameters& with, const std::string& component) {
  const std::vector<std::string> chosen = with.list("components");
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), component) != chosen.end();
}

}  // namespace

std::vector<std::string> ToBaseline::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                           const Dut& dut) const {
  const bool standby = measurement.name == "firmware.standby_version";
  std::vector<std::string> names;
  for (const FirmwareTarget& target : dut.firmware_targets) {
    if (is_chosen(with, target.component) && (!standby || target.both_banks))
      names.push_back(target.component);
  }
  return names;
}

awaitable<Status> ToBaseline::run(StepContext& context) {
  if (context.dut().firmware_targets.empty()) {
    co_return Error("firmware.no_baseline",
                    fmt::format("the rack has no firmware baseline for {} ({})", context.dut().id,
                                to_string(context.dut().role)),
                    "name one in the rack file: firmware: FILE", Blame::operator_);
  }
  const Status others = co_await let_updates_end(context);
  if (!others) co_return others;
  for (const FirmwareTarget& target : context.dut().firmware_targets) {
    if (!is_chosen(context.with(), target.component)) continue;
    if (is_nvos(target.route)) {  // it is asked over SSH, and may still boot from what came before
      const Status up = co_await wait_for_host(context, target.active_within);
      if (!up) co_return up;
    }
    FirmwareTarget wanted = target;
    const Result<bool> at_target = co_await bring_to(context, std::move(wanted));
    if (!at_target) {
      Error failed = at_target.error();
      co_return std::move(failed).while_doing("bringing " + target.component + " to the baseline");
    }
    if (*at_target) continue;
    const Status noted = co_await context.note(fmt::format(
        "{} is not at the baseline: what comes after it in the order is not touched", target.component));
    co_return noted;
  }
  if (!context.with().boolean("host")) co_return success();
  const Status up = co_await wait_for_host(context);
  co_return up;
}

}  // namespace kiln::firmware
