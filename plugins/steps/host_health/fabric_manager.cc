#include <fmt/format.h>

#include <utility>

#include "host_steps.h"
#include "sections.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kServiceBudget = std::chrono::seconds(60);
constexpr int kServiceSeconds = 10;

const std::vector<Question>& services() {
  static const std::vector<Question> all{{"state", "systemctl is-active nvidia-fabricmanager"},
                                         {"version", "nv-fabricmanager --version"},
                                         {"driver", "cat /sys/module/nvidia/version"}};
  return all;
}

/// "Fabric Manager version is : 580.95.05" and plain "580.95.05"; empty: no version in it.
std::string version_in(const std::string& text) {
  const std::string line = tidy_text(text);
  const auto last = line.find_last_of(" :");
  const std::string word = last == std::string::npos ? line : line.substr(last + 1);
  const bool is_version = !word.empty() && word.find('.') != std::string::npos &&
                          word.find_first_not_of("0123456789.") == std::string::npos;
  return is_version ? word : std::string();
}

}  // namespace

const StepDescription& FabricManager::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.fabric_manager";
    made.summary =
        "NVIDIA Fabric Manager runs on the host, and is of the driver's version; for HGX, never NVL72";
    const ComponentKind whole = ComponentKind::whole_dut;
    made.measurements = {
        {"host.fabric_manager.state", "", whole, true, "host.fabric_manager",
         "start nvidia-fabricmanager and read its log", "state of its service by systemd"},
        {"host.fabric_manager.version", "", whole, true, "host.fabric_manager",
         "install Fabric Manager of the driver's version", "version of its program, against the driver's"}};
    made.default_timeout = std::chrono::minutes(3);
    return made;
  }();
  return description;
}

awaitable<Status> FabricManager::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Ctx limited = context.ctx().child_within("Fabric Manager", kServiceBudget);
  Command command(ask_all(services(), kServiceSeconds));
  const Result<CommandResult> printed = co_await (*shell)->run(limited, std::move(command));
  if (!printed) co_return printed.error();
  const auto answers = answers_of(printed->out, services());
  if (!answers) co_return answers.error();
  Reading state("host.fabric_manager.state", "", std::monostate{},
                Source{"ssh", "systemctl is-active nvidia-fabricmanager"});
  const std::string word = tidy_text(answers->at("state"));
  if (!word.empty() && word.find(' ') == std::string::npos) state.value = word;
  state.reason = "systemd does not tell";
  const Result<Outcome> running = co_await context.record(std::move(state));
  if (!running) co_return running.error();
  const std::string version = version_in(answers->at("version")), driver = version_in(answers->at("driver"));
  Reading same("host.fabric_manager.version", "", std::monostate{},
               Source{"ssh", "nv-fabricmanager --version"});
  if (!version.empty() && !driver.empty()) {
    same.value = version;
    same.expected = driver;
  }
  same.reason = driver.empty() ? "no NVIDIA driver is loaded" : "nv-fabricmanager tells no version";
  const Result<Outcome> compared = co_await context.record(std::move(same));
  if (!compared) co_return compared.error();
  co_return success();
}

}  // namespace kiln::host_health
