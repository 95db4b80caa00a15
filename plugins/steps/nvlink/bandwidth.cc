#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "nvlink_steps.h"
#include "sdk/gpu_match.h"
#include "sdk/host_tool.h"
#include "sdk/tool_output.h"

namespace kiln::nvlink {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kQueryBudget = std::chrono::seconds(60);
constexpr const char* kPeerTest = "device_to_device_memcpy_read_ce";
/// Bus bandwidth is taken from messages at least this large (bytes): small ones measure latency.
constexpr std::uint64_t kLargeMessage = std::uint64_t{1} << 30U;

/// The slowest path of GPU `index`, as row or as column. NVLink is as good as its worst pair.
std::optional<double> slowest(const tool_output::NvbandwidthCase& test, std::size_t index) {
  std::optional<double> least;
  const auto take = [&least](const std::optional<double>& value) {
    if (value && (!least || *value < *least)) least = value;
  };
  for (std::size_t row = 0; row < test.matrix.size(); ++row) {
    for (std::size_t column = 0; column < test.matrix[row].size(); ++column) {
      if (row == index || column == index) take(test.matrix[row][column]);
    }
  }
  return least;
}

awaitable<Status> record_peer(StepContext& context, const tool_output::NvidiaSmiQuery& query,
                              const tool_output::Nvbandwidth& bandwidth) {
  const GpuMatch match = match_gpus(context.dut(), query);
  const tool_output::NvbandwidthCase* test = bandwidth.find(kPeerTest);
  const bool ran = test != nullptr && test->status == tool_output::NvbandwidthStatus::ran;
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu)) {
    Reading reading("nvlink.bandwidth", expected->name, std::monostate{},
                    Source{"ssh", std::string("nvbandwidth ") + kPeerTest});
    const auto gpu = match.by_name.find(expected->name);
    if (gpu == match.by_name.end()) {
      reading.reason = "the driver does not list this GPU";
    } else if (!ran) {
      reading.reason = bandwidth.errors.empty() ? "nvbandwidth has no result" : bandwidth.errors.front();
    } else {
      const auto place = std::find_if(query.gpus.begin(), query.gpus.end(),
                                      [&](const auto& each) { return &each == gpu->second; });
      const auto least = slowest(*test, static_cast<std::size_t>(place - query.gpus.begin()));
      if (least) reading.value = *least;
      reading.reason = "nvbandwidth has no value for this GPU";
    }
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

awaitable<Status> record_all_reduce(StepContext& context, const tool_output::NcclTests& reduce) {
  const Source source{"ssh", "all_reduce_perf"};
  Reading speed("nvlink.all_reduce.bus_bandwidth", "", std::monostate{}, source);
  speed.reason = "all_reduce_perf has no result for messages of 1 GiB and more";
  if (const auto best = reduce.best_bus_gb_s(kLargeMessage)) speed.value = *best;
  const Result<Outcome> outcome = co_await context.record(std::move(speed));
  if (!outcome) co_return outcome.error();
  Reading data("nvlink.all_reduce.data", "", std::monostate{}, source);
  switch (reduce.verdict()) {
    case tool_output::ToolVerdict::pass:
      data.value = std::string("correct");
      break;
    case tool_output::ToolVerdict::fail:
      data.value = reduce.failures.empty() ? std::string("wrong") : reduce.failures.front();
      break;
    default:
      data.reason = "all_reduce_perf did not check its data to the end";
  }
  const Result<Outcome> data_outcome = co_await context.record(std::move(data));
  if (!data_outcome) co_return data_outcome.error();
  co_return success();
}

}  // namespace

const StepDescription& Bandwidth::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.bandwidth";
    made.uses_fabric = true;
    made.summary = "GPU to GPU bandwidth inside a tray (nvbandwidth), and all-reduce with checked data";
    const std::string action = "find the link that is down or counts errors; reseat or replace it";
    made.measurements = {
        {"nvlink.bandwidth", "GBy/s", ComponentKind::gpu, true, "nvlink.slow", action,
         "slowest GPU to GPU read of this GPU, either way"},
        {"nvlink.all_reduce.bus_bandwidth", "GBy/s", ComponentKind::whole_dut, true, "nvlink.slow", action,
         "best bus bandwidth of messages of 1 GiB and more"},
        {"nvlink.all_reduce.data", "", ComponentKind::whole_dut, true, "nvlink.wrong_data",
         "burn the GPUs in first: memory errors look the same", "every value was checked and correct"}};
    made.parameters = {{"limit", ParameterType::duration, "10m", "hard time limit of each tool on the host"},
                       {"from", ParameterType::text, "1G", "smallest message of all_reduce_perf"},
                       {"to", ParameterType::text, "8G", "largest message of all_reduce_perf"},
                       {"iterations", ParameterType::integer, "20", "repetitions per size"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::minutes(30);
    return made;
  }();
  return description;
}

awaitable<Status> Bandwidth::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  Ctx limited = context.ctx().child_within("nvidia-smi", kQueryBudget);
  Command ask("nvidia-smi -q -x");
  const Result<CommandResult> asked = co_await (*shell)->run(limited, std::move(ask));
  if (!asked) co_return asked.error();
  const Result<tool_output::NvidiaSmiQuery> query = tool_output::parse_nvidia_smi_query(asked->out);
  if (!query) co_return query.error();
  const Result<Permit> permit = context.permit(Energy::load, "measure NVLink bandwidth");
  if (!permit) co_return permit.error();
  context.progress("nvbandwidth");
  const Nanoseconds limit = context.with().duration("limit");
  HostTool peer_tool{"nvbandwidth", fmt::format("-j -t {}", kPeerTest), limit};
  const Result<CommandResult> peer = co_await run_host_tool(context, *permit, **shell, std::move(peer_tool));
  if (!peer) co_return peer.error();
  const Result<tool_output::Nvbandwidth> bandwidth = tool_output::parse_nvbandwidth(peer->out);
  if (!bandwidth) {
    co_return Error("nvbandwidth.failed",
                    fmt::format("{}: nvbandwidth ended with status {}: {}", context.dut().id,
                                peer->exit_status, first_line_of(*peer)),
                    "run it by hand on the host", Blame::peer);
  }
  const Status recorded = co_await record_peer(context, *query, *bandwidth);
  if (!recorded) co_return recorded;
  context.progress("all_reduce_perf");
  std::string reduce_arguments = fmt::format(
      "-b {} -e {} -f 2 -g {} -n {}", shell_quoted(context.with().text("from")),
      shell_quoted(context.with().text("to")), query->gpus.size(), context.with().integer("iterations"));
  HostTool reduce_tool{"all_reduce_perf", std::move(reduce_arguments), limit};
  const Result<CommandResult> reduced =
      co_await run_host_tool(context, *permit, **shell, std::move(reduce_tool));
  if (!reduced) co_return reduced.error();
  const Result<tool_output::NcclTests> reduce = tool_output::parse_nccl_tests(reduced->out);
  if (!reduce) {
    co_return Error("all_reduce_perf.failed",
                    fmt::format("{}: all_reduce_perf ended with status {}: {}", context.dut().id,
                                reduced->exit_status, first_line_of(*reduced)),
                    "run it by hand on the host", Blame::peer);
  }
  const Status reduce_recorded = co_await record_all_reduce(context, *reduce);
  co_return reduce_recorded;
}

}  // namespace kiln::nvlink
