#pragma once
// The samples of single chunks of series, for whoever draws or prints a series without holding all of it.
// For this folder only.

#include <cstdint>

#include "base/result.h"
#include "store/run_view.h"
#include "store/sqlite.h"

namespace kiln {

/// The connection must outlive it; one thread. Errors: those of SQLite.
Result<RunView::SampleReader> chunk_reader(sqlite::Connection& connection, std::int64_t run_number);
Result<RunView::SampleWalk> chunk_walk(sqlite::Connection& connection, std::int64_t run_number);

}  // namespace kiln
