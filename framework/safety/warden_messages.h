#pragma once
// What the station and the warden say to each other: one JSON object per message of a MessageSocket. Reading
// is strict: a message that is not exactly one of these is an Error, and whoever gets it takes the safe side.
// Pure.
//
//   station: hello, dut (one per DUT), building (where the rack file names one), begin, beat (every 500 ms),
//   guard, guard_end, mask, unmask, silence, leave
//   warden: ready (with what it could not reach), refused, beat (the answer to each), watch and hazard (per
//   DUT, on change), masked, silenced, tripped, cut, isolation, acting, done
//   a person, at the warden's door: stop_everything; the warden: everything_stopped

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "model/interlock_rules.h"
#include "model/inventory.h"
#include "safety/guard.h"
#include "safety/trip.h"

namespace kiln {

inline constexpr int kWardenProtocol = 8;
inline constexpr Nanoseconds kHeartbeat = std::chrono::milliseconds(500);
/// A station that has not been heard for so long is taken for dead.
inline constexpr Nanoseconds kStationSilence = std::chrono::seconds(2);

struct WardenHello {
  std::string version;  ///< of the program: both must be of one build
  std::string build_stamp;
  std::string run;
  std::string journal;  ///< absolute path of the run's guard journal
  bool rack_ends_with_us = false;
  InterlockRules rules;  ///< what they say, not where it is written
};

/// How the warden reaches one DUT by itself.
struct WardenDut {
  std::string id;
  Role role = Role::server;
  std::vector<std::string> leak_detectors;  ///< that it must have, by name
  std::string bmc_url;                      ///< empty: none
  TlsTrust bmc_trust;
  std::string bmc_user;
  Secret bmc_password;
  std::string jump_address;  ///< the host over which the BMC is reached; empty: directly
  std::uint16_t jump_port = 22;
  std::string jump_user;
  Secret jump_password;
  std::string jump_key_file;
  std::string jump_host_key;
  std::string host_address;  ///< empty: none
  std::uint16_t host_port = 22;
  std::string host_user;
  Secret host_password;
  std::string host_key_file;
  std::string host_key;
};

/// How the warden hears the building management system, and asks it for isolation.
struct WardenBuilding {
  std::string rack;  ///< id of the rack: what the building says is about it
  BuildingAccess access;
  std::string user;
  Secret password;
  std::string key_file;  ///< of access.certificate
};

struct WardenBegin {};
struct WardenBeat {
  std::int64_t number = 0;
};
struct WardenLeave {};
/// Said when it stands in the journal and before its "do": to act, the warden must not need a disk.
struct WardenGuard {
  int number = 0;  ///< in the journal
  JournaledUndo undo;
};
struct WardenGuardEnd {
  int number = 0;
  GuardEnd how = GuardEnd::undone;
};
/// The detector is to be left out of what is judged, for its functional test; answered by masked.
struct WardenMask {
  std::string dut, part;
};
struct WardenUnmask {};
/// On, refused or ended; and while it is on, whenever the detector changes its word.
struct WardenMasked {
  MaskReport report;
};
/// The DUT's BMC is about to be away, because its own firmware is being written; answered by silenced.
struct WardenSilence {
  std::string dut;
  int number = 0;          ///< of this announcement; its answers carry it
  Nanoseconds longest{0};  ///< from one reading to the next; 0: it is over
};
/// On, refused or ended.
struct WardenSilenced {
  SilenceReport report;
};
struct WardenReady {
  std::string version, build_stamp;
  std::map<std::string, std::string> unreachable;  ///< DUT → why its power could not be reached at the start
};
struct WardenRefused {
  std::string why;
};
struct WardenWatch {
  WatchReport report;
};
struct WardenHazard {
  HazardReport report;
};
/// The warden has begun to cut everything in `reach`.
struct WardenTripped {
  Trip trip;
  std::vector<std::string> reach;
};
struct WardenCut {
  CutReport report;
};
struct WardenIsolation {
  IsolationReport report;
};
/// The warden has begun to undo everything.
struct WardenActing {
  std::string why;
};
struct WardenDone {
  int undone = 0, failed = 0;
};

/// By a person, at the warden's door: everything that it guards is cut at once, whatever the station does.
struct StopEverything {
  std::string by, reason;
  std::string run;  ///< only the warden of this one; empty: whoever hears it
};
/// The answer: how far each cut got. No cuts: another run was meant.
struct EverythingStopped {
  std::string run;
  std::vector<CutReport> cuts;
};

using WardenMessage =
    std::variant<WardenHello, WardenDut, WardenBuilding, WardenBegin, WardenBeat, WardenGuard, WardenGuardEnd,
                 WardenMask, WardenUnmask, WardenSilence, WardenLeave, WardenReady, WardenRefused,
                 WardenWatch, WardenHazard, WardenMasked, WardenSilenced, WardenTripped, WardenCut,
                 WardenIsolation, WardenActing, WardenDone, StopEverything, EverythingStopped>;

std::string encode(const WardenMessage& message);
/// Errors: warden.garbage (not JSON, not an object, a field missing or of another type), warden.unknown (a
/// message of another version of the program).
Result<WardenMessage> decode_warden_message(const std::string& text);

}  // namespace kiln
