#pragma once
// DutRun: one DUT's side of a run: its Ctx, its connections, its open guards, what it has passed. RunState:
// what all DUTs of the run share. Internal to the engine; owned by the Runner, loop thread only.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/devices.h"
#include "engine/flash.h"
#include "engine/permit_office.h"
#include "engine/plan.h"
#include "engine/planned_silence.h"
#include "engine/recorder.h"
#include "engine/rendezvous.h"
#include "io/scope.h"

namespace kiln {

/// closing: somebody is performing the undo right now; nobody else may start it.
enum class GuardState { open, closing, closed };

struct Guard {
  int id = 0;
  Undo undo{UndoKind::shell_command, ""};
  Where where;
  GuardState state = GuardState::open;
  int journal_number = 0;      ///< in the guard journal
  std::int64_t opened_ns = 0;  ///< monotonic
  std::int64_t undone_ns = 0;  ///< when the DUT acknowledged the undo; 0: it has not
  bool failed = false;         ///< the undo was tried in vain
};

struct DutRun {
  DutRun(const Dut& the_dut, Ctx own_ctx) : dut(the_dut), ctx(std::move(own_ctx)) {}

  const Dut& dut;
  Ctx ctx;  ///< stopped by an interlock, a person or the end of the run
  std::unique_ptr<Bmc> bmc;
  std::unique_ptr<Shell> shell;
  std::map<std::string, std::unique_ptr<Bmc>> monitor_bmcs;  ///< by monitor path
  std::vector<Guard> guards;
  std::shared_ptr<Flash> flash;  ///< the firmware write under way
  std::set<std::string> passed_phases, ended_phases;
  Switched switched;
  bool cut = false;
  /// When the warden detected what it cut for; 0: it has not cut.
  std::int64_t warden_detected_ns = 0;
  std::int64_t warden_load_stopped_ns = 0,
               warden_off_confirmed_ns = 0;  ///< as it confirmed them; 0: it has not
  bool left = false;                         ///< its main work is over
  std::string not_the_same;  ///< of a run that goes on: it is another tray than before, and why; else empty
};

struct RunState {
  RunState(const Plan& the_plan, Devices& the_devices, Operator& the_person, Recorder& the_recorder,
           UndoJournal& the_journal)
      : plan(the_plan),
        devices(the_devices),
        person(the_person),
        recorder(the_recorder),
        journal(the_journal),
        permits(the_plan.inventory) {}

  const Plan& plan;
  Devices& devices;
  Operator& person;
  Recorder& recorder;
  UndoJournal& journal;
  PermitOffice permits;
  ArtifactSink* artifacts = nullptr;  ///< may be null
  RunObserver* observer = nullptr;    ///< may be null
  /// Asks the warden to mask that detector; both empty: to judge it again. Empty: there is no warden.
  std::function<void(const std::string& dut, const std::string& part)> on_mask;
  std::function<void(const std::string& use, BmcAbility ability)> on_bmc_use;  ///< may be empty
  std::optional<MaskReport> mask;  ///< the one detector of the run that is masked, or is about to be
  bool mask_answered = false;      ///< by the warden
  /// Asks the warden to bear that the DUT's BMC is away for so long; zero: it is over. Empty: there is none.
  std::function<void(const std::string& dut, int number, Nanoseconds longest)> on_silence;
  std::map<std::string, PlannedSilence> silences;  ///< by DUT whose BMC is away by plan
  int next_silence = 1;
  std::map<std::string, std::unique_ptr<DutRun>> duts;
  std::unique_ptr<DutRun> rack;
  /// Required (name, part) of a step on a DUT.
  std::map<std::pair<std::string, std::string>, std::set<std::pair<std::string, std::string>>> cells;
  std::map<std::string, std::unique_ptr<Rendezvous>> barriers;  ///< "before:path", "after:path", "rack:path"
  /// By DUT with a leak watch: opens when the watch has read every detector dry, or is over.
  std::map<std::string, std::unique_ptr<Latch>> first_looks;
  /// The same of the warden's own watch; empty without a warden.
  std::map<std::string, std::unique_ptr<Latch>> warden_looks;
  std::map<std::string, std::unique_ptr<Latch>> rack_done;  ///< by path of a rack step
  std::unique_ptr<Rendezvous> work_done;                    ///< opens when every DUT's phases are over
  std::set<std::string> rack_failed_phases;
  std::map<std::string, std::string> serials;  ///< by DUT, as its BMC said before anything was done
  bool tray_leak_cuts_rack = false;
  std::set<std::string> causes_that_cut_rack;
  std::set<std::string> leaking;  ///< DUTs on which a leak was read
  int next_guard = 1;

  [[nodiscard]] DutRun* find(const std::string& id) const {
    const auto found = duts.find(id);
    return found == duts.end() ? nullptr : found->second.get();
  }
};

/// Performs one undo now, under its own budget, whatever was stopped. Records guard_closed. Does nothing when
/// somebody else already does or did.
boost::asio::awaitable<Status> perform_undo(RunState& state, DutRun& dut, int guard);

/// Which open guards: those of one step that end with it; all stress (on a cut, beside the force-off);
/// everything.
enum class UndoScope { step, load, everything };

/// Newest first; a failed one does not stop the others. `step` is used with UndoScope::step only.
boost::asio::awaitable<Status> perform_open_undos(RunState& state, DutRun& dut, UndoScope scope,
                                                  std::string step = {});

/// The load under which something is that `dut` cools: its own, and of what serves the others theirs.
/// "gpu_burn on C02" as its undo says; nullopt: none.
std::optional<std::string> load_in_scope(const RunState& state, const DutRun& dut);

/// The cut: see StepContext::trip. `origin` is where the hazard was read; `also` is cut whatever the reach.
boost::asio::awaitable<Status> cut(RunState& state, DutRun& origin, Where where, Hazard hazard,
                                   std::set<std::string> also = {});

/// Asks the person at the station; question and answer are in the record.
boost::asio::awaitable<Result<PromptAnswer>> ask_person(RunState& state, DutRun& dut, const Ctx& ctx,
                                                        Where where, PromptRequest request);

/// The DUT's own BMC connection (`monitor` empty) or that of one monitor; opened on first use.
Result<Bmc*> bmc_of(RunState& state, DutRun& dut, const std::string& monitor);
Result<Shell*> shell_of(RunState& state, DutRun& dut);

}  // namespace kiln
