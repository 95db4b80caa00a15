#include "soak_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "soak_course.h"

namespace kiln::gpu_stress {

using boost::asio::awaitable;
using tool_output::GpuBurnGpu;
using tool_output::GpuQuery;
using tool_output::ToolVerdict;

namespace {

const Source kBoth{"computed", "BMC and nvidia-smi -q -x during the load"};
const Source kDriver{"ssh", kQueryCommand};
const Source kKernel{"ssh", kKernelLogCommand};
const char* const kLookUp = "look the number up in NVIDIA's Xid catalog for this driver, then repeat";

const GpuQuery* gpu_of(const GpuMatch& match, const std::string& name) {
  const auto found = match.by_name.find(name);
  return found == match.by_name.end() ? nullptr : found->second;
}

Reading unset(const std::string& measurement, const std::string& part, Source source, std::string why) {
  Reading reading(measurement, part, std::monostate{}, std::move(source));
  reading.reason = std::move(why);
  return reading;
}

/// Highest value of a quantity over the whole load, from either source.
Reading highest(const std::string& measurement, const std::string& part, const Trace& bmc,
                const Trace& driver) {
  std::optional<double> most;
  std::string from;
  for (const auto& [trace, source] : {std::pair{&bmc, "redfish"}, std::pair{&driver, "ssh"}}) {
    for (const Point& point : *trace) {
      if (most && point.value <= *most) continue;
      most = point.value;
      from = source;
    }
  }
  if (!most)
    return unset(measurement, part, kBoth, "neither the BMC nor nvidia-smi gave a value during the load");
  return Reading(measurement, part, *most, Source{from, kBoth.detail});
}

Reading of_steady(const std::string& measurement, const std::string& part, const Steady& steady,
                  std::size_t needed, bool minimum) {
  if (steady.values.empty()) {
    return unset(measurement, part, kBoth,
                 fmt::format("only {} values were read in the steady part of the load, {} are needed",
                             steady.most, needed));
  }
  double result = steady.values.front();
  if (minimum) {
    result = *std::min_element(steady.values.begin(), steady.values.end());
  } else {
    double sum = 0;
    for (const double value : steady.values) sum += value;
    result = sum / static_cast<double>(steady.values.size());
  }
  return Reading(measurement, part, result, Source{steady.source, kBoth.detail});
}

/// Slowdowns the driver counted, however short: what sampling misses.
void add_counted(const GpuQuery& before, const GpuQuery& after, std::set<std::string>& words) {
  const auto rose = [](const std::optional<std::uint64_t>& first, const std::optional<std::uint64_t>& last) {
    return first && last && *last > *first;
  };
  const auto& a = before.clock_events;
  const auto& b = after.clock_events;
  if (rose(a.hw_thermal_slowdown_us, b.hw_thermal_slowdown_us)) words.insert("hw_thermal_slowdown");
  if (rose(a.sw_thermal_slowdown_us, b.sw_thermal_slowdown_us)) words.insert("sw_thermal_slowdown");
  if (rose(a.hw_power_brake_slowdown_us, b.hw_power_brake_slowdown_us))
    words.insert("hw_power_brake_slowdown");
}

Reading throttle(const std::string& part, const GpuTelemetry& gpu, const GpuQuery* before,
                 const GpuQuery* after) {
  std::set<std::string> words = gpu.slowdowns;
  if (before != nullptr && after != nullptr) add_counted(*before, *after, words);
  if (!words.empty())
    return Reading("gpu.throttle.reasons", part, fmt::format("{}", fmt::join(words, ", ")), kBoth);
  if (!gpu.slowdown_source_seen)
    return unset("gpu.throttle.reasons", part, kBoth, "neither the BMC nor nvidia-smi told throttle reasons");
  return Reading("gpu.throttle.reasons", part, std::string("none"), kBoth);
}

template <class Count>
void take_rise(const std::optional<Count>& before, const std::optional<Count>& after, const char* where,
               std::optional<std::int64_t>& rise, std::string& why) {
  if (!before || !after) return;
  if (*after < *before) {
    why = fmt::format("the counter of {} fell from {} to {}: it was reset", where, *before, *after);
    return;
  }
  const auto by = static_cast<std::int64_t>(*after - *before);
  rise = std::max(rise.value_or(0), by);
}

Reading ecc(const std::string& part, const SoakEvidence& evidence, const GpuQuery* before,
            const GpuQuery* after) {
  std::optional<std::int64_t> rise;
  std::string why = "no source counted uncorrectable errors before and after the load";
  if (before != nullptr && after != nullptr && after->lost) why = "the driver has lost the GPU";
  if (after == nullptr)
    why = evidence.after ? "the driver does not list the GPU after the load" : evidence.after_failure;
  if (before != nullptr && after != nullptr) {
    take_rise(before->ecc_volatile.uncorrectable(), after->ecc_volatile.uncorrectable(),
              "nvidia-smi (volatile)", rise, why);
    take_rise(before->ecc_aggregate.uncorrectable(), after->ecc_aggregate.uncorrectable(),
              "nvidia-smi (aggregate)", rise, why);
  }
  const auto early = evidence.bmc_before.find(part);
  const auto late = evidence.bmc_after.find(part);
  if (early != evidence.bmc_before.end() && late != evidence.bmc_after.end())
    take_rise(early->second.ecc_uncorrectable, late->second.ecc_uncorrectable, "the BMC", rise, why);
  // A reset of one counter hides what came before it, unless another one tells.
  if (!rise) return unset("gpu.ecc.uncorrectable.delta", part, kDriver, why);
  return Reading("gpu.ecc.uncorrectable.delta", part, *rise, kDriver);
}

/// PCIe errors that were not corrected, as the BMC counts them; replays are judged by their budget.
Reading pcie_errors(const std::string& part, const SoakEvidence& evidence) {
  const Source source{"redfish", "ProcessorMetrics PCIeErrors before and after the load"};
  const auto early = evidence.bmc_before.find(part);
  const auto late = evidence.bmc_after.find(part);
  std::optional<std::int64_t> rise;
  std::string why = "the BMC did not count them before and after the load";
  if (early != evidence.bmc_before.end() && late != evidence.bmc_after.end()) {
    std::optional<std::int64_t> sum;
    for (const char* kind : {"non_fatal", "fatal"}) {
      const auto first = early->second.pcie_errors.find(kind);
      const auto last = late->second.pcie_errors.find(kind);
      if (first == early->second.pcie_errors.end() || last == late->second.pcie_errors.end()) continue;
      if (last->second < first->second) {
        why = fmt::format("the BMC's count fell from {} to {}: it was reset", first->second, last->second);
        return unset("gpu.pcie.errors", part, source, std::move(why));
      }
      sum = sum.value_or(0) + last->second - first->second;
    }
    rise = sum;
  }
  if (!rise) return unset("gpu.pcie.errors", part, source, std::move(why));
  return Reading("gpu.pcie.errors", part, *rise, source);
}

Reading row_remap(const std::string& part, const SoakEvidence& evidence, const GpuQuery* after) {
  std::optional<std::int64_t> failures;
  if (after != nullptr && after->remapped_rows.failure) failures = *after->remapped_rows.failure ? 1 : 0;
  const auto late = evidence.bmc_after.find(part);
  if (late != evidence.bmc_after.end() && late->second.row_remap_failed)
    failures = std::max(failures.value_or(0), *late->second.row_remap_failed);
  if (!failures) {
    return unset("gpu.row_remap.failures", part, kDriver,
                 "neither nvidia-smi nor the BMC told whether row remapping failed");
  }
  return Reading("gpu.row_remap.failures", part, *failures, kDriver);
}

/// The GPU of gpu_burn's list: by UUID, else by its place among the driver's GPUs.
const GpuBurnGpu* burned(const SoakEvidence& evidence, const GpuMatch& before, const std::string& part) {
  const GpuQuery* gpu = gpu_of(before, part);
  if (!evidence.burn || gpu == nullptr) return nullptr;
  for (const GpuBurnGpu& one : evidence.burn->gpus) {
    if (!one.uuid.empty() && one.uuid == gpu->uuid) return &one;
  }
  const auto& all = evidence.before.gpus;
  const auto place =
      std::find_if(all.begin(), all.end(), [gpu](const GpuQuery& each) { return &each == gpu; });
  const auto index = static_cast<int>(place - all.begin());
  for (const GpuBurnGpu& one : evidence.burn->gpus) {
    if (one.uuid.empty() && one.index == index) return &one;
  }
  return nullptr;
}

Reading burn_result(const std::string& part, const SoakEvidence& evidence, const GpuBurnGpu* gpu) {
  const Source source{"ssh", "gpu_burn"};
  if (gpu == nullptr) {
    return unset("gpu.burn.result", part, source,
                 evidence.burn_failure.empty() ? "gpu_burn did not list this GPU" : evidence.burn_failure);
  }
  switch (gpu->verdict()) {
    case ToolVerdict::fail:
      return Reading("gpu.burn.result", part, std::string("FAULTY"), source);
    case ToolVerdict::pass:
      if (!evidence.burn_failure.empty())
        return unset("gpu.burn.result", part, source, evidence.burn_failure);
      return Reading("gpu.burn.result", part, std::string("OK"), source);
    case ToolVerdict::not_run:
      return unset("gpu.burn.result", part, source, "gpu_burn says OK but has computed nothing");
    default:
      return unset(
          "gpu.burn.result", part, source,
          evidence.burn_failure.empty() ? "gpu_burn printed no result for this GPU" : evidence.burn_failure);
  }
}

awaitable<Status> record_unknown(StepContext& context, const XidFindings& xids, std::string part,
                                 XidFindings::PerGpu found) {
  if (!found.unknown.empty()) {
    const Status told = co_await record_unknown_xids(context, std::move(part), std::move(found));
    co_return told;
  }
  Reading reading("gpu.xid.unknown", std::move(part), std::int64_t{0}, kKernel);
  if (!xids.complete) {
    reading.value = std::monostate{};
    reading.reason = xids.why;
  }
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

/// Of the whole host: an SXid names a switch and a port, and the part at its other end is not told.
awaitable<Status> record_sxids(StepContext& context, const XidFindings& xids) {
  const XidFindings::PerGpu& found = xids.switches;
  Reading reading("nvswitch.sxid.count", "", found.hardware, kKernel);
  reading.action = found.first_action;
  const bool unsure = found.hardware == 0 && (!xids.complete || !found.unknown.empty());
  if (unsure) {
    reading.value = std::monostate{};
    reading.reason = found.unknown.empty() ? xids.why : "an SXid of unknown number: " + found.unknown.front();
  }
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  Reading other("nvswitch.sxid.other", "", found.other, kKernel);
  const Result<Outcome> other_outcome = co_await context.record(std::move(other));
  if (!other_outcome) co_return other_outcome.error();
  if (found.hardware == 0) co_return success();
  Diagnosed diagnosis;
  diagnosis.code = "nvswitch.sxid";
  diagnosis.message = fmt::format("an NVSwitch under load: {}", found.first_text);
  diagnosis.action = found.first_action;
  const Status diagnosed = co_await context.diagnose(std::move(diagnosis));
  co_return diagnosed;
}

awaitable<Status> record_xids(StepContext& context, const SoakEvidence& evidence) {
  std::map<std::string, XidFindings::PerGpu> all = evidence.xids.by_part;
  for (const auto& [part, gpu] : evidence.telemetry.gpus) all.try_emplace(part);
  for (const auto& [part, found] : all) {
    Reading other("gpu.xid.other", part, found.other, kKernel);
    const Result<Outcome> other_outcome = co_await context.record(std::move(other));
    if (!other_outcome) co_return other_outcome.error();
    std::string of_part = part;
    XidFindings::PerGpu with_unknown = found;
    const Status unknown =
        co_await record_unknown(context, evidence.xids, std::move(of_part), std::move(with_unknown));
    if (!unknown) co_return unknown;
    // What was told while the load ran stays, also where the log has lost it since.
    const auto told = evidence.told_xids.find(part);
    if (told != evidence.told_xids.end() && found.hardware <= told->second) continue;
    if (found.hardware > 0) {
      std::string name = part;
      XidFindings::PerGpu at_fault = found;
      const Status recorded = co_await record_xid(context, std::move(name), std::move(at_fault));
      if (!recorded) co_return recorded;
      continue;
    }
    Reading reading("gpu.xid.count", part, found.hardware, kKernel);
    if (!evidence.xids.complete) {
      reading.value = std::monostate{};
      reading.reason = evidence.xids.why;
    }
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

std::vector<Reading> readings_of(const StepContext& context, const SoakEvidence& evidence,
                                 const SoakCourse& course, const std::string& part, const GpuTelemetry& gpu,
                                 const GpuMatch& before, const GpuMatch& after) {
  const Telemetry& telemetry = evidence.telemetry;
  const std::size_t needed = course.needed();
  const std::int64_t from = course.steady_from(part);
  const std::int64_t to = course.to_ns();
  const GpuQuery* first = gpu_of(before, part);
  const GpuQuery* last = gpu_of(after, part);
  std::vector<Reading> readings;
  if (evidence.after) {
    readings.emplace_back("gpu.present", part, last != nullptr && !last->lost && !gpu.lost, kDriver);
  } else {
    readings.push_back(unset("gpu.present", part, kDriver, evidence.after_failure));
  }
  readings.push_back(
      highest("gpu.temperature.max", part, gpu.out_of_band.temperature, gpu.in_band.temperature));
  readings.push_back(highest("gpu.memory_temperature.max", part, gpu.out_of_band.memory_temperature,
                             gpu.in_band.memory_temperature));
  const Steady power = steady_values(gpu.out_of_band.power, gpu.in_band.power, from, to, needed);
  readings.push_back(of_steady("gpu.power.mean", part, power, needed, false));
  // A GPU that came late to its steady state may not hide slow clocks before it.
  const Steady clock =
      steady_values(gpu.out_of_band.clock, gpu.in_band.clock, course.settled_ns(), to, needed);
  readings.push_back(of_steady("gpu.clock.min", part, clock, needed, true));
  readings.push_back(throttle(part, gpu, first, last));
  readings.emplace_back("gpu.power_capped", part, gpu.power_capped, kBoth);
  const double gap = longest_gap(gpu, telemetry);
  const double most = static_cast<double>(context.with().duration("max_gap").count()) / 1e9;
  if (gap > most) {
    readings.push_back(
        unset("gpu.telemetry.gap", part, kBoth,
              fmt::format("no temperature was read for {:.1f} s of the load ({})", gap,
                          telemetry.last_failure.empty() ? "no value" : telemetry.last_failure)));
  } else {
    readings.emplace_back("gpu.telemetry.gap", part, gap, kBoth);
  }
  const ThermalResistance resistance = thermal_resistance(gpu, telemetry, from, to, needed);
  const Source computed{"computed",
                        "(GPU temperature - coolant supply) / GPU power; " + telemetry.coolant_uri};
  if (resistance.value) {
    readings.emplace_back("gpu.thermal_resistance", part, *resistance.value, computed);
  } else {
    readings.push_back(unset("gpu.thermal_resistance", part, computed, resistance.why));
  }
  readings.push_back(ecc(part, evidence, first, last));
  readings.push_back(row_remap(part, evidence, last));
  readings.push_back(pcie_errors(part, evidence));
  const GpuBurnGpu* burned_gpu = burned(evidence, before, part);
  readings.push_back(burn_result(part, evidence, burned_gpu));
  Value gflops;
  if (burned_gpu != nullptr && burned_gpu->gflops) gflops = *burned_gpu->gflops;
  readings.emplace_back("gpu.burn.gflops", part, gflops, Source{"ssh", "gpu_burn"});
  for (Reading& reading : course.readings(part)) readings.push_back(std::move(reading));
  for (Reading& reading : pcie_readings(part, gpu, first, last, telemetry))
    readings.push_back(std::move(reading));
  return readings;
}

}  // namespace

awaitable<Status> record_missing(StepContext& context, const tool_output::NvidiaSmiQuery& query) {
  const GpuMatch match = match_gpus(context.dut(), query);
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu)) {
    const GpuQuery* gpu = gpu_of(match, expected->name);
    if (gpu != nullptr && !gpu->lost) continue;
    Reading reading("gpu.present", expected->name, false, kDriver);
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  if (match.strangers.empty()) co_return success();
  std::string text =
      fmt::format("GPUs that the rack file does not expect: {}", fmt::join(match.strangers, ", "));
  const Status noted = co_await context.note(std::move(text));
  co_return noted;
}

awaitable<Status> record_xid(StepContext& context, std::string part, XidFindings::PerGpu found) {
  Reading reading("gpu.xid.count", part, found.hardware, kKernel);
  reading.action = found.first_action;
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  Diagnosed diagnosis;
  diagnosis.code = "gpu.xid";
  diagnosis.part = part;
  diagnosis.message = found.first_code != 0
                          ? fmt::format("{}: Xid {} under load: {}", part, found.first_code, found.first_text)
                          : fmt::format("{}: {}", part, found.first_text);
  diagnosis.action = found.first_action;
  const Status diagnosed = co_await context.diagnose(std::move(diagnosis));
  co_return diagnosed;
}

awaitable<Status> record_unknown_xids(StepContext& context, std::string part, XidFindings::PerGpu found) {
  Reading reading("gpu.xid.unknown", part, std::monostate{}, kKernel);
  reading.reason =
      fmt::format("{} of unknown number, the first: {}", found.unknown.size(), found.unknown.front());
  reading.action = kLookUp;
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  Diagnosed diagnosis;
  diagnosis.code = "gpu.xid_unknown";
  diagnosis.part = part;
  diagnosis.message =
      fmt::format("{}: the driver told of something no table knows: {}", part, found.unknown.front());
  diagnosis.action = kLookUp;
  const Status diagnosed = co_await context.diagnose(std::move(diagnosis));
  co_return diagnosed;
}

awaitable<Status> record_soak(StepContext& context, const SoakEvidence& evidence) {
  const GpuMatch before = match_gpus(context.dut(), evidence.before);
  const tool_output::NvidiaSmiQuery nothing;
  const GpuMatch after = match_gpus(context.dut(), evidence.after ? *evidence.after : nothing);
  std::string how = fmt::format("GPUs of nvidia-smi were {}", before.how());
  const Status noted = co_await context.note(std::move(how));
  if (!noted) co_return noted;
  const SoakCourse course(context, evidence.telemetry);
  for (const auto& [part, gpu] : evidence.telemetry.gpus) {
    std::vector<Reading> readings = readings_of(context, evidence, course, part, gpu, before, after);
    for (Reading& reading : readings) {
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
  }
  const Status kernel = co_await record_kernel(context, evidence);
  co_return kernel;
}

awaitable<Status> record_kernel(StepContext& context, const SoakEvidence& evidence) {
  const Status xids = co_await record_xids(context, evidence);
  if (!xids) co_return xids;
  const Status switches = co_await record_sxids(context, evidence.xids);
  co_return switches;
}

Reading burn_reading(const SoakEvidence& evidence, const GpuMatch& before, const std::string& part) {
  return burn_result(part, evidence, burned(evidence, before, part));
}

}  // namespace kiln::gpu_stress
