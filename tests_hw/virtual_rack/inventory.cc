#include "tests_hw/virtual_rack/inventory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests_hw/virtual_rack/redfish/routes.h"
#include "tests_hw/virtual_rack/redfish/tasks.h"

namespace kiln::virtual_rack {
namespace {

namespace fs = std::filesystem;

/// Replaces a file in one step, with the given permissions from its first byte on.
Status write_file(const fs::path& path, const std::string& text, mode_t mode) {
  const std::string temporary = path.string() + ".new";
  const auto failed = [&](const char* what) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    return Error("inventory.write", fmt::format("{}: {}: {}", path.string(), what, reason),
                 "Give --out a directory that can be written.", Blame::operator_);
  };
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return failed("cannot be made");
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count < 0) {
      ::close(fd);
      return failed("cannot be written");
    }
    done += static_cast<std::size_t>(count);
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot be put in place");
  return success();
}

void emit_component(YAML::Emitter& yaml, const ExpectedComponent& component) {
  yaml << YAML::Flow << YAML::BeginMap;
  yaml << YAML::Key << "kind" << YAML::Value << component.kind;
  yaml << YAML::Key << "name" << YAML::Value << component.name;
  if (!component.serial.empty()) {
    yaml << YAML::Key << "serial" << YAML::Value << YAML::DoubleQuoted << component.serial;
  }
  if (!component.firmware.empty()) {
    yaml << YAML::Key << "firmware" << YAML::Value << YAML::DoubleQuoted << component.firmware;
  }
  yaml << YAML::EndMap;
}

void emit_dut(YAML::Emitter& yaml, const InventoryDut& dut) {
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "id" << YAML::Value << dut.id;
  yaml << YAML::Key << "role" << YAML::Value << dut.role;
  if (dut.slot > 0) yaml << YAML::Key << "slot" << YAML::Value << dut.slot;
  yaml << YAML::Key << "bmc" << YAML::Value << YAML::BeginMap;
  yaml << YAML::Key << "url" << YAML::Value << YAML::DoubleQuoted
       << fmt::format("https://127.0.0.1:{}", dut.bmc_port);
  if (dut.is_cooltera) {
    yaml << YAML::Key << "protocol" << YAML::Value << "cooltera";
  } else {
    yaml << YAML::Key << "credential" << YAML::Value << "bmc";
  }
  yaml << YAML::Key << "tls" << YAML::Value << YAML::Flow << YAML::BeginMap << YAML::Key << "pin_sha256"
       << YAML::Value << YAML::DoubleQuoted << dut.bmc_pin << YAML::EndMap;
  yaml << YAML::EndMap;
  if (dut.host_port != 0) {
    yaml << YAML::Key << "host" << YAML::Value << YAML::BeginMap;
    yaml << YAML::Key << "address" << YAML::Value << "127.0.0.1";
    yaml << YAML::Key << "port" << YAML::Value << dut.host_port;
    yaml << YAML::Key << "user" << YAML::Value << "root";
    yaml << YAML::Key << "credential" << YAML::Value << "host";
    yaml << YAML::Key << "host_key" << YAML::Value << YAML::DoubleQuoted << dut.host_key;
    yaml << YAML::EndMap;
  }
  if (!dut.serial.empty() || !dut.components.empty()) {
    yaml << YAML::Key << "expect" << YAML::Value << YAML::BeginMap;
    yaml << YAML::Key << "serial" << YAML::Value << YAML::DoubleQuoted << dut.serial;
    if (dut.gpus > 0) yaml << YAML::Key << "gpus" << YAML::Value << dut.gpus;
    if (dut.nvlinks > 0) yaml << YAML::Key << "nvlinks" << YAML::Value << dut.nvlinks;
    if (dut.leak_detectors > 0) yaml << YAML::Key << "leak_detectors" << YAML::Value << dut.leak_detectors;
    yaml << YAML::Key << "components" << YAML::Value << YAML::BeginSeq;
    for (const ExpectedComponent& component : dut.components) emit_component(yaml, component);
    yaml << YAML::EndSeq << YAML::EndMap;
  }
  yaml << YAML::EndMap;
}

}  // namespace

InventoryDut expectation_of(const RackModel& rack, const Dut& dut) {
  InventoryDut expected;
  expected.id = dut.id;
  expected.role = to_string(dut.role);
  expected.slot = dut.slot;
  expected.serial = dut.serial;
  std::vector<ExpectedComponent>& list = expected.components;
  if (dut.cooling_unit && dut.cooling_unit->is_cooltera) {
    expected.is_cooltera = true;
    for (const char* side : {"CDU/Primary", "CDU/Secondary"})
      list.push_back({"coolant_connector", side, "", ""});
    for (const Pump& pump : dut.cooling_unit->pumps) list.push_back({"pump", id_of(pump.name), "", ""});
    return expected;
  }
  for (const Gpu& gpu : dut.gpus) {
    list.push_back({"gpu", gpu.name, gpu.serial, ""});
    ++expected.gpus;
  }
  for (const Gpu& gpu : dut.gpus) {
    for (const NvLink& nvlink : gpu.links) list.push_back({"nvlink", gpu.name + "/" + nvlink.name, "", ""});
  }
  for (const SwitchChip& chip : dut.switches) list.push_back({"nvswitch", chip.name, chip.serial, ""});
  // Inside one DUT the GPU's end of a link stands for both.
  for (const SwitchChip& chip : dut.switches) {
    if (dut.has_own_switches()) break;
    for (const SwitchPort& port : chip.ports) {
      // A port with nothing plugged is not expected to be up.
      if (port.peer_dut) list.push_back({"nvlink", chip.name + "/" + port.name, "", ""});
    }
  }
  for (const ExpectedComponent& component : list) expected.nvlinks += component.kind == "nvlink" ? 1 : 0;
  for (const LeakDetector& detector : dut.detectors)
    list.push_back({"leak_detector", id_of(detector.name), "", ""});
  expected.leak_detectors = static_cast<int>(dut.detectors.size());
  if (dut.wet && !dut.coolant.name.empty()) {  // a CDU is wet without a connector of a tray
    list.push_back(
        {"coolant_connector", fmt::format("{}/{}", main_chassis(dut), id_of(dut.coolant.name)), "", ""});
  }
  if (dut.cooling_unit) {
    list.push_back({"coolant_connector", "1/" + id_of(dut.cooling_unit->primary.name), "", ""});
    list.push_back({"coolant_connector", "1/" + id_of(dut.cooling_unit->secondary.name), "", ""});
    for (const Pump& pump : dut.cooling_unit->pumps) list.push_back({"pump", id_of(pump.name), "", ""});
  }
  for (const Cpu& cpu : dut.cpus) list.push_back({"cpu", cpu.name, cpu.serial, ""});
  for (const MemoryModule& module : dut.memory) list.push_back({"memory", module.name, module.serial, ""});
  for (const Drive& drive : dut.drives) list.push_back({"drive", drive.name, drive.serial, ""});
  for (const Nic& nic : dut.nics) list.push_back({"nic", id_of(nic.name), nic.serial, ""});
  for (const Fan& fan : dut.fans) list.push_back({"fan", id_of(fan.name), "", ""});
  for (const PowerSupply& supply : dut.supplies) {
    list.push_back({"power_supply", id_of(supply.name), supply.serial, ""});
  }
  for (const FirmwareItem& item : dut.firmware) {
    // The wished version: the component that the demo updates is expected at what it is brought to.
    const bool updated = dut.computes() && item.name == rack.update_component;
    std::string version = updated ? rack.update_version : item.version;
    if (rack.firmware_behind && !item.release.empty()) version.clear();  // the baseline says it
    list.push_back({"firmware", item.name, "", std::move(version)});
  }
  return expected;
}

Result<fs::path> write_inventory(const fs::path& directory, const InventoryRack& rack) {
  YAML::Emitter credentials;
  credentials << YAML::BeginMap;
  for (const auto& [name, user] : {std::pair<const char*, std::string>{"bmc", rack.user}, {"host", "root"}}) {
    credentials << YAML::Key << name << YAML::Value << YAML::Flow << YAML::BeginMap;
    credentials << YAML::Key << "user" << YAML::Value << user;
    credentials << YAML::Key << "password" << YAML::Value << YAML::DoubleQuoted << rack.password
                << YAML::EndMap;
  }
  if (rack.serving_port != 0) {
    credentials << YAML::Key << "serving" << YAML::Value << YAML::Flow << YAML::BeginMap << YAML::Key
                << "api_key" << YAML::Value << YAML::DoubleQuoted << rack.serving_key << YAML::EndMap;
  }
  credentials << YAML::EndMap;
  const std::string secret = "# Made for one start of the virtual rack; worthless anywhere else.\n" +
                             std::string(credentials.c_str()) + "\n";
  if (Status written = write_file(directory / "rack.credentials.yaml", secret, S_IRUSR | S_IWUSR); !written) {
    return written.error();
  }
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "rack" << YAML::Value << rack.rack;
  yaml << YAML::Key << "product" << YAML::Value << rack.product;
  yaml << YAML::Key << "simulated" << YAML::Value << true;
  yaml << YAML::Key << "time_scale" << YAML::Value << rack.time_scale;
  yaml << YAML::Key << "credentials" << YAML::Value << "rack.credentials.yaml";
  if (!rack.firmware_baseline.empty())
    yaml << YAML::Key << "firmware" << YAML::Value << rack.firmware_baseline;
  yaml << YAML::Key << "duts" << YAML::Value << YAML::BeginSeq;
  for (const InventoryDut& dut : rack.duts) emit_dut(yaml, dut);
  yaml << YAML::EndSeq;
  if (rack.serving_port != 0) {
    yaml << YAML::Key << "serving" << YAML::Value << YAML::BeginMap;
    yaml << YAML::Key << "url" << YAML::Value << YAML::DoubleQuoted
         << fmt::format("https://127.0.0.1:{}", rack.serving_port);
    yaml << YAML::Key << "credential" << YAML::Value << "serving";
    yaml << YAML::Key << "tls" << YAML::Value << YAML::Flow << YAML::BeginMap << YAML::Key << "pin_sha256"
         << YAML::Value << YAML::DoubleQuoted << rack.serving_pin << YAML::EndMap;
    yaml << YAML::EndMap;
  }
  yaml << YAML::EndMap;
  const fs::path path = directory / "rack.yaml";
  const std::string text =
      "# Written by kiln-virtual-rack: a simulated rack on loopback.\n" + std::string(yaml.c_str()) + "\n";
  if (Status written = write_file(path, text, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH); !written)
    return written.error();
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute;
}

Status write_firmware_image(const fs::path& directory, const RackModel& rack) {
  if (rack.update_component.empty()) return success();
  std::error_code error;
  fs::create_directories(directory / "firmware", error);
  const std::string bytes = make_firmware_image({rack.update_component, rack.update_version}, 256 * 1024);
  return write_file(
      directory / "firmware" / fmt::format("{}-{}.fw", rack.update_component, rack.update_version), bytes,
      S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
}

namespace {

constexpr mode_t kReadable = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
constexpr std::size_t kImageBytes = 256 * 1024;

/// The word of a baseline for what makes an image run.
const char* activation_word(FirmwareActivation activation) {
  switch (activation) {
    case FirmwareActivation::host_reset:
      return "host_restart";
    case FirmwareActivation::bmc_reset:
      return "manager_reset";
    case FirmwareActivation::power_cycle:
      return "full_power_cycle";
  }
  return "none";
}

void emit_target(YAML::Emitter& yaml, const FirmwareItem& item, const std::string& image,
                 const std::string& hash) {
  const bool by_switch = !item.updateable;  // NVOS installs itself
  yaml << YAML::Flow << YAML::BeginMap;
  yaml << YAML::Key << "component" << YAML::Value << item.name;
  yaml << YAML::Key << "version" << YAML::Value << YAML::DoubleQuoted << item.release;
  yaml << YAML::Key << (by_switch ? "uri" : "image") << YAML::Value << YAML::DoubleQuoted << image;
  yaml << YAML::Key << "sha256" << YAML::Value << YAML::DoubleQuoted << hash;
  if (by_switch) {
    yaml << YAML::Key << "route" << YAML::Value << "nvos_image";
  } else {
    yaml << YAML::Key << "activation" << YAML::Value << activation_word(item.activation);
  }
  yaml << YAML::Key << "write_within" << YAML::Value << "20s";
  yaml << YAML::Key << "active_within" << YAML::Value << "30s";
  yaml << YAML::Key << "source" << YAML::Value << YAML::DoubleQuoted << "config/trays.yaml";
  yaml << YAML::EndMap;
}

/// One image of the baseline, and what the baseline says of it.
Status write_target(YAML::Emitter& yaml, const fs::path& place, const FirmwareItem& item) {
  if (!item.updateable) {
    // The switch fetches it by itself; what it fetches is what its name says.
    const std::string image = nvos_image_bytes(item.release);
    emit_target(yaml, item, fmt::format("https://images.invalid/{}", nvos_image_file(item.release)),
                firmware_sha256(image));
    return success();
  }
  const std::string file = fmt::format("{}-{}.fw", item.name, item.release);
  const std::string bytes = make_firmware_image({item.name, item.release}, kImageBytes);
  emit_target(yaml, item, file, firmware_sha256(bytes));
  return write_file(place / file, bytes, kReadable);
}

/// What a BMC must refuse, for the component that the demo updates.
Status write_bad_images(const fs::path& place, const RackModel& rack) {
  FirmwareImage image{rack.update_component, rack.update_version};
  FirmwareImage without_signature = image;
  without_signature.is_signed = false;
  FirmwareImage withdrawn = image;
  withdrawn.security_version = 0;
  FirmwareImage of_another = image;
  of_another.component = "OTHER_DEVICE";
  for (const auto& [name, one] : {std::pair<const char*, FirmwareImage>{"unsigned.fw", without_signature},
                                  {"older.fw", withdrawn},
                                  {"wrong-target.fw", of_another}}) {
    if (Status written = write_file(place / name, make_firmware_image(one, kImageBytes), kReadable); !written)
      return written;
  }
  return success();
}

}  // namespace

Status write_firmware_baseline(const fs::path& directory, const RackModel& rack) {
  const fs::path place = directory / "firmware";
  std::error_code error;
  fs::create_directories(place, error);
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  yaml << YAML::Key << "firmware" << YAML::Value << rack.product;
  yaml << YAML::Key << "revision" << YAML::Value << YAML::DoubleQuoted << "1";
  yaml << YAML::Key << "source" << YAML::Value << YAML::DoubleQuoted << "the virtual rack";
  yaml << YAML::Key << "roles" << YAML::Value << YAML::BeginMap;
  for (const Role role : {Role::power_shelf, Role::switch_tray, Role::compute_tray, Role::server}) {
    const auto first =
        std::find_if(rack.duts.begin(), rack.duts.end(), [role](const Dut& dut) { return dut.role == role; });
    if (first == rack.duts.end()) continue;
    yaml << YAML::Key << std::string(to_string(role)) << YAML::Value << YAML::BeginSeq;
    for (const FirmwareItem& item : first->firmware) {
      if (item.release.empty()) continue;
      if (Status written = write_target(yaml, place, item); !written) return written;
    }
    yaml << YAML::EndSeq;
  }
  yaml << YAML::EndMap << YAML::EndMap;
  if (Status bad = write_bad_images(place, rack); !bad) return bad;
  const std::string text =
      "# Written by kiln-virtual-rack: what its components are to run.\n" + std::string(yaml.c_str()) + "\n";
  return write_file(place / (rack.product + ".yaml"), text, kReadable);
}

}  // namespace kiln::virtual_rack
