#include "tool_output/nvidia_xid.h"

#include <algorithm>
#include <iterator>

namespace kiln::tool_output {
namespace {

using enum XidClass;

constexpr std::string_view kResetAndRetest = "reset the GPU, retest once; replace it when it comes again";
constexpr std::string_view kReplaceGpu = "take the GPU out of service; replace it when diagnostics confirm";
constexpr std::string_view kCheckProgram = "check the program and its CUDA version; no statement on the GPU";
constexpr std::string_view kFollowOther = "follow the other Xid of the same GPU and time";
constexpr std::string_view kCheckLink =
    "check seating, cable cartridge and switch port of the link; then reset and retest";
constexpr std::string_view kDecodeNvlink5 =
    "decode unit and status of the line; check link and cartridge, reset the GPU, retest";
constexpr std::string_view kUpdateDriver = "check driver and firmware versions against the baseline; retest";
constexpr std::string_view kCheckPower = "check power connector, busbar and power limits of the tray";
constexpr std::string_view kCount = "note it; count over the run";
constexpr std::string_view kNothing = "none";

constexpr XidWeight kFail = XidWeight::fail;
constexpr XidWeight kNote = XidWeight::note;
constexpr XidWeight kIgnore = XidWeight::ignore;

// Sorted by code. Numbers the catalogue calls unused are left out: they come out as unknown.
constexpr XidEntry kXids[] = {
    {8, "ROBUST_CHANNEL_FIFO_ERROR_IDLE_TIMEOUT", "a GPU channel stopped processing", driver, kNote,
     XidFru::host, kUpdateDriver},
    {11, "ROBUST_CHANNEL_GR_ERROR_MISSING_HW", "corrupt command stream", application, kIgnore, XidFru::none,
     kCheckProgram},
    {13, "ROBUST_CHANNEL_GR_EXCEPTION", "compute engine exception, as from a wrong array index", application,
     kIgnore, XidFru::none, kCheckProgram},
    {25, "ROBUST_CHANNEL_GR_ILLEGAL_NOTIFY", "illegal command stream", application, kIgnore, XidFru::none,
     kCheckProgram},
    {31, "ROBUST_CHANNEL_FIFO_ERROR_MMU_ERR_FLT", "GPU page fault of a program", application, kIgnore,
     XidFru::none, kCheckProgram},
    {32, "ROBUST_CHANNEL_PBDMA_ERROR", "corrupt command stream in the DMA front end", application, kIgnore,
     XidFru::none, kCheckProgram},
    {37, "ROBUST_CHANNEL_FECS_ERR_UNIMP_FIRMWARE_METHOD", "driver firmware got a method it does not know",
     driver, kNote, XidFru::host, kUpdateDriver},
    {38, "ROBUST_CHANNEL_FECS_ERR_WATCHDOG_TIMEOUT", "driver firmware watchdog", driver, kNote, XidFru::host,
     kUpdateDriver},
    {43, "ROBUST_CHANNEL_RESETCHANNEL_VERIF_ERROR", "a program's channel was stopped after its own fault",
     application, kIgnore, XidFru::none, kCheckProgram},
    {44, "ROBUST_CHANNEL_GR_FAULT_DURING_CTXSW", "compute engine fault during a context switch", driver,
     kNote, XidFru::host, kUpdateDriver},
    {45, "ROBUST_CHANNEL_PREEMPTIVE_REMOVAL", "channels removed after an earlier error or a killed program",
     application, kIgnore, XidFru::none, kFollowOther},
    {46, "ROBUST_CHANNEL_GPU_TIMEOUT_ERROR", "the GPU stopped processing", driver, kFail, XidFru::gpu,
     kResetAndRetest},
    {48, "ROBUST_CHANNEL_GPU_ECC_DBE", "uncorrectable ECC error", hardware, kFail, XidFru::gpu,
     "reset the GPU, read row remapping; replace the GPU when remapping failed or it comes again"},
    {54, "SILENT_RUNNING_PWR_REDUCED_CLOCKING", "auxiliary power is not connected", thermal, kFail,
     XidFru::power, kCheckPower},
    {57, "FB_LINK_TRAINING_FAILURE_ERROR", "memory interface training failed", hardware, kFail, XidFru::gpu,
     kResetAndRetest},
    {58, "FB_MEMORY_ERROR", "memory interface unstable", hardware, kFail, XidFru::gpu, kResetAndRetest},
    {60, "ROBUST_CHANNEL_SEC2_ERROR", "security or video processor exception", driver, kNote, XidFru::host,
     kUpdateDriver},
    {61, "PMU_BREAKPOINT", "internal microcontroller breakpoint", driver, kNote, XidFru::host, kUpdateDriver},
    {62, "PMU_HALT_ERROR", "internal microcontroller halted", hardware, kFail, XidFru::gpu, kResetAndRetest},
    {63, "INFOROM_DRAM_RETIREMENT_EVENT", "memory row remapped or page retired", hardware, kNote, XidFru::gpu,
     "reset the GPU to activate it; count against the limit of remapped rows"},
    {64, "INFOROM_DRAM_RETIREMENT_FAILURE", "row remapping or page retirement failed", hardware, kFail,
     XidFru::gpu, kReplaceGpu},
    {66, "ROBUST_CHANNEL_FECS_ERR_REG_ACCESS_VIOLATION", "illegal register access by the driver", driver,
     kNote, XidFru::host, kUpdateDriver},
    {67, "ROBUST_CHANNEL_FECS_ERR_VERIF_VIOLATION", "illegal access by the driver", driver, kNote,
     XidFru::host, kUpdateDriver},
    {69, "ROBUST_CHANNEL_GR_CLASS_ERROR", "compute engine class error", application, kIgnore, XidFru::none,
     kCheckProgram},
    {74, "NVLINK_ERROR", "NVLink error", fabric, kFail, XidFru::link, kCheckLink},
    {78, "VGPU_START_ERROR", "virtual GPU did not start", driver, kNote, XidFru::host, kUpdateDriver},
    {79, "ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS", "the GPU has fallen off the bus", hardware, kFail,
     XidFru::gpu,
     "power-cycle the tray; check PCIe seating, power and temperature; replace when it comes again"},
    {80, "PBDMA_PUSHBUFFER_CRC_MISMATCH", "data corrupted on the way to the GPU", hardware, kFail,
     XidFru::gpu, "check PCIe error counters; retest"},
    {92, "EXCESSIVE_SBE_INTERRUPTS", "high rate of corrected ECC errors", hardware, kFail, XidFru::gpu,
     kReplaceGpu},
    {93, "INFOROM_ERASE_LIMIT_EXCEEDED", "InfoROM written more often than planned", hardware, kNote,
     XidFru::gpu, kCount},
    {94, "ROBUST_CHANNEL_CONTAINED_ERROR", "contained uncorrectable memory error", hardware, kFail,
     XidFru::gpu, "read row remapping; retest; replace the GPU when it comes again"},
    {95, "ROBUST_CHANNEL_UNCONTAINED_ERROR", "uncontained uncorrectable memory error", hardware, kFail,
     XidFru::gpu, "reset the GPU, read row remapping; replace the GPU when it comes again"},
    {106, "SMBPBI_TEST_MESSAGE", "test message", informational, kIgnore, XidFru::none, kNothing},
    {107, "SMBPBI_TEST_MESSAGE_SILENT", "silent test message", informational, kIgnore, XidFru::none,
     kNothing},
    {109, "ROBUST_CHANNEL_CTXSW_TIMEOUT_ERROR", "context switch timed out", driver, kFail, XidFru::gpu,
     kResetAndRetest},
    {110, "SEC_FAULT_ERROR", "security fault", driver, kFail, XidFru::gpu, kResetAndRetest},
    {119, "GSP_RPC_TIMEOUT", "the GPU system processor did not answer", driver, kFail, XidFru::gpu,
     kResetAndRetest},
    {120, "GSP_ERROR", "the GPU system processor failed", driver, kFail, XidFru::gpu, kResetAndRetest},
    {121, "C2C_ERROR", "error on the CPU-GPU link (C2C)", fabric, kFail, XidFru::board, kResetAndRetest},
    {125, "INFOROM_FS_ERROR", "InfoROM file system error", hardware, kNote, XidFru::gpu, kCount},
    {136, "ALI_TRAINING_FAIL", "NVLink training failed", fabric, kFail, XidFru::link, kCheckLink},
    {137, "NVLINK_PRIV_ERR", "access over NVLink was refused at the other end", fabric, kNote, XidFru::none,
     "check the program first, then errors of the peer GPU"},
    {140, "UNRECOVERABLE_ECC_ERROR_ESCAPE", "unrecovered ECC error", hardware, kFail, XidFru::gpu,
     kResetAndRetest},
    {141, "ROBUST_CHANNEL_FAST_PATH_ERROR", "CUDA fast path error", application, kIgnore, XidFru::none,
     kCheckProgram},
    {143, "GPU_INIT_ERROR", "the GPU did not initialise", hardware, kFail, XidFru::gpu, kResetAndRetest},
    {144, "NVLINK_SAW_ERROR", "NVLink 5: SAW unit", fabric, kFail, XidFru::link, kDecodeNvlink5},
    {145, "NVLINK_RLW_ERROR", "NVLink 5: RLW unit", fabric, kFail, XidFru::link, kDecodeNvlink5},
    {146, "NVLINK_TLW_ERROR", "NVLink 5: TLW unit", fabric, kFail, XidFru::link, kDecodeNvlink5},
    {147, "NVLINK_TREX_ERROR", "NVLink 5: TREX unit", fabric, kFail, XidFru::link, kDecodeNvlink5},
    {148, "NVLINK_NVLPW_CTRL_ERROR", "NVLink 5: NVLPW control", fabric, kFail, XidFru::link, kDecodeNvlink5},
    {149, "NVLINK_NETIR_ERROR", "NVLink 5: network interface (link event or bit error rate)", fabric, kFail,
     XidFru::link, kDecodeNvlink5},
    {150, "NVLINK_MSE_ERROR", "NVLink 5: MSE unit", fabric, kFail, XidFru::link, kDecodeNvlink5},
    {151, "ROBUST_CHANNEL_KEY_ROTATION_ERROR", "key rotation failed", driver, kNote, XidFru::host,
     kUpdateDriver},
    {154, "GPU_RECOVERY_ACTION_CHANGED", "the driver changed the recovery action of the GPU", informational,
     kNote, XidFru::gpu, "carry out the action named in the line; follow the Xid before it"},
    {155, "NVLINK_SW_DEFINED_ERROR", "NVLink error defined by software", fabric, kFail, XidFru::link,
     kResetAndRetest},
    {156, "RESOURCE_RETIREMENT_EVENT", "a part of the GPU was retired", hardware, kFail, XidFru::gpu,
     kResetAndRetest},
    {157, "RESOURCE_RETIREMENT_FAILURE", "retiring a part of the GPU failed", hardware, kFail, XidFru::gpu,
     kReplaceGpu},
    {158, "GPU_FATAL_TIMEOUT", "fatal timeout of the GPU", hardware, kFail, XidFru::gpu, kResetAndRetest},
    {159, "ROBUST_CHANNEL_CHI_NON_DATA_ERROR", "coherence interface error", driver, kNote, XidFru::gpu,
     kFollowOther},
    {160, "CHANNEL_RETIREMENT_EVENT", "a memory channel was retired", hardware, kNote, XidFru::gpu, kCount},
    {161, "CHANNEL_RETIREMENT_FAILURE", "retiring a memory channel failed", hardware, kFail, XidFru::gpu,
     kReplaceGpu},
    {162, "PSHC_REENGAGED", "power smoothing is available again", informational, kIgnore, XidFru::none,
     kNothing},
    {163, "PSHC_DISENGAGED", "power smoothing is not available", thermal, kNote, XidFru::gpu, kCount},
    {164, "PSHC_LOW_LIFETIME", "power smoothing circuit near its end of life", thermal, kNote, XidFru::gpu,
     kCount},
    {165, "PSHC_ZERO_LIFETIME", "power smoothing circuit at its end of life", thermal, kFail, XidFru::gpu,
     kReplaceGpu},
    {166, "NVLINK_SECURE_CRYPTO_ERR", "encrypted NVLink traffic before the link was set up", fabric, kNote,
     XidFru::host, kUpdateDriver},
    {167, "PCIE_FATAL_TIMEOUT", "fatal PCIe timeout", hardware, kFail, XidFru::gpu,
     "check PCIe seating and error counters, power-cycle the tray, retest"},
    {168, "REDUCED_GPU_MEMORY_CAPACITY", "less GPU memory after errors in a protected region", hardware,
     kFail, XidFru::gpu, kReplaceGpu},
    {169, "SEC2_HALT_ERROR", "security processor halted", hardware, kFail, XidFru::gpu, kResetAndRetest},
    {170, "NVLINK_SECURE_OTHER", "NVLink interrupt in confidential mode", fabric, kNote, XidFru::host,
     kUpdateDriver},
    {171, "UNCORRECTABLE_DRAM_ERROR", "uncorrectable error in GPU memory", hardware, kFail, XidFru::gpu,
     kResetAndRetest},
    {172, "UNCORRECTABLE_SRAM_ERROR", "uncorrectable error in on-chip memory", hardware, kFail, XidFru::gpu,
     kReplaceGpu},
};
static_assert(std::is_sorted(std::begin(kXids), std::end(kXids),
                             [](const XidEntry& a, const XidEntry& b) { return a.code < b.code; }));

constexpr int kHighestXid = 172;
static_assert(std::prev(std::end(kXids))->code == kHighestXid);

struct Range {
  int first, last;
};
/// Copy engines and video engines: one number per engine, one meaning.
constexpr Range kCopyEngines[] = {{39, 41}, {70, 72}, {75, 77}, {85, 85}, {126, 135}};
constexpr Range kVideoEngines[] = {{68, 68},  {82, 84},   {86, 86},   {88, 89},
                                   {96, 105}, {139, 139}, {142, 142}, {152, 153}};

template <std::size_t N>
bool in_ranges(const Range (&ranges)[N], int code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return code >= range.first && code <= range.last; });
}

const XidEntry* find_xid(int code) {
  const auto* found = std::lower_bound(std::begin(kXids), std::end(kXids), code,
                                       [](const XidEntry& entry, int wanted) { return entry.code < wanted; });
  return found != std::end(kXids) && found->code == code ? found : nullptr;
}

}  // namespace

std::string_view to_string(XidClass c) {
  switch (c) {
    case hardware:
      return "hardware";
    case fabric:
      return "fabric";
    case thermal:
      return "thermal";
    case driver:
      return "driver";
    case application:
      return "application";
    case informational:
      return "informational";
    case unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(XidWeight weight) {
  switch (weight) {
    case XidWeight::fail:
      return "fail";
    case XidWeight::note:
      return "note";
    case XidWeight::ignore:
      return "ignore";
  }
  return "note";
}

std::string_view to_string(XidFru fru) {
  switch (fru) {
    case XidFru::none:
      return "none";
    case XidFru::gpu:
      return "GPU module";
    case XidFru::board:
      return "board of the GPU and its CPU";
    case XidFru::link:
      return "link: GPU module, cable cartridge or switch tray";
    case XidFru::nvswitch:
      return "NVSwitch or switch tray";
    case XidFru::power:
      return "power supply, busbar or power cable";
    case XidFru::host:
      return "driver and firmware, then the GPU module";
  }
  return "none";
}

std::string_view to_string(GpuRecovery action) {
  switch (action) {
    case GpuRecovery::none:
      return "none";
    case GpuRecovery::gpu_reset:
      return "gpu_reset";
    case GpuRecovery::node_reboot:
      return "node_reboot";
    case GpuRecovery::drain_p2p:
      return "drain_p2p";
    case GpuRecovery::drain_and_reset:
      return "drain_and_reset";
    case GpuRecovery::unknown:
      return "unknown";
  }
  return "unknown";
}

bool xid_is_catalogued(int code) {
  return find_xid(code) != nullptr || in_ranges(kCopyEngines, code) || in_ranges(kVideoEngines, code);
}

XidEntry xid_entry(int code) {
  if (const XidEntry* found = find_xid(code)) return *found;
  XidEntry entry;
  entry.code = code;
  entry.xid_class = driver;
  entry.weight = kNote;
  entry.fru = XidFru::host;
  if (in_ranges(kCopyEngines, code)) {
    entry.mnemonic = "ROBUST_CHANNEL_CE_ERROR";
    entry.meaning = "copy engine exception";
    entry.action = "restart the program; retest when it comes again";
    return entry;
  }
  if (in_ranges(kVideoEngines, code)) {
    entry.mnemonic = "ROBUST_CHANNEL_VIDEO_ENGINE_ERROR";
    entry.meaning = "video, image, optical flow or DLA engine exception";
    entry.action = "restart the program; retest when it comes again";
    return entry;
  }
  entry.xid_class = unknown;
  entry.fru = XidFru::none;
  entry.source = "none: the number is in no table of this release";
  entry.mnemonic = "UNKNOWN";
  entry.meaning = "not in this catalogue";
  entry.action = "look the number up in NVIDIA's Xid catalog for this driver";
  return entry;
}

std::vector<int> catalogued_xids() {
  std::vector<int> codes;
  for (int code = 0; code <= kHighestXid; ++code) {
    if (xid_is_catalogued(code)) codes.push_back(code);
  }
  return codes;
}

}  // namespace kiln::tool_output
