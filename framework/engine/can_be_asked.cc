#include "engine/can_be_asked.h"

#include <algorithm>

#include "bmc/cooltera_bmc.h"
#include "model/bmc_protocol.h"

namespace kiln {

bool can_be_asked(const Dut& dut, const StepDescription& step) {
  if (!dut.bmc || bmc_protocol_of(dut.bmc->url) != BmcProtocol::cooltera) return true;
  return std::none_of(step.bmc.begin(), step.bmc.end(),
                      [](const BmcNeed& need) { return need.required && !cooltera_offers(need.ability); });
}

}  // namespace kiln
