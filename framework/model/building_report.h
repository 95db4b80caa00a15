#pragma once
// What the building's management system said of one rack when it was listened to for a while: the leak points
// outside the trays, and what flows to the rack as the building measures it. Plain data.

#include <optional>
#include <string>
#include <vector>

namespace kiln {

/// One leak point, or one that tells of a sensor's own fault.
struct BuildingLeakPoint {
  std::string kind;   ///< "rack", "rack_sensor_fault", "equipment"
  std::string state;  ///< clear, tripped, unknown
  std::string point;  ///< "RackLeakDetect at BMS/v1/PUB/Value/Rack/RackLeakDetect/7"
  std::string why;    ///< one sentence
};

/// One figure of the rack's coolant. A point that the BMS does not have is not in the list.
struct BuildingFigure {
  std::string point_type;  ///< "RackLiquidFlow"
  std::optional<double> value;
  std::string unit;  ///< UCUM
  std::string point, why;
};

struct BuildingReport {
  std::vector<BuildingLeakPoint> leaks;
  std::vector<BuildingFigure> figures;
  bool expects_rack_leak = true, expects_equipment_leak = true;  ///< by the rack file
  std::string trouble;  ///< why the broker was not reached; empty: it was
};

}  // namespace kiln
