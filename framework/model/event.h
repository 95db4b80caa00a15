#pragma once
// The closed list of what can happen in a run. Events are the only thing that enters the ledger; verdicts,
// screens and reports are computed from them. Plain data; an event is never changed after it was appended.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "model/instrument.h"
#include "model/inventory.h"
#include "model/measurement.h"

namespace kiln {

/// Did the work run. `interlocked`: stopped by an interlock; `aborted`: stopped by a person or a failed gate.
enum class WorkStatus { complete, error, aborted, interlocked, skipped };
std::string_view to_string(WorkStatus status);
std::optional<WorkStatus> work_status_from(std::string_view word);

/// One required check on one expected part, derived before the run from plan and inventory.
struct Cell {
  std::string step;  ///< "cooling/census": phase and step
  std::string dut;
  std::string measurement;
  ComponentKind kind = ComponentKind::whole_dut;
  std::string part;  ///< empty for the DUT itself
  auto operator<=>(const Cell&) const = default;
};

struct RunBegun {
  std::string recipe, recipe_version, recipe_sha256, purpose;
  std::string rack, product, inventory_file, inventory_sha256;
  std::string limits_file, limits_sha256;
  int limits_revision = 0;
  std::string firmware_baseline;  ///< "gb300-nvl72 revision 1.3.1 (FILE)"; empty: the rack names none
  std::string firmware_baseline_sha256;
  std::string
      interlock_rules;  ///< "kiln-default revision 1 (FILE)": the station's floor rules in force; empty: none
  std::string interlock_rules_sha256;
  // What a resume repeats, apart from what the report shows anyway. Absolute paths.
  std::string recipe_file, interlock_rules_file;
  std::vector<std::string> selection;  ///< words of --dut; empty: the whole rack
  bool simulated = false;
  double time_scale = 1.0;
  bool marginal_is_conditional = false;
  std::string operator_name;  ///< empty: engineering run
  std::string scanned_serial;
  std::string station, kiln_version, build_stamp;
  std::string retest_of;                          ///< run id, when a person asked for a retest
  std::vector<std::string> not_eligible_because;  ///< why this run can't be signed off; empty = it can
  /// Who has approved recipe and limits, until when, with which key; as found at the start.
  std::vector<std::string> approvals;
  std::vector<Instrument> instruments;            ///< that what is required is read with
  std::map<std::string, std::string> parameters;  ///< effective values
  std::map<std::string, std::string> overridden;  ///< those set on the command line
  std::map<std::string, std::string> plugins;     ///< name → version, of those the plan uses
};
struct DutPlanned {
  Role role = Role::server;
  std::optional<int> slot;
  std::string expected_serial;
  std::string serial;  ///< as its BMC said it before anything was done; empty: it did not, or was not asked
  std::string bmc_url;
  std::string host_address;
  std::string tls;  ///< "pin", "ca FILE", "insecure: reason"
};
struct CellPlanned {
  Cell cell;
  std::string limit_text;
  std::string unit;
};
/// A part as found: who said which serial ("redfish /redfish/v1/…", "smbios", "nvidia-smi", "scan").
struct PartSeen {
  ComponentKind kind = ComponentKind::whole_dut;
  std::string part, serial, part_number, model, firmware;
  Source source;
};
struct PhaseBegun {
  std::string phase;
};
struct PhaseEnded {
  std::string phase;
  WorkStatus status = WorkStatus::complete;
  std::string reason;
};
struct StepBegun {
  std::string use;
  bool monitor = false;
  bool teardown = false;
};
struct StepEnded {
  WorkStatus status = WorkStatus::complete;
  std::string code;  ///< of the error, or why it was skipped: "gate.failed", "bmc.unreachable"
  std::string message;
  std::string action;
  bool teardown = false;
  std::int64_t duration_ns = 0;
};
struct Measured {
  std::string name;
  ComponentKind kind = ComponentKind::whole_dut;
  std::string part;
  Value value;
  std::string unit;
  Outcome outcome = Outcome::informational;
  std::string limit_text;  ///< empty when informational
  std::string limit_source;
  int limits_revision = 0;
  std::optional<double> margin_percent;
  std::string reason;      ///< why not pass
  std::string fault_code;  ///< set when it failed: "leak.detected"
  std::string action;      ///< set when it failed: what to do about the part
  Source source;
};
/// Consecutive samples of one series; `t` in seconds since the run began, NaN for a sample that had no value.
struct SeriesChunk {
  std::string name;
  std::string part;
  std::string unit;
  std::vector<std::pair<double, double>> samples;
};
struct Diagnosed {
  std::string code;  ///< "nvlink.down"
  std::string part;
  std::string message;
  std::string action;
};
/// Something disturbed the work but says nothing about the hardware: a BMC that reset, a reply that was not
/// JSON.
struct Disturbance {
  std::string code;
  std::string message;
  int count = 1;
};
struct Retried {
  std::string code;
  std::string message;
  int next_attempt = 2;
};
struct Attached {
  std::string name;
  std::string media_type;
  std::string sha256;
  std::int64_t bytes = 0;
};
/// A cut: energy was removed because a hazard was read or could no longer be ruled out.
struct Interlocked {
  std::string cause;  ///< "leak", "telemetry-lost"
  std::string code;   ///< "leak.detected", "interlock.telemetry-lost"
  std::string part;
  std::string message;
  bool hazard_read = true;            ///< false: telemetry lost; the cut is the same, the verdict is not
  std::int64_t detected_ns = 0;       ///< monotonic
  std::int64_t load_stopped_ns = 0;   ///< 0 = not confirmed
  std::int64_t off_confirmed_ns = 0;  ///< 0 = not confirmed
};
struct PermitGranted {
  std::string energy;  ///< "power", "load", "flash"
  std::string reason;
};
/// One leak detector was taken out of every watch's judgement for its functional test, with its DUT off and
/// all others armed; or it no longer is.
struct DetectorMasked {
  std::string part;
  bool masked = true;
  std::string message;  ///< a sentence: by whom, or what the warden saw of it and why the mask ended
};
struct GuardOpened {
  std::string undo;
};
struct GuardClosed {
  std::string undo;
  bool done = true;
  std::string message;
};
struct PromptShown {
  std::string prompt;
  std::string text;
};
struct PromptAnswered {
  std::string prompt;
  std::string answer;
  std::string by;
  std::string surface;  ///< "terminal"
  bool timed_out = false;
};
/// A person asked to stop: "SIGINT", "kiln abort by NAME".
struct StopRequested {
  std::string by;
  int signal = 2;
};
struct Note {
  std::string text;
};
/// The record goes on after the program that wrote it had died: what was between, nobody has watched.
struct RunResumed {
  int number = 1;                       ///< of the interruption
  std::int64_t after_sequence = 0;      ///< the last event of the dead program
  std::int64_t interrupted_utc_ns = 0;  ///< its time: since then nothing is known
  std::int64_t gap_ns = 0;              ///< from there to this event
  std::string operator_name;            ///< who goes on; empty: nobody was named
  std::string station, kiln_version, build_stamp;
  std::vector<std::string> not_eligible_because;  ///< beyond what the run began with
};
/// What becomes of a step that the record knows from before the interruption.
struct StepResumed {
  bool kept = false;  ///< its result stands; else nothing that it measured before counts, but its fails
  ResumePolicy policy = ResumePolicy::restart;
  std::string reason;
};
/// What a measurement usually is at one place of one kind of DUT, over the racks of a population.
struct PopulationRow {
  std::string measurement, unit;
  Role role = Role::server;
  std::optional<int> slot;
  std::string part;
  int n = 0;  ///< units, each counted once
  double median = 0;
  double sigma = 0;  ///< robust standard deviation
};
/// The population of earlier racks that this run is set against, with its figures: the record can be read
/// without the file.
struct PopulationGiven {
  std::string id, file, sha256;
  int racks = 0;
  std::vector<PopulationRow> rows;  ///< for the places of this rack
};
struct RunEnded {
  std::string status;  ///< "complete", "stopped", "error"
  std::string message;
};

using EventBody =
    std::variant<RunBegun, DutPlanned, CellPlanned, PartSeen, PhaseBegun, PhaseEnded, StepBegun, StepEnded,
                 Measured, SeriesChunk, Diagnosed, Disturbance, Retried, Attached, Interlocked, PermitGranted,
                 GuardOpened, GuardClosed, PromptShown, PromptAnswered, StopRequested, Note, RunResumed,
                 StepResumed, RunEnded, DetectorMasked, PopulationGiven>;

struct Event {
  std::int64_t sequence = 0;  ///< given by the ledger, from 1, without gaps inside a run
  Instant at;
  std::string dut;   ///< empty: the run
  std::string step;  ///< "phase/step"; empty: not inside a step
  int iteration = 1;
  int attempt = 1;
  EventBody body;
};

/// "run_begun", "measured", …: the name stored in the ledger.
std::string_view kind_name(const EventBody& body);

/// An event whose commit must be on disk before the work goes on (verdicts, safety, audit).
bool needs_durable_commit(const EventBody& body);

}  // namespace kiln
