#pragma once
// Tools that load the hardware of a host; for steps. See engine/host_tool.h.

#include "engine/host_tool.h"
