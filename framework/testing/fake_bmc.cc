#include "testing/fake_bmc.h"

#include <fmt/format.h>

#include "io/completion.h"

namespace kiln {

using boost::asio::awaitable;

void FakeHardware::add_dry_detectors(int count, const std::string& prefix) {
  for (int index = 0; index < count; ++index) {
    LeakDetectorReading reading;
    reading.name = fmt::format("{}{}", prefix, index);
    reading.answer = {"OK", "Enabled", "OK"};
    reading.verdict = read_leak_detector(reading.answer);
    reading.uri = "/redfish/v1/Chassis/1/ThermalSubsystem/LeakDetection/LeakDetectors/" + reading.name;
    leaks.detectors.push_back(std::move(reading));
  }
}

Status FakeBmc::begin(const Ctx& ctx, const std::string& verb) {
  hardware_->calls.push_back(verb);
  if (hardware_->on_call) hardware_->on_call(verb);
  const Status going = ctx.check();
  if (!going) return going;
  if (hardware_->unreachable) return *hardware_->unreachable;
  const auto failing = hardware_->failing.find(verb);
  if (failing != hardware_->failing.end()) return failing->second;
  return success();
}

awaitable<Result<BmcIdentity>> FakeBmc::identity(const Ctx& ctx) {
  const Status begun = begin(ctx, "identity");
  if (!begun) co_return begun.error();
  co_return hardware_->identity;
}

awaitable<Result<PowerState>> FakeBmc::power_state(const Ctx& ctx) {
  const Status begun = begin(ctx, "power_state");
  if (!begun) co_return begun.error();
  co_return hardware_->power;
}

awaitable<Status> FakeBmc::power_on(const Ctx& ctx, const Permit& permit) {
  const Status begun = begin(ctx, "power_on");
  if (!begun) co_return begun;
  if (!permit.valid() || permit.energy() != Energy::power)
    co_return Error("permit.revoked", "the permit is not valid");
  hardware_->power = PowerState::on;
  co_return success();
}

awaitable<Status> FakeBmc::force_off(const Ctx& ctx) {
  const Status begun = begin(ctx, "force_off");
  if (!begun) co_return begun;
  if (!hardware_->ignores_force_off) hardware_->power = PowerState::off;
  co_return success();
}

awaitable<Status> FakeBmc::graceful_shutdown(const Ctx& ctx) {
  const Status begun = begin(ctx, "graceful_shutdown");
  if (!begun) co_return begun;
  hardware_->power = PowerState::off;
  co_return success();
}

awaitable<Status> FakeBmc::restart(const Ctx& ctx, const Permit& permit) {
  const Status begun = begin(ctx, "restart");
  if (!begun) co_return begun;
  if (!permit.valid()) co_return Error("permit.revoked", "the permit is not valid");
  if (hardware_->ignores_restart) co_return success();
  hardware_->power = PowerState::on;
  ++hardware_->restarts;
  if (!hardware_->host_start.last_reset.empty())
    hardware_->host_start.last_reset = fmt::format("after restart {}", hardware_->restarts);
  if (hardware_->on_activation) hardware_->on_activation(*hardware_, "restart");
  co_return success();
}

awaitable<Status> FakeBmc::reset_manager(const Ctx& ctx) {
  const Status begun = begin(ctx, "reset_manager");
  if (begun && hardware_->on_activation) hardware_->on_activation(*hardware_, "reset_manager");
  co_return begun;
}

Result<double> FakeBmc::set_power_limit(const std::string& gpu, double watts) {
  for (GpuReading& one : hardware_->gpus) {
    if (one.name != gpu) continue;
    const double before = one.power_limit.value_or(0);
    one.power_limit = watts;
    return before;
  }
  return Error("bmc.no_part", "no GPU " + gpu);
}

awaitable<Result<double>> FakeBmc::raise_power_limit(const Ctx& ctx, const Permit& permit, std::string gpu,
                                                     double watts) {
  const Status begun = begin(ctx, "raise_power_limit");
  if (!begun) co_return begun.error();
  if (!permit.valid() || permit.energy() != Energy::power_limit)
    co_return Error("permit.revoked", "the permit is not valid");
  co_return set_power_limit(gpu, watts);
}

awaitable<Result<double>> FakeBmc::lower_power_limit(const Ctx& ctx, std::string gpu, double watts) {
  const Status begun = begin(ctx, "lower_power_limit");
  if (!begun) co_return begun.error();
  co_return set_power_limit(gpu, watts);
}

awaitable<Status> FakeBmc::open_valve(const Ctx& ctx, const Permit& permit, std::string connector) {
  const Status begun = begin(ctx, "open_valve");
  if (!begun) co_return begun;
  if (!permit.valid() || permit.energy() != Energy::valve)
    co_return Error("permit.revoked", "the permit is not valid");
  hardware_->valves[connector] = true;
  co_return success();
}

awaitable<Status> FakeBmc::close_valve(const Ctx& ctx, std::string connector) {
  const Status begun = begin(ctx, "close_valve");
  if (!begun) co_return begun;
  hardware_->valves[connector] = false;
  co_return success();
}

awaitable<Result<std::vector<Part>>> FakeBmc::parts(const Ctx& ctx) {
  const Status begun = begin(ctx, "parts");
  if (!begun) co_return begun.error();
  co_return hardware_->parts;
}

awaitable<Result<std::vector<SensorReading>>> FakeBmc::sensors(const Ctx& ctx) {
  const Status begun = begin(ctx, "sensors");
  if (!begun) co_return begun.error();
  co_return hardware_->sensors;
}

awaitable<Result<LeakCensus>> FakeBmc::leak_detectors(const Ctx& ctx) {
  const Status begun = begin(ctx, "leak_detectors");
  if (!begun) co_return begun.error();
  LeakCensus census = hardware_->leaks;
  for (auto& detector : census.detectors) {
    if (detector.verdict.told) detector.verdict = read_leak_detector(detector.answer);
  }
  census.read_ns = ctx.now().monotonic_ns;
  co_return census;
}

awaitable<Result<std::vector<CoolantReading>>> FakeBmc::coolant(const Ctx& ctx) {
  const Status begun = begin(ctx, "coolant");
  if (!begun) co_return begun.error();
  co_return hardware_->coolant;
}

awaitable<Result<std::vector<PumpReading>>> FakeBmc::pumps(const Ctx& ctx) {
  const Status begun = begin(ctx, "pumps");
  if (!begun) co_return begun.error();
  co_return hardware_->pumps;
}

awaitable<Result<std::vector<CoolingUnitReading>>> FakeBmc::cooling_units(const Ctx& ctx) {
  const Status begun = begin(ctx, "cooling_units");
  if (!begun) co_return begun.error();
  co_return hardware_->cooling_units;
}

awaitable<Result<std::vector<GpuReading>>> FakeBmc::gpus(const Ctx& ctx) {
  const Status begun = begin(ctx, "gpus");
  if (!begun) co_return begun.error();
  co_return hardware_->gpus;
}

awaitable<Result<std::vector<NvlinkReading>>> FakeBmc::nvlinks(const Ctx& ctx) {
  const Status begun = begin(ctx, "nvlinks");
  if (!begun) co_return begun.error();
  co_return hardware_->nvlinks;
}

awaitable<Result<std::vector<FirmwareItem>>> FakeBmc::firmware(const Ctx& ctx) {
  const Status begun = begin(ctx, "firmware");
  if (!begun) co_return begun.error();
  co_return hardware_->firmware;
}

awaitable<Result<UpdateOutcome>> FakeBmc::update_firmware(
    const Ctx& ctx, const Permit& permit, UpdateRequest request,
    std::function<void(const UpdateProgress&)> on_progress) {
  const Status begun = begin(ctx, "update_firmware");
  if (!begun) co_return begun.error();
  if (!permit.valid() || permit.energy() != Energy::flash)
    co_return Error("permit.revoked", "the permit is not valid");
  hardware_->last_update = request;
  UpdateProgress progress;
  progress.task_state = "Running";
  progress.percent = 50;
  if (on_progress) on_progress(progress);
  if (hardware_->update_takes.count() > 0) {
    const Status waited = co_await ctx.sleep_for(hardware_->update_takes);
    if (!waited) {
      hardware_->update_ended_by = waited.error();
      co_return waited.error();
    }
  }
  hardware_->calls.emplace_back("update_firmware ended");
  if (hardware_->on_update) {
    hardware_->on_update(*hardware_, request);
  } else {
    for (auto& item : hardware_->firmware) {
      if (item.id == request.component) item.version = request.image;
    }
  }
  co_return hardware_->update_outcome;
}

awaitable<Result<std::size_t>> FakeBmc::updates_under_way(const Ctx& ctx) {
  const Status begun = begin(ctx, "updates_under_way");
  if (!begun) co_return begun.error();
  co_return hardware_->updates_under_way.size();
}

awaitable<Result<std::vector<UpdateOutcome>>> FakeBmc::wait_for_updates(
    const Ctx& ctx, std::function<void(const UpdateProgress&)> /*on_progress*/) {
  const Status begun = begin(ctx, "wait_for_updates");
  if (!begun) co_return begun.error();
  std::vector<UpdateOutcome> ended = std::move(hardware_->updates_under_way);
  hardware_->updates_under_way.clear();
  co_return ended;
}

awaitable<Status> FakeBmc::full_power_cycle(const Ctx& ctx, const Permit& permit) {
  const Status begun = begin(ctx, "full_power_cycle");
  if (!begun) co_return begun;
  if (!permit.valid() || permit.energy() != Energy::power)
    co_return Error("permit.revoked", "the permit is not valid");
  hardware_->power = PowerState::off;
  if (hardware_->on_activation) hardware_->on_activation(*hardware_, "full_power_cycle");
  co_return success();
}

awaitable<Result<std::vector<LogEntry>>> FakeBmc::event_log(const Ctx& ctx, std::string newer_than) {
  const Status begun = begin(ctx, "event_log");
  if (!begun) co_return begun.error();
  std::vector<LogEntry> entries;
  for (const auto& entry : hardware_->log) {
    if (newer_than.empty() || entry.created > newer_than) entries.push_back(entry);
  }
  co_return entries;
}

awaitable<Result<std::vector<LeakPolicy>>> FakeBmc::leak_policies(const Ctx& ctx) {
  const Status begun = begin(ctx, "leak_policies");
  if (!begun) co_return begun.error();
  co_return hardware_->leak_policies;
}

awaitable<Result<std::optional<double>>> FakeBmc::clock_offset(const Ctx& ctx) {
  const Status begun = begin(ctx, "clock_offset");
  if (!begun) co_return begun.error();
  co_return hardware_->clock_offset;
}

awaitable<Result<PowerChain>> FakeBmc::power_chain(const Ctx& ctx) {
  const Status begun = begin(ctx, "power_chain");
  if (!begun) co_return begun.error();
  co_return hardware_->power_chain;
}

awaitable<Result<PlatformSetup>> FakeBmc::platform_setup(const Ctx& ctx) {
  const Status begun = begin(ctx, "platform_setup");
  if (!begun) co_return begun.error();
  co_return hardware_->platform_setup;
}

awaitable<Result<SurveyReport>> FakeBmc::survey(const Ctx& ctx) {
  const Status begun = begin(ctx, "survey");
  if (!begun) co_return begun.error();
  co_return hardware_->survey;
}

awaitable<Status> FakeBmc::logout(const Ctx& ctx) {
  ++hardware_->logouts;
  const Status begun = begin(ctx, "logout");
  co_return begun;
}

void FakeHardware::tell(const BmcEvent& event) const {
  for (const auto& [number, listener] : listeners) listener(event);
}

awaitable<Status> FakeBmc::listen(const Ctx& ctx, std::function<void(const BmcEvent&)> on_event) {
  const Status begun = begin(ctx, "listen");
  if (!begun) co_return begun;
  if (!hardware_->tells_events) co_return Error("bmc.no_events", "the fake BMC gives no events");
  const int number = ++hardware_->listened;
  hardware_->listeners[number] = std::move(on_event);
  const Completion<bool> never;
  const Result<bool> ended = co_await never.wait(ctx);
  hardware_->listeners.erase(number);
  co_return ended.error();
}

awaitable<Result<std::vector<EventLog>>> FakeBmc::event_logs(const Ctx& ctx) {
  const Status begun = begin(ctx, "event_logs");
  if (!begun) co_return begun.error();
  co_return hardware_->logs;
}

awaitable<Status> FakeBmc::offers(const Ctx& ctx, BmcAbility ability) {
  const Status begun = begin(ctx, "offers");
  if (!begun) co_return begun;
  if (!hardware_->not_offered.contains(ability)) co_return success();
  co_return Error("bmc.unsupported", fmt::format("the fake BMC does not offer to {}", phrase(ability)));
}

awaitable<Result<HostStart>> FakeBmc::host_start(const Ctx& ctx) {
  const Status begun = begin(ctx, "host_start");
  if (!begun) co_return begun.error();
  HostStart start = hardware_->host_start;
  start.power = hardware_->power;
  co_return start;
}

}  // namespace kiln
