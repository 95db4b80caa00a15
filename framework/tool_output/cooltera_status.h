#pragma once
// status.xml of a Cooltera coolant distribution unit (FS1350, FS600, RM100): the document that such a unit
// serves in place of a Redfish tree. Pure, any thread. Source of tags, units and what each pressure means:
// Lenovo confluent, plugins/hardwaremanagement/cooltera.py, 9ebb8f2.
//
// The document does not say which model it is of: the set of its tags does, and the same pressure tag means
// another place on another model. So a set of tags that belongs to none of them is refused as a whole, also
// where it holds all of a smaller model's: a pressure of the facility side would be read as the rack's.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool_output/tool_output.h"

namespace kiln::tool_output {

/// Refused above this size (bytes): the document is about 2 kB.
inline constexpr std::size_t kMaximumCoolteraStatus = std::size_t{64} * 1024;

struct CoolteraPump {
  std::string name;                     ///< "Pump_1"
  std::optional<double> speed_percent;  ///< unset: its tag holds no number
};

/// Of the primary (facility) and the secondary side (towards the rack). Cel, L/min, kPa (gauge). Unset: the
/// model does not tell it, or its tag holds nothing that can be used, which is a doubt.
struct CoolteraStatus : Document {
  std::string model;  ///< "FS600"
  std::optional<double> primary_supply, primary_return, secondary_supply, secondary_return;
  std::optional<double> ambient, humidity, dew_point;  ///< Cel, %, Cel
  std::optional<double> primary_flow, secondary_flow;
  std::optional<double> primary_supply_pressure, primary_return_pressure;
  std::optional<double> secondary_supply_pressure, secondary_return_pressure;
  std::vector<CoolteraPump> pumps;
  std::optional<double> alarms;         ///< how many are active
  bool tells_primary_pressure = false;  ///< the model has a tag for the pressure of its facility supply
};

/// A value stands with its unit ("23.5degC") or without any; another unit, a number beyond what can be, and
/// two different values under one tag leave it unset. Cut, foreign, or with a document type: refused.
Result<CoolteraStatus> parse_cooltera_status(std::string_view text);

}  // namespace kiln::tool_output
