#pragma once
// Which run `kiln resume` goes on with, whether it may, and whether everything beneath it is as it was. Reads
// the record and files only; blocking, at start only. All Errors mean that nothing was run.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/devices.h"
#include "engine/resume.h"
#include "station/command_line.h"
#include "station/run_setup.h"
#include "store/run_view.h"

namespace kiln {

/// A run whose program died, as its record tells it.
struct Resumable {
  std::string run;
  RunBegun about;
  std::vector<Event> record;
  /// Kept beside the record since, as it is to be taken into it.
  std::vector<Event> beside;
};

/// The run that was meant. `typed` empty: the interrupted run, when there is one only that no later run of
/// its rack has superseded; without one, the newest when it died before it recorded its rack. Errors: those
/// of RunView::find_run, resume.none, resume.ambiguous.
Result<std::string> choose_interrupted_run(const RunView& view, const std::string& typed);

/// Errors: run.alive, resume.imported, resume.ended, resume.stopped, resume.interlocked,
/// resume.record_broken, resume.record_changed (the chain of hashes does not hold), resume.nothing_recorded,
/// resume.old_record.
Result<Resumable> read_resumable(const RunView& view, const std::string& run);

/// The command line of the run that is gone on with: recipe, rack, selection, parameters and rules from the
/// record, everything else from `typed`.
CommandLine command_line_as_begun(const CommandLine& typed, const RunBegun& about);

/// resume.changed: what is not as it was at the beginning, all of it.
Status refuse_changed(const Resumable& before, const RunSetup& now, const CommandLine& line);

/// Undos that the record shows as open although no guard journal holds them any more: the station died
/// between the undo and its record. They are closed, in `beside`, when the power of the DUT reads Off. Error
/// resume.undo_open: it does not.
boost::asio::awaitable<Status> close_open_undos(const Ctx& ctx, Devices& devices, const Plan& plan,
                                                Resumable& before);

}  // namespace kiln
