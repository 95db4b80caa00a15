#pragma once
// Hazard rules and reports as they travel between station and warden. Reading is strict. Private to safety/.

#include <optional>

#include "model/hazard.h"
#include "safety/message_fields.h"
#include "safety/trip.h"

namespace kiln::detail {

boost::json::object json_of(const HazardRules& rules);
/// nullopt: it is not exactly that.
std::optional<HazardRules> hazard_rules_from(const boost::json::value& value);

boost::json::object json_of(const HazardReport& report);
/// What is wrong is remembered in `fields`.
HazardReport read_hazard_report(Fields& fields);

}  // namespace kiln::detail
