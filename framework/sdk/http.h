#pragma once
// For steps that speak HTTP to a server of the rack (StepContext::model_server), also to streams of events.

#include "io/http.h"
#include "io/server_sent_events.h"
#include "model/serving_access.h"
