// A burn-in is killed at every point at which that can make a difference, each time on a fresh rack.
//
// What is a point. The station reaches the outside through doors only: BMCs, hosts, the guard journal, the
// ledger, the warden's socket, and time. Each call of a door is a point before its effect and one after it,
// before the station's coroutine goes on: every await of a device, every write of the journal before and
// after its fsync, every commit of the ledger before and after, every message said and heard, and every wait
// that has ended. Between two points in a row the station does nothing that anybody outside could see, so
// that to be killed at any of the resumptions in between is to be killed at the first of the two.
//
// Not modelled: a station that loses its power (an fsync that was answered is taken for true), and a request
// that a BMC carries out later than one that came after it.
//
// What must hold after each: nothing is on and nothing is loaded without an owner, in time; and the record
// says what happened.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kill_recipe_for_test.h"
#include "kill_state_for_test.h"
#include "kill_world_for_test.h"
#include "model/verdict.h"
#include "station/interlock_latches.h"
#include "station/leftovers.h"
#include "store/record_break.h"

namespace kiln::kills {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLoadWithin = 5 * kSecond;
constexpr std::int64_t kOffWithin = 10 * kSecond;
constexpr int kLeastPoints = 1000;
constexpr int kFailuresShown = 10;

template <class Body>
bool any(const std::vector<Event>& events) {
  return std::any_of(events.begin(), events.end(),
                     [](const Event& event) { return std::holds_alternative<Body>(event.body); });
}

bool goes_on(const World& world) { return world.death == Death::woken || world.death == Death::overslept; }

bool came_back(const World& world) { return goes_on(world) || world.death == Death::roused; }

void check_rack(const World& world, std::vector<std::string>& wrong) {
  for (const auto& [id, machine] : world.rack.machines()) {
    if (machine->on || machine->coming_on) wrong.push_back(id + " is on and has no owner");
    if (machine->load) wrong.push_back(id + " is loaded and has no owner");
    if (came_back(world)) continue;  // it had an owner again, which has its own time
    const auto held = world.held_at_death.find(id);
    const std::int64_t from_ns =
        held == world.held_at_death.end() ? world.death_ns : std::max(world.death_ns, held->second);
    const std::int64_t off = machine->off_ns - from_ns;
    if (world.death_ns != 0 && world.death != Death::both && off > kOffWithin)
      wrong.push_back(fmt::format("{} was off {} after the death", id, format_duration(Nanoseconds(off))));
    const std::int64_t ended = machine->load_ended_ns - world.death_ns;
    // The lease counts from the last renewal, which was on its way.
    if (world.death_ns != 0 && ended > kLoadWithin + 2 * kTravel.count())
      wrong.push_back(
          fmt::format("load of {} ended {} after the death", id, format_duration(Nanoseconds(ended))));
  }
}

/// Who undid it: the warden or kiln recover, beside the record; a station that came back may have done it
/// itself.
bool told(const World& world, const std::vector<Event>& after, const std::string& undo) {
  const auto closes = [&undo](const Event& event, bool by_others) {
    const auto* closed = std::get_if<GuardClosed>(&event.body);
    return closed != nullptr && closed->undo == undo && closed->message.starts_with("by ") == by_others;
  };
  return std::any_of(after.begin(), after.end(), [&](const Event& event) { return closes(event, true); }) ||
         (came_back(world) && std::any_of(world.committed.begin(), world.committed.end(),
                                          [&](const Event& event) { return closes(event, false); }));
}

/// Whether a cut of it was under way, or over, when the station died. What a warden has begun that died with
/// it nobody can know.
bool cut_had_begun(const World& world, const std::string& id) {
  if (world.cut_by_warden.contains(id)) return true;
  for (std::size_t i = 0; i < world.trail_at_death; ++i) {
    const Mark& mark = world.trail[i];
    if (mark.what == "off sent by the station" && mark.dut == id && mark.at_ns >= world.accident_ns)
      return true;
  }
  return false;
}

/// The station had it on disk when it died.
bool cut_is_journaled(const World& world, const std::string& id) {
  for (std::size_t i = 0; i < world.trail_at_death; ++i) {
    if (world.trail[i].what == "journal cut" && world.trail[i].dut == id) return true;
  }
  return false;
}

void check_leak(const World& world, const std::vector<Event>& events, const std::string& said,
                std::vector<std::string>& wrong) {
  const std::string& id = world.accident.leaks;
  const bool recorded = std::any_of(events.begin(), events.end(), [&id](const Event& event) {
    return event.dut == id && std::holds_alternative<Interlocked>(event.body);
  });
  const std::vector<InterlockLatch> latches = InterlockLatches(world.state).all();
  const bool latched = std::any_of(latches.begin(), latches.end(),
                                   [&id](const InterlockLatch& latch) { return latch.dut == id; });
  if (recorded && said != "NO-GO") wrong.push_back("a leak is in the record, and it says " + said);
  if (!recorded && said != "NO-GO" && said != "INCOMPLETE") wrong.push_back("a run with a leak is " + said);
  if (any<RunEnded>(world.committed) && !recorded)
    wrong.emplace_back("it ended, and says nothing of the leak");
  if (recorded && !latched) wrong.push_back(id + " was cut, says the record, and nothing has latched it");
  // Cut first, then write: a power cut in between takes along what both knew.
  if (world.death == Death::both && !cut_is_journaled(world, id)) return;
  if (!latched && cut_had_begun(world, id))
    wrong.push_back("the cut of " + id + " had begun, and nothing has latched it");
}

/// ": " and what speaks against each DUT.
std::string reasons_of(const RunVerdict& verdict) {
  std::string text;
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons)
      text += fmt::format("{} {} {} ({})", text.empty() ? ":" : ",", dut.id, reason.code, reason.message);
  }
  return text;
}

void check_record(const World& world, std::vector<std::string>& wrong) {
  for (const Leftover& left : find_leftovers(world.state)) wrong.push_back("left to do: " + describe(left));
  const std::vector<Event> after = read_after_break(world.database, "R-1");
  for (const std::string& id : world.on_at_death) {
    if (!told(world, after, "force off " + id)) wrong.push_back("nobody says who switched " + id + " off");
  }
  for (const std::string& id : world.loaded_at_death) {
    if (!told(world, after, "stop gpu_burn on " + id))
      wrong.push_back("nobody says who ended the load of " + id);
  }
  for (const std::string& id : world.writing_at_death) {
    const bool cut = std::any_of(world.committed.begin(), world.committed.end(), [&id](const Event& event) {
      const auto* diagnosed = std::get_if<Diagnosed>(&event.body);
      return event.dut == id && diagnosed != nullptr && diagnosed->code == "firmware.interrupted";
    });
    // A station that came back has seen its end itself.
    if (!cut && !came_back(world) && !told(world, after, "wait for the firmware write of UEFI on " + id))
      wrong.push_back("nobody says that a firmware write of " + id + " was under way");
  }
  std::vector<Event> events = world.committed;
  std::int64_t last = static_cast<std::int64_t>(events.size());
  for (Event event : after) {
    event.sequence = ++last;
    events.push_back(std::move(event));
  }
  const RunVerdict verdict = roll_up(events);
  const std::string said =
      verdict.decision ? std::string(to_string(*verdict.decision)) : std::string("no decision");
  if (!world.accident.leaks.empty()) {
    check_leak(world, events, said, wrong);
    return;
  }
  if (goes_on(world) && any<RunBegun>(world.committed) && !any<RunEnded>(world.committed))
    wrong.emplace_back("a run that was woken has not ended");
  for (const Event& event : world.committed) {
    const auto* closed = std::get_if<GuardClosed>(&event.body);
    if (goes_on(world) && closed != nullptr && !closed->done && !closed->message.starts_with("not needed"))
      wrong.push_back(fmt::format("'{}' failed, says the record: {}", closed->undo, closed->message));
  }
  if (any<RunEnded>(world.committed) && came_back(world)) {
    if (said != "INCOMPLETE" && !world.on_at_death.empty())
      wrong.push_back("what was on was switched off while it slept, and the run is " + said +
                      reasons_of(verdict));
  } else if (any<RunEnded>(world.committed)) {
    if (said != "GO") wrong.push_back("the run had ended, and its record says " + said);
  } else if (any<RunBegun>(world.committed)) {
    if (said != "INCOMPLETE") wrong.push_back("a run that was killed is " + said);
  } else if (verdict.decision) {
    wrong.push_back("a run that had not begun is " + said);
  }
}

std::vector<std::string> check(const World& world) {
  std::vector<std::string> wrong = world.wrong;
  if (world.death_ns == 0) wrong.emplace_back("the point was not reached: the runs differ");
  if (world.warden_status == 4) wrong.emplace_back("the warden could not undo everything");
  check_rack(world, wrong);
  check_record(world, wrong);
  return wrong;
}

/// The points that are looked at: all, or from the accident until a while after the latch; then the run goes
/// on as a quiet one does.
std::pair<int, int> span_of_points(const Plan& plan, const Accident& accident) {
  constexpr int kAWhile = 100;
  const StateDirectory state;
  World world(plan, state.path(), 0, Death::killed, Bmcs::obedient, accident);
  world.run();
  if (accident.leaks.empty()) return {1, world.points};
  return {world.point_of_accident, world.point_of_latch + kAWhile};
}

int count_points() {
  static const int points = span_of_points(burn_in(), {}).second;
  return points;
}

/// "bmc.power_on C01: before" → "bmc.power_on"
std::string door_of(const std::string& name) {
  if (name.starts_with("bmc.") || name.starts_with("journal open"))
    return name.substr(0, name.find_first_of(" '"));
  if (name.starts_with("shell")) return "shell";
  if (name.starts_with("commit")) return "commit";
  if (name.starts_with("journal")) return "journal";
  return name.substr(0, name.find(':'));
}

/// Under AddressSanitizer a run takes thirty times as long: there a part of the points is looked at, for the
/// memory's sake.
#ifdef __SANITIZE_ADDRESS__
constexpr int kThinned = 29;
#else
constexpr int kThinned = 1;
#endif

/// Every how many points the station dies; KILN_KILLS=all: at each.
int stride(int usual) {
  const char* all = std::getenv("KILN_KILLS");
  return all != nullptr && std::string_view(all) == "all" ? 1 : usual * kThinned;
}

void kill_at_every(Death death, int usual, Bmcs bmcs = Bmcs::obedient, const Accident& accident = {},
                   const Plan& plan = burn_in()) {
  const int every = stride(usual);
  const auto [begin, points] = span_of_points(plan, accident);
  int writing = 0;
  int latched = 0;
  int lost = 0;
  int died = 0;
  int failures = 0;
  int with_power = 0;
  int with_load = 0;
  int unknown = 0;
  int over = 0;
  for (int point = begin; point <= points && failures < kFailuresShown; point += every) {
    const StateDirectory state;
    World world(plan, state.path(), point, death, bmcs, accident);
    world.run();
    ++died;
    writing += world.writing_at_death.empty() ? 0 : 1;
    with_power += world.on_at_death.empty() ? 0 : 1;
    with_load += world.loaded_at_death.empty() ? 0 : 1;
    unknown += world.unknown_to_warden > 0 ? 1 : 0;
    over += world.over_for_warden > 0 ? 1 : 0;
    const std::vector<std::string> wrong = check(world);
    lost += death == Death::both && !accident.leaks.empty() && cut_had_begun(world, accident.leaks) &&
                    InterlockLatches(state.path()).all().empty()
                ? 1
                : 0;
    latched += InterlockLatches(state.path()).all().empty() ? 0 : 1;
    if (wrong.empty()) continue;
    ++failures;
    for (const std::string& each : wrong)
      ADD_FAILURE() << name_of(death) << " at point " << point << " of " << points << " (" << world.fatal_name
                    << "): " << each;
  }
  std::cout << fmt::format(
      "{}: {} of {} points (1 of {}), {} latched, {} whose cut had begun not, {} with something on, {} under "
      "load, {} in a firmware write; left to kiln recover though nothing was in effect: {} not yet told to "
      "the "
      "warden, {} ended but not on disk\n",
      name_of(death), died, points - begin + 1, every, latched, lost, with_power, with_load, writing, unknown,
      over);
  constexpr int kEnough = 50;
  if (&plan == &flashing() && died >= kEnough) {
    EXPECT_GT(writing, 0);
  }
}

TEST(KillPoints, ABurnInThatNobodyKillsIsGoAndHasAtLeastAThousandPoints) {
  const StateDirectory state;
  std::vector<std::string> names;
  World world(burn_in(), state.path(), 0, Death::killed);
  world.fuse.names = &names;
  world.run();
  for (const std::string& each : world.wrong) ADD_FAILURE() << each;
  EXPECT_TRUE(world.station_left);
  EXPECT_EQ(world.warden_status, 0);
  std::vector<std::string> wrong;
  check_rack(world, wrong);
  check_record(world, wrong);
  for (const std::string& each : wrong) ADD_FAILURE() << each;
  EXPECT_TRUE(any<RunEnded>(world.committed));
  std::map<std::string, int> by_door;
  for (const std::string& name : names) ++by_door[door_of(name)];
  for (const auto& [door, count] : by_door) std::cout << fmt::format("  {:5} {}\n", count, door);
  std::cout << fmt::format("{} points; {} awaits were resumed between them\n", world.points, world.resumed);
  EXPECT_GE(world.points, kLeastPoints);
  EXPECT_EQ(world.points, count_points()) << "every run must be the same";
}

/// A leak under load; its points begin with it.
Accident a_leak(Nanoseconds after) {
  Accident accident;
  accident.leaks = "C01";
  accident.after = after;
  return accident;
}

TEST(KillPoints, KilledAtEveryPointOfATripItIsOffAndLatchedAndTheRecordSaysSo) {
  kill_at_every(Death::killed, 4, Bmcs::obedient, a_leak(std::chrono::seconds(2)));
}

TEST(KillPoints, KilledAtEveryPointOfATripThatTheStationSawFirst) {
  kill_at_every(Death::killed, 4, Bmcs::obedient, a_leak(std::chrono::milliseconds(2000 + 6 * 130)));
}

TEST(KillPoints, KilledWithItsWardenAtEveryPointOfATrip) {
  kill_at_every(Death::both, 4, Bmcs::obedient, a_leak(std::chrono::milliseconds(2000 + 6 * 130)));
}

TEST(KillPoints, KilledAtEveryPointTheWardenUndoesItAndTheRecordSaysSo) { kill_at_every(Death::killed, 1); }

TEST(KillPoints, StoppedAtEveryPointTheWardenUndoesItAndTheRecordSaysSo) { kill_at_every(Death::stopped, 3); }

TEST(KillPoints, WokenAfterEveryPointTheStationEndsItsRunAndNothingStaysOn) {
  kill_at_every(Death::woken, 5);
}

TEST(KillPoints, WokenLongAfterEveryPointItCallsNothingUndoneThatIsOff) {
  kill_at_every(Death::overslept, 3);
}

TEST(KillPoints, WokenAndKilledSoonAfterNothingStaysOnEither) { kill_at_every(Death::roused, 7); }

TEST(KillPoints, KilledWithItsWardenTheHostsEndTheirLoadAndRecoverDoesTheRest) {
  kill_at_every(Death::both, 1);
}

// While firmware is being written.

TEST(KillPoints, KilledWhileFirmwareIsWrittenTheWardenWaitsForTheWrite) {
  kill_at_every(Death::killed, 1, Bmcs::obedient, {}, flashing());
}

TEST(KillPoints, StoppedWhileFirmwareIsWrittenTheWardenWaitsForTheWrite) {
  kill_at_every(Death::stopped, 3, Bmcs::obedient, {}, flashing());
}

TEST(KillPoints, WokenWhileFirmwareIsWrittenNothingStaysOnAndNoWriteIsRuined) {
  kill_at_every(Death::woken, 3, Bmcs::obedient, {}, flashing());
}

TEST(KillPoints, WokenLongAfterAFirmwareWriteNothingIsCalledUndoneThatIsOff) {
  kill_at_every(Death::overslept, 3, Bmcs::obedient, {}, flashing());
}

TEST(KillPoints, RousedWhileFirmwareIsWrittenNothingStaysOnAndNoWriteIsRuined) {
  kill_at_every(Death::roused, 5, Bmcs::obedient, {}, flashing());
}

TEST(KillPoints, KilledWithItsWardenWhileFirmwareIsWrittenRecoverWaitsForTheWrite) {
  kill_at_every(Death::both, 1, Bmcs::obedient, {}, flashing());
}

TEST(KillPoints, KilledAtEveryPointOfATripThatCutsThroughAFirmwareWrite) {
  Accident accident = a_leak(std::chrono::milliseconds(500));
  accident.begins_with = "write began";
  kill_at_every(Death::killed, 3, Bmcs::obedient, accident, flashing());
}

// BMCs that read Off while they come on, and ignore a force-off meanwhile.

TEST(KillPoints, KilledWhileStubbornBmcsComeOnNothingStaysOn) {
  kill_at_every(Death::killed, 1, Bmcs::stubborn);
}

TEST(KillPoints, StoppedWhileStubbornBmcsComeOnNothingStaysOn) {
  kill_at_every(Death::stopped, 3, Bmcs::stubborn);
}

TEST(KillPoints, WokenWhileStubbornBmcsComeOnNothingStaysOn) {
  kill_at_every(Death::woken, 5, Bmcs::stubborn);
}

TEST(KillPoints, RousedWhileStubbornBmcsComeOnNothingStaysOn) {
  kill_at_every(Death::roused, 7, Bmcs::stubborn);
}

TEST(KillPoints, KilledWithItsWardenBesideStubbornBmcsRecoverHoldsThemOff) {
  kill_at_every(Death::both, 3, Bmcs::stubborn);
}

}  // namespace
}  // namespace kiln::kills
