#pragma once
// What NVIDIA's driver error numbers mean for a burn-in: Xid (GPU) and SXid (NVSwitch). Constant tables, any
// thread. Sources: NVIDIA Xid catalog (docs.nvidia.com/deploy/xid-errors, as of 2025-10), Fabric Manager user
// guide appendix on SXid. Class, weight and part are this project's judgement, stated per row.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::tool_output {

enum class XidClass {
  hardware,       ///< the GPU or its memory
  fabric,         ///< NVLink, C2C, NVSwitch
  thermal,        ///< heat or power delivery
  driver,         ///< driver or firmware fault; hardware until a reset and a retest say otherwise
  application,    ///< the program on the GPU; never fails hardware by itself
  informational,  ///< test messages and remarks on another Xid
  unknown,        ///< not in the catalogue, or unused there
};
std::string_view to_string(XidClass c);

/// How an occurrence weighs in a burn-in.
enum class XidWeight {
  fail,    ///< the part fails
  note,    ///< counted and shown; a limit may fail on the count
  ignore,  ///< no statement on hardware
};
std::string_view to_string(XidWeight weight);

/// What is looked at, and replaced in the end, when a number comes again after its action.
enum class XidFru {
  none,      ///< nothing: the program, or a remark on another Xid
  gpu,       ///< the GPU module
  board,     ///< what carries GPU and CPU together: C2C has no cable
  link,      ///< GPU module, cable cartridge or switch tray; the other end's counters tell which
  nvswitch,  ///< NVSwitch of a baseboard, or the switch tray
  power,     ///< what feeds the GPU
  host,      ///< driver or firmware first, the GPU module when it comes again with the right ones
};
std::string_view to_string(XidFru fru);

inline constexpr std::string_view kXidSource =
    "NVIDIA Xid catalog, docs.nvidia.com/deploy/xid-errors, as of 2025-10; weight and part by this project";
inline constexpr std::string_view kSXidSource =
    "NVIDIA Fabric Manager user guide, appendix on SXid: its three lists; weight and part by this project";

struct XidEntry {
  int code = 0;
  std::string_view mnemonic;  ///< NVIDIA's name
  std::string_view meaning;   ///< for the operator
  XidClass xid_class = XidClass::unknown;
  XidWeight weight = XidWeight::note;
  XidFru fru = XidFru::none;
  std::string_view action;  ///< what to do
  std::string_view source = kXidSource;
};

/// Never fails: an uncatalogued number gives class unknown, weight note and the action to look it up.
XidEntry xid_entry(int code);
bool xid_is_catalogued(int code);
/// Ascending.
std::vector<int> catalogued_xids();

/// The recovery action Xid 154 announces (nvmlDeviceGpuRecoveryAction_t).
enum class GpuRecovery {
  none = 0,
  gpu_reset = 1,
  node_reboot = 2,
  drain_p2p = 3,
  drain_and_reset = 4,
  unknown
};
std::string_view to_string(GpuRecovery action);

/// In which list of the guide a number stands.
enum class SXidList {
  always_fatal,  ///< whatever the line says
  may_be_fatal,  ///< the driver's word decides
  non_fatal,
  unlisted,  ///< in none of them: nothing may be taken for harmless without the driver's word
};
std::string_view to_string(SXidList list);

struct SXidEntry {
  int code = 0;
  std::string_view meaning;
  SXidList list = SXidList::unlisted;
  XidWeight weight = XidWeight::note;
  XidFru fru = XidFru::nvswitch;
  std::string_view action;
  std::string_view source = kSXidSource;
};
/// `fatal`: what the log line said ("Fatal", "Non-fatal"); unset when no line of the event said it.
SXidEntry sxid_entry(int code, std::optional<bool> fatal);
bool sxid_is_catalogued(int code);
/// Ascending.
std::vector<int> catalogued_sxids();

}  // namespace kiln::tool_output
