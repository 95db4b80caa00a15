#pragma once
// What the warden says when it takes energy away, and how far it got. Plain data.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "safety/guard.h"

namespace kiln {

/// Energy has to go.
struct Trip {
  std::string cause;  ///< "leak", "telemetry-lost"
  std::string code;   ///< "leak.detected", "leak.suspected", "interlock.telemetry-lost"
  std::string dut;
  std::string part;
  std::string message;           ///< one sentence that begins with the DUT
  bool read = true;              ///< the hazard was read; false: it could not be ruled out any more
  std::int64_t detected_ns = 0;  ///< monotonic, when it was asked for or told
};

/// What the warden's own watch of a DUT says when it changes.
struct WatchReport {
  std::string dut;
  bool ready = false;  ///< as far as it goes, energy may be permitted
  std::string why;     ///< it is not: a sentence that begins with the DUT
  // Of a detector that answered and is not dry; empty otherwise.
  std::string part, word;  ///< "fault", "absent", "leak", "suspect"
  std::string code;        ///< "leak_detector.fault"
};

/// Code of a report about the rack: the building's broker was tried and not reached, or lost. Nobody need
/// wait for the first values, which take longer than anything else (kBuildingRepublish).
inline constexpr const char* kNoBroker = "building.no_broker";

/// What the warden's watch of a DUT's heat and coolant says when it changes.
struct HazardReport {
  std::string dut;
  /// Nothing there reads outside its bounds: as far as it goes, power may be permitted.
  bool power_ready = false;
  /// All that is offered reads within its bounds, and so does all that the rules require: load may be.
  bool load_ready = false;
  std::string why;         ///< not ready for load: a sentence that begins with the DUT
  std::string code, part;  ///< of what reads outside its bounds
  /// What the rules name and the BMC does not offer: "coolant reservoir level".
  std::vector<std::string> not_offered;
};

/// One DUT's cut. Times are monotonic; 0: not confirmed.
struct CutReport {
  std::string dut;
  std::int64_t load_stopped_ns = 0;
  std::int64_t off_confirmed_ns = 0;
  std::string problem;  ///< why something was not confirmed; empty: all was
};

/// A detector is masked for so long at most; one that is still wet then is a leak.
inline constexpr Nanoseconds kMaskLasts = std::chrono::seconds(120);

/// A leak detector that is masked for its functional test, or was refused it. Times are monotonic; 0: not
/// seen.
struct MaskReport {
  enum class State { refused, on, ended };
  std::string dut, part;
  State state = State::on;
  std::string why;  ///< of a refusal or an end: a sentence that begins with the DUT
  std::int64_t since_ns = 0;
  std::int64_t wet_ns = 0;  ///< when it was first read as leaking while masked
  std::int64_t dry_ns = 0;  ///< when it was first read dry again after that
  std::string word;         ///< what it said last: "dry", "leak", "suspect", "fault"
};

/// A BMC that is restarted to run new firmware is away for minutes (GB200 trays: about three, NVIDIA's update
/// guide), and nobody reads its leak detectors. Ours: no silence is planned for longer.
inline constexpr Nanoseconds kLongestSilence = std::chrono::minutes(15);

/// A silence of a DUT's BMC that was announced, because its firmware is being written. Times are monotonic.
struct SilenceReport {
  using State = MaskReport::State;
  std::string dut;
  int number = 0;  ///< of the announcement: one DUT's silences follow each other, and a word may come late
  State state = State::on;
  std::string why;  ///< of a refusal or an end: a sentence that begins with the DUT
  std::int64_t since_ns = 0;
};

/// What became of asking the building to isolate the rack. Times are monotonic.
struct IsolationReport {
  bool liquid = false, electrical = false;  ///< what was asked for
  std::string why;                          ///< a sentence
  std::int64_t asked_ns = 0;
  std::int64_t confirmed_ns = 0;  ///< when every status that was asked for read Isolated; 0: it does not
  std::string said;  ///< what was read back, or why it is not confirmed; empty: it is being waited for
};

/// "the building was asked for liquid and electrical isolation of the rack: …"
std::string sentence_of(const IsolationReport& report);

/// What stands in the guard journal of a station that could not be told any more: one entry per DUT that was
/// cut.
struct JournaledCut {
  Trip trip;
  CutReport report;
  std::string serial;  ///< that the DUT's BMC said; empty: not known
};
JournaledUndo to_journal(const JournaledCut& cut);
/// nullopt: not of kind interlock, or damaged.
std::optional<JournaledCut> from_journal(const JournaledUndo& entry);

}  // namespace kiln
