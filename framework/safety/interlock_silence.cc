// InterlockWatch: a BMC that is away by plan, because its own firmware is being written, and what must be so
// meanwhile; and the shelves, which stay on while others' firmware is being written, as long as no hazard was
// read.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/interlock_reach.h"
#include "safety/interlock_watch.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kPowerAnswersIn = std::chrono::seconds(2);
/// Its detectors may just have been read for the first time. Below what the station waits for an answer (20
/// s).
constexpr Nanoseconds kDryWithin = std::chrono::seconds(10);
constexpr Nanoseconds kTryAgain = std::chrono::milliseconds(50);
constexpr Nanoseconds kAskForOffEvery = std::chrono::seconds(10);

Error not_silent(std::string why) { return {"silence.refused", std::move(why), "", Blame::operator_}; }

/// Until when a firmware write may be under way, by its guard.
std::int64_t write_ends_ns(const std::vector<NumberedUndo>& guards) {
  std::int64_t latest = 0;
  for (const NumberedUndo& guard : guards) {
    if (guard.undo.kind == UndoKind::firmware_write)
      latest = std::max(latest, guard.opened_ns + guard.undo.budget.count());
  }
  return latest;
}

}  // namespace

bool InterlockWatch::is_written(const std::string& dut) const {
  return write_ends_ns(open_guards_(dut)) > owner_.now().monotonic_ns;
}

/// Of a tray: its own, and that of a CDU, which serves it. Of a CDU: anything's.
bool InterlockWatch::silence_concerns(const std::string& silent, const std::string& dut) const {
  const auto served_by = [this](const std::string& id) {
    const auto facts = duts_.find(id);
    return facts == duts_.end() || !can_be_cut(facts->second.role, true);
  };
  return silent == dut || served_by(silent) || served_by(dut);
}

Status InterlockWatch::may_be_silent(const std::string& id) const {
  const auto dut = duts_.find(id);
  if (dut == duts_.end()) return not_silent(fmt::format("{}: no DUT of this run", id));
  if (dut->second.leak_detectors.empty() || dut->second.leaks == nullptr)
    return not_silent(fmt::format("{}: the warden reads no leak detector there", id));
  if (!is_written(id)) return not_silent(fmt::format("{}: no firmware of it is being written", id));
  if (cut_.contains(id)) return not_silent(fmt::format("{}: it was cut in this run", id));
  if (mask_.is_on() && silence_concerns(id, mask_.report().dut)) {
    return not_silent(fmt::format("{}: leak detector {} of {} is masked for its functional test", id,
                                  mask_.report().part, mask_.report().dut));
  }
  for (const auto& [other, facts] : duts_) {
    const bool served = !can_be_cut(dut->second.role, true) && facts.role != Role::rack &&
                        can_be_cut(facts.role, true);  // the rack is what its DUTs are
    if (served && facts.power == nullptr)
      return not_silent(fmt::format("{}: whether {} is off is not known ({})", id, other, facts.no_power));
  }
  for (const auto& [other, silence] : silences_) {
    if (other == id || silence_concerns(other, id))
      return not_silent(fmt::format("{}: the BMC of {} is away by plan already", id, other));
  }
  const auto said = said_ready_.find(id);
  if (said == said_ready_.end())
    return not_silent(fmt::format("{}: its detectors have not been read yet", id));
  if (!said->second.first) return not_silent(said->second.second);
  return success();
}

void InterlockWatch::begin_silence(const std::string& dut, int number, Nanoseconds longest) {
  const int asked = ++silences_asked_[dut];
  polls_.start("silence " + dut, [this, dut, number, longest, asked](Ctx& task) {
    return silence_when_off(dut, number, longest, asked, task);
  });
}

awaitable<void> InterlockWatch::silence_when_off(std::string id, int number, Nanoseconds longest, int asked,
                                                 Ctx& task) {
  const std::int64_t patience_ends_ns = task.now().monotonic_ns + kDryWithin.count();
  const auto may_become_dry = [this, &id] {
    const auto said = said_ready_.find(id);
    return duts_.contains(id) && (said == said_ready_.end() || !said->second.first);
  };
  Status allowed = may_be_silent(id);
  while (!allowed && may_become_dry() && task.now().monotonic_ns < patience_ends_ns) {
    const Status waited = co_await task.sleep_for(kTryAgain);
    if (!waited) co_return;
    allowed = may_be_silent(id);
  }
  if (allowed) allowed = co_await all_off(id, task);
  if (allowed) allowed = may_be_silent(id);  // much may have come while the power was read
  if (allowed && asked != silences_asked_[id])
    allowed = not_silent(fmt::format("{}: it is not wanted any more", id));
  SilenceReport report;
  report.dut = id;
  report.number = number;
  report.state = allowed ? SilenceReport::State::on : SilenceReport::State::refused;
  if (!allowed) report.why = allowed.error().message;
  report.since_ns = task.now().monotonic_ns;
  if (allowed)
    silences_[id] = {number, std::clamp(longest, rules_.leak_grace, kLongestSilence), report.since_ns, ""};
  if (ears_.silenced) ears_.silenced(report);
}

void InterlockWatch::end_silence(const std::string& dut, const std::string& why) {
  ++silences_asked_[dut];
  const auto found = silences_.find(dut);
  if (found == silences_.end()) return;
  SilenceReport report;
  report.dut = dut;
  report.number = found->second.number;
  report.state = SilenceReport::State::ended;
  report.why = why;
  report.since_ns = found->second.since_ns;
  silences_.erase(found);
  if (ears_.silenced) ears_.silenced(report);
}

void InterlockWatch::end_silences_for(const std::string& dut) {
  // What is being decided was read Off before this.
  for (auto& [silent, asked] : silences_asked_) {
    if (silence_concerns(silent, dut)) ++asked;
  }
  std::vector<std::string> concerned;
  for (const auto& [silent, silence] : silences_) {
    if (silence_concerns(silent, dut)) concerned.push_back(silent);
  }
  for (const std::string& silent : concerned)
    end_silence(silent, fmt::format("{}: {} is about to be energised", silent, dut));
}

/// Of a CDU one after the other of what it serves; else its own.
std::string InterlockWatch::whose_power_to_read(const std::string& id) {
  if (can_be_cut(duts_.at(id).role, true)) return id;
  std::string& last = silences_.at(id).looked_at;
  const auto is_switched = [](const auto& dut) {
    return can_be_cut(dut.second.role, dut.second.power != nullptr);
  };
  auto next = std::find_if(duts_.upper_bound(last), duts_.end(), is_switched);
  if (next == duts_.end()) next = std::find_if(duts_.begin(), duts_.end(), is_switched);
  last = next == duts_.end() ? std::string() : next->first;
  return last;
}

/// Beside each poll of a DUT whose BMC may be away. What came on by itself, as by its restore policy, is
/// energised and not watched: it has the grace of everything else from then on.
awaitable<void> InterlockWatch::look_after_silence(std::string id, Cause& cause, Ctx& task) {
  const auto found = silences_.find(id);
  if (found == silences_.end()) {
    cause.set_patience(rules_.leak_grace);
    co_return;
  }
  cause.set_patience(found->second.longest);
  if (!is_written(id)) {
    cause.set_patience(rules_.leak_grace);
    end_silence(id, fmt::format("{}: its firmware is not being written any more", id));
    co_return;
  }
  const std::string whose = whose_power_to_read(id);
  if (whose.empty()) co_return;
  Ctx limited = task.child_within("power of " + whose, kPowerAnswersIn);
  const Result<bool> off = co_await duts_.at(whose).power->is_off(limited);
  if (!off || *off) co_return;
  cause.set_patience(rules_.leak_grace);
  cause.begin_patience(task.now().monotonic_ns);
  end_silence(id, fmt::format("{}: {} was switched on", id, whose));
}

/// A DUT whose firmware is being written, apart from `id`; empty: none.
std::string InterlockWatch::written_elsewhere(const std::string& id) const {
  for (const auto& [other, dut] : duts_) {
    if (other != id && !cut_.contains(other) && is_written(other)) return other;
  }
  return {};
}

bool InterlockWatch::waits_for_writes(const std::string& id, std::int64_t until_ns) const {
  const bool hazard = rack_hazard_ || hazard_read_.contains(id);
  return !hazard && owner_.now().monotonic_ns < until_ns && !written_elsewhere(id).empty();
}

/// False: nobody need go on to the shelves, because it reads Off now, or they are being switched off. Goes on
/// to ask for Off meanwhile. A write that begins later makes it no longer; a hazard that is read ends it.
awaitable<bool> InterlockWatch::writes_elsewhere_end(std::string id, Ctx& task) {
  std::int64_t until_ns = 0;
  for (const auto& [other, dut] : duts_) {
    if (other != id) until_ns = std::max(until_ns, write_ends_ns(open_guards_(other)));
  }
  if (waits_for_writes(id, until_ns)) {
    CutReport waiting = done_[id].report;
    waiting.problem = fmt::format("{}; its power shelves stay on until the firmware write of {} is over",
                                  waiting.problem, written_elsewhere(id));
    ears_.cut(waiting);
  }
  std::int64_t ask_again_ns = task.now().monotonic_ns + kAskForOffEvery.count();
  while (waits_for_writes(id, until_ns)) {
    const Status waited = co_await task.sleep_for(kTryAgain);
    if (!waited) co_return false;
    if (escalated_ || done_[id].report.off_confirmed_ns != 0) co_return false;
    if (task.now().monotonic_ns < ask_again_ns) continue;
    const bool off = co_await reads_off_now(id, task);
    if (off) co_return false;
    ask_again_ns = task.now().monotonic_ns + kAskForOffEvery.count();
  }
  co_return !escalated_ && done_[id].report.off_confirmed_ns == 0;
}

awaitable<bool> InterlockWatch::reads_off_now(std::string id, Ctx& task) {
  PowerSwitch* power = duts_.at(id).power;
  if (power == nullptr) co_return false;
  Ctx asking = task.child_within("force off " + id, kPowerAnswersIn);
  const Status asked = co_await power->force_off(asking);
  (void)asked;  // what reads back counts
  Ctx reading = task.child_within("power of " + id, kPowerAnswersIn);
  const Result<bool> off = co_await power->is_off(reading);
  if (!off || !*off) co_return false;
  done_[id].report.off_confirmed_ns = task.now().monotonic_ns;
  done_[id].report.problem.clear();
  ears_.cut(done_[id].report);
  co_return true;
}

}  // namespace kiln
