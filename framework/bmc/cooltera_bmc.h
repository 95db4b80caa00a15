#pragma once
// Bmc of a Cooltera coolant distribution unit (FS1350, FS600, RM100), which serves one document of what it
// measures, status.xml, in place of Redfish (tool_output/cooltera_status.h). It tells of coolant, pumps and
// the air around it, and can be asked for nothing: no login, no switch, no log, no detectors. Each verb reads
// the document anew. Loop thread only.

#include <memory>
#include <string>

#include "bmc/bmc.h"
#include "io/http.h"

namespace kiln {

/// What such a unit can be asked at all; everything else is the Error "bmc.unsupported".
bool cooltera_offers(BmcAbility ability);

/// `url`: of the document (model/bmc_protocol.h). Names: "CDU/Primary" (facility), "CDU/Secondary" (rack),
/// "Pump_1", unit "CDU". A value that cannot be used is unset and an Oddity; a document that is cut, foreign
/// or of an unknown model is the Error "bmc.not_understood".
std::unique_ptr<Bmc> make_cooltera_bmc(std::unique_ptr<HttpClient> client, std::string url);

}  // namespace kiln
