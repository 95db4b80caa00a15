// What the operating system of an NVLink switch tray says of itself, over NVUE: things that its BMC does not
// see, such as a service or a port of the ASIC.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/algorithm/string/predicate.hpp>
#include <map>
#include <utility>
#include <vector>

#include "nvlink_steps.h"
#include "sdk/tool_output.h"

namespace kiln::nvlink {

using boost::asio::awaitable;

namespace {

constexpr const char* kHealthCommand = "nv show system health -o json";
constexpr const char* kApplicationsCommand = "nv show cluster apps running -o json";
constexpr Nanoseconds kNvueBudget = std::chrono::seconds(60);

awaitable<Result<CommandResult>> nvue_said(StepContext& context, const char* line) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  Ctx limited = context.ctx().child_within("nv", kNvueBudget);
  Command command{std::string(line)};
  Result<CommandResult> said = co_await (*shell)->run(limited, std::move(command));
  if (!said) co_return said.error();
  if (said->exit_status == kCommandNotFound) {
    co_return Error("nvos.not_installed", fmt::format("{}: there is no `nv` on the host", context.dut().id),
                    "give the rack file the address of the switch tray's NVOS", Blame::peer);
  }
  co_return said;
}

/// "ok", or what is wrong. The word decides, and not the list: NVOS drops an issue before the word changes.
Reading health_reading(const Result<tool_output::NvueHealth>& health) {
  Reading reading("nvswitch.health", "", std::monostate{}, Source{"ssh", kHealthCommand});
  if (!health) {
    reading.reason = health.error().message;
    return reading;
  }
  std::vector<std::string> issues;
  for (const auto& [part, what] : health->issues) issues.push_back(part + ": " + what);
  if (!boost::algorithm::iequals(health->status, "ok")) {
    reading.value = issues.empty() ? health->status : fmt::format("{}", fmt::join(issues, "; "));
    reading.action = "see to what NVOS names: " + std::get<std::string>(reading.value);
  } else if (issues.empty()) {
    reading.value = std::string("ok");
  } else {
    reading.reason = fmt::format("NVOS is OK and lists issues all the same: {}", fmt::join(issues, "; "));
  }
  return reading;
}

Reading control_reading(const Result<std::map<std::string, std::string>>& applications) {
  Reading reading("nvswitch.fabric_control", "", std::monostate{}, Source{"ssh", kApplicationsCommand});
  if (!applications) {
    reading.reason = applications.error().message;
    return reading;
  }
  std::vector<std::string> words;
  for (const auto& [name, status] : *applications)
    words.push_back(fmt::format("{} {}", name, status.empty() ? "(no status)" : status));
  reading.value = words.empty() ? std::string("none") : fmt::format("{}", fmt::join(words, ", "));
  return reading;
}

}  // namespace

const StepDescription& SwitchHealth::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.switch_health";
    made.summary = "What the operating system of an NVLink switch tray says of its health (NVUE)";
    const ComponentKind dut = ComponentKind::whole_dut;
    made.measurements = {
        {"nvswitch.health", "", dut, true, "nvswitch.unhealthy", "see to what NVOS names",
         "ok, or what NVOS names as wrong"},
        {"nvswitch.fabric_control", "", dut, false, "", "",
         "cluster applications that run on this tray; in a rack one tray runs them for all"}};
    made.parameters = {{"within", ParameterType::duration, "3m",
                        "how long NVOS may take to become healthy after the tray was switched on"}};
    made.default_timeout = std::chrono::minutes(6);
    return made;
  }();
  return description;
}

std::vector<std::string> SwitchHealth::parts(const MeasurementDeclaration& measurement,
                                             const Parameters& with, const Dut& dut) const {
  if (!dut.host) return {};  // a tray whose NVOS the rack file does not name is read by its BMC only
  return Step::parts(measurement, with, dut);
}

awaitable<Status> SwitchHealth::run(StepContext& context) {
  if (!context.dut().host) co_return success();
  const std::int64_t until_ns = context.ctx().now().monotonic_ns + context.with().duration("within").count();
  Reading health("nvswitch.health", "", std::monostate{}, Source{"ssh", kHealthCommand});
  for (;;) {
    const Result<CommandResult> said = co_await nvue_said(context, kHealthCommand);
    if (!said) co_return said.error();
    health = health_reading(tool_output::parse_nvue_health(said->out));
    const bool well = health.value == Value(std::string("ok"));
    const Nanoseconds left(until_ns - context.ctx().now().monotonic_ns);
    if (well || left.count() <= 0) break;
    constexpr Nanoseconds kPause = std::chrono::seconds(5);
    const Status waited = co_await context.ctx().sleep_for(std::min(left, kPause));
    if (!waited) co_return waited.error();
  }
  const Result<Outcome> judged = co_await context.record(std::move(health));
  if (!judged) co_return judged.error();
  const Result<CommandResult> listed = co_await nvue_said(context, kApplicationsCommand);
  if (!listed) co_return listed.error();
  Reading control = control_reading(tool_output::parse_nvue_cluster_apps(listed->out));
  const Result<Outcome> kept = co_await context.record(std::move(control));
  if (!kept) co_return kept.error();
  co_return success();
}

}  // namespace kiln::nvlink
