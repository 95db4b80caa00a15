#include "tests_hw/virtual_rack/host_commands/host_files.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <functional>

#include "tests_hw/virtual_rack/host_commands/network_files.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

namespace {

using Reader = std::function<std::string()>;

struct HostFile {
  std::string path;
  Reader read;
};

double uptime_s(Host host) { return static_cast<double>(host.rack.now_ns - host.dut.boot_ns) * 1e-9; }

int total_cores(const Dut& dut) {
  int cores = 0;
  for (const Cpu& cpu : dut.cpus) {
    cores += cpu.cores;
  }
  return cores;
}

std::string os_release(const Dut& dut) {
  if (dut.role == Role::switch_tray) {
    return "NAME=\"NVOS\"\nVERSION_ID=\"25.02.2452\"\nVERSION=\"25.02.2452\"\nPRETTY_NAME=\"NVOS "
           "25.02.2452\"\nID=nvos\n";
  }
  return "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\n"
         "VERSION=\"24.04.3 LTS (Noble Numbat)\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n";
}

std::string meminfo(const Dut& dut) {
  std::uint64_t total = 0;
  for (const MemoryModule& module : dut.memory) {
    total += module.capacity_mib * 1024;
  }
  total = total * 985 / 1000;  // the firmware and the kernel keep some
  const std::uint64_t free = total * 96 / 100;
  return fmt::format(
      "MemTotal:       {:>8} kB\nMemFree:        {:>8} kB\nMemAvailable:   {:>8} kB\nBuffers:        {:>8} "
      "kB\nCached:         {:>8} kB\nSwapTotal:      {:>8} kB\nSwapFree:       {:>8} kB\n",
      total, free, free + total / 100, 120840, total / 60, 0, 0);
}

std::string cpuinfo(const Dut& dut) {
  std::string text;
  const bool arm = dut.role == Role::compute_tray;
  for (int core = 0; core < total_cores(dut); ++core) {
    if (arm) {
      text += fmt::format(
          "processor\t: {}\nBogoMIPS\t: 2000.00\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
          "CPU variant\t: 0x0\nCPU part\t: 0xd4f\nCPU revision\t: 0\n\n",
          core);
    } else {
      text += fmt::format("processor\t: {}\nvendor_id\t: GenuineIntel\nmodel name\t: {}\ncpu cores\t: {}\n\n",
                          core, dut.cpus.front().model, dut.cpus.front().cores);
    }
  }
  return text;
}

std::string load_average(Host host) {
  double load = 0.08;
  for (const Process& process : host.dut.processes) {
    load += process.cpu_utilisation * total_cores(host.dut) + process.gpu_utilisation * 4;
  }
  return fmt::format("{:.2f} {:.2f} {:.2f} {}/{} {}\n", load, load * 0.7, load * 0.3,
                     1 + static_cast<int>(load), 900, host.dut.next_pid);
}

void add_edac(std::vector<HostFile>& files, const Dut& dut) {
  // One memory controller per processor; each counts the modules beside it.
  const std::size_t controllers = dut.cpus.size();
  for (std::size_t mc = 0; mc < controllers; ++mc) {
    const auto sum = [&dut, mc, controllers](std::uint64_t MemoryModule::*member) {
      std::uint64_t count = 0;
      for (std::size_t i = mc; i < dut.memory.size(); i += controllers) {
        count += dut.memory[i].*member;
      }
      return fmt::format("{}\n", count);
    };
    const std::string base = fmt::format("/sys/devices/system/edac/mc/mc{}/", mc);
    files.push_back({base + "ce_count", [sum] { return sum(&MemoryModule::correctable_errors); }});
    files.push_back({base + "ue_count", [sum] { return sum(&MemoryModule::uncorrectable_errors); }});
    files.push_back({base + "ce_noinfo_count", [] { return std::string("0\n"); }});
    files.push_back({base + "ue_noinfo_count", [] { return std::string("0\n"); }});
    files.push_back({base + "mc_name", [] { return std::string("ghes_edac\n"); }});
  }
}

std::vector<HostFile> host_files(Host host) {
  const Dut& dut = host.dut;
  const auto text = [](std::string value) { return [value = std::move(value)] { return value; }; };
  std::vector<HostFile> files = {
      {"/etc/os-release", text(os_release(dut))},
      {"/etc/hostname", text(dut.hostname + "\n")},
      {"/proc/uptime",
       [host] { return fmt::format("{:.2f} {:.2f}\n", uptime_s(host), uptime_s(host) * 60); }},
      {"/proc/loadavg", [host] { return load_average(host); }},
      {"/proc/meminfo", [&dut] { return meminfo(dut); }},
      {"/proc/cpuinfo", [&dut] { return cpuinfo(dut); }},
      {"/proc/version",
       text(fmt::format("Linux version {} (gcc 13.3.0) #24 SMP\n", host_kernel_release(dut)))},
      {"/proc/cmdline", text("BOOT_IMAGE=/boot/vmlinuz root=/dev/nvme0n1p2 ro quiet\n")},
      {"/proc/sys/kernel/osrelease", text(host_kernel_release(dut) + "\n")},
      {"/proc/sys/kernel/hostname", text(dut.hostname + "\n")},
      {"/proc/sys/kernel/random/boot_id", text(dut.boot_id + "\n")},
      {"/sys/class/dmi/id/product_serial", text(dut.serial + "\n")},
      {"/sys/class/dmi/id/chassis_serial", text(dut.serial + "\n")},
      {"/sys/class/dmi/id/product_name", text(dut.model + "\n")},
      {"/sys/class/dmi/id/sys_vendor", text(dut.manufacturer + "\n")},
      {"/sys/class/dmi/id/product_uuid", text(dut.uuid + "\n")},
  };
  add_edac(files, dut);
  if (!dut.gpus.empty())
    files.push_back({"/sys/module/nvidia/version", text(std::string(kDriverVersion) + "\n")});
  for (const FirmwareItem& item : dut.firmware) {
    if (item.name == "UEFI" || item.name == "FW_BIOS_0") {
      files.push_back({"/sys/class/dmi/id/bios_version", text(item.version + "\n")});
    }
  }
  files.push_back(
      {"/sys/devices/system/clocksource/clocksource0/current_clocksource", text("arch_sys_counter\n")});
  files.push_back({"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text("performance\n")});
  for (const Drive& drive : dut.drives) {
    files.push_back({"/sys/block/" + drive.device + "/device/serial", text(drive.serial + "\n")});
    files.push_back({"/sys/block/" + drive.device + "/device/model", text(drive.model + "\n")});
    files.push_back(
        {"/sys/block/" + drive.device + "/size", text(fmt::format("{}\n", drive.size_bytes / 512))});
  }
  return files;
}

}  // namespace

std::optional<std::string> read_host_file(Host host, const std::string& path) {
  if (is_network_path(path)) return read_network_file(host.dut, path);
  for (const HostFile& file : host_files(host)) {
    if (file.path == path) {
      return file.read();
    }
  }
  return std::nullopt;
}

std::vector<std::string> expand_host_path(Host host, const std::string& pattern) {
  std::vector<std::string> paths;
  if (pattern.find_first_of("*?[") == std::string::npos) {
    return {pattern};
  }
  if (is_network_path(pattern)) {
    for (std::string& path : network_paths(host.dut)) {
      if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) paths.push_back(std::move(path));
    }
    return paths.empty() ? std::vector<std::string>{pattern} : paths;
  }
  for (const HostFile& file : host_files(host)) {
    if (::fnmatch(pattern.c_str(), file.path.c_str(), FNM_PATHNAME) == 0) {
      paths.push_back(file.path);
    }
  }
  if (paths.empty()) {
    return {pattern};
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace kiln::virtual_rack
