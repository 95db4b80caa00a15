#include "tool_output/nvidia_smi_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <pugixml.hpp>
#include <stdexcept>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kNvidiaSmiQueryTool = "nvidia-smi -q -x";
constexpr std::size_t kMaximumQueryMessages = 32;
constexpr std::size_t kMaximumQueriedGpus = 1024;  // far above any machine; bounds the work on garbage

using Names = std::initializer_list<const char*>;

/// The first child with one of the names: tags were renamed between drivers.
pugi::xml_node child(const pugi::xml_node& parent, Names names) {
  for (const char* name : names) {
    if (const pugi::xml_node found = parent.child(name)) return found;
  }
  return {};
}

std::string path_of(const pugi::xml_node& node) {
  std::string path = node.name();
  for (pugi::xml_node up = node.parent(); up && std::string_view(up.name()) != "nvidia_smi_log";
       up = up.parent()) {
    std::string name = up.name();
    if (const char* id = up.attribute("id").value(); *id != '\0') name += fmt::format("[{}]", id);
    path = name + "/" + path;
  }
  return path;
}

/// Reads cells of one document; what it does not understand becomes a doubt of it.
class CellReader {
 public:
  explicit CellReader(NvidiaSmiQuery& document) : document_(document) {}

  std::optional<double> number(const pugi::xml_node& node, std::initializer_list<std::string_view> units) {
    if (!node) return std::nullopt;
    const Number read = read_number(node.child_value(), units);
    if (!read.value && read.absence == Absence::present)
      document_.doubt(path_of(node), trim(node.child_value()));
    return read.value;
  }

  std::optional<std::uint64_t> count(const pugi::xml_node& node, std::string_view unit = {}) {
    if (!node) return std::nullopt;
    std::string_view text = trim(node.child_value());
    if (!unit.empty() && text.size() > unit.size() && text.substr(text.size() - unit.size()) == unit) {
      text = trim(text.substr(0, text.size() - unit.size()));
    }
    const Count read = read_count(text);
    if (!read.value && read.absence == Absence::present) document_.doubt(path_of(node), text);
    return read.value;
  }

  std::optional<bool> flag(const pugi::xml_node& node) {
    if (!node) return std::nullopt;
    const std::string_view text = trim(node.child_value());
    if (absence_of(text) != Absence::present) return std::nullopt;
    const std::optional<bool> read = read_flag(text);
    if (!read) document_.doubt(path_of(node), text);
    return read;
  }

  std::optional<int> small_number(const pugi::xml_node& node, std::string_view unit = {}) {
    const std::optional<std::uint64_t> value = count(node, unit);
    if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) return std::nullopt;
    return static_cast<int>(*value);
  }

  /// Text of a cell; empty when not available, lost or broken.
  static std::string text(const pugi::xml_node& node) {
    const std::string_view cell = trim(node.child_value());
    return absence_of(cell) == Absence::present ? std::string(cell) : std::string();
  }

 private:
  NvidiaSmiQuery& document_;
};

bool is_damaged(const pugi::xml_node& node) {
  const Absence absence = absence_of(node.child_value());
  return absence == Absence::lost || absence == Absence::broken;
}

bool any_damaged(const pugi::xml_node& parent) {
  if (is_damaged(parent)) return true;
  return std::any_of(parent.begin(), parent.end(), [](const pugi::xml_node& one) { return is_damaged(one); });
}

std::optional<std::uint64_t> sum(std::initializer_list<std::optional<std::uint64_t>> parts) {
  std::optional<std::uint64_t> total;
  for (const std::optional<std::uint64_t>& part : parts) {
    if (part) total = total.value_or(0) + *part;
  }
  return total;
}

/// Turing and later: <sram_correctable> and so on. Before: <single_bit>/<double_bit> by place on the chip.
EccCounts read_ecc(const pugi::xml_node& node, CellReader& cells) {
  EccCounts counts;
  counts.damaged = any_damaged(node);
  counts.sram_correctable = cells.count(node.child("sram_correctable"));
  counts.sram_uncorrectable = cells.count(node.child("sram_uncorrectable"));
  counts.sram_uncorrectable_parity = cells.count(node.child("sram_uncorrectable_parity"));
  counts.sram_uncorrectable_secded = cells.count(node.child("sram_uncorrectable_secded"));
  if (!counts.sram_uncorrectable) {
    counts.sram_uncorrectable = sum({counts.sram_uncorrectable_parity, counts.sram_uncorrectable_secded});
  }
  counts.dram_correctable = cells.count(node.child("dram_correctable"));
  counts.dram_uncorrectable = cells.count(node.child("dram_uncorrectable"));
  counts.sram_threshold_exceeded = cells.flag(node.child("sram_threshold_exceeded"));

  const auto by_place = [&](const pugi::xml_node& bits, std::optional<std::uint64_t>& dram,
                            std::optional<std::uint64_t>& sram) {
    if (!bits) return;
    counts.damaged = counts.damaged || any_damaged(bits);
    dram = cells.count(bits.child("device_memory"));
    sram = sum({cells.count(bits.child("register_file")), cells.count(bits.child("l1_cache")),
                cells.count(bits.child("l2_cache")), cells.count(bits.child("texture_memory")),
                cells.count(bits.child("texture_shm")), cells.count(bits.child("cbu"))});
    const std::optional<std::uint64_t> total = cells.count(bits.child("total"));
    const std::uint64_t known = dram.value_or(0) + sram.value_or(0);
    if (total && *total > known) sram = sram.value_or(0) + (*total - known);
  };
  by_place(node.child("single_bit"), counts.dram_correctable, counts.sram_correctable);
  by_place(node.child("double_bit"), counts.dram_uncorrectable, counts.sram_uncorrectable);
  return counts;
}

GpuTemperatures read_temperatures(const pugi::xml_node& node, CellReader& cells) {
  const auto celsius = [&](const char* name) { return cells.number(node.child(name), {"C", ""}); };
  GpuTemperatures t;
  t.gpu = celsius("gpu_temp");
  t.memory = celsius("memory_temp");
  t.tlimit_margin = celsius("gpu_temp_tlimit");
  t.shutdown = celsius("gpu_temp_max_threshold");
  t.slowdown = celsius("gpu_temp_slow_threshold");
  t.max_operating = celsius("gpu_temp_max_gpu_threshold");
  t.memory_max = celsius("gpu_temp_max_mem_threshold");
  t.shutdown_tlimit = celsius("gpu_temp_max_tlimit_threshold");
  t.slowdown_tlimit = celsius("gpu_temp_slow_tlimit_threshold");
  t.max_operating_tlimit = celsius("gpu_temp_max_gpu_tlimit_threshold");
  t.memory_max_tlimit = celsius("gpu_temp_max_mem_tlimit_threshold");
  return t;
}

PowerReadings read_power(const pugi::xml_node& node, CellReader& cells) {
  const auto watts = [&](Names names) { return cells.number(child(node, names), {"W", ""}); };
  PowerReadings power;
  power.average_draw = watts({"average_power_draw"});
  power.instant_draw = watts({"instant_power_draw"});
  power.draw = power.average_draw;
  if (!power.draw) power.draw = power.instant_draw;
  if (!power.draw) power.draw = watts({"power_draw"});
  power.current_limit = watts({"current_power_limit", "enforced_power_limit"});
  power.requested_limit = watts({"requested_power_limit", "power_limit"});
  power.default_limit = watts({"default_power_limit"});
  power.min_limit = watts({"min_power_limit"});
  power.max_limit = watts({"max_power_limit"});
  return power;
}

ClockEventReasons read_clock_events(const pugi::xml_node& gpu, CellReader& cells) {
  ClockEventReasons events;
  const pugi::xml_node now = child(gpu, {"clocks_event_reasons", "clocks_throttle_reasons"});
  const auto active = [&](const char* name) {
    return cells.flag(child(now, {fmt::format("clocks_event_reason_{}", name).c_str(),
                                  fmt::format("clocks_throttle_reason_{}", name).c_str()}));
  };
  events.gpu_idle = active("gpu_idle");
  events.applications_clocks_setting = active("applications_clocks_setting");
  events.sw_power_cap = active("sw_power_cap");
  events.hw_slowdown = active("hw_slowdown");
  events.hw_thermal_slowdown = active("hw_thermal_slowdown");
  events.hw_power_brake_slowdown = active("hw_power_brake_slowdown");
  events.sync_boost = active("sync_boost");
  events.sw_thermal_slowdown = active("sw_thermal_slowdown");
  events.display_clocks_setting = active("display_clocks_setting");
  const pugi::xml_node past = gpu.child("clocks_event_reasons_counters");
  const auto microseconds = [&](const char* name) {
    return cells.count(past.child(fmt::format("clocks_event_reasons_counters_{}", name).c_str()), "us");
  };
  events.sw_power_cap_us = microseconds("sw_power_cap");
  events.sync_boost_us = microseconds("sync_boost");
  events.sw_thermal_slowdown_us = microseconds("sw_therm_slowdown");
  events.hw_thermal_slowdown_us = microseconds("hw_therm_slowdown");
  events.hw_power_brake_slowdown_us = microseconds("hw_power_brake");
  return events;
}

RemappedRows read_remapped_rows(const pugi::xml_node& node, CellReader& cells) {
  RemappedRows rows;
  rows.correctable = cells.count(node.child("remapped_row_corr"));
  rows.uncorrectable = cells.count(node.child("remapped_row_unc"));
  rows.pending = cells.flag(node.child("remapped_row_pending"));
  rows.failure = cells.flag(node.child("remapped_row_failure"));
  const pugi::xml_node histogram = node.child("row_remapper_histogram");
  for (const char* level : {"max", "high", "partial", "low", "none"}) {
    const auto banks =
        cells.count(histogram.child(fmt::format("row_remapper_histogram_{}", level).c_str()), "bank(s)");
    if (banks) rows.histogram[level] = *banks;
  }
  return rows;
}

FabricState read_fabric(const pugi::xml_node& node, CellReader& cells) {
  FabricState fabric;
  fabric.damaged = any_damaged(node) || any_damaged(node.child("health"));
  const std::string_view status = trim(node.child_value("status"));
  fabric.state = CellReader::text(node.child("state"));
  // A failed registration may be told with an NVML error text, which is no absence here.
  if (absence_of(status) != Absence::not_available) fabric.status = std::string(status);
  fabric.clique_id = cells.count(child(node, {"cliqueId", "clique_id"}));
  fabric.cluster_uuid = CellReader::text(child(node, {"clusterUuid", "cluster_uuid"}));
  const pugi::xml_node health = node.child("health");
  fabric.health_summary = CellReader::text(health.child("summary"));
  fabric.bandwidth = CellReader::text(health.child("bandwidth"));
  fabric.route_recovery_in_progress = cells.flag(health.child("route_recovery_in_progress"));
  fabric.route_unhealthy = cells.flag(health.child("route_unhealthy"));
  fabric.access_timeout_recovery = cells.flag(health.child("access_timeout_recovery"));
  fabric.partition_assigned = cells.flag(health.child("partition_assigned"));
  fabric.incorrect_configuration = CellReader::text(health.child("incorrect_configuration"));
  if (equals_ignoring_case(fabric.incorrect_configuration, "False")) fabric.incorrect_configuration.clear();
  return fabric;
}

PcieLink read_pcie(const pugi::xml_node& pci, CellReader& cells) {
  PcieLink link;
  const pugi::xml_node info = pci.child("pci_gpu_link_info");
  const pugi::xml_node generation = info.child("pcie_gen");
  link.current_generation = cells.small_number(generation.child("current_link_gen"));
  link.max_generation = cells.small_number(generation.child("max_link_gen"));
  link.device_max_generation = cells.small_number(generation.child("max_device_link_gen"));
  link.host_max_generation = cells.small_number(generation.child("max_host_link_gen"));
  const pugi::xml_node widths = info.child("link_widths");
  link.current_width = cells.small_number(widths.child("current_link_width"), "x");
  link.max_width = cells.small_number(widths.child("max_link_width"), "x");
  link.replays = cells.count(pci.child("replay_counter"));
  link.replay_rollovers = cells.count(pci.child("replay_rollover_counter"));
  return link;
}

/// Walks every cell once: a damaged one may stand anywhere, also as the text of a container.
class DamageFinder final : public pugi::xml_tree_walker {
 public:
  explicit DamageFinder(GpuQuery& gpu) : gpu_(gpu) {}
  bool for_each(pugi::xml_node& node) override {
    if (node.type() != pugi::node_pcdata) return true;
    const Absence absence = absence_of(node.value());
    if (absence == Absence::no_permission && gpu_.no_permission.size() < kMaximumDoubts) {
      gpu_.no_permission.push_back(path_of(node.parent()));
    }
    if (absence != Absence::lost && absence != Absence::broken) return true;
    gpu_.lost = gpu_.lost || absence == Absence::lost;
    if (gpu_.bad_cells.size() < kMaximumDoubts) {
      gpu_.bad_cells.push_back({path_of(node.parent()), std::string(trim(node.value()))});
    }
    return true;
  }

 private:
  GpuQuery& gpu_;
};

void read_identity(const pugi::xml_node& node, CellReader& cells, GpuQuery& gpu) {
  const std::string_view printed_bus = node.child("pci").child("pci_bus_id")
                                           ? node.child("pci").child_value("pci_bus_id")
                                           : node.attribute("id").value();
  gpu.bus_id = normal_pci_address(printed_bus).value_or(std::string(trim(printed_bus)));
  gpu.uuid = CellReader::text(node.child("uuid"));
  gpu.serial = CellReader::text(node.child("serial"));
  gpu.product_name = CellReader::text(node.child("product_name"));
  gpu.product_brand = CellReader::text(node.child("product_brand"));
  gpu.architecture = CellReader::text(node.child("product_architecture"));
  gpu.vbios_version = CellReader::text(node.child("vbios_version"));
  gpu.part_number = CellReader::text(node.child("gpu_part_number"));
  gpu.board_part_number = CellReader::text(node.child("board_part_number"));
  gpu.gsp_firmware = CellReader::text(node.child("gsp_firmware_version"));
  gpu.inforom_image = CellReader::text(node.child("inforom_version").child("img_version"));
  gpu.pci_device_id = CellReader::text(node.child("pci").child("pci_device_id"));
  gpu.performance_state = CellReader::text(node.child("performance_state"));
  gpu.compute_mode = CellReader::text(node.child("compute_mode"));
  gpu.recovery_action = std::string(trim(node.child_value("gpu_recovery_action")));
  if (equals_ignoring_case(gpu.recovery_action, "N/A")) gpu.recovery_action.clear();
  gpu.persistence_mode = cells.flag(node.child("persistence_mode"));
  gpu.mig_enabled = cells.flag(node.child("mig_mode").child("current_mig"));
  gpu.ecc_enabled = cells.flag(node.child("ecc_mode").child("current_ecc"));
  gpu.ecc_pending_enabled = cells.flag(node.child("ecc_mode").child("pending_ecc"));
  gpu.display_active = cells.flag(node.child("display_active"));
  gpu.reset_required = cells.flag(node.child("gpu_reset_status").child("reset_required"));
  gpu.drain_and_reset_recommended =
      cells.flag(node.child("gpu_reset_status").child("drain_and_reset_recommended"));
  gpu.minor_number = cells.small_number(node.child("minor_number"));
  const pugi::xml_node platform = child(node, {"platformInfo", "platform_info"});
  gpu.chassis_serial = CellReader::text(platform.child("chassis_serial_number"));
  gpu.slot_number = CellReader::text(platform.child("slot_number"));
  gpu.tray_index = CellReader::text(platform.child("tray_index"));
  gpu.host_id = CellReader::text(platform.child("host_id"));
  gpu.module_id = CellReader::text(child(platform ? platform : node, {"module_id", "gpu_module_id"}));
  gpu.fabric_guid = CellReader::text(platform.child("gpu_fabric_guid"));
}

GpuQuery read_gpu(const pugi::xml_node& node, CellReader& cells) {
  GpuQuery gpu;
  read_identity(node, cells, gpu);
  gpu.temperature = read_temperatures(node.child("temperature"), cells);
  gpu.power = read_power(child(node, {"gpu_power_readings", "power_readings"}), cells);
  gpu.module_power = read_power(node.child("module_power_readings"), cells);
  const auto megahertz = [&](const char* group, const char* name) {
    return cells.number(node.child(group).child(name), {"MHz", ""});
  };
  gpu.clocks.graphics = megahertz("clocks", "graphics_clock");
  gpu.clocks.sm = megahertz("clocks", "sm_clock");
  gpu.clocks.memory = megahertz("clocks", "mem_clock");
  gpu.clocks.video = megahertz("clocks", "video_clock");
  gpu.clocks.max_graphics = megahertz("max_clocks", "graphics_clock");
  gpu.clocks.max_sm = megahertz("max_clocks", "sm_clock");
  gpu.clocks.max_memory = megahertz("max_clocks", "mem_clock");
  gpu.clocks.applications_graphics = megahertz("applications_clocks", "graphics_clock");
  gpu.clock_events = read_clock_events(node, cells);
  const auto mebibytes = [&](const char* group, const char* name) {
    return cells.number(node.child(group).child(name), {"MiB", "MB"});
  };
  gpu.memory_total_mib = mebibytes("fb_memory_usage", "total");
  gpu.memory_used_mib = mebibytes("fb_memory_usage", "used");
  gpu.memory_reserved_mib = mebibytes("fb_memory_usage", "reserved");
  gpu.bar1_total_mib = mebibytes("bar1_memory_usage", "total");
  gpu.utilization_gpu_percent = cells.number(node.child("utilization").child("gpu_util"), {"%", ""});
  gpu.utilization_memory_percent = cells.number(node.child("utilization").child("memory_util"), {"%", ""});
  gpu.fan_percent = cells.number(node.child("fan_speed"), {"%", ""});
  const pugi::xml_node ecc = node.child("ecc_errors");
  gpu.ecc_volatile = read_ecc(ecc.child("volatile"), cells);
  gpu.ecc_aggregate = read_ecc(ecc.child("aggregate"), cells);
  const bool ecc_damaged = is_damaged(ecc);
  gpu.ecc_volatile.damaged = gpu.ecc_volatile.damaged || ecc_damaged;
  gpu.ecc_aggregate.damaged = gpu.ecc_aggregate.damaged || ecc_damaged;
  gpu.channel_repair_pending = cells.flag(ecc.child("channel_repair_pending"));
  gpu.tpc_repair_pending = cells.flag(ecc.child("tpc_repair_pending"));
  gpu.unrepairable_memory = cells.flag(ecc.child("unrepairable_memory"));
  const pugi::xml_node retired = node.child("retired_pages");
  gpu.retired_pages.single_bit =
      cells.count(retired.child("multiple_single_bit_retirement").child("retired_count"));
  gpu.retired_pages.double_bit = cells.count(retired.child("double_bit_retirement").child("retired_count"));
  gpu.retired_pages.pending = cells.flag(child(retired, {"pending_retirement", "pending_blacklist"}));
  gpu.remapped_rows = read_remapped_rows(node.child("remapped_rows"), cells);
  gpu.fabric = read_fabric(node.child("fabric"), cells);
  gpu.pcie = read_pcie(node.child("pci"), cells);
  for (const pugi::xml_node& info : node.child("processes").children("process_info")) {
    GpuProcess process;
    process.pid = to_integer(trim(info.child_value("pid"))).value_or(0);
    process.type = CellReader::text(info.child("type"));
    process.name = CellReader::text(info.child("process_name"));
    gpu.processes.push_back(std::move(process));
  }
  DamageFinder finder(gpu);
  pugi::xml_node walked = node;
  walked.traverse(finder);
  return gpu;
}

/// Explains text that holds no XML of ours.
Error refuse_query(std::string_view text) {
  if (contains_ignoring_case(text, "NVSMI LOG")) {
    return not_recognised(kNvidiaSmiQueryTool, "it is the plain-text form of -q; ask for XML with -x");
  }
  const std::vector<std::string_view> lines = split_lines(text);
  // A few lines at most: the tool's own errors. More is some other document that merely quotes them.
  if (lines.size() <= 40) {
    for (const std::string_view line : lines) {
      if (contains_ignoring_case(line, "Unable to determine the device handle") ||
          contains_ignoring_case(line, "GPU is lost")) {
        std::string where = "a GPU";
        for (const std::string_view word : split_fields(line)) {
          std::string_view address = word;
          if (!address.empty() && address.back() == ':') address.remove_suffix(1);
          if (const auto normal = normal_pci_address(address)) where = "GPU " + *normal;
        }
        return Error("nvidia_smi.gpu_lost",
                     fmt::format("nvidia-smi lost {}: {}", where, trim(line).substr(0, 160)),
                     "check the GPU's seating and power, then power-cycle the tray", Blame::peer);
      }
    }
    for (const std::string_view line : lines) {
      for (const std::string_view known :
           {"NVIDIA-SMI has failed", "Failed to initialize NVML", "No devices were found",
            "couldn't communicate", "NVIDIA-SMI couldn't find", "command not found"}) {
        if (contains_ignoring_case(line, known))
          return tool_failed(kNvidiaSmiQueryTool, std::string(trim(line).substr(0, 200)));
      }
    }
  }
  return not_recognised(kNvidiaSmiQueryTool, "there is no <nvidia_smi_log> element in it");
}

void keep_query_messages(std::string_view text, NvidiaSmiQuery& query) {
  for (const std::string_view line : split_lines(text)) {
    const std::string_view message = trim(line);
    if (message.empty() || message.starts_with("<?xml") || message.starts_with("<!DOCTYPE")) continue;
    if (query.messages.size() < kMaximumQueryMessages) query.messages.emplace_back(message.substr(0, 200));
  }
}

Result<NvidiaSmiQuery> read_query(std::string_view text) {
  constexpr std::string_view kOpen = "<nvidia_smi_log";
  constexpr std::string_view kClose = "</nvidia_smi_log>";
  std::size_t open = text.find(kOpen);
  if (open == std::string_view::npos) return refuse_query(text);
  const std::size_t close = text.find(kClose, open);
  if (close == std::string_view::npos) {
    std::size_t whole = 0;
    for (std::size_t at = open; (at = text.find("</gpu>", at)) != std::string_view::npos; ++at) ++whole;
    return truncated(kNvidiaSmiQueryTool,
                     fmt::format("</nvidia_smi_log> is missing; {} whole GPUs precede the end", whole));
  }
  NvidiaSmiQuery query;
  keep_query_messages(text.substr(0, open), query);
  const std::string_view rest = text.substr(close + kClose.size());
  if (rest.find(kOpen) != std::string_view::npos) {
    query.doubt("document", "more than one <nvidia_smi_log>; the first was read");
  } else {
    keep_query_messages(rest, query);
  }
  if (const std::size_t dtd = text.substr(0, open).find("SYSTEM \""); dtd != std::string_view::npos) {
    const std::size_t start = dtd + 8;
    query.dtd = std::string(text.substr(start, std::min<std::size_t>(text.find('"', start) - start, 64)));
  }

  pugi::xml_document xml;
  const std::string_view body = text.substr(open, close + kClose.size() - open);
  const pugi::xml_parse_result parsed =
      xml.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    return malformed(kNvidiaSmiQueryTool, fmt::format("{} at byte {}", parsed.description(),
                                                      static_cast<std::uint64_t>(parsed.offset) + open));
  }
  const pugi::xml_node root = xml.child("nvidia_smi_log");
  CellReader cells(query);
  query.timestamp = CellReader::text(root.child("timestamp"));
  query.driver_version = CellReader::text(root.child("driver_version"));
  query.cuda_version = CellReader::text(root.child("cuda_version"));
  query.attached_gpus = cells.count(root.child("attached_gpus"));
  for (const pugi::xml_node& node : root.children("gpu")) {
    if (query.gpus.size() == kMaximumQueriedGpus)
      return malformed(kNvidiaSmiQueryTool, "more GPUs than any machine has");
    query.gpus.push_back(read_gpu(node, cells));
  }
  if (query.attached_gpus && *query.attached_gpus != query.gpus.size()) {
    query.mark_incomplete(fmt::format("the driver counts {} GPUs but {} are described", *query.attached_gpus,
                                      query.gpus.size()));
  }
  if (!query.attached_gpus && query.gpus.empty()) {
    query.mark_incomplete("neither a GPU nor a count of GPUs is in the document");
  }
  return query;
}

}  // namespace

std::optional<std::uint64_t> EccCounts::correctable() const {
  if (damaged) return std::nullopt;
  return sum({sram_correctable, dram_correctable});
}

std::optional<std::uint64_t> EccCounts::uncorrectable() const {
  if (damaged) return std::nullopt;
  return sum({sram_uncorrectable, dram_uncorrectable});
}

std::vector<std::string> ClockEventReasons::active_slowdowns() const {
  std::vector<std::string> names;
  const auto add = [&](const std::optional<bool>& active, const char* name) {
    if (active.value_or(false)) names.emplace_back(name);
  };
  add(sw_power_cap, "sw_power_cap");
  add(hw_slowdown, "hw_slowdown");
  add(hw_thermal_slowdown, "hw_thermal_slowdown");
  add(hw_power_brake_slowdown, "hw_power_brake_slowdown");
  add(sw_thermal_slowdown, "sw_thermal_slowdown");
  add(sync_boost, "sync_boost");
  return names;
}

std::string FabricState::reason() const {
  if (damaged) return "the GPU does not answer for its fabric state";
  if (state.empty()) return "the product reports no fabric";
  if (!equals_ignoring_case(state, "Completed")) return fmt::format("fabric state is '{}'", state);
  if (status.empty()) return "fabric status is missing";
  if (!equals_ignoring_case(status, "Success")) return fmt::format("fabric status is '{}'", status);
  if (!health_summary.empty() && !equals_ignoring_case(health_summary, "Healthy")) {
    std::string why = fmt::format("fabric health is '{}'", health_summary);
    if (route_unhealthy.value_or(false)) why += ", a route is unhealthy";
    return why;
  }
  if (!bandwidth.empty() && !equals_ignoring_case(bandwidth, "Full")) {
    return fmt::format("fabric bandwidth is '{}'", bandwidth);
  }
  if (route_unhealthy.value_or(false)) return "a fabric route is unhealthy";
  if (access_timeout_recovery.value_or(false)) return "fabric access timeout recovery is under way";
  if (!incorrect_configuration.empty()) {
    return fmt::format("fabric configuration is incorrect: {}", incorrect_configuration);
  }
  if (route_recovery_in_progress.value_or(false)) return "fabric route recovery is in progress";
  return {};
}

ToolVerdict FabricState::verdict() const {
  if (damaged) return ToolVerdict::fail;
  if (state.empty()) return ToolVerdict::skip;
  if (equals_ignoring_case(state, "In Progress") || equals_ignoring_case(state, "Not Started")) {
    return ToolVerdict::not_run;
  }
  if (!equals_ignoring_case(state, "Completed") || status.empty()) return ToolVerdict::unknown;
  if (reason().empty()) return ToolVerdict::pass;
  const bool only_recovery = reason() == "fabric route recovery is in progress";
  return only_recovery ? ToolVerdict::warn : ToolVerdict::fail;
}

Result<NvidiaSmiQuery> parse_nvidia_smi_query(std::string_view text) {
  if (Status size = check_size(kNvidiaSmiQueryTool, text); !size) return size.error();
  try {
    return read_query(text);
  } catch (const std::exception& problem) {
    return malformed(kNvidiaSmiQueryTool, problem.what());
  }
}

}  // namespace kiln::tool_output
