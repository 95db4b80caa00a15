#pragma once
// One component's way from its image to the version that runs: whether it may go there at all, the write,
// its activation (activation.h), and the reading that decides. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>

#include "running.h"
#include "sdk/step.h"

namespace kiln::firmware {

/// Why a component that is off its baseline is not written.
class Refusal {
 public:
  std::string code, reason, action;
};
/// By the baseline's policy: nothing to install, newer than the baseline, too old for one step. nullopt: go.
std::optional<Refusal> why_not_install(const FirmwareTarget& target, const Running& running);

/// Whether nothing is left to do: the version runs, and where both banks count, the other holds it, too.
bool is_at_target(const FirmwareTarget& target, const Running& running);

/// Writes, activates and reads until `target` runs or its time is over: what runs then, which may still be
/// another version, or the right one without evidence that the host has started on it (Running::restart). The
/// write stands under StepContext::flash: a person's stop does not interrupt it, and after one nothing is
/// activated. `before_write`, where it is not empty, is called when nothing stands in the way of the write
/// any more. Errors: its own, those of the image, permits, the exchange, firmware.not_activatable.
boost::asio::awaitable<Result<Running>> install(StepContext& context, FirmwareTarget target, Running before,
                                                std::function<boost::asio::awaitable<Status>()> before_write);

/// How long a write and what activates it may take in all.
Nanoseconds flash_budget(const StepContext& context, const FirmwareTarget& target);

/// Waits for updates that somebody began and that still run, as a write of our own.
boost::asio::awaitable<Status> let_updates_end(StepContext& context);

}  // namespace kiln::firmware
