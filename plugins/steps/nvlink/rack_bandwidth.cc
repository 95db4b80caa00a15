// Bandwidth over the whole fabric: nvloom_cli, one process per GPU of all trays, begun by mpirun on the first
// of them. nvbandwidth inside a tray never leaves it, and a census sees only what a port says of itself: a
// path between trays that is slow and says nothing shows here and nowhere else.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "nvlink_steps.h"
#include "sdk/gpu_match.h"
#include "sdk/tool_output.h"

namespace kiln::nvlink {

using boost::asio::awaitable;
using tool_output::Nvloom;
using tool_output::NvloomCase;
using tool_output::NvloomStatus;

namespace {

constexpr Nanoseconds kTrayQueryBudget = std::chrono::seconds(60);
constexpr Nanoseconds kRackAnswerBudget = std::chrono::seconds(20);
constexpr int kRackTimedOut = 124;  // timeout(1)
constexpr int kRackKilled = 137;
/// Each GPU against a few of all others, one pair at a time; both directions by the copy engines.
constexpr const char* kToRackWrite = "gpu_to_rack_device_to_device_unidir_write_ce";
constexpr const char* kToRackRead = "gpu_to_rack_device_to_device_unidir_read_ce";
/// All GPUs at once, each with the one half of the rack away.
constexpr const char* kBisect = "bisect_device_to_device_write_sm";

/// A tray with GPUs, and how the tool will call it.
struct FabricTray {
  const Dut* dut = nullptr;
  std::string hostname;
  tool_output::NvidiaSmiQuery query;
};

/// Rank → "C02/GPU_1".
using PartsOfRanks = std::map<std::int64_t, std::string>;

awaitable<Result<std::string>> said_by(StepContext& context, std::string dut, std::string line) {
  const Result<Shell*> shell = context.shell_of(dut);
  if (!shell) co_return shell.error();
  Ctx limited = context.ctx().child_within(line, kTrayQueryBudget);
  Command command(std::move(line));
  const Result<CommandResult> result = co_await (*shell)->run(limited, std::move(command));
  if (!result) co_return result.error();
  co_return result->out;
}

awaitable<Result<std::vector<FabricTray>>> look_at_trays(StepContext& context) {
  std::vector<FabricTray> trays;
  std::map<std::string, std::string> names;
  for (const Dut* dut : context.duts()) {
    if (dut->expect.of_kind(ComponentKind::gpu).empty() || !dut->host) continue;
    FabricTray tray;
    tray.dut = dut;
    std::string id = dut->id;
    std::string ask = "hostname";
    const Result<std::string> name = co_await said_by(context, id, std::move(ask));
    if (!name) co_return name.error();
    tray.hostname = name->substr(0, name->find_first_of("\r\n"));
    const auto [other, fresh] = names.emplace(tray.hostname, dut->id);
    if (tray.hostname.empty() || !fresh) {
      co_return Error(
          "nvlink.hostnames",
          tray.hostname.empty()
              ? fmt::format("{}: its host tells no name of its own", dut->id)
              : fmt::format("{} and {} both call themselves {}", other->second, dut->id, tray.hostname),
          "give each host a name of its own: mpirun and nvloom tell them apart by it", Blame::peer);
    }
    std::string ask_gpus = "nvidia-smi -q -x";
    const Result<std::string> gpus = co_await said_by(context, std::move(id), std::move(ask_gpus));
    if (!gpus) co_return gpus.error();
    Result<tool_output::NvidiaSmiQuery> query = tool_output::parse_nvidia_smi_query(*gpus);
    if (!query) co_return query.error();
    tray.query = std::move(*query);
    trays.push_back(std::move(tray));
  }
  if (trays.size() < 2) {
    co_return Error("nvlink.no_rack", fmt::format("{} trays with GPUs are in the run", trays.size()),
                    "between trays there is nothing to measure with fewer than two", Blame::recipe);
  }
  co_return trays;
}

std::string nvloom_line(const Parameters& with, const std::vector<FabricTray>& trays) {
  std::vector<std::string> hosts;
  std::size_t processes = 0;
  for (const FabricTray& tray : trays) {
    hosts.push_back(fmt::format("{}:{}", tray.hostname, tray.query.gpus.size()));
    processes += tray.query.gpus.size();
  }
  const std::int64_t seconds = std::max<std::int64_t>(with.duration("limit").count() / 1'000'000'000, 1);
  // Standard input is closed: mpirun would hand it to its first process.
  return fmt::format("timeout --signal=TERM --kill-after=5 {} {} --host {} -np {} {} -t {} {} {} </dev/null",
                     seconds, with.text("launcher"), shell_quoted(fmt::format("{}", fmt::join(hosts, ","))),
                     processes, shell_quoted(with.text("program")), kToRackWrite, kToRackRead, kBisect);
}

PartsOfRanks parts_of_ranks(const std::vector<FabricTray>& trays, const Nvloom& run) {
  PartsOfRanks parts;
  for (const FabricTray& tray : trays) {
    const GpuMatch match = match_gpus(*tray.dut, tray.query);
    for (const auto& process : run.processes) {
      if (process.host != tray.hostname) continue;
      const std::string name = match.name_of_bus(process.bus_id);
      if (!name.empty()) parts[process.rank] = tray.dut->id + "/" + name;
    }
  }
  return parts;
}

/// Part → the lowest of its values over the cases; what a case did not measure to its end gives none.
struct Bandwidths {
  std::map<std::string, double> lowest;
  std::set<std::string> incomplete;  ///< parts that one of the cases has no value of
  std::string why;                   ///< why there is none
};

/// The case when it was measured to its end; else why not.
Result<const NvloomCase*> measured_case(const Nvloom& run, const char* name) {
  const NvloomCase* one = run.find(name);
  if (one != nullptr && one->status == NvloomStatus::ran) return one;
  std::string why = one == nullptr
                        ? fmt::format("nvloom_cli did not come to {}", name)
                        : fmt::format("nvloom_cli has no result of {} ({})", name, to_string(one->status));
  if (!run.errors.empty()) why += ": " + run.errors.front();
  return Error("nvloom_cli.no_result", why, "", Blame::peer);
}

Bandwidths lowest_of(const Nvloom& run, const PartsOfRanks& parts) {
  Bandwidths found;
  for (const char* name : {kToRackWrite, kToRackRead}) {
    const Result<const NvloomCase*> one = measured_case(run, name);
    if (!one) {
      found.lowest.clear();
      found.why = one.error().message;
      return found;
    }
    for (const auto& row : (*one)->rows) {
      const auto part = parts.find(row.rank);
      if (part == parts.end()) continue;
      for (const std::optional<double>& value : row.values) {
        if (!value) {
          found.incomplete.insert(part->second);
          continue;
        }
        const auto [known, fresh] = found.lowest.emplace(part->second, *value);
        if (!fresh) known->second = std::min(known->second, *value);
      }
    }
  }
  return found;
}

/// Of two GPUs that are slow together nobody can say here which one it is: the pair is named, and the rack
/// judged.
Reading bisection(const Nvloom& run, const PartsOfRanks& parts) {
  Reading reading("nvlink.bisection_bandwidth", "", std::monostate{},
                  Source{"ssh", fmt::format("nvloom_cli {}", kBisect)});
  const Result<const NvloomCase*> one = measured_case(run, kBisect);
  if (!one) {
    reading.reason = one.error().message;
    return reading;
  }
  const auto name = [&parts](std::int64_t rank) {
    const auto part = parts.find(rank);
    return part == parts.end() ? fmt::format("process {}", rank) : part->second;
  };
  std::optional<double> least;
  std::string pair;
  for (const auto& row : (*one)->rows) {
    for (const std::optional<double>& value : row.values) {
      if (!value) {
        reading.reason = fmt::format("nvloom_cli has no value for the copy of {}", name(row.rank));
        return reading;
      }
      if (least && *value >= *least) continue;
      least = value;
      pair = row.peer ? fmt::format("{} to {}", name(row.rank), name(*row.peer)) : name(row.rank);
    }
  }
  if (least) reading.value = *least;
  reading.action = fmt::format("the slowest copy was {}: see which of the two is slow to others, too", pair);
  return reading;
}

awaitable<Status> record_bandwidths(StepContext& context, const Bandwidths& found) {
  for (const Dut* dut : context.duts()) {
    for (const Component* gpu : dut->expect.of_kind(ComponentKind::gpu)) {
      const std::string part = dut->id + "/" + gpu->name;
      Source source{"ssh", "nvloom_cli gpu_to_rack, write and read by copy engines"};
      Reading reading("nvlink.rack_bandwidth", part, std::monostate{}, std::move(source));
      const auto value = found.lowest.find(part);
      reading.reason = found.why.empty() ? std::string("nvloom_cli ran no process on this GPU") : found.why;
      if (found.incomplete.contains(part)) {
        reading.reason = "nvloom_cli has no value for this GPU in one of its cases";
      } else if (value != found.lowest.end()) {
        reading.value = value->second;
      }
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
  }
  co_return success();
}

/// What mpirun or the tool complained of, for the person who has to set it up.
Error tool_error(const CommandResult& result, const std::string& leader, const std::string& program) {
  std::string first = "it printed nothing";
  for (const std::string* text : {&result.err, &result.out}) {
    const std::size_t start = text->find_first_not_of(" \t\r\n-");
    if (start == std::string::npos) continue;
    first = text->substr(start, std::min<std::size_t>(text->find('\n', start) - start, 200));
    break;
  }
  const std::string said =
      fmt::format("{}: nvloom_cli over the rack ended with status {}: {}", leader, result.exit_status, first);
  if (result.exit_status == kCommandNotFound) {
    return Error("mpirun.not_installed", said, "install Open MPI on every tray's host image", Blame::peer);
  }
  // Open MPI's words for a program that one of its nodes does not have.
  for (const std::string* text : {&result.err, &result.out}) {
    if (text->find("unable to find the specified executable") == std::string::npos) continue;
    return Error("nvloom_cli.not_installed", said,
                 fmt::format("install {} in the PATH of every tray's host image", program), Blame::peer);
  }
  return Error(
      "nvloom_cli.failed", said,
      "see that the hosts reach each other by SSH and name, and that nvidia-imex runs on each of them; "
      "then run it by hand",
      Blame::peer);
}

}  // namespace

const StepDescription& RackBandwidth::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.rack_bandwidth";
    made.uses_fabric = true;
    made.rack_scope = true;
    made.summary = "Bandwidth of every GPU to GPUs of all trays, pair by pair and all at once (nvloom)";
    const std::string action =
        "look at the bit errors of this GPU's links and at the switch trays' routes; when all GPUs of a tray "
        "are "
        "slow, reseat the tray and look at its cartridges";
    made.measurements = {
        {"nvlink.rack_bandwidth", "GBy/s", ComponentKind::gpu, true, "nvlink.rack_slow", action,
         "median to a few GPUs anywhere in the rack, the lower of writing and reading"},
        {"nvlink.bisection_bandwidth", "GBy/s", ComponentKind::whole_dut, true, "nvlink.rack_slow", action,
         "slowest copy while every GPU writes to one that is half the rack away"}};
    made.parameters = {
        {"limit", ParameterType::duration, "10m", "hard time limit on the host"},
        {"launcher", ParameterType::text, "mpirun --allow-run-as-root",
         "command before the list of hosts, with the site's options"},
        {"program", ParameterType::text, "nvloom_cli", "nvloom's program, the same on every host"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::minutes(30);
    return made;
  }();
  return description;
}

Status RackBandwidth::check(const Parameters& with) const {
  if (with.duration("limit").count() < 1'000'000'000 || with.text("launcher").empty() ||
      with.text("program").empty()) {
    return Error("nvlink.rack_bandwidth_parameters",
                 "nvlink.rack_bandwidth: 'limit' is at least 1s, 'launcher' and 'program' are not empty", "",
                 Blame::recipe);
  }
  return success();
}

awaitable<Status> RackBandwidth::run(StepContext& context) {
  const Result<std::vector<FabricTray>> trays = co_await look_at_trays(context);
  if (!trays) co_return trays.error();
  std::vector<Permit> permits;
  for (const FabricTray& tray : *trays) {
    Result<Permit> permit = context.permit_of(tray.dut->id, Energy::load, "measure NVLink over the rack");
    if (!permit) co_return permit.error();
    permits.push_back(std::move(*permit));
  }
  const std::string leader = trays->front().dut->id;
  const Result<Shell*> shell = context.shell_of(leader);
  if (!shell) co_return shell.error();
  context.progress("nvloom_cli");
  // No guard: a rack is no host. Its lease ends it when the station is gone, `timeout` when it hangs, and the
  // processes of the other trays end with their mpirun.
  Ctx limited =
      context.ctx().child_within("nvloom_cli", context.with().duration("limit") + kRackAnswerBudget);
  Command command(nvloom_line(context.with(), *trays));
  const Result<CommandResult> result =
      co_await run_load(limited, permits.front(), **shell, std::move(command));
  const Status going_on = context.ctx().check();
  if (!going_on) co_return going_on;
  if (!result) co_return result.error();
  for (const Permit& permit : permits) {
    if (permit.valid()) continue;
    co_return Error("permit.revoked", fmt::format("{} was cut while nvloom_cli ran", permit.dut()), "",
                    Blame::peer);
  }
  if (result->exit_status == kRackTimedOut || result->exit_status == kRackKilled || result->signal) {
    co_return Error("nvloom_cli.hung", fmt::format("{}: nvloom_cli was killed before it was done", leader),
                    "look at the kernel logs of the rack for the GPU or link that hangs", Blame::peer);
  }
  const Result<Nvloom> run = tool_output::parse_nvloom(result->out);
  if (!run || run->cases.empty()) co_return tool_error(*result, leader, context.with().text("program"));
  std::string version = fmt::format("nvloom_cli {} ran {} processes on {} trays", run->version,
                                    run->processes.size(), trays->size());
  const Status noted = co_await context.note(std::move(version));
  if (!noted) co_return noted;
  const PartsOfRanks parts = parts_of_ranks(*trays, *run);
  const Bandwidths found = lowest_of(*run, parts);
  const Status pairs = co_await record_bandwidths(context, found);
  if (!pairs) co_return pairs;
  Reading halves = bisection(*run, parts);
  const Result<Outcome> bisected = co_await context.record(std::move(halves));
  if (!bisected) co_return bisected.error();
  if (result->exit_status != 0) co_return tool_error(*result, leader, context.with().text("program"));
  co_return success();
}

}  // namespace kiln::nvlink
