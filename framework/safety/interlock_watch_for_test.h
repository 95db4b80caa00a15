#pragma once
// A rack of fakes and the warden's own watch over it, under virtual time. For the tests of this folder.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/loop.h"
#include "safety/interlock_watch.h"
#include "testing/fake_leak_detectors.h"
#include "testing/fake_power_switch.h"
#include "testing/scripted_shell.h"

namespace kiln {

using namespace std::chrono_literals;

inline constexpr std::int64_t kSecondOfWatch = 1'000'000'000;
inline constexpr std::int64_t kMillisecond = 1'000'000;

struct Place {
  explicit Place(Role the_role) : role(the_role) {
    if (role == Role::power_shelf) return;
    detectors->put("LeakDetector_0");
    detectors->put("LeakDetector_1");
  }
  Role role;
  std::shared_ptr<FakePower> power = std::make_shared<FakePower>();
  std::shared_ptr<FakeDetectors> detectors = std::make_shared<FakeDetectors>();
  ScriptedShell shell;
  FakePowerSwitch power_switch{power};
  FakeLeakDetectors leaks{detectors};
  std::shared_ptr<FakeEventStream> stream = std::make_shared<FakeEventStream>();
  FakeLeakEvents events{stream};
};

struct InterlockWatchTest : testing::Test {
  InterlockWatchTest() {
    for (const char* id : {"C01", "C02", "S01"})
      add(id, id[0] == 'C' ? Role::compute_tray : Role::switch_tray);
    add("CDU01", Role::cdu);
    add("P01", Role::power_shelf);
  }
  void add(const std::string& id, Role role) {
    places[id] = std::make_unique<Place>(role);
    places[id]->shell.answer("pkill -TERM -x gpu_burn", ShellAnswer("").after(200ms));
  }
  void load(const std::string& id) {
    NumberedUndo undo;
    undo.number = static_cast<int>(guards.size()) + 1;
    undo.undo = JournaledUndo(UndoKind::shell_command, id, "stop gpu_burn on " + id);
    undo.undo.command = "pkill -TERM -x gpu_burn";
    guards.push_back(std::move(undo));
  }
  void at(Nanoseconds when, std::function<void()> action) {
    loop->call_at(start + when.count(), std::move(action));
  }

  boost::asio::awaitable<void> watch_for(Ctx& ctx, Nanoseconds duration) {
    std::map<std::string, WatchedDut> watched;
    for (const auto& [id, place] : places) {
      WatchedDut& one = watched[id];
      one.role = place->role;
      if (place->role != Role::power_shelf) one.leak_detectors = {"LeakDetector_0", "LeakDetector_1"};
      one.leaks = &place->leaks;
      one.events = &place->events;
      one.power = &place->power_switch;
      one.shell = &place->shell;
    }
    InterlockEars ears;
    ears.watch = [this](const WatchReport& report) {
      ready[report.dut] = report.ready;
      if (!report.ready) whys[report.dut] = report.why;
      if (!report.word.empty()) words[report.dut] = report.part + " " + report.word + " " + report.code;
    };
    ears.tripped = [this](const Trip& trip, const std::vector<std::string>& reach) {
      trips.push_back(trip);
      reaches.push_back(reach);
    };
    ears.cut = [this](const CutReport& report) { cuts.push_back(report); };
    ears.masked = [this](const MaskReport& report) { masks.push_back(report); };
    ears.silenced = [this](const SilenceReport& report) { silences.push_back(report); };
    if (has_building) {
      watched["R01"].role = Role::rack;
      ears.isolate = [this](bool liquid, bool electrical, const std::string& why) {
        isolations.emplace_back(liquid, electrical);
        isolated_ns.push_back(loop->clock().now().monotonic_ns);
        isolation_whys.push_back(why);
        was_cutting.push_back(!the_watch->at_rest());
      };
      ears.tray_leak = [this] { ++tray_leaks; };
    }
    InterlockWatch watch(
        ctx, rules, std::move(watched),
        [this](const std::string& dut) {
          std::vector<NumberedUndo> mine;
          for (const NumberedUndo& undo : guards) {
            if (undo.undo.dut == dut) mine.push_back(undo);
          }
          return mine;
        },
        [this](const std::string& dut) { return on_asked_ns[dut]; }, std::move(ears));
    the_watch = &watch;
    watch.start();
    const Status waited = co_await ctx.sleep_for(duration);
    EXPECT_TRUE(waited);
    co_await watch.stop();
  }
  void run(Nanoseconds duration) {
    loop->run([&](Ctx& ctx) { return watch_for(ctx, duration); });
  }
  Place& place(const std::string& id) { return *places.at(id); }
  std::vector<std::string> off() const {
    std::vector<std::string> ids;
    for (const auto& [id, one] : places) {
      if (!one->power->on) ids.push_back(id);
    }
    return ids;
  }

  std::unique_ptr<Loop> loop = Loop::simulated();
  const std::int64_t start = loop->clock().now().monotonic_ns;
  InterlockRules rules;
  std::map<std::string, std::unique_ptr<Place>> places;
  std::vector<NumberedUndo> guards;
  std::map<std::string, std::int64_t> on_asked_ns;
  std::map<std::string, bool> ready;
  std::map<std::string, std::string> whys, words;
  std::vector<Trip> trips;
  std::vector<std::vector<std::string>> reaches;
  std::vector<CutReport> cuts;
  std::vector<MaskReport> masks;
  std::vector<SilenceReport> silences;
  InterlockWatch* the_watch = nullptr;
  bool has_building = true;
  std::vector<std::pair<bool, bool>> isolations;  ///< liquid, electrical
  std::vector<std::int64_t> isolated_ns;
  std::vector<std::string> isolation_whys;
  std::vector<bool> was_cutting;
  int tray_leaks = 0;
};

using Names = std::vector<std::string>;

}  // namespace kiln
