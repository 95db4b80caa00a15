#pragma once
// The member "bring_up" of the JSON report: report.schema.json says what is in it.

#include <boost/json.hpp>

#include "model/bring_up.h"

namespace kiln {

boost::json::object bring_up_json(const BringUp& clock);

}  // namespace kiln
