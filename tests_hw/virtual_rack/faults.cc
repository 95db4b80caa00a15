#include "tests_hw/virtual_rack/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/nearest.h"
#include "base/time.h"
#include "tests_hw/virtual_rack/fault_effects.h"
#include "tests_hw/virtual_rack/links.h"
#include "tests_hw/virtual_rack/redfish/routes.h"
#include "tests_hw/virtual_rack/sensors.h"
#include "tests_hw/virtual_rack/single_faults.h"

namespace kiln::virtual_rack {

namespace {

constexpr int kDefaultXid = 79;
constexpr const char* kShape =
    "write KIND@DUT[:PART][+DELAY], for example leak@C02+5s; --list-faults shows all kinds";

Error spec_error(const char* code, std::string message, std::string action = kShape) {
  return Error(code, std::move(message), std::move(action), Blame::operator_);
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const FaultInfo& info : fault_catalogue()) {
    names.emplace_back(info.name);
  }
  return names;
}

const FaultInfo* find_kind(std::string_view name) {
  for (const FaultInfo& info : fault_catalogue()) {
    if (info.name == name) {
      return &info;
    }
  }
  return nullptr;
}

std::string_view role_words(Role role) {
  switch (role) {
    case Role::compute_tray:
      return "a compute tray";
    case Role::switch_tray:
      return "a switch tray";
    case Role::cdu:
      return "a CDU";
    case Role::power_shelf:
      return "a power shelf";
    case Role::server:
      return "a server";
  }
  return "?";
}

bool has_parts(FaultKind kind) { return !fault_info(kind).part_kind.empty(); }

bool same_target(const Fault& fault, const FaultSpec& spec) {
  return fault.spec.kind == spec.kind && fault.spec.dut == spec.dut &&
         (spec.part.empty() || fault.spec.part == spec.part || id_of(fault.spec.part) == spec.part);
}

}  // namespace

namespace {

const std::vector<FaultInfo>& first_catalogue() {
  using enum FaultKind;
  constexpr auto hardware = FaultClass::hardware;
  constexpr auto nuisance = FaultClass::nuisance;
  static const std::vector<FaultInfo> catalogue = {
      {leak, "leak", hardware, "leak detector",
       "liquid at a detector: Critical, event, humidity rises, reservoir falls"},
      {leak_warning, "leak-warning", hardware, "leak detector",
       "a detector reports Warning: moisture, no liquid yet"},
      {detector_absent, "detector-absent", hardware, "leak detector", "a leak detector is unplugged: Absent"},
      {detector_fault, "detector-fault", hardware, "leak detector", "a leak detector is broken: Unavailable"},
      {low_flow, "low-flow", hardware, "coolant connector", "a quick-disconnect is only partly seated"},
      {flow_lost, "flow-lost", hardware, "coolant connector",
       "a hose comes off a tray, or the pumps of a CDU stop: next to no flow"},
      {supply_hot, "supply-hot", hardware, "", "a CDU loses its facility water: the supply gets hot"},
      {reservoir_low, "reservoir-low", hardware, "", "a CDU's reservoir is nearly empty"},
      {humid_hall, "humid-hall", hardware, "",
       "warm, damp air around a CDU: the dew point is above the supply"},
      {readings_lost, "readings-lost", nuisance, "",
       "the BMC has no temperatures and no coolant values any more"},
      {readings_frozen, "readings-frozen", nuisance, "",
       "the BMC goes on telling the temperatures and coolant values of one moment, with the time of that "
       "moment"},
      {nvlink_down, "nvlink-down", hardware, "NVLink", "one NVLink does not come up, seen from both ends"},
      {nvlink_errors, "nvlink-errors", hardware, "NVLink", "one NVLink has symbol, CRC and replay errors"},
      {firmware_old, "firmware-old", hardware, "firmware component", "a component runs an older version"},
      {firmware_update_fails, "firmware-update-fails", hardware, "firmware component",
       "updating a component ends in an exception and leaves the old version"},
      {firmware_accepts_anything, "firmware-accepts-anything", nuisance, "firmware component",
       "a component takes unsigned and withdrawn images, too"},
      {ecc_uncorrectable, "ecc-uncorrectable", hardware, "GPU",
       "uncorrectable memory errors, row remap, Xid 48 and 94"},
      {xid, "xid", hardware, "GPU", "Xid in the kernel log; 79 (off the bus) unless written xid:N"},
      {gpu_missing, "gpu-missing", hardware, "GPU", "a GPU is not there at all"},
      {pcie_narrow, "pcie-narrow", hardware, "GPU", "half of the lanes of a GPU's PCIe link are not there"},
      {ecc_off, "ecc-off", nuisance, "GPU", "somebody has switched a GPU's ECC off"},
      {clique_split, "clique-split", hardware, "",
       "the GPUs of a tray register in another clique of the fabric"},
      {stale_image, "stale-image", hardware, "", "a host has booted an older image: another kernel"},
      {throttle, "throttle", hardware, "GPU", "power brake held: hardware slowdown and low clocks"},
      {hot_gpu, "hot-gpu", hardware, "GPU", "bad thermal interface: the GPU passes its limit under load"},
      {cold_plate_off, "cold-plate-off", hardware, "GPU",
       "a cold plate loses contact: the GPU gets too hot whatever its clock"},
      {bmc_reset, "bmc-reset", nuisance, "", "the BMC restarts once"},
      {bmc_slow, "bmc-slow", nuisance, "",
       "every answer of the BMC is 0.8 s late for 8 s from the first request"},
      {bmc_503, "bmc-503", nuisance, "",
       "the BMC answers 503 with Retry-After: 1 for 5 s from the first request"},
      {bad_json, "bad-json", nuisance, "",
       "the BMC cuts every fourth answer in half for 5 s from the first request"},
      {float_as_int, "float-as-int", nuisance, "",
       "the BMC writes integers as floating point and fractions as text"},
      {ssh_drop, "ssh-drop", nuisance, "",
       "the host cuts its SSH connections once, in the middle of a command"},
      {host_hang, "host-hang", nuisance, "", "the host accepts connections and never answers"},
      {clock_skew, "clock-skew", hardware, "",
       "the clocks of BMC and host are minutes apart, and wrong both"},
      {late_on, "late-on", nuisance, "",
       "told On, it reads Off for another second, and a force-off meanwhile takes nothing back"},
      {bmc_hang, "bmc-hang", nuisance, "",
       "for 30 s from the first request the BMC neither answers any nor does anything"},
      {log_entry, "log-entry", hardware, "GPU",
       "the BMC writes a Critical entry about a GPU into its log, and nothing else shows it"},
      {first_token_slow, "first-token-slow", hardware, "",
       "the model server's first tokens come 3 s after the question"},
      {tokens_slow, "tokens-slow", hardware, "", "the model server's tokens come 0.4 s apart"},
      {answer_wrong, "answer-wrong", hardware, "",
       "a GPU computes nonsense and no counter shows it: the model answers one character again and again"},
      {stream_stall, "stream-stall", nuisance, "",
       "the model server stops after four tokens of an answer, and the connection stays"},
      {stream_cut, "stream-cut", nuisance, "",
       "the model server ends every stream after four tokens, without [DONE]"},
      {model_loading, "model-loading", nuisance, "",
       "the model server answers 503 for 4 s from the first request"},
      {model_other, "model-other", nuisance, "",
       "the model server serves another model than the one asked for"},
      {pump_stopped, "pump-stopped", hardware, "pump",
       "a pump of a CDU stands; with all of them at rest the loop is closed and under pressure"},
      {pump_weak, "pump-weak", hardware, "pump",
       "a pump of a CDU gives half of its flow, which shows when the others stand"},
      {slow_leak, "slow-leak", hardware, "",
       "a CDU's loop weeps 12 kPa a minute, where no detector is: it shows while the loop is at rest"},
      {hose_unseated, "hose-unseated", hardware, "coolant connector",
       "a quick-disconnect is a little off its seat: a tenth less flow than the others have"},
      {damp_hall, "damp-hall", hardware, "", "the dew point around a CDU is 1.5 K below its set point"},
      {power_dip, "power-dip", hardware, "GPU",
       "a GPU's supply sags for 2 s out of each 20 s under load: less power, the same clock"},
      {slow_warm, "slow-warm", hardware, "GPU",
       "a thermal interface creeps away under load: its GPU gets warmer and warmer, and is not hot yet"},
      {clock_low, "clock-low", hardware, "GPU", "a GPU clocks 7 % below the others and tells no reason"},
      {pcie_replays, "pcie-replays", hardware, "GPU",
       "a PCIe link sends 20 packets a second again, at full width and speed"},
      {compute_wrong, "compute-wrong", hardware, "GPU",
       "a GPU computes a wrong result now and then, and no counter and no log shows it"},
      {nvlink_flap, "nvlink-flap", hardware, "NVLink",
       "one NVLink loses a few symbols again and again; what is sent once more hides it from all else"},
      {nvlink_ber, "nvlink-ber", hardware, "NVLink",
       "the effective bit error rate of one NVLink is 40 times what is allowed, and nothing has failed yet"},
      {nvlink_narrow, "nvlink-narrow", hardware, "NVLink", "one NVLink came up on one of its two lanes"},
      {tray_swapped, "tray-swapped", hardware, "",
       "two compute trays sit in each other's slots; their BMCs still say what they were told"},
      {cartridge_missing, "cartridge-missing", hardware, "cable cartridge",
       "a tray has no cable cartridge at one place"},
      {rack_path_slow, "rack-path-slow", hardware, "GPU",
       "what a GPU exchanges with other trays takes a detour: links up, no errors, 20 % slower"},
      {nic_down, "nic-down", hardware, "NIC",
       "a network cable is not plugged: its port polls and stays down"},
      {nic_flap, "nic-flap", hardware, "NIC",
       "a network link goes down every 2 s under load, and is back before anybody looks"},
      {drive_worn, "drive-worn", hardware, "drive",
       "a drive has used 97 % of its endurance and runs out of spare blocks; it reads and writes as ever"},
      {psu_weak, "psu-weak", hardware, "power supply",
       "a supply of a shelf gives half of its share and says that it is well; the others carry the rest"},
      {busbar_drop, "busbar-drop", hardware, "",
       "a tray's contact to the bus bar has 15 milliohm: 2 V less reach it under load"},
      {secure_boot_off, "secure-boot-off", hardware, "", "a host was built with secure boot switched off"},
      {bios_drift, "bios-drift", hardware, "", "a BIOS setting of a host is not that of the others"},
      {nvlink_receive, "nvlink-receive", hardware, "NVLink",
       "under load a port counts receive errors, and nothing else of it counts"},
      {pcie_errors, "pcie-errors", hardware, "GPU",
       "under load a GPU's PCIe link has a fatal error that the driver gets over without a word"},
      {memory_slow, "memory-slow", hardware, "GPU",
       "a GPU's memory runs at 60 % of its rate; it computes right and shows it in no counter"},
      {injection_armed, "injection-armed", hardware, "GPU",
       "somebody has left a GPU's error injection on: its firmware makes errors up on request"},
      {nic_half_rate, "nic-half-rate", hardware, "NIC",
       "a network link is up at its rate and carries half of it; nothing counts it"},
      {switch_unhealthy, "switch-unhealthy", hardware, "",
       "the operating system of a switch tray reports a part as bad; its BMC sees nothing"},
      {cdu_alarm, "cdu-alarm", hardware, "",
       "a CDU has an alarm of its own; only one that is read by status.xml counts them"},
      {valve_closed, "valve-closed", hardware, "coolant connector",
       "the valve of a tray has closed for a leak that no detector shows any more"},
      {valve_stuck, "valve-stuck", hardware, "coolant connector",
       "the valve of a tray says Open and stands at 30 %, where its tray still gets enough"},
      {coolant_foul, "coolant-foul", hardware, "", "the coolant of a CDU's loop is of bad quality"},
      {filter_clogged, "filter-clogged", hardware, "",
       "a CDU's filter is full: ten times the pressure is lost over it, and its pumps make up for it"},
      {flow_meter_low, "flow-meter-low", hardware, "coolant connector",
       "the meter of a CDU tells four fifths of what flows to the rack"},
  };
  return catalogue;
}

}  // namespace

const std::vector<FaultInfo>& fault_catalogue() {
  static const std::vector<FaultInfo> catalogue = [] {
    std::vector<FaultInfo> all = first_catalogue();
    const std::vector<FaultInfo>& singles = single_fault_catalogue();
    all.insert(all.end(), singles.begin(), singles.end());
    return all;
  }();
  return catalogue;
}

const FaultInfo& fault_info(FaultKind kind) {
  const auto& catalogue = fault_catalogue();
  return *std::find_if(catalogue.begin(), catalogue.end(),
                       [&](const FaultInfo& info) { return info.kind == kind; });
}

std::string_view to_string(FaultClass fault_class) {
  return fault_class == FaultClass::hardware ? "hardware" : "nuisance";
}

Result<FaultSpec> parse_fault(std::string_view text) {
  FaultSpec spec;
  spec.text = std::string(text);
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) {
    return spec_error("fault.spec", fmt::format("fault '{}' names no DUT: '@' is missing", text));
  }
  std::string_view kind = text.substr(0, at);
  std::string_view rest = text.substr(at + 1);

  const std::size_t colon = kind.find(':');
  std::optional<int> number;
  if (colon != std::string_view::npos) {
    const std::string_view digits = kind.substr(colon + 1);
    int value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || problem != std::errc() || end != digits.data() + digits.size() || value < 1 ||
        value > 999) {
      return spec_error("fault.spec",
                        fmt::format("fault '{}': '{}' is not a number from 1 to 999", text, digits));
    }
    number = value;
    kind = kind.substr(0, colon);
  }
  const FaultInfo* info = find_kind(kind);
  if (info == nullptr) {
    return spec_error("fault.unknown", fmt::format("fault '{}': there is no kind '{}'{}", text, kind,
                                                   did_you_mean(std::string(kind), kind_names())));
  }
  spec.kind = info->kind;
  if (number && spec.kind != FaultKind::xid) {
    return spec_error("fault.spec", fmt::format("fault '{}': only xid takes a number", text));
  }
  spec.number = number.value_or(spec.kind == FaultKind::xid ? kDefaultXid : 0);

  const std::size_t plus = rest.rfind('+');
  if (plus != std::string_view::npos) {
    const Result<Nanoseconds> delay = parse_duration(std::string(rest.substr(plus + 1)));
    if (!delay) {
      return spec_error("fault.delay",
                        fmt::format("fault '{}': '{}' is not a delay", text, rest.substr(plus + 1)),
                        "write a number with s, ms or m, for example +5s");
    }
    spec.delay_ns = static_cast<std::uint64_t>(delay->count());
    rest = rest.substr(0, plus);
  }
  const std::size_t part = rest.find(':');
  if (part != std::string_view::npos) {
    spec.part = std::string(rest.substr(part + 1));
    if (spec.part.empty()) {
      return spec_error("fault.spec", fmt::format("fault '{}': the part after ':' is empty", text));
    }
    if (!has_parts(spec.kind)) {
      return spec_error("fault.part", fmt::format("fault '{}': {} strikes a whole DUT and takes no part",
                                                  text, info->name));
    }
    rest = rest.substr(0, part);
  }
  if (rest.empty()) {
    return spec_error("fault.spec", fmt::format("fault '{}' names no DUT after '@'", text));
  }
  spec.dut = std::string(rest);
  return spec;
}

bool fault_applies(const Dut& dut, FaultKind kind) {
  switch (kind) {
    case FaultKind::leak:
    case FaultKind::leak_warning:
    case FaultKind::detector_absent:
    case FaultKind::detector_fault:
      return !dut.detectors.empty();
    case FaultKind::low_flow:
    case FaultKind::valve_closed:
    case FaultKind::valve_stuck:
    case FaultKind::hose_unseated:
      return !dut.coolant.name.empty();
    case FaultKind::pump_stopped:
    case FaultKind::pump_weak:
    case FaultKind::cdu_alarm:
    case FaultKind::coolant_foul:
    case FaultKind::filter_clogged:
    case FaultKind::flow_meter_low:
    case FaultKind::slow_leak:
    case FaultKind::damp_hall:
      return dut.cooling_unit.has_value();
    case FaultKind::flow_lost:
      return !dut.coolant.name.empty() || dut.cooling_unit.has_value();
    case FaultKind::supply_hot:
    case FaultKind::reservoir_low:
    case FaultKind::humid_hall:
      return dut.cooling_unit.has_value();
    case FaultKind::readings_lost:
    case FaultKind::readings_frozen:
      return !dut.coolant.name.empty();
    case FaultKind::firmware_old:
    case FaultKind::firmware_update_fails:
    case FaultKind::firmware_accepts_anything:
      return !dut.firmware.empty();
    case FaultKind::tray_swapped:
    case FaultKind::cartridge_missing:
    case FaultKind::rack_path_slow:
    case FaultKind::clique_split:
      return dut.in_rack_fabric();
    case FaultKind::stale_image:
    case FaultKind::secure_boot_off:
    case FaultKind::bios_drift:
      return dut.computes();
    case FaultKind::nvlink_down:
    case FaultKind::nvlink_errors:
    case FaultKind::nvlink_flap:
    case FaultKind::nvlink_ber:
    case FaultKind::nvlink_narrow:
    case FaultKind::nvlink_receive:
      return !dut.gpus.empty() && !dut.gpus.front().links.empty();
    case FaultKind::ecc_uncorrectable:
    case FaultKind::xid:
    case FaultKind::gpu_missing:
    case FaultKind::pcie_narrow:
    case FaultKind::ecc_off:
    case FaultKind::throttle:
    case FaultKind::hot_gpu:
    case FaultKind::cold_plate_off:
    case FaultKind::log_entry:
    case FaultKind::first_token_slow:
    case FaultKind::tokens_slow:
    case FaultKind::answer_wrong:
    case FaultKind::stream_stall:
    case FaultKind::stream_cut:
    case FaultKind::model_loading:
    case FaultKind::model_other:
    case FaultKind::power_dip:
    case FaultKind::slow_warm:
    case FaultKind::clock_low:
    case FaultKind::pcie_replays:
    case FaultKind::compute_wrong:
    case FaultKind::pcie_errors:
    case FaultKind::memory_slow:
      return !dut.gpus.empty();
    case FaultKind::injection_armed:
      return !dut.gpus.empty() && dut.face.has_baseboard();
    case FaultKind::switch_unhealthy:
      return dut.role == Role::switch_tray;
    case FaultKind::nic_down:
    case FaultKind::nic_flap:
    case FaultKind::nic_half_rate:
      return !dut.nics.empty();
    case FaultKind::drive_worn:
      return dut.computes() && !dut.drives.empty();
    case FaultKind::psu_weak:
      return !dut.supplies.empty();
    case FaultKind::busbar_drop:
      return dut.on_bus_bar();
    case FaultKind::ssh_drop:
    case FaultKind::host_hang:
      return dut.has_host();
    case FaultKind::bmc_reset:
    case FaultKind::bmc_slow:
    case FaultKind::bmc_503:
    case FaultKind::bad_json:
    case FaultKind::float_as_int:
    case FaultKind::clock_skew:
    case FaultKind::bmc_hang:
      return true;
    case FaultKind::late_on:
      return dut.role != Role::cdu;  // its pumps are not switched
    default:
      return single_fault_applies(dut, kind);
  }
}

std::vector<std::string> fault_parts(const RackModel& rack, const Dut& dut, FaultKind kind) {
  std::vector<std::string> parts;
  if (!fault_applies(dut, kind)) {
    return parts;
  }
  const std::string_view part_kind = fault_info(kind).part_kind;
  if (part_kind == "leak detector") {
    for (const LeakDetector& detector : dut.detectors) parts.push_back(detector.name);
  } else if (part_kind == "coolant connector") {
    const std::string unit = dut.cooling_unit && dut.cooling_unit->is_cooltera ? "CDU/" : "1/";
    parts.push_back(dut.cooling_unit ? unit + dut.cooling_unit->secondary.name
                                     : main_chassis(dut) + "/" + dut.coolant.name);
  } else if (part_kind == "pump") {
    if (dut.cooling_unit) {
      for (const Pump& pump : dut.cooling_unit->pumps) parts.push_back(pump.name);
    }
  } else if (part_kind == "GPU") {
    for (const Gpu& gpu : dut.gpus) parts.push_back(gpu.name);
  } else if (part_kind == "NVLink") {
    for (const Gpu& gpu : dut.gpus) {
      for (const NvLink& link : gpu.links) parts.push_back(link_part(gpu, link));
    }
  } else if (part_kind == "NIC") {
    for (const Nic& nic : dut.nics) parts.push_back(nic.name);
  } else if (part_kind == "drive") {
    for (const Drive& drive : dut.drives) parts.push_back(drive.name);
  } else if (part_kind == "power supply") {
    for (const PowerSupply& supply : dut.supplies) parts.push_back(supply.name);
  } else if (part_kind == "fan") {
    for (const Fan& fan : dut.fans) parts.push_back(fan.name);
  } else if (part_kind == "memory module") {
    for (const MemoryModule& module : dut.memory) parts.push_back(module.name);
  } else if (part_kind == "part") {
    parts = listed_parts(dut);
  } else if (part_kind == "part with a serial number") {
    parts = serial_parts(dut);
  } else if (part_kind == "cable cartridge") {
    parts = cable_cartridges();
  } else if (part_kind == "firmware component") {
    for (const FirmwareItem& item : dut.firmware) {
      const bool in_update_list = item.name == rack.update_component;
      if (kind == FaultKind::firmware_old ? !in_update_list : item.updateable) parts.push_back(item.name);
    }
    // By default the update fails where the demo updates, and what is old is something that the demo does not
    // touch.
    const std::string_view first =
        kind == FaultKind::firmware_old ? "HGX_FW_CPLD_0" : std::string_view(rack.update_component);
    std::stable_partition(parts.begin(), parts.end(), [&](const std::string& name) { return name == first; });
  }
  return parts;
}

Result<std::uint64_t> add_fault(RackModel& rack, const FaultSpec& spec) {
  const FaultInfo& info = fault_info(spec.kind);
  Dut* dut = rack.find(spec.dut);
  if (dut == nullptr) {
    std::vector<std::string> ids;
    for (const Dut& known : rack.duts) {
      ids.push_back(known.id);
    }
    return spec_error("fault.dut",
                      fmt::format("fault '{}': the rack has no DUT '{}'{}", spec.text, spec.dut,
                                  did_you_mean(spec.dut, ids)),
                      fmt::format("the DUTs are: {}", rack.ids()));
  }
  if (!fault_applies(*dut, spec.kind)) {
    return spec_error("fault.role", fmt::format("fault '{}': {} cannot strike {}, {}", spec.text, info.name,
                                                dut->id, role_words(dut->role)));
  }
  Fault fault;
  fault.spec = spec;
  const std::vector<std::string> parts = fault_parts(rack, *dut, spec.kind);
  // As the rack writes it, or as it stands in a URI and in the rack file.
  const auto named = std::find_if(parts.begin(), parts.end(), [&spec](const std::string& part) {
    return part == spec.part || id_of(part) == spec.part;
  });
  if (named != parts.end()) fault.spec.part = *named;
  if (spec.part.empty() && !parts.empty()) {
    fault.spec.part = parts.front();
  } else if (!spec.part.empty() && named == parts.end()) {
    return spec_error("fault.part",
                      fmt::format("fault '{}': {} has no {} '{}'{}", spec.text, dut->id, info.part_kind,
                                  spec.part, did_you_mean(spec.part, parts)),
                      parts.empty() ? kShape : fmt::format("for example {}", parts.front()));
  }
  for (const Fault& other : rack.faults) {
    if (other.state != FaultState::cleared && other.spec.kind == spec.kind && other.spec.dut == spec.dut &&
        other.spec.part == fault.spec.part && other.spec.number == spec.number) {
      return spec_error("fault.twice", fmt::format("fault '{}' is there already", spec.text),
                        "clear it first");
    }
  }
  fault.added_ns = rack.now_ns;
  if (!spec.delay_ns) {
    activate_fault(rack, *dut, fault);
  }
  rack.faults.push_back(fault);
  return rack.faults.back().active_since_ns;
}

Result<int> clear_fault(RackModel& rack, const FaultSpec& spec) {
  int cleared = 0;
  for (Fault& fault : rack.faults) {
    if (fault.state == FaultState::cleared || !same_target(fault, spec)) {
      continue;
    }
    const bool was_active = fault.state == FaultState::active;
    fault.state = FaultState::cleared;
    fault.cleared_ns = rack.now_ns;
    ++cleared;
    Dut* dut = rack.find(fault.spec.dut);
    if (was_active && dut != nullptr) {
      undo_fault(rack, *dut, fault);
    }
  }
  if (cleared == 0) {
    return spec_error("fault.none", fmt::format("no fault '{}' is set, so none was cleared", spec.text),
                      "GET /state and the log show what was set");
  }
  return cleared;
}

const Fault* active_fault(const RackModel& rack, const Dut& dut, FaultKind kind, std::string_view part) {
  for (const Fault& fault : rack.faults) {
    if (fault.state == FaultState::active && fault.spec.kind == kind && fault.spec.dut == dut.id &&
        (part.empty() || fault.spec.part == part)) {
      return &fault;
    }
  }
  return nullptr;
}

Fault* active_fault(RackModel& rack, const Dut& dut, FaultKind kind, std::string_view part) {
  for (Fault& fault : rack.faults) {
    if (fault.state == FaultState::active && fault.spec.kind == kind && fault.spec.dut == dut.id &&
        (part.empty() || fault.spec.part == part)) {
      return &fault;
    }
  }
  return nullptr;
}

}  // namespace kiln::virtual_rack
