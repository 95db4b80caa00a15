#pragma once
// One component brought to its target, and the record of it: what was found, what was done, what runs now.
// Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "sdk/step.h"

namespace kiln::firmware {

/// What a step that installs needs of a BMC.
std::vector<BmcNeed> installing_needs();
/// What it measures.
std::vector<MeasurementDeclaration> installed_measurements();

/// Reads what runs; installs where that is off the target and may be; records both. false: it is not at its
/// target now, which is recorded as measured.
boost::asio::awaitable<Result<bool>> bring_to(StepContext& context, FirmwareTarget target);

}  // namespace kiln::firmware
