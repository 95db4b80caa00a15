#pragma once
// The real WardenBmc: what a DUT's BMC speaks decides how the warden reads and cuts it. Loop thread only.

#include <memory>

#include "io/http.h"
#include "safety/warden.h"

namespace kiln {

/// A Cooltera CDU has eyes on its coolant and nothing else: it has no detectors to read and no switch.
WardenBmc make_warden_bmc(std::unique_ptr<HttpClient> http, const WardenDut& dut);

}  // namespace kiln
