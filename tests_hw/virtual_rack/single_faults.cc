#include "tests_hw/virtual_rack/single_faults.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <pugixml.hpp>

#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {

namespace {

using SingleKind = FaultKind;
namespace json = boost::json;

constexpr double kBmcClockLostSeconds = -30.0 * 86400;
constexpr int kOtherPciDevice = 0x1db1;  // pci.ids: a V100, which no limits table lists
constexpr std::uint64_t kMediaErrors = 3, kSramErrors = 2;
constexpr std::uint64_t kRisesEveryNs = 1'000'000'000;
constexpr std::uint64_t kNicErrorsPerRise = 60;  // symbols and packets; a recovery with each

constexpr auto kHardware = FaultClass::hardware;
constexpr auto kNuisance = FaultClass::nuisance;

/// Which DUTs a kind without parts can strike.
enum class Strikes { by_part, tray, host, shelf, bmc };

struct SingleRow {
  FaultInfo info;
  Strikes strikes = Strikes::by_part;
};

const std::vector<SingleRow>& single_rows() {
  static const std::vector<SingleRow> table = {
      {{SingleKind::part_missing, "part-missing", kHardware, "part",
        "a part is not there: its BMC lists it as absent"}},
      {{SingleKind::part_exchanged, "part-exchanged", kHardware, "part with a serial number",
        "a part is another one than was ordered: the same kind, another serial number"}},
      {{SingleKind::tray_exchanged, "tray-exchanged", kHardware, "",
        "a tray is another one than the rack file means"},
       Strikes::tray},
      {{SingleKind::slot_wrong, "slot-wrong", kHardware, "",
        "a BMC says that its tray is one rack unit further up"},
       Strikes::tray},
      {{SingleKind::gpu_other_product, "gpu-other-product", kHardware, "GPU",
        "a GPU is of another product: the name is right, its PCI device is not"}},
      {{SingleKind::sram_errors, "sram-errors", kHardware, "GPU",
        "a GPU has had uncorrectable errors in its SRAM since the driver was loaded"}},
      {{SingleKind::row_remap_failed, "row-remap-failed", kHardware, "GPU",
        "a GPU has no spare row left for a bad one"}},
      {{SingleKind::row_remap_pending, "row-remap-pending", kHardware, "GPU",
        "a GPU waits for a reset to put a spare row in the place of a bad one"}},
      {{SingleKind::gpu_wants_reset, "gpu-wants-reset", kHardware, "GPU",
        "the driver says that a GPU must be reset"}},
      {{SingleKind::memory_unrepairable, "memory-unrepairable", kHardware, "GPU",
        "a channel of a GPU's memory cannot be repaired"}},
      {{SingleKind::sram_threshold, "sram-threshold", kHardware, "GPU",
        "a GPU has had more SRAM errors in its life than its driver accepts"}},
      {{SingleKind::pcie_slow, "pcie-slow", kHardware, "GPU",
        "a PCIe link of a GPU came up at an older generation, at full width"}},
      {{SingleKind::memory_hot, "memory-hot", kHardware, "GPU",
        "a memory stack of a GPU has a bad thermal interface, the die a good one"}},
      {{SingleKind::power_low, "power-low", kHardware, "GPU",
        "a GPU takes 70 % of its power at full clock: part of it does not work"}},
      {{SingleKind::dcgm_fails, "dcgm-fails", kHardware, "GPU",
        "a memory test of DCGM's diagnostics fails on a GPU"}},
      {{SingleKind::power_slow, "power-slow", kHardware, "GPU",
        "a GPU's power follows its load over minutes"}},
      {{SingleKind::stays_warm, "stays-warm", kHardware, "GPU",
        "a GPU does not cool down again behind a load"}},
      {{SingleKind::sxid, "sxid", kHardware, "",
        "the driver tells a fatal SXid of a host's NVSwitch under load"},
       Strikes::tray},
      {{SingleKind::nvlink_slow, "nvlink-slow", kHardware, "NVLink",
        "one NVLink trained at half its speed, on all lanes"}},
      {{SingleKind::nvlink_drops, "nvlink-drops", kHardware, "NVLink",
        "one NVLink goes down now and then, and is back before anybody looks"}},
      {{SingleKind::peer_slow, "peer-slow", kHardware, "GPU",
        "copies to and from a GPU are 30 % slower; its links are up"}},
      {{SingleKind::collective_slow, "collective-slow", kHardware, "",
        "all-reduce over a tray's GPUs is 30 % slower than it was"},
       Strikes::tray},
      {{SingleKind::collective_wrong, "collective-wrong", kHardware, "",
        "all-reduce over a tray's GPUs gives a wrong value now and then"},
       Strikes::tray},
      {{SingleKind::topology_mixed, "topology-mixed", kHardware, "",
        "the cable cartridges of a tray are of another topology"},
       Strikes::tray},
      {{SingleKind::drive_media_errors, "drive-media-errors", kHardware, "drive",
        "a drive could not read back right what it had written"}},
      {{SingleKind::drive_hot, "drive-hot", kHardware, "drive", "a drive has no contact to its heat sink"}},
      {{SingleKind::nic_errors, "nic-errors", kHardware, "NIC",
        "a network cable is bad: symbols, packets and recoveries under load"}},
      {{SingleKind::nic_link_layer, "nic-link-layer", kHardware, "NIC",
        "the port of a network adapter runs no link layer that is known"}},
      {{SingleKind::nic_narrow, "nic-narrow", kHardware, "NIC",
        "a network adapter has half of its PCIe lanes"}},
      {{SingleKind::nic_slow, "nic-slow", kHardware, "NIC",
        "a network adapter's PCIe link came up two generations older"}},
      {{SingleKind::integrity_failed, "integrity-failed", kHardware, "",
        "a root of trust of a tray is not verified"},
       Strikes::tray},
      {{SingleKind::factory_password, "factory-password", kHardware, "",
        "a BMC still has an account with the password it was delivered with"},
       Strikes::tray},
      {{SingleKind::bmc_clock_lost, "bmc-clock-lost", kHardware, "",
        "a BMC's clock battery is empty: it is 30 days slow"},
       Strikes::tray},
      {{SingleKind::fan_failed, "fan-failed", kHardware, "fan", "a fan is critical, and turns"}},
      {{SingleKind::fan_slow, "fan-slow", kHardware, "fan", "a fan hardly turns, and says that it is well"}},
      {{SingleKind::fan_fast, "fan-fast", kHardware, "fan",
        "a fan turns faster than it can for long, and says that it is well"}},
      {{SingleKind::psu_failed, "psu-failed", kHardware, "power supply",
        "a power supply of a shelf has failed; the others carry the rest"}},
      {{SingleKind::mains_low, "mains-low", kHardware, "power supply",
        "the mains of a power supply have 170 V"}},
      {{SingleKind::rail_low, "rail-low", kHardware, "power supply", "a power supply puts out 46 V"}},
      {{SingleKind::redundancy_lost, "redundancy-lost", kHardware, "",
        "a shelf says that its group of supplies is not redundant any more"},
       Strikes::shelf},
      {{SingleKind::shelf_meter_off, "shelf-meter-off", kHardware, "",
        "what a shelf's supplies deliver is measured 15 % too high"},
       Strikes::shelf},
      {{SingleKind::shelf_small, "shelf-small", kHardware, "",
        "the supplies of a shelf are of a weaker type"},
       Strikes::shelf},
      {{SingleKind::contact_burnt, "contact-burnt", kHardware, "",
        "a tray's contact to the bus bar has 40 milliohm: it runs at its least voltage"},
       Strikes::host},
      {{SingleKind::supply_warm, "supply-warm", kHardware, "coolant connector",
        "coolant comes to a tray at 46 Cel"}},
      {{SingleKind::flow_meter_off, "flow-meter-off", kHardware, "coolant connector",
        "a flow meter shows half as much again as flows"}},
      {{SingleKind::flow_sags, "flow-sags", kHardware, "coolant connector",
        "under load a valve lets through little more than half of the flow"}},
      {{SingleKind::log_unreadable, "log-unreadable", kNuisance, "",
        "a BMC does not give out the entries of its event log"},
       Strikes::bmc},
      {{SingleKind::log_cleared, "log-cleared", kNuisance, "",
        "somebody clears the event log of a BMC under load"},
       Strikes::bmc},
      {{SingleKind::kernel_error, "kernel-error", kHardware, "",
        "the kernel of a host tells an uncorrectable error of a PCIe root port under load"},
       Strikes::tray},
      {{SingleKind::cpu_wrong, "cpu-wrong", kHardware, "",
        "a processor computes a wrong result under stress"},
       Strikes::tray},
      {{SingleKind::memory_wrong, "memory-wrong", kHardware, "",
        "a memory module gives back a bit that was not written"},
       Strikes::tray},
      {{SingleKind::disk_wrong, "disk-wrong", kHardware, "",
        "a drive gives back something else than was written, and does not know it"},
       Strikes::tray},
      {{SingleKind::edac_correctable, "edac-correctable", kHardware, "memory module",
        "a memory module has a corrected error each second under load"}},
      {{SingleKind::edac_uncorrectable, "edac-uncorrectable", kHardware, "memory module",
        "a memory module has an uncorrected error under load"}},
  };
  return table;
}

const SingleRow* single_row_of(SingleKind kind) {
  const auto found = std::find_if(single_rows().begin(), single_rows().end(),
                                  [kind](const SingleRow& row) { return row.info.kind == kind; });
  return found == single_rows().end() ? nullptr : &*found;
}

/// A property that the BMC tells otherwise. {} in the pattern stands for the struck part's name in a URI.
struct Told {
  SingleKind kind;
  const char* uri;       ///< as fnmatch(3) has it
  const char* property;  ///< its way into the body: "Status/State", "RailVoltage/0/Reading"
  const char* value;     ///< JSON; empty: the resource is not there
};

constexpr std::array kTold = {
    Told{SingleKind::nvlink_slow, "*/Processors/{}", "CurrentSpeedGbps", "106.25"},
    Told{SingleKind::topology_mixed, "*/Chassis/CBC_[0-3]", "Oem/Nvidia/TopologyId", "129"},
    Told{SingleKind::integrity_failed, "*/ComponentIntegrity/HGX_ERoT_BMC_0",
         "SPDM/IdentityAuthentication/ResponderAuthentication/VerificationStatus", "\"Failed\""},
    Told{SingleKind::factory_password, "*/AccountService/Accounts/*", "PasswordChangeRequired", "true"},
    Told{SingleKind::fan_failed, "*/Fans/{}", "Status/Health", "\"Critical\""},
    Told{SingleKind::mains_low, "*/PowerSupplies/{}/Metrics", "InputVoltage/Reading", "170"},
    Told{SingleKind::rail_low, "*/PowerSupplies/{}/Metrics", "RailVoltage/0/Reading", "46"},
    Told{SingleKind::redundancy_lost, "*/PowerSubsystem", "PowerSupplyRedundancy/0/Status/Health",
         "\"Critical\""},
    Told{SingleKind::shelf_small, "*/PowerSupplies/*", "PowerCapacityWatts", "1500"},
    Told{SingleKind::supply_warm, "*/CoolantConnectors/{}", "SupplyTemperatureCelsius/Reading", "46"},
    Told{SingleKind::flow_meter_off, "*/CoolantConnectors/{}", "FlowLitersPerMinute/Reading", "20"},
    Told{SingleKind::log_unreadable, "*/LogServices/SEL/Entries", "", ""},
};

/// Where parts that can be missing hang, by the end of their URI.
constexpr std::array kPartsAt = {"*/Processors/{}",      "*/Memory/{}", "*/Drives/{}",
                                 "*/NetworkAdapters/{}", "*/Fans/{}",   "*/Switches/{}",
                                 "*/PowerSupplies/{}"};

/// An element of nvidia-smi -x -q that the driver tells otherwise.
struct ToldByDriver {
  SingleKind kind;
  const char* path;
  const char* value;
};

constexpr std::array kToldByDriver = {
    ToldByDriver{SingleKind::gpu_wants_reset, "gpu_recovery_action", "Drain and Reset"},
    ToldByDriver{SingleKind::memory_unrepairable, "ecc_errors/unrepairable_memory", "Yes"},
    ToldByDriver{SingleKind::sram_threshold, "ecc_errors/aggregate/sram_threshold_exceeded", "Yes"},
    ToldByDriver{SingleKind::pcie_slow, "pci/pci_gpu_link_info/pcie_gen/current_link_gen", "3"},
    ToldByDriver{SingleKind::pcie_slow, "pci/pci_gpu_link_info/pcie_gen/device_current_link_gen", "3"},
};

/// "GPU_1/NVLink_3" is Ports/NVLink_3 of GPU_1; a connector is named with the chassis before it.
std::string in_uri(const std::string& part, std::string_view pattern) {
  std::string text = id_of(part);
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return text;
  if (pattern.find("CoolantConnectors") != std::string_view::npos) return text.substr(slash + 1);
  return text.substr(0, slash) + "/Ports/" + text.substr(slash + 1);
}

bool meets(std::string pattern, const std::string& part, const std::string& uri) {
  const std::size_t hole = pattern.find("{}");
  if (hole != std::string::npos) pattern.replace(hole, 2, in_uri(part, pattern));
  return ::fnmatch(pattern.c_str(), uri.c_str(), 0) == 0;
}

/// Sets what is there already or, last of the way, is new.
void set_property(json::object& body, std::string_view way, const json::value& value) {
  const std::size_t slash = way.find('/');
  const std::string_view name = way.substr(0, slash);
  if (slash == std::string_view::npos) {
    body[name] = value;
    return;
  }
  json::value* inner = body.if_contains(name);
  way.remove_prefix(slash + 1);
  if (inner != nullptr && inner->is_array() && !inner->as_array().empty() && way.starts_with("0/")) {
    inner = &inner->as_array().front();
    way.remove_prefix(2);
  }
  if (inner != nullptr && inner->is_object()) set_property(inner->as_object(), way, value);
}

bool is_active(const Fault& fault, const Dut& dut) {
  return fault.state == FaultState::active && fault.spec.dut == dut.id;
}

/// The serial number of a part, by the part's name.
template <class Parts>
std::string* serial_in(Parts& parts, const std::string& name) {
  for (auto& part : parts) {
    if (part.name == name) return &part.serial;
  }
  return nullptr;
}

std::string* serial_of(Dut& dut, const std::string& name) {
  for (std::string* found :
       {serial_in(dut.gpus, name), serial_in(dut.switches, name), serial_in(dut.cpus, name),
        serial_in(dut.memory, name), serial_in(dut.drives, name), serial_in(dut.nics, name),
        serial_in(dut.supplies, name)}) {
    if (found != nullptr) return found;
  }
  return nullptr;
}

/// Another serial number of the same form.
std::string other_serial(std::string serial) {
  if (!serial.empty()) serial.back() = serial.back() == '7' ? '8' : '7';
  return serial;
}

template <class Parts>
void add_names(std::vector<std::string>& names, const Parts& parts) {
  for (const auto& part : parts) names.push_back(part.name);
}

void count_in(std::vector<MemoryModule>& modules, const std::string& name,
              std::uint64_t MemoryModule::*counter) {
  for (MemoryModule& module : modules) module.*counter += module.name == name ? 1U : 0U;
}

/// What rises under load, once each second.
void raise_counters(RackModel& rack, Dut& dut, Fault& fault) {
  if (!dut.host_up || !dut.load || rack.now_ns < fault.next_strike_ns) return;
  switch (fault.spec.kind) {
    case SingleKind::nic_errors:
      for (Nic& nic : dut.nics) {
        if (nic.name != fault.spec.part) continue;
        nic.symbol_errors += kNicErrorsPerRise;
        nic.receive_errors += kNicErrorsPerRise;
        ++nic.recoveries;
      }
      break;
    case SingleKind::edac_correctable:
      count_in(dut.memory, fault.spec.part, &MemoryModule::correctable_errors);
      break;
    case SingleKind::edac_uncorrectable:
      if (!fault.struck) count_in(dut.memory, fault.spec.part, &MemoryModule::uncorrectable_errors);
      break;
    case SingleKind::kernel_error:
      if (!fault.struck)
        add_kernel_line(
            rack, dut, 3,
            "pcieport 0008:00:00.0: AER: Uncorrectable (Fatal) error message received from 0008:01:00.0");
      break;
    case SingleKind::sxid:
      if (!fault.struck)
        add_kernel_line(rack, dut, 3,
                        "nvidia-nvswitch0: SXid (PCI:0008:05:00.0): 20034, Fatal, Link 30 LTSSM Fault Up");
      break;
    default:
      return;
  }
  fault.struck = true;
  fault.next_strike_ns = rack.now_ns + kRisesEveryNs;
}

void set_gpu(const RackModel& rack, const Dut& dut, Gpu& gpu) {
  const auto struck = [&](SingleKind kind) { return active_fault(rack, dut, kind, gpu.name) != nullptr; };
  if (struck(SingleKind::row_remap_failed)) gpu.row_remap.failure = true;
  if (struck(SingleKind::row_remap_pending) && dut.host_up) gpu.row_remap.pending = true;
  if (struck(SingleKind::sram_errors) && dut.host_up && gpu.ecc_volatile.sram_uncorrectable == 0) {
    gpu.ecc_volatile.sram_uncorrectable = kSramErrors;
    gpu.ecc_aggregate.sram_uncorrectable += kSramErrors;
  }
}

}  // namespace

const std::vector<FaultInfo>& single_fault_catalogue() {
  static const std::vector<FaultInfo> infos = [] {
    std::vector<FaultInfo> made;
    for (const SingleRow& row : single_rows()) made.push_back(row.info);
    return made;
  }();
  return infos;
}

bool is_single_fault(FaultKind kind) { return single_row_of(kind) != nullptr; }

bool single_fault_applies(const Dut& dut, FaultKind kind) {
  const SingleRow* row = single_row_of(kind);
  if (row == nullptr) return false;
  if (kind == SingleKind::topology_mixed) return dut.in_rack_fabric();
  if (kind == SingleKind::sxid || kind == SingleKind::collective_slow || kind == SingleKind::collective_wrong)
    return dut.computes() && !dut.gpus.empty();
  if (kind == SingleKind::contact_burnt) return dut.on_bus_bar() && dut.computes();
  const std::string_view part = row->info.part_kind;
  if (part == "part") return !listed_parts(dut).empty();
  if (part == "part with a serial number") return !serial_parts(dut).empty();
  if (part == "NIC") return !dut.nics.empty();
  if (part == "drive") return dut.computes() && !dut.drives.empty();
  if (part == "fan") return dut.has_host() && !dut.fans.empty();
  if (part == "power supply") return !dut.supplies.empty();
  if (part == "coolant connector") return dut.role == Role::compute_tray && !dut.coolant.name.empty();
  if (!part.empty()) return !dut.gpus.empty();
  switch (row->strikes) {
    case Strikes::host:
      return dut.has_host();
    case Strikes::shelf:
      return dut.role == Role::power_shelf;
    case Strikes::bmc:
      return dut.role != Role::power_shelf;  // none of the recipes reads its log
    default:
      return dut.computes();
  }
}

std::vector<std::string> serial_parts(const Dut& dut) {
  std::vector<std::string> names;
  add_names(names, dut.gpus);
  add_names(names, dut.switches);
  add_names(names, dut.cpus);
  add_names(names, dut.memory);
  add_names(names, dut.drives);
  add_names(names, dut.nics);
  add_names(names, dut.supplies);
  return names;
}

std::vector<std::string> listed_parts(const Dut& dut) {
  std::vector<std::string> names;
  add_names(names, dut.switches);
  add_names(names, dut.cpus);
  add_names(names, dut.memory);
  add_names(names, dut.drives);
  add_names(names, dut.nics);
  add_names(names, dut.supplies);
  if (dut.has_host()) add_names(names, dut.fans);  // of shelves nothing expects them
  return names;
}

void begin_single_fault(RackModel& rack, Dut& dut, Fault& fault) {
  switch (fault.spec.kind) {
    case SingleKind::part_exchanged:
    case SingleKind::tray_exchanged: {
      std::string* serial = fault.spec.part.empty() ? &dut.serial : serial_of(dut, fault.spec.part);
      if (serial == nullptr) return;
      fault.saved = *serial;
      *serial = other_serial(*serial);
      return;
    }
    case SingleKind::slot_wrong:
      ++dut.slot;
      return;
    case SingleKind::gpu_other_product:
      for (Gpu& gpu : dut.gpus) {
        if (gpu.name != fault.spec.part) continue;
        fault.saved = std::to_string(gpu.pci_device);
        gpu.pci_device = kOtherPciDevice;
      }
      return;
    case SingleKind::bmc_clock_lost:
      dut.bmc_clock_offset_s = kBmcClockLostSeconds;
      return;
    case SingleKind::log_cleared:
      dut.events.clear();
      return;
    default:
      (void)rack;
      return;
  }
}

void end_single_fault(RackModel& rack, Dut& dut, const Fault& fault) {
  (void)rack;
  switch (fault.spec.kind) {
    case SingleKind::part_exchanged:
    case SingleKind::tray_exchanged: {
      std::string* serial = fault.spec.part.empty() ? &dut.serial : serial_of(dut, fault.spec.part);
      if (serial != nullptr) *serial = fault.saved;
      return;
    }
    case SingleKind::slot_wrong:
      --dut.slot;
      return;
    case SingleKind::gpu_other_product:
      for (Gpu& gpu : dut.gpus) {
        if (gpu.name == fault.spec.part) gpu.pci_device = std::stoi(fault.saved);
      }
      return;
    case SingleKind::row_remap_failed:
    case SingleKind::row_remap_pending:
      for (Gpu& gpu : dut.gpus) {
        if (gpu.name != fault.spec.part) continue;
        (fault.spec.kind == SingleKind::row_remap_failed ? gpu.row_remap.failure : gpu.row_remap.pending) =
            false;
      }
      return;
    case SingleKind::bmc_clock_lost:
      dut.bmc_clock_offset_s = 0;
      return;
    default:
      return;
  }
}

void set_single_faults(RackModel& rack) {
  if (rack.faults.empty()) return;
  for (Fault& fault : rack.faults) {
    Dut* dut = rack.find(fault.spec.dut);
    if (dut != nullptr && fault.state == FaultState::active) raise_counters(rack, *dut, fault);
  }
  for (Dut& dut : rack.duts) {
    const auto struck = [&](SingleKind kind, const std::string& part) {
      return active_fault(rack, dut, kind, part) != nullptr;
    };
    for (Gpu& gpu : dut.gpus) set_gpu(rack, dut, gpu);
    for (Drive& drive : dut.drives)
      drive.media_errors = struck(SingleKind::drive_media_errors, drive.name) ? kMediaErrors : 0;
    for (Nic& nic : dut.nics) {
      nic.link_layer_known = !struck(SingleKind::nic_link_layer, nic.name);
      nic.pcie_narrow = struck(SingleKind::nic_narrow, nic.name);
      nic.pcie_slow = struck(SingleKind::nic_slow, nic.name);
    }
    for (PowerSupply& supply : dut.supplies) supply.ok = !struck(SingleKind::psu_failed, supply.name);
  }
}

bool tell_otherwise(const RackModel& rack, const Dut& dut, std::string_view uri, json::object& body) {
  for (const Fault& fault : rack.faults) {
    if (!is_active(fault, dut)) continue;
    const std::string at(uri);
    for (const Told& told : kTold) {
      if (told.kind != fault.spec.kind || !meets(told.uri, fault.spec.part, at)) continue;
      if (*told.value == '\0') return false;
      set_property(body, told.property, json::parse(told.value));
    }
    if (fault.spec.kind != SingleKind::part_missing) continue;
    if (std::none_of(kPartsAt.begin(), kPartsAt.end(),
                     [&](const char* pattern) { return meets(pattern, fault.spec.part, at); }))
      continue;
    set_property(body, "Status/State", "Absent");
  }
  return true;
}

void tell_otherwise(const RackModel& rack, const Dut& dut, const Gpu& gpu, pugi::xml_node element) {
  for (const ToldByDriver& told : kToldByDriver) {
    if (active_fault(rack, dut, told.kind, gpu.name) == nullptr) continue;
    element.first_element_by_path(told.path).text().set(told.value);
  }
}

}  // namespace kiln::virtual_rack
