#include "safety/building_door.h"

#include <utility>

namespace kiln {

MqttOptions mqtt_options(const WardenBuilding& building, std::string client_id) {
  const BuildingAccess& access = building.access;
  MqttOptions options;
  options.host = access.host;
  options.port = access.port;
  options.client_id = std::move(client_id);
  if (access.tls.kind == TlsTrust::Kind::certificate_authority) options.ca_file = access.tls.value;
  if (access.tls.kind == TlsTrust::Kind::insecure) options.insecure = access.tls.value;
  options.certificate_file = access.certificate;
  options.key_file = access.certificate.empty() ? "" : building.key_file;
  options.user = building.user;
  options.password = building.password;
  return options;
}

BuildingLineOptions line_options(const BuildingAccess& access) {
  BuildingLineOptions options;
  options.rack_location_id = access.rack_location_id;
  options.integration = access.integration;
  if (!access.filters.empty()) options.filters = access.filters;
  return options;
}

}  // namespace kiln
