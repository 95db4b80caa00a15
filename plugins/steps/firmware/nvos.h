#pragma once
// Firmware by way of NVOS, the operating system of an NVLink switch tray, over SSH with `nv` (NVUE). NVOS
// keeps two images and boots the one it installed last; the other is the way back. Source of the commands:
// NVIDIA NVOS user manual 25.02, "Installation Management Commands". Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "sdk/step.h"

namespace kiln::firmware {

/// The command whose answer is the version: `nv show system image -o json`.
std::string nvos_version_command(const FirmwareTarget& target);
/// What runs. Errors: those of Shell and of the parser; nvos.failed with what `nv` said.
boost::asio::awaitable<Result<std::string>> nvos_version(const Ctx& ctx, Shell& shell,
                                                         const FirmwareTarget& target);

/// Brings the image onto the switch (copied, or fetched by the switch from `target.uri`), compares its
/// SHA-256 there, and installs it. Errors: firmware.wrong_image, nvos.failed, those of Shell. false: the
/// connection ended during the installation, because the switch may restart by itself.
boost::asio::awaitable<Result<bool>> nvos_install(const Ctx& ctx, Shell& shell, const FirmwareTarget& target,
                                                  std::string image);

/// Whether the target runs, or will run after the next reboot; of a component: whether it runs.
boost::asio::awaitable<Result<bool>> nvos_is_installed(const Ctx& ctx, Shell& shell,
                                                       const FirmwareTarget& target);

/// Restarts the switch's operating system; the connection is gone afterwards.
boost::asio::awaitable<Status> nvos_reboot(const Ctx& ctx, Shell& shell);

}  // namespace kiln::firmware
