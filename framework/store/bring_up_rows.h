#pragma once
// What the bring-up clock is made from, out of the record. For this folder only. Blocking.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/bring_up.h"
#include "store/sqlite.h"

namespace kiln {

/// In order of noting; none where the record is of before there were any. Errors: those of SQLite.
Result<std::vector<RackNote>> read_rack_notes(sqlite::Connection& connection);

/// `about` and `serials` of a run; the rest is empty.
Result<ClockedRun> read_clocked_head(sqlite::Connection& connection, std::int64_t number,
                                     const std::string& id);
/// The rest of it. An event that cannot be read is left out: the walk over all events tells.
Status read_clocked_events(sqlite::Connection& connection, std::int64_t number, ClockedRun& run);

}  // namespace kiln
