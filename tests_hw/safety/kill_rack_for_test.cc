#include "kill_rack_for_test.h"

#include <fmt/format.h>

#include <utility>

namespace kiln::kills {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kComesOn = std::chrono::seconds(1);

constexpr const char* kGpus[][3] = {{"00000008:01:00.0", "1640000000001", "GPU-a"},
                                    {"00000009:01:00.0", "1640000000002", "GPU-b"}};

GpuReading gpu(const std::string& name) {
  GpuReading reading;
  reading.name = name;
  reading.temperature = 65;
  reading.memory_temperature = 70;
  reading.power = 1350;
  reading.clock_mhz = 1920;
  reading.ecc_uncorrectable = 0;
  reading.row_remap_failed = 0;
  return reading;
}

void fill(FakeHardware& hardware, const Dut& dut) {
  for (const Component& part : dut.expect.components) {
    if (part.kind == ComponentKind::firmware) {
      FirmwareItem item;
      item.id = part.name;
      item.version = "1.0.0";
      item.updateable = true;
      hardware.firmware.push_back(item);
    }
    if (part.kind == ComponentKind::gpu) hardware.gpus.push_back(gpu(part.name));
    if (part.kind == ComponentKind::coolant_connector) {
      CoolantReading coolant;
      coolant.name = part.name;
      coolant.flow = 2.0;
      coolant.supply_temperature = 25;
      coolant.return_temperature = 35;
      hardware.coolant.push_back(coolant);
    }
    if (part.kind == ComponentKind::pump) {
      PumpReading pump;
      pump.name = part.name;
      pump.speed_percent = 60;
      hardware.pumps.push_back(pump);
    }
    if (part.kind == ComponentKind::leak_detector) {
      LeakDetectorReading detector;
      detector.name = part.name;
      detector.answer = {"OK", "Enabled", "OK"};
      detector.verdict = read_leak_detector(detector.answer);
      hardware.leaks.detectors.push_back(detector);
    }
  }
}

}  // namespace

std::string nvidia_smi_xml() {
  std::string gpus;
  for (const auto& known : kGpus) {
    gpus += fmt::format(
        "<gpu id=\"{0}\"><product_name>NVIDIA GB300</product_name><serial>{1}</serial><uuid>{2}</uuid>"
        "<pci><pci_bus_id>{0}</pci_bus_id><pci_gpu_link_info><pcie_gen><max_link_gen>6</max_link_gen>"
        "<current_link_gen>6</current_link_gen></pcie_gen><link_widths><max_link_width>16x</max_link_width>"
        "<current_link_width>16x</current_link_width></link_widths></pci_gpu_link_info>"
        "<replay_counter>0</replay_counter></pci>"
        "<clocks_event_reasons><clocks_event_reason_hw_thermal_slowdown>Not Active"
        "</clocks_event_reason_hw_thermal_slowdown></clocks_event_reasons><clocks_event_reasons_counters>"
        "<clocks_event_reasons_counters_hw_therm_slowdown>0 us"
        "</clocks_event_reasons_counters_hw_therm_slowdown></clocks_event_reasons_counters>"
        "<ecc_errors><volatile><sram_correctable>0</sram_correctable>"
        "<dram_uncorrectable>0</dram_uncorrectable></volatile></ecc_errors>"
        "<remapped_rows><remapped_row_pending>No</remapped_row_pending>"
        "<remapped_row_failure>No</remapped_row_failure></remapped_rows>"
        "<temperature><gpu_temp>60 C</gpu_temp><memory_temp>58 C</memory_temp></temperature>"
        "<gpu_power_readings><average_power_draw>1350.00 W</average_power_draw>"
        "<current_power_limit>1400.00 W</current_power_limit></gpu_power_readings>"
        "<clocks><sm_clock>1920 MHz</sm_clock></clocks></gpu>\n",
        known[0], known[1], known[2]);
  }
  return fmt::format(
      "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v13.dtd\">\n"
      "<nvidia_smi_log><timestamp>x</timestamp><driver_version>580.95.05</driver_version>"
      "<cuda_version>13.0</cuda_version><attached_gpus>2</attached_gpus>\n{}</nvidia_smi_log>\n",
      gpus);
}

std::string kernel_log() {
  return "[    1.000000] Linux version 6.8.0\n[   20.000000] NVRM: loading NVIDIA driver\n";
}

std::string burn_output() {
  return "Burning for 10 seconds.\nGPU 0: NVIDIA GB300 (UUID: GPU-a)\nGPU 1: NVIDIA GB300 (UUID: GPU-b)\n"
         "Initialized device 0 with 284208 MB of memory\n"
         "\r100.0%  proc'd: 80 (45000 Gflop/s) - 80 (45000 Gflop/s)   errors: 0 - 0   temps: 60 C - 60 C \n"
         "Killing processes with SIGTERM (soft kill)\ndone\n\nTested 2 GPUs:\n\tGPU 0: OK\n\tGPU 1: OK\n";
}

Rack::Rack(Loop& loop, const Inventory& inventory, Bmcs bmcs) : loop_(loop), bmcs_(bmcs) {
  for (const Dut& dut : inventory.duts) {
    auto machine = std::make_unique<Machine>();
    fill(machine->hardware, dut);
    if (dut.role == Role::power_shelf) shelves_.insert(dut.id);
    machines_.emplace(dut.id, std::move(machine));
  }
}

awaitable<Status> Rack::travel(const Ctx& ctx) const {
  const Completion<bool> arrived;
  loop_.call_at(now_ns() + kTravel.count(), [arrived] { arrived.complete(true); });
  const Result<bool> waited = co_await arrived.wait(ctx);
  if (!waited) co_return waited.error();
  co_return success();
}

awaitable<Status> Rack::reach(const Ctx& ctx, const std::string& id) const {
  const Status travelled = co_await travel(ctx);
  if (!travelled || !silent_.contains(id)) co_return travelled;
  const Completion<bool> never;
  const Result<bool> waited = co_await never.wait(ctx);
  co_return waited ? success() : Status(waited.error());
}

void Rack::leak(const std::string& id) {
  LeakDetectorReading& detector = machines_.at(id)->hardware.leaks.detectors.front();
  detector.answer = {"Critical", "Enabled", "Critical"};
  detector.verdict = read_leak_detector(detector.answer);
}

void Rack::deed(const std::string& id, UndoKind undo) {
  const std::optional<std::string> problem = before_deed ? before_deed(id, undo) : std::nullopt;
  if (problem) wrong.push_back(*problem);
}

void Rack::ask_on(const std::string& id, std::function<void()> then) {
  loop_.call_at(now_ns() + kTravel.count(), [this, id, then = std::move(then)] {
    deed(id, UndoKind::force_off);
    Machine& machine = *machines_.at(id);
    const int mine = ++machine.asked;
    machine.coming_on = !machine.on;
    loop_.call_at(now_ns() + kComesOn.count(), [this, &machine, mine] {
      if (machine.asked != mine || machine.on) return;
      machine.on = true;
      machine.coming_on = false;
      machine.on_ns = now_ns();
      ++machine.boots;
    });
    then();
  });
}

void Rack::power_lost(const std::string& id) {
  Machine& machine = *machines_.at(id);
  if (machine.writing && !may_ruin_writes)
    wrong.push_back(id + ": its power was taken in the midst of a firmware write");
  machine.writing = false;
  if (!machine.load) return;
  const std::shared_ptr<Load> load = std::exchange(machine.load, nullptr);
  machine.load_ended_ns = now_ns();
  load->ended.complete(255);
}

void Rack::ask_off(const std::string& id, std::function<void()> then) {
  loop_.call_at(now_ns() + kTravel.count(), [this, id, then = std::move(then)] {
    if (silent_.contains(id)) return;
    Machine& machine = *machines_.at(id);
    hear("off received", id);
    if (bmcs_ == Bmcs::stubborn && !machine.on) {
      then();
      return;
    }
    ++machine.asked;
    if (machine.on || machine.coming_on) machine.off_ns = now_ns();
    machine.on = machine.coming_on = false;
    power_lost(id);
    for (const auto& [fed, one] : machines_) {
      if (!shelves_.contains(id) || shelves_.contains(fed) || !one->on) continue;
      one->on = one->coming_on = false;
      one->off_ns = now_ns();
      power_lost(fed);
    }
    then();
  });
}

void Rack::ask_write(const std::string& id, const std::string& version, std::function<void()> then) {
  loop_.call_at(now_ns() + kTravel.count(), [this, id, version, then = std::move(then)] {
    deed(id, UndoKind::firmware_write);
    Machine& machine = *machines_.at(id);
    machine.writing = true;
    hear("write began", id);
    loop_.call_at(now_ns() + kWriteTakes.count(), [&machine, version, then] {
      if (machine.writing) machine.staged = version;
      machine.writing = false;
      then();
    });
  });
}

void Rack::ask_restart(const std::string& id, std::function<void()> then) {
  loop_.call_at(now_ns() + kTravel.count(), [this, id, then = std::move(then)] {
    Machine& machine = *machines_.at(id);
    deed(id, UndoKind::force_off);
    if (machine.on) ++machine.boots;
    if (machine.on && !machine.staged.empty())
      machine.hardware.firmware.front().version = std::exchange(machine.staged, {});
    then();
  });
}

void Rack::start_load(const std::string& id, Nanoseconds length, std::shared_ptr<Load> load) {
  loop_.call_at(now_ns() + kTravel.count(), [this, id, length, load = std::move(load)] {
    Machine& machine = *machines_.at(id);
    if (!machine.on) {
      load->ended.complete(255);
      return;
    }
    deed(id, UndoKind::shell_command);
    machine.load = load;
    hear("load began", id);
    loop_.call_at(now_ns() + length.count(), [this, id, load] {
      if (machines_.at(id)->load == load) end_load(id, 0);
    });
  });
}

int Rack::end_load(const std::string& id, int exit_status) {
  Machine& machine = *machines_.at(id);
  if (!machine.load) return 1;
  const std::shared_ptr<Load> load = std::exchange(machine.load, nullptr);
  machine.load_ended_ns = now_ns();
  load->ended.complete(exit_status);
  return 0;
}

void Rack::leases_run_out() {
  for (const auto& [id, machine] : machines_) {
    if (!machine->load || machine->load->lease_ns == 0) continue;
    loop_.call_at(now_ns() + machine->load->lease_ns, [this, id = id, load = machine->load] {
      if (machines_.at(id)->load == load) end_load(id, 137);
    });
  }
}

namespace {

class WardenPower final : public PowerSwitch {
 public:
  WardenPower(Rack& rack, std::string id, std::shared_ptr<const bool> alive)
      : rack_(rack), id_(std::move(id)), alive_(std::move(alive)) {}
  awaitable<Status> prepare(const Ctx& ctx) override {
    const Status travelled = co_await rack_.reach(ctx, id_);
    co_return travelled;
  }
  awaitable<Status> force_off(const Ctx& ctx) override {
    if (!*alive_) co_return success();
    rack_.hear("off sent by the warden", id_);
    const Completion<bool> done;
    rack_.ask_off(id_, [done] { done.complete(true); });
    const Result<bool> waited = co_await done.wait(ctx);
    if (!waited) co_return waited.error();
    co_return success();
  }
  awaitable<Result<bool>> is_off(const Ctx& ctx) override {
    if (!*alive_) co_return true;
    const Status travelled = co_await rack_.reach(ctx, id_);
    if (!travelled) co_return travelled.error();
    co_return !rack_.machine(id_).on;
  }
  awaitable<void> leave(const Ctx& /*ctx*/) override { co_return; }

 private:
  Rack& rack_;
  std::string id_;
  std::shared_ptr<const bool> alive_;
};

class WardenLeaks final : public LeakDetectors {
 public:
  WardenLeaks(Rack& rack, std::string id) : rack_(rack), id_(std::move(id)) {}
  awaitable<Result<std::vector<DetectorLook>>> read(const Ctx& ctx) override {
    const Status travelled = co_await rack_.reach(ctx, id_);
    if (!travelled) co_return travelled.error();
    std::vector<DetectorLook> looks;
    for (const LeakDetectorReading& reading : rack_.machine(id_).hardware.leaks.detectors) {
      DetectorLook look;
      look.id = reading.name;
      look.place = "Chassis_0";
      look.answer = reading.answer;
      look.verdict = reading.verdict;
      looks.push_back(std::move(look));
    }
    co_return looks;
  }

 private:
  Rack& rack_;
  std::string id_;
};

/// Knows the one command that the warden gives.
class WardenShell final : public Shell {
 public:
  WardenShell(Rack& rack, std::string id, std::shared_ptr<const bool> alive)
      : rack_(rack), id_(std::move(id)), alive_(std::move(alive)) {}
  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    CommandResult result;
    result.exit_status = 0;
    if (!*alive_) co_return result;
    const Status travelled = co_await rack_.travel(ctx);
    if (!travelled) co_return travelled.error();
    rack_.hear("load end received", id_);
    if (!rack_.machine(id_).on) co_return Error("ssh.connect", "no connection to the host");
    result.exit_status = command.line == "pkill -TERM -x gpu_burn" ? rack_.end_load(id_, 143) : 127;
    co_return result;
  }
  awaitable<void> disconnect() override { co_return; }

 private:
  Rack& rack_;
  std::string id_;
  std::shared_ptr<const bool> alive_;
};

}  // namespace

WardenBmc warden_bmc(Rack& rack, const std::string& id, std::shared_ptr<const bool> alive) {
  WardenBmc bmc;
  bmc.power = std::make_unique<WardenPower>(rack, id, std::move(alive));
  bmc.leaks = std::make_unique<WardenLeaks>(rack, id);
  return bmc;
}

std::unique_ptr<Shell> warden_shell(Rack& rack, const std::string& id, std::shared_ptr<const bool> alive) {
  return std::make_unique<WardenShell>(rack, id, std::move(alive));
}

}  // namespace kiln::kills
