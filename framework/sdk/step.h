#pragma once
// What a step plugin includes: the step and its context, the model, tolerant readers, and the descriptor
// macro. Plugins include sdk/ headers only.

#include "base/nearest.h"
#include "base/result.h"
#include "base/sha256.h"
#include "base/time.h"
#include "engine/load.h"
#include "engine/step.h"
#include "engine/step_context.h"
#include "model/bmc_protocol.h"
#include "model/counter_rise.h"
#include "model/event.h"
#include "model/leak_reading.h"
#include "model/log_allowance.h"
#include "model/measurement.h"
#include "model/tolerant.h"
#include "model/version.h"
#include "sdk/plugin.h"
