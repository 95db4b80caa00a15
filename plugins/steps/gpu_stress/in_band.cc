#include "in_band.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kiln::gpu_stress {

using boost::asio::awaitable;
using tool_output::KernelEvent;
using tool_output::KernelEventKind;
using tool_output::KernelWeight;

namespace {

constexpr Nanoseconds kKernelLogBudget = std::chrono::seconds(30);
constexpr int kCommandNotFound = 127;

/// The number (from 1) of the last line equal to `line`; 0 when there is none.
std::size_t last_line_number(const std::string& text, const std::string& line) {
  std::size_t number = 0;
  std::size_t found = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    ++number;
    if (text.compare(at, end - at, line) == 0) found = number;
    at = end + 1;
  }
  return found;
}

std::string last_line_of(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const std::size_t at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

void count(XidFindings::PerGpu& gpu, const KernelEvent& event) {
  if (tool_output::of_unknown_number(event)) gpu.unknown.push_back(event.text);
  if (event.weight != KernelWeight::fail) {
    ++gpu.other;
    return;
  }
  if (++gpu.hardware > 1) return;
  gpu.first_code = event.code.value_or(0);
  gpu.first_text = event.text;
  gpu.first_action = tool_output::advice(event);
}

}  // namespace

std::string first_line(const CommandResult& result) {
  for (const std::string* text : {&result.err, &result.out}) {
    const std::size_t start = text->find_first_not_of(" \t\r\n");
    if (start == std::string::npos) continue;
    return text->substr(start, std::min<std::size_t>(text->find('\n', start) - start, 200));
  }
  return "it printed nothing";
}

std::string burn_line(const Parameters& with, Nanoseconds length) {
  const auto whole_seconds = [](Nanoseconds duration) {
    return std::max<std::int64_t>((duration.count() + 999'999'999) / 1'000'000'000, 1);
  };
  const std::int64_t seconds = whole_seconds(length);
  const std::int64_t limit = seconds + whole_seconds(with.duration("margin"));
  const std::string& directory = with.text("directory");
  return fmt::format("{}timeout --signal=TERM --kill-after=5 {} {} {}{}",
                     directory.empty() ? "" : "cd " + shell_quoted(directory) + " && ", limit,
                     directory.empty() ? "gpu_burn" : "./gpu_burn", with.boolean("tensor") ? "-tc " : "",
                     seconds);
}

std::optional<Error> not_installed(const CommandResult& result, const std::string& program,
                                   const std::string& dut, const std::string& action) {
  if (result.exit_status != kCommandNotFound) return std::nullopt;
  return Error(program + ".not_installed", fmt::format("{}: {} is not installed on the host", dut, program),
               action, Blame::peer);
}

awaitable<Result<tool_output::NvidiaSmiQuery>> query_gpus(const Ctx& ctx, Shell& shell, Nanoseconds budget) {
  Ctx limited = ctx.child_within(kQueryCommand, budget);
  Command command(kQueryCommand);
  const Result<CommandResult> result = co_await shell.run(limited, std::move(command));
  if (!result) co_return result.error();
  if (result->exit_status == kCommandNotFound) {
    co_return Error("nvidia_smi.not_installed", "nvidia-smi is not installed on the host",
                    "install the NVIDIA driver in the host image", Blame::peer);
  }
  // The driver works and has not a single GPU: an answer, and the worst one.
  if (result->out.find("No devices were found") != std::string::npos) co_return tool_output::NvidiaSmiQuery{};
  const bool printed = result->out.find_first_not_of(" \t\r\n") != std::string::npos;
  co_return tool_output::parse_nvidia_smi_query(printed ? result->out : result->err);
}

awaitable<KernelMark> mark_kernel_log(const Ctx& ctx, Shell& shell) {
  Ctx limited = ctx.child_within("kernel log", kKernelLogBudget);
  Command command(kKernelLogCommand);
  const Result<CommandResult> result = co_await shell.run(limited, std::move(command));
  KernelMark mark;
  if (!result) {
    mark.why = fmt::format("the kernel log could not be read before the load ({})", result.error().message);
    co_return mark;
  }
  mark.last_line = last_line_of(result->out);
  mark.valid = result->ok() && !mark.last_line.empty();
  if (!mark.valid)
    mark.why = fmt::format("dmesg gave no kernel log before the load ({})", first_line(*result));
  co_return mark;
}

awaitable<XidFindings> xids_since(const Ctx& ctx, Shell& shell, KernelMark mark,
                                  std::map<std::string, std::string> part_of_bus) {
  XidFindings found;
  Ctx limited = ctx.child_within("kernel log", kKernelLogBudget);
  Command command(kKernelLogCommand);
  const Result<CommandResult> result = co_await shell.run(limited, std::move(command));
  if (!result) {
    found.why = fmt::format("the kernel log could not be read after the load ({})", result.error().message);
    co_return found;
  }
  const Result<tool_output::KernelLog> log = tool_output::parse_kernel_log(result->out);
  if (!log) {
    found.why = fmt::format("the kernel log after the load is not usable ({})", log.error().message);
    co_return found;
  }
  if (!mark.valid) {
    found.why = mark.why;
    co_return found;
  }
  // A mark that has fallen out of the ring leaves only newer lines: what they tell counts, their silence does
  // not.
  const std::size_t mark_line = last_line_number(result->out, mark.last_line);
  found.complete = mark_line != 0 && !log->incomplete && result->dropped_bytes == 0;
  if (!found.complete) {
    found.why = "the kernel log has lost lines of the time of the load (ring buffer too small, or a reboot)";
  }
  std::map<std::string, std::int64_t> off_bus;
  for (const KernelEvent& event : log->events) {
    if (event.line <= mark_line) continue;
    if (event.kind == KernelEventKind::nvswitch_sxid) count(found.switches, event);
    if (event.kind != KernelEventKind::gpu_xid && event.kind != KernelEventKind::gpu_off_bus) continue;
    const auto part = part_of_bus.find(event.device);
    const std::string name = part != part_of_bus.end() ? part->second
                             : event.device.empty()    ? "unknown GPU"
                                                       : event.device;
    if (event.kind == KernelEventKind::gpu_off_bus) {
      ++off_bus[name];
      continue;
    }
    count(found.by_part[name], event);
    if (event.code == kXidOffBus) found.by_part[name].off_bus = true;
  }
  for (const auto& [name, times] : off_bus) {
    auto& gpu = found.by_part[name];
    gpu.off_bus = true;
    if (gpu.hardware > 0) continue;  // the Xid that came with it is counted
    gpu.hardware = times;
    gpu.first_text = "the GPU has fallen off the bus";
    gpu.first_action = "reseat or replace the GPU module";
  }
  co_return found;
}

}  // namespace kiln::gpu_stress
