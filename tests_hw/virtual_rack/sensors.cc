#include "tests_hw/virtual_rack/sensors.h"

#include <fmt/format.h>

#include <cmath>

#include "tests_hw/virtual_rack/faults.h"

namespace kiln::virtual_rack {

namespace {

enum class Kind { temperature, coolant_temperature, power, flow, pressure, percent, speed, voltage };

/// Calls visit(Reading&, Kind) for every instrument of a DUT, always in the same order.
template <class Visit>
void for_each_reading(Dut& dut, Visit visit) {
  visit(dut.power_w, Kind::power);
  visit(dut.inlet_c, Kind::temperature);
  visit(dut.humidity_percent, Kind::percent);
  if (dut.on_bus_bar()) visit(dut.input_v, Kind::voltage);
  const auto connector = [&](CoolantConnector& hoses) {
    visit(hoses.flow_lpm, Kind::flow);
    visit(hoses.supply_c, Kind::coolant_temperature);
    visit(hoses.return_c, Kind::coolant_temperature);
    visit(hoses.supply_kpa, Kind::pressure);
    visit(hoses.return_kpa, Kind::pressure);
  };
  if (!dut.coolant.name.empty()) {
    connector(dut.coolant);
  }
  for (Gpu& gpu : dut.gpus) {
    visit(gpu.temperature_c, Kind::temperature);
    visit(gpu.memory_temperature_c, Kind::temperature);
    visit(gpu.power_w, Kind::power);
  }
  for (SwitchChip& chip : dut.switches) {
    visit(chip.temperature_c, Kind::temperature);
    visit(chip.power_w, Kind::power);
  }
  for (Cpu& cpu : dut.cpus) {
    visit(cpu.temperature_c, Kind::temperature);
    visit(cpu.power_w, Kind::power);
  }
  for (MemoryModule& module : dut.memory) visit(module.temperature_c, Kind::temperature);
  for (Drive& drive : dut.drives) visit(drive.temperature_c, Kind::temperature);
  for (Nic& nic : dut.nics) visit(nic.temperature_c, Kind::temperature);
  for (Fan& fan : dut.fans) {
    visit(fan.speed_rpm, Kind::speed);
    visit(fan.speed_percent, Kind::percent);
  }
  for (PowerSupply& supply : dut.supplies) {
    visit(supply.input_w, Kind::power);
    visit(supply.output_w, Kind::power);
    visit(supply.input_v, Kind::voltage);
    visit(supply.rail_v, Kind::voltage);
    visit(supply.temperature_c, Kind::temperature);
  }
  if (dut.cooling_unit) {
    CoolingUnit& unit = *dut.cooling_unit;
    connector(unit.primary);
    connector(unit.secondary);
    visit(unit.reservoir_kpa, Kind::pressure);
    visit(unit.filter_delta_kpa, Kind::pressure);
    visit(unit.ambient_c, Kind::temperature);
    visit(unit.humidity_percent, Kind::percent);
    visit(unit.dew_point_c, Kind::temperature);
    for (Pump& pump : unit.pumps) visit(pump.speed_percent, Kind::percent);
  }
}

// Resistance thermometers in hoses are steadier than diodes on dies; assumed.
constexpr double kCoolantNoiseShare = 0.3;

constexpr double kLowMeterShare = 0.8;  // of what flows: what the fault's meter tells

constexpr double kVoltageNoise = 0.001;  // relative standard deviation; assumed

double to_step(double value, double step) { return step > 0 ? std::round(value / step) * step : value; }

class Instrument {
 public:
  Instrument(RackModel& rack, double follow) : rack_(rack), follow_(follow) {}

  void operator()(Reading& reading, Kind kind) {
    reading.filtered += (reading.actual - reading.filtered) * follow_;
    const double noise = normal_(rack_.random);
    const double value = reading.filtered;
    const Physics& physics = rack_.physics;
    switch (kind) {
      case Kind::temperature:
        reading.shown = to_step(value + noise * physics.temperature_noise_c, physics.temperature_step_c);
        return;
      case Kind::coolant_temperature:
        reading.shown = to_step(value + noise * kCoolantNoiseShare * physics.temperature_noise_c,
                                physics.temperature_step_c);
        return;
      case Kind::power:
        reading.shown =
            to_step(std::max(0.0, value * (1 + noise * physics.power_noise)), physics.power_step_w);
        return;
      case Kind::flow:
        reading.shown =
            to_step(std::max(0.0, value * (1 + noise * physics.flow_noise)), physics.flow_step_lpm);
        return;
      case Kind::pressure:
        reading.shown = to_step(std::max(0.0, value + noise * physics.pressure_noise_kpa), 0.1);
        return;
      case Kind::percent:
        reading.shown = std::clamp(to_step(value + noise * 0.2, 0.1), 0.0, 100.0);
        return;
      case Kind::speed:
        reading.shown = value < 1 ? 0 : to_step(value * (1 + noise * 0.004), 1);
        return;
      case Kind::voltage:
        reading.shown = to_step(std::max(0.0, value * (1 + noise * kVoltageNoise)), 0.01);
        return;
    }
  }

 private:
  RackModel& rack_;
  double follow_;
  std::normal_distribution<double> normal_{0, 1};
};

/// A heat meter computes from what its own instruments show, so that its three figures agree with each other.
void compute_heat(CoolantConnector& hoses, double kw_per_lpm_k) {
  const double shown = hoses.flow_lpm.shown * (hoses.return_c.shown - hoses.supply_c.shown) * kw_per_lpm_k;
  hoses.heat_kw.shown = std::max(0.0, to_step(shown, 0.01));
}

class SensorList {
 public:
  explicit SensorList(Dut& dut) : dut_(dut), chassis_(main_chassis(dut)) {}

  void build() {
    own();
    gpus_and_chips();
    parts();
    if (dut_.cooling_unit) {
      cooling_unit(*dut_.cooling_unit);
    }
  }

 private:
  Sensor& add(const std::string& chassis, const std::string& tail, const char* type, const char* units,
              const Reading& value, const std::string& part = {}) {
    Sensor sensor;
    sensor.chassis = chassis;
    sensor.id = chassis + "_" + tail;
    sensor.name = tail;
    for (char& c : sensor.name) c = c == '_' ? ' ' : c;
    sensor.reading_type = type;
    sensor.units = units;
    sensor.value = &value;
    sensor.part = part;
    dut_.sensors.push_back(std::move(sensor));
    return dut_.sensors.back();
  }

  void hoses(const CoolantConnector& connector, const std::string& prefix) {
    add(chassis_, prefix + "_Flow_0", "LiquidFlow", "L/min", connector.flow_lpm, connector.name).needs_power =
        false;
    add(chassis_, prefix + "_Supply_Temp_0", "Temperature", "Cel", connector.supply_c, connector.name)
        .needs_power = false;
    add(chassis_, prefix + "_Return_Temp_0", "Temperature", "Cel", connector.return_c, connector.name)
        .needs_power = false;
    add(chassis_, prefix + "_Supply_Pressure_0", "PressurekPa", "kPa", connector.supply_kpa, connector.name)
        .needs_power = false;
    add(chassis_, prefix + "_Return_Pressure_0", "PressurekPa", "kPa", connector.return_kpa, connector.name)
        .needs_power = false;
  }

  void own() {
    add(chassis_, "Power_0", "Power", "W", dut_.power_w).needs_power = false;
    add(chassis_, "Inlet_Temp_0", "Temperature", "Cel", dut_.inlet_c).needs_power = false;
    // The hot-swap controller of the power distribution board, as PDB and HSC sensors of NVIDIA's boards.
    if (dut_.on_bus_bar()) add(chassis_, "PDB_HSC_0_Vin", "Voltage", "V", dut_.input_v).needs_power = false;
    if (dut_.wet) {
      add(chassis_, "Humidity_0", "Humidity", "%", dut_.humidity_percent).needs_power = false;
    }
    if (!dut_.coolant.name.empty()) {
      hoses(dut_.coolant, "Coolant");
    }
  }

  void gpus_and_chips() {
    for (const Gpu& gpu : dut_.gpus) {
      const std::string chassis = gpu_chassis(dut_, gpu);
      const std::string prefix = chassis == chassis_ ? gpu.name + "_" : "";
      Sensor& die = add(chassis, prefix + "Temp_0", "Temperature", "Cel", gpu.temperature_c, gpu.name);
      die.upper_caution = gpu.slowdown_c;
      die.upper_critical = gpu.shutdown_c;
      Sensor& memory =
          add(chassis, prefix + "DRAM_0_Temp_0", "Temperature", "Cel", gpu.memory_temperature_c, gpu.name);
      memory.upper_critical = 95;  // as in a public dump of a GH200 BMC
      add(chassis, prefix + "Power_0", "Power", "W", gpu.power_w, gpu.name);
    }
    for (const SwitchChip& chip : dut_.switches) {
      const std::string chassis = chip_chassis(dut_, chip);
      add(chassis, "Temp_0", "Temperature", "Cel", chip.temperature_c, chip.name).upper_critical = 105;
      add(chassis, "Power_0", "Power", "W", chip.power_w, chip.name);
    }
    for (const Cpu& cpu : dut_.cpus) {
      const std::string chassis = dut_.role == Role::compute_tray ? "HGX_" + cpu.name : chassis_;
      const std::string prefix = dut_.role == Role::compute_tray ? "" : cpu.name + "_";
      add(chassis, prefix + "Temp_0", "Temperature", "Cel", cpu.temperature_c, cpu.name).upper_critical = 100;
      add(chassis, prefix + "Power_0", "Power", "W", cpu.power_w, cpu.name);
    }
  }

  void parts() {
    for (const Drive& drive : dut_.drives) {
      add(chassis_, drive.name + "_Temp_0", "Temperature", "Cel", drive.temperature_c, drive.name)
          .upper_critical = 75;
    }
    for (const Nic& nic : dut_.nics) {
      add(chassis_, nic.name + "_Temp_0", "Temperature", "Cel", nic.temperature_c, nic.name).upper_critical =
          105;
    }
    for (const Fan& fan : dut_.fans) {
      add(chassis_, fan.name + "_Speed_0", "Rotational", "{rev}/min", fan.speed_rpm, fan.name);
    }
    for (std::size_t i = 0; i < dut_.supplies.size(); ++i) {
      const PowerSupply& supply = dut_.supplies[i];
      const std::string prefix = fmt::format("PSU{}_", i + 1);
      add(chassis_, prefix + "Input_Power_0", "Power", "W", supply.input_w, supply.name);
      add(chassis_, prefix + "Output_Power_0", "Power", "W", supply.output_w, supply.name);
      add(chassis_, prefix + "Input_Voltage_0", "Voltage", "V", supply.input_v, supply.name);
      add(chassis_, prefix + "Output_Voltage_0", "Voltage", "V", supply.rail_v, supply.name);
      add(chassis_, prefix + "Temp_0", "Temperature", "Cel", supply.temperature_c, supply.name);
    }
  }

  void cooling_unit(const CoolingUnit& unit) {
    hoses(unit.primary, "Primary");
    hoses(unit.secondary, "Secondary");
    add(chassis_, "Reservoir_Pressure_0", "PressurekPa", "kPa", unit.reservoir_kpa);
    add(chassis_, "Filter_Delta_Pressure_0", "PressurekPa", "kPa", unit.filter_delta_kpa);
    add(chassis_, "Ambient_Temp_0", "Temperature", "Cel", unit.ambient_c);
    add(chassis_, "Ambient_Humidity_0", "Humidity", "%", unit.humidity_percent);
    add(chassis_, "Dew_Point_0", "Temperature", "Cel", unit.dew_point_c);
    for (const Pump& pump : unit.pumps) {
      add(chassis_, pump.name + "_Speed_0", "Percent", "%", pump.speed_percent, pump.name);
    }
  }

  Dut& dut_;
  std::string chassis_;
};

}  // namespace

std::string main_chassis(const Dut& dut) { return dut.face.chassis; }

std::string gpu_chassis(const Dut& dut, const Gpu& gpu) {
  return dut.face.has_baseboard() ? "HGX_" + gpu.name : main_chassis(dut);
}

std::string chip_chassis(const Dut& dut, const SwitchChip& chip) {
  return (dut.role == Role::switch_tray ? "MGX_" : "HGX_") + chip.name;
}

void build_sensors(Dut& dut) { SensorList(dut).build(); }

void take_readings(RackModel& rack, double elapsed_s) {
  const double follow = 1 - std::exp(-elapsed_s / rack.physics.sensor_wall_time_constant_s);
  Instrument instrument(rack, follow);
  for (Dut& dut : rack.duts) {
    for_each_reading(dut, [&](Reading& reading, Kind kind) { instrument(reading, kind); });
    compute_heat(dut.coolant, rack.physics.coolant_kw_per_lpm_k);
    if (dut.cooling_unit) {
      compute_heat(dut.cooling_unit->primary, rack.physics.water_kw_per_lpm_k);
      if (active_fault(rack, dut, FaultKind::flow_meter_low) != nullptr)
        dut.cooling_unit->secondary.flow_lpm.shown *= kLowMeterShare;
      compute_heat(dut.cooling_unit->secondary, rack.physics.coolant_kw_per_lpm_k);
    }
  }
}

}  // namespace kiln::virtual_rack
