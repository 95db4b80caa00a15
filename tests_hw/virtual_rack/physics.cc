#include "tests_hw/virtual_rack/physics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/links.h"
#include "tests_hw/virtual_rack/power.h"
#include "tests_hw/virtual_rack/sensors.h"

namespace kiln::virtual_rack {

namespace {

constexpr std::uint64_t kStepNs = 50'000'000;
constexpr std::uint64_t kLeastStepNs = 10'000'000;  // many callers advance; shorter steps would only cost
constexpr std::uint64_t kReadingPeriodNs = 100'000'000;
constexpr double kForever = std::numeric_limits<double>::infinity();
// The rest are shapes of curves that no check judges.
constexpr double kMinimumFlowShare = 0.02;  // below it the resistance of a cold plate is not defined any more
constexpr double kThrottleDownPerS = 0.06;
constexpr double kThrottleUpPerS = 0.02;
constexpr double kThrottleFloor = 0.25;
constexpr double kBrakePowerShare = 0.42;
constexpr double kLostGpuPowerShare = 0.4;  // of idle: clocks stopped, rails up
constexpr double kLeakHumidityPercent = 94;
constexpr double kLostFlowFactor = 0.08;  // what drains back through a hose that is off
constexpr double kNoColdPlateFactor = 8;  // air alone, whatever the clock
constexpr double kNoFacilityWaterK = 32;  // above the set point
constexpr double kHumidHallC = 32;
constexpr double kHumidHallPercent = 82;  // dew point 28.6 Cel
constexpr double kDampHallMarginK = 1.5;
constexpr double kNearlyEmptyPercent = 4;
constexpr double kHumidityTimeConstantS = 12;
constexpr double kReservoirLossPercentPerS = 0.02;
constexpr double kSlowLeakKpaPerS = 0.2;  // 12 kPa a minute: found in less than a minute
constexpr double kWeakPumpShare = 0.5;    // of the rack's flow; a sound one gives all of it
constexpr double kStuckValvePercent = 30;
constexpr double kHoseUnseatedFactor = 0.9;  // above what low-flow leaves

/// How far a first-order lag of time constant `tau_s` moves in `elapsed_s`.
double follow(const Physics& physics, double elapsed_s, double tau_s) {
  return 1 - std::exp(-elapsed_s * physics.time_scale / tau_s);
}

void approach(double& value, double target, double share) { value += (target - value) * share; }

double total_utilisation(const Dut& dut, double Process::*member) {
  double sum = 0;
  for (const Process& process : dut.processes) {
    sum += process.*member;
  }
  return std::min(1.0, sum);
}

double flow_share(const Dut& dut) {
  if (dut.coolant.rated_flow_lpm <= 0) {
    return 1;
  }
  return std::max(kMinimumFlowShare, dut.coolant.flow_lpm.actual / dut.coolant.rated_flow_lpm);
}

const CoolingUnit* cooling_unit(const RackModel& rack) {
  for (const Dut& dut : rack.duts) {
    if (dut.cooling_unit) {
      return &*dut.cooling_unit;
    }
  }
  return nullptr;
}

constexpr std::uint64_t kSagEveryNs = 20'000'000'000;
constexpr std::uint64_t kSagNs = 2'000'000'000;
constexpr double kSagShare = 0.87;  // of the load's power
constexpr double kLowPowerShare = 0.7;
constexpr double kSluggish = 400;   // times the time constant of power
constexpr double kHotMemoryK = 74;  // above the coolant under load: more than its limit, less than what cuts
constexpr double kStaysWarm = 40;   // times the time constant of the die, while it cools
constexpr double kHotDriveK = 45;
constexpr double kSlowFanRpm = 120, kFastFanRpm = 44000;
constexpr double kMeterOff = 1.15;
constexpr double kBurntContactOhm = 0.04;
constexpr double kSaggingFlow = 0.62;  // more than what cuts
constexpr double kLowClockShare = 0.93;
constexpr double kCreepPerS = 0.022;  // rise of a thermal resistance, of itself, per second of load
constexpr double kCreepMost = 0.32;

/// In the first seconds of each period since the fault began.
bool sags(const RackModel& rack, const Dut& dut, const Gpu& gpu) {
  const Fault* fault = active_fault(rack, dut, FaultKind::power_dip, gpu.name);
  return fault != nullptr && gpu.utilisation > 0 &&
         (rack.now_ns - fault->active_since_ns) % kSagEveryNs < kSagNs;
}

/// The thermal interface of a GPU that creeps away the longer it is hot.
double creep(const RackModel& rack, const Dut& dut, const Gpu& gpu) {
  if (active_fault(rack, dut, FaultKind::slow_warm, gpu.name) == nullptr) return 1;
  return 1 + std::min(kCreepMost, kCreepPerS * gpu.loaded_s);
}

/// Clocks, power and throttle reasons of one GPU; `protect_s` is the time its own thermal protection may act.
void run_gpu(const RackModel& rack, const Dut& dut, Gpu& gpu, double utilisation, double elapsed_s) {
  const Physics& physics = rack.physics;
  const bool powered = dut.power == PowerState::on && gpu.present;
  const bool working = powered && gpu.on_bus && dut.host_up;
  gpu.utilisation = working ? utilisation : 0;
  gpu.memory_used_mib = gpu.utilisation > 0 ? static_cast<double>(gpu.memory_mib) * 0.9 : 0;
  const bool brake = powered && active_fault(rack, dut, FaultKind::throttle, gpu.name) != nullptr;

  if (std::isfinite(elapsed_s)) {
    const double change = elapsed_s * physics.time_scale;
    if (gpu.temperature_c.actual >= gpu.slowdown_c) {
      gpu.throttle_level = std::max(kThrottleFloor, gpu.throttle_level - kThrottleDownPerS * change);
    } else if (gpu.temperature_c.actual < gpu.slowdown_c - 1) {
      gpu.throttle_level = std::min(1.0, gpu.throttle_level + kThrottleUpPerS * change);
    }
  }
  const bool hot = gpu.throttle_level < 1 || gpu.temperature_c.actual >= gpu.slowdown_c;

  double target = 0;
  bool capped = false;
  if (powered && !gpu.on_bus) {
    target = physics.gpu_idle_w * kLostGpuPowerShare;
  } else if (powered) {
    const double dynamic = physics.gpu_load_w * gpu.load_power_factor - physics.gpu_idle_w;
    target =
        physics.gpu_idle_w + gpu.utilisation * dynamic * gpu.throttle_level * (brake ? kBrakePowerShare : 1);
    if (sags(rack, dut, gpu)) target *= kSagShare;
    if (active_fault(rack, dut, FaultKind::power_low, gpu.name) != nullptr) target *= kLowPowerShare;
    capped = target > gpu.power_limit_w;
    target = std::min(target, gpu.power_limit_w);
  }
  const bool sluggish = active_fault(rack, dut, FaultKind::power_slow, gpu.name) != nullptr;
  const double tau_s = physics.power_time_constant_s * (sluggish ? kSluggish : 1);
  approach(gpu.power_w.actual, target, powered ? follow(physics, elapsed_s, tau_s) : 1);

  gpu.throttle = {};
  gpu.throttle.gpu_idle = gpu.utilisation < 0.01;
  gpu.throttle.sw_power_cap = capped;
  gpu.throttle.hw_thermal_slowdown = powered && hot;
  gpu.throttle.hw_power_brake_slowdown = brake;
  gpu.throttle.hw_slowdown = brake || (powered && hot);
  gpu.sm_clock_mhz = !powered || !gpu.on_bus ? 0 : physics.gpu_idle_clock_mhz;
  if (gpu.utilisation >= 0.01) {
    const double cap = capped ? gpu.power_limit_w / physics.gpu_load_w : 1.0;
    gpu.sm_clock_mhz = physics.gpu_load_clock_mhz * gpu.throttle_level * std::clamp(cap, 0.2, 1.0);
    if (active_fault(rack, dut, FaultKind::clock_low, gpu.name) != nullptr)
      gpu.sm_clock_mhz *= kLowClockShare;
    if (brake) {
      gpu.sm_clock_mhz = std::min(gpu.sm_clock_mhz, physics.throttled_clock_mhz);
    }
  }
  if (std::isfinite(elapsed_s)) {
    gpu.loaded_s = gpu.utilisation > 0 ? gpu.loaded_s + elapsed_s : 0;
    gpu.energy_j += gpu.power_w.actual * elapsed_s;
    gpu.thermal_throttle_s += powered && hot ? elapsed_s : 0;
    gpu.power_throttle_s += brake || capped ? elapsed_s : 0;
  }
}

void run_power(RackModel& rack, Dut& dut, double fabric_utilisation, double elapsed_s) {
  const Physics& physics = rack.physics;
  const bool on = dut.power == PowerState::on;
  double total = dut.standby_power_w;
  const double gpu_utilisation = total_utilisation(dut, &Process::gpu_utilisation);
  for (Gpu& gpu : dut.gpus) {
    run_gpu(rack, dut, gpu, gpu_utilisation, elapsed_s);
    total += gpu.power_w.actual;
  }
  const double power_share = follow(physics, elapsed_s, physics.power_time_constant_s);
  const double cpu_utilisation =
      dut.host_up ? std::max(0.02, total_utilisation(dut, &Process::cpu_utilisation)) : 0.1;
  for (Cpu& cpu : dut.cpus) {
    cpu.utilisation = on ? cpu_utilisation : 0;
    // A switch tray's management processor is a small one.
    const double size = dut.computes() ? 1 : 0.15;
    const double target =
        size * (physics.cpu_idle_w + cpu.utilisation * (physics.cpu_load_w - physics.cpu_idle_w));
    approach(cpu.power_w.actual, on ? target : 0, on ? power_share : 1);
    total += cpu.power_w.actual;
  }
  for (SwitchChip& chip : dut.switches) {
    const double dynamic = physics.switch_chip_load_w - physics.switch_chip_idle_w;
    approach(chip.power_w.actual, on ? physics.switch_chip_idle_w + fabric_utilisation * dynamic : 0,
             on ? power_share : 1);
    total += chip.power_w.actual;
  }
  if (on && dut.computes()) {
    total += physics.tray_other_w;
  } else if (on && dut.role == Role::switch_tray) {
    total += physics.switch_other_w;
  }
  const double busy = std::max(gpu_utilisation, on ? cpu_utilisation : 0);
  for (Fan& fan : dut.fans) {
    const double sound = physics.fan_idle_rpm + busy * (physics.fan_load_rpm - physics.fan_idle_rpm);
    const bool slow = active_fault(rack, dut, FaultKind::fan_slow, fan.name) != nullptr;
    const bool fast = active_fault(rack, dut, FaultKind::fan_fast, fan.name) != nullptr;
    const double rpm = !on ? 0 : slow ? kSlowFanRpm : fast ? kFastFanRpm : sound;
    approach(fan.speed_rpm.actual, rpm, follow(physics, elapsed_s, physics.gpu_time_constant_s));
    fan.speed_percent.actual = fan.speed_rpm.actual / physics.fan_load_rpm * 80;
  }
  if (dut.has_host()) {
    dut.power_w.actual = total;
  }
  if (std::isfinite(elapsed_s)) {
    dut.energy_j += dut.power_w.actual * elapsed_s;
  }
}

/// What the pumps of a CDU that run can give together, as a share of the rack's flow: at most 1.
double pumped_share(const RackModel& rack, const Dut& dut) {
  double share = 0;
  for (const Pump& pump : dut.cooling_unit->pumps) {
    if (active_fault(rack, dut, FaultKind::pump_stopped, pump.name) != nullptr) continue;
    share += active_fault(rack, dut, FaultKind::pump_weak, pump.name) != nullptr ? kWeakPumpShare : 1;
  }
  return std::min(share, 1.0);
}

double pumped_share(const RackModel& rack) {
  double least = 1;
  for (const Dut& dut : rack.duts) {
    if (dut.cooling_unit) least = std::min(least, pumped_share(rack, dut));
  }
  return least;
}

bool pumps_stand(const RackModel& rack) {
  return std::any_of(rack.duts.begin(), rack.duts.end(), [&rack](const Dut& dut) {
    return dut.cooling_unit &&
           (active_fault(rack, dut, FaultKind::flow_lost) != nullptr || !(pumped_share(rack, dut) > 0));
  });
}

/// Somebody has stopped every pump: nothing drains, the loop keeps its pressure.
bool closed_loop(const RackModel& rack) {
  return std::any_of(rack.duts.begin(), rack.duts.end(), [&rack](const Dut& dut) {
    return dut.cooling_unit && !(pumped_share(rack, dut) > 0) &&
           active_fault(rack, dut, FaultKind::flow_lost) == nullptr;
  });
}

/// Flow and pressure of one tray: the CDU holds the pressure, so each branch's flow is its own affair.
void run_hydraulics(const RackModel& rack, Dut& dut, double elapsed_s) {
  const Physics& physics = rack.physics;
  if (dut.coolant.name.empty()) {
    return;
  }
  CoolantConnector& hoses = dut.coolant;
  const bool blocked = active_fault(rack, dut, FaultKind::low_flow) != nullptr;
  const bool lost = active_fault(rack, dut, FaultKind::flow_lost) != nullptr || pumps_stand(rack);
  const bool unseated = active_fault(rack, dut, FaultKind::hose_unseated) != nullptr;
  const bool sagging = dut.load && active_fault(rack, dut, FaultKind::flow_sags) != nullptr;
  const bool shut = active_fault(rack, dut, FaultKind::valve_closed) != nullptr;
  const bool stuck = active_fault(rack, dut, FaultKind::valve_stuck) != nullptr;
  const double branch = shut       ? kLostFlowFactor
                        : blocked  ? physics.low_flow_factor
                        : unseated ? kHoseUnseatedFactor
                        : sagging  ? kSaggingFlow
                                   : 1;
  const double open = lost ? kLostFlowFactor : branch * pumped_share(rack);
  const double target = closed_loop(rack) ? 0 : hoses.natural_flow_lpm * open;
  approach(hoses.flow_lpm.actual, target, follow(physics, elapsed_s, physics.coolant_time_constant_s / 4));
  const double share = hoses.flow_lpm.actual / hoses.rated_flow_lpm;
  hoses.return_kpa.actual = physics.return_pressure_kpa;
  hoses.supply_kpa.actual = physics.return_pressure_kpa +
                            (physics.supply_pressure_kpa - physics.return_pressure_kpa) * share * share;
  hoses.valve_percent = shut ? 0 : stuck ? kStuckValvePercent : 100;
}

void run_temperatures(const RackModel& rack, Dut& dut, double coolant_c, double elapsed_s) {
  const Physics& physics = rack.physics;
  // A server without coolant breathes the air of the hall.
  const double supply_c = dut.wet ? coolant_c : physics.ambient_c;
  const double flow_penalty = std::pow(flow_share(dut), -physics.resistance_flow_exponent);
  const double die = follow(physics, elapsed_s, physics.gpu_time_constant_s);
  const double memory = follow(physics, elapsed_s, physics.memory_time_constant_s);
  for (Gpu& gpu : dut.gpus) {
    const bool badly_mounted = active_fault(rack, dut, FaultKind::hot_gpu, gpu.name) != nullptr;
    const bool loose = active_fault(rack, dut, FaultKind::cold_plate_off, gpu.name) != nullptr;
    const double mount = loose ? kNoColdPlateFactor : badly_mounted ? physics.hot_gpu_factor : 1;
    const double factor = flow_penalty * mount * creep(rack, dut, gpu);
    const bool warm =
        active_fault(rack, dut, FaultKind::stays_warm, gpu.name) != nullptr && gpu.utilisation <= 0;
    const bool bad_stack = active_fault(rack, dut, FaultKind::memory_hot, gpu.name) != nullptr;
    approach(gpu.temperature_c.actual,
             supply_c + gpu.power_w.actual * gpu.thermal_resistance_k_per_w * factor,
             warm ? follow(physics, elapsed_s, physics.gpu_time_constant_s * kStaysWarm) : die);
    const double stack_rise = bad_stack ? kHotMemoryK * gpu.utilisation
                                        : gpu.power_w.actual * gpu.memory_resistance_k_per_w * factor;
    approach(gpu.memory_temperature_c.actual, supply_c + stack_rise, memory);
  }
  for (Cpu& cpu : dut.cpus) {
    approach(cpu.temperature_c.actual,
             supply_c + cpu.power_w.actual * physics.cpu_resistance_k_per_w * flow_penalty, die);
  }
  for (SwitchChip& chip : dut.switches) {
    approach(chip.temperature_c.actual,
             supply_c + chip.power_w.actual * physics.switch_chip_resistance_k_per_w * flow_penalty, die);
  }
  const double warm = dut.power == PowerState::on ? 1 : 0;
  const double disk = total_utilisation(dut, &Process::disk_utilisation);
  for (MemoryModule& module : dut.memory) {
    const double busy = dut.cpus.empty() ? 0 : dut.cpus.front().utilisation;
    approach(module.temperature_c.actual, supply_c + warm * (9 + 14 * busy), memory);
  }
  for (Drive& drive : dut.drives) {
    const bool hot = active_fault(rack, dut, FaultKind::drive_hot, drive.name) != nullptr;
    approach(drive.temperature_c.actual, physics.ambient_c + warm * (10 + 13 * disk + (hot ? kHotDriveK : 0)),
             memory);
  }
  for (Nic& nic : dut.nics) {
    approach(nic.temperature_c.actual, supply_c + warm * 27, memory);
  }
  dut.inlet_c.actual = physics.ambient_c;
  if (!dut.coolant.name.empty()) {
    CoolantConnector& hoses = dut.coolant;
    // kW per K; what stands is not defined by its flow any more.
    const double carried = std::max(hoses.flow_lpm.actual, kMinimumFlowShare * hoses.rated_flow_lpm) *
                           physics.coolant_kw_per_lpm_k;
    const double rise = dut.power_w.actual / 1000 * (1 - physics.air_heat_share) / carried;
    hoses.supply_c.actual = supply_c;
    approach(hoses.return_c.actual, supply_c + rise,
             follow(physics, elapsed_s, physics.coolant_time_constant_s));
    hoses.heat_kw.actual = tray_heat_kw(rack, dut);
  }
}

/// The CDU: mixes the returns of all trays and holds its supply near the set point against facility water.
void run_cooling_unit(RackModel& rack, Dut& dut, double elapsed_s) {
  const Physics& physics = rack.physics;
  CoolingUnit& unit = *dut.cooling_unit;
  double flow = 0;
  double rated = 0;
  double weighted_return = 0;
  bool leaking = false;
  for (const Dut& tray : rack.duts) {
    leaking = leaking || active_fault(rack, tray, FaultKind::leak) != nullptr;
    if (tray.coolant.name.empty()) {
      continue;
    }
    flow += tray.coolant.flow_lpm.actual;
    rated += tray.coolant.rated_flow_lpm;
    weighted_return += tray.coolant.flow_lpm.actual * tray.coolant.return_c.actual;
  }
  CoolantConnector& secondary = unit.secondary;
  secondary.flow_lpm.actual = flow;
  secondary.rated_flow_lpm = rated;
  secondary.return_c.actual = flow > 0 ? weighted_return / flow : secondary.supply_c.actual;
  secondary.heat_kw.actual =
      flow * physics.coolant_kw_per_lpm_k * (secondary.return_c.actual - secondary.supply_c.actual);
  const bool standing = pumps_stand(rack);
  secondary.supply_kpa.actual =
      (standing ? physics.return_pressure_kpa : physics.supply_pressure_kpa) + 6;  // the manifold's own loss
  secondary.return_kpa.actual = physics.return_pressure_kpa - 4;
  const bool closed =
      !(pumped_share(rack, dut) > 0) && active_fault(rack, dut, FaultKind::flow_lost) == nullptr;
  if (closed) {
    const bool weeping = active_fault(rack, dut, FaultKind::slow_leak) != nullptr;
    if (weeping && std::isfinite(elapsed_s))
      unit.static_kpa = std::max(0.0, unit.static_kpa - kSlowLeakKpaPerS * elapsed_s);
    secondary.supply_kpa.actual = unit.static_kpa;
    secondary.return_kpa.actual = unit.static_kpa;
  }
  const double share_of_capacity = std::clamp(secondary.heat_kw.actual / unit.capacity_kw, 0.0, 1.5);
  const bool hot = active_fault(rack, dut, FaultKind::supply_hot) != nullptr;
  const double set_point = unit.supply_setpoint_c + (hot ? kNoFacilityWaterK : 0);
  approach(secondary.supply_c.actual, set_point + physics.supply_droop_c * share_of_capacity,
           follow(physics, elapsed_s, physics.loop_time_constant_s));

  CoolantConnector& primary = unit.primary;
  primary.rated_flow_lpm = physics.facility_flow_lpm * unit.capacity_kw;
  primary.valve_percent = std::clamp(100 * share_of_capacity, 12.0, 100.0);
  primary.flow_lpm.actual = primary.rated_flow_lpm * primary.valve_percent / 100;
  primary.supply_c.actual = physics.facility_supply_c;
  primary.heat_kw.actual = secondary.heat_kw.actual;
  primary.return_c.actual = physics.facility_supply_c +
                            primary.heat_kw.actual / (primary.flow_lpm.actual * physics.water_kw_per_lpm_k);
  primary.supply_kpa.actual = physics.supply_pressure_kpa + 40;
  primary.return_kpa.actual = primary.supply_kpa.actual - 70 * std::pow(primary.valve_percent / 100, 2);

  double running = 0;
  for (const Pump& pump : unit.pumps)
    running += active_fault(rack, dut, FaultKind::pump_stopped, pump.name) != nullptr ? 0 : 1;
  const double speed = rated > 0 ? 30 + 45 * flow / rated : 0;
  // Fewer pumps turn faster for the same flow.
  const double each =
      running > 0 ? std::min(100.0, speed * (1 + 0.3 * (static_cast<double>(unit.pumps.size()) - running)))
                  : 0;
  for (Pump& pump : unit.pumps) {
    pump.ok = active_fault(rack, dut, FaultKind::pump_stopped, pump.name) == nullptr;
    approach(pump.speed_percent.actual, pump.ok ? each : 0, follow(physics, elapsed_s, 5));
  }
  const bool clogged = active_fault(rack, dut, FaultKind::filter_clogged) != nullptr;
  unit.filter_delta_kpa.actual = rated > 0 ? (clogged ? 80 : 8) * std::pow(flow / rated, 2) : 0;
  const bool humid = active_fault(rack, dut, FaultKind::humid_hall) != nullptr;
  unit.ambient_c.actual = humid ? kHumidHallC : physics.ambient_c;
  unit.humidity_percent.actual = humid ? kHumidHallPercent : physics.ambient_humidity_percent;
  const bool damp = active_fault(rack, dut, FaultKind::damp_hall) != nullptr;
  // Magnus formula, coefficients of Sonntag (1990) for water between -45 and 60 Cel.
  const auto magnus = [](double celsius) { return 17.62 * celsius / (243.12 + celsius); };
  if (damp && !humid) {
    unit.ambient_c.actual = kHumidHallC;
    unit.humidity_percent.actual =
        100 * std::exp(magnus(unit.supply_setpoint_c - kDampHallMarginK) - magnus(kHumidHallC));
  }
  const double gamma = std::log(unit.humidity_percent.actual / 100) + magnus(unit.ambient_c.actual);
  unit.dew_point_c.actual = 243.12 * gamma / (17.62 - gamma);
  if (leaking && std::isfinite(elapsed_s)) {
    unit.reservoir_percent = std::max(0.0, unit.reservoir_percent - kReservoirLossPercentPerS * elapsed_s);
  }
  if (active_fault(rack, dut, FaultKind::reservoir_low) != nullptr)
    unit.reservoir_percent = std::min(unit.reservoir_percent, kNearlyEmptyPercent);
  unit.reservoir_kpa.actual = 60 * unit.reservoir_percent / 84;
  dut.power_w.actual = physics.cdu_power_w * std::pow(speed / 100, 3);
  dut.inlet_c.actual = physics.ambient_c;
}

/// What a tray takes from the bus bar: more than it draws, because its contact has a resistance.
double taken_from_bus_bar(const RackModel& rack, Dut& dut) {
  const Physics& physics = rack.physics;
  const bool bad = active_fault(rack, dut, FaultKind::busbar_drop) != nullptr;
  const bool burnt = active_fault(rack, dut, FaultKind::contact_burnt) != nullptr;
  const double ohm =
      burnt ? kBurntContactOhm : (bad ? physics.bad_contact_milliohm : physics.contact_milliohm) / 1000;
  const double bus = physics.bus_bar_v;
  const double drawn = dut.power_w.actual;
  // drawn = V (bus - V) / ohm, the solution near the bus's voltage.
  const double volts = (bus + std::sqrt(std::max(0.0, bus * bus - 4 * ohm * drawn))) / 2;
  dut.input_v.actual = volts;
  return bus * drawn / volts;
}

/// The share of its due that a supply gives; 0: it does not work.
double supply_weight(const RackModel& rack, const Dut& dut, const PowerSupply& supply) {
  const bool gives = dut.role == Role::server || dut.power == PowerState::on;
  if (!gives || !supply.ok) return 0;
  return active_fault(rack, dut, FaultKind::psu_weak, supply.name) != nullptr
             ? rack.physics.weak_supply_factor
             : 1;
}

double total_weight(const RackModel& rack, const Dut& dut) {
  double weights = 0;
  for (const PowerSupply& supply : dut.supplies) weights += supply_weight(rack, dut, supply);
  return weights;
}

/// What the supplies of a DUT give when `demand` is shared among `weights`; what they take from the mains.
double run_supplies(const RackModel& rack, Dut& dut, double demand, double weights) {
  double input = 0;
  for (PowerSupply& supply : dut.supplies) {
    const double weight = supply_weight(rack, dut, supply);
    supply.output_w.actual = weight > 0 ? demand * weight / weights : 0;
    supply.input_w.actual = supply.output_w.actual / rack.physics.shelf_efficiency;
    supply.input_v.actual = rack.physics.shelf_input_v;
    supply.rail_v.actual = weight > 0 ? supply.nominal_v : 0;
    supply.temperature_c.actual = rack.physics.ambient_c + 8 + 22 * supply.output_w.actual / supply.rated_w;
    input += supply.input_w.actual;
    if (active_fault(rack, dut, FaultKind::shelf_meter_off) != nullptr) supply.output_w.actual *= kMeterOff;
  }
  return input;
}

void run_power_supplies(RackModel& rack) {
  double demand = 0;
  double weights = 0;
  for (Dut& dut : rack.duts) {
    demand += dut.on_bus_bar() ? taken_from_bus_bar(rack, dut) : 0;
    weights += dut.role == Role::power_shelf ? total_weight(rack, dut) : 0;
  }
  for (Dut& dut : rack.duts) {
    if (dut.role == Role::server) run_supplies(rack, dut, dut.power_w.actual, total_weight(rack, dut));
    if (dut.role == Role::power_shelf) {
      const double input = run_supplies(rack, dut, demand, weights);
      dut.power_w.actual = input;
      dut.inlet_c.actual = rack.physics.ambient_c;
      for (Fan& fan : dut.fans) {
        fan.speed_rpm.actual = rack.physics.fan_idle_rpm;
        fan.speed_percent.actual = 40;
      }
    }
  }
}

void run_humidity(const RackModel& rack, Dut& dut, double elapsed_s) {
  const bool wet = active_fault(rack, dut, FaultKind::leak) != nullptr;
  const bool damp = active_fault(rack, dut, FaultKind::leak_warning) != nullptr;
  const double dry = rack.physics.ambient_humidity_percent;
  const double target = wet ? kLeakHumidityPercent : damp ? (kLeakHumidityPercent + dry) / 2 : dry;
  approach(dut.humidity_percent.actual, target, follow(rack.physics, elapsed_s, kHumidityTimeConstantS));
}

void run_physics(RackModel& rack, double elapsed_s) {
  double fabric = 0;
  for (const Dut& dut : rack.duts) {
    fabric = std::max(fabric, total_utilisation(dut, &Process::nvlink_utilisation));
  }
  const CoolingUnit* unit = cooling_unit(rack);
  const double supply_c = unit != nullptr ? unit->secondary.supply_c.actual : rack.physics.supply_setpoint_c;
  for (Dut& dut : rack.duts) {
    run_power(rack, dut, fabric, elapsed_s);
    run_hydraulics(rack, dut, elapsed_s);
    run_temperatures(rack, dut, supply_c, elapsed_s);
    run_humidity(rack, dut, elapsed_s);
  }
  for (Dut& dut : rack.duts) {
    if (dut.cooling_unit) {
      run_cooling_unit(rack, dut, elapsed_s);
    }
  }
  run_power_supplies(rack);
}

void note_load(RackModel& rack, double elapsed_s) {
  for (Dut& dut : rack.duts) {
    dut.load =
        std::any_of(dut.processes.begin(), dut.processes.end(), [](const Process& p) { return p.stress; });
    dut.load_seconds += dut.load ? elapsed_s : 0;
  }
}

}  // namespace

void advance(RackModel& rack, std::uint64_t now_ns) {
  if (now_ns < rack.now_ns + kLeastStepNs) {
    return;
  }
  while (rack.now_ns < now_ns) {
    const std::uint64_t step = std::min(kStepNs, now_ns - rack.now_ns);
    const double elapsed_s = static_cast<double>(step) * 1e-9;
    rack.now_ns += step;
    for (Dut& dut : rack.duts) {
      advance_power(rack, dut);
    }
    note_load(rack, elapsed_s);
    advance_faults(rack);
    advance_links(rack, elapsed_s);
    run_physics(rack, elapsed_s);
    if (rack.now_ns >= rack.next_reading_ns) {
      take_readings(rack, static_cast<double>(kReadingPeriodNs) * 1e-9);
      rack.next_reading_ns = rack.now_ns + kReadingPeriodNs;
    }
  }
}

void settle(RackModel& rack) {
  advance_links(rack, 0);
  for (int round = 0; round < 8;
       ++round) {  // the loop's temperature depends on its heat and the other way round
    run_physics(rack, kForever);
  }
  take_readings(rack, kForever);
}

int start_process(RackModel& rack, Dut& dut, Process process) {
  process.pid = dut.next_pid++;
  process.started_ns = rack.now_ns;
  if (process.stress) {
    dut.load = true;
    for (Dut& each : rack.duts) {
      const bool runs_none = !each.computes();
      if (!each.first_load_ns && (&each == &dut || runs_none)) {
        each.first_load_ns = rack.now_ns;
      }
    }
  }
  dut.processes.push_back(std::move(process));
  return dut.processes.back().pid;
}

void end_process(RackModel& rack, Dut& dut, int pid) {
  std::erase_if(dut.processes, [&](const Process& process) { return process.pid == pid; });
  note_load(rack, 0);
}

Process* find_process(Dut& dut, int pid) {
  for (Process& process : dut.processes) {
    if (process.pid == pid) {
      return &process;
    }
  }
  return nullptr;
}

double tray_heat_kw(const RackModel& rack, const Dut& dut) {
  const CoolantConnector& hoses = dut.coolant;
  return hoses.flow_lpm.actual * rack.physics.coolant_kw_per_lpm_k *
         (hoses.return_c.actual - hoses.supply_c.actual);
}

}  // namespace kiln::virtual_rack
