#pragma once
// A Bmc whose answers are plain fields, for tests of steps and of the engine. The state is shared, so that
// several connections to one DUT (a step's, a leak watch's) see the same hardware. Loop thread only.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bmc/bmc.h"
#include "bmc/bmc_event.h"

namespace kiln {

/// One DUT's BMC side. Change it at any time; the next call sees it.
struct FakeHardware {
  BmcIdentity identity;
  PowerState power = PowerState::off;
  std::vector<Part> parts;
  std::vector<SensorReading> sensors;
  LeakCensus leaks;
  std::vector<CoolantReading> coolant;
  std::vector<PumpReading> pumps;
  std::vector<CoolingUnitReading> cooling_units;
  PowerChain power_chain;
  PlatformSetup platform_setup;
  std::vector<GpuReading> gpus;
  std::vector<NvlinkReading> nvlinks;
  std::vector<FirmwareItem> firmware;
  std::vector<LogEntry> log;
  std::vector<EventLog> logs;
  std::optional<double> clock_offset = 0.0;
  std::vector<LeakPolicy> leak_policies;
  SurveyReport survey;
  std::vector<AppliedQuirk> quirks;
  bool tells_events = false;  ///< listen() hears what `tell` is given; otherwise there are no events
  std::map<int, std::function<void(const BmcEvent&)>> listeners;
  int listened = 0;  ///< how often anybody has begun to
  /// To all who listen.
  void tell(const BmcEvent& event) const;
  UpdateOutcome update_outcome{true, false, false, "Completed", "", "/redfish/v1/TaskService/Tasks/1"};

  /// Set: every call fails with it. Per verb ("leak_detectors"): only that verb.
  std::optional<Error> unreachable;
  std::map<std::string, Error> failing;
  /// Called at the start of each call with the verb's name, for tests that change something at a given
  /// moment.
  std::function<void(const std::string& verb)> on_call;
  /// Called with the request instead of the default (which sets the version from `image`).
  std::function<void(FakeHardware&, const UpdateRequest&)> on_update;
  /// How long a firmware write takes; what ends it sooner stays in `update_ended_by`.
  Nanoseconds update_takes{0};
  std::optional<Error> update_ended_by;
  /// What the last update asked for.
  UpdateRequest last_update;
  /// Updates that somebody else has begun, as wait_for_updates() tells them.
  std::vector<UpdateOutcome> updates_under_way;
  /// Called when the DUT restarts, its BMC is reset or all its power was cycled, with the verb's name.
  std::function<void(FakeHardware&, const std::string& verb)> on_activation;
  bool ignores_force_off = false;
  /// What host_start() tells; its power is `power`. A restart makes it another.
  HostStart host_start{PowerState::unknown, "before the first restart", "", "/redfish/v1/Systems/System_0"};
  int restarts = 0;
  bool ignores_restart = false;        ///< accepted, and nothing happens
  std::set<BmcAbility> not_offered;    ///< of what offers() is asked for
  std::map<std::string, bool> valves;  ///< by connector: open
  std::vector<std::string> calls;
  int logouts = 0;

  /// Convenience: `count` detectors named Detector_0…, all dry.
  void add_dry_detectors(int count, const std::string& prefix = "Detector_");
};

class FakeBmc final : public Bmc {
 public:
  explicit FakeBmc(std::shared_ptr<FakeHardware> hardware) : hardware_(std::move(hardware)) {}

  boost::asio::awaitable<Result<BmcIdentity>> identity(const Ctx& ctx) override;
  boost::asio::awaitable<Result<PowerState>> power_state(const Ctx& ctx) override;
  boost::asio::awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Status> force_off(const Ctx& ctx) override;
  boost::asio::awaitable<Status> graceful_shutdown(const Ctx& ctx) override;
  boost::asio::awaitable<Status> restart(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Status> reset_manager(const Ctx& ctx) override;
  boost::asio::awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                           std::string gpu, double watts) override;
  boost::asio::awaitable<Result<double>> lower_power_limit(const Ctx& ctx, std::string gpu,
                                                           double watts) override;
  boost::asio::awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit,
                                            std::string connector) override;
  boost::asio::awaitable<Status> close_valve(const Ctx& ctx, std::string connector) override;
  boost::asio::awaitable<Result<std::vector<Part>>> parts(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx& ctx) override;
  boost::asio::awaitable<Result<LeakCensus>> leak_detectors(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx) override;
  boost::asio::awaitable<Result<PowerChain>> power_chain(const Ctx& ctx) override;
  boost::asio::awaitable<Result<PlatformSetup>> platform_setup(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& ctx) override;
  boost::asio::awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress) override;
  boost::asio::awaitable<Result<std::size_t>> updates_under_way(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress) override;
  boost::asio::awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx& ctx,
                                                                  std::string newer_than) override;
  boost::asio::awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& ctx) override;
  boost::asio::awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx) override;
  boost::asio::awaitable<Result<SurveyReport>> survey(const Ctx& ctx) override;
  boost::asio::awaitable<Status> logout(const Ctx& ctx) override;
  std::vector<Oddity> take_oddities() override { return {}; }
  std::vector<std::string> take_disturbances() override { return {}; }
  std::vector<AppliedQuirk> take_quirks() override { return std::exchange(hardware_->quirks, {}); }
  boost::asio::awaitable<Status> listen(const Ctx& ctx,
                                        std::function<void(const BmcEvent&)> on_event) override;
  boost::asio::awaitable<Result<std::vector<EventLog>>> event_logs(const Ctx& ctx) override;
  /// Noted as event_logs; reads everything.
  boost::asio::awaitable<Result<std::vector<EventLog>>> event_logs_again(const Ctx& ctx) override {
    return event_logs(ctx);
  }
  boost::asio::awaitable<Status> offers(const Ctx& ctx, BmcAbility ability) override;
  boost::asio::awaitable<Result<HostStart>> host_start(const Ctx& ctx) override;

 private:
  Status begin(const Ctx& ctx, const std::string& verb);
  Result<double> set_power_limit(const std::string& gpu, double watts);
  std::shared_ptr<FakeHardware> hardware_;
};

}  // namespace kiln
