#pragma once
// One burn-in that dies: rack, warden and station on one simulated loop. The station is the product's own
// (Runner, WardenLink, WardedUndoJournal, GuardJournal on a real file); everything it can reach goes through
// a door here, and each door is a point of the Fuse before its effect and after it.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "io/loop.h"
#include "kill_fuse_for_test.h"
#include "kill_rack_for_test.h"
#include "model/event.h"
#include "safety/guard_journal.h"

namespace kiln::kills {

/// killed: the station alone, its socket closes. stopped: it is frozen, and killed 15 s later. woken: it is
/// frozen, and goes on 5 s later. overslept: it goes on 10 min later, when no budget is left. roused: woken,
/// and killed soon after. both: the warden dies in the same moment, and hosts keep their lease.
enum class Death { killed, stopped, woken, overslept, roused, both };
const char* name_of(Death death);

/// What happens some time after the first load, or the first firmware write, began.
struct Accident {
  std::string leaks;      ///< a detector of this one says so; empty: none
  std::string silent;     ///< the BMC of this one answers nobody any more
  Nanoseconds stalls{0};  ///< so long the ledger writes nothing
  Nanoseconds after = std::chrono::seconds(2);
  const char* begins_with = "load began";
};

/// What reached rack, disk or people, in that order.
struct Mark {
  std::string what, dut;
  std::int64_t at_ns = 0;
};

/// What station and warden say to each other, in both directions.
struct Pipe {
  std::deque<std::string> to_warden, to_station;
  bool station_closed = false, warden_closed = false;
  std::optional<Completion<bool>> warden_news, station_news;
  std::set<int> guards_told, ends_told;  ///< by number in the journal
  void put_to_warden(std::string message);
  void put_to_station(std::string message);
  void close_station();
};

class World {
 public:
  /// `state`: an empty directory of this run's. `fatal_point`: 0: nobody dies.
  World(const Plan& plan, std::string state, int fatal_point, Death death, Bmcs bmcs = Bmcs::obedient,
        Accident accident = {});
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Until station and warden have ended; then what kiln recover does, where
  /// something is left for it.
  void run();

  const Plan& plan;
  const std::string state;
  const Death death;
  const Accident accident;
  std::unique_ptr<Loop> loop = Loop::simulated();
  Fuse fuse;
  StationLoop station_loop;
  Rack rack;
  Pipe pipe;
  std::shared_ptr<bool> warden_alive = std::make_shared<bool>(true);
  Completion<int> warden_ended;
  std::unique_ptr<GuardJournal> journal;  ///< the station's; null once it is dead
  std::string journal_path, database;

  std::int64_t accident_ns = 0;  ///< 0: it has not happened
  int point_of_accident = 0, point_of_latch = 0;
  std::size_t trail_at_death = 0;
  std::vector<Mark> trail;
  void mark(std::string what, std::string dut) {
    trail.push_back({std::move(what), std::move(dut), rack.now_ns()});
  }
  std::vector<Event> committed;
  std::vector<std::string> wrong;  ///< what must never happen and did
  int warden_status = -1;
  bool station_left = false;  ///< it ended by itself
  std::int64_t death_ns = 0;
  std::set<std::string> on_at_death, loaded_at_death, writing_at_death;
  /// Until when (monotonic) they were not to be switched off, by the journal of that moment.
  std::map<std::string, std::int64_t> held_at_death;
  std::set<std::string> cut_by_warden;
  std::string fatal_name;  ///< of the point at which it died
  int points = 0, resumed = 0;
  /// Guards open on disk of which the warden was not told yet, or was told that they have ended.
  int unknown_to_warden = 0, over_for_warden = 0;

 private:
  void heard(const std::string& what, const std::string& id);
  void strike();
  void station_dies();
  boost::asio::awaitable<void> live(Ctx& ctx);
  boost::asio::awaitable<void> settle(Ctx& ctx);
  boost::asio::awaitable<void> recover(Ctx& ctx);
  boost::asio::awaitable<void> recover_dut(Ctx& ctx, GuardJournal& left, std::string id);
  boost::asio::awaitable<void> watch(Ctx& ctx);
  std::optional<std::string> undo_missing(const std::string& id, UndoKind kind);
};

/// The station's whole life. In kill_station_for_test.cc, with its doors.
boost::asio::awaitable<void> live_as_station(World& world);
/// The same doors for kiln recover, which nobody kills here.
std::unique_ptr<Bmc> open_bmc(World& world, const Dut& dut);
std::unique_ptr<Shell> open_shell(World& world, const Dut& dut);

}  // namespace kiln::kills
