#pragma once
// What of a resource the typed views of this folder cannot understand: a property that they read, that is
// there, that is none of the ways of saying "no value", and that still holds nothing of its kind. A number as
// text, a float for a whole number, a list of one where a scalar belongs, a unit in another spelling, a word
// of State or Health outside the standard are understood; "soon" as a Reading, a list of three as a
// temperature, a unit nobody knows and a time without a date are not. Properties that no view reads are not
// looked at. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "bmc/json_view.h"

namespace kiln {

struct NotUnderstood {
  std::string property;  ///< "Temperatures/3/ReadingCelsius"
  std::string what;      ///< "\"soon\" is no number"
};

/// Which view a resource is for: by its @odata.type ("#Sensor.v1_9_0.Sensor" is "Sensor"); where it has none,
/// by the collection its address lies in ("…/Sensors/1"); empty: for none.
std::string view_of(const JsonView& body, std::string_view uri);

/// In the order of the views' properties; at most 100 of one resource.
std::vector<NotUnderstood> not_understood_in(const JsonView& body, std::string_view uri);

}  // namespace kiln
