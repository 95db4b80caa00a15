#pragma once
// HazardReadings: the warden's own eyes on heat and coolant of one DUT. The real one speaks Redfish; the fake
// is testing/fake_hazard_readings.h. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/hazard.h"
#include "safety/redfish_line.h"

namespace kiln {

/// One value now, in the kind's unit.
struct HazardReading {
  HazardKind kind = HazardKind::gpu_temperature;
  std::string part;  ///< as the inventory names it: "GPU_0", "1/Primary", "Chassis_0/CoolantConnector_0"
  std::optional<double> value;  ///< nullopt: it is offered, and says nothing that can be used
  std::string why;              ///< of no value: one clause
  /// When its BMC has last looked, by the BMC's own clock; empty: it does not say.
  std::string read_at;
};

/// All of them, now.
struct HazardLook {
  std::vector<HazardReading> readings;
  /// Why more may be offered than is listed: something on the way to it could not be read; empty: it is all.
  std::string not_seen;
};

class HazardReadings {
 public:
  virtual ~HazardReadings() = default;
  /// What this DUT offers of these kinds, read within this call; a part that was offered once stays in the
  /// list. `look_anew`: parts may have come since (a tray that was switched on). An Error when nobody
  /// answered: codes of RedfishLine.
  virtual boost::asio::awaitable<Result<HazardLook>> read(const Ctx& ctx, std::set<HazardKind> kinds,
                                                          bool look_anew) = 0;
};

/// Where each is found (schema, version):
///   GPU, GPU memory   Systems/x/Processors (ProcessorType GPU) EnvironmentMetrics v1.3.0 TemperatureCelsius,
///                     and that of the Memory they link to; where the Sensor v1.7.0 that it names tells its
///                     ReadingTime, that Sensor in its place. A value that is a distance to a limit (Sensor
///                     v1.7.0 ReadingBasis, or lower thresholds only) is no temperature; nor is one whose
///                     named source cannot be read.
///   inlet             Chassis/x/ThermalSubsystem/ThermalMetrics v1.3.0 TemperatureSummaryCelsius.Intake
///   flow, pressure,   CoolantConnector v1.3.0 FlowLitersPerMinute, SupplyPressurekPa,
///   supply            SupplyTemperatureCelsius of Chassis/x/ThermalSubsystem and ThermalEquipment
///   reservoir         Reservoir v1.0.2 FluidLevelPercent, of all but overflow reservoirs
///   dew point         lowest supply temperature of the unit's secondary side less its EnvironmentMetrics
///                     v1.5.0 DewPointCelsius
/// A resource whose Status.State is Absent is not there.
std::unique_ptr<HazardReadings> make_redfish_hazard_readings(std::shared_ptr<RedfishLine> line);

}  // namespace kiln
