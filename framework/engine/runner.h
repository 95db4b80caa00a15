#pragma once
// Runner: walks a plan. One coroutine per DUT and one for the rack's own steps; leak watches run beside
// everything until the last DUT is torn down. Whatever happens — a fail, an error, an exception of a plugin,
// a stop by a person, an interlock, a broken ledger — every DUT's teardown runs to its end and the run ends
// with a truthful record. Loop thread only; made for one run.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/devices.h"
#include "engine/plan.h"
#include "engine/resume.h"
#include "model/event.h"
#include "model/verdict.h"
#include "safety/trip.h"
#include "store/event_sink.h"

namespace kiln {

/// What the run works with; all outlive the Runner. `observer` and `artifacts` may be null.
struct RunnerParts {
  Devices* devices = nullptr;
  Operator* person = nullptr;
  EventSink* sink = nullptr;
  UndoJournal* journal = nullptr;
  ArtifactSink* artifacts = nullptr;
  RunObserver* observer = nullptr;
  /// A leak of one tray cuts the rack: the floor rules or the recipe want it so.
  bool tray_leak_cuts_rack = false;
  /// The warden watches too: nothing is energised before it has read every leak detector dry.
  bool warden_watches = false;
  /// DUTs whose heat and coolant the warden watches by the floor rules: no load before it has said that they
  /// are as they must be.
  std::set<std::string> hazard_watches;
  /// Causes of which one DUT's cut takes the rack with it.
  std::set<std::string> causes_that_cut_rack;
  /// So long the building may take to confirm that it has isolated the rack; zero: the warden does not ask
  /// it. A run with a leak of the whole rack does not end before the warden has said what became of that.
  Nanoseconds isolation_confirm{0};
  /// DUTs whose power the warden could not reach, with the reason.
  std::map<std::string, std::string> unguarded;
  /// Goes on with a run whose station died; null: a new run. `on_resumed` is called once when that is on
  /// disk, with what was kept beside the record; may be empty.
  const Resumption* resumption = nullptr;
  std::function<void()> on_resumed;
  /// What the BMCs said of themselves before anything was done, by DUT.
  std::map<std::string, std::string> serials;
  /// What earlier racks of this kind have shown, to set this one against; recorded behind the run's
  /// beginning.
  std::optional<PopulationGiven> population;
  std::string
      rework;  ///< of a retest: what was found and repaired before it; empty: nothing (model/rework.h)
  /// The warden is asked to mask that leak detector; both empty: to judge it again. May be empty: there is no
  /// warden.
  std::function<void(const std::string& dut, const std::string& part)> on_mask;
  /// It is asked to bear that the BMC of that DUT is away for so long; zero: it is over. May be empty,
  /// likewise.
  std::function<void(const std::string& dut, int number, Nanoseconds longest)> on_silence;
  /// Told each ability of a BMC that a step makes use of, as `use` of the step and the ability. May be empty.
  std::function<void(const std::string& use, BmcAbility ability)> on_bmc_use;
};

class Runner {
 public:
  Runner(const Plan& plan, RunnerParts parts);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner();

  /// Runs to the end. `begun` is recorded first (of a resumption: that it goes on). The verdict is over
  /// what was recorded; an Error only when not even the first event could be written.
  boost::asio::awaitable<Result<RunVerdict>> run(const Ctx& ctx, RunBegun begun);

  /// The run cannot go on, because of the station itself: every DUT's work ends, it is torn down, and the
  /// record says why. Later calls do nothing.
  void request_end(const Error& why);

  // What the warden says, at any time on the loop thread.
  /// Whether its own watch lets energy be permitted on the DUT. A detector that it has seen at fault has been
  /// seen: that is a measured fail of the leak watch, also when the station's own looks missed it.
  void warden_watch(const WatchReport& report);
  /// What it says of heat and coolant there.
  void warden_hazard(const HazardReport& report);
  /// What it says of a masked detector.
  void warden_masked(const MaskReport& report);
  void warden_silenced(const SilenceReport& report);
  /// It has begun to cut `reach`: everything there is cut here too, and in the record.
  void warden_tripped(const Trip& trip, const std::vector<std::string>& reach);
  void warden_cut(const CutReport& report);
  /// It has asked the building to isolate the rack; again when it knows what became of it.
  void warden_isolation(const IsolationReport& report);

  /// What the ledger did not take after it failed; see Recorder::not_recorded.
  [[nodiscard]] std::vector<Event> not_recorded() const;

  /// A person stops the run: safe park, teardown, truthful record. Safe to call at any time on the loop
  /// thread; later calls do nothing, so teardown cannot be skipped from the keyboard.
  void request_stop(int signal, std::string by);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kiln
