// Whether all hosts of the rack run the same software: one that was missed by an image roll-out fails in the
// middle of a job.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "inventory_steps.h"
#include "sdk/tool_output.h"

namespace kiln::inventory {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kSoftwareBudget = std::chrono::seconds(60);

/// Version → hosts, for each kind of software.
using SoftwareVersions = std::map<std::string, std::map<std::string, std::vector<std::string>>>;

/// PRETTY_NAME of os-release(5), without its quotes; empty when it has none.
std::string os_name_of(const std::string& text) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = tidy_text(text.substr(at, end - at));
    if (line.starts_with(kKey)) {
      line.erase(0, kKey.size());
      std::erase(line, '"');
      return line;
    }
    at = end + 1;
  }
  return {};
}

/// What one host says, by kind; a kind it does not tell is empty.
using SoftwareOfHost = std::map<std::string, std::string>;

awaitable<Result<std::string>> said_by(StepContext& context, Shell& shell, std::string line) {
  Ctx limited = context.ctx().child_within("software", kSoftwareBudget);
  Command command(std::move(line));
  const Result<CommandResult> answer = co_await shell.run(limited, std::move(command));
  if (!answer) co_return answer.error();
  std::string text = answer->ok() ? answer->out : std::string();
  co_return text;
}

awaitable<Result<SoftwareOfHost>> read_software(StepContext& context, const Dut& dut) {
  const Result<Shell*> shell = context.shell_of(dut.id);
  if (!shell) co_return shell.error();
  SoftwareOfHost found;
  std::string uname = "uname -r", release = "cat /etc/os-release", smi = "nvidia-smi -q -x";
  const Result<std::string> kernel = co_await said_by(context, **shell, std::move(uname));
  if (!kernel) co_return kernel.error();
  found["kernel"] = tidy_text(*kernel);
  const Result<std::string> os = co_await said_by(context, **shell, std::move(release));
  if (!os) co_return os.error();
  found["operating system"] = os_name_of(*os);
  if (dut.expect.of_kind(ComponentKind::gpu).empty()) co_return found;
  const Result<std::string> gpus = co_await said_by(context, **shell, std::move(smi));
  if (!gpus) co_return gpus.error();
  const Result<tool_output::NvidiaSmiQuery> query = tool_output::parse_nvidia_smi_query(*gpus);
  found["GPU driver"] = query ? query->driver_version : std::string();
  found["CUDA"] = query ? query->cuda_version : std::string();
  co_return found;
}

std::string who_runs_which(const std::map<std::string, std::vector<std::string>>& versions) {
  constexpr std::size_t kNamed = 6;
  std::vector<std::string> words;
  for (const auto& [version, hosts] : versions) {
    words.push_back(hosts.size() > kNamed ? fmt::format("{} on {} hosts", version, hosts.size())
                                          : fmt::format("{} on {}", version, fmt::join(hosts, ", ")));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

}  // namespace

const StepDescription& Software::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "inventory.software";
    made.rack_scope = true;
    made.summary = "All hosts of the rack run the same kernel, operating system, GPU driver and CUDA";
    made.measurements = {{"software.mixed", "1", ComponentKind::whole_dut, true, "software.mixed",
                          "boot the few from the image of the many",
                          "kinds of software of which the hosts run more than one version"}};
    made.default_timeout = std::chrono::minutes(10);
    return made;
  }();
  return description;
}

awaitable<Status> Software::run(StepContext& context) {
  SoftwareVersions kinds;
  std::vector<std::string> unknown;
  for (const Dut* dut : context.duts()) {
    // A tray with GPUs has an operating system, whether or not anybody can log in to it.
    if (!dut->host && !dut->expect.of_kind(ComponentKind::gpu).empty())
      unknown.push_back("anything of " + dut->id);
    if (!dut->host) continue;
    const Result<SoftwareOfHost> found = co_await read_software(context, *dut);
    if (!found) co_return found.error();
    for (const auto& [kind, version] : *found) {
      // Trays of another role have other images.
      const std::string of_role = fmt::format("{} of {}", kind, to_string(dut->role));
      if (version.empty()) unknown.push_back(fmt::format("{} of {}", kind, dut->id));
      if (!version.empty()) kinds[of_role][version].push_back(dut->id);
    }
  }
  std::int64_t mixed = 0;
  std::string which;
  for (const auto& [kind, versions] : kinds) {
    if (versions.size() < 2) continue;
    ++mixed;
    which += fmt::format("{}{}: {}", which.empty() ? "" : "; ", kind, who_runs_which(versions));
    Diagnosed diagnosis;
    diagnosis.code = "software.mixed";
    diagnosis.part = kind;
    diagnosis.message = fmt::format("{}: {}", kind, who_runs_which(versions));
    diagnosis.action = "boot the few from the image of the many";
    const Status told = co_await context.diagnose(std::move(diagnosis));
    if (!told) co_return told;
  }
  Reading reading("software.mixed", "", std::monostate{}, Source{"ssh", "uname, os-release, nvidia-smi"});
  // What differs is known, whoever else tells nothing.
  if (mixed > 0 || (unknown.empty() && !kinds.empty())) reading.value = mixed;
  reading.reason = unknown.empty() ? std::string("no host is in the run")
                                   : fmt::format("not told: {}", fmt::join(unknown, ", "));
  if (mixed > 0) reading.action = "boot the few from the image of the many; " + which;
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

}  // namespace kiln::inventory
