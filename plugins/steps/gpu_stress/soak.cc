#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "gpu_steps.h"
#include "sdk/scope.h"
#include "soak_course.h"
#include "soak_record.h"

namespace kiln::gpu_stress {

using boost::asio::awaitable;

namespace {

/// Before lost telemetry of a GPU cuts its tray (hazards.grace, 10 s as it is shipped).
constexpr Nanoseconds kKernelLogEvery = std::chrono::seconds(4);
constexpr const char* kEndOfLoad = "pkill -TERM -x gpu_burn";
constexpr std::size_t kHeadBytes = 256 * 1024;
constexpr std::size_t kTailBytes = 1024 * 1024;

/// gpu_burn prints a line per second for the whole soak: the beginning names the GPUs, the end tells the
/// results; days in between are not kept.
struct BurnOutput {
  std::string head, tail;
  void take(const std::string& piece) {
    std::size_t used = 0;
    if (head.size() < kHeadBytes) {
      used = std::min(kHeadBytes - head.size(), piece.size());
      head.append(piece, 0, used);
    }
    tail.append(piece, used, std::string::npos);
    if (tail.size() > 2 * kTailBytes) {
      // Cut where a progress line begins.
      std::size_t from = tail.find('\r', tail.size() - kTailBytes);
      if (from == std::string::npos) from = tail.size() - kTailBytes;
      tail.erase(0, from);
    }
  }
};

awaitable<std::map<std::string, GpuReading>> read_bmc(const Ctx& ctx, Bmc* bmc) {
  std::map<std::string, GpuReading> by_name;
  if (bmc == nullptr) co_return by_name;
  Ctx limited = ctx.child_within("GPUs of the BMC", kQueryBudget);
  const Result<std::vector<GpuReading>> readings = co_await bmc->gpus(limited);
  if (!readings) co_return by_name;
  for (const auto& reading : *readings) by_name[reading.name] = reading;
  co_return by_name;
}

std::map<std::string, std::string> parts_of_buses(const Dut& dut, const tool_output::NvidiaSmiQuery& query) {
  std::map<std::string, std::string> parts;
  const GpuMatch match = match_gpus(dut, query);
  for (const auto& [name, gpu] : match.by_name) parts[gpu->bus_id] = name;
  return parts;
}

/// Of a GPU that is gone: what a further load of its tray would prove nothing about. Empty when all are
/// there.
std::string lost_gpu(const XidFindings& found, const Telemetry& telemetry) {
  for (const auto& [part, gpu] : found.by_part) {
    if (gpu.off_bus) return fmt::format("{} has fallen off the bus", part);
  }
  for (const auto& [part, gpu] : telemetry.gpus) {
    if (gpu.lost) return fmt::format("the driver has lost {}", part);
  }
  return "";
}

/// What the kernel says of a GPU that fails under load is on record at once: such a GPU may take the whole
/// tray with it. A GPU that is gone ends the load of its tray, well before its lost temperature cuts the
/// power: with the power the driver's own record of what happened (nvidia-bug-report) would be lost.
awaitable<void> watch_for_loss(Ctx& task, StepContext& context, Shell& shell, const KernelMark& mark,
                               const std::map<std::string, std::string>& part_of_bus,
                               SoakEvidence& evidence) {
  while (true) {
    const Status waited = co_await task.sleep_for(kKernelLogEvery);
    if (!waited) co_return;
    XidFindings found;
    if (mark.valid) {
      KernelMark from = mark;
      std::map<std::string, std::string> parts = part_of_bus;
      found = co_await xids_since(task, shell, std::move(from), std::move(parts));
      if (task.stopped()) co_return;
    }
    for (const auto& [part, gpu] : found.by_part) {
      if (gpu.hardware == 0 || evidence.told_xids.contains(part)) continue;
      std::string name = part;
      XidFindings::PerGpu at_fault = gpu;
      const Status recorded = co_await record_xid(context, std::move(name), std::move(at_fault));
      if (!recorded) co_return;
      evidence.told_xids[part] = gpu.hardware;
    }
    const std::string lost = lost_gpu(found, evidence.telemetry);
    if (lost.empty()) continue;
    evidence.ended_early = fmt::format("the load was ended: {}", lost);
    Ctx limited = task.child_within("end of the load", kAnswerBudget);
    Command command(kEndOfLoad);
    const Result<CommandResult> asked = co_await shell.run(limited, std::move(command));
    (void)asked;  // asked again until the load is over
  }
}

/// The load, with the samplers beside it. The Error of a load that could not be run to its end.
awaitable<Result<CommandResult>> burn(StepContext& context, const Permit& permit, Shell& shell, Bmc* bmc,
                                      const KernelMark& mark, SoakEvidence& evidence, BurnOutput& output) {
  Telemetry& telemetry = evidence.telemetry;
  const std::map<std::string, std::string> part_of_bus = parts_of_buses(context.dut(), evidence.before);
  const Nanoseconds every = context.with().duration("every");
  const Nanoseconds in_band_every = context.with().duration("in_band_every");
  const Nanoseconds budget =
      context.with().duration("for") + context.with().duration("margin") + kAnswerBudget;
  Ctx limited = context.ctx().child_within("gpu_burn", budget);
  Command command(burn_line(context.with(), context.with().duration("for")));
  command.on_output = [&output](const std::string& piece) { output.take(piece); };
  Scope samplers(context.ctx());
  telemetry.begun_ns = context.ctx().now().monotonic_ns;
  if (bmc != nullptr) {
    samplers.start("GPU telemetry of the BMC", [&context, bmc, &telemetry, every](Ctx& task) {
      return sample_out_of_band(task, context, *bmc, telemetry, every);
    });
  }
  samplers.start("GPU telemetry of the driver", [&context, &shell, &telemetry, in_band_every](Ctx& task) {
    return sample_in_band(task, context, shell, telemetry, in_band_every);
  });
  samplers.start("lost GPUs", [&context, &shell, &mark, &part_of_bus, &evidence](Ctx& task) {
    return watch_for_loss(task, context, shell, mark, part_of_bus, evidence);
  });
  Result<CommandResult> result = co_await run_load(limited, permit, shell, std::move(command));
  telemetry.ended_ns = context.ctx().now().monotonic_ns;
  const Status joined = co_await samplers.stop_and_join(StopReason::sibling, "the load is over");
  (void)joined;  // failed reads are counted in the telemetry
  co_return result;
}

/// What the run was stopped with, for the person who looks at why.
awaitable<void> note_interruption(StepContext& context, const Telemetry& telemetry) {
  std::string text = fmt::format("the load was stopped after {:.0f} s",
                                 static_cast<double>(telemetry.ended_ns - telemetry.begun_ns) / 1e9);
  for (const auto& [part, gpu] : telemetry.gpus) {
    double highest = 0;
    for (const Point& point : gpu.out_of_band.temperature) highest = std::max(highest, point.value);
    for (const Point& point : gpu.in_band.temperature) highest = std::max(highest, point.value);
    if (highest > 0) text += fmt::format("; {} reached {:.1f} Cel", part, highest);
  }
  const Status noted = co_await context.note(std::move(text));
  (void)noted;  // the stop is what counts
}

void read_burn(SoakEvidence& evidence, const CommandResult& result, const BurnOutput& output) {
  Result<tool_output::GpuBurn> parsed = tool_output::parse_gpu_burn(output.head + output.tail);
  if (!parsed) {
    evidence.burn_failure = fmt::format("gpu_burn ended with status {} and no usable output ({}; {})",
                                        result.exit_status, parsed.error().message, first_line(result));
    if (!evidence.ended_early.empty()) evidence.burn_failure = evidence.ended_early;
    return;
  }
  if (!evidence.ended_early.empty()) {
    evidence.burn_failure = evidence.ended_early;
  } else if (result.exit_status == kTimedOut || result.exit_status == kKilled) {
    evidence.burn_failure = "gpu_burn did not end by itself and was killed on the host";
  } else if (!result.ok()) {
    evidence.burn_failure =
        fmt::format("gpu_burn ended with status {} ({})", result.exit_status, first_line(result));
  }
  evidence.burn = std::move(*parsed);
}

}  // namespace

const StepDescription& Soak::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "gpu_stress.soak";
    made.bmc = {{BmcAbility::gpus, false, "to see temperatures and errors beside what the driver says"},
                {BmcAbility::coolant, false, "to set them against the coolant"}};
    made.summary =
        "Burn all GPUs with gpu_burn; judge temperatures, clocks, power, errors and the kernel log";
    const ComponentKind gpu = ComponentKind::gpu;
    made.measurements = {
        {"gpu.present", "", gpu, true, "gpu.missing", "reseat the GPU module, then replace it",
         "the driver lists the GPU and it answers, before and after the load"},
        {"gpu.temperature.max", "Cel", gpu, true, "gpu.hot",
         "check coolant flow and the cold plate's mounting", "highest GPU temperature under load"},
        {"gpu.memory_temperature.max", "Cel", gpu, true, "gpu.hot",
         "check coolant flow and the cold plate's mounting", "highest memory temperature under load"},
        {"gpu.power.mean", "W", gpu, true, "gpu.power", "check the power limit and for throttling",
         "mean power of the steady part: the load was a load"},
        {"gpu.clock.min", "MHz", gpu, true, "gpu.throttled", "look at the throttle reasons",
         "lowest clock of the steady part"},
        {"gpu.throttle.reasons", "", gpu, true, "gpu.throttled",
         "thermal: check cooling; power brake: check power supplies and busbar",
         "slowdowns seen or counted under load, or none; the software power cap is normal at full load"},
        {"gpu.power_capped", "", gpu, false, "", "", "the software power cap was active"},
        {"gpu.telemetry.gap", "s", gpu, true, "gpu.telemetry", "check the BMC and the management network",
         "longest time of the load without a temperature; longer than max_gap gives no value"},
        {"gpu.thermal_resistance", "K/W", gpu, true, "gpu.thermal_resistance",
         "remount the cold plate, check its thermal interface and flow",
         "(GPU temperature - coolant supply) / power, means of the steady part"},
        {"gpu.ecc.uncorrectable.delta", "1", gpu, true, "gpu.ecc_uncorrectable",
         "replace the GPU module if it comes again after a reset", "uncorrectable memory errors under load"},
        {"gpu.row_remap.failures", "1", gpu, true, "gpu.row_remap", "replace the GPU module",
         "failed row remappings after the load"},
        {"gpu.xid.count", "1", gpu, true, "gpu.xid",
         "kiln explain xid:N tells what to do, and with which part",
         "hardware-class GPU errors in the kernel log since the load began"},
        {"gpu.xid.other", "1", gpu, false, "", "", "other Xids: application errors and notes"},
        {"gpu.xid.unknown", "1", gpu, true, "gpu.xid_unknown",
         "look the number up in NVIDIA's Xid catalog for this driver, then repeat",
         "Xids under load that no table knows; one leaves this without a value"},
        {"nvswitch.sxid.count", "1", ComponentKind::whole_dut, true, "nvswitch.sxid",
         "kiln explain sxid:N tells what to do, and with which part",
         "errors of this host's NVSwitches in the kernel log since the load began"},
        {"nvswitch.sxid.other", "1", ComponentKind::whole_dut, false, "", "", "SXids that are notes"},
        {"gpu.burn.result", "", gpu, true, "gpu.burn_faulty",
         "replace the GPU module: it computes wrong results",
         "OK or FAULTY of gpu_burn; OK only with work done"},
        {"gpu.burn.gflops", "1", gpu, false, "", "", "last rate gpu_burn printed, Gflop/s"},
        {"gpu.steady", "", gpu, true, "gpu.not_steady", "check coolant flow and the cold plate's mounting",
         "the temperature came to a stand within steady_within: its slope fell to `slope` or less"},
        {"gpu.steady.after", "s", gpu, false, "", "", "from the start of the load until then"},
        {"gpu.power.share", "%", gpu, true, "gpu.power_sagged",
         "look at power supplies, busbar and the GPU's throttle reasons at the time of the sag",
         "samples behind settle with power_floor or more of the power limit"},
        {"gpu.power.dip", "s", gpu, true, "gpu.power_sagged",
         "look at power supplies, busbar and the GPU's throttle reasons at the time of the sag",
         "longest time below it in one piece"},
        {"gpu.power.spread", "%", gpu, true, "gpu.odd_one_out", "compare it with its neighbours on the tray",
         "distance of its mean power from the tray's median"},
        {"gpu.temperature.spread", "K", gpu, true, "gpu.odd_one_out",
         "remount the cold plate, check its flow", "distance of its mean temperature from the tray's median"},
        {"gpu.clock.spread", "%", gpu, true, "gpu.odd_one_out", "look at the throttle reasons",
         "distance of its mean clock from the tray's median"},
        {"gpu.pcie.generation", "1", gpu, true, "gpu.pcie_generation",
         "reseat the GPU module and look at the contacts of its connector",
         "highest generation of the PCIe link under load, all that GPU and slot have"},
        {"gpu.pcie.errors", "1", gpu, true, "gpu.pcie_errors",
         "reseat the GPU module; then replace it, and the board's side if it stays",
         "PCIe errors under load that the link could not correct, fatal or not, as the BMC counts them"},
        {"gpu.pcie.replays", "%", gpu, true, "gpu.pcie_replays",
         "reseat the GPU module, look at its connector, then at the riser or retimer",
         "PCIe replays under load, of what a bit error rate of 1e-12 allows its rate and lanes"}};
    made.parameters = {
        {"for", ParameterType::duration, std::nullopt, "how long to load, whole seconds"},
        {"settle", ParameterType::duration, "30s", "after the start, before readings count as steady"},
        {"every", ParameterType::duration, "1s", "between two readings from the BMC"},
        {"in_band_every", ParameterType::duration, "5s", "between two nvidia-smi readings"},
        {"minimum_samples", ParameterType::integer, "3", "fewer steady readings give no value"},
        {"max_gap", ParameterType::duration, "30s", "longest time without telemetry that is still proof"},
        {"slope", ParameterType::number, "0.5", "K/min: what counts as a temperature at a stand"},
        {"slope_window", ParameterType::duration, "0s",
         "over which its slope is taken; 0s: as long as settle"},
        {"steady_within", ParameterType::duration, "15m", "a GPU that is not steady by then fails"},
        {"power_floor", ParameterType::number, "90",
         "percent of the power limit that a loaded GPU must draw"},
        {"tensor", ParameterType::boolean, "false", "use the tensor cores (gpu_burn -tc)"},
        {"margin", ParameterType::duration, "60s",
         "for gpu_burn's start and end, before it is killed on the host"},
        {"directory", ParameterType::text, "", "where gpu_burn lies; empty: in the PATH"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::hours(80);
    return made;
  }();
  return description;
}

Status Soak::check(const Parameters& with) const {
  const Nanoseconds length = with.duration("for");
  if (length.count() < 1'000'000'000) {
    return Error("gpu_stress.too_short", "gpu_stress.soak: 'for' must be at least 1s", "give a longer time",
                 Blame::recipe);
  }
  if (with.duration("settle") >= length) {
    return Error("gpu_stress.nothing_steady",
                 fmt::format("gpu_stress.soak: 'settle' ({}) leaves nothing of 'for' ({})",
                             format_duration(with.duration("settle")), format_duration(length)),
                 "shorten 'settle' or lengthen 'for'", Blame::recipe);
  }
  if (slope_window(with).count() <= 0 || slope_window(with) >= length ||
      with.duration("steady_within") < with.duration("settle") || !(with.number("slope") > 0)) {
    return Error("gpu_stress.steady_rule",
                 fmt::format("gpu_stress.soak: no window of {} lies within 'for' ({}) and between 'settle' "
                             "({}) and 'steady_within' ({}), or 'slope' is not above zero",
                             format_duration(slope_window(with)), format_duration(length),
                             format_duration(with.duration("settle")),
                             format_duration(with.duration("steady_within"))),
                 "shorten 'slope_window' or lengthen 'for'", Blame::recipe);
  }
  if (!(with.number("power_floor") > 0) || with.number("power_floor") > 100) {
    return Error("gpu_stress.power_floor", "gpu_stress.soak: 'power_floor' is a percentage above 0",
                 "write for example 90", Blame::recipe);
  }
  if (with.duration("every").count() <= 0 || with.duration("in_band_every").count() <= 0) {
    return Error("gpu_stress.period", "gpu_stress.soak: 'every' and 'in_band_every' must be above zero", "",
                 Blame::recipe);
  }
  return success();
}

awaitable<Status> Soak::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<Bmc*> found_bmc = context.bmc();
  Bmc* bmc = found_bmc ? *found_bmc : nullptr;

  SoakEvidence evidence;
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu))
    evidence.telemetry.gpus[expected->name];
  Result<tool_output::NvidiaSmiQuery> before = co_await query_gpus(context.ctx(), **shell, kQueryBudget);
  if (!before) co_return std::move(before.error()).while_doing("reading the GPUs before the load");
  evidence.before = std::move(*before);
  // Recorded at once: a GPU that is missing stays missing whatever becomes of the load.
  const Status missing = co_await record_missing(context, evidence.before);
  if (!missing) co_return missing;
  evidence.bmc_before = co_await read_bmc(context.ctx(), bmc);
  KernelMark mark = co_await mark_kernel_log(context.ctx(), **shell);

  const Result<Permit> permit = context.permit(Energy::load, "burn all GPUs");
  if (!permit) co_return permit.error();
  Undo undo(Undo::Kind::shell_command, fmt::format("stop gpu_burn on {}", context.dut().id), kEndOfLoad);
  const Result<int> guard = co_await context.open_guard(std::move(undo));
  if (!guard) co_return guard.error();

  BurnOutput output;
  context.progress("burning");
  const Result<CommandResult> result = co_await burn(context, *permit, **shell, bmc, mark, evidence, output);
  const Status going_on = context.ctx().check();
  if (!going_on || !result) {
    co_await note_interruption(context, evidence.telemetry);
    if (!going_on) co_return going_on;
    Error error = result.error();
    co_return std::move(error).while_doing("burning the GPUs");
  }
  if (const auto absent =
          not_installed(*result, "gpu_burn", context.dut().id,
                        "install gpu_burn in the PATH of the host, or give its 'directory'")) {
    const Status released = co_await context.release_guard(*guard, "gpu_burn never started");
    if (!released) co_return released;
    co_return *absent;
  }
  const bool killed = result->exit_status == kTimedOut || result->exit_status == kKilled || result->signal;
  if (!killed) {
    std::string why = fmt::format("gpu_burn ended with status {}", result->exit_status);
    const Status released = co_await context.release_guard(*guard, std::move(why));
    if (!released) co_return released;
  }
  read_burn(evidence, *result, output);
  if (result->signal && evidence.burn_failure.empty())
    evidence.burn_failure = fmt::format("gpu_burn was ended by signal {}", *result->signal);

  Result<tool_output::NvidiaSmiQuery> after = co_await query_gpus(context.ctx(), **shell, kQueryBudget);
  if (after) {
    evidence.after = std::move(*after);
  } else {
    evidence.after_failure =
        fmt::format("nvidia-smi gave nothing after the load ({})", after.error().message);
  }
  evidence.bmc_after = co_await read_bmc(context.ctx(), bmc);
  std::map<std::string, std::string> part_of_bus = parts_of_buses(context.dut(), evidence.before);
  evidence.xids = co_await xids_since(context.ctx(), **shell, std::move(mark), std::move(part_of_bus));
  const Status recorded = co_await record_soak(context, evidence);
  if (!recorded) co_return recorded;
  if (!evidence.ended_early.empty()) {
    std::string text = evidence.ended_early;
    const Status noted = co_await context.note(std::move(text));
    co_return noted;
  }
  if (killed) {
    co_return Error("gpu_burn.hung", fmt::format("{}: {}", context.dut().id, evidence.burn_failure),
                    "look at the kernel log for the GPU that hangs", Blame::peer);
  }
  if (!evidence.burn) {
    co_return Error("gpu_burn.failed", fmt::format("{}: {}", context.dut().id, evidence.burn_failure),
                    "run gpu_burn by hand on the host", Blame::peer);
  }
  co_return success();
}

}  // namespace kiln::gpu_stress
