#include "tool_output/kernel_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "tool_output/kernel_log_line.h"
#include "tool_output/kernel_log_scanner.h"
#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kDmesgTool = "dmesg";
constexpr std::size_t kMaximumTextBytes = 400;

Result<KernelLog> read_kernel_log(std::string_view text) {
  KernelLog log;
  KernelScanner scanner(log);
  std::size_t number = 0;
  std::size_t foreign_lines = 0;
  for (const std::string_view raw : split_lines(text)) {
    ++number;
    if (trim(raw).empty()) continue;
    ++log.line_count;
    const KernelLine line = read_kernel_line(raw.substr(0, kMaximumLineBytes));
    if (line.stamped) {
      ++log.stamped_lines;
      if (line.from_kernel) ++log.kernel_lines;
    } else if (!line.continuation) {
      ++foreign_lines;
    }
    scanner.take(line, number);
  }
  if (log.stamped_lines == 0) {
    // dmesg -t and journalctl -o cat print no stamps: then only lines that cannot be anything else count.
    const bool driver_events =
        std::any_of(log.events.begin(), log.events.end(), [](const KernelEvent& event) {
          return event.kind == KernelEventKind::gpu_xid || event.kind == KernelEventKind::nvswitch_sxid;
        });
    if (!driver_events || log.events.size() * 2 < log.line_count) {
      return not_recognised(kDmesgTool, "no line carries a kernel time stamp");
    }
    log.kernel_lines = log.line_count;
    return log;
  }
  if (foreign_lines > log.stamped_lines) {
    return not_recognised(kDmesgTool, fmt::format("only {} of {} lines carry a kernel time stamp",
                                                  log.stamped_lines, log.line_count));
  }
  return log;
}

}  // namespace

void KernelScanner::take(const KernelLine& line, std::size_t number) {
  number_ = number;
  time_ = &line.time;
  const std::string_view m = line.message.substr(0, kMaximumLineBytes);
  // Written by programs as well (logger, fabric manager), so the tag does not matter.
  if (nvidia(m) || network(m)) return;
  if (!line.from_kernel) return;
  const bool known = hardware_error(m) || edac(m) || pcie(m) || memory(m) || stuck(m) || broken_kernel(m) ||
                     amdgpu(m) || storage(m) || heat(m);
  if (!known) other_error(line, m);
}

KernelEvent* KernelScanner::add(KernelEventKind kind, KernelWeight weight, std::string_view message) {
  if (log_.events.size() >= kMaximumKernelEvents) {
    log_.mark_incomplete(fmt::format("more than {} events; the rest was not kept", kMaximumKernelEvents));
    overflow_ = KernelEvent();
    return &overflow_;
  }
  KernelEvent event;
  event.kind = kind;
  event.weight = weight;
  event.line = number_;
  event.time = *time_;
  event.text = std::string(message.substr(0, kMaximumTextBytes));
  log_.events.push_back(std::move(event));
  return &log_.events.back();
}

/// The latest event when it is of this kind and its lines end at most `distance` lines before this one.
KernelEvent* KernelScanner::latest(KernelEventKind kind, std::size_t distance) {
  if (log_.events.empty()) return nullptr;
  KernelEvent& last = log_.events.back();
  return last.kind == kind && number_ <= last.line + last.lines - 1 + distance ? &last : nullptr;
}

std::string_view to_string(KernelEventKind kind) {
  switch (kind) {
    case KernelEventKind::gpu_xid:
      return "gpu_xid";
    case KernelEventKind::nvswitch_sxid:
      return "nvswitch_sxid";
    case KernelEventKind::gpu_off_bus:
      return "gpu_off_bus";
    case KernelEventKind::gpu_driver_error:
      return "gpu_driver_error";
    case KernelEventKind::amdgpu_error:
      return "amdgpu_error";
    case KernelEventKind::machine_check:
      return "machine_check";
    case KernelEventKind::edac_corrected:
      return "edac_corrected";
    case KernelEventKind::edac_uncorrected:
      return "edac_uncorrected";
    case KernelEventKind::apei_hardware_error:
      return "apei_hardware_error";
    case KernelEventKind::pcie_aer_corrected:
      return "pcie_aer_corrected";
    case KernelEventKind::pcie_aer_uncorrected:
      return "pcie_aer_uncorrected";
    case KernelEventKind::pcie_link:
      return "pcie_link";
    case KernelEventKind::thermal:
      return "thermal";
    case KernelEventKind::oom_kill:
      return "oom_kill";
    case KernelEventKind::hung_task:
      return "hung_task";
    case KernelEventKind::panic:
      return "panic";
    case KernelEventKind::io_error:
      return "io_error";
    case KernelEventKind::network_link:
      return "network_link";
    case KernelEventKind::other_error:
      return "other_error";
  }
  return "unknown";
}

std::size_t KernelLog::count(KernelEventKind kind) const {
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [&](const KernelEvent& event) { return event.kind == kind; }));
}

std::vector<const KernelEvent*> KernelLog::of_weight(KernelWeight weight) const {
  std::vector<const KernelEvent*> found;
  for (const KernelEvent& event : events) {
    if (event.weight == weight) found.push_back(&event);
  }
  return found;
}

Result<KernelLog> parse_kernel_log(std::string_view text) {
  if (Status size = check_size(kDmesgTool, text); !size) return size.error();
  try {
    return read_kernel_log(text);
  } catch (const std::exception& problem) {
    return malformed(kDmesgTool, problem.what());
  }
}

}  // namespace kiln::tool_output
