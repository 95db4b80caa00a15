#pragma once
// Power of the DUT and reset of its BMC. Which resource is switched is found once and kept, so that a cut
// costs one request. Rule: the first ComputerSystem that offers #ComputerSystem.Reset and is SystemType
// Physical (or says nothing), one whose Id does not begin with "HGX_" before one that does (a baseboard is
// fed by its tray); without any, the first Chassis with a PowerState or #Chassis.Reset that no other chassis
// contains. Owned by the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bmc/ability.h"
#include "bmc/bmc.h"
#include "bmc/service_tree.h"

namespace kiln {

/// Which resource stands for the DUT's power, as found.
class PowerTarget {
 public:
  std::string uri;
  std::string action;                ///< POST address of the reset; empty when it offers none
  std::vector<std::string> allowed;  ///< ResetType words; empty when not said
  bool is_system = true;
};

/// What is asked of a reset action.
enum class PowerVerb { on, force_off, graceful_shutdown, restart, manager_reset };
/// The ResetType words that do it, best first.
const std::vector<std::string>& reset_types(PowerVerb verb);
/// The first of `wishes` that is allowed; the first of all when a BMC does not say what it allows; empty when
/// it allows none.
std::string choose_reset(const std::vector<std::string>& wishes, const std::vector<std::string>& allowed);

/// One way to take all power from a DUT, as its service offers it.
class FullPowerCycle {
 public:
  FullPowerCycle(std::string post_to, std::string type)
      : action(std::move(post_to)), reset_type(std::move(type)) {}
  std::string action;      ///< POST address
  std::string reset_type;  ///< "FullPowerCycle", "AuxPowerCycle", "ACPowerCycle"
};

class PowerControl {
 public:
  explicit PowerControl(ServiceTree& tree) : tree_(tree) {}

  /// Finds the target unless known. "bmc.unsupported" when the service has nothing to switch.
  boost::asio::awaitable<Result<PowerTarget>> target(const Ctx& ctx);
  boost::asio::awaitable<Result<PowerState>> state(const Ctx& ctx);
  /// The manager that reset_manager() would reset. "bmc.unsupported" when there is none.
  boost::asio::awaitable<Result<PowerTarget>> manager_target(const Ctx& ctx);
  boost::asio::awaitable<Status> power_on(const Ctx& ctx, const Permit& permit);
  boost::asio::awaitable<Status> restart(const Ctx& ctx, const Permit& permit);
  /// Asked again until it is accepted or the deadline comes. Being off already is a success.
  boost::asio::awaitable<Status> force_off(const Ctx& ctx);
  boost::asio::awaitable<Status> graceful_shutdown(const Ctx& ctx);
  boost::asio::awaitable<Status> reset_manager(const Ctx& ctx);
  /// The first of: ComputerSystem.Reset FullPowerCycle, where a system offers it; NvidiaChassis.AuxPowerReset
  /// AuxPowerCycle of a chassis (GB200, GB300 trays); LenovoComputerSystem.SystemReset ACPowerCycle (XCC);
  /// Chassis.Reset FullPowerCycle.
  boost::asio::awaitable<Status> full_power_cycle(const Ctx& ctx, const Permit& permit);
  /// What full_power_cycle() would ask for. "bmc.unsupported" when the service offers none of them.
  boost::asio::awaitable<Result<FullPowerCycle>> full_cycle(const Ctx& ctx);
  /// See Bmc::offers and Bmc::host_start.
  boost::asio::awaitable<Status> offers(const Ctx& ctx, BmcAbility ability);
  boost::asio::awaitable<Result<HostStart>> host_start(const Ctx& ctx);

 private:
  boost::asio::awaitable<Result<PowerTarget>> find(const Ctx& ctx);
  boost::asio::awaitable<Result<PowerTarget>> target_from(const Ctx& ctx, RedfishResource resource,
                                                          std::string action_name);
  boost::asio::awaitable<Status> reset(const Ctx& ctx, std::vector<std::string> wishes, Repeat repeat,
                                       std::function<Status()> still_wanted, PowerState goal);

  boost::asio::awaitable<Result<std::optional<FullPowerCycle>>> full_cycle_of(const Ctx& ctx,
                                                                              const RedfishResource& resource,
                                                                              std::string action_name);

  ServiceTree& tree_;
  boost::asio::awaitable<Result<PowerState>> state_of_supplies(const Ctx& ctx, RedfishResource chassis);
  std::optional<PowerTarget> target_;
};

/// "bmc.unsupported": the BMC cannot do what was asked.
Error unsupported(const RedfishClient& client, const std::string& what);
/// "permit.revoked" or "permit.wrong_energy"; success for a permit that is good for `energy`.
Status check_permit(const Permit& permit, Energy energy);

}  // namespace kiln
