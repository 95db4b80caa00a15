#pragma once
// Bmc: what a step can ask of a management controller, as verbs of intent. No URI, vendor or guessed id
// appears here. Every reply carries the URI it was read from. An Error means the exchange did not happen; a
// reading without a value means the BMC answered and had none. One bad member never hides its siblings: it is
// counted in `Oddity`. The Redfish implementation is redfish_bmc.h; the fake is testing/scripted_http.h
// beneath it. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bmc/ability.h"
#include "io/ctx.h"
#include "model/inventory.h"
#include "model/leak_reading.h"
#include "model/permit.h"

namespace kiln {

/// Something a BMC said that could not be understood or broke the standard, and was survived.
struct Oddity {
  std::string uri;
  std::string property;
  std::string what;
};

/// A deviation that was lived with.
struct AppliedQuirk {
  std::string quirk;     ///< "expand_unreliable"
  std::string dialect;   ///< who told of it; empty: it was noticed, and no dialect of this BMC knows it
  std::string sentence;  ///< how it shows, and what was done
  std::string uri;       ///< where
};

struct BmcIdentity {
  std::string redfish_version, vendor, product, uuid;
  std::string serial;         ///< of the system or chassis this BMC stands for, tidy; empty when it has none
  std::string serial_source;  ///< URI
  std::string model, manufacturer, manager_firmware;
  std::string uri;  ///< of the service root
  /// Where it sits: rack unit, 1 at the bottom (Resource.Location, Placement.RackOffset or a PartLocation of
  /// type Slot); nullopt when the BMC does not say.
  std::optional<int> slot;
  std::string slot_source;  ///< URI
  std::string platform;     ///< its dialects: "nvidia_nvl72_tray, ami_megarac"; empty: not recognised
};

enum class PowerState { on, off, powering_on, powering_off, unknown };
std::string_view to_string(PowerState state);

/// What a BMC tells of the last start of its host (ComputerSystem v1.12 LastResetTime, v1.13 BootProgress).
struct HostStart {
  PowerState power = PowerState::unknown;
  std::string last_reset;     ///< LastResetTime as printed; empty: it does not tell
  std::string boot_progress;  ///< BootProgress.LastState as printed ("OSRunning"); empty: it does not tell
  std::string uri;
};

/// One physical part. `name` is its address inside the DUT ("GPU_0", "GPU_0/NVLink_3",
/// "Chassis_0_LeakDetector_0_ColdPlate").
struct Part {
  ComponentKind kind = ComponentKind::whole_dut;
  std::string name, serial, part_number, model, manufacturer, firmware, location;
  std::string state;   ///< Status.State as printed; "Absent" parts are listed, not hidden
  std::string health;  ///< Status.Health as printed
  std::string uri;
  /// Where in an NVLink rack it sits, of a cable cartridge's chassis (Oem.Nvidia of NvidiaChassis:
  /// ChassisPhysicalSlotNumber, ComputeTrayIndex, TopologyId, RevisionId); nullopt: it does not tell.
  std::optional<std::int64_t> rack_slot = {}, tray_index = {}, topology_id = {}, revision_id = {};
  /// Not empty: it could not be read, and this says why. Without a name: the collection at `uri` could not be
  /// read, so that any part of this kind may be in it.
  std::string unread;
};

/// One numeric reading. `value` is nullopt when the BMC has none (null, "N/A", sentinel).
struct SensorReading {
  std::string name;
  std::optional<double> value;
  std::string unit;          ///< UCUM, canonical
  std::string reading_type;  ///< Redfish ReadingType, the unit's where the two disagree; may be empty
  std::string context;       ///< PhysicalContext
  std::string state, health, uri;
};

struct LeakDetectorReading {
  std::string name;
  LeakVerdict verdict;
  LeakDetectorAnswer answer;
  std::string uri;
};

/// `declared`: Members@odata.count or the length of the list; detectors that failed to answer are in the list
/// as fault.
struct LeakCensus {
  std::vector<LeakDetectorReading> detectors;
  std::int64_t read_ns = 0;  ///< monotonic
};

/// A coolant connection or a CDU loop side. Absent values are nullopt. L/min, Cel, kPa, kW.
struct CoolantReading {
  std::string name;  ///< "Chassis_0/CoolantConnector_0", "CDU/Secondary_1"
  std::optional<double> flow, supply_temperature, return_temperature, supply_pressure, delta_pressure,
      heat_removed;
  std::string state, health, uri;
  /// Of its valve (CoolantConnector v1.3.0), where it has one: % open, ValveState ("Open", "Closed") and
  /// ValveStateReason ("Normal", "NotInUse", "LeakDetected") as printed; empty: it does not tell.
  std::optional<double> valve_position = {};
  std::string valve_state = {}, valve_reason = {};
};

struct PumpReading {
  std::string name;
  std::optional<double> speed_percent;
  std::string state, health, uri;
};

/// What a unit that serves the rack with coolant tells of itself and of the air around it. Absent values are
/// nullopt. Cel, %, kPa.
struct CoolingUnitReading {
  std::string name;  ///< Id of the unit, as in the names of its connections
  std::optional<double> dew_point, air_temperature, humidity;
  std::optional<double> reservoir_level;  ///< the lowest of its reservoirs but those for overflow
  std::optional<double> filter_pressure;  ///< the highest drop over one of its filters
  std::string uri;
  std::string coolant_quality =
      {};  ///< CoolingLoop v1.1.0 CoolantQuality as printed; empty: it does not tell
  std::optional<double> alarms = {};  ///< how many it has, where it counts them
};

/// One voltage that a supply puts out. V.
struct SupplyRail {
  std::optional<double> voltage, nominal;
  std::string context;  ///< OutputRails[].PhysicalContext: "DCBus"; may be empty
};

/// One power supply of a shelf or a server. Absent values are nullopt. V, W.
struct PowerSupplyReading {
  std::string name;  ///< as parts() calls it
  std::optional<double> input_voltage, input_power, output_power, capacity;
  std::vector<SupplyRail> rails;
  std::string line_input;           ///< LineInputStatus as printed: "Normal", "LossOfInput"
  std::optional<bool> switched_on;  ///< where the vendor tells it beside Status
  std::string state, health, uri;
  std::string unread;  ///< not empty: it is listed and could not be read, and this says why
};

/// What a group of supplies says of its redundancy (PowerSubsystem v1.1.3 PowerSupplyRedundancy).
struct SupplyRedundancy {
  std::string type;  ///< RedundancyType as printed: "NPlusM"
  std::optional<std::int64_t> needed, members;
  std::string state, health, uri;
};

/// One place at which power enters the DUT. V.
struct PowerInput {
  std::string name;
  std::optional<double> voltage;
  std::string uri;
};

/// The way of the power as far as this BMC sees it.
struct PowerChain {
  std::optional<double> power;  ///< W that the DUT draws
  std::string power_uri;
  std::vector<PowerInput> inputs;
  std::vector<PowerSupplyReading> supplies;
  std::vector<SupplyRedundancy> redundancy;
};

/// One member of ComponentIntegrity v1.2.3.
struct IntegrityReading {
  std::string name;             ///< Id
  std::string type;             ///< ComponentIntegrityType as printed: "SPDM", "TPM"
  std::string target;           ///< TargetComponentURI
  std::optional<bool> enabled;  ///< ComponentIntegrityEnabled
  std::string verification;     ///< SPDM ResponderAuthentication.VerificationStatus as printed; empty: none
  std::string state, health, uri;
  std::string unread;  ///< not empty: it is listed and could not be read, and this says why
};

/// Whether a part's firmware makes errors up on request (Oem.Nvidia NvidiaErrorInjection v1.0.0 to v1.2.0).
struct ErrorInjectionReading {
  std::string part;                         ///< "GPU_0"
  std::optional<bool> mode_enabled;         ///< ErrorInjectionModeEnabled
  std::optional<bool> persistent_modified;  ///< PersistentDataModified: errors made up stay in its memory
  std::map<std::string, bool> enabled;      ///< kind it offers ("NVLinkErrors") → whether it is armed
  std::string uri;
  std::string unread;  ///< not empty: it is linked and could not be read, and this says why
};

/// How a machine is set up, as far as its BMC tells. Nothing is tried out.
struct PlatformSetup {
  std::optional<bool> secure_boot;  ///< SecureBootEnable: what the next boot does
  std::string secure_boot_now;      ///< SecureBootCurrentBoot as printed: what this boot did
  std::string secure_boot_uri;
  std::vector<IntegrityReading> integrity;
  std::string integrity_uri;                ///< empty: it has no ComponentIntegrity
  std::map<std::string, std::string> bios;  ///< Attributes of the host's Bios, each as text
  std::string bios_uri;                     ///< empty: it has none
  std::vector<std::string> bios_pending;    ///< Attributes that the next boot will change
  std::optional<double> reading_age;        ///< s: its clock minus the newest time that it gives a reading
  std::string reading_uri;
  std::optional<bool> password_change_required;  ///< of any account that is enabled
  std::string account_uri;
  std::optional<double> session_timeout;  ///< s
  std::string session_uri;
  std::vector<ErrorInjectionReading> error_injection = {};  ///< of every part that links one
};

struct FirmwareItem {
  std::string id;       ///< FirmwareInventory Id: "HGX_FW_GPU_0"
  std::string version;  ///< tidy; empty when the BMC has none
  std::optional<bool> updateable;
  std::string state, uri;
  /// What the other bank of this component holds, where the BMC lists it; empty: it does not say.
  std::string standby_version, standby_uri;
};

struct UpdateRequest {
  std::string component;  ///< FirmwareInventory Id
  std::string image_name;
  std::string image;  ///< bytes
  /// Not empty: the BMC fetches the image from there itself, and `image` is not used.
  std::string uri = {};
  /// What the update names as its targets: nullopt: the component's inventory entry; empty: nothing.
  std::optional<std::vector<std::string>> targets = {};
  std::string image_type = {};  ///< OemParameters.ImageType of AMI MegaRAC; empty: none
  /// false: also what is larger than the BMC says it takes. For who wants to see it refused.
  bool check_size = true;
};
struct UpdateProgress {
  std::string task_state, task_status, message;
  std::optional<int> percent;
};
/// What the task said at its end. Only a re-read of the inventory decides whether the update worked.
struct UpdateOutcome {
  bool task_ok = false;
  bool task_vanished = false;  ///< 404 after a manager reset
  bool awaits_activation = false;
  std::string task_state, message, task_uri;
  std::vector<std::string> message_ids = {};  ///< of the task's messages, in their order
};

struct NvlinkReading {
  std::string name;                                  ///< "GPU_0/NVLink_3", "NVSwitch_1/NVLink_7"
  std::string link_state, link_status;               ///< as printed: Enabled, LinkUp
  std::optional<double> speed_gbps, max_speed_gbps;  ///< Gbit/s
  std::optional<std::int64_t> width;                 ///< lanes: the narrower of receiver and sender
  std::optional<double> rx_bytes, tx_bytes;
  std::map<std::string, std::int64_t> errors;  ///< by canonical name: crc_data, crc_flit, replay, recovery,
                                               ///< symbol, effective, link_downed, runtime, training,
                                               ///< receive, malformed, unintentional_down
  std::optional<double> bit_error_rate;        ///< of symbols, as the vendor calls it
  std::optional<double> effective_ber;         ///< what is left after forward error correction
  std::string uri;
  std::optional<double> raw_ber = {};  ///< before forward error correction: Oem.Nvidia TotalRawBER
};

/// One GPU out of band. Absent values are nullopt.
struct GpuReading {
  std::string name;  ///< GPU_0
  std::optional<double> temperature, memory_temperature, power, power_limit, clock_mhz;
  std::vector<std::string> throttle_reasons;  ///< "NA" and empty removed
  std::optional<std::int64_t> ecc_uncorrectable, ecc_correctable, row_remap_failed, row_remap_pending;
  std::string state, health, uri;
  /// PCIeErrors of ProcessorMetrics by canonical name: correctable, non_fatal, fatal, replay,
  /// replay_rollover, l0_to_recovery, nak_sent, nak_received.
  std::map<std::string, std::int64_t> pcie_errors = {};
  std::optional<bool> sram_threshold_exceeded = {};  ///< Oem.Nvidia SRAMECCErrorThresholdExceeded
};

struct LogEntry {
  std::string id, created, severity, message_id, message, origin, uri;
};

/// One log of a BMC (LogService v1.x) with its entries, as listed.
struct EventLog {
  std::string uri, name;
  std::vector<LogEntry> entries;
  std::optional<std::int64_t> capacity;  ///< MaxNumberOfRecords, where it is one
  std::string when_full;                 ///< OverWritePolicy as printed: WrapsWhenFull, NeverOverWrites
  std::size_t listed = 0;  ///< entries that it lists; more than `entries` where some were left out
  std::string unread;  ///< not empty: it could not be read, or not all that was asked for, and this says why
};

/// What a survey saw of a whole tree.
struct SurveyReport {
  int links_followed = 0;    ///< distinct URIs asked for = resources_read + error_bodies + links_to_nothing +
                             ///< not_understood + unanswered
  int resources_read = 0;    ///< answered with a resource of which the typed views understand everything
  int error_bodies = 0;      ///< answered with a body that is nothing but an error
  int links_to_nothing = 0;  ///< 404 and the like
  int not_understood = 0;    ///< answered with a resource of which they do not, or with no JSON
  int not_json = 0;          ///< of these
  int degraded = 0;  ///< an error beside a usable resource; also counted in resources_read or not_understood
  int unanswered = 0;  ///< asked for, repeated, never answered
  std::vector<std::string> error_uris, missing_uris, not_json_uris, unanswered_uris;
  std::vector<Oddity> not_understood_properties;  ///< the first 2,000; without a property: no JSON
  std::vector<Oddity> oddities;
  std::map<std::string, int> resource_types;  ///< "Chassis" → 3
  bool complete = true;                       ///< false: stopped by a cap or a deadline
};

/// What the BMC does by itself about a leak (NVIDIA LeakDetectionPolicy).
struct LeakPolicy {
  std::string place;  ///< chassis
  std::optional<bool> enabled;
  std::optional<double> reaction_delay_seconds;
  std::string uri;
};

struct BmcEvent;  // bmc/bmc_event.h

class Bmc {
 public:
  virtual ~Bmc() = default;

  virtual boost::asio::awaitable<Result<BmcIdentity>> identity(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<PowerState>> power_state(const Ctx& ctx) = 0;
  /// Asks for power on and returns when the BMC accepted it; read power_state to know.
  virtual boost::asio::awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) = 0;
  virtual boost::asio::awaitable<Status> force_off(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Status> graceful_shutdown(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Status> restart(const Ctx& ctx, const Permit& permit) = 0;
  /// What one GPU may draw, in W, by its name ("GPU_0"): raised with a permit, lowered without; each is
  /// refused when it is the other. Returns what the limit was. Errors: those of the exchange, bmc.no_part,
  /// bmc.unsupported, bmc.out_of_range (outside what the GPU allows), bmc.not_a_raise, bmc.not_lowered.
  virtual boost::asio::awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                                   std::string gpu, double watts) = 0;
  virtual boost::asio::awaitable<Result<double>> lower_power_limit(const Ctx& ctx, std::string gpu,
                                                                   double watts) = 0;
  /// The valve of one coolant connection, by its name ("CDU/Secondary_1"). Accepted, not done: read the flow.
  /// Errors: those of the exchange, bmc.no_part, bmc.unsupported.
  virtual boost::asio::awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit,
                                                    std::string connector) = 0;
  virtual boost::asio::awaitable<Status> close_valve(const Ctx& ctx, std::string connector) = 0;
  /// Resets the management controller itself; the next calls fail until it is back.
  virtual boost::asio::awaitable<Status> reset_manager(const Ctx& ctx) = 0;

  virtual boost::asio::awaitable<Result<std::vector<Part>>> parts(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<LeakCensus>> leak_detectors(const Ctx& ctx) = 0;
  /// Empty: it offers none. Nothing relies on them.
  virtual boost::asio::awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) = 0;
  /// Of a CDU; empty for what is none. What a unit does not tell is unset, not an Error.
  virtual boost::asio::awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx) = 0;
  /// Supplies, what the DUT draws and at which voltage it gets it. What is not told is unset, not an Error.
  virtual boost::asio::awaitable<Result<PowerChain>> power_chain(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<PlatformSetup>> platform_setup(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx& ctx) = 0;

  virtual boost::asio::awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress) = 0;
  /// Updates that somebody, maybe we ourselves before a crash, has begun and that have not ended.
  virtual boost::asio::awaitable<Result<std::size_t>> updates_under_way(const Ctx& ctx) = 0;
  /// Waits until there is none; how each of them ended.
  virtual boost::asio::awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress) = 0;
  /// Takes all power away from the DUT, standby and management controller included, and gives it back:
  /// what activates CPLDs and roots of trust. Accepted, not done: the BMC is gone for minutes.
  virtual boost::asio::awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit) = 0;

  /// Entries of all event logs, oldest first; `newer_than` is an entry's `created`, empty = all (capped,
  /// newest kept).
  virtual boost::asio::awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx& ctx,
                                                                          std::string newer_than) = 0;
  /// The BMC's own clock minus ours, in seconds; nullopt when it has none.
  virtual boost::asio::awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx) = 0;
  virtual boost::asio::awaitable<Result<SurveyReport>> survey(const Ctx& ctx) = 0;

  /// Ends the session at the BMC. Called by the framework under shielded(); safe to call twice.
  virtual boost::asio::awaitable<Status> logout(const Ctx& ctx) = 0;

  /// Everything odd since the last call; moved out.
  virtual std::vector<Oddity> take_oddities() = 0;
  /// Exchanges that were repeated because the BMC was busy, reset or unintelligible for a moment; moved out.
  virtual std::vector<std::string> take_disturbances() = 0;
  /// Quirks lived with since the last call, each once per connection; moved out.
  virtual std::vector<AppliedQuirk> take_quirks() = 0;

  /// Calls `on_event` for what the BMC says by itself, as it says it, until `ctx` ends (its Error), or
  /// "bmc.no_events": it says nothing, now or for the rest. Makes polling faster and replaces none of it.
  virtual boost::asio::awaitable<Status> listen(const Ctx& ctx,
                                                std::function<void(const BmcEvent&)> on_event) = 0;
  /// All logs of events, each by itself, with what could not be read of them. Of a log that only links its
  /// entries, the 200 with the highest Ids. Errors of the exchange.
  virtual boost::asio::awaitable<Result<std::vector<EventLog>>> event_logs(const Ctx& ctx) = 0;
  /// The same for who looks again and again: of a log that this connection has read before, only what is new
  /// is read where the BMC lets that be told for certain; what is old is as it was read then. A log that was
  /// cleared or renumbered is read whole again.
  virtual boost::asio::awaitable<Result<std::vector<EventLog>>> event_logs_again(const Ctx& ctx) = 0;

  /// Whether the BMC offers power_on, force_off, graceful_shutdown, restart, manager_reset or
  /// full_power_cycle, without asking for it: for what must not begin where its end is not to be had. Errors:
  /// "bmc.unsupported" with what is missing, also for any other ability; those of the exchange.
  virtual boost::asio::awaitable<Status> offers(const Ctx& ctx, BmcAbility ability) = 0;
  /// One read of what power_state() reads. What it does not tell of the start is empty.
  virtual boost::asio::awaitable<Result<HostStart>> host_start(const Ctx& ctx) = 0;
};

}  // namespace kiln
