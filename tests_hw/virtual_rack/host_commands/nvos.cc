// `nv` of NVOS (NVUE) on an NVLink switch tray: show system, interface, platform firmware, system image as
// JSON; fetch and install a system image; reboot. Minimal: the names are those of NVUE (NVOS user
// manual 25.02), the values those of the rack. Nothing is fetched from anywhere: an image is what its name
// says.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <string_view>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/redfish/tasks.h"

namespace kiln::virtual_rack {

namespace {

namespace json = boost::json;

std::string firmware_version(const Dut& dut, const std::string& name) {
  for (const FirmwareItem& item : dut.firmware) {
    if (item.name == name) return item.version;
  }
  return "N/A";
}

json::object system(Host host) {
  const Dut& dut = host.dut;
  const auto up_s = (host.rack.now_ns - dut.boot_ns) / 1'000'000'000;
  json::object object;
  object["hostname"] = dut.hostname;
  object["product-name"] = "nvos";
  object["product-release"] = firmware_version(dut, "NVOS");
  object["platform"] = dut.model;
  object["serial-number"] = dut.serial;
  object["status"] = "System is ready";
  object["uptime"] = fmt::format("{}:{:02}:{:02}", up_s / 3600, up_s / 60 % 60, up_s % 60);
  return object;
}

json::object interfaces(const Dut& dut) {
  json::object all;
  for (const SwitchChip& chip : dut.switches) {
    for (const SwitchPort& port : chip.ports) {
      json::object counters;
      counters["in-bytes"] = port.counters.rx_bytes;
      counters["out-bytes"] = port.counters.tx_bytes;
      counters["link-downed"] = port.counters.link_downed;
      counters["symbol-errors"] = port.counters.symbol_errors;
      counters["effective-errors"] = port.counters.effective_errors;
      json::object link;
      link["state"] = port.up ? "up" : "down";
      link["speed"] = fmt::format("{}G", static_cast<int>(port.speed_gbps));
      link["counters"] = std::move(counters);
      json::object object;
      object["type"] = "nvl";
      object["link"] = std::move(link);
      all[chip.name + "/" + port.name] = std::move(object);
    }
  }
  return all;
}

json::object firmware(const Dut& dut) {
  json::object all;
  for (const FirmwareItem& item : dut.firmware) {
    json::object object;
    object["actual-firmware"] = item.version;
    object["part-number"] = dut.part_number;
    all[item.name] = std::move(object);
  }
  return all;
}

constexpr std::string_view kImageFolder = "/var/images";

/// The version in "nvos-amd64-25.02.2452.bin"; none for any other name.
std::optional<std::string> version_of_file(std::string_view file) {
  constexpr std::string_view kBegin = "nvos-amd64-", kEnd = ".bin";
  if (!file.starts_with(kBegin) || !file.ends_with(kEnd) || file.size() <= kBegin.size() + kEnd.size())
    return std::nullopt;
  return std::string(file.substr(kBegin.size(), file.size() - kBegin.size() - kEnd.size()));
}

FirmwareItem* nvos_of(Dut& dut) { return find_firmware(dut, "NVOS"); }

/// Two partitions: what runs, and what was installed last and runs after a reboot.
json::object system_image(Dut& dut) {
  const FirmwareItem& nvos = *nvos_of(dut);
  json::object running, other, all;
  running["build-id"] = "nvos-" + nvos.version;
  all["current"] = "1";
  all["next"] = nvos.staged.empty() ? "1" : "2";
  all["partition1"] = std::move(running);
  if (!nvos.staged.empty()) {
    other["build-id"] = "nvos-" + nvos.staged;
    all["partition2"] = std::move(other);
  }
  return all;
}

json::object image_files(const Dut& dut) {
  json::object all;
  for (const std::string& file : dut.fetched_images) {
    json::object one;
    one["path"] = fmt::format("{}/{}", kImageFolder, file);
    all[file] = std::move(one);
  }
  return all;
}

json::object nvos_health(Host host) {
  const bool bad = active_fault(host.rack, host.dut, FaultKind::switch_unhealthy) != nullptr;
  json::object issues, all;
  if (bad) {
    json::object issue;
    issue["issue"] = "is out of power";
    issues["PSU2"] = std::move(issue);
  }
  all["status"] = bad ? "Not OK" : "OK";
  all["status-led"] = bad ? "amber" : "green";
  all["issues"] = std::move(issues);
  return all;
}

/// Of a rack's switch trays the first one runs them for all.
json::object running_applications(Host host) {
  json::object all;
  const auto first = std::find_if(host.rack.duts.begin(), host.rack.duts.end(),
                                  [](const Dut& dut) { return dut.role == Role::switch_tray; });
  if (first == host.rack.duts.end() || first->id != host.dut.id) return all;
  for (const char* name : {"nmx-controller", "nmx-telemetry"}) {
    json::object one;
    one["status"] = "ok";
    all[name] = std::move(one);
  }
  return all;
}

bool has_file(const Dut& dut, const std::string& file) {
  return std::find(dut.fetched_images.begin(), dut.fetched_images.end(), file) != dut.fetched_images.end();
}

std::unique_ptr<Command> fetch_image(Host host, const std::string& uri) {
  const std::string file = uri.substr(uri.rfind('/') + 1);
  if (!version_of_file(file)) return finished("", 1, fmt::format("Error: no image at '{}'\n", uri));
  if (!has_file(host.dut, file)) host.dut.fetched_images.push_back(file);
  return finished("Action executing ...\nFile fetched successfully\nAction succeeded\n");
}

std::unique_ptr<Command> install_image(Host host, const std::string& file) {
  const std::optional<std::string> version = version_of_file(file);
  if (!version || !has_file(host.dut, file))
    return finished("", 1, fmt::format("Error: image file '{}' was not found\n", file));
  nvos_of(host.dut)->staged = *version;
  return finished("Action executing ...\nImage installed\nAction succeeded\n");
}

std::unique_ptr<Command> run_action(Host host, const Arguments& words) {
  const auto begins = [&words](const Arguments& wanted) {
    return words.size() > wanted.size() && std::equal(wanted.begin(), wanted.end(), words.begin());
  };
  if (begins({"action", "fetch", "system", "image"})) return fetch_image(host, words[4]);
  if (begins({"action", "install", "system", "image", "files"})) return install_image(host, words[5]);
  if (words.size() >= 3 && words[1] == "reboot" && words[2] == "system") {
    request_power(host.rack, host.dut, PowerCommand::force_restart);
    return finished("Action executing ...\n");
  }
  return finished("", 1, "Error: 'nv action' knows here: fetch and install system image, reboot system\n");
}

}  // namespace

std::unique_ptr<Command> run_sha256sum(Host host, const Arguments& arguments) {
  std::string out, err;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& path = arguments[i];
    const std::string file = path.substr(path.rfind('/') + 1);
    const bool is_there = path == fmt::format("{}/{}", kImageFolder, file) && has_file(host.dut, file);
    if (is_there) {
      out += fmt::format("{}  {}\n", firmware_sha256(nvos_image_bytes(*version_of_file(file))), path);
    } else {
      err += fmt::format("sha256sum: {}: No such file or directory\n", path);
    }
  }
  return finished(out, err.empty() ? 0 : 1, err);
}

std::unique_ptr<Command> run_nv(Host host, const Arguments& arguments) {
  Arguments words;
  bool to_json = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if ((arguments[i] == "-o" || arguments[i] == "--output") && i + 1 < arguments.size()) {
      to_json = arguments[++i] == "json";
    } else {
      words.push_back(arguments[i]);
    }
  }
  if (!words.empty() && words[0] == "action" && nvos_of(host.dut) != nullptr) return run_action(host, words);
  if (!to_json) {
    return finished("", 1, "Error: this switch answers as JSON only: add -o json\n");
  }
  if (words == Arguments{"show", "system"}) return finished(json::serialize(system(host)) + "\n");
  if (words == Arguments{"show", "interface"}) return finished(json::serialize(interfaces(host.dut)) + "\n");
  if (words == Arguments{"show", "platform", "firmware"})
    return finished(json::serialize(firmware(host.dut)) + "\n");
  if (words == Arguments{"show", "system", "health"})
    return finished(json::serialize(nvos_health(host)) + "\n");
  if (words == Arguments{"show", "cluster", "apps", "running"})
    return finished(json::serialize(running_applications(host)) + "\n");
  if (words == Arguments{"show", "system", "image"} && nvos_of(host.dut) != nullptr)
    return finished(json::serialize(system_image(host.dut)) + "\n");
  if (words == Arguments{"show", "system", "image", "files"})
    return finished(json::serialize(image_files(host.dut)) + "\n");
  return finished(
      "", 1,
      "Error: 'nv' knows here: show system, show system health, show system image, show system image "
      "files, show cluster apps running, show interface, show platform firmware\n");
}

}  // namespace kiln::virtual_rack
