// Idle, burst, idle, and the cool-down behind it. What a soak cannot show: that power follows a step, that a
// GPU survives it, and that heat leaves when the load does.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gpu_steps.h"
#include "sdk/scope.h"
#include "soak_record.h"
#include "steady.h"

namespace kiln::gpu_stress {

using boost::asio::awaitable;

namespace {

const Source kSteps{"computed", "BMC and nvidia-smi -q -x beside the bursts"};

/// Seconds that no limit allows (limits_plausible.cc bounds them at 600).
constexpr double kNever = 3600;

struct Burst {
  std::int64_t begun_ns = 0, ended_ns = 0, rested_ns = 0;
};

/// Everything of the bursts. The worst of gpu_burn's words counts, whichever burst it came from.
struct StepEvidence {
  SoakEvidence soak;
  std::vector<Burst> bursts;
  std::map<std::string, Reading> burn_results;
  /// Before the first burst, by part: a BMC and the driver need not have the same sensor.
  std::map<std::string, double> start_of_bmc, start_of_driver;
};

int badness(const Reading& reading) {
  const auto* word = std::get_if<std::string>(&reading.value);
  if (word == nullptr) return 1;
  return *word == "OK" ? 0 : 2;
}

void take_burn(StepEvidence& evidence, const GpuMatch& before, const CommandResult& result) {
  evidence.soak.burn.reset();
  evidence.soak.burn_failure.clear();
  Result<tool_output::GpuBurn> parsed = tool_output::parse_gpu_burn(result.out);
  if (parsed && result.ok()) {
    evidence.soak.burn = std::move(*parsed);
  } else {
    evidence.soak.burn_failure =
        fmt::format("gpu_burn ended with status {} ({})", result.exit_status, first_line(result));
  }
  for (const auto& [part, gpu] : evidence.soak.telemetry.gpus) {
    Reading reading = burn_reading(evidence.soak, before, part);
    const auto found = evidence.burn_results.find(part);
    if (found == evidence.burn_results.end()) {
      evidence.burn_results.emplace(part, std::move(reading));
    } else if (badness(reading) > badness(found->second)) {
      found->second = std::move(reading);
    }
  }
}

/// The bursts with their rests; the Error of one that could not be run to its end.
awaitable<Status> run_bursts(StepContext& context, const Permit& permit, Shell& shell, StepEvidence& evidence,
                             const GpuMatch& before) {
  const Nanoseconds length = context.with().duration("burst");
  const std::int64_t cycles = context.with().integer("cycles");
  for (std::int64_t cycle = 1; cycle <= cycles; ++cycle) {
    context.progress(fmt::format("burst {} of {}", cycle, cycles));
    Ctx limited =
        context.ctx().child_within("gpu_burn", length + context.with().duration("margin") + kAnswerBudget);
    Burst burst;
    burst.begun_ns = context.ctx().now().monotonic_ns;
    Command command(burn_line(context.with(), length));
    const Result<CommandResult> result = co_await run_load(limited, permit, shell, std::move(command));
    const Status going_on = context.ctx().check();
    if (!going_on) co_return going_on;
    if (!result) co_return result.error();
    if (auto absent = not_installed(*result, "gpu_burn", context.dut().id,
                                    "install gpu_burn in the PATH of the host, or give its 'directory'"))
      co_return *absent;
    if (result->exit_status == kTimedOut || result->exit_status == kKilled || result->signal) {
      co_return Error("gpu_burn.hung", fmt::format("{}: gpu_burn did not end by itself", context.dut().id),
                      "look at the kernel log for the GPU that hangs", Blame::peer);
    }
    burst.ended_ns = context.ctx().now().monotonic_ns;
    take_burn(evidence, before, *result);
    const Nanoseconds rest = context.with().duration(cycle < cycles ? "rest" : "cool_down");
    const Status rested = co_await context.ctx().sleep_for(rest);
    if (!rested) co_return rested;
    burst.rested_ns = context.ctx().now().monotonic_ns;
    evidence.bursts.push_back(burst);
  }
  co_return success();
}

/// The BMC's trace where it has values in this time, else the driver's.
const Trace& trace_with(const Trace& bmc, const Trace& driver, std::int64_t from, std::int64_t to) {
  const auto inside = [from, to](const Point& point) { return point.at_ns >= from && point.at_ns <= to; };
  return std::any_of(bmc.begin(), bmc.end(), inside) ? bmc : driver;
}

/// The slowest of all steps one way.
struct Slowest {
  double seconds = 0;
  bool seen = false, missed = false;
};

Slowest slowest(const StepContext& context, const StepEvidence& evidence, const GpuTelemetry& gpu,
                bool upward) {
  const double level = *gpu.power_limit * context.with().number(upward ? "high" : "low") / 100;
  Slowest worst;
  for (const Burst& burst : evidence.bursts) {
    const std::int64_t from = upward ? burst.begun_ns : burst.ended_ns;
    const std::int64_t to = upward ? burst.ended_ns : burst.rested_ns;
    const Trace& power = trace_with(gpu.out_of_band.power, gpu.in_band.power, from, to);
    const bool any = std::any_of(power.begin(), power.end(), [from, to](const Point& point) {
      return point.at_ns >= from && point.at_ns <= to;
    });
    if (!any) return {};
    worst.seen = true;
    const auto reached = reaches(power, level, upward, from, to);
    if (!reached) worst.missed = true;
    worst.seconds = std::max(worst.seconds, reached.value_or(static_cast<double>(to - from) / 1e9));
  }
  return worst;
}

void add_step(const StepContext& context, const StepEvidence& evidence, const std::string& part, bool upward,
              std::vector<Reading>& readings) {
  const GpuTelemetry& gpu = evidence.soak.telemetry.gpus.at(part);
  Reading reading(upward ? "gpu.step.rise" : "gpu.step.fall", part, std::monostate{}, kSteps);
  if (!gpu.power_limit) {
    reading.reason = "neither the BMC nor nvidia-smi told a power limit";
  } else {
    const Slowest worst = slowest(context, evidence, gpu, upward);
    if (worst.seen) {
      reading.value = worst.seconds;
    } else {
      reading.reason = "there is a step without a single reading of power";
    }
    // Of a step that never came only a lower bound is known; beside a generous limit it would look like a
    // pass.
    if (worst.seen && worst.missed) {
      reading.value = std::max(worst.seconds, kNever);
      reading.action = fmt::format("power did not {} {} % of the limit", upward ? "rise to" : "fall to",
                                   context.with().number(upward ? "high" : "low"));
    }
  }
  readings.push_back(std::move(reading));
}

Reading cool_down(const StepEvidence& evidence, const std::string& part) {
  const GpuTelemetry& gpu = evidence.soak.telemetry.gpus.at(part);
  Reading reading("gpu.cool_down", part, std::monostate{}, kSteps);
  reading.reason = "no temperature before the bursts, or none in the last quarter of the cool-down";
  if (evidence.bursts.empty()) return reading;
  const Burst& last = evidence.bursts.back();
  const std::int64_t from = last.rested_ns - (last.rested_ns - last.ended_ns) / 4;
  const Trace& trace = trace_with(gpu.out_of_band.temperature, gpu.in_band.temperature, from, last.rested_ns);
  const auto& starts =
      &trace == &gpu.out_of_band.temperature ? evidence.start_of_bmc : evidence.start_of_driver;
  const auto start = starts.find(part);
  if (start == starts.end()) return reading;
  double sum = 0;
  int count = 0;
  for (const Point& point : trace) {
    if (point.at_ns < from || point.at_ns > last.rested_ns) continue;
    sum += point.value;
    ++count;
  }
  if (count > 0) reading.value = sum / count - start->second;
  return reading;
}

awaitable<Status> record_steps(StepContext& context, const StepEvidence& evidence, const GpuMatch& before) {
  const tool_output::NvidiaSmiQuery nothing;
  const GpuMatch after = match_gpus(context.dut(), evidence.soak.after ? *evidence.soak.after : nothing);
  for (const auto& [part, gpu] : evidence.soak.telemetry.gpus) {
    std::vector<Reading> readings;
    const auto last = after.by_name.find(part);
    Reading present("gpu.present", part, last != after.by_name.end() && !last->second->lost && !gpu.lost,
                    Source{"ssh", kQueryCommand});
    if (!evidence.soak.after) {
      present.value = std::monostate{};
      present.reason = evidence.soak.after_failure;
    }
    readings.push_back(std::move(present));
    add_step(context, evidence, part, true, readings);
    add_step(context, evidence, part, false, readings);
    readings.push_back(cool_down(evidence, part));
    const auto burn = evidence.burn_results.find(part);
    readings.push_back(burn != evidence.burn_results.end() ? burn->second
                                                           : burn_reading(evidence.soak, before, part));
    for (Reading& reading : readings) {
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
  }
  const Status kernel = co_await record_kernel(context, evidence.soak);
  co_return kernel;
}

}  // namespace

const StepDescription& PowerSteps::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "gpu_stress.power_steps";
    made.bmc = {{BmcAbility::gpus, false, "to see power and temperatures beside what the driver says"},
                {BmcAbility::coolant, false, "read with them, for the record"}};
    made.summary = "Load all GPUs in bursts with rests between: power follows, nothing is lost, heat leaves";
    const ComponentKind gpu = ComponentKind::gpu;
    made.measurements = {
        {"gpu.present", "", gpu, true, "gpu.missing", "reseat the GPU module, then replace it",
         "the driver lists the GPU and it answers, behind the last burst"},
        {"gpu.step.rise", "s", gpu, true, "gpu.power_step",
         "look at power supplies, busbar and throttle reasons",
         "from the start of a burst until power is at `high`, the slowest of all"},
        {"gpu.step.fall", "s", gpu, true, "gpu.power_step", "look for a program that was left on the GPU",
         "from the end of a burst until power is at `low`, the slowest of all"},
        {"gpu.cool_down", "K", gpu, true, "gpu.stays_warm",
         "check coolant flow and the cold plate's mounting",
         "temperature at the end of the cool-down above that before the first burst"},
        {"gpu.burn.result", "", gpu, true, "gpu.burn_faulty",
         "replace the GPU module: it computes wrong results",
         "OK or FAULTY of gpu_burn, the worst of all bursts"},
        {"gpu.xid.count", "1", gpu, true, "gpu.xid",
         "kiln explain xid:N tells what to do, and with which part",
         "hardware-class GPU errors in the kernel log since the first burst"},
        {"gpu.xid.other", "1", gpu, false, "", "", "other Xids: application errors and notes"},
        {"gpu.xid.unknown", "1", gpu, true, "gpu.xid_unknown",
         "look the number up in NVIDIA's Xid catalog for this driver, then repeat",
         "Xids that no table knows; one leaves this without a value"},
        {"nvswitch.sxid.count", "1", ComponentKind::whole_dut, true, "nvswitch.sxid",
         "kiln explain sxid:N tells what to do, and with which part",
         "errors of this host's NVSwitches in the kernel log since the first burst"},
        {"nvswitch.sxid.other", "1", ComponentKind::whole_dut, false, "", "", "SXids that are notes"}};
    made.parameters = {
        {"cycles", ParameterType::integer, "3", "bursts"},
        {"burst", ParameterType::duration, "30s", "of each, whole seconds"},
        {"rest", ParameterType::duration, "30s", "between two"},
        {"cool_down", ParameterType::duration, "2m", "behind the last"},
        {"high", ParameterType::number, "75", "percent of the power limit that a burst must come to"},
        {"low", ParameterType::number, "40", "percent of it that a rest must fall to"},
        {"every", ParameterType::duration, "1s", "between two readings from the BMC"},
        {"in_band_every", ParameterType::duration, "5s", "between two nvidia-smi readings"},
        {"tensor", ParameterType::boolean, "false", "use the tensor cores (gpu_burn -tc)"},
        {"margin", ParameterType::duration, "60s",
         "for gpu_burn's start and end, before it is killed on the host"},
        {"directory", ParameterType::text, "", "where gpu_burn lies; empty: in the PATH"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::hours(1);
    return made;
  }();
  return description;
}

Status PowerSteps::check(const Parameters& with) const {
  const auto refuse = [](const char* why) {
    return Error("gpu_stress.power_steps", fmt::format("gpu_stress.power_steps: {}", why), "", Blame::recipe);
  };
  if (with.integer("cycles") < 1 || with.integer("cycles") > 1000) return refuse("'cycles' is 1 to 1000");
  for (const char* time : {"burst", "rest", "cool_down"}) {
    if (with.duration(time).count() < 1'000'000'000)
      return refuse("'burst', 'rest' and 'cool_down' are at least 1s each");
  }
  if (with.duration("every").count() <= 0 || with.duration("in_band_every").count() <= 0)
    return refuse("'every' and 'in_band_every' must be above zero");
  if (!(with.number("low") > 0) || with.number("high") <= with.number("low") || with.number("high") > 100)
    return refuse("'low' and 'high' are percentages, the second above the first");
  return success();
}

awaitable<Status> PowerSteps::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<Bmc*> found_bmc = context.bmc();
  Bmc* bmc = found_bmc ? *found_bmc : nullptr;
  StepEvidence evidence;
  Telemetry& telemetry = evidence.soak.telemetry;
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu))
    telemetry.gpus[expected->name];
  Result<tool_output::NvidiaSmiQuery> query = co_await query_gpus(context.ctx(), **shell, kQueryBudget);
  if (!query) co_return std::move(query.error()).while_doing("reading the GPUs before the bursts");
  evidence.soak.before = std::move(*query);
  const Status missing = co_await record_missing(context, evidence.soak.before);
  if (!missing) co_return missing;
  const GpuMatch before = match_gpus(context.dut(), evidence.soak.before);
  std::map<std::string, std::string> part_of_bus;
  for (const auto& [name, gpu] : before.by_name) {
    part_of_bus[gpu->bus_id] = name;
    if (gpu->temperature.gpu) evidence.start_of_driver[name] = *gpu->temperature.gpu;
  }
  if (bmc != nullptr) {
    Ctx limited = context.ctx().child_within("GPUs of the BMC", kQueryBudget);
    const Result<std::vector<GpuReading>> readings = co_await bmc->gpus(limited);
    if (readings) {
      for (const GpuReading& reading : *readings) {
        if (reading.temperature) evidence.start_of_bmc[reading.name] = *reading.temperature;
      }
    }
  }
  KernelMark mark = co_await mark_kernel_log(context.ctx(), **shell);

  const Result<Permit> permit = context.permit(Energy::load, "load all GPUs in bursts");
  if (!permit) co_return permit.error();
  Undo undo(Undo::Kind::shell_command, fmt::format("stop gpu_burn on {}", context.dut().id),
            "pkill -TERM -x gpu_burn");
  const Result<int> guard = co_await context.open_guard(std::move(undo));
  if (!guard) co_return guard.error();

  Scope samplers(context.ctx());
  telemetry.begun_ns = context.ctx().now().monotonic_ns;
  const Nanoseconds every = context.with().duration("every");
  const Nanoseconds in_band_every = context.with().duration("in_band_every");
  Shell* host = *shell;
  if (bmc != nullptr) {
    samplers.start("GPU telemetry of the BMC", [&context, bmc, &telemetry, every](Ctx& task) {
      return sample_out_of_band(task, context, *bmc, telemetry, every);
    });
  }
  samplers.start("GPU telemetry of the driver", [&context, host, &telemetry, in_band_every](Ctx& task) {
    return sample_in_band(task, context, *host, telemetry, in_band_every);
  });
  const Status done = co_await run_bursts(context, *permit, *host, evidence, before);
  telemetry.ended_ns = context.ctx().now().monotonic_ns;
  const Status joined = co_await samplers.stop_and_join(StopReason::sibling, "the bursts are over");
  (void)joined;               // failed reads are counted in the telemetry
  if (!done) co_return done;  // the guard stays open: gpu_burn may still run
  std::string why = "the last gpu_burn ended by itself";
  const Status released = co_await context.release_guard(*guard, std::move(why));
  if (!released) co_return released;

  Result<tool_output::NvidiaSmiQuery> after = co_await query_gpus(context.ctx(), *host, kQueryBudget);
  if (after) {
    evidence.soak.after = std::move(*after);
  } else {
    evidence.soak.after_failure =
        fmt::format("nvidia-smi gave nothing after the bursts ({})", after.error().message);
  }
  evidence.soak.xids = co_await xids_since(context.ctx(), *host, std::move(mark), std::move(part_of_bus));
  const Status recorded = co_await record_steps(context, evidence, before);
  co_return recorded;
}

}  // namespace kiln::gpu_stress
