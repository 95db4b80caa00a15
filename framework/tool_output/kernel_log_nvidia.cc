// Xid, SXid, lost GPUs and what else NVIDIA's driver writes.
#include <fmt/format.h>

#include "tool_output/kernel_log_scanner.h"

namespace kiln::tool_output {

using namespace kernel_text;

bool KernelScanner::nvidia(std::string_view m) {
  if (const std::size_t sxid = m.find("SXid ("); sxid != std::string_view::npos) return take_sxid(m, sxid);
  if (const std::size_t xid = m.find("Xid ("); xid != std::string_view::npos) return take_xid(m, xid);
  if (says(m, "fallen off the bus")) {
    std::string device = first_pci_address(m);
    if (device.empty()) device = announced_gpu_;
    // The same loss is told several times; one event per device and neighbourhood.
    for (auto event = log_.events.rbegin(); event != log_.events.rend() && event->line + 50 > number_;
         ++event) {
      const bool loss = event->kind == KernelEventKind::gpu_off_bus ||
                        (event->kind == KernelEventKind::gpu_xid && event->code == 79);
      if (loss && (event->device == device || device.empty())) {
        ++event->lines;
        return true;
      }
    }
    add(KernelEventKind::gpu_off_bus, KernelWeight::fail, m)->device = device;
    return true;
  }
  if (has(m, "NVRM:")) return driver_line(m);
  if (has(m, "nvidia-peermem") && says(m, "error")) {
    add(KernelEventKind::gpu_driver_error, KernelWeight::note, m);
    return true;
  }
  if (has(m, "nvidia") && has(m, "probe of") && has(m, "failed with error")) {
    add(KernelEventKind::gpu_driver_error, KernelWeight::fail, m)->device = first_pci_address(m);
    return true;
  }
  return false;
}

bool KernelScanner::driver_line(std::string_view m) {
  if (has(m, "NVRM: GPU at ")) {
    // "NVRM: GPU at PCI:0000:9b:00: GPU-509665ad-..."
    const std::string_view rest = after(m, "NVRM: GPU at ");
    const std::size_t uuid = rest.find(": GPU-");
    if (uuid != std::string_view::npos) {
      if (const auto address = normal_pci_address(rest.substr(0, uuid))) {
        last_gpu_ = *address;
        log_.gpus[last_gpu_].uuid = std::string(until(rest.substr(uuid + 2), " ;,"));
      }
    }
    return true;
  }
  if (has(m, "GPU Board Serial Number:")) {
    if (!last_gpu_.empty()) {
      log_.gpus[last_gpu_].serial = std::string(trim(after(m, "GPU Board Serial Number:")).substr(0, 64));
    }
    return true;
  }
  if (has(m, "installed in this")) announced_gpu_ = first_pci_address(m);
  if (has_any(m, {"RmInitAdapter failed", "rm_init_adapter failed", "failed to initialize",
                  "Failed to initialize"})) {
    add(KernelEventKind::gpu_driver_error, KernelWeight::fail, m)->device = first_pci_address(m);
    return true;
  }
  // The dump that follows Xid 119 and 120 names functions and states, not errors of its own.
  if ((says(m, "failed") || has(m, "nvAssert") || says(m, "error")) && !has(m, "RPC")) {
    add(KernelEventKind::gpu_driver_error, KernelWeight::note, m)->device = first_pci_address(m);
    return true;
  }
  return false;
}

/// "Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after ..."
bool KernelScanner::take_xid(std::string_view m, std::size_t at) {
  const std::string_view rest = m.substr(at + 5);
  const std::size_t close = rest.find(')');
  const std::string_view tail =
      close == std::string_view::npos ? std::string_view() : trim(rest.substr(close + 1));
  const auto code = tail.starts_with(':') ? leading_integer(trim(tail.substr(1))) : std::nullopt;
  if (!code || *code < 0 || *code > 100000) {
    log_.doubt(fmt::format("line {}", number_), m);
    // A line that names an Xid nobody can read is not dropped: it counts as unknown.
    add(KernelEventKind::gpu_xid, KernelWeight::note, m)->device = first_pci_address(m);
    return true;
  }
  const int number = static_cast<int>(*code);
  KernelEvent* event = add(KernelEventKind::gpu_xid, xid_entry(number).weight, m);
  event->code = number;
  event->device =
      normal_pci_address(until(rest.substr(0, close), " ")).value_or(std::string(rest.substr(0, close)));
  if (has(tail, "pid=")) event->pid = leading_integer(after(tail, "pid="));
  const std::string_view name = until(after(tail, "name="), ",");
  if (!name.starts_with("<unknown>")) event->process = std::string(trim(name).substr(0, 64));
  if (number == 154) take_recovery(*event, tail);
  if (number >= 144 && number <= 150) {
    event->nvlink = link_number(tail);
    // NVLink 5 lines carry the severity; a bit error rate event points at link or cartridge either way.
    if ((says(tail, "nonfatal") || says(tail, "non-fatal")) && !has(tail, "BER"))
      event->weight = KernelWeight::note;
  }
  if (number == 74) event->nvlink = link_number(tail);
  return true;
}

void KernelScanner::take_recovery(KernelEvent& event, std::string_view tail) {
  const std::string_view target = after(tail, " to 0x");
  std::int64_t action = -1;
  const auto [end, problem] = std::from_chars(target.data(), target.data() + target.size(), action, 16);
  event.recovery = problem == std::errc{} && action >= 0 && action <= 4 ? static_cast<GpuRecovery>(action)
                                                                        : GpuRecovery::unknown;
  if (*event.recovery == GpuRecovery::none) event.weight = KernelWeight::ignore;
  // The driver asks for a reset or reboot: this GPU cannot go on as it is.
  if (*event.recovery != GpuRecovery::none && *event.recovery != GpuRecovery::unknown) {
    event.weight = KernelWeight::fail;
  }
}

std::optional<int> KernelScanner::link_number(std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view next = after(rest, "Link ");
    if (next.empty()) return std::nullopt;
    if (const auto link = leading_integer(next); link && *link >= 0 && *link < 1000)
      return static_cast<int>(*link);
    rest = next;
  }
  return std::nullopt;
}

/// Up to three lines of one event: what happened, Severity, Data; in any order of the last two.
bool KernelScanner::take_sxid(std::string_view m, std::size_t at) {
  const std::string_view rest = m.substr(at + 6);
  const std::size_t close = rest.find(')');
  const std::string_view tail =
      close == std::string_view::npos ? std::string_view() : trim(rest.substr(close + 1));
  const auto code = tail.starts_with(':') ? leading_integer(trim(tail.substr(1))) : std::nullopt;
  const std::string device = normal_pci_address(until(rest.substr(0, close), " "))
                                 .value_or(std::string(rest.substr(0, std::min(close, std::size_t{400}))));
  const std::int64_t printed = code.value_or(-1);
  if (printed < 0 || printed > 10'000'000) {
    log_.doubt(fmt::format("line {}", number_), m);
    KernelEvent* unreadable = add(KernelEventKind::nvswitch_sxid, KernelWeight::fail, m);
    unreadable->device = device;
    return true;
  }
  const int number = static_cast<int>(printed);
  const std::string_view words = trim(after(tail, ","));
  const std::string switch_name(until(
      m.substr(m.find("nvidia-nvswitch") == std::string_view::npos ? 0 : m.find("nvidia-nvswitch")), ":"));
  if (words.starts_with("Data {") || words.starts_with("Severity ")) {
    for (auto event = log_.events.rbegin(); event != log_.events.rend() && event->line + 200 > number_;
         ++event) {
      if (event->kind != KernelEventKind::nvswitch_sxid || event->code != number) continue;
      const bool same_switch =
          !switch_name.empty() && event->text.find(switch_name + ":") != std::string::npos;
      if (event->device != device && !same_switch) continue;
      // The first line of some drivers prints the all-zero address.
      if (event->device == "00000000:00:00.0") event->device = device;
      ++event->lines;
      return true;
    }
  }
  std::optional<bool> fatal;
  if (words.starts_with("Fatal")) fatal = true;
  if (words.starts_with("Non-fatal") || words.starts_with("Non-Fatal")) fatal = false;
  KernelEvent* event = add(KernelEventKind::nvswitch_sxid, sxid_entry(number, fatal).weight, m);
  event->code = number;
  event->sxid_fatal = fatal;
  event->device = device;
  event->nvlink = link_number(words);
  return true;
}

bool of_unknown_number(const KernelEvent& event) {
  if (event.kind == KernelEventKind::gpu_xid) return !event.code || !xid_is_catalogued(*event.code);
  if (event.kind == KernelEventKind::nvswitch_sxid) return !event.code || !sxid_is_catalogued(*event.code);
  return false;
}

std::string advice(const KernelEvent& event) {
  const auto with_part = [](std::string text, XidFru fru) {
    return fru == XidFru::none ? text : fmt::format("{}; part: {}", text, to_string(fru));
  };
  if (event.kind == KernelEventKind::gpu_xid) {
    if (!event.code) return "an Xid line whose number cannot be read: read the kernel log";
    const XidEntry entry = xid_entry(*event.code);
    return with_part(fmt::format("Xid {} ({}): {}", entry.code, entry.meaning, entry.action), entry.fru);
  }
  if (event.kind == KernelEventKind::nvswitch_sxid) {
    if (!event.code) return "an SXid line whose number cannot be read: read the kernel log";
    const SXidEntry entry = sxid_entry(*event.code, event.sxid_fatal);
    return with_part(fmt::format("SXid {} ({}): {}", entry.code, entry.meaning, entry.action), entry.fru);
  }
  return {};
}

}  // namespace kiln::tool_output
