#pragma once
// The state of a virtual rack: every tray, switch, CDU and power shelf with what its BMC and its host can be
// asked.
//
// Owner: the rack program's main, one object. Thread: the one loop thread; nothing here locks.
// The Redfish side, the SSH side and the control endpoint only read this state and give commands
// (request_power, stage_firmware, faults.h); advance() in physics.h is the only thing that moves time.
// Vectors are sized once by build_rack() and never grow afterwards except logs and processes, so references
// into them stay good.
//
// Quantities carry their unit in the name (_c Celsius, _w watt, _lpm litre per minute, _kpa kilopascal).
// A Reading has two values: what is true in the physics and what the instrument shows (noise, lag, steps).

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests_hw/virtual_rack/physics_constants.h"

namespace kiln::virtual_rack {

/// CLOCK_MONOTONIC in nanoseconds: comparable with the station's own times on the same machine.
std::uint64_t monotonic_ns();

/// A physical quantity and what its sensor shows of it. Serve `shown`; `actual` is for physics and its tests.
struct Reading {
  double actual = 0;
  double shown = 0;
  double filtered = 0;  // state of the instrument's own low-pass filter
};

enum class Role { compute_tray, switch_tray, cdu, power_shelf, server };
std::string_view to_string(Role role);  // "compute_tray" ..., as in the inventory file

enum class PowerState { off, powering_on, on, powering_off };
std::string_view to_string(
    PowerState state);  // "Off", "PoweringOn", "On", "PoweringOff": Redfish PowerState words

/// What a person or a BMC may ask of a DUT's power.
enum class PowerCommand { on, force_off, graceful_shutdown, force_restart, graceful_restart, power_cycle };

/// LeakDetector.DetectorState of Redfish LeakDetector v1.6.0.
enum class DetectorState { ok, warning, critical, unavailable, absent };
std::string_view to_string(DetectorState state);  // "OK", "Warning", "Critical", "Unavailable", "Absent"

/// One leak detector. `status_state` is the Redfish word ("Enabled", "Absent", "Disabled", "Degraded",
/// "UnavailableOffline").
struct LeakDetector {
  std::string name;  // "Chassis_0_LeakDetector_0_ColdPlate", "leakage1": Redfish Id and the PART of a fault
  std::string placement;  // "ColdPlate", "Manifold", "DripPan": for the user label
  DetectorState state = DetectorState::ok;
  std::string status_state = "Enabled";
  std::string status_health = "OK";  // "OK", "Warning", "Critical"
  double voltage = 2.4;              // V at the sense pin; falls when wet
};

/// Error counters of one link. They count from power-on of the GPU and never fall; a cleared fault leaves
/// them.
struct LinkCounters {
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t data_crc_errors = 0;
  std::uint64_t flit_crc_errors = 0;
  std::uint64_t replays = 0;
  std::uint64_t recoveries = 0;
  std::uint64_t fec_corrected = 0;  // repaired by the link's own coding: benign, seen on every healthy fabric
  std::uint64_t symbol_errors = 0;
  std::uint64_t effective_errors = 0;
  std::uint64_t link_downed = 0;
  std::uint64_t malformed_packets = 0;
  std::uint64_t receive_errors = 0;
  double effective_ber =
      0;  // errors per bit over the recent past; 1.5e-254 is how NVLink5 firmware says zero
  double symbol_ber = 0;
};

/// One NVLink port of a GPU.
struct NvLink {
  std::string name;  // "NVLink_0" .. "NVLink_17"; the PART of a fault is "GPU_2/NVLink_5"
  bool up = true;
  int lanes = 2;                // of each direction, as RXWidth and TXWidth of captured trees tell it
  double speed_gbps = 425.0;    // raw, per direction: 53.125 GB/s as nvidia-smi prints for NVLink 5
  std::size_t switch_tray = 0;  // index of the switch tray among rack.duts
  std::size_t switch_chip = 0;  // index into that DUT's switches
  std::size_t switch_port = 0;  // index into that chip's ports
  /// GPU and link of the same DUT at its other end, where a bridge joins two cards; none: a switch port.
  std::optional<std::pair<std::size_t, std::size_t>> bridged_to;
  LinkCounters counters;
};

/// Row remapping as nvidia-smi and Redfish MemoryMetrics show it.
struct RowRemap {
  std::uint64_t correctable = 0;
  std::uint64_t uncorrectable = 0;
  bool pending = false;
  bool failure = false;
};

struct EccCounters {
  std::uint64_t sram_correctable = 0;
  std::uint64_t sram_uncorrectable = 0;
  std::uint64_t dram_correctable = 0;
  std::uint64_t dram_uncorrectable = 0;
};

/// Reasons a GPU runs below its wished clock; names follow nvidia-smi's clocks event reasons.
struct ThrottleReasons {
  bool gpu_idle = true;
  bool sw_power_cap = false;
  bool sw_thermal_slowdown = false;
  bool hw_slowdown = false;
  bool hw_thermal_slowdown = false;
  bool hw_power_brake_slowdown = false;
};

struct XidEvent {
  int number = 0;
  std::uint64_t monotonic_ns = 0;
  std::string text;  // what follows the number in the kernel line
};

struct Gpu {
  std::string name;  // "GPU_0": Redfish Id under HGX_Baseboard_0/Processors and the PART of a fault
  int index = 0;
  std::string model;         // "NVIDIA GB300"
  std::string architecture;  // "Blackwell"
  std::string part_number;
  std::string serial;
  std::string uuid;         // "GPU-xxxxxxxx-…"
  std::string pci_address;  // "00000008:01:00.0"
  int pci_device = 0;       // 0x31c2
  std::string vbios;
  std::uint64_t memory_mib = 0;
  bool present = true;  // false: never enumerated (gpu-missing)
  bool on_bus = true;   // false: was there, has fallen off the bus (Xid 79)

  Reading temperature_c;  // hottest spot of the die
  Reading memory_temperature_c;
  Reading power_w;
  double power_limit_w = 0;  // enforced limit
  double default_power_limit_w = 0;
  double min_power_limit_w = 0;
  double max_power_limit_w = 0;
  double energy_j = 0;
  double utilisation = 0;  // 0..1
  double memory_used_mib = 0;
  double sm_clock_mhz = 0;
  double memory_clock_mhz = 0;
  double max_sm_clock_mhz = 0;
  double max_memory_clock_mhz = 0;
  double slowdown_c = 0;  // the GPU slows itself above this
  double shutdown_c = 0;
  double thermal_resistance_k_per_w = 0;  // die to coolant inlet, at the tray's rated flow
  double memory_resistance_k_per_w = 0;
  ThrottleReasons throttle;
  double throttle_level = 1;      // share of full power its own protection allows
  double load_power_factor = 1;   // this die's power under load, relative to the nominal
  double thermal_throttle_s = 0;  // accumulated
  double power_throttle_s = 0;
  EccCounters ecc_volatile;
  EccCounters ecc_aggregate;
  RowRemap row_remap;
  std::uint64_t pcie_replays = 0;
  double loaded_s = 0;  // under load without a break
  std::uint64_t pcie_correctable = 0, pcie_fatal = 0;
  int pcie_generation = 6;
  int pcie_width = 16, pcie_lanes = 16;  // of GPU and slot; of them up
  bool ecc_on = true;
  std::vector<XidEvent> xids;
  std::vector<NvLink> links;
  double peer_gb_per_s = 0;        // what nvbandwidth finds between two of them, all links up
  double all_reduce_gb_per_s = 0;  // bus bandwidth that nccl-tests find, all links up
  double gigaflops = 0;            // of gpu_burn at the highest clock
};

/// One port of a switch chip; the mirror of the GPU's link at its other end.
struct SwitchPort {
  std::string name;  // "NVLink_0" .. "NVLink_71"
  bool up = true;
  int lanes = 2;
  double speed_gbps = 425.0;
  std::optional<std::size_t> peer_dut;  // index into rack.duts; none: nothing plugged
  std::size_t peer_gpu = 0;
  std::size_t peer_link = 0;
  LinkCounters counters;
};

struct SwitchChip {
  std::string name;  // "NVSwitch_0"
  std::string serial;
  std::string part_number;
  Reading temperature_c;
  Reading power_w;
  std::vector<SwitchPort> ports;
};

/// A pair of hoses with what is measured in them. Trays have one; a CDU has "Primary" and "Secondary".
struct CoolantConnector {
  std::string name;
  Reading flow_lpm;
  double rated_flow_lpm = 0;
  double natural_flow_lpm = 0;  // of this branch as it was built, a little off the rated one
  Reading supply_c;
  Reading return_c;
  Reading supply_kpa;
  Reading return_kpa;
  Reading heat_kw;  // removed by the coolant
  double valve_percent = 100;
};

struct Pump {
  std::string name;  // "Pump_1"
  bool ok = true;
  Reading speed_percent;
  double service_hours = 0;
};

/// What only a CDU has.
struct CoolingUnit {
  bool is_cooltera = false;  // serves status.xml in place of Redfish
  double supply_setpoint_c = 0, capacity_kw = 0, reservoir_percent = 0;
  double static_kpa = 0;  // of the loop while no pump runs
  Reading reservoir_kpa;
  Reading filter_delta_kpa;
  Reading ambient_c;
  Reading humidity_percent;
  Reading dew_point_c;
  std::vector<Pump> pumps;
  CoolantConnector primary;    // facility water
  CoolantConnector secondary;  // coolant to the rack
};

struct Cpu {
  std::string name;  // "CPU_0"
  std::string model;
  std::string serial;
  std::string part_number;
  int cores = 0;
  Reading temperature_c;
  Reading power_w;
  double utilisation = 0;
};

struct MemoryModule {
  std::string name;  // "DIMM_0" or "LPDDR5X_0"
  std::string serial;
  std::string part_number;
  std::string type;  // Redfish MemoryDeviceType: "LPDDR5_SDRAM", "DDR5"
  std::uint64_t capacity_mib = 0;
  std::uint64_t correctable_errors = 0;
  std::uint64_t uncorrectable_errors = 0;
  Reading temperature_c;
};

struct Drive {
  std::string name;    // "NVMe_0": Redfish Id
  std::string device;  // "nvme0n1": what the operating system calls it
  std::string model;
  std::string serial;
  std::string firmware;
  std::uint64_t size_bytes = 0;
  double media_life_left_percent = 100;
  std::uint64_t media_errors = 0;
  Reading temperature_c;
};

struct Nic {
  std::string name;    // "NIC_0"
  std::string device;  // "ibp3s0"
  std::string model;
  std::string serial;
  std::string part_number;
  std::string mac;
  std::string firmware;
  double speed_gbps = 0;
  bool link_up = true, link_layer_known = true, pcie_narrow = false, pcie_slow = false;
  // Since the driver was loaded, as the operating system counts.
  std::uint64_t link_downed = 0, symbol_errors = 0, receive_errors = 0, recoveries = 0;
  Reading temperature_c;
};

struct Fan {
  std::string name;  // "Fan_0"
  Reading speed_rpm;
  Reading speed_percent;
};

struct PowerSupply {
  std::string name;  // "PowerSupplyUnit 1" (with the blank, as Delta shelves have it)
  std::string serial;
  std::string part_number;
  std::string firmware;
  bool ok = true;
  double rated_w = 0;
  double nominal_v = 0;  // of its rail
  Reading input_w, output_w, input_v, rail_v, temperature_c;
};

/// When a staged image starts to run.
enum class FirmwareActivation { host_reset, bmc_reset, power_cycle };

struct FirmwareItem {
  std::string name;       // FirmwareInventory Id: "FW_BMC_0", "HGX_FW_GPU_0", "UEFI"
  std::string component;  // name of the part it runs on, "" for the DUT itself
  std::string version;    // running
  std::string staged;     // written, not yet running; empty: none
  std::string release;    // what the rack's baseline wants of it; empty: it is not in the baseline
  bool updateable = true;
  FirmwareActivation activation = FirmwareActivation::host_reset;
};

/// One entry of the BMC's event log. `part` names what it is about; the Redfish side turns it into an
/// address.
enum class EventOrigin { dut, leak_detector, gpu, nvlink, coolant, firmware, power, memory };

struct EventEntry {
  int id = 0;
  std::uint64_t monotonic_ns = 0;
  std::int64_t utc_ns = 0;  // by the BMC's own clock, so with its offset
  std::string severity;     // "OK", "Warning", "Critical"
  std::string message_id;   // "ResourceEvent.1.0.ResourceStatusChangedCritical"
  std::string message;
  std::vector<std::string> arguments;
  EventOrigin origin = EventOrigin::dut;
  std::string part;  // "Chassis_0_LeakDetector_0_ColdPlate", "GPU_2", "GPU_2/NVLink_5"
};

/// A numeric instrument of a DUT, as a Redfish Sensor. `value` points into this DUT and outlives it.
struct Sensor {
  std::string id;       // "HGX_GPU_0_Temp_0"
  std::string chassis;  // chassis Id it hangs under: "HGX_GPU_0", "Chassis_0"
  std::string name;
  std::string reading_type;  // Redfish: Temperature, Power, LiquidFlow, PressurekPa, Rotational, Percent,
                             // Humidity, Voltage
  std::string units;         // UCUM: Cel, W, L/min, kPa, RPM, %, V
  std::string part;          // "GPU_0", "CPU_1", ""
  const Reading* value = nullptr;
  bool needs_power = true;  // no reading while the DUT is off
  std::optional<double> upper_caution;
  std::optional<double> upper_critical;
  std::optional<double> lower_caution;
  std::optional<double> lower_critical;
};

/// One line of the kernel log of a host.
struct KernelLine {
  std::uint64_t monotonic_ns = 0;
  int level = 6;     // syslog level, 3 err .. 6 info
  std::string text;  // "NVRM: Xid (PCI:0008:01:00): 79, …"
};

/// A program running on a DUT's host. Created and ended by host_commands; physics takes its utilisation from
/// here.
struct Process {
  int pid = 0;
  std::string name;  // as pgrep -x sees it: "gpu_burn"
  std::uint64_t started_ns = 0;
  double gpu_utilisation = 0;     // 0..1 on every GPU of the DUT
  double nvlink_utilisation = 0;  // 0..1 of each link's rate
  double cpu_utilisation = 0;
  double disk_utilisation = 0;
  bool stress = false;  // counts as the DUT's stress load
  int signalled = 0;    // signal that was sent to it, 0: none; its owner looks at this
  int listens_on = 0;   // TCP port it waits at for a client, 0: none
  std::string device;   // the adapter behind it
  bool served = false;  // its client has been
};

/// What a compute tray of an NVL72 rack is plugged into: Chassis CBC_0 to CBC_3.
inline std::vector<std::string> cable_cartridges() { return {"CBC_0", "CBC_1", "CBC_2", "CBC_3"}; }

/// How its BMC presents a DUT: words of the service root, and the Ids of what the DUT's own parts hang under.
struct BmcFace {
  std::string vendor, product, redfish_version;
  std::string system;   // "System_0", "1"; empty: it has no host
  std::string chassis;  // with its detectors, hoses, supplies and fans: "Chassis_0", "1"
  std::string manager, manager_model;
  /// HGX baseboard with the GPUs, listed as a system of its own; empty: GPUs hang under `system`.
  std::string baseboard_model;  // "GB300 NVL"
  std::string baseboard_chassis, baseboard_manager;
  [[nodiscard]] bool has_baseboard() const { return !baseboard_model.empty(); }
};

struct Dut {
  std::string id;  // "C01"
  Role role = Role::compute_tray;
  int slot = 0;  // rack unit, lowest; 0: hangs in no unit of this rack
  /// The slot that its cable cartridges know it to be in, and the driver with them: where it really is.
  /// `slot` is what its BMC was told when it was built in.
  int position = 0;
  std::vector<std::string> cartridges_out;  // cable cartridges that are not there: "CBC_2"
  int height = 1;
  std::string manufacturer;
  std::string model;
  std::string part_number;
  std::string serial;
  std::string uuid;
  std::string hostname;
  BmcFace face;
  bool stale_image = false;  // booted from an older one than its neighbours
  int fabric_clique = 1;     // of the NVLink fabric in which its GPUs have registered

  // Power and boot. host_up: the operating system answers SSH.
  PowerState power = PowerState::on;
  std::uint64_t power_change_ns = 0;  // when the transition under way ends
  std::uint64_t host_up_at_ns = 0;    // when the operating system will be up, while power is on
  bool host_up = false;
  bool restart_after_off = false;
  std::uint64_t late_on_ns = 0;  // an On that was asked for is carried out then; 0: none is
  std::uint64_t boot_ns = 0;     // kernel's time zero
  std::string boot_id;
  int boots = 0;
  std::uint64_t bmc_ready_at_ns = 0;  // the BMC does not answer before this time
  bool bmc_activation_pending = false;

  // Load.
  std::vector<Process> processes;
  int next_pid = 0;
  bool load = false;  // stress load running now
  std::optional<std::uint64_t>
      first_load_ns;  // when the first stress load began; fault delays count from here
  double load_seconds = 0;

  // Clocks: what this DUT's clocks say minus true UTC.
  double bmc_clock_offset_s = 0;
  double host_clock_offset_s = 0;

  // Whole-DUT quantities.
  Reading power_w;
  Reading inlet_c;           // air
  Reading humidity_percent;  // inside the tray
  double energy_j = 0;
  double other_power_w = 0;    // everything but GPUs, CPUs and switch chips
  double standby_power_w = 0;  // BMC and standby rails, also while off
  Reading input_v;             // at the tray's side of its bus-bar contact

  // How the host is set up. `bios`: Attributes of its Bios resource.
  bool secure_boot = true;
  std::vector<std::pair<std::string, std::string>> bios;

  bool wet = false;  // has coolant
  CoolantConnector coolant;
  std::vector<LeakDetector> detectors;
  std::vector<Gpu> gpus;
  std::size_t bridged_gpus = 0;  // cards that NVLink bridges join; 0: there are none
  std::vector<SwitchChip> switches;
  std::vector<Cpu> cpus;
  std::vector<MemoryModule> memory;
  std::vector<Drive> drives;
  std::vector<Nic> nics;
  std::vector<Fan> fans;
  std::vector<PowerSupply> supplies;
  std::vector<FirmwareItem> firmware;
  std::vector<std::string> fetched_images;  // of NVOS: files it has fetched
  std::optional<CoolingUnit> cooling_unit;
  std::vector<Sensor> sensors;

  std::vector<EventEntry> events;
  int last_event_id = 0;  // goes on when the log was cleared: listeners tell events apart by it
  std::deque<KernelLine> kernel_log;

  bool energised() const { return power != PowerState::off; }
  bool bmc_answers(std::uint64_t now_ns) const { return now_ns >= bmc_ready_at_ns; }
  bool has_host() const {
    return role == Role::compute_tray || role == Role::switch_tray || role == Role::server;
  }
  /// It runs loads of its own.
  bool computes() const { return role == Role::compute_tray || role == Role::server; }
  /// It is fed by the rack's bus bar; a server has supplies of its own.
  bool on_bus_bar() const { return role == Role::compute_tray || role == Role::switch_tray; }
  /// Its GPUs are part of a fabric that cable cartridges and switch trays carry through the rack.
  bool in_rack_fabric() const { return role == Role::compute_tray; }
  /// Its host has NVIDIA Fabric Manager: NVSwitches beside the GPUs.
  bool has_own_switches() const { return !gpus.empty() && !switches.empty(); }
};

struct Fault;  // faults.h

/// The rack. Build it with build_rack(); then call advance() (physics.h) from one timer, about every 50 ms.
struct RackModel {
  RackModel();
  ~RackModel();
  RackModel(const RackModel&) = delete;
  RackModel& operator=(const RackModel&) = delete;

  std::string name;     // "small", "nvl72", "trays:36"
  std::string rack_id;  // "R01"
  std::string product;  // "virtual-gb300-nvl72", "hgx-h100"
  std::uint64_t seed = 0;
  Physics physics;
  std::vector<Dut> duts;  // in the order C.., S.., CDU.., P..
  std::uint64_t start_ns = 0;
  std::uint64_t now_ns = 0;  // time of the last advance()
  std::int64_t utc_at_start_ns = 0;
  std::uint64_t next_reading_ns = 0;
  std::vector<Fault> faults;
  bool event_service = true;  // BMCs send their events by themselves
  std::mt19937_64 random;

  /// Component of the demo's update list: FirmwareItem name and the version it is brought to.
  std::string update_component;
  std::string update_version;
  /// Everything in the baseline starts one release behind it.
  bool firmware_behind = false;
  bool firmware_current = false;

  Dut* find(std::string_view id);
  const Dut* find(std::string_view id) const;
  std::string ids() const;  // "C01, C02, S01, CDU01" for messages
  double time_scale() const { return physics.time_scale; }
};

/// What to build. Errors: rack.unknown (with the nearest name), rack.trays, rack.product (unknown, or not
/// what this rack is made of), rack.config (file text wrong; says which field).
struct RackOptions {
  std::string rack = "small";
  std::uint64_t seed = 1;
  double time_scale = 0;      // 0: the default of physics.yaml
  bool event_service = true;  // BMCs send their events by themselves
  bool powered_on = true;     // compute and switch trays start switched on and booted
  bool firmware_behind = false;
  bool firmware_current = false;  // also what the demo updates
  std::string product;            // "hgx-b200": of config/products; empty: the one the rack's own file names
  bool cooltera = false;          // its CDU is one that serves status.xml in place of Redfish
};
Result<std::unique_ptr<RackModel>> build_rack(const RackOptions& options, std::uint64_t now_ns);
/// "small", "nvl72" or "trays:N"; otherwise the Error rack.unknown or rack.trays.
Status check_rack_name(const std::string& name);

/// Starts a power transition. False: it has no meaning in this state (already there, or a CDU); nothing
/// changed. Off kills every process and so ends load at once; on boots after physics.boot_s / time_scale.
bool request_power(RackModel& rack, Dut& dut, PowerCommand command);

/// Restarts the BMC: no answers for physics.bmc_reset_s / time_scale; activates items waiting for a BMC
/// reset.
void reset_bmc(RackModel& rack, Dut& dut);

/// Takes all power away, the BMC's too, and gives it back: the DUT is off afterwards, its BMC starts, and
/// whatever was staged runs.
void cycle_all_power(RackModel& rack, Dut& dut);

FirmwareItem* find_firmware(Dut& dut, std::string_view name);

/// Wall time in seconds that writing one component takes here (flash_s / time_scale).
double flash_seconds(const RackModel& rack);

/// NVOS's image of a version: the name of its file, and the bytes a switch has once it fetched it.
std::string nvos_image_file(const std::string& version);
std::string nvos_image_bytes(const std::string& version);

/// Puts an image into place; it runs after the reset its activation names. Errors: firmware.unknown,
/// firmware.fixed.
Status stage_firmware(RackModel& rack, Dut& dut, std::string_view name, std::string version);

void add_event(RackModel& rack, Dut& dut, EventEntry entry);  // fills id and both times
void add_kernel_line(RackModel& rack, Dut& dut, int level, std::string text);

/// UTC by a DUT's BMC clock or host clock, at monotonic time `at_ns`.
std::int64_t bmc_utc_ns(const RackModel& rack, const Dut& dut, std::uint64_t at_ns);
std::int64_t host_utc_ns(const RackModel& rack, const Dut& dut, std::uint64_t at_ns);

/// The words of ThrottleReasons in Redfish Oem.Nvidia.ThrottleReasons; {"NA"} when nothing but idle holds.
std::vector<std::string> redfish_throttle_reasons(const ThrottleReasons& reasons);

}  // namespace kiln::virtual_rack
