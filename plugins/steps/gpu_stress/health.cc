#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "gpu_steps.h"
#include "in_band.h"

namespace kiln::gpu_stress {

using boost::asio::awaitable;
using tool_output::GpuQuery;
using tool_output::ToolVerdict;

namespace {

constexpr Nanoseconds kFabricPause = std::chrono::seconds(2);  ///< between two looks at it

Value count_value(const std::optional<std::uint64_t>& count) {
  if (!count) return std::monostate{};
  return static_cast<std::int64_t>(*count);
}

Value flag_value(const std::optional<bool>& flag) {
  if (!flag) return std::monostate{};
  return *flag;
}

/// A waiting row remapping or page retirement; unknown only when the driver tells neither.
std::optional<bool> repair_pending(const GpuQuery& gpu) {
  const auto& rows = gpu.remapped_rows.pending;
  const auto& pages = gpu.retired_pages.pending;
  if (!rows && !pages) return std::nullopt;
  return rows.value_or(false) || pages.value_or(false);
}

Value fabric_value(const GpuQuery& gpu) {
  switch (gpu.fabric.verdict()) {
    case ToolVerdict::pass:
      return std::string("ok");
    case ToolVerdict::skip:
      return std::string("none");
    case ToolVerdict::unknown:
      return std::monostate{};
    default:
      return gpu.fabric.reason();
  }
}

/// What the driver says must be done; drivers before 570 tell it by two flags.
Value recovery_value(const GpuQuery& gpu) {
  if (!gpu.recovery_action.empty()) return gpu.recovery_action;
  if (!gpu.reset_required && !gpu.drain_and_reset_recommended) return std::monostate{};
  if (gpu.reset_required.value_or(false)) return std::string("GPU Reset");
  if (gpu.drain_and_reset_recommended.value_or(false)) return std::string("Drain and Reset");
  return std::string("None");
}

/// Repairs that a Blackwell GPU waits for, or cannot make any more.
Value repair_value(const GpuQuery& gpu) {
  const std::array flags = {std::pair{"unrepairable memory", gpu.unrepairable_memory},
                            std::pair{"channel repair pending", gpu.channel_repair_pending},
                            std::pair{"TPC repair pending", gpu.tpc_repair_pending}};
  std::vector<std::string> raised;
  bool told = false;
  for (const auto& [word, flag] : flags) {
    told = told || flag.has_value();
    if (flag.value_or(false)) raised.emplace_back(word);
  }
  if (!told) return std::monostate{};
  return raised.empty() ? std::string("none") : fmt::format("{}", fmt::join(raised, ", "));
}

/// What somebody has set so that this GPU cannot be judged: no fault of the hardware.
std::vector<std::string> odd_settings(const GpuQuery& gpu) {
  std::vector<std::string> odd;
  if (gpu.ecc_enabled == false) odd.emplace_back("ECC is off");
  if (gpu.ecc_enabled && gpu.ecc_pending_enabled && gpu.ecc_enabled != gpu.ecc_pending_enabled)
    odd.emplace_back("another ECC mode waits for a reset");
  if (gpu.mig_enabled == true) odd.emplace_back("MIG is on");
  const auto& limit = gpu.power.current_limit;
  const auto& usual = gpu.power.default_limit;
  constexpr double kSame = 0.5;  // W: limits are printed with two digits behind the point
  if (limit && usual && std::abs(*limit - *usual) > kSame)
    odd.push_back(fmt::format("the power limit is {:g} W, by default {:g} W", *limit, *usual));
  return odd;
}

Reading settings_reading(const std::string& part, const GpuQuery& gpu, const Source& source) {
  Reading reading("gpu.settings", part, std::monostate{}, source);
  if (!gpu.ecc_enabled || !gpu.power.current_limit || !gpu.power.default_limit) {
    reading.reason = "nvidia-smi tells not both ECC mode and power limits";
    return reading;
  }
  const std::vector<std::string> odd = odd_settings(gpu);
  if (odd.empty()) reading.value = std::string("default");
  reading.reason = fmt::format("{}: set it back, nvidia-smi -e 1, -mig 0, -pl", fmt::join(odd, "; "));
  return reading;
}

std::vector<Reading> readings_of(const std::string& part, const GpuQuery* gpu) {
  const Source source{"ssh", kQueryCommand};
  std::vector<Reading> readings;
  const bool answers = gpu != nullptr && !gpu->lost;
  readings.emplace_back("gpu.present", part, answers, source);
  const GpuQuery nothing;
  const GpuQuery& read = gpu == nullptr ? nothing : *gpu;
  readings.emplace_back("gpu.ecc.uncorrectable.volatile", part,
                        count_value(read.ecc_volatile.uncorrectable()), source);
  readings.emplace_back("gpu.ecc.uncorrectable.aggregate", part,
                        count_value(read.ecc_aggregate.uncorrectable()), source);
  Value failures;
  if (read.remapped_rows.failure) failures = std::int64_t{*read.remapped_rows.failure ? 1 : 0};
  readings.emplace_back("gpu.row_remap.failures", part, failures, source);
  readings.emplace_back("gpu.row_remap.pending", part, flag_value(repair_pending(read)), source);
  Value fabric;
  if (answers) fabric = fabric_value(read);
  readings.emplace_back("gpu.fabric.state", part, fabric, source);
  readings.emplace_back("gpu.recovery_action", part, recovery_value(read), source);
  readings.emplace_back("gpu.memory_repair", part, repair_value(read), source);
  readings.emplace_back("gpu.sram_threshold_exceeded", part,
                        flag_value(read.ecc_aggregate.sram_threshold_exceeded), source);
  Value width;
  if (read.pcie.current_width) width = std::int64_t{*read.pcie.current_width};
  readings.emplace_back("gpu.pcie.width", part, width, source);
  if (read.pcie.max_width) readings.back().expected = std::int64_t{*read.pcie.max_width};
  for (Reading& reading : readings) {
    reading.reason = gpu == nullptr ? "the driver does not list this GPU"
                     : gpu->lost    ? "the driver has lost the GPU"
                                    : "nvidia-smi does not tell";
  }
  if (answers) readings.push_back(settings_reading(part, read, source));
  return readings;
}

/// Whether an expected GPU has not registered with its NVLink fabric yet.
bool still_registering(const Dut& dut, const GpuMatch& match) {
  for (const Component* expected : dut.expect.of_kind(ComponentKind::gpu)) {
    const auto found = match.by_name.find(expected->name);
    if (found == match.by_name.end() || found->second->lost) continue;
    if (found->second->fabric.verdict() == ToolVerdict::not_run) return true;
  }
  return false;
}

/// GPUs register once the switches and their fabric manager are up, which may be minutes after their own host
/// (NVML, nvmlGpuFabricInfo: the state is "in progress" until then). That is no finding yet: they get
/// `fabric_within`.
awaitable<Result<tool_output::NvidiaSmiQuery>> query_registered(StepContext& context, Shell* shell) {
  const std::int64_t until_ns =
      context.ctx().now().monotonic_ns + context.with().duration("fabric_within").count();
  for (;;) {
    Result<tool_output::NvidiaSmiQuery> query = co_await query_gpus(context.ctx(), *shell, kQueryBudget);
    if (!query) co_return query.error();
    if (!still_registering(context.dut(), match_gpus(context.dut(), *query))) co_return query;
    const Nanoseconds left(until_ns - context.ctx().now().monotonic_ns);
    if (left.count() <= 0) co_return query;
    const Status waited = co_await context.ctx().sleep_for(std::min<Nanoseconds>(left, kFabricPause));
    if (!waited) co_return waited.error();
  }
}

}  // namespace

const StepDescription& Health::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "gpu_stress.health";
    made.uses_fabric = true;
    made.summary =
        "Every expected GPU is there, without memory errors, pending repairs or fabric trouble; no load";
    const ComponentKind gpu = ComponentKind::gpu;
    made.measurements = {
        {"gpu.present", "", gpu, true, "gpu.missing", "reseat the GPU module, then replace it",
         "the driver lists the GPU and it answers"},
        {"gpu.ecc.uncorrectable.volatile", "1", gpu, true, "gpu.ecc_uncorrectable",
         "reset the GPU and repeat; replace the module if it comes again",
         "uncorrectable memory errors since the driver was loaded"},
        {"gpu.ecc.uncorrectable.aggregate", "1", gpu, false, "", "",
         "uncorrectable memory errors over the GPU's life"},
        {"gpu.row_remap.failures", "1", gpu, true, "gpu.row_remap", "replace the GPU module",
         "row remapping has failed"},
        {"gpu.row_remap.pending", "", gpu, true, "gpu.row_remap", "reset the GPU, then repeat",
         "a repair of bad memory waits for a reset"},
        {"gpu.fabric.state", "", gpu, true, "gpu.fabric",
         "check the fabric manager, then the NVLinks of this GPU", "ok, none (no fabric), or what is wrong"},
        {"gpu.recovery_action", "", gpu, true, "gpu.recovery_needed",
         "do what the driver asks for, then repeat; replace the module if it asks again",
         "what the driver says is needed: None, GPU Reset, ..."},
        {"gpu.memory_repair", "", gpu, true, "gpu.memory_repair",
         "reset the GPU for a pending repair; replace the module for memory that cannot be repaired",
         "none, or the repairs that wait or have failed"},
        {"gpu.sram_threshold_exceeded", "", gpu, true, "gpu.sram_threshold", "replace the GPU module",
         "more uncorrectable SRAM errors than the driver accepts over the GPU's life"},
        {"gpu.pcie.width", "1", gpu, true, "gpu.pcie_width",
         "reseat the GPU module and look at the contacts of its connector; a lane that stays away is a "
         "defect of "
         "board or module",
         "lanes of the PCIe link, all that GPU and slot have"},
        {"gpu.settings", "", gpu, true, "gpu.settings", "set the GPU back to its defaults",
         "default: ECC on, MIG off, power limit as delivered; anything else gives no verdict"}};
    made.parameters = {{"fabric_within", ParameterType::duration, "3m",
                        "how long GPUs may take to register with their fabric before that is a fault"}};
    made.default_timeout = std::chrono::minutes(6);
    return made;
  }();
  return description;
}

awaitable<Status> Health::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<tool_output::NvidiaSmiQuery> query = co_await query_registered(context, *shell);
  if (!query) co_return query.error();
  const GpuMatch match = match_gpus(context.dut(), *query);
  std::string how = fmt::format("GPUs of nvidia-smi were {}", match.how());
  if (!match.strangers.empty())
    how += fmt::format("; not expected by the rack file: {}", fmt::join(match.strangers, ", "));
  const Status noted = co_await context.note(std::move(how));
  if (!noted) co_return noted;
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::gpu)) {
    const auto found = match.by_name.find(expected->name);
    const GpuQuery* gpu = found == match.by_name.end() ? nullptr : found->second;
    std::vector<Reading> readings = readings_of(expected->name, gpu);
    for (Reading& reading : readings) {
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
  }
  co_return success();
}

}  // namespace kiln::gpu_stress
