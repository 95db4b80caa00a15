#pragma once
// The warden: the process that stays when the station does not. It is told of every guard before its "do" and
// hears a heartbeat every 500 ms; a station whose socket closes, or that is silent for 2 s (killed, stopped,
// hung), has every open guard undone by it: loads ended and trays forced off, over its own connections, with
// nothing of the station in between. And it watches hazards by itself (interlock_watch.h, building_watch.h),
// beside the station's own leak watch: either cuts. Knows no ledger, no recipe and no step. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/message_door.h"
#include "io/message_socket.h"
#include "io/mqtt.h"
#include "io/shell.h"
#include "safety/hazard_readings.h"
#include "safety/leak_detectors.h"
#include "safety/leak_events.h"
#include "safety/power_switch.h"
#include "safety/trip.h"
#include "safety/undoing.h"
#include "safety/warden_messages.h"
#include "safety/write_looks.h"

namespace kiln {

/// The NameLock that the warden of a run holds while it lives: nobody else undoes what it is undoing.
std::string warden_lock_name(const std::string& journal);

/// One BMC, as the warden uses it.
struct WardenBmc {
  std::unique_ptr<PowerSwitch> power;       ///< null: what it is of has no switch (a CDU that only tells)
  std::unique_ptr<LeakDetectors> leaks;     ///< null: it tells of none
  std::unique_ptr<LeakEvents> events;       ///< may be null
  std::unique_ptr<HazardReadings> hazards;  ///< may be null
  std::unique_ptr<WriteLooks> writes;       ///< may be null
};

/// Every warden of this machine has a door whose name begins like this. Who knocks says one StopEverything
/// and hears one EverythingStopped.
inline constexpr const char* kStopDoors = "kiln-stop-";

/// What the warden works with; all outlive run_warden.
struct WardenParts {
  MessageSocket* station = nullptr;
  std::string version, build_stamp;  ///< of this program
  std::function<Result<WardenBmc>(const WardenDut&)> open_bmc;
  std::function<Result<std::unique_ptr<Shell>>(const WardenDut&)> open_shell;
  /// A client for the building's broker; `run`: whose warden it is, for a name that no other client has. May
  /// be empty when no rack file names a building.
  std::function<Result<std::unique_ptr<MqttClient>>(const WardenBuilding&, const std::string& run)>
      open_building;
  /// Asked once, when the station has said whose run it is and which DUTs it drives; an Error refuses it,
  /// such as another warden that still has one of them. `bmcs`: their places (model/bmc_place.h). May be
  /// empty.
  std::function<Status(const WardenHello&, const std::vector<std::string>& bmcs)> begin;
  /// Where a person knocks who wants everything off; null: nowhere. See stop_door_name.
  MessageDoor* door = nullptr;
  /// The ends of guards, and the cuts, for whoever reads the journal of a station that is gone. Called after
  /// the cut only; may block.
  std::function<void(const std::string& journal, const std::map<int, UndoResult>& results,
                     const std::map<std::string, JournaledCut>& cuts)>
      write_ends;
};

/// Until the station leaves in order, or is gone and all was done. Returns the program's exit status: 0: left
/// in order; 2: not of one build, or garbage before the start; 3: the station was gone and everything is
/// undone; 4: the same, and something could not be undone.
boost::asio::awaitable<int> run_warden(Ctx& ctx, WardenParts parts);

}  // namespace kiln
