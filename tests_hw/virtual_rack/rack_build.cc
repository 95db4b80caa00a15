// Builds a RackModel from its layout and the embedded physics.yaml, trays.yaml and products.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "tests_hw/virtual_rack/config_reader.h"
#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/power.h"
#include "tests_hw/virtual_rack/products.h"
#include "tests_hw/virtual_rack/rack_layout.h"
#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/rack_wiring.h"
#include "tests_hw/virtual_rack/sensors.h"

namespace kiln::virtual_rack {

namespace {

/// Serial numbers, identifiers and the small differences between parts, all from the rack's seed.
class Maker {
 public:
  Maker(RackModel& rack, const YAML::Node& kinds) : rack_(rack), trays_(kinds) {}

  Dut make(Role role, const std::string& id, int slot) {
    const YAML::Node kind = trays_[std::string(to_string(role))];
    if (!kind) {
      throw ConfigError(fmt::format("{}: nothing about role {}", rack_.product, to_string(role)));
    }
    Dut dut;
    dut.id = id;
    dut.role = role;
    dut.slot = dut.position = slot;
    dut.manufacturer = field<std::string>(kind, "manufacturer");
    dut.model = field<std::string>(kind, "model");
    dut.part_number = field<std::string>(kind, "part_number");
    dut.serial = field<std::string>(kind, "serial_prefix") + letters(4) + digits(4);
    dut.uuid = uuid();
    dut.hostname = lower(rack_.rack_id + "-" + id);
    dut.height = kind["height"] ? kind["height"].as<int>() : 1;
    dut.wet = role != Role::power_shelf && role != Role::server;
    add_face(dut, kind["bmc"]);
    dut.power = PowerState::off;
    dut.standby_power_w = role == Role::cdu || role == Role::power_shelf ? 0 : rack_.physics.standby_w;
    add_coolant(dut);
    add_detectors(dut, kind);
    add_gpus(dut, kind["gpus"]);
    add_switches(dut, kind["switches"]);
    add_cpus(dut, kind["cpus"]);
    add_memory(dut, kind["memory"]);
    add_drives(dut, kind["drives"]);
    add_nics(dut, kind["nics"]);
    add_fans(dut, kind["fans"]);
    add_supplies(dut, kind["supplies"]);
    add_cooling_unit(dut, kind["pumps"]);
    add_firmware(dut, kind["firmware"]);
    for (const auto& setting : kind["bios"])
      dut.bios.emplace_back(
          setting.first.as<std::string>(),
          fmt::format(fmt::runtime(setting.second.as<std::string>()), fmt::arg("serial", dut.serial)));
    return dut;
  }

 private:
  double normal(double mean, double deviation) {
    return std::normal_distribution<double>(mean, deviation)(rack_.random);
  }

  std::string pick(std::string_view alphabet, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += alphabet[rack_.random() % alphabet.size()];
    }
    return text;
  }
  std::string digits(int count) { return pick("0123456789", count); }
  std::string letters(int count) { return pick("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", count); }
  std::string hex(int count) { return pick("0123456789abcdef", count); }
  std::string uuid() { return hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12); }

  static std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
  }

  static void add_face(Dut& dut, const YAML::Node& node) {
    if (!node) throw ConfigError(fmt::format("{}: 'bmc' is missing", to_string(dut.role)));
    BmcFace& face = dut.face;
    face.vendor = field<std::string>(node, "vendor");
    face.product = field<std::string>(node, "product");
    face.redfish_version = field<std::string>(node, "redfish");
    face.chassis = field<std::string>(node, "chassis");
    face.manager = field<std::string>(node, "manager");
    face.system = node["system"].as<std::string>("");
    face.manager_model = node["manager_model"].as<std::string>("");
    const YAML::Node baseboard = node["baseboard"];
    if (!baseboard) return;
    face.baseboard_model = field<std::string>(baseboard, "model");
    face.baseboard_chassis = field<std::string>(baseboard, "chassis");
    face.baseboard_manager = field<std::string>(baseboard, "manager");
  }

  void add_coolant(Dut& dut) {
    if (dut.role != Role::compute_tray && dut.role != Role::switch_tray) {
      return;
    }
    const double flow =
        dut.role == Role::compute_tray ? rack_.physics.compute_flow_lpm : rack_.physics.switch_flow_lpm;
    dut.coolant.name = "CoolantConnector_0";
    dut.coolant.rated_flow_lpm = flow;
    dut.coolant.natural_flow_lpm = flow * (1 + std::clamp(normal(0, 0.008), -0.02, 0.02));
    dut.coolant.flow_lpm.actual = dut.coolant.natural_flow_lpm;
  }

  static void add_detectors(Dut& dut, const YAML::Node& kind) {
    for (const YAML::Node& entry : kind["detectors"]) {
      LeakDetector detector;
      detector.name = field<std::string>(entry, "name");
      detector.placement = field<std::string>(entry, "placement");
      dut.detectors.push_back(std::move(detector));
    }
  }

  void add_gpus(Dut& dut, const YAML::Node& node) {
    if (!node) {
      return;
    }
    const YAML::Node& kind = node;
    const std::string name = node["name"].as<std::string>("GPU_{}");
    const auto first = node["first"].as<std::size_t>(0);
    dut.bridged_gpus = node["bridged"].as<std::size_t>(0);
    const Physics& physics = rack_.physics;
    const auto addresses = field<std::vector<std::string>>(node, "pci_addresses");
    for (std::size_t index = 0; index < addresses.size(); ++index) {
      Gpu gpu;
      gpu.index = static_cast<int>(index);
      gpu.name = fmt::format(fmt::runtime(name), first + index);
      gpu.model = field<std::string>(kind, "model");
      gpu.architecture = field<std::string>(kind, "architecture");
      gpu.pcie_generation = field<int>(kind, "pcie_generation");
      gpu.peer_gb_per_s = field<double>(kind, "peer_gb_per_s");
      gpu.all_reduce_gb_per_s = field<double>(kind, "all_reduce_gb_per_s");
      gpu.gigaflops = field<double>(kind, "gigaflops");
      gpu.part_number = field<std::string>(kind, "part_number");
      gpu.serial = "165" + digits(10);
      gpu.uuid = "GPU-" + uuid();
      gpu.pci_address = addresses[index];
      gpu.pci_device = field<int>(kind, "pci_device");
      gpu.vbios = field<std::string>(kind, "vbios");
      gpu.memory_mib = field<std::uint64_t>(kind, "memory_mib");
      gpu.power_limit_w = gpu.default_power_limit_w = field<double>(kind, "power_limit_w");
      gpu.min_power_limit_w = field<double>(kind, "min_power_limit_w");
      gpu.max_power_limit_w = field<double>(kind, "max_power_limit_w");
      gpu.max_sm_clock_mhz = physics.gpu_max_clock_mhz;
      gpu.max_memory_clock_mhz = physics.gpu_memory_clock_mhz;
      gpu.memory_clock_mhz = physics.gpu_memory_clock_mhz;
      gpu.slowdown_c = physics.gpu_slowdown_c;
      gpu.shutdown_c = physics.gpu_shutdown_c;
      const double spread = 1 + std::clamp(normal(0, physics.gpu_resistance_spread), -0.05, 0.05);
      gpu.thermal_resistance_k_per_w = physics.gpu_resistance_k_per_w * spread;
      gpu.memory_resistance_k_per_w = physics.memory_resistance_k_per_w * spread;
      gpu.load_power_factor = 1 + std::clamp(normal(0, 0.006), -0.015, 0.015);
      gpu.ecc_aggregate.dram_correctable = rack_.random() % 8 == 0 ? 1 + rack_.random() % 3 : 0;
      const auto links = field<std::size_t>(node, "links");
      for (std::size_t number = 0; number < links; ++number) {
        NvLink link;
        link.name = fmt::format("NVLink_{}", number);
        link.speed_gbps = field<double>(node, "link_gbps");
        gpu.links.push_back(std::move(link));
      }
      dut.gpus.push_back(std::move(gpu));
    }
  }

  void add_switches(Dut& dut, const YAML::Node& node) {
    if (!node) {
      return;
    }
    for (int index = 0; index < field<int>(node, "count"); ++index) {
      SwitchChip chip;
      chip.name = fmt::format("NVSwitch_{}", index);
      chip.serial = "MT" + letters(10);
      chip.part_number = field<std::string>(node, "part_number");
      for (int number = 0; number < field<int>(node, "ports"); ++number) {
        SwitchPort port;
        port.name = fmt::format("NVLink_{}", number);
        port.up = false;
        port.speed_gbps = field<double>(node, "link_gbps");
        chip.ports.push_back(std::move(port));
      }
      dut.switches.push_back(std::move(chip));
    }
  }

  void add_cpus(Dut& dut, const YAML::Node& node) {
    for (int index = 0; node && index < field<int>(node, "count"); ++index) {
      Cpu cpu;
      cpu.name = fmt::format("CPU_{}", index);
      cpu.model = field<std::string>(node, "model");
      // What reads no serial number from its CPUs tells none.
      if (node["serials"].as<bool>(true)) cpu.serial = "0x" + hex(16);
      cpu.part_number = field<std::string>(node, "part_number");
      cpu.cores = field<int>(node, "cores");
      dut.cpus.push_back(std::move(cpu));
    }
  }

  void add_memory(Dut& dut, const YAML::Node& node) {
    for (int index = 0; node && index < field<int>(node, "count"); ++index) {
      MemoryModule module;
      module.name = fmt::format("{}{}", field<std::string>(node, "prefix"), index);
      module.serial = "2F" + hex(6);
      module.part_number = field<std::string>(node, "part_number");
      module.type = field<std::string>(node, "type");
      module.capacity_mib = field<std::uint64_t>(node, "capacity_mib");
      dut.memory.push_back(std::move(module));
    }
  }

  void add_drives(Dut& dut, const YAML::Node& node) {
    for (int index = 0; node && index < field<int>(node, "count"); ++index) {
      Drive drive;
      drive.name = fmt::format("NVMe_{}", index);
      drive.device = fmt::format("nvme{}n1", index);
      drive.model = field<std::string>(node, "model");
      drive.serial = letters(12);
      drive.firmware = field<std::string>(node, "firmware");
      drive.size_bytes = field<std::uint64_t>(node, "size_bytes");
      dut.drives.push_back(std::move(drive));
    }
  }

  void add_nics(Dut& dut, const YAML::Node& node) {
    for (int index = 0; node && index < field<int>(node, "count"); ++index) {
      Nic nic;
      nic.name = fmt::format("NIC_{}", index);
      nic.device = fmt::format("{}{}s0", node["ethernet"].as<bool>(false) ? "enp" : "ibp", 3 + index);
      nic.model = field<std::string>(node, "model");
      nic.serial = "MT" + letters(11);
      nic.part_number = field<std::string>(node, "part_number");
      nic.mac = fmt::format("7c:8c:09:{}:{}:{}", hex(2), hex(2), hex(2));
      nic.firmware = field<std::string>(node, "firmware");
      nic.speed_gbps = field<double>(node, "speed_gbps");
      dut.nics.push_back(std::move(nic));
    }
  }

  static void add_fans(Dut& dut, const YAML::Node& node) {
    for (int index = 0; node && index < node.as<int>(); ++index) {
      Fan fan;
      fan.name = fmt::format("Fan_{}", index);
      dut.fans.push_back(std::move(fan));
    }
  }

  void add_supplies(Dut& dut, const YAML::Node& node) {
    for (int index = 1; node && index <= field<int>(node, "count"); ++index) {
      PowerSupply supply;
      supply.name = fmt::format("{}{}", field<std::string>(node, "prefix"), index);
      supply.serial = "DTHT" + digits(10);
      supply.part_number = field<std::string>(node, "part_number");
      supply.firmware = field<std::string>(node, "firmware");
      supply.rated_w = field<double>(node, "rated_w");
      supply.nominal_v = dut.role == Role::server ? field<double>(node, "rail_v") : rack_.physics.bus_bar_v;
      dut.supplies.push_back(std::move(supply));
    }
  }

  void add_cooling_unit(Dut& dut, const YAML::Node& node) {
    if (!node) {
      return;
    }
    const Physics& physics = rack_.physics;
    CoolingUnit unit;
    unit.supply_setpoint_c = physics.supply_setpoint_c;
    unit.reservoir_percent = 84;
    unit.static_kpa = (physics.supply_pressure_kpa + physics.return_pressure_kpa) / 2;
    unit.primary.name = "Primary";
    unit.secondary.name = "Secondary";
    for (int index = 1; index <= node.as<int>(); ++index) {
      Pump pump;
      pump.name = fmt::format("Pump_{}", index);
      pump.service_hours = static_cast<double>(100 + rack_.random() % 400);
      unit.pumps.push_back(std::move(pump));
    }
    dut.cooling_unit = std::move(unit);
  }

  static FirmwareActivation activation_of(const YAML::Node& entry) {
    const auto word = field<std::string>(entry, "activation");
    if (word == "bmc_reset") return FirmwareActivation::bmc_reset;
    if (word == "power_cycle") return FirmwareActivation::power_cycle;
    if (word == "host_reset") return FirmwareActivation::host_reset;
    throw ConfigError(
        fmt::format("trays.yaml line {}: '{}' is no activation: bmc_reset, host_reset, power_cycle",
                    entry["activation"].Mark().line + 1, word));
  }

  /// "GPU_SXM_3" -> "3".
  static std::string number_of(const std::string& part) {
    return part.substr(part.find_last_not_of("0123456789") + 1);
  }

  void add_firmware(Dut& dut, const YAML::Node& node) {
    for (const YAML::Node& entry : node) {
      FirmwareItem item;
      const auto name = field<std::string>(entry, "name");
      item.version = field<std::string>(entry, "version");
      item.updateable = !(entry["fixed"] && entry["fixed"].as<bool>());
      item.activation = activation_of(entry);
      if (entry["behind"]) {
        item.release = name == rack_.update_component ? rack_.update_version : item.version;
        if (rack_.firmware_behind) item.version = entry["behind"].as<std::string>();
        if (rack_.firmware_current) item.version = item.release;
      }
      const auto each = entry["each"] ? entry["each"].as<std::string>() : std::string();
      std::vector<std::string> parts;
      if (each == "gpu") {
        for (const Gpu& gpu : dut.gpus) parts.push_back(gpu.name);
      } else if (each == "nic") {
        for (const Nic& nic : dut.nics) parts.push_back(nic.name);
      } else if (each == "switch") {
        for (const SwitchChip& chip : dut.switches) parts.push_back(chip.name);
      } else if (!each.empty()) {
        throw ConfigError(fmt::format("trays.yaml line {}: 'each' is gpu, nic or switch, not '{}'",
                                      entry["each"].Mark().line + 1, each));
      } else {
        item.name = name;
        dut.firmware.push_back(item);
      }
      for (std::size_t index = 0; index < parts.size(); ++index) {
        item.name = fmt::format(fmt::runtime(name), number_of(parts[index]));
        item.component = parts[index];
        dut.firmware.push_back(item);
      }
    }
  }

  RackModel& rack_;
  const YAML::Node& trays_;  // by role
};

void build_duts(RackModel& rack, const RackLayout& layout) {
  const YAML::Node kinds = kinds_of(rack.product);
  rack.update_component = field<std::string>(kinds["update"], "component");
  rack.update_version = field<std::string>(kinds["update"], "version");
  Maker maker(rack, kinds);
  for (const RackLayout::Group& group : layout.groups) {
    int number = 0;
    for (const int slot : group.slots) {
      rack.duts.push_back(maker.make(group.role, fmt::format("{}{:02}", group.prefix, ++number), slot));
      if (rack.duts.back().cooling_unit) {
        rack.duts.back().cooling_unit->capacity_kw = layout.cdu_capacity_kw;
      }
    }
  }
}

}  // namespace

Result<std::unique_ptr<RackModel>> build_rack(const RackOptions& options, std::uint64_t now_ns) {
  const Status known = check_rack_name(options.rack);
  if (!known) return known.error();
  if (options.time_scale < 0 || options.time_scale > 1000) {
    return Error("rack.time-scale",
                 fmt::format("time scale {} is not between 0 and 1000", options.time_scale), {},
                 Blame::operator_);
  }
  try {
    auto rack = std::make_unique<RackModel>();
    const RackLayout layout = load_layout(options.rack);
    rack->name = layout.name;
    rack->rack_id = layout.rack_id;
    rack->product = options.product.empty() ? layout.product : options.product;
    const Status made_so = check_product(layout, rack->product);
    if (!made_so) return made_so.error();
    rack->seed = options.seed;
    rack->event_service = options.event_service;
    rack->firmware_behind = options.firmware_behind;
    rack->firmware_current = options.firmware_current;
    rack->random.seed(options.seed);
    rack->physics = load_physics();
    change_physics(rack->physics, kinds_of(rack->product)["physics"], rack->product);
    if (options.time_scale > 0) {
      rack->physics.time_scale = options.time_scale;
    }
    rack->start_ns = rack->now_ns = rack->next_reading_ns = now_ns;
    const auto utc = std::chrono::system_clock::now().time_since_epoch();
    rack->utc_at_start_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(utc).count();
    build_duts(*rack, layout);
    for (Dut& dut : rack->duts) {
      if (!dut.cooling_unit || !options.cooltera) continue;
      dut.cooling_unit->is_cooltera = true;
      dut.manufacturer = "Cooltera";
      dut.model = "FS600";
      dut.detectors.clear();  // it tells of none
      dut.firmware.clear();
    }
    wire_links(*rack);
    for (Dut& dut : rack->duts) {
      build_sensors(dut);
      if (dut.role == Role::cdu || dut.role == Role::power_shelf || options.powered_on) {
        start_booted(*rack, dut);
      }
    }
    settle(*rack);
    return rack;
  } catch (const ConfigError& error) {
    return Error("rack.config", error.what(), "the rack's own files are wrong: rebuild the program",
                 Blame::station);
  } catch (const YAML::Exception& error) {
    return Error("rack.config", error.what(), "the rack's own files are wrong: rebuild the program",
                 Blame::station);
  }
}

}  // namespace kiln::virtual_rack
