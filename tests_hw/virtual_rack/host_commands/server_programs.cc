// What only the host of a server is asked: its sockets and DIMMs, its memory controllers, Fabric Manager.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/host_commands/host_files.h"
#include "tests_hw/virtual_rack/host_commands/network_files.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

namespace {

bool has_word(const Arguments& arguments, const std::string& word) {
  return std::find(arguments.begin(), arguments.end(), word) != arguments.end();
}

}  // namespace

std::unique_ptr<Command> run_lscpu(Host host, const Arguments& arguments) {
  if (!has_word(arguments, "--parse=CPU,CORE,SOCKET"))
    return finished("", 1, "lscpu: this host's lscpu prints --parse=CPU,CORE,SOCKET only\n");
  std::string out =
      "# The following is the parsable format, which can be fed to other\n# programs. Each different item in "
      "every "
      "column has an unique ID\n# starting usually from zero.\n# CPU,Core,Socket\n";
  int core = 0;
  for (std::size_t socket = 0; socket < host.dut.cpus.size(); ++socket) {
    for (int own = 0; own < host.dut.cpus[socket].cores; ++own, ++core)
      out += fmt::format("{},{},{}\n", core, core, socket);
  }
  return finished(std::move(out));
}

std::unique_ptr<Command> run_dmidecode(Host host, const Arguments& arguments) {
  if (!has_word(arguments, "memory"))
    return finished("", 2, "dmidecode: this host's dmidecode has --type memory\n");
  std::string out = "# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 3.5.0 present.\n\n";
  int handle = 0x1100;
  for (const MemoryModule& module : host.dut.memory) {
    out += fmt::format(
        "Handle 0x{:04X}, DMI type 17, 92 bytes\nMemory Device\n\tTotal Width: 80 bits\n\tSize: {} "
        "GB\n\tForm Factor: "
        "DIMM\n\tLocator: {}\n\tBank Locator: Not Specified\n\tType: {}\n\tSerial Number: {}\n\tPart Number: "
        "{}\n\n",
        handle++, module.capacity_mib / 1024, module.name, module.type, module.serial, module.part_number);
  }
  return finished(std::move(out));
}

std::unique_ptr<Command> run_systemctl(Host host, const Arguments& arguments) {
  if (arguments.size() != 3 || arguments[1] != "is-active")
    return finished("", 1, "systemctl: this host's systemctl has is-active UNIT\n");
  const bool active = arguments[2] == "nvidia-fabricmanager" && host.dut.has_own_switches();
  return finished(active ? "active\n" : "inactive\n", active ? 0 : 3);
}

std::unique_ptr<Command> run_nv_fabricmanager(Host host, const Arguments& /*arguments*/) {
  if (!host.dut.has_own_switches()) return finished("", 127, "nv-fabricmanager: command not found\n");
  return finished(fmt::format("Fabric Manager version is : {}\n", kDriverVersion));
}

}  // namespace kiln::virtual_rack
