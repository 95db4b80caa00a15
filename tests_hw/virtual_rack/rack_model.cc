#include "tests_hw/virtual_rack/rack_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/nearest.h"
#include "tests_hw/virtual_rack/faults.h"

namespace kiln::virtual_rack {

namespace {

constexpr std::size_t kKernelLinesKept = 20000;
constexpr std::size_t kEventsKept = 4000;

}  // namespace

std::uint64_t monotonic_ns() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::compute_tray:
      return "compute_tray";
    case Role::switch_tray:
      return "switch_tray";
    case Role::cdu:
      return "cdu";
    case Role::power_shelf:
      return "power_shelf";
    case Role::server:
      return "server";
  }
  return "?";
}

std::string_view to_string(PowerState state) {
  switch (state) {
    case PowerState::off:
      return "Off";
    case PowerState::powering_on:
      return "PoweringOn";
    case PowerState::on:
      return "On";
    case PowerState::powering_off:
      return "PoweringOff";
  }
  return "?";
}

std::string_view to_string(DetectorState state) {
  switch (state) {
    case DetectorState::ok:
      return "OK";
    case DetectorState::warning:
      return "Warning";
    case DetectorState::critical:
      return "Critical";
    case DetectorState::unavailable:
      return "Unavailable";
    case DetectorState::absent:
      return "Absent";
  }
  return "?";
}

RackModel::RackModel() = default;
RackModel::~RackModel() = default;

Dut* RackModel::find(std::string_view id) {
  const auto found = std::find_if(duts.begin(), duts.end(), [&](const Dut& dut) { return dut.id == id; });
  return found == duts.end() ? nullptr : &*found;
}

const Dut* RackModel::find(std::string_view id) const {
  const auto found = std::find_if(duts.begin(), duts.end(), [&](const Dut& dut) { return dut.id == id; });
  return found == duts.end() ? nullptr : &*found;
}

std::string RackModel::ids() const {
  std::string text;
  for (const Dut& dut : duts) {
    text += (text.empty() ? "" : ", ") + dut.id;
  }
  return text;
}

FirmwareItem* find_firmware(Dut& dut, std::string_view name) {
  const auto found = std::find_if(dut.firmware.begin(), dut.firmware.end(),
                                  [&](const FirmwareItem& item) { return item.name == name; });
  return found == dut.firmware.end() ? nullptr : &*found;
}

double flash_seconds(const RackModel& rack) { return rack.physics.flash_s / rack.time_scale(); }

std::string nvos_image_file(const std::string& version) { return fmt::format("nvos-amd64-{}.bin", version); }
std::string nvos_image_bytes(const std::string& version) { return fmt::format("NVOS image {}\n", version); }

Status stage_firmware(RackModel& rack, Dut& dut, std::string_view name, std::string version) {
  FirmwareItem* item = find_firmware(dut, name);
  if (item == nullptr) {
    std::vector<std::string> names;
    for (const FirmwareItem& known : dut.firmware) {
      names.push_back(known.name);
    }
    return Error("firmware.unknown", fmt::format("{} has no firmware item {}{}", dut.id, name,
                                                 did_you_mean(std::string(name), names)));
  }
  if (!item->updateable) {
    return Error("firmware.fixed", fmt::format("firmware item {} of {} cannot be updated", name, dut.id));
  }
  item->staged = std::move(version);
  if (item->activation == FirmwareActivation::bmc_reset) {
    dut.bmc_activation_pending = true;
  }
  EventEntry entry;
  entry.severity = "OK";
  entry.message_id = "Update.1.0.AwaitToActivate";
  entry.message = fmt::format("Image {} for {} is written and waits for a reset.", item->staged, item->name);
  entry.arguments = {item->staged, item->name};
  entry.origin = EventOrigin::firmware;
  entry.part = item->name;
  add_event(rack, dut, std::move(entry));
  return success();
}

void add_event(RackModel& rack, Dut& dut, EventEntry entry) {
  if (dut.events.size() >= kEventsKept) {
    dut.events.erase(dut.events.begin());
  }
  entry.id = ++dut.last_event_id;
  entry.monotonic_ns = rack.now_ns;
  entry.utc_ns = bmc_utc_ns(rack, dut, rack.now_ns);
  dut.events.push_back(std::move(entry));
}

void add_kernel_line(RackModel& rack, Dut& dut, int level, std::string text) {
  if (dut.kernel_log.size() >= kKernelLinesKept) {
    dut.kernel_log.pop_front();
  }
  dut.kernel_log.push_back(KernelLine{rack.now_ns, level, std::move(text)});
}

namespace {

std::int64_t utc_with_offset(const RackModel& rack, std::uint64_t at_ns, double offset_s) {
  const auto elapsed = static_cast<std::int64_t>(at_ns) - static_cast<std::int64_t>(rack.start_ns);
  return rack.utc_at_start_ns + elapsed + static_cast<std::int64_t>(offset_s * 1e9);
}

}  // namespace

std::int64_t bmc_utc_ns(const RackModel& rack, const Dut& dut, std::uint64_t at_ns) {
  return utc_with_offset(rack, at_ns, dut.bmc_clock_offset_s);
}

std::int64_t host_utc_ns(const RackModel& rack, const Dut& dut, std::uint64_t at_ns) {
  return utc_with_offset(rack, at_ns, dut.host_clock_offset_s);
}

std::vector<std::string> redfish_throttle_reasons(const ThrottleReasons& reasons) {
  std::vector<std::string> words;
  const auto add = [&](bool holds, const char* word) {
    if (holds) {
      words.emplace_back(word);
    }
  };
  add(reasons.sw_power_cap, "SWPowerCap");
  add(reasons.sw_thermal_slowdown, "SWThermalSlowdown");
  add(reasons.hw_slowdown, "HWSlowdown");
  add(reasons.hw_thermal_slowdown, "HWThermalSlowdown");
  add(reasons.hw_power_brake_slowdown, "HWPowerBrakeSlowdown");
  if (words.empty()) {
    words.emplace_back("NA");
  }
  return words;
}

}  // namespace kiln::virtual_rack
