#include "kill_recipe_for_test.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "kill_state_for_test.h"
#include "sdk/plugin.h"

// Each plugin is compiled into this program once more, with its one symbol under a name of its own.
extern "C" const kiln::PluginDescriptor kill_points_power;
extern "C" const kiln::PluginDescriptor kill_points_cooling;
extern "C" const kiln::PluginDescriptor kill_points_gpu_stress;
extern "C" const kiln::PluginDescriptor kill_points_firmware;

namespace kiln::kills {
namespace {

using namespace std::chrono_literals;

constexpr const char* kWritten = "2.0.0";

/// Where the image stands that is written: as long as the program. Its content is its version.
class Images {
 public:
  Images() { std::ofstream(directory_.path() + "/UEFI-2.0.0.fw") << kWritten; }
  [[nodiscard]] std::string path() const { return directory_.path(); }

 private:
  StateDirectory directory_;
};

Component part(ComponentKind kind, const std::string& name, const std::string& serial = {}) {
  Component made;
  made.kind = kind;
  made.name = name;
  made.serial = serial;
  return made;
}

void expect(Dut& dut, Component component) {
  ++dut.expect.counts[component.kind];
  dut.expect.components.push_back(std::move(component));
}

Dut dut(const std::string& id, Role role) {
  Dut made;
  made.id = id;
  made.role = role;
  made.bmc = BmcAccess{};
  made.bmc->url = "https://" + id;
  if (role == Role::power_shelf) return made;
  expect(made, part(ComponentKind::leak_detector, "LeakDetector_0"));
  expect(made, part(ComponentKind::coolant_connector, "Chassis_0/CoolantConnector_0"));
  if (role == Role::cdu) expect(made, part(ComponentKind::pump, "Pump_0"));
  if (role != Role::compute_tray) return made;
  made.host = HostAccess{};
  made.host->address = id;
  expect(made, part(ComponentKind::leak_detector, "LeakDetector_1"));
  Component uefi = part(ComponentKind::firmware, "UEFI");
  uefi.firmware = kWritten;
  expect(made, std::move(uefi));
  expect(made, part(ComponentKind::gpu, "GPU_0", "1640000000001"));
  expect(made, part(ComponentKind::gpu, "GPU_1", "1640000000002"));
  return made;
}

Inventory rack() {
  Inventory made;
  made.rack = "R01";
  made.product = "kills";
  made.file = "rack.yaml";
  made.duts = {dut("P01", Role::power_shelf), dut("CDU01", Role::cdu), dut("S01", Role::switch_tray),
               dut("C01", Role::compute_tray), dut("C02", Role::compute_tray)};
  return made;
}

Limit row(const std::string& name, const std::string& unit) {
  Limit made;
  made.name = name;
  made.unit = unit;
  return made;
}

LimitsTable limits() {
  LimitsTable table;
  table.product = "kills";
  table.revision = 1;
  table.file = "limits.yaml";
  const auto equals = [&table](const std::string& name, const std::string& unit, Value value) {
    Limit made = row(name, unit);
    made.equals = std::move(value);
    table.rows.push_back(std::move(made));
  };
  const auto most = [&table](const std::string& name, const std::string& unit, double max) {
    Limit made = row(name, unit);
    made.max = max;
    table.rows.push_back(std::move(made));
  };
  const auto least = [&table](const std::string& name, const std::string& unit, double min) {
    Limit made = row(name, unit);
    made.min = min;
    table.rows.push_back(std::move(made));
  };
  Limit count = row("leak_detector.count", "1");
  count.expected = true;
  table.rows.push_back(std::move(count));
  equals("leak_detector.state", "", std::string("dry"));
  equals("leak_watch.state", "", std::string("dry"));
  least("coolant.flow", "L/min", 1);
  most("coolant.supply_temperature", "Cel", 45);
  least("pump.speed", "%", 20);
  equals("power.on.confirmed", "", true);
  Limit version = row("firmware.version.after_update", "");
  version.expected = true;
  table.rows.push_back(std::move(version));
  Limit standby = row("firmware.standby_version", "");
  standby.expected = true;
  table.rows.push_back(std::move(standby));
  equals("gpu.present", "", true);
  most("gpu.temperature.max", "Cel", 80);
  most("gpu.memory_temperature.max", "Cel", 90);
  least("gpu.power.mean", "W", 1260);
  least("gpu.clock.min", "MHz", 1700);
  equals("gpu.throttle.reasons", "", std::string("none"));
  most("gpu.telemetry.gap", "s", 60);
  most("gpu.thermal_resistance", "K/W", 0.036);
  most("gpu.ecc.uncorrectable.delta", "1", 0);
  most("gpu.row_remap.failures", "1", 0);
  most("gpu.xid.count", "1", 0);
  most("gpu.xid.unknown", "1", 0);
  most("nvswitch.sxid.count", "1", 0);
  equals("gpu.steady", "", std::string("steady"));
  least("gpu.power.share", "%", 99);
  most("gpu.power.dip", "s", 5);
  for (const char* spread : {"gpu.power.spread", "gpu.clock.spread"}) {
    most(spread, "%", 5);
    table.rows.back().required = false;
  }
  most("gpu.temperature.spread", "K", 12);
  table.rows.back().required = false;
  Limit generation = row("gpu.pcie.generation", "1");
  generation.expected = true;
  table.rows.push_back(std::move(generation));
  most("gpu.pcie.replays", "%", 100);
  most("gpu.pcie.errors", "1", 0);
  table.rows.back().required = false;
  equals("gpu.burn.result", "", std::string("OK"));
  return table;
}

Selector of(std::vector<Role> roles) {
  Selector made;
  made.roles = std::move(roles);
  return made;
}

StepSpec step(const std::string& name, const std::string& use, std::vector<Role> roles,
              const std::vector<std::pair<std::string, std::string>>& with = {}) {
  StepSpec made;
  made.name = name;
  made.use = use;
  made.duts = of(std::move(roles));
  for (const auto& [key, text] : with) {
    ParameterValue value;
    value.value = text;
    value.text = text;
    made.with[key] = std::move(value);
  }
  return made;
}

PhaseSpec phase(const std::string& name, std::vector<std::string> needs, std::vector<StepSpec> steps) {
  PhaseSpec made;
  made.name = name;
  made.gate = true;
  made.needs = std::move(needs);
  made.steps = std::move(steps);
  return made;
}

const std::vector<Role> kTrays{Role::compute_tray, Role::switch_tray};

/// Up to the power of everything; what comes then is `main`.
Recipe recipe(PhaseSpec main) {
  const std::vector<Role> wet{Role::compute_tray, Role::switch_tray, Role::cdu};
  Recipe made;
  made.name = "kills";
  made.version = "1.0.0";
  made.product = "kills";
  made.purpose = Purpose::burn_in;
  made.file = "kills.yaml";
  MonitorSpec watch;
  watch.name = "leak_watch";
  watch.use = "cooling.leak_watch";
  watch.duts = of(wet);
  watch.every = 1s;
  made.monitors.push_back(std::move(watch));
  StepSpec power = step("on", "power.on", kTrays);
  power.barrier_before = true;
  made.phases = {phase("leak-detection", {}, {step("census", "cooling.detector_census", wet)}),
                 phase("shelf", {}, {step("shelf-on", "power.on", {Role::power_shelf})}),
                 phase("cooling", {"leak-detection"},
                       {step("flow", "cooling.flow", wet, {{"samples", "3"}, {"every", "200ms"}})}),
                 phase("power", {"leak-detection", "cooling"}, {power}), std::move(main)};
  made.teardown = {step("off", "power.off", kTrays)};
  return made;
}

Recipe soaking() {
  StepSpec load = step("load", "gpu_stress.soak", {Role::compute_tray},
                       {{"for", "10s"},
                        {"settle", "4s"},
                        {"in_band_every", "2s"},
                        {"slope_window", "2s"},
                        {"power_floor", "90"}});
  load.barrier_before = true;
  StepSpec again = load;
  again.name = "load-again";
  return recipe(phase("soak", {"cooling", "power"}, {load, again}));
}

Recipe writing() {
  static const Images images;
  StepSpec update =
      step("update", "firmware.update", {Role::compute_tray},
           {{"component", "UEFI"}, {"images", images.path()}, {"activation", "5s"}, {"host", "false"}});
  update.timeout = 20s;
  update.barrier_before = true;
  return recipe(phase("firmware", {"power"}, {update}));
}

const StepCatalog& catalog_of_kills() {
  static StepCatalog catalog;
  static const bool filled = [] {
    for (const PluginDescriptor* plugin :
         {&kill_points_power, &kill_points_cooling, &kill_points_gpu_stress, &kill_points_firmware}) {
      std::vector<std::unique_ptr<Step>> steps;
      plugin->make_steps(steps);
      PluginFacts facts;
      facts.name = plugin->name;
      facts.version = plugin->version;
      const Status added = catalog.add(std::move(facts), std::move(steps));
      EXPECT_TRUE(added.has_value());
    }
    return true;
  }();
  (void)filled;
  return catalog;
}

Plan plan_of(const Recipe& text) {
  static const Inventory inventory = rack();
  static const LimitsTable table = limits();
  PlanRequest request;
  request.recipe = &text;
  request.inventory = &inventory;
  request.limits = &table;
  request.catalog = &catalog_of_kills();
  request.operator_name = "tester";
  PlanResult made = make_plan(request);
  for (const PlanProblem& problem : made.problems)
    ADD_FAILURE() << problem.place << ": " << problem.code << ": " << problem.message;
  return made.plan ? std::move(*made.plan) : Plan{};
}

}  // namespace

const Plan& burn_in() {
  static const Recipe text = soaking();
  static const Plan plan = plan_of(text);
  return plan;
}

const Plan& flashing() {
  static const Recipe text = writing();
  static const Plan plan = plan_of(text);
  return plan;
}

}  // namespace kiln::kills
