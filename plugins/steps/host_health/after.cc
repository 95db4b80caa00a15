#include <fmt/format.h>

#include <map>
#include <sstream>

#include "host_steps.h"
#include "sdk/tool_output.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr const char* kKernelLog = "dmesg --time-format=iso";
// "hwmon0/temp1_input 45000": every temperature the kernel offers, in thousandths of a degree (Linux hwmon
// sysfs interface).
constexpr const char* kSensors =
    "sh -c 'for f in /sys/class/hwmon/hwmon*/temp*_input; do [ -r \"$f\" ] && echo \"$f $(cat \"$f\")\"; "
    "done; true'";

/// Temperatures by "hwmonN/tempM".
std::map<std::string, double> temperatures(const std::string& text) {
  std::map<std::string, double> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto blank = line.find(' ');
    const auto folder = line.find("hwmon/");
    if (blank == std::string::npos || folder == std::string::npos) continue;
    std::string name = line.substr(folder + 6, blank - folder - 6);
    if (name.ends_with("_input")) name.resize(name.size() - 6);
    if (const auto value = tolerant_number_in(line.substr(blank + 1), "")) found[name] = *value / 1000.0;
  }
  return found;
}

awaitable<Status> kernel_log(StepContext& context) {
  const Result<CommandResult> answer = co_await run_tool(context, kKernelLog, std::chrono::seconds(30));
  if (!answer) co_return answer.error();
  Value unexpected;
  std::string why = "the kernel log could not be read: " + tidy_text(answer->err);
  std::string advice;
  const auto parsed = tool_output::parse_kernel_log(answer->out);
  if (answer->exit_status == 0 && parsed && parsed->kernel_lines > 0) {
    const auto bad = parsed->of_weight(tool_output::KernelWeight::fail);
    unexpected = static_cast<std::int64_t>(bad.size());
    std::string text;
    for (const auto* event : bad) {
      const std::string told = tool_output::advice(*event);
      if (advice.empty()) advice = told;
      text += event->text + (told.empty() ? "\n" : "\n    " + told + "\n");
    }
    if (!bad.empty()) {
      const Status attached = co_await context.attach("kernel-events.txt", "text/plain", text);
      if (!attached) co_return attached;
    }
  }
  Reading reading("kernel.log.unexpected", "", unexpected, Source{"ssh", kKernelLog});
  reading.reason = why;
  reading.action = advice;
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace

const StepDescription& After::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.after";
    made.summary = "What the kernel complained about since boot, and the temperatures the rack file expects";
    made.measurements = {
        {"kernel.log.unexpected", "1", ComponentKind::whole_dut, true, "kernel.hardware_event",
         "read the attached kernel events and replace the part they name",
         "hardware events in the kernel log"},
        {"sensor.temperature.max", "Cel", ComponentKind::sensor, true, "sensor.hot",
         "check airflow and heat sinks", "temperature by the kernel's sensor interface"},
        {"sensor.uncovered", "", ComponentKind::whole_dut, false, "", "",
         "sensors the machine has and the rack file does not list"}};
    made.default_timeout = std::chrono::minutes(2);
    made.looks_back = true;  // in the kernel log since boot, which a restart of the host empties
    return made;
  }();
  return description;
}

awaitable<Status> After::run(StepContext& context) {
  const Status logged = co_await kernel_log(context);
  if (!logged) co_return logged;
  const Result<CommandResult> answer = co_await run_tool(context, kSensors, std::chrono::seconds(30));
  if (!answer) co_return answer.error();
  auto found = temperatures(answer->out);
  for (const Component* sensor : context.dut().expect.of_kind(ComponentKind::sensor)) {
    Value value;
    const auto reading_of = found.find(sensor->name);
    if (reading_of != found.end()) {
      value = reading_of->second;
      found.erase(reading_of);
    }
    Reading reading("sensor.temperature.max", sensor->name, value,
                    Source{"ssh", "/sys/class/hwmon/" + sensor->name});
    reading.reason = "the machine has no such sensor";
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  std::string others;
  for (const auto& [name, value] : found) others += (others.empty() ? "" : ", ") + name;
  Reading uncovered("sensor.uncovered", "", others.empty() ? std::string("none") : others,
                    Source{"ssh", "/sys/class/hwmon"});
  const Result<Outcome> outcome = co_await context.record(std::move(uncovered));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace kiln::host_health
