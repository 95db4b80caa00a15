#pragma once
// What makes a written component run: restarts of its host or BMC, a cycle of all power, the reboot of a
// switch, and the waiting until what was restarted is there again. Loop thread only.

#include <boost/asio/awaitable.hpp>

#include "running.h"
#include "sdk/step.h"
#include "writing.h"

namespace kiln::firmware {

/// A compute tray of this class boots in five to ten minutes.
inline constexpr Nanoseconds kHostAnswersWithin = std::chrono::minutes(15);
/// From a power action to the state it was for.
inline constexpr Nanoseconds kPowerFollowsWithin = std::chrono::seconds(60);

/// Whether activating switches or may switch the power of the DUT: it needs a permit then.
bool takes_power(const FirmwareTarget& target, bool host_on);

/// Whether what the target names as its activation can be had at all: asked before anything is written,
/// because a component that is written and cannot be activated is worse off than before. Nothing is switched.
/// Errors: firmware.not_activatable, those of the exchange. `target` outlives the call.
boost::asio::awaitable<Status> can_be_activated(StepContext& context, Bmc& bmc, const FirmwareTarget& target,
                                                bool host_on);

/// How long activating and reading back may take in all.
Nanoseconds activation_budget(const FirmwareTarget& target);

/// Does what the target names as its activation. Accepted, and where the BMC itself restarts, seen to go:
/// what runs then is read by wait_for_version(). Whether a host that was to restart has done so is in
/// `writing.restart`. Errors: those of the exchange, firmware.power_not_read_back,
/// firmware.power_unknown.
boost::asio::awaitable<Status> activate(Writing& writing, Ctx& ctx, Bmc& bmc);

/// What restarts by itself once it is written loses its task or its connection: then it is waited for, and
/// not restarted once more when it runs what it should. A host's firmware is never known to run before its
/// restart: an inventory may show what was only written.
boost::asio::awaitable<bool> restarted_by_itself(Writing& writing, const Ctx& ctx, Bmc& bmc);

/// What the target runs now.
boost::asio::awaitable<Result<Running>> read_now(Writing& writing, const Ctx& ctx, Bmc& bmc);

/// Reads until the target runs, or the time is over: the last that was read is in `writing.after`. What runs
/// while the BMC or the switch is away cannot be read; then it is tried again.
boost::asio::awaitable<Status> wait_for_version(Writing& writing, const Ctx& ctx, Bmc& bmc,
                                                Nanoseconds budget);

/// Errors: firmware.power_not_read_back.
boost::asio::awaitable<Status> wait_for_power(const Ctx& ctx, Bmc& bmc, PowerState wanted);

/// Until the BMC answers again: the power state it tells then. Errors: firmware.power_unknown.
boost::asio::awaitable<Result<PowerState>> wait_until_back(const Ctx& ctx, Bmc& bmc, Nanoseconds budget);

/// The host answers again after a restart; at once when there is none, or when it is off. Errors:
/// firmware.host_silent.
boost::asio::awaitable<Status> wait_for_host(StepContext& context, Nanoseconds budget = kHostAnswersWithin);

}  // namespace kiln::firmware
