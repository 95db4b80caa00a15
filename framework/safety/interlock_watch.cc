#include "safety/interlock_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/interlock_reach.h"
#include "safety/polling.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kLongestPoll = std::chrono::seconds(2);  // then it is asked anew, on a new connection
constexpr Nanoseconds kAtLeast =
    std::chrono::milliseconds(50);  // between two polls, also of a BMC that refuses
constexpr Nanoseconds kKeepAsking = std::chrono::minutes(10);  // for Off, beside the next rung of the ladder

constexpr Nanoseconds kListenAgain = std::chrono::seconds(1);
constexpr Nanoseconds kListenAtMost = std::chrono::seconds(30);  // between two attempts
constexpr int kOurs = 0;  // number of the undo that is ours; guards are numbered from 1

/// In place of those of the guards that do the same.
NumberedUndo force_off(const std::string& dut, Nanoseconds budget, std::int64_t on_asked_ns) {
  NumberedUndo off;
  off.number = kOurs;
  off.opened_ns = on_asked_ns;
  off.undo = JournaledUndo(UndoKind::force_off, dut, "force off " + dut);
  off.undo.budget = budget;
  return off;
}

}  // namespace

InterlockWatch::InterlockWatch(const Ctx& owner, InterlockRules rules, std::map<std::string, WatchedDut> duts,
                               std::function<std::vector<NumberedUndo>(const std::string&)> open_guards,
                               std::function<std::int64_t(const std::string&)> on_asked_ns,
                               InterlockEars ears)
    : owner_(owner),
      rules_(rules),
      duts_(std::move(duts)),
      open_guards_(std::move(open_guards)),
      on_asked_ns_(std::move(on_asked_ns)),
      ears_(std::move(ears)),
      polls_(owner),
      cuts_(owner) {}

void InterlockWatch::start() {
  std::size_t turn = 0;
  for (const auto& [id, dut] : duts_) {
    const Nanoseconds first_pause = first_poll_pause(rules_.leak_poll, turn++, duts_.size());
    if (dut.leak_detectors.empty()) continue;
    if (dut.leaks == nullptr) {
      WatchReport blind;
      blind.dut = id;
      blind.why = fmt::format("{}: {}", id, dut.no_power);
      ears_.watch(blind);
      continue;
    }
    polls_.start("watch " + id,
                 [this, id = id, first_pause](Ctx& task) { return watch(id, first_pause, task); });
    if (dut.events != nullptr)
      polls_.start("listen " + id, [this, id = id](Ctx& task) { return listen(id, task); });
  }
}

awaitable<void> InterlockWatch::stop(bool finish_cuts) {
  const Status polls = co_await polls_.stop_and_join(StopReason::sibling, "the watch is over");
  (void)polls;
  if (!finish_cuts) cuts_.request_stop(StopReason::sibling, "what was to be cut is no more");
  const Status cuts = co_await cuts_.join();
  (void)cuts;
}

awaitable<void> InterlockWatch::watch(std::string id, Nanoseconds first_pause, Ctx& task) {
  const WatchedDut& dut = duts_.at(id);
  Cause cause("leak", id, rules_.leak_grace);
  Nanoseconds period = first_pause;
  bool asked_again = false;
  while (!task.stopped()) {
    const std::int64_t asked_ns = task.now().monotonic_ns;
    const Nanoseconds budget = std::min(kLongestPoll, rules_.leak_grace / 2);
    Ctx poll = task.child_within("leak poll", budget);
    Result<std::vector<DetectorLook>> looks = co_await dut.leaks->read(poll);
    if (task.stopped()) co_return;
    asked_again = !looks && !asked_again && overslept(asked_ns, budget, task.now().monotonic_ns);
    if (asked_again) continue;
    end_mask_in_time(id, task.now().monotonic_ns);
    if (looks) {
      std::vector<std::string> expected = dut.leak_detectors;
      if (mask_.take_out(id, asked_ns, task.now().monotonic_ns, expected, *looks)) say_masked();
      cause.see(judge_leak_detectors(expected, *looks), asked_ns);
    } else if (looks.error().code == "ctx.deadline") {
      cause.miss(fmt::format("its leak detectors were not read within {}", format_duration(budget)),
                 asked_ns);
    } else {
      cause.miss(looks.error().message, asked_ns);
    }
    const bool is_read = cause.last().state == CauseState::tripped;
    if (is_read) hazard_read_.insert(id);
    if (!is_read) co_await look_after_silence(id, cause, task);
    const std::int64_t now_ns = task.now().monotonic_ns;
    std::optional<Trip> found = cause.trip(now_ns);
    if (found && tripped_.insert(id).second) trip(std::move(*found), false);
    if (mask_.is_on(id)) co_await look_after_mask(id, task);
    say_ready(id, cause, now_ns);
    const std::int64_t pause = std::max(asked_ns + period.count() - now_ns, kAtLeast.count());
    period = rules_.leak_poll;
    const Completion<bool> now;
    poll_now_.insert_or_assign(id, now);
    Ctx rest = task.child_within("rest", Nanoseconds(pause));
    const Result<bool> woken = co_await now.wait(rest);
    (void)woken;  // by an event, or the time is over
    poll_now_.erase(id);
  }
}

/// A stream that has ended is opened anew; polling goes on in any case.
awaitable<void> InterlockWatch::listen(std::string id, Ctx& task) {
  const WatchedDut& dut = duts_.at(id);
  Nanoseconds pause = kListenAgain;
  while (!task.stopped()) {
    const std::int64_t began_ns = task.now().monotonic_ns;
    const Status ended = co_await dut.events->listen(
        task, [this, &id, &task](const LeakEvent& event) { heard(id, event, task.now().monotonic_ns); });
    if (!ended && ended.error().code == "warden.no_events") co_return;
    const bool lasted = task.now().monotonic_ns - began_ns > kListenAtMost.count();
    pause = lasted ? kListenAgain : std::min(pause * 2, kListenAtMost);
    const Status waited = co_await task.sleep_for(pause);
    if (!waited) co_return;
  }
}

void InterlockWatch::heard(const std::string& id, const LeakEvent& event, std::int64_t now_ns) {
  // Ids repeat among the chassis of one DUT: of the masked one's name, only the reading tells which it is.
  const std::string masked = mask_.report().part.substr(mask_.report().part.rfind('/') + 1);
  const bool may_be_masked = mask_.is_on(id) && event.detector == masked;
  if (event.wet && !may_be_masked) hazard_read_.insert(id);
  if (event.wet && !may_be_masked && tripped_.insert(id).second) {
    Trip found;
    found.cause = "leak";
    found.code = "leak.detected";
    found.dut = id;
    found.part = event.detector;
    found.message = fmt::format("{}: its BMC reports a leak{}{}: {}", id,
                                event.detector.empty() ? "" : " at ", event.detector, event.why);
    found.detected_ns = now_ns;
    trip(std::move(found), false);
  }
  const auto waiting = poll_now_.find(id);
  if (waiting != poll_now_.end()) waiting->second.complete(true);
}

void InterlockWatch::say_ready(const std::string& id, const Cause& cause, std::int64_t now_ns) {
  const bool masked = mask_.is_on(id);
  const bool ready = cause.ready(now_ns) && !cut_.contains(id) && !masked;
  std::pair<bool, std::string> say(ready, ready ? "" : cause.why_not());
  if (masked && cause.ready(now_ns))
    say.second =
        fmt::format("{}: leak detector {} is masked for its functional test", id, mask_.report().part);
  auto& said = said_ready_[id];
  if (said == say) return;
  said = std::move(say);
  WatchReport report;
  report.dut = id;
  report.ready = said.first;
  report.why = said.second;
  report.part = cause.last().part;
  report.word = cause.last().word;
  report.code = cause.last().code;
  ears_.watch(report);
}

std::vector<std::string> InterlockWatch::reach_of(const Trip& trip, bool everything) {
  if (trip.read && trip.cause == "leak") leaking_.insert(trip.dut);
  const auto origin = duts_.find(trip.dut);
  const bool whole_rack = everything || rules_.causes_that_cut_rack.contains(trip.cause) ||
                          (origin != duts_.end() && concerns_whole_rack(origin->second.role, leaking_.size(),
                                                                        rules_.tray_leak_cuts_rack));
  std::vector<std::string> reach;
  for (const auto& [id, dut] : duts_) {
    if (dut.role == Role::rack) continue;  // it is what its DUTs are
    const bool in_scope = id == trip.dut || (whole_rack && can_be_cut(dut.role, dut.power != nullptr));
    if (in_scope && !cut_.contains(id)) reach.push_back(id);
  }
  return reach;
}

void InterlockWatch::trip(Trip trip, bool everything) {
  if (trip.read) hazard_read_.insert(trip.dut);
  const std::vector<std::string> reach = reach_of(trip, everything);
  for (const std::string& id : reach) {
    if (mask_.is_on(id)) unmask(fmt::format("{}: it is being cut", id));
    end_silence(id, fmt::format("{}: it is being cut", id));
    cut_.insert(id);
    JournaledCut& done = done_[id];
    done.trip = trip;
    done.report.dut = id;
    cuts_.start("cut " + id, [this, id](Ctx& task) { return cut_one(id, task); });
  }
  const auto place = duts_.find(trip.dut);
  rack_hazard_ = rack_hazard_ || everything ||
                 (trip.read && place != duts_.end() &&
                  concerns_whole_rack(place->second.role, leaking_.size(), rules_.tray_leak_cuts_rack));
  ears_.tripped(trip, reach);
  if (!trip.read || trip.cause != "leak") return;
  const auto origin = duts_.find(trip.dut);
  const Role role = origin == duts_.end() ? Role::server : origin->second.role;
  const bool tray = role != Role::rack && role != Role::cdu;
  if (tray && ears_.tray_leak) ears_.tray_leak();
  // Whatever the rules let one tray's leak cut: that one alone is no matter of the building's.
  if (concerns_whole_rack(role, leaking_.size(), false)) isolate(true, true, trip.message);
}

void InterlockWatch::isolate(bool liquid, bool electrical, const std::string& why) {
  if (rules_.cut_reaches_building && ears_.isolate) ears_.isolate(liquid, electrical, why);
}

awaitable<void> InterlockWatch::cut_one(std::string id, Ctx& task) {
  const WatchedDut& dut = duts_.at(id);
  std::vector<NumberedUndo> undos = open_guards_(id);
  // A cut waits for no firmware write.
  std::erase_if(undos, [](const NumberedUndo& undo) { return undo.undo.kind == UndoKind::firmware_write; });
  const bool switched = can_be_cut(dut.role, dut.power != nullptr);
  // Also when no guard says that this run has switched it on: a leak does not ask who did.
  const std::int64_t on_asked_ns = on_asked_ns_(id);
  if (switched) {
    std::erase_if(undos, [](const NumberedUndo& undo) { return undo.undo.kind == UndoKind::force_off; });
    undos.push_back(force_off(id, rules_.off_confirm, on_asked_ns));
  }
  UndoDoors doors;
  doors.power = dut.power;
  doors.shell = dut.shell;
  doors.no_power = dut.no_power;
  doors.no_shell = dut.no_shell;
  const bool loaded = std::any_of(undos.begin(), undos.end(), [](const NumberedUndo& undo) {
    return undo.undo.kind == UndoKind::shell_command;
  });
  CutReport report;
  report.dut = id;
  const std::int64_t began_ns = task.now().monotonic_ns;
  const std::map<int, UndoResult> results = co_await undo_all(task, undos, std::move(doors));
  if (!loaded) report.load_stopped_ns = began_ns;
  for (const auto& [number, result] : results) {
    if (outstanding(result.how)) report.problem = result.message;
    if (outstanding(result.how)) continue;
    if (number == kOurs) report.off_confirmed_ns = result.at_ns;
    if (number != kOurs) report.load_stopped_ns = std::max(report.load_stopped_ns, result.at_ns);
  }
  done_[id].report = report;
  ears_.cut(report);
  if (!switched || report.off_confirmed_ns != 0) co_return;
  if (!escalated_) cuts_.start("shelves", [this, id](Ctx& shelves) { return go_on_to_shelves(id, shelves); });
  std::vector<NumberedUndo> only{force_off(id, kKeepAsking, on_asked_ns)};
  UndoDoors same;
  same.power = dut.power;
  const std::map<int, UndoResult> later = co_await undo_all(task, std::move(only), std::move(same));
  const auto found = later.find(kOurs);
  if (found == later.end() || outstanding(found->second.how)) co_return;
  report.off_confirmed_ns = found->second.at_ns;
  if (report.load_stopped_ns == 0) report.load_stopped_ns = report.off_confirmed_ns;
  report.problem.clear();
  done_[id].report = report;
  ears_.cut(report);
}

awaitable<void> InterlockWatch::go_on_to_shelves(std::string id, Ctx& task) {
  // A tray that nobody can read may be dry, and a component that loses power while it is written is lost.
  if (done_[id].trip.cause == "telemetry-lost") {
    const bool goes_on = co_await writes_elsewhere_end(id, task);
    if (!goes_on) co_return;
  }
  if (std::exchange(escalated_, true)) co_return;
  if (rules_.cut_reaches_shelves && has_shelves()) {
    co_await escalate(id, task);
  } else if (done_[id].trip.cause != "emergency-stop") {
    isolate(false, true,
            fmt::format("{}: it does not read back Off after {}, and no power shelf can be switched off", id,
                        format_duration(rules_.off_confirm)));
  }
}

bool InterlockWatch::has_shelves() const {
  return std::any_of(duts_.begin(), duts_.end(), [](const auto& dut) {
    return dut.second.role == Role::power_shelf && dut.second.power != nullptr;
  });
}

awaitable<void> InterlockWatch::escalate(std::string id, Ctx& task) {
  Trip wider;
  wider.cause = "escalation";
  wider.code = "interlock.escalated";
  wider.dut = id;
  wider.detected_ns = task.now().monotonic_ns;
  wider.read = false;
  wider.message =
      fmt::format("{}: it does not read back Off after {}, so the power shelves of the rack are switched off",
                  wider.dut, format_duration(rules_.off_confirm));
  trip(std::move(wider), true);
  Scope shelves(task);
  if (done_[id].trip.cause !=
      "emergency-stop")  // a person who stops everything does not isolate the building
    shelves.start("shelves that stay on", [this, id](Ctx& one) { return shelves_that_stay_on(id, one); });
  for (const auto& [shelf, dut] : duts_) {
    if (dut.role != Role::power_shelf || dut.power == nullptr) continue;
    shelves_on_.insert(shelf);
    shelves.start("shelf " + shelf, [this, shelf = shelf](Ctx& one) { return shelf_off(shelf, one); });
  }
  const Status joined = co_await shelves.join();
  (void)joined;
}

awaitable<void> InterlockWatch::shelves_that_stay_on(std::string id, Ctx& task) {
  const std::int64_t until_ns = task.now().monotonic_ns + rules_.off_confirm.count();
  while (task.now().monotonic_ns < until_ns) {
    const Status waited = co_await task.sleep_for(kAtLeast);
    if (!waited) co_return;
    if (shelves_on_.empty()) co_return;
  }
  isolate(false, true,
          fmt::format("{}: it does not read back Off, nor does power shelf {} after {}", id,
                      *shelves_on_.begin(), format_duration(rules_.off_confirm)));
}

awaitable<void> InterlockWatch::shelf_off(std::string id, Ctx& task) {
  std::vector<NumberedUndo> only{force_off(id, kKeepAsking, on_asked_ns_(id))};
  UndoDoors doors;
  doors.power = duts_.at(id).power;
  const std::map<int, UndoResult> results = co_await undo_all(task, std::move(only), std::move(doors));
  CutReport report;
  report.dut = id;
  const UndoResult& result = results.at(kOurs);
  if (outstanding(result.how)) report.problem = result.message;
  if (!outstanding(result.how)) report.off_confirmed_ns = result.at_ns;
  if (!outstanding(result.how)) shelves_on_.erase(id);
  ears_.cut(report);
}

}  // namespace kiln
