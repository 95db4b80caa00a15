#include "engine/planned_silence.h"

#include <fmt/format.h>

#include <utility>

#include "engine/dut_run.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kLookEvery = std::chrono::milliseconds(20);
/// The warden waits for its next poll, and for a CDU reads the power of all that it serves one by one.
constexpr Nanoseconds kSilenceAnswered = std::chrono::seconds(60);

Status may_ask(const RunState& state, const DutRun& dut, Nanoseconds longest) {
  if (!dut.flash) {
    return Error("silence.no_write",
                 fmt::format("{}: its BMC may be away only while its firmware is being written", dut.dut.id),
                 "report this to the plugin's author", Blame::station);
  }
  if (longest > kLongestSilence) {
    return Error("silence.too_long",
                 fmt::format("{}: nobody would read its leak detectors for {}, and {} is the most that is "
                             "borne",
                             dut.dut.id, format_duration(longest), format_duration(kLongestSilence)),
                 "give the component a shorter active_within in the baseline", Blame::recipe);
  }
  if (state.silences.contains(dut.dut.id)) {
    return Error("silence.twice", fmt::format("{}: its BMC is away by plan already", dut.dut.id),
                 "report this to the plugin's author", Blame::station);
  }
  return success();
}

/// Not a note: whoever reads the report must see that nobody read the detectors for a while.
awaitable<Status> record_silence(RunState& state, Where where, std::string text) {
  Disturbance silence;
  silence.code = "leak_watch.planned_silence";
  silence.message = std::move(text);
  EventBody body = std::move(silence);
  const Status recorded = co_await state.recorder.record_durable(std::move(where), std::move(body));
  co_return recorded;
}

/// By the run's own reading: the warden reads it too, and decides.
awaitable<Status> is_off(RunState& state, DutRun& dut, const Ctx& ctx) {
  if (PermitOffice::serves_all(dut.dut)) co_return success();
  const Result<Bmc*> bmc = kiln::bmc_of(state, dut, "");
  if (!bmc) co_return bmc.error();
  const Result<PowerState> power = co_await (*bmc)->power_state(ctx);
  if (!power) co_return power.error();
  if (*power == PowerState::off) co_return success();
  co_return Error("silence.on",
                  fmt::format("{}: its power reads {}, and nothing that is on goes unwatched", dut.dut.id,
                              to_string(*power)),
                  "switch it off first", Blame::operator_);
}

awaitable<Status> wait_for_word(RunState& state, const DutRun& dut, const Ctx& ctx) {
  const Ctx waiting = ctx.child_within("planned silence", kSilenceAnswered);
  while (true) {
    const auto found = state.silences.find(dut.dut.id);
    if (found == state.silences.end()) {
      co_return Error("silence.refused", fmt::format("{}: its write is over", dut.dut.id));
    }
    if (found->second.report && found->second.report->state == SilenceReport::State::on) co_return success();
    if (found->second.report) {
      co_return Error("silence.refused",
                      fmt::format("the warden does not let the BMC be away: {}", found->second.report->why),
                      "switch it off, and see that every detector reads dry", Blame::operator_);
    }
    const Status waited = co_await waiting.sleep_for(kLookEvery);
    if (waited) continue;
    if (ctx.stopped()) co_return waited;
    co_return Error("silence.no_answer",
                    fmt::format("the warden does not say whether the BMC of {} may be away", dut.dut.id),
                    "see what the record says of the warden", Blame::station);
  }
}

}  // namespace

awaitable<Status> begin_silence(RunState& state, DutRun& dut, Where where, Nanoseconds longest,
                                const Ctx& ctx) {
  const Status may = may_ask(state, dut, longest);
  if (!may) co_return may;
  const Status off = co_await is_off(state, dut, ctx);
  if (!off) co_return off;
  if (!state.permits.is_watched(dut.dut.id)) {
    co_return Error(
        "silence.not_dry", fmt::format("{}: its leak detectors have not all been read dry", dut.dut.id),
        "see the leak watch's own result for the detector that is missing or not dry", Blame::peer);
  }
  PlannedSilence planned;
  planned.number = state.next_silence++;
  planned.longest = longest;
  planned.since_ns = ctx.now().monotonic_ns;
  if (!state.on_silence) {  // no warden, on a simulated rack
    planned.report.emplace();
    planned.report->dut = dut.dut.id;
  }
  const int number = planned.number;
  state.silences[dut.dut.id] = std::move(planned);
  state.permits.set_silent(dut.dut.id, true);
  std::string text = fmt::format(
      "{} is off and dry; its BMC, which reads its leak detectors, may be away for {} while {} is written",
      dut.dut.id, format_duration(longest), dut.flash->component);
  Status borne = co_await record_silence(state, std::move(where), std::move(text));
  if (borne && state.on_silence) state.on_silence(dut.dut.id, number, longest);
  if (borne) borne = co_await wait_for_word(state, dut, ctx);
  if (!borne) forget_silence(state, dut);
  co_return borne;
}

awaitable<Status> end_silence(RunState& state, DutRun& dut, Where where, const Ctx& ctx) {
  const auto planned = state.silences.find(dut.dut.id);
  if (planned == state.silences.end()) co_return success();
  const std::int64_t since_ns = planned->second.since_ns;
  Status watched = success();
  while (watched && !state.permits.is_watched(dut.dut.id)) watched = co_await ctx.sleep_for(kLookEvery);
  if (!watched && watched.error().code == "ctx.deadline") {
    watched =
        Error("silence.not_read_again",
              fmt::format("{}: its leak detectors have not been read dry since its BMC was away", dut.dut.id),
              "see what its BMC says of them", Blame::peer);
  }
  if (!watched) co_return watched;
  forget_silence(state, dut);
  std::string text =
      fmt::format("every leak detector of {} is read, and dry; until now, for {}, its BMC could be away",
                  dut.dut.id, format_duration(Nanoseconds(ctx.now().monotonic_ns - since_ns)));
  const Status recorded = co_await record_silence(state, std::move(where), std::move(text));
  co_return recorded;
}

void forget_silence(RunState& state, const DutRun& dut) {
  const auto planned = state.silences.find(dut.dut.id);
  if (planned == state.silences.end()) return;
  const int number = planned->second.number;
  state.silences.erase(planned);
  state.permits.set_silent(dut.dut.id, false);
  if (state.on_silence) state.on_silence(dut.dut.id, number, Nanoseconds::zero());
}

std::optional<Nanoseconds> silence_of(const RunState& state, const DutRun& dut) {
  const auto planned = state.silences.find(dut.dut.id);
  if (planned == state.silences.end() || !planned->second.report ||
      planned->second.report->state != SilenceReport::State::on)
    return std::nullopt;
  return planned->second.longest;
}

void take_silence_report(RunState& state, const SilenceReport& report) {
  const auto planned = state.silences.find(report.dut);
  // A late word about the silence before this one, as that it has ended, decides nothing about this one.
  if (planned == state.silences.end() || planned->second.number != report.number) return;
  planned->second.report = report;
}

}  // namespace kiln
