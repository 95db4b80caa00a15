// The ladder of a cut under whatever may happen to it: racks, rules, trips, and how BMCs, hosts and shelves
// answer (late, not yet, refusing, never, out of order) are drawn by chance, and what must hold always is
// checked. A failure names its seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <random>

#include "io/loop.h"
#include "model/interlock_reach.h"
#include "safety/interlock_watch.h"
#include "testing/fake_leak_detectors.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr int kRuns = 120;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr Nanoseconds kTrips = 20s;  ///< all trips come within

/// One thing that can be switched off: a chassis or a shelf.
struct Outlet {
  Role role = Role::compute_tray;
  bool on = true;
  std::int64_t obeys_from_ns = 0;    ///< force-off is accepted before, and nothing happens
  std::int64_t answers_from_ns = 0;  ///< it refuses before
  Nanoseconds takes{0};
  std::int64_t off_ns = 0;
  int first_asked = 0;  ///< place among all first force-offs of the rack, from 1; 0: never
};

struct ShellFate {
  std::int64_t answers_from_ns = 0;
  Nanoseconds takes{0};
};

/// What was said, in order.
struct Heard {
  std::vector<std::pair<Trip, std::vector<std::string>>> trips;
  std::vector<CutReport> cuts;
};

struct Ladder {
  explicit Ladder(unsigned seed) : random(seed) {}
  std::int64_t now() const { return loop->clock().now().monotonic_ns; }
  int draw(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random); }
  bool chance(int percent) { return draw(1, 100) <= percent; }
  std::int64_t later(int percent_never) {
    if (chance(50)) return 0;
    if (chance(percent_never)) return kNever;
    return now() + draw(0, 60'000) * 1'000'000LL;
  }
  /// Without the shelves that feed it nothing is on.
  void off(Outlet& outlet) {
    if (outlet.on) outlet.off_ns = now();
    outlet.on = false;
    const bool fed = std::any_of(outlets.begin(), outlets.end(), [](const auto& each) {
      return each.second.role == Role::power_shelf && each.second.on;
    });
    if (fed || outlet.role != Role::power_shelf) return;
    for (auto& [id, each] : outlets) {
      if (!each.on || each.role == Role::cdu) continue;
      each.on = false;
      each.off_ns = now();
    }
  }

  std::mt19937 random;
  std::unique_ptr<Loop> loop = Loop::simulated();
  std::map<std::string, Outlet> outlets;
  std::map<std::string, ShellFate> hosts;
  std::map<std::string, std::shared_ptr<FakeDetectors>> detectors;
  InterlockRules rules;
  Heard heard;
  int asked = 0;
};

class ChancySwitch final : public PowerSwitch {
 public:
  ChancySwitch(Ladder& ladder, Outlet& outlet) : ladder_(ladder), outlet_(outlet) {}
  awaitable<Status> prepare(const Ctx& /*ctx*/) override { co_return success(); }
  awaitable<Status> force_off(const Ctx& ctx) override {
    if (outlet_.first_asked == 0) outlet_.first_asked = ++ladder_.asked;
    const Status answered = co_await answer(ctx);
    if (answered && ladder_.now() >= outlet_.obeys_from_ns) ladder_.off(outlet_);
    co_return answered;
  }
  awaitable<Result<bool>> is_off(const Ctx& ctx) override {
    const Status answered = co_await answer(ctx);
    if (!answered) co_return answered.error();
    co_return !outlet_.on;
  }
  awaitable<void> leave(const Ctx& /*ctx*/) override { co_return; }

 private:
  awaitable<Status> answer(const Ctx& ctx) {
    const Status waited = co_await ctx.sleep_for(outlet_.takes);
    if (!waited) co_return waited;
    if (ladder_.now() < outlet_.answers_from_ns) co_return Error("http.connect", "no connection to the BMC");
    co_return success();
  }
  Ladder& ladder_;
  Outlet& outlet_;
};

class ChancyShell final : public Shell {
 public:
  ChancyShell(Ladder& ladder, ShellFate& fate) : ladder_(ladder), fate_(fate) {}
  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command /*command*/) override {
    const Status waited = co_await ctx.sleep_for(fate_.takes);
    if (!waited) co_return waited.error();
    if (ladder_.now() < fate_.answers_from_ns) co_return Error("ssh.connect", "no connection to the host");
    CommandResult result;
    result.exit_status = 0;
    co_return result;
  }
  awaitable<void> disconnect() override { co_return; }

 private:
  Ladder& ladder_;
  ShellFate& fate_;
};

void draw_rack(Ladder& ladder) {
  const auto add = [&ladder](const std::string& id, Role role, int percent_never) {
    Outlet& outlet = ladder.outlets[id];
    outlet.role = role;
    outlet.obeys_from_ns = ladder.later(percent_never);
    outlet.answers_from_ns = ladder.later(percent_never);
    outlet.takes = ladder.draw(0, 2000) * 1ms;
  };
  for (int tray = 1; tray <= ladder.draw(1, 4); ++tray) add(fmt::format("C0{}", tray), Role::compute_tray, 5);
  if (ladder.chance(60)) add("S01", Role::switch_tray, 5);
  if (ladder.chance(60)) add("CDU01", Role::cdu, 0);
  for (int shelf = 1; shelf <= ladder.draw(0, 2); ++shelf)
    add(fmt::format("P0{}", shelf), Role::power_shelf, 5);
  ladder.rules.off_confirm = ladder.draw(1, 10) * 1s;
  ladder.rules.cut_reaches_shelves = ladder.chance(80);
  ladder.rules.tray_leak_cuts_rack = ladder.chance(30);
}

awaitable<void> live(Ctx& ctx, Ladder& ladder) {
  std::vector<std::unique_ptr<PowerSwitch>> switches;
  std::vector<std::unique_ptr<Shell>> shells;
  std::vector<std::unique_ptr<LeakDetectors>> leaks;
  std::map<std::string, WatchedDut> watched;
  std::map<std::string, std::vector<NumberedUndo>> guards;
  int number = 0;
  for (auto& [id, outlet] : ladder.outlets) {
    WatchedDut& dut = watched[id];
    dut.role = outlet.role;
    dut.no_shell = "no host";
    switches.push_back(std::make_unique<ChancySwitch>(ladder, outlet));
    dut.power = switches.back().get();
    if (outlet.role == Role::power_shelf) continue;
    ladder.detectors[id] = std::make_shared<FakeDetectors>();
    ladder.detectors[id]->put("LeakDetector_0");
    leaks.push_back(std::make_unique<FakeLeakDetectors>(ladder.detectors[id]));
    dut.leaks = leaks.back().get();
    dut.leak_detectors = {"LeakDetector_0"};
    if (outlet.role != Role::compute_tray) continue;
    ladder.hosts[id] = ShellFate{ladder.later(20), ladder.draw(0, 2000) * 1ms};
    shells.push_back(std::make_unique<ChancyShell>(ladder, ladder.hosts[id]));
    dut.shell = shells.back().get();
    for (int load = ladder.draw(0, 2); load > 0; --load) {
      NumberedUndo undo;
      undo.number = ++number;
      undo.undo = JournaledUndo(UndoKind::shell_command, id, "stop gpu_burn on " + id);
      undo.undo.command = "pkill -TERM -x gpu_burn";
      guards[id].push_back(std::move(undo));
    }
  }
  InterlockEars ears;
  ears.watch = [](const WatchReport& /*report*/) {};
  ears.tripped = [&ladder](const Trip& trip, const std::vector<std::string>& reach) {
    ladder.heard.trips.emplace_back(trip, reach);
  };
  ears.cut = [&ladder](const CutReport& report) {
    ladder.heard.cuts.push_back(report);
    if (report.off_confirmed_ns == 0) return;
    EXPECT_FALSE(ladder.outlets.at(report.dut).on) << report.dut << " is called off";
    EXPECT_GE(report.off_confirmed_ns, ladder.outlets.at(report.dut).off_ns) << report.dut;
  };
  InterlockWatch watch(
      ctx, ladder.rules, std::move(watched), [&guards](const std::string& dut) { return guards[dut]; },
      [](const std::string& /*dut*/) { return std::int64_t{0}; }, std::move(ears));
  watch.start();
  std::vector<std::string> trippable;
  for (const auto& [id, outlet] : ladder.outlets) {
    if (outlet.role != Role::power_shelf) trippable.push_back(id);
  }
  for (int trip = ladder.draw(1, 4); trip > 0; --trip) {
    const std::string id =
        trippable[static_cast<std::size_t>(ladder.draw(0, static_cast<int>(trippable.size()) - 1))];
    const int kind = ladder.draw(0, 3);
    ladder.loop->call_at(ladder.now() + ladder.draw(0, 20'000) * 1'000'000LL, [&ladder, &watch, id, kind] {
      if (kind == 0) {
        ladder.detectors[id]->put("LeakDetector_0", "Critical");
      } else if (kind == 1) {
        ladder.detectors[id]->refuses = Error("http.connect", "no connection to the BMC");
      } else {
        Trip seen;
        seen.cause = kind == 2 ? "leak" : "emergency-stop";
        seen.read = kind == 2;
        seen.dut = id;
        seen.detected_ns = ladder.now();
        watch.trip(std::move(seen), kind == 3);
      }
    });
  }
  const Status waited = co_await ctx.sleep_for(kTrips + 10s);
  EXPECT_TRUE(waited.has_value());
  co_await watch.stop();
}

/// What the rules say a trip reaches, told anew from the trips before it.
void check_reach(const Ladder& ladder, std::map<std::string, int>& cut) {
  std::set<std::string> leaking;
  for (const auto& [trip, reach] : ladder.heard.trips) {
    if (trip.read && trip.cause == "leak") leaking.insert(trip.dut);
    const bool everything = trip.cause == "emergency-stop" || trip.cause == "escalation";
    const Role origin = ladder.outlets.at(trip.dut).role;
    const bool rack =
        everything || concerns_whole_rack(origin, leaking.size(), ladder.rules.tray_leak_cuts_rack);
    std::vector<std::string> expected;
    for (const auto& [id, outlet] : ladder.outlets) {
      if ((id == trip.dut || (rack && can_be_cut(outlet.role, true))) && !cut.contains(id))
        expected.push_back(id);
    }
    EXPECT_EQ(reach, expected) << trip.cause << " of " << trip.dut;
    for (const std::string& id : reach) ++cut[id];
  }
}

void check(const Ladder& ladder) {
  std::map<std::string, int> cut;
  check_reach(ladder, cut);
  const bool escalated =
      std::any_of(ladder.heard.trips.begin(), ladder.heard.trips.end(),
                  [](const auto& told) { return told.first.code == "interlock.escalated"; });
  const bool shelves = std::any_of(ladder.outlets.begin(), ladder.outlets.end(),
                                   [](const auto& each) { return each.second.role == Role::power_shelf; });
  // What was to be switched off and was not confirmed in time.
  const bool late =
      std::any_of(ladder.heard.cuts.begin(), ladder.heard.cuts.end(), [&](const CutReport& cut_of) {
        return can_be_cut(ladder.outlets.at(cut_of.dut).role, true) && cut_of.off_confirmed_ns == 0;
      });
  EXPECT_EQ(escalated, late && shelves && ladder.rules.cut_reaches_shelves);
  int first_shelf = 0;
  int last_chassis = 0;
  bool shelves_obey = escalated;
  for (const auto& [id, outlet] : ladder.outlets) {
    const bool obeys = outlet.obeys_from_ns != kNever && outlet.answers_from_ns != kNever;
    if (outlet.role == Role::power_shelf) {
      shelves_obey = shelves_obey && obeys;
      EXPECT_EQ(outlet.first_asked != 0, escalated)
          << id << " is asked when the ladder gets there, and only then";
      if (outlet.first_asked != 0 && (first_shelf == 0 || outlet.first_asked < first_shelf))
        first_shelf = outlet.first_asked;
    } else if (outlet.role == Role::cdu) {
      EXPECT_EQ(outlet.first_asked, 0) << id << " goes on pumping";
    } else {
      EXPECT_EQ(outlet.first_asked != 0, cut.contains(id))
          << id << " is asked when it is in reach, and only then";
      last_chassis = std::max(last_chassis, outlet.first_asked);
    }
  }
  if (first_shelf == 0) first_shelf = ladder.asked + 1;
  EXPECT_GT(first_shelf, last_chassis) << "a chassis was asked after the shelves";
  for (const auto& [id, outlet] : ladder.outlets) {
    const bool obeys = outlet.obeys_from_ns != kNever && outlet.answers_from_ns != kNever;
    std::vector<CutReport> reports;
    for (const CutReport& report : ladder.heard.cuts) {
      if (report.dut == id) reports.push_back(report);
    }
    if (outlet.role == Role::power_shelf) {
      EXPECT_EQ(reports.size(), escalated ? 1U : 0U) << id;
      continue;
    }
    EXPECT_LE(cut[id], 1) << id << " is cut once";
    // A second one tells that what had not been confirmed in time has been, after all.
    const bool again =
        reports.size() == 2 && reports[0].off_confirmed_ns == 0 && reports[1].off_confirmed_ns != 0;
    EXPECT_TRUE(reports.size() == static_cast<std::size_t>(cut[id]) || again) << id << ": " << reports.size();
    if (cut[id] == 0 || outlet.role == Role::cdu) continue;
    const bool can_be_off = obeys || shelves_obey;
    EXPECT_FALSE(can_be_off && outlet.on) << id << " is in reach and stays on";
    const bool told = !reports.empty() && reports.back().off_confirmed_ns != 0;
    EXPECT_TRUE(told || !obeys) << id << " is off and nobody says so";
  }
}

TEST(InterlockLadder, WhateverComesInWhateverOrderEverythingInReachIsCutAndNothingElse) {
  int escalated = 0;
  for (unsigned seed = 1; seed <= kRuns && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Ladder ladder(seed);
    draw_rack(ladder);
    ladder.loop->run([&ladder](Ctx& ctx) { return live(ctx, ladder); });
    check(ladder);
    escalated += ladder.heard.trips.back().first.cause == "escalation" ? 1 : 0;
  }
  std::cout << fmt::format("{} racks, at least {} cuts went on to the shelves\n", kRuns, escalated);
  EXPECT_GT(escalated, kRuns / 20);
}

}  // namespace
}  // namespace kiln
