#pragma once
// The warden's eyes on the coolant of a Cooltera CDU: one read of its status.xml per look
// (tool_output/cooltera_status.h). The fake is testing/fake_hazard_readings.h. Loop thread only.

#include <memory>
#include <string>

#include "io/http.h"
#include "safety/hazard_readings.h"

namespace kiln {

/// Flow, supply pressure and supply temperature of both sides ("CDU/Primary", "CDU/Secondary"), and of "CDU"
/// the distance of the secondary supply to the dew point of its air. It has no reservoir to read. `url`: of
/// the document. Errors: those of HttpClient; warden.bmc for an answer that is none of its documents.
std::unique_ptr<HazardReadings> make_cooltera_hazard_readings(std::unique_ptr<HttpClient> http,
                                                              std::string url);

}  // namespace kiln
