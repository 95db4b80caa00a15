#pragma once
// Runs of several databases, read together: by kiln quality, compare and history. The same run in two
// databases is one run. Blocking; reads only.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/run_view.h"

namespace kiln {

struct RunCopy {
  const RunView* view = nullptr;
  RunSummary run;
};

struct ManyRecords {
  std::vector<std::unique_ptr<RunView>> views;       ///< of the databases that were read
  std::vector<std::string> unreadable;               ///< "FILE: why"
  std::map<std::string, std::vector<RunCopy>> runs;  ///< by id
};

ManyRecords open_records(const std::vector<std::string>& databases);

/// The copy that is as it was written; `why`: why none counts. It goes on still, its ledger failed, its chain
/// of hashes does not hold, or two good copies differ.
const RunCopy* good_copy(const std::vector<RunCopy>& copies, std::string& why);

/// A run as a person typed it (RunView::find_run), looked for in all of them; "last" is the newest of all.
/// Errors: those of RunView::find_run; "run.not_as_written": no copy of it counts.
Result<const RunCopy*> find_copy(const ManyRecords& records, const std::string& typed);

/// Calls back with each event of the copy, in order. Error "run.not_as_written" when the record ends in a
/// failure of its ledger.
Status read_copy(const RunCopy& copy, const std::function<void(const Event&)>& callback);

}  // namespace kiln
