#pragma once
// The real MqttClient: libmosquitto 2.0 (libmosquitto(3)) on our loop, without its thread. It is told when
// its socket is ready; its callbacks only note what came. Names are resolved before it, TLS is set up by us
// (mqtt_tls.h): libmosquitto would block for the one and ask for a passphrase for the other. Real time only.

#include <memory>

#include "io/mqtt.h"

namespace kiln {

/// `loop` outlives it. Error "mqtt.options" names the option; files are read now and again with each connect,
/// so that a renewed certificate is taken up.
Result<std::unique_ptr<MqttClient>> make_mosquitto_mqtt(Loop& loop, MqttOptions options);

}  // namespace kiln
