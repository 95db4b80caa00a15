#pragma once
// One leak detector at a time out of everybody's judgement, for its functional test: the run's side of it.
// The warden decides and says what it sees. Internal to the engine, loop thread only.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "engine/recorder.h"
#include "io/ctx.h"
#include "safety/trip.h"

namespace kiln {

struct DutRun;
struct RunState;

/// See StepContext::mask_detector.
boost::asio::awaitable<Status> begin_mask(RunState& state, DutRun& dut, Where where, std::string part,
                                          const Ctx& ctx);
/// See StepContext::unmask_detector. Does nothing when none is masked on the DUT. Runs whatever was stopped.
boost::asio::awaitable<Status> end_mask(RunState& state, DutRun& dut, Where where);
std::optional<MaskReport> mask_of(const RunState& state, const DutRun& dut);
/// What the warden says of it.
void take_mask_report(RunState& state, const MaskReport& report);

}  // namespace kiln
