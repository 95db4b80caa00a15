#include "tests_hw/virtual_rack/redfish/connector.h"

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

json::object derived(double value, int digits) {
  json::object object;
  object["Reading"] = rounded(value, digits);
  return object;
}

}  // namespace

json::object connector_resource(const Bmc& bmc, const std::string& uri, const CoolantConnector& connector,
                                std::string_view coolant) {
  json::object body = resource(uri, "CoolantConnector.v1_3_0", id_of(connector.name), connector.name);
  body["CoolantConnectorType"] = "Pair";
  body["Status"] = status("Enabled");
  json::object liquid;
  if (coolant == "PG25") {
    liquid["CoolantType"] = "Water";
    liquid["AdditiveName"] = "Propylene glycol";
    liquid["AdditivePercent"] = 25;
  } else {
    liquid["CoolantType"] = coolant;
  }
  body["Coolant"] = std::move(liquid);
  body["RatedFlowLitersPerMinute"] = rounded(connector.rated_flow_lpm, 2);
  body["FlowLitersPerMinute"] = bmc.excerpt(connector.flow_lpm, 3, false);
  body["SupplyTemperatureCelsius"] = bmc.excerpt(connector.supply_c, 2, false);
  body["ReturnTemperatureCelsius"] = bmc.excerpt(connector.return_c, 2, false);
  body["DeltaTemperatureCelsius"] = derived(connector.return_c.shown - connector.supply_c.shown, 2);
  body["SupplyPressurekPa"] = bmc.excerpt(connector.supply_kpa, 1, false);
  body["ReturnPressurekPa"] = bmc.excerpt(connector.return_kpa, 1, false);
  body["DeltaPressurekPa"] = derived(connector.supply_kpa.shown - connector.return_kpa.shown, 1);
  body["HeatRemovedkW"] = bmc.excerpt(connector.heat_kw, 3, false);
  const bool shut =
      !bmc.dut.cooling_unit && active_fault(bmc.rack, bmc.dut, FaultKind::valve_closed) != nullptr;
  body["ValvePositionPercent"] = derived(connector.valve_percent, 0);
  body["ValveState"] = shut ? "Closed" : "Open";
  body["ValveStateReason"] = shut ? "LeakDetected" : "Normal";
  return body;
}

}  // namespace kiln::virtual_rack
