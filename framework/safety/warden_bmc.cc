#include "safety/warden_bmc.h"

#include <utility>

#include "model/bmc_protocol.h"
#include "safety/cooltera_hazards.h"

namespace kiln {

WardenBmc make_warden_bmc(std::unique_ptr<HttpClient> http, const WardenDut& dut) {
  WardenBmc bmc;
  if (bmc_protocol_of(dut.bmc_url) == BmcProtocol::cooltera) {
    bmc.hazards = make_cooltera_hazard_readings(std::move(http), dut.bmc_url);
    return bmc;
  }
  const auto line =
      std::make_shared<RedfishLine>(std::move(http), dut.bmc_url, dut.bmc_user, dut.bmc_password);
  bmc.power = make_redfish_power_switch(line);
  bmc.leaks = make_redfish_leak_detectors(line);
  bmc.events = make_redfish_leak_events(line);
  bmc.hazards = make_redfish_hazard_readings(line);
  bmc.writes = make_redfish_write_looks(line);
  return bmc;
}

}  // namespace kiln
