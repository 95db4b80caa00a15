#pragma once
// The way of the power as one BMC sees it, over Redfish: its power supplies with what they take and give
// [PowerSupply v1.6.0, PowerSupplyMetrics v1.2.0; before these PowerSupplies of Power v1.7], what groups of
// them say of their redundancy [PowerSubsystem v1.1.3], what the DUT draws [EnvironmentMetrics v1.5.0
// PowerWatts] and at which voltage it gets it.
//
// What the DUT draws: of the chassis that no other one contains, the one that draws most. Where power enters:
// voltage sensors whose Id names the power distribution board or its hot-swap controller ("PDB_0_HSC_0_Vin";
// the GH200 tree has HSC_0 and HSC_1, OpenBMC writes VIN, others Input_Voltage). Delta shelves tell in
// Oem.deltaenergysystems.Power whether a supply is switched on. A supply has the name that parts() gives it.
//
// Addresses are found once and found again when one fails or after 60 reads. Owned by the Bmc; loop thread
// only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

class PowerChainReader {
 public:
  explicit PowerChainReader(ServiceTree& tree) : tree_(tree) {}
  boost::asio::awaitable<Result<PowerChain>> read(const Ctx& ctx);

 private:
  struct Supply {
    std::string owner, name, uri;
    std::string metrics;  ///< empty: it has none
    std::string unread;
  };
  /// An older Power resource with supplies within.
  struct OldPower {
    std::string owner, uri;
  };
  /// Replaced as a whole when found anew: a read that waits keeps the one it began with.
  struct Places {
    std::vector<Supply> supplies;
    std::vector<OldPower> older;
    std::vector<std::string> subsystems, drawn, inputs;
    std::set<std::string> known;
  };

  boost::asio::awaitable<Result<std::shared_ptr<const Places>>> places(const Ctx& ctx);
  boost::asio::awaitable<Status> find_in_chassis(const Ctx& ctx, const RedfishResource& chassis,
                                                 Places& found);
  boost::asio::awaitable<Status> find_supplies(const Ctx& ctx, const RedfishResource& from, JsonView link,
                                               std::string owner, Places& found);
  boost::asio::awaitable<Status> find_inputs(const Ctx& ctx, const RedfishResource& chassis, Places& found);
  boost::asio::awaitable<Status> read_supplies(const Ctx& ctx, const Places& places, PowerChain& chain);
  boost::asio::awaitable<Status> read_older(const Ctx& ctx, const Places& places, PowerChain& chain);
  boost::asio::awaitable<Status> read_drawn(const Ctx& ctx, const Places& places, PowerChain& chain);

  ServiceTree& tree_;
  std::shared_ptr<const Places> places_;
  int reads_since_find_ = 0;
};

/// What a supply and its metrics say. `metrics` may be null.
PowerSupplyReading supply_from(const JsonView& supply, const JsonView* metrics);

/// A sensor's Id that tells of the voltage at which power enters a tray.
bool names_power_input(std::string_view sensor_id);

}  // namespace kiln
