// `sh -c SCRIPT` on a virtual host. Loops over files of /sys are not interpreted; what three of them print is
// imitated: the counters of EDAC, the temperatures of hwmon, the addresses of network interfaces.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/host_commands/host_files.h"
#include "tests_hw/virtual_rack/host_commands/network_files.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"

namespace kiln::virtual_rack {

namespace {

std::string first_line(std::string text) { return text.substr(0, text.find('\n')); }

/// "mc0|CE|UE|" for each memory controller, "mc0/dimm2|CE|UE|LABEL" for its modules, and that there are no
/// more.
std::string edac_counters(Host host) {
  std::string out;
  for (std::size_t controller = 0;; ++controller) {
    const std::string folder = fmt::format("/sys/devices/system/edac/mc/mc{}/", controller);
    const std::optional<std::string> corrected = read_host_file(host, folder + "ce_count");
    const std::optional<std::string> uncorrected = read_host_file(host, folder + "ue_count");
    if (!corrected || !uncorrected) return out + "end\n";
    out += fmt::format("mc{}|{}|{}|\n", controller, first_line(*corrected), first_line(*uncorrected));
    // Each controller counts the modules beside it, as in host_files.cc.
    for (std::size_t i = controller; i < host.dut.memory.size(); i += host.dut.cpus.size()) {
      const MemoryModule& module = host.dut.memory[i];
      out += fmt::format("mc{}/dimm{}|{}|{}|{}\n", controller, i, module.correctable_errors,
                         module.uncorrectable_errors, module.name);
    }
  }
}

/// hwmon, one chip per processor; thousandths of a degree.
std::string temperatures(Host host) {
  std::string out;
  for (std::size_t chip = 0; chip < host.dut.cpus.size(); ++chip) {
    out += fmt::format("/sys/class/hwmon/hwmon{}/temp1_input {:.0f}\n", chip,
                       host.dut.cpus[chip].temperature_c.shown * 1000);
  }
  return out;
}

/// Interfaces that have a device, "name address".
std::string network_addresses(Host host) {
  std::string out;
  for (const std::string& path : network_paths(host.dut)) {
    constexpr std::string_view kNet = "/sys/class/net/", kAddress = "/address";
    if (!path.starts_with(kNet) || !path.ends_with(kAddress)) continue;
    const std::string name = path.substr(kNet.size(), path.size() - kNet.size() - kAddress.size());
    out += fmt::format("{} {}", name, read_host_file(host, path).value_or("\n"));
  }
  return out;
}

}  // namespace

std::unique_ptr<Command> run_sh(Host host, const Arguments& arguments) {
  const std::string script = arguments.size() == 3 && arguments[1] == "-c" ? arguments[2] : std::string();
  if (script.find("/sys/devices/system/edac/mc") != std::string::npos) return finished(edac_counters(host));
  if (script.find("/sys/class/net/*") != std::string::npos)
    return finished(network_addresses(host) + "end\n");
  if (script.find("/sys/class/hwmon/") != std::string::npos)
    return finished(temperatures(host) + (script.find("echo end") != std::string::npos ? "end\n" : ""));
  return finished("", 127, "sh: 1: this script is not known to the virtual host\n");
}

}  // namespace kiln::virtual_rack
