// Whether all GPUs of the rack are in one fabric: the same cluster and the same clique.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <utility>
#include <vector>

#include "nvlink_steps.h"
#include "sdk/gpu_match.h"
#include "sdk/tool_output.h"

namespace kiln::nvlink {

using boost::asio::awaitable;

namespace {

constexpr const char* kFabricQuery = "nvidia-smi -q -x";
constexpr Nanoseconds kFabricQueryBudget = std::chrono::seconds(60);

/// Who is in which fabric, and of whom nobody knows.
struct FabricMembers {
  std::map<std::string, std::vector<std::string>> groups;  ///< "clique 1 of 5A…" → DUT:GPU
  std::vector<std::string> unknown;                        ///< "C02:GPU_1 (in no fabric)"
};

/// A board that is its own fabric prints zeros (HGX); only what names a cluster can be compared over a rack.
bool names_cluster(const std::string& uuid) { return uuid.find_first_not_of("0-") != std::string::npos; }

void sort_in(const Dut& dut, const tool_output::NvidiaSmiQuery& query, FabricMembers& members) {
  const GpuMatch match = match_gpus(dut, query);
  for (const Component* gpu : dut.expect.of_kind(ComponentKind::gpu)) {
    const std::string who = dut.id + ":" + gpu->name;
    const auto found = match.by_name.find(gpu->name);
    if (found == match.by_name.end()) {
      members.unknown.push_back(who + " (the driver does not list it)");
      continue;
    }
    const tool_output::FabricState& fabric = found->second->fabric;
    if (!fabric.clique_id || !names_cluster(fabric.cluster_uuid)) {
      members.unknown.push_back(
          fmt::format("{} (fabric {})", who, fabric.state.empty() ? "not told" : fabric.state));
      continue;
    }
    members.groups[fmt::format("clique {} of {}", *fabric.clique_id, fabric.cluster_uuid)].push_back(who);
  }
}

std::string who_is_where(const FabricMembers& members) {
  constexpr std::size_t kNamed = 8;
  std::vector<std::string> words;
  for (const auto& [group, who] : members.groups) {
    words.push_back(who.size() > kNamed ? fmt::format("{} GPUs in {}", who.size(), group)
                                        : fmt::format("{} in {}", fmt::join(who, ", "), group));
  }
  return fmt::format("{}", fmt::join(words, "; "));
}

}  // namespace

const StepDescription& Fabric::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.fabric";
    made.uses_fabric = true;
    made.rack_scope = true;
    made.summary = "All GPUs of the rack are in one NVLink fabric: the same cluster, the same clique";
    made.measurements = {{"nvlink.fabric.groups", "1", ComponentKind::whole_dut, true, "nvlink.fabric_split",
                          "look at the switch trays' fabric manager and at the trays that are in the smaller "
                          "group: their cartridge, "
                          "their links, their registration",
                          "different pairs of cluster and clique over all GPUs"}};
    made.default_timeout = std::chrono::minutes(10);
    return made;
  }();
  return description;
}

awaitable<Status> Fabric::run(StepContext& context) {
  FabricMembers members;
  for (const Dut* dut : context.duts()) {
    if (dut->expect.of_kind(ComponentKind::gpu).empty()) continue;
    if (!dut->host) members.unknown.push_back(dut->id + " (the rack file names no host)");
    if (!dut->host) continue;
    const Result<Shell*> shell = context.shell_of(dut->id);
    if (!shell) co_return shell.error();
    Ctx limited = context.ctx().child_within("nvidia-smi", kFabricQueryBudget);
    Command command(kFabricQuery);
    const Result<CommandResult> asked = co_await (*shell)->run(limited, std::move(command));
    if (!asked) co_return asked.error();
    const Result<tool_output::NvidiaSmiQuery> query = tool_output::parse_nvidia_smi_query(asked->out);
    if (!query) {
      members.unknown.push_back(fmt::format("{} ({})", dut->id, query.error().message));
      continue;
    }
    sort_in(*dut, *query, members);
  }
  Reading reading("nvlink.fabric.groups", "", std::monostate{}, Source{"ssh", kFabricQuery});
  // Two groups are two, whoever else is not known; one is one only when all are.
  if (members.unknown.empty() || members.groups.size() > 1)
    reading.value = static_cast<std::int64_t>(members.groups.size());
  if (members.groups.empty() && members.unknown.empty()) reading.value = std::monostate{};
  reading.reason = members.unknown.empty() ? std::string("no host with GPUs is in the run")
                                           : fmt::format("not known of {}", fmt::join(members.unknown, ", "));
  if (members.groups.size() > 1) reading.action = "one rack is one fabric; here: " + who_is_where(members);
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

}  // namespace kiln::nvlink
