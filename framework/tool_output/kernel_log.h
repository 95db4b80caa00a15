#pragma once
// The kernel log: dmesg (raw, -T, --time-format=iso, relative), /dev/kmsg records, journalctl and syslog
// lines, pstore dumps. Finds the events a burn-in judges and says which part each one names. Any text can be
// a kernel log with nothing in it, so a text in which no line looks like one is refused. Pure, any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool_output/nvidia_xid.h"
#include "tool_output/tool_output.h"

namespace kiln::tool_output {

enum class KernelEventKind {
  gpu_xid,           ///< NVRM: Xid
  nvswitch_sxid,     ///< nvidia-nvswitch: SXid, up to three lines of one event
  gpu_off_bus,       ///< a GPU stopped answering without an Xid number
  gpu_driver_error,  ///< other NVRM failures: RmInitAdapter failed, probe failed; nvidia-peermem errors
  amdgpu_error,      ///< amdgpu RAS, poison, ring timeout, bad pages
  machine_check,     ///< MCE, [Hardware Error] of mce
  edac_corrected,
  edac_uncorrected,
  apei_hardware_error,  ///< APEI / GHES record; one event per record
  pcie_aer_corrected,
  pcie_aer_uncorrected,
  pcie_link,  ///< bandwidth limited, link down, surprise removal
  thermal,    ///< CPU or package throttled, critical temperature
  oom_kill,
  hung_task,     ///< "blocked for more than", soft lockup, hard lockup, RCU stall
  panic,         ///< panic, Oops, BUG
  io_error,      ///< block layer, ATA, SCSI, NVMe, and file systems on top
  network_link,  ///< carrier lost on an interface
  other_error,   ///< marked as error or worse by the kernel (level 0 to 3) and known to no rule here
};
std::string_view to_string(KernelEventKind kind);

/// Weight of an event when the kernel itself says what it was. Corrected errors and nuisances are notes.
using KernelWeight = XidWeight;

/// When a line was written, as far as the format tells. At most one of the three is set.
struct KernelTime {
  std::optional<std::int64_t> utc_ns;  ///< zone known: ISO 8601 (comma or dot), ns since 1970
  std::optional<std::int64_t>
      wall_ns;  ///< ctime or syslog without zone: the host's local time read as if UTC
  std::optional<std::int64_t> boot_ns;  ///< "[123.456]" and /dev/kmsg: since boot
  std::string text;  ///< as printed; the only thing left when the month is in another language
};

struct KernelEvent {
  KernelEventKind kind = KernelEventKind::gpu_xid;
  KernelWeight weight = KernelWeight::note;
  std::size_t line = 0;   ///< 1-based, first line of the event
  std::size_t lines = 1;  ///< lines that belong to it
  KernelTime time;
  std::string
      device;  ///< normal PCI address, or CPU, disk, interface, DIMM as named; empty when none is named
  std::optional<int> code;  ///< Xid or SXid number
  std::optional<bool> sxid_fatal;
  std::optional<int> nvlink;  ///< link number, where the text names one
  std::optional<std::int64_t> pid;
  std::string process;
  std::optional<GpuRecovery> recovery;  ///< Xid 154: the new action
  std::string text;                     ///< the message without its time stamp, first line
};

struct KernelLog : Document {
  std::size_t line_count = 0;     ///< not blank
  std::size_t stamped_lines = 0;  ///< with a time stamp or record header this parser knows
  /// Lines the kernel wrote (all of dmesg; in a syslog those tagged "kernel:"). "No errors" is proved only by
  /// a log with kernel lines that reach over the time in question.
  std::size_t kernel_lines = 0;
  std::vector<KernelEvent> events;
  /// PCI address -> UUID and serial, from the lines NVRM prints before an Xid.
  struct Gpu {
    std::string uuid, serial;
  };
  std::map<std::string, Gpu> gpus;

  [[nodiscard]] std::size_t count(KernelEventKind kind) const;
  [[nodiscard]] std::vector<const KernelEvent*> of_weight(KernelWeight weight) const;
};

/// What the tables say of an Xid or SXid: number, meaning, what to do, and the part that is replaced in the
/// end. Empty for other events.
std::string advice(const KernelEvent& event);
/// An Xid or SXid whose number is in no table, or could not be read.
bool of_unknown_number(const KernelEvent& event);

/// At most this many events are kept; more set `incomplete`.
inline constexpr std::size_t kMaximumKernelEvents = 20000;

/// `empty` and `not_recognised` as everywhere; an empty log is an error because dmesg without permission
/// prints nothing: absence of errors must be proved by lines.
Result<KernelLog> parse_kernel_log(std::string_view text);

}  // namespace kiln::tool_output
