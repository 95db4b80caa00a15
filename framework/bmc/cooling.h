#pragma once
// Coolant connections and pumps over Redfish: ThermalEquipment/CDUs (primary and secondary connectors, pumps)
// and Chassis/x/ThermalSubsystem (connectors, pumps) [CoolingUnit v1.5.0, CoolantConnector v1.3.0, Pump
// v1.2.0]. Addresses are found once and found again when one fails or after 60 reads. Owned by the Bmc; loop
// thread only.
//
// Names: "<chassis>/<connector Id>"; "<CDU>/Primary_<Id>" and "<CDU>/Secondary_<Id>", where an Id that
// already says so stays as it is. A pump is its Id, with its owner before it when two pumps share one.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

class CoolingReader {
 public:
  explicit CoolingReader(ServiceTree& tree) : tree_(tree) {}
  boost::asio::awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx);
  boost::asio::awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx);
  /// EnvironmentMetrics v1.5.0 (DewPointCelsius, TemperatureCelsius, HumidityPercent), Reservoir v1.0.2
  /// (FluidLevelPercent) and Filter v1.1.0 (DeltaLiquidPressurekPa) of each unit under ThermalEquipment, and
  /// the worst CoolantQuality of its CoolingLoops (CoolingLoop v1.1.0), which do not say whose they are.
  boost::asio::awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx);
  /// Address (without trailing slash) → the name used here, so that lists of parts use the same.
  boost::asio::awaitable<Result<std::map<std::string, std::string>>> names(const Ctx& ctx);

 private:
  struct Place {
    std::string owner, id, name, uri;
  };
  struct Unit {
    std::string name, uri;
    std::vector<Place> environment, reservoirs, filters;  ///< of the first: none or one
  };
  /// Replaced as a whole when found anew: a read that waits keeps the one it began with.
  struct Places {
    std::vector<Place> connectors, pumps;
    std::vector<Unit> units;
    std::vector<Place> loops;
  };
  boost::asio::awaitable<Status> find(const Ctx& ctx);
  boost::asio::awaitable<Result<std::vector<std::string>>> listed(const Ctx& ctx, const RedfishResource& from,
                                                                  JsonView link);
  boost::asio::awaitable<Status> find_connectors(const Ctx& ctx, const RedfishResource& from, JsonView link,
                                                 std::string owner, std::string side, Places& found);
  boost::asio::awaitable<Status> find_pumps(const Ctx& ctx, const RedfishResource& from, JsonView link,
                                            std::string owner, Places& found);
  boost::asio::awaitable<Status> find_loops(const Ctx& ctx, const RedfishResource& equipment, Places& found);
  boost::asio::awaitable<Status> find_unit(const Ctx& ctx, const RedfishResource& unit, Places& found);
  boost::asio::awaitable<Result<std::shared_ptr<const Places>>> places(const Ctx& ctx);
  boost::asio::awaitable<Result<std::vector<Result<RedfishResource>>>> read(const Ctx& ctx,
                                                                            const std::vector<Place>& places);

  ServiceTree& tree_;
  std::shared_ptr<const Places> places_;
  int reads_since_find_ = 0;
};

/// The values of one CoolantConnector.
CoolantReading coolant_from(const RedfishResource& connector, const std::string& name);

}  // namespace kiln
