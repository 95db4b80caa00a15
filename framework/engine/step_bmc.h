#pragma once
// StepBmc: a DUT's BMC as a recipe's step gets it. Everything goes through, but what would take power or the
// management controller away from a firmware write under way is refused with "permit.flash_open", and what
// nobody could undo once the step is dead with "guard.missing". The engine's own cut and undo do not use it.
// Internal to the engine; owned by the StepRun, loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bmc/bmc.h"
#include "engine/step_context.h"

namespace kiln {

class StepBmc final : public Bmc {
 public:
  /// `flashing`: the write that is open in the scope of this BMC's DUT, if any. `loaded`: the load there.
  /// `guarded`: whether a guard of the DUT is open that will force it off. What is switched is noted in
  /// `switched`. `bmc` and `switched` outlive this.
  StepBmc(Bmc& bmc, Switched& switched, std::function<std::optional<std::string>()> flashing,
          std::function<std::optional<std::string>()> loaded, std::function<bool()> guarded)
      : bmc_(bmc),
        switched_(switched),
        flashing_(std::move(flashing)),
        loaded_(std::move(loaded)),
        guarded_(std::move(guarded)) {}

  boost::asio::awaitable<Result<BmcIdentity>> identity(const Ctx& ctx) override { return bmc_.identity(ctx); }
  boost::asio::awaitable<Result<PowerState>> power_state(const Ctx& ctx) override {
    return bmc_.power_state(ctx);
  }
  /// "guard.missing" before a guard that forces it off is open.
  boost::asio::awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Status> force_off(const Ctx& ctx) override;
  boost::asio::awaitable<Status> graceful_shutdown(const Ctx& ctx) override;
  boost::asio::awaitable<Status> restart(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Status> reset_manager(const Ctx& ctx) override;
  /// "guard.missing": neither journal nor warden knows an undo of it, and it outlives a tray that is off.
  boost::asio::awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                           std::string gpu, double watts) override;
  boost::asio::awaitable<Result<double>> lower_power_limit(const Ctx& ctx, std::string gpu,
                                                           double watts) override {
    return bmc_.lower_power_limit(ctx, std::move(gpu), watts);
  }
  /// "guard.missing", as for a power limit.
  boost::asio::awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit,
                                            std::string connector) override;
  /// Refused under load: load stops before flow is reduced.
  boost::asio::awaitable<Status> close_valve(const Ctx& ctx, std::string connector) override;
  boost::asio::awaitable<Result<std::vector<Part>>> parts(const Ctx& ctx) override { return bmc_.parts(ctx); }
  boost::asio::awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx& ctx) override {
    return bmc_.sensors(ctx);
  }
  boost::asio::awaitable<Result<LeakCensus>> leak_detectors(const Ctx& ctx) override {
    return bmc_.leak_detectors(ctx);
  }
  boost::asio::awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) override {
    return bmc_.coolant(ctx);
  }
  boost::asio::awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) override {
    return bmc_.pumps(ctx);
  }
  boost::asio::awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& ctx) override {
    return bmc_.gpus(ctx);
  }
  boost::asio::awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx& ctx) override {
    return bmc_.nvlinks(ctx);
  }
  boost::asio::awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& ctx) override {
    return bmc_.firmware(ctx);
  }
  /// Refused: a write belongs into StepContext::flash, which knows what may not interrupt it.
  boost::asio::awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress) override;
  boost::asio::awaitable<Result<std::size_t>> updates_under_way(const Ctx& ctx) override {
    return bmc_.updates_under_way(ctx);
  }
  boost::asio::awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress) override {
    return bmc_.wait_for_updates(ctx, std::move(on_progress));
  }
  /// "guard.missing", as for power on: it comes back by itself.
  boost::asio::awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx& ctx,
                                                                  std::string newer_than) override {
    return bmc_.event_log(ctx, std::move(newer_than));
  }
  boost::asio::awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& ctx) override {
    return bmc_.leak_policies(ctx);
  }
  boost::asio::awaitable<Result<std::optional<double>>> clock_offset(const Ctx& ctx) override {
    return bmc_.clock_offset(ctx);
  }
  boost::asio::awaitable<Result<SurveyReport>> survey(const Ctx& ctx) override { return bmc_.survey(ctx); }
  boost::asio::awaitable<Status> logout(const Ctx& ctx) override { return bmc_.logout(ctx); }
  std::vector<Oddity> take_oddities() override { return bmc_.take_oddities(); }
  std::vector<std::string> take_disturbances() override { return bmc_.take_disturbances(); }
  std::vector<AppliedQuirk> take_quirks() override { return bmc_.take_quirks(); }

 private:
  [[nodiscard]] std::optional<Error> refusal(const std::string& what) const;
  Bmc& bmc_;
  Switched& switched_;
  std::function<std::optional<std::string>()> flashing_, loaded_;
  std::function<bool()> guarded_;
};

}  // namespace kiln
