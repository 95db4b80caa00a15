// InterlockWatch: the one detector that may be masked for its functional test, and what must be so meanwhile.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "model/interlock_reach.h"
#include "safety/interlock_watch.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kPowerAnswers = std::chrono::seconds(2);
/// A watch that has just been unmasked says that it is ready at its next poll, one that has just begun after
/// its first. Below what the station waits for an answer (15 s).
constexpr Nanoseconds kReadyWithin = std::chrono::seconds(10);
constexpr Nanoseconds kLookAgain = std::chrono::milliseconds(50);

Error refusal(std::string why) { return {"mask.refused", std::move(why), "", Blame::operator_}; }

}  // namespace

/// A CDU's detector concerns everything that it serves.
bool InterlockWatch::mask_concerns(const std::string& dut) const {
  const std::string& masked = mask_.report().dut;
  const auto facts = duts_.find(masked);
  return mask_.is_on() && (masked == dut || facts == duts_.end() || !can_be_cut(facts->second.role, true));
}

Status InterlockWatch::may_mask(const std::string& id, const std::string& part) const {
  const auto dut = duts_.find(id);
  if (dut == duts_.end()) return refusal(fmt::format("{}: no DUT of this run", id));
  const std::vector<std::string>& expected = dut->second.leak_detectors;
  if (std::find(expected.begin(), expected.end(), part) == expected.end())
    return refusal(
        fmt::format("{}: no leak detector '{}' is expected{}", id, part, did_you_mean(part, expected)));
  if (mask_.is_on()) {
    return refusal(fmt::format("{}: leak detector {} of {} is masked, and one at a time is enough", id,
                               mask_.report().part, mask_.report().dut));
  }
  if (cut_.contains(id)) return refusal(fmt::format("{}: it was cut in this run", id));
  for (const auto& [silent, silence] : silences_) {
    if (silence_concerns(silent, id))
      return refusal(fmt::format("{}: the BMC of {} is away by plan, so not all are armed", id, silent));
  }
  for (const auto& [other, facts] : duts_) {
    const bool concerned = other == id || !can_be_cut(dut->second.role, true);
    if (!concerned || open_guards_(other).empty()) continue;
    return refusal(
        fmt::format("{}: {} has been energised by this run, and no detector is masked then", id, other));
  }
  const auto said = said_ready_.find(id);
  if (said == said_ready_.end()) return refusal(fmt::format("{}: its detectors have not been read yet", id));
  if (!said->second.first) return refusal(said->second.second);
  return success();
}

/// The DUT itself; of a CDU: everything that can be switched.
awaitable<Status> InterlockWatch::all_off(std::string id, Ctx& task) {
  const bool serves = !can_be_cut(duts_.at(id).role, true);
  for (const auto& [other, dut] : duts_) {
    const bool concerned = serves ? can_be_cut(dut.role, dut.power != nullptr) : other == id;
    if (!concerned) continue;
    if (dut.power == nullptr) co_return refusal(fmt::format("{}: {}", other, dut.no_power));
    Ctx limited = task.child_within("power of " + other, kPowerAnswers);
    const Result<bool> off = co_await dut.power->is_off(limited);
    if (!off)
      co_return refusal(fmt::format("{}: whether it is off is not known ({})", other, off.error().message));
    if (!*off) co_return refusal(fmt::format("{}: it is on, and no detector is masked then", other));
  }
  co_return success();
}

void InterlockWatch::mask(const std::string& dut, const std::string& part) {
  const int asked = ++masks_asked_;
  polls_.start("mask " + dut,
               [this, dut, part, asked](Ctx& task) { return mask_when_off(dut, part, asked, task); });
}

awaitable<void> InterlockWatch::mask_when_off(std::string id, std::string part, int asked, Ctx& task) {
  const std::int64_t patience_ends_ns = task.now().monotonic_ns + kReadyWithin.count();
  Status allowed = may_mask(id, part);
  const auto may_become_ready = [this, &id] {
    const auto said = said_ready_.find(id);
    return duts_.contains(id) && !mask_.is_on() && (said == said_ready_.end() || !said->second.first);
  };
  while (!allowed && may_become_ready() && task.now().monotonic_ns < patience_ends_ns) {
    const Status waited = co_await task.sleep_for(kLookAgain);
    if (!waited) co_return;
    allowed = may_mask(id, part);
  }
  if (allowed) allowed = co_await all_off(id, task);
  if (allowed) allowed = may_mask(id, part);  // much may have come while the power was read
  if (allowed && asked != masks_asked_) allowed = refusal(fmt::format("{}: it is not wanted any more", id));
  if (!allowed) {
    MaskReport refused;
    refused.dut = id;
    refused.part = part;
    refused.state = MaskReport::State::refused;
    refused.why = allowed.error().message;
    if (ears_.masked) ears_.masked(refused);
    co_return;
  }
  mask_.begin(id, part, task.now().monotonic_ns);
  say_masked();
  const auto waiting = poll_now_.find(id);
  if (waiting != poll_now_.end()) waiting->second.complete(true);
}

void InterlockWatch::unmask(const std::string& why) {
  ++masks_asked_;
  if (!mask_.is_on()) return;
  mask_.end(why, owner_.now().monotonic_ns);
  say_masked();
}

void InterlockWatch::guard_opens(const JournaledUndo& undo) {
  if (mask_concerns(undo.dut)) unmask(fmt::format("{}: it is about to be energised", undo.dut));
  if (undo.kind == UndoKind::force_off || undo.kind == UndoKind::shell_command) end_silences_for(undo.dut);
}

/// Beside each poll of the masked detector's DUT: nobody may switch it on by another way unseen.
awaitable<void> InterlockWatch::look_after_mask(std::string id, Ctx& task) {
  const WatchedDut& dut = duts_.at(id);
  if (can_be_cut(dut.role, dut.power != nullptr)) {
    Ctx limited = task.child_within("power of " + id, kPowerAnswers);
    const Result<bool> off = co_await dut.power->is_off(limited);
    if (off && !*off) unmask(fmt::format("{}: it was switched on", id));
  }
}

void InterlockWatch::end_mask_in_time(const std::string& id, std::int64_t now_ns) {
  if (mask_.is_on(id) && mask_.is_over(now_ns))
    unmask(fmt::format("{}: {} are over", id, format_duration(kMaskLasts)));
}

void InterlockWatch::say_masked() {
  if (ears_.masked) ears_.masked(mask_.report());
}

}  // namespace kiln
