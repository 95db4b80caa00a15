#pragma once
// For steps that listen to what a BMC says by itself (Bmc::listen; an event says where to look at once, and
// is never the reading), and for those that read its logs.

#include "bmc/bmc_event.h"
#include "bmc/redfish_time.h"
