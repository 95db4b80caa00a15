#pragma once
// The constants of a rack's physics, as config/physics.yaml has them and a product may change them. Plain
// data.

namespace kiln::virtual_rack {

/// Numbers of the physics, read from config/physics.yaml (the source of each stands there).
struct Physics {
  double time_scale = 1;            // thermal and boot times are divided by this
  double coolant_kw_per_lpm_k = 0;  // heat carried by 1 L/min warmed by 1 K
  double supply_setpoint_c = 0;
  double facility_supply_c = 0;
  double facility_flow_lpm = 0;
  double ambient_c = 0;
  double ambient_humidity_percent = 0;
  double compute_flow_lpm = 0;
  double switch_flow_lpm = 0;
  double supply_pressure_kpa = 0;
  double return_pressure_kpa = 0;
  double air_heat_share = 0;  // of a wet tray's power that leaves by air
  double gpu_idle_w = 0;
  double gpu_load_w = 0;
  double gpu_resistance_k_per_w = 0;
  double gpu_resistance_spread = 0;  // standard deviation, relative
  double memory_resistance_k_per_w = 0;
  double resistance_flow_exponent = 0;  // resistance ~ flow^-exponent
  double gpu_time_constant_s = 0;
  double memory_time_constant_s = 0;
  double coolant_time_constant_s = 0;
  double loop_time_constant_s = 0;
  double gpu_slowdown_c = 0;
  double gpu_shutdown_c = 0;
  double gpu_idle_clock_mhz = 0, gpu_load_clock_mhz = 0, gpu_max_clock_mhz = 0;
  double gpu_memory_clock_mhz = 0;
  double throttled_clock_mhz = 0;
  double power_time_constant_s = 0;
  double cpu_idle_w = 0, cpu_load_w = 0;
  double cpu_resistance_k_per_w = 0;
  double tray_other_w = 0;
  double switch_chip_idle_w = 0;
  double switch_chip_load_w = 0;
  double switch_chip_resistance_k_per_w = 0;
  double switch_other_w = 0;
  double shelf_efficiency = 0;
  double shelf_input_v = 0, bus_bar_v = 0;                // mains; the bus bar at the shelves' side
  double contact_milliohm = 0, bad_contact_milliohm = 0;  // bus bar and contact up to one tray; a burnt one
  double weak_supply_factor = 0;  // share that a supply with faulty current sharing gives of its due
  double cdu_power_w = 0;
  double standby_w = 0;
  double water_kw_per_lpm_k = 0;  // facility water
  double supply_droop_c = 0;      // how far the supply rises above its set point at the CDU's full capacity
  double fan_idle_rpm = 0;
  double fan_load_rpm = 0;
  double correctable_per_link_hour = 0;  // benign link errors
  double temperature_noise_c = 0;
  double power_noise = 0;  // relative
  double flow_noise = 0;   // relative
  double pressure_noise_kpa = 0;
  double sensor_wall_time_constant_s = 0;  // not scaled: the instrument's own filter
  double temperature_step_c = 0;
  double power_step_w = 0;
  double flow_step_lpm = 0;
  double boot_s = 0;  // power on to SSH, before scaling
  double power_transition_s = 0;
  double shutdown_s = 0;
  double bmc_reset_s = 0;
  double flash_s = 0;          // one component
  double low_flow_factor = 0;  // share of flow left through a partly seated quick-disconnect
  double hot_gpu_factor = 0;   // resistance of a GPU with a bad thermal interface
};

}  // namespace kiln::virtual_rack
