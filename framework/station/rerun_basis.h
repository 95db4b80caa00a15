#pragma once
// What `kiln rerun` builds on: the record of the run, whether it may be done again, and whether everything
// beneath it is as it was. Reads the record and files only; blocking, at start only. All Errors mean that
// nothing was run.

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/retest.h"
#include "station/command_line.h"
#include "station/run_setup.h"
#include "store/run_view.h"

namespace kiln {

struct RerunBasis {
  std::string run;
  RunBegun about;
  UnfinishedWork work;
};

/// Errors: run.alive, rerun.record_broken, rerun.record_changed (the chain of hashes does not hold),
/// rerun.old_record, rerun.survey, rerun.nothing_failed, rerun.beyond_steps (it is no GO, and no step can be
/// done again for it).
Result<RerunBasis> read_rerun_basis(const RunView& view, const std::string& run);

/// Recipe, selection, parameters and rules from the record; rack file too, unless another was typed; who and
/// how from `typed`.
CommandLine command_line_to_rerun(const CommandLine& typed, const RerunBasis& basis);

/// rerun.changed: what a retest is no retest without: recipe, parameters, limits, firmware baseline; and the
/// rack file, unless --cause says what was changed there.
Status refuse_another_basis(const RerunBasis& basis, const RunSetup& now, const CommandLine& line);

}  // namespace kiln
