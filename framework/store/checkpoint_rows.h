#pragma once
// Reads what the station has signed of a run's record. For this folder only.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite.h"

namespace kiln {

Result<std::vector<std::string>> read_checkpoints(sqlite::Connection& connection, std::int64_t run_number);

/// The hash after that event, hexadecimal; empty: no such event.
Result<std::string> read_chain_at(sqlite::Connection& connection, std::int64_t run_number,
                                  std::int64_t sequence);

}  // namespace kiln
