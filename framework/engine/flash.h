#pragma once
// Firmware writes under way. What stops a run does not stop a write: a person's stop, a failed gate and a
// broken ledger wait for it, until the deadline of its step. A cut does not wait; then the record says
// "firmware.interrupted" and the verdict takes the component for unknown until it was read again. Internal to
// the engine, owned by the DutRun, loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <utility>

#include "engine/recorder.h"
#include "engine/rendezvous.h"
#include "safety/firmware_write.h"

namespace kiln {

struct DutRun;
struct RunState;

struct Flash {
  Flash(std::string what, Where place) : component(std::move(what)), where(std::move(place)) {}
  const std::string component;
  const Where where;
  const Ctx* ctx = nullptr;  ///< while the write runs
  StopReason ended_by = StopReason::none;
  Latch over;
};

/// Gets the DUT's own BMC connection, which may also restart the DUT to activate what was written.
using FlashWork = std::function<boost::asio::awaitable<Status>(Ctx&, Bmc&)>;

/// Runs `write`; only a cut and the deadline of `ctx` end it early. While it runs, nothing that takes power
/// from the component is permitted (PermitOffice::flash_in_scope).
boost::asio::awaitable<Status> run_flash(RunState& state, DutRun& dut, Where where, FirmwareWrite component,
                                         const Ctx& ctx, FlashWork write);

/// A cut reached the DUT: whoever writes stops at once.
void interrupt_flash(const DutRun& dut, const std::string& why);

/// Until no write is open that switching `dut` off would interrupt: its own, or of a shelf, a CDU and the
/// rack anybody's. Ends at the latest with the deadlines of those writes. Runs whatever was stopped.
boost::asio::awaitable<void> wait_for_flashes(RunState& state, DutRun& dut);

}  // namespace kiln
