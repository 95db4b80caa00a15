#pragma once
// A firmware image on this station's disk. Blocks on the disk; loop thread.

#include <string>

#include "sdk/step.h"

namespace kiln::firmware {

/// The image's bytes, of the size and hash that the baseline gives. Errors: firmware.no_image,
/// firmware.image_size, firmware.wrong_image (another hash than the baseline's: it may be anything).
Result<std::string> read_image(const FirmwareTarget& target);

/// The target of a component without a baseline: DIRECTORY/COMPONENT-VERSION.fw, a relative directory is
/// beside the rack file. No hash is known for it.
FirmwareTarget target_without_baseline(const Inventory& inventory, const std::string& component,
                                       const std::string& version, const std::string& directory,
                                       Nanoseconds active_within);

}  // namespace kiln::firmware
