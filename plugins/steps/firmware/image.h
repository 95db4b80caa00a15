#pragma once
// A firmware image on this station's disk. Loop thread only: an image has up to hundreds of MB, and is read
// and hashed in slices, between which everybody else has a turn (leak watches above all).

#include <boost/asio/awaitable.hpp>
#include <string>

#include "sdk/step.h"

namespace kiln::firmware {

/// Bytes between two turns: at 400 MB/s, which is what a station without SHA instructions hashes, 3 ms.
inline constexpr std::size_t kImageSlice = 1U << 20U;

/// The image's bytes, of the size and hash that the baseline gives. Errors: firmware.no_image,
/// firmware.image_size, firmware.wrong_image (another hash than the baseline's: it may be anything), those of
/// a stopped Ctx.
boost::asio::awaitable<Result<std::string>> read_image(const Ctx& ctx, FirmwareTarget target);

/// The target of a component without a baseline: DIRECTORY/COMPONENT-VERSION.fw, a relative directory is
/// beside the rack file. No hash is known for it.
FirmwareTarget target_without_baseline(const Inventory& inventory, const std::string& component,
                                       const std::string& version, const std::string& directory,
                                       Nanoseconds active_within);

}  // namespace kiln::firmware
