#pragma once
// How the line to the building is opened, for whoever has been told of it: the warden of a run, and whoever
// releases a latch. Pure.

#include <string>

#include "io/mqtt.h"
#include "safety/building_line.h"
#include "safety/warden_messages.h"

namespace kiln {

/// `client_id`: of this connection alone; a broker ends the older of two with the same.
MqttOptions mqtt_options(const WardenBuilding& building, std::string client_id);
BuildingLineOptions line_options(const BuildingAccess& access);

}  // namespace kiln
