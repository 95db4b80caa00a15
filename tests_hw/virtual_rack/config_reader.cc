#include "tests_hw/virtual_rack/config_reader.h"

#include <algorithm>

#include "base/nearest.h"
#include "tests_hw/virtual_rack/config.h"

namespace kiln::virtual_rack {

namespace {

struct PhysicsField {
  const char* name;
  double Physics::*member;
};

#define KILN_PHYSICS_FIELD(name) \
  { #name, &Physics::name }
const std::vector<PhysicsField>& physics_fields() {
  static const std::vector<PhysicsField> fields = {
      KILN_PHYSICS_FIELD(time_scale),
      KILN_PHYSICS_FIELD(coolant_kw_per_lpm_k),
      KILN_PHYSICS_FIELD(water_kw_per_lpm_k),
      KILN_PHYSICS_FIELD(supply_setpoint_c),
      KILN_PHYSICS_FIELD(supply_droop_c),
      KILN_PHYSICS_FIELD(facility_supply_c),
      KILN_PHYSICS_FIELD(facility_flow_lpm),
      KILN_PHYSICS_FIELD(ambient_c),
      KILN_PHYSICS_FIELD(ambient_humidity_percent),
      KILN_PHYSICS_FIELD(compute_flow_lpm),
      KILN_PHYSICS_FIELD(switch_flow_lpm),
      KILN_PHYSICS_FIELD(supply_pressure_kpa),
      KILN_PHYSICS_FIELD(return_pressure_kpa),
      KILN_PHYSICS_FIELD(air_heat_share),
      KILN_PHYSICS_FIELD(low_flow_factor),
      KILN_PHYSICS_FIELD(gpu_idle_w),
      KILN_PHYSICS_FIELD(gpu_load_w),
      KILN_PHYSICS_FIELD(gpu_resistance_k_per_w),
      KILN_PHYSICS_FIELD(gpu_resistance_spread),
      KILN_PHYSICS_FIELD(memory_resistance_k_per_w),
      KILN_PHYSICS_FIELD(resistance_flow_exponent),
      KILN_PHYSICS_FIELD(gpu_time_constant_s),
      KILN_PHYSICS_FIELD(memory_time_constant_s),
      KILN_PHYSICS_FIELD(power_time_constant_s),
      KILN_PHYSICS_FIELD(gpu_slowdown_c),
      KILN_PHYSICS_FIELD(gpu_shutdown_c),
      KILN_PHYSICS_FIELD(gpu_idle_clock_mhz),
      KILN_PHYSICS_FIELD(gpu_load_clock_mhz),
      KILN_PHYSICS_FIELD(gpu_max_clock_mhz),
      KILN_PHYSICS_FIELD(gpu_memory_clock_mhz),
      KILN_PHYSICS_FIELD(throttled_clock_mhz),
      KILN_PHYSICS_FIELD(hot_gpu_factor),
      KILN_PHYSICS_FIELD(cpu_idle_w),
      KILN_PHYSICS_FIELD(cpu_load_w),
      KILN_PHYSICS_FIELD(cpu_resistance_k_per_w),
      KILN_PHYSICS_FIELD(tray_other_w),
      KILN_PHYSICS_FIELD(switch_chip_idle_w),
      KILN_PHYSICS_FIELD(switch_chip_load_w),
      KILN_PHYSICS_FIELD(switch_chip_resistance_k_per_w),
      KILN_PHYSICS_FIELD(switch_other_w),
      KILN_PHYSICS_FIELD(standby_w),
      KILN_PHYSICS_FIELD(cdu_power_w),
      KILN_PHYSICS_FIELD(shelf_efficiency),
      KILN_PHYSICS_FIELD(shelf_input_v),
      KILN_PHYSICS_FIELD(bus_bar_v),
      KILN_PHYSICS_FIELD(contact_milliohm),
      KILN_PHYSICS_FIELD(bad_contact_milliohm),
      KILN_PHYSICS_FIELD(weak_supply_factor),
      KILN_PHYSICS_FIELD(fan_idle_rpm),
      KILN_PHYSICS_FIELD(fan_load_rpm),
      KILN_PHYSICS_FIELD(correctable_per_link_hour),
      KILN_PHYSICS_FIELD(coolant_time_constant_s),
      KILN_PHYSICS_FIELD(loop_time_constant_s),
      KILN_PHYSICS_FIELD(boot_s),
      KILN_PHYSICS_FIELD(power_transition_s),
      KILN_PHYSICS_FIELD(shutdown_s),
      KILN_PHYSICS_FIELD(bmc_reset_s),
      KILN_PHYSICS_FIELD(flash_s),
      KILN_PHYSICS_FIELD(sensor_wall_time_constant_s),
      KILN_PHYSICS_FIELD(temperature_noise_c),
      KILN_PHYSICS_FIELD(power_noise),
      KILN_PHYSICS_FIELD(flow_noise),
      KILN_PHYSICS_FIELD(pressure_noise_kpa),
      KILN_PHYSICS_FIELD(temperature_step_c),
      KILN_PHYSICS_FIELD(power_step_w),
      KILN_PHYSICS_FIELD(flow_step_lpm),
  };
  return fields;
}
#undef KILN_PHYSICS_FIELD

/// Throws for a name that is none of theirs.
void check_names(const YAML::Node& map, const std::string& file) {
  std::vector<std::string> known;
  for (const PhysicsField& entry : physics_fields()) known.emplace_back(entry.name);
  for (const auto& pair : map) {
    const auto name = pair.first.as<std::string>();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw ConfigError(fmt::format("{} line {}: unknown constant '{}'{}", file, pair.first.Mark().line + 1,
                                    name, did_you_mean(name, known)));
    }
  }
}

}  // namespace

YAML::Node load_config(const std::string& path) {
  const auto text = embedded_config(path);
  if (!text) {
    throw ConfigError(fmt::format("config/{} is not part of this build", path));
  }
  return YAML::Load(std::string(*text));
}

Physics load_physics() {
  const YAML::Node root = load_config("physics.yaml");
  Physics physics;
  for (const PhysicsField& entry : physics_fields()) physics.*entry.member = field<double>(root, entry.name);
  check_names(root, "physics.yaml");
  return physics;
}

void change_physics(Physics& physics, const YAML::Node& changes, const std::string& file) {
  check_names(changes, file);
  for (const PhysicsField& entry : physics_fields()) {
    if (changes[entry.name]) physics.*entry.member = field<double>(changes, entry.name);
  }
}

}  // namespace kiln::virtual_rack
