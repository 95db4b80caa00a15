#pragma once
// Faults of the virtual rack: what may be broken, on which DUT, in which part, and since when.
//
// SPEC = KIND[:N]@DUT[:PART][+DELAY], for example  leak@C02+5s  xid:48@C01:GPU_2
// nvlink-down@C01:GPU_1/NVLink_3. DELAY (s, ms, m) counts from the DUT's first stress load, or from the
// rack's first for a DUT that runs none (switch tray, CDU, power shelf); without it the fault exists from the
// moment it is added. Thread: the rack's loop. A cleared fault takes its cause away; counters and logs keep
// what happened.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

enum class FaultKind {
  leak,
  leak_warning,
  detector_absent,
  detector_fault,
  low_flow,
  flow_lost,
  supply_hot,
  reservoir_low,
  humid_hall,
  readings_lost,
  readings_frozen,
  nvlink_down,
  nvlink_errors,
  firmware_old,
  firmware_update_fails,
  firmware_accepts_anything,
  ecc_uncorrectable,
  xid,
  gpu_missing,
  pcie_narrow,
  ecc_off,
  clique_split,
  stale_image,
  throttle,
  hot_gpu,
  cold_plate_off,
  bmc_reset,
  bmc_slow,
  bmc_503,
  bad_json,
  float_as_int,
  ssh_drop,
  host_hang,
  clock_skew,
  late_on,
  bmc_hang,
  log_entry,
  first_token_slow,
  tokens_slow,
  answer_wrong,
  stream_stall,
  stream_cut,
  model_loading,
  model_other,
  pump_stopped,
  pump_weak,
  slow_leak,
  hose_unseated,
  damp_hall,
  power_dip,
  slow_warm,
  clock_low,
  pcie_replays,
  compute_wrong,
  nvlink_flap,
  nvlink_ber,
  nvlink_narrow,
  tray_swapped,
  cartridge_missing,
  rack_path_slow,
  nic_down,
  nic_flap,
  drive_worn,
  psu_weak,
  busbar_drop,
  secure_boot_off,
  bios_drift,
  nvlink_receive,
  pcie_errors,
  memory_slow,
  injection_armed,
  switch_unhealthy,
  nic_half_rate,
  // Of single_faults.h.
  part_missing,
  part_exchanged,
  tray_exchanged,
  slot_wrong,
  gpu_other_product,
  sram_errors,
  row_remap_failed,
  row_remap_pending,
  gpu_wants_reset,
  memory_unrepairable,
  sram_threshold,
  pcie_slow,
  memory_hot,
  power_low,
  dcgm_fails,
  power_slow,
  stays_warm,
  sxid,
  nvlink_slow,
  nvlink_drops,
  peer_slow,
  collective_slow,
  collective_wrong,
  topology_mixed,
  drive_media_errors,
  drive_hot,
  nic_errors,
  nic_link_layer,
  nic_narrow,
  nic_slow,
  integrity_failed,
  factory_password,
  bmc_clock_lost,
  fan_failed,
  fan_slow,
  fan_fast,
  psu_failed,
  mains_low,
  rail_low,
  redundancy_lost,
  shelf_meter_off,
  shelf_small,
  contact_burnt,
  supply_warm,
  flow_meter_off,
  flow_sags,
  log_unreadable,
  log_cleared,
  kernel_error,
  cpu_wrong,
  memory_wrong,
  disk_wrong,
  edac_correctable,
  edac_uncorrectable,
  cdu_alarm,
  valve_closed,
  valve_stuck,
  coolant_foul,
  filter_clogged,
  flow_meter_low
};

enum class FaultClass { hardware, nuisance };

/// One row of the catalogue.
struct FaultInfo {
  FaultKind kind;
  std::string_view name;  // "leak-warning"
  FaultClass fault_class;
  std::string_view
      part_kind;  // what PART may name: "leak detector", "GPU", "NVLink", "firmware component", ""
  std::string_view description;  // one line for --list-faults
};
const std::vector<FaultInfo>& fault_catalogue();
const FaultInfo& fault_info(FaultKind kind);
std::string_view to_string(FaultClass fault_class);  // "hardware", "nuisance"

/// A parsed SPEC, not yet looked up in a rack.
struct FaultSpec {
  FaultKind kind = FaultKind::leak;
  std::string dut;
  std::string part;                       // empty: the default part
  std::optional<std::uint64_t> delay_ns;  // none: from the start
  int number = 0;                         // Xid; 79 unless given
  std::string text;                       // as it was written
};

enum class FaultState { waiting, active, cleared };

/// A fault in a rack.
struct Fault {
  FaultSpec spec;  // with the part filled in
  FaultState state = FaultState::waiting;
  std::uint64_t added_ns = 0;
  std::uint64_t load_seen_ns = 0;  // first stress load since it was added; 0: none yet
  std::uint64_t active_since_ns = 0;
  std::uint64_t cleared_ns = 0;
  bool struck = false;   // its one-time marks (log lines, counters) are made
  double remainder = 0;  // fractions of counted errors carried to the next step
  int strikes = 0;       // how often it has struck (dropped connections, repeated log lines)
  std::uint64_t next_strike_ns = 0;
  std::string saved;  // what it replaced, to be put back when it clears
};

/// Reads a SPEC. Errors: fault.spec (shape), fault.unknown (kind, with the nearest name), fault.delay.
Result<FaultSpec> parse_fault(std::string_view text);

/// Adds a fault; fills in the default part. Errors: fault.dut, fault.part (with the nearest name),
/// fault.role (this kind cannot strike that kind of DUT). Returns the time of activation, 0 while it waits
/// for load.
Result<std::uint64_t> add_fault(RackModel& rack, const FaultSpec& spec);

/// Clears faults of this kind on this DUT: the part given, or all parts when it is empty. Error: fault.none.
/// Returns how many were cleared.
Result<int> clear_fault(RackModel& rack, const FaultSpec& spec);

/// The active fault of a kind on a DUT (on `part`, or on any part when empty), or null.
const Fault* active_fault(const RackModel& rack, const Dut& dut, FaultKind kind, std::string_view part = {});
Fault* active_fault(RackModel& rack, const Dut& dut, FaultKind kind, std::string_view part = {});

/// Parts of a DUT that a kind may strike, default first; empty: the kind takes no part or cannot strike this
/// role.
std::vector<std::string> fault_parts(const RackModel& rack, const Dut& dut, FaultKind kind);
/// Whether the kind can strike a DUT of this role at all.
bool fault_applies(const Dut& dut, FaultKind kind);

/// Called by advance(): wakes faults whose delay is over and makes every active fault's marks on the rack.
void advance_faults(RackModel& rack);

}  // namespace kiln::virtual_rack
