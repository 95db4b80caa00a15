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

#include "engine/noted_bmc.h"
#include "engine/step_context.h"

namespace kiln {

class StepBmc final : public NotedBmc {
 public:
  /// `flashing`: the write that is open in the scope of this BMC's DUT, if any. `loaded`: the load there.
  /// `guarded`: whether a guard of the DUT is open that will force it off. What is switched is noted in
  /// `switched`. `on_use` is told each ability that is asked for; may be empty. `bmc` and `switched` outlive
  /// this.
  StepBmc(Bmc& bmc, Switched& switched, std::function<std::optional<std::string>()> flashing,
          std::function<std::optional<std::string>()> loaded, std::function<bool()> guarded,
          std::function<void(BmcAbility)> on_use = {})
      : NotedBmc(bmc, std::move(on_use)),
        switched_(switched),
        flashing_(std::move(flashing)),
        loaded_(std::move(loaded)),
        guarded_(std::move(guarded)) {}

  /// "guard.missing" before a guard that forces it off is open.
  boost::asio::awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Status> force_off(const Ctx& ctx) override;
  boost::asio::awaitable<Status> graceful_shutdown(const Ctx& ctx) override;
  boost::asio::awaitable<Status> restart(const Ctx& ctx, const Permit& permit) override;
  boost::asio::awaitable<Status> reset_manager(const Ctx& ctx) override;
  /// "guard.missing": neither journal nor warden knows an undo of it, and it outlives a tray that is off.
  boost::asio::awaitable<Result<double>> raise_power_limit(const Ctx& ctx, const Permit& permit,
                                                           std::string gpu, double watts) override;
  /// "guard.missing", as for a power limit.
  boost::asio::awaitable<Status> open_valve(const Ctx& ctx, const Permit& permit,
                                            std::string connector) override;
  /// Refused under load: load stops before flow is reduced.
  boost::asio::awaitable<Status> close_valve(const Ctx& ctx, std::string connector) override;
  /// Refused: a write belongs into StepContext::flash, which knows what may not interrupt it.
  boost::asio::awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress) override;
  /// "guard.missing", as for power on: it comes back by itself.
  boost::asio::awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit) override;

 private:
  [[nodiscard]] std::optional<Error> refusal(const std::string& what) const;
  Switched& switched_;
  std::function<std::optional<std::string>()> flashing_, loaded_;
  std::function<bool()> guarded_;
};

}  // namespace kiln
