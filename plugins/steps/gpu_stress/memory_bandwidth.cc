// How fast each GPU's own memory is, by nvbandwidth's copy within a GPU. Slow memory computes no wrong result
// and shows in no counter: gpu_burn lives in the caches.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "gpu_steps.h"
#include "in_band.h"
#include "sdk/host_tool.h"
#include "sdk/tool_output.h"

namespace kiln::gpu_stress {

using boost::asio::awaitable;
using tool_output::Nvbandwidth;
using tool_output::NvbandwidthCase;
using tool_output::NvbandwidthStatus;

namespace {

/// nvbandwidth 0.5 and later: cuMemcpyAsync between two buffers of one GPU, one row, a column for each GPU.
constexpr const char* kLocalCopy = "device_local_copy";
/// Each byte copied is read once and written once.
constexpr double kTrafficOfCopy = 2;

/// What the copy of GPU `index` moved, in GB/s read and written.
std::optional<double> traffic(const NvbandwidthCase& test, std::size_t index) {
  if (test.matrix.size() != 1 || index >= test.matrix.front().size()) return std::nullopt;
  const std::optional<double>& copied = test.matrix.front()[index];
  return copied ? std::optional(*copied * kTrafficOfCopy) : std::nullopt;
}

std::string why_no_value(const Nvbandwidth& run, const NvbandwidthCase* test) {
  if (!run.errors.empty()) return run.errors.front();
  if (test == nullptr || test->status == NvbandwidthStatus::not_found)
    return fmt::format("this nvbandwidth has no test {}: install version 0.5 or later", kLocalCopy);
  return fmt::format("nvbandwidth has no value of {} for this GPU", kLocalCopy);
}

awaitable<Status> record_traffic(StepContext& context, const tool_output::NvidiaSmiQuery& query,
                                 const Nvbandwidth& run) {
  const GpuMatch match = match_gpus(context.dut(), query);
  const NvbandwidthCase* test = run.find(kLocalCopy);
  const bool ran = test != nullptr && test->status == NvbandwidthStatus::ran && test->matrix.size() == 1 &&
                   test->matrix.front().size() == query.gpus.size();
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu)) {
    Reading reading("gpu.memory.bandwidth", expected->name, std::monostate{},
                    Source{"ssh", std::string("nvbandwidth ") + kLocalCopy});
    const auto gpu = match.by_name.find(expected->name);
    if (gpu == match.by_name.end()) {
      reading.reason = "the driver does not list this GPU";
    } else {
      reading.reason = why_no_value(run, test);
      const auto place = std::find_if(query.gpus.begin(), query.gpus.end(),
                                      [&](const auto& each) { return &each == gpu->second; });
      const auto moved =
          ran ? traffic(*test, static_cast<std::size_t>(place - query.gpus.begin())) : std::nullopt;
      if (moved) reading.value = *moved;
    }
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

}  // namespace

const StepDescription& MemoryBandwidth::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "gpu_stress.memory_bandwidth";
    made.summary = "How fast each GPU reads and writes its own memory (nvbandwidth)";
    made.measurements = {
        {"gpu.memory.bandwidth", "GBy/s", ComponentKind::gpu, true, "gpu.memory_slow",
         "see whether memory clock or ECC differ from the others; else replace the GPU module",
         "read and written by a copy within the GPU's memory: twice what nvbandwidth prints"}};
    made.parameters = {
        {"limit", ParameterType::duration, "10m", "hard time limit of the tool on the host"},
        {"buffer", ParameterType::integer, "2048", "MiB of each copy: small ones stay in the cache"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::minutes(15);
    return made;
  }();
  return description;
}

awaitable<Status> MemoryBandwidth::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<tool_output::NvidiaSmiQuery> query = co_await query_gpus(context.ctx(), **shell, kQueryBudget);
  if (!query) co_return query.error();
  const Result<Permit> permit = context.permit(Energy::load, "measure the bandwidth of GPU memory");
  if (!permit) co_return permit.error();
  context.progress("nvbandwidth");
  HostTool tool{
      "nvbandwidth",
      fmt::format("-j -b {} -t {}", std::max<std::int64_t>(context.with().integer("buffer"), 1), kLocalCopy),
      context.with().duration("limit")};
  const Result<CommandResult> printed = co_await run_host_tool(context, *permit, **shell, std::move(tool));
  if (!printed) co_return printed.error();
  const Result<Nvbandwidth> run = tool_output::parse_nvbandwidth(printed->out);
  if (!run) {
    co_return Error("nvbandwidth.failed",
                    fmt::format("{}: nvbandwidth ended with status {}: {}", context.dut().id,
                                printed->exit_status, first_line_of(*printed)),
                    "run it by hand on the host", Blame::peer);
  }
  const Status recorded = co_await record_traffic(context, *query, *run);
  co_return recorded;
}

}  // namespace kiln::gpu_stress
