#pragma once
// A write that restarts the BMC which reads the DUT's leak detectors: for minutes nobody knows whether it is
// dry. So it is off meanwhile, everybody who watches it knows of that, and it is on again only after every
// detector was read dry. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "sdk/step.h"
#include "writing.h"

namespace kiln::firmware {

/// Whether activating the target takes away the BMC that reads this DUT's leak detectors.
bool blinds_leak_watch(const StepContext& context, const FirmwareTarget& target);

/// Whether that write has it switched off first. What serves the others is not: there the warden says
/// whether they are all off.
bool is_switched_off_for(const StepContext& context, const FirmwareTarget& target, bool host_on);

/// Found before anything is switched. Errors: silence.too_long, firmware.serves_others.
Status may_go_away(const StepContext& context, const FirmwareTarget& target);

/// How much longer a write takes that does.
Nanoseconds unwatched_budget();

/// Off if it is on, `write`, dry again, and on if it was; `write` sees a DUT that was off. A write that fails
/// leaves it off. Errors: of `write`, StepContext::begin_silence (nothing was written then) and end_silence,
/// firmware.power_not_read_back.
boost::asio::awaitable<Status> write_unwatched(
    Writing& writing, Ctx& ctx, Bmc& bmc,
    std::function<boost::asio::awaitable<Status>(Writing&, Ctx&, Bmc&)> write);

/// Before an update is waited for that somebody else began on a DUT that is off: it may take the BMC away.
/// `false`: that is not borne, and the record says why.
boost::asio::awaitable<Result<bool>> bear_an_update_under_way(StepContext& context, const Ctx& ctx);

/// After it: returns when every detector is read dry again. Errors: of StepContext::end_silence.
boost::asio::awaitable<Status> watched_again(StepContext& context, const Ctx& ctx);

}  // namespace kiln::firmware
