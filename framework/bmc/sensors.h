#pragma once
// Sensors of all chassis over Redfish: the Sensors collections, and what the older Thermal and Power
// resources hold beside them. Many services keep fans and half of the temperatures in the older ones only,
// and some leave type and unit out of a Sensor that the older resource has with both; a sensor that stands in
// both is read from its own resource, once. Unit and type of a reading: sensor_from(). Owned by the Bmc; loop
// thread only.

#include <boost/asio/awaitable.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

class SensorReader {
 public:
  explicit SensorReader(ServiceTree& tree) : tree_(tree) {}
  /// One that is listed and can't be read has no value. Name: its Id, or what the older resource calls it;
  /// with the chassis' Id before it where two share one, and a number behind it where that does not help.
  boost::asio::awaitable<Result<std::vector<SensorReading>>> read(const Ctx& ctx);

 private:
  struct Titled;
  boost::asio::awaitable<Result<std::vector<Titled>>> sensors_of(const Ctx& ctx,
                                                                 const RedfishResource& chassis);
  /// False: it is linked and could not be read.
  boost::asio::awaitable<Result<bool>> older_of(const Ctx& ctx, const RedfishResource& chassis, JsonView link,
                                                std::vector<Titled>& into);
  static bool merge(std::vector<Titled>& sensors, std::vector<Titled> older);

  ServiceTree& tree_;
  std::set<std::string> older_adds_nothing_;  ///< chassis: found out once per connection
  std::set<std::string> none_behind_;         ///< chassis without sensors, likewise
};

/// The values of one Sensor resource.
///
/// Unit: ReadingUnits in canonical UCUM; where the property is missing or null the unit that the standard
/// gives to the ReadingType [Sensor v1.11.0]; where it is an empty text there is none, whatever the type says
/// (that is how discrete states are told). Type: where it is missing or does not fit the unit, the one that
/// the unit stands for: XCC prints watts as "Current", OpenBMC pascals as "Altitude". A sensor that is
/// Absent, Disabled or UnavailableOffline has no value, whatever number stands there.
SensorReading sensor_from(const RedfishResource& sensor);

/// The unit of a Redfish ReadingType, UCUM; empty: it has none, or is not known.
std::string_view unit_of_reading_type(std::string_view reading_type);

}  // namespace kiln
