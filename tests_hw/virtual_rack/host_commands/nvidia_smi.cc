// nvidia-smi of driver 580: -L, -q -x, nvlink --status and -e, --query-gpu=… --format=csv.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <map>

#include "base/nearest.h"
#include "tests_hw/virtual_rack/host_commands/nvidia_smi_xml.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

namespace {

constexpr int kInvalidArgument = 2;  // return values of nvidia-smi, from its manual page
constexpr int kNoDevices = 6;
constexpr int kGpuLost = 15;

std::string header(const Gpu& gpu) {
  return fmt::format("GPU {}: {} (UUID: {})\n", gpu.index, gpu.model, gpu.uuid);
}

std::string unreachable(const Gpu& gpu) {
  return fmt::format(
      "Unable to determine the device handle for GPU{}: {}: GPU is lost.  Reboot the system to recover this "
      "GPU\n",
      gpu.index, gpu.pci_address);
}

/// Raw bits per second to what nvidia-smi calls GB/s: 425 Gbit/s is 53.125 GB/s.
std::string link_speed(const NvLink& link) {
  std::string text = fmt::format("{:.3f}", link.speed_gbps / 8);
  while (text.ends_with("0")) text.pop_back();
  if (text.ends_with(".")) text.pop_back();
  return text;
}

std::unique_ptr<Command> nvlink_status(const Dut& dut) {
  std::string out;
  int status = 0;
  for (const Gpu& gpu : dut.gpus) {
    if (!gpu.present) continue;
    if (!gpu.on_bus) {
      out += unreachable(gpu);
      status = kGpuLost;
      continue;
    }
    out += header(gpu);
    bool any_up = false;
    for (const NvLink& link : gpu.links) any_up = any_up || link.up;
    if (!any_up) {
      out += "\t NVML: Unable to retrieve NVLink information as all links are inActive\n";
      continue;
    }
    for (std::size_t i = 0; i < gpu.links.size(); ++i) {
      out += gpu.links[i].up ? fmt::format("\t Link {}: {} GB/s\n", i, link_speed(gpu.links[i]))
                             : fmt::format("\t Link {}: <inactive>\n", i);
    }
  }
  return finished(std::move(out), status);
}

/// "15e-255" is how the tool writes that no error was seen: mantissa and exponent as the firmware stores
/// them.
std::string bit_error_rate(double rate) {
  if (rate <= 1.5e-253) return "15e-255";
  const int exponent = static_cast<int>(std::floor(std::log10(rate))) - 1;
  return fmt::format("{}e{}", std::lround(rate / std::pow(10, exponent)), exponent);
}

std::unique_ptr<Command> nvlink_errors(const Dut& dut) {
  constexpr std::uint64_t kPacketBytes = 256;
  std::string out;
  int status = 0;
  for (const Gpu& gpu : dut.gpus) {
    if (!gpu.present) continue;
    if (!gpu.on_bus) {
      out += unreachable(gpu);
      status = kGpuLost;
      continue;
    }
    out += header(gpu);
    for (std::size_t i = 0; i < gpu.links.size(); ++i) {
      const LinkCounters& c = gpu.links[i].counters;
      const auto line = [&](const char* label, const std::string& value) {
        out += fmt::format("\t Link {}: {}: {}\n", i, label, value);
      };
      const auto count = [&](const char* label, std::uint64_t value) { line(label, std::to_string(value)); };
      count("Tx packets", c.tx_bytes / kPacketBytes);
      count("Tx bytes", c.tx_bytes);
      count("Rx packets", c.rx_bytes / kPacketBytes);
      count("Rx bytes", c.rx_bytes);
      count("Malformed packet Errors", c.malformed_packets);
      count("Buffer overrun Errors", 0);
      count("Rx Errors", c.data_crc_errors + c.flit_crc_errors);
      count("Rx remote Errors", 0);
      count("Rx General Errors", 0);
      count("Local link integrity Errors", c.replays);
      count("Tx discards", 0);
      count("Link recovery successful events", c.recoveries);
      count("Link recovery failed events", c.link_downed);
      count("Total link recovery events", c.recoveries + c.link_downed);
      count("Effective Errors", c.effective_errors);
      line("Effective BER", bit_error_rate(c.effective_ber));
      count("Symbol Errors", c.symbol_errors);
      line("Symbol BER", bit_error_rate(c.symbol_ber));
      count("FEC Errors - 0", c.tx_bytes / kPacketBytes);
      count("FEC Errors - 1", c.fec_corrected);
    }
  }
  return finished(std::move(out), status);
}

std::unique_ptr<Command> run_nvlink(Host host, const Arguments& arguments) {
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--status" || word == "-s") return nvlink_status(host.dut);
    if (word == "-e" || word == "--errorcounters") return nvlink_errors(host.dut);
  }
  return finished("", kInvalidArgument,
                  "Invalid combination of input arguments. Please run 'nvidia-smi nvlink -h' for help.\n");
}

/// A column of --query-gpu: value, and its unit when the caller wants units.
struct Column {
  std::function<std::string(const Gpu&)> value;
  const char* unit = "";
  bool without_device = false;  // answered from what the driver remembers of a lost GPU
};

std::string flag(bool holds) { return holds ? "Active" : "Not Active"; }
std::string number(double value) { return std::to_string(std::lround(value)); }
std::string two(double value) { return fmt::format("{:.2f}", value); }

const std::map<std::string, Column>& columns() {
  static const std::map<std::string, Column> known = {
      {"index", {[](const Gpu& g) { return std::to_string(g.index); }, "", true}},
      {"name", {[](const Gpu& g) { return g.model; }, "", true}},
      {"gpu_name", {[](const Gpu& g) { return g.model; }, "", true}},
      {"serial", {[](const Gpu& g) { return g.serial; }, "", true}},
      {"uuid", {[](const Gpu& g) { return g.uuid; }, "", true}},
      {"gpu_uuid", {[](const Gpu& g) { return g.uuid; }, "", true}},
      {"pci.bus_id", {[](const Gpu& g) { return g.pci_address; }, "", true}},
      {"gpu_bus_id", {[](const Gpu& g) { return g.pci_address; }, "", true}},
      {"driver_version", {[](const Gpu&) { return std::string(kDriverVersion); }, "", true}},
      {"vbios_version", {[](const Gpu& g) { return g.vbios; }, "", true}},
      {"pstate", {[](const Gpu&) { return std::string("P0"); }}},
      {"persistence_mode", {[](const Gpu&) { return std::string("Enabled"); }}},
      {"ecc.mode.current", {[](const Gpu&) { return std::string("Enabled"); }}},
      {"temperature.gpu", {[](const Gpu& g) { return number(g.temperature_c.shown); }}},
      {"temperature.gpu.tlimit",
       {[](const Gpu& g) { return number(g.slowdown_c - 2 - g.temperature_c.shown); }}},
      {"temperature.memory", {[](const Gpu& g) { return number(g.memory_temperature_c.shown); }}},
      {"power.draw", {[](const Gpu& g) { return two(g.power_w.shown); }, "W"}},
      {"power.draw.average", {[](const Gpu& g) { return two(g.power_w.shown); }, "W"}},
      {"power.draw.instant", {[](const Gpu& g) { return two(g.power_w.shown); }, "W"}},
      {"power.limit", {[](const Gpu& g) { return two(g.power_limit_w); }, "W"}},
      {"enforced.power.limit", {[](const Gpu& g) { return two(g.power_limit_w); }, "W"}},
      {"power.default_limit", {[](const Gpu& g) { return two(g.default_power_limit_w); }, "W"}},
      {"power.min_limit", {[](const Gpu& g) { return two(g.min_power_limit_w); }, "W"}},
      {"power.max_limit", {[](const Gpu& g) { return two(g.max_power_limit_w); }, "W"}},
      {"clocks.sm", {[](const Gpu& g) { return number(g.sm_clock_mhz); }, "MHz"}},
      {"clocks.current.sm", {[](const Gpu& g) { return number(g.sm_clock_mhz); }, "MHz"}},
      {"clocks.gr", {[](const Gpu& g) { return number(g.sm_clock_mhz); }, "MHz"}},
      {"clocks.current.graphics", {[](const Gpu& g) { return number(g.sm_clock_mhz); }, "MHz"}},
      {"clocks.mem", {[](const Gpu& g) { return number(g.memory_clock_mhz); }, "MHz"}},
      {"clocks.current.memory", {[](const Gpu& g) { return number(g.memory_clock_mhz); }, "MHz"}},
      {"clocks.max.sm", {[](const Gpu& g) { return number(g.max_sm_clock_mhz); }, "MHz"}},
      {"clocks.max.mem", {[](const Gpu& g) { return number(g.max_memory_clock_mhz); }, "MHz"}},
      {"utilization.gpu", {[](const Gpu& g) { return number(g.utilisation * 100); }, "%"}},
      {"utilization.memory", {[](const Gpu& g) { return number(g.utilisation * 62); }, "%"}},
      {"memory.total", {[](const Gpu& g) { return std::to_string(g.memory_mib); }, "MiB"}},
      {"memory.used", {[](const Gpu& g) { return number(g.memory_used_mib); }, "MiB"}},
      {"memory.free",
       {[](const Gpu& g) { return number(static_cast<double>(g.memory_mib) - g.memory_used_mib); }, "MiB"}},
      {"pcie.link.gen.current", {[](const Gpu& g) { return std::to_string(g.pcie_generation); }}},
      {"pcie.link.gen.max", {[](const Gpu& g) { return std::to_string(g.pcie_generation); }}},
      {"pcie.link.width.current", {[](const Gpu& g) { return std::to_string(g.pcie_lanes); }}},
      {"pcie.link.width.max", {[](const Gpu& g) { return std::to_string(g.pcie_width); }}},
      {"ecc.errors.corrected.volatile.total", {[](const Gpu& g) {
         return std::to_string(g.ecc_volatile.dram_correctable + g.ecc_volatile.sram_correctable);
       }}},
      {"ecc.errors.uncorrected.volatile.total", {[](const Gpu& g) {
         return std::to_string(g.ecc_volatile.dram_uncorrectable + g.ecc_volatile.sram_uncorrectable);
       }}},
      {"ecc.errors.corrected.aggregate.total", {[](const Gpu& g) {
         return std::to_string(g.ecc_aggregate.dram_correctable + g.ecc_aggregate.sram_correctable);
       }}},
      {"ecc.errors.uncorrected.aggregate.total", {[](const Gpu& g) {
         return std::to_string(g.ecc_aggregate.dram_uncorrectable + g.ecc_aggregate.sram_uncorrectable);
       }}},
      {"remapped_rows.correctable", {[](const Gpu& g) { return std::to_string(g.row_remap.correctable); }}},
      {"remapped_rows.uncorrectable",
       {[](const Gpu& g) { return std::to_string(g.row_remap.uncorrectable); }}},
      {"remapped_rows.pending", {[](const Gpu& g) { return std::string(g.row_remap.pending ? "1" : "0"); }}},
      {"remapped_rows.failure", {[](const Gpu& g) { return std::string(g.row_remap.failure ? "1" : "0"); }}},
      {"clocks_event_reasons.gpu_idle", {[](const Gpu& g) { return flag(g.throttle.gpu_idle); }}},
      {"clocks_event_reasons.sw_power_cap", {[](const Gpu& g) { return flag(g.throttle.sw_power_cap); }}},
      {"clocks_event_reasons.sw_thermal_slowdown",
       {[](const Gpu& g) { return flag(g.throttle.sw_thermal_slowdown); }}},
      {"clocks_event_reasons.hw_slowdown", {[](const Gpu& g) { return flag(g.throttle.hw_slowdown); }}},
      {"clocks_event_reasons.hw_thermal_slowdown",
       {[](const Gpu& g) { return flag(g.throttle.hw_thermal_slowdown); }}},
      {"clocks_event_reasons.hw_power_brake_slowdown",
       {[](const Gpu& g) { return flag(g.throttle.hw_power_brake_slowdown); }}},
      {"clocks_event_reasons.active", {[](const Gpu& g) {
         // Bits of nvmlClocksEventReasons, nvml.h.
         const ThrottleReasons& why = g.throttle;
         const unsigned mask = (why.gpu_idle ? 0x1U : 0U) | (why.sw_power_cap ? 0x4U : 0U) |
                               (why.hw_slowdown ? 0x8U : 0U) | (why.sw_thermal_slowdown ? 0x20U : 0U) |
                               (why.hw_thermal_slowdown ? 0x40U : 0U) |
                               (why.hw_power_brake_slowdown ? 0x80U : 0U);
         return fmt::format("0x{:016X}", mask);
       }}},
  };
  return known;
}

/// The same column under the names of before driver 535.
std::string modern_name(std::string name) {
  for (const char* old : {"clocks_throttle_reasons."}) {
    if (name.starts_with(old)) {
      return "clocks_event_reasons." + name.substr(std::string(old).size());
    }
  }
  return name;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    std::string part = list.substr(at, comma - at);
    while (part.starts_with(" ")) part.erase(0, 1);
    while (part.ends_with(" ")) part.pop_back();
    parts.push_back(std::move(part));
    at = comma + 1;
  }
  return parts;
}

std::unique_ptr<Command> run_query(Host host, const std::string& fields, const std::string& format,
                                   const std::string& only) {
  const std::vector<std::string> formats = split(format);
  const auto has = [&](const char* word) {
    return std::find(formats.begin(), formats.end(), word) != formats.end();
  };
  if (!has("csv")) {
    return finished("", kInvalidArgument, "\"--format=\" switch must be one of: csv\n");
  }
  const bool units = !has("nounits");
  std::vector<std::string> names = split(fields);
  std::string out;
  for (const std::string& name : names) {
    const auto found = columns().find(modern_name(name));
    if (found == columns().end() && name != "timestamp" && name != "count") {
      return finished(fmt::format("Field \"{}\" is not a valid field to query.\n\n", name), kInvalidArgument);
    }
    const bool unit = found != columns().end() && *found->second.unit != '\0';
    out += (out.empty() ? "" : ", ") + name + (unit && units ? fmt::format(" [{}]", found->second.unit) : "");
  }
  out = has("noheader") ? "" : out + "\n";
  int status = 0;
  for (const Gpu& gpu : host.dut.gpus) {
    if (!gpu.present || (!only.empty() && only != std::to_string(gpu.index) && only != gpu.uuid)) continue;
    std::string row;
    for (const std::string& name : names) {
      std::string value;
      if (name == "count") {
        value = std::to_string(host.dut.gpus.size());
      } else if (name == "timestamp") {
        const std::int64_t utc = host_utc_ns(host.rack, host.dut, host.rack.now_ns);
        value =
            fmt::format("{:%Y/%m/%d %H:%M:%S}.{:03}",
                        fmt::gmtime(static_cast<std::time_t>(utc / 1'000'000'000)), utc / 1'000'000 % 1000);
      } else {
        const Column& column = columns().at(modern_name(name));
        const bool answers = gpu.on_bus || column.without_device;
        status = answers ? status : kGpuLost;
        value = answers ? column.value(gpu) : "[GPU is lost]";
        value += answers && units && *column.unit != '\0' ? std::string(" ") + column.unit : "";
      }
      row += (row.empty() ? "" : ", ") + value;
    }
    out += row + "\n";
  }
  return finished(std::move(out), status);
}

std::unique_ptr<Command> run_list(const Dut& dut) {
  std::string out;
  for (const Gpu& gpu : dut.gpus) {
    if (gpu.present) {
      out += gpu.on_bus ? header(gpu) : unreachable(gpu);
    }
  }
  return finished(std::move(out));
}

}  // namespace

std::unique_ptr<Command> run_nvidia_smi(Host host, const Arguments& arguments) {
  bool any = false;
  for (const Gpu& gpu : host.dut.gpus) any = any || gpu.present;
  if (!any) {
    return finished("No devices were found\n", kNoDevices);
  }
  if (arguments.size() > 1 && arguments[1] == "nvlink") {
    return run_nvlink(host, arguments);
  }
  bool query = false;
  bool xml = false;
  bool list = false;
  std::string fields;
  std::string format;
  std::string only;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-q" || word == "--query") {
      query = true;
    } else if (word == "-x" || word == "--xml-format") {
      xml = true;
    } else if (word == "-qx" || word == "-xq") {
      query = xml = true;
    } else if (word == "-L" || word == "--list-gpus") {
      list = true;
    } else if (word.starts_with("--query-gpu=")) {
      fields = word.substr(12);
    } else if (word.starts_with("--format=")) {
      format = word.substr(9);
    } else if ((word == "-i" || word == "--id") && i + 1 < arguments.size()) {
      only = arguments[++i];
    } else if (word.starts_with("--id=")) {
      only = word.substr(5);
    } else {
      return finished(
          fmt::format("Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n"),
          kInvalidArgument);
    }
  }
  if (list) return run_list(host.dut);
  if (!fields.empty()) return run_query(host, fields, format, only);
  if (query && xml) return finished(nvidia_smi_xml(host));
  return finished("Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n",
                  kInvalidArgument);
}

}  // namespace kiln::virtual_rack
