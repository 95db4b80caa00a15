#pragma once
// NotedBmc: a BMC whose every verb goes through, and is told to whoever wants to know which abilities a step
// makes use of. Internal to the engine; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bmc/ability.h"
#include "bmc/bmc.h"

namespace kiln {

class NotedBmc : public Bmc {
 public:
  /// `on_use` is told at the call, so that one that fails counts, too; may be empty. `bmc` outlives this.
  NotedBmc(Bmc& bmc, std::function<void(BmcAbility)> on_use) : bmc_(bmc), on_use_(std::move(on_use)) {}

  boost::asio::awaitable<Result<BmcIdentity>> identity(const Ctx& ctx) override {
    use(BmcAbility::identity);
    return bmc_.identity(ctx);
  }
  boost::asio::awaitable<Result<PowerState>> power_state(const Ctx& ctx) override {
    use(BmcAbility::power_state);
    return bmc_.power_state(ctx);
  }
  boost::asio::awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) override {
    use(BmcAbility::power_on);
    return bmc_.power_on(ctx, permit);
  }
  boost::asio::awaitable<Status> force_off(const Ctx& ctx) override {
    use(BmcAbility::force_off);
    return bmc_.force_off(ctx);
  }
  boost::asio::awaitable<Status> graceful_shutdown(const Ctx& ctx) override {
    use(BmcAbility::graceful_shutdown);
    return bmc_.graceful_shutdown(ctx);
  }
  boost::asio::awaitable<Status> restart(const Ctx& ctx, const Permit& permit) override {
    use(BmcAbility::restart);
    return bmc_.restart(ctx, permit);
  }
  boost::asio::awaitable<Status> reset_manager(const Ctx& ctx) override {
    use(BmcAbility::manager_reset);
    return bmc_.reset_manager(ctx);
  }
  boost::asio::awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                           std::string gpu, double watts) override {
    use(BmcAbility::gpu_power_limit);
    return bmc_.raise_power_limit(ctx, permit, std::move(gpu), watts);
  }
  boost::asio::awaitable<Result<double>> lower_power_limit(const Ctx& ctx, std::string gpu,
                                                           double watts) override {
    use(BmcAbility::gpu_power_limit);
    return bmc_.lower_power_limit(ctx, std::move(gpu), watts);
  }
  boost::asio::awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit,
                                            std::string connector) override {
    use(BmcAbility::coolant_valves);
    return bmc_.open_valve(ctx, permit, std::move(connector));
  }
  boost::asio::awaitable<Status> close_valve(const Ctx& ctx, std::string connector) override {
    use(BmcAbility::coolant_valves);
    return bmc_.close_valve(ctx, std::move(connector));
  }
  boost::asio::awaitable<Result<std::vector<Part>>> parts(const Ctx& ctx) override {
    use(BmcAbility::parts);
    return bmc_.parts(ctx);
  }
  boost::asio::awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx& ctx) override {
    use(BmcAbility::sensors);
    return bmc_.sensors(ctx);
  }
  boost::asio::awaitable<Result<LeakCensus>> leak_detectors(const Ctx& ctx) override {
    use(BmcAbility::leak_detectors);
    return bmc_.leak_detectors(ctx);
  }
  boost::asio::awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& ctx) override {
    use(BmcAbility::leak_policies);
    return bmc_.leak_policies(ctx);
  }
  boost::asio::awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) override {
    use(BmcAbility::coolant);
    return bmc_.coolant(ctx);
  }
  boost::asio::awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) override {
    use(BmcAbility::pumps);
    return bmc_.pumps(ctx);
  }
  boost::asio::awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx) override {
    use(BmcAbility::coolant);
    return bmc_.cooling_units(ctx);
  }
  boost::asio::awaitable<Result<PowerChain>> power_chain(const Ctx& ctx) override {
    use(BmcAbility::power_chain);
    return bmc_.power_chain(ctx);
  }
  boost::asio::awaitable<Result<PlatformSetup>> platform_setup(const Ctx& ctx) override {
    use(BmcAbility::platform_setup);
    return bmc_.platform_setup(ctx);
  }
  boost::asio::awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& ctx) override {
    use(BmcAbility::gpus);
    return bmc_.gpus(ctx);
  }
  boost::asio::awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx& ctx) override {
    use(BmcAbility::nvlinks);
    return bmc_.nvlinks(ctx);
  }
  boost::asio::awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& ctx) override {
    use(BmcAbility::firmware_inventory);
    return bmc_.firmware(ctx);
  }
  boost::asio::awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress) override {
    use(BmcAbility::firmware_update);
    return bmc_.update_firmware(ctx, permit, std::move(request), std::move(on_progress));
  }
  boost::asio::awaitable<Result<std::size_t>> updates_under_way(const Ctx& ctx) override {
    use(BmcAbility::firmware_update);
    return bmc_.updates_under_way(ctx);
  }
  boost::asio::awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress) override {
    use(BmcAbility::firmware_update);
    return bmc_.wait_for_updates(ctx, std::move(on_progress));
  }
  boost::asio::awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit) override {
    use(BmcAbility::full_power_cycle);
    return bmc_.full_power_cycle(ctx, permit);
  }
  boost::asio::awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx& ctx,
                                                                  std::string newer_than) override {
    use(BmcAbility::event_log);
    return bmc_.event_log(ctx, std::move(newer_than));
  }
  boost::asio::awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx) override {
    use(BmcAbility::clock);
    return bmc_.clock_offset(ctx);
  }
  boost::asio::awaitable<Result<SurveyReport>> survey(const Ctx& ctx) override {
    use(BmcAbility::whole_tree);
    return bmc_.survey(ctx);
  }
  boost::asio::awaitable<Status> logout(const Ctx& ctx) override { return bmc_.logout(ctx); }
  boost::asio::awaitable<Status> listen(const Ctx& ctx,
                                        std::function<void(const BmcEvent&)> on_event) override {
    use(BmcAbility::event_stream);
    return bmc_.listen(ctx, std::move(on_event));
  }
  boost::asio::awaitable<Result<std::vector<EventLog>>> event_logs(const Ctx& ctx) override {
    use(BmcAbility::event_log);
    return bmc_.event_logs(ctx);
  }
  boost::asio::awaitable<Result<std::vector<EventLog>>> event_logs_again(const Ctx& ctx) override {
    use(BmcAbility::event_log);
    return bmc_.event_logs_again(ctx);
  }
  boost::asio::awaitable<Status> offers(const Ctx& ctx, BmcAbility ability) override {
    use(ability);
    return bmc_.offers(ctx, ability);
  }
  boost::asio::awaitable<Result<HostStart>> host_start(const Ctx& ctx) override {
    use(BmcAbility::power_state);
    return bmc_.host_start(ctx);
  }
  std::vector<Oddity> take_oddities() override { return bmc_.take_oddities(); }
  std::vector<std::string> take_disturbances() override { return bmc_.take_disturbances(); }
  std::vector<AppliedQuirk> take_quirks() override { return bmc_.take_quirks(); }

 protected:
  void use(BmcAbility ability) const {
    if (on_use_) on_use_(ability);
  }
  Bmc& bmc_;

 private:
  std::function<void(BmcAbility)> on_use_;
};

}  // namespace kiln
