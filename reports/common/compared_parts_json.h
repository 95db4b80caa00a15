#pragma once
// The members "comparisons" and "links" of the JSON report: report.schema.json says what is in them.

#include <boost/json.hpp>

#include "common/rack_links.h"
#include "model/rack_comparison.h"

namespace kiln {

boost::json::object comparison_json(const Comparison& comparison);
/// A tray with its links at the GPUs' end.
boost::json::object link_tray_json(const RackLinkTray& tray);

}  // namespace kiln
