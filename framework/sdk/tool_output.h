#pragma once
// The parsers of tool outputs, for plugins.

#include "tool_output/dcgm_diag.h"
#include "tool_output/fio.h"
#include "tool_output/gpu_burn.h"
#include "tool_output/kernel_log.h"
#include "tool_output/nccl_tests.h"
#include "tool_output/nvbandwidth.h"
#include "tool_output/nvidia_smi_csv.h"
#include "tool_output/nvidia_smi_nvlink.h"
#include "tool_output/nvidia_smi_query.h"
#include "tool_output/nvidia_xid.h"
#include "tool_output/nvloom.h"
#include "tool_output/nvue.h"
#include "tool_output/stress_ng.h"
#include "tool_output/stressapptest.h"
#include "tool_output/tolerant_text.h"
#include "tool_output/tool_output.h"
