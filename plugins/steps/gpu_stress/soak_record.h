#pragma once
// Turns what a soak has seen into measurements, one row per expected GPU. A source that said nothing gives an
// unset value with its reason.

#include <map>
#include <optional>
#include <string>

#include "in_band.h"
#include "telemetry.h"

namespace kiln::gpu_stress {

struct SoakEvidence {
  Telemetry telemetry;
  tool_output::NvidiaSmiQuery before;
  std::optional<tool_output::NvidiaSmiQuery> after;
  std::string after_failure;                                ///< why `after` is missing
  std::map<std::string, GpuReading> bmc_before, bmc_after;  ///< by part; empty when the BMC did not answer
  XidFindings xids;
  std::map<std::string, std::int64_t> told_xids;  ///< part → as many as are on record already
  std::optional<tool_output::GpuBurn> burn;
  std::string burn_failure;  ///< why `burn` is missing or proves nothing
  std::string ended_early;   ///< why the load was ended before its time; empty when it was not
};

/// A number no table has proves nothing, neither way: no value, and the finding on record.
boost::asio::awaitable<Status> record_unknown_xids(StepContext& context, std::string part,
                                                   XidFindings::PerGpu found);
/// `found` is at fault: on record with its diagnosis.
boost::asio::awaitable<Status> record_xid(StepContext& context, std::string part, XidFindings::PerGpu found);
/// What the kernel log said since the mark, of GPUs and of the host's switches.
boost::asio::awaitable<Status> record_kernel(StepContext& context, const SoakEvidence& evidence);
/// OK or FAULTY of gpu_burn for one GPU, or why it proves nothing.
Reading burn_reading(const SoakEvidence& evidence, const GpuMatch& before, const std::string& part);
boost::asio::awaitable<Status> record_soak(StepContext& context, const SoakEvidence& evidence);

/// Present, as the driver sees it: listed and answering.
boost::asio::awaitable<Status> record_missing(StepContext& context, const tool_output::NvidiaSmiQuery& query);

}  // namespace kiln::gpu_stress
