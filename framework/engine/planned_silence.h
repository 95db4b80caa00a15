#pragma once
// The BMC of a DUT away by plan, because its own firmware is being written: the run's side of it. The warden
// decides whether it may be, and bears it; the leak watch of the DUT bears it too. Ends with the write at the
// latest. Internal to the engine, loop thread only.

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "engine/recorder.h"
#include "io/ctx.h"
#include "safety/trip.h"

namespace kiln {

struct DutRun;
struct RunState;

/// What the run knows of one.
struct PlannedSilence {
  int number = 0;
  Nanoseconds longest{0};
  std::int64_t since_ns = 0;
  /// As the warden says, or as decided here where there is none; nullopt: it has not answered yet.
  std::optional<SilenceReport> report;
};

/// See StepContext::begin_silence.
boost::asio::awaitable<Status> begin_silence(RunState& state, DutRun& dut, Where where, Nanoseconds longest,
                                             const Ctx& ctx);
/// See StepContext::end_silence. Does nothing when none is planned.
boost::asio::awaitable<Status> end_silence(RunState& state, DutRun& dut, Where where, const Ctx& ctx);
/// At the end of the write, whatever became of it.
void forget_silence(RunState& state, const DutRun& dut);
/// So long the DUT's detectors may go unread now; nullopt: no longer than ever.
std::optional<Nanoseconds> silence_of(const RunState& state, const DutRun& dut);
/// What the warden says of it.
void take_silence_report(RunState& state, const SilenceReport& report);

}  // namespace kiln
