#include "engine/detector_masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/nearest.h"
#include "engine/dut_run.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kLookAgain = std::chrono::milliseconds(20);
/// The warden waits for its next poll and reads the power of what is concerned, before it answers.
constexpr Nanoseconds kWardenAnswers = std::chrono::seconds(15);

Status known_detector(const DutRun& dut, const std::string& part) {
  std::vector<std::string> expected;
  for (const Component* one : dut.dut.expect.of_kind(ComponentKind::leak_detector))
    expected.push_back(one->name);
  if (std::find(expected.begin(), expected.end(), part) != expected.end()) return success();
  return Error("mask.unknown_detector",
               fmt::format("{} has no leak detector '{}'{}", dut.dut.id, part, did_you_mean(part, expected)),
               "name it as the rack file does", Blame::recipe);
}

Status nothing_energised(const RunState& state, const DutRun& dut) {
  for (const auto& [id, other] : state.duts) {
    if (other.get() != &dut && !PermitOffice::serves_all(dut.dut)) continue;
    const bool open = std::any_of(other->guards.begin(), other->guards.end(),
                                  [](const Guard& guard) { return guard.state != GuardState::closed; });
    if (!open) continue;
    return Error("mask.energised",
                 fmt::format("{} has been energised by this run: no leak detector of {} is masked then", id,
                             dut.dut.id),
                 "test the detectors in a phase before power", Blame::recipe);
  }
  return success();
}

awaitable<Status> record_mask(RunState& state, Where where, std::string part, bool masked,
                              std::string message) {
  DetectorMasked event;
  event.part = std::move(part);
  event.masked = masked;
  event.message = std::move(message);
  EventBody body = std::move(event);
  const Status recorded = co_await state.recorder.record_durable(std::move(where), std::move(body));
  co_return recorded;
}

std::string after(std::int64_t at_ns, std::int64_t since_ns) {
  return format_duration(Nanoseconds(std::max<std::int64_t>(at_ns - since_ns, 0)));
}

std::string sentence_of(const MaskReport& mask) {
  std::string text = fmt::format("leak detector {} is judged again ({})", mask.part, mask.why);
  if (mask.wet_ns == 0) return text + ": the warden did not see it leak";
  text += fmt::format(": the warden saw it leak {} after it was masked", after(mask.wet_ns, mask.since_ns));
  if (mask.dry_ns == 0) return text + ", and has not seen it dry since";
  return text + fmt::format(", and dry {} after that", after(mask.dry_ns, mask.wet_ns));
}

awaitable<Status> wait_for_answer(RunState& state, const DutRun& dut, Ctx& ctx) {
  while (state.mask && !state.mask_answered) {
    const Status waited = co_await ctx.sleep_for(kLookAgain);
    if (!waited) break;
  }
  if (state.mask && state.mask_answered) co_return success();
  co_return Error("mask.no_answer",
                  fmt::format("the warden does not say whether a detector of {} is masked", dut.dut.id),
                  "see what the record says of the warden", Blame::station);
}

awaitable<Status> wait_for_end(RunState& state, Ctx& ctx) {
  while (state.mask && state.mask->state == MaskReport::State::on) {
    const Status waited = co_await ctx.sleep_for(kLookAgain);
    if (!waited) co_return waited;
  }
  co_return success();
}

}  // namespace

awaitable<Status> begin_mask(RunState& state, DutRun& dut, Where where, std::string part, const Ctx& ctx) {
  const Status known = known_detector(dut, part);
  if (!known) co_return known;
  if (!state.on_mask) {
    co_return Error(
        "mask.no_warden",
        fmt::format("leak detector {} of {} is not masked: this run has no warden", part, dut.dut.id),
        "start the run with 'kiln run'", Blame::station);
  }
  while (state.mask) {
    const Status waited = co_await ctx.sleep_for(kLookAgain);
    if (!waited) co_return waited;
  }
  const Status allowed = nothing_energised(state, dut);
  if (!allowed) co_return allowed;
  MaskReport asked;
  asked.dut = dut.dut.id;
  asked.part = part;
  asked.state = MaskReport::State::refused;  // until the warden has answered
  state.mask = std::move(asked);
  state.mask_answered = false;
  state.permits.set_masked(dut.dut.id, part);
  std::string message =
      fmt::format("leak detector {} is masked for its functional test; all others are judged", part);
  Where place = where;
  const Status recorded = co_await record_mask(state, std::move(place), part, true, std::move(message));
  if (recorded) state.on_mask(dut.dut.id, part);
  Status answered = recorded;
  if (recorded) {
    Ctx limited = ctx.child_within("mask", kWardenAnswers);
    answered = co_await wait_for_answer(state, dut, limited);
  }
  if (answered && state.mask->state == MaskReport::State::on) co_return success();
  Error why =
      answered
          ? Error("mask.refused", fmt::format("the warden does not mask it: {}", state.mask->why),
                  "switch it off, and see that every detector reads dry, before the test", Blame::operator_)
          : answered.error();
  const Status ended = co_await end_mask(state, dut, std::move(where));
  (void)ended;  // the first error is the one to tell
  co_return why;
}

awaitable<Status> end_mask(RunState& state, DutRun& dut, Where where) {
  if (!state.mask || state.mask->dut != dut.dut.id) co_return success();
  state.on_mask("", "");
  const Status over = co_await shielded(dut.ctx, "unmask", kWardenAnswers,
                                        [&state](Ctx& ctx) { return wait_for_end(state, ctx); });
  const MaskReport mask = *state.mask;
  std::string message = sentence_of(mask);
  if (mask.state == MaskReport::State::refused)
    message = fmt::format("leak detector {} was not masked: {}", mask.part,
                          mask.why.empty() ? "no answer" : mask.why);
  state.mask.reset();
  state.permits.set_masked("", "");
  const Status recorded = co_await record_mask(state, std::move(where), mask.part, false, std::move(message));
  co_return over ? recorded : over;
}

std::optional<MaskReport> mask_of(const RunState& state, const DutRun& dut) {
  if (!state.mask || !state.mask_answered || state.mask->dut != dut.dut.id) return std::nullopt;
  return state.mask;
}

void take_mask_report(RunState& state, const MaskReport& report) {
  if (!state.mask || state.mask->dut != report.dut || state.mask->part != report.part) return;
  state.mask = report;
  state.mask_answered = true;
}

}  // namespace kiln
